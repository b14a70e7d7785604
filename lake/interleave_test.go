package lake_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

// turns is a store whose every operation waits until it is its writer's turn, and fails from the moment that the writer has died.
type turns struct {
	inner store.Store
	ready chan struct{} // the writer is about to do an operation
	grant chan verdict
	dead  bool
	trace *[]string
	name  string
}

type verdict int

const (
	proceed verdict = iota
	dieBefore
	dieAfter
)

var errDead = errors.New("the process is dead")

// turn waits for the scheduler; after says that the operation takes effect, but that its writer is dead when it returns.
func (s *turns) turn(what string) (after bool, err error) {
	if s.dead {
		return false, errDead
	}
	s.ready <- struct{}{}
	v := <-s.grant
	*s.trace = append(*s.trace, fmt.Sprintf("%s: %s%s", s.name, what, []string{"", " (dies before)", " (dies after)"}[v]))
	s.dead = v != proceed
	if v == dieBefore {
		return false, errDead
	}
	return v == dieAfter, nil
}

func (s *turns) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	if _, err := s.turn("get " + key); err != nil {
		return nil, store.Info{}, err
	}
	return s.inner.Get(ctx, key)
}

func (s *turns) GetRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, store.Info, error) {
	if _, err := s.turn("get range " + key); err != nil {
		return nil, store.Info{}, err
	}
	return s.inner.GetRange(ctx, key, offset, n)
}

func (s *turns) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	after, err := s.turn("put " + key)
	if err != nil {
		return store.Info{}, err
	}
	info, err := s.inner.Put(ctx, key, body, size, condition)
	if after {
		return store.Info{}, errDead
	}
	return info, err
}

func (s *turns) List(ctx context.Context, prefix, after string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		if _, err := s.turn("list " + prefix); err != nil {
			yield(store.Info{}, err)
			return
		}
		s.inner.List(ctx, prefix, after)(yield)
	}
}

func (s *turns) Delete(ctx context.Context, key, ifMatch string) error {
	after, err := s.turn("delete " + key)
	if err != nil {
		return err
	}
	err = s.inner.Delete(ctx, key, ifMatch)
	if after {
		return errDead
	}
	return err
}

func (s *turns) String() string { return s.inner.String() }

// TestInterleavings lets three writers commit to one partition, each store operation a turn, in many orders, some of them dying on the way, some on other
// dates than the others. Whatever the order: what is committed is whole, and is of as many generations as commits came to be.
func TestInterleavings(t *testing.T) {
	runs := 60
	if testing.Short() {
		runs = 20
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			interleave(t, rand.New(rand.NewPCG(seed, 11)))
		})
	}
}

func interleave(t *testing.T, r *rand.Rand) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	start := r.IntN(3)
	state := objects{"a/x": "1", "a/y": "1"}
	for i := range start {
		state["a/x"] = fmt.Sprint(i)
		mustRecord(t, l, pods, fmt.Sprint("before-", i), day(i), state)
	}
	if r.IntN(2) == 0 {
		leave(t, st, 3, objects{"a/x": "lost"})
	}

	type writer struct {
		store *turns
		state objects
		done  chan error
	}
	var trace []string
	var alive []*writer
	proposals := []objects{state}
	for i := range 3 {
		name := fmt.Sprint("writer-", i)
		w := &writer{
			store: &turns{inner: st, ready: make(chan struct{}), grant: make(chan verdict), trace: &trace, name: name},
			state: objects{"a/x": name, fmt.Sprintf("b/%d", i): "new"}, done: make(chan error, 1),
		}
		if r.IntN(3) == 0 {
			w.state = objects{"a/x": state["a/x"], "a/y": "1", "a/only-" + name: "new"} // no change of what is there
		}
		proposals = append(proposals, w.state)
		alive = append(alive, w)
		at := day(3 + r.IntN(2)).Add(1000 * 1000 * 1000)
		go func() {
			wl, err := lake.Open(t.Context(), w.store, files(t))
			if err == nil {
				err = record(t.Context(), wl, pods, name, at, w.state)
			}
			w.done <- err
		}()
	}
	succeeded, died := 0, false
	// settle waits until a writer asks for its next turn, or has ended: only one at a time is ever on the move.
	settle := func(w *writer) (ended bool) {
		select {
		case <-w.store.ready:
			return false
		case err := <-w.done:
			var conflict *lake.ConflictError
			switch {
			case err == nil:
				succeeded++
			case errors.Is(err, errDead):
				died = true
			case !errors.As(err, &conflict) && !late(err):
				t.Errorf("a writer failed: %v", err)
			}
			return true
		}
	}
	alive = slices.DeleteFunc(alive, settle)
	for len(alive) > 0 {
		i := r.IntN(len(alive))
		v := proceed
		if r.IntN(25) == 0 {
			v = dieBefore + verdict(r.IntN(2))
		}
		alive[i].store.grant <- v
		if settle(alive[i]) {
			alive = slices.Delete(alive, i, i+1)
		}
	}
	now, generation := check(t, l, pods)
	known := false
	for _, p := range proposals {
		known = known || maps.Equal(now, p) || (start == 0 && len(now) == 0)
	}
	if !known {
		t.Errorf("the state is nobody's: %v", now)
	}
	// A writer that died may have committed without coming to know it.
	if came := int(generation) - start; came < succeeded || (!died && came != succeeded) || came > 3 {
		t.Errorf("%d generations came of %d commits that succeeded", came, succeeded)
	}
	last := objects{"a/x": "last"}
	mustRecord(t, l, pods, "last", day(9), last)
	if now, g := check(t, l, pods); !maps.Equal(now, last) || g != generation+1 {
		t.Errorf("the next sync left %v of generation %d after %d", now, g, generation)
	}
	if t.Failed() {
		for _, step := range trace {
			t.Log(step)
		}
	}
}
