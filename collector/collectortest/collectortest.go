// Package collectortest proves a provider: what the contract of collector.Provider promises is checked here once, for all of them.
package collectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k8sq/k8sq/collector"
)

// Case is one provider over a system whose content is known.
type Case struct {
	// Open makes a provider of the system. It is called once a subtest, and what it gives is closed after it.
	Open func(t *testing.T) collector.Provider
	// Want are the resource ids that each resource type holds, exactly, in any order: "core.v1.ConfigMap": {"default/a", …}.
	// Types that are not named here may hold anything, but what they hold is checked too. At least one type must hold three objects.
	Want map[string][]string
	// Unknown are the groups, as group/version, that Discover must tell of as unknown, exactly.
	Unknown []string
	// MayForbid: a list of a type outside Want may end with ErrForbidden.
	MayForbid bool
}

// Run proves the provider of the case.
func Run(t *testing.T, c Case) {
	t.Helper()
	if _, ids := c.largest(); len(ids) < 3 {
		t.Fatal("collectortest: no type of Want holds three objects, so that nothing is left of a list that is ended after its first")
	}
	for _, check := range []struct {
		name string
		run  func(*testing.T, Case, collector.Provider)
	}{
		{"discover", discover},
		{"list every resource", listEvery},
		{"list again", listAgain},
		{"the callback's error ends the list", callbackError},
		{"a cancelled context ends the list", cancelled},
		{"concurrent lists", concurrent},
		{"objects are the caller's during the call", scribble},
		{"unknown resource", unknownResource},
		{"namespaces narrow a list", namespaces},
		{"selectors narrow a list", selectors},
		{"identities", identities},
	} {
		t.Run(check.name, func(t *testing.T) {
			provider := c.Open(t)
			defer closeProvider(t, provider)
			check.run(t, c, provider)
		})
	}
}

func closeProvider(t *testing.T, provider collector.Provider) {
	t.Helper()
	if closer, ok := provider.(io.Closer); ok {
		if err := closer.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// largest is the type of Want that holds most.
func (c Case) largest() (string, []string) {
	var largest string
	for _, name := range slices.Sorted(maps.Keys(c.Want)) {
		if len(c.Want[name]) > len(c.Want[largest]) {
			largest = name
		}
	}
	return largest, c.Want[largest]
}

// discovered gives the resources by type.
func discovered(t *testing.T, provider collector.Provider) (collector.Discovery, map[string]collector.Resource) {
	t.Helper()
	discovery, err := provider.Discover(t.Context())
	if err != nil {
		t.Fatalf("Discover: %v", err)
	}
	resources := map[string]collector.Resource{}
	for _, resource := range discovery.Resources {
		resources[resource.Type()] = resource
	}
	return discovery, resources
}

// wanted is the resource of a type of Want, which must have been discovered.
func wanted(t *testing.T, resources map[string]collector.Resource, name string) collector.Resource {
	t.Helper()
	resource, ok := resources[name]
	if !ok {
		t.Fatalf("Discover tells nothing of %s", name)
	}
	return resource
}

func discover(t *testing.T, c Case, provider collector.Provider) {
	first, resources := discovered(t, provider)
	type groupKind struct{ group, kind string }
	seen := map[groupKind]string{}
	for _, resource := range first.Resources {
		key := groupKind{resource.Group, resource.Kind}
		if other, ok := seen[key]; ok {
			t.Errorf("Discover tells of %s and %s: a kind of a group belongs there once", other, resource.Type())
		}
		seen[key] = resource.Type()
		if resource.Version == "" || resource.Kind == "" {
			t.Errorf("Discover tells of a resource without a version or a kind: %+v", resource)
		}
		if resource.Group == "core" {
			t.Errorf("%s: the legacy group's name is empty in a Resource", resource.Type())
		}
	}
	for name := range c.Want {
		wanted(t, resources, name)
	}
	var unknown []string
	for _, group := range first.Unknown {
		unknown = append(unknown, group.Group+"/"+group.Version)
		if group.Err == nil {
			t.Errorf("%s/%s is unknown, but not why", group.Group, group.Version)
		}
	}
	if got, want := slices.Sorted(slices.Values(unknown)), slices.Sorted(slices.Values(c.Unknown)); !slices.Equal(got, want) {
		t.Errorf("unknown groups: %q, want %q", got, want)
	}

	second, again := discovered(t, provider)
	if !maps.Equal(resources, again) {
		t.Errorf("a second Discover tells of other resources:\n%v\n%v", resources, again)
	}
	if first.ServerVersion != second.ServerVersion || first.Provider != second.Provider || first.Identity != second.Identity {
		t.Errorf("a second Discover tells of version %q on %q with the identity %q, not %q on %q with %q",
			second.ServerVersion, second.Provider, second.Identity, first.ServerVersion, first.Provider, first.Identity)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := provider.Discover(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Discover with a cancelled context: %v, want %v", err, context.Canceled)
	}
}

func listEvery(t *testing.T, c Case, provider collector.Provider) {
	discovery, _ := discovered(t, provider)
	for _, resource := range discovery.Resources {
		ids, err := list(t, provider, resource, nil)
		want, named := c.Want[resource.Type()]
		switch {
		case err != nil && !named && c.MayForbid && errors.Is(err, collector.ErrForbidden):
		case err != nil:
			t.Errorf("List %s: %v", resource.Type(), err)
		case named:
			compare(t, resource, ids, want)
		}
	}
}

func listAgain(t *testing.T, c Case, provider collector.Provider) {
	_, resources := discovered(t, provider)
	name, want := c.largest()
	resource := wanted(t, resources, name)
	for range 2 {
		ids, err := list(t, provider, resource, nil)
		if err != nil {
			t.Fatalf("List %s: %v", name, err)
		}
		compare(t, resource, ids, want)
	}
}

func callbackError(t *testing.T, c Case, provider collector.Provider) {
	_, resources := discovered(t, provider)
	name, _ := c.largest()
	mine := errors.New("the callback's own error")
	// ErrUnauthorized and ErrExpired mean something to a provider: not where the callback returns them.
	for _, returned := range []error{mine, errors.Join(mine, collector.ErrUnauthorized), errors.Join(mine, collector.ErrExpired), errors.Join(mine, io.ErrUnexpectedEOF)} {
		calls := 0
		_, err := provider.List(t.Context(), wanted(t, resources, name), collector.Selection{}, func([]byte) error {
			calls++
			if calls == 2 {
				return returned
			}
			return nil
		})
		if !errors.Is(err, mine) {
			t.Errorf("List: %v, want %v", err, returned)
		}
		if calls != 2 {
			t.Errorf("the callback was called %d times, want 2: its error at the second ends the list", calls)
		}
	}
}

func cancelled(t *testing.T, c Case, provider collector.Provider) {
	_, resources := discovered(t, provider)
	name, ids := c.largest()
	resource := wanted(t, resources, name)

	before, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := provider.List(before, resource, collector.Selection{}, func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("List with a cancelled context: %v, want %v", err, context.Canceled)
	}

	midway, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	_, err := provider.List(midway, resource, collector.Selection{}, func([]byte) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("List with a context that is cancelled at the first object: %v, want %v", err, context.Canceled)
	}
	if calls >= len(ids) {
		t.Errorf("the callback was called for all %d objects, though the context was cancelled at the first", calls)
	}
}

func concurrent(t *testing.T, c Case, provider collector.Provider) {
	_, resources := discovered(t, provider)
	var group sync.WaitGroup
	for range 4 {
		for _, name := range slices.Sorted(maps.Keys(c.Want)) {
			resource := wanted(t, resources, name)
			group.Go(func() {
				ids, err := list(t, provider, resource, nil)
				if err != nil {
					t.Errorf("List %s beside others: %v", name, err)
					return
				}
				compare(t, resource, ids, c.Want[name])
			})
		}
	}
	group.Wait()
}

// scribble writes over each object once it has been read. Were the bytes still needed, those that follow would come out wrong, or
// the next list would, out of a cache.
func scribble(t *testing.T, c Case, provider collector.Provider) {
	_, resources := discovered(t, provider)
	for _, name := range slices.Sorted(maps.Keys(c.Want)) {
		resource := wanted(t, resources, name)
		for range 2 {
			ids, err := list(t, provider, resource, func(object []byte) {
				for i := range object {
					object[i] = '"'
				}
			})
			if err != nil {
				t.Errorf("List %s, writing over the objects: %v", name, err)
				continue
			}
			compare(t, resource, ids, c.Want[name])
		}
	}
}

func unknownResource(t *testing.T, _ Case, provider collector.Provider) {
	if _, err := provider.Discover(t.Context()); err != nil {
		t.Fatalf("Discover: %v", err)
	}
	for _, resource := range []collector.Resource{
		{Group: "nowhere.k8sq.dev", Version: "v1", Kind: "Nothing", Plural: "nothings", Namespaced: true},
		{Version: "v1", Kind: "Nothing", Plural: "nothings"},
		{Group: "apps", Version: "v0", Kind: "Deployment", Plural: "deployments"},
		{},
	} {
		_, err := provider.List(t.Context(), resource, collector.Selection{}, func([]byte) error {
			t.Errorf("List of the unknown resource %s calls back with an object", resource.Type())
			return nil
		})
		if err == nil {
			t.Errorf("List of the unknown resource %s succeeds: it would pass for one without objects", resource.Type())
		}
	}
}

// namespaces lists the objects of some namespaces: of one, of two, of one that does not exist, of all that there are and some more.
func namespaces(t *testing.T, c Case, provider collector.Provider) {
	_, resources := discovered(t, provider)
	for _, name := range slices.Sorted(maps.Keys(c.Want)) {
		resource := wanted(t, resources, name)
		for _, chosen := range choices(resource, c.Want[name]) {
			ids, err := listOf(t, provider, resource, collector.Selection{Namespaces: chosen}, nil)
			if err != nil {
				t.Errorf("List %s of the namespaces %q: %v", name, chosen, err)
				continue
			}
			compare(t, resource, ids, within(c.Want[name], chosen))
		}
	}
}

// choices are some sets of namespaces to narrow a list of these ids to, none where the resource has no namespaces.
func choices(resource collector.Resource, ids []string) [][]string {
	if !resource.Namespaced {
		return nil
	}
	present := map[string]bool{}
	for _, id := range ids {
		namespace, _, _ := strings.Cut(id, "/")
		present[namespace] = true
	}
	all := slices.Sorted(maps.Keys(present))
	const absent = "k8sq-no-such-namespace"
	chosen := [][]string{{absent}, slices.Sorted(slices.Values(append(slices.Clone(all), absent, absent+"-2", absent+"-3")))}
	for i, namespace := range all {
		chosen = append(chosen, []string{namespace})
		if i > 0 {
			chosen = append(chosen, []string{all[i-1], namespace})
		}
	}
	return chosen
}

// within are the ids of some namespaces.
func within(ids, namespaces []string) []string {
	var kept []string
	for _, id := range ids {
		if namespace, _, _ := strings.Cut(id, "/"); slices.Contains(namespaces, namespace) {
			kept = append(kept, id)
		}
	}
	return kept
}

// selectors narrows lists by labels and fields where the provider is Identifying. It may give more than what is selected, since the caller
// looks at each object again, but nothing less, and nothing that is not there.
func selectors(t *testing.T, c Case, provider collector.Provider) {
	if _, ok := provider.(collector.Identifying); !ok {
		t.Skip("the provider does not narrow lists by labels and fields")
	}
	_, resources := discovered(t, provider)
	for _, name := range slices.Sorted(maps.Keys(c.Want)) {
		resource := wanted(t, resources, name)
		labels := map[string]map[string]string{}
		if _, err := list(t, provider, resource, func(object []byte) {
			var head struct {
				Metadata struct {
					Labels map[string]string `json:"labels"`
				} `json:"metadata"`
			}
			id, _ := identify(resource, object)
			_ = json.Unmarshal(object, &head) // it has been checked
			labels[id] = head.Metadata.Labels
		}); err != nil {
			t.Errorf("List %s: %v", name, err)
			continue
		}
		key, value := "k8sq-no-such-label", "x"
		for _, id := range slices.Sorted(maps.Keys(labels)) {
			for _, key = range slices.Sorted(maps.Keys(labels[id])) {
				value = labels[id][key]
			}
		}
		for _, narrowed := range []struct {
			selection collector.Selection
			chosen    func(labels map[string]string) bool
		}{
			{collector.Selection{Labels: key + "=" + value}, func(labels map[string]string) bool { has, ok := labels[key]; return ok && has == value }},
			{collector.Selection{Labels: key + "!=" + value}, func(labels map[string]string) bool { has, ok := labels[key]; return !ok || has != value }},
			{collector.Selection{Labels: key}, func(labels map[string]string) bool { _, ok := labels[key]; return ok }},
			{collector.Selection{Labels: "!" + key}, func(labels map[string]string) bool { _, ok := labels[key]; return !ok }},
			{collector.Selection{Fields: "metadata.name!=k8sq-no-such-object"}, func(map[string]string) bool { return true }},
			{collector.Selection{Fields: "spec.k8sq-no-such-field!=x"}, func(map[string]string) bool { return true }},
		} {
			ids, err := listOf(t, provider, resource, narrowed.selection, nil)
			if err != nil {
				t.Errorf("List %s of %+v: %v", name, narrowed.selection, err)
				continue
			}
			for _, id := range c.Want[name] {
				if narrowed.chosen(labels[id]) && !slices.Contains(ids, id) {
					t.Errorf("List %s of %+v: %s is missing", name, narrowed.selection, id)
				}
			}
			for _, id := range ids {
				if !slices.Contains(c.Want[name], id) {
					t.Errorf("List %s of %+v: %s is not in the system", name, narrowed.selection, id)
				}
			}
		}
	}
}

// identities asks an Identifying provider for what exists, and compares it with what it lists.
func identities(t *testing.T, c Case, provider collector.Provider) {
	identifying, ok := provider.(collector.Identifying)
	if !ok {
		t.Skip("the provider is not Identifying")
	}
	_, resources := discovered(t, provider)
	for _, name := range slices.Sorted(maps.Keys(c.Want)) {
		resource := wanted(t, resources, name)
		uids := map[string]string{}
		if _, err := list(t, provider, resource, func(object []byte) {
			var head struct {
				Metadata struct {
					UID string `json:"uid"`
				} `json:"metadata"`
			}
			id, _ := identify(resource, object)
			_ = json.Unmarshal(object, &head) // it has been checked
			uids[id] = head.Metadata.UID
		}); err != nil {
			t.Errorf("List %s: %v", name, err)
			continue
		}
		for _, chosen := range append(choices(resource, c.Want[name]), nil) {
			want := c.Want[name]
			if chosen != nil {
				want = within(want, chosen)
			}
			var ids []string
			_, err := identifying.Identities(t.Context(), resource, chosen, func(id, uid string) error {
				ids = append(ids, id)
				if uid != uids[id] {
					t.Errorf("Identities %s: the uid of %s is %q, not %q as in its list", name, id, uid, uids[id])
				}
				return nil
			})
			if err != nil {
				t.Errorf("Identities %s of the namespaces %q: %v", name, chosen, err)
				continue
			}
			if resource.Ordered && !slices.IsSorted(ids) {
				t.Errorf("Identities %s: they are not in byte order, though the resource is Ordered: %q", name, ids)
			}
			compare(t, resource, ids, want)
		}
	}

	name, _ := c.largest()
	mine := errors.New("the callback's own error")
	calls := 0
	if _, err := identifying.Identities(t.Context(), resources[name], nil, func(string, string) error { calls++; return mine }); !errors.Is(err, mine) || calls != 1 {
		t.Errorf("Identities, with an error of the callback: %v after %d calls, want %v after 1", err, calls, mine)
	}
	if _, err := identifying.Identities(t.Context(), collector.Resource{Group: "nowhere.k8sq.dev", Version: "v1", Kind: "Nothing", Plural: "nothings"}, nil,
		func(string, string) error { return nil }); err == nil {
		t.Error("Identities of an unknown resource succeed: all of it would pass for deleted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := identifying.Identities(ctx, resources[name], nil, func(string, string) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Identities with a cancelled context: %v, want %v", err, context.Canceled)
	}
}

// list gives the ids of a resource's objects, having checked each. done is called with the object's bytes when they have been read.
func list(t *testing.T, provider collector.Provider, resource collector.Resource, done func([]byte)) ([]string, error) {
	t.Helper()
	return listOf(t, provider, resource, collector.Selection{}, done)
}

func listOf(t *testing.T, provider collector.Provider, resource collector.Resource, selection collector.Selection, done func([]byte)) ([]string, error) {
	t.Helper()
	var ids []string
	_, err := provider.List(t.Context(), resource, selection, func(object []byte) error {
		id, problem := identify(resource, object)
		if problem != "" {
			t.Errorf("List %s, object %d: %s", resource.Type(), len(ids)+1, problem)
		}
		ids = append(ids, id)
		if done != nil {
			done(object)
		}
		return nil
	})
	if err != nil {
		return ids, err
	}
	if resource.Ordered && !slices.IsSorted(ids) {
		t.Errorf("List %s: the objects are not in byte order of their resource ids, though the resource is Ordered: %q", resource.Type(), ids)
	}
	sorted := slices.Sorted(slices.Values(ids))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			t.Errorf("List %s: %s comes twice", resource.Type(), sorted[i])
		}
	}
	return ids, nil
}

// identify gives an object's resource id, and what is wrong with it.
func identify(resource collector.Resource, object []byte) (id, problem string) {
	if !bytes.HasPrefix(object, []byte("{")) || !json.Valid(object) {
		return "", "it is not a JSON object"
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(object, &head); err != nil {
		return "", "its head cannot be read: " + err.Error()
	}
	id = head.Metadata.Name
	if head.Metadata.Namespace != "" {
		id = head.Metadata.Namespace + "/" + head.Metadata.Name
	}
	groupVersion := resource.Version
	if resource.Group != "" {
		groupVersion = resource.Group + "/" + resource.Version
	}
	switch {
	case head.Metadata.Name == "":
		problem = "it has no metadata.name"
	case resource.Namespaced != (head.Metadata.Namespace != ""):
		problem = fmt.Sprintf("its namespace is %q, though Namespaced is %v", head.Metadata.Namespace, resource.Namespaced)
	case head.Kind != "" && head.Kind != resource.Kind:
		problem = "its kind is " + head.Kind
	case head.APIVersion != "" && head.APIVersion != groupVersion:
		problem = "its apiVersion is " + head.APIVersion
	}
	return id, problem
}

func compare(t *testing.T, resource collector.Resource, ids, want []string) {
	t.Helper()
	got, expected := slices.Sorted(slices.Values(ids)), slices.Sorted(slices.Values(want))
	if slices.Equal(got, expected) {
		return
	}
	for _, id := range expected {
		if _, found := slices.BinarySearch(got, id); !found {
			t.Errorf("List %s: %s is missing", resource.Type(), id)
		}
	}
	for _, id := range got {
		if _, found := slices.BinarySearch(expected, id); !found {
			t.Errorf("List %s: %s is not in the system", resource.Type(), id)
		}
	}
}
