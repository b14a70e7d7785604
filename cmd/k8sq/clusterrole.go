package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8sq/k8sq/collector"
)

// clusterRole writes the ClusterRole that lets its holder list the resources, and with identify read which cluster it is. Where the
// resources with namespaces are listed only in some, a binding in each of those is enough for them, which a comment says.
func clusterRole(cluster string, resources []collector.Resource, identify bool, namespaces []string) string {
	byGroup := map[string][]string{}
	var groups []string
	namespaced, clusterWide := false, identify
	for _, resource := range resources {
		if byGroup[resource.Group] == nil {
			groups = append(groups, resource.Group)
		}
		byGroup[resource.Group] = append(byGroup[resource.Group], resource.Plural)
		namespaced, clusterWide = namespaced || resource.Namespaced, clusterWide || !resource.Namespaced
	}
	slices.Sort(groups)
	var text strings.Builder
	fmt.Fprintf(&text, "# What k8sq needs to read %s. It only reads.\n", oneLine(cluster))
	switch {
	case len(namespaces) == 0 || !namespaced:
		text.WriteString("# Bind it with: kubectl create clusterrolebinding k8sq --clusterrole=k8sq --serviceaccount=NAMESPACE:NAME (or --user=NAME)\n")
	case clusterWide:
		fmt.Fprintf(&text, "# Bind it with a RoleBinding in each of these namespaces: %s;\n# what has no namespace needs a ClusterRoleBinding.\n", strings.Join(namespaces, ", "))
	default:
		fmt.Fprintf(&text, "# Bind it with a RoleBinding in each of these namespaces: %s.\n", strings.Join(namespaces, ", "))
	}
	text.WriteString("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: k8sq\nrules:\n")
	for _, group := range groups {
		plurals := byGroup[group]
		slices.Sort(plurals)
		fmt.Fprintf(&text, "  - apiGroups: [%s]\n    resources:\n", strconv.Quote(group))
		for _, plural := range slices.Compact(plurals) {
			fmt.Fprintf(&text, "      - %s\n", strconv.Quote(plural))
		}
		text.WriteString("    verbs: [\"list\"]\n")
	}
	if identify {
		text.WriteString("  - apiGroups: [\"\"] # its uid tells this cluster from every other\n    resources: [\"namespaces\"]\n    resourceNames: [\"kube-system\"]\n    verbs: [\"get\"]\n")
	}
	return text.String()
}

// oneLine keeps a name from ending a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, text)
}
