package local

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/k8sq/k8sq/lake/store"
)

// List walks only the folders that can hold a match, one folder in memory at a time for each level.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Info{}, s.failed("list", prefix, err))
			return
		}
		folder, _ := store.SplitPrefix(prefix)
		w := walk{ctx: ctx, root: s.root, prefix: prefix, after: after, yield: yield}
		if _, err := w.folder(folder); err != nil {
			// A folder that is missing holds no keys, unless it is the lake's own.
			if err = s.failed("list", prefix, err); !errors.Is(err, store.ErrNotFound) {
				yield(store.Info{}, err)
			}
		}
	}
}

// reserved holds for the keys that the store keeps for itself.
func reserved(key string) bool {
	return key == lockFile || key == tempFolder || strings.HasPrefix(key, tempFolder+"/")
}

type walk struct {
	ctx           context.Context
	root          string
	prefix, after string
	yield         func(store.Info, error) bool
}

// folder yields the keys below one folder ("" or "a/b/") and says whether to go on.
func (w *walk) folder(folder string) (more bool, err error) {
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(folder)))
	if err != nil {
		return false, err
	}
	// The order of keys is not that of names: what lies in folder "a" has keys that begin with "a/", and "a-b" and "a.b" come before
	// that, since '-' and '.' are less than '/'. With its slash a folder's name sorts where its keys do.
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(keyName(a), keyName(b)) })
	for _, entry := range entries {
		if err := w.ctx.Err(); err != nil {
			return false, err
		}
		key := folder + keyName(entry)
		if reserved(strings.TrimSuffix(key, "/")) {
			continue
		}
		if entry.IsDir() {
			within := strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key)
			passed := w.after > key && !strings.HasPrefix(w.after, key)
			if !within || passed {
				continue
			}
			more, err := w.folder(key)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				continue // deleted since the folder above was read
			}
			if err != nil || !more {
				return false, err
			}
			continue
		}
		if !entry.Type().IsRegular() || !strings.HasPrefix(key, w.prefix) || key <= w.after {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if !w.yield(describe(key, info), nil) {
			return false, nil
		}
	}
	return true, nil
}

// keyName is an entry's part of the keys it stands for.
func keyName(entry fs.DirEntry) string {
	if entry.IsDir() {
		return entry.Name() + "/"
	}
	return entry.Name()
}
