package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// syncSummary reads what `k8sq sync --json` printed.
type syncSummary struct {
	Status   string
	Clusters []struct {
		Cluster, Status, Error string
		Listed                 int
		Requests               struct {
			Sent, Retries, Refused int
			Waited                 float64 `json:"limit_waited_seconds"`
			Limit                  string
		}
		Types []struct{ Type, Status, Error string }
	}
}

func summaryOf(t *testing.T, r result) (summary syncSummary) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &summary); err != nil {
		t.Fatalf("sync --json printed %q: %v", r.stdout, err)
	}
	return summary
}

// Twenty clusters side by side, one of which cannot be reached: each has its own history, and the one does not hold up the others.
func TestTwentyClusters(t *testing.T) {
	var blocks []string
	for i := range 10 {
		blocks = append(blocks, provider(fmt.Sprintf("east-%02d", i), admin(t, east), `identity = "any"`))
		if i == 4 {
			blocks = append(blocks, provider("dead", unreachable(t, east), "retries = 0"))
		} else {
			blocks = append(blocks, provider(fmt.Sprintf("west-%02d", i), admin(t, west), `identity = "any"`))
		}
	}
	types := selectTypes("rbac.authorization.k8s.io.v1.ClusterRole", "core.v1.Namespace", "apiregistration.k8s.io.v1.APIService")
	l := s3Lake(t, append(blocks, types)...)
	summary := summaryOf(t, l.must(t, 3, "sync", "--json"))
	if len(summary.Clusters) != 20 || summary.Status != "partial" {
		t.Errorf("%d clusters, %s", len(summary.Clusters), summary.Status)
	}
	for _, cluster := range summary.Clusters {
		want := "complete"
		if cluster.Cluster == "dead" {
			want = "failed"
		}
		if cluster.Status != want || want == "complete" && (cluster.Requests.Sent < 3 || cluster.Requests.Limit == "") {
			t.Errorf("%+v", cluster)
		}
	}
	l.expect(t, `SELECT count(DISTINCT cluster) AS clusters FROM snapshots`, `[{"clusters": 19}]`)
	l.expectNone(t, "clusters that differ from their twins", `
		SELECT substr(cluster, 1, 4) AS server, type, count(*) AS n FROM snapshots WHERE type LIKE 'rbac%' GROUP BY cluster, type
		QUALIFY n <> max(n) OVER (PARTITION BY server, type)`)
	l.must(t, 3, "sync")
	l.expectNone(t, "changes where none was made", `SELECT * FROM changes WHERE type LIKE 'rbac%'`)
	l.checkIntegrity(t)
}

// The limit that a provider block sets on its requests is kept and told; a sync that has no time left for what is behind it says so, and leaves the
// other clusters and what the lake has alone.
func TestLimitsAndTimeOuts(t *testing.T) {
	namespace(t, east, "limits")
	apply(t, east, configMap("limits", "goes", "", "1"))
	types := selectTypes("core.v1.ConfigMap", "core.v1.Service", "core.v1.Secret", "core.v1.Namespace")
	l := folderLake(t, provider("east", admin(t, east), "qps = 10", "burst = 1"), types)
	r := l.sync(t)
	if !strings.Contains(r.stdout, "held back by qps = 10, burst = 1") {
		t.Errorf("the limit is not told:\n%s%s", r.stdout, r.stderr)
	}
	requests := summaryOf(t, l.sync(t, "--json")).Clusters[0].Requests
	if requests.Sent < 7 || requests.Waited == 0 || requests.Limit != "qps = 10, burst = 1" || requests.Retries != 0 {
		t.Errorf("requests are %+v", requests)
	}

	// Slower than its time-out.
	remove(t, east, "/api/v1/namespaces/limits/configmaps/goes")
	slow := provider("east", admin(t, east), "qps = 0.01", "burst = 6", "collect {\n    sync_timeout = \"5s\"\n  }")
	l.reconfigure(t, slow, provider("west", admin(t, west)), types)
	r = l.must(t, 3, "sync", "--json")
	for _, cluster := range summaryOf(t, r).Clusters {
		skipped := 0
		for _, of := range cluster.Types {
			if of.Status == "skipped" && strings.Contains(of.Error, "sync_timeout") {
				skipped++
			}
		}
		if late := cluster.Cluster == "east"; late != (cluster.Status == "partial") || late != (skipped > 0) {
			t.Errorf("%+v", cluster)
		}
	}
	if !strings.Contains(r.stderr, "sync_timeout") {
		t.Errorf("the time-out is not told:\n%s", r.stderr)
	}
	l.expectNone(t, "deletions by types that were skipped", `SELECT * FROM changes c WHERE operation = 'deleted' AND NOT EXISTS
		(SELECT 1 FROM syncs s WHERE s.sync_id = c.sync_id AND s.type = c.type AND s.status = 'complete')`)
	l.reconfigure(t, provider("east", admin(t, east)), types)
	l.sync(t)
	l.expectStrings(t, `SELECT name AS s FROM changes WHERE operation = 'deleted' AND namespace = 'limits' AND name <> 'kube-root-ca.crt'`, []string{"goes"})
	l.checkIntegrity(t)
}

// A cluster of its own with many custom resource types, as a cloud's operators bring them: all are collected, and told apart.
func TestManyTypes(t *testing.T) {
	const types = 300
	dir := t.TempDir()
	binaries, err := servers.Build(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := servers.StartCluster(t.Context(), binaries, etcd, servers.Options{Name: "many", Dir: filepath.Join(dir, "many")})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	apply(t, cluster, "apiVersion: v1\nkind: Namespace\nmetadata: {name: many}\n")
	put := func(key, value string) {
		// One by one: the API server's watch may begin in the middle of a transaction.
		err := etcd.Put(context.Background(), func(yield func(string, []byte) bool) { yield(cluster.Prefix+key, []byte(value)) })
		if err != nil {
			t.Error(err)
		}
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := worker; i < types; i += 4 {
				names := fmt.Sprintf(`{"plural": "part%03ds", "singular": "part%03[1]d", "kind": "Part%03[1]d", "listKind": "Part%03[1]dList"}`, i)
				put(fmt.Sprintf("/apiextensions.k8s.io/customresourcedefinitions/part%03ds.many.example.com", i), fmt.Sprintf(`{"apiVersion": "apiextensions.k8s.io/v1",
					"kind": "CustomResourceDefinition", "metadata": {"name": "part%03ds.many.example.com", "uid": "00000000-0000-4000-8000-1%011[1]d", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1},
					"spec": {"group": "many.example.com", "scope": "Namespaced", "conversion": {"strategy": "None"}, "names": %[2]s,
						"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
					"status": {"acceptedNames": %[2]s, "storedVersions": ["v1"], "conditions": [
						{"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"},
						{"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}`, i, names))
				for n := range 3 {
					put(fmt.Sprintf("/many.example.com/part%03ds/many/p-%d", i, n), fmt.Sprintf(`{"apiVersion": "many.example.com/v1", "kind": "Part%03d",
						"metadata": {"name": "p-%d", "namespace": "many", "uid": "00000000-0000-4000-8000-2%07[1]d%04[2]d", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"i": %[1]d}}`, i, n))
				}
			}
		})
	}
	wait.Wait()
	eventually(t, "all types to be served", func() bool {
		content, err := cluster.Do(context.Background(), http.MethodGet, "/apis/many.example.com/v1", "", nil)
		return err == nil && strings.Count(string(content), `"kind":"Part`) == types
	})
	kubeconfig, err := cluster.TokenKubeconfig("admin", cluster.Token)
	if err != nil {
		t.Fatal(err)
	}
	l := folderLake(t, provider("many", kubeconfig))
	summary := summaryOf(t, l.sync(t, "--json"))
	if requests := summary.Clusters[0].Requests; requests.Sent < types {
		t.Errorf("requests are %+v", requests)
	}
	l.expect(t, `SELECT count(*) AS objects, count(DISTINCT type) AS types FROM snapshots WHERE type LIKE 'many.example.com.%'`,
		fmt.Sprintf(`[{"objects": %d, "types": %d}]`, 3*types, types))
	patch(t, cluster, "/apis/many.example.com/v1/namespaces/many/part007s/p-1", `{"spec": {"i": 8}}`)
	l.sync(t)
	l.expect(t, `SELECT type, resource_id, path, old, new FROM field_changes WHERE type LIKE 'many.example.com.%' AND path LIKE 'spec%'`,
		`[{"type": "many.example.com.v1.Part007", "resource_id": "many/p-1", "path": "spec.i", "old": 7, "new": 8}]`)
}
