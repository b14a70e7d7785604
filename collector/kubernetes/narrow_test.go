package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8sq/k8sq/collector"
)

var carts = collector.Resource{Group: "shop.example.com", Version: "v1", Kind: "Cart", Plural: "carts", Namespaced: true, Ordered: true}

// idsOf lists the ids of carts.
func idsOf(t *testing.T, p *provider, selection collector.Selection) ([]string, collector.Listing, error) {
	t.Helper()
	var ids []string
	var reader headReader
	listing, err := p.List(t.Context(), carts, selection, func(object []byte) error {
		head, err := reader.read(object)
		ids = append(ids, head.namespace+"/"+head.name)
		return err
	})
	return ids, listing, err
}

const cartsPath = "/apis/shop.example.com/v1/"

// TestPushDown narrows lists and looks at what the server was asked for.
func TestPushDown(t *testing.T) {
	for name, test := range map[string]struct {
		selection collector.Selection
		change    func(*apiServer)
		want      []string
		requests  []string // below cartsPath, of pages of three objects
		version   string
	}{
		"one namespace": {
			collector.Selection{Namespaces: []string{"a"}}, nil, []string{"a/x", "a/y"}, []string{"namespaces/a/carts?limit=3"}, stateVersion,
		},
		"a-b comes before a, as in a list of all": {
			collector.Selection{Namespaces: []string{"a", "a-b"}}, nil, []string{"a-b/z", "a/x", "a/y"},
			[]string{"namespaces/a-b/carts?limit=3", "namespaces/a/carts?limit=3"}, stateVersion,
		},
		"the older of the versions": {
			collector.Selection{Namespaces: []string{"a", "x"}}, func(s *apiServer) {
				s.versions = map[string]string{cartsPath + "namespaces/a/carts": "99", cartsPath + "namespaces/x/carts": "100"}
			}, []string{"a/x", "a/y", "x/a"}, []string{"namespaces/a/carts?limit=3", "namespaces/x/carts?limit=3"}, "99",
		},
		"no version where one has none": {
			collector.Selection{Namespaces: []string{"a", "x"}}, func(s *apiServer) { s.versions = map[string]string{cartsPath + "namespaces/x/carts": ""} },
			[]string{"a/x", "a/y", "x/a"}, []string{"namespaces/a/carts?limit=3", "namespaces/x/carts?limit=3"}, "",
		},
		"a namespace that is not there": {
			collector.Selection{Namespaces: []string{"none"}}, nil, nil, []string{"namespaces/none/carts?limit=3"}, stateVersion,
		},
		"many namespaces of few objects are one list": {
			collector.Selection{Namespaces: []string{"a", "b", "x"}}, nil, []string{"a/x", "a/y", "x/a"},
			[]string{"carts?limit=1", "carts?limit=3", "carts?continue=4711%3A3&limit=3"}, stateVersion,
		},
		"many objects are listed by namespace": {
			collector.Selection{Namespaces: []string{"a", "b", "x"}}, func(s *apiServer) {
				for i := range 3 * objectsOfRequest {
					s.objects[cartsPath+"carts"] = append(s.objects[cartsPath+"carts"], fmt.Sprintf(`{"metadata":{"name":"n%d","namespace":"z"}}`, i))
				}
			}, []string{"a/x", "a/y", "x/a"},
			[]string{"carts?limit=1", "namespaces/a/carts?limit=3", "namespaces/b/carts?limit=3", "namespaces/x/carts?limit=3"}, stateVersion,
		},
		"all may not be listed": {
			collector.Selection{Namespaces: []string{"a", "b", "x"}}, func(s *apiServer) { s.forbidden = map[string]bool{cartsPath + "carts": true} },
			[]string{"a/x", "a/y", "x/a"},
			[]string{"carts?limit=1", "namespaces/a/carts?limit=3", "namespaces/b/carts?limit=3", "namespaces/x/carts?limit=3"}, stateVersion,
		},
		"labels": {
			collector.Selection{Labels: "app!=web,tier notin (back,front)"}, nil, []string{"a/x", "a/y", "x/a"},
			[]string{"carts?labelSelector=app%21%3Dweb%2Ctier+notin+%28back%2Cfront%29&limit=3"}, stateVersion,
		},
		"fields, over pages": {
			collector.Selection{Fields: "status.phase!=Succeeded"}, nil, []string{"a-b/z", "a/x", "a/y", "x/a"},
			[]string{"carts?fieldSelector=status.phase%21%3DSucceeded&limit=3", "carts?continue=4711%3A3&fieldSelector=status.phase%21%3DSucceeded&limit=3"}, stateVersion,
		},
		"fields and labels of a namespace": {
			collector.Selection{Namespaces: []string{"a"}, Labels: "app", Fields: "status.phase!=Failed"}, nil, []string{"a/y"},
			[]string{"namespaces/a/carts?fieldSelector=status.phase%21%3DFailed&labelSelector=app&limit=3"}, stateVersion,
		},
		"a page that breaks is asked for again with the selectors": {
			collector.Selection{Labels: "!nothing"}, func(s *apiServer) {
				s.cut = func(n int, _ *http.Request) int {
					if n == 0 {
						return 1
					}
					return -1
				}
			}, []string{"a-b/z", "a/x", "a/y", "x/a"}, []string{
				"carts?labelSelector=%21nothing&limit=3", "carts?labelSelector=%21nothing&limit=3&resourceVersion=4711&resourceVersionMatch=Exact",
				"carts?continue=4711%3A3&labelSelector=%21nothing&limit=3",
			}, stateVersion,
		},
		"a field that the server does not know": {
			collector.Selection{Labels: "app", Fields: "spec.colour!=red"}, nil, []string{"a-b/z", "a/y"},
			[]string{"carts?fieldSelector=spec.colour%21%3Dred&labelSelector=app&limit=3", "carts?labelSelector=app&limit=3"}, stateVersion,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newAPIServer(t, 0)
			if test.change != nil {
				test.change(server)
			}
			ids, listing, err := idsOf(t, server.open(t, nil), test.selection)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(ids, test.want) {
				t.Errorf("objects %q, want %q", ids, test.want)
			}
			if listing.ResourceVersion != test.version {
				t.Errorf("resource version %q, want %q", listing.ResourceVersion, test.version)
			}
			// What is sent ahead may arrive before what is read.
			requests := server.sent(cartsPath)
			for i := range requests {
				requests[i] = strings.TrimPrefix(requests[i], cartsPath)
			}
			if !slices.Equal(slices.Compact(requests), test.requests) && !strings.Contains(name, "breaks") {
				t.Errorf("requests\n%q, want\n%q", requests, test.requests)
			}
			for _, want := range test.requests {
				if !slices.Contains(requests, want) {
					t.Errorf("there is no request %q among %q", want, requests)
				}
			}
		})
	}
}

// TestForbiddenNamespace: what may be read is, and the list is an error that says what may not.
func TestForbiddenNamespace(t *testing.T) {
	server := newAPIServer(t, 0)
	server.forbidden = map[string]bool{cartsPath + "carts": true, cartsPath + "namespaces/a-b/carts": true, cartsPath + "namespaces/b/carts": true}
	p := server.open(t, nil)
	ids, _, err := idsOf(t, p, collector.Selection{Namespaces: []string{"a", "a-b", "b", "x"}})
	if !errors.Is(err, collector.ErrForbidden) || !strings.Contains(err.Error(), "namespace a-b:") || !strings.Contains(err.Error(), "1 more of the 4") {
		t.Errorf("the error is %v", err)
	}
	if want := []string{"a/x", "a/y", "x/a"}; !slices.Equal(ids, want) {
		t.Errorf("objects %q, want %q", ids, want)
	}
	if _, _, err = idsOf(t, p, collector.Selection{}); !errors.Is(err, collector.ErrForbidden) {
		t.Errorf("of all: %v", err)
	}
	// A callback's error is no namespace's, whatever it is.
	mine := fmt.Errorf("mine: %w", collector.ErrForbidden)
	if _, err := p.List(t.Context(), carts, collector.Selection{Namespaces: []string{"a", "x"}}, func([]byte) error { return mine }); !errors.Is(err, mine) || strings.Contains(err.Error(), "namespace") {
		t.Errorf("the callback's error came back as %v", err)
	}
}

func TestNamespacesAreNoPaths(t *testing.T) {
	server := newAPIServer(t, 0)
	for _, namespace := range []string{"..", "a/b", "a?b", "a%2fb"} {
		if _, _, err := idsOf(t, server.open(t, nil), collector.Selection{Namespaces: []string{namespace}}); err == nil {
			t.Errorf("%q is asked for", namespace)
		}
	}
}

func TestIdentitiesAskForMetadata(t *testing.T) {
	server := newAPIServer(t, 0)
	accept := ""
	server.fault = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		accept = r.Header.Get("Accept")
		return false
	}
	var got []string
	listing, err := server.open(t, nil).Identities(t.Context(), carts, nil, func(id, uid string) error {
		got = append(got, id+" "+uid)
		return nil
	})
	if want := []string{"a-b/z c1", "a/x c2", "a/y c3", "x/a c4"}; err != nil || !slices.Equal(got, want) || listing.ResourceVersion != stateVersion {
		t.Errorf("identities %q at %q, %v, want %q", got, listing.ResourceVersion, err, want)
	}
	if accept != "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json" {
		t.Errorf("they were asked for as %q", accept)
	}
}

func TestIdentity(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*apiServer)
		want   string
		logs   bool
	}{
		"read":      {func(*apiServer) {}, kubeSystemUID, false},
		"forbidden": {func(s *apiServer) { s.forbidden = map[string]bool{"/api/v1/namespaces/kube-system": true} }, "", true},
		"failing": {func(s *apiServer) {
			s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "kube-system") {
					return false
				}
				status(w, http.StatusInternalServerError, "InternalError", "no", 0)
				return true
			}
		}, "", true},
		"no JSON": {func(s *apiServer) {
			s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "kube-system") {
					fmt.Fprint(w, "hello")
					return true
				}
				return false
			}
		}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newAPIServer(t, 0)
			test.change(server)
			p := server.open(t, nil)
			var log bytes.Buffer
			p.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			discovery, err := p.Discover(t.Context())
			if err != nil || discovery.Identity != test.want {
				t.Errorf("the identity is %q, %v, want %q", discovery.Identity, err, test.want)
			}
			if logged := strings.Contains(log.String(), "kube-system"); logged != test.logs || strings.Contains(log.String(), "level=WARN") {
				t.Errorf("the log is %q", log.String())
			}
		})
	}
}

// TestSelectorsAreKubernetes compares collector's selectors with Kubernetes' own library: what is one, and that what is sent means the same.
func TestSelectorsAreKubernetes(t *testing.T) {
	sets := []map[string]string{{}, {"app": "web"}, {"app": "db"}, {"app": ""}, {"app": "web", "tier": "cache"}, {"example.com/app": "web"}, {"tier": "x"}}
	for _, text := range []string{
		"app", "!app", "app=web", "app==web", "app = web", "app!=web", "app in (web)", "app in (web, db)", "app notin (web,db)", "app in(web)", "app=",
		"app!=", "app in (web,)", "app,tier", "app , !tier", "app in (web,db),tier notin (cache)", "example.com/app=web", " ! app", "tier!=cache,app=web",
		"app in ()", "", ",", "app,", ",app", "app in", "app in web", "a b", "app=web=x", "app!web", "=web", "!=web", "!", "app in ((web))", "app in (web))",
		"-app", "app=-web", "App=Web", "a/b/c", "Example.com/a", "app=a b", "app notin", "in", "notin", "in in (in)", "in=notin", "app in (a b)",
	} {
		ours, err := collector.ParseSelector(text)
		theirs, theirErr := labels.Parse(text)
		if text == "" || text == "app in ()" {
			// Kubernetes takes the empty selector for all, and an empty list for one empty value: here both are mistakes.
			if err == nil && text == "" {
				t.Errorf("%q is accepted", text)
			}
			continue
		}
		if (err == nil) != (theirErr == nil) {
			t.Errorf("%q: %v here, %v there", text, err, theirErr)
			continue
		}
		if err != nil {
			continue
		}
		sent, err := labels.Parse(ours.String())
		if err != nil {
			t.Errorf("%q is sent as %q: %v", text, ours.String(), err)
			continue
		}
		for _, set := range sets {
			want := theirs.Matches(labels.Set(set))
			if got := sent.Matches(labels.Set(set)); got != want {
				t.Errorf("%q is sent as %q, which chooses %v: %v instead of %v", text, ours.String(), set, got, want)
			}
		}
	}
}
