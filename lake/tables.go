// Package lake is the store of k8sq's history: tables of Parquet files in Hive partitions, and the protocol that commits to them.
// It knows neither Kubernetes nor SQL. The format is described in docs/format.md for those who read it with other programs.
package lake

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/k8sq/k8sq/lake/parquet"
)

// The tables, as their folders are called.
const (
	TableSnapshots = "snapshots"
	TableVersions  = "versions"
	TableChanges   = "changes"
	TableSyncs     = "syncs"
	TableClusters  = "clusters"
)

// Tables are the tables of a lake.
var Tables = []string{TableSnapshots, TableVersions, TableChanges, TableSyncs, TableClusters}

// Key is what a sync compares a listed object with: the few columns of a snapshot that the merge join needs.
type Key struct {
	ResourceID   string
	LatestDigest string
	SeenDigest   string    // "" where it is LatestDigest
	DeletedAt    time.Time // zero while it lives
	Unobserved   string    // why it is not looked at; "" while it is
}

func identity[R any](of func(*R) *Identity) []parquet.Column[R] {
	return []parquet.Column[R]{
		parquet.Text("api_group", func(r *R) *string { return &of(r).APIGroup }),
		parquet.Text("api_version", func(r *R) *string { return &of(r).APIVersion }),
		parquet.Text("kind", func(r *R) *string { return &of(r).Kind }),
		parquet.NullText("namespace", func(r *R) *string { return &of(r).Namespace }),
		parquet.Text("name", func(r *R) *string { return &of(r).Name }),
		parquet.Text("resource_id", func(r *R) *string { return &of(r).ResourceID }),
		parquet.NullText("uid", func(r *R) *string { return &of(r).UID }),
	}
}

var snapshots = parquet.NewTable(append(identity(func(s *Snapshot) *Identity { return &s.Identity }),
	parquet.Map("labels", func(s *Snapshot) *[]Pair { return &s.Labels }),
	parquet.Map("annotations", func(s *Snapshot) *[]Pair { return &s.Annotations }),
	parquet.NullText("owner_kind", func(s *Snapshot) *string { return &s.OwnerKind }),
	parquet.NullText("owner_name", func(s *Snapshot) *string { return &s.OwnerName }),
	parquet.NullText("owner_uid", func(s *Snapshot) *string { return &s.OwnerUID }),
	parquet.NullTime("created_at", func(s *Snapshot) *time.Time { return &s.CreatedAt }),
	parquet.Time("first_seen_at", func(s *Snapshot) *time.Time { return &s.FirstSeenAt }),
	parquet.Time("updated_at", func(s *Snapshot) *time.Time { return &s.UpdatedAt }),
	parquet.NullTime("deleted_at", func(s *Snapshot) *time.Time { return &s.DeletedAt }),
	parquet.NullText("phase", func(s *Snapshot) *string { return &s.Phase }),
	parquet.Int64("latest_version", func(s *Snapshot) *int64 { return &s.LatestVersion }),
	parquet.NullText("latest_digest", func(s *Snapshot) *string { return &s.LatestDigest }),
	parquet.Int64("generation", func(s *Snapshot) *int64 { return &s.Generation }),
	parquet.JSON("metadata", func(s *Snapshot) *json.RawMessage { return &s.Metadata }),
	parquet.JSON("spec", func(s *Snapshot) *json.RawMessage { return &s.Spec }),
	parquet.JSON("status", func(s *Snapshot) *json.RawMessage { return &s.Status }),
	parquet.JSON("fields", func(s *Snapshot) *json.RawMessage { return &s.Fields }),
	parquet.NullTime("unobserved_since", func(s *Snapshot) *time.Time { return &s.UnobservedSince }),
	parquet.NullText("unobserved_reason", func(s *Snapshot) *string { return &s.UnobservedReason }),
	parquet.NullTime("managed_at", func(s *Snapshot) *time.Time { return &s.ManagedAt }),
	parquet.NullText("seen_digest", func(s *Snapshot) *string { return &s.SeenDigest }),
)...)

var keys = parquet.NewTable(
	parquet.Text("resource_id", func(k *Key) *string { return &k.ResourceID }),
	parquet.NullText("latest_digest", func(k *Key) *string { return &k.LatestDigest }),
	parquet.NullTime("deleted_at", func(k *Key) *time.Time { return &k.DeletedAt }),
	parquet.NullText("unobserved_reason", func(k *Key) *string { return &k.Unobserved }),
	parquet.NullText("seen_digest", func(k *Key) *string { return &k.SeenDigest }),
)

var versions = parquet.NewTable(append(identity(func(v *Version) *Identity { return &v.Identity }),
	parquet.Int64("version", func(v *Version) *int64 { return &v.Version }),
	parquet.Text("operation", func(v *Version) *Operation { return &v.Operation }),
	parquet.NullText("digest", func(v *Version) *string { return &v.Digest }),
	parquet.NullText("previous_digest", func(v *Version) *string { return &v.PreviousDigest }),
	parquet.Time("captured_at", func(v *Version) *time.Time { return &v.CapturedAt }),
	parquet.NullTime("modified_at", func(v *Version) *time.Time { return &v.ModifiedAt }),
	parquet.Texts("managers", func(v *Version) *[]string { return &v.Managers }),
	parquet.Text("sync_id", func(v *Version) *string { return &v.SyncID }),
	parquet.Int64("generation", func(v *Version) *int64 { return &v.Generation }),
	parquet.Map("labels", func(v *Version) *[]Pair { return &v.Labels }),
	parquet.Map("annotations", func(v *Version) *[]Pair { return &v.Annotations }),
	parquet.NullText("owner_kind", func(v *Version) *string { return &v.OwnerKind }),
	parquet.NullText("owner_name", func(v *Version) *string { return &v.OwnerName }),
	parquet.NullText("owner_uid", func(v *Version) *string { return &v.OwnerUID }),
	parquet.NullText("phase", func(v *Version) *string { return &v.Phase }),
	parquet.JSON("metadata", func(v *Version) *json.RawMessage { return &v.Metadata }),
	parquet.JSON("spec", func(v *Version) *json.RawMessage { return &v.Spec }),
	parquet.JSON("status", func(v *Version) *json.RawMessage { return &v.Status }),
	parquet.JSON("fields", func(v *Version) *json.RawMessage { return &v.Fields }),
)...)

var changes = parquet.NewTable(append(identity(func(c *Change) *Identity { return &c.Identity }),
	parquet.NullInt64("from_version", func(c *Change) *int64 { return &c.FromVersion }),
	parquet.Int64("to_version", func(c *Change) *int64 { return &c.ToVersion }),
	parquet.Text("operation", func(c *Change) *Operation { return &c.Operation }),
	parquet.Time("captured_at", func(c *Change) *time.Time { return &c.CapturedAt }),
	parquet.NullTime("modified_at", func(c *Change) *time.Time { return &c.ModifiedAt }),
	parquet.Texts("managers", func(c *Change) *[]string { return &c.Managers }),
	parquet.Text("sync_id", func(c *Change) *string { return &c.SyncID }),
	parquet.Int64("generation", func(c *Change) *int64 { return &c.Generation }),
	parquet.Int32("added", func(c *Change) *int32 { return &c.Added }),
	parquet.Int32("updated", func(c *Change) *int32 { return &c.Updated }),
	parquet.Int32("removed", func(c *Change) *int32 { return &c.Removed }),
	parquet.Texts("paths", func(c *Change) *[]string { return &c.Paths }),
	parquet.JSON("diff", func(c *Change) *json.RawMessage { return &c.Diff }),
	parquet.JSON("attribution", func(c *Change) *json.RawMessage { return &c.Attribution }),
)...)

var syncs = parquet.NewTable(
	parquet.Text("sync_id", func(s *SyncRow) *string { return &s.SyncID }),
	parquet.Text("type", func(s *SyncRow) *string { return &s.Type }),
	parquet.Text("status", func(s *SyncRow) *Status { return &s.Status }),
	parquet.NullText("resource_version", func(s *SyncRow) *string { return &s.ResourceVersion }),
	parquet.Int64("listed", func(s *SyncRow) *int64 { return &s.Listed }),
	parquet.Int64("created", func(s *SyncRow) *int64 { return &s.Created }),
	parquet.Int64("updated", func(s *SyncRow) *int64 { return &s.Updated }),
	parquet.Int64("deleted", func(s *SyncRow) *int64 { return &s.Deleted }),
	parquet.NullTime("started_at", func(s *SyncRow) *time.Time { return &s.StartedAt }),
	parquet.NullTime("finished_at", func(s *SyncRow) *time.Time { return &s.FinishedAt }),
	parquet.NullText("error", func(s *SyncRow) *string { return &s.Error }),
)

var clusters = parquet.NewTable(
	parquet.Text("name", func(c *Cluster) *string { return &c.Name }),
	parquet.Map("tags", func(c *Cluster) *[]Pair { return &c.Tags }),
	parquet.NullText("server_version", func(c *Cluster) *string { return &c.ServerVersion }),
	parquet.NullText("last_sync_id", func(c *Cluster) *string { return &c.LastSyncID }),
	parquet.NullTime("last_sync_at", func(c *Cluster) *time.Time { return &c.LastSyncAt }),
	parquet.NullText("last_sync_status", func(c *Cluster) *string { return &c.LastSyncStatus }),
	parquet.Texts("listed_types", func(c *Cluster) *[]string { return &c.ListedTypes }),
	parquet.Map("listed_scopes", func(c *Cluster) *[]Pair { return &c.ListedScopes }),
	parquet.NullText("identity", func(c *Cluster) *string { return &c.Identity }),
)

// schema is what is known of a table without its row type.
type schema interface {
	Columns() []string
	Schema() string
	WriteEmpty(w io.Writer) error
}

func schemaOf(table string) (schema, error) {
	switch table {
	case TableSnapshots:
		return snapshots, nil
	case TableVersions:
		return versions, nil
	case TableChanges:
		return changes, nil
	case TableSyncs:
		return syncs, nil
	case TableClusters:
		return clusters, nil
	}
	return nil, fmt.Errorf("no table %q in a lake", table)
}

// Columns gives the names of the columns that stand in a table's files, in order: all but the partition columns. It is nil for an unknown
// table.
func Columns(table string) []string {
	s, err := schemaOf(table)
	if err != nil {
		return nil
	}
	return s.Columns()
}

// Schema prints the Parquet schema of a table's files. It is "" for an unknown table.
func Schema(table string) string {
	s, err := schemaOf(table)
	if err != nil {
		return ""
	}
	return s.Schema()
}

// WriteEmpty writes a Parquet file that has the table's columns and no rows, making the folders above it.
func WriteEmpty(table, path string) error {
	s, err := schemaOf(table)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := s.WriteEmpty(f); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
