package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

type planOptions struct {
	clusters []string
	refresh  bool
	rbac     bool
	detailed bool
	json     bool
	limit    int
}

func newPlanCmd(a *app) *cobra.Command {
	var options planOptions
	cmd := &cobra.Command{
		Use:   "plan [CLUSTER ...]",
		Short: "Show what a sync would collect and record, writing nothing",
		Long: `Shows for each cluster of the configuration, or those that are named: which
types a sync would list, how many objects they hold and about how long that
takes; what may not be listed with these credentials, and the ClusterRole that
would grant it; and what has changed since the last sync, as a sync would
record it.

It reads all that a sync reads, unless --refresh=false, and writes nothing: no
lake, no redaction key.
` + exitCodesHelp,
		Example: `  k8sq plan
  k8sq plan --refresh=false prod-eu
  k8sq plan --rbac prod-eu | kubectl apply -f -
  k8sq plan --json | jq '.clusters[].types[] | select(.status == "forbidden")'
  k8sq plan --detailed-exitcode || echo "something changed, or could not be read"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			options.clusters = args
			return a.runPlan(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.refresh, "refresh", true, "read every object, to tell what has changed; with =false the objects are only counted")
	flags.BoolVar(&options.rbac, "rbac", false, "print nothing but the whole ClusterRole that a sync needs")
	flags.BoolVar(&options.detailed, "detailed-exitcode", false, "exit with 4 if a sync would record something")
	flags.BoolVar(&options.json, "json", false, "print the plan as JSON")
	flags.IntVar(&options.limit, "limit", 100, "show so many changes of a cluster at most; 0 for all. JSON has all")
	return cmd
}

// plan is what plan --json prints.
type plan struct {
	Lake     string        `json:"lake"`
	Refresh  bool          `json:"refresh"`
	Add      int64         `json:"add"`
	Change   int64         `json:"change"`
	Delete   int64         `json:"delete"`
	Clusters []clusterPlan `json:"clusters"`
}

type clusterPlan struct {
	Cluster       string     `json:"cluster"`
	Status        string     `json:"status"` // complete, partial, failed: as the sync's would be
	Error         string     `json:"error,omitempty"`
	ServerVersion string     `json:"server_version,omitempty"`
	LastSyncAt    *time.Time `json:"last_sync_at,omitempty"` // null: this would be the first
	Objects       int64      `json:"objects"`
	Exact         bool       `json:"objects_exact"` // Objects is no estimate
	Bytes         int64      `json:"estimated_bytes,omitempty"`
	Seconds       float64    `json:"estimated_seconds"`
	Types         []typePlan `json:"types"`
	ClusterRole   string     `json:"missing_cluster_role,omitempty"` // YAML
	Add           int64      `json:"add"`
	Change        int64      `json:"change"`
	Delete        int64      `json:"delete"`
	// Uncompared are updates that may be of nothing but redacted values, of which nothing can be told without the key of the last sync.
	Uncompared int64           `json:"uncompared,omitempty"`
	Changes    []plannedChange `json:"changes,omitempty"`

	err        error
	read       bool // its objects were read
	otherKey   bool // the lake's values of it were hashed under another key than the redactor's
	namespaces []string
}

type typePlan struct {
	Type    string          `json:"type"`
	Status  lake.Status     `json:"status"`
	Objects int64           `json:"objects"`
	Bound   collector.Bound `json:"bound,omitempty"`
	Bytes   int64           `json:"estimated_bytes,omitempty"`
	Error   string          `json:"error,omitempty"`

	resource collector.Resource
}

type plannedChange struct {
	Operation  lake.Operation  `json:"operation"`
	Type       string          `json:"type"`
	ResourceID string          `json:"resource_id"`
	Paths      []string        `json:"paths,omitempty"`
	Diff       json.RawMessage `json:"diff,omitempty"`
}

func (c plannedChange) sign() string {
	switch c.Operation {
	case lake.Updated:
		return "~"
	case lake.Deleted:
		return "-"
	}
	return "+"
}

func (a *app) runPlan(ctx context.Context, options planOptions) error {
	switch {
	case options.limit < 0:
		return usageError("--limit: %d is negative", options.limit)
	case options.rbac && options.json:
		return usageError("--rbac prints YAML: give it without --json")
	case !options.refresh && options.detailed:
		return usageError("--detailed-exitcode needs to know what has changed: give it without --refresh=false")
	}
	loaded, err := a.configuration()
	if err != nil {
		return err
	}
	providers, err := chosen(loaded, options.clusters)
	if err != nil {
		return err
	}
	run := &planRun{app: a, loaded: loaded, options: options, budget: collector.NewBudget(commitsAtOnce)}
	if !options.rbac {
		if err := run.openLake(ctx); err != nil {
			return err
		}
		if err := run.openKey(ctx); err != nil {
			return err
		}
	}
	boundMemory()
	shown := &syncRun{app: a, loaded: loaded} // for its progress lines
	stop := shown.progress(providers)
	run.meter = shown.meter
	result := plan{Lake: a.lakeOf(loaded).URL, Refresh: options.refresh, Clusters: run.all(ctx, providers)}
	stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	incomplete := false
	var misconfigured error
	for _, cluster := range result.Clusters {
		result.Add, result.Change, result.Delete = result.Add+cluster.Add, result.Change+cluster.Change, result.Delete+cluster.Delete
		incomplete = incomplete || cluster.Status != string(lake.Complete)
		if errors.Is(cluster.err, collector.ErrIdentity) {
			misconfigured = cluster.err
		}
	}
	switch {
	case options.rbac:
		err = run.showRoles(result)
	case options.json:
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(result)
	default:
		err = run.show(result)
	}
	switch {
	case err != nil:
		return err
	case misconfigured != nil: // and told: the configuration leads to another cluster than it says
		return &exitError{code: exitUsage}
	case incomplete:
		return &exitError{code: exitIncomplete}
	case options.detailed && result.Add+result.Change+result.Delete > 0:
		return &exitError{code: exitFound}
	}
	return nil
}

// planRun is one plan over some clusters.
type planRun struct {
	*app
	loaded   *config.Config
	options  planOptions
	lake     *lake.Lake
	noLake   string // why there is none yet, "" where there is
	redactor *document.Redactor
	newKey   bool // the redactor's key is made up for this plan, because there is none
	meter    func(cluster string) *collector.Meter
	budget   *collector.Budget
}

// openLake opens the lake to compare with. One that is not there yet is empty, and stays away.
func (r *planRun) openLake(ctx context.Context) error {
	place := r.lakeOf(r.loaded)
	files, err := r.openCache()
	if err != nil {
		return err
	}
	stored, err := openStore(ctx, place, false)
	if err == nil {
		r.lake, err = lake.Open(ctx, stored, files)
	}
	if errors.Is(err, store.ErrNoRoot) || errors.Is(err, lake.ErrNoLake) {
		if info, statErr := os.Stat(place.URL); statErr == nil && !info.IsDir() {
			return err // a file is in the way
		}
		r.lake, r.noLake = lake.Empty(), place.URL
		return nil
	}
	return err
}

// openKey takes the redaction key, or makes one up that is forgotten.
func (r *planRun) openKey(context.Context) error {
	key, err := collector.RedactionKey(os.Getenv, keyFile(r.loaded))
	if errors.Is(err, collector.ErrNoKey) {
		key, r.newKey, err = make([]byte, 32), true, nil
		rand.Read(key) // never fails
	}
	if err != nil {
		return usageError("%w", err)
	}
	r.redactor, err = r.loaded.Redact.Rules.Redactor(key)
	if err != nil {
		return usageError("%w", err)
	}
	return nil
}

func (r *planRun) all(ctx context.Context, providers []config.Provider) []clusterPlan {
	plans := make([]clusterPlan, len(providers))
	group := errgroup.Group{}
	group.SetLimit(clustersAtOnce)
	for i, block := range providers {
		group.Go(func() error {
			plans[i] = clusterPlan{Cluster: block.ID, Status: string(lake.Complete), Types: []typePlan{}}
			if err := r.one(ctx, block, &plans[i]); err != nil {
				plans[i].Status, plans[i].Error, plans[i].err = string(lake.Failed), err.Error(), err
			}
			return nil
		})
	}
	_ = group.Wait() // each error is in its plan
	return plans
}

func (r *planRun) one(ctx context.Context, block config.Provider, p *clusterPlan) error {
	provider, err := definition(block.Type).Open(r.environment(r.loaded, block), block.Config)
	if err != nil {
		return err
	}
	if closer, ok := provider.(io.Closer); ok {
		defer closer.Close()
	}
	discovery, err := provider.Discover(ctx)
	if err != nil {
		return err
	}
	p.ServerVersion = discovery.ServerVersion
	scope := block.Collect.Scope()
	p.namespaces = scope.Selection(collector.Resource{Namespaced: true}, false).Namespaces
	for _, resource := range discovery.Resources {
		if scope.Covers(resource.Type()) {
			p.Types = append(p.Types, typePlan{Type: resource.Type(), Status: lake.Complete, resource: resource})
		}
	}
	for _, unknown := range discovery.Unknown {
		if name := (collector.Resource{Group: unknown.Group, Version: unknown.Version}).Type() + "*"; scope.Covers(name) {
			p.Types = append(p.Types, typePlan{Type: name, Status: lake.Skipped, Error: unknown.Err.Error()})
		}
	}
	slices.SortFunc(p.Types, func(a, b typePlan) int { return strings.Compare(a.Type, b.Type) })
	if r.options.rbac {
		p.ClusterRole = clusterRole(p.Cluster, p.resources(nil), true, p.namespaces)
		return nil
	}
	started := time.Now()
	if err := r.count(ctx, provider, scope, block.Collect.Concurrency, p); err != nil {
		return err
	}
	took := time.Since(started)
	if r.options.refresh {
		started = time.Now()
		if err := r.compare(ctx, block, provider, p); err != nil {
			return err
		}
		took = time.Since(started)
	} else if err := r.lastSync(ctx, p); err != nil {
		return err
	}
	p.add(scope, took)
	if missing := p.resources(func(t typePlan) bool { return t.Status == lake.Forbidden }); len(missing) > 0 {
		p.ClusterRole = clusterRole(p.Cluster, missing, discovery.Identity == "", p.namespaces)
	}
	return nil
}

// resources are those of the types that are wanted; nil: all.
func (p *clusterPlan) resources(wanted func(typePlan) bool) []collector.Resource {
	var all []collector.Resource
	for _, t := range p.Types {
		if t.resource.Plural != "" && (wanted == nil || wanted(t)) {
			all = append(all, t.resource)
		}
	}
	return all
}

// count tells of each type how many objects it holds, or why it may not be listed.
func (r *planRun) count(ctx context.Context, provider collector.Provider, scope collector.Scope, concurrency int, p *clusterPlan) error {
	counting, counts := provider.(collector.Counting)
	_, identifying := provider.(collector.Identifying)
	if !counts && r.options.refresh {
		return nil // the reading tells
	}
	group := errgroup.Group{}
	group.SetLimit(max(1, concurrency))
	for i := range p.Types {
		t := &p.Types[i]
		if t.Status != lake.Complete {
			continue
		}
		group.Go(func() error {
			selection := scope.Selection(t.resource, identifying)
			var count collector.Count
			var err error
			if counts {
				count, err = counting.Count(ctx, t.resource, selection)
			} else { // a provider of files, which are read as quickly as counted
				count.Bound = collector.Exactly
				_, err = provider.List(ctx, t.resource, selection, func(object []byte) error {
					count.Objects, count.Bytes = count.Objects+1, count.Bytes+int64(len(object))
					return nil
				})
			}
			if scope.Narrows(t.resource) != "" && count.Bound == collector.Exactly {
				count.Bound = bound(scope, t.resource, selection)
			}
			t.Objects, t.Bound, t.Bytes = count.Objects, count.Bound, count.Bytes
			t.fail(err)
			return nil
		})
	}
	_ = group.Wait() // each error is in its type
	return ctx.Err()
}

// bound says whether a selection is all that narrows a type, or the collector leaves out more.
func bound(scope collector.Scope, resource collector.Resource, selection collector.Selection) collector.Bound {
	only := collector.Scope{Namespaces: selection.Namespaces}
	if scope.Narrows(resource) == only.Narrows(resource) {
		return collector.Exactly
	}
	return collector.AtMost
}

// fail notes why a type cannot be listed.
func (t *typePlan) fail(err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, collector.ErrForbidden):
		t.Status = lake.Forbidden
	default:
		t.Status = lake.Failed
	}
	t.Error, t.Objects, t.Bytes, t.Bound = err.Error(), 0, 0, ""
}

// compare has a sync made that writes nothing, and notes what it would have.
func (r *planRun) compare(ctx context.Context, block config.Provider, provider collector.Provider, p *clusterPlan) error {
	if err := r.lastSync(ctx, p); err != nil {
		return err
	}
	result, err := collector.Sync(ctx, collector.Options{
		Cluster: block.ID, Name: block.Name, Tags: block.Tags, Provider: provider, Lake: r.lake,
		Scope: block.Collect.Scope(), Identity: block.Identity, Redactor: r.redactor, Concurrency: block.Collect.Concurrency,
		Changes: &block.Collect.Changes, IgnoreFields: block.Collect.IgnoreFields, Timeout: block.Collect.SyncTimeout,
		Log: r.log, Meter: r.meter(block.ID), Budget: r.budget, DryRun: true,
		Planned: func(ctx context.Context, partition lake.Partition, commit *lake.Commit) error {
			return r.planned(ctx, partition, commit, p)
		},
	})
	if err != nil {
		return err
	}
	if result.Err != nil {
		return result.Err
	}
	p.read, p.Status = true, string(result.Status)
	slices.SortStableFunc(p.Changes, func(a, b plannedChange) int { return strings.Compare(a.Type, b.Type) })
	if limit := r.options.limit; !r.options.json && limit > 0 && len(p.Changes) > limit {
		p.Changes = p.Changes[:limit]
	}
	for _, row := range result.Rows {
		at := slices.IndexFunc(p.Types, func(t typePlan) bool { return t.Type == row.Type })
		if at < 0 {
			p.Types = append(p.Types, typePlan{Type: row.Type})
			at = len(p.Types) - 1
		}
		t := &p.Types[at]
		if t.Objects > 0 {
			t.Bytes = t.Bytes / t.Objects * row.Listed
		}
		t.Status, t.Error, t.Objects, t.Bound = row.Status, row.Error, row.Listed, collector.Exactly
		if row.Status != lake.Complete {
			t.Bound = ""
		}
	}
	slices.SortFunc(p.Types, func(a, b typePlan) int { return strings.Compare(a.Type, b.Type) })
	return nil
}

// lastSync notes when the cluster was last synced, and whether under this redaction key.
func (r *planRun) lastSync(ctx context.Context, p *clusterPlan) error {
	cluster, _, found, err := r.lake.Cluster(ctx, p.Cluster)
	if err == nil && found && !cluster.LastSyncAt.IsZero() {
		p.LastSyncAt = &cluster.LastSyncAt
	}
	if err != nil || !found {
		return err
	}
	known, hashed, err := r.lake.RedactionKey(ctx, p.Cluster)
	if errors.Is(err, store.ErrForbidden) {
		err = nil // whoever may not read it sees hashes as changed
	}
	p.otherKey = hashed && known.ID != r.redactor.KeyID()
	return err
}

// planned notes what one commit would have recorded.
func (r *planRun) planned(ctx context.Context, partition lake.Partition, commit *lake.Commit, p *clusterPlan) error {
	nextChange, stop := iter.Pull2(commit.Changes(ctx))
	defer stop()
	kept := 0
	for version, err := range commit.Versions(ctx) {
		if err != nil {
			return err
		}
		planned := plannedChange{Operation: version.Operation, Type: partition.Type, ResourceID: version.ResourceID}
		if version.Operation != lake.Discovered {
			change, err, found := nextChange()
			if err != nil {
				return err
			}
			if found {
				planned.Paths, planned.Diff = slices.Clone(change.Paths), slices.Clone(change.Diff)
			}
		}
		switch version.Operation {
		case lake.Updated:
			if p.otherKey && onlyHashes(planned.Diff) {
				p.Uncompared++
				continue
			}
			p.Change++
		case lake.Deleted:
			p.Delete++
		default:
			p.Add++
		}
		// What is read by people is cut, and only that. Types come in no order, so that of each there must be enough.
		if r.options.json || r.options.limit == 0 || kept < r.options.limit {
			p.Changes = append(p.Changes, planned)
			kept++
		}
	}
	return nil
}

var hash = regexp.MustCompile(`hmac-sha256:[0-9a-f]{32}`)

// onlyHashes tells whether the values of a diff differ in nothing but what was hashed: under another key every hash is another.
func onlyHashes(diff []byte) bool {
	leaves, err := leavesOf(string(diff))
	if err != nil || len(leaves) == 0 {
		return false
	}
	for _, leaf := range leaves {
		if leaf.sign() != "~" || hash.ReplaceAllString(leaf.from, "") != hash.ReplaceAllString(leaf.to, "") {
			return false
		}
	}
	return true
}

// readRate is how many bytes of JSON a second a sync reads at least from a server that is not far away. It is the server's encoder that limits it:
// about 30 MB/s of one core.
const readRate = 20 << 20

// add adds the types up.
func (p *clusterPlan) add(scope collector.Scope, took time.Duration) {
	p.Exact = true
	forbidden, complete := false, 0
	for _, t := range p.Types {
		p.Objects, p.Bytes = p.Objects+t.Objects, p.Bytes+t.Bytes
		p.Exact = p.Exact && (t.Bound == collector.Exactly || t.Bound == "")
		switch {
		case t.Status == lake.Complete:
			complete++
		case t.Status == lake.Forbidden && !scope.Names(t.Type):
			forbidden = true
		case !p.read:
			p.Status = string(lake.Partial)
		}
	}
	if !p.read && forbidden && complete == 0 {
		p.Status = string(lake.Partial)
	}
	p.Seconds = took.Seconds()
	if !p.read {
		// Each type cost a request already, which is most of what a small one takes.
		p.Seconds += float64(p.Bytes) / readRate
	}
}
