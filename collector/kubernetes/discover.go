package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8sq/k8sq/collector"
)

// client-go's own discovery package is not used: it registers every built-in type as the program starts, which each command would pay
// for, and it takes the first version that is not stale for the preferred one, which would list objects under a second type while the
// server of the first is down.

const (
	acceptJSON = "application/json"
	// Since Kubernetes 1.30 one answer at /api and one at /apis hold every group; older servers answer in the older format.
	acceptAggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," + acceptJSON
)

// group is an API group as discovery tells of it: its versions in order of preference.
type group struct {
	name     string
	versions []version
}

// version is one version of a group, with what it serves or why that is not known.
type version struct {
	name      string
	resources []served
	err       error
}

// served is one resource that a version serves.
type served struct {
	plural, kind string
	namespaced   bool
	listable     bool
}

// Discover asks for the version, the API groups, one node and the namespace kube-system, in that order, so that a server out of reach is told by the first request.
func (p *provider) Discover(ctx context.Context) (collector.Discovery, error) {
	serverVersion, err := p.serverVersion(ctx)
	if err != nil {
		return collector.Discovery{}, p.client.explain(err)
	}
	groups, err := p.groups(ctx)
	if err != nil {
		return collector.Discovery{}, fmt.Errorf("discover the API groups: %w", p.client.explain(err))
	}
	discovery := collector.Discovery{ServerVersion: serverVersion}
	for _, group := range groups {
		resources, unknown := group.preferred()
		discovery.Resources = append(discovery.Resources, resources...)
		discovery.Unknown = append(discovery.Unknown, unknown...)
	}
	if discovery.Provider, err = p.cloud(ctx); err != nil {
		return collector.Discovery{}, fmt.Errorf("find out where the cluster runs: %w", p.client.explain(err))
	}
	if discovery.Identity = p.identity(ctx); ctx.Err() != nil {
		return collector.Discovery{}, ctx.Err()
	}
	return discovery, nil
}

// preferred gives each listable resource once: at the first version, in order of preference, that serves it. Where a version is
// unknown nothing is taken from those after it either: the unknown one may serve the same resource, and an object listed under two
// versions would be two types. What they serve is then unknown too.
func (g group) preferred() ([]collector.Resource, []collector.UnknownGroup) {
	var (
		resources []collector.Resource
		unknown   []collector.UnknownGroup
		missing   string
		plurals   = map[string]bool{}
		kinds     = map[string]bool{}
	)
	for _, version := range g.versions {
		if version.err == nil && missing != "" {
			version.err = fmt.Errorf("what version %s serves is unknown, and it is preferred to %s", missing, version.name)
		}
		if version.err != nil {
			if missing == "" {
				missing = version.name
			}
			unknown = append(unknown, collector.UnknownGroup{Group: g.name, Version: version.name, Err: version.err})
			continue
		}
		for _, served := range version.resources {
			if !served.listable || served.kind == "" || strings.Contains(served.plural, "/") || plurals[served.plural] || kinds[served.kind] {
				continue
			}
			plurals[served.plural], kinds[served.kind] = true, true
			resources = append(resources, collector.Resource{
				Group: g.name, Version: version.name, Kind: served.kind, Plural: served.plural, Namespaced: served.namespaced,
				Ordered: inKeyOrder(g.name, served.plural),
			})
		}
	}
	return resources, unknown
}

// inKeyOrder tells whether a list comes in the order of etcd's keys, <prefix>/<resource>/<namespace>/<name>, which is the byte order of
// resource ids. Everything that is stored does; what is computed for the request does not.
func inKeyOrder(group, plural string) bool {
	computed := group == "" && plural == "componentstatuses" || group == "metrics.k8s.io" || strings.HasSuffix(group, ".metrics.k8s.io")
	return !computed
}

// serverVersion is /version's gitVersion, "" where it may not be read. It is the first request, and so does not wait for long for a
// server that refuses connections.
func (p *provider) serverVersion(ctx context.Context) (string, error) {
	brief := *p.client
	brief.retries = min(brief.retries, 2)
	body, _, err := brief.get(ctx, "/version", nil, acceptJSON)
	if errors.Is(err, collector.ErrForbidden) || errors.Is(err, collector.ErrGone) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var info struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", decodeError("/version", err)
	}
	return info.GitVersion, nil
}

// groups reads the legacy group and the named ones, in the order of the server's preference.
func (p *provider) groups(ctx context.Context) ([]group, error) {
	legacy, err := p.groupsAt(ctx, "/api")
	// A server of aggregated APIs alone has no legacy group.
	if err != nil && !errors.Is(err, collector.ErrGone) {
		return nil, err
	}
	named, err := p.groupsAt(ctx, "/apis")
	if err != nil {
		return nil, err
	}
	return append(legacy, named...), nil
}

func (p *provider) groupsAt(ctx context.Context, path string) ([]group, error) {
	body, contentType, err := p.client.get(ctx, path, nil, acceptAggregated)
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusNotAcceptable {
		body, contentType, err = p.client.get(ctx, path, nil, acceptJSON)
	}
	if err != nil {
		return nil, err
	}
	if isAggregated(contentType) {
		return aggregatedGroups(path, body)
	}
	return p.separateGroups(ctx, path, body)
}

func isAggregated(contentType string) bool {
	media, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && media == acceptJSON && parameters["g"] == "apidiscovery.k8s.io" && parameters["v"] == "v2" && parameters["as"] == "APIGroupDiscoveryList"
}

func aggregatedGroups(path string, body []byte) ([]group, error) {
	var list apidiscovery.APIGroupDiscoveryList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, decodeError(path, err)
	}
	groups := make([]group, 0, len(list.Items))
	for _, item := range list.Items {
		g := group{name: item.Name}
		for _, v := range item.Versions {
			one := version{name: v.Version}
			if v.Freshness == apidiscovery.DiscoveryFreshnessStale {
				one.err = errors.New("the server that stands behind this API does not answer (its discovery is stale); see kubectl get apiservices")
			}
			for _, r := range v.Resources {
				s := served{plural: r.Resource, namespaced: r.Scope == apidiscovery.ScopeNamespace, listable: slices.Contains(r.Verbs, "list")}
				if r.ResponseKind != nil {
					s.kind = r.ResponseKind.Kind
				}
				one.resources = append(one.resources, s)
			}
			g.versions = append(g.versions, one)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// separateGroups is discovery as it was before it was aggregated: the groups in one answer, what each version serves in one each.
func (p *provider) separateGroups(ctx context.Context, path string, body []byte) ([]group, error) {
	var groups []group
	if path == "/api" {
		var versions metav1.APIVersions
		if err := json.Unmarshal(body, &versions); err != nil {
			return nil, decodeError(path, err)
		}
		legacy := group{}
		for _, name := range versions.Versions {
			legacy.versions = append(legacy.versions, version{name: name})
		}
		groups = []group{legacy}
	} else {
		var list metav1.APIGroupList
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, decodeError(path, err)
		}
		for _, item := range list.Groups {
			g := group{name: item.Name}
			for _, v := range item.Versions {
				if v.Version == item.PreferredVersion.Version {
					g.versions = slices.Insert(g.versions, 0, version{name: v.Version})
				} else {
					g.versions = append(g.versions, version{name: v.Version})
				}
			}
			groups = append(groups, g)
		}
	}
	for i := range groups {
		for j := range groups[i].versions {
			v := &groups[i].versions[j]
			v.resources, v.err = p.servedBy(ctx, groups[i].name, v.name)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	return groups, nil
}

func (p *provider) servedBy(ctx context.Context, group, version string) ([]served, error) {
	path := versionPath(group, version)
	body, _, err := p.client.get(ctx, path, nil, acceptJSON)
	if err != nil {
		return nil, err
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, decodeError(path, err)
	}
	resources := make([]served, 0, len(list.APIResources))
	for _, r := range list.APIResources {
		resources = append(resources, served{plural: r.Name, kind: r.Kind, namespaced: r.Namespaced, listable: slices.Contains(r.Verbs, "list")})
	}
	return resources, nil
}

// versionPath is where a group's version is served: the legacy group has a place of its own.
func versionPath(group, version string) string {
	if group == "" {
		return "/api/" + version
	}
	return "/apis/" + group + "/" + version
}

// cloud tells where the cluster runs by the scheme of one node's providerID ("aws:///eu-central-1a/i-0123"), "" where it may not be
// known: no node, no such field, no permission. Any other failure is an error, for a cluster's first sync fixes its provider for good.
func (p *provider) cloud(ctx context.Context) (string, error) {
	body, _, err := p.client.get(ctx, "/api/v1/nodes", url.Values{"limit": {"1"}}, acceptJSON)
	if errors.Is(err, collector.ErrForbidden) || errors.Is(err, collector.ErrGone) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var list struct {
		Items []struct {
			Spec struct {
				ProviderID string `json:"providerID"`
			} `json:"spec"`
		} `json:"items"`
	}
	if json.Unmarshal(body, &list) != nil || len(list.Items) == 0 {
		return "", nil
	}
	scheme, _, found := strings.Cut(list.Items[0].Spec.ProviderID, "://")
	if !found {
		return "", nil
	}
	if scheme == "gce" {
		return "gcp", nil
	}
	return strings.ToLower(scheme), nil
}
