package lake

import (
	"encoding/json"
	"time"
)

// Operation says how a version came to be.
type Operation string

// The four operations of DESIGN.md 2.2. A Discovered version has no change: nothing is known of what was there before.
const (
	Discovered Operation = "discovered" // first seen, with no earlier complete list to compare to
	Created    Operation = "created"    // absent from the last complete list, present in this one
	Updated    Operation = "updated"
	Deleted    Operation = "deleted"
)

// Partition is one cluster=…/provider=…/type=… folder of a table, with unescaped values.
type Partition struct {
	Cluster  string
	Provider string
	Type     string // group.version.Kind
}

// Identity are the columns that name an object. An empty Namespace or UID is stored as NULL.
type Identity struct {
	APIGroup   string // "core", "apps"
	APIVersion string // "v1"
	Kind       string
	Namespace  string
	Name       string
	ResourceID string // namespace/name, or name
	UID        string
}

// Pair is an entry of a map column; maps are slices of them, sorted by key.
type Pair struct{ Key, Value string }

// State are the columns that hold what an object looks like. Empty strings are stored as NULL; so are nil JSON columns.
type State struct {
	Labels      []Pair
	Annotations []Pair
	OwnerKind   string // the controller's
	OwnerName   string
	OwnerUID    string
	CreatedAt   time.Time // creationTimestamp; zero: NULL. Only in snapshots.
	Phase       string    // status.phase
	// Canonical JSON after redaction.
	Metadata json.RawMessage
	Spec     json.RawMessage
	Status   json.RawMessage
	Fields   json.RawMessage
}

// Snapshot is a row of the snapshots table: the latest state of one object.
type Snapshot struct {
	Identity
	State
	FirstSeenAt   time.Time
	UpdatedAt     time.Time // when the latest version was captured
	DeletedAt     time.Time // zero while it lives
	LatestVersion int64     // 1, 2, 3 …
	LatestDigest  string    // of the latest version that was not a deletion
	Generation    int64     // the commit that wrote the latest version
	// UnobservedSince is since when the object is no longer looked at, though it was not seen to be deleted; zero (NULL) while it is.
	UnobservedSince  time.Time
	UnobservedReason string // why: OutOfScope, NotServed, MovedTo + the type; empty (NULL) while it is observed
	// ManagedAt is the newest time in managedFields of the latest version, or of the state of SeenDigest, by the API server's clock; zero (NULL)
	// where there was none.
	ManagedAt time.Time
	// SeenDigest is the digest of the state last seen, where that differs from the latest version's without a difference that means anything
	// (another order, an equal quantity, an ignored field); empty (NULL) otherwise.
	SeenDigest string
}

// Why an object is not observed.
const (
	OutOfScope = "out of scope" // the configuration no longer covers it
	NotServed  = "not served"   // the cluster no longer serves its type, which says nothing of the object
	MovedTo    = "moved to "    // followed by the resource type under which its history goes on
)

// Version is a row of the versions table: one distinct state, or a deletion.
type Version struct {
	Identity
	State
	Version        int64
	Operation      Operation
	Digest         string // "sha256:<hex>"; empty (NULL) for a deletion
	PreviousDigest string // empty (NULL) for the first
	CapturedAt     time.Time
	ModifiedAt     time.Time // zero: NULL
	Managers       []string
	SyncID         string
	Generation     int64
}

// Change is a row of the changes table: what a created, updated or deleted version did.
type Change struct {
	Identity
	FromVersion int64 // 0 (NULL) where there was none
	ToVersion   int64
	Operation   Operation
	CapturedAt  time.Time
	ModifiedAt  time.Time
	Managers    []string
	SyncID      string
	Generation  int64
	Added       int32
	Updated     int32
	Removed     int32
	Paths       []string        // sorted; empty unless updated
	Diff        json.RawMessage // nil (NULL) unless updated
	// Attribution is {path: [{"manager", "operation", "subresource", "time", "confidence"}]}, who changed each path; nil (NULL) where
	// nothing is known.
	Attribution json.RawMessage
}

// Status says how complete the list of one type was.
type Status string

// The statuses of DESIGN.md 2.2. Only after Complete may an object be taken for deleted.
const (
	Complete  Status = "complete"
	Forbidden Status = "forbidden" // the credentials may not list it
	Partial   Status = "partial"   // the list broke off; what was read is recorded, nothing is deleted
	Failed    Status = "failed"    // nothing was read
	Skipped   Status = "skipped"   // not tried: interrupted, or its API group is down
)

// SyncRow is a row of the syncs table: one type in one sync.
type SyncRow struct {
	SyncID          string
	Type            string
	Status          Status
	ResourceVersion string // of the list; empty: NULL
	Listed          int64  // objects read
	Created         int64  // discovered ones included
	Updated         int64
	Deleted         int64
	StartedAt       time.Time
	FinishedAt      time.Time
	Error           string // empty: NULL
}

// Cluster is the row of a cluster in the clusters table.
type Cluster struct {
	ID             string
	Provider       string
	Name           string
	Tags           []Pair
	ServerVersion  string
	LastSyncID     string
	LastSyncAt     time.Time
	LastSyncStatus string // complete, partial, failed
	// ListedTypes are the types that had a complete list at least once, sorted: an object of theirs that appears later was created, not
	// discovered.
	ListedTypes []string
	// ListedScopes are, for the types among them whose last complete list was narrowed (namespaces, labels, …), what it was narrowed to, as
	// JSON; sorted by type. A type that is not here was listed whole.
	ListedScopes []Pair
	// Identity tells the cluster itself from any other: the uid of its namespace kube-system; empty (NULL) where it could not be read.
	Identity string
}
