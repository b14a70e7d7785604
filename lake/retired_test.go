package lake_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

// mark commits the partition's rows as they are but for why they are not observed, and nothing else.
func mark(t *testing.T, l *lake.Lake, at time.Time, reason string) {
	t.Helper()
	c, err := l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	commit, err := l.Begin(c, pods)
	if err != nil {
		t.Fatal(err)
	}
	defer commit.Close()
	rows, err := c.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			row.UnobservedSince, row.UnobservedReason = at, reason
			err = commit.AddSnapshot(row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := commit.Commit(t.Context(), lake.Meta{SyncID: "mark", CapturedAt: at, Retired: reason}); err != nil {
		t.Fatal(err)
	}
}

// A commit that has nothing but the snapshot's rows puts no other file, and the commits before and after it stay whole.
func TestCommitWithoutVersions(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	mustRecord(t, l, pods, "first", day(0), objects{"a/x": "1", "a/y": "1"})
	mark(t, l, day(0).Add(time.Hour), "not served")
	now, generation := check(t, l, pods)
	if !maps.Equal(now, objects{"a/x": "1", "a/y": "1"}) || generation != 2 {
		t.Errorf("%v of generation %d", now, generation)
	}
	c, err := l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	if c.Retired != "not served" || !c.Complete {
		t.Errorf("%+v", c)
	}
	keys, err := c.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if key, err := keys.Next(); err != nil || key.Unobserved != "not served" {
		t.Errorf("%+v, %v", key, err)
	}
	keys.Close()
	c.Close()
	for _, table := range []string{lake.TableVersions, lake.TableChanges} {
		files, err := l.Files(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Last == 2 {
				t.Errorf("the commit has put %s", f.Key)
			}
		}
	}
	// What a crash left of the next generation is fenced off, and the fence keeps what the metadata says.
	key := "versions/cluster=prod/provider=aws/type=core.v1.Pod/date=2026-11-01/000000000003.parquet"
	if _, err := l.Store().Put(t.Context(), key, bytes.NewReader([]byte("half")), 4, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	found, err := l.Snapshots(t.Context(), "prod", "aws")
	if err != nil {
		t.Fatal(err)
	}
	if reason, err := l.Retired(t.Context(), found[pods.Type]); err != nil || reason != "not served" {
		t.Errorf("retired: %q, %v", reason, err)
	}
	mustRecord(t, l, pods, "second", day(0).Add(2*time.Hour), objects{"a/x": "2"})
	if now, generation = check(t, l, pods); !maps.Equal(now, objects{"a/x": "2"}) || generation != 3 {
		t.Errorf("%v of generation %d", now, generation)
	}
	if reason, err := l.Retired(t.Context(), found[pods.Type]); err != nil || reason != "" {
		t.Errorf("retired after the next commit: %q, %v", reason, err)
	}
	checkClean(t, l, pods)
}

func TestSealedCommit(t *testing.T) {
	l := lake.Empty()
	c, err := l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := stageChanges(t.Context(), l, c, "first", day(0), objects{"a/x": "1"})
	if err != nil {
		t.Fatal(err)
	}
	defer commit.Close()
	if err := commit.Seal(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for version, err := range commit.Versions(t.Context()) {
		if err != nil || version.ResourceID != "a/x" {
			t.Errorf("%+v, %v", version, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d versions", n)
	}
	if err := record(t.Context(), l, pods, "second", day(0), objects{"a/x": "1"}); err == nil || !strings.Contains(err.Error(), "no lake") {
		t.Errorf("a commit to no lake: %v", err)
	}
}

func TestClusterOf(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	for _, c := range []lake.Cluster{{ID: "a", Provider: "aws", Identity: "one"}, {ID: "b", Provider: "gcp", Identity: "two"}, {ID: "c", Provider: "aws"}} {
		if err := l.PutCluster(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ identity, id, want string }{{"one", "d", "a"}, {"one", "a", ""}, {"two", "", "b"}, {"three", "", ""}} {
		if got, err := l.ClusterOf(t.Context(), c.identity, c.id); err != nil || got != c.want {
			t.Errorf("the cluster of %s besides %s: %q, %v", c.identity, c.id, got, err)
		}
	}
}

// Of two clusters that are taken in under one id at the same time, the first one stands.
func TestTwoClustersOfOneID(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	for _, identity := range []string{"", "one", "two"} {
		if err := l.PutCluster(t.Context(), lake.Cluster{ID: "a", Provider: "aws", Identity: identity}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if got, _, _, err := l.Cluster(t.Context(), "a"); err != nil || got.Identity != "one" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestScopesOfTwoSyncs(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	scope := func(kind, text string) lake.Pair { return lake.Pair{Key: kind, Value: text} }
	first := lake.Cluster{ID: "a", Provider: "aws", LastSyncAt: day(1), ListedTypes: []string{"x", "y"}, ListedScopes: []lake.Pair{scope("x", "1"), scope("y", "1")},
		Identity: "one"}
	second := lake.Cluster{ID: "a", Provider: "aws", LastSyncAt: day(2), ListedTypes: []string{"x", "z"}, ListedScopes: []lake.Pair{scope("z", "2")}}
	for _, c := range []lake.Cluster{first, second} {
		if err := l.PutCluster(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
	}
	got, _, _, err := l.Cluster(t.Context(), "a")
	if err != nil || len(got.ListedTypes) != 3 || len(got.ListedScopes) != 2 || got.ListedScopes[0] != scope("y", "1") || got.ListedScopes[1] != scope("z", "2") ||
		got.Identity != "one" {
		t.Errorf("%+v, %v", got, err)
	}
}
