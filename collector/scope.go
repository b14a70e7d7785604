package collector

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// leftOut are the resource types that are not collected unless they are selected by their exact name: they change without meaning
// (heartbeats, leader elections, endpoints that follow pods) or are gone within the hour.
var leftOut = []string{
	"core.v1.Event",
	"events.k8s.io.*.Event",
	"coordination.k8s.io.*.Lease",
	"coordination.k8s.io.*.LeaseCandidate",
	"discovery.k8s.io.*.EndpointSlice",
	"core.v1.Endpoints",
	"core.v1.ComponentStatus",
	"metrics.k8s.io.*",
	"authentication.k8s.io.*",
	"authorization.k8s.io.*",
}

// Scope says what is collected: which resource types, and which objects of them. The zero value is everything but what is left out by
// default. Patterns are names in which * stands for any run of characters, dots included: "apps.v1.*", "*.Secret".
//
// A type or an object that the scope does not cover is not looked at, which says nothing of whether it exists.
type Scope struct {
	Select []string // patterns of resource types; none: everything but what is left out by default
	Ignore []string // goes before Select

	CustomResources CustomResources

	// Namespaces and ExcludeNamespaces are patterns; they narrow the types that have namespaces. No Namespaces: all.
	Namespaces        []string
	ExcludeNamespaces []string // goes before Namespaces
	// Labels must be met by an object of any type, and none of IgnoreLabels may be.
	Labels       Selector
	IgnoreLabels []Selector
	// IgnorePodPhases are those of PodPhases whose pods are not collected.
	IgnorePodPhases []string
	// Source is Discovery.Source: Sync puts it here, to be recorded with the rest.
	Source []string
}

// CustomResources says which custom resources are collected: those of groups that are not Kubernetes' own (see IsCustom). The zero value
// leaves that to Scope.Select, as for all other types.
type CustomResources struct {
	Disabled bool // none
	// Groups are patterns of groups: their types are collected whatever Select's patterns say, and those of no other group, but what Select
	// names exactly.
	Groups       []string
	IgnoreGroups []string // goes before Groups
}

// PodPhases are the phases of a pod.
var PodPhases = []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"}

// Covers tells whether the resource type is collected.
func (s Scope) Covers(resourceType string) bool {
	group, _, _ := splitType(resourceType)
	custom := IsCustom(group)
	switch {
	case matchesAny(s.Ignore, resourceType):
		return false
	case custom && (s.CustomResources.Disabled || matchesAny(s.CustomResources.IgnoreGroups, group)):
		return false
	case s.Names(resourceType):
		return true
	case matchesAny(leftOut, resourceType):
		return false
	case custom && len(s.CustomResources.Groups) > 0:
		return matchesAny(s.CustomResources.Groups, group)
	}
	return len(s.Select) == 0 || matchesAny(s.Select, resourceType)
}

// Names tells whether the resource type is selected by its exact name: somebody counts on it, so a list of it that may not be had
// makes a sync incomplete.
func (s Scope) Names(resourceType string) bool { return slices.Contains(s.Select, resourceType) }

// Named are the exact names among the selected patterns.
func (s Scope) Named() []string {
	var named []string
	for _, pattern := range s.Select {
		if !isPattern(pattern) {
			named = append(named, pattern)
		}
	}
	return named
}

// CoversObject tells whether an object of a type that is covered is collected. labels are sorted by key; phase is status.phase.
func (s Scope) CoversObject(resource Resource, namespace string, labels []lake.Pair, phase string) bool {
	if resource.Namespaced && !s.CoversNamespace(namespace) || !s.Labels.Matches(labels) {
		return false
	}
	for _, ignored := range s.IgnoreLabels {
		if ignored.Matches(labels) {
			return false
		}
	}
	return len(s.IgnorePodPhases) == 0 || !isPod(resource) || !slices.Contains(s.IgnorePodPhases, phase)
}

// CoversNamespace tells whether objects in the namespace are collected.
func (s Scope) CoversNamespace(namespace string) bool {
	return (len(s.Namespaces) == 0 || matchesAny(s.Namespaces, namespace)) && !matchesAny(s.ExcludeNamespaces, namespace)
}

// notNamespace is the field selector that leaves out a namespace, which follows.
const notNamespace = "metadata.namespace!="

// asks tells whether the selection leaves in the objects of a namespace.
func (s Selection) asks(namespace string) bool {
	if s.Namespaces != nil && !slices.Contains(s.Namespaces, namespace) {
		return false
	}
	return !slices.Contains(strings.Split(s.Fields, ","), notNamespace+namespace)
}

// byContent tells whether the selection leaves out objects for what they are like, and not only for where they are.
func (s Selection) byContent() bool {
	if s.Labels != "" {
		return true
	}
	for field := range strings.SplitSeq(s.Fields, ",") {
		if field != "" && !strings.HasPrefix(field, notNamespace) {
			return true
		}
	}
	return false
}

// maxExcluded is up to how many namespaces a server is asked to leave out. It looks at each object for it, whereas what it sends too much is
// left out here.
const maxExcluded = 10

// Selection is what of the scope a provider is asked to narrow its list of a covered type to; what it gives too much is left to CoversObject.
// identifying tells whether the provider is Identifying: only then may an object be left out of a list for what it is like, since only then
// can it be told from one that is gone.
func (s Scope) Selection(resource Resource, identifying bool) Selection {
	var selection Selection
	if resource.Namespaced && len(s.Namespaces) > 0 && !slices.ContainsFunc(s.Namespaces, isPattern) {
		for _, namespace := range sortedSet(s.Namespaces) {
			if s.CoversNamespace(namespace) {
				selection.Namespaces = append(selection.Namespaces, namespace)
			}
		}
	}
	if !identifying {
		return selection
	}
	labels := slices.Clone(s.Labels)
	for _, ignored := range s.IgnoreLabels {
		// Of several requirements that are ignored only together, the opposite is no selector.
		if len(ignored) == 1 {
			labels = append(labels, ignored[0].not())
		}
	}
	selection.Labels = labels.String()
	var fields []string
	if resource.Namespaced && len(selection.Namespaces) == 0 && len(s.ExcludeNamespaces) <= maxExcluded {
		for _, namespace := range sortedSet(s.ExcludeNamespaces) {
			if !isPattern(namespace) {
				fields = append(fields, notNamespace+namespace)
			}
		}
	}
	if isPod(resource) {
		for _, phase := range sortedSet(s.IgnorePodPhases) {
			fields = append(fields, "status.phase!="+phase)
		}
	}
	selection.Fields = strings.Join(fields, ",")
	return selection
}

// narrowing is the recorded form of what narrows a type.
type narrowing struct {
	Namespaces        []string `json:"namespaces,omitempty"`
	ExcludeNamespaces []string `json:"exclude_namespaces,omitempty"`
	Labels            string   `json:"labels,omitempty"`
	IgnoreLabels      []string `json:"ignore_labels,omitempty"`
	IgnorePodPhases   []string `json:"ignore_pod_phases,omitempty"`
	Source            []string `json:"source,omitempty"`
}

// Narrows gives what narrows the list of a type as JSON, the same for the same narrowing however it is written; "" where nothing does, so
// that a list of the type holds all of its objects.
func (s Scope) Narrows(resource Resource) string {
	n := narrowing{Labels: s.Labels.String(), Source: sortedSet(s.Source)}
	if resource.Namespaced {
		n.Namespaces, n.ExcludeNamespaces = sortedSet(s.Namespaces), sortedSet(s.ExcludeNamespaces)
	}
	for _, ignored := range s.IgnoreLabels {
		n.IgnoreLabels = append(n.IgnoreLabels, ignored.String())
	}
	n.IgnoreLabels = sortedSet(n.IgnoreLabels)
	if isPod(resource) {
		n.IgnorePodPhases = sortedSet(s.IgnorePodPhases)
	}
	text, err := json.Marshal(n)
	if err != nil || string(text) == "{}" { // strings cannot fail
		return ""
	}
	return string(text)
}

// ParseNarrows gives a scope that covers the objects of a type that the recorded narrowing did. Of types it says nothing.
func ParseNarrows(text string) (Scope, error) {
	if text == "" {
		return Scope{}, nil
	}
	var n narrowing
	decoder := json.NewDecoder(strings.NewReader(text))
	// What a later k8sq narrowed by, this one cannot tell whether it covered an object.
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&n); err != nil {
		return Scope{}, fmt.Errorf("read the scope of an earlier list: %w", err)
	}
	scope := Scope{Namespaces: n.Namespaces, ExcludeNamespaces: n.ExcludeNamespaces, IgnorePodPhases: n.IgnorePodPhases, Source: n.Source}
	var err error
	if n.Labels != "" {
		if scope.Labels, err = ParseSelector(n.Labels); err != nil {
			return Scope{}, fmt.Errorf("read the scope of an earlier list: %w", err)
		}
	}
	for _, text := range n.IgnoreLabels {
		ignored, err := ParseSelector(text)
		if err != nil {
			return Scope{}, fmt.Errorf("read the scope of an earlier list: %w", err)
		}
		scope.IgnoreLabels = append(scope.IgnoreLabels, ignored)
	}
	return scope, nil
}

// lostSource tells whether of the places that were read then some are no longer, while others are: what is missing may be there still. Where
// none is, the new places are a newer state of the old ones.
func (s Scope) lostSource(then Scope) bool {
	lost := slices.ContainsFunc(then.Source, func(old string) bool {
		return !slices.ContainsFunc(s.Source, func(place string) bool { return holdsPlace(place, old) })
	})
	return lost && slices.ContainsFunc(then.Source, func(old string) bool {
		return slices.ContainsFunc(s.Source, func(place string) bool { return holdsPlace(place, old) || holdsPlace(old, place) })
	})
}

// gainedSource tells whether places are read that were not then, beside some that were: what is new here may have been there before.
func (s Scope) gainedSource(then Scope) bool { return len(then.Source) > 0 && then.lostSource(s) }

// somewhere is where relative places start from: which folders these are is not known, only that they are.
var somewhere = strings.Repeat("/\x00", 16)

// holdsPlace tells whether a place is another or lies above it: a folder above a path, or a glob that it matches.
func holdsPlace(place, other string) bool {
	parts := func(place string) []string {
		if !path.IsAbs(place) {
			place = path.Join(somewhere, place)
		}
		return strings.Split(strings.TrimSuffix(path.Clean(place), "/"), "/")
	}
	above, below := parts(place), parts(other)
	if len(above) > len(below) {
		return false
	}
	for i, part := range above {
		if matches, err := path.Match(part, below[i]); part != below[i] && (err != nil || !matches) {
			return false
		}
	}
	return true
}

func isPod(resource Resource) bool {
	return resource.Group == "" && resource.Version == "v1" && resource.Kind == "Pod"
}

// kubernetesGroups are the groups that Kubernetes itself serves, and those of its metrics.
var kubernetesGroups = map[string]bool{
	"core": true, "apps": true, "autoscaling": true, "batch": true, "extensions": true, "policy": true,
	"admissionregistration.k8s.io": true, "apiextensions.k8s.io": true, "apiregistration.k8s.io": true, "authentication.k8s.io": true,
	"authorization.k8s.io": true, "certificates.k8s.io": true, "coordination.k8s.io": true, "custom.metrics.k8s.io": true,
	"discovery.k8s.io": true, "events.k8s.io": true, "external.metrics.k8s.io": true, "flowcontrol.apiserver.k8s.io": true,
	"imagepolicy.k8s.io": true, "internal.apiserver.k8s.io": true, "metrics.k8s.io": true, "networking.k8s.io": true, "node.k8s.io": true,
	"rbac.authorization.k8s.io": true, "resource.k8s.io": true, "scheduling.k8s.io": true, "settings.k8s.io": true, "storage.k8s.io": true,
	"storagemigration.k8s.io": true,
}

// IsCustom tells whether a group's resources are custom ones: whether the group ("core" for the legacy one) is not Kubernetes' own. It is
// told by the name alone, so that a type whose CRD is gone, or that an aggregated API serves, is the same in every sync.
func IsCustom(group string) bool { return group != "" && !kubernetesGroups[group] }

func isPattern(text string) bool { return strings.Contains(text, "*") }

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return MatchType(pattern, name) })
}

// MatchType tells whether a name (a resource type, a group, a namespace) matches a pattern in which each * stands for any run of characters.
func MatchType(pattern, resourceType string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == resourceType
	}
	if !strings.HasPrefix(resourceType, first) {
		return false
	}
	remaining := resourceType[len(first):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(remaining, part)
		}
		at := strings.Index(remaining, part)
		if at < 0 {
			return false
		}
		remaining, rest = remaining[at+len(part):], after
	}
}

// PartitionValue tells whether a value can be a partition's: engines that read Hive's layout take some for NULL, so that rows of
// different clusters would mix, and a folder's name may have 255 bytes.
func PartitionValue(value string) bool {
	return !strings.EqualFold(value, "NULL") && !strings.EqualFold(value, "__HIVE_DEFAULT_PARTITION__") && len(lake.Escape(value)) <= 200
}

// CheckFieldPath says what is wrong with a path of Options.IgnoreFields.
func CheckFieldPath(path string) error {
	_, err := document.CompileIgnore([]string{path})
	return err
}
