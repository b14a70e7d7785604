//go:build !demo

package main

import (
	"context"

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

// contexts are those of the user's kubeconfig files.
func contexts() ([]config.Context, error) {
	found, err := kubernetes.Contexts()
	all := make([]config.Context, 0, len(found))
	for _, context := range found {
		all = append(all, config.Context{Name: context.Name, File: context.File, Server: context.Server, Current: context.Current})
	}
	return all, err
}

func openS3(ctx context.Context, place config.Lake) (store.Store, error) {
	return s3.Open(ctx, s3.Config{
		URL: place.URL, Region: place.Region, Endpoint: place.Endpoint, PathStyle: place.PathStyle, Profile: place.Profile,
	})
}
