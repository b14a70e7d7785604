package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// Markers planted wherever secrets are kept are in no column of the lake, no event, no plan, no log and no file, in no form; that one of them was
// rotated is a change.
func TestRedaction(t *testing.T) {
	const ns = "redact"
	namespace(t, west, ns)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	markers := func(round string) map[string]string {
		all := map[string]string{}
		for _, place := range []string{"data", "stringdata", "lastapplied", "env", "arg", "configmap", "properties", "helm", "kapp", "url", "custom", "pattern", "nested"} {
			all[place] = "mark-" + place + "-" + round + "-8f3a61c2d9"
		}
		return all
	}
	var planted []string
	plant := func(round string) {
		t.Helper()
		m := markers(round)
		for _, marker := range m {
			planted = append(planted, marker)
		}
		var release bytes.Buffer
		zip := gzip.NewWriter(&release)
		fmt.Fprintf(zip, `{"name":"shop","config":{"db":{"password":%q}},"manifest":"kind: Secret\nstringData: {p: %s}"}`, m["helm"], m["helm"])
		_ = zip.Close()
		objects := []struct{ path, body string }{
			{"secrets/login", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Secret", "data": {"a": %q}, "stringData": {"b": %q}, "metadata": {"annotations": {
				"kubectl.kubernetes.io/last-applied-configuration": %q, "kapp.k14s.io/original": %q}}}`, encode(m["data"]), m["stringdata"],
				`{"kind":"Secret","apiVersion":"v1","stringData":{"password":"`+m["lastapplied"]+`"}}`, `{"kind":"Secret","apiVersion":"v1","data":{"p":"`+encode(m["kapp"])+`"}}`)},
			{"secrets/sh.helm.release.v1.shop.v1", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": %q}}`,
				encode(encode(release.String())))},
			{"configmaps/settings", fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "data": {"DB_PASSWORD": %q, "app.properties": %q, "colour": %q, "url": %q, "harmless": "blue"}}`,
				m["configmap"], "db.user=shop\ndb.password="+m["properties"]+"\n", "corp-"+m["pattern"]+"-corp", "postgres://shop:"+m["url"]+"@db/shop")},
			{"pods/web", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": %q, "round": %q}}, "spec": {"containers": [{"name": "c",
				"image": "nowhere", "args": ["--api-token=%s"], "env": [{"name": "API_TOKEN", "value": %q}, {"name": "COLOUR", "value": "blue"}]}]}}`,
				`{"kind":"Pod","spec":{"containers":[{"name":"c","env":[{"name":"DB_PASSWORD","value":"`+m["nested"]+`"}]}]}}`, round, m["arg"], m["env"])},
			{"services/odd", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Service", "metadata": {"annotations": {"example.com/licence": %q}}, "spec": {"ports": [{"port": 80}]}}`, m["custom"])},
		}
		for _, object := range objects {
			var body map[string]any
			if err := json.Unmarshal([]byte(object.body), &body); err != nil {
				t.Fatal(err)
			}
			kind, name, _ := strings.Cut(object.path, "/")
			metadata, _ := body["metadata"].(map[string]any)
			if metadata == nil {
				metadata = map[string]any{}
			}
			metadata["name"], metadata["namespace"] = name, ns
			body["metadata"] = metadata
			content, _ := json.Marshal(body) // It came from JSON.
			path := "/api/v1/namespaces/" + ns + "/" + kind
			if round == "one" {
				request(t, west, http.MethodPost, path, string(content))
				continue
			}
			if kind == "pods" { // Its environment cannot change.
				request(t, west, http.MethodDelete, path+"/"+name, `{"gracePeriodSeconds": 0}`)
				request(t, west, http.MethodPost, path, string(content))
				continue
			}
			patch(t, west, path+"/"+name, string(content))
		}
	}
	eventually(t, "the ServiceAccount that pods need", func() bool { return len(list(t, west, "/api/v1/namespaces/"+ns+"/serviceaccounts")) > 0 })
	plant("one")
	l := folderLake(t, provider("west", admin(t, west), `namespaces = ["`+ns+`"]`), `collect {
  select {
    resource_types = ["core.v1.*"]
  }
}
redact {
  paths    = ["metadata.annotations['example.com/licence']"]
  patterns = ["corp-[0-9a-z-]+-corp"]
}
`)
	var outputs []string
	run := func(code int, arguments ...string) {
		t.Helper()
		r := l.must(t, code, arguments...)
		outputs = append(outputs, r.stdout, r.stderr)
	}
	run(0, "plan", "--json", "--log-level", "debug")
	run(0, "sync", "--events", "--log-level", "debug")
	plant("two")
	run(0, "plan", "--log-level", "debug")
	run(4, "plan", "--json", "--detailed-exitcode")
	run(0, "sync", "--events", "--log-level", "debug")
	run(0, "changes", "--all", "-o", "json")
	run(0, "changes", "--all", "--diff")
	run(0, "noise", "-o", "json")
	for _, table := range []string{"snapshots", "versions", "changes", "field_changes", "syncs", "clusters", "pods", "unobserved_resources"} {
		run(0, "query", "SELECT * FROM "+table, "-o", "json")
	}
	l.expect(t, `SELECT name, path, (old->>'$') LIKE '%hmac-sha256:%' AS a, (new->>'$') LIKE '%hmac-sha256:%' AS b, old <> new AS c FROM field_changes
		WHERE class = 'data' AND action = 'updated' ORDER BY ALL`, `[
		{"name": "login", "path": "data.a", "a": true, "b": true, "c": true}, {"name": "login", "path": "data.b", "a": true, "b": true, "c": true},
		{"name": "settings", "path": "data.DB_PASSWORD", "a": true, "b": true, "c": true}, {"name": "settings", "path": "data.colour", "a": true, "b": true, "c": true},
		{"name": "settings", "path": "data.url", "a": true, "b": true, "c": true}, {"name": "settings", "path": "data['app.properties']", "a": true, "b": true, "c": true},
		{"name": "sh.helm.release.v1.shop.v1", "path": "data.release", "a": true, "b": true, "c": true}]`)
	l.expect(t, `SELECT data->>'$.data.harmless' AS harmless FROM snapshots WHERE name = 'settings'`, `[{"harmless": "blue"}]`)
	var all []string
	for _, marker := range planted {
		forms := []string{marker, url.QueryEscape(marker)}
		for shift := range 3 { // Whatever stands before it in what is encoded.
			form := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + marker))
			forms = append(forms, strings.TrimRight(form[(shift*8+5)/6:], "=")[:20])
		}
		for _, form := range forms {
			for i, output := range outputs {
				if strings.Contains(output, form) {
					at := strings.Index(output, form)
					t.Errorf("%q is in output %d: …%s…", form, i, output[max(0, at-300):min(len(output), at+100)])
				}
			}
		}
		all = append(all, forms...)
	}
	grep(t, filepath.Dir(l.config), all...) // The lake is below it.
	r := l.run(t, "lake", "scan", "--fail-on", "any")
	if r.code != 0 {
		t.Errorf("lake scan: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	l.checkIntegrity(t)
}
