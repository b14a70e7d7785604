package sql

import (
	"maps"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/lake"
)

// table is a table of the lake as the schema `lake` shows it: lake.snapshots and so on. The views in package views are made over these.
type table struct {
	name       string
	partitions []column // in the path
	columns    []column // in the files
}

type column struct{ name, kind string }

const (
	varchar    = "VARCHAR"
	timestamp  = "TIMESTAMP WITH TIME ZONE"
	bigint     = "BIGINT"
	integer    = "INTEGER"
	stringMap  = "MAP(VARCHAR, VARCHAR)"
	stringList = "VARCHAR[]"
)

var (
	cluster  = column{"cluster", varchar}
	provider = column{"provider", varchar}
	kind     = column{"type", varchar}
	day      = column{"date", "DATE"}
)

// columnsOf makes columns from a kind and the names that have it.
func columnsOf(kind string, names ...string) []column {
	columns := make([]column, len(names))
	for i, name := range names {
		columns[i] = column{name, kind}
	}
	return columns
}

func concat(parts ...[]column) []column {
	var columns []column
	for _, part := range parts {
		columns = append(columns, part...)
	}
	return columns
}

// tables are the lake's tables with their columns of DESIGN.md 2.2. The JSON columns stay text here: DuckDB's JSON functions take text, and
// a cast to JSON checks every value once more; the views cast where they show a column.
var tables = []table{
	{lake.TableSnapshots, []column{cluster, provider, kind}, concat(
		columnsOf(varchar, "api_group", "api_version", "kind", "namespace", "name", "resource_id", "uid"),
		columnsOf(stringMap, "labels", "annotations"),
		columnsOf(varchar, "owner_kind", "owner_name", "owner_uid"),
		columnsOf(timestamp, "created_at", "first_seen_at", "updated_at", "deleted_at"),
		columnsOf(varchar, "phase"), columnsOf(bigint, "latest_version"), columnsOf(varchar, "latest_digest"), columnsOf(bigint, "generation"),
		columnsOf(varchar, "metadata", "spec", "status", "fields"),
		columnsOf(timestamp, "unobserved_since"), columnsOf(varchar, "unobserved_reason"), columnsOf(timestamp, "managed_at"), columnsOf(varchar, "seen_digest"))},
	{lake.TableVersions, []column{cluster, provider, kind, day}, concat(
		columnsOf(varchar, "api_group", "api_version", "kind", "namespace", "name", "resource_id", "uid"),
		columnsOf(bigint, "version"), columnsOf(varchar, "operation", "digest", "previous_digest"),
		columnsOf(timestamp, "captured_at", "modified_at"), columnsOf(stringList, "managers"), columnsOf(varchar, "sync_id"), columnsOf(bigint, "generation"),
		columnsOf(stringMap, "labels", "annotations"),
		columnsOf(varchar, "owner_kind", "owner_name", "owner_uid", "phase", "metadata", "spec", "status", "fields"))},
	{lake.TableChanges, []column{cluster, provider, kind, day}, concat(
		columnsOf(varchar, "api_group", "api_version", "kind", "namespace", "name", "resource_id", "uid"),
		columnsOf(bigint, "from_version", "to_version"), columnsOf(varchar, "operation"),
		columnsOf(timestamp, "captured_at", "modified_at"), columnsOf(stringList, "managers"), columnsOf(varchar, "sync_id"), columnsOf(bigint, "generation"),
		columnsOf(integer, "added", "updated", "removed"), columnsOf(stringList, "paths"), columnsOf(varchar, "diff", "attribution"))},
	{lake.TableSyncs, []column{cluster, provider, day}, concat(
		columnsOf(varchar, "sync_id", "type", "status", "resource_version"), columnsOf(bigint, "listed", "created", "updated", "deleted"),
		columnsOf(timestamp, "started_at", "finished_at"), columnsOf(varchar, "error"))},
	{lake.TableClusters, []column{cluster, provider}, concat(
		columnsOf(varchar, "name"), columnsOf(stringMap, "tags"), columnsOf(varchar, "server_version", "last_sync_id"),
		columnsOf(timestamp, "last_sync_at"), columnsOf(varchar, "last_sync_status"), columnsOf(stringList, "listed_types"), columnsOf(stringMap, "listed_scopes"), columnsOf(varchar, "identity"))},
}

// relation is the SQL that reads the table from files. Without files it is an empty relation of the same columns. Files that were written
// before some column was thought of are read apart from the others, and have nothing in it: one scan of files with different columns is
// read_parquet's union_by_name, which opens every file twice.
func (t table) relation(paths []string) (string, error) {
	lacking := map[string][]string{} // by what they lack
	for _, path := range paths {
		lacks, err := lake.Lacks(t.name, path)
		if err != nil {
			return "", err
		}
		key := strings.Join(lacks, " ")
		lacking[key] = append(lacking[key], path)
	}
	var parts []string
	for _, lacks := range slices.Sorted(maps.Keys(lacking)) {
		parts = append(parts, t.over(t.scan(lacking[lacks]), strings.Fields(lacks)...))
	}
	if len(parts) > 0 {
		return strings.Join(parts, " UNION ALL "), nil
	}
	return t.empty(), nil
}

// empty is the SQL of the table without a row.
func (t table) empty() string {
	var columns []string
	for _, c := range concat(t.partitions, t.columns) {
		columns = append(columns, "NULL::"+c.kind+" AS "+identifier(c.name))
	}
	return "SELECT " + strings.Join(columns, ", ") + " WHERE false"
}

// nothing is the value of a column that a file does not have.
func (c column) nothing() string {
	switch c.kind {
	case stringMap:
		return "MAP {}"
	case stringList:
		return "[]"
	}
	return "NULL"
}

// over is the SQL that makes the table's columns of a scan's, partition columns first. The scan may lack some.
func (t table) over(scan string, lacks ...string) string {
	var columns []string
	for _, c := range concat(t.partitions, t.columns) {
		if slices.Contains(lacks, c.name) {
			columns = append(columns, c.nothing()+"::"+c.kind+" AS "+identifier(c.name))
			continue
		}
		columns = append(columns, identifier(c.name)+"::"+c.kind+" AS "+identifier(c.name))
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + scan
}

// scan is the table function that reads files: explicit paths, never a pattern. The types of partition columns are given, or a cluster
// called 123 would be a number.
func (t table) scan(paths []string, more ...column) string {
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = quote(path)
	}
	kinds := make([]string, 0, 5)
	for _, c := range concat(more, t.partitions) {
		kinds = append(kinds, identifier(c.name)+": "+quote(c.kind))
	}
	return "read_parquet([" + strings.Join(quoted, ", ") + "], hive_partitioning = true, hive_types = {" + strings.Join(kinds, ", ") + "})"
}

// tableNamed finds a table.
func tableNamed(name string) (table, bool) {
	for _, t := range tables {
		if t.name == name {
			return t, true
		}
	}
	return table{}, false
}
