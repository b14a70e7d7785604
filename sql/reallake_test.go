package sql

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/cache"
	"github.com/k8sq/k8sq/lake/store/local"
)

// commit writes the history with package lake's own writer: a commit for each partition and time.
func (h *history) commit(t testing.TB, l *lake.Lake) {
	t.Helper()
	type step struct {
		partition lake.Partition
		when      time.Time
	}
	partition := func(r row) lake.Partition {
		return lake.Partition{Cluster: text(r, "cluster"), Provider: text(r, "provider"), Type: text(r, "type")}
	}
	steps := map[step]bool{}
	for _, v := range h.versions {
		steps[step{partition(v), v["captured_at"].(time.Time)}] = true
	}
	byID := func(rows []row) []row {
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(text(a, "resource_id"), text(b, "resource_id")) })
		return rows
	}
	for _, s := range slices.SortedFunc(maps.Keys(steps), func(a, b step) int {
		return cmp.Or(a.when.Compare(b.when), strings.Compare(a.partition.Cluster+a.partition.Type, b.partition.Cluster+b.partition.Type))
	}) {
		base, err := l.State(t.Context(), s.partition)
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Begin(base, s.partition)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range byID(slices.Collect(maps.Values(h.snapshots))) {
			if partition(r) == s.partition { // as it is in the end; only the last commit's is read
				err = errors.Join(err, c.AddSnapshot(&lake.Snapshot{Identity: identity(r), State: state(r), FirstSeenAt: instantOf(r, "first_seen_at"), UpdatedAt: instantOf(r, "updated_at"),
					DeletedAt: instantOf(r, "deleted_at"), LatestVersion: count(r, "latest_version"), LatestDigest: text(r, "latest_digest")}))
			}
		}
		for _, r := range byID(h.versions) {
			if partition(r) == s.partition && r["captured_at"] == s.when {
				err = errors.Join(err, c.AddVersion(&lake.Version{Identity: identity(r), State: state(r), Version: count(r, "version"), Operation: lake.Operation(text(r, "operation")), Digest: text(r, "digest"),
					PreviousDigest: text(r, "previous_digest"), CapturedAt: s.when, ModifiedAt: instantOf(r, "modified_at"), Managers: r["managers"].([]string), SyncID: text(r, "sync_id")}))
			}
		}
		for _, r := range byID(h.changes) {
			if partition(r) == s.partition && r["captured_at"] == s.when {
				err = errors.Join(err, c.AddChange(&lake.Change{Identity: identity(r), FromVersion: count(r, "from_version"), ToVersion: count(r, "to_version"), Operation: lake.Operation(text(r, "operation")),
					CapturedAt: s.when, ModifiedAt: instantOf(r, "modified_at"), Managers: r["managers"].([]string), SyncID: text(r, "sync_id"),
					Added: int32(count(r, "added")), Updated: int32(count(r, "updated")), Removed: int32(count(r, "removed")), Paths: r["paths"].([]string), Diff: raw(r, "diff")}))
			}
		}
		if err == nil {
			_, err = c.Commit(t.Context(), lake.Meta{SyncID: "sync", CapturedAt: s.when, Complete: true})
		}
		if err := errors.Join(err, c.Close(), base.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range h.syncs {
		err := l.WriteSync(t.Context(), text(r, "cluster"), text(r, "provider"), []lake.SyncRow{{SyncID: text(r, "sync_id") + text(r, "type"), Type: text(r, "type"), Status: lake.Status(text(r, "status")),
			Listed: count(r, "listed"), Created: count(r, "created"), Updated: count(r, "updated"), Deleted: count(r, "deleted"), StartedAt: instantOf(r, "started_at"), FinishedAt: instantOf(r, "finished_at"), Error: text(r, "error")}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range h.clusters {
		err := l.PutCluster(t.Context(), lake.Cluster{ID: text(r, "cluster"), Provider: text(r, "provider"), Name: text(r, "name"), Tags: pairs(r, "tags"), ServerVersion: text(r, "server_version"),
			LastSyncID: text(r, "last_sync_id"), LastSyncAt: instantOf(r, "last_sync_at"), LastSyncStatus: text(r, "last_sync_status"), ListedTypes: r["listed_types"].([]string)}, "")
		if err != nil {
			t.Fatal(err)
		}
	}
}

func text(r row, name string) string {
	s, _ := r[name].(string)
	return s
}

func count(r row, name string) int64 {
	n, _ := r[name].(int)
	return int64(n)
}

func instantOf(r row, name string) time.Time {
	t, _ := r[name].(time.Time)
	return t
}

func raw(r row, name string) json.RawMessage {
	if r[name] == nil {
		return nil
	}
	return json.RawMessage(text(r, name))
}

func pairs(r row, name string) []lake.Pair {
	list := []lake.Pair{}
	entries, _ := r[name].(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		list = append(list, lake.Pair{Key: key, Value: entries[key]})
	}
	return list
}

func identity(r row) lake.Identity {
	return lake.Identity{APIGroup: text(r, "api_group"), APIVersion: text(r, "api_version"), Kind: text(r, "kind"), Namespace: text(r, "namespace"), Name: text(r, "name"),
		ResourceID: text(r, "resource_id"), UID: text(r, "uid")}
}

func state(r row) lake.State {
	return lake.State{Labels: pairs(r, "labels"), Annotations: pairs(r, "annotations"), OwnerKind: text(r, "owner_kind"), OwnerName: text(r, "owner_name"), OwnerUID: text(r, "owner_uid"),
		CreatedAt: instantOf(r, "created_at"), Phase: text(r, "phase"), Metadata: raw(r, "metadata"), Spec: raw(r, "spec"), Status: raw(r, "status"), Fields: raw(r, "fields")}
}

// A lake that package lake wrote answers as one that was written by the contract, even in a folder that looks like a partition.
func TestRealLake(t *testing.T) {
	st, err := local.Open(filepath.Join(t.TempDir(), "type=x", "date=1"), true)
	if err != nil {
		t.Fatal(err)
	}
	files, err := cache.Open(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(t.Context(), st, files)
	if err != nil {
		t.Fatal(err)
	}
	shop(t).commit(t, l)
	actual, expected := open(t, l, Options{}), open(t, shopLake(t), Options{})
	for _, query := range []string{
		"FROM pods ORDER BY ALL", "FROM deployments ORDER BY ALL", "FROM services ORDER BY ALL", "FROM nodes ORDER BY ALL", "FROM clusters ORDER BY ALL",
		"SELECT * EXCLUDE (generation) FROM snapshots ORDER BY ALL", "SELECT * EXCLUDE (generation) FROM deleted_resources ORDER BY ALL",
		"SELECT * EXCLUDE (generation) FROM versions ORDER BY ALL", "SELECT * EXCLUDE (generation) FROM changes ORDER BY ALL", "FROM field_changes ORDER BY ALL",
		"SELECT * EXCLUDE (sync_id) FROM syncs ORDER BY ALL", "SELECT * EXCLUDE (generation) FROM snapshots_at('2026-01-02 12:00') ORDER BY ALL",
		"FROM history('apps.v1.Deployment', 'shop/web')", "SELECT * EXCLUDE (generation) FROM resource_at('apps.v1.Deployment', 'shop/web', 2)",
		"SELECT s.name, v.version FROM snapshots s JOIN versions v USING (cluster, type, resource_id) WHERE cluster = 'prod' ORDER BY ALL",
		"SELECT count(*) FROM versions WHERE captured_at >= '2026-01-03' AND cluster = 'prod'",
	} {
		got, want := answer(t, actual, query), answer(t, expected, query)
		if !slices.Equal(got, want) {
			t.Errorf("%s gives\n%s\nwant\n%s", query, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	rows, err := actual.Query(t.Context(), "FROM pods WHERE cluster = '123'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if s := rows.Stats(); s.ReadFiles != 1 || s.Files < 8 || s.ReadBytes == 0 {
		t.Errorf("stats are %+v", s)
	}
}
