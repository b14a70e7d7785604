package lake

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/k8sq/k8sq/lake/parquet"
)

// SnapshotRows iterates over the rows of a local file of snapshots. A row and the JSON texts in it are valid until the next one.
func SnapshotRows(ctx context.Context, path string) iter.Seq2[*Snapshot, error] {
	return fileRows(ctx, snapshots, path)
}

// VersionRows iterates over the rows of a local file of versions. A row and the JSON texts in it are valid until the next one.
func VersionRows(ctx context.Context, path string) iter.Seq2[*Version, error] {
	return fileRows(ctx, versions, path)
}

// ChangeRows iterates over the rows of a local file of changes. A row and the JSON text in it are valid until the next one.
func ChangeRows(ctx context.Context, path string) iter.Seq2[*Change, error] {
	return fileRows(ctx, changes, path)
}

// SyncRows iterates over the rows of a local file of syncs. A row is valid until the next one.
func SyncRows(ctx context.Context, path string) iter.Seq2[*SyncRow, error] {
	return fileRows(ctx, syncs, path)
}

func fileRows[R any](ctx context.Context, table *parquet.Table[R], path string) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		rowsOf(ctx, table, f, path)(yield)
	}
}

// rowsOf iterates over the rows of an open file.
func rowsOf[R any](ctx context.Context, table *parquet.Table[R], f *os.File, what string) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		stat, err := f.Stat()
		if err != nil {
			yield(nil, fmt.Errorf("read %s: %w", what, err))
			return
		}
		file, err := parquet.Open(f, stat.Size())
		if err != nil {
			yield(nil, fmt.Errorf("read %s: %w", what, err))
			return
		}
		reader, err := read(ctx, table, file, what)
		if err != nil {
			yield(nil, err)
			return
		}
		defer reader.Close()
		for {
			row, err := reader.Next()
			if err == io.EOF {
				return
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
