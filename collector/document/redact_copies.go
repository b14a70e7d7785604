package document

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
)

// The annotations in which tools keep a copy of the whole object.
const (
	lastApplied  = "kubectl.kubernetes.io/last-applied-configuration"
	kappOriginal = "kapp.k14s.io/original"      // the object as kapp was given it
	kappDiff     = "kapp.k14s.io/original-diff" // and what came of it; also -diff-full, -diff-md5
)

func holdsCopy(annotation []byte) bool {
	return string(annotation) == lastApplied || string(annotation) == kappOriginal || isDiff(annotation)
}

func isDiff(annotation []byte) bool {
	return len(annotation) >= len(kappDiff) && string(annotation[:len(kappDiff)]) == kappDiff
}

// dropCopies drops every annotation of a Secret that holds a copy of it, or of one of its values, and every one whose name is sensitive.
func (r *redaction) dropCopies(t *tree, annotations uint32) {
	if k := t.nodes[annotations].kind; k != kindObject {
		if k != kindNull {
			r.drop(t, annotations) // not annotations at all: whatever it is, it is not worth a secret
		}
		return
	}
	for _, n := range t.elements(annotations) {
		if t.nodes[n].flags&dropped != 0 {
			continue
		}
		if holdsCopy(t.key(n)) {
			r.drop(t, n)
			continue
		}
		text := t.text(n)
		if t.nodes[n].kind != kindString {
			text = t.append(nil, n) // no cluster has such an annotation, but a file may
		}
		if r.containsValue(text) || looksLikeObject(text) {
			r.drop(t, n)
			continue
		}
		r.plainAnnotation(t, n)
	}
}

// looksLikeObject tells whether an annotation of a Secret may be a copy of it, however it is named: a JSON object, YAML, either compressed.
func looksLikeObject(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return false
	}
	var scanned tree
	if text[0] == '{' && scanned.parse(text) == nil {
		for _, key := range [...]string{"data", "stringData", "kind"} {
			if _, ok := scanned.member(root, key); ok {
				return true
			}
		}
		return false
	}
	return bytes.HasPrefix(text, []byte(gzipped)) || isYAML(text)
}

// gzipped is how base64 of what gzip writes begins; Rancher's tools keep copies like that.
const gzipped = "H4sI"

// maxUnpacked bounds a compressed copy.
const maxUnpacked = 16 << 20

// isYAML tells whether a text seems to be an object as YAML.
func isYAML(text []byte) bool {
	lines := bytes.IndexByte(text, '\n') >= 0
	for _, key := range [...]string{"kind:", "apiVersion:", "data:", "stringData:"} {
		if bytes.HasPrefix(text, []byte(key)) || lines && bytes.Contains(text, []byte("\n"+key)) {
			return true
		}
	}
	return false
}

// annotations redacts the copies of objects in annotations, each as an object of its kind is, and writes them back. What cannot be read, and
// speaks of a secret, is dropped.
func (r *redaction) annotations(t *tree, annotations uint32, resource Resource, depth int) {
	if r.rules.Keep.Annotations {
		return
	}
	for _, n := range t.elements(annotations) {
		if t.nodes[n].kind != kindString || t.nodes[n].flags&dropped != 0 {
			continue
		}
		text := bytes.TrimSpace(t.text(n))
		switch {
		case len(text) == 0:
		case isDiff(t.key(n)):
			r.drop(t, n) // patches, in which nothing tells what is a secret
		case (text[0] == '{' || text[0] == '[') && !bytes.HasPrefix(text, []byte("{{")):
			before := r.changes
			switch written, ok := r.copy(text, resource, depth); {
			case !ok && r.maySpeak(text):
				r.drop(t, n)
			case ok && r.changes > before:
				t.setString(n, written)
			case ok && r.copies[depth].stringMember(root, "kind") == nil:
				r.changes = before
				r.namedAnnotation(t, n) // no object, but settings
			default:
				r.changes = before
			}
		case r.packedCopy(text, resource, depth):
			r.drop(t, n)
		case holdsCopy(t.key(n)):
			if speaksOfSecrets(text) {
				r.drop(t, n)
			}
		default:
			r.plainAnnotation(t, n)
		}
	}
}

// packedCopy tells whether a text is a copy with something to redact in it that cannot be written back: compressed, in base64, in quotes, as YAML.
func (r *redaction) packedCopy(text []byte, resource Resource, depth int) bool {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return false
	case depth > maxCopies:
		return r.maySpeak(text)
	case bytes.HasPrefix(text, []byte("{{")): // a template
		return false
	case text[0] == '{' || text[0] == '[':
		before := r.changes
		_, ok := r.copy(text, resource, depth)
		changed := r.changes > before
		r.changes = before
		return changed || !ok && r.maySpeak(text)
	case text[0] == '"':
		var quoted tree
		return quoted.parse(text) == nil && quoted.nodes[root].kind == kindString && r.packedCopy(bytes.Clone(quoted.text(root)), resource, depth+1)
	case bytes.HasPrefix(text, []byte(gzipped)):
		unpacked := unpack(text)
		return unpacked == nil || r.packedCopy(unpacked, resource, depth+1)
	case isYAML(text):
		own := len(r.rules.Types)+len(r.rules.Names)+len(r.rules.Paths) > 0 // which only look at what is read
		return own || r.maySpeak(text)
	case len(text) >= shortestEncoded && only(text, "+/=\n", true):
		var begins [18]byte // most of what looks like base64 is none
		if n, err := base64.StdEncoding.Decode(begins[:], text[:shortestEncoded]); err != nil || !printable(begins[:n]) && (begins[0] != 0x1f || begins[1] != 0x8b) {
			return false
		}
		plain := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		decoded, err := base64.StdEncoding.Decode(plain, text)
		if err != nil || decoded < 2 {
			return false
		}
		if plain = plain[:decoded]; plain[0] == 0x1f && plain[1] == 0x8b {
			return r.packedCopy([]byte(base64.StdEncoding.EncodeToString(plain)), resource, depth+1)
		}
		return printable(plain) && (privateKeyIn(plain) || holdsSecret(plain) || r.packedCopy(plain, resource, depth+1))
	}
	return false
}

// maySpeak tells whether a text that cannot be read as an object may hold secrets.
func (r *redaction) maySpeak(text []byte) bool {
	return speaksOfSecrets(text) || r.assignments(r.assigned[:0], text, doubtful) != nil
}

// plainAnnotation redacts an annotation whose name is surely that of a secret, or the URLs in it.
func (r *redaction) plainAnnotation(t *tree, n uint32) {
	if r.rules.Keep.Annotations || t.nodes[n].kind != kindString {
		return
	}
	if text := t.text(n); holdsSecret(text) {
		r.replace(t, n, text)
		return
	}
	r.namedAnnotation(t, n)
}

func (r *redaction) namedAnnotation(t *tree, n uint32) {
	text := t.text(n)
	if says, last := r.judge(t.key(n)); says == sensitive && !innocent(last, text) {
		r.replace(t, n, text)
		return
	}
	if hidden, changed := r.text(text, sensitive); changed {
		r.set(t, n, hidden)
	}
}

// copy redacts a copy of an object and gives its canonical form; not ok if it cannot be read.
func (r *redaction) copy(text []byte, resource Resource, depth int) (written []byte, ok bool) {
	if depth >= maxCopies {
		return nil, false
	}
	for len(r.copies) <= depth {
		r.copies = append(r.copies, new(tree))
	}
	t := r.copies[depth]
	if t.parse(text) != nil {
		return nil, false
	}
	if kind := t.stringMember(root, "kind"); kind != nil {
		group, version, found := bytes.Cut(t.stringMember(root, "apiVersion"), []byte("/"))
		if !found {
			group, version = nil, group
		}
		resource = Resource{APIGroup: string(group), APIVersion: string(version), Kind: string(kind)}
	}
	before := r.changes
	r.object(t, resource, depth+1)
	if r.changes == before {
		return nil, true
	}
	return t.append(nil, root), true
}

// unpack gives what base64 of gzip holds, nil where it holds nothing that can be read.
func unpack(text []byte) []byte {
	compressed := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(compressed, text)
	if err != nil {
		return nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(compressed[:n]))
	if err != nil {
		return nil
	}
	unpacked, err := io.ReadAll(io.LimitReader(reader, maxUnpacked+1))
	if err != nil || len(unpacked) > maxUnpacked {
		return nil
	}
	return unpacked
}

// speaksOfSecrets tells whether a text that cannot be read holds a word that secrets go by; an escape could hide it.
func speaksOfSecrets(text []byte) bool {
	for _, word := range [...]string{"ecret", "SECRET", "assw", "PASSW", "oken", "TOKEN", "stringData", "redential", `\u`} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}
