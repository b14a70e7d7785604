package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// places is a provider of objects that stand in places, of which it reads some, as that of manifests does.
type places struct {
	read    []string
	objects map[string][]string // place → "namespace/name=value"
}

func (p *places) Discover(context.Context) (Discovery, error) {
	return Discovery{Resources: []Resource{configMaps}, Source: p.read}, nil
}

func (p *places) Resource(string) (Resource, bool) { return configMaps, true }

func (p *places) List(_ context.Context, _ Resource, _ Selection, each func([]byte) error) (Listing, error) {
	var all []string
	for _, place := range p.read {
		all = append(all, p.objects[place]...)
	}
	slices.Sort(all)
	for _, object := range all {
		if err := each([]byte(objectJSON(object))); err != nil {
			return Listing{}, err
		}
	}
	return Listing{}, nil
}

// TestPlaces: which places hide objects when they are not read any more, and which hold objects that may have been there before.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		then, now    string
		lost, gained bool
	}{
		{"a b", "a b", false, false},
		{"a b", "b", true, false},
		{"b", "a b", false, true},
		{"a b", "b c", true, true},
		{"a", "b", false, false},
		{"a b", "c d", false, false},
		{"./clusters/prod", "./clusters/prod/apps", true, false},
		{"clusters/prod/apps", "./clusters/prod/", false, true},
		{"./clusters/prod", "clusters/prod/", false, false},
		{"clusters/*", "clusters/prod", true, false},
		{"clusters/prod/*.yaml", "clusters/prod", false, true},
		{".", "clusters", true, false},
		{".", "..", false, true},
		{"..", "../..", false, true},
		{"../a", "a", false, false},
		{"/", "/a", true, false},
		{".", "/a", false, false},
		{"clusters/prod", "clusters/production", false, false},
		{"dumps/[1", "dumps/[1", false, false},
		{"", "a", false, false},
	} {
		then, now := Scope{Source: strings.Fields(c.then)}, Scope{Source: strings.Fields(c.now)}
		if lost, gained := now.lostSource(then), now.gainedSource(then); lost != c.lost || gained != c.gained {
			t.Errorf("%q, and then %q: lost %v, gained %v", c.then, c.now, lost, gained)
		}
	}
}

// TestSource: a place that is no longer read hides its objects and deletes none, one that is read anew creates none, and others instead of
// all are a newer state of them.
func TestSource(t *testing.T) {
	l := newLake(t)
	provider := &places{}
	step := func(what string, read []string, objects map[string][]string, want string) {
		t.Helper()
		provider.read, provider.objects = read, objects
		if result, _ := syncOnce(t, optionsFor(l, provider)); result.Status != lake.Complete {
			t.Errorf("%s: %s", what, result.Status)
		}
		var got []string
		for snapshot := range snapshotsIn(t, l) {
			state := ""
			switch {
			case !snapshot.DeletedAt.IsZero():
				state = " deleted"
			case snapshot.UnobservedReason != "":
				state = " " + snapshot.UnobservedReason
			}
			got = append(got, fmt.Sprintf("%s %d%s", snapshot.Name, snapshot.LatestVersion, state))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %s, want %s", what, strings.Join(got, ", "), want)
		}
	}
	both := map[string][]string{"east": {"n/a=1", "n/b=1"}, "west": {"n/c=1", "n/d=1"}}
	step("two places", []string{"east", "west"}, both, "a 1, b 1, c 1, d 1")
	step("an object less", []string{"west", "east"}, map[string][]string{"east": {"n/a=1"}, "west": {"n/c=1", "n/d=1"}}, "a 1, b 2 deleted, c 1, d 1")
	step("one place", []string{"east"}, both, "a 1, b 3, c 1 out of scope, d 1 out of scope")
	step("the same place", []string{"east"}, both, "a 1, b 3, c 1 out of scope, d 1 out of scope")
	step("an object less of one place", []string{"east"}, map[string][]string{"east": {"n/b=1"}}, "a 2 deleted, b 3, c 1 out of scope, d 1 out of scope")
	step("both again, where one has changed", []string{"east", "west"}, map[string][]string{"east": {"n/b=1"}, "west": {"n/c=2", "n/e=1"}},
		"a 2 deleted, b 3, c 2, d 1 out of scope, e 1")
	step("another place instead", []string{"north"}, map[string][]string{"north": {"n/c=2", "n/f=1"}}, "a 2 deleted, b 4 deleted, c 2, d 1 out of scope, e 2 deleted, f 1")

	step("a place within it", []string{"north/apps"}, map[string][]string{"north/apps": {"n/f=1"}},
		"a 2 deleted, b 4 deleted, c 2 out of scope, d 1 out of scope, e 2 deleted, f 1")
	step("another beside it, one of two", []string{"north/apps", "south"}, map[string][]string{"north/apps": {"n/f=1"}, "south": {"n/g=1"}},
		"a 2 deleted, b 4 deleted, c 2 out of scope, d 1 out of scope, e 2 deleted, f 1, g 1")
	step("one of two is another", []string{"north/apps", "west"}, map[string][]string{"north/apps": {"n/f=1"}, "west": {"n/h=1"}},
		"a 2 deleted, b 4 deleted, c 2 out of scope, d 1 out of scope, e 2 deleted, f 1, g 1 out of scope, h 1")

	operations := map[string]string{}
	for version := range versionsIn(t, l) {
		operations[version.Name] += " " + string(version.Operation)
	}
	for name, want := range map[string]string{
		"a": " discovered deleted", "b": " discovered deleted created deleted", "c": " discovered updated", "d": " discovered",
		"e": " discovered deleted", "f": " created", "g": " discovered", "h": " discovered",
	} {
		if operations[name] != want {
			t.Errorf("%s:%s, want%s", name, operations[name], want)
		}
	}
}
