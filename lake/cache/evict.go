package cache

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// room keeps account of the cache's size. The account begins with a walk over the folder, at the first fetch, and does not see what
// other processes fetch until the next one.
type room struct {
	mu       sync.Mutex
	users    int   // files in use by this process
	total    int64 // bytes, as of the last walk and what was fetched since
	next     int64 // total at which to walk again
	measured bool
}

func (r *room) use() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users++
}

// unuse ends a use. The last one makes the room that others were in the way of.
func (c *Cache) unuse() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if c.room.users--; c.room.users == 0 && c.room.measured && c.room.total > c.limit {
		c.evict()
	}
}

// grown accounts for a file that was fetched.
func (c *Cache) grown(size int64) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.room.total += size
	if !c.room.measured || c.room.total > c.room.next {
		c.evict()
	}
}

// evict removes what was used longest ago if there is more than the limit allows, and then a tenth more, so that the next walk is some
// time off. A file that cannot be read or removed is left: a cache must not stop the work it is there to speed up.
func (c *Cache) evict() {
	type candidate struct {
		path string
		size int64
		used time.Time
	}
	var files []candidate
	var total int64
	_ = filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if rel, err := filepath.Rel(c.tempDir(), path); err == nil && filepath.IsLocal(rel) {
			// A fetch that is alive writes; one that has not for a day is dead. A link has its file's time, and lives for a moment.
			if time.Since(info.ModTime()) > 24*time.Hour && links(info) == 1 {
				_ = os.Remove(path)
			}
			return nil
		}
		files = append(files, candidate{path, info.Size(), info.ModTime()})
		total += info.Size()
		return nil
	})
	if total > c.limit {
		slices.SortFunc(files, func(a, b candidate) int { return a.used.Compare(b.used) })
		for _, file := range files {
			if total <= c.limit-c.limit/10 {
				break
			}
			if f, err := os.Open(file.path); err == nil {
				if removeIdle(f, file.path) {
					total -= file.size
					c.removeEmpty(filepath.Dir(file.path))
				}
				f.Close()
			}
		}
	}
	c.room.measured = true
	c.room.total = total
	c.room.next = c.limit
	if total > c.limit {
		c.room.next = total + c.limit/10 // the rest is in use, and walking for every file would not change that
	}
}

// removeIdle removes the name of an open file, unless somebody else holds a lock on the file. It costs f its own shared lock.
func removeIdle(f *os.File, path string) bool {
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && named(info, path) && os.Remove(path) == nil
}

// removeEmpty removes a folder and those above it as far as they are empty.
func (c *Cache) removeEmpty(folder string) {
	for ; folder != c.dir && os.Remove(folder) == nil; folder = filepath.Dir(folder) {
	}
}
