package kubernetes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/k8sq/k8sq/collector"
)

// acceptMetadata asks for a list of what an object is called alone. A server that cannot do that (of an aggregated API, say) sends
// whole objects, which hold the same.
const (
	acceptMetadata       = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," + acceptJSON
	acceptObjectMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + acceptJSON // of a single one
)

const (
	// fewNamespaces are listed one by one without a look at how much there is.
	fewNamespaces = 2
	// objectsOfRequest is how many objects a server sends in about the time that one more request costs. From some namespaces on it is thus
	// cheaper to read all of a small resource than each namespace of it.
	objectsOfRequest = 50
)

// listNarrowed lists a resource, or what a selection leaves of it.
func (p *provider) listNarrowed(ctx context.Context, resource collector.Resource, selection collector.Selection, accept string, each func(object []byte) error) (collector.Listing, error) {
	for _, part := range []string{resource.Version, resource.Plural} {
		if part == "" {
			return collector.Listing{}, fmt.Errorf("%w: a resource without a version or a plural name", collector.ErrGone)
		}
	}
	for _, part := range slices.Concat([]string{resource.Group, resource.Version, resource.Plural}, selection.Namespaces) {
		if part == "." || part == ".." || strings.ContainsAny(part, "/?#%") {
			return collector.Listing{}, fmt.Errorf("%w: %q is no part of a resource's path", collector.ErrGone, part)
		}
	}
	base := versionPath(resource.Group, resource.Version)
	all := base + "/" + resource.Plural
	query := url.Values{}
	if selection.Labels != "" {
		query.Set("labelSelector", selection.Labels)
	}
	if selection.Fields != "" {
		query.Set("fieldSelector", selection.Fields)
	}
	if !resource.Namespaced || len(selection.Namespaces) == 0 {
		return p.listSelected(ctx, all, query, accept, nil, each)
	}
	if p.allAtOnce(ctx, all, len(selection.Namespaces)) {
		return p.listSelected(ctx, all, query, accept, inNamespaces(selection.Namespaces), each)
	}
	var (
		listing   collector.Listing
		forbidden []error
		own       error // the callback's
	)
	for i, namespace := range namespacesInKeyOrder(selection.Namespaces) {
		part, err := p.listSelected(ctx, base+"/namespaces/"+namespace+"/"+resource.Plural, query, accept, nil, func(object []byte) error {
			own = each(object)
			return own
		})
		switch {
		case err == nil && i == 0:
			listing = part
		case err == nil:
			listing.ResourceVersion = older(listing.ResourceVersion, part.ResourceVersion)
		case own != nil || ctx.Err() != nil:
			return collector.Listing{}, err
		case errors.Is(err, collector.ErrForbidden):
			// The others may be read nevertheless; that this one is missing makes the list incomplete.
			forbidden = append(forbidden, fmt.Errorf("namespace %s: %w", namespace, err))
		default:
			return collector.Listing{}, fmt.Errorf("namespace %s: %w", namespace, err)
		}
	}
	switch len(forbidden) {
	case 0:
		return listing, nil
	case 1:
		return collector.Listing{}, forbidden[0]
	}
	return collector.Listing{}, fmt.Errorf("%w (and %d more of the %d namespaces)", forbidden[0], len(forbidden)-1, len(selection.Namespaces))
}

// listSelected lists what is at a path. Where the server does not know a field that it is to select by, it is asked for all: what it gives
// too much is the caller's to leave out.
func (p *provider) listSelected(ctx context.Context, path string, query url.Values, accept string, wanted func([]byte) bool, each func([]byte) error) (collector.Listing, error) {
	called := false
	listing, err := p.listAt(ctx, path, query, accept, wanted, func(object []byte) error {
		called = true
		return each(object)
	})
	var status *statusError
	if !called && query.Has("fieldSelector") && errors.As(err, &status) && status.code == http.StatusBadRequest {
		query = maps.Clone(query)
		query.Del("fieldSelector")
		p.log.Debug("the server does not select by these fields, so all objects are listed", "path", path, "error", err)
		return p.listAt(ctx, path, query, accept, wanted, each)
	}
	return listing, err
}

// allAtOnce decides whether some namespaces of a resource are read by one list of all its objects, by a look at how many there are. Where
// all may not be listed it is the namespaces' own lists that tell what may.
func (p *provider) allAtOnce(ctx context.Context, path string, namespaces int) bool {
	if namespaces <= fewNamespaces {
		return false
	}
	brief := *p.client // what does not answer now is told by the lists
	brief.retries = min(brief.retries, 2)
	body, _, err := brief.get(ctx, path, url.Values{"limit": {"1"}}, acceptMetadata)
	if err != nil {
		return false
	}
	var head struct {
		Metadata struct {
			Continue  string `json:"continue"`
			Remaining *int   `json:"remainingItemCount"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if json.Unmarshal(body, &head) != nil {
		return false
	}
	count := len(head.Items)
	if head.Metadata.Continue != "" {
		if head.Metadata.Remaining == nil {
			return false
		}
		count += *head.Metadata.Remaining
	}
	return count <= namespaces*objectsOfRequest
}

// namespacesInKeyOrder gives namespaces in the order in which a list of all holds them, by "namespace/": a-b before a.
func namespacesInKeyOrder(namespaces []string) []string {
	return slices.SortedFunc(slices.Values(namespaces), func(a, b string) int { return cmp.Compare(a+"/", b+"/") })
}

// older is the older of two resource versions, "" where that cannot be told: what holds of both states.
func older(a, b string) string {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	if errA != nil || errB != nil {
		return ""
	}
	return strconv.FormatUint(min(x, y), 10)
}

// Identities lists the metadata alone, a fifth of the work of a list.
func (p *provider) Identities(ctx context.Context, resource collector.Resource, namespaces []string, each func(resourceID, uid string) error) (collector.Listing, error) {
	var reader headReader
	return p.listNarrowed(ctx, resource, collector.Selection{Namespaces: namespaces}, acceptMetadata, func(object []byte) error {
		head, err := reader.read(object)
		if err != nil || head.name == "" {
			return fmt.Errorf("the list of %s holds an object without a name", resource.Plural)
		}
		id := head.name
		if resource.Namespaced {
			id = head.namespace + "/" + head.name
		}
		return each(id, head.uid)
	})
}

// inNamespaces tells the objects of some namespaces. One whose namespace cannot be read is not its to leave out.
func inNamespaces(namespaces []string) func(object []byte) bool {
	var reader headReader
	return func(object []byte) bool {
		head, err := reader.read(object)
		return err != nil || head.namespace == "" || slices.Contains(namespaces, head.namespace)
	}
}

// head is what an object is called.
type head struct{ namespace, name, uid string }

// headReader reads heads of objects one after the other. It stops behind the metadata, which servers write before everything that is long.
type headReader struct{ decoder *jsontext.Decoder }

func (r *headReader) read(object []byte) (head, error) {
	if r.decoder == nil {
		r.decoder = new(jsontext.Decoder)
	}
	r.decoder.Reset(bytes.NewBuffer(object), jsontext.AllowDuplicateNames(true))
	var h head
	err := r.members(func(name string) error {
		if name != "metadata" {
			return r.decoder.SkipValue()
		}
		if err := r.members(func(name string) error {
			var field *string
			switch name {
			case "namespace":
				field = &h.namespace
			case "name":
				field = &h.name
			case "uid":
				field = &h.uid
			}
			if field == nil || r.decoder.PeekKind() != '"' {
				return r.decoder.SkipValue()
			}
			value, err := r.decoder.ReadToken()
			if err == nil {
				*field = value.String()
			}
			return err
		}); err != nil {
			return err
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return h, err
}

// errFound ends the reading of an object.
var errFound = errors.New("found")

// members reads an object, whose values take reads.
func (r *headReader) members(take func(name string) error) error {
	if r.decoder.PeekKind() != '{' {
		return errors.New("not an object")
	}
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	for r.decoder.PeekKind() != '}' {
		name, err := r.decoder.ReadToken()
		if err != nil {
			return err
		}
		if err := take(name.String()); err != nil {
			return err
		}
	}
	_, err := r.decoder.ReadToken()
	return err
}

// identity is the uid of the namespace kube-system, which no other cluster has, "" where it cannot be read: that must keep nobody from
// collecting what may be read.
func (p *provider) identity(ctx context.Context) string {
	brief := *p.client
	brief.retries = min(brief.retries, 2)
	body, _, err := brief.get(ctx, "/api/v1/namespaces/kube-system", nil, acceptObjectMetadata)
	var reader headReader
	var h head
	if err == nil {
		h, err = reader.read(body)
	}
	if err != nil {
		p.log.Debug("which cluster this is cannot be told: the uid of the namespace kube-system is not known", "server", p.client.host(), "error", err)
	}
	return h.uid
}
