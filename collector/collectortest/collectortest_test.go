package collectortest_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/collectortest"
)

// memory is a provider of objects in memory, with one defect or none.
type memory struct {
	defect  string
	calls   int
	objects map[string][][]byte // by plural
}

func newMemory(defect string) *memory {
	return &memory{defect: defect, objects: map[string][][]byte{
		"pods": {
			[]byte(`{"metadata":{"namespace":"a-b","name":"x","uid":"1","labels":{"app":"web"}}}`), []byte(`{"metadata":{"namespace":"a","name":"x","uid":"2"}}`),
			[]byte(`{"metadata":{"namespace":"a","name":"y","uid":"3","labels":{"app":"db"}}}`),
		},
		"nodes": {[]byte(`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n","uid":"4"}}`)},
	}}
}

var want = map[string][]string{"core.v1.Pod": {"a/x", "a/y", "a-b/x"}, "core.v1.Node": {"n"}}

func (m *memory) Close() error {
	if m.defect == "close fails" {
		return errors.New("cannot close")
	}
	return nil
}

func (m *memory) Discover(ctx context.Context) (collector.Discovery, error) {
	m.calls++
	if err := ctx.Err(); err != nil && m.defect != "discover ignores the context" {
		return collector.Discovery{}, err
	}
	discovery := collector.Discovery{Resources: []collector.Resource{
		{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: true}, {Version: "v1", Kind: "Node", Plural: "nodes", Ordered: true},
	}}
	switch m.defect {
	case "kind told twice":
		discovery.Resources = append(discovery.Resources, collector.Resource{Version: "v2", Kind: "Node", Plural: "nodes"})
	case "discover changes":
		if m.calls > 1 {
			discovery.Resources = discovery.Resources[:1]
		}
	case "unknown group":
		discovery.Unknown = []collector.UnknownGroup{{Group: "g", Version: "v1", Err: errors.New("down")}}
	case "wrong scope":
		discovery.Resources[1].Namespaced = true
	case "group core":
		discovery.Resources[1].Group = "core"
	case "identity changes":
		discovery.Identity = strings.Repeat("i", m.calls)
	}
	return discovery, nil
}

func (m *memory) List(ctx context.Context, resource collector.Resource, selection collector.Selection, each func([]byte) error) (collector.Listing, error) {
	if err := ctx.Err(); err != nil && m.defect != "list ignores the context" {
		return collector.Listing{}, err
	}
	stored, ok := m.objects[resource.Plural]
	if !ok || resource.Version != "v1" {
		if m.defect == "unknown resource is empty" {
			return collector.Listing{}, nil
		}
		return collector.Listing{}, collector.ErrGone
	}
	objects := slices.Clone(stored)
	switch m.defect {
	case "an object is missing":
		objects = objects[1:]
	case "an object comes twice":
		objects = append(objects, objects[0])
	case "out of order":
		slices.Reverse(objects)
	case "not JSON":
		objects[0] = []byte(`{"metadata":{"name":"x"}`)
	case "no name":
		objects = append(objects, []byte(`{"metadata":{}}`))
	case "another kind":
		objects[0] = []byte(strings.Replace(string(objects[0]), `{`, `{"kind":"Other",`, 1))
	}
	for _, object := range objects {
		if m.defect != "objects are its own" {
			object = slices.Clone(object)
		}
		switch {
		case len(selection.Namespaces) > 0 && m.defect != "namespaces are ignored" && !slices.ContainsFunc(selection.Namespaces, func(namespace string) bool {
			return strings.Contains(string(object), `"namespace":"`+namespace+`"`) || m.defect == "namespaces are prefixes" && strings.Contains(string(object), `"namespace":"`+namespace)
		}):
			continue
		case m.defect == "a selector selects too little" && selection.Labels != "":
			continue
		case m.defect == "a selector fails" && selection.Fields != "":
			return collector.Listing{}, errors.New("no such field")
		}
		err := each(object)
		switch {
		case err == nil:
		case m.defect == "callback's error is lost":
			return collector.Listing{}, nil
		case m.defect == "callback's error is replaced":
			return collector.Listing{}, errors.New("something")
		case m.defect == "goes on after the callback's error":
			continue
		case m.defect == "tries again" && errors.Is(err, collector.ErrExpired):
			return m.List(ctx, resource, collector.Selection{}, each)
		default:
			return collector.Listing{}, err
		}
		if err := ctx.Err(); err != nil && m.defect != "list ignores the context" {
			return collector.Listing{}, err
		}
	}
	return collector.Listing{}, nil
}

func (m *memory) Identities(ctx context.Context, resource collector.Resource, namespaces []string, each func(resourceID, uid string) error) (collector.Listing, error) {
	if m.defect == "identities of an unknown resource are none" && m.objects[resource.Plural] == nil {
		return collector.Listing{}, nil
	}
	first := true
	return m.List(ctx, resource, collector.Selection{Namespaces: namespaces}, func(object []byte) error {
		var head struct {
			Metadata struct{ Namespace, Name, UID string }
		}
		if err := json.Unmarshal(object, &head); err != nil {
			return err
		}
		if m.defect == "an identity is missing" && first {
			first = false
			return nil
		}
		if m.defect == "uids are wrong" {
			head.Metadata.UID += "0"
		}
		if head.Metadata.Namespace != "" {
			head.Metadata.Name = head.Metadata.Namespace + "/" + head.Metadata.Name
		}
		if err := each(head.Metadata.Name, head.Metadata.UID); m.defect != "identities swallow the callback's error" {
			return err
		}
		return nil
	})
}

const defectVariable = "COLLECTORTEST_DEFECT"

// TestSuite runs the suite over the provider without a defect, or with the one that TestSuiteFindsDefects asks for.
func TestSuite(t *testing.T) {
	collectortest.Run(t, collectortest.Case{Want: want, Open: func(*testing.T) collector.Provider { return newMemory(os.Getenv(defectVariable)) }})
}

// TestSuiteFindsDefects runs TestSuite in a process of its own for each defect: it must fail there, where the defect shows.
func TestSuiteFindsDefects(t *testing.T) {
	if os.Getenv(defectVariable) != "" {
		return
	}
	for defect, check := range map[string]string{
		"close fails": "discover", "discover ignores the context": "discover", "kind told twice": "discover", "discover changes": "discover",
		"unknown group": "discover", "wrong scope": "list_every_resource", "group core": "discover", "an object is missing": "list_every_resource",
		"an object comes twice": "list_every_resource", "out of order": "list_every_resource", "not JSON": "list_every_resource",
		"no name": "list_every_resource", "another kind": "list_every_resource", "objects are its own": "objects_are_the_caller's",
		"callback's error is lost": "the_callback's_error", "callback's error is replaced": "the_callback's_error",
		"goes on after the callback's error": "the_callback's_error", "tries again": "the_callback's_error",
		"list ignores the context": "a_cancelled_context", "unknown resource is empty": "unknown_resource",
		"identity changes": "discover", "namespaces are ignored": "namespaces_narrow", "namespaces are prefixes": "namespaces_narrow",
		"a selector selects too little": "selectors_narrow", "a selector fails": "selectors_narrow", "an identity is missing": "identities",
		"uids are wrong": "identities", "identities swallow the callback's error": "identities", "identities of an unknown resource are none": "identities",
	} {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			command := exec.Command(os.Args[0], "-test.run=^TestSuite$")
			command.Env = append(os.Environ(), defectVariable+"="+defect)
			output, err := command.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("the suite passes, %v:\n%s", err, output)
			}
			if !strings.Contains(string(output), "--- FAIL: TestSuite/"+check) {
				t.Errorf("%q is not what fails:\n%s", check, output)
			}
		})
	}
}
