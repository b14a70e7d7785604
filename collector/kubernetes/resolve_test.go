package kubernetes

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/k8sq/k8sq/collector"
)

// kubeconfig is a kubeconfig with a context a name, the first of them current, whose servers are https://<name>:6443.
func kubeconfig(names ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Config\ncurrent-context: %s\nclusters:\n", names[0])
	for _, name := range names {
		fmt.Fprintf(&b, "- name: %s\n  cluster: {server: 'https://%s:6443'}\n", name, name)
	}
	b.WriteString("users:\n- name: u\n  user: {token: s3cr3t}\ncontexts:\n")
	for _, name := range names {
		fmt.Fprintf(&b, "- name: %s\n  context: {cluster: %s, user: u}\n", name, name)
	}
	return b.String()
}

// decode reads the attributes of a block as package config does.
func decode(t *testing.T, attributes string) *Config {
	t.Helper()
	file, problems := hclsyntax.ParseConfig([]byte(attributes), "k8sq.hcl", hcl.InitialPos)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	config := Definition().Config()
	if problems := gohcl.DecodeBody(file.Body, nil, config); problems.HasErrors() {
		t.Fatal(problems)
	}
	return config.(*Config)
}

// place is a folder with files, a home and a pod's service account.
type place struct {
	dir, home, pod string
}

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{dir: t.TempDir(), home: t.TempDir(), pod: t.TempDir()}
	write(t, filepath.Join(p.dir, "one.yaml"), kubeconfig("one"))
	write(t, filepath.Join(p.dir, "two.yaml"), kubeconfig("two", "three"))
	write(t, filepath.Join(p.dir, "broken.yaml"), "apiVersion: v1\nkind: Config\nusers:\n- name: u\n  user: s3cr3t-of-a-broken-file\n")
	write(t, filepath.Join(p.dir, "none.yaml"), "apiVersion: v1\nkind: Config\n")
	write(t, filepath.Join(p.dir, "token"), "s3cr3t\n")
	write(t, filepath.Join(p.dir, "ca.pem"), authority)
	return p
}

// withHome and withPod make what the defaults look for.
func (p place) withHome(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(p.home, ".kube"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.home, ".kube", "config"), kubeconfig("home", "other"))
}

func (p place) withPod(t *testing.T) {
	t.Helper()
	write(t, filepath.Join(p.pod, "token"), "s3cr3t")
	write(t, filepath.Join(p.pod, "ca.crt"), authority)
}

// expand fills the places into a test's text.
func (p place) expand(s string) string {
	return strings.NewReplacer("DIR", p.dir, "HOMEDIR", p.home, "POD", p.pod).Replace(s)
}

func (p place) resolve(t *testing.T, attributes string, variables map[string]string) (target, []collector.Problem) {
	t.Helper()
	all := map[string]string{"HOME": p.home}
	for name, value := range variables {
		all[name] = p.expand(value)
	}
	e := environment(t, all)
	e.Dir = p.dir
	return resolver{environment: e, serviceAccount: p.pod}.resolve(decode(t, p.expand(attributes)))
}

// authority is a certificate for tests, valid or not: it is parsed when a connection is made.
const authority = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

var inPod = map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}

func with(base map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for name, value := range base {
		all[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// TestResolutionOrder: which server is read. Everything is there, and each case takes the first of it away.
func TestResolutionOrder(t *testing.T) {
	p := newPlace(t)
	p.withPod(t)
	everything := with(inPod, "KUBECONFIG_PROD_EU_1", "DIR/one.yaml", "KUBECONFIG", "DIR/two.yaml")
	for name, test := range map[string]struct {
		attributes string
		variables  map[string]string
		noHome     bool
		host       string
	}{
		"kubeconfig, relative":        {attributes: `kubeconfig = "two.yaml"`, variables: everything, host: "https://two:6443"},
		"kubeconfig, absolute":        {attributes: `kubeconfig = "DIR/two.yaml"`, variables: everything, host: "https://two:6443"},
		"kubeconfig, from home":       {attributes: `kubeconfig = "~/.kube/config"`, variables: everything, host: "https://home:6443"},
		"kubeconfig and context":      {attributes: "kubeconfig = \"two.yaml\"\ncontext = \"three\"", variables: everything, host: "https://three:6443"},
		"kubeconfig, content":         {attributes: "kubeconfig = <<E\n" + kubeconfig("inline") + "E\n", variables: everything, host: "https://inline:6443"},
		"kubeconfig, content in JSON": {attributes: `kubeconfig = "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"clusters\":[{\"name\":\"j\",\"cluster\":{\"server\":\"https://json:6443\"}}],\"contexts\":[{\"name\":\"j\",\"context\":{\"cluster\":\"j\",\"user\":\"\"}}]}"`, host: "https://json:6443"},
		"in_cluster":                  {attributes: `in_cluster = true`, variables: everything, host: "https://10.0.0.1:443"},
		"in_cluster = false":          {attributes: `in_cluster = false`, variables: everything, host: "https://one:6443"},
		"server":                      {attributes: `server = "https://direct:6443/"`, variables: everything, host: "https://direct:6443"},
		"server with a path":          {attributes: `server = "https://rancher/k8s/clusters/c-1"`, variables: everything, host: "https://rancher/k8s/clusters/c-1"},
		"KUBECONFIG_<ID>":             {variables: everything, host: "https://one:6443"},
		"KUBECONFIG_<ID>, content":    {variables: with(everything, "KUBECONFIG_PROD_EU_1", kubeconfig("inline")), host: "https://inline:6443"},
		"KUBECONFIG":                  {variables: with(everything, "KUBECONFIG_PROD_EU_1", ""), host: "https://two:6443"},
		"KUBECONFIG, a list":          {variables: with(inPod, "KUBECONFIG", "DIR/missing.yaml:DIR/one.yaml:DIR/two.yaml"), host: "https://one:6443"},
		"KUBECONFIG, a list, context": {attributes: `context = "three"`, variables: with(inPod, "KUBECONFIG", "DIR/one.yaml:DIR/two.yaml"), host: "https://three:6443"},
		"home":                        {variables: inPod, host: "https://home:6443"},
		"home, context":               {attributes: `context = "other"`, variables: inPod, host: "https://other:6443"},
		"in-cluster":                  {variables: inPod, noHome: true, host: "https://10.0.0.1:443"},
	} {
		t.Run(name, func(t *testing.T) {
			p := p
			if p.home = t.TempDir(); !test.noHome {
				p.withHome(t)
			}
			target, problems := p.resolve(t, test.attributes, test.variables)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if target.rest.Host != test.host {
				t.Errorf("server %s (from %s), want %s", target.rest.Host, target.from, test.host)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	p := newPlace(t)
	p.withPod(t)
	p.withHome(t)
	write(t, filepath.Join(p.dir, "files.yaml"), strings.Replace(kubeconfig("f"), "token: s3cr3t", "tokenFile: token", 1))
	for name, test := range map[string]struct {
		attributes string
		check      func(target) bool
	}{
		"server and token":      {`server = "https://s:1"` + "\n" + `token = "s3cr3t"`, func(t target) bool { return t.rest.BearerToken == "s3cr3t" && t.rest.BearerTokenFile == "" }},
		"server and token_file": {`server = "https://s:1"` + "\n" + `token_file = "token"`, func(t target) bool { return t.rest.BearerTokenFile == p.dir+"/token" && t.rest.BearerToken == "" }},
		"ca_file":               {`server = "https://s:1"` + "\n" + `ca_file = "ca.pem"`, func(t target) bool { return t.rest.CAFile == p.dir+"/ca.pem" }},
		"ca_data":               {`server = "https://s:1"` + "\n" + `ca_data = <<E` + "\n" + authority + "E\n", func(t target) bool { return string(t.rest.CAData) == authority }},
		"ca_data in base64":     {`server = "https://s:1"` + "\n" + `ca_data = "` + base64.StdEncoding.EncodeToString([]byte(authority)) + `"`, func(t target) bool { return string(t.rest.CAData) == authority }},
		"tls_insecure":          {`server = "https://s:1"` + "\n" + `tls_insecure = true`, func(t target) bool { return t.rest.Insecure }},
		"in_cluster": {`in_cluster = true`, func(t target) bool {
			return t.rest.BearerTokenFile == p.pod+"/token" && t.rest.CAFile == p.pod+"/ca.crt"
		}},
		"in_cluster, insecure":    {"in_cluster = true\ntls_insecure = true", func(t target) bool { return t.rest.Insecure && t.rest.CAFile == "" }},
		"kubeconfig":              {`kubeconfig = "one.yaml"`, func(t target) bool { return t.rest.BearerToken == "s3cr3t" }},
		"kubeconfig's token file": {`kubeconfig = "files.yaml"`, func(t target) bool { return t.rest.BearerTokenFile == p.dir+"/token" }},
		"content's token file":    {"kubeconfig = <<E\n" + strings.Replace(kubeconfig("f"), "token: s3cr3t", "tokenFile: token", 1) + "E\n", func(t target) bool { return t.rest.BearerTokenFile == p.dir+"/token" }},
		"impersonate":             {"kubeconfig = \"one.yaml\"\nimpersonate = \"u\"\nimpersonate_groups = [\"g\"]", func(t target) bool { return t.rest.Impersonate.UserName == "u" && t.rest.Impersonate.Groups[0] == "g" }},
		"defaults": {`kubeconfig = "one.yaml"`, func(t target) bool {
			return t.retries == 5 && t.qps == 50 && t.burst == 300 && t.pageSize == 500 && t.timeout.Seconds() == 60
		}},
		"numbers": {"kubeconfig = \"one.yaml\"\nretries = 0\nqps = 0\nburst = 0\npage_size = 7\ntimeout = \"2m\"", func(t target) bool {
			return t.retries == 0 && t.qps == 0 && t.pageSize == 7 && t.timeout.Minutes() == 2
		}},
	} {
		t.Run(name, func(t *testing.T) {
			target, problems := p.resolve(t, test.attributes, inPod)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if !test.check(target) {
				t.Errorf("the target is not what the block says: %v, %+v", target.rest, target)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		attributes string
		variables  map[string]string
		want       []string // "attribute: words of the summary and the detail", of every problem in order
	}{
		"nothing there": {want: []string{": No credentials KUBECONFIG_PROD_EU_1 HOMEDIR/.kube/config is not there"}},
		"every problem at once": {attributes: "timeout = \"soon\"\nretries = -1\nqps = -1\nburst = 0\npage_size = 0\nserver = \"nowhere\"\nin_cluster = true\ntoken = \"s3cr3t\"\ntoken_file = \"t\"\nimpersonate_groups = [\"g\"]",
			want: []string{"timeout: \"soon\" is not a duration", "retries: -1", "qps: -1", "page_size: 0", "in_cluster: server contradict", "token: token_file contradict", "impersonate_groups: needs impersonate", "server: not the URL", "token_file: DIR/t cannot be read"}},
		"burst of nothing":             {attributes: "kubeconfig = \"one.yaml\"\nburst = 0", want: []string{"burst: 0"}},
		"timeout of nothing":           {attributes: "kubeconfig = \"one.yaml\"\ntimeout = \"0s\"", want: []string{"timeout: longer than nothing"}},
		"kubeconfig and in_cluster":    {attributes: "kubeconfig = \"one.yaml\"\nin_cluster = true", want: []string{"in_cluster: kubeconfig contradict"}},
		"kubeconfig and server":        {attributes: "kubeconfig = \"one.yaml\"\nserver = \"https://s\"", want: []string{"server: kubeconfig contradict"}},
		"context and server":           {attributes: "context = \"one\"\nserver = \"https://s\"", want: []string{"context: server contradict"}},
		"ca_file and ca_data":          {attributes: "server = \"https://s\"\nca_file = \"ca.pem\"\nca_data = \"x\"", want: []string{"ca_file: ca_data contradict", "ca_data: holds no certificate"}},
		"tls_insecure and ca_file":     {attributes: "server = \"https://s\"\nca_file = \"ca.pem\"\ntls_insecure = true", want: []string{"tls_insecure: ca_file contradict"}},
		"token without server":         {attributes: "token = \"s3cr3t\"", want: []string{"token: needs server"}},
		"token and ca without server":  {attributes: "kubeconfig = \"one.yaml\"\ntoken_file = \"token\"\nca_data = \"x\"", want: []string{"token_file: needs server", "ca_data: needs server"}},
		"empty kubeconfig":             {attributes: `kubeconfig = ""`, want: []string{"kubeconfig: empty environment variable"}},
		"empty token":                  {attributes: "server = \"https://s\"\ntoken = \" \"", want: []string{"token: empty"}},
		"missing kubeconfig":           {attributes: `kubeconfig = "missing.yaml"`, want: []string{"kubeconfig: DIR/missing.yaml cannot be read No such file"}},
		"kubeconfig is a folder":       {attributes: `kubeconfig = "."`, want: []string{"kubeconfig: DIR cannot be read"}},
		"unparsable kubeconfig":        {attributes: `kubeconfig = "broken.yaml"`, want: []string{"kubeconfig: DIR/broken.yaml cannot be parsed"}},
		"unparsable content":           {attributes: "kubeconfig = \"apiVersion: v1\\nusers: [s3cr3t\"", want: []string{"kubeconfig: content of kubeconfig cannot be parsed"}},
		"content of something else":    {attributes: "kubeconfig = \"apiVersion: v1\\nkind: Secret\\ndata: s3cr3t\"", want: []string{"kubeconfig: cannot be parsed"}},
		"no context at all":            {attributes: `kubeconfig = "none.yaml"`, want: []string{"kubeconfig: DIR/none.yaml has no context"}},
		"unknown context":              {attributes: "kubeconfig = \"two.yaml\"\ncontext = \"four\"", want: []string{"context: DIR/two.yaml has no context \"four\" It has: three, two."}},
		"unknown context of variable":  {attributes: `context = "four"`, variables: map[string]string{"KUBECONFIG": "DIR/one.yaml:DIR/two.yaml"}, want: []string{"context: no context \"four\" It has: one, three, two."}},
		"context without a kubeconfig": {attributes: `context = "four"`, variables: inPod, want: []string{"context: no kubeconfig to choose the context \"four\""}},
		"variable names nothing":       {variables: map[string]string{"KUBECONFIG": "DIR/missing.yaml"}, want: []string{": KUBECONFIG names no file that is there DIR/missing.yaml"}},
		"variable names a broken file": {variables: map[string]string{"KUBECONFIG": "DIR/one.yaml:DIR/broken.yaml"}, want: []string{": DIR/broken.yaml cannot be parsed"}},
		"not in a cluster":             {attributes: `in_cluster = true`, want: []string{"in_cluster: not a pod"}},
		"no service account":           {attributes: `in_cluster = true`, variables: inPod, want: []string{"in_cluster: POD/token cannot be read automountServiceAccountToken"}},
		"server is no URL":             {attributes: `server = "prod:6443"`, want: []string{"server: not the URL"}},
		"server with a password":       {attributes: `server = "https://u:s3cr3t@prod"`, want: []string{"server: not the URL"}},
		"token in the clear":           {attributes: "server = \"http://prod\"\ntoken = \"s3cr3t\"", want: []string{"token: in the clear"}},
		"token_file unreadable":        {attributes: "server = \"https://prod\"\ntoken_file = \"nothing\"", want: []string{"token_file: DIR/nothing cannot be read"}},
		"ca_file unreadable":           {attributes: "server = \"https://prod\"\nca_file = \"nothing\"", want: []string{"ca_file: DIR/nothing cannot be read"}},
		"ca_file is something else":    {attributes: "server = \"https://prod\"\nca_file = \"token\"", want: []string{"ca_file: DIR/token holds no certificate"}},
		"ca_data is something else":    {attributes: "server = \"https://prod\"\nca_data = \"s3cr3t\"", want: []string{"ca_data: holds no certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			_, problems := p.resolve(t, test.attributes, test.variables)
			var got []string
			for _, problem := range problems {
				got = append(got, problem.Attribute+": "+problem.Summary+" | "+problem.Detail)
				if strings.HasSuffix(problem.Summary, ".") {
					t.Errorf("%q ends with a full stop", problem.Summary)
				}
			}
			if strings.Contains(strings.Join(got, "\n"), "s3cr3t") {
				t.Errorf("a secret is told: %q", got)
			}
			if len(got) != len(test.want) {
				t.Fatalf("%d problems, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i, want := range test.want {
				attribute, words, _ := strings.Cut(want, ": ")
				if problems[i].Attribute != attribute {
					t.Errorf("%q is of attribute %q, want %q", got[i], problems[i].Attribute, attribute)
				}
				for _, word := range strings.Fields(p.expand(words)) {
					if !strings.Contains(got[i], word) {
						t.Errorf("%q does not say %q", got[i], word)
					}
				}
			}
		})
	}
}

// TestCheckAndOpenAgree: what Check finds keeps Open from opening, and says so.
func TestCheckAndOpenAgree(t *testing.T) {
	config := decode(t, "timeout = \"soon\"\nserver = \"https://s\"")
	e := environment(t, nil)
	if problems := Definition().Check(e, config); len(problems) != 1 {
		t.Errorf("Check finds %v, want one problem", problems)
	}
	if _, err := Definition().Open(e, config); err == nil || !strings.Contains(err.Error(), "cluster prod eu-1") || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("Open: %v, want an error that names the cluster and the attribute", err)
	}
	if problems := Definition().Check(e, "nonsense"); len(problems) != 1 {
		t.Errorf("Check of another type finds %v", problems)
	}
	if _, err := Definition().Open(e, "nonsense"); err == nil {
		t.Error("Open of another type succeeds")
	}
}

// TestCheckReadsCertificates: a client certificate that is none is found before the first sync.
func TestCheckReadsCertificates(t *testing.T) {
	bad := base64Of("s3cr3t")
	content := strings.Replace(kubeconfig("c"), "{token: s3cr3t}", fmt.Sprintf("{client-certificate-data: %s, client-key-data: %s}", bad, bad), 1)
	config := decode(t, "kubeconfig = <<E\n"+content+"E\n")
	problems := Definition().Check(environment(t, nil), config)
	if len(problems) != 1 || problems[0].Attribute != "kubeconfig" || !strings.Contains(problems[0].Summary, "context c") {
		t.Errorf("Check finds %+v, want one problem of kubeconfig", problems)
	}
	if strings.Contains(fmt.Sprint(problems), "s3cr3t") {
		t.Errorf("a secret is told: %v", problems)
	}
}

// TestConfigPrintsNoSecret: a Config that is logged shows neither a token nor a kubeconfig.
func TestConfigPrintsNoSecret(t *testing.T) {
	config := decode(t, "token = \"s3cr3t\"\nkubeconfig = \"s3cr3t\"")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(verb, *config) + fmt.Sprintf(verb, *config.Token) + fmt.Sprintf(verb, *config.Kubeconfig); strings.Contains(printed, "s3cr3t") {
			t.Errorf("%s prints %s", verb, printed)
		}
	}
}

func TestContexts(t *testing.T) {
	p := newPlace(t)
	p.withHome(t)
	t.Setenv("HOME", p.home)
	one, two := p.dir+"/one.yaml", p.dir+"/two.yaml"
	check := func(what string, paths []string, want []ContextInfo, wantCurrent string) {
		t.Helper()
		got, err := Contexts(paths...)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		current, err := CurrentContext(paths...)
		if err != nil || current != wantCurrent {
			t.Errorf("%s: current context %q, %v, want %q", what, current, err, wantCurrent)
		}
	}
	t.Setenv("KUBECONFIG", "")
	home := filepath.Join(p.home, ".kube", "config")
	check("home", nil, []ContextInfo{{"home", "home", "https://home:6443", true, home}, {"other", "other", "https://other:6443", false, home}}, "home")
	t.Setenv("KUBECONFIG", two+":"+p.dir+"/missing.yaml:"+one)
	check("KUBECONFIG", nil, []ContextInfo{
		{"one", "one", "https://one:6443", false, one}, {"three", "three", "https://three:6443", false, two}, {"two", "two", "https://two:6443", true, two},
	}, "two")
	check("a path", []string{one}, []ContextInfo{{"one", "one", "https://one:6443", true, one}}, "one")
	t.Setenv("KUBECONFIG", p.dir+"/missing.yaml")
	check("nothing there", nil, nil, "")

	if _, err := Contexts(p.dir + "/missing.yaml"); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a path that is not there: %v", err)
	}
	if _, err := Contexts(p.dir + "/broken.yaml"); err == nil || !strings.Contains(err.Error(), "broken.yaml") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("a path that cannot be parsed: %v", err)
	}
}
