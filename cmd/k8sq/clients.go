//go:build !demo

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/kubernetes"
	"github.com/k8sq/k8sq/collector/manifests"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/s3"
)

// definitions are the providers that k8sq has.
func definitions() []collector.Definition {
	return []collector.Definition{kubernetes.Definition(), manifests.Definition()}
}

// currentContext is the name of kubectl's current context.
func currentContext() (string, error) { return kubernetes.CurrentContext() }

// contexts are those of the user's kubeconfig files, each with what keeps it from being used.
func contexts() ([]config.Context, error) {
	found, err := kubernetes.Contexts()
	all := make([]config.Context, 0, len(found))
	for _, context := range found {
		all = append(all, config.Context{
			Name: context.Name, File: context.File, Server: context.Server, Current: context.Current, Problem: contextProblem(context),
		})
	}
	return all, err
}

// contextProblem asks what a configuration with the context's block would be told.
func contextProblem(context kubernetes.ContextInfo) string {
	if context.Name == "" {
		return "It has no name"
	}
	if context.Server == "" {
		return fmt.Sprintf("The cluster %q that it names is not there, or has no server", context.Cluster)
	}
	definition := kubernetes.Definition()
	block := definition.Config().(*kubernetes.Config)
	file := collector.Secret(context.File)
	block.Kubeconfig, block.Context = &file, &context.Name
	environment := collector.Environment{Cluster: context.Name, Dir: ".", Getenv: os.Getenv, Log: slog.New(slog.DiscardHandler)}
	problems := definition.Check(environment, block)
	switch {
	case len(problems) == 0:
		return ""
	case problems[0].Detail == "":
		return problems[0].Summary
	}
	return problems[0].Summary + ": " + problems[0].Detail
}

func openS3(ctx context.Context, place config.Lake) (store.Store, error) {
	return s3.Open(ctx, s3.Config{
		URL: place.URL, Region: place.Region, Endpoint: place.Endpoint, PathStyle: place.PathStyle, Profile: place.Profile,
	})
}
