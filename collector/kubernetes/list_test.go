package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/collectortest"
)

// wantOfServer is what the conformance suite expects of newAPIServer(t, configMaps).
func wantOfServer(configMaps int) map[string][]string {
	want := map[string][]string{"core.v1.ConfigMap": {}, "core.v1.Node": {"n1"}, "shop.example.com.v1.Cart": {"a-b/z", "a/x", "a/y", "x/a"}}
	for i := range configMaps {
		want["core.v1.ConfigMap"] = append(want["core.v1.ConfigMap"], fmt.Sprintf("ns/c%05d", i))
	}
	return want
}

// TestConformance runs the suite over a server that answers well, and over ones with every fault that k8sq promises to live with:
// their content must look the same.
func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*apiServer){
		"well":           func(*apiServer) {},
		"metadata last":  func(s *apiServer) { s.metadataLast = true },
		"no metadata":    func(s *apiServer) { s.noMetadata = true },
		"legacy":         func(s *apiServer) { s.aggregated = false },
		"legacy, by 406": func(s *apiServer) { s.legacyOnly = true },
		"every other request fails": func(s *apiServer) {
			s.fault = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n%2 == 1 {
					return false
				}
				switch n / 2 % 3 {
				case 0:
					status(w, http.StatusTooManyRequests, "TooManyRequests", "too many requests", 0)
				case 1:
					status(w, http.StatusGatewayTimeout, "Timeout", "Too large resource version: 9, current: 8", 0)
				case 2:
					panic(http.ErrAbortHandler)
				}
				return true
			}
		},
		"every third body breaks": func(s *apiServer) {
			s.cut = func(n int, r *http.Request) int {
				if n%3 == 0 {
					return n % 5 % 3
				}
				return -1
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newAPIServer(t, 20)
			change(server)
			want := collectortest.Case{Want: wantOfServer(20), Open: func(t *testing.T) collector.Provider {
				return server.open(t, func(c *Config) { c.Retries = 20 })
			}}
			if !server.aggregated || server.legacyOnly {
				// The one version whose resources the older discovery cannot read here.
				want.Unknown = []string{"shop.example.com/v1beta1"}
			}
			collectortest.Run(t, want)
		})
	}
}

func TestListIsPagedAndSentAhead(t *testing.T) {
	server := newAPIServer(t, 8)
	p := server.open(t, nil)
	release := make(chan struct{})
	sawSecond := make(chan struct{})
	server.fault = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("continue") == "4711:3" {
			close(sawSecond)
			<-release
		}
		return false
	}
	var objects []string
	listing, err := p.List(t.Context(), configMaps, collector.Selection{}, func(object []byte) error {
		if len(objects) == 0 {
			// The second page is asked for while the first object of the first is being worked on.
			select {
			case <-sawSecond:
			case <-time.After(20 * time.Second):
				t.Error("the second page is not asked for before the first has been read")
			}
			close(release)
		}
		objects = append(objects, string(object))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	server.sameObjects(t, objects)
	if listing.ResourceVersion != stateVersion {
		t.Errorf("resource version %q, want %q", listing.ResourceVersion, stateVersion)
	}
	want := []string{"/api/v1/configmaps?limit=3", "/api/v1/configmaps?continue=4711%3A3&limit=3", "/api/v1/configmaps?continue=4711%3A6&limit=3"}
	if sent := server.sent("/api/v1/configmaps"); !slices.Equal(sent, want) {
		t.Errorf("requests %q, want %q", sent, want)
	}
}

func TestBrokenPageIsReadAgain(t *testing.T) {
	for name, test := range map[string]struct {
		cut  func(n int, r *http.Request) int
		want []string // the requests after the first
	}{
		"in the first page, of the same state": {
			func(n int, r *http.Request) int {
				if n == 0 {
					return 1
				}
				return -1
			},
			[]string{"limit=3&resourceVersion=4711&resourceVersionMatch=Exact"},
		},
		"in the first page, before its first object": {
			func(n int, r *http.Request) int {
				if n == 0 {
					return 0
				}
				return -1
			},
			[]string{"limit=3"},
		},
		"in a later page, by the same token": {
			func() func(n int, r *http.Request) int {
				broken := 0
				return func(_ int, r *http.Request) int {
					if r.URL.Query().Get("continue") == "4711:3" && broken < 2 {
						broken++
						return broken
					}
					return -1
				}
			}(),
			[]string{"continue=4711%3A3&limit=3", "continue=4711%3A3&limit=3", "continue=4711%3A3&limit=3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := newAPIServer(t, 8)
			server.cut = test.cut
			objects, _, err := readAll(t, server.open(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			server.sameObjects(t, objects)
			sent := server.sent("/api/v1/configmaps")
			for _, want := range test.want {
				if at := slices.Index(sent[1:], "/api/v1/configmaps?"+want); at < 0 {
					t.Errorf("requests %q: %q is missing", sent, want)
				} else {
					sent = slices.Delete(sent, at+1, at+2)
				}
			}
		})
	}
}

// TestHTTP1: a body that breaks off is told by another error there, and each page has a connection of its own.
func TestHTTP1(t *testing.T) {
	t.Setenv("DISABLE_HTTP2", "1")
	server := newAPIServer(t, 20)
	var protocol string
	server.cut = func(n int, r *http.Request) int {
		protocol = r.Proto
		if n%3 == 0 {
			return n % 5 % 3
		}
		return -1
	}
	p := server.open(t, nil)
	for range 3 {
		objects, _, err := readAll(t, p)
		if err != nil {
			t.Fatal(err)
		}
		server.sameObjects(t, objects)
	}
	if protocol != "HTTP/1.1" {
		t.Errorf("the requests came by %s", protocol)
	}
}

func TestListErrors(t *testing.T) {
	always := func(code int, reason, message string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			status(w, code, reason, message, 0)
			return true
		}
	}
	for name, test := range map[string]struct {
		fault        func(n int, w http.ResponseWriter, r *http.Request) bool
		cut          func(n int, r *http.Request) int
		metadataLast bool
		is           error
		text         string
		requests     int // of any page; 0: any number
		first        int // of the first page; 0: any number
	}{
		"forbidden":   {fault: always(403, "Forbidden", `configmaps is forbidden: User "u" cannot list`), is: collector.ErrForbidden, text: `User "u" cannot list`, requests: 1},
		"not found":   {fault: always(404, "NotFound", "the server could not find the requested resource"), is: collector.ErrGone, requests: 1},
		"not allowed": {fault: always(405, "MethodNotAllowed", "not supported"), is: collector.ErrGone, requests: 1},
		// Once more, because client-go renews a token only after it was refused.
		"unauthorized": {fault: always(401, "Unauthorized", "Unauthorized"), is: collector.ErrUnauthorized, text: "127.0.0.1:", requests: 2},
		"always 500":   {fault: always(500, "InternalError", "etcdserver: no leader"), text: "etcdserver: no leader (500)", requests: 3},
		"always 429":   {fault: always(429, "TooManyRequests", "slow down"), text: "slow down", requests: 3},
		"a proxy's page": {fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
			fmt.Fprint(w, "<html>Bad gateway")
			return true
		}, text: "502 Bad Gateway", requests: 3},
		"expired token": {fault: func(n int, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("continue") == "4711:6" {
				status(w, 410, "Expired", "The provided continue parameter is too old", 0)
				return true
			}
			return false
		}, is: collector.ErrExpired, text: "after 6 objects", requests: 3},
		"not JSON": {fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"metadata":{},"items":[{"a":"s3cr3t",}]}`)
			return true
		}, text: "is not JSON at byte", requests: 1},
		"not a list": {fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `["s3cr3t"]`)
			return true
		}, text: "is not an object", requests: 1},
		"no items": {fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"kind":"ConfigMap","metadata":{"name":"s3cr3t"}}`)
			return true
		}, text: "has no items", requests: 1},
		"an item that is no object": {fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"metadata":{},"items":["s3cr3t"]}`)
			return true
		}, text: "an item that is not an object", requests: 1},
		"the same token for ever": {fault: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"metadata":{"continue":"x","resourceVersion":"1"},"items":[]}`)
			return true
		}, text: "same continue token", requests: 2},
		"another state when asked again": {
			fault: func(n int, w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("resourceVersionMatch") == "" {
					return false
				}
				fmt.Fprint(w, `{"metadata":{"resourceVersion":"1"},"items":[]}`)
				return true
			},
			cut: func(n int, r *http.Request) int { return 2 }, text: `is of resource version "1", not "4711"`,
		},
		// Nothing says which state the objects that were handed on are of, so the page cannot be asked for again.
		"broken where the metadata comes last": {cut: func(int, *http.Request) int { return 2 }, metadataLast: true, is: io.ErrUnexpectedEOF, text: "after 2 objects", requests: 1},
		"always broken":                        {cut: func(int, *http.Request) int { return 0 }, first: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newAPIServer(t, 8)
			server.fault, server.cut, server.metadataLast = test.fault, test.cut, test.metadataLast
			p := server.open(t, func(c *Config) { c.Retries = 2 })
			_, listing, err := readAll(t, p)
			if err == nil {
				t.Fatal("List succeeds")
			}
			if listing != (collector.Listing{}) {
				t.Errorf("List gives %+v together with an error", listing)
			}
			for _, sentinel := range []error{collector.ErrForbidden, collector.ErrUnauthorized, collector.ErrExpired, collector.ErrGone} {
				if errors.Is(err, sentinel) != (sentinel == test.is) {
					t.Errorf("%v: wraps %q: %v", err, sentinel, errors.Is(err, sentinel))
				}
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q does not say %q", err, test.text)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%q repeats the content of an object", err)
			}
			if sent := server.sent("/api/v1/configmaps"); test.requests != 0 && len(sent) != test.requests {
				t.Errorf("%d requests, want %d: %q", len(sent), test.requests, sent)
			}
			if sent := server.sent("/api/v1/configmaps?limit="); test.first != 0 && len(sent) != test.first {
				t.Errorf("%d requests of the first page, want %d: %q", len(sent), test.first, sent)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"header": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			status(w, 429, "TooManyRequests", "", 0)
		},
		"status": func(w http.ResponseWriter) { status(w, 504, "Timeout", "Too large resource version", 7) },
	} {
		t.Run(name, func(t *testing.T) {
			server := newAPIServer(t, 1)
			server.fault = func(_ int, w http.ResponseWriter, _ *http.Request) bool { answer(w); return true }
			_, err := server.open(t, nil).client.open(t.Context(), "/api/v1/configmaps", nil, acceptJSON)
			again, wait := retryable(err)
			if !again || wait.Seconds() != 7 {
				t.Errorf("%v: retried %v after %v, want true after 7s", err, again, wait)
			}
		})
	}
}

// TestCancelDuringRetry ends a list that waits for its next try.
func TestCancelDuringRetry(t *testing.T) {
	server := newAPIServer(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	server.fault = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		status(w, 429, "TooManyRequests", "", 0)
		cancel()
		return true
	}
	if _, err := server.open(t, nil).List(ctx, configMaps, collector.Selection{}, func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v, want %v", err, context.Canceled)
	}
}

// TestSilence: a server that accepts and then says nothing is given up after the timeout, in the head and in the body.
func TestSilence(t *testing.T) {
	for name, begin := range map[string]string{"no answer": "", "half an answer": `{"metadata":{"resourceVersion":"1"},"items":[{}`} {
		t.Run(name, func(t *testing.T) {
			server := newAPIServer(t, 1)
			server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if begin != "" {
					fmt.Fprint(w, begin)
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
				return true
			}
			p := server.open(t, func(c *Config) { c.Timeout = "50ms" })
			if _, _, err := readAll(t, p); !errors.Is(err, errSilent) {
				t.Errorf("List: %v, want %v", err, errSilent)
			}
		})
	}
}

// TestRefusedTokenIsReadAgain: a token file that was rotated during a sync costs one refused request.
func TestRefusedTokenIsReadAgain(t *testing.T) {
	server := newAPIServer(t, 8)
	valid := "first"
	server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "Bearer "+valid {
			status(w, 401, "Unauthorized", "Unauthorized", 0)
			return true
		}
		return false
	}
	file := write(t, t.TempDir()+"/token", "first\n")
	p := server.open(t, func(c *Config) { c.TokenFile = &file })
	if _, _, err := readAll(t, p); err != nil {
		t.Fatal(err)
	}
	write(t, file, "second\n")
	valid = "second"
	objects, _, err := readAll(t, p)
	if err != nil {
		t.Fatal(err)
	}
	server.sameObjects(t, objects)
}

func TestUserAgentAndImpersonation(t *testing.T) {
	server := newAPIServer(t, 1)
	var header http.Header
	server.fault = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		header = r.Header.Clone()
		return false
	}
	p := server.open(t, func(c *Config) {
		c.Token, c.Impersonate, c.ImpersonateGroups = ptr(collector.Secret(" t0ken\n")), ptr("auditor"), []string{"readers"}
	})
	if _, _, err := readAll(t, p); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(header.Get("User-Agent"), "k8sq/") {
		t.Errorf("User-Agent %q", header.Get("User-Agent"))
	}
	if header.Get("Authorization") != "Bearer t0ken" || header.Get("Impersonate-User") != "auditor" || header.Get("Impersonate-Group") != "readers" {
		t.Error("the token, the impersonated user or the group is not what the block says")
	}
	if header.Get("Accept-Encoding") != "" {
		t.Errorf("Accept-Encoding %q on loopback", header.Get("Accept-Encoding"))
	}
}

// TestServerBelowAPath: a proxy of many clusters serves each below a path of its own.
func TestServerBelowAPath(t *testing.T) {
	server := newAPIServer(t, 4)
	p := server.open(t, func(c *Config) { c.Server = ptr(server.URL + "/k8s/clusters/c-1/") })
	server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if path, ok := strings.CutPrefix(r.URL.Path, "/k8s/clusters/c-1"); ok {
			r.URL.Path = path
			return false
		}
		status(w, 404, "NotFound", "", 0)
		return true
	}
	if _, err := p.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	objects, _, err := readAll(t, p)
	if err != nil {
		t.Fatal(err)
	}
	server.sameObjects(t, objects)
}

// TestNoRedirect: the token does not follow a redirect to another server.
func TestNoRedirect(t *testing.T) {
	server, other := newAPIServer(t, 1), newAPIServer(t, 1)
	server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusFound)
		return true
	}
	p := server.open(t, func(c *Config) { c.Token, c.CAData, c.TLSInsecure = ptr(collector.Secret("s3cr3t")), nil, ptr(true) })
	if _, err := p.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("Discover: %v, want an error that tells of the redirect", err)
	}
	if sent := other.sent("/"); len(sent) > 0 {
		t.Errorf("requests to the other server: %q", sent)
	}
}

// TestOddResources: part of a resource's name must not lead to another path.
func TestOddResources(t *testing.T) {
	server := newAPIServer(t, 1)
	p := server.open(t, nil)
	for _, resource := range []collector.Resource{
		{Version: "v1", Plural: ""}, {Version: "", Plural: "pods"}, {Version: "v1", Plural: "configmaps/x"}, {Group: "..", Version: "v1", Plural: "configmaps"},
		{Group: "a/..", Version: "v1", Plural: "x"}, {Version: "v1", Plural: "configmaps?x"}, {Version: "v1", Plural: "%2e%2e"},
	} {
		if _, err := p.List(t.Context(), resource, collector.Selection{}, func([]byte) error { return nil }); !errors.Is(err, collector.ErrGone) {
			t.Errorf("List %+v: %v, want %v", resource, err, collector.ErrGone)
		}
	}
	if sent := server.sent("/"); len(sent) > 0 {
		t.Errorf("requests were sent: %q", sent)
	}
}
