// Package views holds the SQL views and macros of k8sq, one a file, over the lake's tables in the schema `lake`.
package views

import "embed"

// FS holds the files: <name>.sql for each view and macro.
//
//go:embed *.sql
var FS embed.FS

// View is a view or a macro.
type View struct {
	Name   string   // what SQL calls it, and its file without .sql
	Macro  bool     // it has parameters
	Tables []string // of the lake, which it reads itself
	Views  []string // and macros that it uses itself; they stand before it in All
}

// SQL is the CREATE statement, with comments before it and no semicolon behind it.
func (v View) SQL() string {
	text, err := FS.ReadFile(v.Name + ".sql")
	if err != nil {
		panic(err) // it was embedded when the program was built
	}
	return string(text)
}

// All gives the views and macros, each after those it uses. Macros read nothing but tables: DuckDB binds a new macro once with its parameters in
// scope, also inside the views it reads, where `type` would then be both a parameter and a column.
func All() []View {
	return []View{
		{Name: "quantity", Macro: true},
		{Name: "object_json", Macro: true},
		{Name: "history", Macro: true, Tables: []string{"versions", "changes"}},
		{Name: "resource_at", Macro: true, Tables: []string{"versions"}, Views: []string{"object_json"}},
		{Name: "snapshots_at", Macro: true, Tables: []string{"versions", "snapshots"}, Views: []string{"object_json"}},
		{Name: "snapshots", Tables: []string{"snapshots"}, Views: []string{"object_json"}},
		{Name: "deleted_resources", Tables: []string{"snapshots"}, Views: []string{"object_json"}},
		{Name: "unobserved_resources", Tables: []string{"snapshots"}, Views: []string{"object_json"}},
		{Name: "versions", Tables: []string{"versions"}, Views: []string{"object_json"}},
		{Name: "changes", Tables: []string{"changes"}},
		{Name: "syncs", Tables: []string{"syncs"}},
		{Name: "clusters", Tables: []string{"clusters"}},
		{Name: "field_changes", Tables: []string{"changes"}},
		// The views of kinds read the lake's text columns: over the JSON columns of the view snapshots each value would be parsed once more.
		{Name: "pods", Tables: []string{"snapshots"}, Views: []string{"object_json"}},
		{Name: "deployments", Tables: []string{"snapshots"}, Views: []string{"object_json"}},
		{Name: "services", Tables: []string{"snapshots"}, Views: []string{"object_json"}},
		{Name: "nodes", Tables: []string{"snapshots"}, Views: []string{"quantity", "object_json"}},
	}
}
