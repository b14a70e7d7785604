package lake

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/parquet"
)

// A snapshot from before some columns were thought of is read, with nothing in them, and what is set of one row does not show in the next.
func TestSnapshotOfAnOlderSchema(t *testing.T) {
	older := parquet.NewTable(append(identity(func(s *Snapshot) *Identity { return &s.Identity }),
		parquet.NullTime("deleted_at", func(s *Snapshot) *time.Time { return &s.DeletedAt }),
		parquet.Int64("latest_version", func(s *Snapshot) *int64 { return &s.LatestVersion }),
		parquet.NullText("latest_digest", func(s *Snapshot) *string { return &s.LatestDigest }),
	)...)
	var file bytes.Buffer
	writer, err := older.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a/x", "a/y"} {
		row := Snapshot{Identity: Identity{ResourceID: id}, LatestVersion: 3, LatestDigest: "d"}
		if err := writer.Write(&row); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(nil); err != nil {
		t.Fatal(err)
	}
	opened, err := parquet.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := snapshots.Read(opened)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for _, id := range []string{"a/x", "a/y"} {
		row, err := rows.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if row.ResourceID != id || row.LatestVersion != 3 || row.UnobservedReason != "" || !row.UnobservedSince.IsZero() || row.SeenDigest != "" {
			t.Errorf("%+v", row)
		}
		row.UnobservedReason, row.UnobservedSince, row.SeenDigest = OutOfScope, time.Now(), "s"
	}
	if _, err := rows.Next(t.Context()); err != io.EOF {
		t.Error(err)
	}
	read, err := keys.Read(opened)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if key, err := read.Next(t.Context()); err != nil || key.ResourceID != "a/x" || key.LatestDigest != "d" || key.Unobserved != "" || key.SeenDigest != "" {
		t.Errorf("%+v, %v", key, err)
	}
}
