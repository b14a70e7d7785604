package collector

import (
	"context"
	"log/slog"
	"sync"

	"github.com/k8sq/k8sq/collector/document"
)

// Schemas is an optional power of a Provider: it can tell the schemas of the types it serves, so that lists of custom resources are compared
// by the keys that their schemas declare.
type Schemas interface {
	// OpenAPI gives an OpenAPI v3 document with the types of an API group ("" for the legacy one) and version, each under components.schemas
	// with its x-kubernetes-group-version-kind, as an API server has it at /openapi/v3/apis/<group>/<version>. Nil: there is none. It is asked
	// at most once a sync for each group and version, when the first object of it changed. An error fails nothing.
	OpenAPI(ctx context.Context, group, version string) ([]byte, error)
}

// schemaSource finds the schemas of types: the built-in ones in a table, others by asking the provider, once for each group and version.
type schemaSource struct {
	provider Provider
	cluster  string
	log      *slog.Logger

	mu       sync.Mutex
	versions map[string]func() map[string]*document.Schema // by group/version: the schemas by type
}

// of gives the schema of a resource's objects, nil where it is not known.
func (s *schemaSource) of(ctx context.Context, resource Resource) *document.Schema {
	if schema := document.BuiltinSchema(resource.Type()); schema != nil {
		return schema
	}
	provider, ok := s.provider.(Schemas)
	if !ok {
		return nil
	}
	s.mu.Lock()
	if s.versions == nil {
		s.versions = map[string]func() map[string]*document.Schema{}
	}
	key := resource.Group + "/" + resource.Version
	read, asked := s.versions[key]
	if !asked {
		read = sync.OnceValue(func() map[string]*document.Schema {
			text, err := provider.OpenAPI(ctx, resource.Group, resource.Version)
			var types map[string]*document.Schema
			if err == nil && text != nil {
				types, err = document.ReadSchemas(text)
			}
			if err != nil {
				s.log.Debug("the schemas of a group are not known: its lists are compared by index", "cluster", s.cluster, "group", resource.Group, "version", resource.Version, "error", err)
			}
			return types
		})
		s.versions[key] = read
	}
	s.mu.Unlock()
	return read()[resource.Type()]
}
