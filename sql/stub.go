package sql

import (
	"fmt"
	"path/filepath"

	"github.com/k8sq/k8sq/lake"
)

// The plan of a query is made over stubs: for each table two empty files, in partitions that no lake has. DuckDB then prints, as the "File
// Filters" of each scan in its JSON plan, the conditions on partition columns that would drop a stub, which are those that can be decided
// from a path alone. Two things make that dependable:
//   - There are two files, because of a single one DuckDB reads the statistics and plans with them, as it cannot with the lake's many; and
//     they stand at both ends of every order, so that `date >= …` and `date <= …` each drop one of them.
//   - Both lie under k8sq_table=none, and the table asks for its own name there. That condition always drops both, so that it is always printed, and
//     says which table a scan is of: nothing else in the plan does.
const (
	stubKey  = "k8sq_table"
	stubLow  = "!"
	stubHigh = "~~~"
)

// stubPaths are the paths of a table's stubs under folder.
func stubPaths(folder string, t table) []string {
	var paths []string
	for i, value := range []string{stubLow, stubHigh} {
		path := filepath.Join(folder, stubKey+"=none")
		for _, c := range t.partitions {
			v := lake.Escape(value)
			if c == day {
				v = []string{"0001-01-01", "9999-12-31"}[i]
			}
			path = filepath.Join(path, c.name+"="+v)
		}
		paths = append(paths, filepath.Join(path, t.name+".parquet"))
	}
	return paths
}

// stub writes a table's stubs and gives the relation that stands for it while a query is planned.
func stub(folder string, t table) (string, error) {
	paths := stubPaths(folder, t)
	for _, path := range paths {
		if err := lake.WriteEmpty(t.name, path); err != nil {
			return "", fmt.Errorf("write a stub of %s: %w", t.name, err)
		}
	}
	return t.over(t.scan(paths, column{stubKey, varchar})) + " WHERE " + stubKey + " = " + quote(t.name), nil
}
