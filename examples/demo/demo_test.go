// Package demo_test syncs the shop's week and compares the answers to the demo's questions with answers.golden.
package demo_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/collector/manifests"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/cache"
	"github.com/k8sq/k8sq/lake/store/local"
	"github.com/k8sq/k8sq/sql"
)

var update = flag.Bool("update", false, "rewrite answers.golden")

func TestAnswers(t *testing.T) {
	ctx := context.Background()
	l := emptyLake(t)
	state := t.TempDir()
	days, err := filepath.Glob("days/*")
	if err != nil || len(days) != 5 {
		t.Fatalf("the week has %d days (%v)", len(days), err)
	}
	for _, day := range days {
		nextDay(t, state, day)
		sync(t, l, state, filepath.Base(day)+"T18:00:00Z")
	}

	engine, err := sql.Open(ctx, l, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	questions, err := filepath.Glob("questions/*.sql")
	if err != nil || len(questions) != 5 {
		t.Fatalf("there are %d questions (%v)", len(questions), err)
	}
	var got strings.Builder
	for _, question := range questions {
		text, err := os.ReadFile(question)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := engine.Query(ctx, string(text))
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		fmt.Fprintln(&got, question)
		for rows.Next(ctx) {
			line, err := json.Marshal(rows.Values())
			if err != nil {
				t.Fatalf("%s: %v", question, err)
			}
			fmt.Fprintf(&got, "  %s\n", line)
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		rows.Close()
	}

	if *update {
		if err := os.WriteFile("answers.golden", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("answers.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the answers are not those of answers.golden (make golden rewrites it):\n%s", got.String())
	}
}

func emptyLake(t *testing.T) *lake.Lake {
	t.Helper()
	folder, err := local.Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	files, err := cache.Open(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(context.Background(), folder, files)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// nextDay does to the state what demo.sh does: the day's files go over it, and what its list names goes away.
func nextDay(t *testing.T, state, day string) {
	t.Helper()
	err := filepath.WalkDir(day, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if entry.Name() == "deleted" {
			for _, name := range strings.Fields(string(content)) {
				if err := os.Remove(filepath.Join(state, name)); err != nil {
					return err
				}
			}
			return nil
		}
		name, err := filepath.Rel(day, path)
		if err != nil {
			return err
		}
		target := filepath.Join(state, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sync(t *testing.T, l *lake.Lake, state, at string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	provider, err := manifests.Definition().Open(
		collector.Environment{Cluster: "shop", Dir: state, Getenv: os.Getenv, Log: log},
		&manifests.Config{Paths: []string{state}, CapturedAt: at})
	if err != nil {
		t.Fatal(err)
	}
	result, err := collector.Sync(context.Background(), collector.Options{
		Cluster: "shop", Name: "The shop", Tags: map[string]string{"provider": "kind"}, Provider: provider, Lake: l,
		Redactor: document.NewRedactor([]byte("the golden file's redaction key.")), Concurrency: 4, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != lake.Complete {
		t.Fatalf("the sync of %s is %s: %v %+v", at, result.Status, result.Err, result.Rows)
	}
}
