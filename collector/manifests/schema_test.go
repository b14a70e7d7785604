package manifests_test

import (
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
)

func TestSchemasOfTheDefinitionsAmongTheFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"crds.yaml": `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: carts.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {kind: Cart, plural: carts}
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
        properties:
          spec:
            type: object
            properties:
              items:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [sku]
                items: {type: object, properties: {sku: {type: string}}}
  - name: v2
---
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: tills.shop.example.com}
spec:
  group: shop.example.com
  names: {kind: Till, plural: tills}
  validation: {openAPIV3Schema: {properties: {metadata: {type: object}, spec: {properties: {tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}}}}
  versions: [{name: v1}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: odd.shop.example.com}
spec: {group: shop.example.com, names: {kind: Odd}, versions: [{name: v1, schema: {openAPIV3Schema: {properties: 7}}}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wrong.shop.example.com}
spec: {group: shop.example.com, names: {kind: Wrong}, versions: wrong}
`,
	})
	provider, _ := open(t, dir, ".")
	schemas := provider.(collector.Schemas)
	if text, err := schemas.OpenAPI(t.Context(), "shop.example.com", "v1"); text != nil || err != nil {
		t.Errorf("before the files are read: %s, %v", text, err)
	}
	if _, err := provider.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := schemas.OpenAPI(t.Context(), "shop.example.com", "v1")
	if err != nil {
		t.Fatal(err)
	}
	types, err := document.ReadSchemas(text)
	if err != nil || len(types) != 2 {
		t.Fatalf("types %v, error %v", types, err)
	}
	if items := types["shop.example.com.v1.Cart"].Properties["spec"].Properties["items"]; items.List != document.Keyed || items.Keys[0].Name != "sku" {
		t.Errorf("items: %+v", items)
	}
	if tags := types["shop.example.com.v1.Till"].Properties["spec"].Properties["tags"]; tags.List != document.Set {
		t.Errorf("tags: %+v", tags)
	}
	for _, of := range [][2]string{{"shop.example.com", "v3"}, {"example.com", "v1"}} {
		text, err := schemas.OpenAPI(t.Context(), of[0], of[1])
		if types, _ := document.ReadSchemas(text); err != nil || types["shop.example.com.v1.Cart"] != nil || of[0] == "example.com" && text != nil {
			t.Errorf("%v: %s, %v", of, text, err)
		}
	}
}
