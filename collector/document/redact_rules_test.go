package document

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

func TestJudge(t *testing.T) {
	r := testRedactor.begin()
	for says, names := range map[sensitivity]string{
		sensitive: `PASSWORD DB_PASSWORD db.password dbPassword DBPassword PGPASSWORD MYSQL_PASSWD ADMIN_PWD DB_PASS REDIS_PW passwords passphrase
			TOKEN token API_TOKEN apiToken accesstoken tokens TOKEN2 GITHUB_PAT API_KEY apiKey APIKEY PRIVATE_KEY privateKey SSH_KEY AWS_SECRET_ACCESS_KEY
			credentials CREDS clientsecret JWT JWT_ISSUER bearer Authorization connection-string connectionString SENTRY_DSN .dockerconfigjson htpasswd
			spring.datasource.password PASSWORD_FILE --token PUBLIC_KEY_PASSWORD passwort`,
		doubtful: `SECRET SECRET_NAME secret-store KEY tls.key keys ENCRYPT_KEY keystore.key SECRETS key1`,
		harmless: `keyboard KEYBOARD_LAYOUT tokenizer tokenization monkey hotkeys PUBLIC_KEY publicKey pubkey partition-key PRIMARY_KEY keyspace compass PASS_THROUGH
			bypass COLOUR keycloak.conf DATABASE_URL AUTHOR monkeys "" _ 42 SETTING_1 app.properties ca.crt`,
	} {
		for _, name := range strings.Fields(names) {
			if got, _ := r.judge([]byte(name)); got != says {
				t.Errorf("%s: %d, want %d", name, got, says)
			}
		}
	}
}

func TestInnocent(t *testing.T) {
	r := testRedactor.begin()
	for _, test := range []struct {
		name, value string
		want        bool
	}{
		{"PASSWORD", "", true}, {"PASSWORD", "hunter2", false}, {"TOKEN", "true", true}, {"TOKEN", "FALSE", true}, {"ALLOW_EMPTY_PASSWORD", "1", true}, {"PASSWORD", "$(DB_PASSWORD)", true},
		{"PASSWORD", "${DB_PASSWORD}", true}, {"PASSWORD", "${DB_PASSWORD:-hunter2}", false}, {"PASSWORD", "$DB_PASSWORD", true}, {"PASSWORD", "$1secret", false},
		{"PASSWORD", "{{ .Values.password }}", true}, {"PASSWORD", "$(A)hunter2$(B)", false}, {"PASSWORD_FILE", "/run/secrets/x", true},
		{"PASSWORD_FILE", "/anywhere", true}, {"PASSWORD_FILE", "hunter2", false}, {"TLS_KEY", "/etc/tls/tls.key", true}, {"TLS_KEY", "./tls.key", true},
		{"AWS_SECRET_ACCESS_KEY", "/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", false}, {"SECRET_NAME", "db-credentials", true},
		{"SECRET_NAME", "p@ss word!", false}, {"TOKEN_URL", "https://login.example.com/oauth2/token", true}, {"TOKEN_URL", "https://joe:x@example.com", false},
		{"TOKEN_URL", "https://example.com/?token=x", false}, {"TOKEN_TTL", "3600s", true}, {"TOKEN_TTL", "hunter2", false}, {"MAX_TOKENS", "4096", true},
		{"TOKENS", "a,b", false}, {"PWD", "/app", true}, {"KEY_ALGORITHM", "RS256", true}, {"KEY", "RS256", false}, {"PASSWORD", "a", false}, {"SECRET", "~", false},
	} {
		says, last := r.judge([]byte(test.name))
		if got := innocent(last, []byte(test.value)); got != test.want || says == harmless {
			t.Errorf("%s=%s: %v (%d, last word %s)", test.name, test.value, got, says, last)
		}
	}
}

// hidden replaces what hide makes by its value, in angle brackets, for the tests' tables.
func hidden(text string, values ...string) string {
	r := testRedactor.begin()
	for _, value := range values {
		text = strings.ReplaceAll(text, string(r.hide([]byte(value))), "<"+value+">")
	}
	return text
}

func TestText(t *testing.T) {
	r := testRedactor.begin()
	for _, test := range []struct{ text, want string }{
		{"postgres://joe:hunter2@db:5432/shop", "postgres://joe:<hunter2>@db:5432/shop"},
		{"redis://:hunter2@db", "redis://:<hunter2>@db"},
		{"a://joe:hunter2@x,b://ann:swordfish@y", "a://joe:<hunter2>@x,b://ann:<swordfish>@y"},
		{"mongodb://joe:p@ss@a,b/x?y=z@1", "mongodb://joe:<p@ss>@a,b/x?y=z@1"},
		{"postgres://joe:hun/ter@db/shop", "postgres://joe:<hun/ter>@db/shop"},
		{"https://github.com/a@b", "https://github.com/a@b"},
		{"http://example.com:8080/a@b", "http://example.com:8080/a@b"},
		{"http://joe@example.com", "http://joe@example.com"},
		{"https://abcdefghijklmnopqrst@github.com", "https://<abcdefghijklmnopqrst>@github.com"},
		{"http://joe:$(PASSWORD)@x", "http://joe:$(PASSWORD)@x"},
		{"joe:hunter2@tcp(db:3306)/shop", "joe:<hunter2>@tcp(db:3306)/shop"},
		{"image@sha256:abc", "image@sha256:abc"},
		{"Server=db;User=sa;Password=hunter2;Encrypt=true", "Server=db;User=sa;Password=<hunter2>;Encrypt=true"},
		{"host=db password=hunter2 sslmode=on", "host=db password=<hunter2> sslmode=on"},
		{"https://x/?token=hunter2&a=b", "https://x/?token=<hunter2>&a=b"},
		{"a=1\ndb.password = hunter2 and more\nb=2", "a=1\ndb.password = <hunter2 and more>\nb=2"},
		{"db:\n  password: hunter2\n  user: joe", "db:\n  password: <hunter2>\n  user: joe"},
		{"db:\n  password: \"hunter2\" # x\n", "db:\n  password: \"<hunter2>\" # x\n"},
		{`{"user":"joe","password":"hunter2"}`, `{"user":"joe","password":"<hunter2>"}`},
		{`{"password": "hunter2", "a": 1}`, `{"password": "<hunter2>", "a": 1}`},
		{"password: {{ .password }}\ntoken: ${TOKEN}", "password: {{ .password }}\ntoken: ${TOKEN}"},
		{"set -e; export TOKEN=hunter2; run", "set -e; export TOKEN=<hunter2>; run"},
		{"curl -H 'Authorization: hunter2'", "curl -H 'Authorization: <hunter2>'"},
		{"TOKEN=$(cat /token) run", "TOKEN=$(cat /token) run"},
		{"--password=", "--password="},
		{"colour: blue", "colour: blue"},
		{"db:\n  password: |\n    hunter2\n  user: joe", "db:\n  password: |\n    <hunter2>\n  user: joe"},
		{"- password: >-\n\n    hunter2\n", "- password: >-\n\n    <hunter2>\n"},
		{"password: |", "password: |"},
		{"password: |\ncolour: blue", "password: |\ncolour: blue"},
	} {
		out, changed := r.text([]byte(test.text), sensitive)
		got := hidden(string(out), "hunter2", "swordfish", "p@ss", "hun/ter", "abcdefghijklmnopqrst", "hunter2 and more")
		if got != test.want || changed != (test.text != test.want) {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
		again, changed := r.text(out, sensitive)
		if changed {
			t.Errorf("%s: changed again to %s", out, again)
		}
	}
}

func TestRules(t *testing.T) {
	configMap := Resource{APIGroup: "core", APIVersion: "v1", Kind: "ConfigMap", Namespaced: true}
	custom := Resource{APIGroup: "example.com", APIVersion: "v1", Kind: "Vault", Namespaced: true}
	const pem = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA7hunter2hunter2hunter2hunter2hunter2\\n-----END RSA PRIVATE KEY-----\\n"
	for _, test := range []struct {
		name     string
		rules    Rules
		resource Resource
		object   string // but for its metadata
		want     string
	}{
		{"env", Rules{}, podResource, `"spec":{"initContainers":[{"env":[{"name":"A","value":"b"},{"name":"TOKEN","value":"hunter2"},{"name":"TOKEN_2","valueFrom":{"x":"y"}}]}]}`,
			`"spec":{"initContainers":[{"env":[{"name":"A","value":"b"},{"name":"TOKEN","value":"<hunter2>"},{"name":"TOKEN_2","valueFrom":{"x":"y"}}]}]}`},
		{"env in a custom resource", Rules{}, custom, `"spec":{"deep":{"er":[[{"name":"db.password","value":"hunter2"},{"value":"x"}]]},"env":{"TOKEN":"hunter2","A":"b"}}`,
			`"spec":{"deep":{"er":[[{"name":"db.password","value":"<hunter2>"},{"value":"x"}]]},"env":{"A":"b","TOKEN":"<hunter2>"}}`},
		{"a number", Rules{}, podResource, `"spec":{"env":[{"name":"PASSWORD","value":123456}]}`, `"spec":{"env":[{"name":"PASSWORD","value":"<123456>"}]}`},
		{"env kept", Rules{Keep: Defaults{Env: true}}, podResource, `"spec":{"env":[{"name":"TOKEN","value":"hunter2"}]}`, `"spec":{"env":[{"name":"TOKEN","value":"hunter2"}]}`},
		{"args", Rules{}, podResource, `"spec":{"args":["--password=hunter2","--token","hunter2","-v","--key","--tls-private-key-file=/x/y","sh -c 'PASSWORD=hunter2 run'",5]}`,
			`"spec":{"args":["--password=<hunter2>","--token","<hunter2>","-v","--key","--tls-private-key-file=/x/y","sh -c 'PASSWORD=<hunter2> run'",5]}`},
		{"args kept", Rules{Keep: Defaults{Args: true}}, podResource, `"spec":{"command":["--password=hunter2"]}`, `"spec":{"command":["--password=hunter2"]}`},
		{"ConfigMap", Rules{}, configMap, `"binaryData":{"key.bin":"aHVudGVyMg=="},"data":{"app":"url=http://joe:hunter2@x","password":"hunter2","x.pem":"` + pem + `"}`,
			`"binaryData":{"key.bin":"<hunter2>"},"data":{"app":"url=http://joe:<hunter2>@x","password":"<hunter2>","x.pem":"<` + strings.ReplaceAll(pem, `\n`, "\n") + `>"}`},
		{"a Secret's manifest in a ConfigMap", Rules{}, configMap, `"data":{"x":"kind: Secret\ndata:\n  a: b"}`, `"data":{"x":"<kind: Secret` + "\n" + `data:` + "\n" + `  a: b>"}`},
		{"ConfigMap kept", Rules{Keep: Defaults{ConfigMaps: true}}, configMap, `"data":{"password":"hunter2"}`, `"data":{"password":"hunter2"}`},
		{"Helm", Rules{}, configMap, `"data":{"release":"hunter2"}`, `"data":{"release":"<hunter2>"}`},
		{"Helm kept", Rules{Keep: Defaults{Helm: true}}, configMap, `"data":{"release":"hunter2"}`, `"data":{"release":"hunter2"}`},
		{"a Secret within", Rules{}, custom, `"spec":{"manifests":[{"apiVersion":"v1","kind":"Secret","stringData":{"a":"hunter2"}}],"secretRef":{"kind":"Secret","name":"data"}}`,
			`"spec":{"manifests":[{"apiVersion":"v1","kind":"Secret","stringData":{"a":"<hunter2>"}}],"secretRef":{"kind":"Secret","name":"data"}}`},
		{"types", Rules{Types: []string{"example.com.*.Vault*"}}, custom, `"other":"hunter2","spec":{"a":["hunter2",5,true,null,""]},"status":{"phase":"hunter2"}`,
			`"other":"<hunter2>","spec":{"a":["<hunter2>",5,true,null,""]},"status":{"phase":"hunter2"}`},
		{"other types", Rules{Types: []string{"example.com.v1.Vaults"}}, custom, `"spec":{"a":"b"}`, `"spec":{"a":"b"}`},
		{"paths", Rules{Paths: paths("spec.users[*].token", "spec.list[1]", "spec.by['x/y']")}, custom,
			`"spec":{"by":{"x/y":{"deep":[123456]}},"list":["a","hunter2"],"users":[{"token":"hunter2"},{"token":{"a":"hunter2"}},{"name":"x"}]}`,
			`"spec":{"by":{"x/y":{"deep":["<123456>"]}},"list":["a","<hunter2>"],"users":[{"token":"<hunter2>"},{"token":{"a":"<hunter2>"}},{"name":"x"}]}`},
		{"names", Rules{Names: []string{"*lozenge*"}}, custom, `"spec":{"env":[{"name":"MY_LOZENGE","value":"hunter2"}],"theLozenge":{"a":"hunter2"}}`,
			`"spec":{"env":[{"name":"MY_LOZENGE","value":"<hunter2>"}],"theLozenge":{"a":"<hunter2>"}}`},
		{"patterns", Rules{Patterns: []*regexp.Regexp{regexp.MustCompile(`hunter\d`)}}, custom, `"spec":{"a":"is hunter2, or hunter2"}`, `"spec":{"a":"is <hunter2>, or <hunter2>"}`},
		{"a pattern that matches hashes", Rules{Patterns: []*regexp.Regexp{regexp.MustCompile(`[0-9a-f]{16}`)}}, podResource, `"spec":{"env":[{"name":"TOKEN","value":"hunter2"}]}`,
			`"spec":{"env":[{"name":"TOKEN","value":"<hunter2>"}]}`},
	} {
		redactor := testRedactor.With(test.rules)
		raw := `{` + test.object + `,"metadata":{"name":"hunter-2","namespace":"n","labels":{"owner":"` + map[bool]string{true: "helm", false: "x"}[strings.HasPrefix(test.name, "Helm")] + `"}}}`
		o, err := NewNormalizer(redactor).Normalize(test.resource, []byte(raw))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		var parts []string
		if o.Fields != nil {
			parts = append(parts, string(o.Fields[1:len(o.Fields)-1]))
		}
		if o.Spec != nil {
			parts = append(parts, `"spec":`+string(o.Spec))
		}
		if o.Status != nil {
			parts = append(parts, `"status":`+string(o.Status))
		}
		got := hidden(strings.Join(parts, ","), "hunter2", "123456", strings.ReplaceAll(pem, `\n`, "\n"), "kind: Secret\ndata:\n  a: b")
		if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.name, got, test.want)
		}
		again, changed, err := NewNormalizer(redactor).Again(o.Identity, o.State)
		if err != nil || changed {
			t.Errorf("%s: redacted again, it changed to %s %s, %v", test.name, again.Spec, again.Fields, err)
		}
	}
}

func paths(texts ...string) (all []RedactPath) {
	for _, text := range texts {
		path, err := ParseRedactPath(text)
		if err != nil {
			panic(err)
		}
		all = append(all, path)
	}
	return all
}

// A state that was stored under weaker rules is redacted when it is met again.
func TestAgain(t *testing.T) {
	raw := []byte(`{"metadata":{"name":"p","namespace":"n","creationTimestamp":"2026-11-24T09:00:00Z","labels":{"a":"b"},"annotations":{"openshift.io/token-secret.value":"hunter2"}},"spec":{"x":[{"name":"PASSWORD","value":"hunter2"}]},"status":{"phase":"Running"}}`)
	weak, err := NewNormalizer(testRedactor.With(Rules{Keep: Defaults{Env: true, Annotations: true}})).Normalize(podResource, raw)
	if err != nil || !strings.Contains(string(weak.Whole), "hunter2") {
		t.Fatal(err, string(weak.Whole))
	}
	again, changed, err := NewNormalizer(testRedactor).Again(weak.Identity, weak.Clone().State)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	strong := normalize(t, podResource, string(raw))
	if a, b := stateText(again), stateText(strong.State); a != b {
		t.Errorf("\n%s\n%s", a, b)
	}
	if _, changed, err := NewNormalizer(testRedactor).Again(lake.Identity{Kind: "Pod"}, lake.State{}); changed || err != nil {
		t.Errorf("a deletion: %v, %v", changed, err)
	}
}

func stateText(state lake.State) string {
	text, _ := json.Marshal(state)
	return string(text)
}

func TestKeyID(t *testing.T) {
	// Computed by: printf 'k8sq key id' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
	if id := testRedactor.With(Rules{}).KeyID(); id != testRedactor.KeyID() || len(id) != 16 || id == NewRedactor([]byte("another key")).KeyID() {
		t.Errorf("id %s", id)
	}
}

// Of many values, one that stands in a second place is found as it is of few.
func TestGuardOfManyValues(t *testing.T) {
	for _, count := range []int{1, 3, 40, 400} {
		var entries strings.Builder
		for i := range count {
			fmt.Fprintf(&entries, `"token%d":"mArKeR%dxyz",`, i, i)
		}
		last := fmt.Sprintf("mArKeR%dxyz", count-1)
		o := normalize(t, Resource{APIGroup: "core", APIVersion: "v1", Kind: "ConfigMap"}, `{"metadata":{"name":"c","labels":{"a":"`+last+`","b":"mArKe"}},"data":{`+
			entries.String()+`"note":"it is `+last+`, twice `+last+`","colour":"blue"}}`)
		if whole := string(o.Whole); strings.Contains(whole, "mArKeR") || !strings.Contains(whole, `"b":"mArKe"`) || !strings.Contains(whole, `"colour":"blue"`) {
			t.Errorf("%d values: %s", count, whole)
		}
	}
}
