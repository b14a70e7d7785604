package document

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Schema is what matters of a type's schema to a comparison: by what the elements of lists are told apart, whether their order means
// anything, and what is a quantity. A nil Schema knows nothing of a value. It is not changed once it is made, and may have cycles.
type Schema struct {
	Properties map[string]*Schema // of an object; those of which nothing is known are left out
	Elements   *Schema            // of a list, or of a map from arbitrary keys
	List       ListKind
	Keys       []Key // of a Keyed list
	Ordered    bool  // the order of a Keyed list means something
	Quantity   bool  // a resource.Quantity: 1 and 1000m are equal
}

// ListKind says by what the elements of a list are told apart.
type ListKind uint8

// The kinds of lists. Those that Kubernetes calls atomic, and those of which nothing is said, are told apart by their place.
const (
	ByPlace ListKind = iota
	Keyed            // by some fields, x-kubernetes-list-type: map
	Set              // by their value, and the order means nothing
)

// Key is one field of the key of a Keyed list.
type Key struct {
	Name    string
	Default string // canonical JSON of what holds where the field is absent, "" for nothing
}

// property is the schema of a member.
func (s *Schema) property(name []byte) *Schema {
	if s == nil {
		return nil
	}
	if p, ok := s.Properties[string(name)]; ok {
		return p
	}
	if s.List != ByPlace {
		return nil
	}
	return s.Elements
}

// elements is the schema of a list's elements.
func (s *Schema) elements() *Schema {
	if s == nil {
		return nil
	}
	return s.Elements
}

// What the schemas do not say, or say otherwise than it is.

// ordered are the keyed lists whose order means something, although Kubernetes merges them by key.
var ordered = []struct{ list, in string }{
	{"initContainers", ""}, // run one after the other, in their order
	{"containers", ""},     // are started in their order, and the first is what kubectl takes where none is named
	{"env", ""},            // $(NAME) refers to what stands before it
	{"hostAliases", ""},    // lines of /etc/hosts, of which the first counts
	{"webhooks", "MutatingWebhookConfiguration"},   // are called in their order
	{"variables", "ValidatingAdmissionPolicySpec"}, // may use those before them
}

// keyed are the lists that are told apart by a key, although they are declared otherwise or not at all.
var keyed = []struct{ list, in, key string }{
	// Declared atomic, since only the kubelet writes them; but they stand in the order of the containers, so that a sidecar moves them alike.
	{"containerStatuses", "PodStatus", "name"},
	{"initContainerStatuses", "PodStatus", "name"},
	{"ephemeralContainerStatuses", "PodStatus", "name"},
	// The API conventions say so of the conditions of every kind, and many a custom resource does not say it again.
	{"conditions", "", "type"},
}

// ReadSchemas reads an OpenAPI v3 document as an API server gives it at /openapi/v3/apis/<group>/<version>, and gives the schema of each
// type in it that is an object with metadata, by resource type ("apps.v1.Deployment"). What it does not understand it leaves out.
func ReadSchemas(openAPI []byte) (map[string]*Schema, error) {
	r := schemaReader{made: map[string]*Schema{}}
	if err := r.parse(openAPI); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if r.nodes[root].kind != kindObject {
		return nil, errors.New("read the OpenAPI document: it is not a JSON object")
	}
	types := map[string]*Schema{}
	components, _ := r.member(root, "components")
	r.schemas, _ = r.below(components, "schemas")
	for _, n := range r.members(r.schemas) {
		if resourceType, ok := r.resourceType(n); ok {
			types[resourceType] = r.named(string(r.key(n)), 0)
		}
	}
	r.prune()
	for name, schema := range types {
		types[name] = withMetadata(schema)
	}
	return types, nil
}

// withMetadata gives the schema of a whole object the one of metadata, which the schemas of custom resources only call an object.
func withMetadata(s *Schema) *Schema {
	if s.property([]byte("metadata")) != nil || builtin().metadata == nil {
		return s
	}
	whole := Schema{Properties: map[string]*Schema{}}
	if s != nil {
		for name, property := range s.Properties {
			whole.Properties[name] = property
		}
	}
	whole.Properties["metadata"] = builtin().metadata
	return &whole
}

const quantityName = "io.k8s.apimachinery.pkg.api.resource.Quantity"

// quantityPattern is part of the pattern by which the schema of a custom resource says that a string is a quantity: controller-gen writes it
// for every resource.Quantity.
const quantityPattern = "([KMGTPE]i)|[numkMGTPE]|"

// maxSchemaDepth is how deep schemas may lie in each other: a chain of references that says nothing must end.
const maxSchemaDepth = 200

// schemaReader makes Schemas of the OpenAPI document in its tree, without a copy of it: a large group's is several megabytes.
type schemaReader struct {
	tree
	schemas uint32             // components.schemas; root: there are none
	made    map[string]*Schema // by name
	all     []*Schema
}

// members are the members of an object, none of anything else, nor of what is absent.
func (r *schemaReader) members(n uint32) []uint32 {
	if n == root || r.nodes[n].kind != kindObject {
		return nil
	}
	return r.elements(n)
}

// below is a member of an object; absent, like root, of what is absent.
func (r *schemaReader) below(n uint32, key string) (uint32, bool) {
	if n == root {
		return root, false
	}
	return r.member(n, key)
}

// resourceType is the type that a schema is of, where it is that of a kind that is stored, and not of a list, a request's options or an answer.
func (r *schemaReader) resourceType(n uint32) (string, bool) {
	properties, _ := r.below(n, "properties")
	metadata, ok := r.below(properties, "metadata")
	if _, isList := r.below(properties, "items"); !ok || isList || strings.HasSuffix(r.reference(metadata), ".ListMeta") {
		return "", false
	}
	kinds, ok := r.below(n, "x-kubernetes-group-version-kind")
	if !ok || r.nodes[kinds].kind != kindArray || len(r.elements(kinds)) != 1 {
		return "", false
	}
	of := r.elements(kinds)[0]
	group, version, kind := string(r.stringMember(of, "group")), string(r.stringMember(of, "version")), string(r.stringMember(of, "kind"))
	if group == "" {
		group = "core"
	}
	return group + "." + version + "." + kind, version != "" && kind != ""
}

// parts are the schemas of allOf.
func (r *schemaReader) parts(n uint32) []uint32 {
	if all, ok := r.below(n, "allOf"); ok && r.nodes[all].kind == kindArray {
		return r.elements(all)
	}
	return nil
}

// reference is the name of the schema that stands for this one, "" where it is told here. A reference with a default beside it is written as
// the only part of an allOf.
func (r *schemaReader) reference(n uint32) string {
	reference := r.stringMember(n, "$ref")
	if parts := r.parts(n); reference == nil && len(parts) == 1 {
		reference = r.stringMember(parts[0], "$ref")
	}
	name, _ := strings.CutPrefix(string(reference), "#/components/schemas/")
	return name
}

// named makes the schema of a name, once, so that schemas may hold themselves.
func (r *schemaReader) named(name string, depth int) *Schema {
	if s, ok := r.made[name]; ok {
		return s
	}
	s := new(Schema)
	r.made[name] = s
	r.all = append(r.all, s)
	if name == quantityName {
		s.Quantity = true
	} else if n, ok := r.below(r.schemas, name); ok {
		r.fill(s, n, name, depth)
	}
	return s
}

// schema makes the schema of a property, which is called list, or of elements; nil if it says nothing. in is the name of the schema that
// holds it.
func (r *schemaReader) schema(n uint32, in, list string, depth int) *Schema {
	if depth > maxSchemaDepth {
		return nil
	}
	if name := r.reference(n); name != "" {
		return r.named(name, depth+1)
	}
	s := new(Schema)
	r.fill(s, n, in, depth)
	r.list(s, n, in, list)
	if !s.Quantity && s.List == ByPlace && s.Elements == nil && s.Properties == nil {
		return nil
	}
	r.all = append(r.all, s)
	return s
}

func (r *schemaReader) fill(s *Schema, n uint32, in string, depth int) {
	if depth > maxSchemaDepth {
		return
	}
	s.Quantity = s.Quantity || strings.Contains(string(r.stringMember(n, "pattern")), quantityPattern)
	properties, _ := r.below(n, "properties")
	for _, property := range r.members(properties) {
		name := string(r.key(property))
		if p := r.schema(property, in, name, depth+1); p != nil {
			if s.Properties == nil {
				s.Properties = map[string]*Schema{}
			}
			s.Properties[name] = p
		}
	}
	for _, key := range [...]string{"items", "additionalProperties"} {
		if below, ok := r.below(n, key); ok && r.nodes[below].kind == kindObject {
			s.Elements = r.schema(below, in, "", depth+1)
		}
	}
	for _, part := range r.parts(n) {
		r.fill(s, part, in, depth+1)
	}
}

// list fills in how the elements of a list are told apart.
func (r *schemaReader) list(s *Schema, n uint32, in, list string) {
	items, ok := r.below(n, "items")
	if !ok || r.nodes[items].kind != kindObject {
		return
	}
	if string(r.stringMember(n, "x-kubernetes-list-type")) == "set" {
		s.List = Set
		return
	}
	var keys []string
	if declared, ok := r.below(n, "x-kubernetes-list-map-keys"); ok && r.nodes[declared].kind == kindArray {
		for _, key := range r.elements(declared) {
			if r.nodes[key].kind != kindString {
				return
			}
			keys = append(keys, string(r.text(key)))
		}
	} else if key := r.stringMember(n, "x-kubernetes-patch-merge-key"); key != nil {
		keys = []string{string(key)}
	}
	here := func(wantList, wantIn string) bool {
		return wantList == list && (wantIn == "" || strings.HasSuffix(in, "."+wantIn))
	}
	element := r.resolve(items)
	properties, _ := r.below(element, "properties")
	for _, k := range keyed {
		if _, has := r.below(properties, k.key); has && len(keys) == 0 && here(k.list, k.in) {
			keys = []string{k.key}
		}
	}
	known := false
	for _, name := range keys {
		key := Key{Name: name, Default: r.keyDefault(element, properties, name)}
		known = known || key.Default == ""
		s.Keys = append(s.Keys, key)
	}
	if !known {
		s.Keys = nil // an element without any of its fields would have a key too
		return
	}
	s.List = Keyed
	for _, k := range ordered {
		s.Ordered = s.Ordered || here(k.list, k.in)
	}
}

// keyDefault is the default of a field of a key. Of a field that must be there, OpenAPI says Go's zero value as its default; and an empty text
// tells nothing apart.
func (r *schemaReader) keyDefault(element, properties uint32, name string) string {
	if required, ok := r.below(element, "required"); ok {
		for _, n := range r.elements(required) {
			if r.nodes[n].kind == kindString && string(r.text(n)) == name {
				return ""
			}
		}
	}
	property, _ := r.below(properties, name)
	value, ok := r.below(property, "default")
	if !ok || r.nodes[value].kind == kindNull || r.nodes[value].kind >= kindArray {
		return ""
	}
	if text := string(r.append(nil, value)); text != `""` {
		return text
	}
	return ""
}

// resolve follows references to the schema that has properties.
func (r *schemaReader) resolve(n uint32) uint32 {
	for range maxSchemaDepth {
		name := r.reference(n)
		if name == "" {
			return n
		}
		next, ok := r.below(r.schemas, name)
		if !ok {
			return n
		}
		n = next
	}
	return n
}

// prune takes out what says nothing: it is far the most.
func (r *schemaReader) prune() {
	matters := map[*Schema]bool{}
	for changed := true; changed; {
		changed = false
		for _, s := range r.all {
			if matters[s] {
				continue
			}
			found := s.Quantity || s.List != ByPlace || matters[s.Elements]
			for _, p := range s.Properties {
				found = found || matters[p]
			}
			matters[s], changed = found, changed || found
		}
	}
	for _, s := range r.all {
		for name, p := range s.Properties {
			if !matters[p] {
				delete(s.Properties, name)
			}
		}
		if s.Elements != nil && !matters[s.Elements] {
			s.Elements = nil
		}
	}
}

// builtinText are the schemas of the built-in types, as tools/schemas writes them out of Kubernetes' own OpenAPI documents.
//
//go:generate sh -c "cd ../.. && go run ./tools/schemas -o collector/document/schemas.txt"
//go:embed schemas.txt
var builtinText string

type builtinSchemas struct {
	types    map[string]*Schema
	metadata *Schema
}

var builtin = sync.OnceValue(func() builtinSchemas {
	types, err := parseSchemas(builtinText)
	if err != nil {
		panic("collector/document/schemas.txt: " + err.Error()) // it is a part of the program
	}
	return builtinSchemas{types, types["core.v1.ConfigMap"].property([]byte("metadata"))}
})

// BuiltinSchema is the schema of a type that comes with Kubernetes, nil for any other.
func BuiltinSchema(resourceType string) *Schema { return builtin().types[resourceType] }

// unknownKind is what is known of an object whose schema is not: its metadata.
var unknownKind = sync.OnceValue(func() *Schema { return withMetadata(nil) })

// The text form of schemas has a line for each schema, which is named by the line's number, from 0, and then a line for each type.
// A line's words are
//
//	name>4         a member and its schema
//	*4             the schema of elements
//	quantity set   what it is
//	keyed:name     a keyed list; keyed:containerPort,protocol="TCP" with more fields and a default
//	ordered        of a keyed list
//
// and a type's line is its name, = and a number: core.v1.Pod=17. Lines that begin with # are comments.

// FormatSchemas writes schemas in the text form.
func FormatSchemas(types map[string]*Schema) (string, error) {
	var lines []string
	numbers := map[*Schema]int{}
	texts := map[string]int{} // schemas that say the same are one
	var write func(*Schema) (int, error)
	write = func(s *Schema) (int, error) {
		if n, ok := numbers[s]; ok {
			return n, nil
		}
		n := len(lines)
		numbers[s] = n
		lines = append(lines, "")
		var words []string
		if s.Quantity {
			words = append(words, "quantity")
		}
		switch s.List {
		case Set:
			words = append(words, "set")
		case Keyed:
			var keys []string
			for _, k := range s.Keys {
				if k.Default != "" {
					k.Name += "=" + k.Default
				}
				keys = append(keys, k.Name)
			}
			words = append(words, "keyed:"+strings.Join(keys, ","))
		}
		if s.Ordered {
			words = append(words, "ordered")
		}
		if s.Elements != nil {
			below, err := write(s.Elements)
			if err != nil {
				return 0, err
			}
			words = append(words, "*"+strconv.Itoa(below))
		}
		for _, name := range sortedKeys(s.Properties) {
			if strings.ContainsAny(name, "> =,#*\n") {
				return 0, fmt.Errorf("the text form has no place for a member named %q", name)
			}
			below, err := write(s.Properties[name])
			if err != nil {
				return 0, err
			}
			words = append(words, name+">"+strconv.Itoa(below))
		}
		if len(words) == 0 {
			return 0, errors.New("a schema that says nothing has no place in the text form")
		}
		line := strings.Join(words, " ")
		if same, ok := texts[line]; ok && len(lines) == n+1 {
			lines = lines[:n]
			numbers[s] = same
			return same, nil
		}
		lines[n], texts[line] = line, n
		return n, nil
	}
	var last []string
	for _, name := range sortedKeys(types) {
		n, err := write(types[name])
		if err != nil {
			return "", err
		}
		last = append(last, name+"="+strconv.Itoa(n))
	}
	return strings.Join(append(lines, last...), "\n") + "\n", nil
}

func sortedKeys(m map[string]*Schema) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// parseSchemas reads the text form.
func parseSchemas(text string) (map[string]*Schema, error) {
	types := map[string]*Schema{}
	schemas := make([]Schema, strings.Count(text, "\n")+1)
	next := 0
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if name, number, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(line, " :>") {
			n, err := strconv.Atoi(number)
			if err != nil || n < 0 || n >= next {
				return nil, fmt.Errorf("there is no schema for %s", name)
			}
			types[name] = &schemas[n]
			continue
		}
		s := &schemas[next]
		next++
		for word := range strings.SplitSeq(line, " ") {
			if err := s.parseWord(word, schemas); err != nil {
				return nil, err
			}
		}
	}
	return types, nil
}

func (s *Schema) parseWord(word string, schemas []Schema) error {
	at := func(number string) (*Schema, error) {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(schemas) {
			return nil, fmt.Errorf("%q names no schema", word)
		}
		return &schemas[n], nil
	}
	switch word {
	case "quantity":
		s.Quantity = true
		return nil
	case "set":
		s.List = Set
		return nil
	case "ordered":
		s.Ordered = true
		return nil
	}
	var err error
	if keys, ok := strings.CutPrefix(word, "keyed:"); ok {
		s.List = Keyed
		for key := range strings.SplitSeq(keys, ",") {
			name, value, _ := strings.Cut(key, "=")
			s.Keys = append(s.Keys, Key{name, value})
		}
	} else if number, ok := strings.CutPrefix(word, "*"); ok {
		s.Elements, err = at(number)
	} else if name, number, ok := strings.Cut(word, ">"); ok {
		if s.Properties == nil {
			s.Properties = make(map[string]*Schema, 8)
		}
		s.Properties[name], err = at(number)
	} else {
		return fmt.Errorf("%q is not understood", word)
	}
	return err
}
