package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// source reads the values of one column, row by row.
type source[R any] interface {
	// open starts on the column's leaves in one row group.
	open(leaves []file.ColumnChunkReader) error
	// read puts the next value into the row.
	read(row *R) error
}

// sourceLevels is how many values (or NULLs, or empty lists) a source decodes at a time.
const sourceLevels = 256

var errShort = errors.New("the column ends before its row group does")

// leaf decodes a physical column in batches. A value is valid until the next but last batch of its page is decoded, so: until the next row.
type leaf[V any] struct {
	maxDef, maxRep int16
	// decode reads up to len(values) levels of one page.
	decode     func(values []V, defs, reps []int16) (levels int64, read int, err error)
	hasNext    func() bool
	failed     func() error
	values     []V
	defs, reps []int16
	levels     int // decoded
	level      int // the next one
	value      int // the next one
}

func (l *leaf[V]) start(chunk file.ColumnChunkReader, decode func(values []V, defs, reps []int16) (int64, int, error)) {
	descriptor := chunk.Descriptor()
	l.maxDef, l.maxRep = descriptor.MaxDefinitionLevel(), descriptor.MaxRepetitionLevel()
	l.decode, l.hasNext, l.failed = decode, chunk.HasNext, chunk.Err
	if l.values == nil {
		l.values = make([]V, sourceLevels)
		l.defs = make([]int16, sourceLevels)
		l.reps = make([]int16, sourceLevels)
	}
	l.levels, l.level, l.value = 0, 0, 0
}

// more says whether there is another level, and decodes it if need be.
func (l *leaf[V]) more() (bool, error) {
	for l.level == l.levels {
		if !l.hasNext() {
			return false, l.failed()
		}
		levels, _, err := l.decode(l.values, l.defs, l.reps)
		if err != nil {
			return false, err
		}
		l.levels, l.level, l.value = int(levels), 0, 0
	}
	return true, nil
}

// next gives the next value, or present false where there is a NULL or an empty list.
func (l *leaf[V]) next() (value V, present bool, err error) {
	more, err := l.more()
	if err != nil {
		return value, false, err
	}
	if !more {
		return value, false, errShort
	}
	present = l.maxDef == 0 || l.defs[l.level] == l.maxDef
	l.level++
	if present {
		value = l.values[l.value]
		l.value++
	}
	return value, present, nil
}

// continues says whether the next level belongs to the list that the last one was of.
func (l *leaf[V]) continues() (bool, error) {
	more, err := l.more()
	return more && l.reps[l.level] > 0, err
}

func (l *leaf[V]) expect(maxDef, maxRep int16) error {
	if l.maxDef > maxDef || l.maxRep != maxRep {
		return fmt.Errorf("a column of another shape than it should have (levels %d, %d)", l.maxDef, l.maxRep)
	}
	return nil
}

// byteSource reads one physical column of strings.
type byteSource struct{ leaf[parquet.ByteArray] }

func (s *byteSource) open(chunk file.ColumnChunkReader) error {
	reader, ok := chunk.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return unexpected(chunk.Descriptor().Path(), chunk)
	}
	// InPage: the values are not copied, and stay valid until a value of the next page is asked for.
	s.start(chunk, func(values []parquet.ByteArray, defs, reps []int16) (int64, int, error) {
		return reader.ReadBatchInPage(int64(len(values)), values, defs, reps)
	})
	return nil
}

type textSource[R any] struct {
	byteSource
	set  func(row *R, value string)
	last string
}

func (s *textSource[R]) open(leaves []file.ColumnChunkReader) error {
	if err := s.byteSource.open(leaves[0]); err != nil {
		return err
	}
	return s.expect(1, 0)
}

func (s *textSource[R]) read(row *R) error {
	value, present, err := s.next()
	if err != nil {
		return err
	}
	if !present {
		s.set(row, "")
		return nil
	}
	if string(value) != s.last { // columns like kind and namespace repeat: share the string
		s.last = string(value)
	}
	s.set(row, s.last)
	return nil
}

type rawSource[R any] struct {
	byteSource
	set func(row *R, value []byte)
}

func (s *rawSource[R]) open(leaves []file.ColumnChunkReader) error {
	if err := s.byteSource.open(leaves[0]); err != nil {
		return err
	}
	return s.expect(1, 0)
}

func (s *rawSource[R]) read(row *R) error {
	value, present, err := s.next()
	if err != nil {
		return err
	}
	if !present {
		s.set(row, nil)
		return nil
	}
	s.set(row, value[:len(value):len(value)])
	return nil
}

type int64Source[R any] struct {
	leaf[int64]
	set func(row *R, value int64, present bool)
}

func (s *int64Source[R]) open(leaves []file.ColumnChunkReader) error {
	reader, ok := leaves[0].(*file.Int64ColumnChunkReader)
	if !ok {
		return unexpected(leaves[0].Descriptor().Path(), leaves[0])
	}
	s.start(reader, func(values []int64, defs, reps []int16) (int64, int, error) {
		return reader.ReadBatch(int64(len(values)), values, defs, reps)
	})
	return s.expect(1, 0)
}

func (s *int64Source[R]) read(row *R) error {
	value, present, err := s.next()
	if err == nil {
		s.set(row, value, present)
	}
	return err
}

type int32Source[R any] struct {
	leaf[int32]
	set func(row *R, value int32)
}

func (s *int32Source[R]) open(leaves []file.ColumnChunkReader) error {
	reader, ok := leaves[0].(*file.Int32ColumnChunkReader)
	if !ok {
		return unexpected(leaves[0].Descriptor().Path(), leaves[0])
	}
	s.start(reader, func(values []int32, defs, reps []int16) (int64, int, error) {
		return reader.ReadBatch(int64(len(values)), values, defs, reps)
	})
	return s.expect(1, 0)
}

func (s *int32Source[R]) read(row *R) error {
	value, _, err := s.next()
	if err == nil {
		s.set(row, value)
	}
	return err
}

type textsSource[R any] struct {
	byteSource
	field func(*R) *[]string
}

func (s *textsSource[R]) open(leaves []file.ColumnChunkReader) error {
	if err := s.byteSource.open(leaves[0]); err != nil {
		return err
	}
	return s.expect(1, 1)
}

func (s *textsSource[R]) read(row *R) error {
	var values []string
	for again := true; again; {
		value, present, err := s.next()
		if err != nil {
			return err
		}
		if present {
			values = append(values, string(value))
		}
		if again, err = s.continues(); err != nil {
			return err
		}
	}
	*s.field(row) = values
	return nil
}

type mapSource[R any, P ~struct{ Key, Value string }] struct {
	keys, values byteSource
	field        func(*R) *[]P
}

func (s *mapSource[R, P]) open(leaves []file.ColumnChunkReader) error {
	if err := errors.Join(s.keys.open(leaves[0]), s.values.open(leaves[1])); err != nil {
		return err
	}
	return errors.Join(s.keys.expect(1, 1), s.values.expect(1, 1))
}

func (s *mapSource[R, P]) read(row *R) error {
	var entries []P
	for again := true; again; {
		key, present, err := s.keys.next()
		if err != nil {
			return err
		}
		value, _, err := s.values.next()
		if err != nil {
			return err
		}
		if present {
			entries = append(entries, P(struct{ Key, Value string }{string(key), string(value)}))
		}
		if again, err = s.keys.continues(); err != nil {
			return err
		}
	}
	*s.field(row) = entries
	return nil
}
