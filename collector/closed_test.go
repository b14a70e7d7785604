package collector

import (
	"testing"
)

// closedWorld is a world that says of what it does not discover that there is none.
type closedWorld struct{ *world }

func (closedWorld) Resource(resourceType string) (Resource, bool) {
	group, version, kind := splitType(resourceType)
	return Resource{Group: group, Version: version, Kind: kind, Namespaced: true, Ordered: true}, true
}

// In a folder of manifests a type goes with its last object, and an apiVersion that is raised moves its objects.
func TestTypesOfAClosedWorld(t *testing.T) {
	const v1, v2 = "example.com.v1.Widget", "example.com.v2.Widget"
	widgets := func(version string) Resource {
		return Resource{Group: "example.com", Version: version, Kind: "Widget", Plural: "widgets", Namespaced: true, Ordered: true}
	}
	l := newLake(t)
	for i, step := range []struct {
		resources []Resource
		objects   map[string][]string
		rows      string
	}{
		{[]Resource{widgets("v1"), configMaps}, map[string][]string{v1: {"a/x=1", "a/y=1"}, "core.v1.ConfigMap": {"a/c=1"}},
			v1 + " complete 2 +2 ~0 -0"},
		{[]Resource{widgets("v2")}, map[string][]string{v2: {"a/x=2"}}, v1 + " skipped 0 +0 ~0 -1; " + v2 + " complete 1 +1 ~0 -0"},
		{[]Resource{widgets("v2")}, map[string][]string{v2: {"a/x=2"}}, v2 + " complete 1 +0 ~0 -0"},
		{nil, nil, v2 + " complete 0 +0 ~0 -1"},
	} {
		result, _ := syncOnce(t, optionsFor(l, closedWorld{&world{resources: step.resources, objects: step.objects}}))
		if rows, told := widgetRows(result); rows != step.rows {
			t.Errorf("sync %d: %s (%s)", i+1, rows, told)
		}
	}
	const want = "ConfigMap a/c: discovered, deleted\n" + v1 + " a/x: discovered, moved to " + v2 + "\n" + v1 + " a/y: discovered, deleted\n" + v2 + " a/x: discovered, deleted"
	if got := standing(t, l); got != want {
		t.Errorf("the lake has\n%s", got)
	}
}
