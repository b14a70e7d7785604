package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// world is a cluster of several types whose lists obey selections, as a real API server's do, and fail where they are told to.
type world struct {
	resources []Resource
	objects   map[string][]string // type → objects, see thing
	fail      map[string]failure  // type → what goes wrong
	unknown   []UnknownGroup
	identity  string

	identities error // of every call of Identities

	mu    sync.Mutex
	asked []string // the selections of all lists, and the calls of Identities
}

type failure struct {
	after     int    // objects of the list
	namespace string // or when this one is reached
	with      error
	stall     bool // until the context ends
}

// thing is an object written as "namespace/name=value@uid#key=value,key=value", where all but the name may be left out. A label "phase" is its
// status.phase too, and "created" its creationTimestamp.
type thing struct {
	namespace, name, value, uid string
	labels                      map[string]string
}

func parseThing(text string) thing {
	t := thing{labels: map[string]string{}}
	text, labels, _ := strings.Cut(text, "#")
	for _, label := range strings.Split(labels, ",") {
		if key, value, ok := strings.Cut(label, "="); ok {
			t.labels[key] = value
		}
	}
	text, t.uid, _ = strings.Cut(text, "@")
	text, t.value, _ = strings.Cut(text, "=")
	t.namespace, t.name, _ = strings.Cut(text, "/")
	if t.name == "" {
		t.namespace, t.name = "", t.namespace
	}
	if t.uid == "" {
		t.uid = "uid-" + text
	}
	return t
}

func (t thing) id() string {
	if t.namespace == "" {
		return t.name
	}
	return t.namespace + "/" + t.name
}

func (t thing) json(resource Resource) []byte {
	labels := maps.Clone(t.labels)
	delete(labels, "created")
	metadata := map[string]any{"name": t.name, "uid": t.uid, "resourceVersion": fmt.Sprint(time.Now().UnixNano()), "labels": labels,
		"creationTimestamp": cmp.Or(t.labels["created"], "2026-01-01T00:00:00Z")}
	if t.namespace != "" {
		metadata["namespace"] = t.namespace
	}
	object := map[string]any{"metadata": metadata, "data": map[string]string{"value": t.value}}
	if phase := t.labels["phase"]; phase != "" {
		object["status"] = map[string]string{"phase": phase}
	}
	if resource.Type() == definitions {
		plural, group, _ := strings.Cut(t.name, ".")
		object["spec"] = map[string]any{"group": group, "names": map[string]string{"kind": t.value, "plural": plural}}
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return text
}

func (w *world) ask(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what)
}

func (w *world) Discover(context.Context) (Discovery, error) {
	return Discovery{ServerVersion: "v1.37.2", Resources: w.resources, Unknown: w.unknown, Identity: w.identity}, nil
}

func (w *world) things(resource Resource) []thing {
	var things []thing
	for _, text := range w.objects[resource.Type()] {
		things = append(things, parseThing(text))
	}
	slices.SortFunc(things, func(a, b thing) int { return strings.Compare(a.id(), b.id()) })
	return things
}

func (w *world) List(ctx context.Context, resource Resource, selection Selection, each func([]byte) error) (Listing, error) {
	fails := w.fail[resource.Type()]
	listed := 0
	asked := strings.TrimRight(fmt.Sprintf("%s %s %s %s", resource.Kind, strings.Join(selection.Namespaces, ","), selection.Labels, selection.Fields), " ")
	w.ask(asked)
	labels := Selector{}
	if selection.Labels != "" {
		var err error
		if labels, err = ParseSelector(selection.Labels); err != nil {
			return Listing{}, err
		}
	}
	for _, t := range w.things(resource) {
		if fails.namespace != "" && t.namespace >= fails.namespace || fails.namespace == "" && listed == fails.after {
			if fails.stall {
				<-ctx.Done()
				return Listing{}, ctx.Err()
			}
			if fails.with != nil {
				return Listing{}, fails.with
			}
		}
		if selection.Namespaces != nil && !slices.Contains(selection.Namespaces, t.namespace) || !labels.Matches(pairs(t.labels)) {
			continue
		}
		if phase := t.labels["phase"]; phase != "" && strings.Contains(selection.Fields, "status.phase!="+phase) ||
			strings.Contains(selection.Fields, "metadata.namespace!="+t.namespace) {
			continue
		}
		listed++
		if err := each(t.json(resource)); err != nil {
			return Listing{}, err
		}
	}
	if fails.with != nil && fails.namespace == "" {
		return Listing{}, fails.with
	}
	return Listing{ResourceVersion: "7"}, nil
}

// identifyingWorld is a world that narrows its lists by labels and fields too.
type identifyingWorld struct{ *world }

func (w identifyingWorld) Identities(_ context.Context, resource Resource, namespaces []string, each func(id, uid string) error) (Listing, error) {
	w.ask(strings.TrimRight("identities "+resource.Kind+" "+strings.Join(namespaces, ","), " "))
	for _, t := range w.things(resource) {
		if namespaces != nil && !slices.Contains(namespaces, t.namespace) {
			continue
		}
		if w.identities != nil {
			return Listing{}, w.identities
		}
		if err := each(t.id(), t.uid); err != nil {
			return Listing{}, err
		}
	}
	return Listing{ResourceVersion: "7"}, nil
}

// standing tells how each object of the lake stands: "type id: operations, state", in order.
func standing(t *testing.T, l *lake.Lake) string {
	t.Helper()
	history := map[string][]string{}
	for v := range versionsIn(t, l) {
		key := (Resource{Group: v.APIGroup, Version: v.APIVersion, Kind: v.Kind}).Type() + " " + v.ResourceID
		history[key] = append(history[key], string(v.Operation))
	}
	var lines []string
	for s := range snapshotsIn(t, l) {
		key := (Resource{Group: s.APIGroup, Version: s.APIVersion, Kind: s.Kind}).Type() + " " + s.ResourceID
		line := strings.TrimPrefix(key, "core.v1.") + ": " + strings.Join(history[key], ", ")
		if s.UnobservedReason != "" {
			line += ", " + s.UnobservedReason
		}
		last := history[key][len(history[key])-1]
		if (last == "deleted") != !s.DeletedAt.IsZero() || (s.UnobservedReason != "") != !s.UnobservedSince.IsZero() ||
			s.LatestVersion != int64(len(history[key])) || !s.DeletedAt.IsZero() && s.UnobservedReason != "" {
			t.Errorf("the snapshot of %s contradicts itself: %+v", line, s)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// rowsOf gives the rows of a sync: "type status +created ~updated -deleted", and the errors.
func rowsOf(result Result) (rows, told string) {
	for _, row := range result.Rows {
		rows += fmt.Sprintf("%s %s %d +%d ~%d -%d\n", strings.TrimPrefix(row.Type, "core.v1."), row.Status, row.Listed, row.Created, row.Updated, row.Deleted)
		told += row.Error + "\n"
	}
	return strings.TrimSpace(rows), strings.TrimSpace(told)
}
