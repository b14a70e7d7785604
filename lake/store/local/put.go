package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/k8sq/k8sq/lake/store"
)

// Put writes the object, whole or not at all:
//
//  1. The body goes to a file of its own in the temporary folder and is fsynced. A crash leaves that file; Open removes it a day later.
//  2. It is given its name in one step: by a hard link if the key must be absent (the link fails if it is not), else by a rename
//     under the lock, after the condition is checked. Whoever replaces or deletes an existing file holds the lock, so what was checked
//     still holds when the rename happens; a link needs no lock, because it can only succeed where there is nothing to protect.
//  3. The folders are fsynced, so that the name outlives a power cut once Put has returned.
//
// Readers rely on step 2: a name always leads to a finished file, and a file is never written to after it has its name.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	info, err := s.put(ctx, key, body, size, condition)
	return info, s.failed("put", key, err)
}

func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	path, err := s.file(key)
	if err != nil {
		return store.Info{}, err
	}
	if err := condition.Check(); err != nil {
		return store.Info{}, err
	}
	// A condition that already fails saves writing the body. It is checked again when it counts.
	if err := check(path, condition); err != nil {
		return store.Info{}, err
	}
	temp, written, err := s.writeTemp(ctx, body, size)
	if err != nil {
		return store.Info{}, err
	}
	defer os.Remove(temp) // a renamed file is gone from here; a linked one loses its second name

	// A concurrent Delete may remove the key's folder because it found it empty, between our making it and our using it; hence the turns.
	for turn := 0; ; turn++ {
		err = s.publish(ctx, temp, path, condition)
		if !errors.Is(err, fs.ErrNotExist) || turn == 100 {
			break
		}
		if err = s.makeFolder(filepath.Dir(path)); err != nil {
			return store.Info{}, err
		}
	}
	if err != nil {
		return store.Info{}, err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return store.Info{}, fmt.Errorf("the file is written, but its folder could not be synced: %w", err)
	}
	return describe(key, written), nil
}

// publish gives the finished file its name.
func (s *Store) publish(ctx context.Context, temp, path string, condition store.Condition) error {
	if condition.IfAbsent {
		err := s.link(temp, path)
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%w: the key exists", store.ErrConflict)
		case !noLinks(err):
			return err
		}
		// Without hard links the lock alone keeps writers apart. That is safe because such a file system refuses every writer's link.
	}
	return s.locked(ctx, func() error {
		if err := check(path, condition); err != nil {
			return err
		}
		return os.Rename(temp, path)
	})
}

// noLinks holds for what file systems without hard links answer.
func noLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS)
}

// check gives store.ErrConflict if the condition does not hold now.
func check(path string, condition store.Condition) error {
	if condition == (store.Condition{}) {
		return nil
	}
	info, err := os.Lstat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return err
	case condition.IfAbsent && !missing:
		return fmt.Errorf("%w: the key exists", store.ErrConflict)
	case condition.IfMatch != "" && missing:
		return fmt.Errorf("%w: the key does not exist any more", store.ErrConflict)
	case condition.IfMatch != "":
		if etag := describe("", info).ETag; etag != condition.IfMatch {
			return fmt.Errorf("%w: its ETag is %s, not %s", store.ErrConflict, etag, condition.IfMatch)
		}
	}
	return nil
}

// writeTemp puts the body into a file of the temporary folder, durably.
func (s *Store) writeTemp(ctx context.Context, body io.ReadSeeker, size int64) (path string, info fs.FileInfo, err error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", nil, fmt.Errorf("read the body: %w", err)
	}
	name := make([]byte, 16)
	_, _ = rand.Read(name) // it never fails
	temp := filepath.Join(s.root, tempFolder, hex.EncodeToString(name))
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeFolder(filepath.Dir(temp)); err != nil {
			return "", nil, err
		}
		f, err = os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	}
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(temp)
		}
	}()
	n, err := io.Copy(f, io.LimitReader(contextReader{ctx, body}, size+1))
	if err != nil {
		return "", nil, err
	}
	if n != size {
		return "", nil, fmt.Errorf("the body has %s than the %d bytes it should have", map[bool]string{true: "fewer", false: "more"}[n < size], size)
	}
	// A file system's own clock ticks only every few milliseconds; the ETag needs the nanosecond.
	now := time.Now()
	if err := os.Chtimes(temp, now, now); err != nil {
		return "", nil, err
	}
	if err := f.Sync(); err != nil {
		return "", nil, err
	}
	info, err = f.Stat()
	return temp, info, err
}

// makeFolder makes the folder and the missing ones above it, durably, but never the lake's own: one that vanished under an open
// store stays an error.
func (s *Store) makeFolder(path string) error {
	err := os.Mkdir(path, 0o777)
	switch {
	case err == nil:
		return syncFolder(filepath.Dir(path))
	case errors.Is(err, fs.ErrExist):
		if info, statErr := os.Stat(path); statErr == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file, so that it can hold no keys: %w", path, err)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != s.root:
		if err := s.makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := syncFolder(filepath.Dir(path)); err != nil {
			return err
		}
		return nil
	}
	return err
}

// syncFolder makes the names in a folder durable. A folder that is gone has nothing to keep, and some file systems cannot do it.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// Delete removes the file, under the lock, and then the folders above it that have become empty, as far as that goes.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	path, err := s.file(key)
	if err != nil {
		return s.failed("delete", key, err)
	}
	err = s.locked(ctx, func() error {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return fs.ErrNotExist
		}
		if ifMatch != "" {
			if err := check(path, store.Condition{IfMatch: ifMatch}); err != nil {
				return err
			}
		}
		return os.Remove(path)
	})
	err = s.failed("delete", key, err)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := syncFolder(folder); err != nil {
		return s.failed("delete", key, err)
	}
	for ; folder != s.root; folder = filepath.Dir(folder) {
		// It fails on the first folder that holds something, a file put meanwhile included.
		if os.Remove(folder) != nil {
			break
		}
	}
	return nil
}

// removeStale removes temporary files older than the given time: their writers are dead, since a put that is alive keeps writing.
func (s *Store) removeStale(before time.Time) error {
	entries, err := os.ReadDir(filepath.Join(s.root, tempFolder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() && info.ModTime().Before(before) {
			if err := os.Remove(filepath.Join(s.root, tempFolder, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// contextReader ends a copy when its context does.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
