package collector

import (
	"context"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// raw is a provider of one object, given as JSON.
type raw struct {
	resource Resource
	object   string
}

func (r raw) Discover(context.Context) (Discovery, error) {
	return Discovery{Resources: []Resource{r.resource}}, nil
}

func (r raw) List(_ context.Context, _ Resource, _ Selection, each func([]byte) error) (Listing, error) {
	return Listing{}, each([]byte(r.object))
}

// TestDigestsThatDifferWithoutADifference syncs states that have other digests and mean the same: no version, and the next sync of the same state
// commits nothing.
func TestDigestsThatDifferWithoutADifference(t *testing.T) {
	pods := Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: true}
	pod := func(cpu, checked string) string {
		return `{"metadata":{"name":"x","namespace":"a","uid":"u","annotations":{"checked":"` + checked + `"}},
			"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"` + cpu + `"}}}]}}`
	}
	type step struct {
		object   string
		ignore   []string
		version  int64
		commits  int
		seenElse bool // the seen digest is another than the latest version's
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"an equal quantity", []step{
			{object: pod("1", "1"), version: 1, commits: 1},
			{object: pod("1000m", "1"), version: 1, commits: 1, seenElse: true},
			{object: pod("1000m", "1"), version: 1, seenElse: true},
			{object: pod("1", "1"), version: 1, seenElse: true},
			{object: pod("2", "1"), version: 2, commits: 1},
			{object: pod("2", "1"), version: 2},
		}},
		{"a field that is ignored from now on, and again not", []step{
			{object: pod("1", "1"), version: 1, commits: 1},
			{object: pod("1", "2"), ignore: []string{"metadata.annotations.checked"}, version: 1, commits: 1, seenElse: true},
			{object: pod("1", "3"), ignore: []string{"metadata.annotations.checked"}, version: 1, seenElse: true},
			{object: pod("1", "1"), version: 1, seenElse: true},
			{object: pod("1", "3"), version: 2, commits: 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLake(t)
			for i, step := range c.steps {
				options := optionsFor(l, raw{pods, step.object})
				options.IgnoreFields = step.ignore
				result, _ := syncOnce(t, options)
				if result.Committed != step.commits {
					t.Errorf("sync %d made %d commits", i+1, result.Committed)
				}
				for s := range snapshotsIn(t, l) {
					if s.LatestVersion != step.version || (s.SeenDigest != "") != step.seenElse || s.SeenDigest == s.LatestDigest {
						t.Errorf("sync %d: %d, %q, %q", i+1, s.LatestVersion, s.LatestDigest, s.SeenDigest)
					}
				}
			}
			checkChanges(t, l)
			for v := range versionsIn(t, l) {
				if v.Operation == lake.Updated && v.PreviousDigest == v.Digest {
					t.Errorf("%+v", v)
				}
			}
		})
	}
}
