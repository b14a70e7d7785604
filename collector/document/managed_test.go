package document

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// entry is an entry of managedFields.
func entry(manager, operation, subresource, at, fields string) string {
	text := `{"manager":"` + manager + `","operation":"` + operation + `","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":` + fields
	if at != "" {
		text += `,"time":"2026-11-24T09:00:` + at + `Z"`
	}
	if subresource != "" {
		text += `,"subresource":"` + subresource + `"`
	}
	return text + `}`
}

// Who changed what, of a state before whose newest managedFields time was 09:00:05.
func TestAttribution(t *testing.T) {
	const (
		spec   = `{"f:spec":{"f:replicas":{}}}`
		status = `{"f:status":{"f:ready":{}}}`
	)
	both := func(entries ...string) []string { return entries }
	for _, test := range []struct {
		name     string
		entries  []string
		old, new string // but for the metadata
		want     string // a line for a path: the managers with what is said of them
		modified string // the seconds of the change's time
	}{
		{"one owner who wrote since", both(entry("kubectl", "Update", "", "07", spec), entry("old", "Update", "", "03", status)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: kubectl Update 07 certain", "07"},
		{"an entry that is newer, of another field", both(entry("kubectl", "Update", "", "07", spec), entry("kubelet", "Update", "status", "09", status)),
			`"spec":{"replicas":1},"status":{"ready":1}`, `"spec":{"replicas":2},"status":{"ready":1}`, "spec.replicas: kubectl Update 07 certain", "07"},
		{"two fields, two managers", both(entry("kubectl", "Update", "", "07", spec), entry("kubelet", "Update", "status", "09", status)),
			`"spec":{"replicas":1},"status":{"ready":1}`, `"spec":{"replicas":2},"status":{"ready":2}`, "spec.replicas: kubectl Update 07 certain\nstatus.ready: kubelet Update status 09 certain", "09"},
		{"two owners, of whom one wrote since", both(entry("argo", "Apply", "", "03", spec), entry("hpa", "Update", "scale", "07", spec)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: hpa Update scale 07 certain", "07"},
		{"two owners who both wrote since", both(entry("argo", "Apply", "", "06", spec), entry("flux", "Apply", "", "07", spec)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: argo Apply 06 likely, flux Apply 07 likely", "07"},
		{"in the second of the last state: the same manager may have written twice", both(entry("kubectl", "Apply", "", "05", spec)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: kubectl Apply 05 likely", "05"},
		{"two in that second", both(entry("a", "Update", "", "05", spec), entry("b", "Update", "", "05", spec)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: a Update 05 possible, b Update 05 possible", "05"},
		{"owners who did not write since, and nobody else did", both(entry("kubectl", "Update", "", "03", spec)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "", ""},
		{"an owner who did not write since, and somebody who did", both(entry("kubectl", "Update", "", "03", spec), entry("hook", "Update", "", "08", `{"f:spec":{"f:x":{}}}`)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: hook Update 08 possible", "08"},
		{"a removal", both(entry("kubectl", "Update", "", "07", spec), entry("old", "Update", "", "03", spec)),
			`"spec":{"replicas":1,"x":1}`, `"spec":{"replicas":1}`, "spec.x: kubectl Update 07 likely", "07"},
		{"a removal, and two who wrote since", both(entry("b", "Update", "", "07", spec), entry("a", "Update", "", "08", spec)),
			`"spec":{"replicas":1,"x":1}`, `"spec":{"replicas":1}`, "spec.x: a Update 08 possible, b Update 07 possible", "08"},
		{"a removal that a status writer cannot have made", both(entry("kubelet", "Update", "status", "07", status), entry("kubectl", "Update", "", "08", spec)),
			`"spec":{"replicas":1,"x":1},"status":{"ready":1,"y":1}`, `"spec":{"replicas":1},"status":{"ready":1}`, "spec.x: kubectl Update 08 likely\nstatus.y: kubelet Update status 07 likely", "08"},
		{"the last field that a manager owned", both(entry("kubectl", "Update", "", "03", spec)),
			`"spec":{"replicas":1,"x":1}`, `"spec":{"replicas":1}`, "", ""},
		{"a removal, and nobody wrote since", both(entry("kubectl", "Update", "", "05", spec)),
			`"spec":{"replicas":1,"x":1}`, `"spec":{"replicas":1}`, "", ""},
		{"what the server sets", both(entry("kubectl", "Update", "", "07", spec), entry("kcm", "Update", "status", "09", status)),
			`"spec":{"replicas":1},"metadata":{"name":"p","generation":1}`, `"spec":{"replicas":2},"metadata":{"name":"p","generation":2}`,
			"metadata.generation: kubectl Update 07 likely\nspec.replicas: kubectl Update 07 certain", "07"},
		{"an element by its key", both(entry("a", "Update", "", "07", `{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:name":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{"f:hostPort":{}}}}}}}`),
			entry("b", "Update", "", "08", `{"f:spec":{"f:containers":{"k:{\"name\":\"proxy\"}":{".":{},"f:image":{},"f:name":{}}}}}`)),
			`"spec":{"containers":[{"name":"app","ports":[{"containerPort":80,"protocol":"TCP","hostPort":1}]}]}`,
			`"spec":{"containers":[{"name":"proxy","image":"x"},{"name":"app","ports":[{"containerPort":80,"protocol":"TCP","hostPort":2}]}]}`,
			"spec.containers[0].image: b Update 08 certain\nspec.containers[0].name: b Update 08 certain\nspec.containers[1].ports[0].hostPort: a Update 07 certain", "08"},
		{"an element by its value or its place, and a list as a whole", both(entry("a", "Update", "", "07", `{"f:metadata":{"f:finalizers":{".":{},"v:\"x/y\"":{}}},"f:spec":{"f:l":{"i:1":{"f:z":{}}}}}`),
			entry("b", "Update", "", "08", `{"f:spec":{"f:args":{}}}`)),
			`"metadata":{"name":"p"},"spec":{"l":[{"z":1},{"z":1}],"args":["a"]}`, `"metadata":{"name":"p","finalizers":["x/y"]},"spec":{"l":[{"z":1},{"z":2}],"args":["a","b"]}`,
			"metadata.finalizers[0]: a Update 07 certain\nspec.args[1]: b Update 08 certain\nspec.l[1].z: a Update 07 certain", "08"},
		{"the order of a list", both(entry("a", "Apply", "", "07", `{"f:spec":{"f:initContainers":{"k:{\"name\":\"x\"}":{".":{},"f:name":{}}}}}`)),
			`"spec":{"initContainers":[{"name":"x"},{"name":"y"}]}`, `"spec":{"initContainers":[{"name":"y"},{"name":"x"}]}`, "spec.initContainers: a Apply 07 certain", "07"},
		{"keys that are no plain words", both(entry("a", "Apply", "", "07", `{"f:metadata":{"f:labels":{"f:app.kubernetes.io/name":{}}}}`)),
			`"metadata":{"name":"p"}`, `"metadata":{"name":"p","labels":{"app.kubernetes.io/name":"x"}}`, "metadata.labels['app.kubernetes.io/name']: a Apply 07 certain", "07"},
		{"an entry without a time, and odd ones", both(entry("a", "Update", "", "", spec), `null`, `{"manager":"","fieldsV1":{}}`, `{"manager":"b","time":"2026-11-24T09:00:09Z","fieldsV1":[]}`, `{"manager":7}`,
			entry("c", "Update", "", "08", `{"f:spec":"x","k:":{}}`)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: a Update likely", ""},
		{"the subresource scale has no time", both(entry("argo", "Apply", "", "03", spec), entry("hpa", "Update", "scale", "", spec), entry("kubectl", "Update", "", "08", `{"f:spec":{"f:x":{}}}`)),
			`"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "spec.replicas: hpa Update scale likely", ""},
		{"no managedFields", nil, `"spec":{"replicas":1}`, `"spec":{"replicas":2}`, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			whole := func(of string, managed []string) string {
				if !strings.Contains(of, `"metadata"`) {
					of += `,"metadata":{"name":"p"}`
				}
				if managed != nil {
					of = strings.Replace(of, `"name":"p"`, `"name":"p","managedFields":[`+strings.Join(managed, ",")+`]`, 1)
				}
				return `{` + of + `}`
			}
			old := stateOf(t, whole(test.old, nil))
			o := normalize(t, podResource, whole(test.new, test.entries))
			d, err := Diff(old, o.State, Options{Schema: BuiltinSchema("core.v1.Pod")})
			if err != nil {
				t.Fatal(err)
			}
			since := time.Date(2026, 11, 24, 9, 0, 5, 0, time.UTC)
			got := o.Attribution(&d, since)
			checkAttribution(t, got, test.want, test.modified)
			// A copy, and one that was written to a file, tell the same.
			var file bytes.Buffer
			read := new(Object)
			if err := gob.NewEncoder(&file).Encode(o.Clone()); err != nil {
				t.Fatal(err)
			}
			if err := gob.NewDecoder(&file).Decode(read); err != nil {
				t.Fatal(err)
			}
			for _, o := range []*Object{o.Clone(), read} {
				if again := o.Attribution(&d, since); string(again.JSON) != string(got.JSON) || fmt.Sprint(again) != fmt.Sprint(got) {
					t.Errorf("a copy gives %s, not %s", again.JSON, got.JSON)
				}
			}
		})
	}
}

func checkAttribution(t *testing.T, got Attribution, want, modified string) {
	t.Helper()
	var lines []string
	managers := map[string]bool{}
	if got.JSON != nil {
		v, err := meaning(got.JSON)
		if err != nil {
			t.Fatal(err)
		}
		if canonical, err := Canonical(got.JSON); err != nil || string(canonical) != string(got.JSON) {
			t.Errorf("not canonical: %s", got.JSON)
		}
		paths := v.(map[string]any)
		for _, path := range sortedAny(paths) {
			var who []string
			for _, x := range paths[path].([]any) {
				m := x.(map[string]any)
				managers[m["manager"].(string)] = true
				var words []string
				for _, key := range []string{"manager", "operation", "subresource", "time", "confidence"} {
					if text, ok := m[key].(string); ok {
						words = append(words, strings.TrimSuffix(strings.TrimPrefix(text, "2026-11-24T09:00:"), "Z"))
					}
				}
				who = append(who, strings.Join(words, " "))
			}
			lines = append(lines, path+": "+strings.Join(who, ", "))
		}
	}
	if text := strings.Join(lines, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if len(managers) != len(got.Managers) {
		t.Errorf("managers %v of %s", got.Managers, got.JSON)
	}
	if at := got.ModifiedAt; modified == "" != at.IsZero() || modified != "" && at.Format("05") != modified {
		t.Errorf("modified at %v, want second %s", at, modified)
	}
}

// Of a state before without managedFields only who owns what is known; and an object that was created was made by all its managers.
func TestAttributionWithoutATimeBefore(t *testing.T) {
	o := normalize(t, podResource, `{"metadata":{"name":"p","managedFields":[`+entry("b", "Update", "", "05", `{"f:spec":{"f:a":{},"f:b":{}}}`)+`,`+entry("a", "Update", "", "07", `{"f:spec":{"f:b":{}}}`)+`,{"manager":"b"}]},"spec":{"a":1,"b":1,"c":1}}`)
	d, err := Diff(lake.State{Metadata: o.Metadata, Spec: []byte(`{"x":1}`)}, o.State, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkAttribution(t, o.Attribution(&d, time.Time{}), "spec.a: b Update 05 likely\nspec.b: a Update 07 possible, b Update 05 possible", "07")
	if who := o.Attribution(nil, time.Time{}); fmt.Sprint(who.Managers) != "[a b]" || who.ModifiedAt.Second() != 7 || who.JSON != nil {
		t.Errorf("of a creation: %+v", who)
	}
}

// managedFields names elements by their value: none of it may get out.
func TestAttributionHoldsNoValues(t *testing.T) {
	o := normalize(t, secretResource, `{"metadata":{"name":"s","finalizers":["hunter2hunter2"],"managedFields":[`+
		entry("m", "Update", "", "07", `{"f:data":{"f:p":{},"v:\"hunter2hunter2\"":{},"k:{\"a\":\"hunter2hunter2\"}":{}},"f:metadata":{"f:finalizers":{"v:\"hunter2hunter2\"":{}}}}`)+`]},"data":{"p":"aHVudGVyMmh1bnRlcjI="}}`)
	d, err := Diff(lake.State{}, o.State, Options{})
	if err != nil {
		t.Fatal(err)
	}
	who := o.Attribution(&d, time.Date(2026, 11, 24, 9, 0, 5, 0, time.UTC))
	if who.JSON == nil || strings.Contains(string(who.JSON), "hunter2") {
		t.Errorf("attribution %s", who.JSON)
	}
}

func TestIgnore(t *testing.T) {
	const object = `{"metadata":{"name":"n","labels":{"a":"1","b.c/d":"2"}},"spec":{"l":[{"x":1,"y":1},{"x":2}],"m":{"k":{"x":1}}},"status":{"conditions":[{"type":"A","lastHeartbeatTime":"1","at":"1"}]},"aaa":1}`
	digest := func(ignore *Ignore, text string) string {
		o, err := NewNormalizer(testRedactor).Ignoring(ignore).Normalize(Resource{APIGroup: "example.com", APIVersion: "v1", Kind: "Any"}, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return o.Digest
	}
	for _, test := range []struct{ path, old, new string }{
		{"status", `"at":"1"`, `"at":"2"`},
		{"status", `,"status":{"conditions":[{"type":"A","lastHeartbeatTime":"1","at":"1"}]}`, ``},
		{"aaa", `,"aaa":1`, ``},
		{"aaa", `"aaa":1`, `"aaa":{"b":1}`},
		{"status.conditions[*].at", `"at":"1"`, `"at":"2"`},
		{"status['conditions'][*]", `[{"type"`, `[{},{"type"`},
		{"metadata.labels['b.c/d']", `"b.c/d":"2"`, `"b.c/d":"3"`},
		{`metadata.labels["b.c/d"]`, `,"b.c/d":"2"`, ``},
		{"spec.l[0].x", `"x":1,"y"`, `"x":3,"y"`},
		{"spec.m[*].x", `"k":{"x":1}`, `"k":{"x":2}`},
	} {
		ignore, err := CompileIgnore([]string{"nowhere.at.all", test.path})
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(object, test.old, test.new, 1)
		if changed == object || digest(ignore, object) != digest(ignore, changed) || digest(nil, object) == digest(nil, changed) {
			t.Errorf("%s: the digests tell %s from %s", test.path, test.old, test.new)
		}
		if d, err := Diff(stateOf(t, object), stateOf(t, changed), Options{Ignore: ignore}); err != nil || len(d.Paths) > 0 {
			t.Errorf("%s: diff %s, %v", test.path, d.JSON, err)
		}
		other := strings.Replace(object, `"y":1`, `"y":2`, 1)
		if digest(ignore, object) == digest(ignore, other) {
			t.Errorf("%s ignores more than it says", test.path)
		}
	}
	if ignore, err := CompileIgnore(nil); ignore != nil || err != nil {
		t.Errorf("nothing to ignore: %v, %v", ignore, err)
	}
	for path, want := range map[string]string{
		"":                    `"", character 1: a key is missing`,
		"spec.":               `"spec.", character 6: a key is missing`,
		"spec..a":             `character 6: a key is missing`,
		".spec":               `character 1: a key is missing`,
		"spec.[0].x":          `character 5: no dot stands before a bracket`,
		"a-b":                 `character 1: a key that is no plain word is written in brackets and quotes: ['a-b']`,
		"spec.*.x":            `character 6: all elements are written [*]`,
		"spec[x]":             `character 6: an index, [*] or a quoted key should stand in brackets`,
		"spec['x":             `character 6: the quote is not closed`,
		"spec['x\\q']":        `character 8: no escape is written like this`,
		"spec['x'":            `character 9: a bracket should close here`,
		"spec[*":              `character 7: a bracket should close here`,
		"spec[0]x":            `character 8: a dot or a bracket should follow`,
		"spec]":               `character 5: a dot or a bracket should follow`,
		"spec.args[0]":        `one element cannot be ignored, only its list or what is below it`,
		"[*]":                 `this would ignore whole objects`,
		"[0].x":               `a path begins with a key`,
		"$.spec":              `character 1: a key that is no plain word`,
		"spec['\\u12']":       `four hexadecimal digits`,
		"metadata.labels.a.b": ``,
	} {
		_, err := CompileIgnore([]string{path})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %s", path, err, want)
		}
	}
	if _, err := CompileIgnore([]string{"a-b", "ok", "c["}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two problems: %v", err)
	}
}

// Each path of a diff can be read again.
func FuzzPath(f *testing.F) {
	f.Add("a", "b.c/d", 3)
	f.Add("it's", "\n\x01\\\"é", 0)
	f.Fuzz(func(t *testing.T, a, b string, i int) {
		a, b = strings.ToValidUTF8(a, "x"), strings.ToValidUTF8(b, "y")
		path := appendKey(appendIndex(appendKey(nil, []byte(a)), max(i, 0)), []byte(b))
		steps, problem := parsePath(string(path))
		if problem != nil || len(steps) != 3 || steps[0].key != a || steps[1].index != max(i, 0) || steps[2].key != b {
			t.Fatalf("%q: %+v, %+v", path, steps, problem)
		}
	})
}

func sortedAny(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
