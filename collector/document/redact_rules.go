package document

import (
	"bytes"
	"regexp"
)

// ownRules applies what the configuration adds: types, paths and names.
func (r *redaction) ownRules(t *tree, resource Resource) {
	if len(r.rules.Types) > 0 {
		r.types(t, resource)
	}
	for _, path := range r.rules.Paths {
		r.path(t, root, path.steps)
	}
	if len(r.rules.Names) > 0 {
		r.names(t, root)
	}
}

// types redacts every string of an object of the named types, but for those that say what it is.
func (r *redaction) types(t *tree, resource Resource) {
	if own := t.stringMember(root, "kind"); resource.Kind == "" && own != nil {
		resource.Kind = string(own)
	}
	group := resource.APIGroup
	if group == "" {
		group = "core"
	}
	resourceType := []byte(group + "." + resource.APIVersion + "." + resource.Kind)
	for _, pattern := range r.rules.Types {
		if !glob(pattern, resourceType) {
			continue
		}
		for _, m := range t.elements(root) {
			switch string(t.key(m)) {
			case "apiVersion", "kind", "metadata", "status":
			default:
				r.below(t, m, false)
			}
		}
		return
	}
}

// below redacts every string below a value, and every number if they are asked for.
func (r *redaction) below(t *tree, n uint32, numbers bool) {
	switch t.nodes[n].kind {
	case kindArray, kindObject:
		for _, child := range t.elements(n) {
			r.below(t, child, numbers)
		}
	case kindString:
		if len(t.text(n)) > 0 {
			r.replace(t, n, t.text(n))
		}
	case kindNumber:
		if numbers {
			r.replace(t, n, t.text(n))
		}
	}
}

// path redacts what lies at a path.
func (r *redaction) path(t *tree, n uint32, steps []step) {
	if len(steps) == 0 {
		r.below(t, n, true)
		return
	}
	switch next := steps[0]; next.kind {
	case stepKey:
		if m, ok := t.member(n, next.key); ok {
			r.path(t, m, steps[1:])
		}
	case stepIndex:
		if children := t.elements(n); t.nodes[n].kind == kindArray && next.index < len(children) {
			r.path(t, children[next.index], steps[1:])
		}
	case stepAll:
		for _, child := range t.elements(n) {
			r.path(t, child, steps[1:])
		}
	}
}

// names redacts the values of members, and of variables, that have one of the names.
func (r *redaction) names(t *tree, n uint32) {
	for _, m := range t.elements(n) {
		if t.nodes[n].kind == kindObject && r.named(t.key(m)) {
			r.below(t, m, true)
			continue
		}
		if t.nodes[m].kind == kindObject && t.nodes[n].kind == kindArray {
			if value, ok := t.member(m, "value"); ok && r.named(t.stringMember(m, "name")) {
				r.below(t, value, true)
			}
		}
		if t.nodes[m].kind >= kindArray {
			r.names(t, m)
		}
	}
}

func (r *redaction) named(name []byte) bool {
	r.whole = append(r.whole[:0], name...)
	for i, c := range r.whole {
		if isUpper(c) {
			r.whole[i] = c + 'a' - 'A'
		}
	}
	for _, pattern := range r.rules.Names {
		if glob(pattern, r.whole) {
			return true
		}
	}
	return false
}

// pattern redacts what a pattern matches, in every string and key of the document. Where it matches a key, its member is dropped.
func (r *redaction) pattern(t *tree, pattern *regexp.Regexp) {
	for i := range t.nodes {
		n := uint32(i)
		if v := &t.nodes[n]; v.keyEnd-v.keyStart >= guarded && len(pattern.Find(t.key(n))) >= guarded && !t.isTop(n) {
			r.found(pattern.Find(t.key(n)))
			r.drop(t, n)
		}
		if t.nodes[n].kind != kindString {
			continue
		}
		text := t.text(n)
		matches := pattern.FindAllIndex(text, -1)
		if len(matches) == 0 || isPlaceholder(text) {
			continue
		}
		out, from := r.matched[:0], 0
		for _, match := range matches {
			secret := text[match[0]:match[1]]
			if len(secret) == 0 || inPlaceholder(text, match[0], match[1]) {
				continue
			}
			out = append(append(out, text[from:match[0]]...), r.hideText(secret)...)
			from = match[1]
		}
		r.matched = out
		if from > 0 {
			r.matched = append(out, text[from:]...)
			r.set(t, n, r.matched)
		}
	}
}

// inPlaceholder tells whether a stretch of a text lies in, or touches, what hide made.
func inPlaceholder(text []byte, from, to int) bool {
	for at := 0; ; {
		next := bytes.Index(text[at:], []byte(placeholderPrefix))
		if next < 0 {
			return false
		}
		start := at + next
		end := min(start+len(placeholderPrefix)+32, len(text))
		if from < end && to > start {
			return isPlaceholder(text[start:end])
		}
		at = start + len(placeholderPrefix)
	}
}
