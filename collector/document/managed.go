package document

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Attribution is who made a change, and when last, as far as managedFields tells.
type Attribution struct {
	Managers   []string  // of all paths, sorted, each once
	ModifiedAt time.Time // the newest time of theirs, zero where there is none
	// JSON is {path: [{"confidence", "manager", "operation", "subresource", "time"}]} in canonical form, for the paths of the difference of which
	// anything is known; nil if that is none. It holds no value of the object.
	JSON json.RawMessage
}

// How sure it is that a manager changed a path.
const (
	certain  = "certain"
	likely   = "likely"
	possible = "possible"
)

// Attribution tells who made the difference between the state before and this one. since is the newest time of managedFields in the state
// before: only the API server's times are compared, with each other. Kubernetes keeps for each manager which fields it set, and when it last
// changed any of them, in whole seconds. So for a path that was added or updated:
//
//	certain   exactly one manager owns it whose time is after since: what it changed last is its own, and nobody else who owns it wrote since
//	likely    several such managers own it, each of them; or none but one whose time is since's very second
//	possible  several own it whose time is that second
//
// An entry without a time (the API server gives none to the subresource scale) counts for what it owns as one of since's second.
//
// Of a path that nobody owns who wrote lately (one that was removed, for managedFields does not say who removed what; or one that the
// server itself sets, like metadata.generation), those are candidates who wrote after since and may have written there: an entry of the
// subresource status writes neither the spec nor the generation, and where there are such entries, no other one writes the status. A single
// candidate is likely, if nobody owns the path; several are possible each. With none, nothing is said: somebody always wrote in since's
// second, whoever came after. A manager that removed the last field it owned is in managedFields no more, and not found.
//
// A zero since (the state before had no managedFields, or it is not known) leaves the owners: one is likely, several are possible.
//
// Without a difference it is all managers, and their newest time: an object that was created was made by all of them.
func (o *Object) Attribution(difference *Difference, since time.Time) Attribution {
	if difference == nil {
		return Attribution{Managers: slices.Clone(o.Managers), ModifiedAt: o.ModifiedAt}
	}
	var a attributor
	if !a.read(o, since) {
		return Attribution{}
	}
	return a.attribute(difference)
}

// managedEntry is one entry of managedFields.
type managedEntry struct {
	manager, operation, subresource string
	at                              time.Time
	fields                          uint32 // its fieldsV1
	owns                            bool   // fields is there
	age                             int    // 1 if it is after since, 0 in its second or if there is no time, -1 before
}

type attributor struct {
	managed   *tree // with managedFields
	object    *tree // the new state
	entries   []managedEntry
	since     time.Time
	hasStatus bool // some entry is of the subresource status
	key       tree // a key or value of a fieldsV1
	x, y      []byte
}

// read reads managedFields; false if there are none.
func (a *attributor) read(o *Object, since time.Time) bool {
	managed := o.managed
	a.managed, a.object = o.tree, o.tree
	if o.tree == nil { // the copy of an object
		a.managed, a.object, managed = new(tree), new(tree), root
		if len(o.ManagedFields) == 0 || a.managed.parse(o.ManagedFields) != nil {
			return false
		}
		if _, err := a.object.assemble(nil, o.State); err != nil {
			return false
		}
	} else if managed == root {
		return false
	}
	a.since = since.Truncate(time.Second)
	t := a.managed
	if t.nodes[managed].kind != kindArray {
		return false
	}
	for _, n := range t.elements(managed) {
		e := managedEntry{
			manager: string(t.stringMember(n, "manager")), operation: string(t.stringMember(n, "operation")),
			subresource: string(t.stringMember(n, "subresource")),
		}
		if e.manager == "" {
			continue
		}
		if at, err := parseTime(t.stringMember(n, "time")); err == nil {
			e.at, e.age = at, at.Truncate(time.Second).Compare(a.since)
		}
		e.fields, e.owns = t.member(n, "fieldsV1")
		a.hasStatus = a.hasStatus || e.subresource == "status"
		a.entries = append(a.entries, e)
	}
	slices.SortStableFunc(a.entries, func(x, y managedEntry) int {
		return strings.Compare(x.manager+"\x00"+x.operation+"\x00"+x.subresource, y.manager+"\x00"+y.operation+"\x00"+y.subresource)
	})
	return len(a.entries) > 0
}

func (a *attributor) attribute(difference *Difference) Attribution {
	var result Attribution
	out := []byte{'{'}
	for _, path := range difference.Paths {
		_, present := slices.BinarySearch(difference.present, path)
		who, confidence := a.of(path, present)
		if len(who) == 0 {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, path), ':')
		for i, e := range who {
			if i == 0 {
				out = append(out, '[', '{')
			} else {
				out = append(out, ',', '{')
			}
			out = appendMember(out, "confidence", confidence)
			out = appendMember(out, "manager", e.manager)
			out = appendMember(out, "operation", e.operation)
			out = appendMember(out, "subresource", e.subresource)
			if !e.at.IsZero() {
				out = appendMember(out, "time", e.at.Format(time.RFC3339))
			}
			out = append(out, '}')
			if !slices.Contains(result.Managers, e.manager) {
				result.Managers = append(result.Managers, e.manager)
			}
			if e.at.After(result.ModifiedAt) {
				result.ModifiedAt = e.at
			}
		}
		out = append(out, ']')
	}
	slices.Sort(result.Managers)
	if len(out) > 1 {
		result.JSON = append(out, '}')
	}
	return result
}

// appendMember appends a member with a text that is not empty.
func appendMember(out []byte, key, text string) []byte {
	if text == "" {
		return out
	}
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return appendQuoted(append(appendQuoted(out, key), ':'), text)
}

// of gives who may have changed a path, and how sure that is. present tells that it leads somewhere in the new state.
func (a *attributor) of(path string, present bool) ([]managedEntry, string) {
	steps, problem := parsePath(path)
	if problem != nil {
		return nil, ""
	}
	var owners []managedEntry
	if present {
		owners = keep(a.entries, func(e managedEntry) bool { return e.owns && a.owned(e.fields, steps) })
	}
	sure := func(who []managedEntry, one, several string) ([]managedEntry, string) {
		if len(who) == 1 {
			return who, one
		}
		return who, several
	}
	if a.since.IsZero() {
		return sure(owners, likely, possible)
	}
	aged := func(age int) func(managedEntry) bool { return func(e managedEntry) bool { return e.age == age } }
	if who := keep(owners, aged(1)); len(who) > 0 {
		return sure(who, certain, likely)
	}
	if who := keep(owners, aged(0)); len(who) > 0 {
		return sure(who, likely, possible)
	}
	candidates := keep(a.entries, func(e managedEntry) bool { return e.age == 1 && a.mayWrite(e, steps) })
	if len(owners) > 0 {
		return candidates, possible
	}
	return sure(candidates, likely, possible)
}

func keep(entries []managedEntry, want func(managedEntry) bool) (kept []managedEntry) {
	for _, e := range entries {
		if want(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// mayWrite tells whether a request of the entry's kind can change a path.
func (a *attributor) mayWrite(e managedEntry, steps []step) bool {
	if steps[0].key == "status" {
		return e.subresource == "status" || !a.hasStatus
	}
	if e.subresource != "status" {
		return true
	}
	return steps[0].key == "metadata" && (len(steps) < 2 || steps[1].key != "generation")
}

// owned tells whether a fieldsV1 holds a path, or something above it as a whole.
func (a *attributor) owned(fields uint32, steps []step) bool {
	t := a.managed
	n := root // where the path stands in the object
	for i, s := range steps {
		if t.nodes[fields].kind != kindObject {
			return false
		}
		members := t.elements(fields)
		if len(members) == 0 {
			return i > 0
		}
		if s.kind == stepKey {
			var owned, there bool
			fields, owned = t.member(fields, "f:"+s.key)
			if n, there = a.object.member(n, s.key); !owned || !there {
				return false
			}
			continue
		}
		elements := a.object.elements(n)
		if a.object.nodes[n].kind != kindArray || s.index >= len(elements) {
			return false
		}
		n = elements[s.index]
		found := false
		for _, m := range members {
			if found = a.isElement(t.key(m), n, s.index); found {
				fields = m
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// isElement tells whether a member's key in a fieldsV1 speaks of an element: k:{"name":"app"} by its key, v:"x" by its value, i:0 by its
// place.
func (a *attributor) isElement(key []byte, element uint32, index int) bool {
	if len(key) < 3 || key[1] != ':' {
		return false
	}
	value := key[2:]
	switch key[0] {
	case 'i':
		return string(value) == strconv.Itoa(index)
	case 'v':
		return a.key.parse(value) == nil && a.same(root, element)
	case 'k':
		if a.key.parse(value) != nil || a.key.nodes[root].kind != kindObject {
			return false
		}
		for _, m := range a.key.elements(root) {
			field, ok := a.object.member(element, string(a.key.key(m)))
			if !ok || !a.same(m, field) {
				return false
			}
		}
		return true
	}
	return false
}

func (a *attributor) same(inKey, inObject uint32) bool {
	a.x, a.y = a.key.append(a.x[:0], inKey), a.object.append(a.y[:0], inObject)
	return bytes.Equal(a.x, a.y)
}
