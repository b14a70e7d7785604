package sql

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

const (
	folderPrefix = "k8sq-sql-"
	// folderLock is a file in an engine's folder that the process holds an exclusive flock on for as long as it lives. So it can be told from one
	// whose process was killed, in whatever container that ran.
	folderLock = "lock"
)

// makeFolder makes a folder for an engine's own files, and removes those of engines whose process was killed.
func makeFolder(dir string) (folder string, lock *os.File, err error) {
	if folder, err = os.MkdirTemp(dir, folderPrefix); err != nil {
		return "", nil, err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", nil, err
	}
	// The lock is held before it has its name: whoever finds it unlocked may remove the folder.
	path := filepath.Join(folder, folderLock)
	lock, err = os.OpenFile(path+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOLCK) {
			return folder, lock, nil // a file system without locks: nobody removes the folder but its own process
		}
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.RemoveAll(folder)
		return "", nil, err
	}
	removeAbandoned(filepath.Dir(folder), folder)
	return folder, lock, nil
}

// removeAbandoned removes the folders in dir whose lock nobody holds. What cannot be removed, as another user's, stays.
func removeAbandoned(dir, own string) {
	locks, _ := filepath.Glob(filepath.Join(dir, folderPrefix+"*", folderLock)) // the pattern is good
	for _, path := range locks {
		if filepath.Dir(path) == own {
			continue
		}
		if lock, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
			if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
				_ = os.RemoveAll(filepath.Dir(path))
			}
			_ = lock.Close()
		}
	}
}
