package document

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"log/slog"
)

// Redactor replaces what must not be stored, under a key that is not in the lake. It prints itself without the key.
type Redactor struct{ key []byte }

// NewRedactor makes a Redactor. The key should be 32 random bytes: with another key every redacted value looks changed, and with
// a guessable one short values can be found out.
func NewRedactor(key []byte) *Redactor { return &Redactor{key: bytes.Clone(key)} }

// String hides the key.
func (r *Redactor) String() string { return "(redactor)" }

// GoString hides the key from %#v.
func (r *Redactor) GoString() string { return "(redactor)" }

// LogValue hides the key from slog.
func (r *Redactor) LogValue() slog.Value { return slog.StringValue("(redactor)") }

func (r *Redactor) begin() *redaction { return &redaction{mac: hmac.New(sha256.New, r.key)} }

// redaction is a Redactor at work, with memory of its own: one for each goroutine.
type redaction struct {
	mac     hash.Hash
	sum     [sha256.Size]byte
	buffer  []byte
	values  [][]byte // what the Secret's annotations must not contain, in every form it may take there
	scanned tree     // annotations that are JSON
}

// The annotations in which tools keep a copy of the whole object.
const (
	lastApplied  = "kubectl.kubernetes.io/last-applied-configuration"
	kappOriginal = "kapp.k14s.io/original"      // the object as kapp was given it
	kappDiff     = "kapp.k14s.io/original-diff" // and what came of it; also -diff-full, -diff-md5
)

func holdsCopy(annotation []byte) bool {
	return string(annotation) == lastApplied || string(annotation) == kappOriginal ||
		len(annotation) >= len(kappDiff) && string(annotation[:len(kappDiff)]) == kappDiff
}

// shortest is how long a value must be for its appearance within an annotation to be no coincidence.
const shortest = 6

// isSecret tells whether the resource, or the object itself, is a Secret. The resource is right where they differ, but a Secret that
// came in the wrong list must not be stored in the clear.
func (t *tree) isSecret(resource Resource) bool {
	if resource.Kind == "Secret" && groupVersion(resource.APIGroup, resource.APIVersion) == resource.APIVersion {
		return true
	}
	return string(t.stringMember(root, "kind")) == "Secret" && bytes.IndexByte(t.stringMember(root, "apiVersion"), '/') < 0
}

// apply redacts the object in t, before anything is read from it but its identity.
func (r *redaction) apply(t *tree, resource Resource, metadata uint32) {
	annotations, ok := t.member(metadata, "annotations")
	if !t.isSecret(resource) {
		if ok {
			r.dropEmbeddedSecrets(t, annotations)
		}
		return
	}
	r.values = r.values[:0]
	for _, section := range [...]string{"data", "stringData"} {
		if n, ok := t.member(root, section); ok {
			r.section(t, n, section == "data")
		}
	}
	// A secret's value may also have slipped into a field beside data, where it can only be told by being equal.
	for _, n := range t.elements(root) {
		if n != metadata {
			r.hideCopies(t, n)
		}
	}
	if ok {
		r.dropCopies(t, annotations)
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
		t.setString(n, r.hide(t.append(nil, n)))
		return
	}
	// The text is copied: it may lie in the tree's scratch, which grows, and values outlives the node's own text.
	text := bytes.Clone(t.text(n))
	plain := text
	if encoded {
		decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		if length, err := base64.StdEncoding.Decode(decoded, text); err == nil {
			plain = decoded[:length]
		}
	}
	r.remember(text)
	r.remember(plain)
	r.remember(base64.StdEncoding.AppendEncode(nil, plain))
	if trimmed := bytes.TrimSpace(plain); len(trimmed) < len(plain) {
		// `echo value | base64` encodes the line's end too, a copy of the value itself has none.
		r.remember(base64.StdEncoding.AppendEncode(nil, trimmed))
	}
	t.setString(n, r.hide(plain))
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
	}
}

// hideCopies redacts every string that is one of the Secret's values.
func (r *redaction) hideCopies(t *tree, n uint32) {
	switch t.nodes[n].kind {
	case kindString:
		if r.isValue(t.text(n)) {
			t.setString(n, r.hide(t.text(n)))
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

// hide is what stands in the place of a value: half of its HMAC, which no one can reverse or guess without the key, and which
// changes when the value does.
func (r *redaction) hide(value []byte) []byte {
	r.mac.Reset()
	r.mac.Write(value)
	r.buffer = append(r.buffer[:0], "hmac-sha256:"...)
	r.buffer = hex.AppendEncode(r.buffer, r.mac.Sum(r.sum[:0])[:16])
	return r.buffer
}

// dropCopies drops every annotation of a Secret that holds a copy of it, or of one of its values.
func (r *redaction) dropCopies(t *tree, annotations uint32) {
	if k := t.nodes[annotations].kind; k != kindObject && k != kindNull {
		t.nodes[annotations].flags |= dropped // not annotations at all: whatever it is, it is not worth a secret
		return
	}
	for _, n := range t.elements(annotations) {
		if holdsCopy(t.key(n)) {
			t.nodes[n].flags |= dropped
			continue
		}
		text := t.text(n)
		if t.nodes[n].kind != kindString {
			text = t.append(nil, n) // no cluster has such an annotation, but a file may
		}
		if r.containsValue(text) || r.looksLikeObject(text) {
			t.nodes[n].flags |= dropped
		}
	}
}

// looksLikeObject tells whether an annotation is JSON that may be a copy of the Secret, however it is named.
func (r *redaction) looksLikeObject(text []byte) bool {
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '{' || r.scanned.parse(text) != nil {
		return false
	}
	for _, key := range [...]string{"data", "stringData", "kind"} {
		if _, ok := r.scanned.member(root, key); ok {
			return true
		}
	}
	return false
}

// dropEmbeddedSecrets drops the copies that tools leave in annotations of other kinds where they hold a Secret, at any depth.
func (r *redaction) dropEmbeddedSecrets(t *tree, annotations uint32) {
	for _, n := range t.elements(annotations) {
		if t.nodes[n].kind != kindString {
			continue
		}
		if !holdsCopy(t.key(n)) {
			continue
		}
		// Most copies hold no such word, and need not be parsed to know that they hold no Secret; an escape could hide the word.
		text := t.text(n)
		if !bytes.Contains(text, []byte("Secret")) && !bytes.Contains(text, []byte(`\u`)) {
			continue
		}
		if r.scanned.parse(text) != nil {
			t.nodes[n].flags |= dropped // it speaks of a Secret, and what it holds of it cannot be told
			continue
		}
		for i := range r.scanned.nodes {
			if string(r.scanned.stringMember(uint32(i), "kind")) == "Secret" {
				t.nodes[n].flags |= dropped
				break
			}
		}
	}
}
