package document

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"
)

// hiddenIn normalizes an object and fails where a text that should be hidden is in it.
func hiddenIn(t *testing.T, name, object string, texts ...string) string {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal([]byte(object), &head); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	group, version, found := strings.Cut(head.APIVersion, "/")
	if !found {
		group, version = "core", group
	}
	o := normalize(t, Resource{APIGroup: group, APIVersion: version, Kind: head.Kind, Namespaced: true}, object)
	for _, text := range texts {
		if whole := string(o.Whole); strings.Contains(whole, text) {
			t.Errorf("%s: %s", name, whole)
		}
	}
	return string(o.Whole)
}

// What a file says of a Secret may be wrong in many ways; its values are hidden all the same.
func TestSlipsOfSecrets(t *testing.T) {
	for name, object := range map[string]string{
		"another group":        `{"apiVersion":"apps/v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"hun7Xr"}}`,
		"lower case":           `{"apiVersion":"v1","kind":"secret","metadata":{"name":"s"},"stringData":{"a":"hun7Xr"}}`,
		"stringdata":           `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringdata":{"a":"hun7Xr"}}`,
		"spec":                 `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"spec":{"a":["hun7Xr"]}}`,
		"indented too deep":    `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","data":{"a":"hun7Xr"},"stringData":"hun7Xr"}}`,
		"a typed list":         `{"apiVersion":"v1","kind":"SecretList","metadata":{"name":"s"},"items":[{"data":{"a":"hun7Xr"}},null]}`,
		"a typed list, within": `{"apiVersion":"x.y/v1","kind":"Foo","metadata":{"name":"s"},"spec":{"dump":{"apiVersion":"v1","kind":"SecretList","items":[{"data":{"a":"hun7Xr"}}]}}}`,
		"ConfigMaps within":    `{"apiVersion":"x.y/v1","kind":"Foo","metadata":{"name":"s"},"spec":{"dump":{"kind":"ConfigMapList","items":[{"data":{"password":"hun7Xr"}}]}}}`,
		"a list in an entry":   `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"s"},"data":{"password":["hun7Xr"]}}`,
	} {
		hiddenIn(t, name, object, "hun7Xr")
	}
	for name, object := range map[string]string{
		"a reference":   `{"apiVersion":"x.y/v1","kind":"Foo","metadata":{"name":"s"},"spec":{"ref":{"kind":"Secret","name":"hun7Xr","key":"hun7Xr"}}}`,
		"another's":     `{"apiVersion":"vault.example.com/v1","kind":"Secret","metadata":{"name":"s"},"spec":{"path":"hun7Xr"}}`,
		"a sealed one":  `{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"s"},"spec":{"encryptedData":{"password":"hun7Xr"}}}`,
		"an external":   `{"apiVersion":"external-secrets.io/v1","kind":"ExternalSecret","metadata":{"name":"s"},"spec":{"data":[{"secretKey":"password","remoteRef":{"key":"hun7Xr"}}]}}`,
		"a Secret type": `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"type":"example.com/hun7Xr","immutable":true}`,
	} {
		if whole := normalize(t, Resource{APIGroup: "x.y", APIVersion: "v1", Kind: "Foo"}, object); !strings.Contains(string(whole.Whole), "hun7Xr") {
			t.Errorf("%s: %s", name, whole.Whole)
		}
	}
}

func pack(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func configured(text string) string {
	return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"x":` + toJSON(text) + `}}`
}

func annotated(text string) string {
	return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","annotations":{"x":` + toJSON(text) + `}}}`
}

func called(arguments ...string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"command":` + toJSON(arguments) + `}]}}`
}

func variable(name, value string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"env":[{"name":` + toJSON(name) + `,"value":` + toJSON(value) + `}]}]}}`
}

// The ways in which files assign a password to its name. It is short, so that no last look finds it.
func TestWaysToAssign(t *testing.T) {
	for _, text := range []string{
		"password:\thun7Xr\nx: y", "password : hun7Xr\n", `{ "password" : "hun7Xr" }`, `{"x":"{\"password\":\"hun7Xr\"}"}`, `{"x":"{\"y\":\"{\\\"password\\\":\\\"hun7Xr\\\"}\"}"}`,
		`{"x":"{\"kind\":\"Secret\",\"data\":{\"a\":\"hun7Xr\"}}"}`, `{"kind":"SecretList","items":[{"data":{"foo":"hun7Xr"}}]}`,
		"passwords: [hun7Xr]\n", `{"passwords": ["a", "hun7Xr"]}`, "passwords:\n- hun7Xr\n", "a:\n  passwords:\n  - a1b2\n  - hun7Xr\n  x: y", "password:\n  hun7Xr\n", "password:\r\n  hun7Xr\r\n",
		"password: &p hun7Xr\n", "password: !!str 'hun7Xr'\n", "password: 'it''shun7Xr'\n", "password: \"abc\n  hun7Xr\"\n", "db.password:hun7Xr\n", "db.password=abc\\\n  hun7Xr\n",
		"db.password hun7Xr\nx y\n", "<x><password>hun7Xr</password></x>", `<property name="db.password" value="hun7Xr"/>`, "<name>fs.s3a.secret.key</name>\n <value>hun7Xr</value>",
		"env:\n- name: DB_PASSWORD\n  value: hun7Xr\n", `{"env":[{"name":"DB_PASSWORD","value":"hun7Xr"}]}`, "machine x login y password hun7Xr\n", "requirepass hun7Xr", "//registry.npmjs.org/:_authToken=hun7Xr\n",
		"_auth=" + b64("joe:hun7Xr"), `{"auths":{"r":{"auth":"` + b64("joe:hun7Xr") + `"}}}`, "proxy_set_header Authorization \"Basic hun7Xr\";\n", "password = '''\nhun7Xr'''\n", "password = <<EOF\nhun7Xr\nEOF\n",
		"CREATE USER joe WITH PASSWORD 'hun7Xr';", "CREATE USER joe IDENTIFIED BY 'hun7Xr';", "#!/bin/sh\nexport DB_PASSWORD=\"a b hun7Xr\"\n", "readonly DB_PASSWORD=hun7Xr\n",
		"vault login --token hun7Xr\n", "run --secret 'hun7Xr'", "curl -u joe:hun7Xr http://x\n", "define('DB_PASSWORD', 'hun7Xr');", "'password' => 'hun7Xr',", "password := \"hun7Xr\"", "A=b\r\nDB_PASSWORD=hun7Xr\r\n",
		"client_secret = hun7Xr\n", "oidc:\n  clientSecret: hun7Xr\n", "APP_KEY=hun7XrAbCdEfGhIjK1\n", "client-key-data: hun7Xr", "dbpass=hun7Xr",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\n0123456789012345678901234567890123456789012345678901234567890123456789hun7Xr",
		"x: " + b64("-----BEGIN EC PRIVATE KEY-----\n012345678901234567890123456789") + "hun7Xr",
	} {
		hiddenIn(t, text, configured(text), "hun7Xr", b64("joe:hun7Xr"))
	}
	hiddenIn(t, "a number", configured(`{"password":77812}`), "77812")
	hiddenIn(t, "binaryData", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"binaryData":{"x":"`+b64("\xe4\npassword=hun7Xr")+`"}}`, b64("\xe4\npassword=hun7Xr"))
	for _, arguments := range [][]string{
		{"sh", "-c", "vault login --token hun7Xr && true"}, {"sh", "-c", "x -password 'hun7Xr' && true"}, {"sh", "-c", `curl -d "{\"password\":\"hun7Xr\"}"`}, {"sh", "-c", "run --secret=hun7Xr"},
		{"curl", "-u", "joe:hun7Xr"}, {"curl", "--user=joe:hun7Xr"}, {"curl", "-H", "PRIVATE-TOKEN:hun7Xr"}, {"redis-server", "--requirepass", "hun7Xr"}, {"redis-cli", "-a", "hun7Xr"},
		{"mysqladmin", "-uroot", "-phun7Xr"}, {"sshpass", "-p", "hun7Xr", "ssh"}, {"password:hun7Xr"},
	} {
		hiddenIn(t, strings.Join(arguments, " "), called(arguments...), "hun7Xr")
	}
	for name, value := range map[string]string{"DBPASS": "hun7Xr", "REDIS_AUTH": "joe:hun7Xr", "PASSWORD": "$hun7Xr", "ADMIN_PASSWORD": "~hun7Xr", "CONF": `{"password" : "hun7Xr"}`, "INIT": "user joe\npassword hun7Xr"} {
		hiddenIn(t, name, variable(name, value), "hun7Xr")
	}
}

// Copies of objects in annotations, however they are packed.
func TestPackedCopies(t *testing.T) {
	secret := `{"kind":"Secret","data":{"a":"hun7Xr"}}`
	pod := `{"kind":"Pod","spec":{"env":[{"name":"API_KEY","value":"hun7Xr"}]}}`
	deep := pod
	for range 5 {
		deep = `{"kind":"Foo","metadata":{"annotations":{"a":` + toJSON(deep) + `}}}`
	}
	yaml := "apiVersion: v1\nkind: Pod\nspec:\n  env:\n  - name: DB_PASS\n    value: hun7Xr\n"
	for _, text := range []string{
		b64(secret), b64(yaml), b64(pack(secret)), b64(b64(pack(secret))), b64(b64(secret)), toJSON(secret), "\ufeff" + secret, "v1:" + secret, deep, pod[:len(pod)-4], yaml,
		"{apiVersion: v1, kind: Pod, env: [{name: DB_PASS, value: hun7Xr}]}", `{"password":"hun7Xr"}`, `[{"op":"add","path":"/data/password","value":"hun7Xr"}]`, "password=hun7Xr",
		"proxy_set_header Authorization \"Bearer hun7Xr\";", "{{- with secret \"a\" }}\nexport PASSWORD=hun7Xr\n{{ end }}",
	} {
		hiddenIn(t, text, annotated(text), "hun7Xr", b64(secret), b64(yaml), b64(pack(secret)), b64(b64(pack(secret))), b64(b64(secret)))
	}
}

// What names a secret, or only sounds so, stays readable.
func TestStaysReadable(t *testing.T) {
	for _, object := range []string{
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"automountServiceAccountToken":false,"containers":[{"env":[{"name":"A","valueFrom":{"secretKeyRef":{"key":"password","name":"db"}}},` +
			`{"name":"KEYSPACE","value":"shop"},{"name":"MONKEY","value":"yes sir"},{"name":"TCP_KEEPALIVE","value":"60"},{"name":"SECRET_NAME","value":"db"}]}],"imagePullSecrets":[{"name":"regcred"}],` +
			`"volumes":[{"name":"x","secret":{"secretName":"db-password"}},{"projected":{"sources":[{"serviceAccountToken":{"audience":"vault","expirationSeconds":3600,"path":"token"}}]}}]}}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"p"},"rules":[{"apiGroups":[""],"resources":["secrets","serviceaccounts/token"],"verbs":["get"]}]}`,
		`{"apiVersion":"storage.k8s.io/v1","kind":"CSIDriver","metadata":{"name":"p"},"spec":{"tokenRequests":[{"audience":"vault"}]}}`,
		configured("server {\n  listen 80;\n  ssl_certificate_key /etc/tls/tls.key;\n}\n"), configured("keyspace: shop\nkeepalive: 60\nmonkey: yes\nsecretName: db\nexistingSecret: db-2\n"),
		configured("# The password is in the Secret db.\nuser: joe\npasswordSecretRef:\n  name: db\n  key: password\n"), configured(`{"required":["password","token"],"properties":{"password":{"type":"string"}}}`),
		configured("tls:\n  key: tls.key\n  cert: tls.crt\n"), configured("password: ${DB_PASSWORD}\ntoken: {{ .token }}\nexport PASSWORD=$(cat /run/secrets/db)\n"),
		configured("groups:\n- name: tokens\n  rules:\n  - alert: TokenExpired\n    expr: time() > x\n"), configured("docker run --user 1000:1000 -p 80:80 x\n"), configured("path: /data\nname: db\nvalue: 7\n"),
		called("--tls-private-key-file=/etc/tls/key", "--service-account-key-file", "/etc/sa.pub", "--token-ttl", "3600s", "--keepalive=60", "-p", "8080"), called("docker", "run", "-p", "80:80", "--user", "1000:1000"),
		called("sh", "-c", "docker login --password-stdin registry.example.com < /run/x"), variable("AUTH", "ldap"), variable("AUTH_URL", "https://auth.example.com/"), variable("REDIS_AUTH", "scram-sha-256"),
		annotated(`{"kind":"Pod","spec":{"containers":[{"name":"a","image":"b:1"}]}}`), annotated("checksum of the secret: see the docs"), annotated(b64("just a text that says nothing at all")), annotated("8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"),
		annotated("{{- with secret \"database/creds/app\" -}}\nexport DB_PASSWORD=\"{{ .Data.password }}\"\n{{- end }}"), annotated(`{"rules":[{"name":"a","path":"/b"}]}`),
	} {
		if whole := hiddenIn(t, "", object); strings.Contains(whole, placeholderPrefix) || strings.Contains(object, `"annotations":`) && !strings.Contains(whole, `"annotations":{"x":`) {
			t.Errorf("%s\n%s", object, whole)
		}
	}
}

func custom(spec string) string {
	return `{"apiVersion":"example.com/v1","kind":"Foo","metadata":{"name":"f"},"spec":` + spec + `}`
}

// Custom resources hold secrets in fields of their own; so do templates, volumes and messages.
func TestFields(t *testing.T) {
	for _, object := range []string{
		custom(`{"password":"hun7Xr"}`), custom(`{"values":{"db":{"password":"hun7Xr"}}}`), custom(`{"valuesContent":"db:\n  password: hun7Xr"}`), custom(`{"url":"https://joe:hun7Xr@github.com/x"}`),
		custom(`{"userData":"#cloud-config\nusers:\n- name: x\n  passwd: hun7Xr"}`), custom(`{"script":"export TOKEN=hun7Xr"}`), custom(`{"text":"kind: Secret\nstringData:\n  a: hun7Xr"}`),
		custom(`{"args":"--password=hun7Xr","extraArgs":["--token","hun7Xr"]}`), custom(`{"extraArgs":{"token":"hun7Xr"}}`), custom(`{"envVars":{"TOKEN":"hun7Xr"}}`), custom(`{"env":["TOKEN=hun7Xr"]}`),
		custom(`{"p":[{"key":"PASSWORD","value":"hun7Xr"},{"Name":"PASSWORD","Value":"hun7Xr"}]}`), custom(`{"mountOptions":["username=joe","password=hun7Xr"]}`), custom(`{"secretKey":"hun7XrAbCdEfGhIjK1"}`),
		custom(`{"pem":"-----BEGIN RSA PRIVATE KEY-----\n01234567890123456789012345678901234567890123456789hun7Xr"}`), custom(`{},"status":{"message":"clone https://joe:hun7Xr@github.com/x failed"}`),
		`{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"message":"pull https://joe:hun7Xr@example.com/x failed"}`,
		`{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"s"},"parameters":{"restuserkey":"hun7Xr"}}`,
		`{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"s"},"spec":{"flexVolume":{"options":{"password":"hun7Xr"}}}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"template":{"metadata":{"annotations":{"x/token":"hun7Xr","y":"{\"kind\":\"Secret\",\"data\":{\"a\":\"hun7Xr\"}}"}}}}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","managedFields":[{"manager":"m","fieldsV1":{"f:spec":{"f:x":{}}}},{"manager":"n"}],"x":[{"name":"TOKEN","value":"hun7Xr"}]},"spec":{"env":[{"name":"TOKEN","value":"hun7Xr"}]}}`,
	} {
		hiddenIn(t, object, object, "hun7Xr")
	}
	for _, object := range []string{
		custom(`{"secretKey":"password","remoteRef":{"key":"prod/db","property":"password"},"passwordSecretRef":{"name":"db","key":"password"},"credentials":"db-credentials","tokenTTL":"1h","encryptedData":{"password":"AgBy3i4OJSWK"}}`),
		custom(`{"accessKey":"s3-access","authorization":"rbac","password":{"type":"string"},"schema":{"required":["password"]},"expr":"sum(rate(x[5m])) > 0.1","image":"a.b/c@sha256:0123"}`),
	} {
		if whole := hiddenIn(t, "", object); strings.Contains(whole, placeholderPrefix) {
			t.Errorf("%s\n%s", object, whole)
		}
	}
	o, err := NewNormalizer(testRedactor.With(Rules{Keep: Defaults{Fields: true}})).Normalize(Resource{APIGroup: "example.com", APIVersion: "v1", Kind: "Foo"}, []byte(custom(`{"password":"hun7Xr"}`)))
	if err != nil || !strings.Contains(string(o.Spec), "hun7Xr") {
		t.Errorf("switched off: %v", err)
	}
}
