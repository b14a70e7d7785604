package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// A configuration that asks for less deletes nothing; asked for again, what went meanwhile is deleted.
func TestNarrowerConfiguration(t *testing.T) {
	namespace(t, west, "narrow-a", "narrow-b")
	for _, ns := range []string{"narrow-a", "narrow-b"} {
		apply(t, west, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: "+ns+"}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: two, namespace: "+ns+"}\n")
	}
	block := provider("west", admin(t, west))
	collect := func(filter string) string {
		return "collect {\n  select {\n    resource_types = [\"core.v1.ConfigM*\", \"core.v1.Service\"]\n  }\n" + filter + "\n}\n"
	}
	const deletions = `SELECT resource_id AS s FROM changes WHERE operation = 'deleted' AND namespace LIKE 'narrow-%'`
	l := folderLake(t, block, collect(""))
	l.sync(t)
	for _, filter := range []string{
		"  select {\n    resource_types = [\"core.v1.Service\"]\n  }",
		"  ignore {\n    resource_types = [\"core.v1.ConfigMap\"]\n  }",
	} {
		if strings.Contains(filter, "select {") {
			l.reconfigure(t, block, "collect {\n"+filter+"\n}\n")
		} else {
			l.reconfigure(t, block, collect(filter))
		}
		r := l.run(t, "sync")
		if r.code != 0 {
			t.Errorf("with%s: exit code %d\n%s", filter, r.code, r.stderr)
		}
		l.expectNone(t, "deletions by a narrower configuration,"+filter, deletions)
	}
	remove(t, west, "/api/v1/namespaces/narrow-b/configmaps/two")
	l.sync(t)
	l.expectNone(t, "deletions of what is not collected", deletions)
	l.reconfigure(t, block, collect(""))
	l.sync(t)
	l.expectStrings(t, deletions, []string{"narrow-b/two"})
	l.checkIntegrity(t)
}

// A resource type that is missing is not one whose objects were deleted: neither when an aggregated API is down, which is told,
// nor when its CRD is gone.
func TestMissingTypes(t *testing.T) {
	namespace(t, east, "missing")
	customType(t, east, "missing.example.com", "Jar")
	apply(t, east, "apiVersion: missing.example.com/v1\nkind: Jar\nmetadata: {name: a, namespace: missing}\n")
	l := folderLake(t, provider("east", admin(t, east)))
	l.sync(t)
	jars := `SELECT resource_id AS s FROM snapshots WHERE type = 'missing.example.com.v1.Jar'`
	l.expectStrings(t, jars, []string{"missing/a"})

	// The same group at another server, which is not there: what it holds cannot be known.
	const service = "/apis/apiregistration.k8s.io/v1/apiservices/v1.down.example.com"
	apply(t, east, `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.down.example.com}
spec: {group: down.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: nowhere, namespace: missing}}
`)
	t.Cleanup(func() {
		_, _ = east.Do(context.Background(), http.MethodDelete, service, contentType(http.MethodDelete), []byte("{}"))
	})
	eventually(t, "the API to be down", func() bool {
		return strings.Contains(string(request(t, east, http.MethodGet, service, "")), `"type":"Available","status":"False"`)
	})
	r := l.run(t, "sync")
	if output := r.stdout + r.stderr; r.code != 0 && r.code != 3 || !strings.Contains(output, "down.example.com") {
		t.Errorf("exit code %d; the API that is down is not named:\n%s", r.code, output)
	}
	l.expect(t, `SELECT type, status FROM syncs WHERE type LIKE 'down.example.com%'`, `[{"type": "down.example.com.v1.*", "status": "skipped"}]`)
	l.expectStrings(t, jars, []string{"missing/a"})
	remove(t, east, service)

	remove(t, east, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/jars.missing.example.com")
	eventually(t, "discovery to know", func() bool {
		return !strings.Contains(string(request(t, east, http.MethodGet, "/apis", "")), "missing.example.com")
	})
	l.sync(t)
	l.expect(t, `SELECT status FROM syncs WHERE type = 'missing.example.com.v1.Jar' ORDER BY started_at DESC LIMIT 1`, `[{"status": "skipped"}]`)
	l.checkIntegrity(t)
}
