package document

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A path names a leaf: spec.template.spec.containers[0].image. A key that is no plain word (letters, digits and underscores, not
// beginning with a digit) is quoted as in the normalized paths of RFC 9535, 2.7: metadata.labels['app.kubernetes.io/name'].
// No two different places have the same path.

// appendKey appends the step into a member.
func appendKey(path, key []byte) []byte {
	if plainWord(key) {
		if len(path) > 0 {
			path = append(path, '.')
		}
		return append(path, key...)
	}
	path = append(path, '[', '\'')
	for _, c := range key {
		switch {
		case c == '\'' || c == '\\':
			path = append(path, '\\', c)
		case c == '\b':
			path = append(path, '\\', 'b')
		case c == '\f':
			path = append(path, '\\', 'f')
		case c == '\n':
			path = append(path, '\\', 'n')
		case c == '\r':
			path = append(path, '\\', 'r')
		case c == '\t':
			path = append(path, '\\', 't')
		case c < 0x20:
			path = append(path, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			path = append(path, c)
		}
	}
	return append(path, '\'', ']')
}

// appendIndex appends the step into an element.
func appendIndex(path []byte, index int) []byte {
	path = append(path, '[')
	path = strconv.AppendInt(path, int64(index), 10)
	return append(path, ']')
}

func plainWord(key []byte) bool {
	for i, c := range key {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return len(key) > 0
}

// step is one step of a path as people write it: into a member, into an element, or into all of them.
type step struct {
	kind  stepKind
	key   string
	index int
}

type stepKind uint8

const (
	stepKey stepKind = iota
	stepIndex
	stepAll
)

// pathError says what is wrong with a path, and where.
type pathError struct {
	at      int // in bytes
	problem string
}

// parsePath reads a path as Diff writes it. [*] stands for every element or member; a key may stand in double quotes too, as RFC 9535 allows.
func parsePath(path string) ([]step, *pathError) {
	var steps []step
	for at := 0; at < len(path) || at == 0; {
		switch {
		case at < len(path) && path[at] == '[':
			s, end, err := parseBracket(path, at)
			if err != nil {
				return nil, err
			}
			steps, at = append(steps, s), end
		default:
			if at > 0 {
				if path[at] != '.' {
					return nil, &pathError{at, "a dot or a bracket should follow"}
				}
				at++
			}
			end := at
			for end < len(path) && path[end] != '.' && path[end] != '[' && path[end] != ']' {
				end++
			}
			switch key := path[at:end]; {
			case key == "" && at > 0 && at < len(path) && path[at] == '[':
				return nil, &pathError{at - 1, "no dot stands before a bracket"}
			case key == "":
				return nil, &pathError{at, "a key is missing"}
			case key == "*":
				return nil, &pathError{at, "all elements are written [*]"}
			case !plainWord([]byte(key)):
				return nil, &pathError{at, "a key that is no plain word is written in brackets and quotes: ['" + key + "']"}
			default:
				steps, at = append(steps, step{key: key}), end
			}
		}
	}
	return steps, nil
}

// parseBracket reads the step whose bracket stands at a place, and tells where it ends.
func parseBracket(path string, at int) (step, int, *pathError) {
	i := at + 1
	closed := func(s step) (step, int, *pathError) {
		if i >= len(path) || path[i] != ']' {
			return s, i, &pathError{i, "a bracket should close here"}
		}
		return s, i + 1, nil
	}
	switch {
	case i < len(path) && path[i] == '*':
		i++
		return closed(step{kind: stepAll})
	case i < len(path) && (path[i] == '\'' || path[i] == '"'):
		quote := path[i]
		var key []byte
		for i++; i < len(path) && path[i] != quote; i++ {
			if path[i] != '\\' {
				key = append(key, path[i])
				continue
			}
			if i++; i == len(path) {
				break
			}
			switch c := path[i]; c {
			case '\'', '"', '\\', '/':
				key = append(key, c)
			case 'b':
				key = append(key, '\b')
			case 'f':
				key = append(key, '\f')
			case 'n':
				key = append(key, '\n')
			case 'r':
				key = append(key, '\r')
			case 't':
				key = append(key, '\t')
			case 'u':
				r := hex4([]byte(path), i+1)
				if r < 0 || utf16.IsSurrogate(r) {
					return step{}, i, &pathError{i - 1, "four hexadecimal digits of a character should follow \\u"}
				}
				key = utf8.AppendRune(key, r)
				i += 4
			default:
				return step{}, i, &pathError{i - 1, "no escape is written like this"}
			}
		}
		if i >= len(path) {
			return step{}, i, &pathError{at + 1, "the quote is not closed"}
		}
		i++
		return closed(step{key: string(key)})
	default:
		start := i
		for i < len(path) && path[i] >= '0' && path[i] <= '9' {
			i++
		}
		index, err := strconv.Atoi(path[start:i])
		if err != nil {
			return step{}, i, &pathError{start, "an index, [*] or a quoted key should stand in brackets"}
		}
		return closed(step{kind: stepIndex, index: index})
	}
}
