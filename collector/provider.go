// Package collector reads the objects of clusters and records what changed: provider contract, normalisation, redaction,
// digest, diff, and the sync pipeline that joins a sorted list of objects with the lake's last state of them.
//
// It knows Kubernetes' object model (metadata, spec, status) but no client: how a cluster is read is a Provider's business.
package collector

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Definition is a kind of provider, as the first label of a provider block names it. cmd/k8sq registers each explicitly.
type Definition struct {
	Type string // "kubernetes", "manifests"
	// Identified tells that its clusters have an Identity, so that the provider block may say which.
	Identified bool
	// Config makes a pointer to a struct whose `hcl` tags (gohcl's) are the block's attributes, set to their defaults.
	Config func() any
	// Check finds what is wrong with a decoded Config without reaching out to any cluster: every problem, not the first.
	Check func(environment Environment, config any) []Problem
	// Open makes the provider of one cluster. It may read files but does not reach out: the first call of Discover does.
	Open func(environment Environment, config any) (Provider, error)
}

// Environment is what surrounds a provider block.
type Environment struct {
	Cluster string                   // the cluster's id, the block's second label
	Dir     string                   // the folder that relative paths start from: the configuration file's
	Getenv  func(name string) string // os.Getenv, but in tests
	Log     *slog.Logger             // never nil
}

// Problem is one thing wrong with a configuration. Attribute names the attribute at fault ("" for the block itself).
type Problem struct {
	Attribute string
	Summary   string // a short sentence without a full stop
	Detail    string // what to do about it
}

// Provider reads one cluster, or whatever stands for one. Its methods may be called concurrently. All that crosses is plain data, so that
// an adapter in another process can come later. An optional io.Closer is closed after the last call. A ClosedWorld says that what it does
// not discover does not exist. collectortest.Run proves an implementation.
type Provider interface {
	// Discover tells what can be listed. An error means that nothing is known: unreachable, wrong credentials.
	Discover(ctx context.Context) (Discovery, error)
	// List calls each once for every object of the resource, with its JSON, which is valid only during the call. An error from each
	// ends the list and comes back. An error after some objects means that the list is incomplete: nothing is then taken for
	// deleted. ErrExpired asks the caller to start the list anew. The objects of one List are one state of the resource, or, of several
	// namespaces, one of each.
	List(ctx context.Context, resource Resource, selection Selection, each func(object []byte) error) (Listing, error)
}

// Selection narrows a list; the zero value wants all of a resource. Every provider honours Namespaces. Labels and Fields are only given to one
// that is Identifying.
type Selection struct {
	Namespaces []string // only objects of these, sorted, each once; nil: of all. Never given for a resource without namespaces
	Labels     string   // a label selector as Kubernetes writes it: "app=web,tier!=cache,env in (prod,test)"
	Fields     string   // a field selector: "status.phase!=Succeeded"
}

// Identifying is an optional power of a Provider: it narrows lists by labels and fields at their source, and can tell what exists without
// reading it. An object that a narrowed list no longer holds may be deleted or may only have changed; Identities tells which.
type Identifying interface {
	// Identities calls each once for every object of the resource in the given namespaces (nil: all), whatever its labels and fields.
	// It fails as List does.
	Identities(ctx context.Context, resource Resource, namespaces []string, each func(resourceID, uid string) error) (Listing, error)
}

// Metered is an optional power of a Provider: it counts what it asks of the cluster.
type Metered interface {
	// Usage tells what it has asked so far. It may be called at any time.
	Usage() Usage
}

// Usage is what a provider asked of a cluster.
type Usage struct {
	Requests int64         // that were sent
	Retries  int64         // of them, after a failure
	Refused  int64         // by the cluster, for being too many (429)
	Waiting  int           // that wait now for the provider's own limit of requests
	Waited   time.Duration // in which at least one did
	Limits   string        // that limit as the provider block has it ("qps = 50, burst = 100"), "" where there is none
}

// ClosedWorld is an optional power of a Provider whose source is all there is (a folder of manifests): a type that Discover does not
// give has no objects, and may be listed to say so. A Kubernetes cluster is none: there a missing type may be an API that is down.
type ClosedWorld interface {
	// Resource gives the resource to list for a resource type that the lake knows; false where the name is none.
	Resource(resourceType string) (Resource, bool)
}

// Discovery is what a cluster offers.
type Discovery struct {
	ServerVersion string // "v1.37.2", "" where there is none
	Provider      string // where the cluster runs: "aws", "gcp", "azure", "kind", …; "" where it cannot be told
	Resources     []Resource
	// Identity tells this cluster from every other, whatever it is called: the uid of its namespace kube-system; "" where it cannot be read.
	Identity string
	// Unknown are the groups whose resources could not be found out (an aggregated API that is down): nothing may be concluded of
	// their types.
	Unknown []UnknownGroup
	// Source are the places that the provider reads, as its configuration names them, where it reads no others: paths of manifests. Objects
	// of a place that is no longer among them are not deleted, unless none of the old places is.
	Source []string
	// CapturedAt is when the state that List reads stood, where that is not the moment of reading: the time of a dump. Zero: now.
	CapturedAt time.Time
}

// UnknownGroup is an API group and version ("metrics.k8s.io", "v1beta1") whose resources could not be found out, and why.
type UnknownGroup struct {
	Group, Version string
	Err            error
}

// Resource is one listable endpoint at the version it is read in.
type Resource struct {
	Group      string // "" for the legacy group, "apps"
	Version    string // "v1"
	Kind       string // "Deployment"
	Plural     string // "deployments", the endpoint's name
	Namespaced bool
	// Ordered: List calls back in byte order of the resource id. It is checked, and where it proves wrong the list is read again and
	// sorted; where it is false the list is sorted at once.
	Ordered bool
}

// Type is the resource type: group.version.Kind, with "core" for the legacy group.
func (r Resource) Type() string { return r.APIGroup() + "." + r.Version + "." + r.Kind }

// APIGroup is the group, with "core" for the legacy one.
func (r Resource) APIGroup() string {
	if r.Group == "" {
		return "core"
	}
	return r.Group
}

// Listing says of a finished list what its objects do not.
type Listing struct {
	ResourceVersion string // of the list, "" where there is none
}

// What a provider's errors wrap, where it can tell. Any other error of List means: failed, after all retries that make sense.
var (
	// ErrForbidden: the credentials are good but may not list this. Permanent for this sync.
	ErrForbidden = errors.New("forbidden")
	// ErrUnauthorized: the credentials are not accepted.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrExpired: the list's continue token expired midway; only a list from the beginning is consistent.
	ErrExpired = errors.New("the list's continue token expired")
	// ErrGone: the resource is no longer served (its CRD was removed after Discover).
	ErrGone = errors.New("no longer served")
)

// Secret is a credential: it prints as "(redacted)" whatever the verb, and in JSON and logs too. Reveal gives its value.
type Secret string

// Reveal gives the credential itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (s Secret) String() string { return "(redacted)" }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return "(redacted)" }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte("(redacted)"), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue("(redacted)") }
