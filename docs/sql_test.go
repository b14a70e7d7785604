// Package docs_test holds the documents to what the program does.
package docs_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store/local"
	"github.com/k8sq/k8sq/sql"
	"github.com/k8sq/k8sq/views"
)

var update = flag.Bool("update", false, "rewrite the columns of sql.md, keeping what is said of each")

// calls are how the macros are asked for their columns.
var calls = map[string]string{
	"history":      "history('', '')",
	"resource_at":  "resource_at('', '', 1)",
	"snapshots_at": "snapshots_at('2026-01-01')",
}

// The sections of sql.md are headed ### `name` or ### `name(parameter, …)`, and hold one table: column, type, what it says.
var heading = regexp.MustCompile("^### `([a-z_]+)(\\([a-z, ]*\\))?`$")

// TestSQLColumns compares the tables of sql.md with the columns that the views have.
func TestSQLColumns(t *testing.T) {
	engine := openEngine(t)
	document := readLines(t, "sql.md")
	sections := map[string]bool{}
	var rewritten []string
	for i := 0; i < len(document); i++ {
		rewritten = append(rewritten, document[i])
		match := heading.FindStringSubmatch(document[i])
		if match == nil {
			continue
		}
		name := match[1]
		sections[name] = true
		// On to the table, of which the first two lines are its head.
		for i++; i < len(document) && !strings.HasPrefix(document[i], "|"); i++ {
			rewritten = append(rewritten, document[i])
		}
		says := map[string]string{}
		var written []string
		for ; i < len(document) && strings.HasPrefix(document[i], "|"); i++ {
			cells := strings.SplitN(strings.Trim(document[i], "|"), "|", 3)
			if len(cells) != 3 {
				t.Fatalf("sql.md, %s: %q has not three cells", name, document[i])
			}
			written = append(written, document[i])
			says[strings.Trim(cells[0], " `")] = strings.TrimSpace(cells[2])
		}
		i--
		want := []string{"| column | type | |", "|---|---|---|"}
		for _, column := range columns(t, engine, name) {
			want = append(want, fmt.Sprintf("| `%s` | %s | %s |", column.name, column.kind, says[column.name]))
		}
		if got := strings.Join(written, "\n"); got != strings.Join(want, "\n") && !*update {
			t.Errorf("sql.md, %s: the columns are not those of the view (go test ./docs -update):\n%s\nwant\n%s", name, got, strings.Join(want, "\n"))
		}
		rewritten = append(rewritten, want...)
	}
	for _, view := range views.All() {
		function := strings.Contains(view.SQL(), "CREATE MACRO") && !strings.Contains(view.SQL(), "AS TABLE") // told in the text
		if function && !strings.Contains(strings.Join(document, "\n"), "`"+view.Name+"(") {
			t.Errorf("sql.md does not tell of the function %s", view.Name)
		}
		if !function && !sections[view.Name] {
			t.Errorf("sql.md has no section for %s", view.Name)
		}
	}
	if *update {
		if err := os.WriteFile("sql.md", []byte(strings.Join(rewritten, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSQLExamples runs every block of SQL in the documents: over an empty lake, so that it shows only that DuckDB understands it.
func TestSQLExamples(t *testing.T) {
	engine := openEngine(t)
	ran := 0
	for _, name := range []string{"sql.md", "sync.md", filepath.Join("..", "README.md")} {
		text := strings.Join(readLines(t, name), "\n")
		for _, block := range strings.Split(text, "\n```sql\n")[1:] {
			block, _, _ = strings.Cut(block, "\n```")
			for _, statement := range strings.Split(block, ";\n") {
				rows, err := engine.Query(context.Background(), statement)
				if err != nil {
					t.Errorf("%s: %v\n%s", name, err, statement)
					continue
				}
				rows.Close()
				ran++
			}
		}
		// What README hands to k8sq query.
		for _, match := range regexp.MustCompile(`k8sq query "([^"]+)"`).FindAllStringSubmatch(text, -1) {
			rows, err := engine.Query(context.Background(), match[1])
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, match[1])
				continue
			}
			rows.Close()
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("only %d examples were found: the test has lost its subject", ran)
	}
}

func openEngine(t *testing.T) *sql.Engine {
	t.Helper()
	ctx := context.Background()
	folder, err := local.Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(ctx, folder, nil) // nothing of an empty lake is fetched, so no cache is asked
	if err != nil {
		t.Fatal(err)
	}
	engine, err := sql.Open(ctx, l, sql.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}

type column struct{ name, kind string }

func columns(t *testing.T, engine *sql.Engine, name string) []column {
	t.Helper()
	relation := name
	if call := calls[name]; call != "" {
		relation = call
	}
	ctx := context.Background()
	rows, err := engine.Query(ctx, "SELECT column_name, column_type FROM (DESCRIBE FROM "+relation+")")
	if err != nil {
		t.Fatalf("describe %s: %v", name, err)
	}
	defer rows.Close()
	var described []column
	for rows.Next(ctx) {
		values := rows.Values()
		kind := strings.ReplaceAll(fmt.Sprint(values[1]), "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
		described = append(described, column{fmt.Sprint(values[0]), kind})
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("describe %s: %v", name, err)
	}
	return described
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}
