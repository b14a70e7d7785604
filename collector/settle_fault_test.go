package collector

import (
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store/faultstore"
)

// TestAMoveThatFailsMidway fails each operation of a sync in which a type moves to another version. Whatever came of it, the next sync brings the
// lake where it should be, and each history is told once.
func TestAMoveThatFailsMidway(t *testing.T) {
	const old, moved = "example.com.v1.Widget", "example.com.v2.Widget"
	resource := func(version string) Resource {
		return Resource{Group: "example.com", Version: version, Kind: "Widget", Plural: "widgets", Namespaced: true, Ordered: true}
	}
	const want = old + " a/x: discovered, moved to " + moved + "\n" + old + " a/y: discovered, deleted\n" + moved + " a/x: discovered\n" + moved + " a/z: created"
	for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
		for _, crash := range []bool{false, true} {
			n := 0
			for ; ; n++ {
				l, faults := newFaultyLake(t)
				before := &world{resources: []Resource{resource("v1")}, objects: map[string][]string{old: {"a/x=1", "a/y=1"}}}
				after := &world{resources: []Resource{resource("v2")}, objects: map[string][]string{moved: {"a/x=1", "a/z=1"}}}
				syncOnce(t, optionsFor(l, before))
				faults.Set(faultstore.Fault{N: n, Mode: mode, Crash: crash})
				result, err := Sync(t.Context(), optionsFor(l, after))
				fired := faults.Fired()
				faults.Set()
				told := standing(t, l)
				if strings.Contains(told, "moved to") && !strings.Contains(told, moved+" a/x") {
					t.Errorf("operation %d failed: the old type is retired before the new one is there:\n%s", n, told)
				}
				if err == nil && result.Status == lake.Complete && told != want {
					t.Errorf("operation %d failed, and the sync calls itself complete:\n%s", n, told)
				}
				if result, _ := syncOnce(t, optionsFor(l, after)); result.Status != lake.Complete {
					t.Errorf("the sync after operation %d: %+v", n, result)
				}
				if got := standing(t, l); got != want {
					t.Fatalf("the sync after operation %d failed (mode %d, crash %v) tells\n%s\nwant\n%s", n, mode, crash, got, want)
				}
				checkChanges(t, l)
				if !fired {
					break
				}
			}
			if n < 8 {
				t.Errorf("the sync has only %d operations: the faults missed it", n)
			}
		}
	}
}
