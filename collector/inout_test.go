package collector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// TestScopeOutAndIn follows objects that leave the scope and come back, and tells them from those that are deleted and made.
func TestScopeOutAndIn(t *testing.T) {
	pods := Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: true}
	web := Scope{Labels: mustSelector(t, "app=web")}
	running := Scope{IgnorePodPhases: []string{"Succeeded"}}
	inA, inB := Scope{Namespaces: []string{"a"}}, Scope{Namespaces: []string{"b"}}
	notB := Scope{ExcludeNamespaces: []string{"b"}}
	type step struct {
		objects string
		scope   Scope
		row     string
		asked   string // "" is not checked
		fails   error  // of Identities
	}
	later := "created=2036-01-01T00:00:00Z"
	for _, c := range []struct {
		name     string
		plain    bool // the provider cannot narrow by labels and phases
		steps    []step
		standing string
	}{
		{name: "a namespace out and in again", steps: []step{
			{objects: "a/x=1 b/x=1 b/y=1", row: "3 +3 ~0 -0"},
			{objects: "a/x=1 b/x=1 b/y=1", scope: inA, row: "1 +0 ~0 -0", asked: "Pod a"},
			{objects: "a/x=1 b/x=1 b/y=1", scope: inA, row: "1 +0 ~0 -0"},
			{objects: "a/x=1 b/x=1 b/y=2", row: "3 +0 ~1 -0"},
		}, standing: "Pod a/x: discovered\nPod b/x: discovered\nPod b/y: discovered, updated"},
		{name: "deleted and made while out", steps: []step{
			{objects: "a/x=1 b/x=1 b/y=1@one", row: "3 +3 ~0 -0"},
			{objects: "a/x=1 b/x=1 b/y=1@one", scope: inA, row: "1 +0 ~0 -0"},
			{objects: "a/x=1 b/y=1@two b/z=1", row: "3 +2 ~0 -2"},
		}, standing: "Pod a/x: discovered\nPod b/x: discovered, deleted\nPod b/y: discovered, deleted, created\nPod b/z: discovered"},
		{name: "widened", steps: []step{
			{objects: "a/x=1 b/x=1", scope: inA, row: "1 +1 ~0 -0"},
			{objects: "a/x=1 a/y=1 b/x=1", row: "3 +2 ~0 -0"},
			{objects: "a/x=1 a/y=1 b/x=1 b/y=1", row: "4 +1 ~0 -0"},
		}, standing: "Pod a/x: discovered\nPod a/y: created\nPod b/x: discovered\nPod b/y: created"},
		{name: "moved sideways", steps: []step{
			{objects: "a/x=1 b/x=1", scope: inA, row: "1 +1 ~0 -0"},
			{objects: "a/x=1 b/x=1", scope: inB, row: "1 +1 ~0 -0"},
			{objects: "a/x=1 a/y=1 b/x=1 b/y=1", row: "4 +2 ~0 -0"},
		}, standing: "Pod a/x: discovered\nPod a/y: discovered\nPod b/x: discovered\nPod b/y: created"},
		{name: "deleted in a namespace that stays", steps: []step{
			{objects: "a/x=1 a/y=1 b/x=1", row: "3 +3 ~0 -0"},
			{objects: "a/x=1 b/x=1", scope: inA, row: "1 +0 ~0 -1", asked: "Pod a"},
		}, standing: "Pod a/x: discovered\nPod a/y: discovered, deleted\nPod b/x: discovered, out of scope"},
		{name: "excluded at the server", steps: []step{
			{objects: "a/x=1 b/x=1", row: "2 +2 ~0 -0"},
			{objects: "a/x=1 b/x=1", scope: notB, row: "1 +0 ~0 -0", asked: "Pod   metadata.namespace!=b"},
		}, standing: "Pod a/x: discovered\nPod b/x: discovered, out of scope"},
		{name: "relabelled out of a selector, and deleted", steps: []step{
			{objects: "a/x=1#app=web a/y=1#app=web a/z=1#app=web", scope: web, row: "3 +3 ~0 -0", asked: "Pod  app=web"},
			{objects: "a/x=1#app=web a/y=1#app=api", scope: web, row: "1 +0 ~0 -1", asked: "Pod  app=web, identities Pod a"},
			{objects: "a/x=1#app=web a/y=1#app=api", scope: web, row: "1 +0 ~0 -0", asked: "Pod  app=web, identities Pod a"},
			{objects: "a/x=1#app=web a/y=1#app=web", scope: web, row: "2 +0 ~0 -0", asked: "Pod  app=web"},
		}, standing: "Pod a/x: discovered\nPod a/y: discovered\nPod a/z: discovered, deleted"},
		{name: "deleted after it was relabelled out of a selector", steps: []step{
			{objects: "a/x=1#app=web a/y=1#app=web b/z=1#app=web", scope: web, row: "3 +3 ~0 -0"},
			{objects: "a/x=1#app=web a/y=1#app=api b/z=1#app=api", scope: web, row: "1 +0 ~0 -0"},
			{objects: "a/x=1#app=web b/z=1#app=api", scope: web, row: "1 +0 ~0 -0", asked: "Pod  app=web, identities Pod a,b", fails: errors.New("connection reset")},
			{objects: "a/x=1#app=web b/z=1#app=api", scope: web, row: "1 +0 ~0 -1", asked: "Pod  app=web, identities Pod a,b"},
			{objects: "a/x=1#app=web b/z=1#app=api", scope: web, row: "1 +0 ~0 -0", asked: "Pod  app=web, identities Pod b"},
		}, standing: "Pod a/x: discovered\nPod a/y: discovered, deleted\nPod b/z: discovered, out of scope"},
		{name: "deleted after it was relabelled, among other changes", steps: []step{
			{objects: "a/a=1#app=web a/b=1#app=web a/c=1#app=web a/d=1#app=web a/e=1#app=web", scope: web, row: "5 +5 ~0 -0"},
			{objects: "a/a=1#app=web a/b=1#app=api a/c=1#app=web a/d=1#app=web a/e=1#app=api", scope: web, row: "3 +0 ~0 -0"},
			{objects: "a/a=2#app=web a/c=2#app=web a/d=1#app=api", scope: web, row: "2 +0 ~2 -2"},
		}, standing: "Pod a/a: discovered, updated\nPod a/b: discovered, deleted\nPod a/c: discovered, updated\nPod a/d: discovered, out of scope\nPod a/e: discovered, deleted"},
		{name: "relabelled, and changed meanwhile", steps: []step{
			{objects: "a/x=1#app=web", scope: web, row: "1 +1 ~0 -0"},
			{objects: "a/x=2#app=api", scope: web, row: "0 +0 ~0 -0"},
			{objects: "a/x=3#app=web", scope: web, row: "1 +0 ~1 -0"},
		}, standing: "Pod a/x: discovered, updated"},
		{name: "made anew outside of a selector", steps: []step{
			{objects: "a/x=1@one#app=web", scope: web, row: "1 +1 ~0 -0"},
			{objects: "a/x=1@two#app=api", scope: web, row: "0 +0 ~0 -1"},
		}, standing: "Pod a/x: discovered, deleted"},
		{name: "whether they exist cannot be found out", steps: []step{
			{objects: "a/w=1#app=web a/x=1#app=web a/y=1#app=web", scope: web, row: "3 +3 ~0 -0"},
			{objects: "a/w=2#app=web a/x=1#app=api", scope: web, row: "partial 1 +0 ~1 -0", fails: errors.New("connection reset")},
			{objects: "a/w=2#app=web a/x=1#app=api", scope: web, row: "1 +0 ~0 -1"},
		}, standing: "Pod a/w: discovered, updated\nPod a/x: discovered, out of scope\nPod a/y: discovered, deleted"},
		{name: "relabelled into a selector", steps: []step{
			{objects: "a/x=1#app=web a/y=1#app=api", scope: web, row: "1 +1 ~0 -0"},
			{objects: "a/x=1#app=web a/y=1#app=web a/z=1#app=web," + later, scope: web, row: "3 +2 ~0 -0"},
		}, standing: "Pod a/x: discovered\nPod a/y: discovered\nPod a/z: created"},
		{name: "pods that succeed, left out at the server", steps: []step{
			{objects: "a/x=1#phase=Running a/y=1#phase=Succeeded", scope: running, row: "1 +1 ~0 -0", asked: "Pod   status.phase!=Succeeded"},
			{objects: "a/x=1#phase=Succeeded a/z=1#phase=Running," + later, scope: running, row: "1 +1 ~0 -0"},
			{objects: "a/z=1#phase=Running," + later, scope: running, row: "1 +0 ~0 -1"},
		}, standing: "Pod a/x: discovered, deleted\nPod a/z: created"},
		{name: "pods that succeed, left out here", plain: true, steps: []step{
			{objects: "a/x=1#phase=Running a/y=1#phase=Succeeded", scope: running, row: "1 +1 ~0 -0", asked: "Pod"},
			{objects: "a/x=1#phase=Succeeded a/y=1#phase=Succeeded", scope: running, row: "0 +0 ~0 -0"},
			{objects: "a/y=1#phase=Succeeded", scope: running, row: "0 +0 ~0 -1"},
		}, standing: "Pod a/x: discovered, deleted"},
		{name: "made anew outside of a selector, seen here", plain: true, steps: []step{
			{objects: "a/x=1@one#app=web a/y=1#app=web", scope: web, row: "2 +2 ~0 -0"},
			{objects: "a/x=1@two#app=api a/y=1#app=web", scope: web, row: "1 +0 ~0 -1"},
		}, standing: "Pod a/x: discovered, deleted\nPod a/y: discovered"},
		{name: "another uid under the same name", steps: []step{
			{objects: "a/x=1@one", row: "1 +1 ~0 -0"},
			{objects: "a/x=1@two", row: "1 +1 ~0 -1"},
		}, standing: "Pod a/x: discovered, deleted, created"},
	} {
		for _, ordered := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, ordered %v", c.name, ordered), func(t *testing.T) {
				l := newLake(t)
				resource := pods
				resource.Ordered = ordered
				for i, step := range c.steps {
					w := &world{resources: []Resource{resource}, objects: map[string][]string{"core.v1.Pod": strings.Fields(step.objects)}, identities: step.fails}
					var provider Provider = identifyingWorld{w}
					if c.plain {
						provider = w
					}
					options := optionsFor(l, provider)
					options.Scope = step.scope
					result, _ := syncOnce(t, options)
					want := step.row
					if !strings.Contains(want, "partial") {
						want = "complete " + want
					}
					if rows, _ := rowsOf(result); rows != "Pod "+want {
						t.Errorf("sync %d: %s, want %s", i+1, rows, want)
					}
					if asked := strings.Join(w.asked, ", "); step.asked != "" && asked != step.asked {
						t.Errorf("sync %d asked %q, want %q", i+1, asked, step.asked)
					}
					checkChanges(t, l)
				}
				if got := standing(t, l); got != c.standing {
					t.Errorf("the lake has\n%s\nwant\n%s", got, c.standing)
				}
			})
		}
	}
}

func TestIdentity(t *testing.T) {
	const one, two = "uid-of-one", "uid-of-two"
	type step struct {
		cluster, identity, says string // the last is the provider block's
		refused                 string // part of the message
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"the same cluster", []step{{"a", one, "", ""}, {"a", one, "", ""}}},
		{"another cluster under the id", []step{{"a", one, "", ""}, {"a", two, "", "the lake knows as a"}, {"a", one, "", ""}}},
		{"another one, as the block says", []step{{"a", one, "", ""}, {"a", two, two, ""}, {"a", two, "", ""}, {"a", one, "", "the lake knows as a"}}},
		{"another one than the block says", []step{{"a", one, two, "the credentials lead elsewhere"}, {"a", two, two, ""}}},
		{"any", []step{{"a", one, "any", ""}, {"a", two, "any", ""}, {"b", two, "any", ""}}},
		{"a renamed cluster", []step{{"a", one, "", ""}, {"b", one, "", "the lake knows it as a"}, {"b", one, one, ""}, {"b", one, "", ""}}},
		{"two clusters", []step{{"a", one, "", ""}, {"b", two, "", ""}}},
		{"one that does not tell", []step{{"a", "", "", ""}, {"b", "", "", ""}, {"a", one, "", ""}, {"a", "", "", ""}, {"a", two, "", "the lake knows as a"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			for i, step := range c.steps {
				before := filesOf(t, l)
				w := &world{resources: []Resource{configMaps}, objects: map[string][]string{"core.v1.ConfigMap": {fmt.Sprintf("a/x=%d", i)}}, identity: step.identity}
				options := optionsFor(l, w)
				options.Cluster, options.Name, options.Identity = step.cluster, step.cluster, step.says
				result, err := Sync(t.Context(), options)
				if step.refused == "" {
					if err != nil {
						t.Errorf("step %d: %v", i+1, err)
					}
					continue
				}
				if !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), step.refused) || result.Status != lake.Failed {
					t.Errorf("step %d: %s, %v", i+1, result.Status, err)
				}
				if after := filesOf(t, l); !slices.Equal(before, after) {
					t.Errorf("step %d has written %v on top of %v", i+1, after, before)
				}
			}
		})
	}
}

// filesOf lists everything in a lake.
func filesOf(t *testing.T, l *lake.Lake) []string {
	t.Helper()
	var files []string
	for info, err := range l.Store().List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, info.Key+" "+info.ETag)
	}
	return files
}

// What is kept of changes is set; versions are kept in any case, and events follow.
func TestChangesSettings(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes *Changes
		changed string
		events  string
	}{
		{"all", nil, "a/w created, a/x updated 1 [data.value] diff, a/y deleted", "resource.discovered a/w, change.detected a/x diff, resource.deleted a/y"},
		{"no diff", &Changes{Enabled: true, Deletions: true}, "a/w created, a/x updated 1 [data.value], a/y deleted",
			"resource.discovered a/w, change.detected a/x, resource.deleted a/y"},
		{"no deletions", &Changes{Enabled: true, Diff: true}, "a/w created, a/x updated 1 [data.value] diff", "resource.discovered a/w, change.detected a/x diff"},
		{"none", &Changes{Diff: true, Deletions: true}, "", "resource.discovered a/w, change.detected a/x, resource.deleted a/y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			options := optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1", "a/y=1"}})
			options.Changes = c.changes
			syncOnce(t, options)
			var events []string
			options.Emit = func(event Event) error {
				if event.ResourceID != "" {
					told := event.Type + " " + event.ResourceID
					if event.Diff != nil {
						told += " diff"
					}
					events = append(events, told)
				}
				return nil
			}
			options.Provider = &script{resource: configMaps, objects: []string{"a/w=1", "a/x=2"}}
			syncOnce(t, options)
			var changed []string
			for change := range changesIn(t, l) {
				told := change.ResourceID + " " + string(change.Operation)
				if change.Updated > 0 {
					told += fmt.Sprintf(" %d %v", change.Updated, change.Paths)
				}
				if change.Diff != nil {
					told += " diff"
				}
				if change.Diff == nil && change.Attribution != nil {
					t.Error("attribution without a diff")
				}
				changed = append(changed, told)
			}
			if got := strings.Join(changed, ", "); got != c.changed {
				t.Errorf("changes: %s\nwant %s", got, c.changed)
			}
			if got := strings.Join(events, ", "); got != c.events {
				t.Errorf("events: %s\nwant %s", got, c.events)
			}
			if got := story(t, l); got != "a/w: created 1\na/x: discovered 1, updated 2\na/y: discovered 1, deleted" {
				t.Error(got)
			}
		})
	}
}

// A list that breaks off proves by a uid that an object was deleted, also where its successor is out of scope, and nothing else.
func TestAUIDOutOfScopeProvesADeletion(t *testing.T) {
	l := newLake(t)
	pods := Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: true}
	w := &world{resources: []Resource{pods}, objects: map[string][]string{"core.v1.Pod": {"a/a=1#app=web", "a/b=1@one#app=web", "a/c=1#app=web", "a/d=1#app=web"}}}
	options := optionsFor(l, w)
	options.Scope = Scope{Labels: mustSelector(t, "app=web")}
	syncOnce(t, options)
	w.objects["core.v1.Pod"] = []string{"a/b=1@two#app=api", "a/c=2#app=web", "a/e=1#app=web"}
	w.fail = map[string]failure{"core.v1.Pod": {after: 2, with: errors.New("connection reset")}}
	result, _ := syncOnce(t, options)
	if rows, _ := rowsOf(result); rows != "Pod partial 1 +0 ~1 -1" {
		t.Error(rows)
	}
	const want = "Pod a/a: discovered\nPod a/b: discovered, deleted\nPod a/c: discovered, updated\nPod a/d: discovered"
	if got := standing(t, l); got != want {
		t.Errorf("the lake has\n%s\nwant\n%s", got, want)
	}
	checkChanges(t, l)
}
