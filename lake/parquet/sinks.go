package parquet

import (
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// sink gathers the values of one column and hands them on in batches.
type sink[R any] interface {
	// put copies the row's value and gives its size in bytes.
	put(row *R) int
	// flush writes what was gathered to the column's leaves and forgets it.
	flush(leaves []file.ColumnChunkWriter) error
}

// byteLeaf gathers the strings of one physical column in one piece of memory that is used again for the next batch.
type byteLeaf struct {
	memory []byte
	ends   []int
	defs   []int16
	reps   []int16
	values []parquet.ByteArray
}

// put takes a string. Parquet's are UTF-8, and an engine refuses a whole file for one that is not (a proxy's message, say): what is not
// becomes U+FFFD.
func (l *byteLeaf) put(value string) int {
	if !utf8.ValidString(value) {
		value = strings.ToValidUTF8(value, "\uFFFD")
	}
	l.memory = append(l.memory, value...)
	l.ends = append(l.ends, len(l.memory))
	return len(value)
}

// putBytes takes a JSON text, which is UTF-8 by its making.
func (l *byteLeaf) putBytes(value []byte) int {
	l.memory = append(l.memory, value...)
	l.ends = append(l.ends, len(l.memory))
	return len(value)
}

func (l *byteLeaf) flush(leaf file.ColumnChunkWriter) error {
	l.values = l.values[:0]
	start := 0
	for _, end := range l.ends {
		l.values = append(l.values, l.memory[start:end:end])
		start = end
	}
	_, err := leaf.(*file.ByteArrayColumnChunkWriter).WriteBatch(l.values, l.defs, l.reps)
	l.memory, l.ends, l.defs, l.reps = l.memory[:0], l.ends[:0], l.defs[:0], l.reps[:0]
	return err
}

// bytesSink is the sink of a column of strings or JSON texts.
type bytesSink[R any] struct {
	byteLeaf
	add func(row *R, into *byteLeaf) int
}

func (s *bytesSink[R]) put(row *R) int { return s.add(row, &s.byteLeaf) }

func (s *bytesSink[R]) flush(leaves []file.ColumnChunkWriter) error {
	return s.byteLeaf.flush(leaves[0])
}

type int64Sink[R any] struct {
	get      func(*R) (value int64, present bool)
	nullable bool
	values   []int64
	defs     []int16
}

func (s *int64Sink[R]) put(row *R) int {
	value, present := s.get(row)
	if s.nullable {
		if !present {
			s.defs = append(s.defs, 0)
			return 0
		}
		s.defs = append(s.defs, 1)
	}
	s.values = append(s.values, value)
	return 8
}

func (s *int64Sink[R]) flush(leaves []file.ColumnChunkWriter) error {
	_, err := leaves[0].(*file.Int64ColumnChunkWriter).WriteBatch(s.values, s.defs, nil)
	s.values, s.defs = s.values[:0], s.defs[:0]
	return err
}

type int32Sink[R any] struct {
	get    func(*R) int32
	values []int32
}

func (s *int32Sink[R]) put(row *R) int {
	s.values = append(s.values, s.get(row))
	return 4
}

func (s *int32Sink[R]) flush(leaves []file.ColumnChunkWriter) error {
	_, err := leaves[0].(*file.Int32ColumnChunkWriter).WriteBatch(s.values, nil, nil)
	s.values = s.values[:0]
	return err
}

// enter records the levels of the i-th entry of a list, or of a list without entries.
func (l *byteLeaf) enter(i int, present bool) {
	def, rep := int16(1), int16(1)
	if !present {
		def = 0
	}
	if i == 0 {
		rep = 0
	}
	l.defs = append(l.defs, def)
	l.reps = append(l.reps, rep)
}

type textsSink[R any] struct {
	byteLeaf
	field func(*R) *[]string
}

func (s *textsSink[R]) put(row *R) int {
	values := *s.field(row)
	if len(values) == 0 {
		s.enter(0, false)
		return 0
	}
	size := 0
	for i, value := range values {
		s.enter(i, true)
		size += s.byteLeaf.put(value)
	}
	return size
}

func (s *textsSink[R]) flush(leaves []file.ColumnChunkWriter) error {
	return s.byteLeaf.flush(leaves[0])
}

type mapSink[R any, P ~struct{ Key, Value string }] struct {
	keys, values byteLeaf
	field        func(*R) *[]P
}

func (s *mapSink[R, P]) put(row *R) int {
	entries := *s.field(row)
	if len(entries) == 0 {
		s.keys.enter(0, false)
		s.values.enter(0, false)
		return 0
	}
	size := 0
	for i, entry := range entries {
		pair := struct{ Key, Value string }(entry)
		s.keys.enter(i, true)
		s.values.enter(i, true)
		size += s.keys.put(pair.Key) + s.values.put(pair.Value)
	}
	return size
}

func (s *mapSink[R, P]) flush(leaves []file.ColumnChunkWriter) error {
	if err := s.keys.flush(leaves[0]); err != nil {
		return err
	}
	return s.values.flush(leaves[1])
}
