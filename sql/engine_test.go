package sql

import "testing"

func TestSmoke(t *testing.T) {
	l := shopLake(t)
	e := open(t, l, Options{})
	for _, q := range []string{"select 1", "select cluster, status, restarts, images from pods order by all", "select * from deployments", "select * from services", "select * from nodes",
		"from field_changes", "from history('apps.v1.Deployment', 'shop/web')", "from resource_at('apps.v1.Deployment','shop/web',2)", "select cluster, type, resource_id, latest_version from snapshots_at('2026-01-02 12:00') order by all", "from syncs", "from clusters", "from changes", "show tables", "describe pods", "summarize pods", "select data from snapshots"} {
		rows, err := ask(t, e, q)
		t.Log(q, err, len(rows), len(l.fetched))
		for _, r := range rows {
			if len(r) < 100 {
				t.Log("   ", r)
			}
		}
	}
}
