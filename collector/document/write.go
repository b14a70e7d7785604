package document

// Canonical is the canonical form of a JSON document, in new memory. An error is a *SyntaxError.
func Canonical(src []byte) ([]byte, error) {
	var t tree
	if err := t.parse(src); err != nil {
		return nil, err
	}
	return t.append(make([]byte, 0, len(src)), root), nil
}

// cut is a stretch of canonical JSON that the digest leaves out.
type cut struct{ start, end int }

// writer writes canonical JSON and notes which stretches of it the digest leaves out, so that what is stored and what is hashed
// are written in one pass.
type writer struct {
	out  []byte
	cuts []cut
}

// append appends the canonical JSON of a value, ignored members included.
func (t *tree) append(out []byte, n uint32) []byte {
	w := writer{out: out}
	w.value(t, n)
	return w.out
}

func (w *writer) value(t *tree, n uint32) {
	switch v := &t.nodes[n]; v.kind {
	case kindNull:
		w.out = append(w.out, "null"...)
	case kindFalse:
		w.out = append(w.out, "false"...)
	case kindTrue:
		w.out = append(w.out, "true"...)
	case kindNumber:
		w.out = append(w.out, t.src[v.start:v.end]...)
	case kindString:
		if v.flags&textDecoded != 0 {
			w.out = appendQuoted(w.out, t.scratch[v.start:v.end])
		} else {
			// A string without escapes in the source needs none here either: quotes and control characters cannot stand in it.
			w.out = append(w.out, t.src[v.start-1:v.end+1]...)
		}
	case kindArray:
		w.out = append(w.out, '[')
		for i, child := range t.children[v.start:v.end] {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.value(t, child)
		}
		w.out = append(w.out, ']')
	case kindObject:
		w.out = append(w.out, '{')
		written, kept := false, false
		for _, child := range t.children[v.start:v.end] {
			flags := t.nodes[child].flags
			if flags&dropped != 0 {
				continue
			}
			// What remains after the cuts must be canonical JSON too, commas included: an ignored member goes with the comma before
			// it, and the first one kept loses the comma that an ignored one before it made necessary.
			start, cuts := len(w.out), len(w.cuts)
			if written {
				w.out = append(w.out, ',')
				if flags&ignored == 0 && !kept {
					w.cuts = append(w.cuts, cut{start, start + 1})
				}
			}
			w.key(t, child)
			w.value(t, child)
			written = true
			if flags&ignored != 0 {
				w.cuts = append(w.cuts[:cuts], cut{start, len(w.out)}) // and what is ignored within it goes with it
			} else {
				kept = true
			}
		}
		w.out = append(w.out, '}')
	}
}

// key writes a member's key and the colon.
func (w *writer) key(t *tree, n uint32) {
	v := &t.nodes[n]
	if v.flags&keyDecoded != 0 {
		w.out = appendQuoted(w.out, t.scratch[v.keyStart:v.keyEnd])
	} else {
		w.out = append(w.out, t.src[v.keyStart-1:v.keyEnd+1]...)
	}
	w.out = append(w.out, ':')
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends UTF-8 text as a JSON string with the least escapes: the quote, the backslash and control characters,
// each in its short form where there is one.
func appendQuoted[T string | []byte](out []byte, text T) []byte {
	out = append(out, '"')
	from := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, '\\', 'b')
		case '\f':
			out = append(out, '\\', 'f')
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	out = append(out, text[from:]...)
	return append(out, '"')
}
