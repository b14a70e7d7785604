package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/k8sq/k8sq/collector"
)

// loader decodes one file and gathers what is wrong with it.
type loader struct {
	path, dir   string
	definitions []collector.Definition
	getenv      func(string) string
	log         *slog.Logger
	context     *hcl.EvalContext
	broken      map[*hclsyntax.Attribute]bool // attributes whose expression has no value: their problem is told, they count as present
	sensitive   map[string]bool               // attributes that are credentials by their type
	problems    hcl.Diagnostics
}

func (l *loader) problem(subject hcl.Range, summary, detail string, arguments ...any) {
	l.problems = append(l.problems, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, arguments...), Subject: &subject,
	})
}

func (l *loader) warning(subject hcl.Range, summary, detail string, arguments ...any) {
	l.problem(subject, summary, detail, arguments...)
	l.problems[len(l.problems)-1].Severity = hcl.DiagWarning
}

var rootSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "lake"}, {Type: "provider", LabelNames: []string{"type", "cluster id"}}, {Type: "collect"}, {Type: "redact"},
}}

func (l *loader) config(root *hclsyntax.Body) *Config {
	l.context = l.evalContext(root)
	config := &Config{
		Path:    l.path,
		Dir:     l.dir,
		Lake:    Lake{URL: filepath.Join(l.dir, DefaultLake)},
		Collect: defaultCollect(),
	}
	body := l.narrow(root, rootSchema, laterRoot)
	seen := map[string]*hclsyntax.Block{}
	for _, block := range body.Blocks {
		if block.Type == "provider" {
			continue
		}
		l.once(seen, block)
		switch block.Type {
		case "lake":
			l.lake(&config.Lake, block)
		case "collect":
			l.collect(&config.Collect, block)
			l.consistent(config.Collect, block.Body)
		case "redact":
			l.redact(&config.Redact, block)
		}
	}
	// The providers come last, wherever they stand: each takes on the defaults of the collect block.
	clusters := map[string]*hclsyntax.Block{}
	for _, block := range body.Blocks {
		if block.Type == "provider" && len(block.Labels) == 2 {
			l.provider(config, block, clusters)
		}
	}
	return config
}

func (l *loader) lake(lake *Lake, block *hclsyntax.Block) {
	var attributes struct {
		URL       *string `hcl:"url,optional"`
		Region    string  `hcl:"region,optional"`
		Endpoint  string  `hcl:"endpoint,optional"`
		PathStyle *bool   `hcl:"path_style,optional"`
		Profile   string  `hcl:"profile,optional"`
	}
	body, sound := l.decode(block.Body, &attributes, nil)
	lake.Range = rangeOf(block.DefRange())
	lake.Region, lake.Endpoint, lake.PathStyle, lake.Profile = attributes.Region, attributes.Endpoint, attributes.PathStyle, attributes.Profile
	if !sound {
		return
	}
	if attribute := body.Attributes["endpoint"]; attribute != nil {
		if parsed, err := url.Parse(attributes.Endpoint); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			l.problem(attribute.Expr.Range(), "Invalid endpoint", "An endpoint is the address of an S3 server, such as \"https://s3.example.com\".")
		}
	}
	if attributes.URL == nil {
		return
	}
	subject := body.Attributes["url"].Expr.Range()
	lake.Range = rangeOf(subject)
	scheme, rest, isURL := strings.Cut(*attributes.URL, "://")
	switch {
	case *attributes.URL == "":
		l.problem(subject, "Invalid lake URL", "It is empty. Give a folder, or s3://bucket/prefix.")
	case isURL && scheme == "s3":
		if bucket, _, _ := strings.Cut(rest, "/"); bucket == "" {
			l.problem(subject, "Invalid lake URL", "It names no bucket. Write s3://bucket/prefix.")
		}
		lake.URL = *attributes.URL
	case isURL:
		l.problem(subject, "Invalid lake URL", "A lake is a folder, or an S3 bucket: s3://bucket/prefix. For a server that speaks S3, name it with endpoint.")
	default:
		lake.URL = l.join(*attributes.URL)
		for _, name := range []string{"region", "endpoint", "path_style", "profile"} {
			if attribute := body.Attributes[name]; attribute != nil {
				l.warning(attribute.NameRange, "Argument without effect",
					"The lake is a folder, for which %s says nothing. For a bucket, url is s3://bucket/prefix.", name)
			}
		}
	}
}

func (l *loader) provider(config *Config, block *hclsyntax.Block, clusters map[string]*hclsyntax.Block) {
	provider := Provider{Type: block.Labels[0], ID: block.Labels[1], Range: rangeOf(block.DefRange())}
	switch first := clusters[provider.ID]; {
	case provider.ID == "" || strings.ContainsFunc(provider.ID, unicode.IsControl):
		l.problem(block.LabelRanges[1], "Invalid cluster id",
			"A cluster's id is a string that is not empty and has no control characters, such as \"prod-eu\".")
	case !collector.PartitionValue(provider.ID):
		l.problem(block.LabelRanges[1], "Invalid cluster id", noPartitionValue, provider.ID)
	case first != nil:
		l.problem(block.LabelRanges[1], "Duplicate cluster id",
			"The cluster %q is declared already, at %s. Each provider block needs an id of its own.", provider.ID, at(first.DefRange()))
	default:
		clusters[provider.ID] = block
	}
	definition, found := find(l.definitions, provider.Type)
	if !found {
		var known []string
		for _, definition := range l.definitions {
			known = append(known, definition.Type)
		}
		l.problem(block.LabelRanges[0], "Unknown provider type", "There is no provider %q.%s The providers are %s.",
			provider.Type, suggestion(provider.Type, known), strings.Join(known, ", "))
		return
	}

	var own struct {
		Name              *string           `hcl:"name,optional"`
		Tags              map[string]string `hcl:"tags,optional"`
		Namespaces        []string          `hcl:"namespaces,optional"`
		ExcludeNamespaces []string          `hcl:"exclude_namespaces,optional"`
	}
	var identified struct {
		Identity *string `hcl:"identity,optional"`
	}
	provider.Config = definition.Config()
	ownSchema, _ := gohcl.ImpliedBodySchema(own)
	schema, _ := gohcl.ImpliedBodySchema(provider.Config)
	identifiedSchema := &hcl.BodySchema{}
	if definition.Identified {
		identifiedSchema, _ = gohcl.ImpliedBodySchema(identified)
	}
	common := slices.Concat(ownSchema.Attributes, identifiedSchema.Attributes)
	merged := &hcl.BodySchema{
		Attributes: slices.Concat(common, schema.Attributes),
		Blocks:     append(slices.Clone(schema.Blocks), hcl.BlockHeaderSchema{Type: "collect"}),
	}
	body := l.narrow(block.Body, merged, laterProvider)
	ownSound := l.into(only(body, ownSchema.Attributes), &own)
	if l.into(only(body, identifiedSchema.Attributes), &identified) && identified.Identity != nil {
		provider.Identity = *identified.Identity
		if provider.Identity != collector.AnyIdentity && !uid.MatchString(provider.Identity) {
			l.problem(body.Attributes["identity"].Expr.Range(), "Invalid identity",
				"It is the uid of the cluster's namespace kube-system, such as \"1f2a5c0e-7c9b-4e55-9d0c-2f6f3f1f8a11\", or \"any\".")
		}
	}
	provider.Collect = l.narrowed(config.Collect, body, ownSound, own.Namespaces, own.ExcludeNamespaces)
	rest := without(body, common)
	rest.Blocks = slices.DeleteFunc(slices.Clone(rest.Blocks), func(inner *hclsyntax.Block) bool { return inner.Type == "collect" })
	sound := l.into(rest, provider.Config)
	provider.Name = provider.ID
	if own.Name != nil && *own.Name != "" {
		provider.Name = *own.Name
	}
	provider.Tags = own.Tags
	if tag := provider.Tags["provider"]; !collector.PartitionValue(tag) {
		l.problem(body.Attributes["tags"].Expr.Range(), "Invalid tags.provider", noPartitionValue, tag)
	}
	if !sound {
		return
	}
	// What a definition checks goes across attributes (a token without a server), so it is only asked about a block that was decoded whole.
	environment := collector.Environment{Cluster: provider.ID, Dir: l.dir, Getenv: l.getenv, Log: l.log}
	for _, found := range definition.Check(environment, provider.Config) {
		subject, summary, detail := block.DefRange(), found.Summary, found.Detail
		if attribute := body.Attributes[found.Attribute]; attribute != nil {
			subject = attribute.Expr.Range()
		}
		for name, attribute := range body.Attributes {
			value, _ := attribute.Expr.Value(l.context)
			summary, detail = withoutValue(summary, name, value, l.sensitive), withoutValue(detail, name, value, l.sensitive)
		}
		l.problem(subject, summary, "%s", detail)
	}
	config.Providers = append(config.Providers, provider)
}

var uid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// narrowed gives what holds for the cluster of a provider block: the defaults, over them its collect block, and its attributes namespaces and
// exclude_namespaces, which are short for select and ignore.
func (l *loader) narrowed(defaults Collect, body *hclsyntax.Body, sound bool, namespaces, excluded []string) Collect {
	collect := defaults.clone()
	seen := map[string]*hclsyntax.Block{}
	for _, block := range body.Blocks {
		if block.Type == "collect" {
			l.once(seen, block)
			l.collect(&collect, block)
		}
	}
	if sound {
		for _, short := range []struct {
			attribute, name, long string
			value                 []string
			target                *[]string
		}{
			{"namespaces", "select.namespaces", "collect { select { namespaces } }", namespaces, &collect.Select.Namespaces},
			{"exclude_namespaces", "ignore.namespaces", "collect { ignore { namespaces } }", excluded, &collect.Ignore.Namespaces},
		} {
			attribute := body.Attributes[short.attribute]
			if attribute == nil {
				continue
			}
			if long, given := collect.places[short.name]; given && contains(body, long.attribute) {
				l.problem(attribute.NameRange, "Namespaces given twice", "%s is short for %s, which stands at %s. Leave one out.",
					short.attribute, short.long, at(long.attribute.NameRange))
				continue
			}
			l.namespaces(attribute, short.value)
			put(&collect, short.name, body, short.attribute, short.target, short.value)
		}
	}
	l.consistent(collect, body)
	return collect
}

const noPartitionValue = "%q cannot name a folder of the lake: it is too long, or one of the words that engines read as NULL there."

// decode checks a body against the struct's attributes and decodes it. The body that comes back holds what was decoded.
func (l *loader) decode(body *hclsyntax.Body, target any, later map[string]string) (*hclsyntax.Body, bool) {
	schema, _ := gohcl.ImpliedBodySchema(target)
	narrowed := l.narrow(body, schema, later)
	return narrowed, l.into(narrowed, target)
}

// narrow tells what a body holds that the schema does not know, or lacks, and gives the body of what it does know. An attribute that is null
// counts as left out.
func (l *loader) narrow(body *hclsyntax.Body, schema *hcl.BodySchema, later map[string]string) *hclsyntax.Body {
	attributes := map[string]bool{}
	for _, attribute := range schema.Attributes {
		attributes[attribute.Name] = true
	}
	blocks := map[string]bool{}
	for _, block := range schema.Blocks {
		blocks[block.Type] = true
	}
	present := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: body.SrcRange, EndRange: body.EndRange}
	known := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: body.SrcRange, EndRange: body.EndRange}
	for name, attribute := range body.Attributes {
		if what, isLater := later[name]; isLater && !attributes[name] {
			l.problem(attribute.NameRange, summaryNotYet, "This version of k8sq does not have %s yet. Leave %q out.", what, name)
			continue
		}
		if attributes[name] && !l.broken[attribute] {
			if l.isNull(attribute) {
				continue
			}
		}
		present.Attributes[name] = attribute
		if attributes[name] {
			known.Attributes[name] = attribute
		}
	}
	for _, block := range body.Blocks {
		if what, isLater := later[block.Type]; isLater && !blocks[block.Type] {
			l.problem(block.DefRange(), summaryNotYet, "This version of k8sq does not have %s yet. Leave the %s block out.", what, block.Type)
			continue
		}
		present.Blocks = append(present.Blocks, block)
		if blocks[block.Type] {
			known.Blocks = append(known.Blocks, block)
		}
	}
	_, problems := present.Content(schema)
	l.problems = append(l.problems, problems...)
	return known
}

// isNull evaluates an attribute to see whether it is null. One that cannot be evaluated is broken from then on, with its problem told.
func (l *loader) isNull(attribute *hclsyntax.Attribute) bool {
	value, problems := attribute.Expr.Value(l.context)
	if problems.HasErrors() {
		l.problems = append(l.problems, problems...)
		l.broken[attribute] = true
		return false
	}
	return value.IsNull()
}

// into decodes a narrowed body; false says that the target is not to be relied on. What is missing or unknown has been told by narrow.
func (l *loader) into(body *hclsyntax.Body, target any) bool {
	sound := true
	whole := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, Blocks: body.Blocks, SrcRange: body.SrcRange, EndRange: body.EndRange}
	for name, attribute := range body.Attributes {
		if l.broken[attribute] {
			sound = false
			continue
		}
		whole.Attributes[name] = attribute
	}
	missing := whole.MissingItemRange()
	for _, problem := range gohcl.DecodeBody(whole, l.context, target) {
		if problem.Severity == hcl.DiagError {
			sound = false
		}
		if problem.Subject != nil && *problem.Subject == missing {
			continue
		}
		if problem.Subject != nil && l.withinBroken(body, *problem.Subject) {
			continue
		}
		l.problems = append(l.problems, problem)
	}
	return sound
}

// withinBroken tells whether a range lies in the expression of an attribute, of an inner block, whose problem has been told already.
func (l *loader) withinBroken(body *hclsyntax.Body, subject hcl.Range) bool {
	for _, block := range body.Blocks {
		for _, attribute := range block.Body.Attributes {
			if l.broken[attribute] && attribute.SrcRange.Overlaps(subject) {
				return true
			}
		}
		if l.withinBroken(block.Body, subject) {
			return true
		}
	}
	return false
}

// only gives a body with no more than the named attributes.
func only(body *hclsyntax.Body, attributes []hcl.AttributeSchema) *hclsyntax.Body {
	kept := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: body.SrcRange, EndRange: body.EndRange}
	for _, attribute := range attributes {
		if found := body.Attributes[attribute.Name]; found != nil {
			kept.Attributes[attribute.Name] = found
		}
	}
	return kept
}

// without gives a body that lacks the named attributes.
func without(body *hclsyntax.Body, attributes []hcl.AttributeSchema) *hclsyntax.Body {
	kept := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, Blocks: body.Blocks, SrcRange: body.SrcRange, EndRange: body.EndRange}
	for name, attribute := range body.Attributes {
		if !slices.ContainsFunc(attributes, func(schema hcl.AttributeSchema) bool { return schema.Name == name }) {
			kept.Attributes[name] = attribute
		}
	}
	return kept
}

// join makes a path of the file one that stands from anywhere: ~/ is the user's home, and a relative one starts from the file's folder.
func (l *loader) join(path string) string {
	if rest, found := strings.CutPrefix(path, "~/"); found {
		if home := l.getenv("HOME"); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.dir, path)
}

// suggestion gives " Did you mean …?" where one of the names is close to the given one.
func suggestion(given string, names []string) string {
	for _, name := range names {
		if levenshtein.Distance(strings.ToLower(given), strings.ToLower(name), nil) < 3 {
			return fmt.Sprintf(" Did you mean %q?", name)
		}
	}
	return ""
}

// at names a place in the words of a sentence.
func at(place hcl.Range) string { return fmt.Sprintf("line %d", place.Start.Line) }
