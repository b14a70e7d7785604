package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// clusterConfig has what a provider's configuration can have: the real ones are checked in examples_test.go.
type clusterConfig struct {
	Kubeconfig  *string          `hcl:"kubeconfig,optional"`
	Context     *string          `hcl:"context,optional"`
	Server      *string          `hcl:"server,optional"`
	Bearer      collector.Secret `hcl:"bearer,optional"`
	Token       collector.Secret `hcl:"token,optional"`
	CAData      *string          `hcl:"ca_data,optional"`
	PageSize    int              `hcl:"page_size,optional"`
	TLSInsecure bool             `hcl:"tls_insecure,optional"`
	Impersonate *impersonate     `hcl:"impersonate,block"`
}

type impersonate struct {
	User   string   `hcl:"user"`
	Groups []string `hcl:"groups,optional"`
}

type filesConfig struct {
	Paths []string `hcl:"paths"`
}

var definitions = []collector.Definition{
	{
		Type:       "kubernetes",
		Identified: true,
		Config:     func() any { return &clusterConfig{PageSize: 500} },
		Check: func(environment collector.Environment, config any) []collector.Problem {
			c := config.(*clusterConfig)
			var problems []collector.Problem
			if c.PageSize < 1 {
				problems = append(problems, collector.Problem{Attribute: "page_size", Summary: "Invalid page size", Detail: "It is 100% wrong."})
			}
			if c.Token != "" && c.Server == nil {
				problems = append(problems, collector.Problem{Attribute: "token", Summary: "Token without a server", Detail: "Add server."})
			}
			if c.Kubeconfig != nil && strings.HasPrefix(*c.Kubeconfig, "missing") {
				problems = append(problems, collector.Problem{Attribute: "kubeconfig", Summary: "Cannot read the kubeconfig",
					Detail: filepath.Join(environment.Dir, *c.Kubeconfig) + " does not exist."})
			}
			if c.Kubeconfig == nil && c.Server == nil && c.Context == nil {
				problems = append(problems, collector.Problem{Summary: "No cluster", Detail: "Give a kubeconfig or a server."})
			}
			return problems
		},
	},
	{
		Type:   "manifests",
		Config: func() any { return &filesConfig{} },
		Check:  func(collector.Environment, any) []collector.Problem { return nil },
	},
}

// Everything that must never be seen in a diagnostic has this in it.
const leak = "hunter2"

func getenv(name string) string {
	return map[string]string{
		"KUBECONFIG_AWS": "/etc/aws.yaml", "TOKEN": leak + "-token", "LONG_TOKEN": "missing-" + leak + ".0123456789abcdef0123456789abcdef", "BUCKET": "inventory", "EMPTY": "",
		"BAD_JSON": `{"a": ` + leak, "JSON": `{"token": "` + leak + `", "n": [1, 2]}`, "BASE64": "aHVudGVyMg==", "BAD_UTF8": "\xff" + leak, "HOME": "/home/joe",
	}[name]
}

// TestDiagnostics loads each testdata/*.hcl and compares what is printed with the .golden file beside it.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden.hcl") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			loaded, diagnostics := config.Load(file, definitions, getenv, nil)
			if (loaded == nil) != diagnostics.HasErrors() {
				t.Errorf("config is nil: %v, has errors: %v", loaded == nil, diagnostics.HasErrors())
			}
			if (diagnostics.Err() != nil) != diagnostics.HasErrors() {
				t.Errorf("Err() = %v, has errors: %v", diagnostics.Err(), diagnostics.HasErrors())
			}
			var printed bytes.Buffer
			if err := diagnostics.Write(&printed, 100, false); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(printed.String(), leak) || diagnostics.Err() != nil && strings.Contains(diagnostics.Err().Error(), leak) {
				t.Errorf("a secret is printed:\n%s", printed.String())
			}
			golden := strings.TrimSuffix(file, ".hcl") + ".golden"
			if *update {
				if err := os.WriteFile(golden, printed.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(printed.Bytes(), want) {
				t.Errorf("%s is not what is printed now (go test -update rewrites it):\n%s", golden, printed.String())
			}
		})
	}
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.Name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, diagnostics := config.Load(path, definitions, getenv, nil)
	if len(diagnostics) > 0 {
		var printed bytes.Buffer
		_ = diagnostics.Write(&printed, 0, false)
		t.Fatalf("problems with a good configuration:\n%s", printed.String())
	}
	return loaded
}

func TestLoad(t *testing.T) {
	loaded := load(t, `
lake {
  url        = "s3://${env.BUCKET}/k8s"
  region     = "eu-central-1"
  endpoint   = "http://127.0.0.1:7070"
  path_style = true
  profile    = null
}
provider "kubernetes" "aws us/east" {
  name       = "AWS"
  kubeconfig = env["KUBECONFIG_AWS"]
  token      = jsondecode(env.JSON).token
  server     = "https://x"
  bearer     = base64decode(env.BASE64)
  page_size  = 2 * 50
  ca_data    = <<-EOT
    one
      two
  EOT
  tags = { provider = "aws", "k8s/env" = "prod", n = 1 }
  impersonate { user = "joe" }
}
provider "manifests" "gitops" {
  paths = ["./clusters/prod", "b.yaml"]
  name  = null
}
collect {
  concurrency = 8
  select { resource_types = ["core.v1.Pod", "apps.v1.*", "*.Secret", "rbac.authorization.k8s.io.v1beta1.Role"] }
  ignore { resource_types = [] }
}
redact { key_file = "../secret/key" }
`)
	if loaded.Lake.URL != "s3://inventory/k8s" || loaded.Lake.Region != "eu-central-1" || loaded.Lake.PathStyle == nil || !*loaded.Lake.PathStyle || loaded.Lake.Endpoint != "http://127.0.0.1:7070" ||
		loaded.Lake.Profile != "" || loaded.Lake.Range.Line != 3 || loaded.Lake.Range.Column != 16 {
		t.Errorf("lake = %+v", loaded.Lake)
	}
	if len(loaded.Providers) != 2 {
		t.Fatalf("providers = %+v", loaded.Providers)
	}
	aws, _ := loaded.Provider("aws us/east")
	c := aws.Config.(*clusterConfig)
	if *c.Kubeconfig != "/etc/aws.yaml" || c.Token.Reveal() != leak || c.Bearer.Reveal() != "hunter2" || c.PageSize != 100 || *c.CAData != "one\n  two\n" || c.Impersonate.User != "joe" {
		t.Errorf("kubernetes = %+v", c)
	}
	if aws.Type != "kubernetes" || aws.Name != "AWS" || !reflect.DeepEqual(aws.Tags, map[string]string{"provider": "aws", "k8s/env": "prod", "n": "1"}) || aws.Range.Line != 9 {
		t.Errorf("provider = %+v", aws)
	}
	gitops := loaded.Providers[1]
	if gitops.Name != "gitops" || !reflect.DeepEqual(gitops.Config, &filesConfig{Paths: []string{"./clusters/prod", "b.yaml"}}) {
		t.Errorf("provider = %+v", gitops)
	}
	if loaded.Collect.Concurrency != 8 || !loaded.Collect.Scope().Covers("apps.v1.Deployment") || loaded.Collect.Scope().Covers("batch.v1.Job") {
		t.Errorf("collect = %+v", loaded.Collect)
	}
	if loaded.Redact.KeyFile != filepath.Join(filepath.Dir(loaded.Dir), "secret", "key") {
		t.Errorf("redact = %+v, dir %s", loaded.Redact, loaded.Dir)
	}
}

func TestLoadDefaults(t *testing.T) {
	loaded := load(t, "")
	if loaded.Lake.URL != filepath.Join(loaded.Dir, "lake") || loaded.Collect.Concurrency != config.DefaultConcurrency || len(loaded.Providers) != 0 || loaded.Redact.KeyFile != "" {
		t.Errorf("%+v", loaded)
	}
	loaded = load(t, `provider "kubernetes" "a" { context = "x" }`)
	if c := loaded.Providers[0].Config.(*clusterConfig); c.PageSize != 500 {
		t.Errorf("a default of the definition is lost: %+v", c)
	}
	if loaded = load(t, "lake { url = \"~/lake\" }"); loaded.Lake.URL != "/home/joe/lake" {
		t.Errorf("lake = %+v", loaded.Lake)
	}
	loaded = load(t, "lake { url = \"data/../history\" }")
	if loaded.Lake.URL != filepath.Join(loaded.Dir, "history") {
		t.Errorf("lake = %+v", loaded.Lake)
	}
}

func TestFileFunction(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "my.hcl")
	if err := os.WriteFile(filepath.Join(dir, "ca.txt"), []byte("PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`provider "kubernetes" "a" {
  server  = "x"
  ca_data = file("./ca.txt")
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, diagnostics := config.Load(path, definitions, getenv, nil)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics.Err())
	}
	if got := *loaded.Providers[0].Config.(*clusterConfig).CAData; got != "PEM" {
		t.Errorf("ca_data = %q", got)
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	locked := filepath.Join(dir, "locked.hcl")
	if err := os.WriteFile(locked, nil, 0o000); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ path, want string }{
		"missing": {filepath.Join(dir, "none.hcl"), "There is no file " + filepath.Join(dir, "none.hcl")},
		"folder":  {dir, dir + " is a folder."},
		"locked":  {locked, "may not read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "locked" && os.Geteuid() == 0 {
				t.Skip("the superuser may read everything")
			}
			loaded, diagnostics := config.Load(test.path, definitions, getenv, nil)
			if loaded != nil || len(diagnostics) != 1 || !strings.Contains(diagnostics[0].Detail, test.want) {
				t.Errorf("%+v", diagnostics)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	got, err := config.Default("/work", definitions, "arn:aws:eks:eu-central-1:1:cluster/shop")
	if err != nil {
		t.Fatal(err)
	}
	if got.Lake.URL != filepath.Join("/work", "lake") || len(got.Providers) != 1 || got.Providers[0].ID != "shop" || got.Collect.Concurrency != config.DefaultConcurrency {
		t.Errorf("%+v", got)
	}
	if c, is := got.Providers[0].Config.(*clusterConfig); !is || c.PageSize != 500 {
		t.Errorf("%+v", got.Providers[0].Config)
	}
	if _, err := config.Default("/work", nil, "x"); err == nil {
		t.Error("no error without a kubernetes definition")
	}
}

func TestWriteColours(t *testing.T) {
	_, diagnostics := config.Load("testdata/types.hcl", definitions, getenv, nil)
	var plain, coloured bytes.Buffer
	_ = diagnostics.Write(&plain, 0, false)
	_ = diagnostics.Write(&coloured, 0, true)
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(coloured.String(), "\x1b[31mError\x1b[0m: ") || !strings.Contains(coloured.String(), "\x1b[1;4m") {
		t.Errorf("colours:\n%s\n%s", plain.String(), coloured.String())
	}
	stripped := strings.NewReplacer("\x1b[31m", "", "\x1b[33m", "", "\x1b[1;4m", "", "\x1b[0m", "").Replace(coloured.String())
	if stripped != plain.String() {
		t.Errorf("colours change the text:\n%s", stripped)
	}
}
