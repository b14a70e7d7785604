package config

import (
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var (
	exactType   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.v[0-9]+((alpha|beta)[0-9]+)?\.[A-Z][A-Za-z0-9]*$`)
	groupName   = regexp.MustCompile(`^[-a-z0-9]+(\.[-a-z0-9]+)+$`)
	withVersion = regexp.MustCompile(`\.v[0-9]`)
	typePattern = regexp.MustCompile(`^[-A-Za-z0-9.*]+$`)
)

// resourceTypes checks patterns of resource types, each at its own place where the list is written out.
func (l *loader) resourceTypes(attribute *hclsyntax.Attribute, patterns []string) {
	if attribute == nil {
		return
	}
	for i, pattern := range patterns {
		subject := attribute.Expr.Range()
		if list, isList := attribute.Expr.(*hclsyntax.TupleConsExpr); isList && len(list.Exprs) == len(patterns) {
			subject = list.Exprs[i].Range()
		}
		l.resourceType(subject, pattern)
	}
}

func (l *loader) resourceType(subject hcl.Range, pattern string) {
	const summary = "Invalid resource type"
	const form = "A resource type is group.version.Kind, such as \"apps.v1.Deployment\", with \"core\" for the legacy group: \"core.v1.Pod\"."
	switch {
	case pattern == "":
		l.problem(subject, summary, "It is empty. %s", form)
	case strings.Contains(pattern, "/"):
		l.problem(subject, summary, "The parts are separated by dots: %q. %s", strings.ReplaceAll(pattern, "/", "."), form)
	case !typePattern.MatchString(pattern):
		l.problem(subject, summary, "%s In a pattern, * stands for any run of characters; there is no other wildcard.", form)
	case groupName.MatchString(pattern) && !withVersion.MatchString(pattern):
		l.problem(subject, summary, "%s All types of a group: %q.", form, pattern+".*")
	case !strings.Contains(pattern, "*") && !exactType.MatchString(pattern):
		l.problem(subject, summary, "%s A pattern finds a kind in any group: \"*.%s\".", form, kindOf(pattern))
	}
}

// kindOf guesses the kind that was meant by something that is not a whole resource type.
func kindOf(pattern string) string {
	kind := pattern[strings.LastIndex(pattern, ".")+1:]
	if kind == "" {
		return "Deployment"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}
