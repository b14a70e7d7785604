package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/k8sq/k8sq/lake/store"
)

// File gives a local file that holds the object, fetched now if the cache has it not. It stays until release is called, which the
// caller does exactly when it has closed what it opened. Of a store.Pather it is the object's own file, and its ETag is not looked at.
//
// If the object is not the one that info describes any more, the error is store.ErrConflict: list again. Every file in use costs one
// file descriptor.
func (c *Cache) File(ctx context.Context, st store.Store, lakeID string, info store.Info) (path string, release func(), err error) {
	if local, ok := st.(store.Pather); ok {
		return local.Path(info.Key), func() {}, nil
	}
	return c.whole(ctx, st, lakeID, info)
}

// Copy is File, but the file stays what it is while it is used even if the store is a store.Pather and the object is replaced or
// deleted: a second name of the same file where the file system can give it one, else a copy.
func (c *Cache) Copy(ctx context.Context, st store.Store, lakeID string, info store.Info) (path string, release func(), err error) {
	return c.whole(ctx, st, lakeID, info)
}

func (c *Cache) whole(ctx context.Context, st store.Store, lakeID string, info store.Info) (string, func(), error) {
	path, err := c.path(lakeID, info, "")
	if err != nil {
		return "", nil, err
	}
	local, isLocal := st.(store.Pather)
	held, err := c.hold(ctx, path, info.Size, isLocal, func() (*heldFile, error) {
		if isLocal {
			held, err := c.link(ctx, st, local.Path(info.Key), path, info)
			if !errors.Is(err, errNoLink) {
				return held, err
			}
		}
		body, found, err := st.Get(ctx, info.Key)
		if err != nil {
			return nil, err
		}
		held, err := c.fetch(st, body, info, found, info.Size, path)
		if err == nil {
			c.count(func(s *Stats) { s.Files++; s.Bytes += info.Size })
		}
		return held, err
	})
	if err != nil {
		return "", nil, err
	}
	return path, sync.OnceFunc(func() { c.release(held) }), nil
}

// heldFile is a file of the cache under a shared lock.
type heldFile struct {
	*os.File
	path string
	// borrowed: it is a second name of a lake's file. Such a name costs nothing to make anew and keeps a file alive that the lake may
	// have dropped, so it goes with its last user.
	borrowed bool
}

// hold gives the file under a shared lock, from the cache or from fetch. Only a local store's file can be borrowed.
func (c *Cache) hold(ctx context.Context, path string, size int64, local bool, fetch func() (*heldFile, error)) (*heldFile, error) {
	end, err := c.takeTurn(ctx, path)
	if err != nil {
		return nil, err
	}
	defer end()
	c.room.use()
	for {
		held, err := take(path, size)
		if err == nil && held != nil {
			held.borrowed = held.borrowed && local
			c.count(func(s *Stats) { s.Hits++ })
			return held, nil
		}
		if err == nil {
			held, err = fetch()
		}
		if errors.Is(err, errTaken) {
			continue // another process was faster
		}
		if err != nil {
			c.unuse()
			return nil, err
		}
		if !held.borrowed {
			c.grown(size)
		}
		return held, nil
	}
}

func (c *Cache) release(held *heldFile) {
	if held.borrowed {
		removeIdle(held.File, held.path)
	}
	held.Close() // which drops the lock
	c.unuse()
}

// take opens the file of that name and size and locks it. Nil without an error: there is none.
func take(path string, size int64) (*heldFile, error) {
	for {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		info, err := lockShared(f)
		if err != nil {
			f.Close()
			return nil, err
		}
		if !named(info, path) {
			f.Close() // it was evicted between the opening and the locking
			continue
		}
		if info.Size() != size {
			// A power cut can leave a name without its bytes. Those who use such a file meet errors that are theirs to tell.
			err := os.Remove(path)
			f.Close()
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			return nil, nil
		}
		borrowed := links(info) > 1
		if !borrowed {
			// The time of the last use, for the eviction. A borrowed file's times are the lake's, where they stand for its state.
			now := time.Now()
			_ = os.Chtimes(path, now, now)
		}
		return &heldFile{f, path, borrowed}, nil
	}
}

// fetch writes the body to a file, checks that it is all of the expected state, and names it.
func (c *Cache) fetch(st store.Store, body io.ReadCloser, listed, found store.Info, size int64, path string) (held *heldFile, err error) {
	defer body.Close()
	if found.ETag != listed.ETag {
		return nil, errReplaced(st, listed, found)
	}
	f, err := os.CreateTemp(c.tempDir(), "")
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody has emptied the cache by hand.
		if err = os.MkdirAll(c.tempDir(), 0o700); err == nil {
			f, err = os.CreateTemp(c.tempDir(), "")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s into the cache: %w", listed.Key, err)
	}
	defer os.Remove(f.Name())
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	n, err := io.Copy(f, io.LimitReader(body, size+1))
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil, fmt.Errorf("fetch %s into the cache: %w: make room, or let K8SQ_CACHE name a folder on another disk", listed.Key, err)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s of %s: %w", listed.Key, st, err)
	}
	if n < size {
		return nil, fmt.Errorf("fetch %s of %s: %w: %d bytes of %d came", listed.Key, st, io.ErrUnexpectedEOF, n, size)
	}
	if n > size {
		return nil, fmt.Errorf("fetch %s of %s: more than the %d bytes it was listed with came", listed.Key, st, size)
	}
	if _, err := lockShared(f); err != nil {
		return nil, err
	}
	if err := name(f.Name(), path); err != nil {
		return nil, err
	}
	return &heldFile{f, path, false}, nil
}

var errNoLink = errors.New("the file system gives no second name")

// link gives the lake's file a second name in the cache. The ETag is looked at after the link is made: if it is still the one that was
// listed, the file was never another in between.
func (c *Cache) link(ctx context.Context, st store.Store, from, path string, listed store.Info) (*heldFile, error) {
	temp := filepath.Join(c.tempDir(), rand.Text())
	if err := os.Link(from, temp); err != nil {
		return nil, errNoLink // the copy will say what is wrong, if more is
	}
	defer os.Remove(temp)
	f, err := os.Open(temp)
	if err != nil {
		return nil, errNoLink
	}
	held := &heldFile{f, path, true}
	info, err := lockShared(f)
	if err == nil && !info.Mode().IsRegular() {
		err = errNoLink
	}
	if err == nil {
		var body io.ReadCloser
		var found store.Info
		if body, found, err = st.GetRange(ctx, listed.Key, 0, 0); err == nil {
			body.Close()
			if found.ETag != listed.ETag {
				err = errReplaced(st, listed, found)
			} else if info.Size() != listed.Size {
				err = fmt.Errorf("hold %s of %s: it has %d bytes, and was listed with %d", listed.Key, st, info.Size(), listed.Size)
			}
		}
	}
	if err == nil {
		err = name(temp, path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return held, nil
}

// name gives a finished file its name, if that is free (errTaken if not). Folders that an eviction finds empty may vanish meanwhile.
func name(temp, path string) error {
	for turn := 0; ; turn++ {
		err := os.Link(temp, path)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, fs.ErrExist):
			return errTaken
		case errors.Is(err, fs.ErrNotExist) && turn < 100:
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("make a folder of the cache: %w", err)
			}
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
			// No hard links here. A rename may take the name from a file of the same content, which another process then holds without
			// protection from eviction; on such a file system that is the best there is.
			if err := os.Rename(temp, path); !errors.Is(err, fs.ErrNotExist) || turn == 100 {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return fmt.Errorf("make a folder of the cache: %w", err)
			}
		default:
			return fmt.Errorf("name a file of the cache: %w", err)
		}
	}
}

// lockShared marks the file as used. It waits for an eviction at most, which holds its lock for a moment only.
func lockShared(f *os.File) (fs.FileInfo, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
		if err == nil {
			return f.Stat()
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// named says whether path is the name of that file now.
func named(info fs.FileInfo, path string) bool {
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(info, now)
}

// links counts a file's names.
func links(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}
