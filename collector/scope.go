package collector

import (
	"slices"
	"strings"

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

// Scope says which resource types are collected. Patterns are resource types in which * stands for any run of characters, dots
// included: "apps.v1.*", "*.Secret".
type Scope struct {
	Select []string // none: everything but what is left out by default
	Ignore []string // goes before Select
}

// Covers tells whether the resource type is collected.
func (s Scope) Covers(resourceType string) bool {
	if matchesAny(s.Ignore, resourceType) {
		return false
	}
	if s.Names(resourceType) {
		return true
	}
	if matchesAny(leftOut, resourceType) {
		return false
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
		if !strings.Contains(pattern, "*") {
			named = append(named, pattern)
		}
	}
	return named
}

func matchesAny(patterns []string, resourceType string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return MatchType(pattern, resourceType) })
}

// MatchType tells whether a resource type matches a pattern in which each * stands for any run of characters.
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
