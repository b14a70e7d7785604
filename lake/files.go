package lake

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/k8sq/k8sq/lake/store"
	"golang.org/x/sync/errgroup"
)

// fetches is how many objects are fetched at the same time.
const fetches = 16

// Files lists the live data files of a table, in order of their keys: all but those that a compacted file supersedes. Of versions and changes they may
// hold files of commits that did not come to be: OnlyCommitted drops those.
func (l *Lake) Files(ctx context.Context, table string) ([]DataFile, error) {
	if _, err := schemaOf(table); err != nil {
		return nil, err
	}
	var files []DataFile
	for info, err := range l.st.List(ctx, table+"/", "") {
		if err != nil {
			return nil, fmt.Errorf("list the files of %s: %w", table, err)
		}
		if f, ok := ParseKey(info.Key); ok {
			f.Info = info
			files = append(files, f)
		}
	}
	return live(files), nil
}

// live drops the files whose range of generations lies within that of a compacted file of the same partition.
func live(files []DataFile) []DataFile {
	compacted := map[Partition][]DataFile{}
	for _, f := range files {
		if f.Compacted {
			compacted[f.Partition] = append(compacted[f.Partition], f)
		}
	}
	if len(compacted) == 0 {
		return files
	}
	return slices.DeleteFunc(files, func(f DataFile) bool {
		return slices.ContainsFunc(compacted[f.Partition], func(g DataFile) bool { return g.supersedes(f) })
	})
}

func (f DataFile) supersedes(g DataFile) bool {
	if !f.Compacted || f.Key == g.Key || g.First < f.First || g.Last > f.Last {
		return false
	}
	// Of two compacted files of the same range, which do not come about by compaction, the first one counts.
	return !g.Compacted || g.First != f.First || g.Last != f.Last || f.Key < g.Key
}

// OnlyCommitted drops the files of versions and changes that are not part of what was committed (see commit.go). It reads the footers of the snapshots of
// the partitions involved. Files of other tables stay.
func (l *Lake) OnlyCommitted(ctx context.Context, files []DataFile) ([]DataFile, error) {
	involved := map[Partition]history{}
	var prefix string
	for _, f := range files {
		if f.Table != TableVersions && f.Table != TableChanges {
			continue
		}
		if len(involved) == 0 {
			prefix = PartitionPath(TableSnapshots, f.Partition)
		}
		prefix = commonPrefix(prefix, PartitionPath(TableSnapshots, f.Partition))
		involved[f.Partition] = nil
	}
	if len(involved) == 0 {
		return files, nil
	}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	for info, err := range l.st.List(ctx, prefix, "") {
		if err != nil {
			return nil, fmt.Errorf("list the snapshots: %w", err)
		}
		f, ok := ParseKey(info.Key)
		mu.Lock()
		_, wanted := involved[f.Partition]
		mu.Unlock()
		if !ok || !wanted {
			continue
		}
		group.Go(func() error {
			meta, err := l.footer(groupCtx, info)
			if err != nil {
				return fmt.Errorf("read the last commit of %s: %w", f.Partition, err)
			}
			s, err := parseStamp(meta)
			if err != nil {
				return fmt.Errorf("read the last commit of %s: %w", f.Partition, err)
			}
			mu.Lock()
			involved[f.Partition] = s.history
			mu.Unlock()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	committed := make([]DataFile, 0, len(files))
	for _, f := range files {
		h, ok := involved[f.Partition]
		if !ok || h.has(f) || (f.Table != TableVersions && f.Table != TableChanges) {
			committed = append(committed, f)
		}
	}
	return committed, nil
}

func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// Fetch makes the files available as local files, in the same order; they stay until release is called. Each path ends in the file's key, so that it
// tells the partition. With copySnapshots, files that commits replace are linked or copied when they would be the store's own: without it, what is read at such a path
// may be newer than the file asked for.
func (l *Lake) Fetch(ctx context.Context, files []DataFile, copySnapshots bool) (paths []string, release func(), err error) {
	paths = make([]string, len(files))
	releases := make([]func(), len(files))
	var dir string
	release = sync.OnceFunc(func() {
		for _, r := range releases {
			if r != nil {
				r()
			}
		}
		if dir != "" {
			os.RemoveAll(dir)
		}
	})
	_, own := l.st.(store.Pather)
	if own && copySnapshots && slices.ContainsFunc(files, DataFile.replaced) {
		if dir, err = os.MkdirTemp("", "k8sq-read-"); err != nil {
			return nil, nil, err
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	for i, f := range files {
		group.Go(func() error {
			path, done, err := l.cache.File(groupCtx, l.st, l.id, f.Info)
			if err != nil {
				return fmt.Errorf("fetch %s: %w", f.Key, err)
			}
			paths[i], releases[i] = path, done
			if dir == "" || !f.replaced() {
				return nil
			}
			paths[i] = filepath.Join(dir, filepath.FromSlash(f.Key))
			if err := keep(path, paths[i]); err != nil {
				return fmt.Errorf("fetch %s: %w", f.Key, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		release()
		return nil, nil, err
	}
	return paths, release, nil
}

// replaced says whether commits put another file under the same key.
func (f DataFile) replaced() bool { return f.Table == TableSnapshots || f.Table == TableClusters }

// keep makes the content of a file available under another path: by a link, which a rename over the first path leaves alone, or else by a copy.
func keep(path, at string) error {
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	if os.Link(path, at) == nil {
		return nil
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(at)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

// Types lists the resource types that have a snapshot in a cluster, sorted.
func (l *Lake) Types(ctx context.Context, cluster, provider string) ([]string, error) {
	found, err := l.Snapshots(ctx, cluster, provider)
	if err != nil {
		return nil, err
	}
	types := make([]string, 0, len(found))
	for t := range found {
		types = append(types, t)
	}
	slices.SortFunc(types, strings.Compare)
	return types, nil
}
