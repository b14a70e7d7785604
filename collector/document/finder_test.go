package document

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

func TestFinder(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	pem := "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIExample\n-----END EC PRIVATE KEY-----\n"
	// The values are put together here, so that nobody's scanner takes them for leaked ones.
	jwt := "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
	for value, rule := range map[string]string{
		"is AKIA" + "IOSFODNN7EXAMPLE":                                 "AWS access key",
		"AIza" + strings.Repeat("aB3", 12)[:35]:                        "Google API key",
		"ghp_" + strings.Repeat("aB3", 12):                             "GitHub token",
		"https://x:glpat-" + "abcdefghij0123456789@gitlab/x":           "GitLab token|password in a URL",
		"xoxb-" + "1234567890-abc":                                     "Slack token",
		"https://hooks.slack.com/services/" + "T0/B0/abcdefghijklmnop": "Slack webhook",
		"sk_live_" + "abcdefghij0123456789":                            "Stripe key",
		jwt:                                                            "JSON Web Token",
		pem:                                                            "private key",
		"$2y$" + "10$" + strings.Repeat("a", 53):                       "password hash",
		"Authorization: Basic " + encode("joe:hunter2!"):               "basic authentication|assignment to a sensitive name",
		encode(`{"auths":{"x":{"auth":"` + encode("joe:hunter2") + `"}}}`): "basic authentication, in base64",
		encode(pem): "private key, in base64",
		"client-key-data: " + strings.Repeat("LS0tLS1C", 8): "kubeconfig credential|assignment to a sensitive name",
		"postgres://joe:hunter2@db":                         "password in a URL",
		"user=joe\npassword=hunter2hunter2\n":               "assignment to a sensitive name",
		"AccountKey=" + strings.Repeat("aB3+", 12):          "Azure storage key|assignment to a sensitive name",
		// What is none.
		"hmac-sha256:0123456789abcdef0123456789abcdef":                   "",
		"postgres://joe:hmac-sha256:0123456789abcdef0123456789abcdef@db": "",
		"password=hmac-sha256:0123456789abcdef0123456789abcdef":          "",
		"https://example.com/a@b":                                        "",
		"sha256:" + strings.Repeat("0123456789abcdef", 4):                "",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----":   "",
		"registry.example.com/shop/checkout:v2.14.3":                     "",
	} {
		quoted, _ := json.Marshal(value)
		var found []string
		look := func(f Finding) {
			if f.Path != "spec.a[0]['b/c']" || f.Length == 0 || len(f.Fingerprint) != 8 {
				t.Errorf("%+v", f)
			}
			found = append(found, f.Rule)
		}
		finder := NewFinder()
		if err := finder.State(lake.State{Spec: json.RawMessage(`{"a":[{"b/c":` + string(quoted) + `}]}`)}, look); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(found, "|"); got != rule {
			t.Errorf("%q: found %q, want %q", value, got, rule)
		}
		found = nil
		for _, diff := range []string{
			`{"added":{"spec.a[0]['b/c']":` + string(quoted) + `},"removed":{},"updated":{}}`,
			`{"added":{},"removed":{},"updated":{"spec.a[0]['b/c']":{"from":"","to":` + string(quoted) + `}}}`,
		} {
			found = nil
			if err := finder.Diff(json.RawMessage(diff), look); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(found, "|"); got != rule {
				t.Errorf("%s: found %q, want %q", diff, got, rule)
			}
		}
	}
}

func TestFinderNames(t *testing.T) {
	finder := NewFinder()
	for _, test := range []struct{ object, want string }{
		{`{"password":"hunter2"}`, "spec.password"},
		{`{"env":[{"name":"API_TOKEN","value":"hunter2"}]}`, "spec.env[0].value"},
		{`{"passwords":["hunter2"]}`, "spec.passwords[0]"},
		{`{"secret":"db-credentials"}`, ""},
		{`{"tolerations":[{"key":"CriticalAddonsOnly"},{"key":"topology.kubernetes.io/zone1"}]}`, ""},
		{`{"secret":"aB3xY7qL9mN2kP5r"}`, "spec.secret"},
		{`{"secretName":"db-credentials","key":"ca.crt","tokenFile":"/a/b"}`, ""},
		{`{"password":"hmac-sha256:0123456789abcdef0123456789abcdef"}`, ""},
		{`{"password":"$(PASSWORD)","token":true,"tokens":5}`, ""},
		{`{"AKIA` + `IOSFODNN7EXAMPLE":"x"}`, "spec.AKIA" + "IOSFODNN7EXAMPLE"},
	} {
		var paths []string
		if err := finder.State(lake.State{Spec: json.RawMessage(test.object)}, func(f Finding) { paths = append(paths, f.Path) }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(paths, " "); got != test.want {
			t.Errorf("%s: found %q, want %q", test.object, got, test.want)
		}
	}
	var prints []string
	both := lake.State{Spec: json.RawMessage(`{"password":"hunter2","token":"hunter2"}`)}
	_ = finder.State(both, func(f Finding) { prints = append(prints, f.Fingerprint) })
	_ = NewFinder().State(both, func(f Finding) { prints = append(prints, f.Fingerprint) })
	if prints[0] != prints[1] || prints[1] == prints[2] {
		t.Errorf("fingerprints %v", prints)
	}
}
