package document

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may lie in each other: far beyond any real object, and shallow enough for the stack.
const maxDepth = 1000

// SyntaxError says where a document is not JSON, and never what stands there: it may be a secret.
type SyntaxError struct {
	Offset  int    // in bytes, from 0
	Problem string // what was wrong or expected, in fixed words
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("malformed JSON at byte %d: %s", e.Offset, e.Problem)
}

// parse reads one JSON document (RFC 8259) and nothing after it but space. Of members with the same key the last one counts, as
// in encoding/json and in Kubernetes. Bytes that are not UTF-8, and halves of surrogate pairs, become U+FFFD.
// src must stay unchanged for as long as the tree is used.
func (t *tree) parse(src []byte) error {
	t.src, t.scratch, t.nodes, t.children, t.open = src, t.scratch[:0], t.nodes[:0], t.children[:0], t.open[:0]
	if len(src) > math.MaxInt32 {
		return &SyntaxError{math.MaxInt32, "the document is larger than 2 GiB"}
	}
	i, err := t.value(t.space(0), 0)
	if err != nil {
		return err
	}
	if i = t.space(i); i < len(src) {
		return &SyntaxError{i, "something follows the document"}
	}
	return nil
}

func (t *tree) space(i int) int {
	for i < len(t.src) {
		switch t.src[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}

// value appends the node of the value at i, and all below it, and tells where it ends.
func (t *tree) value(i, depth int) (int, error) {
	if i >= len(t.src) {
		return i, &SyntaxError{i, "the document ends where a value should be"}
	}
	switch c := t.src[i]; c {
	case '"':
		start, end, decoded, next, err := t.quoted(i)
		if err != nil {
			return i, err
		}
		t.nodes = append(t.nodes, node{kind: kindString, flags: decoded * textDecoded, start: start, end: end})
		return next, nil
	case '{':
		return t.object(i, depth+1)
	case '[':
		return t.array(i, depth+1)
	case 't':
		return t.literal(i, "true", kindTrue)
	case 'f':
		return t.literal(i, "false", kindFalse)
	case 'n':
		return t.literal(i, "null", kindNull)
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return t.number(i)
		}
		return i, &SyntaxError{i, "no value begins like this"}
	}
}

func (t *tree) literal(i int, word string, k kind) (int, error) {
	if len(t.src)-i < len(word) || string(t.src[i:i+len(word)]) != word {
		return i, &SyntaxError{i, "no value begins like this"}
	}
	t.nodes = append(t.nodes, node{kind: k})
	return i + len(word), nil
}

func (t *tree) number(i int) (int, error) {
	start, src := i, t.src
	digits := func() bool {
		from := i
		for i < len(src) && src[i] >= '0' && src[i] <= '9' {
			i++
		}
		return i > from
	}
	if src[i] == '-' {
		i++
	}
	if i < len(src) && src[i] == '0' {
		i++
	} else if !digits() {
		return i, &SyntaxError{i, "a number lacks its digits"}
	}
	if i < len(src) && src[i] == '.' {
		i++
		if !digits() {
			return i, &SyntaxError{i, "a number lacks the digits of its fraction"}
		}
	}
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		if !digits() {
			return i, &SyntaxError{i, "a number lacks the digits of its exponent"}
		}
	}
	t.nodes = append(t.nodes, node{kind: kindNumber, start: uint32(start), end: uint32(i)})
	return i, nil
}

func (t *tree) array(i, depth int) (int, error) {
	if depth > maxDepth {
		return i, &SyntaxError{i, "arrays and objects are nested too deep"}
	}
	self, mark := len(t.nodes), len(t.open)
	t.nodes = append(t.nodes, node{kind: kindArray})
	i = t.space(i + 1)
	if i < len(t.src) && t.src[i] == ']' {
		t.close(self, mark)
		return i + 1, nil
	}
	for {
		t.open = append(t.open, uint32(len(t.nodes)))
		var err error
		if i, err = t.value(i, depth); err != nil {
			return i, err
		}
		i = t.space(i)
		switch {
		case i >= len(t.src):
			return i, &SyntaxError{i, "the document ends within an array"}
		case t.src[i] == ',':
			i = t.space(i + 1)
		case t.src[i] == ']':
			t.close(self, mark)
			return i + 1, nil
		default:
			return i, &SyntaxError{i, "a comma or ] should follow an array's value"}
		}
	}
}

func (t *tree) object(i, depth int) (int, error) {
	if depth > maxDepth {
		return i, &SyntaxError{i, "arrays and objects are nested too deep"}
	}
	self, mark := len(t.nodes), len(t.open)
	t.nodes = append(t.nodes, node{kind: kindObject})
	i = t.space(i + 1)
	if i < len(t.src) && t.src[i] == '}' {
		t.close(self, mark)
		return i + 1, nil
	}
	for {
		if i >= len(t.src) {
			return i, &SyntaxError{i, "the document ends within an object"}
		}
		if t.src[i] != '"' {
			return i, &SyntaxError{i, "an object's key should be here, in quotes"}
		}
		start, end, decoded, next, err := t.quoted(i)
		if err != nil {
			return i, err
		}
		i = t.space(next)
		if i >= len(t.src) || t.src[i] != ':' {
			return i, &SyntaxError{i, "a colon should follow an object's key"}
		}
		child := len(t.nodes)
		t.open = append(t.open, uint32(child))
		if i, err = t.value(t.space(i+1), depth); err != nil {
			return i, err
		}
		v := &t.nodes[child]
		v.keyStart, v.keyEnd = start, end
		v.flags |= decoded * keyDecoded
		i = t.space(i)
		switch {
		case i >= len(t.src):
			return i, &SyntaxError{i, "the document ends within an object"}
		case t.src[i] == ',':
			i = t.space(i + 1)
		case t.src[i] == '}':
			t.sortMembers(mark)
			t.close(self, mark)
			return i + 1, nil
		default:
			return i, &SyntaxError{i, "a comma or } should follow an object's value"}
		}
	}
}

// close moves the children gathered since mark to their final place.
func (t *tree) close(self, mark int) {
	v := &t.nodes[self]
	v.start = uint32(len(t.children))
	t.children = append(t.children, t.open[mark:]...)
	v.end = uint32(len(t.children))
	t.open = t.open[:mark]
}

// sortMembers sorts the members gathered since mark by key and leaves the last of each key.
func (t *tree) sortMembers(mark int) {
	members := t.open[mark:]
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = bytes.Compare(t.key(members[i-1]), t.key(members[i])) < 0
	}
	if sorted {
		return
	}
	if len(members) <= 24 {
		// Nearly every object is small, and its sort must not cost a call for each comparison.
		for i := 1; i < len(members); i++ {
			m := members[i]
			key := t.key(m)
			j := i
			for ; j > 0 && bytes.Compare(t.key(members[j-1]), key) > 0; j-- {
				members[j] = members[j-1]
			}
			members[j] = m
		}
	} else {
		slices.SortStableFunc(members, func(a, b uint32) int { return bytes.Compare(t.key(a), t.key(b)) })
	}
	kept := members[:1]
	for _, m := range members[1:] {
		if bytes.Equal(t.key(kept[len(kept)-1]), t.key(m)) {
			kept[len(kept)-1] = m
		} else {
			kept = append(kept, m)
		}
	}
	t.open = t.open[:mark+len(kept)]
}

const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// quoted reads the string whose quote stands at i. Its text is src[start:end], or scratch[start:end] if decoded is 1.
func (t *tree) quoted(i int) (start, end uint32, decoded uint8, next int, err error) {
	src := t.src
	begin := i + 1
	var beyondASCII uint64
	for i = begin; ; {
		// Eight bytes at a time, up to the first quote, backslash or control character. A borrow can only spoil bytes after a hit.
		if i+8 <= len(src) {
			w := binary.LittleEndian.Uint64(src[i:])
			quote, slash := w^(low*'"'), w^(low*'\\')
			hit := ((w-low*0x20)&^w | (quote-low)&^quote | (slash-low)&^slash) & high
			if hit == 0 {
				beyondASCII |= w
				i += 8
				continue
			}
			n := bits.TrailingZeros64(hit) / 8
			beyondASCII |= w & (1<<(8*n) - 1)
			i += n
		} else {
			for i < len(src) && src[i] != '"' && src[i] != '\\' && src[i] >= 0x20 {
				beyondASCII |= uint64(src[i])
				i++
			}
			if i == len(src) {
				return 0, 0, 0, i, &SyntaxError{i, "the document ends within a string"}
			}
		}
		break
	}
	if src[i] == '"' && (beyondASCII&high == 0 || utf8.Valid(src[begin:i])) {
		return uint32(begin), uint32(i), 0, i + 1, nil
	}
	return t.decode(begin)
}

// decode reads the text of a string that has escapes, or is not UTF-8, into scratch.
func (t *tree) decode(i int) (start, end uint32, decoded uint8, next int, err error) {
	src, out := t.src, t.scratch
	begin := len(out)
	for i < len(src) {
		switch c := src[i]; {
		case c == '"':
			t.scratch = out
			return uint32(begin), uint32(len(out)), 1, i + 1, nil
		case c < 0x20:
			return 0, 0, 0, i, &SyntaxError{i, "a control character stands in a string"}
		case c == '\\':
			if i+1 >= len(src) {
				return 0, 0, 0, i, &SyntaxError{i, "the document ends within a string"}
			}
			switch e := src[i+1]; e {
			case '"', '\\', '/':
				out = append(out, e)
			case 'b':
				out = append(out, '\b')
			case 'f':
				out = append(out, '\f')
			case 'n':
				out = append(out, '\n')
			case 'r':
				out = append(out, '\r')
			case 't':
				out = append(out, '\t')
			case 'u':
				r := hex4(src, i+2)
				if r < 0 {
					return 0, 0, 0, i, &SyntaxError{i, "four hexadecimal digits should follow \\u"}
				}
				i += 4
				if utf16.IsSurrogate(r) {
					pair := rune(utf8.RuneError)
					if i+3 < len(src) && src[i+2] == '\\' && src[i+3] == 'u' {
						pair = utf16.DecodeRune(r, hex4(src, i+4))
					}
					if r = pair; r != utf8.RuneError {
						i += 6
					}
				}
				out = utf8.AppendRune(out, r)
			default:
				return 0, 0, 0, i, &SyntaxError{i, "no escape is written like this"}
			}
			i += 2
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
		default:
			r, size := utf8.DecodeRune(src[i:])
			out = utf8.AppendRune(out, r)
			i += size
		}
	}
	return 0, 0, 0, i, &SyntaxError{i, "the document ends within a string"}
}

// hex4 reads four hexadecimal digits at i; -1 if they are not there.
func hex4(src []byte, i int) rune {
	if i+4 > len(src) {
		return -1
	}
	var r rune
	for _, c := range src[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
