package sql

import (
	"context"
	"path/filepath"

	"github.com/k8sq/k8sq/lake"
	"golang.org/x/sync/errgroup"
)

// fetch lists the tables of the scans, chooses the files that they may need, and makes these local. It gives each table's paths, and sets the rows'
// stats and release.
func (e *Engine) fetch(ctx context.Context, rows *Rows, scans []scan) (map[string][]string, error) {
	byTable := map[string][]scan{}
	for _, s := range scans {
		byTable[s.table] = append(byTable[s.table], s)
	}
	var names []string
	for _, t := range tables {
		if byTable[t.name] != nil {
			names = append(names, t.name)
		}
	}
	listed := make([][]lake.DataFile, len(names))
	group, listing := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			listed[i], err = e.lake.Files(listing, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	rows.stats = Stats{}
	var files []lake.DataFile
	for i, name := range names {
		rows.stats.Files += len(listed[i])
		rows.stats.Bytes += bytesOf(listed[i])
		chosen := listed[i]
		var err error
		if !e.options.Unpruned {
			if chosen, err = choose(ctx, rows.connection, byTable[name], chosen); err != nil {
				return nil, err
			}
		}
		if name == lake.TableVersions || name == lake.TableChanges {
			if chosen, err = e.lake.OnlyCommitted(ctx, chosen); err != nil {
				return nil, err
			}
		}
		files = append(files, chosen...)
	}
	rows.stats.ReadFiles, rows.stats.ReadBytes = len(files), bytesOf(files)
	// The snapshots are copied, which is a hard link where it can be: DuckDB opens a file several times, and a commit in between must not show in
	// one reading and not in another.
	paths, release, err := e.lake.Fetch(ctx, files, true)
	if err != nil {
		return nil, err
	}
	rows.release = release
	byName := map[string][]string{}
	for i, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		byName[files[i].Table] = append(byName[files[i].Table], absolute)
	}
	return byName, nil
}

func bytesOf(files []lake.DataFile) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}
