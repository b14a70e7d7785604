package lake_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
	"github.com/k8sq/k8sq/lake/store/s3"
	"github.com/k8sq/k8sq/lake/store/storetest"
)

func bucket(t *testing.T) store.Store {
	t.Helper()
	b := storetest.S3(t)
	b.Setenv(t)
	st, err := s3.Open(t.Context(), s3.Config{URL: b.URL("lake")})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestS3 goes the whole way on a real S3 server: commits, leftovers, races, the lease.
func TestS3(t *testing.T) {
	st := bucket(t)
	l := create(t, st)
	state := objects{"a/x": "1", "a/y": "1"}
	mustRecord(t, l, pods, "first", day(0), state)
	leave(t, st, 1, objects{"a/x": "lost"})
	state = objects{"a/x": "2", "a/z": "1"}
	mustRecord(t, l, pods, "second", day(1), state)
	if now, generation := check(t, l, pods); !maps.Equal(now, state) || generation != 2 {
		t.Fatalf("%v of generation %d", now, generation)
	}
	checkClean(t, l, pods)

	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 4 {
		other := reopen(t, st)
		group.Go(func() {
			err := record(t.Context(), other, pods, fmt.Sprint("racer-", i), day(2).Add(time.Duration(i)*time.Second), objects{"a/x": fmt.Sprint("racer-", i)})
			var conflict *lake.ConflictError
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.As(err, &conflict) && !late(err) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, generation := check(t, l, pods); generation != int64(2+won) {
		t.Errorf("generation %d after %d commits in the race", generation, won)
	}
	mustRecord(t, l, pods, "last", day(3), objects{"a/x": "last"})
	check(t, l, pods)
	checkClean(t, l, pods)

	first, err := l.Acquire(t.Context(), "prod", lake.Holder{PID: 1, Host: "elsewhere", SyncID: "first"}, lake.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.Acquire(t.Context(), "prod", lake.Holder{SyncID: "second"}, lake.LeaseOptions{TTL: time.Second, Waiting: func(lake.Holder) {
		if err := first.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOperations counts what a sync asks of a store: nothing for what has not changed, three puts for what has.
func TestOperations(t *testing.T) {
	st := faultstore.New(folder(t, t.TempDir()))
	create(t, st)
	l := reopen(t, st)
	mustRecord(t, l, pods, "first", day(0), objects{"a/x": "1"})
	found, err := l.Snapshots(t.Context(), "prod", "aws")
	if err != nil {
		t.Fatal(err)
	}
	for _, warm := range []bool{false, true} {
		st.Set()
		c, err := l.StateOf(t.Context(), pods, found["core.v1.Pod"])
		if err != nil {
			t.Fatal(err)
		}
		if ops := st.Count(); (ops == 0) != warm || ops > 1 {
			t.Errorf("a state takes %v (warm: %v)", st.Ops(), warm)
		}
		if !warm {
			c.Close()
			continue
		}
		defer c.Close()
		commit, err := stageChanges(t.Context(), l, c, "second", day(1), objects{"a/x": "2"})
		if err != nil {
			t.Fatal(err)
		}
		defer commit.Close()
		if _, err := commit.Commit(t.Context(), lake.Meta{SyncID: "second", CapturedAt: day(1)}); err != nil {
			t.Fatal(err)
		}
	}
	var kinds []faultstore.Kind
	for _, op := range st.Ops() {
		kinds = append(kinds, op.Kind)
	}
	if want := []faultstore.Kind{faultstore.List, faultstore.List, faultstore.Put, faultstore.Put, faultstore.Put}; !slices.Equal(kinds, want) {
		t.Errorf("a commit takes %v", st.Ops())
	}
}
