package collector

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

// TestTypesThatMoveAndVanish follows the objects of types that a cluster serves at another version, or not at all any more.
func TestTypesThatMoveAndVanish(t *testing.T) {
	version := func(v string) Resource {
		return Resource{Group: "example.com", Version: v, Kind: "Widget", Plural: "widgets", Namespaced: true, Ordered: true}
	}
	crds := Resource{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition", Plural: "customresourcedefinitions", Ordered: true}
	nodes := Resource{Version: "v1", Kind: "Node", Plural: "nodes", Ordered: true}
	const (
		v1, v2, crd = "example.com.v1.Widget", "example.com.v2.Widget", "apiextensions.k8s.io.v1.CustomResourceDefinition"
		definition  = "widgets.example.com=Widget"
	)
	type step struct {
		serves  []Resource
		objects map[string][]string
		fail    map[string]failure
		unknown []UnknownGroup
		scope   Scope
		rows    string // of the widgets
		told    string
		status  lake.Status // "": complete
	}
	web := Scope{Labels: mustSelector(t, "app=web")}
	x, xy, xyz := []string{"a/x=1"}, []string{"a/x=1", "a/y=1"}, []string{"a/x=1", "a/y=1", "a/z=1"}
	reset := errors.New("connection reset by peer")
	for _, c := range []struct {
		name     string
		steps    []step
		standing string // of the widgets
		deleted  string // events
	}{
		{name: "moved", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xy}, rows: v1 + " complete 2 +2 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: {"a/x=2", "a/z=1"}},
				rows: v1 + " skipped 0 +0 ~0 -1; " + v2 + " complete 2 +2 ~0 -0", told: "moved to example.com.v2.Widget"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: {"a/x=2", "a/z=1"}}, rows: v2 + " complete 2 +0 ~0 -0"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v1 + " a/y: discovered, deleted\n" + v2 + " a/x: discovered\n" + v2 + " a/z: created",
			deleted: v1 + " a/y"},
		{name: "moved, and recreated meanwhile", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=1@old"}}, rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: {"a/x=1@new"}}, rows: v1 + " skipped 0 +0 ~0 -1; " + v2 + " complete 1 +1 ~0 -0",
				told: "moved to"},
		}, standing: v1 + " a/x: discovered, deleted\n" + v2 + " a/x: discovered", deleted: v1 + " a/x"},
		{name: "up and down again", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xyz}, rows: v1 + " complete 3 +3 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: xyz}, rows: v1 + " skipped 0 +0 ~0 -0; " + v2 + " complete 3 +3 ~0 -0", told: "moved to"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: xy}, rows: v2 + " complete 2 +0 ~0 -1"},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=1", "a/w=1"}},
				rows: v1 + " complete 2 +1 ~0 -0; " + v2 + " skipped 0 +0 ~0 -1", told: "moved to example.com.v1.Widget"},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=2", "a/w=1"}}, rows: v1 + " complete 2 +0 ~1 -0"},
		}, standing: v1 + " a/w: created\n" + v1 + " a/x: discovered, updated\n" + v1 + " a/y: discovered, moved to example.com.v2.Widget\n" +
			v1 + " a/z: discovered, moved to example.com.v2.Widget\n" +
			v2 + " a/x: discovered, moved to example.com.v1.Widget\n" + v2 + " a/y: discovered, deleted\n" + v2 + " a/z: discovered, deleted",
			deleted: v2 + " a/z, " + v2 + " a/y"},
		{name: "up and down again, and out of scope", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xy}, rows: v1 + " complete 2 +2 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: xy}, rows: v1 + " skipped 0 +0 ~0 -0; " + v2 + " complete 2 +2 ~0 -0", told: "moved to"},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +0 ~0 -0; " + v2 + " skipped 0 +0 ~0 -1", told: "moved to"},
			{serves: []Resource{version("v1")}, scope: Scope{Ignore: []string{v1}}},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +0 ~0 -0"},
			{rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
		}, standing: v1 + " a/x: discovered, not served\n" + v1 + " a/y: discovered, moved to example.com.v2.Widget\n" +
			v2 + " a/x: discovered, moved to example.com.v1.Widget\n" + v2 + " a/y: discovered, deleted", deleted: v2 + " a/y"},
		{name: "moved, but the new list breaks off", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xy}, rows: v1 + " complete 2 +2 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: xy}, fail: map[string]failure{v2: {after: 1, with: reset}},
				rows: v1 + " skipped 0 +0 ~0 -0; " + v2 + " partial 1 +1 ~0 -0", told: "no complete list yet", status: lake.Partial},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: xyz}, rows: v1 + " skipped 0 +0 ~0 -0; " + v2 + " complete 3 +2 ~0 -0", told: "moved to"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v1 + " a/y: discovered, moved to example.com.v2.Widget\n" +
			v2 + " a/x: discovered\n" + v2 + " a/y: discovered\n" + v2 + " a/z: created"},
		{name: "moved, while the namespace is left out", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=1", "b/x=1"}}, rows: v1 + " complete 2 +2 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: {"a/x=1"}}, scope: Scope{Namespaces: []string{"a"}},
				rows: v1 + " skipped 0 +0 ~0 -0; " + v2 + " complete 1 +1 ~0 -0", told: "moved to"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v1 + " b/x: discovered, moved to example.com.v2.Widget\n" + v2 + " a/x: discovered"},
		{name: "moved, under a selector", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=1#app=web", "a/y=1#app=web", "a/z=1#app=web"}}, rows: v1 + " complete 3 +3 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: {"a/x=1#app=web", "a/y=1#app=api"}}, scope: Scope{Labels: mustSelector(t, "app=web")},
				rows: v1 + " skipped 0 +0 ~0 -1; " + v2 + " complete 1 +1 ~0 -0", told: "moved to"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v1 + " a/y: discovered, moved to example.com.v2.Widget\n" +
			v1 + " a/z: discovered, deleted\n" + v2 + " a/x: discovered", deleted: v1 + " a/z"},
		{name: "its group is down", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +1 ~0 -0"},
			{unknown: []UnknownGroup{{Group: "example.com", Version: "v2", Err: reset}}, rows: v1 + " skipped 0 +0 ~0 -0; example.com.v2.* skipped 0 +0 ~0 -0",
				told: "discover example.com/v2", status: lake.Partial},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +0 ~0 -0"},
		}, standing: v1 + " a/x: discovered"},
		{name: "its definition removed", steps: []step{
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: xy, crd: {definition}}, rows: v1 + " complete 2 +2 ~0 -0"},
			{serves: []Resource{crds}, rows: v1 + " skipped 0 +0 ~0 -2", told: "its CustomResourceDefinition widgets.example.com was deleted"},
			{serves: []Resource{crds}},
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: {"a/x=1@again"}, crd: {definition}}, rows: v1 + " complete 1 +1 ~0 -0"},
		}, standing: v1 + " a/x: discovered, deleted, created\n" + v1 + " a/y: discovered, deleted", deleted: v1 + " a/x, " + v1 + " a/y"},
		{name: "its definition may have been removed", steps: []step{
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: x, crd: {definition}}, rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{crds}, fail: map[string]failure{crd: {with: reset}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "could not be found out", status: lake.Partial},
			{serves: []Resource{crds}, rows: v1 + " skipped 0 +0 ~0 -1", told: "was deleted"},
		}, standing: v1 + " a/x: discovered, deleted", deleted: v1 + " a/x"},
		{name: "its definition is there", steps: []step{
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: x, crd: {definition}}, rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{crds}, objects: map[string][]string{crd: {definition}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
		}, standing: v1 + " a/x: discovered, not served"},
		{name: "definitions are not collected", steps: []step{
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: x, crd: {definition}}, rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{crds}, scope: Scope{Ignore: []string{crd}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
		}, standing: v1 + " a/x: discovered, not served"},
		{name: "not served, and served again", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xyz}, rows: v1 + " complete 3 +3 ~0 -0"},
			{rows: v1 + " skipped 0 +0 ~0 -0", told: "the cluster does not serve this type"},
			{},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=1", "a/y=2"}}, rows: v1 + " complete 2 +0 ~1 -1"},
		}, standing: v1 + " a/x: discovered\n" + v1 + " a/y: discovered, updated\n" + v1 + " a/z: discovered, deleted", deleted: v1 + " a/z"},
		{name: "not served, and then at another version", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xy}, rows: v1 + " complete 2 +2 ~0 -0"},
			{rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: x}, rows: v1 + " skipped 0 +0 ~0 -1; " + v2 + " complete 1 +1 ~0 -0", told: "moved to"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v1 + " a/y: discovered, deleted\n" + v2 + " a/x: discovered", deleted: v1 + " a/y"},
		{name: "moved to a version that is not collected", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{version("v2")}, scope: Scope{Ignore: []string{v2}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "which the configuration does not cover"},
			{serves: []Resource{version("v2")}, scope: Scope{Ignore: []string{v2}}},
		}, standing: v1 + " a/x: discovered, not served"},
		{name: "named and not served", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +1 ~0 -0"},
			{scope: Scope{Select: []string{v1}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve", status: lake.Partial},
			{scope: Scope{Select: []string{v1}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve", status: lake.Partial},
		}, standing: v1 + " a/x: discovered, not served"},
		{name: "out of scope and in again", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xyz}, rows: v1 + " complete 3 +3 ~0 -0"},
			{serves: []Resource{version("v1")}, scope: Scope{Ignore: []string{v1}}},
			{serves: []Resource{version("v1")}, scope: Scope{Ignore: []string{v1}}},
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/w=1", "a/x=1", "a/y=2"}}, rows: v1 + " complete 3 +1 ~1 -1"},
		}, standing: v1 + " a/w: created\n" + v1 + " a/x: discovered\n" + v1 + " a/y: discovered, updated\n" + v1 + " a/z: discovered, deleted", deleted: v1 + " a/z"},
		{name: "out of scope, not served, and in scope again", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +1 ~0 -0"},
			{scope: Scope{Ignore: []string{v1}}},
			{rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
			{},
		}, standing: v1 + " a/x: discovered, not served"},
		{name: "moved, and only the new version is selected", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: xy}, scope: Scope{Select: []string{v1}}, rows: v1 + " complete 2 +2 ~0 -0"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: x}, scope: Scope{Select: []string{v2}},
				rows: v1 + " skipped 0 +0 ~0 -1; " + v2 + " complete 1 +1 ~0 -0", told: "moved to"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: x}, scope: Scope{Select: []string{v2}}, rows: v2 + " complete 1 +0 ~0 -0"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v1 + " a/y: discovered, deleted\n" + v2 + " a/x: discovered", deleted: v1 + " a/y"},
		{name: "out of scope, and then at another version", steps: []step{
			{serves: []Resource{version("v1")}, objects: map[string][]string{v1: x}, rows: v1 + " complete 1 +1 ~0 -0"},
			{scope: Scope{Ignore: []string{v1}}},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: x}, scope: Scope{Ignore: []string{v1}},
				rows: v1 + " skipped 0 +0 ~0 -0; " + v2 + " complete 1 +1 ~0 -0", told: "moved to"},
			{serves: []Resource{version("v2")}, objects: map[string][]string{v2: x}, scope: Scope{Ignore: []string{v1}}, rows: v2 + " complete 1 +0 ~0 -0"},
		}, standing: v1 + " a/x: discovered, moved to example.com.v2.Widget\n" + v2 + " a/x: discovered"},
		{name: "another definition took it over", steps: []step{
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: x, crd: {definition}}, rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: x, crd: {"wodgets.example.com=Widget"}}, rows: v1 + " complete 1 +0 ~0 -0"},
			{serves: []Resource{crds}, objects: map[string][]string{crd: {"wodgets.example.com=Widget"}}, rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
		}, standing: v1 + " a/x: discovered, not served"},
		{name: "its definition made anew outside of a selector", steps: []step{
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: {"a/x=1#app=web"}, crd: {definition + "#app=web"}}, scope: web,
				rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{crds}, scope: web, rows: v1 + " skipped 0 +0 ~0 -1", told: "was deleted"},
			{serves: []Resource{version("v1"), crds}, objects: map[string][]string{v1: {"a/x=1@again#app=web"}, crd: {definition + "@again"}}, scope: web,
				rows: v1 + " complete 1 +1 ~0 -0"},
			{serves: []Resource{crds}, objects: map[string][]string{crd: {definition + "@again"}}, scope: web, rows: v1 + " skipped 0 +0 ~0 -0", told: "does not serve"},
		}, standing: v1 + " a/x: discovered, deleted, created, not served", deleted: v1 + " a/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			var events []string
			var quiet int
			for i, step := range c.steps {
				// The generations of the partitions before, to see that what is settled is not written again.
				before := generations(t, l)
				w := &world{resources: append([]Resource{nodes}, step.serves...), objects: step.objects, fail: step.fail, unknown: step.unknown}
				if w.objects == nil {
					w.objects = map[string][]string{}
				}
				w.objects["core.v1.Node"] = []string{"n1=1#app=web"}
				options := optionsFor(l, identifyingWorld{w})
				options.Scope = step.scope
				options.Emit = func(event Event) error {
					if event.Type == ResourceDeleted && event.ResourceType != crd {
						events = append(events, event.ResourceType+" "+event.ResourceID)
					}
					return nil
				}
				dry := options
				dry.DryRun = true
				foreseen, _ := syncOnce(t, dry)
				if got := generations(t, l); got != before {
					t.Errorf("sync %d: its dry run has committed %s on top of %s", i+1, got, before)
				}
				result, _ := syncOnce(t, options)
				rows, told := widgetRows(result)
				if rows != step.rows || !strings.Contains(told, step.told) {
					t.Errorf("sync %d: rows %q, want %q; they say %q", i+1, rows, step.rows, told)
				}
				want := step.status
				if want == "" {
					want = lake.Complete
				}
				if result.Status != want {
					t.Errorf("sync %d: %s", i+1, result.Status)
				}
				if would, says := widgetRows(foreseen); would != rows || says != told || foreseen.Status != result.Status || foreseen.Committed != result.Committed {
					t.Errorf("sync %d: the dry run has %q (%q, %s, %d commits)", i+1, would, says, foreseen.Status, foreseen.Committed)
				}
				if step.rows == "" && result.Committed == 0 {
					quiet++
				}
			}
			if got := widgets(standing(t, l)); got != c.standing {
				t.Errorf("the lake has\n%s\nwant\n%s", got, c.standing)
			}
			if got := strings.Join(events, ", "); got != c.deleted {
				t.Errorf("told to be deleted: %s; want %s", got, c.deleted)
			}
			last := c.steps[len(c.steps)-1]
			if last.rows == "" && quiet == 0 {
				t.Error("what was settled was written again")
			}
		})
	}
}

// latestLake gives of every partition the state that stands now, as an object store does once the one that was listed is replaced.
type latestLake struct{ *lake.Lake }

func (l latestLake) StateOf(ctx context.Context, p lake.Partition, _ store.Info) (*lake.Committed, error) {
	return l.State(ctx, p)
}

// What another sync recorded of the old type after this one began is newer than this one's list of the new type, and is not judged by it.
func TestMoveOfATypeThatAnotherSyncWrote(t *testing.T) {
	version := func(v string) Resource {
		return Resource{Group: "example.com", Version: v, Kind: "Widget", Plural: "widgets", Namespaced: true, Ordered: true}
	}
	const v1, v2 = "example.com.v1.Widget", "example.com.v2.Widget"
	l := newLake(t)
	old := &world{resources: []Resource{version("v1")}, objects: map[string][]string{v1: {"a/x=1"}}}
	syncOnce(t, optionsFor(l, old))
	provider := betweenLists{&world{resources: []Resource{version("v2")}, objects: map[string][]string{v2: {"a/x=1"}}}, func() {
		old.objects[v1] = []string{"a/x=1", "a/y=1"}
		syncOnce(t, optionsFor(l, old))
	}}
	options := optionsFor(l, provider)
	options.Lake = latestLake{l}
	result, _ := syncOnce(t, options)
	rows, told := widgetRows(result)
	if rows != v1+" failed 0 +0 ~0 -0; "+v2+" complete 1 +1 ~0 -0" || !strings.Contains(told, "another sync") {
		t.Errorf("%s: %s", rows, told)
	}
	const want = v1 + " a/x: discovered\n" + v1 + " a/y: created\n" + v2 + " a/x: discovered"
	if got := widgets(standing(t, l)); got != want {
		t.Errorf("the lake has\n%s\nwant\n%s", got, want)
	}
}

// betweenLists does something at the end of each list.
type betweenLists struct {
	*world
	do func()
}

func (b betweenLists) List(ctx context.Context, resource Resource, selection Selection, each func([]byte) error) (Listing, error) {
	listing, err := b.world.List(ctx, resource, selection, each)
	b.do()
	return listing, err
}

func generations(t *testing.T, l *lake.Lake) string {
	t.Helper()
	found, err := l.Snapshots(t.Context(), "test", "unknown")
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, resourceType := range merged(keysOf(found), nil) {
		text += found[resourceType].ETag + " "
	}
	return text
}

func keysOf[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

func widgetRows(result Result) (rows, told string) {
	var kept []lake.SyncRow
	for _, row := range result.Rows {
		if strings.HasPrefix(row.Type, "example.com") {
			kept = append(kept, row)
		}
	}
	rows, told = rowsOf(Result{Rows: kept})
	return strings.ReplaceAll(rows, "\n", "; "), told
}

func widgets(standing string) string {
	var kept []string
	for _, line := range strings.Split(standing, "\n") {
		if strings.HasPrefix(line, "example.com") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
