package document

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

var secretResource = Resource{APIGroup: "core", APIVersion: "v1", Kind: "Secret", Namespaced: true}

func TestRedactSecret(t *testing.T) {
	o := normalize(t, secretResource, `{"type":"Opaque","immutable":true,"metadata":{"name":"s","namespace":"n","labels":{"app":"x"},"annotations":{"note":"keep me","kubectl.kubernetes.io/last-applied-configuration":"{}"}},
		"data":{"a":"aHVudGVyMg==","odd":"not base64!"},"stringData":{"a":"hunter2","n":5}}`)
	hidden := fieldsOf(t, o)
	if hidden["data"]["a"] != hidden["stringData"]["a"] {
		t.Error("data and stringData of one value differ")
	}
	for _, section := range []string{"data", "stringData"} {
		for key, value := range hidden[section] {
			if text, ok := value.(string); !ok || len(text) != len("hmac-sha256:")+32 || !strings.HasPrefix(text, "hmac-sha256:") {
				t.Errorf("%s.%s is %v", section, key, value)
			}
		}
	}
	// Computed by: printf hunter2 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
	if got := hidden["data"]["a"]; got != hunter2 {
		t.Errorf("data.a is %v, want %v", got, hunter2)
	}
	if !strings.Contains(string(o.Fields), `"immutable":true`) || !strings.Contains(string(o.Fields), `"type":"Opaque"`) {
		t.Errorf("fields %s", o.Fields)
	}
	if len(o.Annotations) != 1 || o.Annotations[0].Key != "note" || strings.Contains(string(o.Metadata), lastApplied) {
		t.Errorf("annotations %v, metadata %s", o.Annotations, o.Metadata)
	}
	other, err := NewNormalizer(NewRedactor([]byte("another"))).Normalize(secretResource, []byte(`{"metadata":{"name":"s"},"data":{"a":"aHVudGVyMg=="}}`))
	if err != nil {
		t.Fatal(err)
	}
	if fieldsOf(t, other)["data"]["a"] == hidden["data"]["a"] {
		t.Error("another key, but the same hash")
	}
}

const hunter2 = "hmac-sha256:3920d54ec70f500ee54e1da041d2364a"

func fieldsOf(t *testing.T, o *Object) map[string]map[string]any {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(o.Fields, &fields); err != nil {
		t.Fatal(err)
	}
	sections := map[string]map[string]any{}
	for key, raw := range fields {
		var section map[string]any
		if json.Unmarshal(raw, &section) == nil {
			sections[key] = section
		}
	}
	return sections
}

// TestNoMarkerSurvives plants recognisable values everywhere that a Secret can hold them, and looks for every form of them in
// all that comes out.
func TestNoMarkerSurvives(t *testing.T) {
	const marker = `mArKeR"4711<x>`
	b64 := base64.StdEncoding.EncodeToString([]byte(marker))
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	forms := []string{"mArKeR", "4711", b64[:12], strings.TrimRight(b64, "=")}
	copyOf := func(value string) string {
		return quote(`{"apiVersion":"v1","kind":"Secret","data":{"p":"` + value + `"}}`)
	}
	annotations := map[string]string{
		"kubectl.kubernetes.io/last-applied-configuration": copyOf(b64),
		"kapp.k14s.io/original":                            quote(`{"stringData":{"p":` + quote(marker) + `}}`),
		"kapp.k14s.io/original-diff":                       quote("- op: add\n  value: 4711"),
		"kapp.k14s.io/original-diff-full":                  quote("4711"),
		"example.com/backup":                               copyOf(b64),
		"example.com/data-only":                            quote(`  {"data":{"p":"` + b64 + `"}}`),
		"example.com/plain":                                quote("the value is " + marker + "!"),
		"example.com/base64":                               quote("v=" + b64),
		"example.com/unpadded":                             quote("v=" + strings.TrimRight(b64, "=")),
		"example.com/escaped":                              quote(`["` + strings.ReplaceAll(marker, `"`, `\"`) + `"]`),
		"example.com/object":                               `{"not":"a string","p":` + quote(marker) + `}`,
	}
	var planted []string
	for key, value := range annotations {
		planted = append(planted, quote(key)+":"+value)
	}
	all := "{" + strings.Join(planted, ",") + `,"example.com/kept":"yes"}`
	values := []string{
		`"data":{"p":` + quote(b64) + `}`,
		`"data":{"p":` + quote(marker) + `,"q":` + quote(b64) + `}`, // not base64
		`"stringData":{"p":` + quote(marker) + `}`,
		`"stringData":{"p":` + quote(marker+"\n") + `}`, // as echo makes it
		`"data":{"p":{"nested":[` + quote(marker) + `,` + quote(b64) + `]}}`,
		`"stringData":{"p":` + quote(marker) + `},"data":null`,
		`"data":` + quote(marker),
		`"data":[` + quote(marker) + `,` + quote(b64) + `]`,
		`"stringData":{"p":` + quote(marker) + `},"type":` + quote(marker) + `,"copy":` + quote(b64),
		`"stringData":{"p":` + quote(marker) + `},"spec":{"deep":[{"copy":` + quote(marker) + `}]}`,
		`"data":{"p":` + quote(b64) + `},"d\u0061ta":{"p":` + quote(b64) + `}`,
	}
	for i, value := range values {
		raw := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"n","annotations":` + all + `},` + value + `}`
		o, err := NewNormalizer(testRedactor).Normalize(secretResource, []byte(raw))
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		who := o.Attribution(&Difference{Paths: []string{"data.p", "stringData.p"}}, o.CreatedAt)
		out := fmt.Sprintf("%+v %s %s %s %s %s %v %v", o, o.Whole, o.Metadata, o.Spec, o.Status, o.Fields, who, who.JSON)
		for _, form := range forms {
			if strings.Contains(out, form) {
				t.Errorf("%d: %q survives in %s", i, form, o.Whole)
			}
		}
		if len(o.Annotations) != 1 || o.Annotations[0].Key != "example.com/kept" {
			t.Errorf("%d: annotations %v", i, o.Annotations)
		}
		// Broken in any place, the error must not tell either.
		for cut := range len(raw) {
			for _, broken := range []string{raw[:cut], raw[:cut] + "\x01" + raw[cut:], raw[:cut] + "}" + raw[cut:]} {
				if _, err := NewNormalizer(testRedactor).Normalize(secretResource, []byte(broken)); err != nil {
					for _, form := range forms {
						if strings.Contains(err.Error(), form) {
							t.Fatalf("%d: the error tells %q", i, form)
						}
					}
				}
			}
		}
	}
}

func TestCopiesInAnnotations(t *testing.T) {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	packed := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}
	for _, test := range []struct {
		name, key, value, want string // want is "" where it is dropped
	}{
		{"a Secret", lastApplied, `{"kind":"Secret","data":{"a":"aHVudGVyMg=="}}`, `{"data":{"a":"` + hunter2 + `"},"kind":"Secret"}`},
		{"a Secret in a List", lastApplied, `{"kind":"List","items":[{"kind":"\u0053ecret","stringData":{"a":"hunter2"}}]}`,
			`{"items":[{"kind":"Secret","stringData":{"a":"` + hunter2 + `"}}],"kind":"List"}`},
		{"kapp's", kappOriginal, `{"kind":"Secret","stringData":{"a":"hunter2"}}`, `{"kind":"Secret","stringData":{"a":"` + hunter2 + `"}}`},
		{"kapp's diff", kappDiff, `[{"type":"test","path":"/data","value":"x"}]`, ``},
		{"its own kind", lastApplied, `{"kind":"Deployment","spec":{"x": "Secret"}}`, `{"kind":"Deployment","spec":{"x": "Secret"}}`},
		{"variables", lastApplied, `{"kind":"Pod","spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"hunter2"}]}]}}`,
			`{"kind":"Pod","spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"` + hunter2 + `"}]}]}}`},
		{"a ConfigMap", "example.com/backup", `{"apiVersion":"v1","kind":"ConfigMap","data":{"password":"hunter2","b":"c"}}`,
			`{"apiVersion":"v1","data":{"b":"c","password":"` + hunter2 + `"},"kind":"ConfigMap"}`},
		{"a copy in a copy", lastApplied, `{"kind":"Pod","metadata":{"annotations":{"x":"{\"kind\":\"Secret\",\"stringData\":{\"a\":\"hunter2\"}}"}}}`,
			`{"kind":"Pod","metadata":{"annotations":{"x":"{\"kind\":\"Secret\",\"stringData\":{\"a\":\"` + hunter2 + `\"}}"}}}`},
		{"a copy that is cut off", lastApplied, `{"kind":"List","items":[{"kind":"Secret","data":{"a":"b"`, ``},
		{"compressed", "objectset.rio.cattle.io/applied", packed(`{"kind":"Secret","data":{"a":"aHVudGVyMg=="}}`), ``},
		{"compressed, harmless", "objectset.rio.cattle.io/applied", packed(`{"kind":"Pod"}`), packed(`{"kind":"Pod"}`)},
		{"compressed, cut off", "objectset.rio.cattle.io/applied", packed(`{"kind":"Pod"}`)[:20], ``},
		{"YAML", "note", "apiVersion: v1\nkind: Secret\ndata:\n  a: b\n", ``},
		{"harmless YAML", "note", "apiVersion: v1\nkind: Pod\n", "apiVersion: v1\nkind: Pod\n"},
		{"text", lastApplied, `no JSON`, `no JSON`},
		{"a token", "openshift.io/token-secret.value", "abcdef", `hmac`},
		{"a Secret's name", "nginx.ingress.kubernetes.io/auth-secret", "shop/basic-auth", "shop/basic-auth"},
		{"an expiry", "example.com/token-expiration", "86400s", "86400s"},
		{"a URL", "example.com/db", "postgres://joe:hunter2@db/x", "postgres://joe:" + hunter2 + "@db/x"},
	} {
		o := normalize(t, podResource, `{"metadata":{"name":"p","annotations":{`+quote(test.key)+`:`+quote(test.value)+`}}}`)
		got := ""
		if len(o.Annotations) == 1 {
			got = o.Annotations[0].Value
		}
		if got != test.want && !(test.want == "hmac" && isPlaceholder([]byte(got))) {
			t.Errorf("%s: %s\nwant %s", test.name, got, test.want)
		}
		if strings.Contains(string(o.Whole), "hunter2") {
			t.Errorf("%s: %s", test.name, o.Whole)
		}
	}
}

// A Secret in the wrong list is redacted all the same; another group's kind of that name is not a Secret.
func TestWhatIsASecret(t *testing.T) {
	for _, test := range []struct {
		resource Resource
		head     string
		hidden   bool
	}{
		{secretResource, ``, true},
		{Resource{APIVersion: "v1", Kind: "Secret"}, ``, true},
		{podResource, `"apiVersion":"v1","kind":"Secret",`, true},
		{podResource, `"kind":"Secret",`, true},
		{podResource, `"apiVersion":"v1","kind":"Pod",`, false},
		{Resource{APIGroup: "vault.example.com", APIVersion: "v1", Kind: "Secret"}, `"apiVersion":"vault.example.com/v1","kind":"Secret",`, false},
	} {
		o := normalize(t, test.resource, `{`+test.head+`"metadata":{"name":"s"},"data":{"a":"aHVudGVyMg=="}}`)
		if hidden := fieldsOf(t, o)["data"]["a"] == hunter2; hidden != test.hidden {
			t.Errorf("%+v %s: hidden is %v, want %v", test.resource, test.head, hidden, test.hidden)
		}
		if test.hidden {
			if _, err := NewNormalizer(nil).Normalize(test.resource, []byte(`{`+test.head+`"metadata":{"name":"s"},"data":{"a":"aHVudGVyMg=="}}`)); err == nil {
				t.Errorf("%+v %s: stored without a key", test.resource, test.head)
			}
		}
	}
}

func TestRedactorHidesItsKey(t *testing.T) {
	r := NewRedactor([]byte("the-key"))
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "redactor", r)
	if out := fmt.Sprintf("%v %+v %#v %s", r, r, r, r) + log.String(); strings.Contains(out, "the-key") || strings.Contains(out, "116 104") || strings.Contains(out, "0x74") {
		t.Errorf("printed: %s", out)
	}
}
