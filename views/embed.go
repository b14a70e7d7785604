// Package views holds the SQL views and macros of k8sq, one a file, over the lake's tables in the schema `lake`.
package views

import "embed"

// FS holds the files: <name>.sql for each view and macro.
//
//go:embed *.sql
var FS embed.FS

// View is a view or a macro.
type View struct {
	Name string // of its file, without .sql
	SQL  string // one CREATE statement, with comments before it
}

// Macros gives the macros. They read nothing but the lake's tables, and are to be made while these are tables and not views: DuckDB binds a new
// macro once with its parameters in scope, also inside the views it reads, where `type` would then be both a parameter and a column.
func Macros() []View { return read("quantity", "history", "resource_at", "snapshots_at") }

// Views gives the views in an order in which each comes after those it reads.
func Views() []View {
	return read("snapshots", "deleted_resources", "versions", "changes", "syncs", "clusters", "field_changes", "pods", "deployments", "services", "nodes")
}

func read(names ...string) []View {
	views := make([]View, len(names))
	for i, name := range names {
		text, err := FS.ReadFile(name + ".sql")
		if err != nil {
			panic(err) // it was embedded when the program was built
		}
		views[i] = View{name, string(text)}
	}
	return views
}
