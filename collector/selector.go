package collector

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/lake"
)

// Selector chooses objects by their labels, as Kubernetes' label selectors do: an object must meet every requirement. The zero value
// chooses all.
type Selector []Requirement

// Requirement is what one label must be. Of several values the label must have one (In), or none (NotIn); without values it must be there
// (Exists) or not (NotExists). A label that is not there is in nothing, so that it meets NotIn.
type Requirement struct {
	Key      string
	Operator Operator
	Values   []string // of In and NotIn: sorted, each once, at least one
}

// Operator is how a requirement looks at a label.
type Operator uint8

// The operators of Kubernetes' selectors but for gt and lt, which are no part of a LIST's labelSelector for every server. "a=b" is In, and
// "a!=b" is NotIn.
const (
	In Operator = iota
	NotIn
	Exists
	NotExists
)

// ParseSelector reads a selector as kubectl's -l takes it: "app=web,tier!=cache,env in (prod, test),region notin (eu),team,!legacy".
func ParseSelector(text string) (Selector, error) {
	var selector Selector
	for rest := text; ; {
		part, after, more := cutOutsideParentheses(rest)
		if strings.TrimSpace(part) == "" {
			if !more && len(selector) == 0 {
				return nil, errors.New("it is empty")
			}
			return nil, errors.New("there is nothing before or after a comma")
		}
		requirement, err := parseRequirement(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		selector = append(selector, requirement)
		if !more {
			return selector, nil
		}
		rest = after
	}
}

// cutOutsideParentheses cuts at the first comma that does not stand within the parentheses of a list of values.
func cutOutsideParentheses(text string) (before, after string, found bool) {
	inside := false
	for i := range len(text) {
		switch text[i] {
		case '(':
			inside = true
		case ')':
			inside = false
		case ',':
			if !inside {
				return text[:i], text[i+1:], true
			}
		}
	}
	return text, "", false
}

func parseRequirement(text string) (Requirement, error) {
	if key, negated := strings.CutPrefix(text, "!"); negated {
		return NewRequirement(strings.TrimSpace(key), NotExists)
	}
	if at := strings.IndexAny(text, "=!"); at >= 0 {
		operator, value := In, ""
		switch key, sign := text[:at], text[at:]; {
		case strings.HasPrefix(sign, "=="):
			value = sign[2:]
		case strings.HasPrefix(sign, "="):
			value = sign[1:]
		case strings.HasPrefix(sign, "!="):
			operator, value = NotIn, sign[2:]
		default:
			return Requirement{}, fmt.Errorf("after the label %q stands a ! without a =", strings.TrimSpace(key))
		}
		return NewRequirement(strings.TrimSpace(text[:at]), operator, strings.TrimSpace(value))
	}
	key, rest := text, ""
	if at := strings.IndexAny(text, " \t\r\n("); at >= 0 {
		key, rest = text[:at], strings.TrimSpace(text[at:])
	}
	if rest == "" {
		return NewRequirement(key, Exists)
	}
	operator := In
	word, list, found := strings.Cut(rest, "(")
	switch strings.TrimSpace(word) {
	case "in":
	case "notin":
		operator = NotIn
	default:
		return Requirement{}, fmt.Errorf("after the label %q stands %q, where =, !=, in (…) or notin (…) is expected", key, rest)
	}
	values, closed := strings.CutSuffix(list, ")")
	if !found || !closed || strings.ContainsAny(values, "()") {
		return Requirement{}, fmt.Errorf("the values of the label %q do not stand in parentheses: %s (a, b)", key, strings.TrimSpace(word))
	}
	split := strings.Split(values, ",")
	for i := range split {
		split[i] = strings.TrimSpace(split[i])
	}
	return NewRequirement(key, operator, split...)
}

var (
	labelName  = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`)
	dnsName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

// NewRequirement makes a requirement, or says why no object could have such a label.
func NewRequirement(key string, operator Operator, values ...string) (Requirement, error) {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		name = key
	}
	switch {
	case key == "":
		return Requirement{}, errors.New("a label's name is missing")
	case prefixed && (len(prefix) > 253 || !dnsName.MatchString(prefix)):
		return Requirement{}, fmt.Errorf("%q is no label's name: what stands before the slash must be a DNS name", key)
	case len(name) > 63 || !labelName.MatchString(name):
		return Requirement{}, fmt.Errorf("%q is no label's name: it has 1 to 63 letters, digits, -, _ and dots, and begins and ends with a letter or digit", key)
	}
	for _, value := range values {
		if len(value) > 63 || !labelValue.MatchString(value) {
			return Requirement{}, fmt.Errorf("%q is no label's value: it has at most 63 letters, digits, -, _ and dots, and begins and ends with a letter or digit", value)
		}
	}
	return Requirement{Key: key, Operator: operator, Values: sortedSet(values)}, nil
}

// Matches tells whether an object with these labels, which are sorted by key, is chosen.
func (s Selector) Matches(labels []lake.Pair) bool {
	for i := range s {
		if !s[i].matches(labels) {
			return false
		}
	}
	return true
}

func (r *Requirement) matches(labels []lake.Pair) bool {
	at, found := slices.BinarySearchFunc(labels, r.Key, func(pair lake.Pair, key string) int { return strings.Compare(pair.Key, key) })
	switch r.Operator {
	case In:
		return found && slices.Contains(r.Values, labels[at].Value)
	case NotIn:
		return !found || !slices.Contains(r.Values, labels[at].Value)
	case Exists:
		return found
	default:
		return !found
	}
}

// Excludes tells whether no labels meet both requirements.
func (r Requirement) Excludes(other Requirement) bool {
	if r.Key != other.Key {
		return false
	}
	if r.Operator > other.Operator {
		r, other = other, r
	}
	switch {
	case r.Operator == In && other.Operator == In:
		return !slices.ContainsFunc(r.Values, func(value string) bool { return slices.Contains(other.Values, value) })
	case r.Operator == In && other.Operator == NotIn:
		return !slices.ContainsFunc(r.Values, func(value string) bool { return !slices.Contains(other.Values, value) })
	}
	return (r.Operator == In || r.Operator == Exists) && other.Operator == NotExists
}

// not is the requirement that the labels meet which do not meet r.
func (r Requirement) not() Requirement {
	r.Operator = [...]Operator{In: NotIn, NotIn: In, Exists: NotExists, NotExists: Exists}[r.Operator]
	return r
}

// String writes the selector in the form that a LIST takes and ParseSelector reads, its requirements in the order of their text.
func (s Selector) String() string {
	parts := make([]string, len(s))
	for i, requirement := range s {
		parts[i] = requirement.String()
	}
	return strings.Join(sortedSet(parts), ",")
}

// String writes the requirement as Kubernetes does.
func (r Requirement) String() string {
	switch {
	case r.Operator == Exists:
		return r.Key
	case r.Operator == NotExists:
		return "!" + r.Key
	case r.Operator == In && len(r.Values) == 1:
		return r.Key + "=" + r.Values[0]
	case r.Operator == NotIn && len(r.Values) == 1:
		return r.Key + "!=" + r.Values[0]
	case r.Operator == In:
		return r.Key + " in (" + strings.Join(r.Values, ",") + ")"
	}
	return r.Key + " notin (" + strings.Join(r.Values, ",") + ")"
}

// sortedSet is a sorted copy in which each string stands once; nil of none.
func sortedSet(strings []string) []string {
	if len(strings) == 0 {
		return nil
	}
	set := slices.Sorted(slices.Values(strings))
	return slices.Compact(set)
}
