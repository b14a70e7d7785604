package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// plan is what the tests read of `k8sq plan --json`.
type plan struct {
	Add, Change, Delete int
	Clusters            []struct {
		Types []struct {
			Type, Status, Bound string
			Objects             int
		}
		Role    string `json:"missing_cluster_role"`
		Changes []struct {
			Operation, Type string
			ID              string `json:"resource_id"`
			Paths           []string
		}
	}
}

func (l lake) plan(t *testing.T, code int, arguments ...string) plan {
	t.Helper()
	r := l.must(t, code, append([]string{"plan", "--json"}, arguments...)...)
	var p plan
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil || len(p.Clusters) != 1 {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	return p
}

// A plan tells what is forbidden and the ClusterRole that grants just that, counts without reading, and tells what the next sync records, all without
// writing.
func TestPlan(t *testing.T) {
	namespace(t, east, "planned")
	seen, kubeconfig := reader(t, east, "planned")
	for i := range 30 {
		apply(t, east, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: planned-%02d, namespace: planned}\ndata: {n: \"%d\"}\n", i, i))
	}
	apply(t, east, "apiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: planned}\nstringData: {password: one}\n")
	settle(t, east, "/api/v1/namespaces/planned/configmaps")
	const collect = "collect {\n  select {\n    resource_types = [\"core.v1.ConfigMap\", \"core.v1.Secret\"]\n    namespaces = [\"planned\"]\n  }\n}\n"
	l := folderLake(t, provider("east", kubeconfig), collect)

	forbidden := l.plan(t, 3)
	for _, of := range forbidden.Clusters[0].Types {
		if of.Status != "forbidden" {
			t.Errorf("%s is %s before anything was granted", of.Type, of.Status)
		}
	}
	apply(t, east, forbidden.Clusters[0].Role)
	apply(t, east, `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: k8sq, namespace: planned}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: k8sq}
subjects: [{kind: ServiceAccount, name: reader, namespace: planned}]
`)
	mayList(t, seen, "/api/v1/namespaces/planned/secrets", true)
	mayList(t, seen, "/api/v1/namespaces/planned/pods", false)

	counted, read := l.plan(t, 0, "--refresh=false"), l.plan(t, 4, "--detailed-exitcode")
	for i, of := range counted.Clusters[0].Types {
		if got := read.Clusters[0].Types[i]; of != got || of.Status != "complete" || of.Bound != "exactly" || of.Type == "core.v1.ConfigMap" && of.Objects != 31 {
			t.Errorf("counted %+v, read %+v", of, got)
		}
	}
	if read.Add != 32 || read.Change != 0 || read.Delete != 0 {
		t.Errorf("%d to add, %d to change, %d to delete; want 31 ConfigMaps and a Secret to add", read.Add, read.Change, read.Delete)
	}
	if _, err := os.Stat(l.files); !os.IsNotExist(err) {
		t.Errorf("a plan made the lake: %v", err)
	}

	l.sync(t)
	l.must(t, 0, "plan", "--detailed-exitcode")
	apply(t, east, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: planned-new, namespace: planned}\n")
	patch(t, east, "/api/v1/namespaces/planned/configmaps/planned-03", `{"data": {"n": "three"}}`)
	patch(t, east, "/api/v1/namespaces/planned/secrets/login", `{"stringData": {"password": "two"}}`)
	remove(t, east, "/api/v1/namespaces/planned/configmaps/planned-07")
	planned := l.plan(t, 4, "--detailed-exitcode")
	var lines []string
	for _, change := range planned.Clusters[0].Changes {
		lines = append(lines, strings.TrimSpace(change.Operation+" "+change.Type+" "+change.ID+" "+strings.Join(change.Paths, " ")))
	}
	const want = `updated core.v1.ConfigMap planned/planned-03 data.n
deleted core.v1.ConfigMap planned/planned-07
created core.v1.ConfigMap planned/planned-new
updated core.v1.Secret planned/login data.password`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("planned:\n%s\nwant:\n%s", got, want)
	}
	l.sync(t)
	l.expectStrings(t, `SELECT concat_ws(' ', operation, type, resource_id, nullif(array_to_string(paths, ' '), '')) AS s FROM changes ORDER BY type, resource_id`, lines)
	l.checkIntegrity(t)
}
