package document

import (
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
