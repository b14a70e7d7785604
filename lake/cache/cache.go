// Package cache keeps copies of a remote lake's files on the local disk, so that DuckDB can open them by path and a second query
// fetches nothing. A file is kept under its key and its ETag; a key that is put anew is another file, so that nothing in the cache is
// ever wrong, only unused.
//
// Many processes may share a cache folder. How they stay out of each other's way:
//
//   - A file is fetched into the folder's tmp, and given its name when it is whole, by a hard link that fails where the name is taken.
//     So a name leads to one whole file for as long as it exists. A crash leaves a temporary file, which is removed a day later.
//   - Whoever uses a file holds a shared flock on it, taken before it has its name or checked to be on the file that has it.
//   - Whoever needs room takes an exclusive flock, without waiting, and only then removes the name. What is in use is passed over.
//
// The lock is the kernel's, so that a process which dies holds nothing back.
package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/k8sq/k8sq/lake/store"
)

// Cache is a folder of copies. Its methods may be called concurrently.
type Cache struct {
	dir   string
	limit int64

	mu    sync.Mutex
	turns map[string]*turn
	stats Stats

	room room
}

// Stats say what the cache was spared and what it was not. What a local lake gives by path is counted nowhere.
type Stats struct {
	Hits  int64 // files and tails that were there
	Files int64 // whole files fetched
	Tails int64 // tails fetched
	Bytes int64 // fetched in all
}

// DefaultDir is where a user's cache lies: $K8SQ_CACHE, or k8sq in the operating system's folder for caches.
func DefaultDir() (string, error) {
	if dir := os.Getenv("K8SQ_CACHE"); dir != "" {
		return dir, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the cache (K8SQ_CACHE can name one): %w", err)
	}
	return filepath.Join(base, "k8sq"), nil
}

// Open gives the cache in dir, which it makes if need be, readable to this user only. The files in it come to at most maxBytes, except
// while more than that is in use.
func Open(dir string, maxBytes int64) (*Cache, error) {
	if dir == "" || maxBytes < 0 {
		return nil, fmt.Errorf("open the cache in %q for %d bytes: it needs a folder and a size", dir, maxBytes)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the cache in %s: %w", dir, err)
	}
	c := &Cache{dir: absolute, limit: maxBytes, turns: map[string]*turn{}}
	if err := os.MkdirAll(c.tempDir(), 0o700); err != nil {
		return nil, fmt.Errorf("open the cache (K8SQ_CACHE can name another folder): %w", err)
	}
	return c, nil
}

// Dir is the cache's folder, as an absolute path. All files it gives out lie below it, but for those of a local lake.
func (c *Cache) Dir() string { return c.dir }

// Stats gives what has been counted since Open.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (c *Cache) count(add func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.stats)
}

func (c *Cache) tempDir() string { return filepath.Join(c.dir, "tmp") }

// path is the file that holds one state of an object, or a part of it that the suffix names: the key with the ETag before its
// extension. The folders are the key's own, because DuckDB reads the partition from them.
func (c *Cache) path(lakeID string, info store.Info, suffix string) (string, error) {
	if err := store.CheckKey(info.Key); err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	if info.ETag == "" || info.Size < 0 || lakeID == "" {
		return "", fmt.Errorf("cache %s: the lake's id, the ETag and the size must be known, and are %q, %q and %d", info.Key, lakeID, info.ETag, info.Size)
	}
	key := filepath.FromSlash(info.Key)
	extension := filepath.Ext(key)
	if extension == filepath.Base(key) {
		extension = "" // a name that is nothing but a dot and letters
	}
	name := key[:len(key)-len(extension)] + "@" + escape(info.ETag) + suffix + extension
	if suffix != "" {
		name += ".tail" // so that nobody takes it for a Parquet file
	}
	return filepath.Join(c.dir, "lake-"+escape(lakeID), name), nil
}

// escape makes any string a part of a file name, different strings different ones.
func escape(s string) string {
	var out []byte
	for _, b := range []byte(s) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' {
			out = append(out, b)
		} else {
			out = fmt.Appendf(out, "%%%02X", b)
		}
	}
	return string(out)
}

// turn is one goroutine's right to look for a file and to fetch it. The others wait for it and then find the file, or try themselves.
type turn struct {
	token chan struct{}
	users int
}

func (c *Cache) takeTurn(ctx context.Context, path string) (end func(), err error) {
	c.mu.Lock()
	t := c.turns[path]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		c.turns[path] = t
	}
	t.users++
	c.mu.Unlock()
	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(c.turns, path)
		}
	}
	select {
	case t.token <- struct{}{}:
		return func() { <-t.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// errReplaced is what a fetch gives when the object is not the one that was listed.
func errReplaced(st store.Store, listed, found store.Info) error {
	return fmt.Errorf("fetch %s of %s: %w: it was replaced since it was listed (its ETag was %s, and is %s)", listed.Key, st, store.ErrConflict, listed.ETag, found.ETag)
}

var errTaken = errors.New("the name is taken")
