package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// locked runs f while no other process or goroutine replaces or deletes a file of this lake. The kernel drops the lock of a process
// that dies. The wait is a poll, because a blocking flock could not be cancelled; the lock is held for a stat and a rename only.
func (s *Store) locked(ctx context.Context, f func() error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	path := filepath.Join(s.root, lockFile)
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		lock, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	}
	if err != nil {
		return err
	}
	defer lock.Close() // which drops the lock
	for wait := 100 * time.Microsecond; ; wait = min(wait*2, 10*time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("flock", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f()
}
