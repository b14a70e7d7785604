// Package kubernetes is the provider that reads a Kubernetes API server.
//
// client-go's place is credentials and transport: kubeconfig files, exec plug-ins, token rotation, TLS. The bulk read is a raw
// JSON stream, split object by object, because decoding every object into a tree is four times slower than the server's encoder.
// This is the only package that imports client-go.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/k8sq/k8sq/collector"
)

// Config is what a provider "kubernetes" block may say. A pointer is nil where the attribute is left out.
//
// The cluster is named in one of these ways: kubeconfig, in_cluster, server, or none of them, which means the first that there is of
// KUBECONFIG_<ID>, KUBECONFIG, ~/.kube/config and the pod's own service account. context chooses among a kubeconfig's contexts.
type Config struct {
	Kubeconfig *collector.Secret `hcl:"kubeconfig,optional"` // a path, or the content itself
	Context    *string           `hcl:"context,optional"`

	InCluster *bool `hcl:"in_cluster,optional"`

	Server      *string           `hcl:"server,optional"` // a URL
	Token       *collector.Secret `hcl:"token,optional"`
	TokenFile   *string           `hcl:"token_file,optional"` // read again when the token in it is rotated
	CAFile      *string           `hcl:"ca_file,optional"`
	CAData      *string           `hcl:"ca_data,optional"` // PEM, or base64 of it, as a kubeconfig has it
	TLSInsecure *bool             `hcl:"tls_insecure,optional"`

	Impersonate       *string  `hcl:"impersonate,optional"` // a user
	ImpersonateGroups []string `hcl:"impersonate_groups,optional"`

	Timeout  string  `hcl:"timeout,optional"`   // a duration: how long the server may stay silent
	Retries  int     `hcl:"retries,optional"`   // of one request, after the first try
	QPS      float64 `hcl:"qps,optional"`       // requests a second; 0 sets no limit
	Burst    int     `hcl:"burst,optional"`     // requests above qps at once
	PageSize int     `hcl:"page_size,optional"` // objects of one page of a list
}

// Definition is the provider type "kubernetes".
func Definition() collector.Definition {
	return collector.Definition{
		Type:       "kubernetes",
		Identified: true,
		Config: func() any {
			return &Config{Timeout: "60s", Retries: 5, QPS: 50, Burst: 300, PageSize: 500}
		},
		Check: check,
		Open:  open,
	}
}

// check finds what is wrong with a block by doing all that open does. Making a client reaches out to nothing, but it is what parses
// certificates and keys.
func check(environment collector.Environment, config any) []collector.Problem {
	c, err := configOf(config)
	if err != nil {
		return []collector.Problem{{Summary: err.Error()}}
	}
	target, problems := resolver{environment: environment, serviceAccount: serviceAccountDir}.resolve(c)
	if len(problems) > 0 {
		return problems
	}
	client, err := newClient(target)
	if err != nil {
		return []collector.Problem{{
			Attribute: c.identity(), Summary: fmt.Sprintf("The credentials of %s cannot be used", target.from), Detail: joinSentences(err.Error()),
		}}
	}
	client.close()
	return nil
}

// identity is the attribute that most likely holds a certificate or a key that cannot be used.
func (c *Config) identity() string {
	switch {
	case c.Kubeconfig != nil:
		return "kubeconfig"
	case c.CAFile != nil:
		return "ca_file"
	case c.CAData != nil:
		return "ca_data"
	}
	return ""
}

func open(environment collector.Environment, config any) (collector.Provider, error) {
	c, err := configOf(config)
	if err != nil {
		return nil, err
	}
	target, problems := resolver{environment: environment, serviceAccount: serviceAccountDir}.resolve(c)
	if len(problems) > 0 {
		return nil, problemsError(environment.Cluster, problems)
	}
	return newProvider(environment, target)
}

// newProvider makes the client of a resolved target.
func newProvider(environment collector.Environment, target target) (*provider, error) {
	redirectClientLog.Do(func() { klog.SetSlogLogger(environment.Log) })
	client, err := newClient(target)
	if err != nil {
		return nil, fmt.Errorf("make the client of cluster %s from %s: %w", environment.Cluster, target.from, err)
	}
	return &provider{client: client, pageSize: target.pageSize, log: environment.Log}, nil
}

// redirectClientLog sends what client-go logs (a plug-in that failed to refresh a token) to the first provider's logger: its own
// default writes to standard error, through the progress line. The logger is global in klog, so there can only be one.
var redirectClientLog sync.Once

func configOf(config any) (*Config, error) {
	c, ok := config.(*Config)
	if !ok || c == nil {
		return nil, fmt.Errorf("the configuration is a %T, not a *kubernetes.Config", config)
	}
	return c, nil
}

func problemsError(cluster string, problems []collector.Problem) error {
	errs := make([]error, 0, len(problems))
	for _, problem := range problems {
		text := problem.Summary
		if problem.Attribute != "" {
			text = problem.Attribute + ": " + text
		}
		if problem.Detail != "" {
			text += ". " + problem.Detail
		}
		errs = append(errs, errors.New(text))
	}
	return fmt.Errorf("configuration of cluster %s: %w", cluster, errors.Join(errs...))
}

// provider reads one cluster.
type provider struct {
	client   *client
	pageSize int
	log      *slog.Logger
}

// Close lets go of the connections.
func (p *provider) Close() error {
	p.client.close()
	return nil
}

// userAgent is "k8sq/<version>", by which an API server's audit log tells k8sq's requests.
var userAgent = sync.OnceValue(func() string {
	version := "dev"
	if info, ok := debug.ReadBuildInfo(); ok {
		const module = "github.com/k8sq/k8sq"
		found := info.Main.Version
		if info.Main.Path != module {
			found = ""
			for _, dependency := range info.Deps {
				if dependency.Path == module {
					found = dependency.Version
				}
			}
		}
		if found != "" && !strings.HasPrefix(found, "(") {
			version = found
		}
	}
	return "k8sq/" + version
})

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
