package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/k8sq/k8sq/collector"
)

// Collect says what is read of a cluster, and how.
type Collect struct {
	Concurrency     int           // resource types listed at a time, at least 1
	SyncTimeout     time.Duration // how long the sync of one cluster may take; 0: as long as it takes
	Select          Select
	Ignore          Ignore
	CustomResources collector.CustomResources
	Changes         collector.Changes
	IgnoreFields    []string // paths in which a difference means nothing

	places map[string]place // where each setting stands, by its dotted name
}

// place is where a setting was written.
type place struct {
	attribute *hclsyntax.Attribute
	elements  int // how many elements the decoded list has
}

// Select is a select block.
type Select struct {
	ResourceTypes []string // patterns as collector.MatchType has them
	Namespaces    []string // likewise
	Labels        collector.Selector
}

// Ignore is an ignore block.
type Ignore struct {
	ResourceTypes []string
	Namespaces    []string
	Labels        []collector.Selector // what one of them chooses is ignored
	PodPhases     []string
}

// defaultCollect is what holds where nothing is said.
func defaultCollect() Collect {
	return Collect{Concurrency: DefaultConcurrency, Changes: collector.Changes{Enabled: true, Diff: true, Deletions: true}}
}

// Scope gives what is to be collected in the pipeline's form.
func (c Collect) Scope() collector.Scope {
	return collector.Scope{
		Select: c.Select.ResourceTypes, Ignore: c.Ignore.ResourceTypes, CustomResources: c.CustomResources,
		Namespaces: c.Select.Namespaces, ExcludeNamespaces: c.Ignore.Namespaces,
		Labels: c.Select.Labels, IgnoreLabels: c.Ignore.Labels, IgnorePodPhases: c.Ignore.PodPhases,
	}
}

// clone is a copy whose places are its own.
func (c Collect) clone() Collect {
	places := map[string]place{}
	for name, at := range c.places {
		places[name] = at
	}
	c.places = places
	return c
}

// collect decodes a collect block over what holds without it: an attribute that is given replaces what was there, one that is not leaves it.
func (l *loader) collect(collect *Collect, block *hclsyntax.Block) {
	if collect.places == nil {
		collect.places = map[string]place{}
	}
	var attributes struct {
		Concurrency *int    `hcl:"concurrency,optional"`
		SyncTimeout *string `hcl:"sync_timeout,optional"`
	}
	schema, _ := gohcl.ImpliedBodySchema(attributes)
	schema.Blocks = []hcl.BlockHeaderSchema{{Type: "select"}, {Type: "ignore"}, {Type: "custom_resources"}, {Type: "changes"}}
	body := l.narrow(block.Body, schema, laterCollect)
	if l.into(only(body, schema.Attributes), &attributes) {
		if attributes.Concurrency != nil {
			collect.Concurrency = *attributes.Concurrency
			if collect.Concurrency < 1 {
				l.problem(body.Attributes["concurrency"].Expr.Range(), "Invalid concurrency",
					"At least one resource type must be listed at a time.")
			}
		}
		if attributes.SyncTimeout != nil {
			timeout, err := time.ParseDuration(*attributes.SyncTimeout)
			if err != nil || timeout <= 0 {
				l.problem(body.Attributes["sync_timeout"].Expr.Range(), "Invalid time-out",
					"It is a number with a unit, longer than nothing, such as \"10m\" or \"1h30m\". Left out, a sync takes as long as it takes.")
			}
			collect.SyncTimeout = timeout
		}
	}
	seen := map[string]*hclsyntax.Block{}
	for _, inner := range body.Blocks {
		l.once(seen, inner)
		switch inner.Type {
		case "select":
			l.selection(collect, inner)
		case "ignore":
			l.ignore(collect, inner)
		case "custom_resources":
			l.customResources(collect, inner)
		case "changes":
			l.changes(collect, inner)
		}
	}
}

// once tells of a block that may stand only once and stands again.
func (l *loader) once(seen map[string]*hclsyntax.Block, block *hclsyntax.Block) {
	first := seen[block.Type]
	if first == nil {
		seen[block.Type] = block
		return
	}
	l.problem(block.TypeRange, fmt.Sprintf("Duplicate %s block", block.Type),
		"There is one %s block already, at %s. Merge the two.", block.Type, at(first.TypeRange))
}

// put replaces a list by what a block says of it, where it does, and remembers the place.
func put[T any](collect *Collect, name string, body *hclsyntax.Body, attribute string, target *[]T, value []T) {
	if body.Attributes[attribute] == nil {
		return
	}
	*target = value
	collect.places[name] = place{body.Attributes[attribute], len(value)}
}

func (l *loader) selection(collect *Collect, block *hclsyntax.Block) {
	var decoded struct {
		ResourceTypes []string  `hcl:"resource_types,optional"`
		Namespaces    []string  `hcl:"namespaces,optional"`
		Labels        cty.Value `hcl:"labels,optional"`
	}
	body, _ := l.decode(block.Body, &decoded, nil) // what could not be decoded is empty, and has been told
	l.resourceTypes(body.Attributes["resource_types"], decoded.ResourceTypes)
	put(collect, "select.resource_types", body, "resource_types", &collect.Select.ResourceTypes, decoded.ResourceTypes)
	l.namespaces(body.Attributes["namespaces"], decoded.Namespaces)
	put(collect, "select.namespaces", body, "namespaces", &collect.Select.Namespaces, decoded.Namespaces)
	if attribute := body.Attributes["labels"]; attribute != nil {
		var labels collector.Selector
		for _, part := range l.labels(attribute, decoded.Labels) {
			labels = append(labels, part...)
		}
		put(collect, "select.labels", body, "labels", (*[]collector.Requirement)(&collect.Select.Labels), labels)
		l.selectable(attribute, labels)
	}
}

func (l *loader) ignore(collect *Collect, block *hclsyntax.Block) {
	var decoded struct {
		ResourceTypes []string  `hcl:"resource_types,optional"`
		Namespaces    []string  `hcl:"namespaces,optional"`
		Labels        cty.Value `hcl:"labels,optional"`
		PodPhases     []string  `hcl:"pod_phases,optional"`
	}
	body, _ := l.decode(block.Body, &decoded, nil) // what could not be decoded is empty, and has been told
	l.resourceTypes(body.Attributes["resource_types"], decoded.ResourceTypes)
	put(collect, "ignore.resource_types", body, "resource_types", &collect.Ignore.ResourceTypes, decoded.ResourceTypes)
	l.namespaces(body.Attributes["namespaces"], decoded.Namespaces)
	put(collect, "ignore.namespaces", body, "namespaces", &collect.Ignore.Namespaces, decoded.Namespaces)
	if attribute := body.Attributes["labels"]; attribute != nil {
		put(collect, "ignore.labels", body, "labels", &collect.Ignore.Labels, l.labels(attribute, decoded.Labels))
	}
	if attribute := body.Attributes["pod_phases"]; attribute != nil {
		put(collect, "ignore.pod_phases", body, "pod_phases", &collect.Ignore.PodPhases, decoded.PodPhases)
		for i, phase := range decoded.PodPhases {
			if !slices.Contains(collector.PodPhases, phase) {
				l.problem(elementRange(attribute, len(decoded.PodPhases), i), "Unknown pod phase", "A pod's phase is one of %s.%s",
					strings.Join(collector.PodPhases, ", "), suggestion(phase, collector.PodPhases))
			}
		}
	}
}

func (l *loader) customResources(collect *Collect, block *hclsyntax.Block) {
	var decoded struct {
		Enabled      *bool    `hcl:"enabled,optional"`
		Groups       []string `hcl:"groups,optional"`
		IgnoreGroups []string `hcl:"ignore_groups,optional"`
	}
	body, _ := l.decode(block.Body, &decoded, nil) // what could not be decoded is empty, and has been told
	if decoded.Enabled != nil {
		collect.CustomResources.Disabled = !*decoded.Enabled
		collect.places["custom_resources.enabled"] = place{attribute: body.Attributes["enabled"]}
	}
	l.groups(body.Attributes["groups"], decoded.Groups)
	put(collect, "custom_resources.groups", body, "groups", &collect.CustomResources.Groups, decoded.Groups)
	l.groups(body.Attributes["ignore_groups"], decoded.IgnoreGroups)
	put(collect, "custom_resources.ignore_groups", body, "ignore_groups", &collect.CustomResources.IgnoreGroups, decoded.IgnoreGroups)
}

func (l *loader) changes(collect *Collect, block *hclsyntax.Block) {
	var decoded struct {
		Enabled      *bool    `hcl:"enabled,optional"`
		Diff         *bool    `hcl:"diff,optional"`
		Deletions    *bool    `hcl:"deletions,optional"`
		IgnoreFields []string `hcl:"ignore_fields,optional"`
	}
	body, _ := l.decode(block.Body, &decoded, nil) // what could not be decoded is empty, and has been told
	for _, setting := range []struct {
		given  *bool
		target *bool
	}{
		{decoded.Enabled, &collect.Changes.Enabled}, {decoded.Diff, &collect.Changes.Diff}, {decoded.Deletions, &collect.Changes.Deletions},
	} {
		if setting.given != nil {
			*setting.target = *setting.given
		}
	}
	put(collect, "changes.ignore_fields", body, "ignore_fields", &collect.IgnoreFields, decoded.IgnoreFields)
	for i, path := range decoded.IgnoreFields {
		if err := collector.CheckFieldPath(path); err != nil {
			l.problem(elementRange(body.Attributes["ignore_fields"], len(decoded.IgnoreFields), i), "Invalid field",
				"%s. A field is a path as the table changes has them, such as \"spec.replicas\", \"metadata.annotations['example.com/seen']\" "+
					"or \"status.conditions[*].lastHeartbeatTime\"; all below it is ignored too.", err)
		}
	}
}

// elementRange is where the element of a list stands, or the whole list where that cannot be told.
func elementRange(attribute *hclsyntax.Attribute, length, i int) hcl.Range {
	switch list := attribute.Expr.(type) {
	case *hclsyntax.TupleConsExpr:
		if len(list.Exprs) == length {
			return list.Exprs[i].Range()
		}
	case *hclsyntax.ObjectConsExpr:
		if len(list.Items) == length {
			return hcl.RangeBetween(list.Items[i].KeyExpr.Range(), list.Items[i].ValueExpr.Range())
		}
	}
	return attribute.Expr.Range()
}

var namespacePattern = regexp.MustCompile(`^[-a-z0-9*]+$`)

func (l *loader) namespaces(attribute *hclsyntax.Attribute, namespaces []string) {
	for i, namespace := range namespaces {
		if len(namespace) > 63 || !namespacePattern.MatchString(namespace) || strings.HasPrefix(namespace, "-") || strings.HasSuffix(namespace, "-") {
			l.problem(elementRange(attribute, len(namespaces), i), "Invalid namespace",
				"A namespace's name is at most 63 lower-case letters, digits and dashes. In a pattern, * stands for any run of characters: \"team-*\".")
		}
	}
}

var groupPattern = regexp.MustCompile(`^[-a-z0-9.*]+$`)

// groups checks patterns of groups of custom resources.
func (l *loader) groups(attribute *hclsyntax.Attribute, groups []string) {
	const summary = "Invalid group"
	for i, group := range groups {
		subject := elementRange(attribute, len(groups), i)
		bare := strings.TrimSuffix(group, ".*")
		switch {
		case !groupPattern.MatchString(group):
			l.problem(subject, summary, "A group is the part of apiVersion before the slash, such as \"argoproj.io\"; * stands for any run of characters.")
		case bare != group && strings.Contains(bare, "."):
			l.problem(subject, summary, "A group has no version and no kind: %q.", bare)
		case !strings.ContainsAny(group, ".*"), !strings.Contains(group, "*") && !collector.IsCustom(group):
			l.problem(subject, summary, "%q is no group of custom resources. Kubernetes' own are selected by type: resource_types = [%q].", group, group+".*")
		}
	}
}

// labels reads label selectors: one as a string, several in a list, or equalities in a map. Each element gives one, empty where it is wrong.
func (l *loader) labels(attribute *hclsyntax.Attribute, value cty.Value) []collector.Selector {
	const summary = "Invalid label selector"
	const form = "It is a map, { app = \"web\" }, or a list of selectors: [\"tier!=cache\", \"env in (prod, test)\", \"team\", \"!legacy\"]."
	if value == cty.NilVal {
		return nil
	}
	given := value.Type()
	texts := func(element cty.Value) (string, bool) {
		converted, err := convert.Convert(element, cty.String)
		if err != nil || converted.IsNull() || !converted.IsKnown() {
			return "", false
		}
		return converted.AsString(), true
	}
	var selectors []collector.Selector
	switch {
	case given == cty.String:
		selectors = append(selectors, l.selector(attribute.Expr.Range(), value.AsString()))
	case given.IsMapType() || given.IsObjectType():
		length, i := value.LengthInt(), 0
		literal, isLiteral := attribute.Expr.(*hclsyntax.ObjectConsExpr)
		for it := value.ElementIterator(); it.Next(); i++ {
			key, element := it.Element()
			subject := attribute.Expr.Range()
			if isLiteral && len(literal.Items) == length {
				// The iterator goes by the keys' order, the file by its own.
				for _, item := range literal.Items {
					if name, problems := item.KeyExpr.Value(l.context); !problems.HasErrors() && name.RawEquals(key) {
						subject = hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
					}
				}
			}
			text, ok := texts(element)
			if !ok {
				l.problem(subject, summary, "The value of a label is a string. %s", form)
				continue
			}
			requirement, err := collector.NewRequirement(key.AsString(), collector.In, text)
			if err != nil {
				l.problem(subject, summary, "%s.", capital(err.Error()))
				continue
			}
			selectors = append(selectors, collector.Selector{requirement})
		}
	case given.IsTupleType() || given.IsListType() || given.IsSetType():
		length, i := value.LengthInt(), 0
		for it := value.ElementIterator(); it.Next(); i++ {
			_, element := it.Element()
			text, ok := texts(element)
			if !ok {
				l.problem(elementRange(attribute, length, i), summary, form)
				continue
			}
			selectors = append(selectors, l.selector(elementRange(attribute, length, i), text))
		}
	default:
		l.problem(attribute.Expr.Range(), summary, form)
	}
	return selectors
}

func (l *loader) selector(subject hcl.Range, text string) collector.Selector {
	selector, err := collector.ParseSelector(text)
	if err != nil {
		l.problem(subject, "Invalid label selector", "%s. Selectors are written as for kubectl's -l: \"app=web\", \"tier!=cache\", "+
			"\"env in (prod, test)\", \"env notin (dev)\", \"team\", \"!legacy\".", capital(err.Error()))
	}
	return selector
}

// selectable tells of a selector that no object can meet.
func (l *loader) selectable(attribute *hclsyntax.Attribute, selector collector.Selector) {
	for i, one := range selector {
		for _, other := range selector[:i] {
			if one.Excludes(other) {
				l.problem(attribute.Expr.Range(), "Contradictory labels", "No object meets both %q and %q, which select asks for together.", other.String(), one.String())
			}
		}
	}
}

// capital makes the first letter of a sentence a capital one.
func capital(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }

// consistent tells of settings that contradict each other, at one that stands in the block that was decoded last: what is wrong with the
// defaults is told once, and not for each cluster that takes them on.
func (l *loader) consistent(collect Collect, within *hclsyntax.Body) {
	inside := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			at, given := collect.places[name]
			return given && contains(within, at.attribute)
		})
	}
	// subject is where element i of the setting stands, or the other setting, where only that stands in this block.
	subject := func(name string, i int, other string) hcl.Range {
		at := collect.places[name]
		if !contains(within, at.attribute) && inside(other) {
			return collect.places[other].attribute.Expr.Range()
		}
		return elementRange(at.attribute, at.elements, i)
	}
	line := func(name string) string { return at(collect.places[name].attribute.NameRange) }

	if inside("select.namespaces", "ignore.namespaces") {
		for i, namespace := range collect.Select.Namespaces {
			if ignored := matching(collect.Ignore.Namespaces, namespace); ignored != "" {
				l.problem(subject("select.namespaces", i, "ignore.namespaces"), "Contradictory namespaces",
					"%q is selected, but ignored too, by %q at %s.", namespace, ignored, line("ignore.namespaces"))
			}
		}
	}
	if inside("select.labels", "ignore.labels") {
		for _, wanted := range collect.Select.Labels {
			for i, ignored := range collect.Ignore.Labels {
				if len(ignored) == 1 && ignored.String() == wanted.String() {
					l.problem(subject("ignore.labels", i, "select.labels"), "Contradictory labels",
						"%q is selected at %s and ignored, so nothing is left.", wanted.String(), line("select.labels"))
				}
			}
		}
	}
	custom := collect.CustomResources
	for i, name := range collect.Select.ResourceTypes {
		if strings.Contains(name, "*") {
			continue
		}
		group := groupOf(name)
		if ignored := matching(collect.Ignore.ResourceTypes, name); ignored != "" && inside("select.resource_types", "ignore.resource_types") {
			l.problem(subject("select.resource_types", i, "ignore.resource_types"), "Contradictory resource types",
				"%s is selected by name, but ignored too, by %q at %s.", name, ignored, line("ignore.resource_types"))
		}
		if !collector.IsCustom(group) {
			continue
		}
		if custom.Disabled && inside("select.resource_types") && inside("custom_resources.enabled") {
			l.problem(subject("select.resource_types", i, "custom_resources.enabled"), "Contradictory custom resources",
				"%s is selected by name, but it is a custom resource, and those are disabled at %s.", name, line("custom_resources.enabled"))
		}
		if ignored := matching(custom.IgnoreGroups, group); ignored != "" && inside("select.resource_types", "custom_resources.ignore_groups") {
			l.problem(subject("select.resource_types", i, "custom_resources.ignore_groups"), "Contradictory custom resources",
				"%s is selected by name, but its group is ignored, by %q at %s.", name, ignored, line("custom_resources.ignore_groups"))
		}
	}
	for i, group := range custom.Groups {
		if custom.Disabled && inside("custom_resources.groups") && inside("custom_resources.enabled") {
			l.problem(subject("custom_resources.groups", i, "custom_resources.enabled"), "Contradictory custom resources",
				"Groups are named, but custom resources are disabled at %s.", line("custom_resources.enabled"))
			break
		}
		if ignored := matching(custom.IgnoreGroups, group); ignored != "" && inside("custom_resources.groups", "custom_resources.ignore_groups") {
			l.problem(subject("custom_resources.groups", i, "custom_resources.ignore_groups"), "Contradictory custom resources",
				"%q is selected, but ignored too, by %q at %s.", group, ignored, line("custom_resources.ignore_groups"))
		}
	}
}

// matching gives the first of the patterns that matches all that name, which may be a pattern itself, matches; "" where there is none.
func matching(patterns []string, name string) string {
	for _, pattern := range patterns {
		if collector.MatchType(pattern, name) {
			return pattern
		}
	}
	return ""
}

// groupOf is the group of group.version.Kind, which has been checked.
func groupOf(resourceType string) string {
	parts := strings.Split(resourceType, ".")
	return strings.Join(parts[:max(0, len(parts)-2)], ".")
}

// contains tells whether an attribute stands somewhere within a body.
func contains(body *hclsyntax.Body, attribute *hclsyntax.Attribute) bool {
	return attribute != nil && body.SrcRange.ContainsPos(attribute.SrcRange.Start)
}
