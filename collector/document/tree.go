package document

import "sort"

// kind is the JSON type of a node.
type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// What is known of a node besides its kind.
const (
	keyDecoded  uint8 = 1 << iota // the key lies in scratch: it was escaped, or was not UTF-8
	textDecoded                   // so does the string's text
	dropped                       // left out everywhere
	ignored                       // stored, but left out of digest and diff
)

// node is a value of a tree. It holds offsets rather than slices: it is a third of the size, and the garbage collector has no
// pointers to follow.
type node struct {
	kind     kind
	flags    uint8
	keyStart uint32 // of the key that names the value, if it is the member of an object
	keyEnd   uint32
	start    uint32 // string: its text without quotes; number: its literal; array and object: their span of tree.children
	end      uint32
}

// tree is a parsed JSON document. The text of its nodes lies in src, or in scratch where decoding changed it. A tree is used
// again and again without new memory; it is valid while src is.
type tree struct {
	src      []byte
	scratch  []byte
	nodes    []node
	children []uint32 // indices of nodes; those of one array or object are adjacent, and an object's are sorted by key
	open     []uint32 // while parsing: the children of the arrays and objects not yet closed
}

// root is the index of a tree's topmost node.
const root uint32 = 0

func (t *tree) key(n uint32) []byte {
	v := &t.nodes[n]
	if v.flags&keyDecoded != 0 {
		return t.scratch[v.keyStart:v.keyEnd]
	}
	return t.src[v.keyStart:v.keyEnd]
}

// text is the decoded text of a string, or the literal of a number.
func (t *tree) text(n uint32) []byte {
	v := &t.nodes[n]
	if v.flags&textDecoded != 0 {
		return t.scratch[v.start:v.end]
	}
	return t.src[v.start:v.end]
}

// elements are the children of an array or object, dropped ones included; none for any other kind.
func (t *tree) elements(n uint32) []uint32 {
	v := &t.nodes[n]
	if v.kind < kindArray {
		return nil
	}
	return t.children[v.start:v.end]
}

// member finds a key's value in an object that is not dropped; false too if n is no object.
func (t *tree) member(n uint32, key string) (uint32, bool) {
	v := &t.nodes[n]
	if v.kind != kindObject {
		return 0, false
	}
	members := t.children[v.start:v.end]
	i := sort.Search(len(members), func(i int) bool { return string(t.key(members[i])) >= key })
	if i == len(members) || string(t.key(members[i])) != key || t.nodes[members[i]].flags&dropped != 0 {
		return 0, false
	}
	return members[i], true
}

// stringMember is the text of a member that is a string, and nil for any other.
func (t *tree) stringMember(n uint32, key string) []byte {
	m, ok := t.member(n, key)
	if !ok || t.nodes[m].kind != kindString {
		return nil
	}
	return t.text(m)
}

// setString makes a node a string, whatever it was, and keeps its key.
func (t *tree) setString(n uint32, text []byte) {
	v := &t.nodes[n]
	start := len(t.scratch)
	t.scratch = append(t.scratch, text...)
	v.kind = kindString
	v.flags |= textDecoded
	v.start, v.end = uint32(start), uint32(len(t.scratch))
}
