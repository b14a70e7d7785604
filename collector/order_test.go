package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// TestEventsOfACommitAreOnePiece has many types committed at once: each commit's events come in one piece, once, in the order of the
// versions. That the pieces are in the order of the commits is TestTurns.
func TestEventsOfACommitAreOnePiece(t *testing.T) {
	l := newLake(t)
	w := &world{objects: map[string][]string{}}
	const types, each = 12, 40
	for i := range types {
		resource := Resource{Group: "example.com", Version: "v1", Kind: fmt.Sprintf("Kind%d", i), Plural: fmt.Sprintf("kind%d", i), Namespaced: true, Ordered: true}
		w.resources = append(w.resources, resource)
		for n := range each {
			w.objects[resource.Type()] = append(w.objects[resource.Type()], fmt.Sprintf("a/x%02d=1", n))
		}
	}
	options := optionsFor(l, w)
	options.Concurrency = 8
	var pieces []string // the types, as their events come
	var events []string
	emitting := 0
	options.Emit = func(event Event) error {
		if emitting++; emitting != 1 {
			t.Error("two events at once")
		}
		defer func() { emitting-- }()
		if event.ResourceType == "" {
			return nil
		}
		if len(pieces) == 0 || pieces[len(pieces)-1] != event.ResourceType {
			pieces = append(pieces, event.ResourceType)
		}
		events = append(events, event.ResourceType+" "+event.ResourceID+" "+event.Type)
		return nil
	}
	syncOnce(t, options)
	if len(pieces) != types || len(events) != types*each {
		t.Fatalf("%d events in %d pieces: %v", len(events), len(pieces), pieces)
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(events))); len(sorted) != len(events) {
		t.Error("an event came twice")
	}
	for i := 1; i < len(events); i++ {
		if i%each != 0 && events[i] <= events[i-1] {
			t.Errorf("%s after %s", events[i], events[i-1])
		}
	}
	// A few changes, of every type one.
	pieces, events = nil, nil
	for resourceType := range w.objects {
		w.objects[resourceType][7] = "a/x07=2"
		w.objects[resourceType] = w.objects[resourceType][:each-1]
	}
	syncOnce(t, options)
	if len(pieces) != types || len(events) != 2*types {
		t.Errorf("%d events in %d pieces", len(events), len(pieces))
	}
	for i, event := range events {
		want := []string{"a/x07 change.detected", "a/x39 resource.deleted"}[i%2]
		if !strings.HasSuffix(event, want) {
			t.Errorf("event %d is %s", i, event)
		}
	}
}

// TestTurns gives turns in one order, and has them waited for in another.
func TestTurns(t *testing.T) {
	var all Order
	var taken []int64
	for range 50 {
		taken = append(taken, all.take())
	}
	var order []int64
	var group sync.WaitGroup
	for _, turn := range slices.Backward(taken) {
		group.Go(func() {
			all.wait(turn)
			order = append(order, turn) // it is nobody else's turn
			all.done()
		})
	}
	group.Wait()
	if !slices.Equal(order, taken) {
		t.Errorf("the turns came as %v", order)
	}
}

// A commit is told even if the sync is interrupted before its events are.
func TestEventsOfACommitSurviveAnInterruption(t *testing.T) {
	l := newLake(t)
	ctx, cancel := context.WithCancel(t.Context())
	options := optionsFor(l, &script{resource: configMaps, objects: []string{"a/x=1", "a/y=1", "a/z=1"}})
	var events []string
	options.Emit = func(event Event) error {
		if event.ResourceID != "" {
			cancel()
			events = append(events, event.ResourceID)
		}
		return nil
	}
	if _, err := Sync(ctx, options); err == nil {
		t.Error("the sync was not interrupted")
	}
	if got := strings.Join(events, " "); got != "a/x a/y a/z" {
		t.Errorf("told %s", got)
	}
}

// A dry run writes nothing, tells what it would have committed, and needs no lake.
func TestDryRun(t *testing.T) {
	plan := func(l *lake.Lake, provider Provider) (string, Result) {
		var planned []string
		options := optionsFor(l, provider)
		options.DryRun = true
		options.Emit = func(event Event) error { t.Errorf("a dry run emits %s", event.Type); return nil }
		options.Planned = func(ctx context.Context, partition lake.Partition, commit *lake.Commit) error {
			for v, err := range commit.Versions(ctx) {
				if err != nil {
					return err
				}
				planned = append(planned, string(v.Operation)+" "+v.ResourceID)
			}
			for c, err := range commit.Changes(ctx) {
				if err != nil {
					return err
				}
				planned = append(planned, fmt.Sprint(c.ResourceID, c.Paths))
			}
			return nil
		}
		result, _ := syncOnce(t, options)
		return strings.Join(planned, ", "), result
	}
	first := &script{resource: configMaps, objects: []string{"a/x=1", "a/y=1"}}
	if planned, result := plan(lake.Empty(), first); planned != "discovered a/x, discovered a/y" || result.Status != lake.Complete || result.Committed != 1 {
		t.Errorf("a first sync would be %q: %+v", planned, result)
	}
	l := newLake(t)
	syncOnce(t, optionsFor(l, first))
	before := filesOf(t, l)
	planned, result := plan(l, &script{resource: configMaps, objects: []string{"a/w=1", "a/x=2"}})
	if want := "created a/w, updated a/x, deleted a/y, a/w[], a/x[data.value], a/y[]"; planned != want {
		t.Errorf("the plan is %q, want %q", planned, want)
	}
	if rows, _ := rowsOf(result); rows != "ConfigMap complete 2 +1 ~1 -1" {
		t.Error(rows)
	}
	if planned, _ := plan(l, &script{resource: configMaps, objects: []string{"a/x=1", "a/w=1"}, breakOff: 1, breakWith: ErrForbidden}); planned != "" {
		t.Errorf("the plan of a list that breaks off is %q", planned)
	}
	if after := filesOf(t, l); !slices.Equal(before, after) {
		t.Errorf("dry runs have written %v on top of %v", after, before)
	}
}

// Two clusters that are synced side by side share an order: the events of the one do not come into a commit's of the other.
func TestEventsOfTwoClusters(t *testing.T) {
	l := newLake(t)
	w := &world{objects: map[string][]string{}}
	const types, each = 6, 30
	for i := range types {
		resource := Resource{Group: "example.com", Version: "v1", Kind: fmt.Sprintf("Kind%d", i), Plural: fmt.Sprintf("kind%d", i), Namespaced: true, Ordered: true}
		w.resources = append(w.resources, resource)
		for n := range each {
			w.objects[resource.Type()] = append(w.objects[resource.Type()], fmt.Sprintf("a/x%02d=1", n))
		}
	}
	var order Order
	var pieces []string
	var group sync.WaitGroup
	for _, cluster := range []string{"one", "two"} {
		group.Go(func() {
			options := optionsFor(l, w)
			options.Cluster, options.Concurrency, options.Order = cluster, 4, &order
			options.Emit = func(event Event) error {
				piece := event.Cluster + " " + event.ResourceType
				if len(pieces) == 0 || pieces[len(pieces)-1] != piece {
					pieces = append(pieces, piece)
				}
				return nil
			}
			if _, err := Sync(t.Context(), options); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	counted := map[string]int{}
	for _, piece := range pieces {
		counted[piece]++
	}
	for piece, n := range counted {
		if want := map[bool]int{true: 2, false: 1}[strings.HasSuffix(piece, " ")]; n > want {
			t.Errorf("%s comes in %d pieces", piece, n)
		}
	}
	if len(counted) != 2*(types+1) {
		t.Errorf("%d kinds of pieces", len(counted))
	}
}
