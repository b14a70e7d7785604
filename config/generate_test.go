package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/config"
)

func TestGenerate(t *testing.T) {
	tests := map[string]struct {
		contexts []config.Context
		lake     string
		ids      []string
	}{
		"one":   {[]config.Context{{Name: "kind-dev", File: "/home/joe/.kube/config", Server: "https://127.0.0.1:6443", Current: true}}, "", []string{"kind-dev"}},
		"none":  {nil, "s3://bucket/k8s", nil},
		"clash": {[]config.Context{{Name: "a/b"}, {Name: "a b"}, {Name: "A-B", Current: true}, {Name: "a-b-2"}}, "", []string{"a-b", "a-b-2", "A-B-3", "a-b-2-2"}},
		"odd": {[]config.Context{{Name: "x${env.HOME}%{ if }\n\"\\", File: "C:\\Users\\joe", Server: "https://u:hunter2@h\nprovider \"x\" \"y\" {"}}, "a ${b}",
			[]string{"x-env.HOME-if"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := config.Generate(test.contexts, test.lake)
			if strings.Contains(text, leak) {
				t.Errorf("a server's password is written:\n%s", text)
			}
			loaded := load(t, text)
			if len(loaded.Providers) != len(test.ids) {
				t.Fatalf("%d providers in:\n%s", len(loaded.Providers), text)
			}
			for i, provider := range loaded.Providers {
				c := provider.Config.(*clusterConfig)
				if provider.ID != test.ids[i] || *c.Context != test.contexts[i].Name || (c.Kubeconfig == nil) != (test.contexts[i].File == "") ||
					c.Kubeconfig != nil && *c.Kubeconfig != test.contexts[i].File {
					t.Errorf("context %q became %s %+v, want id %s", test.contexts[i].Name, provider.ID, c, test.ids[i])
				}
			}
			want := test.lake
			if !strings.Contains(want, "://") {
				want = filepath.Join(loaded.Dir, want)
				if test.lake == "" {
					want = filepath.Join(loaded.Dir, "lake")
				}
			}
			if loaded.Lake.URL != want {
				t.Errorf("lake %q, want %q", loaded.Lake.URL, want)
			}
		})
	}
}

// TestGenerateGolden shows what k8sq init writes.
func TestGenerateGolden(t *testing.T) {
	text := config.Generate([]config.Context{
		{Name: "arn:aws:eks:us-east-1:123456789012:cluster/shop", File: "/home/joe/.kube/config", Server: "https://ABC.gr7.us-east-1.eks.amazonaws.com", Current: true},
		{Name: "gke_my-project_europe-west1_shop", File: "/home/joe/.kube/config", Server: "https://34.1.2.3"},
		{Name: "kind-dev"},
	}, "s3://inventory/k8s")
	golden := "testdata/generated.golden.hcl"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is not what is written now:\n%s", golden, text)
	}
}

func TestClusterID(t *testing.T) {
	for context, want := range map[string]string{
		"prod": "prod",
		"arn:aws:eks:eu-central-1:123456789012:cluster/shop": "shop",
		"arn:aws-cn:eks:cn-north-1:1:cluster/shop":           "shop",
		"gke_my-project_europe-west1-b_shop_two":             "shop_two",
		"kubernetes-admin@kubernetes":                        "kubernetes",
		"joe@shop.us-east-1.eksctl.io":                       "shop",
		"default/api-shop-example-com:6443/joe":              "api-shop-example-com",
		"kind-dev":                                           "kind-dev",
		"mein Büro":                                          "mein-B-ro",
		"joe@":                                               "joe",
		"../../x":                                            "x",
		"":                                                   "cluster",
		"///":                                                "cluster",
		"docker.desk":                                        "docker.desk",
	} {
		if got := config.ClusterID(context); got != want {
			t.Errorf("ClusterID(%q) = %q, want %q", context, got, want)
		}
	}
}
