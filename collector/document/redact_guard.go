package document

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net/url"
)

// The guard looks through what has been written for the values that were replaced in this object: one may stand in a second place, where no
// rule looks, plain or encoded. Objects without such a value are not looked through.

const (
	guarded      = 8    // shorter values appear by coincidence
	guardedBytes = 256  // of a long value, its beginning is looked for
	maxGuarded   = 1000 // values of one object
)

// found notes a value that is replaced, if its appearance elsewhere would be no coincidence.
func (r *redaction) found(value []byte) {
	value = bytes.TrimSpace(value)
	if len(value) > guardedBytes {
		value = value[:guardedBytes]
	}
	if len(value) < guarded || len(r.secrets) >= maxGuarded || !distinctive(value) || bytes.Contains(r.id, value) {
		return
	}
	start := len(r.plain)
	r.plain = append(r.plain, value...)
	r.secrets = append(r.secrets, span{start, len(r.plain)})
}

// distinctive tells whether a value is more than a word, a name of words, or a number: those stand in objects for other reasons.
func distinctive(value []byte) bool {
	var lower, upper, digit, other bool
	for _, c := range value {
		switch {
		case isUpper(c):
			upper = true
		case isLower(c):
			lower = true
		case isDigit(c):
			digit = true
		case bytes.IndexByte([]byte("-._/: "), c) < 0:
			other = true
		}
	}
	return other || upper && lower || digit && (lower || upper)
}

// leaks tells whether JSON that was written holds one of the values, in any of their forms.
func (r *redaction) leaks(written []byte) bool {
	if len(r.secrets) == 0 {
		return false
	}
	r.forms()
	return r.holds(written)
}

// fewNeedles are looked for one after the other; more are found in one pass by their first eight bytes.
const fewNeedles = 16

// holds tells whether a text holds one of the needles.
func (r *redaction) holds(text []byte) bool {
	if len(r.needles) <= fewNeedles {
		for _, needle := range r.needles {
			if bytes.Contains(text, r.form[needle.start:needle.end]) {
				return true
			}
		}
		return false
	}
	for at := 0; at+guarded <= len(text); at++ {
		first := binary.LittleEndian.Uint64(text[at:])
		if slot := slotOf(first); r.slots[slot/64]&(1<<(slot%64)) == 0 {
			continue
		}
		for _, n := range r.index[first] {
			if needle := r.needles[n]; bytes.HasPrefix(text[at:], r.form[needle.start:needle.end]) {
				return true
			}
		}
	}
	return false
}

// slotOf is the bit of redaction.slots that stands for what begins with these eight bytes.
func slotOf(first uint64) uint64 { return first * 0x9e3779b97f4a7c15 >> 48 }

// forms lists the forms that the values may take in written JSON: plain, or escaped, once or, in JSON within strings, more often; in base64 at
// each of its three alignments, in both alphabets; and as URLs escape them.
func (r *redaction) forms() {
	r.form, r.needles = r.form[:0], r.needles[:0]
	note := func(form []byte) {
		if len(form) < guarded {
			return
		}
		start := len(r.form)
		r.form = append(r.form, form...)
		r.needles = append(r.needles, span{start, len(r.form)})
	}
	defer r.indexNeedles()
	var shifted [guardedBytes + 2]byte
	var encoded, quoted [4 * guardedBytes]byte
	for _, secret := range r.secrets {
		plain := r.plain[secret.start:secret.end]
		if core := core(plain); core != nil {
			note(core)
		} else {
			form := inner(appendQuoted(quoted[:0], plain))
			note(form)
			for range escapes {
				if longer := inner(appendQuoted(nil, form)); len(longer) > len(form) {
					form = longer
					note(form)
				}
			}
		}
		for shift := range 3 {
			n := copy(shifted[shift:], plain) + shift
			form := base64.RawStdEncoding.AppendEncode(encoded[:0], shifted[:n])
			// The characters that depend on nothing but the value.
			form = form[(shift*8+5)/6 : n*8/6]
			note(form)
			if bytes.ContainsAny(form, "+/") {
				note(bytes.ReplaceAll(bytes.ReplaceAll(form, []byte("+"), []byte("-")), []byte("/"), []byte("_")))
			}
		}
		if escaped := url.QueryEscape(string(plain)); len(escaped) > len(plain) {
			note([]byte(escaped))
			note([]byte(url.PathEscape(string(plain))))
		}
	}
}

// indexNeedles prepares what holds needs of many needles.
func (r *redaction) indexNeedles() {
	if len(r.needles) <= fewNeedles {
		return
	}
	if r.slots == nil {
		r.slots, r.index = make([]uint64, 1<<16/64), map[uint64][]int32{}
	}
	clear(r.slots)
	clear(r.index)
	for i, needle := range r.needles {
		first := binary.LittleEndian.Uint64(r.form[needle.start:])
		slot := slotOf(first)
		r.slots[slot/64] |= 1 << (slot % 64)
		r.index[first] = append(r.index[first], int32(i))
	}
}

// escapes is how many times JSON lies within strings of JSON.
const escapes = 3

// core gives the longest run of letters and digits in a value, if it is most of it and distinctive itself: whatever escapes the value, leaves
// that as it is.
func core(value []byte) []byte {
	var longest []byte
	for from := 0; from < len(value); from++ {
		to := from
		for to < len(value) && value[to] < 0x80 && (isLetter(value[to]) || isDigit(value[to])) {
			to++
		}
		if to-from > len(longest) {
			longest = value[from:to]
		}
		from = to
	}
	if len(longest) < guarded || 2*len(longest) < len(value) || !distinctive(longest) {
		return nil
	}
	return longest
}

func inner(quoted []byte) []byte { return quoted[1 : len(quoted)-1] }

// hideLeaks redacts every string that holds one of the values, and drops the members whose key does.
func (r *redaction) hideLeaks(t *tree) {
	holds := func(text []byte) bool {
		r.whole = appendQuoted(r.whole[:0], text) // as it is written
		return r.holds(r.whole)
	}
	for i := range t.nodes {
		n := uint32(i)
		if k := t.nodes[n].kind; k == kindString || k == kindNumber {
			if text := t.text(n); !isPlaceholder(text) && holds(text) {
				r.set(t, n, r.hide(text))
			}
		}
		if v := &t.nodes[n]; v.keyEnd > v.keyStart && holds(t.key(n)) && !t.isTop(n) {
			r.drop(t, n)
		}
	}
}

// isTop tells whether a node is a member of the topmost object: those have names that everything relies on.
func (t *tree) isTop(n uint32) bool {
	for _, m := range t.elements(root) {
		if m == n {
			return true
		}
	}
	return false
}
