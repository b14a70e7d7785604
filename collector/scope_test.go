package collector

import (
	"reflect"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

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
	noCustom := Scope{CustomResources: CustomResources{Disabled: true}}
	argo := Scope{CustomResources: CustomResources{Groups: []string{"argoproj.io"}}}
	argoAndPods := argo
	argoAndPods.Select = []string{"core.v1.Pod", "*.Certificate", "cert-manager.io.v1.Issuer"}
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
		{"a group", Scope{Select: []string{"argoproj.io.*"}}, "argoproj.io.v1alpha1.Application", true},
		{"groups below one", Scope{Select: []string{"*.cattle.io.*"}}, "management.cattle.io.v3.Cluster", true},
		{"groups below one, not itself", Scope{Select: []string{"*.cattle.io.*"}}, "cattle.io.v3.Cluster", false},

		{"custom resources", Scope{}, "argoproj.io.v1alpha1.Application", true},
		{"no custom resources", noCustom, "argoproj.io.v1alpha1.Application", false},
		{"no custom resources of a group like Kubernetes' own", noCustom, "gateway.networking.k8s.io.v1.Gateway", false},
		{"no custom resources, but Kubernetes' own", noCustom, "networking.k8s.io.v1.Ingress", true},
		{"no custom resources, but the legacy group", noCustom, "core.v1.Pod", true},
		{"no custom resources, not even one that is named", Scope{Select: []string{"a.b.v1.C"}, CustomResources: noCustom.CustomResources}, "a.b.v1.C", false},
		{"custom resources of a group", argo, "argoproj.io.v1alpha1.Application", true},
		{"custom resources of another group", argo, "cert-manager.io.v1.Certificate", false},
		{"custom resources of a group beside all other types", argo, "core.v1.Pod", true},
		{"custom resources of a group beside some types", argoAndPods, "argoproj.io.v1alpha1.Application", true},
		{"some types beside custom resources", argoAndPods, "core.v1.Pod", true},
		{"other types beside custom resources", argoAndPods, "core.v1.Secret", false},
		{"a type of another group that is named", argoAndPods, "cert-manager.io.v1.Issuer", true},
		{"one that a pattern matches", argoAndPods, "cert-manager.io.v1.Certificate", false},
		{"groups by a pattern", Scope{CustomResources: CustomResources{Groups: []string{"*.cattle.io"}}}, "management.cattle.io.v3.Cluster", true},
		{"an ignored group", Scope{CustomResources: CustomResources{IgnoreGroups: []string{"*.io"}}}, "argoproj.io.v1alpha1.Application", false},
		{"ignored groups of which one is named", Scope{CustomResources: CustomResources{Groups: []string{"argoproj.io"}, IgnoreGroups: []string{"*.io"}}},
			"argoproj.io.v1alpha1.Application", false},
		{"an ignored pattern is of custom groups", Scope{CustomResources: CustomResources{IgnoreGroups: []string{"*"}}}, "apps.v1.Deployment", true},
		{"an ignored type of a selected group", Scope{Ignore: []string{"*.Workflow"}, CustomResources: argo.CustomResources}, "argoproj.io.v1alpha1.Workflow", false},
		{"a whole group whose discovery failed", argo, "argoproj.io.v1alpha1.*", true},
	} {
		if got := c.scope.Covers(c.resourceType); got != c.want {
			t.Errorf("%s: Covers(%q) = %v", c.name, c.resourceType, got)
		}
	}
}

func selector(t *testing.T, text string) Selector {
	t.Helper()
	parsed, err := ParseSelector(text)
	if err != nil {
		t.Fatalf("ParseSelector(%q): %v", text, err)
	}
	return parsed
}

// pairsOf reads "a=1,b=2", sorted.
func pairsOf(text string) []lake.Pair {
	var labels []lake.Pair
	for _, part := range strings.Split(text, ",") {
		if key, value, found := strings.Cut(part, "="); found {
			labels = append(labels, lake.Pair{Key: key, Value: value})
		}
	}
	return labels
}

func TestSelector(t *testing.T) {
	for _, c := range []struct {
		selector, canonical string
		chosen, left        []string // labels
	}{
		{"app=web", "app=web", []string{"app=web", "app=web,tier=x", "a=b,app=web,z=1"}, []string{"", "app=db", "app=", "tier=web"}},
		{"app == web", "app=web", []string{"app=web"}, []string{"app=db"}},
		{"app!=web", "app!=web", []string{"", "app=db", "tier=web"}, []string{"app=web"}},
		{"app=", "app=", []string{"app="}, []string{"", "app=web"}},
		{"app in (web, db,web)", "app in (db,web)", []string{"app=web", "app=db"}, []string{"", "app=x"}},
		{"app in (web)", "app=web", []string{"app=web"}, []string{"app=x"}},
		{"app notin (web,db)", "app notin (db,web)", []string{"", "app=x"}, []string{"app=web", "app=db"}},
		{"app", "app", []string{"app=", "app=x"}, []string{"", "tier=app"}},
		{"!app", "!app", []string{"", "tier=app"}, []string{"app=", "app=x"}},
		{"tier!=cache, example.com/env in (prod,test) ,app", "app,example.com/env in (prod,test),tier!=cache",
			[]string{"app=x,example.com/env=prod", "app=x,example.com/env=test,tier=front"},
			[]string{"app=x,example.com/env=prod,tier=cache", "app=x", "example.com/env=prod"}},
	} {
		parsed := selector(t, c.selector)
		if got := parsed.String(); got != c.canonical {
			t.Errorf("%q is written %q, want %q", c.selector, got, c.canonical)
		}
		if again := selector(t, c.canonical); again.String() != c.canonical {
			t.Errorf("%q is written %q", c.canonical, again.String())
		}
		for _, labels := range c.chosen {
			if !parsed.Matches(pairsOf(labels)) {
				t.Errorf("%q does not choose %q", c.selector, labels)
			}
		}
		for _, labels := range c.left {
			if parsed.Matches(pairsOf(labels)) {
				t.Errorf("%q chooses %q", c.selector, labels)
			}
		}
		if len(parsed) == 1 {
			opposite := Selector{parsed[0].not()}
			for _, labels := range append(c.chosen, c.left...) {
				if parsed.Matches(pairsOf(labels)) == opposite.Matches(pairsOf(labels)) {
					t.Errorf("%q and its opposite %q agree on %q", c.selector, opposite.String(), labels)
				}
			}
			if !parsed[0].Excludes(opposite[0]) || !opposite[0].Excludes(parsed[0]) || parsed[0].Excludes(parsed[0]) {
				t.Errorf("%q: its opposite must exclude it, and it itself not", c.selector)
			}
		}
	}
	if !(Selector)(nil).Matches(nil) {
		t.Error("the empty selector does not choose all")
	}
}

// TestCoversObject: one case an object, and what is pushed down and recorded of each scope.
func TestCoversObject(t *testing.T) {
	pod := Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true}
	deployment := Resource{Group: "apps", Version: "v1", Kind: "Deployment", Plural: "deployments", Namespaced: true}
	node := Resource{Version: "v1", Kind: "Node", Plural: "nodes"}
	metric := Resource{Group: "metrics.k8s.io", Version: "v1beta1", Kind: "Pod", Plural: "pods", Namespaced: true}
	type object struct {
		resource                 Resource
		namespace, labels, phase string
	}
	many := []string{"n01", "n02", "n03", "n04", "n05", "n06", "n07", "n08", "n09", "n10", "n11"}
	for _, c := range []struct {
		name          string
		scope         Scope
		covered, left []object
		resource      Resource // that selection, plain and narrows are of
		selection     Selection
		plain         Selection // for a provider that is not Identifying
		narrows       string
	}{
		{name: "everything", covered: []object{{pod, "a", "", "Failed"}, {node, "", "", ""}}, resource: pod},
		{
			name: "namespaces", scope: Scope{Namespaces: []string{"b", "a", "b"}},
			covered: []object{{pod, "a", "", ""}, {deployment, "b", "x=y", ""}, {node, "", "", ""}}, left: []object{{pod, "c", "", ""}, {pod, "aa", "", ""}},
			resource: pod, selection: Selection{Namespaces: []string{"a", "b"}}, plain: Selection{Namespaces: []string{"a", "b"}}, narrows: `{"namespaces":["a","b"]}`,
		},
		{name: "namespaces narrow no cluster-scoped type", scope: Scope{Namespaces: []string{"a"}, ExcludeNamespaces: []string{"b"}}, resource: node},
		{
			name: "namespaces by pattern", scope: Scope{Namespaces: []string{"team-*", "a"}},
			covered: []object{{pod, "a", "", ""}, {pod, "team-x", "", ""}}, left: []object{{pod, "team", "", ""}}, resource: pod, narrows: `{"namespaces":["a","team-*"]}`,
		},
		{
			name: "namespaces left out", scope: Scope{ExcludeNamespaces: []string{"kube-node-lease", "kube-system", "dev-*"}},
			covered: []object{{pod, "a", "", ""}, {node, "", "", ""}}, left: []object{{pod, "kube-system", "", ""}, {pod, "dev-1", "", ""}},
			resource: pod, selection: Selection{Fields: "metadata.namespace!=kube-node-lease,metadata.namespace!=kube-system"},
			narrows: `{"exclude_namespaces":["dev-*","kube-node-lease","kube-system"]}`,
		},
		{
			name: "too many namespaces left out", scope: Scope{ExcludeNamespaces: many}, left: []object{{pod, "n07", "", ""}}, resource: pod,
			narrows: `{"exclude_namespaces":["n01","n02","n03","n04","n05","n06","n07","n08","n09","n10","n11"]}`,
		},
		{
			name: "some of the namespaces left out", scope: Scope{Namespaces: []string{"a", "kube-x"}, ExcludeNamespaces: []string{"kube-*"}},
			covered: []object{{pod, "a", "", ""}}, left: []object{{pod, "kube-x", "", ""}, {pod, "kube-y", "", ""}}, resource: pod,
			selection: Selection{Namespaces: []string{"a"}}, plain: Selection{Namespaces: []string{"a"}},
			narrows: `{"namespaces":["a","kube-x"],"exclude_namespaces":["kube-*"]}`,
		},
		{
			name: "labels", scope: Scope{Labels: selector(t, "tier!=cache,app")},
			covered: []object{{pod, "a", "app=x", ""}, {node, "", "app=x,tier=y", ""}}, left: []object{{pod, "a", "", ""}, {node, "", "app=x,tier=cache", ""}},
			resource: node, selection: Selection{Labels: "app,tier!=cache"}, narrows: `{"labels":"app,tier!=cache"}`,
		},
		{
			name: "labels left out, each by itself", scope: Scope{Labels: selector(t, "team"), IgnoreLabels: []Selector{selector(t, "tier=cache"), selector(t, "env in (a,b)"), selector(t, "x,y")}},
			covered: []object{{pod, "a", "team=t", ""}, {pod, "a", "env=c,team=t,x=1", ""}},
			left:    []object{{pod, "a", "", ""}, {pod, "a", "team=t,tier=cache", ""}, {pod, "a", "env=b,team=t", ""}, {pod, "a", "team=t,x=,y=", ""}},
			// What is ignored only together cannot be said to the server.
			resource: deployment, selection: Selection{Labels: "env notin (a,b),team,tier!=cache"},
			narrows: `{"labels":"team","ignore_labels":["env in (a,b)","tier=cache","x,y"]}`,
		},
		{
			name: "pod phases", scope: Scope{IgnorePodPhases: []string{"Succeeded", "Failed"}},
			covered: []object{{pod, "a", "", "Running"}, {pod, "a", "", ""}, {deployment, "a", "", "Failed"}, {metric, "a", "", "Failed"}}, left: []object{{pod, "a", "", "Failed"}},
			resource: pod, selection: Selection{Fields: "status.phase!=Failed,status.phase!=Succeeded"}, narrows: `{"ignore_pod_phases":["Failed","Succeeded"]}`,
		},
		{name: "phases are of pods", scope: Scope{IgnorePodPhases: []string{"Failed"}}, resource: deployment},
		{
			name:  "all of it",
			scope: Scope{Namespaces: []string{"a"}, Labels: selector(t, "app"), IgnorePodPhases: []string{"Failed"}, ExcludeNamespaces: []string{"b"}},
			left:  []object{{pod, "a", "app=x", "Failed"}, {pod, "a", "", "Running"}, {pod, "c", "app=x", "Running"}}, covered: []object{{pod, "a", "app=x", "Running"}},
			resource: pod, selection: Selection{Namespaces: []string{"a"}, Labels: "app", Fields: "status.phase!=Failed"}, plain: Selection{Namespaces: []string{"a"}},
			narrows: `{"namespaces":["a"],"exclude_namespaces":["b"],"labels":"app","ignore_pod_phases":["Failed"]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.scope.Selection(c.resource, true); !reflect.DeepEqual(got, c.selection) {
				t.Errorf("Selection = %+v, want %+v", got, c.selection)
			}
			if got := c.scope.Selection(c.resource, false); !reflect.DeepEqual(got, c.plain) {
				t.Errorf("Selection of a provider that is not Identifying = %+v, want %+v", got, c.plain)
			}
			narrows := c.scope.Narrows(c.resource)
			if narrows != c.narrows {
				t.Errorf("Narrows = %s, want %s", narrows, c.narrows)
			}
			recorded, err := ParseNarrows(narrows)
			if err != nil {
				t.Fatal(err)
			}
			if again := recorded.Narrows(c.resource); again != narrows {
				t.Errorf("what was recorded as %s is recorded as %s", narrows, again)
			}
			for want, objects := range map[bool][]object{true: c.covered, false: c.left} {
				for _, o := range objects {
					if got := c.scope.CoversObject(o.resource, o.namespace, pairsOf(o.labels), o.phase); got != want {
						t.Errorf("CoversObject(%+v) = %v", o, got)
					}
					of, err := ParseNarrows(c.scope.Narrows(o.resource))
					if err != nil {
						t.Fatal(err)
					}
					if got := of.CoversObject(o.resource, o.namespace, pairsOf(o.labels), o.phase); got != want {
						t.Errorf("as recorded, CoversObject(%+v) = %v", o, got)
					}
				}
			}
		})
	}
}

func TestParseNarrowsOfALaterVersion(t *testing.T) {
	for _, text := range []string{`{"namespaces":["a"],"colours":["red"]}`, `{"labels":"a b"}`, `{"ignore_labels":[""]}`, "[", "x"} {
		if scope, err := ParseNarrows(text); err == nil {
			t.Errorf("%s is read as %+v", text, scope)
		}
	}
}

// FuzzParseSelector: what is read is written so that it is read as the same again, and chooses the opposite of its opposite.
func FuzzParseSelector(f *testing.F) {
	for _, text := range []string{"app=web", "tier!=cache,env in (a, b)", "!a", "a notin (x,)", "a,,b", "in in (in)", "a=b=c", "(", "a in (b"} {
		f.Add(text)
	}
	labels := pairsOf("a=x,app=web,env=b,in=in,tier=cache")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseSelector(text)
		if err != nil {
			return
		}
		again, err := ParseSelector(parsed.String())
		if err != nil || again.String() != parsed.String() || again.Matches(labels) != parsed.Matches(labels) {
			t.Fatalf("%q is written %q, which is read as %q, %v", text, parsed.String(), again.String(), err)
		}
		for _, requirement := range parsed {
			if requirement.matches(labels) == (Selector{requirement.not()}).Matches(labels) {
				t.Fatalf("%q and its opposite agree", requirement.String())
			}
		}
	})
}
