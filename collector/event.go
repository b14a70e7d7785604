package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
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
	if s.Emit == nil {
		return nil
	}
	s.emitting.Lock()
	defer s.emitting.Unlock()
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

// emitCommit tells what a commit made, from the rows that were staged for it.
func (s *clusterSync) emitCommit(ctx context.Context, partition lake.Partition, commit *lake.Commit) error {
	if s.Emit == nil {
		return nil
	}
	// Every version but a discovered one has its change, and both are in the same order: of an object that another of its name has
	// replaced, the deletion is told before the new one.
	nextChange, stop := iter.Pull2(commit.Changes(ctx))
	defer stop()
	for version, err := range commit.Versions(ctx) {
		if err != nil {
			return err
		}
		var change *lake.Change
		if version.Operation != lake.Discovered {
			var found bool
			if change, err, found = nextChange(); err != nil {
				return err
			}
			if !found || change.ResourceID != version.ResourceID || change.ToVersion != version.Version {
				return fmt.Errorf("version %d of %s has no change", version.Version, version.ResourceID)
			}
		}
		event := Event{
			Cluster: s.Cluster, Timestamp: version.CapturedAt, SyncID: s.result.SyncID, ResourceType: partition.Type,
			ResourceID: version.ResourceID, Namespace: version.Namespace, Name: version.Name, Version: version.Version, Operation: version.Operation,
		}
		switch version.Operation {
		case lake.Discovered, lake.Created:
			event.Type = ResourceDiscovered
			if event.Data, err = document.Whole(version.Identity, version.State); err != nil {
				return err
			}
		case lake.Updated:
			event.Type, event.Diff = ChangeDetected, change.Diff
		case lake.Deleted:
			event.Type = ResourceDeleted
		}
		if err := s.emit(event); err != nil {
			return err
		}
	}
	return nil
}
