package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// apply creates or changes the objects of a YAML stream.
func apply(t *testing.T, cluster *servers.Cluster, manifests string) {
	t.Helper()
	if err := cluster.Apply(context.Background(), manifests); err != nil {
		t.Fatal(err)
	}
}

// request sends a request that must succeed; a PATCH is a JSON merge patch.
func request(t *testing.T, cluster *servers.Cluster, method, path, body string) []byte {
	t.Helper()
	content, err := cluster.Do(context.Background(), method, path, contentType(method), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func contentType(method string) string {
	if method == http.MethodPatch {
		return "application/merge-patch+json"
	}
	return "application/json"
}

func patch(t *testing.T, cluster *servers.Cluster, path, body string) {
	t.Helper()
	request(t, cluster, http.MethodPatch, path, body)
}

// remove deletes an object and waits until it is gone, which for a namespace is when all in it is gone.
func remove(t *testing.T, cluster *servers.Cluster, path string) {
	t.Helper()
	request(t, cluster, http.MethodDelete, path, "{}")
	eventually(t, path+" to be gone", func() bool {
		_, err := cluster.Do(context.Background(), http.MethodGet, path, "", nil)
		status := (*servers.StatusError)(nil)
		return errors.As(err, &status) && status.Code == http.StatusNotFound
	})
}

// object is what the tests read of a Kubernetes object.
type object struct {
	Metadata struct {
		Namespace, Name, UID, ResourceVersion string
		Labels                                map[string]string
	}
	Spec, Status map[string]any
}

// list gives the objects at a path of the API.
func list(t *testing.T, cluster *servers.Cluster, path string) []object {
	t.Helper()
	var answer struct{ Items []object }
	if err := json.Unmarshal(request(t, cluster, http.MethodGet, path, ""), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Items
}

// eventually waits up to a minute until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// settle waits until nothing at the paths of the API has changed for two seconds: the controllers have done their work.
func settle(t *testing.T, cluster *servers.Cluster, paths ...string) {
	t.Helper()
	state := func() []string {
		var versions []string
		for _, path := range paths {
			for _, o := range list(t, cluster, path) {
				versions = append(versions, o.Metadata.UID+"@"+o.Metadata.ResourceVersion)
			}
		}
		return versions
	}
	last, since := state(), time.Now()
	eventually(t, "the controllers to be done", func() bool {
		if now := state(); !slices.Equal(now, last) {
			last, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
}

// namespace makes namespaces for a test, which go when it ends.
func namespace(t *testing.T, cluster *servers.Cluster, names ...string) {
	t.Helper()
	for _, name := range names {
		apply(t, cluster, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}\n")
		t.Cleanup(func() {
			// The namespace may be gone already. Its objects go in the background; other tests do not look at them.
			_, _ = cluster.Do(context.Background(), http.MethodDelete, "/api/v1/namespaces/"+name, contentType(http.MethodDelete), []byte("{}"))
		})
	}
}

// customType makes a namespaced custom resource type kind in a group, and waits until it is served. It goes when the test ends.
func customType(t *testing.T, cluster *servers.Cluster, group, kind string) {
	t.Helper()
	singular := strings.ToLower(kind)
	name := singular + "s." + group
	apply(t, cluster, `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: `+name+`}
spec:
  group: `+group+`
  scope: Namespaced
  names: {plural: `+singular+`s, singular: `+singular+`, kind: `+kind+`}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns:
    - {name: Quantity, type: integer, jsonPath: .spec.quantity}
`)
	t.Cleanup(func() {
		_, _ = cluster.Do(context.Background(), http.MethodDelete, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name, contentType(http.MethodDelete), []byte("{}"))
	})
	eventually(t, name+" to be served", func() bool {
		_, err := cluster.Do(context.Background(), http.MethodGet, "/apis/"+group+"/v1/"+singular+"s", "", nil)
		// Discovery comes a moment later than the endpoint.
		groups, groupsErr := cluster.Do(context.Background(), http.MethodGet, "/apis/"+group+"/v1", "", nil)
		return err == nil && groupsErr == nil && strings.Contains(string(groups), kind)
	})
}
