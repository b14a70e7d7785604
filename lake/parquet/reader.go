package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// readBuffer is the size of the reads of one column, in bytes.
const readBuffer = 64 << 10

// File is an open Parquet file. Several readers may read it at the same time.
type File struct {
	reader *file.Reader
}

// Open reads the footer of a file of size bytes. It does not take r over: r must outlive the File, which itself needs no closing.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer recovered(&err) // the library panics on some damaged footers
	properties := parquet.NewReaderProperties(nil)
	properties.BufferedStreamEnabled = true
	properties.BufferSize = readBuffer
	reader, err := file.NewParquetReader(io.NewSectionReader(r, 0, size), file.WithReadProps(properties))
	if err != nil {
		return nil, err
	}
	return &File{reader: reader}, nil
}

// NumRows is the number of rows in the file.
func (f *File) NumRows() int64 { return f.reader.NumRows() }

// RowGroups is the number of row groups in the file.
func (f *File) RowGroups() int { return f.reader.NumRowGroups() }

// Metadata gives the file's own key-value metadata.
func (f *File) Metadata() map[string]string { return pairs(f.reader.MetaData()) }

// Columns gives the names of the columns in the file.
func (f *File) Columns() []string {
	root := f.reader.MetaData().Schema.Root()
	names := make([]string, root.NumFields())
	for i := range names {
		names[i] = root.Field(i).Name()
	}
	return names
}

// Schema prints the schema that stands in the file as a Parquet message.
func (f *File) Schema() string {
	return f.reader.MetaData().Schema.String()
}

func pairs(footer *metadata.FileMetaData) map[string]string {
	all := footer.KeyValueMetadata()
	values := make(map[string]string, len(all))
	for i, key := range all.Keys() {
		values[key] = all.Values()[i]
	}
	return values
}

// footerEnd is what follows a footer: its length and the magic bytes.
const footerEnd = 8

// Footer gives the key-value metadata of a file by its last bytes. If they do not hold the whole footer, need is how many of the last bytes
// do, and metadata is nil.
func Footer(tail []byte) (meta map[string]string, need int64, err error) {
	defer recovered(&err)
	if len(tail) < footerEnd || !bytes.Equal(tail[len(tail)-4:], []byte("PAR1")) {
		return nil, 0, errors.New("not a Parquet file: it has no footer")
	}
	need = int64(binary.LittleEndian.Uint32(tail[len(tail)-footerEnd:])) + footerEnd
	if need > int64(len(tail)) {
		return nil, need, nil
	}
	footer, err := metadata.NewFileMetaData(tail[int64(len(tail))-need:len(tail)-footerEnd], nil)
	if err != nil {
		return nil, 0, fmt.Errorf("read the footer: %w", err)
	}
	return pairs(footer), need, nil
}

// Reader reads the rows of a table from a file, in order. It is not safe for concurrent use.
type Reader[R any] struct {
	file    *File
	columns []Column[R]
	sources []source[R]
	at      [][]int // the indexes of each column's leaves in the file
	group   int     // the next one
	left    int64   // rows of the open row group
	open    []file.ColumnChunkReader
	partial bool // the file lacks some of the columns
	row     R
}

// Read begins to read a file's rows: all columns of the table, or those named; the fields of others stay zero, and so do those of columns
// that the file does not have (it was written before they were thought of). Nothing of the other columns is read.
func (t *Table[R]) Read(f *File, names ...string) (*Reader[R], error) {
	r := &Reader[R]{file: f}
	leaves := map[string][]int{}
	for i := range f.reader.MetaData().Schema.NumColumns() {
		top := f.reader.MetaData().Schema.Column(i).ColumnPath()[0]
		leaves[top] = append(leaves[top], i)
	}
	for _, column := range t.columns {
		if len(names) > 0 && !slices.Contains(names, column.name) {
			continue
		}
		at, ok := leaves[column.name]
		if !ok {
			r.partial = true
			continue
		}
		if len(at) != column.leaves {
			return nil, unexpected(column.name, at)
		}
		r.columns = append(r.columns, column)
		r.sources = append(r.sources, column.source())
		r.at = append(r.at, at)
	}
	for _, name := range names {
		if !slices.ContainsFunc(t.columns, func(c Column[R]) bool { return c.name == name }) {
			return nil, fmt.Errorf("no column %s", name)
		}
	}
	return r, nil
}

// Next gives the next row, or io.EOF after the last. The row and the JSON texts in it are valid until the next call; its strings, lists and
// maps for ever.
func (r *Reader[R]) Next(ctx context.Context) (row *R, err error) {
	defer recovered(&err) // the library panics on some damaged pages
	for r.left == 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.closeGroup()
		if r.group == r.file.reader.NumRowGroups() {
			return nil, io.EOF
		}
		group := r.file.reader.RowGroup(r.group)
		r.group++
		r.left = group.NumRows()
		for i, source := range r.sources {
			first := len(r.open)
			for _, at := range r.at[i] {
				chunk, err := group.Column(at)
				if err != nil {
					return nil, fmt.Errorf("column %s: %w", r.columns[i].name, err)
				}
				r.open = append(r.open, chunk)
			}
			if err := source.open(r.open[first:]); err != nil {
				return nil, fmt.Errorf("column %s: %w", r.columns[i].name, err)
			}
		}
	}
	r.left--
	if r.partial {
		// Nothing else sets the fields of columns that are not there, and the caller may have.
		var zero R
		r.row = zero
	}
	for i, source := range r.sources {
		if err := source.read(&r.row); err != nil {
			return nil, fmt.Errorf("column %s: %w", r.columns[i].name, err)
		}
	}
	return &r.row, nil
}

func (r *Reader[R]) closeGroup() {
	for _, chunk := range r.open {
		chunk.Close() // of a buffer in memory: there is nothing that could fail
	}
	r.open = r.open[:0]
}

// Close releases the reader's buffers. The File stays open.
func (r *Reader[R]) Close() error {
	r.closeGroup()
	r.left, r.group = 0, r.file.reader.NumRowGroups()
	return nil
}

// recovered makes an error of a panic.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged Parquet file: %v", p)
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
