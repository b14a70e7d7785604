// Package manifests is the provider of type "manifests": YAML and JSON files stand for a cluster. A GitOps repository, a dump, a backup.
//
// # What is read
//
// paths are files, folders and globs; relative ones start from the configuration's folder, ~/ is the home folder. A folder is read with all
// below it: files named *.yaml, *.yml and *.json, none whose name, or whose folder's name, begins with a dot; links to folders are not
// followed. A file may hold several documents or JSON values, and Lists, whose items are taken one by one.
//
// A document that says neither apiVersion nor kind (a values.yaml) is skipped with a warning, as are Helm's Chart.yaml and the
// configuration of tools (a Kustomization, a kubeconfig). Anything else without apiVersion, kind or metadata.name is a mistake.
//
// A namespaced object without a namespace is in "default", as kubectl would have it, and a cluster-scoped one loses the namespace that it
// gives. Whether a kind is namespaced is known for Kubernetes' own groups; for others the CustomResourceDefinition says it where it is
// among the files, else such a kind is namespaced if any object of it names a namespace. Each version of a kind that is written is a
// resource of its own.
//
// # What may be concluded
//
// The files are a closed world: what they do not hold does not exist. Hence everything that hides an object makes every list end with an
// error, after all that can be read, so that nothing is taken for deleted: a file or a folder that cannot be read, a document that cannot
// be parsed or is no object, a path without any object (a volume that was not mounted looks like that). An object that is declared twice
// does so for the lists of its type. The files are indexed by Discover and read again by List; one that changed in between ends a list with
// an error too.
//
// Errors name file and line and never quote the file: it may hold Secrets.
package manifests

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8sq/k8sq/collector"
)

// Config are the attributes of a provider block of this type.
type Config struct {
	Paths []string `hcl:"paths"`
	// CapturedAt is when the cluster stood as the files have it, in RFC 3339: the time of a dump. Empty: now.
	CapturedAt string `hcl:"captured_at,optional"`
}

// Definition describes the provider type.
func Definition() collector.Definition {
	return collector.Definition{
		Type:   "manifests",
		Config: func() any { return &Config{} },
		Check:  check,
		Open:   open,
	}
}

func check(environment collector.Environment, config any) []collector.Problem {
	c, ok := config.(*Config)
	if !ok {
		return []collector.Problem{{Summary: "Wrong configuration", Detail: fmt.Sprintf("It is a %T.", config)}}
	}
	var problems []collector.Problem
	if len(c.Paths) == 0 {
		problems = append(problems, collector.Problem{Attribute: "paths", Summary: "No paths", Detail: "Name at least one file, folder or glob."})
	}
	for _, path := range c.Paths {
		if err := checkPath(foldersOf(environment), path); err != nil {
			problems = append(problems, collector.Problem{Attribute: "paths", Summary: "Cannot read the manifests",
				Detail: err.Error() + ". Relative paths start from the configuration's folder."})
		}
	}
	if _, err := capturedAt(c); err != nil {
		problems = append(problems, collector.Problem{Attribute: "captured_at", Summary: "Invalid time",
			Detail: "The time of a dump is written as in RFC 3339: \"2026-11-24T06:00:00Z\"."})
	}
	return problems
}

func capturedAt(c *Config) (time.Time, error) {
	if c.CapturedAt == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, c.CapturedAt)
}

func open(environment collector.Environment, config any) (collector.Provider, error) {
	c, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open manifests of %s: the configuration is a %T", environment.Cluster, config)
	}
	at, err := capturedAt(c)
	if err != nil {
		return nil, fmt.Errorf("open manifests of %s: captured_at: %w", environment.Cluster, err)
	}
	return &provider{dir: foldersOf(environment), paths: c.Paths, capturedAt: at, log: environment.Log, asked: map[string]bool{}}, nil
}

type provider struct {
	dir        folders
	paths      []string
	capturedAt time.Time
	log        *slog.Logger

	mu    sync.Mutex
	index *index          // of the last Discover
	asked map[string]bool // types that Resource was asked about: they may be listed without having been discovered
}

// Discover reads all files and keeps where each object is. A missing path is an error; what is wrong within a file is one of every List.
func (p *provider) Discover(ctx context.Context) (collector.Discovery, error) {
	index, err := scan(ctx, p.dir, p.paths, p.log)
	if err != nil {
		return collector.Discovery{}, err
	}
	p.mu.Lock()
	p.index = index
	p.mu.Unlock()
	discovery := collector.Discovery{CapturedAt: p.capturedAt, Source: p.paths}
	for _, name := range index.typeNames() {
		discovery.Resources = append(discovery.Resources, index.types[name].resource)
	}
	if len(discovery.Resources) == 0 {
		// There is no list whose error could tell it.
		if err := index.failures.err(); err != nil {
			return collector.Discovery{}, fmt.Errorf("no object can be read: %w", err)
		}
	}
	return discovery, nil
}

// Resource makes the provider a collector.ClosedWorld. The list of a type that no file holds is empty, and complete if every file could be
// read.
func (p *provider) Resource(resourceType string) (collector.Resource, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.index != nil {
		if known, found := p.index.types[resourceType]; found {
			return known.resource, true
		}
	}
	resource, ok := parseType(resourceType)
	if !ok {
		return collector.Resource{}, false
	}
	if p.index != nil {
		resource.Namespaced = p.index.scopes.namespaced(resource.Group, resource.Kind, true)
	}
	p.asked[resourceType] = true
	return resource, true
}

// parseType takes group.version.Kind apart.
func parseType(resourceType string) (collector.Resource, bool) {
	rest, kind, ok := cutLast(resourceType, ".")
	if !ok {
		return collector.Resource{}, false
	}
	group, version, ok := cutLast(rest, ".")
	if !ok || group == "" || !isVersion(version) || !isKind(kind) {
		return collector.Resource{}, false
	}
	if group == "core" {
		group = ""
	}
	return collector.Resource{Group: group, Version: version, Kind: kind, Plural: plural(kind), Ordered: true}, true
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return "", "", false
	}
	return text[:at], text[at+len(separator):], true
}

// List reads the objects of a type again, or those of some namespaces, in order of their resource ids, each in the form that the package comment describes.
func (p *provider) List(ctx context.Context, resource collector.Resource, selection collector.Selection, each func(object []byte) error) (collector.Listing, error) {
	if err := ctx.Err(); err != nil {
		return collector.Listing{}, err
	}
	p.mu.Lock()
	index, asked := p.index, p.asked[resource.Type()]
	p.mu.Unlock()
	if index == nil {
		return collector.Listing{}, fmt.Errorf("list %s: the manifests have not been discovered", resource.Type())
	}
	known, found := index.types[resource.Type()]
	if !found && !asked {
		return collector.Listing{}, fmt.Errorf("list %s: there is none in the manifests", resource.Type())
	}
	var failures failures
	if found {
		reader := reader{index: index}
		defer reader.close()
		for _, entry := range known.entries {
			if err := ctx.Err(); err != nil {
				return collector.Listing{}, err
			}
			if len(selection.Namespaces) > 0 && known.resource.Namespaced && !slices.Contains(selection.Namespaces, namespaceOf(entry)) {
				continue
			}
			object, err := reader.object(known.resource, entry)
			if err != nil {
				failures.add(err)
				continue
			}
			if err := each(object); err != nil {
				return collector.Listing{}, err
			}
		}
		if err := reader.close(); err != nil {
			failures.add(err)
		}
		failures.join(known.duplicates)
	}
	failures.join(index.failures)
	if err := failures.err(); err != nil {
		return collector.Listing{}, fmt.Errorf("list %s: %w", resource.Type(), err)
	}
	return collector.Listing{}, nil
}

// failures are what makes a list incomplete. Only the first few are spelt out: one mistake can have thousands.
type failures struct {
	first []error
	more  int
}

const shownFailures = 5

func (f *failures) add(err error) {
	if len(f.first) < shownFailures {
		f.first = append(f.first, err)
		return
	}
	f.more++
}

// addLazily is add for what costs something to tell: it is asked only for those that are spelt out.
func (f *failures) addLazily(tell func() error) {
	if len(f.first) < shownFailures {
		f.add(tell())
		return
	}
	f.more++
}

func (f *failures) join(other failures) {
	for _, err := range other.first {
		f.add(err)
	}
	f.more += other.more
}

func (f *failures) err() error {
	switch {
	case len(f.first) == 0:
		return nil
	case len(f.first) == 1 && f.more == 0:
		return f.first[0]
	}
	texts := make([]string, len(f.first))
	for i, err := range f.first {
		texts[i] = err.Error()
	}
	text := strings.Join(texts, "; ")
	if f.more > 0 {
		text += fmt.Sprintf("; and %d more", f.more)
	}
	return errors.New(text)
}
