package lake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
	"github.com/k8sq/k8sq/lake/store/local"
)

func TestCommit(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	l := create(t, folder(t, t.TempDir()))
	c, err := l.State(t.Context(), pods)
	if err != nil || c.Generation != 0 || c.ETag != "" || c.Complete || !c.CapturedAt.IsZero() {
		t.Fatalf("the state of a partition that is not there: %+v, %v", c, err)
	}
	states := []objects{
		{"a/x": "1", "a/y": "1", "b/x": "1"},
		{"a/x": "1", "a/y": "2", "b/x": "1", "b/y": "1"},
		{"a/x": "1", "a/y": "2", "b/y": "1"},
		{"a/x": "1", "a/y": "2", "b/y": "1", "b/x": "again"},
	}
	for i, state := range states {
		mustRecord(t, l, pods, fmt.Sprint("sync-", i), day(i), state)
		now, generation := check(t, l, pods)
		if !maps.Equal(now, state) || generation != int64(i+1) {
			t.Fatalf("after commit %d: %v of generation %d", i, now, generation)
		}
	}
	c, err = l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.SyncID != "sync-3" || !c.CapturedAt.Equal(day(3)) || !c.Complete {
		t.Errorf("the last commit: %+v", c)
	}
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
}

func TestCommitRefuses(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	mustRecord(t, l, pods, "first", day(1), objects{"a/x": "1"})
	for name, at := range map[string]time.Time{"the same time": day(1), "an earlier time": day(0), "half a microsecond later": day(1).Add(500)} {
		if err := record(t.Context(), l, pods, "second", at, objects{"a/x": "2"}); err == nil || !strings.Contains(err.Error(), "core.v1.Pod in prod") {
			t.Errorf("a commit at %s: %v", name, err)
		}
	}
	c, err := l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := l.Begin(c, lake.Partition{Cluster: "other", Provider: "aws", Type: "core.v1.Pod"}); err == nil {
		t.Error("a commit on top of another partition's state was begun")
	}
	commit, err := l.Begin(c, pods)
	if err != nil {
		t.Fatal(err)
	}
	defer commit.Close()
	if err := commit.AddSnapshot(&lake.Snapshot{Identity: identityOf("b/x")}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a/x", "b/x"} {
		if err := commit.AddSnapshot(&lake.Snapshot{Identity: identityOf(id)}); err == nil {
			t.Errorf("%s was added after b/x", id)
		}
	}
	if _, err := commit.Commit(t.Context(), lake.Meta{CapturedAt: day(2)}); err == nil {
		t.Error("a commit without a sync id")
	}
	if now, generation := check(t, l, pods); !maps.Equal(now, objects{"a/x": "1"}) || generation != 1 {
		t.Errorf("afterwards: %v of generation %d", now, generation)
	}
}

func TestCommittedRowsCanBeReadAgain(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	mustRecord(t, l, pods, "first", day(0), objects{"a/x": "1"})
	c, err := l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	commit, err := stageChanges(t.Context(), l, c, "second", day(1), objects{"a/x": "2", "a/y": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commit.Commit(t.Context(), lake.Meta{SyncID: "second", CapturedAt: day(1)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got []string
		for v, err := range commit.Versions(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %d of %d", v.Operation, v.ResourceID, v.Version, v.Generation))
		}
		for change, err := range commit.Changes(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %d→%d", change.Operation, change.ResourceID, change.FromVersion, change.ToVersion))
		}
		if want := "[updated a/x 2 of 2 created a/y 1 of 2 updated a/x 1→2 created a/y 0→1]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if err := commit.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStateStaysReadable(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	mustRecord(t, l, pods, "first", day(0), objects{"a/x": "1"})
	c, err := l.State(t.Context(), pods)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mustRecord(t, l, pods, "second", day(1), objects{"a/x": "2"})
	rows, err := c.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if row, err := rows.Next(); err != nil || string(row.Spec) != `{"content":"1"}` {
		t.Errorf("%+v, %v; want the first state", row, err)
	}
}

// TestFaults fails each operation of a commit once, in each way: the partition is exactly as it was or as it was to become, and the next commit
// succeeds without help and leaves nothing behind.
func TestFaults(t *testing.T) {
	before := []objects{{"a/x": "1", "a/y": "1"}, {"a/x": "2", "a/y": "1"}}
	starts := []int{0, 2}
	if testing.Short() {
		starts = starts[:1]
	}
	for _, start := range starts {
		for _, leftover := range []bool{false, true} {
			for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
				for _, crash := range []bool{false, true} {
					t.Run(fmt.Sprintf("after %d commits,leftovers=%v,mode=%d,crash=%v", start, leftover, mode, crash), func(t *testing.T) {
						t.Parallel()
						faults(t, before[:start], leftover, mode, crash)
					})
				}
			}
		}
	}
}

func faults(t *testing.T, before []objects, leftover bool, mode faultstore.Mode, crash bool) {
	old := objects{}
	if len(before) > 0 {
		old = before[len(before)-1]
	}
	next := objects{"a/x": "new", "a/z": "new"}
	outcomes := map[string]int{}
	for n := 0; ; n++ {
		st := folder(t, t.TempDir())
		l := create(t, st)
		for i, state := range before {
			mustRecord(t, l, pods, fmt.Sprint("before-", i), day(i), state)
		}
		if leftover {
			leave(t, st, len(before), objects{"a/x": "lost", "b/lost": "lost"})
		}
		faulty := faultstore.New(st)
		fl, err := lake.Open(t.Context(), faulty, files(t))
		if err != nil {
			t.Fatal(err)
		}
		faulty.Set(faultstore.Fault{N: n, Mode: mode, Crash: crash})
		err = record(t.Context(), fl, pods, "faulty", day(len(before)+1), next)
		if !faulty.Fired() {
			if err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			break
		}
		var conflict *lake.ConflictError
		if err != nil && !errors.Is(err, faultstore.ErrInjected) && !errors.As(err, &conflict) {
			t.Errorf("operation %d failed: %v", n, err)
		}
		now, generation := check(t, l, pods)
		switch {
		case generation == int64(len(before)) && maps.Equal(now, old) && err != nil:
			outcomes["old"]++
		case generation == int64(len(before))+1 && maps.Equal(now, next):
			outcomes["new"]++
		default:
			t.Fatalf("operation %d (%v) failed with %v and left %v of generation %d", n, faulty.Ops()[n], err, now, generation)
		}
		last := objects{"a/x": "last", "b/new": "1"}
		mustRecord(t, l, pods, "next", day(len(before)+2), last)
		if now, g := check(t, l, pods); !maps.Equal(now, last) || g != generation+1 {
			t.Fatalf("the commit after the failure of operation %d left %v of generation %d", n, now, g)
		}
		checkClean(t, l, pods)
		if t.Failed() {
			t.Fatalf("after the failure of operation %d, %v: %v", n, faulty.Ops()[n], err)
		}
	}
	// An After of the snapshot's put has committed; a Before of the same has not.
	if outcomes["old"] == 0 || (mode == faultstore.After) != (outcomes["new"] > 0) {
		t.Errorf("outcomes: %v", outcomes)
	}
}

// leave leaves what a commit leaves that crashes just before it puts the snapshot.
func leave(t *testing.T, st store.Store, days int, state objects) {
	t.Helper()
	faulty := faultstore.New(st)
	l, err := lake.Open(t.Context(), faulty, files(t))
	if err != nil {
		t.Fatal(err)
	}
	faulty.Set(faultstore.Fault{Crash: true, Match: func(op faultstore.Op) bool {
		return op.Kind == faultstore.Put && strings.HasPrefix(op.Key, lake.TableSnapshots)
	}})
	if err := record(t.Context(), l, pods, "crashed", day(days), state); !errors.Is(err, faultstore.ErrInjected) {
		t.Fatalf("the commit that was to crash: %v", err)
	}
}

func TestTwoCommitters(t *testing.T) {
	for start := range 2 {
		l := create(t, folder(t, t.TempDir()))
		for i := range start {
			mustRecord(t, l, pods, "before", day(i), objects{"a/x": "1"})
		}
		var commits []*lake.Commit
		states := []objects{{"a/x": "first", "a/y": "first"}, {"a/x": "second", "a/z": "second"}}
		for i, state := range states {
			c, err := l.State(t.Context(), pods)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			commit, err := stageChanges(t.Context(), l, c, fmt.Sprint("sync-", i), day(5), state)
			if err != nil {
				t.Fatal(err)
			}
			defer commit.Close()
			commits = append(commits, commit)
		}
		if _, err := commits[0].Commit(t.Context(), lake.Meta{SyncID: "sync-0", CapturedAt: day(5)}); err != nil {
			t.Fatal(err)
		}
		_, err := commits[1].Commit(t.Context(), lake.Meta{SyncID: "sync-1", CapturedAt: day(5)})
		var conflict *lake.ConflictError
		if !errors.As(err, &conflict) || !errors.Is(err, store.ErrConflict) || conflict.OtherSyncID != "sync-0" || conflict.Partition != pods {
			t.Fatalf("the second commit: %v (%+v)", err, conflict)
		}
		if !strings.Contains(err.Error(), "sync-0") || !strings.Contains(err.Error(), "core.v1.Pod in prod") {
			t.Errorf("the error %q does not say who and where", err)
		}
		if now, _ := check(t, l, pods); !maps.Equal(now, states[0]) {
			t.Errorf("afterwards: %v", now)
		}
		checkClean(t, l, pods)
	}
}

// TestFence has a writer fall asleep between its data files and its snapshot, while another repairs and commits.
func TestFence(t *testing.T) {
	for start := range 2 {
		st := folder(t, t.TempDir())
		l := create(t, st)
		for i := range start {
			mustRecord(t, l, pods, "before", day(i), objects{"a/x": "1"})
		}
		asleep, wake := make(chan struct{}), make(chan struct{})
		sleepy, err := lake.Open(t.Context(), &sleepyStore{Store: st, kind: faultstore.Put, before: lake.TableSnapshots, asleep: asleep, wake: wake}, files(t))
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			failed <- record(t.Context(), sleepy, pods, "sleepy", day(5), objects{"a/x": "stale", "a/stale": "1"})
		}()
		<-asleep
		mustRecord(t, l, pods, "awake", day(5).Add(time.Second), objects{"a/x": "awake"}) // the same date: the same keys
		close(wake)
		var conflict *lake.ConflictError
		if err := <-failed; !errors.As(err, &conflict) || conflict.OtherSyncID != "awake" {
			t.Fatalf("the stale writer: %v", err)
		}
		if now, generation := check(t, l, pods); !maps.Equal(now, objects{"a/x": "awake"}) || generation != int64(start+1) {
			t.Errorf("%v of generation %d", now, generation)
		}
		checkClean(t, l, pods)
	}
}

// TestCommittedFilesAreNotOverwritten has a writer fall asleep before its first put, while another commits the same generation under the same names.
func TestCommittedFilesAreNotOverwritten(t *testing.T) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	sleepy := &sleepyStore{Store: st, kind: faultstore.Put, before: lake.TableVersions, asleep: make(chan struct{}), wake: make(chan struct{})}
	sleepyLake, failed := reopen(t, sleepy), make(chan error)
	go func() { failed <- record(t.Context(), sleepyLake, pods, "sleepy", day(5), objects{"a/x": "stale"}) }()
	<-sleepy.asleep
	mustRecord(t, l, pods, "awake", day(5), objects{"a/x": "awake"})
	close(sleepy.wake)
	var conflict *lake.ConflictError
	if err := <-failed; !errors.As(err, &conflict) || conflict.OtherSyncID != "awake" {
		t.Errorf("the stale writer: %v", err)
	}
	if now, generation := check(t, l, pods); !maps.Equal(now, objects{"a/x": "awake"}) || generation != 1 {
		t.Errorf("%v of generation %d", now, generation)
	}
	checkClean(t, l, pods)
}

// TestFenceHoldsBackACommit has the stale writer wake between the repair and the other's commit: its snapshot must be refused, because its data files are
// gone.
func TestFenceHoldsBackACommit(t *testing.T) {
	for start := range 2 {
		st := folder(t, t.TempDir())
		l := create(t, st)
		for i := range start {
			mustRecord(t, l, pods, "before", day(i), objects{"a/x": "1"})
		}
		stale := &sleepyStore{Store: st, kind: faultstore.Put, before: lake.TableSnapshots, asleep: make(chan struct{}), wake: make(chan struct{})}
		staleDone := make(chan error)
		staleLake, repairing := reopen(t, stale), &sleepyStore{Store: st, kind: faultstore.Put, before: lake.TableVersions, asleep: make(chan struct{}), wake: make(chan struct{})}
		go func() { staleDone <- record(t.Context(), staleLake, pods, "stale", day(5), objects{"a/x": "stale"}) }()
		<-stale.asleep
		repairingLake, repairingDone := reopen(t, repairing), make(chan error)
		go func() {
			repairingDone <- record(t.Context(), repairingLake, pods, "repairing", day(5).Add(time.Second), objects{"a/x": "repaired"})
		}()
		<-repairing.asleep
		close(stale.wake)
		var conflict *lake.ConflictError
		if err := <-staleDone; !errors.As(err, &conflict) {
			t.Errorf("the stale writer: %v", err)
		}
		check(t, l, pods)
		close(repairing.wake)
		if err := <-repairingDone; err != nil {
			t.Errorf("the writer that repaired: %v", err)
		}
		if now, generation := check(t, l, pods); !maps.Equal(now, objects{"a/x": "repaired"}) || generation != int64(start+1) {
			t.Errorf("%v of generation %d", now, generation)
		}
		checkClean(t, l, pods)
	}
}

// sleepyStore waits before the first operation of a kind on a key that begins with before.
type sleepyStore struct {
	store.Store
	kind         faultstore.Kind
	before       string
	asleep, wake chan struct{}
	once         sync.Once
}

func (s *sleepyStore) sleep(kind faultstore.Kind, key string) {
	if kind == s.kind && strings.HasPrefix(key, s.before) {
		s.once.Do(func() {
			close(s.asleep)
			<-s.wake
		})
	}
}

func (s *sleepyStore) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	s.sleep(faultstore.Put, key)
	return s.Store.Put(ctx, key, body, size, condition)
}

func (s *sleepyStore) Delete(ctx context.Context, key, ifMatch string) error {
	s.sleep(faultstore.Delete, key)
	return s.Store.Delete(ctx, key, ifMatch)
}

// TestRepairSparesANewerFile has a writer fall asleep before it deletes a leftover, while another deletes it and commits a file under the same name.
func TestRepairSparesANewerFile(t *testing.T) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	mustRecord(t, l, pods, "before", day(0), objects{"a/x": "1"})
	leave(t, st, 5, objects{"a/x": "lost"})
	asleep, wake := make(chan struct{}), make(chan struct{})
	sleepy := reopen(t, &sleepyStore{Store: st, kind: faultstore.Delete, before: lake.TableVersions, asleep: asleep, wake: wake})
	failed := make(chan error)
	go func() { failed <- record(t.Context(), sleepy, pods, "sleepy", day(5), objects{"a/x": "stale"}) }()
	<-asleep
	mustRecord(t, l, pods, "awake", day(5), objects{"a/x": "awake"})
	close(wake)
	var conflict *lake.ConflictError
	if err := <-failed; !errors.As(err, &conflict) || conflict.OtherSyncID != "awake" {
		t.Fatalf("the stale writer: %v", err)
	}
	if now, generation := check(t, l, pods); !maps.Equal(now, objects{"a/x": "awake"}) || generation != 2 {
		t.Errorf("%v of generation %d", now, generation)
	}
	checkClean(t, l, pods)
}

// TestStrayFileOfACommittedGeneration is the case that the generation alone does not tell: a writer sleeps before its first put, loses the race, puts a file
// under a key that the winner did not use, and dies.
func TestStrayFileOfACommittedGeneration(t *testing.T) {
	dir := t.TempDir()
	st := folder(t, dir)
	l := create(t, st)
	mustRecord(t, l, pods, "first", day(0), objects{"a/x": "1"})
	// The sleeper has looked for leftovers when it sleeps, and dies at its second put, so that it deletes nothing.
	faulty := faultstore.New(st)
	asleep, wake := make(chan struct{}), make(chan struct{})
	sleepy, err := lake.Open(t.Context(), &sleepyStore{Store: faulty, kind: faultstore.Put, before: lake.TableVersions, asleep: asleep, wake: wake}, files(t))
	if err != nil {
		t.Fatal(err)
	}
	faulty.Set(faultstore.Fault{N: 1, Match: faultstore.Kinds(faultstore.Put), Crash: true})
	failed := make(chan error)
	go func() { failed <- record(t.Context(), sleepy, pods, "sleepy", day(3), objects{"a/x": "stray"}) }()
	<-asleep
	mustRecord(t, l, pods, "winner", day(2), objects{"a/x": "2"})
	close(wake)
	if err := <-failed; !errors.Is(err, faultstore.ErrInjected) {
		t.Fatalf("the writer that was to die: %v", err)
	}
	files, err := l.Files(t.Context(), lake.TableVersions)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 || files[2].First != 2 {
		t.Fatalf("the stray file is not there: %d files", len(files))
	}
	if now, generation := check(t, l, pods); !maps.Equal(now, objects{"a/x": "2"}) || generation != 2 {
		t.Errorf("%v of generation %d", now, generation)
	}
	mustRecord(t, l, pods, "next", day(4), objects{"a/x": "3"})
	check(t, l, pods)
	checkClean(t, l, pods)
}

func TestCreateRace(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 8)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			st, err := local.Open(dir, true)
			if err != nil {
				t.Error(err)
				return
			}
			l, err := lake.Create(t.Context(), st, files(t))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = l.ID()
		})
	}
	group.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("ids: %q", ids)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, test := range []struct {
		name, content string
		want          error
		message       string
	}{
		{"nothing", "", lake.ErrNoLake, "run k8sq sync first"},
		{"newer", `{"format":2,"id":"x"}`, lake.ErrNewerFormat, "2"},
		{"damaged", `{"form`, nil, "damaged"},
		{"empty", `{}`, nil, "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := folder(t, t.TempDir())
			if test.content != "" {
				if _, err := st.Put(t.Context(), "lake.json", bytes.NewReader([]byte(test.content)), int64(len(test.content)), store.Condition{}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := lake.Open(t.Context(), st, files(t))
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) || !strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), st.String()) {
				t.Errorf("%v", err)
			}
		})
	}
	missing, err := local.Open(t.TempDir()+"/missing", false)
	if err == nil {
		_, err = lake.Open(t.Context(), missing, files(t))
	}
	if !errors.Is(err, store.ErrNoRoot) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
