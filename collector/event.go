package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// The events of DESIGN.md 3.3.
const (
	ClusterSyncStarted   = "cluster.sync.started"
	ClusterSyncCompleted = "cluster.sync.completed"
	ClusterSyncFailed    = "cluster.sync.failed"
	ResourceDiscovered   = "resource.discovered" // a version that was discovered or created
	ResourceDeleted      = "resource.deleted"
	ChangeDetected       = "change.detected" // a version that was updated
)

// Event is something that happened, told after it was committed. Its JSON is the payload.
type Event struct {
	Type string `json:"-"`

	Cluster   string    `json:"cluster"`
	Timestamp time.Time `json:"timestamp"` // of the capture, or of the sync's start or end
	SyncID    string    `json:"sync_id"`

	// Of an object.
	ResourceType string          `json:"resource_type,omitempty"`
	ResourceID   string          `json:"resource_id,omitempty"`
	Namespace    string          `json:"namespace,omitempty"`
	Name         string          `json:"name,omitempty"`
	Version      int64           `json:"version,omitempty"`
	Operation    lake.Operation  `json:"operation,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"` // the whole object, redacted
	Diff         json.RawMessage `json:"diff,omitempty"`

	// Of a sync that ended.
	Status        lake.Status  `json:"status,omitempty"`
	ResourceCount *int64       `json:"resource_count,omitempty"` // objects listed
	Types         []TypeResult `json:"types,omitempty"`
	Error         string       `json:"error,omitempty"`
}

// TypeResult is what a sync did for one resource type, as events and summaries show it.
type TypeResult struct {
	Type    string      `json:"type"`
	Status  lake.Status `json:"status"`
	Listed  int64       `json:"listed"`
	Created int64       `json:"created"`
	Updated int64       `json:"updated"`
	Deleted int64       `json:"deleted"`
	Error   string      `json:"error,omitempty"`
}

// TypeResults are the result's rows as events and summaries show them.
func (r Result) TypeResults() []TypeResult {
	results := make([]TypeResult, 0, len(r.Rows))
	for _, row := range r.Rows {
		results = append(results, TypeResult{row.Type, row.Status, row.Listed, row.Created, row.Updated, row.Deleted, row.Error})
	}
	return results
}

func (s *clusterSync) emit(event Event) error {
	if s.Emit == nil || s.DryRun {
		return nil
	}
	turn := s.Order.take()
	s.Order.wait(turn)
	defer s.Order.done()
	return s.Emit(event)
}

// emitFailed keeps the first error of emitting: what was committed stands, but the sync did not do all it was asked to.
func (s *clusterSync) emitFailed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.emitErr == nil {
		s.emitErr = fmt.Errorf("send an event: %w", err)
	}
}

func (s *clusterSync) clusterEvent(eventType string) Event {
	return Event{Type: eventType, Cluster: s.Cluster, Timestamp: s.now(), SyncID: s.result.SyncID}
}

func (s *clusterSync) endedEvent() Event {
	event := s.clusterEvent(ClusterSyncCompleted)
	event.Status = s.result.Status
	if s.result.Err != nil {
		event.Type = ClusterSyncFailed
		event.Error = s.result.Err.Error()
		return event
	}
	listed, _, _, _ := s.result.Totals()
	event.ResourceCount, event.Types = &listed, s.result.TypeResults()
	return event
}

// Order puts the events of commits in the order of the commits, each commit's in one piece, also of syncs that run side by side and share it. Its
// zero value is ready.
type Order struct {
	mu    sync.Mutex
	taken int64
	next  int64
	moved *sync.Cond
}

// take is called right after a commit, and gives its place.
func (t *Order) take() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.moved == nil {
		t.moved = sync.NewCond(&t.mu)
	}
	t.taken++
	return t.taken - 1
}

// wait returns when all turns before are done.
func (t *Order) wait(turn int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next != turn {
		t.moved.Wait()
	}
}

func (t *Order) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	t.moved.Broadcast()
}

// emitInTurn tells what a commit made, after the commits before it. What was committed is told, whatever interrupts the sync meanwhile.
func (s *clusterSync) emitInTurn(ctx context.Context, turn int64, partition lake.Partition, commit *lake.Commit) {
	s.Order.wait(turn)
	defer s.Order.done()
	if s.Emit == nil || s.DryRun {
		return
	}
	if err := s.emitCommit(context.WithoutCancel(ctx), partition, commit); err != nil {
		s.emitFailed(err)
	}
}

// emitCommit tells what a commit made, from the rows that were staged for it.
func (s *clusterSync) emitCommit(ctx context.Context, partition lake.Partition, commit *lake.Commit) error {
	// Both are in the same order: of an object that another of its name has replaced, the deletion is told before the new one. A version has
	// a change unless it was discovered or the settings leave it out.
	nextChange, stop := iter.Pull2(commit.Changes(ctx))
	defer stop()
	change, err, found := nextChange()
	for version, versionErr := range commit.Versions(ctx) {
		if versionErr != nil || err != nil {
			return errors.Join(versionErr, err)
		}
		event := Event{
			Cluster: s.Cluster, Timestamp: version.CapturedAt, SyncID: s.result.SyncID, ResourceType: partition.Type,
			ResourceID: version.ResourceID, Namespace: version.Namespace, Name: version.Name, Version: version.Version, Operation: version.Operation,
		}
		if found && change.ResourceID == version.ResourceID && change.ToVersion == version.Version {
			event.Diff = slices.Clone(change.Diff)
			change, err, found = nextChange()
		}
		switch version.Operation {
		case lake.Discovered, lake.Created:
			event.Type = ResourceDiscovered
			var err error
			if event.Data, err = document.Whole(version.Identity, version.State); err != nil {
				return err
			}
		case lake.Updated:
			event.Type = ChangeDetected
		case lake.Deleted:
			if !s.changes.Deletions {
				continue
			}
			event.Type = ResourceDeleted
		}
		if err := s.Emit(event); err != nil {
			return err
		}
	}
	if found {
		return fmt.Errorf("the change of %s to version %d belongs to no version", change.ResourceID, change.ToVersion)
	}
	return err
}
