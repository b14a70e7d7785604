// Package local keeps a lake in a folder: one file an object.
//
// What it asks of the file system: an atomic rename, fsync, flock, and, where it has them, hard links. All processes that write
// to one folder must see each other's flocks, so a folder on a network file system needs one whose locks work across machines.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/k8sq/k8sq/lake/store"
)

// What the store keeps for itself. Both lie in the folder that engines skip, and neither is ever listed.
const (
	tempFolder = "_k8sq/tmp"
	lockFile   = "_k8sq/lock"
)

// staleAfter is the age at which a temporary file's writer is taken for dead.
const staleAfter = 24 * time.Hour

// Store is a folder as a store.Store and a store.Pather.
type Store struct {
	root string
	// turn holds one token: within this process only one goroutine at a time competes for the lock file.
	turn chan struct{}
	// link is os.Link. It is a field so that the tests can stand in a file system without hard links.
	link func(from, to string) error
}

// Open gives the store in dir. With create it makes the folder where it is missing, checks that it can be written to, and removes
// what writers that died left in the temporary folder. Without, a missing folder is store.ErrNoRoot.
func Open(dir string, create bool) (*Store, error) {
	if dir == "" {
		return nil, errors.New("open lake folder: no folder is named")
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open lake folder %s: %w", dir, err)
	}
	s := &Store{root: root, turn: make(chan struct{}, 1), link: os.Link}
	if create {
		if err := os.MkdirAll(filepath.Join(root, tempFolder), 0o777); err != nil {
			return nil, s.failed("open lake folder", "", err)
		}
		if err := s.removeStale(time.Now().Add(-staleAfter)); err != nil {
			return nil, s.failed("open lake folder", "", err)
		}
		// Only a write shows that one can: permissions do not tell of a read-only mount.
		probe, err := os.CreateTemp(filepath.Join(root, tempFolder), "open-")
		if err != nil {
			return nil, s.failed("open lake folder", "", err)
		}
		probe.Close()
		os.Remove(probe.Name())
		return s, nil
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, s.failed("open lake folder", "", err)
	}
	if !info.IsDir() {
		return nil, s.failed("open lake folder", "", syscall.ENOTDIR)
	}
	return s, nil
}

// String is the folder's absolute path.
func (s *Store) String() string { return s.root }

// Path gives the file that holds key. It lies within the folder, whatever the key is.
func (s *Store) Path(key string) string {
	return filepath.Join(s.root, filepath.FromSlash(filepath.Clean("/"+key)))
}

// file is Path for keys that the store accepts.
func (s *Store) file(key string) (string, error) {
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	if reserved(key) {
		return "", fmt.Errorf("key %q is the store's own", key)
	}
	return s.Path(key), nil
}

// Get opens the file. What is read stays what it was when it was opened: a put gives the key another file.
func (s *Store) Get(_ context.Context, key string) (io.ReadCloser, store.Info, error) {
	f, info, err := s.open(key)
	if err != nil {
		return nil, store.Info{}, s.failed("get", key, err)
	}
	return f, info, nil
}

// GetRange opens a part of the file. A range that begins behind the end is empty.
func (s *Store) GetRange(_ context.Context, key string, offset, n int64) (io.ReadCloser, store.Info, error) {
	if offset >= 0 && n < 0 {
		return nil, store.Info{}, s.failed("get", key, fmt.Errorf("a range of %d bytes", n))
	}
	f, info, err := s.open(key)
	if err != nil {
		return nil, store.Info{}, s.failed("get", key, err)
	}
	if offset < 0 {
		offset = max(info.Size+offset, 0)
		n = info.Size - offset
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, n), f}, info, nil
}

func (s *Store) open(key string) (*os.File, store.Info, error) {
	path, err := s.file(key)
	if err != nil {
		return nil, store.Info{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, store.Info{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, store.Info{}, err
	}
	return f, describe(key, info), nil
}

// describe makes the Info of a file. The ETag tells every put from every other: two files that exist at once differ by inode, and a
// later file that is given a dead one's inode differs by its modification time, which Put sets to the nanosecond.
func describe(key string, info fs.FileInfo) store.Info {
	var inode uint64
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = stat.Ino
	}
	return store.Info{
		Key:      key,
		Size:     info.Size(),
		ETag:     strconv.FormatUint(inode, 36) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36),
		Modified: info.ModTime().UTC(),
	}
}

// failed says what was being done to which file, and gives the error the class that callers branch on.
func (s *Store) failed(action, key string, err error) error {
	if err == nil {
		return nil
	}
	path := s.root
	if key != "" {
		path = s.root + "/" + key
	}
	// The path is told once, by us; the operating system's own is often a temporary file's.
	cause := err
	switch e := err.(type) { // what only wraps one of these says more, and stays
	case *fs.PathError:
		cause = e.Err
	case *os.LinkError:
		cause = e.Err
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%s %s: %w", action, path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		if info, statErr := os.Stat(s.root); statErr != nil && errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("%s %s: %w: %s is missing", action, path, store.NoRoot("no such folder"), s.root)
		} else if statErr == nil && !info.IsDir() {
			return fmt.Errorf("%s %s: %w: %s is a file", action, path, store.NoRoot("no such folder"), s.root)
		}
		if action == "put" {
			return fmt.Errorf("%s %s: %w: a part of its path is a file, or was removed again and again", action, path, cause)
		}
		return fmt.Errorf("%s %s: %w", action, path, store.ErrNotFound)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s %s: %w: %w", action, path, store.ErrForbidden, cause)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s %s: %w: make room on the disk that holds %s", action, path, cause, s.root)
	}
	return fmt.Errorf("%s %s: %w", action, path, cause)
}
