package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// limitedRole lets the ServiceAccount limited/reader list what resources says, a YAML list.
func limitedRole(resources string) string {
	return `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-reader}
rules: [{apiGroups: [""], resources: ` + resources + `, verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: limited}]
`
}

// reader makes the ServiceAccount reader in a namespace and gives the cluster as it sees it, and its kubeconfig.
func reader(t *testing.T, cluster *servers.Cluster, ns string) (seen *servers.Cluster, kubeconfig string) {
	t.Helper()
	apply(t, cluster, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader, namespace: "+ns+"}\n")
	var answer struct{ Status struct{ Token string } }
	body := request(t, cluster, http.MethodPost, "/api/v1/namespaces/"+ns+"/serviceaccounts/reader/token", `{"spec": {"expirationSeconds": 3600}}`)
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := cluster.TokenKubeconfig("reader", answer.Status.Token)
	if err != nil {
		t.Fatal(err)
	}
	return cluster.As(answer.Status.Token), kubeconfig
}

// mayList waits until the cluster lets its user list the path, or no longer does: RBAC takes a moment.
func mayList(t *testing.T, cluster *servers.Cluster, path string, may bool) {
	t.Helper()
	eventually(t, "the permission to list "+path+" to change", func() bool {
		_, err := cluster.Do(t.Context(), http.MethodGet, path, "", nil)
		status := (*servers.StatusError)(nil)
		return may && err == nil || !may && errors.As(err, &status) && status.Code == http.StatusForbidden
	})
}

// A ServiceAccount that may list only some types: what it may is collected, what it may not is said, and fails the sync only
// where it was asked for by name. A type that it may no longer list has not lost its objects.
func TestLimitedServiceAccount(t *testing.T) {
	namespace(t, east, "limited")
	seen, kubeconfig := reader(t, east, "limited")
	apply(t, east, limitedRole(`[configmaps, services, namespaces]`))
	apply(t, east, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stays, namespace: limited}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: goes, namespace: limited}\n")
	mayList(t, seen, "/api/v1/configmaps", true)

	l := folderLake(t, provider("east", kubeconfig))
	r := l.sync(t)
	if !strings.Contains(r.stderr, "may not be listed") {
		t.Errorf("nothing on standard error warns of what may not be listed:\n%s%s", r.stdout, r.stderr)
	}
	l.expect(t, `SELECT type, status FROM syncs WHERE type IN ('core.v1.ConfigMap', 'core.v1.Service', 'core.v1.Secret', 'apps.v1.Deployment') ORDER BY type`, `[
		{"type": "apps.v1.Deployment", "status": "forbidden"}, {"type": "core.v1.ConfigMap", "status": "complete"},
		{"type": "core.v1.Secret", "status": "forbidden"}, {"type": "core.v1.Service", "status": "complete"}]`)
	l.expectNone(t, "types neither complete nor forbidden", `SELECT * FROM syncs WHERE status NOT IN ('complete', 'forbidden')`)
	l.expectNone(t, "objects of forbidden types", `SELECT type FROM snapshots WHERE type NOT IN ('core.v1.ConfigMap', 'core.v1.Service', 'core.v1.Namespace',
		'certificates.k8s.io.v1.ClusterTrustBundle')`) // Which every ServiceAccount may list.

	// It may list ConfigMaps no longer, and one goes: that is not known.
	apply(t, east, limitedRole(`[services, namespaces]`))
	mayList(t, seen, "/api/v1/configmaps", false)
	remove(t, east, "/api/v1/namespaces/limited/configmaps/goes")
	l.sync(t)
	l.expectStrings(t, `SELECT name AS s FROM snapshots WHERE namespace = 'limited' AND kind = 'ConfigMap'`, []string{"goes", "stays", "kube-root-ca.crt"})
	l.expectNone(t, "deletions without a list", `SELECT * FROM changes WHERE operation = 'deleted' AND namespace = 'limited'`)

	// Asked for by name, it fails the sync, and the rest is still collected.
	apply(t, east, "apiVersion: v1\nkind: Service\nmetadata: {name: late, namespace: limited}\nspec: {ports: [{port: 80}]}\n")
	l.reconfigure(t, provider("east", kubeconfig), selectTypes("core.v1.ConfigMap", "core.v1.Service"))
	r = l.must(t, 3, "sync")
	if !strings.Contains(r.stderr, "core.v1.ConfigMap forbidden") {
		t.Errorf("the forbidden type is not named on standard error:\n%s%s", r.stdout, r.stderr)
	}
	l.expectStrings(t, `SELECT name AS s FROM changes WHERE namespace = 'limited'`, []string{"late"})

	// Nor does a server that cannot be reached, or a token that is no longer accepted, delete anything.
	good, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	broken := kubeconfig + ".broken"
	l.reconfigure(t, provider("east", broken), selectTypes("core.v1.ConfigMap"))
	for what, content := range map[string]string{
		"unreachable":  strings.ReplaceAll(string(good), east.URL, closedPort(t)),
		"unauthorized": strings.ReplaceAll(string(good), "token: ", "token: x"),
	} {
		if err := os.WriteFile(broken, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		l.must(t, 3, "sync")
		l.expectNone(t, "deletions by a cluster that is "+what, `SELECT * FROM changes WHERE operation = 'deleted' AND namespace = 'limited'`)
	}

	// Only a complete list tells.
	apply(t, east, limitedRole(`[configmaps]`))
	mayList(t, seen, "/api/v1/configmaps", true)
	l.reconfigure(t, provider("east", kubeconfig), selectTypes("core.v1.ConfigMap"))
	l.sync(t)
	l.expectStrings(t, `SELECT name AS s FROM changes WHERE operation = 'deleted' AND namespace = 'limited'`, []string{"goes"})
	// The Services, which are no longer selected, are not deleted by that.
	l.expectNone(t, "deletions by a narrower selection", `SELECT * FROM changes WHERE operation = 'deleted' AND kind <> 'ConfigMap' AND namespace = 'limited'`)
	l.checkIntegrity(t)
}

// Every way to authenticate that a kubeconfig knows leads to the same objects.
func TestAuthentication(t *testing.T) {
	certificate, err := east.CertificateKubeconfig("by-certificate", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := east.ExecKubeconfig("by-plugin", east.Token)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	const identity = `identity = "any"` // It is one cluster under many names.
	l := folderLake(t,
		provider("by-token", admin(t, east), identity), provider("by-certificate", certificate, identity), provider("by-plugin", plugin, identity),
		provider("by-content", string(content), identity),
		"provider \"kubernetes\" \"by-attributes\" {\n  server = \""+east.URL+"\"\n  token = \""+east.Token+"\"\n  ca_file = \""+east.CAFile+"\"\n  "+identity+"\n}\n",
		selectTypes("rbac.authorization.k8s.io.v1.ClusterRole"))
	l.sync(t)
	l.expect(t, `SELECT cluster, count(*) > 50 AS many, count(*) = max(count(*)) OVER () AS same FROM snapshots GROUP BY cluster ORDER BY cluster`, `[
		{"cluster": "by-attributes", "many": true, "same": true}, {"cluster": "by-certificate", "many": true, "same": true},
		{"cluster": "by-content", "many": true, "same": true}, {"cluster": "by-plugin", "many": true, "same": true}, {"cluster": "by-token", "many": true, "same": true}]`)
}
