package sql

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/k8sq/k8sq/lake"
	"golang.org/x/sync/errgroup"
)

// fetch lists the tables of the scans, chooses the files that they may need, and makes these local. It gives each table's paths, and sets
// the rows' stats and release.
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
	listed, snapshots, err := e.list(ctx, names)
	if err != nil {
		return nil, err
	}
	rows.stats = Stats{}
	var files []lake.DataFile
	for i, name := range names {
		rows.stats.Files += len(listed[i])
		rows.stats.Bytes += bytesOf(listed[i])
		chosen := listed[i]
		if !e.options.Unpruned {
			if chosen, err = choose(ctx, rows.connection, byTable[name], chosen); err != nil {
				return nil, err
			}
		}
		files = append(files, chosen...)
	}
	if files, err = e.lake.CommittedBy(ctx, files, snapshots); err != nil {
		return nil, err
	}
	rows.stats.ReadFiles, rows.stats.ReadBytes = len(files), bytesOf(files)
	// The snapshots are copied, which is a hard link where it can be: DuckDB opens a file several times, and a commit in between must not
	// show in one reading and not in another.
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

// list lists the files of the tables, and the snapshots too where what is committed depends on them. The snapshots come first: whatever
// they say is committed is there when the other tables are listed, so that a query sees one moment of all tables.
func (e *Engine) list(ctx context.Context, names []string) (listed [][]lake.DataFile, snapshots []lake.DataFile, err error) {
	history := slices.Contains(names, lake.TableVersions) || slices.Contains(names, lake.TableChanges)
	if history || slices.Contains(names, lake.TableSnapshots) {
		if snapshots, err = e.lake.Files(ctx, lake.TableSnapshots); err != nil {
			return nil, nil, err
		}
	}
	listed = make([][]lake.DataFile, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		if name == lake.TableSnapshots {
			listed[i] = snapshots
			continue
		}
		group.Go(func() (err error) {
			listed[i], err = e.lake.Files(ctx, name)
			return err
		})
	}
	return listed, snapshots, group.Wait()
}

func bytesOf(files []lake.DataFile) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}
