package collector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// TestThisDeletesNothing has whatever may keep objects out of a list happen to a cluster in which nothing was deleted: nothing is taken for
// deleted, syncs says what happened, and the next sync finds everything as it was.
func TestThisDeletesNothing(t *testing.T) {
	podsOf := Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: true}
	widgets := Resource{Group: "example.com", Version: "v1", Kind: "Widget", Plural: "widgets", Namespaced: true, Ordered: true}
	nodes := Resource{Version: "v1", Kind: "Node", Plural: "nodes", Ordered: true}
	all := []Resource{podsOf, widgets, nodes}
	objects := func() map[string][]string {
		return map[string][]string{
			"core.v1.Pod":           {"a/x=1#app=web", "a/y=1#app=api", "b/x=1#app=web", "c/x=1#app=web"},
			"example.com.v1.Widget": {"a/w=1#app=web"},
			"core.v1.Node":          {"n1=1#app=web"},
		}
	}
	reset := errors.New("connection reset by peer")
	for _, c := range []struct {
		name    string
		breaks  func(w *world, o *Options)
		cancel  bool
		plain   bool // the provider cannot narrow by labels
		status  lake.Status
		pods    string // the row of pods, "" for none
		told    string // in the error
		outside string // ids that are out of scope afterwards
	}{
		{name: "forbidden", breaks: func(w *world, _ *Options) { w.fail = map[string]failure{"core.v1.Pod": {with: ErrForbidden}} },
			status: lake.Complete, pods: "Pod forbidden 0 +0 ~0 -0", told: "left as it was"},
		{name: "forbidden and named", breaks: func(w *world, o *Options) {
			w.fail = map[string]failure{"core.v1.Pod": {with: ErrForbidden}}
			o.Scope.Select = []string{"core.v1.Pod", "*"}
		}, status: lake.Partial, pods: "Pod forbidden 0 +0 ~0 -0", told: "left as it was"},
		{name: "time-out", breaks: func(w *world, o *Options) {
			w.fail = map[string]failure{"core.v1.Pod": {after: 2, stall: true}}
			o.Timeout = 300 * time.Millisecond
		}, status: lake.Partial, pods: "Pod skipped 0 +0 ~0 -0", told: "sync_timeout"},
		{name: "a page that fails", breaks: func(w *world, _ *Options) { w.fail = map[string]failure{"core.v1.Pod": {after: 2, with: reset}} },
			status: lake.Partial, pods: "Pod partial 2 +0 ~0 -0", told: "connection reset"},
		{name: "a first page that fails", breaks: func(w *world, _ *Options) { w.fail = map[string]failure{"core.v1.Pod": {with: reset}} },
			status: lake.Partial, pods: "Pod failed 0 +0 ~0 -0", told: "connection reset"},
		{name: "an expired token that cannot be restarted", breaks: func(w *world, _ *Options) {
			w.fail = map[string]failure{"core.v1.Pod": {after: 3, with: fmt.Errorf("page 2: %w", ErrExpired)}}
		}, status: lake.Partial, pods: "Pod partial 3 +0 ~0 -0", told: "expired"},
		{name: "an API that is down", breaks: func(w *world, _ *Options) {
			w.resources = []Resource{podsOf, nodes}
			w.unknown = []UnknownGroup{{Group: "example.com", Version: "v1", Err: errors.New("service unavailable")}}
		}, status: lake.Partial, pods: "Pod complete 4 +0 ~0 -0", told: "discover example.com/v1: service unavailable"},
		{name: "another version of an API is down", breaks: func(w *world, _ *Options) {
			w.resources = []Resource{podsOf, nodes}
			w.unknown = []UnknownGroup{{Group: "example.com", Version: "v2", Err: errors.New("service unavailable")}}
		}, status: lake.Partial, pods: "Pod complete 4 +0 ~0 -0", told: "discover example.com/v2: service unavailable"},
		{name: "namespaces narrowed", breaks: func(_ *world, o *Options) { o.Scope.Namespaces = []string{"b", "c"} },
			status: lake.Complete, pods: "Pod complete 2 +0 ~0 -0", outside: "a/x a/y a/w"},
		{name: "namespaces narrowed by a pattern", breaks: func(_ *world, o *Options) { o.Scope.Namespaces = []string{"[bc]", "b*", "c*"} },
			status: lake.Complete, pods: "Pod complete 2 +0 ~0 -0", outside: "a/x a/y a/w"},
		{name: "a namespace excluded", breaks: func(_ *world, o *Options) { o.Scope.ExcludeNamespaces = []string{"a"} },
			status: lake.Complete, pods: "Pod complete 2 +0 ~0 -0", outside: "a/x a/y a/w"},
		{name: "a namespace excluded here", plain: true, breaks: func(_ *world, o *Options) { o.Scope.ExcludeNamespaces = []string{"a"} },
			status: lake.Complete, pods: "Pod complete 2 +0 ~0 -0", outside: "a/x a/y a/w"},
		{name: "labels narrowed at the server", breaks: func(_ *world, o *Options) { o.Scope.Labels = mustSelector(t, "app=web") },
			status: lake.Complete, pods: "Pod complete 3 +0 ~0 -0", outside: "a/y"},
		{name: "labels narrowed at the server, which does not tell what exists", breaks: func(w *world, o *Options) {
			o.Scope.Labels = mustSelector(t, "app=web")
			w.identities = reset
		}, status: lake.Partial, pods: "Pod partial 3 +0 ~0 -0", told: "connection reset"},
		{name: "labels narrowed here", plain: true, breaks: func(_ *world, o *Options) { o.Scope.Labels = mustSelector(t, "app=web") },
			status: lake.Complete, pods: "Pod complete 3 +0 ~0 -0", outside: "a/y"},
		{name: "types narrowed", breaks: func(_ *world, o *Options) { o.Scope.Select = []string{"core.v1.Node"} },
			status: lake.Complete, pods: "", outside: "a/x a/y b/x c/x a/w"},
		{name: "a namespace forbidden in the middle", breaks: func(w *world, o *Options) {
			w.fail = map[string]failure{"core.v1.Pod": {namespace: "b", with: ErrForbidden}}
			o.Scope.Namespaces = []string{"a", "b", "c"}
		}, status: lake.Partial, pods: "Pod partial 2 +0 ~0 -0", told: "forbidden"},
		{name: "interrupted", cancel: true, breaks: func(w *world, _ *Options) {
			w.fail = map[string]failure{"core.v1.Pod": {after: 2, stall: true}}
		}, status: lake.Failed, pods: "Pod skipped 0 +0 ~0 -0", told: "canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			w := &world{resources: all, objects: objects()}
			provider := func() Provider {
				if c.plain {
					return w
				}
				return identifyingWorld{w}
			}
			if result, _ := syncOnce(t, optionsFor(l, provider())); result.Status != lake.Complete {
				t.Fatal(result)
			}
			before := standing(t, l)

			options := optionsFor(l, provider())
			c.breaks(w, &options)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				time.AfterFunc(200*time.Millisecond, cancel)
			}
			result, err := Sync(ctx, options)
			if c.cancel != (err != nil) || result.Status != c.status {
				t.Errorf("status %s, error %v, rows %+v", result.Status, err, result.Rows)
			}
			rows, told := rowsOf(result)
			if !strings.Contains(rows, c.pods) || c.pods == "" && strings.Contains(rows, "Pod") || !strings.Contains(told, c.told) {
				t.Errorf("rows\n%s\nthat say\n%s", rows, told)
			}
			after := standing(t, l)
			if strings.Contains(after, "deleted") {
				t.Errorf("something was deleted:\n%s", after)
			}
			for range changesIn(t, l) {
				t.Error("there is a change")
			}
			var outside []string
			for s := range snapshotsIn(t, l) {
				if s.UnobservedReason == lake.OutOfScope {
					outside = append(outside, s.ResourceID)
				}
			}
			if got := strings.Join(outside, " "); got != c.outside {
				t.Errorf("out of scope are %q, not %q", got, c.outside)
			}

			w.resources, w.unknown, w.fail, w.identities = all, nil, nil, nil
			result, err = Sync(t.Context(), optionsFor(l, provider()))
			if err != nil || result.Status != lake.Complete {
				t.Errorf("the next sync: %s %v", result.Status, err)
			}
			if got := standing(t, l); got != before {
				t.Errorf("the next sync finds\n%s\nwant\n%s", got, before)
			}
		})
	}
}

func mustSelector(t *testing.T, text string) Selector {
	t.Helper()
	selector, err := ParseSelector(text)
	if err != nil {
		t.Fatal(err)
	}
	return selector
}
