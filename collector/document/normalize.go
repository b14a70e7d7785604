package document

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// Object is an object as the lake stores it.
//
// Its strings are the caller's to keep. Its slices (the JSON columns, the whole, the pairs, the managers) are reused: they are
// valid until the Normalizer's next call, and what outlives it must be copied.
type Object struct {
	lake.Identity
	lake.State
	Digest string // "sha256:<hex>" of the whole without the ignored fields
	Whole  []byte // the canonical whole, ignored fields included
	// ModifiedAt and Managers are those of the object's whole life: the newest time and the distinct names, sorted, in
	// metadata.managedFields. Those of one change are Attribution's.
	ModifiedAt time.Time
	Managers   []string
	// ManagedFields is metadata.managedFields in canonical form, in a Clone only. It is not stored.
	ManagedFields json.RawMessage

	tree    *tree  // the Normalizer's, nil in a Clone
	managed uint32 // metadata.managedFields in it; root: there is none
}

// Clone is a copy that outlives the Normalizer's next call. It leaves Whole out, which can be made of the columns again.
func (o *Object) Clone() *Object {
	clone := *o
	clone.Labels, clone.Annotations = slices.Clone(o.Labels), slices.Clone(o.Annotations)
	clone.Metadata, clone.Spec = bytes.Clone(o.Metadata), bytes.Clone(o.Spec)
	clone.Status, clone.Fields = bytes.Clone(o.Status), bytes.Clone(o.Fields)
	clone.Managers, clone.ManagedFields = slices.Clone(o.Managers), bytes.Clone(o.ManagedFields)
	if o.tree != nil && o.managed != root {
		clone.ManagedFields = o.tree.append(nil, o.managed)
	}
	clone.Whole, clone.tree, clone.managed = nil, nil, root
	return &clone
}

// Normalizer turns raw objects into what is stored. It reuses its memory from one object to the next, so each goroutine needs
// one of its own.
type Normalizer struct {
	redaction *redaction
	ignore    *Ignore
	tree      tree
	writer    writer
	fields    []byte
	hash      hash.Hash
	sum       [sha256.Size]byte
	text      []byte // what becomes the strings of an object, so that they take one allocation instead of dozens
	spans     []span
	object    Object
	stored    []byte // what Again reads
}

// span is a string to be: a stretch of Normalizer.text.
type span struct{ start, end int }

// NewNormalizer makes a Normalizer. Without a Redactor it refuses Secrets rather than let their values pass.
func NewNormalizer(redactor *Redactor) *Normalizer {
	n := &Normalizer{hash: sha256.New()}
	if redactor != nil {
		n.redaction = redactor.begin()
	}
	return n
}

// Ignoring sets the fields that the digest leaves out besides the built-in ones, and gives the Normalizer back.
func (n *Normalizer) Ignoring(ignore *Ignore) *Normalizer {
	n.ignore = ignore
	return n
}

// Normalize reads one object of the resource, redacts it, and gives its columns and digest. raw is not kept: the result points
// into the Normalizer's own memory. Errors name kind and object but never hold a part of the object's content.
func (n *Normalizer) Normalize(resource Resource, raw []byte) (*Object, error) {
	t := &n.tree
	if err := t.parse(raw); err != nil {
		return nil, fmt.Errorf("read a %s: %w", resource.Kind, err)
	}
	if t.nodes[root].kind != kindObject {
		return nil, fmt.Errorf("read a %s: it is not a JSON object", resource.Kind)
	}
	metadata, ok := t.member(root, "metadata")
	if !ok || t.nodes[metadata].kind != kindObject {
		return nil, fmt.Errorf("read a %s: it has no metadata", resource.Kind)
	}
	n.object = Object{tree: t, Managers: n.object.Managers[:0], State: lake.State{
		Labels: n.object.Labels[:0], Annotations: n.object.Annotations[:0]}}
	if err := n.identify(resource, metadata); err != nil {
		return nil, err
	}
	if n.redaction == nil && t.isSecret(resource) {
		return nil, fmt.Errorf("read the %s %s: there is no redaction key, and without one a Secret is not stored", resource.Kind, n.object.ResourceID)
	}
	if n.redaction != nil {
		n.redaction.apply(t, resource, n.object.ResourceID)
	}
	n.finish(resource, metadata)
	return &n.object, nil
}

// finish writes the redacted object in the tree, looks over what was written, and fills in the columns.
func (n *Normalizer) finish(resource Resource, metadata uint32) {
	t := &n.tree
	managed, isManaged := t.member(metadata, "managedFields")
	if isManaged {
		t.nodes[managed].flags |= dropped
		n.object.managed = managed
	}
	n.ignore.flag(t, ignored)
	n.write(resource)
	if n.redaction != nil && n.redaction.leaks(n.writer.out) {
		n.redaction.hideLeaks(t)
		n.write(resource)
	}
	if isManaged {
		t.nodes[managed].flags &^= dropped
	}
	n.columns(metadata)
}

// identify fills the identity, all of it in one string.
func (n *Normalizer) identify(resource Resource, metadata uint32) error {
	t := &n.tree
	name, uid := t.stringMember(metadata, "name"), t.stringMember(metadata, "uid")
	var namespace []byte
	if resource.Namespaced {
		namespace = t.stringMember(metadata, "namespace")
	}
	if len(name) == 0 {
		if len(namespace) > 0 {
			return fmt.Errorf("read a %s in namespace %s: it has no metadata.name", resource.Kind, namespace)
		}
		return fmt.Errorf("read a %s: it has no metadata.name", resource.Kind)
	}
	if bytes.IndexByte(name, '/') >= 0 || bytes.IndexByte(namespace, '/') >= 0 {
		// Kubernetes allows it nowhere, and "a/b" in "c" must not be taken for "b" in "c/a".
		return fmt.Errorf("read a %s named %q in namespace %q: names cannot hold a slash", resource.Kind, name, namespace)
	}
	n.text = n.text[:0]
	if len(namespace) > 0 {
		n.text = append(append(n.text, namespace...), '/')
	}
	nameAt := len(n.text)
	n.text = append(n.text, name...)
	uidAt := len(n.text)
	s := string(append(n.text, uid...))
	n.object.Identity = lake.Identity{
		APIGroup: resource.APIGroup, APIVersion: resource.APIVersion, Kind: resource.Kind,
		Namespace: s[:len(namespace)], Name: s[nameAt:uidAt], ResourceID: s[:uidAt], UID: s[uidAt:],
	}
	return nil
}

// columns fills what is stored beside the JSON: labels, annotations, owner, phase, times and managers.
func (n *Normalizer) columns(metadata uint32) {
	t, o := &n.tree, &n.object
	n.text, n.spans = n.text[:0], n.spans[:0]
	labels := n.pairs(metadata, "labels")
	annotations := n.pairs(metadata, "annotations")

	owner := [3]string{"kind", "name", "uid"}
	ownerAt := len(n.spans)
	if reference, ok := t.controller(metadata); ok {
		for _, key := range owner {
			n.keep(t.stringMember(reference, key))
		}
	}
	hasOwner := len(n.spans) > ownerAt
	if status, ok := t.member(root, "status"); ok {
		n.keep(t.stringMember(status, "phase"))
	} else {
		n.keep(nil)
	}
	managersAt := len(n.spans)
	if managed, ok := t.member(metadata, "managedFields"); ok {
		for _, entry := range t.elements(managed) {
			if at, err := parseTime(t.stringMember(entry, "time")); err == nil && at.After(o.ModifiedAt) {
				o.ModifiedAt = at // an entry may lack its time; it still has a manager
			}
			manager := t.stringMember(entry, "manager")
			known := slices.ContainsFunc(n.spans[managersAt:], func(s span) bool { return bytes.Equal(n.text[s.start:s.end], manager) })
			if len(manager) > 0 && !known {
				n.keep(manager)
			}
		}
	}

	all := string(n.text)
	next := 0
	take := func() string {
		s := n.spans[next]
		next++
		return all[s.start:s.end]
	}
	for range labels {
		o.Labels = append(o.Labels, lake.Pair{Key: take(), Value: take()})
	}
	for range annotations {
		o.Annotations = append(o.Annotations, lake.Pair{Key: take(), Value: take()})
	}
	if hasOwner {
		o.OwnerKind, o.OwnerName, o.OwnerUID = take(), take(), take()
	}
	o.Phase = take()
	for range n.spans[managersAt:] {
		o.Managers = append(o.Managers, take())
	}
	slices.Sort(o.Managers)
	if at, err := parseTime(t.stringMember(metadata, "creationTimestamp")); err == nil {
		o.CreatedAt = at
	}
}

func (n *Normalizer) keep(text []byte) {
	start := len(n.text)
	n.text = append(n.text, text...)
	n.spans = append(n.spans, span{start, len(n.text)})
}

// pairs keeps the keys and values of a map of strings and tells how many there are. The API server stores nothing but strings;
// in files a number or a boolean is a common slip, and its text is what was meant. A null is no entry.
func (n *Normalizer) pairs(metadata uint32, key string) int {
	t := &n.tree
	m, ok := t.member(metadata, key)
	if !ok || t.nodes[m].kind != kindObject {
		return 0
	}
	count := 0
	for _, child := range t.elements(m) {
		v := t.nodes[child]
		switch {
		case v.flags&dropped != 0 || v.kind == kindNull:
			continue
		case v.kind == kindString:
			n.keep(t.key(child))
			n.keep(t.text(child))
		default:
			n.keep(t.key(child))
			start := len(n.text)
			n.text = t.append(n.text, child)
			n.spans = append(n.spans, span{start, len(n.text)})
		}
		count++
	}
	return count
}

// controller finds the owner reference that says it is the controller's; Kubernetes allows one at most.
func (t *tree) controller(metadata uint32) (uint32, bool) {
	references, ok := t.member(metadata, "ownerReferences")
	if !ok || t.nodes[references].kind != kindArray {
		return 0, false
	}
	for _, reference := range t.elements(references) {
		if c, ok := t.member(reference, "controller"); ok && t.nodes[c].kind == kindTrue {
			return reference, true
		}
	}
	return 0, false
}

// parseTime reads a time as Kubernetes writes it, RFC 3339, into UTC.
func parseTime(text []byte) (time.Time, error) {
	var at time.Time
	if err := at.UnmarshalText(text); err != nil {
		return time.Time{}, err
	}
	return at.UTC(), nil
}

// write writes the canonical whole once. Metadata, Spec and Status are stretches of it; Fields is put together of the stretches
// of the other members; the digest runs over it but for the cuts.
func (n *Normalizer) write(resource Resource) {
	t, o, w := &n.tree, &n.object, &n.writer
	w.out, w.cuts = append(w.out[:0], '{'), w.cuts[:0]
	n.fields = append(n.fields[:0], '{')
	var metadata, spec, status span
	wroteVersion, wroteKind, kept := false, false, false
	comma := func(flags uint8) {
		start := len(w.out)
		w.comma()
		if flags&ignored == 0 {
			if !kept && len(w.out) > start {
				w.cuts = append(w.cuts, cut{start, len(w.out)}) // all before it is ignored
			}
			kept = true
		}
	}
	head := func(before []byte) {
		// apiVersion and kind come from the resource, in their place among the sorted keys; nil means after everything.
		if !wroteVersion && (before == nil || string(before) > "apiVersion") {
			comma(0)
			w.out = append(w.out, `"apiVersion":`...)
			w.out = appendQuoted(w.out, groupVersion(resource.APIGroup, resource.APIVersion))
			wroteVersion = true
		}
		if !wroteKind && (before == nil || string(before) > "kind") {
			comma(0)
			w.out = append(w.out, `"kind":`...)
			w.out = appendQuoted(w.out, resource.Kind)
			wroteKind = true
		}
	}
	for _, child := range t.elements(root) {
		key := t.key(child)
		if string(key) == "apiVersion" || string(key) == "kind" {
			continue
		}
		head(key)
		start, cuts, flags := len(w.out), len(w.cuts), t.nodes[child].flags
		comma(flags)
		memberAt := len(w.out)
		w.key(t, child)
		valueAt := len(w.out)
		w.value(t, child)
		if flags&ignored != 0 {
			w.cuts = append(w.cuts[:cuts], cut{start, len(w.out)})
		}
		switch value := (span{valueAt, len(w.out)}); string(key) {
		case "metadata":
			metadata = value
		case "spec":
			spec = value
		case "status":
			status = value
		default:
			if len(n.fields) > 1 {
				n.fields = append(n.fields, ',')
			}
			n.fields = append(n.fields, w.out[memberAt:]...)
		}
	}
	head(nil)
	w.out = append(w.out, '}')
	o.Whole = w.out
	o.Metadata, o.Spec, o.Status = w.column(metadata), w.column(spec), w.column(status)
	if len(n.fields) > 1 {
		n.fields = append(n.fields, '}')
		o.Fields = n.fields
	}
	o.Digest = w.digest(n.hash, n.sum[:0])
}

// comma separates members of the topmost object.
func (w *writer) comma() {
	if len(w.out) > 1 {
		w.out = append(w.out, ',')
	}
}

// column is a stretch of what was written, nil where there is none. Its capacity ends with it, so that appending to it cannot
// write into its neighbour.
func (w *writer) column(s span) json.RawMessage {
	if s.end == 0 {
		return nil
	}
	return w.out[s.start:s.end:s.end]
}

// digest hashes what was written but for the cuts.
func (w *writer) digest(h hash.Hash, sum []byte) string {
	h.Reset()
	from := 0
	for _, c := range w.cuts {
		h.Write(w.out[from:c.start])
		from = c.end
	}
	h.Write(w.out[from:])
	var text [len(digestPrefix) + 2*sha256.Size]byte
	copy(text[:], digestPrefix)
	hex.Encode(text[len(digestPrefix):], h.Sum(sum))
	return string(text[:])
}

// digestPrefix names the algorithm, so that another can follow one day.
const digestPrefix = "sha256:"
