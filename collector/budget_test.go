package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// crowd is a cluster of one type whose lists tell how many of them, of all clusters, are past the objects that need no budget.
type crowd struct {
	objects     int
	past, worst *atomic.Int64
}

func (c crowd) Discover(context.Context) (Discovery, error) {
	return Discovery{Resources: []Resource{{Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true, Ordered: true}}}, nil
}

func (c crowd) List(ctx context.Context, _ Resource, _ Selection, each func([]byte) error) (Listing, error) {
	for i := range c.objects {
		if err := each(fmt.Appendf(nil, `{"metadata": {"name": "c%05d", "namespace": "ns", "uid": "u%[1]d"}}`, i)); err != nil {
			return Listing{}, err
		}
		if i == manyObjects {
			if n := c.past.Add(1); n > c.worst.Load() {
				c.worst.Store(n)
			}
			defer c.past.Add(-1)
		}
	}
	return Listing{ResourceVersion: "1"}, nil
}

// Syncs that share a budget commit all there is, however few of the large ones may go at a time, and small and unchanged ones do not wait.
func TestBudget(t *testing.T) {
	l := newLake(t)
	budget := NewBudget(1)
	var past, worst atomic.Int64
	run := func(want int64) {
		t.Helper()
		var wait sync.WaitGroup
		for i := range 6 {
			options := optionsFor(l, crowd{objects: manyObjects + 300, past: &past, worst: &worst})
			options.Cluster, options.Budget = fmt.Sprintf("c%d", i), budget
			wait.Go(func() {
				result, err := Sync(t.Context(), options)
				if _, created, _, _ := result.Totals(); err != nil || result.Status != lake.Complete || created != want {
					t.Errorf("%s: %v, %d created: %v", options.Cluster, result.Status, created, err)
				}
			})
		}
		wait.Wait()
	}
	run(manyObjects + 300)
	if worst.Load() != 1 {
		t.Errorf("%d large commits were put together at a time, want 1", worst.Load())
	}

	// With the whole budget in another's hands.
	budget.turns <- struct{}{}
	run(0)
	options := optionsFor(l, crowd{objects: manyObjects, past: &past, worst: &worst})
	options.Cluster, options.Budget = "small", budget
	if result, err := Sync(t.Context(), options); err != nil || result.Status != lake.Complete {
		t.Errorf("a small sync: %v: %v", result.Status, err)
	}
	// What waits ends with its time-out, and has committed nothing.
	options = optionsFor(l, crowd{objects: manyObjects + 300, past: &past, worst: &worst})
	options.Cluster, options.Budget, options.Timeout = "late", budget, 50*time.Millisecond
	result, err := Sync(t.Context(), options)
	if err != nil || result.Status != lake.Partial || len(result.Rows) != 1 || result.Rows[0].Status != lake.Skipped || result.Committed != 0 {
		t.Errorf("a sync that waits: %+v: %v", result, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&share{budget: budget}).take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("take: %v", err)
	}
}
