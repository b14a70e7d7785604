package config_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector"
)

// TestCollect: the defaults of the collect block, and what blocks of clusters make of them. The block stands behind the clusters, which
// makes no difference.
func TestCollect(t *testing.T) {
	loaded := load(t, `
provider "kubernetes" "takes the defaults on" {
  context = "x"
}
provider "kubernetes" "short" {
  context            = "x"
  namespaces         = ["a", "b"]
  exclude_namespaces = []
  identity           = "1f2a5c0e-7c9b-4e55-9d0c-2f6f3f1f8a11"
}
provider "manifests" "own" {
  paths = ["x"]
  collect {
    concurrency  = 1
    sync_timeout = "90s"
    select {
      resource_types = ["core.v1.*"]
      labels         = ["env in (prod, test)", "team"]
    }
    ignore {
      labels     = "tier=cache"
      pod_phases = null
    }
    custom_resources {
      enabled = true
      groups  = []
    }
    changes {
      diff          = false
      ignore_fields = []
    }
  }
}
provider "kubernetes" "any" {
  context    = "x"
  namespaces = null
  identity   = "any"
  collect {
    select {
      labels = {}
    }
    custom_resources { enabled = false }
    changes { enabled = false }
  }
}
collect {
  concurrency  = 8
  sync_timeout = "1h30m"
  select {
    resource_types = ["core.v1.Pod", "apps.v1.*"]
    namespaces     = ["team-*"]
    labels         = { "app.kubernetes.io/managed-by" = "helm", n = 1 }
  }
  ignore {
    resource_types = ["*.ReplicaSet"]
    namespaces     = ["kube-node-lease"]
    labels         = { tier = "cache", env = "test" }
    pod_phases     = ["Succeeded", "Failed"]
  }
  custom_resources {
    groups        = ["argoproj.io"]
    ignore_groups = ["*.cattle.io"]
  }
  changes {
    deletions     = false
    ignore_fields = ["status.conditions[*].lastHeartbeatTime"]
  }
}
`)
	selector := func(texts ...string) (all []collector.Selector) {
		for _, text := range texts {
			parsed, err := collector.ParseSelector(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, parsed)
		}
		return all
	}
	defaults := collector.Scope{
		Select: []string{"core.v1.Pod", "apps.v1.*"}, Ignore: []string{"*.ReplicaSet"},
		CustomResources: collector.CustomResources{Groups: []string{"argoproj.io"}, IgnoreGroups: []string{"*.cattle.io"}},
		Namespaces:      []string{"team-*"}, ExcludeNamespaces: []string{"kube-node-lease"},
		Labels:          selector("app.kubernetes.io/managed-by=helm,n=1")[0],
		IgnoreLabels:    selector("env=test", "tier=cache"),
		IgnorePodPhases: []string{"Succeeded", "Failed"},
	}
	short, own, anyOne := defaults, defaults, defaults
	short.Namespaces, short.ExcludeNamespaces = []string{"a", "b"}, []string{}
	own.Select, own.Labels, own.IgnoreLabels = []string{"core.v1.*"}, selector("env in (prod,test),team")[0], selector("tier=cache")
	own.CustomResources.Groups = []string{}
	anyOne.Labels, anyOne.CustomResources.Disabled = nil, true

	for _, c := range []struct {
		cluster      string
		scope        collector.Scope
		changes      collector.Changes
		ignoreFields []string
		concurrency  int
		timeout      time.Duration
		identity     string
	}{
		{"takes the defaults on", defaults, collector.Changes{Enabled: true, Diff: true}, []string{"status.conditions[*].lastHeartbeatTime"}, 8, 90 * time.Minute, ""},
		{"short", short, collector.Changes{Enabled: true, Diff: true}, []string{"status.conditions[*].lastHeartbeatTime"}, 8, 90 * time.Minute, "1f2a5c0e-7c9b-4e55-9d0c-2f6f3f1f8a11"},
		{"own", own, collector.Changes{Enabled: true}, []string{}, 1, 90 * time.Second, ""},
		{"any", anyOne, collector.Changes{Diff: true}, []string{"status.conditions[*].lastHeartbeatTime"}, 8, 90 * time.Minute, collector.AnyIdentity},
	} {
		provider, found := loaded.Provider(c.cluster)
		if !found {
			t.Fatalf("no cluster %q", c.cluster)
		}
		collect := provider.Collect
		if got := collect.Scope(); !reflect.DeepEqual(got, c.scope) {
			t.Errorf("%s: scope\n%+v, want\n%+v", c.cluster, got, c.scope)
		}
		if collect.Changes != c.changes || !reflect.DeepEqual(collect.IgnoreFields, c.ignoreFields) {
			t.Errorf("%s: changes %+v, ignored fields %q", c.cluster, collect.Changes, collect.IgnoreFields)
		}
		if collect.Concurrency != c.concurrency || collect.SyncTimeout != c.timeout || provider.Identity != c.identity {
			t.Errorf("%s: concurrency %d, time-out %v, identity %q", c.cluster, collect.Concurrency, collect.SyncTimeout, provider.Identity)
		}
	}
	if got := loaded.Collect.Scope(); !reflect.DeepEqual(got, defaults) {
		t.Errorf("the defaults became %+v", got)
	}
}

// TestCollectDefaults: nothing said is everything collected and recorded.
func TestCollectDefaults(t *testing.T) {
	for name, text := range map[string]string{
		"no block":     `provider "kubernetes" "a" { context = "x" }`,
		"empty blocks": "provider \"kubernetes\" \"a\" {\n context = \"x\"\n collect {\n select {}\n ignore {}\n custom_resources {}\n changes {}\n }\n}\ncollect {}",
	} {
		collect := load(t, text).Providers[0].Collect
		if !reflect.DeepEqual(collect.Scope(), collector.Scope{}) || collect.Changes != (collector.Changes{Enabled: true, Diff: true, Deletions: true}) ||
			collect.SyncTimeout != 0 || collect.IgnoreFields != nil {
			t.Errorf("%s: %+v", name, collect)
		}
	}
}
