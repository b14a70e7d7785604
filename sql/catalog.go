package sql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/views"
)

// catalog is a set of the lake's tables, and of views and macros over them: those that a query needs. To make a view costs a millisecond or
// two, as much as many a query.
type catalog struct {
	tables []string
	views  []views.View // each after those it uses
}

// everything is the catalog of all there is.
func everything() catalog {
	var c catalog
	for _, t := range tables {
		c.tables = append(c.tables, t.name)
	}
	c.views = views.All()
	return c
}

// words finds names in SQL; listing finds what may ask for the list of views, or for names that are made up while the query is bound.
var (
	words   = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*`)
	listing = regexp.MustCompile(`(?i)show|describe|schema|duckdb_|pg_|sqlite_|pragma|query|\bdesc\b`)
)

// mentioned is the catalog that a query can need: everything whose name is somewhere in its text. That may be too much, and it is too
// little only if the query cannot be bound, or asks for the catalog itself, for which it is everything.
func mentioned(text string) catalog {
	if listing.MatchString(text) {
		return everything()
	}
	named := map[string]bool{}
	for _, word := range words.FindAllString(text, -1) {
		named[strings.ToLower(word)] = true
	}
	all := views.All()
	wanted := map[string]bool{}
	needs := map[string]bool{}
	for _, view := range slices.Backward(all) {
		if !wanted[view.Name] && !named[view.Name] {
			continue
		}
		wanted[view.Name] = true
		for _, name := range view.Views {
			wanted[name] = true
		}
		for _, name := range view.Tables {
			needs[name] = true
		}
	}
	var c catalog
	for _, t := range tables {
		if needs[t.name] || named["lake"] && named[t.name] {
			c.tables = append(c.tables, t.name)
		}
	}
	for _, view := range all {
		if wanted[view.Name] {
			c.views = append(c.views, view)
		}
	}
	return c
}

// define makes the catalog's tables, views and macros, over what relation gives for each table. What is in known is there already, and what
// is made is added to it.
func define(ctx context.Context, c *connection, wanted catalog, known map[string]bool, relation func(table) (string, error)) error {
	var missing catalog
	for _, view := range wanted.views {
		if !known[view.Name] {
			missing.views = append(missing.views, view)
		}
	}
	for _, t := range tables {
		needed := slices.ContainsFunc(missing.views, func(v views.View) bool { return v.Macro && slices.Contains(v.Tables, t.name) })
		if needed || slices.Contains(wanted.tables, t.name) && !known["lake."+t.name] {
			missing.tables = append(missing.tables, t.name)
		}
	}
	if len(missing.tables)+len(missing.views) == 0 {
		return nil
	}
	// Macros are made while the tables they read are tables and not views: see views.All.
	var scaffold, after, macros, rest strings.Builder
	for _, view := range missing.views {
		if view.Macro {
			macros.WriteString(view.SQL() + ";\n")
		} else {
			rest.WriteString(view.SQL() + ";\n")
		}
	}
	for _, name := range missing.tables {
		t, _ := tableNamed(name)
		over, err := relation(t)
		if err != nil {
			return err
		}
		if known["lake."+name] {
			scaffold.WriteString("DROP VIEW lake." + name + ";\n")
		}
		if macros.Len() > 0 {
			scaffold.WriteString("CREATE TABLE lake." + name + " AS " + t.empty() + ";\n")
			after.WriteString("DROP TABLE lake." + name + ";\n")
		}
		after.WriteString("CREATE VIEW lake." + name + " AS " + over + ";\n")
	}
	script := "BEGIN;\nCREATE SCHEMA IF NOT EXISTS lake;\n" + scaffold.String() + macros.String() + after.String() + rest.String() + "COMMIT;"
	if err := c.exec(ctx, script); err != nil {
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") // there may be no transaction, if BEGIN was interrupted
		return fmt.Errorf("make the views: %w", err)
	}
	for _, name := range missing.tables {
		known["lake."+name] = true
	}
	for _, view := range missing.views {
		known[view.Name] = true
	}
	return nil
}
