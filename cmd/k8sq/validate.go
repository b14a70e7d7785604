package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

func newValidateCmd(a *app) *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration and, with --connect, the clusters and the lake",
		Long: `Checks the configuration and tells everything that is wrong with it, each with
its place. With --connect it also reaches out to each cluster and to the lake.
It writes nothing.
` + exitCodesHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runValidate(cmd.Context(), connect) },
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "reach out to the clusters and the lake")
	return cmd
}

func (a *app) runValidate(ctx context.Context, connect bool) error {
	loaded, err := a.configuration()
	if err != nil {
		return err
	}
	if err := a.validateKey(ctx, loaded, connect); err != nil {
		return err
	}
	name := loaded.Path
	if name == "" {
		name = "the current kubeconfig context"
	}
	if _, err := fmt.Fprintf(a.out, "%s is valid: %s, lake %s\n", name, plural(int64(len(loaded.Providers)), "cluster"), a.lakeOf(loaded).URL); err != nil {
		return err
	}
	if !connect {
		return nil
	}
	failed := a.connectLake(ctx, a.lakeOf(loaded))
	failed = a.connectClusters(ctx, loaded) || failed
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed {
		return &exitError{code: exitFailed}
	}
	return nil
}

func (a *app) connectLake(ctx context.Context, place config.Lake) (failed bool) {
	describe := func() (string, error) {
		files, err := a.openCache()
		if err != nil {
			return "", err
		}
		stored, err := openStore(ctx, place, false)
		if errors.Is(err, store.ErrNoRoot) && !strings.HasPrefix(place.URL, "s3://") {
			if info, statErr := os.Stat(place.URL); statErr == nil && !info.IsDir() {
				return "", err // a file is in the way
			}
			return "not there yet: the first sync makes it", nil
		}
		if err != nil {
			return "", err
		}
		l, err := lake.Open(ctx, stored, files)
		if errors.Is(err, lake.ErrNoLake) && !errors.Is(err, store.ErrNoRoot) {
			return "reachable, empty: the first sync makes the lake", nil
		}
		if err != nil {
			return "", err
		}
		return "reachable, id " + l.ID(), nil
	}
	text, err := describe()
	if err != nil {
		fmt.Fprintf(a.screen, "Error: lake %s: %v\n", place.URL, err)
		return true
	}
	fmt.Fprintf(a.out, "lake %s: %s\n", place.URL, text)
	return false
}

func (a *app) connectClusters(ctx context.Context, loaded *config.Config) (failed bool) {
	var mu sync.Mutex // one line at a time
	group := errgroup.Group{}
	group.SetLimit(clustersAtOnce)
	for _, block := range loaded.Providers {
		group.Go(func() error {
			discovery, err := a.discover(ctx, loaded, block)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = true
				fmt.Fprintf(a.screen, "Error: cluster %s: %v\n", block.ID, err)
				return nil
			}
			version := discovery.ServerVersion
			if version != "" {
				version = "Kubernetes " + version + ", "
			}
			fmt.Fprintf(a.out, "cluster %s: %s%s\n", block.ID, version, plural(int64(len(discovery.Resources)), "resource type"))
			for _, unknown := range discovery.Unknown {
				fmt.Fprintf(a.screen, "Warning: cluster %s: the resources of %s/%s are unknown: %v\n", block.ID, unknown.Group, unknown.Version, unknown.Err)
			}
			return nil
		})
	}
	_ = group.Wait() // each error was told
	return failed
}

func (a *app) discover(ctx context.Context, loaded *config.Config, block config.Provider) (collector.Discovery, error) {
	provider, err := definition(block.Type).Open(a.environment(loaded, block), block.Config)
	if err != nil {
		return collector.Discovery{}, err
	}
	if closer, ok := provider.(io.Closer); ok {
		defer closer.Close()
	}
	return provider.Discover(ctx)
}
