package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// errUnordered: the list is not in byte order of the resource ids, so it has to be sorted before it can be joined.
var errUnordered = errors.New("the list is not ordered by resource id")

// errOlder: a dump's state is older than what the lake holds already; history is only ever added to at its end.
var errOlder = errors.New("the lake holds a newer state")

// join merges two streams that are sorted by resource id, the objects of a list and the lake's last state of them, into one commit.
// Nothing but the current object of each stream is held in memory.
//
// The last state is read twice, at two paces. The key reader reads just what tells whether an object changed. Only when the first
// difference is met is a commit begun and the row reader opened, which copies the unchanged rows up to there into the new snapshot and
// from then on follows. So a list without a difference reads no bodies and writes nothing.
//
// Whether a list was complete is known when it ends, and only a complete list may delete. The join stages deletions as it meets
// them, since nearly every list is complete; where one was not, finish stages the commit anew without them. It does so too where the list
// was narrowed at its source, and some of what it lacks turns out to be there (undecided).
type join struct {
	lake       Lake
	partition  lake.Partition
	committed  *lake.Committed
	generation int64
	capturedAt time.Time
	syncID     string
	sight      sight
	earlier    earlier
	ancestors  []*ancestor // the types that this one's objects come from
	compare    document.Options
	schema     func(context.Context) *document.Schema // of the type; nil: it has been asked for
	redact     *document.Normalizer                   // of states out of the lake
	changes    Changes
	seen       map[string]string // id → uid of all that was listed, covered or not; nil: nobody asks

	keys *lake.Reader[lake.Key]
	key  *lake.Key // the key reader's current one, nil at its end

	commit *lake.Commit
	rows   *lake.Reader[lake.Snapshot]
	row    *lake.Snapshot // the row reader's current one, nil at its end

	last                              string
	listed, created, updated, deleted int64
	marked                            int64 // rows that changed without a version
	inferred                          int64 // of the deleted, those that only the list's completeness proves
	proven                            map[string]bool
	undecided                         map[string]undecided
	lingering                         map[string]bool // ids of objects out of scope that a narrowed list lacks; once decided, of those that are gone
}

// undecided is an object that a narrowed list lacks: it was deleted, or it is no longer what the list was narrowed to.
type undecided struct {
	uid    string
	exists bool
}

// newJoin begins a join with a partition's last state, which it closes.
func newJoin(ctx context.Context, l Lake, committed *lake.Committed) (*join, error) {
	j := &join{lake: l, partition: committed.Partition, committed: committed, generation: committed.Generation + 1}
	var err error
	if j.keys, err = committed.Keys(ctx); err == nil {
		err = j.nextKey()
	}
	if err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

func (j *join) close() {
	if j.keys != nil {
		_ = j.keys.Close()
	}
	if j.rows != nil {
		_ = j.rows.Close()
	}
	if j.commit != nil {
		_ = j.commit.Close()
	}
	for _, a := range j.ancestors {
		a.close()
	}
	_ = j.committed.Close() // what was only read cannot be lost
}

// covered tells whether the scope covers a listed object: of one that it does not, only the identity was read.
func covered(object *document.Object) bool { return object.Digest != "" }

// object takes the list's next object.
func (j *join) object(ctx context.Context, object *document.Object) error {
	id := object.ResourceID
	if id <= j.last {
		return fmt.Errorf("%w: %s after %s", errUnordered, id, j.last)
	}
	j.last = id
	if covered(object) {
		j.listed++
	}
	if j.seen != nil {
		j.seen[id] = object.UID
	}
	if err := j.missingUntil(ctx, id); err != nil {
		return err
	}
	if j.key == nil || j.key.ResourceID != id {
		if !covered(object) {
			return nil
		}
		return j.appeared(ctx, object)
	}
	living, unobserved := j.key.DeletedAt.IsZero(), j.key.Unobserved
	same := j.key.LatestDigest == object.Digest || j.key.SeenDigest == object.Digest
	if err := j.nextKey(); err != nil {
		return err
	}
	switch {
	case !covered(object):
		if !living || unobserved == lake.OutOfScope {
			return nil
		}
		return j.leaves(ctx, object)
	case living && unobserved == "" && same:
		return nil
	}
	return j.differs(ctx, object)
}

// missingUntil takes the objects whose ids come before id, which the list does not hold; "" stands for the end.
func (j *join) missingUntil(ctx context.Context, id string) error {
	for j.key != nil && (id == "" || j.key.ResourceID < id) {
		if j.key.DeletedAt.IsZero() {
			if err := j.missing(ctx, j.key.ResourceID, j.key.Unobserved); err != nil {
				return err
			}
		}
		if err := j.nextKey(); err != nil {
			return err
		}
	}
	return nil
}

// next gives a reader's next row, nil at its end.
func next[R any](reader *lake.Reader[R]) (*R, error) {
	row, err := reader.Next()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return row, err
}

func (j *join) nextKey() (err error) {
	j.key, err = next(j.keys)
	return err
}

// begin opens the commit at the first difference.
func (j *join) begin(ctx context.Context) (err error) {
	if j.commit != nil {
		return nil
	}
	if !j.capturedAt.After(j.committed.CapturedAt) {
		return fmt.Errorf("%w: of %s, and this one is of %s", errOlder,
			j.committed.CapturedAt.Format(time.RFC3339), j.capturedAt.Format(time.RFC3339))
	}
	if j.commit, err = j.lake.Begin(j.committed, j.partition); err != nil {
		return err
	}
	if j.rows, err = j.committed.Rows(ctx); err != nil {
		return err
	}
	return j.nextRow()
}

func (j *join) nextRow() (err error) {
	j.row, err = next(j.rows)
	return err
}

// copyUntil copies the rows before id, which did not change, into the new snapshot; "" stands for the end.
func (j *join) copyUntil(ctx context.Context, id string) error {
	if err := j.begin(ctx); err != nil {
		return err
	}
	for j.row != nil && (id == "" || j.row.ResourceID < id) {
		if err := j.commit.AddSnapshot(j.row); err != nil {
			return err
		}
		if err := j.nextRow(); err != nil {
			return err
		}
	}
	return nil
}

// old gives the last state of the object that the key reader met, and moves on from it. It is valid until the next row is read,
// so take is called with it first.
func (j *join) old(ctx context.Context, id string, take func(old *lake.Snapshot) error) error {
	if err := j.copyUntil(ctx, id); err != nil {
		return err
	}
	if j.row == nil || j.row.ResourceID != id {
		return fmt.Errorf("snapshot of %s: %s is among its keys but not its rows", j.partition.Type, id)
	}
	if err := take(j.row); err != nil {
		return err
	}
	return j.nextRow()
}

// appeared takes an object that the lake does not know.
func (j *join) appeared(ctx context.Context, object *document.Object) error {
	if err := j.copyUntil(ctx, object.ResourceID); err != nil {
		return err
	}
	operation := lake.Discovered
	if j.earlier.covered(j.sight.resource, object) {
		operation = lake.Created
	}
	return j.captured(object, &lake.Snapshot{FirstSeenAt: j.capturedAt}, operation, nil)
}

// missing takes an object that the list does not hold.
func (j *join) missing(ctx context.Context, id, unobserved string) error {
	absence := j.sight.absence(id, unobserved)
	switch absence {
	case unknown:
		return nil
	case lingering:
		// Nothing is staged before it is known to be gone: most are still there, sync after sync.
		if j.lingering == nil {
			j.lingering = map[string]bool{}
		}
		j.lingering[id] = true
		return nil
	}
	return j.old(ctx, id, func(old *lake.Snapshot) error {
		if absence == leftScope {
			j.unobserve(old, lake.OutOfScope)
			return j.commit.AddSnapshot(old)
		}
		if absence == ambiguous {
			if j.undecided == nil {
				j.undecided = map[string]undecided{}
			}
			j.undecided[id] = undecided{uid: old.UID}
		}
		j.inferred++
		if err := j.gone(old); err != nil {
			return err
		}
		return j.commit.AddSnapshot(old)
	})
}

// leaves takes a listed object that the scope does not cover, and whose row does not say so.
func (j *join) leaves(ctx context.Context, object *document.Object) error {
	return j.old(ctx, object.ResourceID, func(old *lake.Snapshot) error {
		if !sameUID(old.UID, object.UID) {
			if hasMoved(old) {
				return j.commit.AddSnapshot(old) // what became of it is told where it moved to
			}
			if j.proven == nil {
				j.proven = map[string]bool{}
			}
			j.proven[old.ResourceID] = true
			if err := j.gone(old); err != nil {
				return err
			}
			return j.commit.AddSnapshot(old)
		}
		j.unobserve(old, lake.OutOfScope)
		return j.commit.AddSnapshot(old)
	})
}

// unobserve marks a row.
func (j *join) unobserve(row *lake.Snapshot, reason string) {
	j.marked++
	row.UnobservedSince, row.UnobservedReason = j.capturedAt, reason
}

// sameUID tells whether two states can be those of one object.
func sameUID(a, b string) bool { return a == b || a == "" || b == "" }

// gone stages the version and change that say that old was deleted, and makes old that state.
func (j *join) gone(old *lake.Snapshot) error {
	version, change := j.deletion(old)
	if err := j.commit.AddVersion(version); err != nil {
		return err
	}
	return j.addChange(change)
}

// deletion gives the version and change that say that old was deleted, and makes old that state.
func (j *join) deletion(old *lake.Snapshot) (*lake.Version, *lake.Change) {
	j.deleted++
	state := old.State
	state.Metadata, state.Spec, state.Status, state.Fields = nil, nil, nil, nil
	version := lake.Version{
		Identity: old.Identity, State: state, Version: old.LatestVersion + 1, Operation: lake.Deleted, PreviousDigest: old.LatestDigest,
		CapturedAt: j.capturedAt, SyncID: j.syncID, Generation: j.generation,
	}
	change := changeOf(&version, old.LatestVersion)
	old.LatestVersion++
	old.DeletedAt, old.UpdatedAt, old.Generation = j.capturedAt, j.capturedAt, j.generation
	old.UnobservedSince, old.UnobservedReason, old.SeenDigest = time.Time{}, "", ""
	return &version, &change
}

// addChange stages a change, where the settings want it.
func (j *join) addChange(change *lake.Change) error {
	if !j.changes.Enabled || change.Operation == lake.Deleted && !j.changes.Deletions {
		return nil
	}
	if !j.changes.Diff {
		change.Diff = nil // who changed which path holds no values, and stays
	}
	return j.commit.AddChange(change)
}

// differs takes a listed object whose row may say something else of it.
func (j *join) differs(ctx context.Context, object *document.Object) error {
	return j.old(ctx, object.ResourceID, func(old *lake.Snapshot) error {
		switch {
		case !old.DeletedAt.IsZero():
			return j.captured(object, old, lake.Created, nil)
		case !sameUID(old.UID, object.UID):
			if hasMoved(old) {
				// What became of the old one is told where it moved to.
				return j.captured(object, old, lake.Discovered, nil)
			}
			// Another object under the same name: the uid tells that the old one went and this one came, both since the last list.
			if err := j.gone(old); err != nil {
				return err
			}
			return j.captured(object, old, lake.Created, nil)
		}
		seen := old.SeenDigest
		if object.Digest != old.LatestDigest && object.Digest != seen {
			// What was stored under weaker rules of redaction gets neither into the difference nor stays as it is.
			before, exposed, err := j.redact.Again(old.Identity, old.State)
			if err != nil {
				return err
			}
			if j.schema != nil {
				j.compare.Schema, j.schema = j.schema(ctx), nil
			}
			diff, err := document.Diff(before, object.State, j.compare)
			if err != nil {
				return fmt.Errorf("compare %s with its last state: %w", object.ResourceID, err)
			}
			if len(diff.Paths) > 0 || exposed {
				return j.captured(object, old, lake.Updated, &diff)
			}
			seen = object.Digest
		}
		j.marked++
		if seen != old.SeenDigest {
			old.SeenDigest, old.ManagedAt = seen, object.ModifiedAt // who wrote until now changed nothing that will be told
		}
		old.UnobservedSince, old.UnobservedReason = time.Time{}, ""
		return j.commit.AddSnapshot(old)
	})
}

// captured stages the object as the next version after old; of a first one, old holds only when it was seen.
func (j *join) captured(object *document.Object, old *lake.Snapshot, operation lake.Operation, diff *document.Difference) error {
	if operation == lake.Created {
		for _, a := range j.ancestors {
			lived, err := a.lived(object.ResourceID)
			if err != nil {
				return err
			}
			if lived {
				operation = lake.Discovered
			}
		}
	}
	version := lake.Version{
		Identity: object.Identity, State: object.State, Version: old.LatestVersion + 1, Operation: operation, Digest: object.Digest,
		CapturedAt: j.capturedAt, SyncID: j.syncID, Generation: j.generation,
	}
	if operation == lake.Updated {
		version.PreviousDigest = old.LatestDigest
		j.updated++
	} else {
		j.created++
	}
	who := object.Attribution(diff, old.ManagedAt)
	version.Managers, version.ModifiedAt = who.Managers, who.ModifiedAt
	if err := j.commit.AddVersion(&version); err != nil {
		return err
	}
	if operation != lake.Discovered {
		change := changeOf(&version, old.LatestVersion)
		if diff != nil {
			change.Added, change.Updated, change.Removed = int32(diff.Added), int32(diff.Updated), int32(diff.Removed)
			change.Paths, change.Diff, change.Attribution = diff.Paths, diff.JSON, who.JSON
		}
		if err := j.addChange(&change); err != nil {
			return err
		}
	}
	return j.commit.AddSnapshot(&lake.Snapshot{
		Identity: object.Identity, State: object.State, FirstSeenAt: old.FirstSeenAt, UpdatedAt: j.capturedAt,
		LatestVersion: version.Version, LatestDigest: object.Digest, Generation: j.generation, ManagedAt: object.ModifiedAt,
	})
}

func changeOf(version *lake.Version, from int64) lake.Change {
	return lake.Change{
		Identity: version.Identity, FromVersion: from, ToVersion: version.Version, Operation: version.Operation,
		CapturedAt: version.CapturedAt, ModifiedAt: version.ModifiedAt, Managers: version.Managers, SyncID: version.SyncID,
		Generation: version.Generation,
	}
}

// rest takes what a complete list did not hold. What it leaves undecided is settled before finish.
func (j *join) rest(ctx context.Context) error { return j.missingUntil(ctx, "") }

// finish ends the staging. Where complete is false, what the list did not hold stays as it was. It tells whether there is anything to
// commit.
func (j *join) finish(ctx context.Context, complete bool) (bool, error) {
	if !complete {
		j.lingering = nil
	}
	if j.commit == nil {
		for _, id := range slices.Sorted(maps.Keys(j.lingering)) {
			err := j.old(ctx, id, func(old *lake.Snapshot) error {
				if err := j.gone(old); err != nil {
					return err
				}
				return j.commit.AddSnapshot(old)
			})
			if err != nil {
				return false, err
			}
		}
		j.lingering = nil
	}
	if j.commit == nil {
		return false, nil
	}
	if err := j.copyUntil(ctx, ""); err != nil {
		return false, err
	}
	exists := false
	for _, u := range j.undecided {
		exists = exists || u.exists
	}
	if exists || !complete && j.inferred > 0 || len(j.lingering) > 0 {
		if err := j.restage(ctx, complete); err != nil {
			return false, err
		}
	}
	return j.created+j.updated+j.deleted+j.marked > 0, nil
}

// restage stages the commit anew, without the deletions that did not prove true (as an incomplete list, or as one of an object that is only
// out of scope), and with those of what was out of scope and is gone.
func (j *join) restage(ctx context.Context, complete bool) error {
	staged := j.commit
	defer staged.Close()
	_ = j.rows.Close()
	var err error
	if j.rows, err = j.committed.Rows(ctx); err != nil {
		return err
	}
	if j.commit, err = j.lake.Begin(j.committed, j.partition); err != nil {
		return err
	}
	if err := j.nextRow(); err != nil {
		return err
	}
	var goneVersions []*lake.Version
	var goneChanges []*lake.Change
	proven := func(id string) bool { return j.proven[id] || complete && !j.undecided[id].exists }
	snapshots, versions, changes, err := staged.Restage(ctx)
	if err != nil {
		return err
	}
	for snapshot, err := range snapshots {
		if err != nil {
			return err
		}
		for j.row != nil && j.row.ResourceID < snapshot.ResourceID {
			if err := j.nextRow(); err != nil {
				return err
			}
		}
		if snapshot.Generation == j.generation && !snapshot.DeletedAt.IsZero() && !proven(snapshot.ResourceID) {
			snapshot = j.row
			j.deleted--
			if complete {
				j.unobserve(snapshot, lake.OutOfScope)
			}
		}
		if j.lingering[snapshot.ResourceID] {
			version, change := j.deletion(snapshot)
			goneVersions, goneChanges = append(goneVersions, version), append(goneChanges, change)
		}
		if err := j.commit.AddSnapshot(snapshot); err != nil {
			return err
		}
	}
	err = addProven(versions, goneVersions, proven, func(v *lake.Version) (string, lake.Operation) { return v.ResourceID, v.Operation }, j.commit.AddVersion)
	if err != nil {
		return err
	}
	return addProven(changes, goneChanges, proven, func(c *lake.Change) (string, lake.Operation) { return c.ResourceID, c.Operation }, j.addChange)
}

// addProven adds the rows but for the deletions that did not prove true, and those of more, of other objects, in their places. A deletion that
// is followed by the creation of the same name was proven by the uid, whatever else the list missed.
func addProven[R any](rows iter.Seq2[*R, error], more []*R, proven func(id string) bool, event func(*R) (string, lake.Operation), add func(*R) error) error {
	var deletion *R
	deleted := ""
	addMore := func(before string) error {
		for len(more) > 0 {
			if id, _ := event(more[0]); before != "" && id > before {
				return nil
			}
			if err := add(more[0]); err != nil {
				return err
			}
			more = more[1:]
		}
		return nil
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		id, operation := event(row)
		if err := addMore(id); err != nil {
			return err
		}
		if deletion != nil && deleted == id {
			if err := add(deletion); err != nil {
				return err
			}
		}
		deletion = nil
		if operation == lake.Deleted && !proven(id) {
			copied := *row // it is valid until the next row; a deletion holds no JSON
			deletion, deleted = &copied, id
			continue
		}
		if err := add(row); err != nil {
			return err
		}
	}
	return addMore("")
}
