package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"

	"github.com/k8sq/k8sq/collector"
)

const (
	// countedObjects are the objects that a count reads for their size.
	countedObjects = 5
	// countedNamespaces is up to how many namespaces are counted one by one.
	countedNamespaces = 20
)

// Count asks for the first few objects: the server says how many come after them, unless a selector stands in the request. So labels and
// fields are left out, and what is counted is the most that the list can hold.
func (p *provider) Count(ctx context.Context, resource collector.Resource, selection collector.Selection) (collector.Count, error) {
	bound := collector.Exactly
	if selection.Labels != "" || selection.Fields != "" {
		bound = collector.AtMost
	}
	base := versionPath(resource.Group, resource.Version)
	all := base + "/" + resource.Plural
	if !resource.Namespaced || len(selection.Namespaces) == 0 {
		return p.countAt(ctx, all, bound)
	}
	if len(selection.Namespaces) > countedNamespaces {
		count, err := p.countAt(ctx, all, collector.AtMost)
		if !errors.Is(err, collector.ErrForbidden) {
			return count, err
		}
	}
	sum := collector.Count{Bound: bound}
	for _, namespace := range selection.Namespaces {
		count, err := p.countAt(ctx, base+"/namespaces/"+url.PathEscape(namespace)+"/"+resource.Plural, bound)
		if err != nil {
			return collector.Count{}, err
		}
		sum.Objects, sum.Bytes = sum.Objects+count.Objects, sum.Bytes+count.Bytes
		if count.Bound == collector.AtLeast {
			sum.Bound = collector.AtLeast
		}
	}
	return sum, nil
}

func (p *provider) countAt(ctx context.Context, path string, bound collector.Bound) (collector.Count, error) {
	body, _, err := p.client.get(ctx, path, url.Values{"limit": {strconv.Itoa(countedObjects)}}, acceptJSON)
	if err != nil {
		var status *statusError
		if errors.As(err, &status) && !isUnauthorized(err) {
			return collector.Count{}, err
		}
		return collector.Count{}, p.client.explain(err)
	}
	var list struct {
		Metadata struct {
			Continue  string `json:"continue"`
			Remaining *int64 `json:"remainingItemCount"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return collector.Count{}, decodeError(path, err)
	}
	count := collector.Count{Objects: int64(len(list.Items)), Bound: bound}
	for _, item := range list.Items {
		count.Bytes += int64(len(item))
	}
	switch {
	case list.Metadata.Remaining != nil && len(list.Items) > 0:
		count.Objects += *list.Metadata.Remaining
		count.Bytes = count.Bytes / int64(len(list.Items)) * count.Objects
	case list.Metadata.Continue != "":
		count.Bound = collector.AtLeast
	}
	return count, nil
}
