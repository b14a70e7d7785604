package e2e

import (
	"maps"
	"strings"
	"testing"
)

// One cluster under two ids, and another cluster under a known id, are refused before anything is written, unless the configuration says otherwise.
func TestIdentity(t *testing.T) {
	types := selectTypes("core.v1.Namespace")
	for name, l := range bothLakes(t, provider("east", admin(t, east)), types) {
		t.Run(name, func(t *testing.T) {
			l.sync(t)
			uids := map[string]string{}
			for _, o := range list(t, east, "/api/v1/namespaces") {
				uids[o.Metadata.Name] = o.Metadata.UID
			}
			l.expect(t, `SELECT identity FROM clusters`, `[{"identity": "`+uids["kube-system"]+`"}]`)
			refused := func(what, message string) {
				t.Helper()
				before := l.dataFiles(t)
				r := l.must(t, 2, "sync")
				if !strings.Contains(r.stderr, message) {
					t.Errorf("%s: the message does not say %q:\n%s", what, message, r.stderr)
				}
				if !maps.Equal(before, l.dataFiles(t)) {
					t.Errorf("%s: data files were written", what)
				}
				l.expectStrings(t, `SELECT DISTINCT cluster AS s FROM snapshots`, []string{"east"})
			}
			l.reconfigure(t, provider("twin", admin(t, east)), types)
			refused("a second id", "east")
			l.reconfigure(t, provider("east", admin(t, west)), types)
			refused("another cluster", uids["kube-system"])
			l.reconfigure(t, provider("east", admin(t, east), `identity = "00000000-0000-4000-8000-000000000000"`), types)
			refused("not the one that is configured", uids["kube-system"])

			// Both at once are refused too, and what is refused does not hold up the others.
			l.reconfigure(t, provider("east", admin(t, east)), provider("twin", admin(t, east)), provider("west", admin(t, west)), types)
			l.must(t, 2, "sync")
			l.expectStrings(t, `SELECT DISTINCT cluster AS s FROM snapshots`, []string{"east", "west"})

			l.reconfigure(t, provider("east", admin(t, east)), provider("twin", admin(t, east), `identity = "any"`), types)
			l.sync(t)
			l.expectStrings(t, `SELECT DISTINCT cluster AS s FROM snapshots`, []string{"east", "twin", "west"})
			l.checkIntegrity(t)
		})
	}

	// Two new ids at one cluster in one run: one of them is the cluster's.
	l := folderLake(t, provider("one", admin(t, east)), provider("two", admin(t, east)), types)
	l.must(t, 2, "sync")
	if n := l.count(t, `SELECT count(DISTINCT cluster) AS n FROM snapshots`); n != 1 {
		t.Errorf("%d ids of one cluster have objects", n)
	}

	// Where the identity may not be read nothing is checked, and no second cluster comes of it.
	l = folderLake(t, provider("east", admin(t, east)), selectTypes("core.v1.ConfigMap"))
	l.sync(t)
	namespace(t, east, "blind")
	seen, kubeconfig := reader(t, east, "blind")
	apply(t, east, `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-blind}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-blind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-blind}
subjects: [{kind: ServiceAccount, name: reader, namespace: blind}]
`)
	mayList(t, seen, "/api/v1/configmaps", true)
	l.reconfigure(t, provider("east", kubeconfig), selectTypes("core.v1.ConfigMap"))
	l.sync(t)
	if n := l.count(t, `SELECT count(*) AS n FROM clusters WHERE identity IS NOT NULL`); n != 1 {
		t.Errorf("%d rows of the cluster keep its identity", n)
	}
	l.expectNone(t, "deletions", `SELECT * FROM changes WHERE operation = 'deleted' AND namespace = 'kube-system'`)
}
