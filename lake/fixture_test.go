package lake_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/cache"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/local"
)

func files(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.Open(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func folder(t testing.TB, dir string) store.Store {
	t.Helper()
	st, err := local.Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func create(t testing.TB, st store.Store) *lake.Lake {
	t.Helper()
	l, err := lake.Create(t.Context(), st, files(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var pods = lake.Partition{Cluster: "prod", Provider: "aws", Type: "core.v1.Pod"}

// objects are a cluster's state: content by resource id.
type objects map[string]string

func identityOf(id string) lake.Identity {
	namespace, name, _ := strings.Cut(id, "/")
	return lake.Identity{APIGroup: "core", APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name, ResourceID: id, UID: "uid-" + id}
}

func digest(content string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content))) }

func spec(content string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"content":%q}`, content))
}

// day is the i-th day of the tests.
func day(i int) time.Time { return time.Date(2026, 11, 1+i, 12, 0, 0, 0, time.UTC) }

// record is a sync in small: it compares objects with the committed state, as a complete list, and commits the difference.
func record(ctx context.Context, l *lake.Lake, p lake.Partition, syncID string, at time.Time, now objects) error {
	c, err := l.State(ctx, p)
	if err != nil {
		return err
	}
	defer c.Close()
	commit, err := stageChanges(ctx, l, c, syncID, at, now)
	if err != nil {
		return err
	}
	defer commit.Close()
	generation, err := commit.Commit(ctx, lake.Meta{SyncID: syncID, CapturedAt: at, Complete: true})
	if err == nil && generation != c.Generation+1 {
		return fmt.Errorf("generation %d after %d", generation, c.Generation)
	}
	return err
}

func stageChanges(ctx context.Context, l *lake.Lake, c *lake.Committed, syncID string, at time.Time, now objects) (*lake.Commit, error) {
	commit, err := l.Begin(c, c.Partition)
	if err != nil {
		return nil, err
	}
	rows, err := c.Rows(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	was := map[string]lake.Snapshot{}
	for {
		row, err := rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		kept := *row
		kept.Spec = slices.Clone(row.Spec)
		was[row.ResourceID] = kept
	}
	ids := maps.Clone(now)
	for id := range was {
		ids[id] = ""
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		old, known := was[id]
		content, lives := now[id]
		next := old
		version := lake.Version{
			Identity: identityOf(id), Version: old.LatestVersion + 1, PreviousDigest: old.LatestDigest, CapturedAt: at, SyncID: syncID,
		}
		switch {
		case lives && known && old.DeletedAt.IsZero() && old.LatestDigest == digest(content), !lives && !old.DeletedAt.IsZero():
			if err := commit.AddSnapshot(&next); err != nil {
				return nil, err
			}
			continue
		case lives:
			version.Operation = lake.Updated
			if !known {
				version.Operation = lake.Created
				if !c.Complete {
					version.Operation = lake.Discovered
				}
				next = lake.Snapshot{Identity: identityOf(id), FirstSeenAt: at}
			}
			version.Digest, version.Spec = digest(content), spec(content)
			next.LatestDigest, next.Spec, next.DeletedAt = digest(content), spec(content), time.Time{}
		default:
			version.Operation = lake.Deleted
			next.DeletedAt = at
		}
		next.UpdatedAt, next.LatestVersion, next.Generation = at, version.Version, 0
		if err := errors.Join(commit.AddSnapshot(&next), commit.AddVersion(&version)); err != nil {
			return nil, err
		}
		if version.Operation != lake.Discovered {
			change := lake.Change{
				Identity: version.Identity, FromVersion: version.Version - 1, ToVersion: version.Version, Operation: version.Operation, CapturedAt: at,
				SyncID: syncID,
			}
			if err := commit.AddChange(&change); err != nil {
				return nil, err
			}
		}
	}
	return commit, nil
}

func mustRecord(t testing.TB, l *lake.Lake, p lake.Partition, syncID string, at time.Time, now objects) {
	t.Helper()
	if err := record(t.Context(), l, p, syncID, at, now); err != nil {
		t.Fatalf("sync %s: %v", syncID, err)
	}
}

// committed reads what readers take for committed: rows of a table by their files.
func committed[R any](t testing.TB, l *lake.Lake, table string, p lake.Partition, read func(context.Context, string) iter.Seq2[*R, error]) (rows []R, files []lake.DataFile) {
	t.Helper()
	all, err := l.Files(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(f lake.DataFile) bool { return f.Partition != p })
	if files, err = l.OnlyCommitted(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	paths, release, err := l.Fetch(t.Context(), files, true)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for _, path := range paths {
		for row, err := range read(t.Context(), path) {
			if err != nil {
				t.Fatal(err)
			}
			kept := *row
			if v, ok := any(&kept).(*lake.Version); ok {
				v.Spec = slices.Clone(v.Spec)
			}
			rows = append(rows, kept)
		}
	}
	return rows, files
}

// check proves that the partition is whole: versions run from 1 to the snapshot's latest without a gap or a double, each but the discovered ones with its
// change, in generations up to the committed one, and the snapshot shows the last of them. It gives the live objects and the generation.
func check(t testing.TB, l *lake.Lake, p lake.Partition) (objects, int64) {
	t.Helper()
	c, err := l.State(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	versions, _ := committed(t, l, lake.TableVersions, p, lake.VersionRows)
	changes, _ := committed(t, l, lake.TableChanges, p, lake.ChangeRows)
	last := map[string]lake.Version{}
	slices.SortFunc(versions, func(a, b lake.Version) int {
		return int(a.Version - b.Version)
	})
	want := 0
	for _, v := range versions {
		if v.Version != last[v.ResourceID].Version+1 {
			t.Errorf("%s has version %d after version %d", v.ResourceID, v.Version, last[v.ResourceID].Version)
		}
		if v.Generation <= last[v.ResourceID].Generation || v.Generation > c.Generation {
			t.Errorf("%s version %d is of generation %d", v.ResourceID, v.Version, v.Generation)
		}
		last[v.ResourceID] = v
		if v.Operation != lake.Discovered {
			want++
		}
	}
	for _, change := range changes {
		if !slices.ContainsFunc(versions, func(v lake.Version) bool {
			return v.ResourceID == change.ResourceID && v.Version == change.ToVersion && v.Operation == change.Operation && v.SyncID == change.SyncID
		}) {
			t.Errorf("change of %s to version %d by %s has no version", change.ResourceID, change.ToVersion, change.SyncID)
		}
	}
	if len(changes) != want {
		t.Errorf("%d changes for %d versions that have one", len(changes), want)
	}
	rows, err := c.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	keys, err := c.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	now := objects{}
	n := 0
	for ; ; n++ {
		row, err := rows.Next()
		key, keyErr := keys.Next()
		if err == io.EOF && keyErr == io.EOF {
			break
		}
		if err != nil || keyErr != nil {
			t.Fatal(err, keyErr)
		}
		if key.ResourceID != row.ResourceID || key.LatestDigest != row.LatestDigest || !key.DeletedAt.Equal(row.DeletedAt) {
			t.Errorf("key %+v of row %+v", key, row)
		}
		v := last[row.ResourceID]
		if row.LatestVersion != v.Version || row.Generation != v.Generation || row.DeletedAt.IsZero() != (v.Operation != lake.Deleted) {
			t.Errorf("%s: the snapshot has version %d of generation %d, deleted %v; the last is %+v", row.ResourceID, row.LatestVersion, row.Generation,
				!row.DeletedAt.IsZero(), v)
		}
		if row.DeletedAt.IsZero() {
			if row.LatestDigest != v.Digest || string(row.Spec) != string(v.Spec) {
				t.Errorf("%s: the snapshot shows %s, the last version %s", row.ResourceID, row.Spec, v.Spec)
			}
			var content struct{ Content string }
			if err := json.Unmarshal(row.Spec, &content); err != nil {
				t.Fatal(err)
			}
			now[row.ResourceID] = content.Content
		}
	}
	if n != len(last) || int64(n) != c.Len() {
		t.Errorf("%d rows (%d) in the snapshot of %d objects", n, c.Len(), len(last))
	}
	return now, c.Generation
}

// checkClean proves that no file lies in the partition that is not committed.
func checkClean(t testing.TB, l *lake.Lake, p lake.Partition) {
	t.Helper()
	for _, table := range []string{lake.TableVersions, lake.TableChanges} {
		all, err := l.Files(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(f lake.DataFile) bool { return f.Partition != p })
		live, err := l.OnlyCommitted(t.Context(), slices.Clone(all))
		if err != nil {
			t.Fatal(err)
		}
		if len(live) != len(all) {
			t.Errorf("%s: %d files, %d of them committed", table, len(all), len(live))
		}
	}
}

// late says that a commit was refused because another of the same or a later time has come first.
func late(err error) bool { return strings.Contains(err.Error(), "but the last commit was at") }
