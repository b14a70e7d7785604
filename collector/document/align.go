package document

import "bytes"

// compareArrays compares two lists that are not empty.
//
// Which alignment is taken depends on the schema and the old list alone, so that whoever applies a diff to the old state takes the same.
func (d *differ) compareArrays(x, y uint32, s *Schema) {
	if d.same(x, y) {
		return // most lists, and aligning them would cost more than this
	}
	xs, ys := d.old.elements(x), d.new.elements(y)
	if s != nil && s.List != ByPlace {
		if places, ok := d.old.places(xs, s); ok {
			if _, ok := d.new.places(ys, s); ok {
				d.compareByKey(xs, ys, s, places)
			} else {
				d.update(d.canonical(&d.old, x), d.canonical(&d.new, y))
			}
			return
		}
	}
	below := s.elements()
	for _, n := range xs {
		if !d.old.isLeaf(n) {
			d.compareByIndex(xs, ys, 0, below)
			return
		}
	}
	// All old elements are leaves: what both lists begin and end with stays where it is, and only what lies between is compared.
	prefix := 0
	for prefix < len(xs) && prefix < len(ys) && d.sameElement(xs[prefix], ys[prefix], below) {
		prefix++
	}
	suffix := 0
	for suffix < len(xs)-prefix && suffix < len(ys)-prefix && d.sameElement(xs[len(xs)-1-suffix], ys[len(ys)-1-suffix], below) {
		suffix++
	}
	d.compareByIndex(xs[prefix:len(xs)-suffix], ys[prefix:len(ys)-suffix], prefix, below)
}

// same tells whether two values are equal in every leaf.
func (d *differ) same(x, y uint32) bool {
	if d.old.nodes[x].kind < kindArray || d.new.nodes[y].kind < kindArray {
		return d.sameLeaf(x, y, nil)
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

func (d *differ) sameElement(x, y uint32, s *Schema) bool {
	return d.new.isLeaf(y) && d.sameLeaf(x, y, s)
}

// compareByIndex compares elements pairwise, the first of each at index offset; what one list has more is removed or added.
func (d *differ) compareByIndex(xs, ys []uint32, offset int, s *Schema) {
	for i := range max(len(xs), len(ys)) {
		old, new := absent, absent
		if i < len(xs) {
			old = i
		}
		if i < len(ys) {
			new = i
		}
		d.compareElements(xs, ys, old, new, offset, s)
	}
}

// absent stands for the index of an element that the other list lacks.
const absent = -1

// compareElements compares the old element with the new one; one of them may be absent. s is the schema of elements.
func (d *differ) compareElements(xs, ys []uint32, old, new, offset int, s *Schema) {
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
		d.compare(xs[old], ys[new], s)
	}
	d.oldPath, d.newPath = d.oldPath[:oldEnd], d.newPath[:newEnd]
}

// compareByKey compares the elements of a Keyed list or a Set that are known by the same key. places are those of the old ones.
func (d *differ) compareByKey(xs, ys []uint32, s *Schema, places map[string]int) {
	stays := make([]bool, len(xs))
	last, reordered, within := absent, false, false
	for j, y := range ys {
		old := absent
		d.identity = d.new.identity(d.identity[:0], y, s)
		if i, ok := places[string(d.identity)]; ok {
			old, stays[i] = i, true
			reordered = reordered || i < last
			last = i
		}
		before := d.count()
		d.compareElements(xs, ys, old, j, 0, s.elements())
		within = within || old != absent && d.count() > before
	}
	for i := range xs {
		if !stays[i] {
			d.compareElements(xs, ys, i, absent, 0, nil)
		}
	}
	if reordered && (s.Ordered || within) {
		d.update(d.identities(&d.old, xs, s), d.identities(&d.new, ys, s))
	}
}

// count is how many leaves are noted.
func (d *differ) count() int { return len(d.added) + len(d.updated) + len(d.removed) }

// identities are the keys of all elements as a JSON array.
func (d *differ) identities(t *tree, elements []uint32, s *Schema) span {
	start := len(d.text)
	for i, n := range elements {
		if i == 0 {
			d.text = append(d.text, '[')
		} else {
			d.text = append(d.text, ',')
		}
		d.text = t.identity(d.text, n, s)
	}
	d.text = append(d.text, ']')
	return span{start, len(d.text)}
}

// places maps each element's key to its index; false if an element has none, or two have the same.
func (t *tree) places(elements []uint32, s *Schema) (map[string]int, bool) {
	places := make(map[string]int, len(elements))
	var identity []byte
	for i, n := range elements {
		if identity = t.identity(identity[:0], n, s); len(identity) == 0 {
			return nil, false
		}
		if _, taken := places[string(identity)]; taken {
			return nil, false
		}
		places[string(identity)] = i
	}
	return places, true
}

// identity appends an element's key as canonical JSON. In a Set that is the element; in a Keyed list a scalar, or an array of them where
// the key has several fields, with the default or else null for a field that is absent, as Kubernetes has it. It appends nothing for an
// element of a Keyed list that is no object, that has no field of the key that has no default, or a field that is no scalar.
func (t *tree) identity(out []byte, n uint32, s *Schema) []byte {
	if s.List == Set {
		return t.append(out, n)
	}
	start := len(out)
	if len(s.Keys) > 1 {
		out = append(out, '[')
	}
	known := false
	for i, key := range s.Keys {
		if i > 0 {
			out = append(out, ',')
		}
		m, ok := t.member(n, key.Name)
		switch {
		case ok && t.nodes[m].kind > kindNull && t.nodes[m].kind < kindArray:
			out = t.append(out, m)
			known = known || key.Default == ""
		case ok:
			return out[:start]
		case key.Default != "":
			out = append(out, key.Default...)
		default:
			out = append(out, "null"...)
		}
	}
	if !known {
		return out[:start]
	}
	if len(s.Keys) > 1 {
		out = append(out, ']')
	}
	return out
}
