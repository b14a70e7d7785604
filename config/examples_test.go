package config_test

import (
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/kubernetes"
	"github.com/k8sq/k8sq/collector/manifests"
	"github.com/k8sq/k8sq/config"
)

const exampleKubeconfig = `apiVersion: v1
kind: Config
current-context: shop
contexts: [{name: shop, context: {cluster: shop, user: joe}}]
clusters: [{name: shop, cluster: {server: "https://127.0.0.1:6443"}}]
users: [{name: joe, user: {token: x}}]
`

// exampleCA is a certificate for nothing, made by openssl req -x509 -newkey ec.
const exampleCA = `-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUZCIfGSKC5mMsaAyChE0fXGgpr2owCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHZXhhbXBsZTAgFw0yNjExMjQxMTQ3NTRaGA8yMTI2MTAzMTEx
NDc1NFowEjEQMA4GA1UEAwwHZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABGjZxhaX7l7kQicXrrvqElkPYVjVRNnMM6u65P9U62pl3nfEnmQEGD2Px/4W
utjQIBtlGPMBlcN737Ddk8/aXdKjUzBRMB0GA1UdDgQWBBQooagSEED4o9hJ7gHs
LNIhZfJZfTAfBgNVHSMEGDAWgBQooagSEED4o9hJ7gHsLNIhZfJZfTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIADo1GddTDKDCTcFgILFiD+o4wTh
p+C2wfqXut7naQCzAiB4nvoWrvBEihupsnEAORnPaT6rdN7nTeHFT23qg2SUcw==
-----END CERTIFICATE-----
`

// TestExamples loads the configurations of examples/configs with the providers that k8sq has and opens every one of their clusters. (Those that
// name files of a machine that does not exist are only loaded, in their own folder.)
func TestExamples(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(kubeconfig, []byte(exampleKubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{
		"KUBECONFIG": kubeconfig, "KUBECONFIG_AWS": kubeconfig, "KUBECONFIG_DEV": exampleKubeconfig, "K8SQ_BUCKET": "inventory",
		"GKE_SERVER": "https://127.0.0.1:6443", "GKE_TOKEN": "x", "GKE_CA": base64.StdEncoding.EncodeToString([]byte(exampleCA)),
		"AKS_SERVER": "https://127.0.0.1:6443", "AKS_TOKEN": "x", "AKS_CA": exampleCA,
	}
	getenv := func(name string) string { return environment[name] }
	definitions := []collector.Definition{kubernetes.Definition(), manifests.Definition()}
	for _, name := range []string{"single-cluster", "multi-cloud", "gitops", "s3-endpoint"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "examples", "configs", name+".hcl")
			loaded, diagnostics := config.Load(file, definitions, getenv, nil)
			if len(diagnostics) > 0 {
				var printed strings.Builder
				_ = diagnostics.Write(&printed, 0, false)
				t.Fatal(printed.String())
			}
			if len(loaded.Providers) == 0 {
				t.Error("no provider")
			}
			for _, provider := range loaded.Providers {
				for _, definition := range definitions {
					if definition.Type != provider.Type {
						continue
					}
					environment := collector.Environment{Cluster: provider.ID, Dir: loaded.Dir, Getenv: getenv, Log: slog.New(slog.DiscardHandler)}
					opened, err := definition.Open(environment, provider.Config)
					if err != nil {
						t.Errorf("open %s: %v", provider.ID, err)
						continue
					}
					// Files are there to be read; what an API server would say is not.
					if provider.Type == "manifests" {
						discovery, err := opened.Discover(t.Context())
						if err != nil || len(discovery.Resources) != 3 {
							t.Errorf("%s: %+v, %v", provider.ID, discovery, err)
						}
					}
				}
			}
		})
	}
}

// TestGenerateForReal loads what k8sq init writes with the providers that k8sq has.
func TestGenerateForReal(t *testing.T) {
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kube config")
	if err := os.WriteFile(kubeconfig, []byte(exampleKubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, config.Name)
	text := config.Generate([]config.Context{{Name: "shop", File: kubeconfig, Server: "https://127.0.0.1:6443", Current: true}}, "")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diagnostics := config.Load(path, []collector.Definition{kubernetes.Definition(), manifests.Definition()}, func(string) string { return "" }, nil)
	if diagnostics.Err() != nil {
		t.Error(diagnostics.Err())
	}
}
