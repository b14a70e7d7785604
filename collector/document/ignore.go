package document

import (
	"errors"
	"fmt"
)

// builtinIgnored are the fields that change without meaning. A node's kubelet says every few minutes that it lives (lastHeartbeatTime);
// likewise the probes of pods, jobs and some custom resources (lastProbeTime).
var builtinIgnored = mustCompile(
	"metadata.resourceVersion", "status.conditions[*].lastHeartbeatTime", "status.conditions[*].lastProbeTime",
)

// Ignore are fields that are stored, but that digest and diff leave out. Nil ignores none but the built-in ones, which every Ignore has.
type Ignore struct{ root *ignoreStep }

// ignoreStep is a step of one or more ignored paths.
type ignoreStep struct {
	ignored bool // whatever lies here, and all below it
	keys    []ignoreKey
	indices []ignoreIndex
	all     *ignoreStep // every element or member
}

type ignoreKey struct {
	key  string
	next *ignoreStep
}

type ignoreIndex struct {
	index int
	next  *ignoreStep
}

// CompileIgnore reads paths as Diff writes them: "status", which ignores all below it, "metadata.annotations['example.com/checked-at']",
// "status.conditions[*].lastUpdateTime" for every element (or member), "spec.containers[0].image" for the one at a place. A path that ends
// in [*] is the list itself; one that ends in an index is refused: without the element those after it would have moved.
// All that is wrong is in the error, each with the path and the place in it.
func CompileIgnore(paths []string) (*Ignore, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	i := &Ignore{root: &ignoreStep{}}
	var problems []error
	for _, path := range paths {
		if err := i.add(path); err != nil {
			problems = append(problems, fmt.Errorf("%q, character %d: %s", path, err.at+1, err.problem))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return i, nil
}

func mustCompile(paths ...string) *Ignore {
	i, err := CompileIgnore(paths)
	if err != nil {
		panic(err)
	}
	return i
}

func (i *Ignore) add(path string) *pathError {
	steps, err := parsePath(path)
	if err != nil {
		return err
	}
	for len(steps) > 0 && steps[len(steps)-1].kind == stepAll {
		steps = steps[:len(steps)-1]
	}
	switch {
	case len(steps) == 0:
		return &pathError{0, "this would ignore whole objects; leave their type out of what is collected instead"}
	case steps[len(steps)-1].kind == stepIndex:
		return &pathError{len(path) - 1, "one element cannot be ignored, only its list or what is below it"}
	case steps[0].kind != stepKey:
		return &pathError{0, "a path begins with a key: an object is no list"}
	}
	at := i.root
	for _, s := range steps {
		at = at.step(s)
	}
	at.ignored = true
	return nil
}

// step gives the step after this one, made where it is not there yet.
func (s *ignoreStep) step(to step) *ignoreStep {
	switch to.kind {
	case stepAll:
		if s.all == nil {
			s.all = &ignoreStep{}
		}
		return s.all
	case stepIndex:
		for _, known := range s.indices {
			if known.index == to.index {
				return known.next
			}
		}
		s.indices = append(s.indices, ignoreIndex{to.index, &ignoreStep{}})
		return s.indices[len(s.indices)-1].next
	default:
		for _, known := range s.keys {
			if known.key == to.key {
				return known.next
			}
		}
		s.keys = append(s.keys, ignoreKey{to.key, &ignoreStep{}})
		return s.keys[len(s.keys)-1].next
	}
}

// ignore flags the fields that digest and diff leave out; the flag says which way (ignored or dropped). t is a whole object.
func (i *Ignore) flag(t *tree, flag uint8) {
	builtinIgnored.root.flag(t, root, flag)
	if i != nil {
		i.root.flag(t, root, flag)
	}
}

func (s *ignoreStep) flag(t *tree, n uint32, flag uint8) {
	for _, k := range s.keys {
		if m, ok := t.member(n, k.key); ok {
			k.next.reach(t, m, flag)
		}
	}
	if len(s.indices) == 0 && s.all == nil {
		return
	}
	children := t.elements(n)
	if t.nodes[n].kind == kindArray {
		for _, k := range s.indices {
			if k.index < len(children) {
				k.next.flag(t, children[k.index], flag)
			}
		}
	}
	if s.all != nil {
		for _, child := range children {
			s.all.flag(t, child, flag)
		}
	}
}

// reach flags a member, or what is ignored below it.
func (s *ignoreStep) reach(t *tree, m uint32, flag uint8) {
	if s.ignored {
		t.nodes[m].flags |= flag
		return
	}
	s.flag(t, m, flag)
}
