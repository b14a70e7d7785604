package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// closedPort gives the URL of a server that nobody runs.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "https://" + listener.Addr().String()
}

// unreachable writes the kubeconfig of a cluster that cannot be reached.
func unreachable(t *testing.T, cluster *servers.Cluster) string {
	t.Helper()
	content, err := os.ReadFile(admin(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "unreachable.kubeconfig")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), cluster.URL, closedPort(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A cluster that cannot be reached leaves the others alone: exit code 3, its name and what is wrong on standard error.
func TestSeveralClusters(t *testing.T) {
	types := selectTypes("rbac.authorization.k8s.io.v1.ClusterRole", "core.v1.Namespace")
	for name, l := range bothLakes(t, provider("east", admin(t, east)), provider("dead", unreachable(t, east), "retries = 1"), provider("west", admin(t, west)), types) {
		t.Run(name, func(t *testing.T) {
			r := l.must(t, 3, "sync", "--json")
			if !strings.Contains(r.stderr, "dead") {
				t.Errorf("the unreachable cluster is not named:\n%s", r.stderr)
			}
			var summary any
			if err := json.Unmarshal([]byte(r.stdout), &summary); err != nil {
				t.Errorf("--json printed %q: %v", r.stdout, err)
			}
			l.expect(t, `SELECT cluster, type, status FROM syncs WHERE cluster <> 'dead' ORDER BY cluster, type`, `[
				{"cluster": "east", "type": "core.v1.Namespace", "status": "complete"}, {"cluster": "east", "type": "rbac.authorization.k8s.io.v1.ClusterRole", "status": "complete"},
				{"cluster": "west", "type": "core.v1.Namespace", "status": "complete"}, {"cluster": "west", "type": "rbac.authorization.k8s.io.v1.ClusterRole", "status": "complete"}]`)
			l.expectNone(t, "objects of the unreachable cluster", `SELECT * FROM snapshots WHERE cluster NOT IN ('east', 'west')`)

			// Named on the command line, only those are synced.
			l.sync(t, "west")
			l.expect(t, `SELECT cluster, count(DISTINCT sync_id) AS syncs FROM syncs WHERE cluster <> 'dead' GROUP BY cluster ORDER BY cluster`,
				`[{"cluster": "east", "syncs": 1}, {"cluster": "west", "syncs": 2}]`)
			l.must(t, 2, "sync", "nowhere")
		})
	}
}

// event is a CloudEvent of `k8sq sync --events`.
type event struct {
	SpecVersion, ID, Source, Type, Time string
	Data                                struct {
		Cluster, Namespace, Name string
		ResourceType             string `json:"resource_type"`
		ResourceID               string `json:"resource_id"`
		Diff                     map[string]map[string]any
	}
}

// events runs `k8sq sync --events` and gives the events it printed about a namespace, and about the sync.
func events(t *testing.T, l lake, ns string) (all []event, about []string) {
	t.Helper()
	for line := range strings.Lines(l.sync(t, "--events").stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("an event is %q: %v", line, err)
		}
		if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Data.Cluster != "east" {
			t.Errorf("an event is %s", line)
		}
		all = append(all, e)
		if strings.Contains(e.Type, "cluster.sync.") || e.Data.Namespace == ns && e.Data.Name != "kube-root-ca.crt" {
			kind := e.Type[max(0, strings.Index(e.Type, "cluster.sync."), strings.Index(e.Type, "resource."), strings.Index(e.Type, "change.")):]
			about = append(about, strings.TrimSpace(kind+" "+e.Data.ResourceID))
		}
	}
	return all, about
}

// Each commit's events, once and in order, and each event's version is in the lake.
func TestEvents(t *testing.T) {
	const ns = "events"
	namespace(t, east, ns)
	apply(t, east, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: events}\ndata: {k: \"1\"}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: events}\n")
	l := folderLake(t, provider("east", admin(t, east)), selectTypes("core.v1.ConfigMap"))
	step := func(want ...string) []event {
		t.Helper()
		all, about := events(t, l, ns)
		if len(about) > 2 { // One commit's events come in no particular order.
			slices.Sort(about[1 : len(about)-1])
		}
		if !slices.Equal(about, want) {
			t.Errorf("events:\n got %q\nwant %q", about, want)
		}
		return all
	}
	step("cluster.sync.started", "resource.discovered events/a", "resource.discovered events/b", "cluster.sync.completed")
	step("cluster.sync.started", "cluster.sync.completed")
	apply(t, east, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: events}\ndata: {k: \"2\"}\n")
	remove(t, east, "/api/v1/namespaces/events/configmaps/b")
	apply(t, east, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: events}\n")
	all := step("cluster.sync.started", "change.detected events/a", "resource.deleted events/b", "resource.discovered events/c", "cluster.sync.completed")
	for _, e := range all {
		if e.Data.ResourceID != "events/a" {
			continue
		}
		if got, _ := json.Marshal(e.Data.Diff["updated"]["data.k"]); string(got) != `{"from":"1","to":"2"}` || e.Data.ResourceType != "core.v1.ConfigMap" {
			t.Errorf("change.detected is %+v", e.Data)
		}
	}
	l.expectStrings(t, `SELECT operation || ' ' || name AS s FROM changes WHERE namespace = 'events' AND name <> 'kube-root-ca.crt'`, []string{"updated a", "deleted b", "created c"})
}
