package collector

import (
	"context"
	"strings"
	"time"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// sight is what a list can show of a resource's objects: what the scope covers, and what the provider was asked to narrow it to.
type sight struct {
	scope     Scope
	resource  Resource
	selection Selection
	filter    bool // some of what is listed may be uncovered
	lost      bool // a place that was read is not any more, without another in its stead
}

// absence is what it means that a complete list does not hold an object.
type absence uint8

const (
	unknown   absence = iota // nothing: the list could not hold it
	deleted                  // it does not exist
	leftScope                // the configuration no longer covers it
	ambiguous                // it does not exist, or was left out of the list for what it is like
	lingering                // likewise, and the lake knows already that it is out of scope
)

// absence tells what it means that the list does not hold a living object, of which the lake says why it is not observed ("": it is).
func (s sight) absence(id, unobserved string) absence {
	if strings.HasPrefix(unobserved, lake.MovedTo) {
		return unknown // its history went on elsewhere, and ended there
	}
	if len(s.scope.Source) > 0 {
		// Where an object was is not known: once it is out of scope, the places that are read tell nothing of it.
		if unobserved == lake.OutOfScope {
			return unknown
		}
		if s.lost {
			return leftScope
		}
	}
	covers, asked := true, true
	if s.resource.Namespaced {
		namespace, _, _ := strings.Cut(id, "/")
		covers, asked = s.scope.CoversNamespace(namespace), s.selection.asks(namespace)
	}
	switch {
	case asked && !s.narrowed():
		return deleted
	case unobserved == lake.OutOfScope && covers && asked:
		return lingering
	case unobserved == lake.OutOfScope:
		return unknown
	case !covers:
		return leftScope
	case !asked:
		return unknown
	}
	return ambiguous
}

// narrowed tells whether objects are left out of the list for what they are like.
func (s sight) narrowed() bool { return s.selection.byContent() }

// earlier is what the last complete list of a type could show, so that what appears now is known to have been created since.
type earlier struct {
	complete  bool // there was one
	scope     Scope
	at        time.Time // when it was, or before
	byContent bool      // it or this list chooses objects by what they are like, so that one may appear that was there before
}

// covered tells whether the last complete list would have held the object.
func (e earlier) covered(resource Resource, object *document.Object) bool {
	if !e.complete || !e.scope.CoversObject(resource, object.Namespace, object.Labels, object.Phase) {
		return false
	}
	return !e.byContent || object.CreatedAt.IsZero() || !object.CreatedAt.Before(e.at)
}

// byContent tells whether the scope chooses objects of the resource by what they are like, and not only by where they are.
func (s Scope) byContent(resource Resource) bool {
	return len(s.Labels) > 0 || len(s.IgnoreLabels) > 0 || len(s.IgnorePodPhases) > 0 && isPod(resource)
}

// ancestor is the partition of another version of the same kind, under which the objects were known before.
type ancestor struct {
	committed *lake.Committed
	keys      *lake.Reader[lake.Key]
	key       *lake.Key
	started   bool
}

func newAncestor(ctx context.Context, committed *lake.Committed) (*ancestor, error) {
	keys, err := committed.Keys(ctx)
	if err != nil {
		_ = committed.Close()
		return nil, err
	}
	return &ancestor{committed: committed, keys: keys}, nil
}

func (a *ancestor) close() {
	_ = a.keys.Close()
	_ = a.committed.Close()
}

// lived tells whether an object of the id is known there, and neither to be deleted nor to have moved on. It is asked in order of the ids.
func (a *ancestor) lived(id string) (bool, error) {
	for !a.started || a.key != nil && a.key.ResourceID < id {
		a.started = true
		var err error
		if a.key, err = next(a.keys); err != nil {
			return false, err
		}
	}
	return a.key != nil && a.key.ResourceID == id && a.key.DeletedAt.IsZero() && !strings.HasPrefix(a.key.Unobserved, lake.MovedTo), nil
}
