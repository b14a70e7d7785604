package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// collectBlock gives a collect block with the lines of HCL in its blocks.
func collectBlock(selects, ignores string, more ...string) string {
	return "collect {\n  select {\n    " + selects + "\n  }\n  ignore {\n    " + ignores + "\n  }\n  " + strings.Join(more, "\n  ") + "\n}\n"
}

// configMap gives the manifest of a ConfigMap with labels and one entry.
func configMap(ns, name, labels, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s, labels: {%s}}\ndata: {k: %q}\n---\n", name, ns, labels, value)
}

// nextSecond waits until what the server does is of a later second than what it did: its times have no parts of seconds.
func nextSecond() { time.Sleep(1100 * time.Millisecond) }

// What labels and namespaces leave out is out of scope and not deleted: it keeps its last state, and its history goes on once it is back. What is
// deleted meanwhile or under the selection is told apart from what was only relabelled.
func TestLabelsAndNamespaces(t *testing.T) {
	namespace(t, west, "scope-a", "scope-b", "scope-b-preview")
	for _, ns := range []string{"scope-a", "scope-b", "scope-b-preview"} {
		apply(t, west, configMap(ns, "web", "env: prod, team: x", "1")+configMap(ns, "two", "env: test, team: x", "1")+configMap(ns, "back", "env: prod, team: q", "1")+
			configMap(ns, "dev", "env: dev, team: x", "1")+configMap(ns, "loose", "env: prod", "1")+configMap(ns, "cache", "env: prod, team: x, tier: cache", "1"))
	}
	block := provider("west", admin(t, west))
	labels := `labels = ["env in (prod, test)", "team"]`
	scoped := collectBlock(`resource_types = ["core.v1.ConfigMap"]
    namespaces = ["scope-*"]
    `+labels, `namespaces = ["*-preview"]
    labels = ["tier=cache"]`)
	for name, l := range bothLakes(t, block, scoped) {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { // The other lake begins from the same state.
				for _, ns := range []string{"scope-a", "scope-b"} {
					apply(t, west, configMap(ns, "web", "env: prod, team: x", "1")+configMap(ns, "two", "env: test, team: x", "1")+
						configMap(ns, "back", "env: prod, team: q", "1")+configMap(ns, "dev", "env: dev, team: x", "1"))
				}
				_, _ = west.Do(context.Background(), http.MethodDelete, "/api/v1/namespaces/scope-a/configmaps/new", contentType(http.MethodDelete), []byte("{}"))
			})
			l.sync(t)
			const living = `SELECT resource_id || coalesce(' ' || unobserved_reason, '') AS s FROM snapshots`
			l.expectStrings(t, living, []string{"scope-a/back", "scope-a/two", "scope-a/web", "scope-b/back", "scope-b/two", "scope-b/web"})
			unchanged(t, l)

			// Out by their labels, gone, in by their labels, and made anew.
			nextSecond()
			patch(t, west, "/api/v1/namespaces/scope-a/configmaps/web", `{"metadata": {"labels": {"env": "dev"}}}`)
			patch(t, west, "/api/v1/namespaces/scope-a/configmaps/back", `{"metadata": {"labels": {"env": "dev"}}}`)
			remove(t, west, "/api/v1/namespaces/scope-a/configmaps/two")
			patch(t, west, "/api/v1/namespaces/scope-a/configmaps/dev", `{"metadata": {"labels": {"env": "prod"}}}`)
			apply(t, west, configMap("scope-a", "new", "env: test, team: z", "1"))
			l.sync(t)
			l.expectStrings(t, living, []string{
				"scope-a/back out of scope", "scope-a/dev", "scope-a/new", "scope-a/web out of scope", "scope-b/back", "scope-b/two", "scope-b/web"})
			l.expectStrings(t, `SELECT name || ' ' || operation AS s FROM changes`, []string{"two deleted", "new created"})
			l.expectStrings(t, `SELECT name || ' ' || operation AS s FROM versions WHERE name IN ('dev', 'web', 'back') AND namespace = 'scope-a'`,
				[]string{"dev discovered", "web discovered", "back discovered"})
			l.expect(t, `SELECT name, deleted_at, data->>'$.data.k' AS k FROM snapshots WHERE unobserved_since IS NOT NULL ORDER BY name`,
				`[{"name": "back", "deleted_at": null, "k": "1"}, {"name": "web", "deleted_at": null, "k": "1"}]`)
			unchanged(t, l)

			// Back: unchanged without a word, or updated.
			patch(t, west, "/api/v1/namespaces/scope-a/configmaps/web", `{"metadata": {"labels": {"env": "prod"}}, "data": {"k": "2"}}`)
			patch(t, west, "/api/v1/namespaces/scope-a/configmaps/back", `{"metadata": {"labels": {"env": "prod"}}}`)
			l.sync(t)
			l.expectNone(t, "objects that are out of scope", `SELECT * FROM snapshots WHERE unobserved_since IS NOT NULL`)
			l.expect(t, `SELECT version, operation FROM history('core.v1.ConfigMap', 'scope-a/web') ORDER BY version`,
				`[{"version": 1, "operation": "discovered"}, {"version": 2, "operation": "updated"}]`)
			l.expect(t, `SELECT version, operation FROM history('core.v1.ConfigMap', 'scope-a/back') ORDER BY version`, `[{"version": 1, "operation": "discovered"}]`)
			unchanged(t, l)

			// A namespace that is not selected any more is out of scope whole. What goes there meanwhile is known when it is back.
			l.reconfigure(t, block, collectBlock("resource_types = [\"core.v1.ConfigMap\"]\n    namespaces = [\"scope-a\"]\n    "+labels, `labels = ["tier=cache"]`))
			remove(t, west, "/api/v1/namespaces/scope-b/configmaps/two")
			l.sync(t)
			l.expectStrings(t, living+` WHERE namespace = 'scope-b'`, []string{"scope-b/back out of scope", "scope-b/two out of scope", "scope-b/web out of scope"})
			l.expectStrings(t, `SELECT resource_id AS s FROM changes WHERE operation = 'deleted'`, []string{"scope-a/two"})
			unchanged(t, l)
			l.reconfigure(t, block, scoped)
			l.sync(t)
			// The one that went may as well have been relabelled: the identities of all tell.
			l.expectStrings(t, living+` WHERE namespace = 'scope-b'`, []string{"scope-b/back", "scope-b/web"})
			l.expectStrings(t, `SELECT resource_id AS s FROM changes WHERE operation = 'deleted'`, []string{"scope-a/two", "scope-b/two"})

			// Everything of the type: what appears was there before, so it is discovered and not created.
			l.reconfigure(t, block, collectBlock("resource_types = [\"core.v1.ConfigMap\"]\n    namespaces = [\"scope-*\"]", ""))
			l.sync(t)
			l.expectStrings(t, `SELECT resource_id AS s FROM changes WHERE operation = 'deleted'`, []string{"scope-a/two", "scope-b/two"})
			l.expectNone(t, "creations by a wider scope", `SELECT * FROM changes WHERE operation = 'created' AND name <> 'new'`)
			l.expectStrings(t, `SELECT resource_id AS s FROM versions WHERE operation = 'discovered' AND name IN ('cache', 'loose')`,
				[]string{"scope-a/cache", "scope-a/loose", "scope-b/cache", "scope-b/loose", "scope-b-preview/cache", "scope-b-preview/loose"})
			l.checkIntegrity(t)
		})
	}
}

// Pods in a phase that is ignored are out of scope, pods that are gone are deleted.
func TestPodPhases(t *testing.T) {
	namespace(t, west, "phases")
	eventually(t, "the ServiceAccount that pods need", func() bool { return len(list(t, west, "/api/v1/namespaces/phases/serviceaccounts")) > 0 })
	for _, name := range []string{"runs", "ends", "goes", "ended"} {
		apply(t, west, "apiVersion: v1\nkind: Pod\nmetadata: {name: "+name+", namespace: phases}\nspec: {containers: [{name: c, image: nowhere}]}\n")
	}
	phase := func(name, phase string) {
		patch(t, west, "/api/v1/namespaces/phases/pods/"+name+"/status", `{"status": {"phase": "`+phase+`"}}`)
	}
	phase("ended", "Succeeded")
	l := folderLake(t, provider("west", admin(t, west)), collectBlock("resource_types = [\"core.v1.Pod\"]\n    namespaces = [\"phases\"]", `pod_phases = ["Succeeded", "Failed"]`))
	l.sync(t)
	const pods = `SELECT name || ' ' || phase || coalesce(' ' || unobserved_reason, '') AS s FROM snapshots`
	l.expectStrings(t, pods, []string{"runs Pending", "ends Pending", "goes Pending"})
	phase("ends", "Failed")
	phase("runs", "Running")
	request(t, west, http.MethodDelete, "/api/v1/namespaces/phases/pods/goes", `{"gracePeriodSeconds": 0}`)
	l.sync(t)
	l.expectStrings(t, pods, []string{"runs Running", "ends Pending out of scope"})
	l.expectStrings(t, `SELECT name || ' ' || operation AS s FROM changes`, []string{"goes deleted", "runs updated"})
	unchanged(t, l)

	// One that ended, and is gone, is known to be, although nobody lists ended pods.
	request(t, west, http.MethodDelete, "/api/v1/namespaces/phases/pods/ends", `{"gracePeriodSeconds": 0}`)
	l.sync(t)
	l.expectStrings(t, pods, []string{"runs Running"})
	l.expectStrings(t, `SELECT name || ' ' || operation AS s FROM changes`, []string{"goes deleted", "runs updated", "ends deleted"})
	l.reconfigure(t, provider("west", admin(t, west), `namespaces = ["phases"]`), selectTypes("core.v1.Pod"))
	l.sync(t)
	l.expectStrings(t, pods, []string{"runs Running", "ended Succeeded"})
	l.expectStrings(t, `SELECT name || ' ' || operation AS s FROM changes`, []string{"goes deleted", "runs updated", "ends deleted"})
	l.checkIntegrity(t)
}

// Custom resources can be left out, or only those of some groups be taken.
func TestCustomResources(t *testing.T) {
	namespace(t, east, "custom")
	customType(t, east, "a.custom.example.com", "Box")
	customType(t, east, "b.custom.example.com", "Lid")
	apply(t, east, "apiVersion: a.custom.example.com/v1\nkind: Box\nmetadata: {name: one, namespace: custom}\n---\napiVersion: b.custom.example.com/v1\nkind: Lid\nmetadata: {name: one, namespace: custom}\n")
	const types = `SELECT DISTINCT kind AS s FROM snapshots WHERE namespace = 'custom' AND kind <> 'ServiceAccount' AND unobserved_since IS NULL`
	block := provider("east", admin(t, east), `namespaces = ["custom"]`)
	l := folderLake(t, block)
	for _, step := range []struct {
		custom string
		want   []string
	}{
		{`enabled = true`, []string{"Box", "ConfigMap", "Lid"}},
		{`enabled = false`, []string{"ConfigMap"}},
		{`groups = ["a.custom.example.com"]`, []string{"Box", "ConfigMap"}},
		{"groups = [\"*.custom.example.com\"]\n    ignore_groups = [\"a.custom.example.com\"]", []string{"ConfigMap", "Lid"}},
	} {
		l.reconfigure(t, block, "collect {\n  select {\n    resource_types = [\"core.v1.ConfigMap\", \"*.custom.example.com.*\"]\n  }\n  custom_resources {\n    "+step.custom+"\n  }\n}\n")
		l.sync(t)
		l.expectStrings(t, types, step.want)
	}
	l.expectNone(t, "deletions by a narrower configuration", `SELECT * FROM changes`)
	l.checkIntegrity(t)
}

// A ServiceAccount that may read only some namespaces reads those that are named, each by itself.
func TestSomeNamespaces(t *testing.T) {
	namespace(t, east, "mine-a", "mine-b", "mine-c")
	for _, ns := range []string{"mine-a", "mine-b", "mine-c"} {
		apply(t, east, configMap(ns, "one", "", "1")+configMap(ns, "two", "", "1"))
	}
	role := func(ns string) string {
		return `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: e2e-mine, namespace: ` + ns + `}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: e2e-mine, namespace: ` + ns + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: e2e-mine}
subjects: [{kind: ServiceAccount, name: reader, namespace: mine-a}]
---
`
	}
	apply(t, east, role("mine-a")+role("mine-b"))
	seen, kubeconfig := reader(t, east, "mine-a")
	mayList(t, seen, "/api/v1/namespaces/mine-b/configmaps", true)
	block := func(names string) string { return provider("east", kubeconfig, "namespaces = "+names) }
	l := folderLake(t, block(`["mine-a", "mine-b"]`), selectTypes("core.v1.ConfigMap"))
	const found = `SELECT resource_id || coalesce(' ' || unobserved_reason, '') AS s FROM snapshots WHERE name <> 'kube-root-ca.crt'`
	const deletions = `SELECT resource_id AS s FROM changes WHERE operation = 'deleted'`
	l.sync(t)
	l.expectStrings(t, found, []string{"mine-a/one", "mine-a/two", "mine-b/one", "mine-b/two"})
	unchanged(t, l)

	// It may not read a third: the type is not complete, and nothing of it is deleted, in no namespace.
	remove(t, east, "/api/v1/namespaces/mine-a/configmaps/two")
	l.reconfigure(t, block(`["mine-a", "mine-b", "mine-c"]`), selectTypes("core.v1.ConfigMap"))
	l.must(t, 3, "sync")
	l.expectNone(t, "deletions of an incomplete list", deletions)
	// Nor when the permission for one of them is taken back.
	l.reconfigure(t, block(`["mine-a", "mine-b"]`), selectTypes("core.v1.ConfigMap"))
	remove(t, east, "/apis/rbac.authorization.k8s.io/v1/namespaces/mine-b/rolebindings/e2e-mine")
	mayList(t, seen, "/api/v1/namespaces/mine-b/configmaps", false)
	l.must(t, 3, "sync")
	l.expectNone(t, "deletions of an incomplete list", deletions)
	// Where only the first is asked for, its deletion is known, and the second is out of scope.
	l.reconfigure(t, block(`["mine-a"]`), selectTypes("core.v1.ConfigMap"))
	l.sync(t)
	l.expectStrings(t, found, []string{"mine-a/one", "mine-b/one out of scope", "mine-b/two out of scope"})
	l.expectStrings(t, deletions, []string{"mine-a/two"})
	l.checkIntegrity(t)
}
