package parquet

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet/file"
)

const (
	// Values are gathered in batches of this size before they are encoded: one call of the encoder a value would cost more than the
	// encoding itself.
	batchRows  = 250
	batchBytes = 1 << 20
)

// Writer writes the rows of a table to one file. It is not safe for concurrent use.
type Writer[R any] struct {
	table  *Table[R]
	file   *file.Writer
	sinks  []sink[R]
	group  file.BufferedRowGroupWriter // nil between row groups
	leaves []file.ColumnChunkWriter    // of group

	rows                    int64 // in all
	pendingRows, groupRows  int
	pendingBytes, groupSize int
}

// NewWriter begins a file. Nothing may be taken from w before Close, which does not close it.
func (t *Table[R]) NewWriter(w io.Writer) (*Writer[R], error) {
	// The Arrow library closes what it writes to if it can; a plain Writer hides that from it.
	out, err := file.NewParquetWriterWithError(struct{ io.Writer }{w}, t.schema, file.WithWriterProps(t.properties))
	if err != nil {
		return nil, err
	}
	writer := &Writer[R]{table: t, file: out}
	for _, column := range t.columns {
		writer.sinks = append(writer.sinks, column.sink())
	}
	return writer, nil
}

// Write adds a row. It copies what it needs of it.
func (w *Writer[R]) Write(row *R) error {
	for _, sink := range w.sinks {
		w.pendingBytes += sink.put(row)
	}
	w.rows++
	w.pendingRows++
	full := w.groupRows+w.pendingRows >= maxGroupRows || w.groupSize+w.pendingBytes >= maxGroupBytes
	if !full && w.pendingRows < batchRows && w.pendingBytes < batchBytes {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if full {
		return w.closeGroup()
	}
	return nil
}

// Rows is the number of rows written so far.
func (w *Writer[R]) Rows() int64 { return w.rows }

// flush hands the gathered values to the encoders of the row group, which keep compressed pages only.
func (w *Writer[R]) flush() error {
	if w.pendingRows == 0 {
		return nil
	}
	if w.group == nil {
		group, err := w.file.AppendBufferedRowGroupChecked()
		if err != nil {
			return err
		}
		w.group, w.leaves = group, w.leaves[:0]
		for i := range group.NumColumns() {
			leaf, err := group.Column(i)
			if err != nil {
				return err
			}
			w.leaves = append(w.leaves, leaf)
		}
	}
	leaves := w.leaves
	for i, sink := range w.sinks {
		if err := sink.flush(leaves); err != nil {
			return fmt.Errorf("column %s: %w", w.table.columns[i].name, err)
		}
		leaves = leaves[w.table.columns[i].leaves:]
	}
	w.groupRows += w.pendingRows
	w.groupSize += w.pendingBytes
	w.pendingRows, w.pendingBytes = 0, 0
	return nil
}

func (w *Writer[R]) closeGroup() error {
	if w.group == nil {
		return nil
	}
	err := w.group.Close()
	w.group, w.groupRows, w.groupSize = nil, 0, 0
	return err
}

// Close writes what is left and the footer, with the given key-value metadata.
func (w *Writer[R]) Close(metadata map[string]string) error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.closeGroup(); err != nil {
		return err
	}
	for _, key := range sortedKeys(metadata) {
		if err := w.file.AppendKeyValueMetadata(key, metadata[key]); err != nil {
			return err
		}
	}
	return w.file.Close()
}
