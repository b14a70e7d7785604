package e2e

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

const shopFirst = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app.kubernetes.io/name: web}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxUnavailable: "100%"}} # No pod ever gets ready here.
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        env: [{name: MODE, value: slow}]
      - {name: log, image: "registry.example/log:7"}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, protocol: TCP}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prices, namespace: shop}
data: {apple: "1", pear: "2"}
---
apiVersion: shop.example.com/v1
kind: Order
metadata: {name: first, namespace: shop}
spec: {quantity: 1, customer: {name: Ada}}
---
apiVersion: shop.example.com/v1
kind: Order
metadata: {name: second, namespace: shop}
spec: {quantity: 5}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prices, namespace: doomed}
data: {apple: "1"}
`

// What the shop's controllers make of it is done when nothing changes here.
var shopPaths = []string{
	"/apis/apps/v1/namespaces/shop/deployments", "/apis/apps/v1/namespaces/shop/replicasets", "/api/v1/namespaces/shop/pods",
	"/api/v1/namespaces", "/api/v1/namespaces/shop/configmaps", "/api/v1/configmaps", "/api/v1/serviceaccounts",
}

// The main job: a Deployment that becomes ReplicaSets and Pods is rolled out and scaled, labels and custom objects change, a
// namespace goes, in two clusters at once, synced whole into a lake on S3 and one in a folder. The cluster's API says what
// there is; the lakes must say the same, and the same as each other.
func TestMainJob(t *testing.T) {
	// The namespaces of tests before this one go in the background; what is left of them must not differ between the two lakes.
	for _, cluster := range []*servers.Cluster{east, west} {
		eventually(t, "other tests' namespaces to be gone", func() bool {
			for _, namespace := range list(t, cluster, "/api/v1/namespaces") {
				if namespace.Status["phase"] == "Terminating" {
					return false
				}
			}
			return true
		})
	}
	clusters := []*servers.Cluster{east, west}
	for _, cluster := range clusters {
		namespace(t, cluster, "shop", "doomed")
		customType(t, cluster, "shop.example.com", "Order")
		apply(t, cluster, shopFirst)
	}
	for _, cluster := range clusters {
		eventually(t, "two pods", func() bool { return len(list(t, cluster, "/api/v1/namespaces/shop/pods")) == 2 })
		settle(t, cluster, shopPaths...)
	}
	lakes := bothLakes(t,
		provider("east", admin(t, east), `name = "The east"`, `tags = { provider = "aws", region = "us-east-1" }`),
		provider("west", admin(t, west), `tags = { provider = "gcp" }`))
	for _, l := range lakes {
		l.sync(t)
		l.expectNone(t, "changes after a first sync", `SELECT * FROM changes`)
	}

	before := map[string][]object{}
	for _, cluster := range clusters {
		before[cluster.Name] = list(t, cluster, "/api/v1/namespaces/shop/pods")
		apply(t, cluster, strings.NewReplacer(
			"web:1", "web:2", "replicas: 2", "replicas: 3", "value: slow", "value: fast", "quantity: 1", "quantity: 3",
		).Replace(shopFirst))
		patch(t, cluster, "/api/v1/namespaces/shop/configmaps/prices", `{"metadata": {"labels": {"app.kubernetes.io/part-of": "shop"}}}`)
		remove(t, cluster, "/api/v1/namespaces/doomed")
	}
	for _, cluster := range clusters {
		eventually(t, "the rollout", func() bool {
			pods := list(t, cluster, "/api/v1/namespaces/shop/pods")
			return len(pods) >= 3
		})
		settle(t, cluster, shopPaths...)
		for _, pod := range list(t, cluster, "/api/v1/namespaces/shop/pods")[:1] {
			patch(t, cluster, "/api/v1/namespaces/shop/pods/"+pod.Metadata.Name+"/status", `{"status": {"phase": "Failed", "reason": "Evicted"}}`)
		}
		settle(t, cluster, shopPaths...)
	}
	for name, l := range lakes {
		l.sync(t)
		t.Run(name, func(t *testing.T) {
			l.checkIntegrity(t)
			for _, cluster := range clusters {
				checkShop(t, l, cluster, before[cluster.Name])
			}
		})
	}
	t.Run("the same from both", func(t *testing.T) { compareLakes(t, lakes["folder"], lakes["s3"]) })
}

// checkShop holds the lake's answers about one cluster's shop against what its API says.
func checkShop(t *testing.T, l lake, cluster *servers.Cluster, podsBefore []object) {
	t.Helper()
	in := fmt.Sprintf(" cluster = '%s' AND (namespace = 'shop' OR namespace IS NULL) ", cluster.Name)

	l.expect(t, `SELECT path, old, new FROM field_changes WHERE`+in+`AND type = 'apps.v1.Deployment' AND class = 'spec' ORDER BY path`, `[
		{"path": "spec.replicas", "old": 2, "new": 3},
		{"path": "spec.template.spec.containers[0].env[0].value", "old": "slow", "new": "fast"},
		{"path": "spec.template.spec.containers[0].image", "old": "registry.example/web:1", "new": "registry.example/web:2"}]`)
	l.expect(t, `SELECT version, operation FROM history('apps.v1.Deployment', 'shop/web') WHERE cluster = '`+cluster.Name+`' ORDER BY version`,
		`[{"version": 1, "operation": "discovered"}, {"version": 2, "operation": "updated"}]`)
	l.expect(t, `SELECT CAST(spec->'$.replicas' AS INT) AS replicas FROM resource_at('apps.v1.Deployment', 'shop/web', 1) WHERE cluster = '`+cluster.Name+`'`,
		`[{"replicas": 2}]`)
	l.expect(t, `SELECT name FROM deployments WHERE`+in, `[{"name": "web"}]`)
	l.expect(t, `SELECT operation, owner_kind, owner_name, kind FROM versions JOIN (SELECT cluster, resource_id, type, to_version AS version FROM changes)
		USING (cluster, resource_id, type, version) WHERE`+in+`AND kind = 'ReplicaSet' AND operation = 'created'`,
		`[{"operation": "created", "owner_kind": "Deployment", "owner_name": "web", "kind": "ReplicaSet"}]`)

	// Each pod that is there, by name and uid, and no other; those that went are deleted, those that came created.
	var want, gone, came []string
	pods := list(t, cluster, "/api/v1/namespaces/shop/pods")
	for _, pod := range pods {
		want = append(want, fmt.Sprintf("%s %s %v", pod.Metadata.Name, pod.Metadata.UID, pod.Status["phase"]))
	}
	names := func(pods []object) (names []string) {
		for _, pod := range pods {
			names = append(names, pod.Metadata.Name)
		}
		return names
	}
	for _, name := range names(podsBefore) {
		if !slices.Contains(names(pods), name) {
			gone = append(gone, name)
		}
	}
	for _, name := range names(pods) {
		if !slices.Contains(names(podsBefore), name) {
			came = append(came, name)
		}
	}
	if len(gone) == 0 || len(came) == 0 {
		t.Fatalf("the rollout in %s replaced no pod: %v, then %v", cluster.Name, names(podsBefore), names(pods))
	}
	l.expectStrings(t, `SELECT name || ' ' || uid || ' ' || phase AS s FROM pods WHERE`+in, want)
	l.expectStrings(t, `SELECT name AS s FROM changes WHERE`+in+`AND kind = 'Pod' AND operation = 'deleted'`, gone)
	l.expectStrings(t, `SELECT name AS s FROM changes WHERE`+in+`AND kind = 'Pod' AND operation = 'created'`, came)
	l.expectStrings(t, `SELECT name AS s FROM deleted_resources WHERE`+in+`AND kind = 'Pod'`, gone)

	l.expect(t, `SELECT type, resource_id, operation, added, updated, removed, paths FROM changes WHERE`+in+`AND kind IN ('ConfigMap', 'Order', 'Service') ORDER BY type`, `[
		{"type": "core.v1.ConfigMap", "resource_id": "shop/prices", "operation": "updated", "added": 1, "updated": 0, "removed": 0,
			"paths": ["metadata.labels['app.kubernetes.io/part-of']"]},
		{"type": "shop.example.com.v1.Order", "resource_id": "shop/first", "operation": "updated", "added": 0, "updated": 2, "removed": 0,
			"paths": ["metadata.generation", "spec.quantity"]}]`)
	l.expectStrings(t, `SELECT kind || ' ' || name AS s FROM changes WHERE operation = 'deleted' AND cluster = '`+cluster.Name+`' AND (resource_id = 'doomed' OR namespace = 'doomed')`,
		[]string{"Namespace doomed", "ConfigMap prices", "ConfigMap kube-root-ca.crt", "ServiceAccount default"})
	l.expect(t, `SELECT count(*) AS n FROM snapshots_at((SELECT max(captured_at) FROM versions WHERE operation = 'discovered')) WHERE cluster = '`+cluster.Name+`' AND namespace = 'doomed'`,
		`[{"n": 3}]`)
}

// expectStrings fails the test unless the column s of the rows holds the wanted strings, in any order.
func (l lake) expectStrings(t *testing.T, sql string, want []string) {
	t.Helper()
	var got []string
	for _, row := range l.query(t, sql) {
		s, _ := row["s"].(string) // A NULL shows as "".
		got = append(got, s)
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n got %q\nwant %q", sql, got, want)
	}
}

// compareLakes asks two lakes the same questions. Only when and by which sync a row was written may differ.
func compareLakes(t *testing.T, a, b lake) {
	t.Helper()
	for _, sql := range []string{
		`SELECT * EXCLUDE (first_seen_at, updated_at, deleted_at) FROM snapshots ORDER BY cluster, type, resource_id`,
		`SELECT * EXCLUDE (first_seen_at, updated_at, deleted_at) FROM deleted_resources ORDER BY cluster, type, resource_id`,
		`SELECT * EXCLUDE (captured_at, sync_id, date) FROM versions ORDER BY cluster, type, resource_id, version`,
		`SELECT * EXCLUDE (captured_at, sync_id, date) FROM changes ORDER BY cluster, type, resource_id, to_version`,
		`SELECT cluster, type, status, listed, created, updated, deleted, error FROM syncs ORDER BY cluster, type, started_at`,
		`SELECT * EXCLUDE (last_sync_id, last_sync_at) FROM clusters ORDER BY cluster`,
		`SELECT cluster, type, resource_id, path, class, old, new FROM field_changes ORDER BY ALL`,
		`SELECT type, count(*) AS n, count(DISTINCT cluster) AS clusters FROM snapshots GROUP BY type ORDER BY type`,
		`SELECT * EXCLUDE (first_seen_at, updated_at) FROM pods ORDER BY cluster, resource_id`,
	} {
		one, other := a.query(t, sql), b.query(t, sql)
		if len(one) == 0 {
			t.Errorf("%s\nanswered no row", sql)
		}
		for i := range max(len(one), len(other)) {
			if i >= len(one) || i >= len(other) || !reflect.DeepEqual(one[i], other[i]) {
				t.Errorf("%s\nrow %d of %d and %d:%s\nis not%s", sql, i, len(one), len(other), lines(one[min(i, len(one)):min(i+1, len(one))]), lines(other[min(i, len(other)):min(i+1, len(other))]))
				break
			}
		}
	}
}
