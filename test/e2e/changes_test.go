package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Types that no controller touches: what the test does is all that happens.
var quietTypes = []string{"core.v1.ConfigMap", "core.v1.Service", "exact.example.com.v1.Parcel"}

const quiet = ` namespace IN ('exact-a', 'exact-b') AND name <> 'kube-root-ca.crt' `

const exactFirst = `apiVersion: v1
kind: ConfigMap
metadata: {name: same, namespace: NS}
data: {keep: "1", change: "1", drop: "1"}
---
apiVersion: v1
kind: Service
metadata: {name: same, namespace: NS, labels: {tier: front}}
spec: {selector: {app: one}, ports: [{port: 80}]}
---
apiVersion: exact.example.com/v1
kind: Parcel
metadata: {name: same, namespace: NS}
spec: {quantity: 1, lines: [{sku: a, pieces: 1}, {sku: b, pieces: 2}], odd key: 1}
`

// After N real changes there are exactly N, with the right paths and values; a sync without any writes no data file and says so.
func TestExactChanges(t *testing.T) {
	namespace(t, east, "exact-a", "exact-b")
	customType(t, east, "exact.example.com", "Parcel")
	for _, ns := range []string{"exact-a", "exact-b"} {
		apply(t, east, strings.ReplaceAll(exactFirst, "NS", ns))
	}
	eventually(t, "the controllers' own ConfigMaps", func() bool { return len(list(t, east, "/api/v1/namespaces/exact-b/configmaps")) == 2 })
	for name, l := range bothLakes(t, provider("east", admin(t, east)), selectTypes(quietTypes...)) {
		t.Run(name, func(t *testing.T) {
			for _, ns := range []string{"exact-a", "exact-b"} {
				apply(t, east, strings.ReplaceAll(exactFirst, "NS", ns))
			}
			exactChanges(t, l)
		})
	}
}

func exactChanges(t *testing.T, l lake) {
	l.sync(t)
	l.expect(t, `SELECT type, resource_id, latest_version AS v FROM snapshots WHERE`+quiet+`ORDER BY type, resource_id`, `[
		{"type": "core.v1.ConfigMap", "resource_id": "exact-a/same", "v": 1}, {"type": "core.v1.ConfigMap", "resource_id": "exact-b/same", "v": 1},
		{"type": "core.v1.Service", "resource_id": "exact-a/same", "v": 1}, {"type": "core.v1.Service", "resource_id": "exact-b/same", "v": 1},
		{"type": "exact.example.com.v1.Parcel", "resource_id": "exact-a/same", "v": 1}, {"type": "exact.example.com.v1.Parcel", "resource_id": "exact-b/same", "v": 1}]`)

	unchanged(t, l)

	// Each of the equal names in the two namespaces changes in its own way.
	apply(t, east, strings.NewReplacer("NS", "exact-a", `change: "1", drop: "1"`, `change: "2", fresh: "é\n\"q\""`).Replace(exactFirst))
	apply(t, east, strings.NewReplacer("NS", "exact-b", "tier: front", "tier: back, app.kubernetes.io/name: x", "pieces: 2", "pieces: 3", "odd key: 1", "odd key: 2").Replace(exactFirst))
	l.sync(t)
	l.expect(t, `SELECT type, resource_id, operation, from_version, to_version, added, updated, removed FROM changes WHERE`+quiet+`ORDER BY type, resource_id`, `[
		{"type": "core.v1.ConfigMap", "resource_id": "exact-a/same", "operation": "updated", "from_version": 1, "to_version": 2, "added": 1, "updated": 1, "removed": 1},
		{"type": "core.v1.Service", "resource_id": "exact-b/same", "operation": "updated", "from_version": 1, "to_version": 2, "added": 1, "updated": 1, "removed": 0},
		{"type": "exact.example.com.v1.Parcel", "resource_id": "exact-b/same", "operation": "updated", "from_version": 1, "to_version": 2, "added": 0, "updated": 3, "removed": 0}]`)
	l.expect(t, `SELECT kind, action, path, old, new FROM field_changes WHERE`+quiet+`AND path <> 'metadata.generation' ORDER BY kind, path`, `[
		{"kind": "ConfigMap", "action": "updated", "path": "data.change", "old": "1", "new": "2"},
		{"kind": "ConfigMap", "action": "removed", "path": "data.drop", "old": "1", "new": null},
		{"kind": "ConfigMap", "action": "added", "path": "data.fresh", "old": null, "new": "é\n\"q\""},
		{"kind": "Parcel", "action": "updated", "path": "spec.lines[1].pieces", "old": 2, "new": 3},
		{"kind": "Parcel", "action": "updated", "path": "spec['odd key']", "old": 1, "new": 2},
		{"kind": "Service", "action": "updated", "path": "metadata.labels.tier", "old": "front", "new": "back"},
		{"kind": "Service", "action": "added", "path": "metadata.labels['app.kubernetes.io/name']", "old": null, "new": "x"}]`)
	l.expect(t, `SELECT labels FROM snapshots WHERE`+quiet+`AND kind = 'Service' ORDER BY resource_id`,
		`[{"labels": {"tier": "front"}}, {"labels": {"app.kubernetes.io/name": "x", "tier": "back"}}]`)
	l.expect(t, `SELECT DISTINCT managers FROM changes WHERE`+quiet, `[{"managers": ["e2e"]}]`)

	unchanged(t, l)

	// A deletion, a creation, and another creation under the deleted name: its versions go on.
	remove(t, east, "/api/v1/namespaces/exact-a/services/same")
	apply(t, east, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: exact-b}\n")
	l.sync(t)
	history := `SELECT version, operation FROM history('core.v1.Service', 'exact-a/same') ORDER BY version`
	l.expect(t, history, `[{"version": 1, "operation": "discovered"}, {"version": 2, "operation": "deleted"}]`)
	l.expect(t, `SELECT resource_id, operation, to_version FROM changes WHERE`+quiet+`AND operation <> 'updated' ORDER BY type`, `[
		{"resource_id": "exact-b/extra", "operation": "created", "to_version": 1}, {"resource_id": "exact-a/same", "operation": "deleted", "to_version": 2}]`)
	l.expect(t, `SELECT resource_id FROM deleted_resources WHERE`+quiet, `[{"resource_id": "exact-a/same"}]`)
	unchanged(t, l)
	apply(t, east, strings.ReplaceAll(exactFirst, "NS", "exact-a"))
	remove(t, east, "/api/v1/namespaces/exact-b/configmaps/extra")
	l.sync(t)
	l.expect(t, history, `[{"version": 1, "operation": "discovered"}, {"version": 2, "operation": "deleted"}, {"version": 3, "operation": "created"}]`)
	l.expect(t, `SELECT resource_id FROM deleted_resources WHERE`+quiet, `[{"resource_id": "exact-b/extra"}]`)

	// Deleted and created between two syncs: the same name, another object. Its uid tells, and the deletion is told too.
	remove(t, east, "/api/v1/namespaces/exact-a/services/same")
	apply(t, east, strings.ReplaceAll(exactFirst, "NS", "exact-a"))
	l.sync(t)
	uid := list(t, east, "/api/v1/namespaces/exact-a/services")[0].Metadata.UID
	l.expect(t, `SELECT uid, latest_version FROM snapshots WHERE kind = 'Service' AND resource_id = 'exact-a/same'`, `[{"uid": "`+uid+`", "latest_version": 5}]`)
	l.expect(t, history+` OFFSET 3`, `[{"version": 4, "operation": "deleted"}, {"version": 5, "operation": "created"}]`)
	l.checkIntegrity(t)
}

// unchanged syncs and fails the test unless no data file was written and the output says so.
func unchanged(t *testing.T, l lake) {
	t.Helper()
	before := l.dataFiles(t)
	r := l.sync(t)
	if after := l.dataFiles(t); len(after) == 0 || !maps.Equal(before, after) {
		t.Errorf("a sync without change wrote data files: %v, then %v", before, after)
	}
	if !strings.Contains(r.stdout, "no change") || !strings.Contains(r.stdout, "no data file written") {
		t.Errorf("a sync without change does not say so:\n%s", r.stdout)
	}
}

// A whole cluster at rest gives no change either, whatever its servers do to themselves meanwhile.
func TestQuietCluster(t *testing.T) {
	settle(t, west, "/api/v1/namespaces", "/apis/apps/v1/replicasets", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
	l := folderLake(t, provider("west", admin(t, west)))
	l.sync(t)
	time.Sleep(3 * time.Second) // The servers renew their leases meanwhile.
	l.sync(t)
	l.expectNone(t, "changes of a cluster at rest", `SELECT * FROM changes`)
}

// A node's heartbeat is no change; a condition that turns is one.
func TestHeartbeat(t *testing.T) {
	const node = "/api/v1/nodes/heartbeat-1"
	condition := func(status string, beat time.Time) string {
		return fmt.Sprintf(`{"status": {"conditions": [{"type": "Ready", "status": "%s", "reason": "Kubelet", "message": "m",
			"lastHeartbeatTime": "%s", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}`, status, beat.UTC().Format(time.RFC3339))
	}
	apply(t, west, "apiVersion: v1\nkind: Node\nmetadata: {name: heartbeat-1}\nspec: {providerID: \"aws:///eu-central-1a/i-0123\"}\n")
	t.Cleanup(func() { remove(t, west, node) })
	now := time.Now()
	patch(t, west, node+"/status", condition("True", now))
	settle(t, west, "/api/v1/nodes")
	l := folderLake(t, provider("west", admin(t, west)), selectTypes("core.v1.Node"))
	l.sync(t)
	l.expect(t, `SELECT provider FROM snapshots`, `[{"provider": "aws"}]`)

	version := list(t, west, "/api/v1/nodes")[0].Metadata.ResourceVersion
	patch(t, west, node+"/status", condition("True", now.Add(10*time.Second)))
	if list(t, west, "/api/v1/nodes")[0].Metadata.ResourceVersion == version {
		t.Fatal("the heartbeat did not reach the node")
	}
	unchanged(t, l)

	patch(t, west, node+"/status", condition("False", now.Add(20*time.Second)))
	l.sync(t)
	l.expect(t, `SELECT path, old, new FROM field_changes WHERE path LIKE '%status'`,
		`[{"path": "status.conditions[0].status", "old": "True", "new": "False"}]`)
	l.expectNone(t, "heartbeats among the changes", `SELECT * FROM field_changes WHERE path LIKE '%lastHeartbeatTime'`)
}

// A list longer than any page, paged: every object once, and few changes stay few.
func TestLargeList(t *testing.T) {
	const n = 5000
	prefix := west.Prefix + "/configmaps/large/"
	namespace(t, west, "large")
	t.Cleanup(func() {
		if err := etcd.DeletePrefix(context.Background(), prefix); err != nil {
			t.Log(err)
		}
	})
	err := etcd.Put(t.Context(), func(yield func(string, []byte) bool) {
		for i := range n {
			name := fmt.Sprintf("cm-%05d", i)
			body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"namespace":"large","uid":"00000000-0000-4000-8000-%012d",`+
				`"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"bulk":""}},"data":{"i":"%d"}}`, name, i, i)
			if !yield(prefix+name, []byte(body)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all of them", func() bool { return len(list(t, west, "/api/v1/namespaces/large/configmaps")) >= n })
	for name, l := range bothLakes(t, provider("west", admin(t, west), "page_size = 300"), selectTypes("core.v1.ConfigMap")) {
		t.Run(name, func(t *testing.T) {
			l.sync(t)
			left := len(list(t, west, "/api/v1/namespaces/large/configmaps?labelSelector=bulk"))
			l.expect(t, `SELECT count(*) AS n, count(DISTINCT data->>'$.data.i') AS distinct, min(name) AS first, max(name) AS last FROM snapshots WHERE name LIKE 'cm-%'`,
				fmt.Sprintf(`[{"n": %d, "distinct": %[1]d, "first": "cm-00000", "last": "cm-04999"}]`, left))
			for _, i := range []int{0, 299, 300, 2500, 4999} {
				patch(t, west, fmt.Sprintf("/api/v1/namespaces/large/configmaps/cm-%05d", i), `{"data": {"now": "`+name+`"}}`)
			}
			request(t, west, http.MethodDelete, "/api/v1/namespaces/large/configmaps/cm-0100"+map[string]string{"folder": "1", "s3": "2"}[name], "{}")
			l.sync(t)
			l.expect(t, `SELECT operation, count(*) AS n FROM changes WHERE namespace = 'large' AND name <> 'kube-root-ca.crt' GROUP BY operation ORDER BY operation`,
				`[{"operation": "deleted", "n": 1}, {"operation": "updated", "n": 5}]`)
			l.checkIntegrity(t)
		})
	}
}
