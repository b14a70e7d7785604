package document

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// This file applies a diff to the old object, as its documentation says how, with the standard library's maps and slices, and
// checks that the new object comes out: the very same, but for ignored fields, the order of lists whose order means nothing and the form
// of quantities; and that a diff is empty exactly where two objects are the same but for these. It shares with the code under test
// nothing but the schemas.

// trie holds the entries of a diff by the steps of their paths: keys are strings, indices ints.
type trie struct {
	below   map[any]*trie
	added   *any
	removed bool
	updated *change
}

type change struct{ From, To any }

func (t *trie) at(steps []any) *trie {
	for _, step := range steps {
		if t.below == nil {
			t.below = map[any]*trie{}
		}
		if t.below[step] == nil {
			t.below[step] = &trie{}
		}
		t = t.below[step]
	}
	return t
}

var nowhere = &trie{}

func (t *trie) step(step any) *trie {
	if next := t.below[step]; next != nil {
		return next
	}
	return nowhere
}

func (t *trie) adds() bool {
	if t.added != nil {
		return true
	}
	for _, next := range t.below {
		if next.adds() {
			return true
		}
	}
	return false
}

func stepsOf(path string) (steps []any) {
	for path != "" {
		switch {
		case strings.HasPrefix(path, "['"):
			var key strings.Builder
			i := 2
			for ; path[i] != '\''; i++ {
				if path[i] != '\\' {
					key.WriteByte(path[i])
					continue
				}
				i++
				if path[i] == 'u' {
					code, err := strconv.ParseUint(path[i+1:i+5], 16, 16)
					if err != nil {
						panic(err)
					}
					key.WriteByte(byte(code))
					i += 4
				} else if at := strings.IndexByte("bfnrt", path[i]); at >= 0 {
					key.WriteByte("\b\f\n\r\t"[at])
				} else {
					key.WriteByte(path[i])
				}
			}
			steps, path = append(steps, key.String()), path[i+2:]
		case path[0] == '[':
			end := strings.IndexByte(path, ']')
			index, err := strconv.Atoi(path[1:end])
			if err != nil {
				panic(err)
			}
			steps, path = append(steps, index), path[end+1:]
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps, path = append(steps, path[:end]), path[end:]
		}
	}
	return steps
}

// patch is a diff ready to apply: removed in the places of the old object, added and updated in those of the new one.
type patch struct{ old, new *trie }

func readPatch(diff []byte) patch {
	v, err := meaning(diff)
	if err != nil {
		panic(err)
	}
	p := patch{&trie{}, &trie{}}
	sections := v.(map[string]any)
	for path, value := range sections["added"].(map[string]any) {
		p.new.at(stepsOf(path)).added = &value
	}
	for path, value := range sections["updated"].(map[string]any) {
		c := value.(map[string]any)
		p.new.at(stepsOf(path)).updated = &change{c["from"], c["to"]}
	}
	for path := range sections["removed"].(map[string]any) {
		p.old.at(stepsOf(path)).removed = true
	}
	return p
}

// countLeaves and countRemoved tell whether all of a value was removed.
func countLeaves(v any) int {
	count := 0
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			count += countLeaves(x)
		}
	case []any:
		for _, x := range v {
			count += countLeaves(x)
		}
	}
	return max(count, 1)
}

func countRemoved(t *trie) int {
	count := 0
	if t.removed {
		count = 1
	}
	for _, next := range t.below {
		count += countRemoved(next)
	}
	return count
}

// build makes a value out of nothing but added leaves.
func build(n *trie) any {
	if n.added != nil {
		return *n.added
	}
	object, array := map[string]any{}, make([]any, len(n.below))
	for step, next := range n.below {
		switch step := step.(type) {
		case string:
			object[step] = build(next)
		case int:
			array[step] = build(next)
		}
	}
	if len(object) > 0 {
		return object
	}
	return array
}

type gone struct{}

// apply gives the new value of an old one, or gone{}.
func apply(v any, o, n *trie, s *Schema) any {
	if countRemoved(o) == countLeaves(v) { // nothing of it is left
		if n.adds() {
			return build(n)
		}
		return gone{}
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			return applyObject(v, o, n, s)
		}
	case []any:
		if len(v) > 0 {
			return applyArray(v, o, n, s)
		}
	}
	if n.updated != nil {
		return n.updated.To
	}
	return v
}

func applyObject(v map[string]any, o, n *trie, s *Schema) any {
	result := map[string]any{}
	for key, x := range v {
		if x = apply(x, o.step(key), n.step(key), s.property([]byte(key))); x != (any)(gone{}) {
			result[key] = x
		}
	}
	for step, next := range n.below {
		if _, ok := v[step.(string)]; !ok {
			result[step.(string)] = build(next)
		}
	}
	return result
}

func applyArray(v []any, o, n *trie, s *Schema) any {
	aligned := known(v, s)
	if n.updated != nil {
		_, whole := n.updated.From.([]any)[0].(map[string]any)
		if whole || s.List == Set {
			return n.updated.To
		}
	}
	allLeaves := true
	for _, x := range v {
		allLeaves = allLeaves && reflect.DeepEqual([]any{x}, flat(x))
	}
	if !aligned && !allLeaves {
		return applyByIndex(v, o, n, s.elements())
	}
	var stay []int
	for i, x := range v {
		if countRemoved(o.step(i)) < countLeaves(x) {
			stay = append(stay, i)
		}
	}
	if n.updated != nil { // the order that the list's own entry tells
		byIdentity := map[string]int{}
		for _, i := range stay {
			byIdentity[identityOf(v[i], s)] = i
		}
		var result []any
		for j, identity := range n.updated.To.([]any) {
			if i, ok := byIdentity[marshal(identity)]; ok {
				result = append(result, apply(v[i], o.step(i), n.step(j), s.elements()))
			} else {
				result = append(result, build(n.step(j)))
			}
		}
		return result
	}
	result := []any{}
	for j := 0; ; j++ {
		slot := n.step(j)
		isNew := slot.adds()
		if aligned && s.List == Keyed { // an element that stays may get leaves, but none that it is known by
			isNew = false
			for _, key := range s.Keys {
				isNew = isNew || key.Default == "" && slot.step(key.Name).added != nil
			}
		}
		switch {
		case isNew:
			result = append(result, build(slot))
		case len(stay) > 0:
			result = append(result, apply(v[stay[0]], o.step(stay[0]), slot, s.elements()))
			stay = stay[1:]
		default:
			return result
		}
	}
}

func applyByIndex(v []any, o, n *trie, s *Schema) any {
	result := []any{}
	for i, x := range v {
		if x = apply(x, o.step(i), n.step(i), s); x != (any)(gone{}) {
			result = append(result, x)
		}
	}
	for i := len(v); n.step(i).adds(); i++ {
		result = append(result, build(n.step(i)))
	}
	return result
}

func flat(v any) []any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			return nil
		}
	case []any:
		if len(v) > 0 {
			return nil
		}
	}
	return []any{v}
}

// known tells whether each element of a list has a key of its own.
func known(v []any, s *Schema) bool {
	if s == nil || s.List == ByPlace {
		return false
	}
	seen := map[string]bool{}
	for _, x := range v {
		identity := identityOf(x, s)
		if identity == "" || seen[identity] {
			return false
		}
		seen[identity] = true
	}
	return true
}

func identityOf(v any, s *Schema) string {
	if s.List == Set {
		return marshal(v)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	var parts []any
	any := false
	for _, key := range s.Keys {
		x, ok := object[key.Name]
		switch x.(type) {
		case map[string]interface{}, []interface{}:
			return ""
		case nil:
			if ok {
				return ""
			}
			if key.Default != "" {
				x = strings.Trim(key.Default, `"`)
			}
		default:
			any = any || key.Default == ""
		}
		parts = append(parts, x)
	}
	switch {
	case !any:
		return ""
	case len(parts) == 1:
		return marshal(parts[0])
	}
	return marshal(parts)
}

// equal tells whether two values are the same but for the order of lists that have none and the form of quantities.
func equal(x, y any, s *Schema) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for key, v := range x {
			w, ok := y[key]
			if !ok || !equal(v, w, s.property([]byte(key))) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		if len(x) > 0 && known(x, s) && known(y, s) && !s.Ordered {
			byIdentity := map[string]any{}
			for _, v := range x {
				byIdentity[identityOf(v, s)] = v
			}
			for _, w := range y {
				v, ok := byIdentity[identityOf(w, s)]
				if !ok || !equal(v, w, s.elements()) {
					return false
				}
			}
			return true
		}
		for i := range x {
			if !equal(x[i], y[i], s.elements()) {
				return false
			}
		}
		return true
	}
	if reflect.DeepEqual(x, y) {
		return true
	}
	if s == nil || !s.Quantity {
		return false
	}
	a, b := ratOf(x), ratOf(y)
	return a != nil && b != nil && a.Cmp(b) == 0
}

// ratOf is the value of the quantities that the maker makes.
func ratOf(v any) *big.Rat {
	text, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, ok = n.String(), true
	}
	if !ok {
		return nil
	}
	factor := big.NewRat(1, 1)
	for suffix, f := range map[string]*big.Rat{"m": big.NewRat(1, 1000), "Mi": big.NewRat(1<<20, 1), "Gi": big.NewRat(1<<30, 1)} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			text, factor = number, f
			break
		}
	}
	rat, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return rat.Mul(rat, factor)
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// maker makes random documents out of so few keys and values that they often meet.
type maker struct{ *rand.Rand }

func (m maker) pick(from ...any) any { return from[m.IntN(len(from))] }

func (m maker) key() string {
	return m.pick("a", "b", "name", "type", "containers", "ports", "containerPort", "port", "protocol", "conditions", "lastProbeTime", "a.b", "it's", "\n", "0").(string)
}

func (m maker) value(depth int) any {
	switch kind := m.IntN(12); {
	case depth > 0 && kind < 4:
		object := map[string]any{}
		for range m.IntN(4) {
			object[m.key()] = m.value(depth - 1)
		}
		return object
	case depth > 0 && kind < 6:
		return m.list(depth)
	case depth > 0 && kind == 8: // a set
		array := []any{}
		for range m.IntN(5) {
			array = append(array, m.pick("x", "y", "z", "TCP", json.Number("1"), map[string]any{"a": "x"}, []any{}))
		}
		return array
	case depth > 0 && kind < 8: // elements that a merge key could tell apart
		array := []any{}
		for range m.IntN(5) {
			element := map[string]any{"name": m.pick("x", "y", "z"), "containerPort": json.Number(strconv.Itoa(m.IntN(4)))}
			if m.IntN(3) > 0 {
				element["protocol"] = m.pick("TCP", "UDP")
			}
			if m.IntN(2) > 0 {
				element[m.key()] = m.value(depth - 1)
			}
			if m.IntN(6) == 0 {
				delete(element, m.pick("name", "containerPort").(string))
			}
			array = append(array, element)
		}
		return array
	default:
		return m.pick("x", "y", "z", "TCP", json.Number("1"), json.Number("1.0"), json.Number("9007199254740993"), true, false, nil, map[string]any{}, []any{},
			"1", "1000m", "1Gi", "1024Mi", json.Number("0.001"), "1m", "2")
	}
}

func (m maker) list(depth int) []any {
	array := []any{}
	for range m.IntN(5) {
		array = append(array, m.value(depth-1))
	}
	return array
}

// edit changes a value here and there, as people and controllers do.
func (m maker) edit(v any, depth int) any {
	if m.IntN(8) == 0 {
		return m.value(depth)
	}
	switch v := v.(type) {
	case map[string]any:
		edited := map[string]any{}
		for key, x := range v {
			if m.IntN(10) > 0 {
				edited[key] = x
				if m.IntN(3) == 0 {
					edited[key] = m.edit(x, depth-1)
				}
			}
		}
		if m.IntN(4) == 0 {
			edited[m.key()] = m.value(depth - 1)
		}
		return edited
	case []any:
		edited := []any{}
		for _, x := range v {
			switch m.IntN(10) {
			case 0:
			case 1:
				edited = append(edited, m.value(depth-1), x)
			case 2, 3:
				edited = append(edited, m.edit(x, depth-1))
			default:
				edited = append(edited, x)
			}
		}
		if m.IntN(4) == 0 {
			m.Shuffle(len(edited), func(i, j int) { edited[i], edited[j] = edited[j], edited[i] })
		}
		return edited
	}
	return v
}

// keyed makes a list as API servers keep it: each element with a key of its own.
func (m maker) keyed(depth int) []any {
	array := []any{}
	for _, i := range m.Perm(5)[:m.IntN(6)] {
		element := map[string]any{"name": string(rune('p' + i)), "containerPort": json.Number(strconv.Itoa(80 + i%3)), "x": m.value(depth - 1)}
		if i > 2 {
			element["protocol"] = m.pick("UDP", "TCP")
		}
		if m.IntN(3) == 0 {
			element[m.key()] = m.value(depth - 1)
		}
		array = append(array, element)
	}
	return array
}

func (m maker) document() map[string]any {
	whole := map[string]any{"metadata": map[string]any{"name": "n", "resourceVersion": m.pick("1", "2"), "labels": m.value(2)}}
	for _, key := range []string{"spec", "status", "containers", "ports", "rules"} {
		if m.IntN(2) == 0 {
			whole[key] = m.value(4)
		}
	}
	if m.IntN(2) == 0 {
		whole["spec"] = map[string]any{
			"containers": m.keyed(2), "conditions": m.keyed(2), "ports": m.keyed(2), "type": m.keyed(2), "a": []any{"x", "y", m.value(1)},
			"a.b": map[string]any{"cpu": m.pick("1", "1000m", json.Number("1")), "memory": m.pick("1Gi", "1024Mi", "1000Mi")},
		}
	}
	if m.IntN(2) == 0 {
		whole["status"] = map[string]any{"conditions": m.value(4)}
	}
	return whole
}

// anySchema knows of every key of the maker something else.
var anySchema = func() *Schema {
	below, amount := &Schema{}, &Schema{Quantity: true}
	below.Properties = map[string]*Schema{
		"containers": {List: Keyed, Keys: []Key{{Name: "name"}}, Ordered: true, Elements: below},
		"conditions": {List: Keyed, Keys: []Key{{Name: "name"}}, Elements: below},
		"ports":      {List: Keyed, Keys: []Key{{Name: "containerPort"}, {Name: "protocol", Default: `"TCP"`}}, Elements: below},
		"type":       {List: Keyed, Keys: []Key{{Name: "name"}, {Name: "containerPort"}}, Elements: below},
		"a":          {List: Set},
		"a.b":        {Elements: amount},
		"b":          amount,
		"port":       {Elements: below},
		"it's":       below,
		"\n":         {List: Set, Elements: below},
	}
	whole := &Schema{Properties: map[string]*Schema{}}
	for key, s := range below.Properties {
		whole.Properties[key] = s
	}
	for _, key := range []string{"spec", "status", "rules"} {
		whole.Properties[key] = below
	}
	return withMetadata(whole)
}()

var anyIgnored = []string{"spec.a", "status.conditions[*].type", "rules.containers[0].b", "ports", "spec['a.b'][*].name", "metadata.labels.a"}

// strip takes what lies at a path out of a value.
func strip(v any, steps []any) {
	switch v := v.(type) {
	case map[string]any:
		if key, ok := steps[0].(string); ok && len(steps) == 1 {
			delete(v, key)
		} else if ok {
			strip(v[key], steps[1:])
		} else if steps[0] == nil {
			for _, x := range v {
				strip(x, steps[1:])
			}
		}
	case []any:
		if i, ok := steps[0].(int); ok && i < len(v) {
			strip(v[i], steps[1:])
		} else if steps[0] == nil {
			for _, x := range v {
				strip(x, steps[1:])
			}
		}
	}
}

func checkDiff(t *testing.T, seed uint64) {
	m := maker{rand.New(rand.NewPCG(seed, 1))}
	before := m.document()
	edited := maps(m.edit(before, 5), m)
	resource := Resource{APIGroup: "example.com", APIVersion: "v1", Kind: "Any"}
	options := Options{}
	if m.IntN(4) > 0 {
		options.Schema = anySchema
	}
	if m.IntN(3) == 0 {
		options.Ignore = mustCompile(anyIgnored...)
	}
	old, err := NewNormalizer(nil).Ignoring(options.Ignore).Normalize(resource, []byte(marshal(before)))
	if err != nil {
		t.Fatal(err)
	}
	new, err := NewNormalizer(nil).Ignoring(options.Ignore).Normalize(resource, []byte(marshal(edited)))
	if err != nil {
		t.Fatal(err)
	}
	describe := func(d Difference) string {
		return fmt.Sprintf("seed %d, schema %v, ignored %v\nold  %s\nnew  %s\ndiff %s", seed, options.Schema != nil, options.Ignore != nil, old.Whole, new.Whole, d.JSON)
	}
	d, err := Diff(old.State, new.State, options)
	if err != nil {
		t.Fatal(err)
	}
	checkDifference(t, d)
	from, to := decode(t, old.Whole), decode(t, new.Whole)
	if options.Ignore != nil {
		for _, path := range anyIgnored {
			steps := stepsOf(strings.ReplaceAll(path, "[*]", "[-1]"))
			for i := range steps {
				if steps[i] == -1 {
					steps[i] = nil
				}
			}
			strip(from, steps)
			strip(to, steps)
		}
	}
	schema := options.Schema
	if schema == nil {
		schema = unknownKind()
	}
	empty := d.Added+d.Updated+d.Removed == 0
	if empty != equal(from, to, schema) || old.Digest == new.Digest && !empty {
		t.Fatalf("the diff is empty: %v, the objects are the same: %v, the digests are equal: %v\n%s", empty, equal(from, to, schema), old.Digest == new.Digest, describe(d))
	}
	if equalDigests := old.Digest == new.Digest; equalDigests != reflect.DeepEqual(from, to) {
		t.Fatalf("the digests are equal: %v\n%s", equalDigests, describe(d))
	}
	if digest, err := DigestOf(new.Identity, new.State, options.Ignore); err != nil || digest != new.Digest {
		t.Fatalf("the digest of the columns is another (%v)\n%s", err, describe(d))
	}
	p := readPatch(d.JSON)
	var got any
	func() {
		defer func() {
			if r := recover(); r != nil {
				t.Fatalf("apply: %v\n%s", r, describe(d))
			}
		}()
		got = apply(from, p.old, p.new, schema)
	}()
	if !equal(got, to, schema) {
		t.Fatalf("applied gives\n     %s\n%s", marshal(got), describe(d))
	}
}

// maps keeps a document a document, whatever was edited in it.
func maps(v any, m maker) map[string]any {
	whole, ok := v.(map[string]any)
	if !ok {
		return m.document()
	}
	metadata, ok := whole["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
	}
	metadata["name"] = "n"
	whole["metadata"] = metadata
	return whole
}

func decode(t *testing.T, whole []byte) any {
	v, err := meaning(whole)
	if err != nil {
		t.Fatal(err)
	}
	stripIgnored(v.(map[string]any))
	return v
}

func TestAppliedDiffGivesTheNewObject(t *testing.T) {
	for seed := range uint64(6000) {
		checkDiff(t, seed)
	}
}

func FuzzAppliedDiff(f *testing.F) {
	f.Add(uint64(1) << 40)
	f.Fuzz(checkDiff)
}
