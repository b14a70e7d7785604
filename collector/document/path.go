package document

import "strconv"

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
