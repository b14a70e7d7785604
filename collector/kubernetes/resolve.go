package kubernetes

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/k8sq/k8sq/collector"
)

// serviceAccountDir is where Kubernetes mounts a pod's own credentials.
const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// target is a resolved configuration: which server, as whom, and how.
type target struct {
	rest     *rest.Config
	from     string // where the credentials come from, for messages
	timeout  time.Duration
	retries  int
	qps      float64
	burst    int
	pageSize int
}

// resolver turns a Config into a target. It reads files and the environment and reaches out to nothing.
type resolver struct {
	environment    collector.Environment
	serviceAccount string // the folder of the pod's own credentials
	problems       []collector.Problem
}

// resolve gives the target, or every problem that keeps it from being one.
func (r resolver) resolve(c *Config) (target, []collector.Problem) {
	t := target{retries: c.Retries, qps: c.QPS, burst: c.Burst, pageSize: c.PageSize}
	r.checkNumbers(c, &t)
	r.checkContradictions(c)
	r.checkEmpty(c)
	t.rest, t.from = r.source(c)
	if t.rest != nil {
		if isTrue(c.TLSInsecure) {
			// client-go refuses an authority together with the switch that ignores it.
			t.rest.Insecure, t.rest.CAFile, t.rest.CAData = true, "", nil
		}
		if c.Impersonate != nil {
			t.rest.Impersonate = rest.ImpersonationConfig{UserName: *c.Impersonate, Groups: c.ImpersonateGroups}
		}
	}
	if len(r.problems) > 0 {
		return target{}, r.problems
	}
	return t, nil
}

func (r *resolver) problem(attribute, summary, detail string) {
	r.problems = append(r.problems, collector.Problem{Attribute: attribute, Summary: summary, Detail: detail})
}

func (r *resolver) checkNumbers(c *Config, t *target) {
	timeout, err := time.ParseDuration(c.Timeout)
	if err != nil {
		r.problem("timeout", fmt.Sprintf("%q is not a duration", c.Timeout), `Write a number and a unit, such as "60s" or "2m".`)
	} else if timeout <= 0 {
		r.problem("timeout", "The timeout must be longer than nothing", `The default is "60s".`)
	}
	t.timeout = timeout
	if c.Retries < 0 {
		r.problem("retries", fmt.Sprintf("%d retries are less than none", c.Retries), "0 tries each request once; the default is 5.")
	}
	if c.QPS < 0 {
		r.problem("qps", fmt.Sprintf("%v requests a second are less than none", c.QPS), "0 sets no limit; the default is 50.")
	}
	if c.Burst < 1 && c.QPS > 0 {
		r.problem("burst", fmt.Sprintf("A burst of %d lets no request through", c.Burst), "Use at least 1; the default is 300.")
	}
	if c.PageSize <= 0 {
		r.problem("page_size", fmt.Sprintf("A page of %d objects holds nothing", c.PageSize), "Use at least 1; the default is 500.")
	}
}

// checkContradictions finds attributes that cannot stand together: each names the cluster, or the credentials, in another way.
func (r *resolver) checkContradictions(c *Config) {
	set := map[string]bool{
		"kubeconfig": c.Kubeconfig != nil, "context": c.Context != nil, "in_cluster": isTrue(c.InCluster), "server": c.Server != nil,
		"token": c.Token != nil, "token_file": c.TokenFile != nil, "ca_file": c.CAFile != nil, "ca_data": c.CAData != nil,
		"tls_insecure": isTrue(c.TLSInsecure), "impersonate": c.Impersonate != nil, "impersonate_groups": len(c.ImpersonateGroups) > 0,
	}
	for _, pair := range []struct{ one, other, detail string }{
		{"in_cluster", "kubeconfig", "Each names the cluster; keep one."},
		{"in_cluster", "server", "Each names the cluster; keep one."},
		{"server", "kubeconfig", "Each names the cluster; keep one."},
		{"context", "in_cluster", "A context is chosen in a kubeconfig; a pod's own service account has none."},
		{"context", "server", "A context is chosen in a kubeconfig; keep one of the two."},
		{"token", "token_file", "Keep one: token_file is for a token that is rotated."},
		{"ca_file", "ca_data", "Keep one of the two."},
		{"tls_insecure", "ca_file", "An authority is of no use where the certificate is not verified; keep one."},
		{"tls_insecure", "ca_data", "An authority is of no use where the certificate is not verified; keep one."},
	} {
		if set[pair.one] && set[pair.other] {
			r.problem(pair.one, fmt.Sprintf("%s and %s contradict each other", pair.one, pair.other), pair.detail)
		}
	}
	for _, name := range []string{"token", "token_file", "ca_file", "ca_data"} {
		if set[name] && !set["server"] {
			r.problem(name, name+" needs server", "Set server to the API server's URL; a kubeconfig and a pod bring their own credentials.")
		}
	}
	if set["impersonate_groups"] && !set["impersonate"] {
		r.problem("impersonate_groups", "impersonate_groups needs impersonate", "Kubernetes impersonates groups only together with a user.")
	}
}

// checkEmpty finds attributes that are set to nothing, as by an environment variable that is not there. Taking them for left out
// would read whatever cluster the defaults name, under this cluster's id.
func (r *resolver) checkEmpty(c *Config) {
	for _, attribute := range []struct {
		name  string
		value *string
	}{
		{"kubeconfig", (*string)(c.Kubeconfig)}, {"context", c.Context}, {"server", c.Server}, {"token", (*string)(c.Token)},
		{"token_file", c.TokenFile}, {"ca_file", c.CAFile}, {"ca_data", c.CAData}, {"impersonate", c.Impersonate},
	} {
		if attribute.value != nil && strings.TrimSpace(*attribute.value) == "" {
			r.problem(attribute.name, attribute.name+" is empty", "Leave it out, or see whether the environment variable it is taken from is set.")
		}
	}
}

// source finds the cluster and the credentials: as the block says, or else in the order that Config describes. Where the block names
// the cluster in two ways, which checkContradictions has told, each is looked at for problems of its own.
func (r *resolver) source(c *Config) (config *rest.Config, from string) {
	context := ""
	if c.Context != nil {
		context = *c.Context
	}
	if isSet((*string)(c.Kubeconfig)) {
		value := c.Kubeconfig.Reveal()
		if isContent(value) {
			config, from = r.fromContent(value, "kubeconfig", "the content of kubeconfig", context)
		} else {
			config, from = r.fromFiles([]string{r.path(value)}, "kubeconfig", context)
		}
	}
	if isSet(c.Server) {
		config, from = r.fromServer(c)
	}
	switch {
	case c.Kubeconfig != nil || c.Server != nil:
	case isTrue(c.InCluster):
		config, from = r.fromPod("in_cluster")
	case c.Token != nil || c.TokenFile != nil || c.CAFile != nil || c.CAData != nil:
		// They need server, and that was meant: the defaults would name another cluster.
	default:
		config, from = r.fromDefaults(context)
	}
	return config, from
}

func isSet(value *string) bool { return value != nil && strings.TrimSpace(*value) != "" }

func (r *resolver) fromDefaults(context string) (*rest.Config, string) {
	own := "KUBECONFIG_" + variableName(r.environment.Cluster)
	for _, variable := range []string{own, "KUBECONFIG"} {
		value := r.environment.Getenv(variable)
		if strings.TrimSpace(value) == "" {
			continue
		}
		if isContent(value) {
			return r.fromContent(value, "", "the content of "+variable, context)
		}
		return r.fromList(filepath.SplitList(value), variable, context)
	}
	home := defaultKubeconfig(r.environment.Getenv)
	if home != "" {
		if _, err := os.Stat(home); err == nil {
			return r.fromFiles([]string{home}, "", context)
		}
	}
	if r.environment.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		if context != "" {
			r.problem("context", fmt.Sprintf("There is no kubeconfig to choose the context %q in", context),
				fmt.Sprintf("Neither %s nor KUBECONFIG is set, and %s is not there.", own, orHome(home)))
			return nil, ""
		}
		return r.fromPod("")
	}
	r.problem("", "No credentials for the cluster were found",
		fmt.Sprintf("Set kubeconfig, server or in_cluster in this block, or one of the variables %s and KUBECONFIG; %s is not there, and this is not a pod of a cluster.",
			own, orHome(home)))
	return nil, ""
}

func orHome(path string) string {
	if path == "" {
		return "~/.kube/config"
	}
	return path
}

// fromPod takes the credentials that Kubernetes mounts into a pod, whose token is read again as it is rotated.
func (r *resolver) fromPod(attribute string) (*rest.Config, string) {
	host, port := r.environment.Getenv("KUBERNETES_SERVICE_HOST"), r.environment.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		r.problem(attribute, "This is not a pod of a cluster", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; use kubeconfig or server instead.")
		return nil, ""
	}
	tokenFile, caFile := filepath.Join(r.serviceAccount, "token"), filepath.Join(r.serviceAccount, "ca.crt")
	if !r.readable(attribute, tokenFile, "See whether the pod has a service account and automountServiceAccountToken is not false.") {
		return nil, ""
	}
	c := &rest.Config{Host: "https://" + net.JoinHostPort(host, port), BearerTokenFile: tokenFile}
	if _, err := os.Stat(caFile); err == nil {
		c.CAFile = caFile
		r.checkAuthority(attribute, caFile)
	}
	return c, "the pod's service account"
}

func (r *resolver) fromServer(c *Config) (*rest.Config, string) {
	u, err := url.Parse(*c.Server)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// The value is not repeated: a URL may carry a password.
		r.problem("server", "server is not the URL of an API server", `Write it as "https://host:port", without a user, a query or a fragment.`)
		u = nil
	}
	config := &rest.Config{Host: strings.TrimSuffix(*c.Server, "/")}
	attribute := ""
	if c.Token != nil {
		attribute, config.BearerToken = "token", strings.TrimSpace(c.Token.Reveal())
	}
	if isSet(c.TokenFile) {
		attribute, config.BearerTokenFile = "token_file", r.path(*c.TokenFile)
		r.readable("token_file", config.BearerTokenFile, "")
	}
	if u != nil && u.Scheme == "http" && attribute != "" && !isLoopback(u.Hostname()) {
		r.problem(attribute, "The token would cross the network in the clear", "Use an https:// server.")
	}
	if isSet(c.CAFile) {
		config.CAFile = r.path(*c.CAFile)
		r.checkAuthority("ca_file", config.CAFile)
	}
	if isSet(c.CAData) {
		config.CAData = authorityData(*c.CAData)
		if !holdsCertificate(config.CAData) {
			r.problem("ca_data", "ca_data holds no certificate", "It must be PEM (-----BEGIN CERTIFICATE-----), or the base64 of it.")
		}
	}
	return config, "the server attribute"
}

// path is a path of the configuration: from the user's home after "~/", else from the configuration's folder.
func (r *resolver) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home := homeDir(r.environment.Getenv); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(r.environment.Dir, name)
}

// readable reports a file that cannot be read, or is empty.
func (r *resolver) readable(attribute, path, hint string) bool {
	content, err := os.ReadFile(path)
	if err != nil {
		r.problem(attribute, fmt.Sprintf("%s cannot be read", path), joinSentences(reason(err), hint))
		return false
	}
	if len(strings.TrimSpace(string(content))) == 0 {
		r.problem(attribute, fmt.Sprintf("%s is empty", path), hint)
		return false
	}
	return true
}

func (r *resolver) checkAuthority(attribute, path string) {
	content, err := os.ReadFile(path)
	switch {
	case err != nil:
		r.problem(attribute, fmt.Sprintf("%s cannot be read", path), joinSentences(reason(err)))
	case !holdsCertificate(content):
		r.problem(attribute, fmt.Sprintf("%s holds no certificate", path), "It must be PEM (-----BEGIN CERTIFICATE-----).")
	}
}

func holdsCertificate(content []byte) bool {
	for {
		var block *pem.Block
		block, content = pem.Decode(content)
		if block == nil {
			return false
		}
		if block.Type == "CERTIFICATE" {
			return true
		}
	}
}

func authorityData(value string) []byte {
	if !strings.Contains(value, "-----BEGIN") {
		if decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), "")); err == nil {
			return decoded
		}
	}
	return []byte(value)
}

// variableName is a cluster's id as part of an environment variable's name: upper case, and _ for all but ASCII letters and digits.
func variableName(id string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, id)
}

func isTrue(value *bool) bool { return value != nil && *value }

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// reason is an error of the file system without the path, which the summary names.
func reason(err error) string {
	if pathError, ok := err.(*os.PathError); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}

// joinSentences makes sentences of what is there, each with its capital letter and full stop.
func joinSentences(parts ...string) string {
	var sentences []string
	for _, part := range parts {
		if part = strings.TrimSuffix(strings.TrimSpace(part), "."); part != "" {
			sentences = append(sentences, strings.ToUpper(part[:1])+part[1:]+".")
		}
	}
	return strings.Join(sentences, " ")
}
