package sql

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// What has moved to another version of its type, is not served any more or is out of scope, as the views show it now and then.
func TestUnobserved(t *testing.T) {
	const (
		old   = `{"apiVersion":"extensions/v1beta1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d1"},"spec":{"replicas":1}}`
		moved = `{"apiVersion":"extensions/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d1"},"spec":{"replicas":2}}`
		lost  = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","namespace":"shop","uid":"w1"},"spec":{}}`
		aside = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop","uid":"p1"},"spec":{}}`
	)
	h := &history{}
	h.record(t, prod, on(1, "08:00"), "discovered", old, "")
	h.record(t, prod, on(1, "08:00"), "discovered", lost, "")
	h.record(t, prod, on(1, "08:00"), "discovered", aside, "")
	h.record(t, prod, on(2, "08:00"), "discovered", moved, "")
	h.record(t, prod, on(3, "08:00"), "updated", strings.Replace(moved, `"replicas":2`, `"replicas":3`, 1), `{"updated":{"spec.replicas":{"from":2,"to":3}}}`)
	for key, reason := range map[string]string{
		"prod|extensions.v1beta1.Deployment|shop/web": "moved to extensions.v1.Deployment", "prod|example.com.v1.Widget|shop/w": "not served",
		"prod|core.v1.Pod|shop/p": "out of scope",
	} {
		h.snapshots[key]["unobserved_since"], h.snapshots[key]["unobserved_reason"] = on(2, "09:00"), reason
	}
	l := &folderLake{folder: t.TempDir()}
	h.write(t, l.folder)
	e := open(t, l, Options{})
	for _, test := range []struct{ query, want string }{
		{"SELECT type, unobserved_reason FROM snapshots ORDER BY type", "core.v1.Pod|out of scope\nextensions.v1.Deployment|NULL"},
		{"SELECT type, unobserved_since, unobserved_reason, moved_to FROM unobserved_resources ORDER BY type",
			"core.v1.Pod|2026-01-02T09:00:00Z|out of scope|NULL\nexample.com.v1.Widget|2026-01-02T09:00:00Z|not served|NULL\n" +
				"extensions.v1beta1.Deployment|2026-01-02T09:00:00Z|moved to extensions.v1.Deployment|extensions.v1.Deployment"},
		{"SELECT count(*) FROM deployments", "0"}, // those of extensions v1beta1 have moved
		{"SELECT name FROM pods", "p"},
		{"SELECT type FROM snapshots_at('2026-01-01 12:00') ORDER BY type", "core.v1.Pod\nexample.com.v1.Widget\nextensions.v1beta1.Deployment"},
		{"SELECT type, unobserved_reason FROM snapshots_at('2026-01-02 12:00') ORDER BY type", "core.v1.Pod|out of scope\nextensions.v1.Deployment|NULL"},
		{"SELECT type FROM snapshots_at(now()) ORDER BY type", "core.v1.Pod\nextensions.v1.Deployment"},
		{"SELECT type, version, operation, paths FROM history('extensions.v1.Deployment', 'shop/web')",
			"extensions.v1beta1.Deployment|1|discovered|[]\nextensions.v1.Deployment|1|discovered|[]\nextensions.v1.Deployment|2|updated|[spec.replicas]"},
		{"SELECT count(*) FROM history('extensions.v1beta1.Deployment', 'shop/web')", "3"},
		{"SELECT count(*) FROM history('apps.v1.Deployment', 'shop/web')", "0"},
	} {
		if got := answer(t, e, test.query); !slices.Equal(got, strings.Split(test.want, "\n")) {
			t.Errorf("%s gives\n%s\nwant\n%s", test.query, strings.Join(got, "\n"), test.want)
		}
	}
	// Only the kind's own partitions are read for a history.
	if _, err := ask(t, e, "FROM history('extensions.v1.Deployment', 'shop/web')"); err != nil {
		t.Fatal(err)
	}
	for _, f := range l.fetched {
		if !strings.HasPrefix(f.Type, "extensions.") || f.Table == lake.TableSnapshots {
			t.Errorf("fetched %s of %s", f.Table, f.Type)
		}
	}
}
