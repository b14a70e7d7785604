// Package parquet writes and reads Parquet files whose rows are Go structs: a Table lists the columns of a struct and where in it each
// lies. It knows no table of the lake in particular (package lake defines those) and is the only package that imports the Arrow library.
//
// Files are written for readers that fetch a few whole objects: small row groups, zstd, statistics on every column. Both directions hold
// one page of each column in memory, however long the file.
package parquet

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

const (
	// maxGroupRows and maxGroupBytes bound a row group: by rows, so that fetching a few whole objects reads little, and by its values'
	// size before compression, so that a reader in another engine needs little memory.
	maxGroupRows  = 2000
	maxGroupBytes = 16 << 20
	// maxStatistics is the longest minimum or maximum that is kept. A JSON column's extremes would be whole objects that no query can use.
	maxStatistics = 512
)

// Column is one column of a table of R.
type Column[R any] struct {
	name       string
	node       schema.Node
	dictionary bool
	leaves     int // physical columns: two for a map, else one
	sink       func() sink[R]
	source     func() source[R]
}

// Table is the schema of files whose rows are R. It is safe for concurrent use.
type Table[R any] struct {
	columns    []Column[R]
	schema     *schema.GroupNode
	properties *parquet.WriterProperties
}

// NewTable makes a table of the given columns, in their order. It panics if two have the same name: tables are defined by code.
func NewTable[R any](columns ...Column[R]) *Table[R] {
	options := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1),
		parquet.WithStats(true),
		parquet.WithMaxStatsSize(maxStatistics),
		parquet.WithMaxRowGroupLength(maxGroupRows),
		parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithCreatedBy("k8sq"),
	}
	seen := map[string]bool{}
	var fields schema.FieldList
	for _, column := range columns {
		if seen[column.name] {
			panic("parquet: two columns named " + column.name)
		}
		seen[column.name] = true
		fields = append(fields, column.node)
		if !column.dictionary {
			options = append(options, parquet.WithDictionaryFor(column.name, false))
		}
	}
	return &Table[R]{
		columns:    columns,
		schema:     schema.MustGroup(schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)),
		properties: parquet.NewWriterProperties(options...),
	}
}

// Schema prints the schema as a Parquet message, a line a column.
func (t *Table[R]) Schema() string {
	var b strings.Builder
	schema.PrintSchema(t.schema, &b, 2)
	return b.String()
}

// Columns gives the names of the columns in their order.
func (t *Table[R]) Columns() []string {
	names := make([]string, len(t.columns))
	for i, column := range t.columns {
		names[i] = column.name
	}
	return names
}

// WriteEmpty writes a file of the table that has no rows.
func (t *Table[R]) WriteEmpty(w io.Writer) error {
	writer, err := t.NewWriter(w)
	if err != nil {
		return err
	}
	return writer.Close(nil)
}

func text(name string, repetition parquet.Repetition) schema.Node {
	return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, repetition, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1))
}

func timestamp(name string, repetition parquet.Repetition) schema.Node {
	micros := schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, repetition, micros, parquet.Types.Int64, -1, -1))
}

// Text is a column of strings that has no NULLs.
func Text[R any, S ~string](name string, field func(*R) *S) Column[R] {
	return Column[R]{
		name: name, node: text(name, parquet.Repetitions.Required), dictionary: true, leaves: 1,
		sink: func() sink[R] {
			return &bytesSink[R]{add: func(row *R, into *byteLeaf) int { return into.put(string(*field(row))) }}
		},
		source: func() source[R] {
			return &textSource[R]{set: func(row *R, value string) { *field(row) = S(value) }}
		},
	}
}

// NullText is a column of strings whose empty string is NULL.
func NullText[R any, S ~string](name string, field func(*R) *S) Column[R] {
	column := Text(name, field)
	column.node = text(name, parquet.Repetitions.Optional)
	column.sink = func() sink[R] {
		return &bytesSink[R]{add: func(row *R, into *byteLeaf) int {
			if value := *field(row); value != "" {
				into.defs = append(into.defs, 1)
				return into.put(string(value))
			}
			into.defs = append(into.defs, 0)
			return 0
		}}
	}
	return column
}

// JSON is a column of JSON texts whose nil is NULL. It is a plain string to Parquet: as Parquet's logical type JSON, ClickHouse would make
// its own JSON type of it, in which a key with dots is a path, and polars would read bytes. What is read is valid until the next row is.
func JSON[R any](name string, field func(*R) *json.RawMessage) Column[R] {
	return Column[R]{
		name: name, node: text(name, parquet.Repetitions.Optional), leaves: 1,
		sink: func() sink[R] {
			return &bytesSink[R]{add: func(row *R, into *byteLeaf) int {
				if value := *field(row); value != nil {
					into.defs = append(into.defs, 1)
					return into.putBytes(value)
				}
				into.defs = append(into.defs, 0)
				return 0
			}}
		},
		source: func() source[R] {
			return &rawSource[R]{set: func(row *R, value []byte) { *field(row) = value }}
		},
	}
}

// Int64 is a column of integers that has no NULLs.
func Int64[R any](name string, field func(*R) *int64) Column[R] {
	return Column[R]{
		name: name, node: schema.NewInt64Node(name, parquet.Repetitions.Required, -1), dictionary: true, leaves: 1,
		sink: func() sink[R] {
			return &int64Sink[R]{get: func(row *R) (int64, bool) { return *field(row), true }}
		},
		source: func() source[R] {
			return &int64Source[R]{set: func(row *R, value int64, _ bool) { *field(row) = value }}
		},
	}
}

// NullInt64 is a column of integers whose 0 is NULL.
func NullInt64[R any](name string, field func(*R) *int64) Column[R] {
	column := Int64(name, field)
	column.node = schema.NewInt64Node(name, parquet.Repetitions.Optional, -1)
	column.sink = func() sink[R] {
		return &int64Sink[R]{nullable: true, get: func(row *R) (int64, bool) { return *field(row), *field(row) != 0 }}
	}
	return column
}

// Int32 is a column of integers that has no NULLs.
func Int32[R any](name string, field func(*R) *int32) Column[R] {
	return Column[R]{
		name: name, node: schema.NewInt32Node(name, parquet.Repetitions.Required, -1), dictionary: true, leaves: 1,
		sink:   func() sink[R] { return &int32Sink[R]{get: func(row *R) int32 { return *field(row) }} },
		source: func() source[R] { return &int32Source[R]{set: func(row *R, value int32) { *field(row) = value }} },
	}
}

// Time is a column of UTC times in microseconds that has no NULLs.
func Time[R any](name string, field func(*R) *time.Time) Column[R] {
	return Column[R]{
		name: name, node: timestamp(name, parquet.Repetitions.Required), dictionary: true, leaves: 1,
		sink: func() sink[R] {
			return &int64Sink[R]{get: func(row *R) (int64, bool) { return field(row).UnixMicro(), true }}
		},
		source: func() source[R] {
			return &int64Source[R]{set: func(row *R, value int64, _ bool) { *field(row) = time.UnixMicro(value).UTC() }}
		},
	}
}

// NullTime is a column of UTC times in microseconds whose zero is NULL.
func NullTime[R any](name string, field func(*R) *time.Time) Column[R] {
	return Column[R]{
		name: name, node: timestamp(name, parquet.Repetitions.Optional), dictionary: true, leaves: 1,
		sink: func() sink[R] {
			return &int64Sink[R]{nullable: true, get: func(row *R) (int64, bool) {
				at := *field(row)
				return at.UnixMicro(), !at.IsZero()
			}}
		},
		source: func() source[R] {
			return &int64Source[R]{set: func(row *R, value int64, present bool) {
				if present {
					*field(row) = time.UnixMicro(value).UTC()
				} else {
					*field(row) = time.Time{}
				}
			}}
		},
	}
}

// Texts is a column of lists of strings. Neither a list nor a string in it is NULL; nil is the empty list, and the empty list is read as
// nil.
func Texts[R any](name string, field func(*R) *[]string) Column[R] {
	list := schema.MustGroup(schema.ListOf(text(name, parquet.Repetitions.Required), parquet.Repetitions.Required, -1))
	return Column[R]{
		name: name, node: list, dictionary: true, leaves: 1,
		sink:   func() sink[R] { return &textsSink[R]{field: field} },
		source: func() source[R] { return &textsSource[R]{field: field} },
	}
}

// Map is a column of maps from string to string, given as slices of entries in the caller's order. Neither a map nor a value in it is NULL;
// nil is the empty map, and the empty map is read as nil.
func Map[R any, P ~struct{ Key, Value string }](name string, field func(*R) *[]P) Column[R] {
	node := schema.MustGroup(schema.MapOf(name, text("key", parquet.Repetitions.Required), text("value", parquet.Repetitions.Required),
		parquet.Repetitions.Required, -1))
	return Column[R]{
		name: name, node: node, dictionary: true, leaves: 2,
		sink:   func() sink[R] { return &mapSink[R, P]{field: field} },
		source: func() source[R] { return &mapSource[R, P]{field: field} },
	}
}

// unexpected reports a file whose column is not what the table says it is.
func unexpected(column string, reader any) error {
	return fmt.Errorf("column %s has another type than it should (%T)", column, reader)
}
