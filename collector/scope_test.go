package collector

import "testing"

func TestMatchType(t *testing.T) {
	for _, c := range []struct {
		pattern, resourceType string
		want                  bool
	}{
		{"core.v1.Pod", "core.v1.Pod", true},
		{"core.v1.Pod", "core.v1.PodTemplate", false},
		{"apps.v1.*", "apps.v1.Deployment", true},
		{"apps.v1.*", "apps.v1beta1.Deployment", false},
		{"*.Secret", "core.v1.Secret", true},
		{"*.Secret", "core.v1.SecretStore", false},
		{"*", "core.v1.Pod", true},
		{"rbac.*.v1.*Binding", "rbac.authorization.k8s.io.v1.RoleBinding", true},
		{"rbac.*.v1.*Binding", "rbac.authorization.k8s.io.v1.Role", false},
		{"a*a", "a", false},
		{"a**b", "ab", true},
	} {
		if got := MatchType(c.pattern, c.resourceType); got != c.want {
			t.Errorf("MatchType(%q, %q) = %v", c.pattern, c.resourceType, got)
		}
	}
}

func TestScope(t *testing.T) {
	for _, c := range []struct {
		name         string
		scope        Scope
		resourceType string
		want         bool
	}{
		{"everything", Scope{}, "core.v1.Pod", true},
		{"left out by default", Scope{}, "core.v1.Event", false},
		{"left out in every version", Scope{}, "coordination.k8s.io.v1beta2.LeaseCandidate", false},
		{"a pattern does not bring in what is left out", Scope{Select: []string{"core.v1.*"}}, "core.v1.Event", false},
		{"its name does", Scope{Select: []string{"core.v1.Event"}}, "core.v1.Event", true},
		{"not selected", Scope{Select: []string{"apps.v1.*"}}, "core.v1.Pod", false},
		{"selected", Scope{Select: []string{"apps.v1.*"}}, "apps.v1.Deployment", true},
		{"ignored", Scope{Ignore: []string{"*.Secret"}}, "core.v1.Secret", false},
		{"ignore goes before select", Scope{Select: []string{"core.v1.Secret"}, Ignore: []string{"core.v1.*"}}, "core.v1.Secret", false},
	} {
		if got := c.scope.Covers(c.resourceType); got != c.want {
			t.Errorf("%s: Covers(%q) = %v", c.name, c.resourceType, got)
		}
	}
}
