package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/k8sq/k8sq/lake"
)

// scan is one reading of a table in a query's plan.
type scan struct {
	table   string
	filters []string // SQL conditions over partition columns, all of which a file's partition must meet
}

// reading is what a statement does, by the plan that DuckDB makes of it over the stubs.
type reading struct {
	scans     []scan
	functions []string // the table functions that it calls, in upper case
}

// plan finds out what a statement reads.
func plan(ctx context.Context, c *connection, text string) (reading, error) {
	var r reading
	rows, err := c.all(ctx, "EXPLAIN (FORMAT json) "+text)
	if err != nil {
		return r, err
	}
	for _, row := range rows {
		body, ok := row[len(row)-1].(string)
		if !ok {
			return r, fmt.Errorf("DuckDB's plan is a %T", row[len(row)-1])
		}
		var nodes []node
		if err := json.Unmarshal([]byte(body), &nodes); err != nil {
			return r, fmt.Errorf("read DuckDB's plan: %w", err)
		}
		for _, n := range nodes {
			n.collect(&r)
		}
	}
	return r, nil
}

// node is an operator of a JSON plan. A value of Info is a string, or, where it had several lines, a list of them.
type node struct {
	Name     string                     `json:"name"`
	Children []node                     `json:"children"`
	Info     map[string]json.RawMessage `json:"extra_info"`
}

func (n node) text(key string) string {
	var line string
	if json.Unmarshal(n.Info[key], &line) == nil {
		return line
	}
	var lines []string
	if json.Unmarshal(n.Info[key], &lines) == nil {
		return strings.Join(lines, "\n")
	}
	return ""
}

func (n node) collect(r *reading) {
	if function := n.text("Function"); function != "" {
		r.functions = append(r.functions, strings.ToUpper(function))
	}
	if filters, ok := conditions(n.text("File Filters")); ok {
		s := scan{}
		for _, filter := range filters {
			if name, found := strings.CutPrefix(filter, "("+stubKey+" = '"); found {
				s.table = strings.TrimSuffix(name, "')")
			} else {
				s.filters = append(s.filters, filter)
			}
		}
		if s.table == lake.TableVersions || s.table == lake.TableChanges {
			s.filters = append(s.filters, dateFilters(n.text("Filters"))...)
		}
		if s.table != "" {
			r.scans = append(r.scans, s)
		}
	}
	for _, child := range n.Children {
		child.collect(r)
	}
}

// choose gives the files that a table's scans may need: for each scan, those whose partition meets its conditions. A condition that cannot
// be evaluated keeps every file, which is slower and still right.
func choose(ctx context.Context, c *connection, scans []scan, files []lake.DataFile) ([]lake.DataFile, error) {
	type place struct{ cluster, provider, kind, date string }
	var places []place
	numbers := map[place]int{}
	numberOf := make([]int, len(files))
	for i, f := range files {
		p := place{f.Cluster, f.Provider, f.Type, f.Date}
		number, known := numbers[p]
		if !known {
			number = len(places)
			numbers[p] = number
			places = append(places, p)
		}
		numberOf[i] = number
	}
	kept := make([]bool, len(places))
	for _, s := range scans {
		if len(s.filters) == 0 {
			return files, nil
		}
	}
	var values strings.Builder
	for i, p := range places {
		date := "NULL"
		if p.date != "" {
			date = "DATE " + quote(p.date)
		}
		if i > 0 {
			values.WriteString(", ")
		}
		fmt.Fprintf(&values, "(%s, %s, %s, %s, %d)", quote(p.cluster), quote(p.provider), quote(p.kind), date, i)
	}
	for _, s := range scans {
		if len(places) == 0 {
			break
		}
		question := "SELECT number FROM (VALUES " + values.String() + ") AS files(cluster, provider, type, date, number) WHERE (" + strings.Join(s.filters, ") AND (") + ")"
		rows, err := c.all(ctx, question)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return files, nil
		}
		for _, row := range rows {
			kept[row[0].(int64)] = true
		}
	}
	chosen := files[:0:0]
	for i, f := range files {
		if kept[numberOf[i]] {
			chosen = append(chosen, f)
		}
	}
	return chosen, nil
}
