package document

import (
	"encoding/json"
	"reflect"
	"slices"
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
		{"scalars put first", `{"spec":{"args":["a","b"]}}`, `{"spec":{"args":["x","a","b"]}}`, `"spec.args[0]":"x"`, ``, ``},
		{"scalars taken from the middle", `{"spec":{"args":["a","b","b","c"]}}`, `{"spec":{"args":["a","b","c"]}}`, ``, ``, `"spec.args[2]":"b"`},
		{"scalars changed in the middle", `{"spec":{"args":["a","b","c"]}}`, `{"spec":{"args":["a","x","y","c"]}}`, `"spec.args[2]":"y"`, `"spec.args[1]":{"from":"b","to":"x"}`, ``},
		{"scalars reordered", `{"spec":{"args":["a","b"]}}`, `{"spec":{"args":["b","a"]}}`, ``, `"spec.args[0]":{"from":"a","to":"b"},"spec.args[1]":{"from":"b","to":"a"}`, ``},
		{"nothing is known: by index", `{"spec":{"containers":[{"name":"a"}]}}`, `{"spec":{"containers":[{"name":"b"},{"name":"a"}]}}`, `"spec.containers[1].name":"a"`, `"spec.containers[0].name":{"from":"a","to":"b"}`, ``},
		{"lists of lists", `{"spec":{"containers":[[{"name":"a"}]]}}`, `{"spec":{"containers":[[{"name":"b"}]]}}`, ``, `"spec.containers[0][0].name":{"from":"a","to":"b"}`, ``},
		{"metadata is known in every kind", `{"metadata":{"name":"n","finalizers":["a","b"],"ownerReferences":[{"uid":"1"},{"uid":"2"}]}}`, `{"metadata":{"name":"n","finalizers":["c","b","a"],"ownerReferences":[{"uid":"2"}]}}`,
			`"metadata.finalizers[0]":"c"`, ``, `"metadata.ownerReferences[0].uid":"1"`},
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

// The lists and quantities of the built-in kinds, as Kubernetes' own schemas have them.
func TestDiffWithSchemas(t *testing.T) {
	const pod, service = "core.v1.Pod", "core.v1.Service"
	for _, test := range []struct{ kind, name, old, new, added, updated, removed string }{
		{pod, "a sidecar put first", `{"spec":{"containers":[{"name":"app","image":"a:1"}]}}`, `{"spec":{"containers":[{"name":"proxy","image":"p:1"},{"name":"app","image":"a:2"}]}}`,
			`"spec.containers[0].image":"p:1","spec.containers[0].name":"proxy"`, `"spec.containers[1].image":{"from":"a:1","to":"a:2"}`, ``},
		{pod, "and its status", `{"status":{"containerStatuses":[{"name":"app","ready":true}]}}`, `{"status":{"containerStatuses":[{"name":"proxy","ready":false},{"name":"app","ready":true}]}}`,
			`"status.containerStatuses[0].name":"proxy","status.containerStatuses[0].ready":false`, ``, ``},
		{"apps.v1.Deployment", "a sidecar taken away: the old index for what is removed", `{"spec":{"template":{"spec":{"containers":[{"name":"proxy"},{"name":"app","image":"a:1","tty":true}]}}}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"a:2"}]}}}}`,
			``, `"spec.template.spec.containers[0].image":{"from":"a:1","to":"a:2"}`, `"spec.template.spec.containers[0].name":"proxy","spec.template.spec.containers[1].tty":true`},
		{pod, "an order that means something", `{"spec":{"initContainers":[{"name":"a"},{"name":"b","image":"x"}]}}`, `{"spec":{"initContainers":[{"name":"b","image":"y"},{"name":"a"}]}}`,
			``, `"spec.initContainers":{"from":["a","b"],"to":["b","a"]},"spec.initContainers[0].image":{"from":"x","to":"y"}`, ``},
		{pod, "env in another order", `{"spec":{"containers":[{"name":"a","env":[{"name":"A","value":"1"},{"name":"B","value":"$(A)"}]}]}}`, `{"spec":{"containers":[{"name":"a","env":[{"name":"B","value":"$(A)"},{"name":"A","value":"1"}]}]}}`,
			``, `"spec.containers[0].env":{"from":["A","B"],"to":["B","A"]}`, ``},
		{pod, "an order that means nothing", `{"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b"}],"containers":[{"name":"c","volumeMounts":[{"mountPath":"/a","name":"a"},{"mountPath":"/b","name":"b"}]}]},"status":{"conditions":[{"type":"A"},{"type":"B"}]}}`,
			`{"spec":{"volumes":[{"name":"b"},{"name":"a","emptyDir":{}}],"containers":[{"name":"c","volumeMounts":[{"mountPath":"/b","name":"b"},{"mountPath":"/a","name":"a"}]}]},"status":{"conditions":[{"type":"B"},{"type":"A"}]}}`, ``, ``, ``},
		{pod, "an order that means nothing, and one more and one less", `{"spec":{"volumes":[{"name":"a"},{"name":"b"},{"name":"c"}]}}`, `{"spec":{"volumes":[{"name":"c"},{"name":"x"},{"name":"a"}]}}`,
			`"spec.volumes[1].name":"x"`, ``, `"spec.volumes[1].name":"b"`},
		{pod, "an order that tells which one changed", `{"status":{"conditions":[{"type":"A","status":"True"},{"type":"B"}]}}`, `{"status":{"conditions":[{"type":"B"},{"type":"A","status":"False"}]}}`,
			``, `"status.conditions":{"from":["A","B"],"to":["B","A"]},"status.conditions[1].status":{"from":"True","to":"False"}`, ``},
		{pod, "ports of a container", `{"spec":{"containers":[{"name":"c","ports":[{"containerPort":53,"protocol":"UDP","name":"u"},{"containerPort":53,"name":"t"}]}]}}`, `{"spec":{"containers":[{"name":"c","ports":[{"containerPort":80},{"containerPort":53,"protocol":"UDP","name":"u"},{"containerPort":53,"protocol":"TCP","name":"t"}]}]}}`,
			`"spec.containers[0].ports[0].containerPort":80,"spec.containers[0].ports[2].protocol":"TCP"`, ``, ``},
		{service, "ports of a Service, reordered", `{"spec":{"ports":[{"port":80,"protocol":"TCP"},{"port":443}]}}`, `{"spec":{"ports":[{"port":443},{"port":80,"protocol":"TCP"}]}}`, ``, ``, ``},
		{service, "a list that is atomic", `{"spec":{"clusterIPs":["1","2"]}}`, `{"spec":{"clusterIPs":["2","1"]}}`, ``, `"spec.clusterIPs[0]":{"from":"1","to":"2"},"spec.clusterIPs[1]":{"from":"2","to":"1"}`, ``},
		{pod, "old keys not unique: by index", `{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"},{"name":"A","value":"2"}]}]}}`, `{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"2"},{"name":"B","value":"2"}]}]}}`,
			``, `"spec.containers[0].env[0].value":{"from":"1","to":"2"},"spec.containers[0].env[1].name":{"from":"A","to":"B"}`, ``},
		{pod, "new keys not unique: the whole", `{"spec":{"volumes":[{"name":"A"}]}}`, `{"spec":{"volumes":[{"name":"A"},{"name":"A"}]}}`, ``, `"spec.volumes":{"from":[{"name":"A"}],"to":[{"name":"A"},{"name":"A"}]}`, ``},
		{pod, "a list without merge key: by index", `{"spec":{"tolerations":[{"key":"a"}]}}`, `{"spec":{"tolerations":[{"key":"b"},{"key":"a"}]}}`, `"spec.tolerations[1].key":"a"`, `"spec.tolerations[0].key":{"from":"a","to":"b"}`, ``},
		{"core.v1.Node", "a set", `{"spec":{"podCIDRs":["a","b","c"]}}`, `{"spec":{"podCIDRs":["c","x","a"]}}`, `"spec.podCIDRs[1]":"x"`, ``, `"spec.podCIDRs[1]":"b"`},
		{"core.v1.Node", "a set that is none any more", `{"spec":{"podCIDRs":["a"]}}`, `{"spec":{"podCIDRs":["a","a"]}}`, ``, `"spec.podCIDRs":{"from":["a"],"to":["a","a"]}`, ``},
		{"resource.k8s.io.v1.ResourceClaim", "a field of the key that may be absent", `{"status":{"devices":[{"driver":"d","pool":"p","device":"x"},{"driver":"d","pool":"p","device":"x","shareID":"1"}]}}`,
			`{"status":{"devices":[{"driver":"d","pool":"p","device":"x","shareID":"1","data":1},{"driver":"d","pool":"p","device":"y"}]}}`,
			`"status.devices[0].data":1,"status.devices[1].device":"y","status.devices[1].driver":"d","status.devices[1].pool":"p"`, ``, `"status.devices[0].device":"x","status.devices[0].driver":"d","status.devices[0].pool":"p"`},
		{pod, "equal quantities", `{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":0.5,"x":"1"}}}],"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1024Mi"}}]}}`,
			`{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"1000m","memory":"1024Mi"},"requests":{"cpu":"500m","x":1}}}],"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1Gi"}}]}}`, ``, ``, ``},
		{"core.v1.ResourceQuota", "and others", `{"spec":{"hard":{"cpu":"1"}},"status":{"hard":{"cpu":"1"},"used":{"cpu":"100m"}}}`, `{"spec":{"hard":{"cpu":"1001m"}},"status":{"hard":{"cpu":"1.0"},"used":{"cpu":"0.1"}}}`, ``, `"spec.hard.cpu":{"from":"1","to":"1001m"}`, ``},
		{"core.v1.ConfigMap", "no quantities", `{"data":{"cpu":"1"}}`, `{"data":{"cpu":"1000m"}}`, ``, `"data.cpu":{"from":"1","to":"1000m"}`, ``},
		{"apps.v1.Deployment", "int or string is none either", `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":1}}}}`, `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"1"}}}}`, ``, `"spec.strategy.rollingUpdate.maxSurge":{"from":1,"to":"1"}`, ``},
		{"batch.v1.CronJob", "deep within", `{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"volumes":[{"name":"a"},{"name":"b"}]}}}}}}`, `{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"volumes":[{"name":"b"},{"name":"a"}]}}}}}}`, ``, ``, ``},
		{pod, "not what the schema says", `{"spec":{"containers":{"a":1},"volumes":"x"},"status":[{"a":1}]}`, `{"spec":{"containers":{"a":2},"volumes":["x"]},"status":[{"a":2}]}`, `"spec.volumes[0]":"x"`, `"spec.containers.a":{"from":1,"to":2},"status[0].a":{"from":1,"to":2}`, `"spec.volumes":"x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			schema := BuiltinSchema(test.kind)
			if schema == nil {
				t.Fatal("no schema of " + test.kind)
			}
			got, err := Diff(stateOf(t, test.old), stateOf(t, test.new), Options{Schema: schema})
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
	for path := range paths {
		_, removed := sections.Removed[path]
		_, added := sections.Added[path]
		_, updated := sections.Updated[path]
		if _, present := slices.BinarySearch(d.present, path); present != (added || updated) || !present && !removed {
			t.Errorf("path %q is present: %v, of %s", path, present, d.JSON)
		}
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
