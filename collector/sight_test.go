package collector

import (
	"slices"
	"strings"
	"testing"
)

// TestWhatIsAsked: what a sync asks of the provider under a scope, and what it makes of an object that is not listed any more: names alone are
// asked for only where a selector may have hidden it, and only in its namespace.
func TestWhatIsAsked(t *testing.T) {
	pods := Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: true}
	for _, c := range []struct {
		name        string
		scope       Scope
		first, then []string // objects
		asked       []string // in the second sync
		want        string
	}{
		{
			"all of it", Scope{}, []string{"a/x", "b/x", "b/y"}, []string{"a/x", "b/y"}, []string{"Pod"},
			"Pod a/x: discovered\nPod b/x: discovered, deleted\nPod b/y: discovered",
		},
		{
			"a namespace left out hides nothing of the others", Scope{ExcludeNamespaces: []string{"c"}}, []string{"a/x", "b/x"}, []string{"b/x", "c/x"},
			[]string{"Pod   metadata.namespace!=c"}, "Pod a/x: discovered, deleted\nPod b/x: discovered",
		},
		{
			"a label", Scope{Labels: Selector{{Key: "app", Operator: Exists}}}, []string{"a/x#app=1", "b/x#app=1", "b/y#app=1"}, []string{"a/x#app=1", "b/y"},
			[]string{"Pod  app", "identities Pod b"}, "Pod a/x: discovered\nPod b/x: discovered, deleted\nPod b/y: discovered, out of scope",
		},
		{
			"a label, and nothing is missing", Scope{Labels: Selector{{Key: "app", Operator: Exists}}}, []string{"a/x#app=1", "b/x"}, []string{"a/x#app=1"},
			[]string{"Pod  app"}, "Pod a/x: discovered",
		},
		{
			"a phase", Scope{IgnorePodPhases: []string{"Succeeded"}, ExcludeNamespaces: []string{"c"}}, []string{"a/x#phase=Running", "b/x#phase=Running", "c/x"},
			[]string{"a/x#phase=Succeeded"}, []string{"Pod   metadata.namespace!=c,status.phase!=Succeeded", "identities Pod a,b"},
			"Pod a/x: discovered, out of scope\nPod b/x: discovered, deleted",
		},
		{
			"a label of some namespaces", Scope{Labels: Selector{{Key: "app", Operator: Exists}}, Namespaces: []string{"a", "b"}}, []string{"a/x#app=1", "b/x#app=1"},
			[]string{"b/x#app=1"}, []string{"Pod a,b app", "identities Pod a"}, "Pod a/x: discovered, deleted\nPod b/x: discovered",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			w := &world{resources: []Resource{pods}, objects: map[string][]string{"core.v1.Pod": c.first}}
			options := optionsFor(l, identifyingWorld{w})
			options.Scope = c.scope
			syncOnce(t, options)
			w.objects["core.v1.Pod"], w.asked = c.then, nil
			syncOnce(t, options)
			if !slices.Equal(w.asked, c.asked) {
				t.Errorf("asked\n%q, want\n%q", w.asked, c.asked)
			}
			if got := standing(t, l); got != c.want {
				t.Errorf("the lake holds\n%s, want\n%s", got, strings.TrimSpace(c.want))
			}
		})
	}
}
