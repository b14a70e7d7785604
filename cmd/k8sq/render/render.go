// Package render writes the rows of a query as a table, JSON, NDJSON or CSV.
package render

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/sql"
)

// Rows is what a query gives; *sql.Rows is one.
type Rows interface {
	Columns() []sql.Column
	Next(ctx context.Context) bool
	Values() []any
	Err() error
}

// Format is a way to write rows.
type Format string

// The formats. JSON is one array of objects, NDJSON an object a line; in both, and in CSV's nested values, numbers keep every digit, JSON
// columns stay JSON, times are RFC 3339 in UTC, BLOBs base64, and NaN and infinities null.
const (
	Table  Format = "table"
	JSON   Format = "json"
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// Formats are all formats, for help and completion.
var Formats = []Format{Table, JSON, NDJSON, CSV}

// ErrFormat: there is no such format.
var ErrFormat = errors.New("unknown output format")

// ParseFormat finds the format of that name, or fails with ErrFormat.
func ParseFormat(name string) (Format, error) {
	if !slices.Contains(Formats, Format(name)) {
		return "", fmt.Errorf("%w %q: it can be %s", ErrFormat, name, strings.Join(names(), ", "))
	}
	return Format(name), nil
}

func names() []string {
	list := make([]string, len(Formats))
	for i, f := range Formats {
		list[i] = string(f)
	}
	return list
}

// Options are for Table; the other formats never depend on a terminal.
type Options struct {
	Width int  // of the terminal, in columns: what is longer is cut. 0: not a terminal, and nothing is cut
	Color bool // bold headers, dim NULLs
}

// Summary says what was written.
type Summary struct {
	Rows   int
	Cut    bool     // some cells were cut to the terminal's width
	Hidden []string // columns for which the terminal had no room
}

// Write writes all rows to w as they come, with flat memory; only a table waits for the first 1,000 rows, from which it takes its columns'
// widths. It does not close the rows. After an error, JSON is left without its closing bracket, so that nobody takes it for complete.
func Write(ctx context.Context, w io.Writer, rows Rows, format Format, options Options) (Summary, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	var summary Summary
	var err error
	switch format {
	case Table:
		summary, err = writeTable(ctx, out, rows, options)
	case JSON, NDJSON:
		summary, err = writeJSON(ctx, out, rows, format)
	case CSV:
		summary, err = writeCSV(ctx, out, rows)
	default:
		_, err = ParseFormat(string(format))
	}
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return summary, err
}
