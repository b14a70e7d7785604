package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/k8sq/k8sq/collector/document"
)

// openAPIScript is a script that serves objects as they are, and the schemas of its group.
type openAPIScript struct {
	script
	objects []string
	text    string
	err     error
	asked   atomic.Int32
}

func (s *openAPIScript) List(_ context.Context, _ Resource, _ Selection, each func([]byte) error) (Listing, error) {
	for _, object := range s.objects {
		if err := each([]byte(object)); err != nil {
			return Listing{}, err
		}
	}
	return Listing{}, nil
}

func (s *openAPIScript) OpenAPI(context.Context, string, string) ([]byte, error) {
	s.asked.Add(1)
	return []byte(s.text), s.err
}

const cartOpenAPI = `{"components":{"schemas":{"cart":{"properties":{"metadata":{"type":"object"},"spec":{"properties":{
	"items":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["sku"],"items":{"type":"object","properties":{"sku":{"type":"string"}}}}}}},
	"x-kubernetes-group-version-kind":[{"group":"shop.example.com","version":"v1","kind":"Cart"}]}}}}`

// A custom resource is compared by its schema, which is asked for when the first object changed, once; a list in another order makes no
// version, and is seen as unchanged from then on; what cannot be had costs nothing but the alignment.
func TestCustomResourcesAreComparedByTheirSchemas(t *testing.T) {
	cart := Resource{Group: "shop.example.com", Version: "v1", Kind: "Cart", Plural: "carts", Namespaced: true, Ordered: true}
	object := func(name, at string, items ...string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"a","uid":%q,"managedFields":[{"manager":"till","operation":"Update","time":"2026-01-01T00:00:%sZ",
			"fieldsV1":{"f:spec":{"f:items":{"k:{\"sku\":\"b\"}":{".":{},"f:n":{}}}}}}]},"spec":{"items":[%s]}}`, name, name, at, strings.Join(items, ","))
	}
	a, b, b2 := `{"sku":"a","n":1}`, `{"sku":"b","n":1}`, `{"sku":"b","n":2}`
	for _, test := range []struct {
		name, text string
		err        error
		want       string
	}{
		{"its schema", cartOpenAPI, nil, "2 spec.items,spec.items[0].n"},
		{"no schema", "", errors.New("no"), "2 spec.items[0].sku,spec.items[1].sku; 2 spec.items[0].sku,spec.items[1].sku; 3 spec.items[0].n"},
		{"a document that is none", "{", nil, "2 spec.items[0].sku,spec.items[1].sku; 2 spec.items[0].sku,spec.items[1].sku; 3 spec.items[0].n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLake(t)
			provider := &openAPIScript{script: script{resource: cart}, text: test.text, err: test.err}
			options := optionsFor(l, provider)
			var log strings.Builder
			options.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			list := func(asked int32, objects ...string) string {
				provider.objects = objects
				provider.asked.Store(0)
				_, told := syncOnce(t, options)
				if got := provider.asked.Load(); got != asked {
					t.Errorf("asked %d times for the schemas, want %d", got, asked)
				}
				return told
			}
			list(0, object("x", "00", a, b), object("y", "00", a, b))
			list(1, object("x", "00", b, a), object("y", "00", b, a))
			list(0, object("x", "00", b, a), object("y", "00", b, a)) // nothing differs from what was seen last
			list(1, object("x", "07", b2, a), object("y", "00", b, a))
			var changes []string
			for change := range changesIn(t, l) {
				changes = append(changes, fmt.Sprint(change.ToVersion, " ", strings.Join(change.Paths, ",")))
				if test.err == nil && test.text == cartOpenAPI {
					const want = `{"spec.items":[{"confidence":"certain","manager":"till","operation":"Update","time":"2026-01-01T00:00:07Z"}],` +
						`"spec.items[0].n":[{"confidence":"certain","manager":"till","operation":"Update","time":"2026-01-01T00:00:07Z"}]}`
					if string(change.Attribution) != want || fmt.Sprint(change.Managers) != "[till]" || change.ModifiedAt.Second() != 7 {
						t.Errorf("attribution %s, managers %v, at %v", change.Attribution, change.Managers, change.ModifiedAt)
					}
				}
			}
			if got := strings.Join(changes, "; "); got != test.want {
				t.Errorf("changes %s, want %s", got, test.want)
			}
			if test.want != "" && (test.text != cartOpenAPI) != strings.Contains(log.String(), "compared by index") {
				t.Errorf("log %s", log.String())
			}
			for snapshot := range snapshotsIn(t, l) {
				if snapshot.Name == "y" && test.text == cartOpenAPI && (snapshot.LatestVersion != 1 || snapshot.SeenDigest == "" || snapshot.SeenDigest == snapshot.LatestDigest) {
					t.Errorf("y: version %d, seen %q", snapshot.LatestVersion, snapshot.SeenDigest)
				}
			}
		})
	}
}

// Built-in types need no provider.
func TestBuiltinTypesAskForNoSchema(t *testing.T) {
	provider := &openAPIScript{}
	s := schemaSource{provider: provider, log: slog.New(slog.DiscardHandler)}
	if s.of(t.Context(), configMaps) != document.BuiltinSchema("core.v1.ConfigMap") || provider.asked.Load() != 0 {
		t.Error("the schema of a built-in type was asked for")
	}
	s.provider = &script{}
	if s.of(t.Context(), Resource{Group: "example.com", Version: "v1", Kind: "Any"}) != nil {
		t.Error("a schema of what nobody knows")
	}
}
