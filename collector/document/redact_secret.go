package document

import (
	"bytes"
	"encoding/base64"
)

// secret redacts a Secret.
func (r *redaction) secret(t *tree, n uint32) {
	metadata, hasMetadata := t.member(n, "metadata")
	for _, section := range [...]string{"data", "stringData"} {
		if m, ok := t.member(n, section); ok {
			r.section(t, m, section == "data")
		}
	}
	if hasMetadata {
		for _, m := range t.elements(metadata) { // data that is indented too deep
			if key := t.key(m); bytes.EqualFold(key, []byte("data")) || bytes.EqualFold(key, []byte("stringData")) {
				r.section(t, m, false)
			}
		}
	}
	// A secret's value may also have slipped into a field beside data, where it can only be told by being equal; or the field is a slip itself
	// (stringdata), since a Secret has no other.
	for _, m := range t.elements(n) {
		switch string(t.key(m)) {
		case "apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData":
		default:
			if hasMetadata {
				r.section(t, m, false)
			}
		}
		if !hasMetadata || m != metadata {
			r.hideCopies(t, m)
		}
	}
	if hasMetadata {
		if annotations, ok := t.member(metadata, "annotations"); ok {
			r.dropCopies(t, annotations)
		}
	}
}

// section redacts data or stringData: each value of it, or the whole where it is not the object it should be.
func (r *redaction) section(t *tree, n uint32, encoded bool) {
	switch t.nodes[n].kind {
	case kindObject:
		for _, member := range t.elements(n) {
			r.value(t, member, encoded)
		}
	case kindNull: // nothing to hide, and common in what templates make
	default:
		r.value(t, n, encoded)
	}
}

// value replaces a value by its keyed hash: of what it decodes to, so that data and stringData of one value are equal.
func (r *redaction) value(t *tree, n uint32, encoded bool) {
	if t.nodes[n].kind != kindString {
		r.rememberAll(t, n)
		r.replace(t, n, t.append(nil, n))
		return
	}
	if isPlaceholder(t.text(n)) {
		return
	}
	// The text is copied: it may lie in the tree's scratch, which grows, and values outlives the node's own text.
	text := bytes.Clone(t.text(n))
	plain := text
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	if length, err := base64.StdEncoding.Decode(decoded, text); err == nil {
		if encoded {
			plain = decoded[:length]
		} else {
			r.found(decoded[:length]) // a value that is encoded itself
		}
	}
	r.remember(text)
	r.remember(plain)
	r.remember(base64.StdEncoding.AppendEncode(nil, plain))
	if trimmed := bytes.TrimSpace(plain); len(trimmed) < len(plain) {
		// `echo value | base64` encodes the line's end too, a copy of the value itself has none.
		r.remember(base64.StdEncoding.AppendEncode(nil, trimmed))
	}
	r.replace(t, n, plain)
}

// remember notes a form that a value may take elsewhere: as it is, and escaped within JSON. Without the space and the padding
// around it, which copies lose.
func (r *redaction) remember(form []byte) {
	form = bytes.TrimRight(bytes.TrimSpace(form), "=")
	if len(form) == 0 {
		return
	}
	r.values = append(r.values, form)
	if escaped := appendQuoted(nil, form); len(escaped) > len(form)+2 {
		r.values = append(r.values, escaped[1:len(escaped)-1])
	}
}

// rememberAll remembers every scalar of a value that is not the string it should be.
func (r *redaction) rememberAll(t *tree, n uint32) {
	switch t.nodes[n].kind {
	case kindArray, kindObject:
		for _, child := range t.elements(n) {
			r.rememberAll(t, child)
		}
	case kindString, kindNumber:
		r.remember(bytes.Clone(t.text(n)))
		r.found(t.text(n))
	}
}

// hideCopies redacts every string that is one of the Secret's values.
func (r *redaction) hideCopies(t *tree, n uint32) {
	switch t.nodes[n].kind {
	case kindString:
		if text := t.text(n); !isPlaceholder(text) && r.isValue(text) {
			r.set(t, n, r.hide(text))
		}
	case kindArray, kindObject:
		for _, child := range t.elements(n) {
			r.hideCopies(t, child)
		}
	}
}

func (r *redaction) isValue(text []byte) bool {
	text = bytes.TrimRight(bytes.TrimSpace(text), "=")
	for _, value := range r.values {
		if bytes.Equal(value, text) {
			return true
		}
	}
	return false
}

func (r *redaction) containsValue(text []byte) bool {
	for _, value := range r.values {
		if len(value) >= shortest && bytes.Contains(text, value) {
			return true
		}
	}
	return false
}
