package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/k8sq/k8sq/lake"
)

// Difference is what changed between two states of an object, leaf by leaf.
type Difference struct {
	Added, Updated, Removed int
	Paths                   []string // of all three, sorted, each once
	// JSON is {"added": {path: value}, "removed": {path: value}, "updated": {path: {"from": …, "to": …}}} in canonical form, each of
	// the three always there.
	JSON json.RawMessage

	present []string // the paths that were added or updated, sorted: those that lead somewhere in the new state
}

// Options say what in a comparison means nothing.
type Options struct {
	Schema *Schema // of the objects' kind; nil where it is not known
	Ignore *Ignore // the same that the digests were made with
}

// Diff compares two stored states of one object. It is empty if their digests, made with the same Ignore, are equal; and also where they
// differ by nothing but what has no meaning: ignored fields, the order of a list, the form of a quantity.
//
// A leaf is a scalar, an empty object or an empty array; an object or array that appears or goes is listed leaf by leaf. A value
// that turns from a leaf into something with leaves of its own, or back, is a removed leaf and added ones: {} that gets a key is
// removed as {}. Numbers are compared by their text; but where the schema says that a value is a quantity, exactly by its value, so that 1 and
// 1000m are no difference. So the leaves of the old state, without those removed, with those added and with those updated, are the
// leaves of the new one, but for the order of lists that have none and the form of quantities.
//
// Lists that the schema calls keyed are aligned by their key, and sets by their elements' values, if every element of the old list has a
// key and no two the same. If some element of the new list then has none, or two have the same, the list as a whole is one updated leaf.
// All other lists are aligned by index; where all old elements are leaves, only between what both lists begin and end with. Without a
// schema those are all lists but the ones in metadata.
//
// The index in the path of an added or updated leaf is its place in the new list; in that of a removed leaf, its place in the old one.
// Where elements that stay, aligned by key, changed their order, and either the order has a meaning or some of them changed within, so that
// their index would not tell which one is meant, the list's own path is an updated leaf too: from the old list's keys to the new one's,
// {"from": ["a","b"], "to": ["b","a"]}, each key an array if it has several fields. Else another order is no difference.
func Diff(before, after lake.State, options Options) (Difference, error) {
	d := differs.Get().(*differ)
	defer differs.Put(d)
	// Most changes leave some columns as they are, and canonical JSON that is equal has nothing to compare.
	for _, column := range [...]struct{ before, after *json.RawMessage }{
		{&before.Metadata, &after.Metadata}, {&before.Spec, &after.Spec}, {&before.Status, &after.Status}, {&before.Fields, &after.Fields},
	} {
		if bytes.Equal(*column.before, *column.after) {
			*column.before, *column.after = nil, nil
		}
	}
	var err error
	if d.oldDocument, err = d.old.assembleForDiff(d.oldDocument, before, options.Ignore); err != nil {
		return Difference{}, fmt.Errorf("read the old state: %w", err)
	}
	if d.newDocument, err = d.new.assembleForDiff(d.newDocument, after, options.Ignore); err != nil {
		return Difference{}, fmt.Errorf("read the new state: %w", err)
	}
	d.oldPath, d.newPath, d.text = d.oldPath[:0], d.newPath[:0], d.text[:0]
	d.added, d.updated, d.removed = d.added[:0], d.updated[:0], d.removed[:0]
	schema := options.Schema
	if schema == nil {
		schema = unknownKind()
	}
	d.compareObjects(root, root, schema) // the root has no path, so it is never a leaf itself
	return d.difference(), nil
}

var differs = sync.Pool{New: func() any { return new(differ) }}

// differ compares two trees; its memory is used again.
type differ struct {
	old, new                 tree
	oldDocument, newDocument []byte
	oldPath, newPath         []byte // where compare stands, in the indices of either side
	text                     []byte // paths and values
	identity                 []byte // of the element at hand
	added, updated, removed  []leaf
}

// leaf is an entry of a difference: its path and values are stretches of differ.text.
type leaf struct{ path, from, to span }

func (t *tree) assembleForDiff(buffer []byte, state lake.State, ignore *Ignore) ([]byte, error) {
	buffer, err := t.assemble(buffer, state)
	if err == nil {
		ignore.flag(t, dropped)
	}
	return buffer, err
}

// isLeaf tells whether nothing lies below a value.
func (t *tree) isLeaf(n uint32) bool {
	for _, child := range t.elements(n) {
		if t.nodes[child].flags&dropped == 0 {
			return false
		}
	}
	return true
}

// compare compares the old value x with the new value y, whose schema is s.
func (d *differ) compare(x, y uint32, s *Schema) {
	oldLeaf, newLeaf := d.old.isLeaf(x), d.new.isLeaf(y)
	switch {
	case oldLeaf && newLeaf:
		if !d.sameLeaf(x, y, s) {
			d.update(d.canonical(&d.old, x), d.canonical(&d.new, y))
		}
	case oldLeaf || newLeaf || d.old.nodes[x].kind != d.new.nodes[y].kind:
		d.remove(x)
		d.add(y)
	case d.old.nodes[x].kind == kindObject:
		d.compareObjects(x, y, s)
	default:
		d.compareArrays(x, y, s)
	}
}

func (d *differ) sameLeaf(x, y uint32, s *Schema) bool {
	k, l := d.old.nodes[x].kind, d.new.nodes[y].kind
	text := func(k kind) bool { return k == kindString || k == kindNumber }
	if k == l && (!text(k) || bytes.Equal(d.old.text(x), d.new.text(y))) {
		return true
	}
	return s != nil && s.Quantity && text(k) && text(l) && sameQuantity(d.old.text(x), d.new.text(y))
}

func (d *differ) compareObjects(x, y uint32, s *Schema) {
	xs, ys := d.old.elements(x), d.new.elements(y)
	oldEnd, newEnd := len(d.oldPath), len(d.newPath)
	for len(xs) > 0 || len(ys) > 0 {
		switch {
		case len(xs) > 0 && d.old.nodes[xs[0]].flags&dropped != 0:
			xs = xs[1:]
			continue
		case len(ys) > 0 && d.new.nodes[ys[0]].flags&dropped != 0:
			ys = ys[1:]
			continue
		}
		order := 0
		switch {
		case len(ys) == 0:
			order = -1
		case len(xs) == 0:
			order = 1
		default:
			order = bytes.Compare(d.old.key(xs[0]), d.new.key(ys[0]))
		}
		if order <= 0 {
			d.oldPath = appendKey(d.oldPath[:oldEnd], d.old.key(xs[0]))
		}
		if order >= 0 {
			d.newPath = appendKey(d.newPath[:newEnd], d.new.key(ys[0]))
		}
		switch {
		case order < 0:
			d.remove(xs[0])
			xs = xs[1:]
		case order > 0:
			d.add(ys[0])
			ys = ys[1:]
		default:
			d.compare(xs[0], ys[0], s.property(d.old.key(xs[0])))
			xs, ys = xs[1:], ys[1:]
		}
	}
	d.oldPath, d.newPath = d.oldPath[:oldEnd], d.newPath[:newEnd]
}

// remove notes every leaf of an old value, which has no counterpart, under oldPath.
func (d *differ) remove(x uint32) {
	d.oldPath = d.leaves(&d.old, x, d.oldPath, func(path, value span) {
		d.removed = append(d.removed, leaf{path: path, from: value})
	})
}

// add notes every leaf of a new value under newPath.
func (d *differ) add(y uint32) {
	d.newPath = d.leaves(&d.new, y, d.newPath, func(path, value span) {
		d.added = append(d.added, leaf{path: path, to: value})
	})
}

func (d *differ) leaves(t *tree, n uint32, path []byte, note func(path, value span)) []byte {
	if t.isLeaf(n) {
		note(d.store(path), d.canonical(t, n))
		return path
	}
	end := len(path)
	for i, child := range t.elements(n) {
		switch {
		case t.nodes[n].kind == kindArray:
			path = appendIndex(path[:end], i)
		case t.nodes[child].flags&dropped != 0:
			continue
		default:
			path = appendKey(path[:end], t.key(child))
		}
		path = d.leaves(t, child, path, note)
	}
	return path[:end]
}

// update notes a changed leaf under newPath.
func (d *differ) update(from, to span) {
	d.updated = append(d.updated, leaf{d.store(d.newPath), from, to})
}

func (d *differ) store(text []byte) span {
	start := len(d.text)
	d.text = append(d.text, text...)
	return span{start, len(d.text)}
}

func (d *differ) canonical(t *tree, n uint32) span {
	start := len(d.text)
	d.text = t.append(d.text, n)
	return span{start, len(d.text)}
}

func (d *differ) difference() Difference {
	result := Difference{Added: len(d.added), Updated: len(d.updated), Removed: len(d.removed)}
	all := string(d.text) // one string for all paths
	result.Paths = make([]string, 0, d.count())
	size := 40
	for _, section := range [...][]leaf{d.added, d.updated, d.removed} {
		slices.SortFunc(section, func(a, b leaf) int {
			return bytes.Compare(d.text[a.path.start:a.path.end], d.text[b.path.start:b.path.end])
		})
		for _, l := range section {
			result.Paths = append(result.Paths, all[l.path.start:l.path.end])
			size += 24 + l.path.end - l.path.start + l.from.end - l.from.start + l.to.end - l.to.start
		}
	}
	present := result.Paths[:len(d.added)+len(d.updated)]
	if len(d.removed) > 0 {
		present = slices.Clone(present)
	}
	slices.Sort(present)
	result.present = present
	slices.Sort(result.Paths)
	result.Paths = slices.Compact(result.Paths)

	out := append(make([]byte, 0, size), `{"added":`...)
	out = d.section(out, d.added, func(out []byte, l leaf) []byte { return append(out, d.text[l.to.start:l.to.end]...) })
	out = append(out, `,"removed":`...)
	out = d.section(out, d.removed, func(out []byte, l leaf) []byte { return append(out, d.text[l.from.start:l.from.end]...) })
	out = append(out, `,"updated":`...)
	out = d.section(out, d.updated, func(out []byte, l leaf) []byte {
		out = append(append(out, `{"from":`...), d.text[l.from.start:l.from.end]...)
		out = append(append(out, `,"to":`...), d.text[l.to.start:l.to.end]...)
		return append(out, '}')
	})
	result.JSON = append(out, '}')
	return result
}

func (d *differ) section(out []byte, leaves []leaf, value func([]byte, leaf) []byte) []byte {
	out = append(out, '{')
	for i, l := range leaves {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, d.text[l.path.start:l.path.end]), ':')
		out = value(out, l)
	}
	return append(out, '}')
}
