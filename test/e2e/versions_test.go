package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// versionOf gives a version of a CustomResourceDefinition as YAML in one line.
func versionOf(name string, served, storage bool) string {
	return fmt.Sprintf("{name: %s, served: %t, storage: %t, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}", name, served, storage)
}

// definition applies a CustomResourceDefinition with these versions and waits until the API server serves the last one in the way that preferred says.
func definition(t *testing.T, cluster *servers.Cluster, group, kind, preferred string, versions ...string) {
	t.Helper()
	singular := strings.ToLower(kind)
	name := singular + "s." + group
	apply(t, cluster, `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: `+name+`}
spec:
  group: `+group+`
  scope: Namespaced
  names: {plural: `+singular+`s, singular: `+singular+`, kind: `+kind+`}
  versions:
  - `+strings.Join(versions, "\n  - ")+"\n")
	eventually(t, name+" to be served", func() bool {
		// Aggregated discovery is what k8sq reads.
		groups, err := cluster.Do(context.Background(), http.MethodGet, "/apis/"+group, "", nil)
		objects, listErr := cluster.Do(context.Background(), http.MethodGet, "/apis/"+group+"/"+preferred+"/"+singular+"s", "", nil)
		return err == nil && listErr == nil && len(objects) > 0 && strings.Contains(string(groups), `"preferredVersion":{"groupVersion":"`+group+"/"+preferred+`"`) &&
			strings.Count(string(groups), `"version":`) == 1+servedVersions(versions)
	})
}

func servedVersions(versions []string) (n int) {
	for _, version := range versions {
		if strings.Contains(version, "served: true") {
			n++
		}
	}
	return n
}

func removeDefinition(cluster *servers.Cluster, name string) {
	_, _ = cluster.Do(context.Background(), http.MethodDelete, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name, contentType(http.MethodDelete), []byte("{}"))
}

// syncUntil syncs until a query has a row: discovery of an API server comes a moment after what it serves.
func syncUntil(t *testing.T, l lake, sql string) {
	t.Helper()
	eventually(t, sql+" to have a row", func() bool {
		l.sync(t)
		return len(l.query(t, sql)) > 0
	})
}

// An upgrade that moves a kind to a new preferred version takes every object along once: nothing stays alive under the old type, nothing is told as
// created or deleted but what was, and the way back is the same.
func TestPreferredVersionMoves(t *testing.T) {
	const group = "moves.example.com"
	namespace(t, east, "moves")
	t.Cleanup(func() { removeDefinition(east, "crates."+group) })
	definition(t, east, group, "Crate", "v1alpha1", versionOf("v1alpha1", true, true))
	crate := func(version, name, value string) string {
		return "apiVersion: " + group + "/" + version + "\nkind: Crate\nmetadata: {name: " + name + ", namespace: moves}\nspec: {value: " + value + "}\n---\n"
	}
	apply(t, east, crate("v1alpha1", "stays", "a")+crate("v1alpha1", "goes", "a"))
	l := folderLake(t, provider("east", admin(t, east)), selectTypes(group+".*", "apiextensions.k8s.io.v1.*"))
	l.sync(t)
	const living = `SELECT type || ' ' || name AS s FROM snapshots WHERE kind = 'Crate'`
	l.expectStrings(t, living, []string{group + ".v1alpha1.Crate stays", group + ".v1alpha1.Crate goes"})

	// v1 comes, and is preferred. Meanwhile one object goes and one comes.
	definition(t, east, group, "Crate", "v1", versionOf("v1alpha1", true, false), versionOf("v1", true, true))
	remove(t, east, "/apis/"+group+"/v1/namespaces/moves/crates/goes")
	apply(t, east, crate("v1", "comes", "b"))
	syncUntil(t, l, `SELECT * FROM snapshots WHERE type = '`+group+`.v1.Crate'`)
	l.expectStrings(t, living, []string{group + ".v1.Crate stays", group + ".v1.Crate comes"})
	l.expectStrings(t, `SELECT name || ' ' || moved_to AS s FROM unobserved_resources WHERE kind = 'Crate'`, []string{"stays " + group + ".v1.Crate"})
	l.expectStrings(t, `SELECT type || ' ' || name || ' ' || operation AS s FROM changes WHERE kind = 'Crate'`,
		[]string{group + ".v1alpha1.Crate goes deleted", group + ".v1.Crate comes created"})
	l.expectStrings(t, `SELECT name || ' ' || operation AS s FROM versions WHERE type = '`+group+`.v1.Crate'`, []string{"stays discovered", "comes created"})
	unchanged(t, l)

	// What is stored in which version is the server's own affair.
	definition(t, east, group, "Crate", "v1", versionOf("v1alpha1", true, true), versionOf("v1", true, false))
	l.sync(t)
	l.expectNone(t, "versions by another storage version", `SELECT * FROM versions WHERE kind = 'Crate' AND version > 1 AND operation <> 'deleted'`)

	// Back: v1 is served no more.
	definition(t, east, group, "Crate", "v1alpha1", versionOf("v1alpha1", true, true), versionOf("v1", false, false))
	apply(t, east, crate("v1alpha1", "stays", "c"))
	syncUntil(t, l, `SELECT * FROM snapshots WHERE type = '`+group+`.v1alpha1.Crate'`)
	l.expectStrings(t, living, []string{group + ".v1alpha1.Crate stays", group + ".v1alpha1.Crate comes"})
	l.expect(t, `SELECT version, operation FROM history('`+group+`.v1alpha1.Crate', 'moves/stays')`,
		`[{"version": 1, "operation": "discovered"}, {"version": 1, "operation": "discovered"}, {"version": 2, "operation": "updated"}]`)
	l.expectStrings(t, `SELECT type || ' ' || name || ' ' || operation AS s FROM changes WHERE kind = 'Crate' AND operation <> 'updated'`,
		[]string{group + ".v1alpha1.Crate goes deleted", group + ".v1.Crate comes created"})
	unchanged(t, l)
	l.checkIntegrity(t)
}

// With its CRD, a type's objects are gone. Where it is not known that it went, they are not observed any more; served again, they are.
func TestRemovedDefinition(t *testing.T) {
	const group = "gone.example.com"
	namespace(t, east, "gone")
	t.Cleanup(func() { removeDefinition(east, "jars."+group) })
	definition(t, east, group, "Jar", "v1", versionOf("v1", true, true))
	apply(t, east, "apiVersion: "+group+"/v1\nkind: Jar\nmetadata: {name: a, namespace: gone}\n")
	whole := folderLake(t, provider("east", admin(t, east)), selectTypes(group+".*", "apiextensions.k8s.io.v1.*"))
	part := folderLake(t, provider("east", admin(t, east)), selectTypes(group+".*"))
	whole.sync(t)
	part.sync(t)
	remove(t, east, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/jars."+group)
	eventually(t, "discovery to know", func() bool { return !strings.Contains(string(request(t, east, http.MethodGet, "/apis", "")), group) })

	syncUntil(t, whole, `SELECT * FROM changes WHERE operation = 'deleted' AND kind = 'CustomResourceDefinition' AND name = 'jars.`+group+`'`)
	eventually(t, "the objects to be told as deleted", func() bool {
		whole.sync(t)
		return len(whole.query(t, `SELECT * FROM changes WHERE operation = 'deleted' AND kind = 'Jar'`)) == 1
	})
	whole.expectStrings(t, `SELECT name AS s FROM deleted_resources WHERE kind = 'Jar'`, []string{"a"})
	unchanged(t, whole)

	syncUntil(t, part, `SELECT * FROM unobserved_resources WHERE kind = 'Jar' AND unobserved_reason = 'not served'`)
	part.expectNone(t, "deletions that nobody saw", `SELECT * FROM changes`)
	part.expectNone(t, "living objects of a type that is not served", `SELECT * FROM snapshots WHERE kind = 'Jar'`)
	part.expect(t, `SELECT status FROM syncs WHERE type = '`+group+`.v1.Jar' ORDER BY started_at DESC LIMIT 1`, `[{"status": "skipped"}]`)
	unchanged(t, part)

	// Served again, with an object of the same name.
	definition(t, east, group, "Jar", "v1", versionOf("v1", true, true))
	apply(t, east, "apiVersion: "+group+"/v1\nkind: Jar\nmetadata: {name: a, namespace: gone}\n")
	syncUntil(t, part, `SELECT * FROM snapshots WHERE kind = 'Jar'`)
	part.expectStrings(t, `SELECT version || ' ' || operation AS s FROM versions WHERE kind = 'Jar'`, []string{"1 discovered", "2 deleted", "3 created"})
	syncUntil(t, whole, `SELECT * FROM snapshots WHERE kind = 'Jar'`)
	whole.expectStrings(t, `SELECT version || ' ' || operation AS s FROM versions WHERE kind = 'Jar'`, []string{"1 discovered", "2 deleted", "3 created"})
	part.checkIntegrity(t)
	whole.checkIntegrity(t)
}

// An aggregated API that is down hides its types: what is known of them stays, and the sync says that it is incomplete.
func TestGroupDown(t *testing.T) {
	const group = "down2.example.com"
	namespace(t, west, "down")
	t.Cleanup(func() { removeDefinition(west, "urns."+group) })
	definition(t, west, group, "Urn", "v1", versionOf("v1", true, true))
	apply(t, west, "apiVersion: "+group+"/v1\nkind: Urn\nmetadata: {name: a, namespace: down}\n")
	l := folderLake(t, provider("west", admin(t, west)), selectTypes(group+".*", "core.v1.Namespace"))
	l.sync(t)

	// The CRD's own APIService is replaced by one that points at nothing.
	const service = "/apis/apiregistration.k8s.io/v1/apiservices/v1." + group
	down := `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.` + group + `, labels: {kube-aggregator.kubernetes.io/automanaged: "false"}}
spec: {group: ` + group + `, version: v1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: nowhere, namespace: down}}
`
	t.Cleanup(func() {
		_, _ = west.Do(context.Background(), http.MethodDelete, service, contentType(http.MethodDelete), []byte("{}"))
	})
	eventually(t, "the group to be down", func() bool {
		if err := west.Apply(context.Background(), down); err != nil {
			t.Log(err)
		}
		return strings.Contains(string(request(t, west, http.MethodGet, service, "")), `"type":"Available","status":"False"`)
	})
	eventually(t, "the sync to notice", func() bool {
		r := l.run(t, "sync")
		if r.code != 3 {
			return false
		}
		if !strings.Contains(r.stderr, group) {
			t.Errorf("the API that is down is not named:\n%s", r.stderr)
		}
		return true
	})
	l.expectStrings(t, `SELECT name || coalesce(' ' || unobserved_reason, '') AS s FROM snapshots WHERE kind = 'Urn'`, []string{"a"})
	l.expectNone(t, "deletions by a group that is down", `SELECT * FROM changes WHERE operation = 'deleted' AND kind = 'Urn'`)
	l.checkIntegrity(t)
}
