package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

// Lake is what a sync needs of lake.Lake.
type Lake interface {
	Snapshots(ctx context.Context, cluster, provider string) (map[string]store.Info, error)
	StateOf(ctx context.Context, partition lake.Partition, snapshot store.Info) (*lake.Committed, error)
	Retired(ctx context.Context, snapshot store.Info) (reason string, err error)
	Begin(committed *lake.Committed, partition lake.Partition) (*lake.Commit, error)
	WriteSync(ctx context.Context, cluster, provider string, rows []lake.SyncRow) error
	Cluster(ctx context.Context, id string) (cluster lake.Cluster, etag string, found bool, err error)
	ClusterOf(ctx context.Context, identity, id string) (other string, err error)
	PutCluster(ctx context.Context, cluster lake.Cluster, etag string) error
}

// Options are what one sync of one cluster needs.
type Options struct {
	Cluster  string // its id
	Name     string
	Tags     map[string]string
	Provider Provider
	Lake     Lake
	Scope    Scope
	// Identity is whose identity the cluster must have, or AnyIdentity; "": the one that the lake recorded.
	Identity string
	Changes  *Changes // what is recorded of differences; nil: all
	// IgnoreFields are paths that mean nothing, as in a diff, with [*] for all elements: where objects differ only there or below, they are
	// the same.
	IgnoreFields []string
	Timeout      time.Duration // of the whole sync, after which what was not listed is skipped; 0: none
	Redactor     *document.Redactor
	Concurrency  int     // resource types at once; at least 1
	Budget       *Budget // shared by the syncs that run side by side
	TempDir      string  // for sorting; "" is the system's
	Log          *slog.Logger
	Meter        *Meter            // progress, read by others while the sync runs
	Emit         func(Event) error // events, one at a time, each after the commit it speaks of; nil: none
	Order        *Order            // of the events of syncs that share Emit; nil: it has one of its own
	Now          func() time.Time
	// DryRun has nothing written to the lake and no event emitted. The Result is the one that the sync would have.
	DryRun bool
	// Planned is given, one at a time, each commit that a dry run would have made: its Versions and Changes can be read during the call.
	Planned func(ctx context.Context, partition lake.Partition, commit *lake.Commit) error
}

// Changes says what is recorded of the differences between two versions. Versions are recorded in any case.
type Changes struct {
	Enabled   bool // rows in the table changes
	Diff      bool // what changed, path by path; else only that something did
	Deletions bool // rows for deletions too
}

// AnyIdentity as Options.Identity lets a cluster be another one than the lake knows under its id.
const AnyIdentity = "any"

// Result is what a sync did.
type Result struct {
	Cluster       string
	Provider      string // the partition value, "" where the cluster could not be reached and was never seen before
	SyncID        string
	Status        lake.Status // complete, partial or failed; types that are forbidden or not served, and that nobody named, leave it complete
	ServerVersion string
	StartedAt     time.Time
	FinishedAt    time.Time
	Rows          []lake.SyncRow // one a type, sorted by type
	Committed     int            // partitions that got a new generation
	Usage         Usage          // what the provider asked of the cluster, where it counts
	Err           error          // why, where Status is failed: nothing could be listed, the lake failed, or the sync was interrupted
}

// Totals adds up the counts of all types.
func (r Result) Totals() (listed, created, updated, deleted int64) {
	for _, row := range r.Rows {
		listed, created, updated, deleted = listed+row.Listed, created+row.Created, updated+row.Updated, deleted+row.Deleted
	}
	return
}

// allTypes stands in a syncs row for every type of a cluster: nothing could be found out about any.
const allTypes = "*"

// Sync collects a cluster once. It returns an error only where the lake failed or the sync was interrupted; a cluster that could
// not be read, wholly or in part, is told by the Result. What was complete is committed in every case.
func Sync(ctx context.Context, options Options) (Result, error) {
	s := &clusterSync{Options: options}
	s.result = Result{Cluster: s.Cluster, SyncID: uuid.Must(uuid.NewV7()).String(), StartedAt: s.now()}
	if s.Order == nil {
		s.Order = new(Order)
	}
	if s.Meter == nil {
		s.Meter = new(Meter)
	}
	s.Meter.follow(s.Provider)
	err := s.run(ctx)
	if err == nil {
		err = s.emitErr
	}
	s.result.FinishedAt, s.result.Usage = s.now(), s.Meter.usage()
	s.Meter.phase.Store(phaseDone)
	if err != nil {
		s.result.Status, s.result.Err = lake.Failed, err
		if s.emitErr == nil {
			_ = s.emit(s.endedEvent()) // the sync has failed anyway, and says why
		}
		return s.result, fmt.Errorf("sync %s: %w", s.Cluster, err)
	}
	return s.result, s.emit(s.endedEvent())
}

type clusterSync struct {
	Options
	result    Result
	cluster   lake.Cluster
	etag      string
	snapshots map[string]store.Info // of the lake's types, when the sync began
	discovery Discovery
	listing   context.Context  // ends with Options.Timeout
	ignore    *document.Ignore // Options.IgnoreFields
	changes   Changes
	schemas   schemaSource
	vanished  []vanished          // what the lake knows or the scope names, and is not listed
	ancestors map[string][]string // type → the other versions of it that the lake knows and the cluster does not offer any more
	unserved  []string            // types that the cluster does not serve, though its discovery is whole

	mu       sync.Mutex           // guards what follows
	complete map[string]Resource  // types whose list was complete
	seen     map[string]seenTypes // of the complete types that something vanished depends on
	emitErr  error                // the first one
	planning sync.Mutex           // one call of Planned at a time
}

func (s *clusterSync) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

// registering is held while a cluster that the lake does not know is looked for among the others and recorded.
var registering sync.Mutex

func (s *clusterSync) run(ctx context.Context) error {
	if err := s.emit(s.clusterEvent(ClusterSyncStarted)); err != nil {
		return err
	}
	var found bool
	var err error
	if s.ignore, err = document.CompileIgnore(s.IgnoreFields); err != nil {
		return err
	}
	if s.changes = (Changes{Enabled: true, Diff: true, Deletions: true}); s.Changes != nil {
		s.changes = *s.Changes
	}
	s.schemas = schemaSource{provider: s.Provider, cluster: s.Cluster, log: s.Log}
	s.complete, s.seen = map[string]Resource{}, map[string]seenTypes{}
	s.listing = ctx
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		s.listing, cancel = context.WithTimeoutCause(ctx, s.Timeout, fmt.Errorf("sync_timeout: the sync was not done after %s", s.Timeout))
		defer cancel()
	}
	if s.cluster, s.etag, found, err = s.Lake.Cluster(ctx, s.Cluster); err != nil {
		return err
	}
	s.Meter.phase.Store(phaseDiscovering)
	discovery, err := s.Provider.Discover(s.listing)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s.listing.Err() != nil {
			err = context.Cause(s.listing)
		}
		return s.unreachable(ctx, err)
	}
	s.discovery, s.Scope.Source = discovery, discovery.Source
	registered := func() {}
	if !found {
		// Two new ids of one cluster must not both find that the lake does not know it.
		registering.Lock()
		registered = sync.OnceFunc(registering.Unlock)
		defer registered()
	}
	if err := s.identify(ctx, found); err != nil {
		return err
	}
	if !found {
		// Which provider a cluster runs at is written before anything else and never changes, so that its partitions never move.
		s.cluster = lake.Cluster{ID: s.Cluster, Provider: s.providerName(discovery)}
	}
	describe := func() {
		s.cluster.Name, s.cluster.Tags, s.cluster.ServerVersion = s.Name, pairs(s.Tags), discovery.ServerVersion
		if discovery.Identity != "" {
			s.cluster.Identity = discovery.Identity
		}
	}
	describe()
	if !found && !s.DryRun {
		if err := s.Lake.PutCluster(ctx, s.cluster, ""); err != nil {
			return err
		}
		// It may be another sync's that was faster, whose provider stands.
		if s.cluster, s.etag, _, err = s.Lake.Cluster(ctx, s.Cluster); err != nil {
			return err
		}
		if err := s.identify(ctx, true); err != nil {
			return err
		}
		describe()
	}
	registered()
	s.result.Provider, s.result.ServerVersion = s.cluster.Provider, discovery.ServerVersion
	tasks, err := s.plan(ctx)
	if err != nil {
		return err
	}
	s.list(ctx, tasks)
	if ctx.Err() == nil {
		s.settle(ctx)
	}
	return s.record(ctx)
}

func (s *clusterSync) providerName(discovery Discovery) string {
	for _, name := range []string{s.Tags["provider"], discovery.Provider} {
		if name != "" {
			return name
		}
	}
	return "unknown"
}

// unreachable records that nothing could be found out.
func (s *clusterSync) unreachable(ctx context.Context, cause error) error {
	s.Log.Info("cluster cannot be read", "cluster", s.Cluster, "error", cause)
	s.result.Err = cause
	s.result.Provider = s.cluster.Provider
	if s.result.Provider == "" {
		s.result.Provider = s.providerName(Discovery{})
	}
	s.result.Rows = []lake.SyncRow{s.row(allTypes, lake.Failed, cause)}
	return s.record(ctx)
}

func (s *clusterSync) row(resourceType string, status lake.Status, cause error) lake.SyncRow {
	row := lake.SyncRow{SyncID: s.result.SyncID, Type: resourceType, Status: status, StartedAt: s.now(), FinishedAt: s.now()}
	if cause != nil {
		row.Error = cause.Error()
	}
	return row
}

// plan decides what is listed, and what has to be settled of the types that are not.
func (s *clusterSync) plan(ctx context.Context) ([]Resource, error) {
	var err error
	if s.snapshots, err = s.Lake.Snapshots(ctx, s.Cluster, s.cluster.Provider); err != nil {
		return nil, err
	}
	offered := map[string]bool{}
	var tasks []Resource
	for _, resource := range s.discovery.Resources {
		offered[resource.Type()] = true
		if s.Scope.Covers(resource.Type()) {
			tasks = append(tasks, resource)
		}
	}
	closed, isClosed := s.Provider.(ClosedWorld)
	s.ancestors = map[string][]string{}
	for _, resourceType := range merged(slices.Collect(maps.Keys(s.snapshots)), s.Scope.Named()) {
		isCovered := s.Scope.Covers(resourceType)
		if offered[resourceType] && isCovered {
			continue
		}
		v := vanished{resourceType: resourceType}
		if snapshot, inLake := s.snapshots[resourceType]; inLake {
			v.inLake = true
			if v.retired, err = s.Lake.Retired(ctx, snapshot); err != nil {
				return nil, err
			}
		}
		down := s.groupDown(resourceType)
		v.successor = s.successorOf(resourceType)
		// Its objects are collected under another version, whether or not the scope covers this one.
		movable := v.inLake && down == nil && !offered[resourceType] && v.successor != nil && s.Scope.Covers(v.successor.Type()) &&
			!strings.HasPrefix(v.retired, lake.MovedTo)
		if !isCovered && !movable {
			if v.retired == "" {
				v.reason = lake.OutOfScope
				s.vanished = append(s.vanished, v)
			}
			continue
		}
		// One that was settled by an earlier sync is left alone, unless somebody counts on it or there is news of it.
		settled := v.retired != "" && v.retired != lake.OutOfScope && !s.Scope.Names(resourceType)
		if down != nil {
			if !settled {
				s.add(s.row(resourceType, lake.Skipped, down), nil)
			}
			continue
		}
		if movable {
			s.ancestors[v.successor.Type()] = append(s.ancestors[v.successor.Type()], resourceType)
		}
		if isClosed && !movable && !strings.HasPrefix(v.retired, lake.MovedTo) {
			if resource, ok := closed.Resource(resourceType); ok {
				tasks = append(tasks, resource)
				continue
			}
		}
		if !settled || movable {
			s.vanished = append(s.vanished, v)
		}
	}
	for _, group := range s.discovery.Unknown {
		prefix := Resource{Group: group.Group, Version: group.Version}.Type()
		if s.Scope.Covers(prefix + allTypes) {
			s.add(s.row(prefix+allTypes, lake.Skipped, group.Err), nil)
		}
	}
	return tasks, nil
}

// groupDown tells why nothing can be concluded of a type that is not offered: some version of its group could not be found out, which may be
// where it is served.
func (s *clusterSync) groupDown(resourceType string) error {
	group, _, _ := splitType(resourceType)
	for _, down := range s.discovery.Unknown {
		if (Resource{Group: down.Group}).APIGroup() == group {
			return fmt.Errorf("discover %s/%s: %w", down.Group, down.Version, down.Err)
		}
	}
	return nil
}

// successorOf gives the resource of the same group and kind that is offered at another version: one that is collected before others.
func (s *clusterSync) successorOf(resourceType string) *Resource {
	group, _, kind := splitType(resourceType)
	var found *Resource
	for i, resource := range s.discovery.Resources {
		if resource.APIGroup() == group && resource.Kind == kind && (found == nil || s.Scope.Covers(resource.Type())) {
			found = &s.discovery.Resources[i]
		}
	}
	return found
}

// splitType takes a resource type apart: "apps", "v1", "Deployment".
func splitType(resourceType string) (group, version, kind string) {
	rest, kind := cutLast(resourceType)
	group, version = cutLast(rest)
	return group, version, kind
}

func cutLast(text string) (before, after string) {
	if dot := strings.LastIndexByte(text, '.'); dot >= 0 {
		return text[:dot], text[dot+1:]
	}
	return "", text
}

// list lists the resources, some at once.
func (s *clusterSync) list(ctx context.Context, tasks []Resource) {
	s.Meter.phase.Store(phaseListing)
	s.Meter.types.Store(int64(len(tasks)))
	group := errgroup.Group{}
	group.SetLimit(max(1, s.Concurrency))
	for _, resource := range tasks {
		group.Go(func() error {
			s.add(s.syncType(ctx, resource), &resource)
			s.Meter.typesDone.Add(1)
			return nil
		})
	}
	_ = group.Wait() // what failed is in the rows
}

// add takes a row of the result, of a resource that was listed or of a type that was not.
func (s *clusterSync) add(row lake.SyncRow, listed *Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Rows = append(s.result.Rows, row)
	if row.Status == lake.Complete && listed != nil {
		s.complete[row.Type] = *listed
	}
}

// record writes the rows of this sync and the cluster's row. It does so after an interruption too, for a while.
func (s *clusterSync) record(ctx context.Context) error {
	interrupted := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	slices.SortFunc(s.result.Rows, func(a, b lake.SyncRow) int { return strings.Compare(a.Type, b.Type) })
	s.result.Status = s.status()
	if s.DryRun {
		return interrupted
	}
	if err := s.Lake.WriteSync(ctx, s.Cluster, s.result.Provider, s.result.Rows); err != nil {
		return errors.Join(interrupted, err)
	}
	if s.cluster.ID != "" {
		s.cluster.LastSyncID, s.cluster.LastSyncAt = s.result.SyncID, s.result.StartedAt
		s.cluster.LastSyncStatus = string(s.result.Status)
		s.cluster.ListedTypes = merged(s.cluster.ListedTypes, slices.Collect(maps.Keys(s.complete)))
		s.cluster.ListedScopes = s.listedScopes()
		if err := s.Lake.PutCluster(ctx, s.cluster, s.etag); err != nil {
			return errors.Join(interrupted, err)
		}
	}
	return interrupted
}

// listedScopes are the recorded scopes with those of this sync's complete lists.
func (s *clusterSync) listedScopes() []lake.Pair {
	scopes := slices.DeleteFunc(slices.Clone(s.cluster.ListedScopes), func(p lake.Pair) bool { _, again := s.complete[p.Key]; return again })
	for resourceType, resource := range s.complete {
		if narrows := s.Scope.Narrows(resource); narrows != "" {
			scopes = append(scopes, lake.Pair{Key: resourceType, Value: narrows})
		}
	}
	slices.SortFunc(scopes, func(a, b lake.Pair) int { return strings.Compare(a.Key, b.Key) })
	return scopes
}

func (s *clusterSync) status() lake.Status {
	if s.result.Err != nil {
		return lake.Failed
	}
	forbidden := false
	for _, row := range s.result.Rows {
		forbidden = forbidden || row.Status == lake.Forbidden
		switch {
		case row.Status == lake.Complete:
		case s.Scope.Names(row.Type):
			return lake.Partial
		case row.Status == lake.Forbidden, slices.Contains(s.unserved, row.Type):
			// Nobody counts on it: the row tells, and the sync did all it could.
		default:
			return lake.Partial
		}
	}
	if forbidden && len(s.complete) == 0 {
		// Credentials that may read nothing at all, as when all their rights were revoked, are nobody's intention.
		return lake.Partial
	}
	return lake.Complete
}

// merged is the sorted union.
func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func pairs(m map[string]string) []lake.Pair {
	all := make([]lake.Pair, 0, len(m))
	for key, value := range m {
		all = append(all, lake.Pair{Key: key, Value: value})
	}
	slices.SortFunc(all, func(a, b lake.Pair) int { return strings.Compare(a.Key, b.Key) })
	return all
}
