package document

import "bytes"

// compareArrays compares two lists that are not empty. list is the key of the member that holds them, nil if there is none.
//
// Which alignment is taken depends on the old list alone, so that whoever applies a diff to the old state takes the same.
func (d *differ) compareArrays(x, y uint32, list []byte) {
	if d.same(x, y) {
		return // most lists, and aligning them would cost more than this
	}
	xs, ys := d.old.elements(x), d.new.elements(y)
	if list != nil {
		for _, key := range mergeKeys[string(list)] {
			places, ok := d.old.places(xs, key)
			if !ok {
				continue
			}
			if _, ok := d.new.places(ys, key); ok {
				d.compareByKey(xs, ys, key, places)
			} else {
				d.update(d.canonical(&d.old, x), d.canonical(&d.new, y))
			}
			return
		}
	}
	for _, n := range xs {
		if !d.old.isLeaf(n) {
			d.compareByIndex(xs, ys, 0)
			return
		}
	}
	// All old elements are leaves: what both lists begin and end with stays where it is, and only what lies between is compared.
	prefix := 0
	for prefix < len(xs) && prefix < len(ys) && d.sameElement(xs[prefix], ys[prefix]) {
		prefix++
	}
	suffix := 0
	for suffix < len(xs)-prefix && suffix < len(ys)-prefix && d.sameElement(xs[len(xs)-1-suffix], ys[len(ys)-1-suffix]) {
		suffix++
	}
	d.compareByIndex(xs[prefix:len(xs)-suffix], ys[prefix:len(ys)-suffix], prefix)
}

// same tells whether two values are equal in every leaf.
func (d *differ) same(x, y uint32) bool {
	if d.old.nodes[x].kind < kindArray || d.new.nodes[y].kind < kindArray {
		return d.sameLeaf(x, y)
	}
	xs, ys := d.old.elements(x), d.new.elements(y)
	if d.old.nodes[x].kind != d.new.nodes[y].kind {
		return false
	}
	i, j := 0, 0
	for {
		for i < len(xs) && d.old.nodes[xs[i]].flags&dropped != 0 {
			i++
		}
		for j < len(ys) && d.new.nodes[ys[j]].flags&dropped != 0 {
			j++
		}
		if i == len(xs) || j == len(ys) {
			return i == len(xs) && j == len(ys)
		}
		if d.old.nodes[x].kind == kindObject && !bytes.Equal(d.old.key(xs[i]), d.new.key(ys[j])) || !d.same(xs[i], ys[j]) {
			return false
		}
		i, j = i+1, j+1
	}
}

func (d *differ) sameElement(x, y uint32) bool { return d.new.isLeaf(y) && d.sameLeaf(x, y) }

// compareByIndex compares elements pairwise, the first of each at index offset; what one list has more is removed or added.
func (d *differ) compareByIndex(xs, ys []uint32, offset int) {
	for i := range max(len(xs), len(ys)) {
		old, new := absent, absent
		if i < len(xs) {
			old = i
		}
		if i < len(ys) {
			new = i
		}
		d.compareElements(xs, ys, old, new, offset)
	}
}

// absent stands for the index of an element that the other list lacks.
const absent = -1

// compareElements compares the old element with the new one; one of them may be absent.
func (d *differ) compareElements(xs, ys []uint32, old, new, offset int) {
	oldEnd, newEnd := len(d.oldPath), len(d.newPath)
	if old != absent {
		d.oldPath = appendIndex(d.oldPath, offset+old)
	}
	if new != absent {
		d.newPath = appendIndex(d.newPath, offset+new)
	}
	switch {
	case new == absent:
		d.remove(xs[old])
	case old == absent:
		d.add(ys[new])
	default:
		d.compare(xs[old], ys[new], nil)
	}
	d.oldPath, d.newPath = d.oldPath[:oldEnd], d.newPath[:newEnd]
}

// compareByKey compares elements with the same key. places are those of the old ones.
func (d *differ) compareByKey(xs, ys []uint32, key mergeKey, places map[string]int) {
	stays := make([]bool, len(xs))
	last, reordered := absent, false
	for j, y := range ys {
		old := absent
		d.identity = d.new.identity(d.identity[:0], y, key)
		if i, ok := places[string(d.identity)]; ok {
			old, stays[i] = i, true
			reordered = reordered || i < last
			last = i
		}
		d.compareElements(xs, ys, old, j, 0)
	}
	for i := range xs {
		if !stays[i] {
			d.compareElements(xs, ys, i, absent, 0)
		}
	}
	if reordered {
		d.update(d.identities(&d.old, xs, key), d.identities(&d.new, ys, key))
	}
}

// identities are the keys of all elements as a JSON array.
func (d *differ) identities(t *tree, elements []uint32, key mergeKey) span {
	start := len(d.text)
	for i, n := range elements {
		if i == 0 {
			d.text = append(d.text, '[')
		} else {
			d.text = append(d.text, ',')
		}
		d.text = t.identity(d.text, n, key)
	}
	d.text = append(d.text, ']')
	return span{start, len(d.text)}
}

// places maps each element's key to its index; false if an element lacks it, or two share it.
func (t *tree) places(elements []uint32, key mergeKey) (map[string]int, bool) {
	places := make(map[string]int, len(elements))
	var identity []byte
	for i, n := range elements {
		if identity = t.identity(identity[:0], n, key); len(identity) == 0 {
			return nil, false
		}
		if _, taken := places[string(identity)]; taken {
			return nil, false
		}
		places[string(identity)] = i
	}
	return places, true
}

// identity appends an element's key as canonical JSON: a scalar, or an array of them where the key has several fields. It appends
// nothing if the element is no object or lacks a field of the key.
func (t *tree) identity(out []byte, n uint32, key mergeKey) []byte {
	start := len(out)
	if len(key) > 1 {
		out = append(out, '[')
	}
	for i, field := range key {
		if i > 0 {
			out = append(out, ',')
		}
		m, ok := t.member(n, field.name)
		switch {
		case ok && t.nodes[m].kind > kindNull && t.nodes[m].kind < kindArray:
			out = t.append(out, m)
		case !ok && field.fallback != "":
			out = append(out, field.fallback...)
		default:
			return out[:start]
		}
	}
	if len(key) > 1 {
		out = append(out, ']')
	}
	return out
}
