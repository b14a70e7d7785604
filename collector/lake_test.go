package collector

import (
	"context"
	"iter"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/cache"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
	"github.com/k8sq/k8sq/lake/store/local"
)

func newLake(t *testing.T) *lake.Lake {
	t.Helper()
	return lakeIn(t, newFolder(t))
}

// newFaultyLake makes a lake whose store fails as it is told.
func newFaultyLake(t *testing.T) (*lake.Lake, *faultstore.Store) {
	t.Helper()
	faults := faultstore.New(newFolder(t))
	return lakeIn(t, faults), faults
}

func newFolder(t *testing.T) store.Store {
	t.Helper()
	folder, err := local.Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func lakeIn(t *testing.T, place store.Store) *lake.Lake {
	t.Helper()
	files, err := cache.Open(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(t.Context(), place, files)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// committed iterates over the committed rows of a table, in the order of its files: of their folders, and then of their generations.
func committed[R any](t *testing.T, l *lake.Lake, table string, read func(context.Context, string) iter.Seq2[*R, error]) iter.Seq[*R] {
	t.Helper()
	files, err := l.Files(t.Context(), table)
	if err == nil {
		files, err = l.OnlyCommitted(t.Context(), files)
	}
	if err != nil {
		t.Fatal(err)
	}
	paths, release, err := l.Fetch(t.Context(), files, false)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(*R) bool) {
		defer release()
		for _, path := range paths {
			for row, err := range read(t.Context(), path) {
				if err != nil {
					t.Fatal(err)
				}
				if !yield(row) {
					return
				}
			}
		}
	}
}

func versionsIn(t *testing.T, l *lake.Lake) iter.Seq[*lake.Version] {
	return committed(t, l, lake.TableVersions, lake.VersionRows)
}

func changesIn(t *testing.T, l *lake.Lake) iter.Seq[*lake.Change] {
	return committed(t, l, lake.TableChanges, lake.ChangeRows)
}

func snapshotsIn(t *testing.T, l *lake.Lake) iter.Seq[*lake.Snapshot] {
	return committed(t, l, lake.TableSnapshots, lake.SnapshotRows)
}
