package e2e

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/collectortest"
	"github.com/k8sq/k8sq/collector/kubernetes"
	"github.com/k8sq/k8sq/test/e2e/servers"
)

// The conformance suite of providers, over a real API server.
func TestProvider(t *testing.T) {
	namespace(t, east, "conformance")
	customType(t, east, "conformance.example.com", "Crate")
	manifests := ""
	var crates []string
	for i := range 7 {
		manifests += fmt.Sprintf("---\napiVersion: conformance.example.com/v1\nkind: Crate\nmetadata: {name: crate-%d, namespace: conformance}\nspec: {quantity: %[1]d}\n", i)
		crates = append(crates, fmt.Sprintf("conformance/crate-%d", i))
	}
	apply(t, east, manifests)
	for name, kubeconfig := range map[string]func(t *testing.T, cluster *servers.Cluster) string{
		"administrator": admin,
		"ServiceAccount": func(t *testing.T, cluster *servers.Cluster) string {
			apply(t, cluster, `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-crates}
rules: [{apiGroups: [conformance.example.com], resources: [crates], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-crates}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-crates}
subjects: [{kind: ServiceAccount, name: reader, namespace: conformance}]
`)
			seen, path := reader(t, cluster, "conformance")
			mayList(t, seen, "/apis/conformance.example.com/v1/crates", true)
			return path
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := kubeconfig(t, east)
			collectortest.Run(t, collectortest.Case{
				Open: func(t *testing.T) collector.Provider {
					definition := kubernetes.Definition()
					config, ok := definition.Config().(*kubernetes.Config)
					if !ok {
						t.Fatalf("the configuration is a %T", definition.Config())
					}
					secret := collector.Secret(path)
					config.Kubeconfig, config.PageSize = &secret, 3
					environment := collector.Environment{Cluster: "east", Dir: filepath.Dir(path), Getenv: os.Getenv, Log: slog.New(slog.DiscardHandler)}
					if problems := definition.Check(environment, config); len(problems) > 0 {
						t.Fatal(problems)
					}
					provider, err := definition.Open(environment, config)
					if err != nil {
						t.Fatal(err)
					}
					return provider
				},
				Want:      map[string][]string{"conformance.example.com.v1.Crate": crates},
				MayForbid: name == "ServiceAccount",
			})
		})
	}
}
