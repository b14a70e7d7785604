package collector

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// outcome is what one attempt at a list came to.
type outcome struct {
	listing                           Listing
	listed, created, updated, deleted int64
	committed                         bool
	listErr                           error // why the list is not complete
}

// syncType lists one resource, joins the list with the lake's last state, commits the difference and tells what came of it.
func (s *clusterSync) syncType(ctx context.Context, discovery Discovery, resource Resource) lake.SyncRow {
	row := s.row(resource.Type(), lake.Complete, nil)
	if ctx.Err() != nil {
		return s.row(resource.Type(), lake.Skipped, context.Cause(ctx))
	}
	sorted := !resource.Ordered
	var done outcome
	var err error
	restarted := false
	for {
		done, err = s.attempt(ctx, discovery, resource, sorted, restarted)
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
	case ctx.Err() != nil:
		row.Status = lake.Skipped
		err = context.Cause(ctx)
	case errors.Is(err, ErrForbidden):
		row.Status = lake.Forbidden
	case done.listErr != nil:
		row.Status, err = lake.Partial, done.listErr
	default:
		row.Status = lake.Failed
	}
	if err != nil {
		row.Error = err.Error()
		s.Log.Info("list is not complete", "cluster", s.Cluster, "type", row.Type, "status", row.Status, "error", err)
	}
	if done.committed {
		s.mu.Lock()
		s.result.Committed++
		s.mu.Unlock()
	}
	return row
}

// attempt lists once. An error means that nothing was committed; a list that broke off after some objects is committed as far as it
// went and told by the outcome. A list that has to be read again (errUnordered, ErrExpired unless this is the last try) is an error.
func (s *clusterSync) attempt(ctx context.Context, discovery Discovery, resource Resource, sorted, lastTry bool) (done outcome, err error) {
	partition := lake.Partition{Cluster: s.Cluster, Provider: s.cluster.Provider, Type: resource.Type()}
	_, prior := slices.BinarySearch(s.cluster.ListedTypes, resource.Type())
	committed := &lake.Committed{Partition: partition} // a type that the lake does not know
	if snapshot, known := s.snapshots[resource.Type()]; known {
		if committed, err = s.Lake.StateOf(ctx, partition, snapshot); err != nil {
			return done, err
		}
	}
	j, err := newJoin(ctx, s.Lake, committed, prior)
	if err != nil {
		return done, err
	}
	defer j.close()
	j.syncID = s.result.SyncID
	if j.capturedAt = discovery.CapturedAt; j.capturedAt.IsZero() {
		// The time never goes back within a partition, whatever the clock does.
		j.capturedAt = latest(s.now(), j.committed.CapturedAt.Add(time.Microsecond))
	}

	if sorted {
		sorting := &sorter{dir: s.TempDir, limit: sortBytes}
		defer sorting.close()
		done.listing, err = s.read(ctx, resource, func(object *document.Object) error { return sorting.add(object) })
		if stop := new(stopped); !errors.As(err, &stop) {
			if joinErr := sorting.each(ctx, func(object *document.Object) error { return j.object(ctx, object) }); joinErr != nil {
				return done, joinErr
			}
		}
	} else {
		done.listing, err = s.read(ctx, resource, func(object *document.Object) error { return j.object(ctx, object) })
	}
	var stop *stopped
	switch {
	case err == nil:
	case errors.As(err, &stop):
		return done, stop.cause
	case errors.Is(err, ErrExpired) && !lastTry, ctx.Err() != nil, j.listed == 0:
		return done, err
	default:
		done.listErr = err
	}
	if done.committed, err = j.finish(ctx, done.listErr == nil); err != nil {
		return done, err
	}
	done.listed, done.created, done.updated, done.deleted = j.listed, j.created, j.updated, j.deleted
	if done.committed {
		if err := s.emitCommit(ctx, partition, j.commit); err != nil {
			s.emitFailed(err)
		}
	}
	return done, nil
}

// stopped is an error of k8sq's own side that ended a list: nothing is known of the list, and nothing may be committed.
type stopped struct{ cause error }

func (s *stopped) Error() string { return s.cause.Error() }
func (s *stopped) Unwrap() error { return s.cause }

// read lists the resource and hands on each object, normalised. What is handed on is valid during the call.
func (s *clusterSync) read(ctx context.Context, resource Resource, take func(*document.Object) error) (Listing, error) {
	normalizer := document.NewNormalizer(s.Redactor)
	of := document.Resource{APIGroup: resource.APIGroup(), APIVersion: resource.Version, Kind: resource.Kind, Namespaced: resource.Namespaced}
	return s.Provider.List(ctx, resource, Selection{}, func(raw []byte) error {
		object, err := normalizer.Normalize(of, raw)
		if err != nil {
			return err
		}
		s.Meter.objects.Add(1)
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
