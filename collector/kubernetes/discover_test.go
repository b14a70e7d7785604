package kubernetes

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector"
)

func types(resources []collector.Resource) []string {
	var names []string
	for _, resource := range resources {
		names = append(names, resource.Type())
	}
	return names
}

func unknownGroups(discovery collector.Discovery) []string {
	var names []string
	for _, group := range discovery.Unknown {
		names = append(names, group.Group+"/"+group.Version)
	}
	return names
}

func TestDiscover(t *testing.T) {
	server := newAPIServer(t, 1)
	discovery, err := server.open(t, nil).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := collector.Discovery{
		ServerVersion: "v1.37.2", Provider: "aws", Identity: kubeSystemUID,
		Resources: []collector.Resource{
			{Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true, Ordered: true},
			{Version: "v1", Kind: "Node", Plural: "nodes", Ordered: true},
			{Group: "shop.example.com", Version: "v1", Kind: "Cart", Plural: "carts", Namespaced: true, Ordered: true},
		},
	}
	if fmt.Sprint(discovery) != fmt.Sprint(want) {
		t.Errorf("Discover gives\n%+v, want\n%+v", discovery, want)
	}
}

// TestVersions: which version of a group a resource is read in, and of which versions nothing may be concluded.
func TestVersions(t *testing.T) {
	serves := func(name string, plurals ...string) version {
		v := version{name: name}
		for _, plural := range plurals {
			kind, _ := strings.CutPrefix(plural, "-")
			v.resources = append(v.resources, served{plural: kind, kind: strings.ToUpper(kind), listable: kind == plural})
		}
		return v
	}
	down := func(name string) version { return version{name: name, err: errors.New("down")} }
	for name, test := range map[string]struct {
		versions       []version
		types, unknown []string
	}{
		"the preferred one":                  {[]version{serves("v2", "a"), serves("v1", "a")}, []string{"g.v2.A"}, nil},
		"the next that serves it":            {[]version{serves("v2", "a"), serves("v1", "a", "b"), serves("v1beta1", "b", "c")}, []string{"g.v2.A", "g.v1.B", "g.v1beta1.C"}, nil},
		"only what can be listed":            {[]version{serves("v2", "-a", "b"), serves("v1", "a")}, []string{"g.v2.B", "g.v1.A"}, nil},
		"no subresource":                     {[]version{serves("v1", "a", "a/status")}, []string{"g.v1.A"}, nil},
		"down":                               {[]version{down("v1")}, nil, []string{"g/v1"}},
		"the preferred one is down":          {[]version{down("v2"), serves("v1", "a")}, nil, []string{"g/v2", "g/v1"}},
		"one after the preferred is down":    {[]version{serves("v2", "a"), down("v1"), serves("v1beta1", "a", "b")}, []string{"g.v2.A"}, []string{"g/v1", "g/v1beta1"}},
		"a kind of two plurals is told once": {[]version{{name: "v1", resources: []served{{plural: "a", kind: "A", listable: true}, {plural: "as", kind: "A", listable: true}}}}, []string{"g.v1.A"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			resources, unknown := group{"g", test.versions}.preferred()
			if got := types(resources); !slices.Equal(got, test.types) {
				t.Errorf("types %q, want %q", got, test.types)
			}
			if got := unknownGroups(collector.Discovery{Unknown: unknown}); !slices.Equal(got, test.unknown) {
				t.Errorf("unknown %q, want %q", got, test.unknown)
			}
		})
	}
}

func TestOrdered(t *testing.T) {
	for _, test := range []struct {
		group, plural string
		ordered       bool
	}{
		{"", "pods", true}, {"apps", "deployments", true}, {"", "componentstatuses", false}, {"metrics.k8s.io", "pods", false}, {"custom.metrics.k8s.io", "x", false},
	} {
		if got := inKeyOrder(test.group, test.plural); got != test.ordered {
			t.Errorf("%s/%s: ordered %v, want %v", test.group, test.plural, got, test.ordered)
		}
	}
}

// TestStaleGroup: an aggregated API whose server is down, as the API server tells of it.
func TestStaleGroup(t *testing.T) {
	server := newAPIServer(t, 1)
	server.groups = strings.Replace(aggregatedShop, `"items":[`, `"items":[{"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale",
		"resources":[{"resource":"pods","responseKind":{"kind":"PodMetrics"},"scope":"Namespaced","verbs":["list"]}]}]},`, 1)
	discovery, err := server.open(t, nil).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := unknownGroups(discovery), []string{"metrics.k8s.io/v1beta1"}; !slices.Equal(got, want) {
		t.Errorf("unknown groups %q, want %q", got, want)
	}
	if got := types(discovery.Resources); slices.Contains(got, "metrics.k8s.io.v1beta1.PodMetrics") || !slices.Contains(got, "shop.example.com.v1.Cart") {
		t.Errorf("types %q: those of the stale group are not to be listed, the others are", got)
	}
}

// TestLegacyDiscovery: older servers tell of each version by itself, and one that fails leaves the others known.
func TestLegacyDiscovery(t *testing.T) {
	for _, failing := range []bool{false, true} {
		server := newAPIServer(t, 1)
		server.legacyOnly = true
		server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.URL.Path == "/apis/shop.example.com/v1beta1":
				fmt.Fprint(w, strings.ReplaceAll(legacyShop, "shop.example.com/v1", "shop.example.com/v1beta1"))
				return true
			case r.URL.Path == "/apis/shop.example.com/v1" && failing:
				status(w, 503, "ServiceUnavailable", "the server is currently unable to handle the request", 0)
				return true
			}
			return false
		}
		discovery, err := server.open(t, nil).Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantTypes, wantUnknown := []string{"core.v1.ConfigMap", "core.v1.Node", "shop.example.com.v1.Cart"}, []string(nil)
		if failing {
			wantTypes, wantUnknown = wantTypes[:2], []string{"shop.example.com/v1", "shop.example.com/v1beta1"}
		}
		if got := types(discovery.Resources); !slices.Equal(got, wantTypes) {
			t.Errorf("types %q, want %q", got, wantTypes)
		}
		if got := unknownGroups(discovery); !slices.Equal(got, wantUnknown) {
			t.Errorf("unknown %q, want %q", got, wantUnknown)
		}
	}
}

func TestCloud(t *testing.T) {
	for nodes, want := range map[string]string{
		``: "", `{"metadata":{"name":"n"},"spec":{}}`: "", `{"metadata":{"name":"n"},"spec":{"providerID":"nonsense"}}`: "",
		`{"spec":{"providerID":"aws:///eu/i-1"}}`: "aws", `{"spec":{"providerID":"gce://project/zone/n"}}`: "gcp", `{"spec":{"providerID":"azure:///subscriptions/x"}}`: "azure",
		`{"spec":{"providerID":"kind://docker/kind/n"}}`: "kind", `{"spec":{"providerID":"digitalocean://1"}}`: "digitalocean",
	} {
		server := newAPIServer(t, 1)
		server.objects["/api/v1/nodes"] = nil
		if nodes != "" {
			server.objects["/api/v1/nodes"] = []string{nodes}
		}
		discovery, err := server.open(t, nil).Discover(t.Context())
		if err != nil || discovery.Provider != want {
			t.Errorf("nodes %s: provider %q, %v, want %q", nodes, discovery.Provider, err, want)
		}
	}
}

// TestWhatMayNotBeRead: neither the version nor the nodes are needed, but a failure of the nodes must not pass for there being none:
// a cluster's provider is fixed at its first sync.
func TestWhatMayNotBeRead(t *testing.T) {
	for code, wantErr := range map[int]bool{403: false, 500: true} {
		server := newAPIServer(t, 1)
		server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/version" && code == 403 || r.URL.Path == "/api/v1/nodes" {
				status(w, code, "", "no", 0)
				return true
			}
			return false
		}
		discovery, err := server.open(t, nil).Discover(t.Context())
		if (err != nil) != wantErr {
			t.Errorf("%d: Discover: %v", code, err)
		}
		if discovery.Provider != "" || discovery.ServerVersion != "" {
			t.Errorf("%d: %+v", code, discovery)
		}
	}
}

// TestFirstContact: an error of Discover says which server, and what to do.
func TestFirstContact(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	server := newAPIServer(t, 1)
	server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer s3cr3t" {
			status(w, 401, "Unauthorized", "Unauthorized", 0)
			return true
		}
		if r.URL.Path == "/api" && r.Header.Get("Authorization") == "Bearer limited-s3cr3t" {
			status(w, 403, "Forbidden", "no", 0)
			return true
		}
		return false
	}
	address := server.Listener.Addr().String()
	for name, test := range map[string]struct {
		change func(*Config)
		is     error
		text   []string
	}{
		"unknown authority": {func(c *Config) { c.CAData = nil }, nil, []string{address, "ca_file"}},
		"another name":      {func(c *Config) { c.Server = ptr(strings.Replace(server.URL, "127.0.0.1", "localhost", 1)) }, nil, []string{"localhost", "another name"}},
		"refused":           {func(c *Config) { c.Server = ptr("https://" + refused.Addr().String()) }, nil, []string{refused.Addr().String(), "connection refused", "nothing listens"}},
		"no such host":      {func(c *Config) { c.Server = ptr("https://nowhere.invalid") }, nil, []string{"nowhere.invalid", "VPN"}},
		"plain http":        {func(c *Config) { c.Server, c.CAData = ptr("http://"+address), nil }, nil, []string{address}},
		"unauthorized":      {func(c *Config) { c.Token = ptr(collector.Secret("s3cr3t")) }, collector.ErrUnauthorized, []string{address, "expired"}},
		"forbidden":         {func(c *Config) { c.Token = ptr(collector.Secret("limited-s3cr3t")) }, collector.ErrForbidden, []string{address, "API groups"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := server.open(t, test.change).Discover(t.Context())
			if err == nil {
				t.Fatal("Discover succeeds")
			}
			for _, sentinel := range []error{collector.ErrForbidden, collector.ErrUnauthorized} {
				if errors.Is(err, sentinel) != (sentinel == test.is) {
					t.Errorf("%v: wraps %q: %v", err, sentinel, errors.Is(err, sentinel))
				}
			}
			for _, text := range test.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%q tells the token", err)
			}
		})
	}
}
