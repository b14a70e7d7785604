package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

// script is a provider whose lists go wrong in the ways that a real API server's cannot be made to on demand.
type script struct {
	resource  Resource
	objects   []string // "namespace/name=value", in the order in which they are listed
	breakOff  int      // break the list after this many objects, 0 for never
	breakWith error
	expire    int32 // lists that answer ErrExpired after their first object
	lists     atomic.Int32
	discovery error
	unknown   []UnknownGroup
	captured  time.Time
	others    []Resource // served beside resource, without an object

	onObject func() // before each object
}

var configMaps = Resource{Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true, Ordered: true}

func (s *script) Discover(context.Context) (Discovery, error) {
	if s.discovery != nil {
		return Discovery{}, s.discovery
	}
	discovery := Discovery{ServerVersion: "v1.37.2", Unknown: s.unknown, CapturedAt: s.captured}
	if s.resource.Kind != "" {
		discovery.Resources = append([]Resource{s.resource}, s.others...)
	}
	return discovery, nil
}

func (s *script) List(ctx context.Context, resource Resource, selection Selection, each func([]byte) error) (Listing, error) {
	if resource.Kind != s.resource.Kind && s.resource.Kind != "" {
		return Listing{ResourceVersion: "7"}, nil // one of others
	}
	list := s.lists.Add(1)
	for i, object := range s.objects {
		if s.onObject != nil {
			s.onObject()
		}
		if err := ctx.Err(); err != nil {
			return Listing{}, err
		}
		if s.breakOff > 0 && i == s.breakOff {
			return Listing{}, s.breakWith
		}
		if list <= s.expire && i == 1 {
			return Listing{}, fmt.Errorf("page 2: %w", ErrExpired)
		}
		if err := each([]byte(objectJSON(object))); err != nil {
			return Listing{}, err
		}
	}
	if s.breakOff > 0 && s.breakOff >= len(s.objects) {
		return Listing{}, s.breakWith
	}
	return Listing{ResourceVersion: "7"}, nil
}

// objectJSON makes an object of "namespace/name=value", or of "namespace/name=value@uid", that was made long ago by its manager.
func objectJSON(text string) string {
	id, value, _ := strings.Cut(text, "=")
	namespace, name, _ := strings.Cut(id, "/")
	value, uid, _ := strings.Cut(value, "@")
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":%q,"uid":%q,"resourceVersion":"%d",
		"managedFields":[{"manager":"maker","time":"2026-01-01T00:00:00Z"}]},"data":{"value":%q}}`,
		name, namespace, uid, time.Now().UnixNano(), value)
}

func optionsFor(l Lake, provider Provider) Options {
	return Options{
		Cluster: "test", Name: "test", Provider: provider, Lake: l, Concurrency: 2,
		Redactor: document.NewRedactor([]byte("0123456789abcdef0123456789abcdef")), Log: slog.New(slog.DiscardHandler),
	}
}

// sync runs a sync that must not fail, and gives what it wrote for the one type: "status listed +created ~updated -deleted".
func syncOnce(t *testing.T, options Options) (Result, string) {
	t.Helper()
	result, err := Sync(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, row := range result.Rows {
		lines = append(lines, fmt.Sprintf("%s %d +%d ~%d -%d", row.Status, row.Listed, row.Created, row.Updated, row.Deleted))
	}
	return result, strings.Join(lines, "; ")
}

// story tells what the lake holds of each object: "id: operation value, …", by version.
func story(t *testing.T, l *lake.Lake) string {
	t.Helper()
	told := map[string][]string{}
	var ids []string
	for version := range versionsIn(t, l) {
		id := version.ResourceID
		if told[id] == nil {
			ids = append(ids, id)
		}
		if got, want := int64(len(told[id])+1), version.Version; got != want {
			t.Errorf("%s: version %d where %d should be", id, want, got)
		}
		var fields struct{ Data struct{ Value string } }
		if version.Fields != nil {
			if err := json.Unmarshal(version.Fields, &fields); err != nil {
				t.Fatal(err)
			}
		}
		told[id] = append(told[id], strings.TrimSpace(string(version.Operation)+" "+fields.Data.Value))
	}
	slices.Sort(ids)
	var lines []string
	for _, id := range ids {
		lines = append(lines, id+": "+strings.Join(told[id], ", "))
	}
	checkSnapshots(t, l, told)
	return strings.Join(lines, "\n")
}

// checkSnapshots checks that the snapshots are the newest versions, no more and no less.
func checkSnapshots(t *testing.T, l *lake.Lake, told map[string][]string) {
	t.Helper()
	n := 0
	for snapshot := range snapshotsIn(t, l) {
		n++
		versions := told[snapshot.ResourceID]
		if snapshot.LatestVersion != int64(len(versions)) {
			t.Errorf("snapshot of %s: latest version %d of %d", snapshot.ResourceID, snapshot.LatestVersion, len(versions))
			continue
		}
		if deleted := versions[len(versions)-1] == "deleted"; deleted == snapshot.DeletedAt.IsZero() {
			t.Errorf("snapshot of %s: deleted at %v after %v", snapshot.ResourceID, snapshot.DeletedAt, versions)
		}
	}
	if n != len(told) {
		t.Errorf("%d snapshots of %d objects", n, len(told))
	}
}

func TestSync(t *testing.T) {
	type step struct {
		provider script
		want     string
	}
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"nothing changes", []step{
			{script{objects: []string{"a/x=1", "a/y=1"}}, "complete 2 +2 ~0 -0"},
			{script{objects: []string{"a/x=1", "a/y=1"}}, "complete 2 +0 ~0 -0"},
		}, "a/x: discovered 1\na/y: discovered 1"},
		{"created, updated, deleted and recreated", []step{
			{script{objects: []string{"a-b/x=1", "a/x=1", "a/y=1"}}, "complete 3 +3 ~0 -0"},
			{script{objects: []string{"a-b/x=1", "a/w=1", "a/x=2"}}, "complete 3 +1 ~1 -1"},
			{script{objects: []string{"a-b/x=1", "a/w=1", "a/x=2", "a/y=1"}}, "complete 4 +1 ~0 -0"},
		}, "a-b/x: discovered 1\na/w: created 1\na/x: discovered 1, updated 2\na/y: discovered 1, deleted, created 1"},
		{"another object under the same name", []step{
			{script{objects: []string{"a/x=1@one", "a/y=1"}}, "complete 2 +2 ~0 -0"},
			{script{objects: []string{"a/x=1@two", "a/y=1"}}, "complete 2 +1 ~0 -1"},
		}, "a/x: discovered 1, deleted, created 1\na/y: discovered 1"},
		{"an empty list is a complete one", []step{
			{script{}, "complete 0 +0 ~0 -0"},
			{script{objects: []string{"a/x=1"}}, "complete 1 +1 ~0 -0"},
			{script{}, "complete 0 +0 ~0 -1"},
		}, "a/x: created 1, deleted"},
		{"a list that breaks off deletes nothing", []step{
			{script{objects: []string{"a/a=1", "a/b=1", "a/x=1", "a/z=1"}}, "complete 4 +4 ~0 -0"},
			{script{objects: []string{"a/b=2", "a/c=1", "a/x=1"}, breakOff: 2, breakWith: broken}, "partial 2 +1 ~1 -0"},
			{script{objects: []string{"a/b=2", "a/c=1", "a/x=1"}}, "complete 3 +0 ~0 -2"},
		}, "a/a: discovered 1, deleted\na/b: discovered 1, updated 2\na/c: created 1\na/x: discovered 1\na/z: discovered 1, deleted"},
		{"a list that breaks off with nothing but what it lacks changes nothing", []step{
			{script{objects: []string{"a/a=1", "a/b=1"}}, "complete 2 +2 ~0 -0"},
			{script{objects: []string{"a/b=1", "a/c=1"}, breakOff: 1, breakWith: broken}, "partial 1 +0 ~0 -0"},
		}, "a/a: discovered 1\na/b: discovered 1"},
		{"a list that breaks off still knows a uid", []step{
			{script{objects: []string{"a/a=1", "a/b=1@one", "a/c=1"}}, "complete 3 +3 ~0 -0"},
			{script{objects: []string{"a/b=2@two", "a/d=1"}, breakOff: 1, breakWith: broken}, "partial 1 +1 ~0 -1"},
		}, "a/a: discovered 1\na/b: discovered 1, deleted, created 2\na/c: discovered 1"},
		{"a first list that breaks off leaves the rest to be discovered", []step{
			{script{objects: []string{"a/a=1", "a/b=1"}, breakOff: 1, breakWith: broken}, "partial 1 +1 ~0 -0"},
			{script{objects: []string{"a/a=1", "a/b=1"}}, "complete 2 +1 ~0 -0"},
			{script{objects: []string{"a/a=1", "a/b=1", "a/c=1"}}, "complete 3 +1 ~0 -0"},
		}, "a/a: discovered 1\na/b: discovered 1\na/c: created 1"},
		{"a list that fails deletes nothing", []step{
			{script{objects: []string{"a/a=1"}}, "complete 1 +1 ~0 -0"},
			{script{breakOff: 1, breakWith: broken}, "failed 0 +0 ~0 -0"},
			{script{breakOff: 1, breakWith: ErrForbidden}, "forbidden 0 +0 ~0 -0"},
			{script{breakOff: 1, breakWith: ErrGone}, "failed 0 +0 ~0 -0"},
		}, "a/a: discovered 1"},
		{"an expired continue token restarts the list once", []step{
			{script{objects: []string{"a/a=1", "a/b=1"}}, "complete 2 +2 ~0 -0"},
			{script{objects: []string{"a/a=2", "a/c=1"}, expire: 1}, "complete 2 +1 ~1 -1"},
			{script{objects: []string{"a/a=3", "a/c=1"}, expire: 2}, "partial 1 +0 ~1 -0"},
		}, "a/a: discovered 1, updated 2, updated 3\na/b: discovered 1, deleted\na/c: created 1"},
		{"a list out of order is sorted", []step{
			{script{objects: []string{"a/x=1", "a/b=1", "a-b/x=1"}}, "complete 3 +3 ~0 -0"},
			{script{objects: []string{"a/x=2", "a-b/x=1"}}, "complete 2 +0 ~1 -1"},
		}, "a-b/x: discovered 1\na/b: discovered 1, deleted\na/x: discovered 1, updated 2"},
		{"a list out of order that breaks off deletes nothing", []step{
			{script{objects: []string{"a/x=1", "a/b=1"}}, "complete 2 +2 ~0 -0"},
			{script{objects: []string{"a/z=1", "a/b=2", "a/c=1"}, breakOff: 2, breakWith: broken}, "partial 2 +1 ~1 -0"},
		}, "a/b: discovered 1, updated 2\na/x: discovered 1\na/z: created 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			for i := range c.steps {
				provider := &c.steps[i].provider
				provider.resource = configMaps
				if _, got := syncOnce(t, optionsFor(l, provider)); got != c.steps[i].want {
					t.Errorf("sync %d: %s, want %s", i+1, got, c.steps[i].want)
				}
			}
			if got := story(t, l); got != c.want {
				t.Errorf("the lake tells:\n%s\nwant:\n%s", got, c.want)
			}
			checkChanges(t, l)
		})
	}
}

// checkChanges checks that every created, updated and deleted version has one change that leads to it, and no other has.
func checkChanges(t *testing.T, l *lake.Lake) {
	t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for version := range versionsIn(t, l) {
		if version.Operation != lake.Discovered {
			want[fmt.Sprint(version.ResourceID, version.Version, version.Operation)] = true
		}
	}
	for change := range changesIn(t, l) {
		key := fmt.Sprint(change.ResourceID, change.ToVersion, change.Operation)
		if got[key] || !want[key] {
			t.Errorf("the change %s is there twice, or leads to no version", key)
		}
		got[key] = true
		if change.FromVersion != change.ToVersion-1 {
			t.Errorf("the change %s comes from version %d", key, change.FromVersion)
		}
		if updated := change.Operation == lake.Updated; updated != (change.Diff != nil) || updated != (len(change.Paths) > 0) {
			t.Errorf("the change %s has the diff %s and the paths %v", key, change.Diff, change.Paths)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d changes for %d versions", len(got), len(want))
	}
}

func TestSyncOfAnUnreachableCluster(t *testing.T) {
	l := newLake(t)
	if _, err := Sync(t.Context(), optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1"}})); err != nil {
		t.Fatal(err)
	}
	result, rows := syncOnce(t, optionsFor(l, &script{discovery: errors.New("no route to host")}))
	if result.Status != lake.Failed || result.Err == nil || rows != "failed 0 +0 ~0 -0" {
		t.Errorf("status %s, error %v, rows %s", result.Status, result.Err, rows)
	}
	if got := story(t, l); got != "a/x: discovered 1" {
		t.Error(got)
	}
}

func TestSyncOfATypeThatIsNotServed(t *testing.T) {
	l := newLake(t)
	if _, err := Sync(t.Context(), optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1"}})); err != nil {
		t.Fatal(err)
	}
	down := &script{unknown: []UnknownGroup{{Group: "", Version: "v1", Err: errors.New("service unavailable")}}}
	result, _ := syncOnce(t, optionsFor(l, down))
	if result.Status != lake.Partial || result.Rows[1].Status != lake.Skipped || !strings.Contains(result.Rows[1].Error, "service unavailable") {
		t.Errorf("a group that is down: %s %+v", result.Status, result.Rows)
	}
	if got := story(t, l); got != "a/x: discovered 1" {
		t.Error(got)
	}
	result, rows := syncOnce(t, optionsFor(l, &script{}))
	if result.Status != lake.Complete || rows != "skipped 0 +0 ~0 -0" {
		t.Errorf("a type that is not served any more: %s %s", result.Status, rows)
	}
	if got := story(t, l); got != "a/x: discovered 1" {
		t.Error(got)
	}
	named := optionsFor(l, &script{})
	named.Scope.Select = []string{"core.v1.ConfigMap"}
	if result, _ := syncOnce(t, named); result.Status != lake.Partial {
		t.Errorf("a type that is named and not served: %s", result.Status)
	}
	options := optionsFor(l, &script{resource: configMaps, breakOff: 1, breakWith: ErrForbidden})
	options.Scope.Select = []string{"core.v1.ConfigMap"}
	if result, _ := syncOnce(t, options); result.Status != lake.Partial {
		t.Errorf("a forbidden type that was named: %s", result.Status)
	}
	options.Scope.Select = []string{"core.v1.*"}
	if result, _ := syncOnce(t, options); result.Status != lake.Partial {
		t.Errorf("credentials that may list nothing: %s", result.Status)
	}
	options = optionsFor(l, &script{resource: configMaps, breakOff: 1, breakWith: ErrForbidden, others: []Resource{{Version: "v1", Kind: "Node", Plural: "nodes"}}})
	if result, _ := syncOnce(t, options); result.Status != lake.Complete {
		t.Errorf("a forbidden type that nobody named: %s", result.Status)
	}
}

func TestSyncOfADump(t *testing.T) {
	l := newLake(t)
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	first := &script{resource: configMaps, objects: []string{"a/x=1"}, captured: at}
	if _, err := Sync(t.Context(), optionsFor(l, first)); err != nil {
		t.Fatal(err)
	}
	for version := range versionsIn(t, l) {
		if !version.CapturedAt.Equal(at) {
			t.Errorf("captured at %s", version.CapturedAt)
		}
	}
	// The same one again, of which less and then again all is looked at.
	for _, ignored := range [][]string{{"a"}, nil} {
		again := optionsFor(l, first)
		again.Scope.ExcludeNamespaces = ignored
		if result, rows := syncOnce(t, again); result.Status != lake.Complete || result.Committed != 1 {
			t.Errorf("the same dump without %v: %s %s, %d commits", ignored, rows, result.Rows[0].Error, result.Committed)
		}
	}
	older := &script{resource: configMaps, objects: []string{"a/x=0"}, captured: at.Add(-time.Hour)}
	if result, rows := syncOnce(t, optionsFor(l, older)); rows != "failed 0 +0 ~0 -0" || !strings.Contains(result.Rows[0].Error, "newer state") {
		t.Errorf("an older dump: %s %s", rows, result.Rows[0].Error)
	}
	if got := story(t, l); got != "a/x: discovered 1" {
		t.Error(got)
	}
}

func TestCapturedAtNeverGoesBack(t *testing.T) {
	l := newLake(t)
	options := optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1"}})
	if _, err := Sync(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	options.Provider = &script{resource: configMaps, objects: []string{"a/x=2"}}
	options.Now = func() time.Time { return time.Now().Add(-48 * time.Hour) }
	if _, err := Sync(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	var times []time.Time
	for version := range versionsIn(t, l) {
		times = append(times, version.CapturedAt)
	}
	if len(times) != 2 || times[0].Equal(times[1]) {
		t.Errorf("captured at %v", times)
	}
}

func TestProviderIsFixedAtTheFirstSync(t *testing.T) {
	l := newLake(t)
	options := optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1"}})
	options.Tags = map[string]string{"provider": "aws"}
	for _, name := range []string{"aws", "gcp"} {
		options.Tags = map[string]string{"provider": name}
		if result, _ := syncOnce(t, options); result.Provider != "aws" {
			t.Errorf("tagged %s: provider %s", name, result.Provider)
		}
	}
}

func TestEventsFollowTheCommit(t *testing.T) {
	l := newLake(t)
	options := optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1", "a/y=1"}})
	var told []string
	options.Emit = func(event Event) error {
		if event.Type == ChangeDetected || event.Type == ResourceDiscovered {
			if story := story(t, l); !strings.Contains(story, event.ResourceID) {
				t.Errorf("%s of %s before its commit", event.Type, event.ResourceID)
			}
		}
		told = append(told, strings.TrimSpace(event.Type+" "+event.ResourceID))
		return nil
	}
	run := func(objects ...string) {
		options.Provider = &script{resource: configMaps, objects: objects}
		if _, err := Sync(t.Context(), options); err != nil {
			t.Fatal(err)
		}
	}
	run("a/x=1", "a/y=1")
	run("a/w=1@old", "a/x=2")
	run("a/w=1@new", "a/x=2")
	want := "cluster.sync.started|resource.discovered a/x|resource.discovered a/y|cluster.sync.completed|" +
		"cluster.sync.started|resource.discovered a/w|change.detected a/x|resource.deleted a/y|cluster.sync.completed|" +
		"cluster.sync.started|resource.deleted a/w|resource.discovered a/w|cluster.sync.completed"
	if got := strings.Join(told, "|"); got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
}

// brokenLake fails to list what it holds.
type brokenLake struct{ *lake.Lake }

func (brokenLake) Snapshots(context.Context, string, string) (map[string]store.Info, error) {
	return nil, errors.New("no route to the bucket")
}

func TestASyncThatTheLakeFailsTellsIt(t *testing.T) {
	var last Event
	options := optionsFor(brokenLake{newLake(t)}, &script{resource: configMaps, objects: []string{"a/x=1"}})
	options.Emit = func(event Event) error { last = event; return nil }
	result, err := Sync(t.Context(), options)
	if err == nil || result.Status != lake.Failed || result.Err == nil {
		t.Errorf("result %+v, error %v", result, err)
	}
	if last.Type != ClusterSyncFailed || last.Error != "no route to the bucket" {
		t.Errorf("the last event is %+v", last)
	}
}

// The managers of a version made it what it is: all of an object's for one that was created, and only those since for an update.
func TestManagersOfAVersion(t *testing.T) {
	l := newLake(t)
	options := optionsFor(l, nil)
	for _, object := range []string{"a/x=1@old", "a/x=2@old", "a/x=3@new"} {
		options.Provider = &script{resource: configMaps, objects: []string{object}}
		syncOnce(t, options)
	}
	var got []string
	for version := range versionsIn(t, l) {
		got = append(got, fmt.Sprint(version.Operation, version.Managers))
	}
	if want := "discovered[maker] updated[] deleted[] created[maker]"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestAnInterruptedSyncRecordsWhatItSkipped(t *testing.T) {
	l := newLake(t)
	ctx, cancel := context.WithCancel(t.Context())
	provider := &script{resource: configMaps, objects: []string{"a/x=1", "a/y=1"}}
	options := optionsFor(l, provider)
	provider.onObject = cancel
	result, err := Sync(ctx, options)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(result.Rows) != 1 || result.Rows[0].Status != lake.Skipped {
		t.Errorf("rows %+v", result.Rows)
	}
	if got := story(t, l); got != "" {
		t.Error(got)
	}
}
