package manifests_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/collectortest"
	"github.com/k8sq/k8sq/collector/manifests"
)

// leak stands for a secret: it must not be in any error or log line.
const leak = "hunter2"

// write makes a folder of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open makes a provider of the paths of a folder, and what it logs.
func open(t *testing.T, dir string, paths ...string) (collector.Provider, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	environment := collector.Environment{Cluster: "test", Dir: dir, Getenv: func(name string) string { return map[string]string{"HOME": filepath.Join(dir, "a")}[name] }, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	provider, err := manifests.Definition().Open(environment, &manifests.Config{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return provider, &log
}

// state is all that a provider tells: per type the objects by their ids, and the error of its list.
type state struct {
	ids     map[string][]string
	objects map[string]string // "type id" → JSON
	errors  map[string]string
	scopes  map[string]bool
}

func read(t *testing.T, provider collector.Provider) state {
	t.Helper()
	discovery, err := provider.Discover(t.Context())
	if err != nil {
		t.Fatalf("Discover: %v", err)
	}
	got := state{ids: map[string][]string{}, objects: map[string]string{}, errors: map[string]string{}, scopes: map[string]bool{}}
	for _, resource := range discovery.Resources {
		got.list(t, provider, resource)
	}
	return got
}

func (s state) list(t *testing.T, provider collector.Provider, resource collector.Resource) {
	t.Helper()
	s.scopes[resource.Type()] = resource.Namespaced
	_, err := provider.List(t.Context(), resource, collector.Selection{}, func(object []byte) error {
		var head struct {
			Metadata struct{ Namespace, Name string }
		}
		if err := json.Unmarshal(object, &head); err != nil {
			t.Errorf("an object of %s is not JSON: %v", resource.Type(), err)
		}
		id := head.Metadata.Name
		if head.Metadata.Namespace != "" {
			id = head.Metadata.Namespace + "/" + id
		}
		s.ids[resource.Type()] = append(s.ids[resource.Type()], id)
		s.objects[resource.Type()+" "+id] = string(object)
		return nil
	})
	if err != nil {
		s.errors[resource.Type()] = err.Error()
		if strings.Contains(err.Error(), leak) {
			t.Errorf("an error quotes the file: %v", err)
		}
	}
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"
}

// manyFiles is a small cluster in all forms that are read.
var manyFiles = map[string]string{
	"a.yaml":             "---\n" + configMap("a") + "---\r\napiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: prod\r\n  namespace: ignored\r\n",
	"b/list.yml":         "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: prod}}\n- apiVersion: apps/v1\n  kind: DeploymentList\n  items:\n  - metadata: {name: web, namespace: prod}\n  - metadata: {name: api, namespace: a-b}\n  - metadata: {name: api, namespace: a}\n",
	"b/pods.json":        `{"items":[{"metadata":{"name":"p2","namespace":"prod"}},{"kind":"Pod","metadata":{"name":"p1"}},{"metadata":{"name":"p3","namespace":""}}],"kind":"PodList","apiVersion":"v1","metadata":{}}` + "\n" + `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}}`,
	"crd.yaml":           "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: shops.example.com}\nspec: {group: example.com, scope: Cluster, names: {kind: Shop, plural: shoppes}}\n",
	"cr.yaml":            "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: one, namespace: x}\n---\napiVersion: other.example.com/v1\nkind: Free\nmetadata: {name: free}\n---\napiVersion: third.example.com/v1\nkind: Mixed\nmetadata: {name: m1}\n---\napiVersion: third.example.com/v1\nkind: Mixed\nmetadata: {name: m2, namespace: ns}\n",
	".git/x.yaml":        "{{ not yaml",
	".hidden.yaml":       "{{ not yaml",
	"README.md":          "# not yaml: [",
	"values.yaml":        "image: x\n",
	"Chart.yaml":         "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
	"kustomization.yaml": "resources: [a.yaml]\n",
	"kubeconfig.yaml":    "apiVersion: v1\nkind: Config\nusers: [{name: x, user: {token: " + leak + "}}]\n",
	"empty.yaml":         "# nothing\n---\n---\n...\n",
}

var manyIDs = map[string][]string{
	"core.v1.ConfigMap":                                {"default/a", "default/c", "default/d", "prod/b"},
	"core.v1.Namespace":                                {"prod"},
	"core.v1.Pod":                                      {"default/p1", "default/p3", "prod/p2"},
	"apps.v1.Deployment":                               {"a-b/api", "a/api", "prod/web"},
	"example.com.v1.Shop":                              {"one"},
	"other.example.com.v1.Free":                        {"free"},
	"third.example.com.v1.Mixed":                       {"default/m1", "ns/m2"},
	"apiextensions.k8s.io.v1.CustomResourceDefinition": {"shops.example.com"},
}

func TestConformance(t *testing.T) {
	dir := write(t, manyFiles)
	collectortest.Run(t, collectortest.Case{
		Open: func(t *testing.T) collector.Provider { provider, _ := open(t, dir); return provider },
		Want: manyIDs,
	})
}

func TestForms(t *testing.T) {
	provider, log := open(t, write(t, manyFiles))
	got := read(t, provider)
	if len(got.errors) > 0 {
		t.Errorf("errors: %v", got.errors)
	}
	if fmt.Sprint(got.ids) != fmt.Sprint(manyIDs) {
		t.Errorf("ids:\n%v\nwant\n%v", got.ids, manyIDs)
	}
	for name, want := range map[string]string{
		"core.v1.Namespace prod":      `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"prod"}}`,
		"apps.v1.Deployment a/api":    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api","namespace":"a"}}`,
		"core.v1.Pod default/p1":      `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p1","namespace":"default"}}`,
		"core.v1.ConfigMap default/a": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"}}`,
		"example.com.v1.Shop one":     `{"apiVersion":"example.com/v1","kind":"Shop","metadata":{"name":"one"}}`,
	} {
		if got.objects[name] != want {
			t.Errorf("%s = %s, want %s", name, got.objects[name], want)
		}
	}
	if strings.Count(log.String(), "skipped") != 2 || !strings.Contains(log.String(), "values.yaml") || !strings.Contains(log.String(), "Chart.yaml") {
		t.Errorf("only values.yaml and Chart.yaml are to be warned of:\n%s", log)
	}
	discovery, _ := provider.Discover(t.Context())
	for _, resource := range discovery.Resources {
		if resource.Kind == "Shop" && resource.Plural != "shoppes" || resource.Kind == "ConfigMap" && resource.Plural != "configmaps" || !resource.Ordered {
			t.Errorf("%+v", resource)
		}
	}
}

func TestValues(t *testing.T) {
	tests := map[string]struct{ file, text, want string }{
		"large integer":  {"a.yaml", "data: {k: 9007199254740993, u: 18446744073709551615, m: -9223372036854775808}", `"data":{"k":9007199254740993,"m":-9223372036854775808,"u":18446744073709551615}`},
		"float":          {"a.yaml", "data: {f: 0.1, e: 1e3, i: 1.5}", `"data":{"e":1000,"f":0.1,"i":1.5}`},
		"json verbatim":  {"a.json", `"data": {"n": 9007199254740993, "f": 1.0}`, `"data": {"n": 9007199254740993, "f": 1.0}`},
		"yaml 1.1 words": {"a.yaml", "data: {a: yes, b: off, c: \"yes\", d: 0o7, e: 010, f: ~}", `"data":{"a":true,"b":false,"c":"yes","d":7,"e":8,"f":null}`},
		"anchors":        {"a.yaml", "data: {a: &x {k: v}, b: *x}", `"data":{"a":{"k":"v"},"b":{"k":"v"}}`},
		"merge":          {"a.yaml", "data:\n  a: &x {k: v, l: w}\n  b:\n    <<: *x\n    k: u", `"data":{"a":{"k":"v","l":"w"},"b":{"k":"u","l":"w"}}`},
		"odd keys":       {"a.yaml", "data: {1: a, true: b, 1.5: c}", `"data":{"1":"a","1.5":"c","true":"b"}`},
		"time":           {"a.yaml", "data: {t: 2026-11-24T06:00:00Z}", `"data":{"t":"2026-11-24T06:00:00Z"}`},
		"block scalar":   {"a.yaml", "data:\n  a: |\n    ---\n    # no comment\n    ...\n", `"data":{"a":"---\n# no comment\n...\n"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\n" + test.text
			if filepath.Ext(test.file) == ".json" {
				text = `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"}, ` + test.text + "}"
			}
			provider, _ := open(t, write(t, map[string]string{test.file: text}))
			got := read(t, provider)
			if object := got.objects["core.v1.ConfigMap ns/a"]; !strings.Contains(object, test.want) || len(got.errors) > 0 {
				t.Errorf("%s %v\nwant %s", object, got.errors, test.want)
			}
		})
	}
}

// TestIncomplete has a good object in good.yaml beside each mistake: it is listed, but the list ends with an error that names the place.
func TestIncomplete(t *testing.T) {
	tests := map[string]struct {
		file, text string
		want       string // of the error, after the folder
	}{
		"syntax":             {"x.yaml", "a: 1\n---\nkind: Secret\ndata:\n  a: b: " + leak + "\n", "/x.yaml:5: mapping values are not allowed in this context"},
		"tab":                {"x.yaml", "a:\n\tb: " + leak + "\n", "/x.yaml:2: a tab or another character"},
		"key twice":          {"x.yaml", "---\n---\nkind: Secret\ndata:\n  a: " + leak + "\n  a: " + leak + "\n", "/x.yaml:6: a key is given twice"},
		"key twice, merge":   {"x.yaml", "a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n" + leak + ": 1\n" + leak + ": 2\n", "/x.yaml:6: a key is given twice"},
		"unknown anchor":     {"x.yaml", "a: *" + leak + "\n", "/x.yaml:1: an alias (*name) without its anchor"},
		"unterminated":       {"x.yaml", "a: \"" + leak + "\n", "a quoted text does not end"},
		"template":           {"x.yaml", "kind: Secret\n{{ if .Values." + leak + " }}\na: b\n{{ end }}\n", "helm template"},
		"not a number":       {"x.yaml", "a: .nan\n", "a number that JSON does not have"},
		"key of a map":       {"x.yaml", "? {" + leak + ": 1}\n: 2\n", "a key that is no text"},
		"control character":  {"x.yaml", "a: \x01" + leak + "\n", "control characters are not allowed"},
		"not UTF-8":          {"x.yaml", "a: \"\xff" + leak + "\"\n", "not UTF-8"},
		"UTF-16":             {"x.yaml", "\xff\xfea\x00:\x00", "/x.yaml: it is UTF-16"},
		"json":               {"x.json", "{\"kind\": \"Secret\",\n \"data\": {\"a\": " + leak + "}}", "/x.json:2: this is not JSON"},
		"json key twice":     {"x.json", "{\"kind\": \"Secret\",\n\n\"" + leak + "\": 1, \"" + leak + "\": 2}", "/x.json:3: a key is given twice"},
		"json breaks off":    {"x.json", "{\"kind\": \"Secret\", \"data\": {\"a\": \"" + leak, "/x.json:1: the JSON breaks off"},
		"yaml named json":    {"x.json", "kind: Secret\ndata: " + leak + "\n", "/x.json:1: this is not JSON"},
		"no kind":            {"x.yaml", "a: b\n---\napiVersion: v1\nmetadata: {name: " + leak + "}\n", "/x.yaml:2: it has no kind"},
		"no apiVersion":      {"x.yaml", "kind: Secret\nmetadata: {name: x}\n", "/x.yaml:1: it has no apiVersion"},
		"no name":            {"x.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {labels: {a: " + leak + "}}\n", "/x.yaml:1: the Secret has no metadata.name"},
		"no metadata":        {"x.yaml", "apiVersion: v1\nkind: Secret\n", "/x.yaml:1: the Secret has no metadata.name"},
		"generateName":       {"x.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: x-}\n", "/x.yaml:1: the Job has only a generateName"},
		"name is a number":   {"x.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: 12}\n", "/x.yaml:1: metadata.name has the wrong type"},
		"metadata is a list": {"x.yaml", "apiVersion: v1\nkind: Secret\nmetadata: [" + leak + "]\n", "/x.yaml:1: metadata has the wrong type"},
		"slash":              {"x.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a/b}\n", "/x.yaml:1: the Secret has a slash"},
		"odd apiVersion":     {"x.yaml", "apiVersion: a/b/c\nkind: Secret\nmetadata: {name: b}\n", "/x.yaml:1: its apiVersion is not group/version"},
		"item without kind":  {"x.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: z}}\n- metadata: {name: x}\n", "/x.yaml:1 (item 2): it has no apiVersion"},
		"item is text":       {"x.json", "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n\n\"" + leak + "\"]}", "this is no object"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"good.yaml": configMap("good"), test.file: test.text})
			provider, log := open(t, dir)
			got := read(t, provider)
			if !slices.Contains(got.ids["core.v1.ConfigMap"], "default/good") {
				t.Errorf("what is good is not listed: %v", got.ids)
			}
			if !strings.Contains(got.errors["core.v1.ConfigMap"], test.want) {
				t.Errorf("error %q, want %q", got.errors["core.v1.ConfigMap"], test.want)
			}
			if strings.Contains(log.String(), leak) {
				t.Errorf("the log quotes the file:\n%s", log)
			}
			// Of a type that is nowhere nothing may be concluded either.
			resource, ok := provider.(collector.ClosedWorld).Resource("core.v1.Secret")
			if _, err := provider.List(t.Context(), resource, collector.Selection{}, func([]byte) error { return nil }); !ok || err == nil {
				t.Errorf("a type that no file holds is listed as complete: %v", err)
			}
		})
	}
}

func TestRestOfBrokenFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"a.yaml": configMap("a") + "---\n{{ broken\n---\n" + configMap("c"),
		"b.json": `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}, {"apiVersion"`,
	})
	provider, _ := open(t, dir)
	got := read(t, provider)
	if want := []string{"default/a", "default/b", "default/c"}; !slices.Equal(got.ids["core.v1.ConfigMap"], want) {
		t.Errorf("%v, want %v", got.ids, want)
	}
	if err := got.errors["core.v1.ConfigMap"]; !strings.Contains(err, "a.yaml:5") || !strings.Contains(err, "b.json:1") {
		t.Errorf("error %q", err)
	}
}

func TestDeclaredTwice(t *testing.T) {
	dir := write(t, map[string]string{
		"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {from: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n",
		"b.yaml": "# b\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: default}\ndata: {from: b}\n",
	})
	provider, _ := open(t, dir, "a.yaml", ".", "*.yaml")
	got := read(t, provider)
	if object := got.objects["core.v1.ConfigMap default/x"]; !strings.Contains(object, `"from":"a"`) || len(got.ids["core.v1.ConfigMap"]) != 1 {
		t.Errorf("%v %s: want the first alone", got.ids, object)
	}
	want := fmt.Sprintf("default/x is declared twice: %s:1 and %s:1", filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml"))
	if !strings.Contains(got.errors["core.v1.ConfigMap"], want) || got.errors["core.v1.Service"] != "" {
		t.Errorf("errors %v, want %q", got.errors, want)
	}
}

func TestChangedMeanwhile(t *testing.T) {
	other := configMap("b") + "data: {k: " + leak + "}\n"
	for name, change := range map[string]func(path string) error{
		"written": func(path string) error { return os.WriteFile(path, []byte(other), 0o600) },
		"longer": func(path string) error {
			return os.WriteFile(path, []byte(configMap("a")+"---\n"+configMap("b")), 0o600)
		},
		"removed": os.Remove,
		"same size, same time": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(configMap("b")), 0o600); err != nil {
				return err
			}
			return os.Chtimes(path, info.ModTime(), info.ModTime())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"a.yaml": configMap("a")})
			provider, _ := open(t, dir)
			discovery, err := provider.Discover(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(dir, "a.yaml")); err != nil {
				t.Fatal(err)
			}
			if _, err := provider.List(t.Context(), discovery.Resources[0], collector.Selection{}, func([]byte) error { return nil }); err == nil {
				t.Error("the list is complete")
			}
		})
	}
}

func TestClosedWorld(t *testing.T) {
	provider, _ := open(t, write(t, map[string]string{"a.yaml": configMap("a")}))
	world := provider.(collector.ClosedWorld)
	if _, err := provider.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]collector.Resource{
		"core.v1.Secret":                           {Version: "v1", Kind: "Secret", Plural: "secrets", Namespaced: true, Ordered: true},
		"core.v1.ConfigMap":                        {Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true, Ordered: true},
		"rbac.authorization.k8s.io.v1.ClusterRole": {Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole", Plural: "clusterroles", Ordered: true},
		"networking.k8s.io.v1beta1.IngressClass":   {Group: "networking.k8s.io", Version: "v1beta1", Kind: "IngressClass", Plural: "ingressclasses", Ordered: true},
		"example.com.v1alpha1.Policy":              {Group: "example.com", Version: "v1alpha1", Kind: "Policy", Plural: "policies", Namespaced: true, Ordered: true},
	} {
		resource, ok := world.Resource(name)
		if !ok || resource != want {
			t.Errorf("Resource(%q) = %+v, %v, want %+v", name, resource, ok, want)
		}
		objects := 0
		if _, err := provider.List(t.Context(), resource, collector.Selection{}, func([]byte) error { objects++; return nil }); err != nil || objects != map[bool]int{true: 1}[name == "core.v1.ConfigMap"] {
			t.Errorf("List(%s): %d objects, %v", name, objects, err)
		}
	}
	for _, name := range []string{"", "Pod", "v1.Pod", "..", "core..Pod", "core.v1.", "core.v1.a b", ".v1.Pod"} {
		if resource, ok := world.Resource(name); ok {
			t.Errorf("Resource(%q) = %+v", name, resource)
		}
	}
}

func TestPaths(t *testing.T) {
	files := map[string]string{
		"a/1.yaml": configMap("a1"), "a/deep/2.yml": configMap("a2"), "b/1.json": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b1"}}`,
		"b/1.txt": configMap("text"), "c[1]/x.yaml": configMap("c"), "empty/.keep": "", ".dot/x.yaml": configMap("dot"),
	}
	tests := map[string]struct {
		paths   []string
		want    []string
		missing string // an error of Discover, and a problem
		partial string // an error of List
	}{
		"folder":           {[]string{"a"}, []string{"default/a1", "default/a2"}, "", ""},
		"file of any name": {[]string{"b/1.txt"}, []string{"default/text"}, "", ""},
		"glob":             {[]string{"*/1.*"}, []string{"default/a1", "default/b1", "default/text"}, "", ""},
		"glob of folders":  {[]string{"[ab]"}, []string{"default/a1", "default/a2", "default/b1"}, "", ""},
		"name like a glob": {[]string{"c[1]"}, []string{"default/c"}, "", ""},
		"file twice":       {[]string{"a/1.yaml", "a", "a/1.yaml"}, []string{"default/a1", "default/a2"}, "", ""},
		"hidden if named":  {[]string{".dot"}, []string{"default/dot"}, "", ""},
		"home":             {[]string{"~/1.yaml"}, []string{"default/a1"}, "", ""},
		"all":              {[]string{"."}, []string{"default/a1", "default/a2", "default/b1", "default/c"}, "", ""},
		"one folder empty": {[]string{"a", "empty"}, []string{"default/a1", "default/a2"}, "", "empty: there is no object in it"},
		"missing":          {[]string{"a", "nowhere"}, nil, "nowhere: no such file or directory", ""},
		"nothing matches":  {[]string{"x*"}, nil, "x*: nothing matches", ""},
		"not a glob":       {[]string{"a/[x"}, nil, "it is not a glob", ""},
		"empty":            {[]string{""}, nil, "an empty path names nothing", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := write(t, files)
			problems := manifests.Definition().Check(collector.Environment{Dir: dir, Getenv: func(string) string { return filepath.Join(dir, "a") }}, &manifests.Config{Paths: test.paths})
			provider, _ := open(t, dir, test.paths...)
			if test.missing != "" {
				_, err := provider.Discover(t.Context())
				if err == nil || !strings.Contains(err.Error(), test.missing) {
					t.Errorf("Discover: %v, want %q", err, test.missing)
				}
				if len(problems) != 1 || problems[0].Attribute != "paths" || !strings.Contains(problems[0].Detail, test.missing) {
					t.Errorf("Check: %+v, want %q", problems, test.missing)
				}
				return
			}
			if len(problems) > 0 {
				t.Errorf("Check: %+v", problems)
			}
			got := read(t, provider)
			if !slices.Equal(got.ids["core.v1.ConfigMap"], test.want) || !strings.Contains(got.errors["core.v1.ConfigMap"], test.partial) || (test.partial == "") != (len(got.errors) == 0) {
				t.Errorf("%v %v, want %v", got.ids, got.errors, test.want)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	dir := write(t, map[string]string{"real/a.yaml": configMap("a"), "other.txt": configMap("b"), "top/x.txt": ""})
	for link, target := range map[string]string{"top/folder": "../real", "top/b.yaml": "../other.txt", "top/gone.yaml": "nowhere.yaml", "root": "real"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	provider, log := open(t, dir, "top")
	got := read(t, provider)
	if !slices.Equal(got.ids["core.v1.ConfigMap"], []string{"default/b"}) || !strings.Contains(got.errors["core.v1.ConfigMap"], "gone.yaml") || !strings.Contains(log.String(), "not followed") {
		t.Errorf("%v %v\n%s", got.ids, got.errors, log)
	}
	provider, _ = open(t, dir, "root")
	if got := read(t, provider); !slices.Equal(got.ids["core.v1.ConfigMap"], []string{"default/a"}) || len(got.errors) > 0 {
		t.Errorf("a path that is a link: %v %v", got.ids, got.errors)
	}
}

func TestEmptySource(t *testing.T) {
	provider, log := open(t, write(t, map[string]string{"README.md": ""}))
	discovery, err := provider.Discover(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no object") || !strings.Contains(log.String(), "no object") {
		t.Errorf("%+v, %v\n%s", discovery, err, log)
	}
	resource, _ := provider.(collector.ClosedWorld).Resource("core.v1.Pod")
	if _, err := provider.List(t.Context(), resource, collector.Selection{}, func([]byte) error { return nil }); err == nil {
		t.Error("an empty folder passes for a cluster without pods")
	}
}

// TestNothingButBroken: YAML takes an unquoted n for a boolean, and where no object is sound, no list can tell it.
func TestNothingButBroken(t *testing.T) {
	provider, _ := open(t, write(t, map[string]string{"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: n}\n"}))
	if _, err := provider.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), "a.yaml") || !strings.Contains(err.Error(), "namespace") {
		t.Error(err)
	}
}

func TestCapturedAt(t *testing.T) {
	dir := write(t, map[string]string{"a.yaml": configMap("a")})
	environment := collector.Environment{Dir: dir, Log: slog.New(slog.DiscardHandler)}
	config := &manifests.Config{Paths: []string{"a.yaml"}, CapturedAt: "2026-11-02T18:00:00+01:00"}
	if problems := manifests.Definition().Check(environment, config); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
	provider, err := manifests.Definition().Open(environment, config)
	if err != nil {
		t.Fatal(err)
	}
	discovery, err := provider.Discover(t.Context())
	if want := time.Date(2026, 11, 2, 17, 0, 0, 0, time.UTC); err != nil || !discovery.CapturedAt.Equal(want) {
		t.Errorf("captured at %v, %v, want %v", discovery.CapturedAt, err, want)
	}
	config.CapturedAt = "yesterday"
	if problems := manifests.Definition().Check(environment, config); len(problems) != 1 || problems[0].Attribute != "captured_at" {
		t.Errorf("%+v", problems)
	}
	if problems := manifests.Definition().Check(environment, &manifests.Config{}); len(problems) != 1 || problems[0].Attribute != "paths" {
		t.Errorf("%+v", problems)
	}
}

func TestListBeforeDiscover(t *testing.T) {
	provider, _ := open(t, write(t, map[string]string{"a.yaml": configMap("a")}))
	if _, err := provider.List(context.Background(), collector.Resource{Version: "v1", Kind: "ConfigMap"}, collector.Selection{}, func([]byte) error { return nil }); err == nil {
		t.Error("no error")
	}
}

// TestLargeList has more in a YAML List than the cache of parsed documents keeps, beside another: what is listed does not depend on it.
func TestManyLists(t *testing.T) {
	files := map[string]string{}
	var want []string
	for f := range 3 {
		var text strings.Builder
		text.WriteString("apiVersion: v1\nkind: ConfigMapList\nitems:\n")
		for i := range 50 {
			fmt.Fprintf(&text, "- metadata: {name: \"%02d-%d\"}\n", i, f)
		}
		files[fmt.Sprintf("%d.yaml", f)] = text.String()
	}
	for i := range 50 {
		for f := range 3 {
			want = append(want, fmt.Sprintf("default/%02d-%d", i, f))
		}
	}
	provider, _ := open(t, write(t, files))
	if got := read(t, provider); !slices.Equal(got.ids["core.v1.ConfigMap"], want) || len(got.errors) > 0 {
		t.Errorf("%v %v", got.ids, got.errors)
	}
}
