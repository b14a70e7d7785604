package document

import (
	"os"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// The schemas as an API server gives them for custom resources, and what is odd in them.
const crontabOpenAPI = `{"openapi":"3.0.0","components":{"schemas":{
	"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta":{"type":"object","properties":{
		"finalizers":{"type":"array","items":{"type":"string","default":""},"x-kubernetes-list-type":"set"}}},
	"io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta":{"type":"object"},
	"com.example.v1.CronTabList":{"type":"object","properties":{"items":{"type":"array","items":{"$ref":"#/components/schemas/com.example.v1.CronTab"}},"metadata":{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"}},
		"x-kubernetes-group-version-kind":[{"group":"example.com","version":"v1","kind":"CronTabList"}]},
	"com.example.v1.CronTab":{"type":"object","properties":{
		"metadata":{"allOf":[{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],"default":{}},
		"spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{
			"endpoints":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["host","port"],"items":{"type":"object","required":["host"],
				"properties":{"host":{"type":"string","default":""},"port":{"type":"integer","default":80},"tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}}}}},
			"limits":{"type":"object","additionalProperties":{"anyOf":[{"type":"integer"},{"type":"string"}],"x-kubernetes-int-or-string":true,
				"pattern":"^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$"}},
			"anything":{"x-kubernetes-preserve-unknown-fields":true},
			"free":{"type":"object","additionalProperties":true},
			"containers":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}}}},
			"port":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]}}},
		"status":{"type":"object","properties":{"conditions":{"type":"array","items":{"type":"object","properties":{"type":{"type":"string"}}}}}}},
		"x-kubernetes-group-version-kind":[{"group":"example.com","version":"v1","kind":"CronTab"}]},
	"com.example.v1.Loop":{"type":"object","properties":{"metadata":{"type":"object"},"next":{"$ref":"#/components/schemas/com.example.v1.Loop"},"away":{"$ref":"#/components/schemas/nowhere"},
		"chain":{"allOf":[{"$ref":"#/components/schemas/chain"}]},"set":{"type":"array","x-kubernetes-list-type":"set","items":[{"type":"string"}]}},
		"x-kubernetes-group-version-kind":[{"group":"example.com","version":"v1","kind":"Loop"}]},
	"chain":{"allOf":[{"$ref":"#/components/schemas/chain"}]}
}}}`

func TestDiffOfCustomResources(t *testing.T) {
	types, err := ReadSchemas([]byte(crontabOpenAPI))
	if err != nil || len(types) != 2 {
		t.Fatalf("types %v, error %v", sortedKeys(types), err)
	}
	old := stateOf(t, `{"metadata":{"name":"n","finalizers":["a","b"],"ownerReferences":[{"uid":"1"},{"uid":"2"}]},"spec":{
		"endpoints":[{"host":"a","tags":["x","y"]},{"host":"a","port":81}],"limits":{"cpu":"1","x":"one"},"anything":[{"a":[1]}],"free":{"a":["1","2"]},
		"containers":[{"name":"a"},{"name":"b"}],"port":80,"next":1},"status":{"conditions":[{"type":"A"},{"type":"B"}]}}`)
	new := stateOf(t, `{"metadata":{"name":"n","finalizers":["b","a"],"ownerReferences":[{"uid":"2"},{"uid":"1"}]},"spec":{
		"endpoints":[{"host":"b"},{"host":"a","port":81},{"host":"a","port":80,"tags":["y","x"]}],"limits":{"cpu":"1000m","x":"two"},"anything":[{"a":[2]}],"free":{"a":["2","1"]},
		"containers":[{"name":"b"},{"name":"a"}],"port":"80","next":2},"status":{"conditions":[{"type":"B"},{"type":"A"}]}}`)
	d, err := Diff(old, new, Options{Schema: types["example.com.v1.CronTab"]})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"added":{"spec.endpoints[0].host":"b","spec.endpoints[2].port":80},"removed":{},"updated":{` +
		`"metadata.ownerReferences":{"from":["1","2"],"to":["2","1"]},` +
		`"spec.anything[0].a[0]":{"from":1,"to":2},"spec.containers[0].name":{"from":"a","to":"b"},"spec.containers[1].name":{"from":"b","to":"a"},` +
		`"spec.endpoints":{"from":[["a",80],["a",81]],"to":[["b",80],["a",81],["a",80]]},` +
		`"spec.free.a[0]":{"from":"1","to":"2"},"spec.free.a[1]":{"from":"2","to":"1"},"spec.limits.x":{"from":"one","to":"two"},"spec.next":{"from":1,"to":2},"spec.port":{"from":80,"to":"80"}}}`
	want = strings.Replace(want, `"metadata.ownerReferences":{"from":["1","2"],"to":["2","1"]},`, metadataOfCronTab, 1)
	if string(d.JSON) != want {
		t.Errorf("got  %s\nwant %s", d.JSON, want)
	}
	if loop := types["example.com.v1.Loop"]; loop.Properties["metadata"] == nil {
		t.Errorf("what says nothing of its metadata has that of every object: %+v", loop)
	}
}

// ownerReferences are told by ObjectMeta's schema in the document itself, which is cut short here.
const metadataOfCronTab = `"metadata.ownerReferences[0].uid":{"from":"1","to":"2"},"metadata.ownerReferences[1].uid":{"from":"2","to":"1"},`

// testdata/cart-openapi.json is what Kubernetes 1.37.2 itself makes of a CustomResourceDefinition (apiextensions-apiserver's BuildOpenAPIV3),
// without descriptions and paths.
func TestSchemaOfADefinitionAsKubernetesWritesIt(t *testing.T) {
	text, err := os.ReadFile("testdata/cart-openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	types, err := ReadSchemas(text)
	if err != nil || len(types) != 1 {
		t.Fatalf("types %v, error %v", sortedKeys(types), err)
	}
	got, err := FormatSchemas(types)
	if err != nil {
		t.Fatal(err)
	}
	const want = `metadata>1 spec>4
finalizers>2 ownerReferences>3
set
keyed:uid
items>5 size>6 tags>2
keyed:sku
quantity
shop.example.com.v1.Cart=0
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whatever a document says, it is read, or refused, and what was read compares anything.
func FuzzReadSchemas(f *testing.F) {
	f.Add([]byte(crontabOpenAPI))
	f.Add([]byte(`{"components":{"schemas":{"a":{"allOf":[{"$ref":"#/components/schemas/a"}]}}}}`))
	state := func(f *testing.F, spec string) lake.State {
		return stateOf(f, `{"spec":`+spec+`,"next":{"spec":`+spec+`}}`)
	}
	old := state(f, `{"endpoints":[{"host":"a"},{"host":"b","port":1}],"limits":{"cpu":"1"},"anything":["x","x"]}`)
	new := state(f, `{"endpoints":[{"host":"b","port":1},{"host":"a","port":80},{}],"limits":{"cpu":"1000m"},"anything":["x"]}`)
	f.Fuzz(func(t *testing.T, text []byte) {
		types, err := ReadSchemas(text)
		if err != nil {
			return
		}
		for _, schema := range types {
			if _, err := Diff(old, new, Options{Schema: schema}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSchemasThatCannotBeRead(t *testing.T) {
	for _, text := range []string{``, `[]`, `null`, `{"a":hush`} {
		if _, err := ReadSchemas([]byte(text)); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: error %v", text, err)
		}
	}
	for _, text := range []string{`{}`, `{"components":null}`, `{"components":{"schemas":{"a":{"properties":"odd","x-kubernetes-group-version-kind":[{"version":"v1","kind":"A"}]},"b":{"properties":{"metadata":[]}},"c":{"properties":{"metadata":{}},"x-kubernetes-group-version-kind":{}}}}}`, `{"components":{"schemas":{"a":null,"b":{"allOf":[null],"properties":{"x":null}}}}}`} {
		if types, err := ReadSchemas([]byte(text)); err != nil || len(types) != 0 {
			t.Errorf("%s: %v, error %v", text, types, err)
		}
	}
}

// The table is what the schemas say, and its text form loses nothing.
func TestBuiltinSchemas(t *testing.T) {
	types, err := parseSchemas(builtinText)
	if err != nil {
		t.Fatal(err)
	}
	text, err := FormatSchemas(types)
	if err != nil {
		t.Fatal(err)
	}
	if _, generated, _ := strings.Cut(builtinText, "\n"); generated != text {
		t.Error("the text form of the table that was read is another than the one that was written")
	}
	for _, name := range []string{"core.v1.Pod", "apps.v1.Deployment", "autoscaling.v2.HorizontalPodAutoscaler", "apiextensions.k8s.io.v1.CustomResourceDefinition", "apiregistration.k8s.io.v1.APIService"} {
		if BuiltinSchema(name) == nil {
			t.Errorf("no schema of %s", name)
		}
	}
	if BuiltinSchema("core.v1.PodList") != nil || BuiltinSchema("example.com.v1.Any") != nil {
		t.Error("schemas of what is no built-in kind")
	}
	for _, broken := range []string{"a>1\nx.v1.X=7", "a>9", "*x", "what", "a>0\nb=c"} {
		if _, err := parseSchemas(broken); err == nil {
			t.Errorf("%q was read", broken)
		}
	}
}

// Every keyed list that the hand-made exceptions speak of exists.
func TestExceptionsAreOfUse(t *testing.T) {
	has := map[string]bool{}
	var walk func(s *Schema, seen map[*Schema]bool)
	walk = func(s *Schema, seen map[*Schema]bool) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for name, p := range s.Properties {
			if p.List == Keyed {
				has[name] = true
			}
			if p.Ordered {
				has["ordered "+name] = true
			}
			walk(p, seen)
		}
		walk(s.Elements, seen)
	}
	for _, s := range builtin().types {
		walk(s, map[*Schema]bool{})
	}
	for _, k := range ordered {
		if !has["ordered "+k.list] {
			t.Errorf("no built-in list %s is ordered", k.list)
		}
	}
	for _, k := range keyed {
		if !has[k.list] {
			t.Errorf("no built-in list %s is keyed", k.list)
		}
	}
	if BuiltinSchema("admissionregistration.k8s.io.v1.ValidatingWebhookConfiguration").Properties["webhooks"].Ordered {
		t.Error("the order of validating webhooks means nothing")
	}
}

func TestSameQuantity(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"1", "1000m", true}, {"1Gi", "1024Mi", true}, {"0.5", "500m", true}, {".5", "5e-1", true}, {"1.", "1", true}, {"+1", "1", true}, {"1k", "1000", true},
		{"1E", "1000P", true}, {"1E3", "1k", true}, {"1e3", "1000", true}, {"-1", "-1000m", true}, {"0", "-0", true}, {"0Ki", "0", true}, {"1n", "0.000000001", true},
		{"1Ei", "1152921504606846976", true}, {"1u", "1000n", true}, {"1.5Gi", "1536Mi", true},
		{"1", "1001m", false}, {"1Gi", "1G", false}, {"9007199254740993", "9007199254740992", false}, {"1", "-1", false}, {"0.1", "0.10000000000000001", false},
		{"", "", false}, {"x", "x", false}, {"1x", "1x", false}, {"1 ", "1", false}, {"1.2.3", "1.2.3", false}, {"Ki", "Ki", false}, {"1ki", "1ki", false}, {"1e", "1e", false}, {"--1", "1", false},
		{"1e999999999", "1e999999999", false}, {"1mi", "1mi", false},
	} {
		if got := sameQuantity([]byte(test.a), []byte(test.b)); got != test.same {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

func BenchmarkBuiltinSchemas(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseSchemas(builtinText); err != nil {
			b.Fatal(err)
		}
	}
}
