package kubernetes

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/k8sq/k8sq/collector"
)

// TestCount: how many objects a list holds is told by a few of them, exactly where the server can tell, and never by a selector.
func TestCount(t *testing.T) {
	server := newAPIServer(t, 1234)
	p := server.open(t, nil)
	configMaps := collector.Resource{Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true}
	carts := collector.Resource{Group: "shop.example.com", Version: "v1", Kind: "Cart", Plural: "carts", Namespaced: true}
	many := make([]string, countedNamespaces+1)
	for i := range many {
		many[i] = fmt.Sprintf("n%d", i)
	}
	for _, c := range []struct {
		name      string
		resource  collector.Resource
		selection collector.Selection
		objects   int64
		bound     collector.Bound
	}{
		{"all", configMaps, collector.Selection{}, 1234, collector.Exactly},
		{"few", carts, collector.Selection{}, 4, collector.Exactly},
		{"labels", carts, collector.Selection{Labels: "app=web"}, 4, collector.AtMost},
		{"fields", configMaps, collector.Selection{Fields: "metadata.namespace!=a"}, 1234, collector.AtMost},
		{"namespaces", carts, collector.Selection{Namespaces: []string{"a", "x"}}, 3, collector.Exactly},
		{"many namespaces", carts, collector.Selection{Namespaces: many}, 4, collector.AtMost},
		{"no such namespace", carts, collector.Selection{Namespaces: []string{"nowhere"}}, 0, collector.Exactly},
	} {
		count, err := p.Count(t.Context(), c.resource, c.selection)
		if err != nil || count.Objects != c.objects || count.Bound != c.bound {
			t.Errorf("%s: %+v, %v; want %s %d", c.name, count, err, c.bound, c.objects)
		}
		if c.objects > 0 && (count.Bytes < 20*c.objects || count.Bytes > 2000*c.objects) {
			t.Errorf("%s: %d bytes for %d objects", c.name, count.Bytes, c.objects)
		}
	}

	server.forbidden = map[string]bool{"/apis/shop.example.com/v1/carts": true, "/apis/shop.example.com/v1/namespaces/a/carts": true}
	for _, selection := range []collector.Selection{{}, {Namespaces: []string{"a"}}} {
		if _, err := p.Count(t.Context(), carts, selection); !errors.Is(err, collector.ErrForbidden) {
			t.Errorf("%+v: %v, want ErrForbidden", selection, err)
		}
	}
	if count, err := p.Count(t.Context(), carts, collector.Selection{Namespaces: append(many, "x")}); err != nil || count.Objects != 1 {
		t.Errorf("only namespaces may be listed: %+v, %v", count, err)
	}

	server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, `{"metadata":{"continue":"more"},"items":[{"metadata":{"name":"a"}}]}`)
		return true
	}
	if count, err := p.Count(t.Context(), carts, collector.Selection{}); err != nil || count.Objects != 1 || count.Bound != collector.AtLeast {
		t.Errorf("a server that does not count: %+v, %v", count, err)
	}
}
