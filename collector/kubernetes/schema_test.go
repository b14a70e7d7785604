package kubernetes

import (
	"net/http"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector/document"
)

func TestOpenAPI(t *testing.T) {
	server := newAPIServer(t, 1)
	const text = `{"components":{"schemas":{"cart":{"properties":{"metadata":{"type":"object"}},"x-kubernetes-group-version-kind":[{"group":"shop.example.com","version":"v1","kind":"Cart"}]}}}}`
	answer := text
	server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/openapi/v3") {
			return false
		}
		switch r.URL.Path {
		case "/openapi/v3/apis/shop.example.com/v1", "/openapi/v3/api/v1":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
		default:
			http.NotFound(w, r)
		}
		return true
	}
	p := server.open(t, nil)
	got, err := p.OpenAPI(t.Context(), "shop.example.com", "v1")
	if err != nil || string(got) != text {
		t.Fatalf("%s, %v", got, err)
	}
	if types, err := document.ReadSchemas(got); err != nil || types["shop.example.com.v1.Cart"] == nil {
		t.Errorf("types %v, %v", types, err)
	}
	if _, err := p.OpenAPI(t.Context(), "", "v1"); err != nil {
		t.Errorf("the legacy group: %v", err)
	}
	for _, of := range [][2]string{{"shop.example.com", "v2"}, {"../x", "v1"}, {"shop.example.com", ""}} {
		if _, err := p.OpenAPI(t.Context(), of[0], of[1]); err == nil {
			t.Errorf("%v: no error", of)
		}
	}
	answer = strings.Repeat(" ", largestSchemas+1)
	if _, err := p.OpenAPI(t.Context(), "shop.example.com", "v1"); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("too large: %v", err)
	}
}
