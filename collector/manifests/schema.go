package manifests

import (
	"context"
	"encoding/json"
	"fmt"
)

// OpenAPI makes the provider a collector.Schemas: the schemas of custom resources are those of the CustomResourceDefinitions among the files.
// One that cannot be read is left out, and List tells of it.
func (p *provider) OpenAPI(ctx context.Context, group, version string) ([]byte, error) {
	p.mu.Lock()
	index := p.index
	p.mu.Unlock()
	if index == nil {
		return nil, nil
	}
	schemas := map[string]json.RawMessage{}
	reader := reader{index: index}
	defer reader.close()
	for _, definitions := range []string{"v1beta1", "v1"} {
		known := index.types["apiextensions.k8s.io."+definitions+".CustomResourceDefinition"]
		if known == nil {
			continue
		}
		for _, entry := range known.entries {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var crd definitionSchemas
			object, err := reader.bytes(entry)
			if err != nil || json.Unmarshal(object, &crd) != nil || crd.Spec.Group != group {
				continue
			}
			if schema := crd.schema(version); schema != nil {
				schemas[crd.Spec.Names.Kind] = schema
			}
		}
	}
	if len(schemas) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]any{"components": map[string]any{"schemas": schemas}})
}

// definitionSchemas is what of a CustomResourceDefinition, v1 or v1beta1, tells the schemas of its versions.
type definitionSchemas struct {
	Spec struct {
		Group      string
		Names      struct{ Kind string }
		Validation definitionSchema
		Versions   []struct {
			Name   string
			Schema definitionSchema
		}
	}
}

type definitionSchema struct{ OpenAPIV3Schema map[string]json.RawMessage }

// schema is that of a version, named as an API server names it; nil where there is none.
func (d *definitionSchemas) schema(version string) json.RawMessage {
	schema := d.Spec.Validation.OpenAPIV3Schema
	for _, v := range d.Spec.Versions {
		if v.Name == version && v.Schema.OpenAPIV3Schema != nil {
			schema = v.Schema.OpenAPIV3Schema
		}
	}
	if schema == nil {
		return nil
	}
	// A definition need not speak of the metadata; an API server's document does.
	properties := map[string]json.RawMessage{}
	if json.Unmarshal(schema["properties"], &properties) != nil && schema["properties"] != nil {
		return nil
	}
	if properties["metadata"] == nil {
		properties["metadata"] = json.RawMessage(`{"type":"object"}`)
	}
	var err error
	if schema["properties"], err = json.Marshal(properties); err != nil {
		return nil
	}
	schema["x-kubernetes-group-version-kind"] = json.RawMessage(fmt.Sprintf(`[{"group":%s,"version":%s,"kind":%s}]`,
		quoted(d.Spec.Group), quoted(version), quoted(d.Spec.Names.Kind)))
	whole, err := json.Marshal(schema)
	if err != nil {
		return nil
	}
	return whole
}
