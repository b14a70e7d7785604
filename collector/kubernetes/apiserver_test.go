package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8sq/k8sq/collector"
)

// apiServer is an API server in this process, for the faults that a real one does not produce when asked. What a real one does
// produce is tested against a real one, in test/e2e, with the same conformance suite.
type apiServer struct {
	*httptest.Server
	objects map[string][]string // path of a list: its items, in key order

	aggregated, legacyOnly bool
	groups                 string            // the answer to /apis, "" for a default
	metadataLast           bool              // the list's metadata comes after its items
	noMetadata             bool              // it knows no metadata-only lists, and sends whole objects
	forbidden              map[string]bool   // paths that may not be listed
	versions               map[string]string // the resource version of a path's list, where it is not stateVersion

	mu       sync.Mutex
	requests []string // path and query
	fault    func(n int, w http.ResponseWriter, r *http.Request) bool
	cut      func(n int, r *http.Request) (afterItems int) // break the body of the nth list after so many items; -1 does not
	lists    int
}

const (
	stateVersion  = "4711"
	kubeSystemUID = "1f2a5c0e-7c9b-4e55-9d0c-2f6f3f1f8a11"
)

// newAPIServer starts a server that serves ConfigMaps, Nodes and, in the group shop.example.com, Carts.
func newAPIServer(t *testing.T, configMaps int) *apiServer {
	t.Helper()
	s := &apiServer{aggregated: true, objects: map[string][]string{
		"/api/v1/nodes": {`{"metadata":{"name":"n1"},"spec":{"providerID":"aws:///eu-central-1a/i-0123"}}`},
		"/apis/shop.example.com/v1/carts": {
			`{"apiVersion":"shop.example.com/v1","kind":"Cart","metadata":{"labels":{"app":"web"},"name":"z","namespace":"a-b","uid":"c1"}}`,
			`{"apiVersion":"shop.example.com/v1","kind":"Cart","metadata":{"name":"x","namespace":"a","uid":"c2"},"status":{"phase":"Failed"}}`,
			`{"apiVersion":"shop.example.com/v1","kind":"Cart","metadata":{"labels":{"app":"db","tier":""},"name":"y","namespace":"a","uid":"c3"}}`,
			`{"apiVersion":"shop.example.com/v1","kind":"Cart","metadata":{"name":"a","namespace":"x","uid":"c4"}}`,
		},
		"/apis/shop.example.com/v1/closets": nil,
	}}
	var items []string
	for i := range configMaps {
		// Braces, quotes and brackets inside strings must not confuse the splitting; sizes vary around the buffers'.
		items = append(items, fmt.Sprintf(`{"metadata":{"name":"c%05d","namespace":"ns"},"data":{"k":"}],{\"%s\\"}}`, i, strings.Repeat("é", i*7%5000)))
	}
	s.objects["/api/v1/configmaps"] = items
	s.Server = httptest.NewUnstartedServer(s)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r.URL.RequestURI())
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(n, w, r) {
		return
	}
	wantsAggregated := strings.Contains(r.Header.Get("Accept"), "apidiscovery")
	if wantsAggregated && s.legacyOnly && strings.HasPrefix(r.URL.Path, "/api") {
		status(w, http.StatusNotAcceptable, "NotAcceptable", "only the following media types are accepted: application/json", 0)
		return
	}
	if wantsAggregated && s.aggregated {
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	switch r.URL.Path {
	case "/api/v1/namespaces/kube-system":
		if s.forbidden[r.URL.Path] {
			status(w, http.StatusForbidden, "Forbidden", `User "joe" cannot get namespaces`, 0)
			return
		}
		fmt.Fprint(w, `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"kube-system","uid":"`+kubeSystemUID+`"}}`)
	case "/version":
		fmt.Fprint(w, `{"major":"1","gitVersion":"v1.37.2"}`)
	case "/api":
		if wantsAggregated && s.aggregated {
			fmt.Fprint(w, aggregatedCore)
		} else {
			fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
		}
	case "/apis":
		switch {
		case s.groups != "":
			fmt.Fprint(w, s.groups)
		case wantsAggregated && s.aggregated:
			fmt.Fprint(w, aggregatedShop)
		default:
			fmt.Fprint(w, legacyGroups)
		}
	case "/api/v1":
		fmt.Fprint(w, legacyCore)
	case "/apis/shop.example.com/v1":
		fmt.Fprint(w, legacyShop)
	default:
		s.list(w, r)
	}
}

const (
	aggregatedCore = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"name":""},"versions":[{"version":"v1","freshness":"Current","resources":[
		{"resource":"bindings","responseKind":{"kind":"Binding"},"scope":"Namespaced","verbs":["create"]},
		{"resource":"configmaps","responseKind":{"kind":"ConfigMap"},"scope":"Namespaced","verbs":["get","list","watch"]},
		{"resource":"nodes","responseKind":{"kind":"Node"},"scope":"Cluster","verbs":["get","list"],"subresources":[{"subresource":"proxy","verbs":["get"]}]}]}]}]}`
	aggregatedShop = `{"items":[{"metadata":{"name":"shop.example.com"},"versions":[
		{"version":"v1","freshness":"Current","resources":[{"resource":"carts","responseKind":{"kind":"Cart"},"scope":"Namespaced","verbs":["list"]}]},
		{"version":"v1beta1","freshness":"Current","resources":[{"resource":"carts","responseKind":{"kind":"Cart"},"scope":"Namespaced","verbs":["list"]}]}]}]}`
	legacyGroups = `{"kind":"APIGroupList","groups":[{"name":"shop.example.com","versions":[{"groupVersion":"shop.example.com/v1beta1","version":"v1beta1"},
		{"groupVersion":"shop.example.com/v1","version":"v1"}],"preferredVersion":{"groupVersion":"shop.example.com/v1","version":"v1"}}]}`
	legacyCore = `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"bindings","namespaced":true,"kind":"Binding","verbs":["create"]},
		{"name":"configmaps","namespaced":true,"kind":"ConfigMap","verbs":["get","list"]},{"name":"nodes","namespaced":false,"kind":"Node","verbs":["list"]},
		{"name":"nodes/proxy","namespaced":false,"kind":"NodeProxyOptions","verbs":["get","list"]}]}`
	legacyShop = `{"kind":"APIResourceList","groupVersion":"shop.example.com/v1","resources":[{"name":"carts","namespaced":true,"kind":"Cart","verbs":["list"]}]}`
)

// list answers as a real server does: in pages of one state, by tokens that carry it.
func (s *apiServer) list(w http.ResponseWriter, r *http.Request) {
	path, namespace := r.URL.Path, ""
	if before, after, namespaced := strings.Cut(path, "/namespaces/"); namespaced {
		if in, plural, isList := strings.Cut(after, "/"); isList {
			path, namespace = before+"/"+plural, in
		}
	}
	items, ok := s.objects[path]
	if !ok {
		status(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource", 0)
		return
	}
	if s.forbidden[r.URL.Path] {
		status(w, http.StatusForbidden, "Forbidden", `User "joe" cannot list `+r.URL.Path, 0)
		return
	}
	query := r.URL.Query()
	items, err := selected(items, namespace, query.Get("labelSelector"), query.Get("fieldSelector"))
	if err != nil {
		status(w, http.StatusBadRequest, "BadRequest", err.Error(), 0)
		return
	}
	onlyMetadata := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") && !s.noMetadata
	version := stateVersion
	if other, ok := s.versions[r.URL.Path]; ok {
		version = other
	}
	start, end := 0, len(items)
	if token := query.Get("continue"); token != "" {
		start, _ = strconv.Atoi(strings.TrimPrefix(token, stateVersion+":"))
	}
	next := ""
	if limit, _ := strconv.Atoi(query.Get("limit")); limit > 0 && start+limit < end {
		end = start + limit
		next = fmt.Sprintf("%s:%d", stateVersion, end)
	}
	s.mu.Lock()
	cut := -1
	if s.cut != nil {
		cut = s.cut(s.lists, r)
	}
	s.lists++
	s.mu.Unlock()

	metadata := fmt.Sprintf(`"metadata":{"resourceVersion":%q,"continue":%q}`, version, next)
	if len(items) > end && !query.Has("labelSelector") && !query.Has("fieldSelector") {
		metadata = fmt.Sprintf(`"metadata":{"resourceVersion":%q,"continue":%q,"remainingItemCount":%d}`, version, next, len(items)-end)
	}
	fmt.Fprint(w, `{"kind":"List", "apiVersion":"v1",`)
	if !s.metadataLast {
		fmt.Fprint(w, metadata, ",\n")
	}
	fmt.Fprint(w, `"items":[`)
	for i, item := range items[start:end] {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		if i == cut {
			fmt.Fprint(w, item[:len(item)/2])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		if onlyMetadata {
			var object struct {
				Metadata json.RawMessage `json:"metadata"`
			}
			if err := json.Unmarshal([]byte(item), &object); err != nil {
				panic(err)
			}
			item = fmt.Sprintf(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":%s}`, object.Metadata)
		}
		fmt.Fprint(w, item)
	}
	fmt.Fprint(w, `]`)
	if s.metadataLast {
		fmt.Fprint(w, `,`, metadata)
	}
	fmt.Fprint(w, "}\n")
}

// selected are the objects that a server gives of a namespace ("": of all) under selectors, of which it knows what Kubernetes knows of pods.
func selected(items []string, namespace, labelSelector, fieldSelector string) ([]string, error) {
	byLabels, err := labels.Parse(labelSelector)
	if err != nil {
		return nil, err
	}
	byFields, err := fields.ParseSelector(fieldSelector)
	if err != nil {
		return nil, err
	}
	for _, requirement := range byFields.Requirements() {
		if !slices.Contains([]string{"metadata.name", "metadata.namespace", "status.phase"}, requirement.Field) {
			return nil, fmt.Errorf("field label not supported: %s", requirement.Field)
		}
	}
	var kept []string
	for _, item := range items {
		var object struct {
			Metadata struct {
				Namespace, Name string
				Labels          map[string]string
			}
			Status struct{ Phase string }
		}
		if err := json.Unmarshal([]byte(item), &object); err != nil {
			return nil, err
		}
		of := fields.Set{"metadata.name": object.Metadata.Name, "metadata.namespace": object.Metadata.Namespace, "status.phase": object.Status.Phase}
		if (namespace == "" || object.Metadata.Namespace == namespace) && byLabels.Matches(labels.Set(object.Metadata.Labels)) && byFields.Matches(of) {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

func status(w http.ResponseWriter, code int, reason, message string, retryAfterSeconds int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
		"details": map[string]any{"retryAfterSeconds": retryAfterSeconds},
	})
}

// sent are the requests so far whose URI begins with prefix.
func (s *apiServer) sent(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sent []string
	for _, request := range s.requests {
		if strings.HasPrefix(request, prefix) {
			sent = append(sent, request)
		}
	}
	return sent
}

// authority is the server's certificate as PEM.
func (s *apiServer) authority() string { return certificatePEM(s.Certificate().Raw) }

// open makes a provider of the server that waits next to nothing between retries.
func (s *apiServer) open(t *testing.T, change func(*Config)) *provider {
	t.Helper()
	config := Definition().Config().(*Config)
	config.Server, config.CAData = ptr(s.URL), ptr(s.authority())
	config.PageSize = 3
	config.QPS = 0
	if change != nil {
		change(config)
	}
	opened, err := Definition().Open(environment(t, nil), config)
	if err != nil {
		t.Fatal(err)
	}
	p := opened.(*provider)
	p.client.firstDelay = time.Microsecond
	t.Cleanup(func() { p.Close() })
	return p
}

func environment(t *testing.T, variables map[string]string) collector.Environment {
	t.Helper()
	return collector.Environment{
		Cluster: "prod eu-1", Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Getenv: func(name string) string { return variables[name] },
	}
}

var configMaps = collector.Resource{Version: "v1", Kind: "ConfigMap", Plural: "configmaps", Namespaced: true, Ordered: true}

// readAll lists the ConfigMaps.
func readAll(t *testing.T, p *provider) ([]string, collector.Listing, error) {
	t.Helper()
	var objects []string
	listing, err := p.List(t.Context(), configMaps, collector.Selection{}, func(object []byte) error {
		objects = append(objects, string(object))
		return nil
	})
	return objects, listing, err
}

// sameObjects fails where a list is not the server's, object by object and byte by byte.
func (s *apiServer) sameObjects(t *testing.T, objects []string) {
	t.Helper()
	if want := s.objects["/api/v1/configmaps"]; !slices.Equal(objects, want) {
		t.Errorf("List gave %d objects, want the %d of the server, each once and in order", len(objects), len(want))
	}
}

func ptr[T any](value T) *T { return &value }

func write(t *testing.T, path, content string) string {
	t.Helper()
	return writeMode(t, path, content, 0o600)
}

func certificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func writeMode(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// waitFor waits until a file is there, or the test ends.
func waitFor(t *testing.T, path string) {
	for t.Context().Err() == nil {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
