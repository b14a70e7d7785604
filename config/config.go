// Package config reads k8sq.hcl: the lake, a provider block for each cluster, and what is collected from them.
//
// Everything wrong with a file is found in one go, each problem with its file, line, column and source line (Diagnostics). No secret that
// the file or the environment holds gets into a diagnostic: see mask.go.
package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/k8sq/k8sq/collector"
)

// Name is the file that k8sq looks for in the working directory.
const Name = "k8sq.hcl"

// DefaultLake is the folder of the lake where none is named, beside the configuration.
const DefaultLake = "lake"

// DefaultConcurrency is how many resource types of a cluster are listed at a time.
const DefaultConcurrency = 4

// Config is a configuration without mistakes.
type Config struct {
	Path      string // the file as it was named, "" where there is none
	Dir       string // the folder that relative paths start from: the file's, or the working directory
	Lake      Lake
	Providers []Provider // in the order of the file
	Collect   Collect    // what holds for a cluster whose block says nothing else
	Redact    Redact
}

// Lake says where the data are.
type Lake struct {
	// URL is s3://bucket/prefix or a folder; a relative folder has been joined to Config.Dir.
	URL       string
	Region    string // "" leaves it to the AWS SDK's own chain, as do the others
	Endpoint  string
	PathStyle *bool // nil: path style where there is an endpoint
	Profile   string
	Range     Range // of url, or of the lake block; zero where there is none
}

// Provider is one provider block: one cluster.
type Provider struct {
	Type string // the definition's
	ID   string // the cluster's id
	Name string // for people; the id where none is given
	Tags map[string]string
	// Config is what the definition's Config function made, with the block's attributes decoded into it.
	Config any
	// Collect is what holds for this cluster: the defaults, and over them what its own block says.
	Collect Collect
	// Identity is whose identity the cluster must have, or collector.AnyIdentity; "": the one that the lake knows.
	Identity string
	Range    Range // of the block's header; zero where there is no file
}

// Provider gives the provider block of a cluster.
func (c *Config) Provider(cluster string) (Provider, bool) {
	for _, provider := range c.Providers {
		if provider.ID == cluster {
			return provider, true
		}
	}
	return Provider{}, false
}

// Default is the configuration without a file: the current kubeconfig context, read by the definition "kubernetes" as it is by default,
// into ./lake of the folder dir. The cluster's id is made of the context's name, see ClusterID.
func Default(dir string, definitions []collector.Definition, context string) (*Config, error) {
	definition, found := find(definitions, "kubernetes")
	if !found {
		return nil, fmt.Errorf("no provider of type %q is built in", "kubernetes")
	}
	id := ClusterID(context)
	return &Config{
		Dir:       dir,
		Lake:      Lake{URL: filepath.Join(dir, DefaultLake)},
		Providers: []Provider{{Type: definition.Type, ID: id, Name: id, Config: definition.Config(), Collect: defaultCollect()}},
		Collect:   defaultCollect(),
	}, nil
}

// Load reads a configuration file. The Config is nil where the Diagnostics hold an error; warnings leave it usable. Values of environment
// variables come from getenv, and log is what the definitions' checks get as their environment's.
func Load(path string, definitions []collector.Definition, getenv func(string) string, log *slog.Logger) (*Config, Diagnostics) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, Diagnostics{unreadable(path, err)}
	}
	file, problems := hclsyntax.ParseConfig(source, path, hcl.InitialPos)
	l := &loader{
		path:        path,
		dir:         filepath.Dir(path),
		definitions: definitions,
		getenv:      getenv,
		log:         log,
		broken:      map[*hclsyntax.Attribute]bool{},
		sensitive:   sensitiveNames(definitions),
	}
	l.problems = problems
	var root *hclsyntax.Body
	if file != nil {
		root, _ = file.Body.(*hclsyntax.Body)
	}
	var config *Config
	if root != nil {
		l.problems = nil
		config = l.config(root)
		l.problems = slices.Concat(problems, trustworthy(l.problems, root, problems))
	}
	diagnostics := render(l.problems, source, root, l.sensitive)
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return config, diagnostics
}

// trustworthy keeps what can be relied on in a file with syntax errors. In a block with one, a name that is not known stays so, while
// what is missing may only be missing because the parser did not get there.
func trustworthy(problems hcl.Diagnostics, root *hclsyntax.Body, syntax hcl.Diagnostics) hcl.Diagnostics {
	spoilt := func(place hcl.Range) bool {
		block := outermost(root, place)
		return slices.ContainsFunc(syntax, func(problem *hcl.Diagnostic) bool {
			// An attribute that is given twice is the parser's to tell but does not stop it.
			if problem.Summary == "Attribute redefined" || problem.Subject == nil {
				return false
			}
			in := outermost(root, *problem.Subject)
			return in == nil || in == block
		})
	}
	var kept hcl.Diagnostics
	for _, problem := range problems {
		named := strings.HasPrefix(problem.Summary, "Unsupported ") || problem.Summary == summaryNotYet
		if named || problem.Subject != nil && !spoilt(*problem.Subject) {
			kept = append(kept, problem)
		}
	}
	return kept
}

func unreadable(path string, err error) Diagnostic {
	diagnostic := Diagnostic{Severity: Error, Summary: "Cannot read the configuration", Range: Range{File: path}}
	info, statErr := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		diagnostic.Detail = fmt.Sprintf("There is no file %s. Write one with \"k8sq init\", or name another with --config or K8SQ_CONFIG.", path)
	case statErr == nil && info.IsDir():
		diagnostic.Detail = fmt.Sprintf("%s is a folder. Name the file in it, such as %s.", path, filepath.Join(path, Name))
	case os.IsPermission(err):
		diagnostic.Detail = fmt.Sprintf("This user may not read %s.", path)
	default:
		diagnostic.Detail = err.Error()
	}
	return diagnostic
}

func find(definitions []collector.Definition, providerType string) (collector.Definition, bool) {
	for _, definition := range definitions {
		if definition.Type == providerType {
			return definition, true
		}
	}
	return collector.Definition{}, false
}
