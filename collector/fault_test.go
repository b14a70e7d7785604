package collector

import (
	"fmt"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store/faultstore"
)

// TestEveryStoreOperationFailsOnce fails each operation of the second of three syncs, before it takes effect and after, with the
// process living on and gone. The lake then holds exactly the state before or after the second sync, and the third goes on from there.
func TestEveryStoreOperationFailsOnce(t *testing.T) {
	const (
		first  = "a/x: discovered 1\na/y: discovered 1"
		second = "a/w: created 1\na/x: discovered 1, updated 2\na/y: discovered 1, deleted"
		// A third sync that finds what the second lost tells it itself.
		thirdAfterFirst  = "a/w: created 1\na/x: discovered 1, updated 3\na/y: discovered 1, deleted"
		thirdAfterSecond = "a/w: created 1\na/x: discovered 1, updated 2, updated 3\na/y: discovered 1, deleted"
	)
	for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After, faultstore.Short, faultstore.Broken} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("mode %d, crash %v", mode, crash), func(t *testing.T) {
				t.Parallel()
				n := 0
				for ; ; n++ {
					l, faults := newFaultyLake(t)
					run := func(objects ...string) (Result, error) {
						return Sync(t.Context(), optionsFor(l, &script{resource: configMaps, objects: objects}))
					}
					if _, err := run("a/x=1", "a/y=1"); err != nil {
						t.Fatal(err)
					}
					faults.Set(faultstore.Fault{N: n, Mode: mode, Crash: crash})
					result, err := run("a/w=1", "a/x=2")
					fired := faults.Fired()
					faults.Set()
					told := story(t, l)
					if told != first && told != second {
						t.Fatalf("operation %d failed: the lake tells neither the old nor the new state:\n%s", n, told)
					}
					if told == first && err == nil && result.Status == lake.Complete {
						t.Errorf("operation %d failed: nothing was committed, and the sync calls itself complete", n)
					}
					if result, err := run("a/w=1", "a/x=3"); err != nil || result.Status != lake.Complete {
						t.Fatalf("the sync after operation %d failed: %s %v %+v", n, result.Status, err, result.Rows)
					}
					want := thirdAfterFirst
					if told == second {
						want = thirdAfterSecond
					}
					if got := story(t, l); got != want {
						t.Fatalf("the sync after operation %d failed tells:\n%s", n, got)
					}
					checkChanges(t, l)
					if !fired {
						break
					}
				}
				if n < 5 {
					t.Errorf("a sync has only %d operations: the faults missed it", n)
				}
			})
		}
	}
}
