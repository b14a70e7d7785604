package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("K8SQ_TEST_COUNT_IN"); dir != "" {
		if err := countUp(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, key, content string) store.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), store.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t) })
}

func TestStoreWithoutHardLinks(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s := open(t)
		s.link = func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} }
		return s
	})
}

func TestSameBytesAgainHaveAnotherETag(t *testing.T) {
	s := open(t)
	seen := map[string]bool{}
	for range 50 {
		etag := put(t, s, "k", "the same").ETag
		if seen[etag] {
			t.Fatalf("two puts have the ETag %s", etag)
		}
		seen[etag] = true
	}
}

func TestPathLeadsToTheFile(t *testing.T) {
	s := open(t)
	put(t, s, "versions/cluster=a%2Fb/1.parquet", "content")
	content, err := os.ReadFile(s.Path("versions/cluster=a%2Fb/1.parquet"))
	if err != nil || string(content) != "content" {
		t.Errorf("the file holds %q: %v", content, err)
	}
	for _, key := range []string{"../outside", "/outside", "a/../../outside", ".."} {
		if path := s.Path(key); path != s.String() && !strings.HasPrefix(path, s.String()+"/") {
			t.Errorf("the key %q has the path %s", key, path)
		}
	}
}

func TestNothingButTheTablesLiesInTheirFolders(t *testing.T) {
	s := open(t)
	put(t, s, "versions/a/1.parquet", "x")
	if _, err := s.Put(t.Context(), "versions/a/2.parquet", strings.NewReader("too short"), 100, store.Condition{}); err == nil {
		t.Fatal("a body that is too short is put")
	}
	put(t, s, "versions/b/1.parquet", "x")
	if err := s.Delete(t.Context(), "versions/b/1.parquet", ""); err != nil {
		t.Fatal(err)
	}
	var found []string
	err := filepath.WalkDir(s.String(), func(path string, _ os.DirEntry, err error) error {
		found = append(found, strings.TrimPrefix(path, s.String()))
		return err
	})
	if want := []string{"", "/_k8sq", "/_k8sq/lock", "/_k8sq/tmp", "/versions", "/versions/a", "/versions/a/1.parquet"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("found %q, want %q: %v", found, want, err)
	}
}

func TestTheStoresOwnFilesAreNoKeys(t *testing.T) {
	s := open(t)
	put(t, s, "_k8sq/leases/a", "x")
	put(t, s, "_k8sq/tmpfile", "x")
	if err := os.WriteFile(filepath.Join(s.String(), tempFolder, "dead"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	var found []string
	for info, err := range s.List(t.Context(), "_k8sq/", "") {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, info.Key)
	}
	if !slices.Equal(found, []string{"_k8sq/leases/a", "_k8sq/tmpfile"}) {
		t.Errorf("listed %q", found)
	}
	for _, key := range []string{"_k8sq/lock", "_k8sq/tmp", "_k8sq/tmp/dead"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{}); err == nil {
			t.Errorf("%s is put", key)
		}
		if err := s.Delete(t.Context(), key, ""); err == nil {
			t.Errorf("%s is deleted", key)
		}
	}
}

func TestOpenRemovesWhatDeadWritersLeft(t *testing.T) {
	s := open(t)
	for name, age := range map[string]time.Duration{"dead": 25 * time.Hour, "alive": time.Hour} {
		path := filepath.Join(s.String(), tempFolder, name)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (names []string) {
		entries, err := os.ReadDir(filepath.Join(s.String(), tempFolder))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	if _, err := Open(s.String(), false); err != nil || len(left()) != 2 {
		t.Errorf("a reader left %q: %v", left(), err)
	}
	if _, err := Open(s.String(), true); err != nil || !slices.Equal(left(), []string{"alive"}) {
		t.Errorf("a writer left %q: %v", left(), err)
	}
}

func TestMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "lake")
	if _, err := Open(dir, false); !errors.Is(err, store.ErrNoRoot) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a missing folder gives %v", err)
	}
	s, err := Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", "x")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	// It is not made anew under a store that is open: somebody has unmounted or removed it.
	if _, err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{}); !errors.Is(err, store.ErrNoRoot) {
		t.Errorf("put: %v", err)
	}
	if _, _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrNoRoot) {
		t.Errorf("get: %v", err)
	}
	if err := s.Delete(t.Context(), "k", ""); !errors.Is(err, store.ErrNoRoot) {
		t.Errorf("delete: %v", err)
	}
	met := false
	for _, err := range s.List(t.Context(), "", "") {
		met = errors.Is(err, store.ErrNoRoot)
	}
	if !met {
		t.Error("list says nothing")
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, create := range []bool{true, false} {
		if _, err := Open(file, create); !errors.Is(err, store.ErrNoRoot) {
			t.Errorf("a file as a folder gives %v", err)
		}
		if _, err := Open("", create); err == nil {
			t.Error("no folder at all is opened")
		}
	}
}

func TestKeyBelowAFile(t *testing.T) {
	s := open(t)
	put(t, s, "a/b", "x")
	for _, condition := range []store.Condition{{}, {IfAbsent: true}} {
		_, err := s.Put(t.Context(), "a/b/c", strings.NewReader("x"), 1, condition)
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("a key below a file gives %v", err)
		}
		if _, err := s.Put(t.Context(), "a", strings.NewReader("x"), 1, condition); err == nil {
			t.Error("a key that is a folder is put")
		}
	}
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).Run(); err != nil {
		t.Skip("only who may mount a file system can fill one: ", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	before := put(t, s, "k", "fits")
	_, err = s.Put(t.Context(), "k", strings.NewReader(strings.Repeat("x", 100_000)), 100_000, store.Condition{})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("a full disk gives %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, tempFolder)); err != nil || len(entries) != 0 {
		t.Errorf("left: %v %v", entries, err)
	}
	if body, info, err := s.Get(t.Context(), "k"); err != nil || info.ETag != before.ETag {
		t.Errorf("the object is now %+v: %v", info, err)
	} else {
		body.Close()
	}
}

// countUp adds one to a counter in the lake 40 times, in competition with other processes, and prints what it wrote.
func countUp(dir string) error {
	s, err := Open(dir, true)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for done := 0; done < 40; {
		body, info, err := s.Get(ctx, "counter")
		if err != nil {
			return err
		}
		content, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(content))
		if err != nil {
			return err
		}
		next := strconv.Itoa(n + 1)
		_, err = s.Put(ctx, "counter", strings.NewReader(next), int64(len(next)), store.Condition{IfMatch: info.ETag})
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Println(next)
		done++
	}
	return nil
}

// TestProcessesCompete has four processes count, of which one is killed on the way: no count is lost and none happens twice.
func TestProcessesCompete(t *testing.T) {
	s := open(t)
	put(t, s, "counter", "0")
	var commands []*exec.Cmd
	var outputs []*bufio.Scanner
	for range 4 {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), "K8SQ_TEST_COUNT_IN="+s.String())
		command.Stderr = os.Stderr
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		commands, outputs = append(commands, command), append(outputs, bufio.NewScanner(output))
	}
	writers := map[string]int{}
	for i, output := range outputs {
		lines := 0
		for output.Scan() {
			writers[output.Text()]++
			if lines++; i == 0 && lines == 10 {
				if err := commands[0].Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for i, command := range commands {
		if err := command.Wait(); err != nil && i != 0 {
			t.Error(err)
		}
	}
	body, _, err := s.Get(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	last, err := strconv.Atoi(string(content))
	if err != nil {
		t.Fatal(err)
	}
	silent := 0
	for n := 1; n <= last; n++ {
		switch writers[strconv.Itoa(n)] {
		case 0:
			silent++ // written by the killed process, which did not live to say so
		case 1:
		default:
			t.Errorf("%d was written twice", n)
		}
	}
	if last < 130 || silent > 1 || len(writers) != last-silent {
		t.Errorf("counted to %d with %d writes told and %d not", last, len(writers), silent)
	}
}
