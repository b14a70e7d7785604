package sql

import (
	"strings"
	"testing"

	"github.com/k8sq/k8sq/examples/queries"
)

// The ready-made questions have these answers in the shop's lake.
func TestReadyMadeQueries(t *testing.T) {
	want := map[string][]string{
		"recent-changes":      {},
		"image-rollouts":      {"123|Deployment|shop/web|spec.template.spec.containers[0].image|web:1|web:2", "prod|Deployment|shop/web"},
		"scaling":             {"prod|Deployment|shop/web|2|5|[kubectl]"},
		"rbac-changes":        {"prod|created|ClusterRoleBinding|ops|[]|NULL", "prod|updated|ClusterRole|reader|[rules[0].resources[1]]"},
		"secret-rotations":    {"prod|shop/db|updated|data.password|[kubectl]"},
		"deletions":           {"prod|core.v1.Pod|shop/web-2|p2|1"},
		"unhealthy-pods":      {"123|shop|web-2|CrashLoopBackOff|0/1|7", "o'dd/é %|shop|web-2|CrashLoopBackOff|0/1|7", "prod|bank|web-1|Pending|0/1|0"},
		"deployment-replicas": {"123|shop|web|2|1|1|1|[web:2]", "o'dd/é %|shop|web|2|2|2|2|[web:1]", "prod|shop|web|5|5|5|5|[web:2]"},
		"coverage":            {"123|apps.v1.Deployment|partial|1|", "prod|core.v1.Secret|forbidden|0|", "prod|core.v1.Pod|complete|2|"},
		"busiest":             {"prod|apps.v1.Deployment|shop/web|2|2|3|3|", "123|apps.v1.Deployment|shop/web|1|1|0|0|", "prod|core.v1.ConfigMap|shop/conf|1|1|1|0|", "prod|core.v1.Secret", "prod|rbac"},
		"inventory":           {"123|core.v1.Pod|2|1|", "123|apps.v1.Deployment|1|1|", "o'dd/é %|core.v1.Pod|2|1|", "o'dd/é %|apps.v1.Deployment|1|1|", "prod|core.v1.Pod|2|2|"},
	}
	e := open(t, shopLake(t), Options{})
	for _, q := range queries.All() {
		got := answer(t, e, q.SQL)
		expected, known := want[q.Name]
		if !known {
			t.Errorf("there is no answer to %s", q.Name)
			continue
		}
		if len(got) < len(expected) || len(got) != len(expected) && q.Name != "inventory" {
			t.Errorf("%s gives\n%s", q.Name, strings.Join(got, "\n"))
			continue
		}
		for i, part := range expected {
			if !strings.Contains(got[i], part) {
				t.Errorf("%s gives in row %d\n%s\nwithout %s", q.Name, i, got[i], part)
			}
		}
	}
}
