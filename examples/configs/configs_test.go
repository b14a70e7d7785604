// Package configs_test loads the example configurations, so that what the documents show is what k8sq reads.
package configs_test

import (
	"path/filepath"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/kubernetes"
	"github.com/k8sq/k8sq/collector/manifests"
	"github.com/k8sq/k8sq/config"
)

// withoutCheck gives a provider type that takes what the real one takes and looks at nothing outside the file: the kubeconfigs and tokens that the
// examples name are not there.
func withoutCheck(definition collector.Definition) collector.Definition {
	definition.Check = func(collector.Environment, any) []collector.Problem { return nil }
	return definition
}

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	files = append(files, filepath.Join("..", "demo", "k8sq.hcl"))
	definitions := []collector.Definition{withoutCheck(kubernetes.Definition()), withoutCheck(manifests.Definition())}
	environment := func(name string) string { return "value-of-" + name }
	for _, file := range files {
		loaded, diagnostics := config.Load(file, definitions, environment, nil)
		for _, diagnostic := range diagnostics {
			t.Errorf("%s: %+v", file, diagnostic)
		}
		if loaded != nil && len(loaded.Providers) == 0 {
			t.Errorf("%s has no provider", file)
		}
	}
}
