package collector

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// outcome is what one attempt at a list came to.
type outcome struct {
	listing                           Listing
	listed, created, updated, deleted int64
	committed                         bool
	lastState                         time.Time // the last commit before this sync
	listErr                           error     // why the list is not complete
}

// syncType lists one resource, joins the list with the lake's last state, commits the difference and tells what came of it.
func (s *clusterSync) syncType(ctx context.Context, resource Resource) lake.SyncRow {
	row := s.row(resource.Type(), lake.Complete, nil)
	if s.listing.Err() != nil {
		return s.row(resource.Type(), lake.Skipped, context.Cause(s.listing))
	}
	sorted := !resource.Ordered
	var done outcome
	var err error
	restarted := false
	share := &share{budget: s.Budget} // kept over a new beginning: what waited too long for it need not wait again
	defer share.giveBack()
	for {
		done, err = s.attempt(ctx, resource, share, sorted, restarted)
		if errors.Is(err, errUnordered) && !sorted {
			s.Log.Debug("the list is not ordered, reading it again to sort it", "cluster", s.Cluster, "type", row.Type)
			sorted = true
			continue
		}
		if errors.Is(err, ErrExpired) && !restarted {
			s.Log.Info("the list's continue token expired, listing from the beginning", "cluster", s.Cluster, "type", row.Type)
			restarted = true
			continue
		}
		break
	}
	row.ResourceVersion = done.listing.ResourceVersion
	row.Listed, row.Created, row.Updated, row.Deleted = done.listed, done.created, done.updated, done.deleted
	row.FinishedAt = s.now()
	switch {
	case err == nil && done.listErr == nil:
	case s.listing.Err() != nil && !done.committed:
		row.Status = lake.Skipped
		err = context.Cause(s.listing)
	case errors.Is(err, ErrForbidden):
		row.Status = lake.Forbidden
		if since := done.lastState; !since.IsZero() {
			err = fmt.Errorf("%w; what the lake has of it is left as it was at the last commit, of %s", err, since.Format(time.RFC3339))
		}
	case done.listErr != nil:
		row.Status, err = lake.Partial, done.listErr
	default:
		row.Status = lake.Failed
	}
	if err != nil {
		row.Error = err.Error()
		s.Log.Info("list is not complete", "cluster", s.Cluster, "type", row.Type, "status", row.Status, "error", err)
	}
	return row
}

// attempt lists once. An error means that nothing was committed; a list that broke off after some objects is committed as far as it
// went and told by the outcome. A list that has to be read again (errUnordered, ErrExpired unless this is the last try) is an error.
func (s *clusterSync) attempt(ctx context.Context, resource Resource, share *share, sorted, lastTry bool) (done outcome, err error) {
	j, err := s.join(ctx, resource)
	if err != nil {
		return done, err
	}
	defer j.close()
	done.lastState = j.committed.CapturedAt
	take := func(object *document.Object) error {
		if j.commit != nil && j.listed >= manyObjects {
			if err := share.take(s.listing); err != nil {
				return err
			}
		}
		return j.object(ctx, object)
	}

	if sorted {
		sorting := &sorter{dir: s.TempDir, limit: sortBytes}
		defer sorting.close()
		done.listing, err = s.read(j.sight, func(object *document.Object) error { return sorting.add(object) })
		if stop := new(stopped); !errors.As(err, &stop) {
			if joinErr := sorting.each(ctx, take); joinErr != nil {
				return done, joinErr
			}
		}
	} else {
		done.listing, err = s.read(j.sight, take)
	}
	var stop *stopped
	switch {
	case err == nil:
	case errors.As(err, &stop):
		return done, stop.cause
	case errors.Is(err, ErrExpired) && !lastTry, s.listing.Err() != nil, j.listed == 0:
		return done, err
	default:
		done.listErr = err
	}
	if done.listErr == nil {
		if err := j.rest(ctx); err != nil {
			return done, err
		}
		done.listErr = s.decide(j)
	}
	if done.committed, err = s.commit(ctx, j, done.listErr == nil, ""); err != nil {
		return done, err
	}
	done.listed, done.created, done.updated, done.deleted = j.listed, j.created, j.updated, j.deleted
	if done.listErr == nil && j.seen != nil {
		s.mu.Lock()
		s.seen[resource.Type()] = seenTypes{ids: j.seen, undecided: j.undecided, sight: j.sight}
		s.mu.Unlock()
	}
	return done, nil
}

// join begins the join of a resource's list with what the lake has of it.
func (s *clusterSync) join(ctx context.Context, resource Resource) (*join, error) {
	resourceType := resource.Type()
	committed, err := s.state(ctx, resourceType)
	if err != nil {
		return nil, err
	}
	j, err := newJoin(ctx, s.Lake, committed)
	if err != nil {
		return nil, err
	}
	s.prepare(j)
	j.schema = func(ctx context.Context) *document.Schema { return s.schemas.of(ctx, resource) }
	_, identifying := s.Provider.(Identifying)
	j.sight = sight{scope: s.Scope, resource: resource, selection: s.Scope.Selection(resource, identifying), filter: s.Scope.Narrows(resource) != ""}
	if s.wanted(resourceType) {
		j.seen = map[string]string{}
	}
	j.earlier = s.earlier(resource, resourceType, committed)
	j.sight.lost = s.Scope.lostSource(j.earlier.scope)
	for _, old := range s.ancestors[resourceType] {
		committed, err := s.state(ctx, old)
		if err != nil {
			j.close()
			return nil, err
		}
		if !j.earlier.complete {
			j.earlier = s.earlier(resource, old, committed)
		}
		a, err := newAncestor(ctx, committed)
		if err != nil {
			j.close()
			return nil, err
		}
		j.ancestors = append(j.ancestors, a)
	}
	return j, nil
}

// state gives what the lake has of a type.
func (s *clusterSync) state(ctx context.Context, resourceType string) (*lake.Committed, error) {
	partition := s.partition(resourceType)
	snapshot, known := s.snapshots[resourceType]
	if !known {
		return &lake.Committed{Partition: partition}, nil
	}
	return s.Lake.StateOf(ctx, partition, snapshot)
}

func (s *clusterSync) partition(resourceType string) lake.Partition {
	return lake.Partition{Cluster: s.Cluster, Provider: s.cluster.Provider, Type: resourceType}
}

// prepare gives a join what is the same for all types.
func (s *clusterSync) prepare(j *join) {
	j.syncID, j.changes, j.compare = s.result.SyncID, s.changes, document.Options{Ignore: s.ignore}
	j.redact = document.NewNormalizer(s.Redactor)
	// The time never goes back within a partition, whatever the clock does. A dump that is read again, say with another scope, is of the same time
	// as what the lake has, but for the microseconds by which its commits are told apart; an older one is refused.
	after := j.committed.CapturedAt.Add(time.Microsecond)
	switch j.capturedAt = s.discovery.CapturedAt; {
	case j.capturedAt.IsZero():
		j.capturedAt = latest(s.now(), after)
	case after.Sub(j.capturedAt) < time.Second:
		j.capturedAt = latest(j.capturedAt, after)
	}
}

// earlier tells what the last complete list of a type could show of the resource's objects.
func (s *clusterSync) earlier(resource Resource, resourceType string, committed *lake.Committed) earlier {
	_, listed := slices.BinarySearch(s.cluster.ListedTypes, resourceType)
	e := earlier{complete: listed || committed.Complete, at: committed.CapturedAt}
	if s.cluster.LastSyncStatus == string(lake.Complete) {
		e.at = latest(e.at, s.cluster.LastSyncAt)
	}
	for _, recorded := range s.cluster.ListedScopes {
		if recorded.Key != resourceType {
			continue
		}
		var err error
		if e.scope, err = ParseNarrows(recorded.Value); err != nil {
			s.Log.Warn("it is not known what was listed before: what appears is discovered", "cluster", s.Cluster, "type", resourceType, "error", err)
			e.complete = false
		}
	}
	if s.Scope.gainedSource(e.scope) {
		e.complete = false
	}
	e.byContent = s.Scope.byContent(resource) || e.scope.byContent(resource)
	return e
}

// namespacesOf are the namespaces of some objects, to look for them there alone; nil where the resource has none.
func namespacesOf(resource Resource, ids iter.Seq[string]) []string {
	if !resource.Namespaced {
		return nil
	}
	var namespaces []string
	for id := range ids {
		namespace, _, _ := strings.Cut(id, "/")
		if len(namespaces) == 0 || namespaces[len(namespaces)-1] != namespace {
			namespaces = append(namespaces, namespace)
		}
	}
	return sortedSet(namespaces)
}

// decide finds out what became of the objects that a narrowed list lacks. An error means that nothing may be concluded of them.
func (s *clusterSync) decide(j *join) error {
	if len(j.undecided)+len(j.lingering) == 0 {
		return nil
	}
	identifying, can := s.Provider.(Identifying)
	if !can {
		return errors.New("objects are missing from a narrowed list, and the provider cannot tell whether they exist")
	}
	ids := func(yield func(string) bool) {
		for id := range j.undecided {
			if !yield(id) {
				return
			}
		}
		for id := range j.lingering {
			if !yield(id) {
				return
			}
		}
	}
	_, err := identifying.Identities(s.listing, j.sight.resource, namespacesOf(j.sight.resource, ids), func(id, uid string) error {
		delete(j.lingering, id)
		if u, asked := j.undecided[id]; asked && sameUID(u.uid, uid) {
			u.exists = true
			j.undecided[id] = u
		}
		return nil
	})
	if err != nil && len(j.undecided) == 0 {
		// What is out of scope may stay as it is.
		s.Log.Info("whether what is out of scope still exists is not known", "cluster", s.Cluster, "type", j.sight.resource.Type(), "error", err)
		j.lingering = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("find out whether %d objects that left the selection exist: %w", len(j.undecided), err)
	}
	return nil
}

// commit makes the join's commit, or plans it, and tells its events. It tells whether there was anything to commit.
func (s *clusterSync) commit(ctx context.Context, j *join, complete bool, retired string) (bool, error) {
	differs, err := j.finish(ctx, complete)
	if err != nil || !differs && retired == "" {
		return false, err
	}
	if s.DryRun {
		if err := j.commit.Seal(); err != nil {
			return false, err
		}
		s.planning.Lock()
		defer s.planning.Unlock()
		if s.Planned != nil {
			if err := s.Planned(ctx, j.partition, j.commit); err != nil {
				return false, err
			}
		}
	} else {
		meta := lake.Meta{SyncID: j.syncID, CapturedAt: j.capturedAt, Complete: complete || j.committed.Complete, Retired: retired}
		if _, err := j.commit.Commit(ctx, meta); err != nil {
			return false, err
		}
	}
	turn := s.Order.take()
	s.mu.Lock()
	s.result.Committed++
	s.mu.Unlock()
	s.emitInTurn(ctx, turn, j.partition, j.commit)
	return true, nil
}

// stopped is an error of k8sq's own side that ended a list: nothing is known of the list, and nothing may be committed.
type stopped struct{ cause error }

func (s *stopped) Error() string { return s.cause.Error() }
func (s *stopped) Unwrap() error { return s.cause }

// read lists the resource and hands on each object, normalised; of one that the scope does not cover, only its identity. What is handed on is
// valid during the call.
func (s *clusterSync) read(of sight, take func(*document.Object) error) (Listing, error) {
	normalizer := document.NewNormalizer(s.Redactor).Ignoring(s.ignore)
	resource := of.resource
	kind := document.Resource{APIGroup: resource.APIGroup(), APIVersion: resource.Version, Kind: resource.Kind, Namespaced: resource.Namespaced}
	return s.Provider.List(s.listing, resource, of.selection, func(raw []byte) error {
		object, err := normalizer.Normalize(kind, raw)
		if err != nil {
			return err
		}
		s.Meter.objects.Add(1)
		if of.filter && !of.scope.CoversObject(resource, object.Namespace, object.Labels, object.Phase) {
			object.State, object.Digest = lake.State{Labels: object.Labels[:0], Annotations: object.Annotations[:0]}, ""
		}
		if err := take(object); err != nil {
			return &stopped{err}
		}
		return nil
	})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
