package main

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"
)

const (
	crdGroup      = "bench.example.com"
	objectsPerCRD = 5
)

func crdPlural(i int) string { return fmt.Sprintf("things%03d", i) }

// fillCRDs writes the custom resource definitions and their objects straight into etcd and waits until the API server serves them all,
// which takes it some time: it puts together its OpenAPI document anew for each.
func (b *bench) fillCRDs(ctx context.Context) error {
	begin := time.Now()
	if err := b.fillBy(ctx, "crds", b.crds); err != nil {
		return err
	}
	for ctx.Err() == nil {
		content, err := b.cluster.Do(ctx, http.MethodGet, "/apis/"+crdGroup+"/v1", "", nil)
		if err == nil && strings.Count(string(content), `"kind":"Thing`) >= b.crds {
			if _, err = b.readRawCRDs(ctx); err == nil {
				fmt.Fprintf(b.progress, "%d custom resource types are served after %.1f s\n", b.crds, time.Since(begin).Seconds())
				return nil
			}
		}
		time.Sleep(time.Second) // The API server is busy taking them in.
	}
	return fmt.Errorf("wait for the API server to serve the custom resources: %w", context.Cause(ctx))
}

// customObjects gives the keys and the JSON of so many definitions and of their objects.
func customObjects(prefix string, crds int) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i := range crds {
			if !yield(crd(prefix, i)) {
				return
			}
			for n := range objectsPerCRD {
				if !yield(customObject(prefix, i, n)) {
					return
				}
			}
		}
	}
}

// crd gives the key and the JSON of the i-th definition, with a schema as an operator's has one.
func crd(prefix string, i int) (string, []byte) {
	plural := crdPlural(i)
	return fmt.Sprintf("%s/apiextensions.k8s.io/customresourcedefinitions/%s.%s", prefix, plural, crdGroup), fmt.Appendf(nil, `{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": {"name": "%[1]s.%[2]s", "uid": %[4]q, "creationTimestamp": "2026-10-02T06:11:10Z", "generation": 1},
		"spec": {"group": %[2]q, "scope": "Namespaced", "conversion": {"strategy": "None"},
			"names": {"plural": %[1]q, "singular": "thing%03[3]d", "kind": "Thing%03[3]d", "listKind": "Thing%03[3]dList"},
			"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
				"spec": {"type": "object", "properties": {"replicas": {"type": "integer"}, "image": {"type": "string"},
					"ports": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "port": {"type": "integer"}}},
						"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}}},
				"status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]},
		"status": {"acceptedNames": {"plural": %[1]q, "singular": "thing%03[3]d", "kind": "Thing%03[3]d", "listKind": "Thing%03[3]dList"}, "storedVersions": ["v1"],
			"conditions": [{"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": "2026-10-02T06:11:10Z"},
				{"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "accepted", "lastTransitionTime": "2026-10-02T06:11:10Z"}]}}`, plural, crdGroup, i, uid("crd", i))
}

// customObject gives the key and the JSON of an object of the i-th definition.
func customObject(prefix string, i, n int) (string, []byte) {
	plural, namespace, name := crdPlural(i), fmt.Sprintf("shop-%02d", n%namespaces), fmt.Sprintf("thing-%d", n)
	return fmt.Sprintf("%s/%s/%s/%s/%s", prefix, crdGroup, plural, namespace, name), fmt.Appendf(nil, `{
		"apiVersion": "%s/v1", "kind": "Thing%03d", "metadata": {"name": %q, "namespace": %q, "uid": %q, "generation": 1,
			"creationTimestamp": "2026-10-02T06:11:10Z", "labels": {"app.kubernetes.io/name": "service-%02[6]d"}},
		"spec": {"replicas": %[6]d, "image": "registry.example.com/shop/service-%02[6]d:1.%[7]d", "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}]},
		"status": {"readyReplicas": %[6]d, "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-10-02T06:12:10Z"}]}}`,
		crdGroup, i, name, namespace, uid(plural, n), n, i)
}
