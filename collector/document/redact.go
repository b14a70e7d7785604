package document

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"regexp"
	"strings"

	"github.com/k8sq/k8sq/lake"
)

// Redaction happens on the object, before anything is hashed or stored, and is looked over again in what was written (redact_guard.go). What is
// replaced, besides the values of Secrets, is said by Rules. It changes nothing that it has changed before, so that a state out of the
// lake can be redacted again.

// Rules say what is redacted besides Secrets, which always are. The zero value has all defaults and nothing of one's own.
type Rules struct {
	Keep     Defaults         // the defaults that are switched off
	Types    []string         // resource types of which every string but those of metadata and status is redacted; * is any run of characters
	Names    []string         // names of variables, entries and fields whose values are redacted; * likewise, case does not count
	Paths    []RedactPath     // in objects of every type
	Patterns []*regexp.Regexp // what they match is redacted, in every string
}

// Defaults are what is redacted though nobody asked for it.
type Defaults struct {
	Env         bool // literal values of variables whose name is sensitive, in every list of names and values
	Args        bool // arguments of commands: --password=x, --token x
	ConfigMaps  bool // entries of ConfigMaps whose key is sensitive, and what files in them assign to sensitive names
	Annotations bool // copies of objects, and annotations whose name is sensitive
	Helm        bool // Helm's releases, where they are kept in ConfigMaps
	URLs        bool // passwords of URLs, in every string
	Fields      bool // fields of custom resources whose name is sensitive, and what texts in them assign
}

// RedactPath is a path below which everything is redacted.
type RedactPath struct{ steps []step }

// ParseRedactPath reads a path as Diff writes them, with [*] for every element or member: "spec.users[*].token", "data['x']". The error tells
// the place in it.
func ParseRedactPath(path string) (RedactPath, error) {
	steps, problem := parsePath(path)
	switch {
	case problem != nil:
		return RedactPath{}, fmt.Errorf("character %d: %s", problem.at+1, problem.problem)
	case len(steps) == 0, steps[0].kind == stepIndex, len(steps) == 1 && steps[0].kind == stepAll:
		return RedactPath{}, errors.New("a path begins with a key, such as spec")
	}
	if steps[0].key == "metadata" && len(steps) > 1 {
		switch steps[1].key {
		case "name", "namespace", "uid", "creationTimestamp", "resourceVersion":
			return RedactPath{}, errors.New("what an object is called cannot be redacted: it is a column of every table")
		}
	}
	return RedactPath{steps}, nil
}

// Redactor replaces what must not be stored, under a key that is not in the lake. It prints itself without the key.
type Redactor struct {
	key   []byte
	rules Rules
}

// NewRedactor makes a Redactor with the default Rules. The key should be 32 random bytes: with another key every redacted value looks
// changed, and with a guessable one short values can be found out.
func NewRedactor(key []byte) *Redactor { return &Redactor{key: bytes.Clone(key)} }

// With gives a Redactor with the same key and other Rules.
func (r *Redactor) With(rules Rules) *Redactor {
	names := make([]string, len(rules.Names))
	for i, name := range rules.Names {
		names[i] = strings.ToLower(name)
	}
	rules.Names = names
	return &Redactor{key: r.key, rules: rules}
}

// KeyID tells one key from another without saying anything of either.
func (r *Redactor) KeyID() string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte("k8sq key id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// String hides the key.
func (r *Redactor) String() string { return "(redactor)" }

// GoString hides the key from %#v.
func (r *Redactor) GoString() string { return "(redactor)" }

// LogValue hides the key from slog.
func (r *Redactor) LogValue() slog.Value { return slog.StringValue("(redactor)") }

func (r *Redactor) begin() *redaction {
	return &redaction{mac: hmac.New(sha256.New, r.key), rules: &r.rules, lower: make([]byte, 0, maxName)}
}

// Again redacts a state out of the lake, which may have been stored under weaker rules. changed is false where there was nothing to do; then it is
// the state itself. Else it is valid until the Normalizer's next call.
func (n *Normalizer) Again(identity lake.Identity, state lake.State) (again lake.State, changed bool, err error) {
	t, resource := &n.tree, resourceOf(identity)
	if n.redaction == nil {
		return state, false, nil
	}
	if n.stored, err = t.assemble(n.stored, state); err != nil {
		return state, false, fmt.Errorf("read the stored %s %s: %w", identity.Kind, identity.ResourceID, err)
	}
	metadata, ok := t.member(root, "metadata")
	if !ok || t.nodes[metadata].kind != kindObject {
		return state, false, nil // a deletion holds no object
	}
	if n.redaction.apply(t, resource, identity.ResourceID); n.redaction.changes == 0 {
		return state, false, nil
	}
	n.object = Object{Identity: identity, State: lake.State{Labels: n.object.Labels[:0], Annotations: n.object.Annotations[:0]}}
	n.finish(resource, metadata)
	return n.object.State, true, nil
}

// redaction is a Redactor at work, with memory of its own: one for each goroutine.
type redaction struct {
	mac     hash.Hash
	rules   *Rules
	changes int    // how much was replaced or dropped in the object at hand
	id      []byte // the object's resource id

	sum                                       [sha256.Size]byte
	buffer, lower, decoded                    []byte
	rewritten, assigned, whole, matched, form []byte

	secrets []span   // of plain: what was replaced, for the guard
	plain   []byte   //
	needles []span   // of form: what must not be in what is written, each at least guarded bytes long
	slots   []uint64 // a bit for the first bytes of each needle, where they are many
	index   map[uint64][]int32
	values  [][]byte // what a Secret's annotations must not contain, in every form it may take there
	copies  []*tree  // copies of objects in annotations, by how deep they lie in each other
}

// maxCopies is how deep copies of objects lie within annotations of copies; what lies deeper is dropped.
const maxCopies = 4

// shortest is how long a value must be for its appearance within an annotation to be no coincidence.
const shortest = 6

// isSecret tells whether the resource, or the object itself, is a Secret. The resource is right where they differ, but a Secret that
// came in the wrong list must not be stored in the clear.
func (t *tree) isSecret(resource Resource) bool {
	return resource.is("Secret") || t.isCore(root, "Secret")
}

// is tells whether the resource is a kind of the legacy group, or of another of Kubernetes' own (those without a dot), in which none is
// called that: a file may say so by mistake. Likewise, case does not count.
func (r Resource) is(kind string) bool {
	return strings.EqualFold(r.Kind, kind) && strings.IndexByte(r.APIGroup, '.') < 0
}

// isCore tells whether an object says that it is such a kind.
func (t *tree) isCore(n uint32, kind string) bool {
	if said := t.stringMember(n, "kind"); len(said) != len(kind) || !bytes.EqualFold(said, []byte(kind)) {
		return false
	}
	group, _, found := bytes.Cut(t.stringMember(n, "apiVersion"), []byte("/"))
	return !found || bytes.IndexByte(group, '.') < 0
}

// apply redacts the object in t, before anything is read from it but its identity.
func (r *redaction) apply(t *tree, resource Resource, id string) {
	r.changes, r.id = 0, append(r.id[:0], id...)
	r.secrets, r.plain, r.values = r.secrets[:0], r.plain[:0], r.values[:0]
	r.object(t, resource, 0)
}

// object redacts an object, or, deeper than 0, a copy of one.
func (r *redaction) object(t *tree, resource Resource, depth int) {
	embedded := r.lists(t, resource, depth)
	switch {
	case t.isSecret(resource):
		r.secret(t, root)
	case resource.is("ConfigMap") || t.isCore(root, "ConfigMap"):
		r.configMap(t, root)
	}
	r.items(t, root)
	if embedded {
		r.embedded(t)
	}
	if strings.IndexByte(resource.APIGroup, '.') >= 0 && !strings.HasSuffix(resource.APIGroup, ".k8s.io") && !r.rules.Keep.Fields {
		r.fields(t, root)
	}
	r.everywhere(t)
	r.ownRules(t, resource)
	if metadata, ok := t.member(root, "metadata"); ok {
		if annotations, ok := t.member(metadata, "annotations"); ok && !t.isSecret(resource) {
			r.annotations(t, annotations, resource, depth)
		}
	}
	for _, pattern := range r.rules.Patterns {
		r.pattern(t, pattern)
	}
}

// lists redacts the variables and the arguments in every list of the document, wherever it lies, and tells whether a Secret or a ConfigMap
// seems to lie in it too. It looks at each node once and is all that most objects cost.
func (r *redaction) lists(t *tree, resource Resource, depth int) (embedded bool) {
	env, args := !r.rules.Keep.Env, !r.rules.Keep.Args
	own, skipFrom, skipTo := root, -1, -1
	if metadata, ok := t.member(root, "metadata"); ok {
		own, _ = t.member(metadata, "annotations")
		if managed, ok := t.member(metadata, "managedFields"); ok {
			// They are not stored, and half of most objects. Nodes are in the order of the document.
			skipFrom, skipTo = int(managed), int(t.lastBelow(managed))
		}
	}
	for i := 0; i < len(t.nodes); i++ {
		if i == skipFrom {
			i = skipTo
			continue
		}
		v := &t.nodes[i]
		switch v.kind {
		case kindArray:
			if v.start == v.end {
				continue
			}
			switch t.nodes[t.children[v.start]].kind {
			case kindObject:
				if env {
					r.variables(t, uint32(i))
				}
			case kindString:
				if args {
					r.strings(t, uint32(i))
				}
			}
		case kindObject:
			length := v.keyEnd - v.keyStart
			if v.start == v.end || length < 3 || length > 20 {
				continue
			}
			switch key := t.key(uint32(i)); string(key) {
			case "annotations": // of a template
				if uint32(i) != own {
					r.annotations(t, uint32(i), resource, depth)
				}
			case "env", "environment", "envVars", "extraEnv", "extraEnvVars", "environmentVariables", "parameters", "options", "volumeAttributes", "extraArgs":
				if env {
					for _, m := range t.elements(uint32(i)) {
						r.variable(t, t.key(m), m) // custom resources write variables as a map too
					}
				}
			}
		case kindString:
			if i > 0 && v.keyEnd-v.keyStart == 4 && !embedded {
				if length := v.end - v.start; length == 6 || length == 9 || length == 10 || length == 13 {
					text := bytes.TrimSuffix(t.text(uint32(i)), []byte("List"))
					embedded = (bytes.EqualFold(text, []byte("Secret")) || bytes.EqualFold(text, []byte("ConfigMap"))) && string(t.key(uint32(i))) == "kind"
				}
			}
		}
	}
	return embedded
}

// lastBelow is the last node that lies in a value, in the order of the document.
func (t *tree) lastBelow(n uint32) uint32 {
	for {
		last := n
		for _, child := range t.elements(n) {
			last = max(last, child)
		}
		if last == n {
			return n
		}
		n = last
	}
}

// strings redacts a list of strings: a command line, or whatever else they say.
func (r *redaction) strings(t *tree, list uint32) {
	if key := t.key(list); len(key) >= 4 && (bytes.EqualFold(key[len(key)-4:], []byte("args")) || len(key) >= 7 && bytes.EqualFold(key[len(key)-7:], []byte("command"))) {
		r.arguments(t, list)
		return
	}
	for _, n := range t.elements(list) {
		if t.nodes[n].kind == kindString {
			if hidden, changed := r.text(t.text(n), sensitive); changed {
				r.set(t, n, hidden)
			}
		}
	}
}

// fields redacts the fields of a custom resource whose name is sensitive, and what its texts assign: Helm's values, scripts, manifests. Names
// that may be those of references (key, credentials) are taken for it unless the value looks random.
func (r *redaction) fields(t *tree, n uint32) {
	for _, m := range t.elements(n) {
		v := &t.nodes[m]
		if n == root {
			switch string(t.key(m)) {
			case "apiVersion", "kind", "metadata", "status":
				continue
			}
		}
		switch v.kind {
		case kindArray, kindObject:
			if string(t.key(m)) == "encryptedData" { // a SealedSecret's
				continue
			}
			r.pair(t, m)
			r.fields(t, m)
		case kindString, kindNumber:
			text := t.text(m)
			if len(text) == 0 || isPlaceholder(text) {
				continue
			}
			if v.keyEnd > v.keyStart {
				says, last := r.judge(t.key(m))
				if says > harmless && !innocent(last, text) && (says == sensitive && surelySecret(last) || v.kind == kindString && looksRandom(text)) {
					r.replace(t, m, text)
					continue
				}
			}
			if v.kind == kindString && len(text) > shortest {
				if holdsSecret(text) {
					r.replace(t, m, text)
				} else if hidden, changed := r.text(text, sensitive); changed {
					r.set(t, m, hidden)
				}
			}
		}
	}
}

// pair redacts the value of a {key, value} or {Name, Value}; those of name and value are variables.
func (r *redaction) pair(t *tree, n uint32) {
	for _, keys := range [...][2]string{{"key", "value"}, {"Key", "Value"}, {"Name", "Value"}} {
		if name := t.stringMember(n, keys[0]); name != nil {
			if value, ok := t.member(n, keys[1]); ok && t.nodes[value].kind == kindString {
				if says, last := r.judge(name); says == sensitive && !innocent(last, t.text(value)) {
					r.replace(t, value, t.text(value))
				}
			}
		}
	}
}

// surelySecret tells whether the last word of a sensitive name says that the value is the secret itself.
func surelySecret(last []byte) bool {
	switch string(last) {
	case "pass", "pw", "passcode", "jwt", "dsn", "connectionstring", "string":
		return true
	}
	return bytes.Contains(last, []byte("passw")) || bytes.Contains(last, []byte("passphrase")) || bytes.HasSuffix(last, []byte("pwd")) ||
		bytes.HasSuffix(last, []byte("pass")) || bytes.HasSuffix(last, []byte("token"))
}

// everywhere redacts passwords of URLs and private keys in any string. Most documents hold neither, which one look at the whole tells.
func (r *redaction) everywhere(t *tree) {
	urls := !r.rules.Keep.URLs && (mayHoldPassword(t.src) || mayHoldPassword(t.scratch))
	keys := bytes.Contains(t.src, []byte("PRIVATE KEY")) || bytes.Contains(t.scratch, []byte("PRIVATE KEY"))
	if !urls && !keys {
		return
	}
	for i := range t.nodes {
		n := uint32(i)
		if t.nodes[n].kind != kindString {
			continue
		}
		text := t.text(n)
		switch {
		case isPlaceholder(text):
		case keys && privateKeyIn(text):
			r.replace(t, n, text)
		case urls && mayHoldPassword(text):
			if out := r.userInfo(r.rewritten[:0], text); out != nil {
				r.rewritten = out
				r.set(t, n, out)
			}
		}
	}
}

// mayHoldPassword tells whether a URL stands before an @ in the same string. An @ is rarer than what begins a URL.
func mayHoldPassword(text []byte) bool {
	for from := 0; ; {
		sign := bytes.IndexByte(text[from:], '@')
		if sign < 0 {
			return false
		}
		sign += from
		before := text[max(from, sign-longestURL):sign]
		if quote := bytes.LastIndexByte(before, '"'); quote >= 0 {
			before = before[quote:]
		}
		if bytes.Contains(before, []byte("://")) {
			return true
		}
		from = sign + 1
	}
}

// configMap redacts the entries of a ConfigMap.
func (r *redaction) configMap(t *tree, n uint32) {
	helm := false
	if metadata, ok := t.member(n, "metadata"); ok && !r.rules.Keep.Helm {
		if labels, ok := t.member(metadata, "labels"); ok {
			helm = string(t.stringMember(labels, "OWNER")) == "TILLER" || string(t.stringMember(labels, "owner")) == "helm"
		}
	}
	for _, section := range [...]string{"data", "binaryData"} {
		entries, ok := t.member(n, section)
		if !ok {
			continue
		}
		for _, entry := range t.elements(entries) {
			switch k := t.nodes[entry].kind; {
			case k >= kindArray && !r.rules.Keep.ConfigMaps: // no cluster has such an entry, but a file may
				if says, _ := r.judge(t.key(entry)); says > harmless {
					r.below(t, entry, true)
				}
				continue
			case k != kindString && k != kindNumber:
				continue
			case helm && string(t.key(entry)) == "release":
				r.replace(t, entry, t.text(entry))
				continue
			case r.rules.Keep.ConfigMaps:
				continue
			}
			text := t.text(entry)
			says, last := r.judge(t.key(entry))
			switch {
			case says > harmless && !innocent(last, text):
				if section == "binaryData" {
					text = bytes.Clone(r.decodeBase64(text))
				}
				r.replace(t, entry, text)
			case len(text) == 0:
			case section == "binaryData":
				// A file that is not UTF-8: only the whole of it can be replaced.
				plain := bytes.Clone(r.decodeBase64(text))
				if _, changed := r.text(plain, sensitive); changed || holdsSecret(plain) {
					r.replace(t, entry, plain)
				}
			case holdsSecret(text):
				r.replace(t, entry, text)
			default:
				if hidden, changed := r.text(text, sensitive); changed {
					r.set(t, entry, hidden)
				}
			}
		}
	}
}

// holdsSecret tells whether a text holds the manifest of a Secret.
func holdsSecret(text []byte) bool {
	for rest := text; ; {
		at := bytes.Index(rest, []byte("Secret"))
		if at < 0 {
			return false
		}
		before := bytes.TrimRight(rest[:at], " \t\"'\\")
		rest = bytes.TrimPrefix(rest[at+len("Secret"):], []byte("List"))
		if len(rest) > 0 && isLetter(rest[0]) {
			continue
		}
		if before, isKey := bytes.CutSuffix(before, []byte(":")); isKey && bytes.HasSuffix(bytes.TrimRight(before, "\"' \\"), []byte("kind")) {
			return bytes.Contains(text, []byte("data")) || bytes.Contains(text, []byte("stringData"))
		}
	}
}

// embedded redacts the Secrets and ConfigMaps that lie in the document beside its topmost object: items of a List, manifests in the spec of a
// custom resource.
func (r *redaction) embedded(t *tree) {
	for i := uint32(1); i < uint32(len(t.nodes)); i++ {
		if t.nodes[i].kind != kindObject {
			continue
		}
		switch {
		case t.isCore(i, "Secret"):
			r.secret(t, i)
		case t.isCore(i, "ConfigMap"):
			r.configMap(t, i)
		default:
			r.items(t, i)
		}
	}
}

// items redacts what a SecretList or a ConfigMapList holds: its items need not say their kind.
func (r *redaction) items(t *tree, n uint32) {
	secrets := t.isCore(n, "SecretList")
	if !secrets && !t.isCore(n, "ConfigMapList") {
		return
	}
	items, _ := t.member(n, "items")
	for _, item := range t.elements(items) {
		switch {
		case t.nodes[item].kind != kindObject:
		case secrets:
			r.secret(t, item)
		default:
			r.configMap(t, item)
		}
	}
}

// hide is what stands in the place of a value: half of its HMAC, which no one can reverse or guess without the key, and which
// changes when the value does. It is valid until the next call.
func (r *redaction) hide(value []byte) []byte {
	r.mac.Reset()
	r.mac.Write(value)
	r.buffer = append(r.buffer[:0], placeholderPrefix...)
	r.buffer = hex.AppendEncode(r.buffer, r.mac.Sum(r.sum[:0])[:16])
	return r.buffer
}

// replace puts a value's hash in its place, unless it is one already.
func (r *redaction) replace(t *tree, n uint32, value []byte) {
	if isPlaceholder(value) {
		return
	}
	r.found(value)
	r.set(t, n, r.hide(value))
}

func (r *redaction) set(t *tree, n uint32, text []byte) {
	r.changes++
	t.setString(n, text)
}

func (r *redaction) drop(t *tree, n uint32) {
	r.changes++
	t.nodes[n].flags |= dropped
}
