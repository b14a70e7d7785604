package lake_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
)

func put(t testing.TB, st store.Store, key, content string) {
	t.Helper()
	if _, err := st.Put(t.Context(), key, bytes.NewReader([]byte(content)), int64(len(content)), store.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func keysOf(files []lake.DataFile) (keys []string) {
	for _, f := range files {
		keys = append(keys, f.Key)
	}
	return keys
}

// TestSuperseded: a compacted file stands for all files whose range lies within its own, in its partition.
func TestSuperseded(t *testing.T) {
	for name, test := range map[string]struct{ files, live string }{
		"none compacted":              {"01/1 01/2 02/3", "01/1 01/2 02/3"},
		"compacted, deletes to come":  {"01/1 01/1-2 01/2 02/3", "01/1-2 02/3"},
		"compacted and deleted":       {"01/1-2 02/3", "01/1-2 02/3"},
		"compacted again":             {"01/1-2 01/1-4 01/3-4 02/5", "01/1-4 02/5"},
		"overlapping is not within":   {"01/1-3 01/3-5", "01/1-3 01/3-5"},
		"equal plain ones stay":       {"01/2 02/2", "01/2 02/2"},
		"a compacted one of one file": {"01/2 01/2-2", "01/2-2"},
	} {
		t.Run(name, func(t *testing.T) {
			st := folder(t, t.TempDir())
			l := create(t, st)
			key := func(short string) string {
				date, base, _ := strings.Cut(short, "/")
				parts := strings.Split(base, "-")
				for i, part := range parts {
					parts[i] = strings.Repeat("0", 12-len(part)) + part
				}
				return lake.PartitionPath(lake.TableVersions, pods) + "date=2026-11-" + date + "/" + strings.Join(parts, "-") + ".parquet"
			}
			for _, short := range strings.Fields(test.files) {
				put(t, st, key(short), "x")
			}
			other := lake.Partition{Cluster: "prod", Provider: "aws", Type: "core.v1.Node"}
			put(t, st, lake.PartitionPath(lake.TableVersions, other)+"date=2026-11-01/000000000001.parquet", "x")
			put(t, st, lake.PartitionPath(lake.TableVersions, other)+"date=2026-11-01/README", "x")
			want := []string{lake.PartitionPath(lake.TableVersions, other) + "date=2026-11-01/000000000001.parquet"}
			for _, short := range strings.Fields(test.live) {
				want = append(want, key(short))
			}
			slices.Sort(want)
			files, err := l.Files(t.Context(), lake.TableVersions)
			if err != nil || !slices.Equal(keysOf(files), want) {
				t.Errorf("%v, %v; want %v", keysOf(files), err, want)
			}
		})
	}
	if _, err := create(t, folder(t, t.TempDir())).Files(t.Context(), "pods"); err == nil {
		t.Error("there are files of a table pods")
	}
}

// TestOnlyCommitted: what a crashed commit left is dropped, and no more is read for that than the footers of the partitions asked for.
func TestOnlyCommitted(t *testing.T) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	nodes := lake.Partition{Cluster: "prod", Provider: "aws", Type: "core.v1.Node"}
	never := lake.Partition{Cluster: "prod", Provider: "aws", Type: "apps.v1.Deployment"}
	mustRecord(t, l, pods, "first", day(0), objects{"a/x": "1"})
	mustRecord(t, l, pods, "second", day(1), objects{"a/x": "2"})
	mustRecord(t, l, nodes, "first", day(0), objects{"a/x": "1"})
	leave(t, st, 2, objects{"a/x": "lost"})
	put(t, st, lake.PartitionPath(lake.TableVersions, never)+"date=2026-11-01/000000000001.parquet", "never committed")

	counting := faultstore.New(st)
	counted, err := lake.Open(t.Context(), counting, files(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := counted.Files(t.Context(), lake.TableVersions)
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	counting.Set()
	live, err := counted.OnlyCommitted(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	if counting.Count(faultstore.GetRange) != 2 || counting.Count(faultstore.Get) != 0 {
		t.Errorf("two partitions take %v", counting.Ops())
	}
	want := []string{
		lake.PartitionPath(lake.TableVersions, nodes) + "date=2026-11-01/000000000001.parquet",
		lake.PartitionPath(lake.TableVersions, pods) + "date=2026-11-01/000000000001.parquet",
		lake.PartitionPath(lake.TableVersions, pods) + "date=2026-11-02/000000000002.parquet",
	}
	if got := keysOf(live); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	counting.Set()
	if live, err = counted.OnlyCommitted(t.Context(), live[:1]); err != nil || len(live) != 1 {
		t.Errorf("%v, %v", live, err)
	}
	if counting.Count() != 1 { // the footer is in the cache
		t.Errorf("one partition takes %v, the second time", counting.Ops())
	}
	counting.Set()
	snapshots, err := l.Files(t.Context(), lake.TableSnapshots)
	if err != nil {
		t.Fatal(err)
	}
	if live, err := counted.OnlyCommitted(t.Context(), snapshots); err != nil || len(live) != 2 || counting.Count() != 0 {
		t.Errorf("of snapshots: %v, %v, by %v", live, err, counting.Ops())
	}
}

func TestFetch(t *testing.T) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	for _, kind := range []string{"a", "b", "c", "d"} {
		mustRecord(t, l, lake.Partition{Cluster: "prod", Provider: "aws", Type: kind}, "first", day(0), objects{"a/x": kind})
	}
	snapshots, err := l.Files(t.Context(), lake.TableSnapshots)
	if err != nil {
		t.Fatal(err)
	}
	versions, err := l.Files(t.Context(), lake.TableVersions)
	if err != nil {
		t.Fatal(err)
	}
	files := slices.Concat(versions, snapshots)
	slices.Reverse(files)
	for name, opened := range map[string]*lake.Lake{"folder": l, "fetched": reopen(t, faultstore.New(st))} {
		paths, release, err := opened.Fetch(t.Context(), files, true)
		if err != nil {
			t.Fatal(err)
		}
		var before [][]byte
		for i, path := range paths {
			if folder := filepath.ToSlash(filepath.Dir(path)); !strings.HasSuffix(folder, "/"+filepath.Dir(files[i].Key)) {
				t.Errorf("%s: %s does not lie in the folders of %s", name, path, files[i].Key)
			}
			content, err := os.ReadFile(path)
			if err != nil || int64(len(content)) != files[i].Size {
				t.Errorf("%s: %d bytes of %d in %s: %v", name, len(content), files[i].Size, path, err)
			}
			before = append(before, content)
		}
		if name == "folder" {
			mustRecord(t, l, lake.Partition{Cluster: "prod", Provider: "aws", Type: "a"}, "second", day(1), objects{"a/x": "replaced"})
			for i, path := range paths {
				if content, err := os.ReadFile(path); err != nil || !bytes.Equal(content, before[i]) {
					t.Errorf("%s changed under its reader: %v", path, err)
				}
			}
			files = slices.DeleteFunc(files, func(f lake.DataFile) bool { return f.Type == "a" })
		}
		release()
		release()
	}
	files[0].Key += "x"
	if _, _, err := reopen(t, faultstore.New(st)).Fetch(t.Context(), files, true); err == nil {
		t.Error("a missing file was fetched")
	}
}

func reopen(t testing.TB, st store.Store) *lake.Lake {
	t.Helper()
	l, err := lake.Open(t.Context(), st, files(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSyncs(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	rows := []lake.SyncRow{
		{SyncID: "s/1", Type: "core.v1.Pod", Status: lake.Complete, ResourceVersion: "77", Listed: 3, Created: 1, Updated: 1, Deleted: 1,
			StartedAt: day(0), FinishedAt: day(0).Add(time.Second)},
		{SyncID: "s/1", Type: "core.v1.Secret", Status: lake.Forbidden, StartedAt: day(0).Add(-24 * time.Hour), FinishedAt: day(0), Error: "forbidden"},
	}
	if err := l.WriteSync(t.Context(), "prod", "aws", rows); err != nil {
		t.Fatal(err)
	}
	if err := l.WriteSync(t.Context(), "prod", "aws", rows); err == nil {
		t.Error("a sync was recorded twice")
	}
	if err := l.WriteSync(t.Context(), "prod", "aws", nil); err != nil {
		t.Error(err)
	}
	if err := l.WriteSync(t.Context(), "prod", "aws", []lake.SyncRow{{SyncID: "a"}, {SyncID: "b"}}); err == nil {
		t.Error("two syncs were recorded as one")
	}
	files, err := l.Files(t.Context(), lake.TableSyncs)
	if err != nil || len(files) != 1 || files[0].Key != "syncs/cluster=prod/provider=aws/date=2026-10-31/s%2F1.parquet" {
		t.Fatalf("%v, %v", files, err)
	}
	paths, release, err := l.Fetch(t.Context(), files, false)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var got []lake.SyncRow
	for row, err := range lake.SyncRows(t.Context(), paths[0]) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, *row)
	}
	if !reflect.DeepEqual(got, rows) {
		t.Errorf("%+v", got)
	}
}

func TestClusters(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	if _, _, found, err := l.Cluster(t.Context(), "prod"); found || err != nil {
		t.Fatalf("a cluster in an empty lake: %v, %v", found, err)
	}
	c := lake.Cluster{
		ID: "prod", Provider: "aws", Name: "Production", Tags: []lake.Pair{{Key: "env", Value: "prod"}}, ServerVersion: "v1.37.2",
		LastSyncID: "s1", LastSyncAt: day(1), LastSyncStatus: "complete", ListedTypes: []string{"core.v1.Node", "core.v1.Pod"},
	}
	if err := l.PutCluster(t.Context(), c, ""); err != nil {
		t.Fatal(err)
	}
	// Another cluster whose id begins with the first one's must not be mixed up with it.
	if err := l.PutCluster(t.Context(), lake.Cluster{ID: "prod-2", Provider: "gcp"}, ""); err != nil {
		t.Fatal(err)
	}
	got, etag, found, err := l.Cluster(t.Context(), "prod")
	if err != nil || !found || !reflect.DeepEqual(got, c) {
		t.Fatalf("%+v, %v, %v", got, found, err)
	}
	later := c
	later.LastSyncID, later.LastSyncAt, later.ListedTypes = "s3", day(3), []string{"core.v1.Pod", "core.v1.Secret"}
	if err := l.PutCluster(t.Context(), later, etag); err != nil {
		t.Fatal(err)
	}
	between := c
	between.LastSyncID, between.LastSyncAt, between.ListedTypes = "s2", day(2), []string{"apps.v1.Deployment"}
	if err := l.PutCluster(t.Context(), between, etag); err != nil { // the ETag is no longer the row's
		t.Fatal(err)
	}
	got, _, _, err = l.Cluster(t.Context(), "prod")
	want := []string{"apps.v1.Deployment", "core.v1.Pod", "core.v1.Secret"}
	if err != nil || got.LastSyncID != "s3" || !slices.Equal(got.ListedTypes, want) {
		t.Errorf("%+v, %v; want the later sync with the types of both", got, err)
	}
}

func TestClusterRace(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			c := lake.Cluster{ID: "prod", Provider: "aws", LastSyncID: string(rune('a' + i)), LastSyncAt: day(i), ListedTypes: []string{string(rune('a' + i))}}
			if err := l.PutCluster(context.WithoutCancel(t.Context()), c, ""); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, _, _, err := l.Cluster(t.Context(), "prod")
	if err != nil || got.LastSyncID != "f" || !slices.Equal(got.ListedTypes, []string{"a", "b", "c", "d", "e", "f"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSnapshots(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	for _, p := range []lake.Partition{pods, {Cluster: "prod", Provider: "aws", Type: "core.v1.Node"}, {Cluster: "prod-2", Provider: "aws", Type: "core.v1.Secret"}} {
		mustRecord(t, l, p, "first", day(0), objects{"a/x": "1"})
	}
	found, err := l.Snapshots(t.Context(), "prod", "aws")
	if err != nil {
		t.Fatal(err)
	}
	if types := slices.Sorted(maps.Keys(found)); !slices.Equal(types, []string{"core.v1.Node", "core.v1.Pod"}) {
		t.Errorf("snapshots of %v", types)
	}
	c, err := l.StateOf(t.Context(), pods, found["core.v1.Pod"])
	if err != nil || c.Generation != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	c.Close()
	// What was found is replaced: the state is the new one, whether the files are the store's own or fetched.
	mustRecord(t, l, pods, "second", day(1), objects{"a/x": "2"})
	for name, l := range map[string]*lake.Lake{"folder": l, "fetched": reopen(t, faultstore.New(l.Store()))} {
		c, err := l.StateOf(t.Context(), pods, found["core.v1.Pod"])
		if err != nil || c.Generation != 2 {
			t.Fatalf("%s: %+v, %v", name, c, err)
		}
		c.Close()
	}
}
