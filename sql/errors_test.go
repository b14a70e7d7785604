package sql

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/store"
)

func TestWrongQueries(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	for text, want := range map[string][]string{
		"SELEC 1":                       {"Parser Error", "SELEC", "^"},
		"SELECT FROM WHERE":             {"Parser Error", "LINE 1", "^"},
		"SELECT * FROM podz":            {"Catalog Error", "podz", "pods", "^"},
		"SELECT nam FROM pods":          {"Binder Error", "nam", "\"name\"", "^"},
		"SELECT lenght(name) FROM pods": {"Catalog Error", "length", "^"},
		"SELECT 'x'::INTEGER":           {"Conversion Error", "'x'"},
		"SELECT * FROM history('a')":    {"Binder Error", "history"},
		"SELECT $1":                     {"parameters"},
		"":                              {"no statement"},
		"-- nothing":                    {"no statement"},
		"SELECT 1\x00":                  {"NUL"},
		"SELECT error('mine')":          {"mine"},
		"SELECT name::INTEGER FROM pods WHERE cluster = 'prod'": {"Conversion Error", "web-"},
	} {
		rows, err := ask(t, e, text)
		if !errors.Is(err, ErrQuery) || errors.Is(err, ErrRefused) {
			t.Errorf("%q gave %v, %v", text, rows, err)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q is not in\n%v", text, part, err)
			}
		}
		if strings.Contains(err.Error(), "duckdb.") || strings.HasSuffix(err.Error(), "\n") {
			t.Errorf("%q gave %q", text, err)
		}
	}
}

const endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"

func TestStops(t *testing.T) {
	l := shopLake(t)
	e := open(t, l, Options{})
	for _, text := range []string{endless, strings.Replace(endless, "range(10000000) a", "(SELECT version AS range FROM versions) a, range(1000000) c", 1)} {
		expiring, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := e.Query(expiring, text)
		stop()
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a query past its deadline gave %v", err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		_, err = e.Query(cancelled, text)
		if !errors.Is(err, ErrInterrupted) || !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled query gave %v", err)
		}
		if _, err = e.Query(cancelled, "SELECT 1"); !errors.Is(err, ErrInterrupted) {
			t.Errorf("a query that begins cancelled gave %v", err)
		}
	}
	if got := answer(t, e, "SELECT count(*) FROM nodes"); got[0] != "1" {
		t.Errorf("after all that it answers %v", got)
	}
	if l.open != 0 {
		t.Errorf("%d fetches were not released", l.open)
	}
}

// A result far larger than the memory is a stream, and can be stopped in the middle.
func TestStreams(t *testing.T) {
	e := open(t, shopLake(t), Options{MemoryLimit: "100MB"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, err := e.Query(ctx, "SELECT i, repeat('x', 1000) AS text FROM range(1000000000) t(i)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next(ctx) {
		if n++; n == 200000 {
			cancel()
		}
	}
	if n < 200000 || n > 250000 || !errors.Is(rows.Err(), ErrInterrupted) {
		t.Errorf("%d rows, then %v", n, rows.Err())
	}
}

func TestMemory(t *testing.T) {
	e := open(t, shopLake(t), Options{MemoryLimit: "50MB", MaxTempSize: "20MB"})
	_, err := ask(t, e, "SELECT list(i) FROM range(100000000) t(i)")
	if !errors.Is(err, ErrMemory) || strings.Contains(err.Error(), "SET ") {
		t.Errorf("got %v", err)
	}
	// What does not fit into memory but on disk is spilled there, and gone afterwards.
	e = open(t, shopLake(t), Options{MemoryLimit: "100MB"})
	if got := answer(t, e, "SELECT count(*) FROM (SELECT i, hash(i) AS h FROM range(8000000) t(i) ORDER BY h)"); got[0] != "8000000" {
		t.Errorf("got %v", got)
	}
}

func TestOptions(t *testing.T) {
	if _, err := Open(t.Context(), shopLake(t), Options{MemoryLimit: "lots", TempDir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "memory_limit") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.Context(), shopLake(t), Options{TempDir: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A file that was compacted away between listing and fetching is met by listing again; another error is the caller's.
func TestFetchFails(t *testing.T) {
	l := shopLake(t)
	e := open(t, l, Options{})
	l.fail = store.ErrNotFound
	if got := answer(t, e, "SELECT count(*) FROM nodes"); got[0] != "1" || len(l.listed) != 2 {
		t.Errorf("got %v after listing %v", got, l.listed)
	}
	l.fail = store.ErrForbidden
	if _, err := ask(t, e, "SELECT count(*) FROM nodes"); !errors.Is(err, store.ErrForbidden) || errors.Is(err, ErrQuery) {
		t.Errorf("got %v", err)
	}
}

func TestEmptyLake(t *testing.T) {
	e := open(t, &folderLake{folder: t.TempDir()}, Options{})
	for _, text := range []string{"FROM pods", "FROM field_changes", "FROM history('a', 'b')", "FROM snapshots_at(now())", "FROM syncs", "FROM clusters", "FROM nodes, services, deployments"} {
		if got := answer(t, e, text); len(got) != 0 {
			t.Errorf("%s gives %v", text, got)
		}
	}
}
