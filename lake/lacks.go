package lake

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"github.com/k8sq/k8sq/lake/parquet"
)

// Lacks gives the columns of a table that a local file of it does not have, because it was written before they were thought of. Columns are only
// ever added, at the end: a file that has the last one has all, which is found out without taking its footer apart.
func Lacks(table, path string) ([]string, error) {
	s, err := schemaOf(table)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	columns := s.Columns()
	newest := columns[len(columns)-1]
	footer, err := footerOf(f, stat.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// In a footer's encoding a name comes after its length.
	if bytes.Contains(footer, append([]byte{byte(len(newest))}, newest...)) {
		return nil, nil
	}
	file, err := parquet.Open(f, stat.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	has := file.Columns()
	return slices.DeleteFunc(columns, func(name string) bool { return slices.Contains(has, name) }), nil
}

// footerOf reads the footer of a file of size bytes, with the little that follows it.
func footerOf(f *os.File, size int64) ([]byte, error) {
	const end = 8 // its length, and the magic bytes
	tail := make([]byte, min(size, 32<<10))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	if len(tail) < end {
		return nil, fmt.Errorf("not a Parquet file: it has %d bytes", size)
	}
	length := int64(binary.LittleEndian.Uint32(tail[len(tail)-end:])) + end
	if length <= int64(len(tail)) {
		return tail[int64(len(tail))-length:], nil
	}
	if length > size {
		return nil, fmt.Errorf("damaged Parquet file: its footer is longer than itself")
	}
	footer := make([]byte, length)
	_, err := f.ReadAt(footer, size-length)
	return footer, err
}
