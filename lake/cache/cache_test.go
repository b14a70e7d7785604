package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/cache"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
	"github.com/k8sq/k8sq/lake/store/local"
	"github.com/k8sq/k8sq/lake/store/s3"
	"github.com/k8sq/k8sq/lake/store/storetest"
)

const lakeID = "0d3adbe0-0000-4000-8000-000000000001"

func folder(t *testing.T) *local.Store {
	t.Helper()
	s, err := local.Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, dir string, limit int64) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, s store.Store, key, content string) store.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), store.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// files are all the files below a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const key = "versions/cluster=a%2Fb/provider=kind/type=core.v1.Pod/date=2026-11-24/000000000001.parquet"

func TestSecondReadFetchesNothing(t *testing.T) {
	stores := map[string]func(t *testing.T) store.Store{
		"a folder as a remote store": func(t *testing.T) store.Store { return faultstore.New(folder(t)) },
		"s3": func(t *testing.T) store.Store {
			bucket := storetest.S3(t)
			bucket.Setenv(t)
			s, err := s3.Open(t.Context(), s3.Config{URL: bucket.URL("lake")})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
	for name, lake := range stores {
		t.Run(name, func(t *testing.T) {
			st, dir := lake(t), t.TempDir()
			info := put(t, st, key, "0123456789")
			empty := put(t, st, "empty.parquet", "")
			for _, want := range []cache.Stats{{Files: 2, Bytes: 10}, {Hits: 2}} {
				c := open(t, dir, 1<<20) // as a new process
				path, release, err := c.File(t.Context(), st, lakeID, info)
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, path); got != "0123456789" {
					t.Errorf("the file holds %q", got)
				}
				if !strings.HasPrefix(path, dir+"/") || !strings.Contains(path, "/versions/cluster=a%2Fb/provider=kind/type=core.v1.Pod/date=2026-11-24/000000000001@") || !strings.HasSuffix(path, ".parquet") {
					t.Errorf("the file is %s", path)
				}
				release()
				release() // twice is once
				if path, release, err = c.File(t.Context(), st, lakeID, empty); err != nil || read(t, path) != "" {
					t.Fatal(err)
				}
				release()
				if got := c.Stats(); got != want {
					t.Errorf("counted %+v, want %+v", got, want)
				}
			}
			replaced := put(t, st, key, "another state")
			c := open(t, dir, 1<<20)
			path, release, err := c.File(t.Context(), st, lakeID, replaced)
			if err != nil || read(t, path) != "another state" {
				t.Fatal(err)
			}
			release()
			if found := files(t, filepath.Join(dir, "tmp")); len(found) != 0 {
				t.Errorf("temporary files are left: %q", found)
			}
			if _, _, err := open(t, t.TempDir(), 1).File(t.Context(), st, lakeID, info); !errors.Is(err, store.ErrConflict) {
				t.Errorf("the state that was replaced gives %v", err)
			}
			if err := st.Delete(t.Context(), key, ""); err != nil {
				t.Fatal(err)
			}
			if _, _, err := open(t, t.TempDir(), 1).File(t.Context(), st, lakeID, info); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a deleted object gives %v", err)
			}
		})
	}
}

func TestOneFetchForManyReaders(t *testing.T) {
	st := faultstore.New(folder(t))
	info := put(t, st, key, strings.Repeat("content ", 100_000))
	c := open(t, t.TempDir(), 1<<30)
	var done sync.WaitGroup
	for range 16 {
		done.Go(func() {
			path, release, err := c.File(t.Context(), st, lakeID, info)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			if stat, err := os.Stat(path); err != nil || stat.Size() != info.Size {
				t.Errorf("%v %v", stat, err)
			}
		})
	}
	done.Wait()
	if n := st.Count(faultstore.Get); n != 1 {
		t.Errorf("%d fetches", n)
	}
	if got := c.Stats(); got.Files != 1 || got.Hits != 15 || got.Bytes != info.Size {
		t.Errorf("counted %+v", got)
	}
}

func TestBrokenFetchLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		mode faultstore.Mode
		want error
	}{
		{faultstore.Before, faultstore.ErrInjected},
		{faultstore.After, faultstore.ErrInjected},
		{faultstore.Short, io.ErrUnexpectedEOF},
		{faultstore.Broken, faultstore.ErrInjected},
	} {
		st := faultstore.New(folder(t))
		info := put(t, st, key, "0123456789")
		dir := t.TempDir()
		c := open(t, dir, 1<<20)

		st.Set(faultstore.Fault{Mode: test.mode})
		if _, _, err := c.File(t.Context(), st, lakeID, info); !errors.Is(err, test.want) {
			t.Errorf("mode %d: File gives %v, want %v", test.mode, err, test.want)
		}
		st.Set(faultstore.Fault{Mode: test.mode})
		if _, err := c.Tail(t.Context(), st, lakeID, info, 8); !errors.Is(err, test.want) {
			t.Errorf("mode %d: Tail gives %v, want %v", test.mode, err, test.want)
		}
		if found := files(t, dir); len(found) != 0 {
			t.Errorf("mode %d: left in the cache: %q", test.mode, found)
		}
		path, release, err := c.File(t.Context(), st, lakeID, info)
		if err != nil || read(t, path) != "0123456789" {
			t.Fatalf("mode %d: the next fetch: %v", test.mode, err)
		}
		release()
	}
}

func TestDamagedFileIsFetchedAgain(t *testing.T) {
	st := faultstore.New(folder(t))
	info := put(t, st, key, "0123456789")
	c := open(t, t.TempDir(), 1<<20)
	path, release, err := c.File(t.Context(), st, lakeID, info)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := os.Truncate(path, 4); err != nil {
		t.Fatal(err)
	}
	again, release, err := c.File(t.Context(), st, lakeID, info)
	if err != nil || again != path || read(t, path) != "0123456789" {
		t.Fatalf("%s: %v", again, err)
	}
	release()
}

func TestTail(t *testing.T) {
	st := faultstore.New(folder(t))
	info := put(t, st, key, "0123456789")
	empty := put(t, st, "empty", "")
	c := open(t, t.TempDir(), 1<<20)
	tail := func(c *cache.Cache, st store.Store, info store.Info, n int64) string {
		t.Helper()
		got, err := c.Tail(t.Context(), st, lakeID, info, n)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	for range 2 {
		if got := tail(c, st, info, 4); got != "6789" {
			t.Errorf("got %q", got)
		}
		if got := tail(c, st, info, 100); got != "0123456789" {
			t.Errorf("got %q", got)
		}
		if got := tail(c, st, empty, 4); got != "" {
			t.Errorf("got %q", got)
		}
	}
	if got, want := c.Stats(), (cache.Stats{Hits: 3, Tails: 3, Bytes: 14}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	_, release, err := c.File(t.Context(), st, lakeID, info)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if got := tail(c, st, info, 3); got != "789" || c.Stats().Tails != 3 {
		t.Errorf("got %q, and counted %+v", got, c.Stats())
	}
	if got := tail(open(t, t.TempDir(), 0), st.WithPaths(), info, 3); got != "789" {
		t.Errorf("got %q of a local store", got)
	}
	put(t, st, key, "9876543210")
	for _, st := range []store.Store{st, st.WithPaths()} {
		if _, err := open(t, t.TempDir(), 1<<20).Tail(t.Context(), st, lakeID, info, 3); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the state that was replaced gives %v", err)
		}
	}
	if _, err := c.Tail(t.Context(), st, lakeID, info, -1); err == nil {
		t.Error("a tail of -1 bytes is accepted")
	}
}

func TestEvictionTakesWhatWasUsedLongestAgo(t *testing.T) {
	st := faultstore.New(folder(t))
	dir := t.TempDir()
	c := open(t, dir, 1000)
	var infos []store.Info
	for i := range 12 {
		infos = append(infos, put(t, st, fmt.Sprintf("f%02d/x.parquet", i), strings.Repeat("x", 100)))
	}
	use := func(i int) {
		t.Helper()
		path, release, err := c.File(t.Context(), st, lakeID, infos[i])
		if err != nil {
			t.Fatal(err)
		}
		release()
		// The order of uses must not hang on how fast the file system's clock ticks.
		when := time.Now().Add(time.Duration(st.Count()) * time.Minute)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		use(i)
	}
	if n := len(files(t, dir)); n != 10 {
		t.Fatalf("%d files before the limit is reached", n)
	}
	_, keep, err := c.File(t.Context(), st, lakeID, infos[0]) // in use, so that it stays though it is among the oldest
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, files(t, dir)[0]), old, old); err != nil {
		t.Fatal(err)
	}
	st.Set()
	// The next file makes 1,100 bytes of 1,000: down to 900 go the two used longest ago but for the one in use.
	path, release, err := c.File(t.Context(), st, lakeID, infos[10])
	if err != nil {
		t.Fatal(err)
	}
	left := ""
	for _, file := range files(t, dir) {
		left += strings.Split(file, "/")[1] + " "
	}
	if left != "f00 f03 f04 f05 f06 f07 f08 f09 f10 " {
		t.Errorf("left: %s", left)
	}
	if read(t, path) == "" {
		t.Error("the file that was asked for is gone")
	}
	keep()
	release()
}

func TestWhatIsInUseMayExceedTheLimit(t *testing.T) {
	st := faultstore.New(folder(t))
	dir := t.TempDir()
	c := open(t, dir, 150)
	var releases []func()
	for i := range 5 {
		path, release, err := c.File(t.Context(), st, lakeID, put(t, st, fmt.Sprintf("%d.parquet", i), strings.Repeat("x", 100)))
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
		defer func() {
			if _, err := os.Stat(path); err == nil && i == 0 {
				t.Errorf("%s was not evicted when its use ended", path)
			}
		}()
	}
	// Another process cannot evict them either.
	other := open(t, dir, 0)
	_, release, err := other.File(t.Context(), st, lakeID, put(t, st, "other.parquet", "x"))
	if err != nil {
		t.Fatal(err)
	}
	release()
	if n := len(files(t, dir)); n != 5 {
		t.Errorf("%d files, want the 5 in use", n)
	}
	for _, release := range releases {
		release()
	}
	if n := len(files(t, dir)); n > 1 {
		t.Errorf("%d files when nothing is in use", n)
	}
}

// TestManyCachesInOneFolder has caches that are always too small fetch, hold, evict and release the same few files.
func TestManyCachesInOneFolder(t *testing.T) {
	st := faultstore.New(folder(t))
	dir := t.TempDir()
	var infos []store.Info
	for i := range 6 {
		infos = append(infos, put(t, st, fmt.Sprintf("p=%d/x.parquet", i), strings.Repeat(string(rune('a'+i)), 1000)))
	}
	var done sync.WaitGroup
	for range 3 {
		c := open(t, dir, 1500)
		for range 3 {
			done.Go(func() {
				for range 60 {
					i := rand.IntN(len(infos))
					path, release, err := c.File(t.Context(), st, lakeID, infos[i])
					if err != nil {
						t.Error(err)
						return
					}
					for range 3 {
						content, err := os.ReadFile(path)
						if err != nil || !bytes.Equal(content, bytes.Repeat([]byte{byte('a' + i)}, 1000)) {
							t.Errorf("a file in use: %d bytes, %v", len(content), err)
						}
					}
					release()
				}
			})
		}
	}
	done.Wait()
	if found := files(t, filepath.Join(dir, "tmp")); len(found) != 0 {
		t.Errorf("temporary files are left: %q", found)
	}
}

func TestStaleTemporaryFileIsRemoved(t *testing.T) {
	dir := t.TempDir()
	st := faultstore.New(folder(t))
	old := time.Now().Add(-25 * time.Hour)
	for name, when := range map[string]time.Time{"dead": old, "alive": time.Now()} {
		path := filepath.Join(dir, "tmp", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	_, release, err := open(t, dir, 1000).File(t.Context(), st, lakeID, put(t, st, "k", "x"))
	if err != nil {
		t.Fatal(err)
	}
	release()
	if found := files(t, filepath.Join(dir, "tmp")); !slices.Equal(found, []string{"alive"}) {
		t.Errorf("left: %q", found)
	}
}

func TestLocalStore(t *testing.T) {
	for name, dir := range map[string]string{"one file system": t.TempDir(), "two file systems": otherFileSystem(t)} {
		t.Run(name, func(t *testing.T) {
			if dir == "" {
				t.Skip("this machine has no second file system to write to")
			}
			st := folder(t)
			c := open(t, dir, 1<<20)
			info := put(t, st, "snapshots/type=a/snapshot.parquet", "generation 1")
			path, release, err := c.File(t.Context(), st, lakeID, info)
			if err != nil || path != st.Path(info.Key) {
				t.Fatalf("File gives %s: %v", path, err)
			}
			release()

			first, release, err := c.Copy(t.Context(), st, lakeID, info)
			if err != nil {
				t.Fatal(err)
			}
			same, release2, err := c.Copy(t.Context(), st, lakeID, info)
			if err != nil || same != first {
				t.Fatalf("the second copy is %s: %v", same, err)
			}
			// Using the copy must not change the lake's file: its modification time is part of its ETag.
			if _, found, err := st.GetRange(t.Context(), info.Key, 0, 0); err != nil || found.ETag != info.ETag {
				t.Errorf("the lake's file is now %+v, %v", found, err)
			}
			if _, err := st.Put(t.Context(), info.Key, strings.NewReader("generation 2"), 12, store.Condition{IfMatch: info.ETag}); err != nil {
				t.Fatal(err)
			}
			release()
			if got := read(t, same); got != "generation 1" {
				t.Errorf("the copy holds %q", got)
			}
			release2()
			if !strings.Contains(first, "/snapshots/type=a/snapshot@") || !strings.HasPrefix(first, dir) {
				t.Errorf("the copy is %s", first)
			}
			if _, _, err := open(t, filepath.Join(dir, "another"), 1).Copy(t.Context(), st, lakeID, info); !errors.Is(err, store.ErrConflict) {
				t.Errorf("a copy of the state that was replaced gives %v", err)
			}
			if _, _, err := c.Copy(t.Context(), st, lakeID, store.Info{Key: "missing", ETag: "e", Size: 1}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a copy of a missing object gives %v", err)
			}
			if found := files(t, filepath.Join(dir, "tmp")); len(found) != 0 {
				t.Errorf("temporary files are left: %q", found)
			}
			if name == "one file system" {
				if found := files(t, dir); len(found) != 0 {
					t.Errorf("left: %q", found)
				}
				if got := c.Stats(); got.Files != 0 || got.Bytes != 0 {
					t.Errorf("counted %+v", got)
				}
			}
		})
	}
}

// otherFileSystem gives a folder on a file system other than that of temporary folders, "" where there is none.
func otherFileSystem(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "k8sq-cache-")
	if err != nil {
		return ""
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	probe := filepath.Join(t.TempDir(), "probe")
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Link(probe, filepath.Join(dir, "probe")) == nil {
		return ""
	}
	return dir
}

func TestBadArguments(t *testing.T) {
	if _, err := cache.Open("", 1); err == nil {
		t.Error("a cache without a folder is opened")
	}
	if _, err := cache.Open(t.TempDir(), -1); err == nil {
		t.Error("a cache of -1 bytes is opened")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Open(file, 1); err == nil {
		t.Error("a file is opened as a cache")
	}
	st := faultstore.New(folder(t))
	info := put(t, st, "k", "x")
	c := open(t, t.TempDir(), 1)
	for name, test := range map[string]struct {
		lake string
		info store.Info
	}{
		"no lake":     {"", info},
		"no etag":     {lakeID, store.Info{Key: "k", Size: 1}},
		"escapes":     {lakeID, store.Info{Key: "../k", Size: 1, ETag: "e"}},
		"wrong size":  {lakeID, store.Info{Key: "k", Size: 2, ETag: info.ETag}},
		"wrong size ": {lakeID, store.Info{Key: "k", Size: 0, ETag: info.ETag}},
	} {
		if _, _, err := c.File(t.Context(), st, test.lake, test.info); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if path, _, err := c.File(ctx, st, "../..", info); err == nil && !strings.HasPrefix(path, c.Dir()+"/") {
		t.Errorf("the file is %s", path)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	t.Setenv("HOME", "/home/somebody")
	t.Setenv("K8SQ_CACHE", "")
	if dir, err := cache.DefaultDir(); err != nil || filepath.Base(dir) != "k8sq" {
		t.Errorf("%s %v", dir, err)
	}
	t.Setenv("K8SQ_CACHE", "/fast/disk")
	if dir, err := cache.DefaultDir(); err != nil || dir != "/fast/disk" {
		t.Errorf("%s %v", dir, err)
	}
}
