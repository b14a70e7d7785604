package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// vanished is a type that the lake knows, or that the scope names, and that is not listed: the configuration leaves it out, or the cluster does
// not serve it.
type vanished struct {
	resourceType string
	inLake       bool
	retired      string    // what an earlier sync came to
	reason       string    // lake.OutOfScope; "" where the cluster does not serve it
	successor    *Resource // of the same group and kind at another version; nil: none is offered
}

// seenTypes is what a complete list showed: the id and uid of every object, covered or not.
type seenTypes struct {
	ids       map[string]string
	undecided map[string]undecided // of the objects that the list lacks, whether they exist nevertheless
	sight     sight
}

// definitions is the type whose objects define custom resources.
const definitions = "apiextensions.k8s.io.v1.CustomResourceDefinition"

// removed stands in a retired partition's metadata where its objects went with their type.
const removed = "deleted"

// wanted tells whether something vanished depends on what a list of the type shows.
func (s *clusterSync) wanted(resourceType string) bool {
	if len(s.ancestors[resourceType]) > 0 {
		return true
	}
	if resourceType == definitions {
		for _, v := range s.vanished {
			if v.reason == "" && v.inLake {
				return true
			}
		}
	}
	return false
}

// settle decides, after all lists, what became of the types that were not listed.
func (s *clusterSync) settle(ctx context.Context) {
	for _, v := range s.vanished {
		if v.reason == lake.OutOfScope {
			if _, err := s.retire(ctx, v, lake.OutOfScope, nil); err != nil {
				s.add(s.row(v.resourceType, lake.Failed, fmt.Errorf("record that it is out of scope: %w", err)), nil)
			}
			continue
		}
		count, message, err := s.settleUnserved(ctx, v)
		row := s.row(v.resourceType, lake.Skipped, errors.New(message))
		if err != nil {
			row = s.row(v.resourceType, lake.Failed, err)
		} else {
			row.Deleted = count
			s.unserved = append(s.unserved, v.resourceType)
		}
		s.add(row, nil)
	}
}

// settleUnserved retires the partition of a type that the cluster does not serve, as far as it is known what became of its objects. It gives how
// many were deleted, and what there is to say.
func (s *clusterSync) settleUnserved(ctx context.Context, v vanished) (deletedObjects int64, message string, err error) {
	const unserved = "the cluster does not serve this type"
	successor := v.successor
	switch {
	case successor != nil && !s.Scope.Covers(successor.Type()):
		message = fmt.Sprintf("the cluster serves it as %s, which the configuration does not cover", successor.Type())
		deletedObjects, err = s.retireOnce(ctx, v, lake.NotServed)
	case successor != nil && !v.inLake:
		message = "the cluster serves it as " + successor.Type()
	case successor != nil && strings.HasPrefix(v.retired, lake.MovedTo):
		message = v.retired
	case successor != nil:
		moved := lake.MovedTo + successor.Type()
		if _, complete := s.complete[successor.Type()]; !complete {
			return 0, moved + ", of which there is no complete list yet", nil
		}
		var fate func(*lake.Snapshot) (string, bool)
		if fate, err = s.movedTo(*successor); err != nil {
			return 0, fmt.Sprintf("%s, but whether each object did could not be found out: %v", moved, err), nil
		}
		message = moved
		deletedObjects, err = s.retireOnceWith(ctx, v, moved, fate)
	case !v.inLake:
		message = unserved
	default:
		var name string
		var gone, open bool
		if name, gone, open, err = s.definitionOf(ctx, v.resourceType); err != nil {
			return 0, "", err
		}
		switch {
		case gone:
			message = fmt.Sprintf("its CustomResourceDefinition %s was deleted, and its objects with it", name)
			deletedObjects, err = s.retireOnceWith(ctx, v, removed, func(row *lake.Snapshot) (string, bool) { return row.UnobservedReason, !hasMoved(row) })
		case open:
			message = unserved + "; whether its CustomResourceDefinition was deleted could not be found out"
		default:
			message = unserved
			deletedObjects, err = s.retireOnce(ctx, v, lake.NotServed)
		}
	}
	return deletedObjects, message, err
}

// movedTo gives what became of the objects of an older version of a kind, by the complete list of the new one.
func (s *clusterSync) movedTo(successor Resource) (func(*lake.Snapshot) (reason string, gone bool), error) {
	reason := lake.MovedTo + successor.Type()
	seen, known := s.seen[successor.Type()]
	if !known {
		return nil, errors.New("what its list showed was not kept")
	}
	if seen.sight.narrowed() {
		// Of what the list was narrowed to leave out, only the identities tell.
		identifying, can := s.Provider.(Identifying)
		if !can {
			return nil, errors.New("the provider cannot tell what exists")
		}
		seen.ids = maps.Clone(seen.ids)
		_, err := identifying.Identities(s.listing, successor, seen.sight.selection.Namespaces, func(id, uid string) error {
			if _, listed := seen.ids[id]; !listed { // one that was replaced since the list is of the next sync
				seen.ids[id] = uid
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		seen.sight.selection.Labels, seen.sight.selection.Fields = "", ""
	}
	return func(row *lake.Snapshot) (string, bool) {
		uid, there := seen.ids[row.ResourceID]
		switch {
		case hasMoved(row) && !(there && sameUID(row.UID, uid)):
			return row.UnobservedReason, false
		case there:
			return reason, !sameUID(row.UID, uid)
		}
		return reason, seen.sight.absence(row.ResourceID, row.UnobservedReason) == deleted
	}, nil
}

// hasMoved tells whether the object's history went on under another type: what became of it is told there.
func hasMoved(row *lake.Snapshot) bool { return strings.HasPrefix(row.UnobservedReason, lake.MovedTo) }

// definitionOf looks for the CustomResourceDefinition of a type among those that the lake knows. gone tells that it is proven to be deleted,
// open that this sync could not find out.
func (s *clusterSync) definitionOf(ctx context.Context, resourceType string) (name string, gone, open bool, err error) {
	if _, known := s.snapshots[definitions]; !known {
		return "", false, false, nil
	}
	group, _, kind := splitType(resourceType)
	committed, err := s.state(ctx, definitions)
	if err != nil {
		return "", false, false, err
	}
	defer committed.Close()
	rows, err := committed.Rows(ctx)
	if err != nil {
		return "", false, false, err
	}
	defer rows.Close()
	seen, listed := s.seen[definitions]
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return name, gone, false, nil
		}
		if err != nil {
			return "", false, false, err
		}
		var spec struct {
			Group string
			Names struct{ Kind string }
		}
		if json.Unmarshal(row.Spec, &spec) != nil || spec.Group != group || spec.Names.Kind != kind {
			continue
		}
		name = row.ResourceID
		if !listed {
			return name, false, s.Scope.Covers(definitions), nil
		}
		// Several may have defined it, one after the other: it went with the last of them.
		if _, there := seen.ids[name]; there {
			return name, false, false, nil
		}
		// One that the lake knows to be deleted may have been made anew since: only this sync's list tells.
		missed, decided := seen.undecided[name]
		gone = decided && !missed.exists || seen.sight.absence(name, row.UnobservedReason) == deleted
		if !gone {
			return name, false, false, nil
		}
	}
}

// retireOnce retires a partition unless an earlier sync did.
func (s *clusterSync) retireOnce(ctx context.Context, v vanished, reason string) (int64, error) {
	return s.retireOnceWith(ctx, v, reason, nil)
}

func (s *clusterSync) retireOnceWith(ctx context.Context, v vanished, reason string, fate func(*lake.Snapshot) (string, bool)) (int64, error) {
	if !v.inLake || v.retired == reason {
		return 0, nil
	}
	return s.retire(ctx, v, reason, fate)
}

// retire commits that no object of a partition is looked at any more, and why: one row an object that lives, and for the whole in the
// metadata, so that later syncs leave it alone. fate tells of each whether it is gone; nil: nothing is known of any.
func (s *clusterSync) retire(ctx context.Context, v vanished, reason string, fate func(*lake.Snapshot) (string, bool)) (int64, error) {
	committed, err := s.state(ctx, v.resourceType)
	if err != nil {
		return 0, err
	}
	j := &join{lake: s.Lake, partition: committed.Partition, committed: committed, generation: committed.Generation + 1}
	defer j.close()
	if committed.ETag != s.snapshots[v.resourceType].ETag {
		// What this sync has seen is older than what stands there now.
		return 0, fmt.Errorf("commit %s: another sync wrote it meanwhile: sync again", committed.Partition)
	}
	s.prepare(j)
	j.capturedAt = latest(j.capturedAt, committed.CapturedAt.Add(time.Microsecond))
	if err := j.begin(ctx); err != nil {
		return 0, err
	}
	for j.row != nil {
		if row := j.row; row.DeletedAt.IsZero() {
			why, gone := reason, false
			switch {
			case fate != nil:
				why, gone = fate(row)
			case hasMoved(row):
				why = row.UnobservedReason
			}
			if gone {
				err = j.gone(row)
			} else if row.UnobservedReason != why {
				j.unobserve(row, why)
			}
		}
		if err == nil {
			err = j.commit.AddSnapshot(j.row)
		}
		if err == nil {
			err = j.nextRow()
		}
		if err != nil {
			return 0, err
		}
	}
	_, err = s.commit(ctx, j, false, reason)
	return j.deleted, err
}
