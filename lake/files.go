package lake

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/k8sq/k8sq/lake/store"
	"golang.org/x/sync/errgroup"
)

// fetches is how many objects are fetched at the same time.
const fetches = 16

// Files lists the live data files of a table, in order of their keys: all but those that a compacted file supersedes. Of versions and
// changes they may hold files of commits that did not come to be: OnlyCommitted drops those.
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

// OnlyCommitted drops the files of versions and changes that are not part of what was committed (see commit.go). It reads the footers of
// the snapshots of the partitions involved, as they are now. Files of other tables stay.
func (l *Lake) OnlyCommitted(ctx context.Context, files []DataFile) ([]DataFile, error) {
	prefix := ""
	first := true
	for _, f := range files {
		if !f.history() {
			continue
		}
		if first {
			prefix, first = PartitionPath(TableSnapshots, f.Partition), false
		}
		prefix = commonPrefix(prefix, PartitionPath(TableSnapshots, f.Partition))
	}
	if first {
		return files, nil
	}
	var snapshots []DataFile
	for info, err := range l.st.List(ctx, prefix, "") {
		if err != nil {
			return nil, fmt.Errorf("list the snapshots: %w", err)
		}
		if f, ok := ParseKey(info.Key); ok {
			f.Info = info
			snapshots = append(snapshots, f)
		}
	}
	return committedBy(ctx, files, snapshots, l.lastCommit)
}

// CommittedBy is OnlyCommitted as of the moment when the snapshots were listed. If they were listed before the files, then what it gives of
// several tables is of that one moment. A snapshot that has been replaced since is store.ErrConflict: list again.
func (l *Lake) CommittedBy(ctx context.Context, files, snapshots []DataFile) ([]DataFile, error) {
	return committedBy(ctx, files, snapshots, func(ctx context.Context, info store.Info) (stamp, error) {
		meta, err := l.footer(ctx, info)
		if err != nil {
			return stamp{}, err
		}
		return parseStamp(meta)
	})
}

// committedBy drops the files of versions and changes that the stamps of the snapshots do not count. It reads the stamps of the partitions
// involved, side by side.
func committedBy(ctx context.Context, files, snapshots []DataFile, read func(context.Context, store.Info) (stamp, error)) ([]DataFile, error) {
	stamps := map[Partition]*stamp{}
	for _, f := range files {
		if f.history() {
			stamps[f.Partition] = &stamp{}
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	for _, f := range snapshots {
		last := stamps[f.Partition]
		if last == nil {
			continue
		}
		group.Go(func() (err error) {
			if *last, err = read(groupCtx, f.Info); err != nil {
				return fmt.Errorf("read the last commit of %s: %w", f.Partition, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	committed := make([]DataFile, 0, len(files))
	for _, f := range files {
		if !f.history() || stamps[f.Partition].counts(f) {
			committed = append(committed, f)
		}
	}
	return committed, nil
}

// history says whether the file is of a table whose files count only once they are committed.
func (f DataFile) history() bool { return f.Table == TableVersions || f.Table == TableChanges }

// lastCommit reads the stamp of a snapshot, or of the one that has replaced it since it was listed: a newer history has all of an older
// one.
func (l *Lake) lastCommit(ctx context.Context, info store.Info) (stamp, error) {
	var err error
	for range replacedWhileRead {
		var meta map[string]string
		if meta, err = l.footer(ctx, info); err == nil {
			return parseStamp(meta)
		}
		if !errors.Is(err, store.ErrConflict) {
			return stamp{}, err
		}
		now, found, statErr := l.stat(ctx, info.Key)
		if statErr != nil || !found {
			return stamp{}, errors.Join(err, statErr)
		}
		info = now
	}
	return stamp{}, err
}

func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// Fetch makes the files available as local files, in the same order; they stay until release is called. The folders above each are those of
// its key, so that they tell the partition. With copySnapshots the files that commits replace (snapshots and clusters) stay what they are
// until then; without it, of a lake in a folder, what is at their paths may be newer than the files asked for, and may be replaced while it
// is read. A file that has been replaced or superseded since it was listed is store.ErrConflict or store.ErrNotFound: list again.
//
// Of a lake whose own folder looks like a partition (/data/type=x/lake), everything is copied: engines would take the folder for the
// partition of each file.
func (l *Lake) Fetch(ctx context.Context, files []DataFile, copySnapshots bool) (paths []string, release func(), err error) {
	paths = make([]string, len(files))
	releases := make([]func(), len(files))
	release = sync.OnceFunc(func() {
		for _, r := range releases {
			if r != nil {
				r()
			}
		}
	})
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	misleading := l.liesInPartition()
	for i, f := range files {
		group.Go(func() error {
			get := l.cache.File
			if misleading || copySnapshots && (f.Table == TableSnapshots || f.Table == TableClusters) {
				get = l.cache.Copy
			}
			var err error
			if paths[i], releases[i], err = get(groupCtx, l.st, l.id, f.Info); err != nil {
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

// liesInPartition tells whether a folder above a lake of local files is named like one of the tables' partitions.
func (l *Lake) liesInPartition() bool {
	local, ok := l.st.(store.Pather)
	if !ok {
		return false
	}
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(local.Path(configKey)), "/"), func(folder string) bool {
		name, _, found := strings.Cut(folder, "=")
		return found && slices.Contains([]string{"cluster", "provider", "type", "date"}, strings.ToLower(name))
	})
}
