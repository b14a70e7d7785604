package document

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// stateOf is a state with the columns of a document's top-level members.
func stateOf(t testing.TB, whole string) lake.State {
	t.Helper()
	if !strings.Contains(whole, `"metadata"`) {
		whole = `{"metadata":{"name":"n"},` + whole[1:]
	}
	o, err := NewNormalizer(testRedactor).Normalize(Resource{APIGroup: "example.com", APIVersion: "v1", Kind: "Any", Namespaced: true}, []byte(strings.ReplaceAll(whole, ",}", "}")))
	if err != nil {
		t.Fatalf("%s: %v", whole, err)
	}
	return o.State
}

func TestDiff(t *testing.T) {
	for _, test := range []struct{ name, old, new, added, updated, removed string }{
		{"nothing", `{"spec":{"a":1}}`, `{"spec":{"a":1}}`, ``, ``, ``},
		{"a scalar", `{"spec":{"replicas":2}}`, `{"spec":{"replicas":3}}`, ``, `"spec.replicas":{"from":2,"to":3}`, ``},
		{"a label", `{"metadata":{"name":"n","labels":{"app.kubernetes.io/name":"a"}}}`, `{"metadata":{"name":"n","labels":{"app.kubernetes.io/name":"b"}}}`, ``, `"metadata.labels['app.kubernetes.io/name']":{"from":"a","to":"b"}`, ``},
		{"an object, leaf by leaf", `{"spec":{}}`, `{"spec":{"b":{"c":1,"d":[]},"a":null}}`, `"spec.a":null,"spec.b.c":1,"spec.b.d":[]`, ``, `"spec":{}`},
		{"a column that comes", `{}`, `{"status":{"a":[1]}}`, `"status.a[0]":1`, ``, ``},
		{"the last of an object", `{"spec":{"a":{"b":1}}}`, `{"spec":{"a":{}}}`, `"spec.a":{}`, ``, `"spec.a.b":1`},
		{"another type", `{"spec":{"a":"1","b":{"c":1},"d":{"e":1}}}`, `{"spec":{"a":1,"b":5,"d":[1]}}`, `"spec.b":5,"spec.d[0]":1`, `"spec.a":{"from":"1","to":1}`, `"spec.b.c":1,"spec.d.e":1`},
		{"numbers by their text", `{"spec":{"a":1,"b":9007199254740993}}`, `{"spec":{"a":1.0,"b":9007199254740992}}`, ``, `"spec.a":{"from":1,"to":1.0},"spec.b":{"from":9007199254740993,"to":9007199254740992}`, ``},
		{"fields", `{"data":{"nginx.conf":"a"},"rules":[{"verbs":["get","list"]}]}`, `{"data":{"nginx.conf":"b"},"rules":[{"verbs":["get","watch"]}]}`, ``, `"data['nginx.conf']":{"from":"a","to":"b"},"rules[0].verbs[1]":{"from":"list","to":"watch"}`, ``},
		{"odd keys", `{"a-b":1,"1a":1,"_x9":1,"é":1,"it's":1,"b\\s":1,"n\n\u0001":1,"":1}`, `{"a-b":2,"1a":2,"_x9":2,"é":2,"it's":2,"b\\s":2,"n\n\u0001":2,"":2}`, ``,
			`"['']":{"from":1,"to":2},"['1a']":{"from":1,"to":2},"['a-b']":{"from":1,"to":2},"['b\\\\s']":{"from":1,"to":2},"['it\\'s']":{"from":1,"to":2},"['n\\n\\u0001']":{"from":1,"to":2},"['é']":{"from":1,"to":2},"_x9":{"from":1,"to":2}`, ``},
		{"ignored", `{"metadata":{"name":"n","resourceVersion":"1"},"status":{"conditions":[{"type":"A","lastHeartbeatTime":"1"}]}}`, `{"metadata":{"name":"n","resourceVersion":"2"},"status":{"conditions":[{"type":"A","lastHeartbeatTime":"2","lastProbeTime":"3"}]}}`, ``, ``, ``},
		{"a sidecar put first", `{"spec":{"containers":[{"name":"app","image":"a:1"}]}}`, `{"spec":{"containers":[{"name":"proxy","image":"p:1"},{"name":"app","image":"a:2"}]}}`,
			`"spec.containers[0].image":"p:1","spec.containers[0].name":"proxy"`, `"spec.containers[1].image":{"from":"a:1","to":"a:2"}`, ``},
		{"a sidecar taken away: the old index for what is removed", `{"spec":{"containers":[{"name":"proxy"},{"name":"app","image":"a:1","tty":true}]}}`, `{"spec":{"containers":[{"name":"app","image":"a:2"}]}}`,
			``, `"spec.containers[0].image":{"from":"a:1","to":"a:2"}`, `"spec.containers[0].name":"proxy","spec.containers[1].tty":true`},
		{"another order of a keyed list", `{"spec":{"containers":[{"name":"a"},{"name":"b","x":1}]}}`, `{"spec":{"containers":[{"name":"b","x":2},{"name":"a"}]}}`,
			``, `"spec.containers":{"from":["a","b"],"to":["b","a"]},"spec.containers[0].x":{"from":1,"to":2}`, ``},
		{"ports of a container", `{"x":{"ports":[{"containerPort":53,"protocol":"UDP","name":"u"},{"containerPort":53,"name":"t"}]}}`, `{"x":{"ports":[{"containerPort":80},{"containerPort":53,"protocol":"UDP","name":"u"},{"containerPort":53,"protocol":"TCP","name":"t"}]}}`,
			`"x.ports[0].containerPort":80,"x.ports[2].protocol":"TCP"`, ``, ``},
		{"ports of a Service, reordered", `{"spec":{"ports":[{"port":80,"protocol":"TCP"},{"port":443}]}}`, `{"spec":{"ports":[{"port":443},{"port":80,"protocol":"TCP"}]}}`,
			``, `"spec.ports":{"from":[[80,"TCP"],[443,"TCP"]],"to":[[443,"TCP"],[80,"TCP"]]}`, ``},
		{"old keys not unique: by index", `{"spec":{"env":[{"name":"A","value":"1"},{"name":"A","value":"2"}]}}`, `{"spec":{"env":[{"name":"A","value":"2"},{"name":"B","value":"2"}]}}`, ``, `"spec.env[0].value":{"from":"1","to":"2"},"spec.env[1].name":{"from":"A","to":"B"}`, ``},
		{"new keys not unique: the whole", `{"spec":{"env":[{"name":"A"}]}}`, `{"spec":{"env":[{"name":"A"},{"name":"A"}]}}`, ``, `"spec.env":{"from":[{"name":"A"}],"to":[{"name":"A"},{"name":"A"}]}`, ``},
		{"scalars put first", `{"spec":{"args":["a","b"]}}`, `{"spec":{"args":["x","a","b"]}}`, `"spec.args[0]":"x"`, ``, ``},
		{"scalars taken from the middle", `{"spec":{"args":["a","b","b","c"]}}`, `{"spec":{"args":["a","b","c"]}}`, ``, ``, `"spec.args[2]":"b"`},
		{"scalars changed in the middle", `{"spec":{"args":["a","b","c"]}}`, `{"spec":{"args":["a","x","y","c"]}}`, `"spec.args[2]":"y"`, `"spec.args[1]":{"from":"b","to":"x"}`, ``},
		{"scalars reordered", `{"spec":{"args":["a","b"]}}`, `{"spec":{"args":["b","a"]}}`, ``, `"spec.args[0]":{"from":"a","to":"b"},"spec.args[1]":{"from":"b","to":"a"}`, ``},
		{"no merge key: by index", `{"spec":{"tolerations":[{"key":"a"}]}}`, `{"spec":{"tolerations":[{"key":"b"},{"key":"a"}]}}`, `"spec.tolerations[1].key":"a"`, `"spec.tolerations[0].key":{"from":"a","to":"b"}`, ``},
		{"lists of lists", `{"spec":{"containers":[[{"name":"a"}]]}}`, `{"spec":{"containers":[[{"name":"b"}]]}}`, ``, `"spec.containers[0][0].name":{"from":"a","to":"b"}`, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Diff(stateOf(t, test.old), stateOf(t, test.new), Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := `{"added":{` + test.added + `},"removed":{` + test.removed + `},"updated":{` + test.updated + `}}`
			if string(got.JSON) != want {
				t.Errorf("got  %s\nwant %s", got.JSON, want)
			}
			checkDifference(t, got)
		})
	}
}

// checkDifference checks that counts, paths and JSON say the same.
func checkDifference(t *testing.T, d Difference) {
	t.Helper()
	var sections struct{ Added, Updated, Removed map[string]json.RawMessage }
	if err := json.Unmarshal(d.JSON, &sections); err != nil {
		t.Fatal(err)
	}
	if len(sections.Added) != d.Added || len(sections.Updated) != d.Updated || len(sections.Removed) != d.Removed {
		t.Errorf("counts %d %d %d of %s", d.Added, d.Updated, d.Removed, d.JSON)
	}
	paths := map[string]bool{}
	for _, section := range []map[string]json.RawMessage{sections.Added, sections.Updated, sections.Removed} {
		for path := range section {
			paths[path] = true
		}
	}
	for i, path := range d.Paths {
		if i > 0 && d.Paths[i-1] >= path {
			t.Errorf("paths not sorted: %q before %q", d.Paths[i-1], path)
		}
		if !paths[path] {
			t.Errorf("path %q is not in %s", path, d.JSON)
		}
	}
	if len(paths) != len(d.Paths) {
		t.Errorf("paths %q of %s", d.Paths, d.JSON)
	}
	if canonical, err := Canonical(d.JSON); err != nil || string(canonical) != string(d.JSON) {
		t.Errorf("not canonical (%v): %s", err, d.JSON)
	}
}

func TestDiffOfSecretShowsRotationOnly(t *testing.T) {
	old := normalize(t, secretResource, `{"metadata":{"name":"s"},"data":{"a":"aHVudGVyMg==","b":"c2FtZQ=="}}`)
	before := lake.State{Metadata: append(json.RawMessage(nil), old.Metadata...), Fields: append(json.RawMessage(nil), old.Fields...)}
	rotated := normalize(t, secretResource, `{"metadata":{"name":"s"},"data":{"a":"aHVudGVyMw==","b":"c2FtZQ=="}}`)
	d, err := Diff(before, rotated.State, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(d.Paths, []string{"data.a"}) || d.Updated != 1 || strings.Contains(string(d.JSON), "aHVudGVy") {
		t.Errorf("diff %s", d.JSON)
	}
}

func TestDiffErrors(t *testing.T) {
	good, bad := stateOf(t, `{}`), lake.State{Spec: json.RawMessage(`{"a":"hush`)}
	if _, err := Diff(bad, good, Options{}); err == nil || !strings.Contains(err.Error(), "old state") || strings.Contains(err.Error(), "hush") {
		t.Errorf("error %v", err)
	}
	if _, err := Diff(good, bad, Options{}); err == nil || !strings.Contains(err.Error(), "new state") {
		t.Errorf("error %v", err)
	}
}
