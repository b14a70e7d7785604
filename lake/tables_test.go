package lake_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/parquet"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// TestSchema compares the tables' schemas, as they stand in an empty file, with the golden ones: they are a contract with those who read the lake.
func TestSchema(t *testing.T) {
	for _, table := range lake.Tables {
		path := filepath.Join(t.TempDir(), "deep", "empty.parquet")
		if err := lake.WriteEmpty(table, path); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		stat, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		file, err := parquet.Open(f, stat.Size())
		if err != nil {
			t.Fatal(err)
		}
		if file.NumRows() != 0 {
			t.Errorf("%s: %d rows in an empty file", table, file.NumRows())
		}
		got := file.Schema()
		if got != lake.Schema(table) {
			t.Errorf("%s: the file has\n%s\nand Schema gives\n%s", table, got, lake.Schema(table))
		}
		golden := filepath.Join("testdata", table+".schema")
		if *rewrite {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what %s has (go test ./lake -rewrite, if that is meant):\n%s", table, golden, got)
		}
	}
	if lake.Schema("pods") != "" || lake.Columns("pods") != nil || lake.WriteEmpty("pods", filepath.Join(t.TempDir(), "x")) == nil {
		t.Error("there is a table pods")
	}
	if got := lake.Columns(lake.TableSyncs); !slices.Equal(got, []string{"sync_id", "type", "status", "resource_version", "listed", "created", "updated",
		"deleted", "started_at", "finished_at", "error"}) {
		t.Errorf("columns of syncs: %v", got)
	}
}
