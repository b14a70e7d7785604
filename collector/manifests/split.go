package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// splitter takes a YAML stream apart at the markers between its documents (YAML 1.1, chapter 9), without parsing it: a line that begins
// with --- or ... and a blank can be nothing else, as even a block scalar may not have one. A document keeps its --- line.
//
// Lines end where the YAML library ends them: at \n, \r\n, a lone \r, and Unicode's NEL, LS and PS. Were there a difference, the library
// would find two documents where one is expected and drop the second silently.
type splitter struct {
	input  *bufio.Reader
	offset int64 // of what follows
	line   []byte
	err    error // what ended the input
}

func newSplitter(input io.Reader) *splitter {
	return &splitter{input: bufio.NewReaderSize(input, 64<<10)}
}

// document is a part of a YAML file.
type document struct {
	offset, length int64
	shared         bool // several objects are in it
}

// next gives a document and its text, which is valid until the next call; io.EOF behind the last. Documents without a word in them are left
// out.
func (s *splitter) next(buffer []byte) (document, []byte, error) {
	buffer = buffer[:0]
	start := s.offset
	marked, content := false, false // a --- line was seen; anything but comments and directives was
	for {
		line := s.peek()
		if line == nil {
			if !errors.Is(s.err, io.EOF) {
				return document{}, nil, s.err
			}
			if marked || content {
				return document{offset: start, length: s.offset - start}, buffer, nil
			}
			return document{}, nil, io.EOF
		}
		isMarker := isMarkerLine(line, "---")
		if isMarker && (marked || content) {
			return document{offset: start, length: s.offset - start}, buffer, nil
		}
		buffer = append(buffer, line...)
		s.take(line)
		switch {
		case isMarker:
			marked = true
		case isMarkerLine(line, "..."):
			if marked || content {
				return document{offset: start, length: s.offset - start}, buffer, nil
			}
			buffer, start = buffer[:0], s.offset
		case !content:
			content = !isBlankLine(line) && (marked || line[0] != '%')
		}
	}
}

// peek gives the next line with its end, nil at the end of the input.
func (s *splitter) peek() []byte {
	if len(s.line) == 0 && s.err == nil {
		s.line, s.err = s.input.ReadBytes('\n')
	}
	if len(s.line) == 0 {
		return nil
	}
	return s.line[:lineEnd(s.line)]
}

func (s *splitter) take(line []byte) {
	s.offset += int64(len(line))
	s.line = s.line[len(line):]
}

// lineEnd gives the length of the first line of a text, with its end.
func lineEnd(text []byte) int {
	for i, b := range text {
		switch b {
		case '\n':
			return i + 1
		case '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				return i + 2
			}
			return i + 1
		case 0xc2, 0xe2:
			if n := unicodeBreak(text[i:]); n > 0 {
				return i + n
			}
		}
	}
	return len(text)
}

// unicodeBreak gives the length of the Unicode line break that a text begins with, 0 for none.
func unicodeBreak(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(text, []byte("\u2028")), bytes.HasPrefix(text, []byte("\u2029")):
		return 3
	}
	return 0
}

var byteOrderMark = []byte("\ufeff")

func isMarkerLine(line []byte, marker string) bool {
	rest, found := bytes.CutPrefix(bytes.TrimPrefix(line, byteOrderMark), []byte(marker))
	return found && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0 || unicodeBreak(rest) > 0)
}

// isBlankLine tells whether there is nothing in a line but a comment.
func isBlankLine(line []byte) bool {
	rest := bytes.TrimLeft(bytes.TrimPrefix(line, byteOrderMark), " \t\r\n\u0085\u2028\u2029")
	return len(rest) == 0 || rest[0] == '#'
}
