package collector

import (
	"context"
	"encoding/json"
	"fmt"
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
	of := func(eventType string, identity *lake.Identity, version int64, operation lake.Operation, at time.Time) Event {
		return Event{
			Type: eventType, Cluster: s.Cluster, Timestamp: at, SyncID: s.result.SyncID, ResourceType: partition.Type,
			ResourceID: identity.ResourceID, Namespace: identity.Namespace, Name: identity.Name, Version: version, Operation: operation,
		}
	}
	for version, err := range commit.Versions(ctx) {
		if err != nil {
			return err
		}
		if version.Operation != lake.Discovered && version.Operation != lake.Created {
			continue
		}
		event := of(ResourceDiscovered, &version.Identity, version.Version, version.Operation, version.CapturedAt)
		if event.Data, err = document.Whole(version.Identity, version.State); err != nil {
			return err
		}
		if err := s.emit(event); err != nil {
			return err
		}
	}
	for change, err := range commit.Changes(ctx) {
		if err != nil {
			return err
		}
		eventType := ChangeDetected
		switch change.Operation {
		case lake.Created:
			continue
		case lake.Deleted:
			eventType = ResourceDeleted
		}
		event := of(eventType, &change.Identity, change.ToVersion, change.Operation, change.CapturedAt)
		event.Diff = change.Diff
		if err := s.emit(event); err != nil {
			return err
		}
	}
	return nil
}
