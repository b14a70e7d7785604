package e2e

import (
	"context"
	"net/http"
	"testing"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// applyAs applies a manifest in JSON as a field manager, by force.
func applyAs(t *testing.T, cluster *servers.Cluster, manager, path, manifest string) {
	t.Helper()
	_, err := cluster.Do(context.Background(), http.MethodPatch, path+"?fieldManager="+manager+"&force=true", "application/apply-patch+yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
}

// An order that means nothing is no change; what is put first into a list that is merged by keys does not change all behind it.
func TestOrderWithoutMeaning(t *testing.T) {
	namespace(t, east, "order")
	definition(t, east, "order.example.com", "Route", "v1", `{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {
      hosts: {type: array, x-kubernetes-list-type: set, items: {type: string}},
      steps: {type: array, items: {type: string}},
      rules: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [host, port], items: {type: object, required: [host, port], properties: {
        host: {type: string}, port: {type: integer}, to: {type: string}}}}}}}}}}`)
	t.Cleanup(func() { removeDefinition(east, "routes.order.example.com") })
	const (
		service    = "/api/v1/namespaces/order/services/web"
		deployment = "/apis/apps/v1/namespaces/order/deployments/web"
		route      = "/apis/order.example.com/v1/namespaces/order/routes/web"
	)
	apply(t, east, `apiVersion: v1
kind: Service
metadata: {name: web, namespace: order}
spec: {ports: [{name: http, port: 80}, {name: metrics, port: 9090}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: order}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", resources: {requests: {cpu: 1000m, memory: 1Gi}}, ports: [{name: http, containerPort: 80}, {name: metrics, containerPort: 9090}], env: [{name: A, value: "1"}, {name: B, value: "2"}]}
      volumes: [{name: tmp, emptyDir: {}}, {name: cache, emptyDir: {}}]
---
apiVersion: order.example.com/v1
kind: Route
metadata: {name: web, namespace: order}
spec: {hosts: [a, b, c], steps: [one, two], rules: [{host: a, port: 80, to: x}, {host: b, port: 80, to: "y"}]}
`)
	settle(t, east, "/apis/apps/v1/namespaces/order/deployments")
	l := folderLake(t, provider("east", admin(t, east), `namespaces = ["order"]`),
		`collect {
  select { resource_types = ["core.v1.Service", "apps.v1.Deployment", "order.example.com.v1.Route"] }
  changes { ignore_fields = ["metadata.generation", "status", "metadata.annotations['deployment.kubernetes.io/revision']"] }
}
`)
	l.sync(t)

	// The same in another order. Services have no generation: without ignored fields it would be no change either.
	patch(t, east, service, `{"spec": {"ports": [{"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090}, {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]}}`)
	patch(t, east, deployment, `{"spec": {"template": {"spec": {"volumes": [{"name": "cache", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}], "containers": [{"name": "web", "image": "web:1",
		"resources": {"requests": {"cpu": "1", "memory": "1024Mi"}}, "ports": [{"name": "metrics", "containerPort": 9090, "protocol": "TCP"}, {"name": "http", "containerPort": 80, "protocol": "TCP"}],
		"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}]}}}}`)
	patch(t, east, route, `{"spec": {"hosts": ["c", "a", "b"], "rules": [{"host": "b", "port": 80, "to": "y"}, {"host": "a", "port": 80, "to": "x"}]}}`)
	settle(t, east, "/apis/apps/v1/namespaces/order/deployments")
	l.sync(t)
	l.expectNone(t, "changes by another order", `SELECT * FROM changes`)
	l.expectNone(t, "versions by another order", `SELECT * FROM versions WHERE version > 1`)
	unchanged(t, l)

	// An order with a meaning is a change, and so is one element among many, alone.
	patch(t, east, route, `{"spec": {"steps": ["two", "one"], "hosts": ["z", "c", "a"], "rules": [{"host": "new", "port": 1, "to": "n"}, {"host": "b", "port": 80, "to": "other"}, {"host": "a", "port": 80, "to": "x"}]}}`)
	apply(t, east, `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: order}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: sidecar, image: "side:1"}
      - {name: web, image: "web:2", resources: {requests: {cpu: 1500m, memory: 1Gi}}, ports: [{name: http, containerPort: 80}, {name: metrics, containerPort: 9090}], env: [{name: B, value: "2"}]}
      volumes: [{name: tmp, emptyDir: {}}, {name: cache, emptyDir: {}}]
`)
	settle(t, east, "/apis/apps/v1/namespaces/order/deployments")
	l.sync(t)
	// rules is named as a whole too, for its elements changed places as well as within.
	l.expect(t, `SELECT action, path, old, new FROM field_changes WHERE kind = 'Route' ORDER BY path, action`, `[
		{"action": "added", "path": "spec.hosts[0]", "old": null, "new": "z"},
		{"action": "removed", "path": "spec.hosts[1]", "old": "b", "new": null},
		{"action": "updated", "path": "spec.rules", "old": [["a", 80], ["b", 80]], "new": [["new", 1], ["b", 80], ["a", 80]]},
		{"action": "added", "path": "spec.rules[0].host", "old": null, "new": "new"},
		{"action": "added", "path": "spec.rules[0].port", "old": null, "new": 1},
		{"action": "added", "path": "spec.rules[0].to", "old": null, "new": "n"},
		{"action": "updated", "path": "spec.rules[1].to", "old": "y", "new": "other"},
		{"action": "updated", "path": "spec.steps[0]", "old": "one", "new": "two"},
		{"action": "updated", "path": "spec.steps[1]", "old": "two", "new": "one"}]`)
	l.expect(t, `SELECT action, path, old, new FROM field_changes WHERE kind = 'Deployment' AND (action <> 'added' OR path LIKE '%.name') ORDER BY path, action`, `[
		{"action": "removed", "path": "spec.template.spec.containers[0].env[0].name", "old": "A", "new": null},
		{"action": "removed", "path": "spec.template.spec.containers[0].env[0].value", "old": "1", "new": null},
		{"action": "added", "path": "spec.template.spec.containers[0].name", "old": null, "new": "sidecar"},
		{"action": "updated", "path": "spec.template.spec.containers[1].image", "old": "web:1", "new": "web:2"},
		{"action": "updated", "path": "spec.template.spec.containers[1].resources.requests.cpu", "old": "1", "new": "1500m"}]`)
	l.checkIntegrity(t)
}

// Who changed what: each path its own manager, with the confidence that Kubernetes' managedFields allow.
func TestWho(t *testing.T) {
	namespace(t, east, "who")
	const path = "/api/v1/namespaces/who/configmaps/shared"
	manifest := func(data string) string {
		return `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared", "namespace": "who"}, "data": {` + data + `}}`
	}
	applyAs(t, east, "alice", path, manifest(`"a": "1", "gone": "1"`))
	applyAs(t, east, "bob", path, manifest(`"b": "1"`))
	applyAs(t, east, "carol", path, manifest(`"c": "1"`))
	l := folderLake(t, provider("east", admin(t, east), `namespaces = ["who"]`), selectTypes("core.v1.ConfigMap"))
	l.sync(t)
	nextSecond()
	applyAs(t, east, "alice", path, manifest(`"a": "2", "gone": "1"`))
	applyAs(t, east, "bob", path, manifest(`"b": "2"`))
	applyAs(t, east, "carol", path, manifest(`"c": "1"`)) // Again the same: it did nothing.
	l.sync(t)
	l.expect(t, `SELECT path, managers, confidence, modified_at IS NOT NULL AS known FROM field_changes WHERE name = 'shared' ORDER BY path`, `[
		{"path": "data.a", "managers": ["alice"], "confidence": "certain", "known": true},
		{"path": "data.b", "managers": ["bob"], "confidence": "certain", "known": true}]`)
	l.expect(t, `SELECT managers FROM changes WHERE name = 'shared'`, `[{"managers": ["alice", "bob"]}]`)

	// The same manager again, and a removal, of which Kubernetes keeps no trace: never certain.
	nextSecond()
	applyAs(t, east, "alice", path, manifest(`"a": "3"`))
	l.sync(t)
	l.expect(t, `SELECT path, action, managers, confidence FROM field_changes WHERE name = 'shared' AND to_version = 3 ORDER BY path`, `[
		{"path": "data.a", "action": "updated", "managers": ["alice"], "confidence": "certain"},
		{"path": "data.gone", "action": "removed", "managers": ["alice"], "confidence": "likely"}]`)

	// A write without apply, and one of the status.
	nextSecond()
	request(t, east, http.MethodPatch, path+"?fieldManager=dave", `{"data": {"b": "3"}}`)
	l.sync(t)
	l.expect(t, `SELECT path, managers, confidence FROM field_changes WHERE name = 'shared' AND to_version = 4`,
		`[{"path": "data.b", "managers": ["dave"], "confidence": "certain"}]`)
	l.checkIntegrity(t)
}
