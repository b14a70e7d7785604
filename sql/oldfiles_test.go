package sql

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// Files that were written before some columns were thought of are read beside those that have them, and alone.
func TestFilesOfAnOlderSchema(t *testing.T) {
	newer := map[string][]string{
		lake.TableSnapshots: {"unobserved_since", "unobserved_reason", "managed_at", "seen_digest"},
		lake.TableChanges:   {"attribution"},
		lake.TableClusters:  {"listed_scopes", "identity"},
	}
	queries := []string{
		"FROM pods ORDER BY ALL", "FROM snapshots ORDER BY ALL", "FROM deleted_resources ORDER BY ALL", "FROM unobserved_resources ORDER BY ALL",
		"FROM changes ORDER BY ALL", "FROM field_changes ORDER BY ALL", "FROM clusters ORDER BY ALL", "FROM snapshots_at('2026-01-02 12:00') ORDER BY ALL",
		"FROM history('apps.v1.Deployment', 'shop/web')", "SELECT count(*) FROM snapshots WHERE unobserved_since IS NOT NULL",
	}
	for _, every := range []int{1, 2} {
		l := &folderLake{folder: t.TempDir()}
		shop(t).write(t, l.folder)
		want := map[string][]string{}
		for _, query := range queries {
			want[query] = answer(t, open(t, l, Options{}), query)
		}
		db, err := openDatabase(map[string]string{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.close()
		c, err := db.connect()
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		var n int
		for table, columns := range newer {
			n = every - 1 // the first file at least
			err := filepath.WalkDir(filepath.Join(l.folder, table), func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				if n++; n%every != 0 {
					return nil
				}
				return c.exec(t.Context(), "CREATE OR REPLACE TABLE rewritten AS SELECT * EXCLUDE ("+strings.Join(columns, ", ")+
					") FROM read_parquet("+quote(path)+", hive_partitioning = false); COPY rewritten TO "+quote(path)+" (FORMAT parquet)")
			})
			if err != nil {
				t.Fatal(err)
			}
			files, err := l.Files(t.Context(), table)
			if err != nil {
				t.Fatal(err)
			}
			lacking := 0
			for _, f := range files {
				lacks, err := lake.Lacks(table, filepath.Join(l.folder, filepath.FromSlash(f.Key)))
				if err != nil || len(lacks) > 0 && !slices.Equal(lacks, columns) {
					t.Errorf("%s lacks %v (%v)", f.Key, lacks, err)
				}
				if len(lacks) > 0 {
					lacking++
				}
			}
			if lacking == 0 || every == 1 && lacking != len(files) {
				t.Errorf("%d of %d files of %s lack columns", lacking, len(files), table)
			}
		}
		for _, query := range queries {
			if got := answer(t, open(t, l, Options{}), query); !slices.Equal(got, want[query]) {
				t.Errorf("%s gives\n%s\nwant\n%s", query, strings.Join(got, "\n"), strings.Join(want[query], "\n"))
			}
		}
	}
}
