package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake"
)

const (
	// clustersAtOnce bounds how many clusters are collected side by side.
	clustersAtOnce = 8
	// commitsAtOnce bounds how many large commits are put together at a time, over all clusters, and with it the memory.
	commitsAtOnce = 3
)

type syncOptions struct {
	clusters  []string
	json      bool
	events    bool
	acceptKey bool // another redaction key than before
}

func newSyncCmd(a *app) *cobra.Command {
	var options syncOptions
	cmd := &cobra.Command{
		Use:   "sync [CLUSTER ...]",
		Short: "Collect once",
		Long: `Collects the clusters of the configuration once, or those that are named, side
by side, and commits what changed to the lake. With no configuration it
collects the current kubeconfig context into ./lake.

A cluster that cannot be reached leaves the others alone. A resource type that
cannot be listed whole is told in the table syncs, and nothing of it is taken
for deleted.
` + exitCodesHelp,
		Example: `  k8sq sync
  k8sq sync prod-eu prod-us
  k8sq sync --json | jq .status
  k8sq sync --events | jq 'select(.type == "change.detected")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			options.clusters = args
			return a.runSync(cmd.Context(), options)
		},
	}
	cmd.Flags().BoolVar(&options.json, "json", false, "print a summary as JSON")
	cmd.Flags().BoolVar(&options.events, "events", false, "print every change as a CloudEvent, one JSON document a line, once it is committed")
	cmd.Flags().BoolVar(&options.acceptKey, "accept-new-redaction-key", false, "go on under another redaction key than before: every redacted value shows as changed once")
	return cmd
}

func (a *app) runSync(ctx context.Context, options syncOptions) error {
	if options.json && options.events {
		return usageError("--json and --events both take standard output: give one of them")
	}
	loaded, err := a.configuration()
	if err != nil {
		return err
	}
	providers, err := chosen(loaded, options.clusters)
	if err != nil {
		return err
	}
	if err := a.checkKeyPlace(loaded, a.lakeOf(loaded)); err != nil {
		return err
	}
	place, err := openStore(ctx, a.lakeOf(loaded), true)
	if err != nil {
		return err
	}
	files, err := a.openCache()
	if err != nil {
		return err
	}
	l, err := lake.Create(ctx, place, files)
	if err != nil {
		return err
	}

	redactor, err := a.redactor(ctx, loaded, l, providers, options.acceptKey)
	if err != nil {
		return err
	}

	run := &syncRun{app: a, loaded: loaded, lake: l, redactor: redactor, plain: a.above(), budget: collector.NewBudget(commitsAtOnce)}
	if options.json || options.events {
		run.plain = a.screen
	}
	if options.events {
		run.emit = newEventWriter(a.out).write
	}
	boundMemory()
	started := time.Now()
	stopProgress := run.progress(providers)
	err = run.all(ctx, providers)
	stopProgress()
	if writeErr := run.summarise(options, time.Since(started)); writeErr != nil && err == nil {
		err = writeErr
	}
	if err == nil && run.incomplete() {
		err = &exitError{code: exitIncomplete}
	}
	return err
}

// chosen are the provider blocks of the named clusters, or all.
func chosen(loaded *config.Config, clusters []string) ([]config.Provider, error) {
	if len(loaded.Providers) == 0 {
		return nil, usageError("%s has no provider block, so there is nothing to collect.\nWrite one for each cluster, or have \"k8sq init\" write them.", loaded.Path)
	}
	if len(clusters) == 0 {
		return loaded.Providers, nil
	}
	var providers []config.Provider
	for _, cluster := range clusters {
		provider, found := loaded.Provider(cluster)
		if !found {
			var ids []string
			for _, provider := range loaded.Providers {
				ids = append(ids, provider.ID)
			}
			return nil, usageError("no cluster %q in the configuration; it has %s", cluster, strings.Join(ids, ", "))
		}
		if !slices.ContainsFunc(providers, func(p config.Provider) bool { return p.ID == provider.ID }) {
			providers = append(providers, provider)
		}
	}
	return providers, nil
}

// syncRun is one run over some clusters.
type syncRun struct {
	*app
	loaded   *config.Config
	lake     *lake.Lake
	redactor *document.Redactor
	emit     func(collector.Event) error
	order    collector.Order // of the events of all clusters

	plain io.Writer // for people: standard output, but standard error where that is taken by JSON
	lines bool      // progress lines stand on the terminal

	mu      sync.Mutex
	meters  map[string]*collector.Meter
	results []collector.Result // in the order of the configuration once all ended
	waits   map[string]string  // cluster → whom it waits for
	budget  *collector.Budget
}

// all collects the clusters side by side. What fails for one leaves the others alone; the errors come back together.
func (r *syncRun) all(ctx context.Context, providers []config.Provider) error {
	results := make([]collector.Result, len(providers))
	errs := make([]error, len(providers))
	group := errgroup.Group{}
	group.SetLimit(clustersAtOnce)
	for i, provider := range providers {
		group.Go(func() error {
			results[i], errs[i] = r.one(ctx, provider)
			r.ended(results[i], errs[i])
			return nil
		})
	}
	_ = group.Wait() // each error is in errs
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = results
	return errors.Join(errs...)
}

func (r *syncRun) one(ctx context.Context, block config.Provider) (collector.Result, error) {
	failed := collector.Result{Cluster: block.ID, Status: lake.Failed, StartedAt: time.Now(), FinishedAt: time.Now()}
	provider, err := definition(block.Type).Open(r.environment(r.loaded, block), block.Config)
	if err != nil {
		failed.Err = err
		return failed, nil
	}
	if closer, ok := provider.(io.Closer); ok {
		defer closer.Close()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lease, err := r.lake.Acquire(ctx, block.ID, lake.Holder{}, lake.LeaseOptions{Waiting: func(holder lake.Holder) { r.waiting(block.ID, holder) }})
	if err != nil {
		failed.Err = err
		return failed, fmt.Errorf("sync %s: %w", block.ID, err)
	}
	defer func() {
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			r.log.Warn("the lease was not released: the next sync waits until it ends", "cluster", block.ID, "error", err)
		}
	}()
	go func() {
		select {
		case <-lease.Lost():
			cancel(fmt.Errorf("another collector took over the lease of %s", block.ID))
		case <-ctx.Done():
		}
	}()
	r.waiting(block.ID, lake.Holder{})
	return collector.Sync(ctx, collector.Options{
		Cluster: block.ID, Name: block.Name, Tags: block.Tags, Provider: provider, Lake: r.lake,
		Scope: block.Collect.Scope(), Identity: block.Identity, Redactor: r.redactor, Concurrency: block.Collect.Concurrency,
		Changes: &block.Collect.Changes, IgnoreFields: block.Collect.IgnoreFields, Timeout: block.Collect.SyncTimeout,
		Log: r.log, Meter: r.meter(block.ID), Emit: r.emit, Order: &r.order, Budget: r.budget,
	})
}

func (r *syncRun) incomplete() bool {
	return slices.ContainsFunc(r.results, func(result collector.Result) bool { return result.Status != lake.Complete })
}
