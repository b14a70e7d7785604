package lake

import (
	"io"
	"os"
	"testing"

	"github.com/k8sq/k8sq/lake/parquet"
)

// ReadVersions reads a file of versions.
func ReadVersions(t testing.TB, path string) []Version { return readFile(t, versions, path) }

// ReadChanges reads a file of changes.
func ReadChanges(t testing.TB, path string) []Change { return readFile(t, changes, path) }

// ReadSyncs reads a file of syncs.
func ReadSyncs(t testing.TB, path string) []SyncRow { return readFile(t, syncs, path) }

func readFile[R any](t testing.TB, table *parquet.Table[R], path string) []R {
	t.Helper()
	content, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	all, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := decode(t.Context(), table, all)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
