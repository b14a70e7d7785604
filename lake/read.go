package lake

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/k8sq/k8sq/lake/parquet"
)

// SnapshotRows iterates over the rows of a file of the snapshots table, in order. A row and the JSON texts in it are valid until the
// next one.
func SnapshotRows(ctx context.Context, path string) iter.Seq2[*Snapshot, error] {
	return rowsOf(ctx, snapshots, path)
}

// VersionRows iterates over the rows of a file of the versions table, as SnapshotRows does.
func VersionRows(ctx context.Context, path string) iter.Seq2[*Version, error] {
	return rowsOf(ctx, versions, path)
}

// ChangeRows iterates over the rows of a file of the changes table, as SnapshotRows does.
func ChangeRows(ctx context.Context, path string) iter.Seq2[*Change, error] {
	return rowsOf(ctx, changes, path)
}

func rowsOf[R any](ctx context.Context, table *parquet.Table[R], path string) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		fail := func(err error) { yield(nil, fmt.Errorf("read %s: %w", path, err)) }
		opened, err := os.Open(path)
		if err != nil {
			fail(err)
			return
		}
		defer opened.Close()
		stat, err := opened.Stat()
		if err != nil {
			fail(err)
			return
		}
		file, err := parquet.Open(opened, stat.Size())
		if err != nil {
			fail(err)
			return
		}
		rows, err := table.Read(file)
		if err != nil {
			fail(err)
			return
		}
		defer rows.Close()
		for {
			row, err := rows.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}
