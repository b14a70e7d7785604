package document

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
)

var testRedactor = NewRedactor([]byte("0123456789abcdef0123456789abcdef"))

func normalize(t *testing.T, resource Resource, raw string) *Object {
	t.Helper()
	o, err := NewNormalizer(testRedactor).Normalize(resource, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestNormalizeColumns(t *testing.T) {
	deployment := Resource{APIGroup: "apps", APIVersion: "v1", Kind: "Deployment", Namespaced: true}
	o := normalize(t, deployment, `{"status":{"phase":"Odd","conditions":[{"lastHeartbeatTime":"x","type":"A"}]},"zeta":[1],"data":{"k":"v"},"apiVersion":"extensions/v1beta1","kind":"Wrong",
		"spec":null,"metadata":{"name":"web","namespace":"shop","uid":"u-1","resourceVersion":"7","labels":{"b":"2","a":"1","n":1.0,"z":null},"annotations":{"x":"y"},"creationTimestamp":"2026-11-24T10:00:00+01:00",
		"ownerReferences":[{"kind":"Other","name":"o","uid":"o"},{"kind":"App","name":"shop","uid":"u-0","controller":true}],
		"managedFields":[{"manager":"kubectl","time":"2026-11-24T09:00:00Z"},{"manager":"argocd","time":"2026-11-24T09:00:05Z"},{"manager":"kubectl","time":"2026-11-24T08:00:00Z"},{"manager":"timeless"}]}}`)
	wantIdentity := lake.Identity{APIGroup: "apps", APIVersion: "v1", Kind: "Deployment", Namespace: "shop", Name: "web", ResourceID: "shop/web", UID: "u-1"}
	if o.Identity != wantIdentity {
		t.Errorf("identity %+v", o.Identity)
	}
	metadata := `{"annotations":{"x":"y"},"creationTimestamp":"2026-11-24T10:00:00+01:00","labels":{"a":"1","b":"2","n":1.0,"z":null},"name":"web","namespace":"shop","ownerReferences":[{"kind":"Other","name":"o","uid":"o"},{"controller":true,"kind":"App","name":"shop","uid":"u-0"}],"resourceVersion":"7","uid":"u-1"}`
	wantState := lake.State{
		Labels: []lake.Pair{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}, {Key: "n", Value: "1.0"}}, Annotations: []lake.Pair{{Key: "x", Value: "y"}},
		OwnerKind: "App", OwnerName: "shop", OwnerUID: "u-0", CreatedAt: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Phase: "Odd",
		Metadata: json.RawMessage(metadata), Spec: json.RawMessage("null"), Status: json.RawMessage(`{"conditions":[{"lastHeartbeatTime":"x","type":"A"}],"phase":"Odd"}`), Fields: json.RawMessage(`{"data":{"k":"v"},"zeta":[1]}`),
	}
	if !reflect.DeepEqual(o.State, wantState) {
		t.Errorf("state\n got %s\nwant %s", show(o.State), show(wantState))
	}
	whole := `{"apiVersion":"apps/v1","data":{"k":"v"},"kind":"Deployment","metadata":` + metadata + `,"spec":null,"status":{"conditions":[{"lastHeartbeatTime":"x","type":"A"}],"phase":"Odd"},"zeta":[1]}`
	if string(o.Whole) != whole {
		t.Errorf("whole\n got %s\nwant %s", o.Whole, whole)
	}
	hashed := strings.Replace(strings.Replace(whole, `"resourceVersion":"7",`, "", 1), `"lastHeartbeatTime":"x",`, "", 1)
	sum := sha256.Sum256([]byte(hashed))
	if want := "sha256:" + hex.EncodeToString(sum[:]); o.Digest != want {
		t.Errorf("digest %s, want %s", o.Digest, want)
	}
	if want := []string{"argocd", "kubectl", "timeless"}; !reflect.DeepEqual(o.Managers, want) {
		t.Errorf("managers %v, want %v", o.Managers, want)
	}
	if want := time.Date(2026, 11, 24, 9, 0, 5, 0, time.UTC); !o.ModifiedAt.Equal(want) {
		t.Errorf("modified at %v, want %v", o.ModifiedAt, want)
	}
}

func show(s lake.State) string {
	return fmt.Sprintf("%v %v owner %s/%s/%s created %v phase %q\n metadata %s\n spec %s\n status %s\n fields %s", s.Labels, s.Annotations, s.OwnerKind, s.OwnerName, s.OwnerUID, s.CreatedAt, s.Phase, s.Metadata, s.Spec, s.Status, s.Fields)
}

func TestNormalizeSparse(t *testing.T) {
	o := normalize(t, Resource{APIGroup: "rbac.authorization.k8s.io", APIVersion: "v1", Kind: "ClusterRole"}, `{"metadata":{"name":"a:b","namespace":"stray"},"rules":[]}`)
	if o.ResourceID != "a:b" || o.Namespace != "" || o.UID != "" {
		t.Errorf("identity %+v", o.Identity)
	}
	if o.Spec != nil || o.Status != nil || string(o.Fields) != `{"rules":[]}` || !o.CreatedAt.IsZero() || !o.ModifiedAt.IsZero() || len(o.Managers) != 0 || len(o.Labels) != 0 || o.Phase != "" {
		t.Errorf("state %s", show(o.State))
	}
	o = normalize(t, podResource, `{"metadata":{"name":"p","namespace":"n","labels":[],"managedFields":{},"ownerReferences":3,"creationTimestamp":"yesterday"},"status":"up"}`)
	if o.Fields != nil || string(o.Status) != `"up"` || o.Phase != "" || len(o.Labels) != 0 || o.OwnerUID != "" || !o.CreatedAt.IsZero() {
		t.Errorf("state %s", show(o.State))
	}
}

func TestNormalizeErrors(t *testing.T) {
	for _, test := range []struct{ raw, want string }{
		{`[]`, "read a Pod: it is not a JSON object"},
		{`{"metadata":null}`, "read a Pod: it has no metadata"},
		{`{"metadata":{"namespace":"shop","labels":{"a":"hush"}}}`, "read a Pod in namespace shop: it has no metadata.name"},
		{`{"metadata":{"name":3}}`, "read a Pod: it has no metadata.name"},
		{`{"metadata":{"name":"a/b","namespace":"c"}}`, `read a Pod named "a/b" in namespace "c": names cannot hold a slash`},
		{`{"metadata":{"name":"x"},"data":"hush`, "read a Pod: malformed JSON at byte 37: the document ends within a string"},
	} {
		_, err := NewNormalizer(testRedactor).Normalize(podResource, []byte(test.raw))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.raw, err, test.want)
		}
	}
	_, err := NewNormalizer(nil).Normalize(Resource{APIGroup: "core", APIVersion: "v1", Kind: "Secret", Namespaced: true}, []byte(`{"metadata":{"name":"x","namespace":"n"}}`))
	if err == nil || !strings.Contains(err.Error(), "n/x") {
		t.Errorf("a Secret without a key: %v", err)
	}
}

// Each pair differs in nothing that counts, or in something that does.
func TestDigestMeaning(t *testing.T) {
	node := Resource{APIGroup: "core", APIVersion: "v1", Kind: "Node"}
	base := `{"metadata":{"name":"n","resourceVersion":"1"},"status":{"conditions":[{"lastHeartbeatTime":"1","lastProbeTime":"2","lastTransitionTime":"3","type":"Ready"},{"lastHeartbeatTime":"1"}]}}`
	for _, test := range []struct {
		name, other string
		same        bool
	}{
		{"resourceVersion", strings.Replace(base, `"resourceVersion":"1"`, `"resourceVersion":"2"`, 1), true},
		{"no resourceVersion", strings.Replace(base, `,"resourceVersion":"1"`, ``, 1), true},
		{"heartbeat", strings.ReplaceAll(base, `"lastHeartbeatTime":"1"`, `"lastHeartbeatTime":"9"`), true},
		{"no heartbeat, no probe", strings.NewReplacer(`"lastHeartbeatTime":"1",`, ``, `"lastProbeTime":"2",`, ``, `"lastHeartbeatTime":"1"`, ``).Replace(base), true},
		{"managedFields", strings.Replace(base, `"name":"n"`, `"name":"n","managedFields":[{"manager":"m"}]`, 1), true},
		{"apiVersion and kind", `{"kind":"Node","apiVersion":"v1",` + base[1:], true},
		{"transition", strings.Replace(base, `"lastTransitionTime":"3"`, `"lastTransitionTime":"4"`, 1), false},
		{"label", strings.Replace(base, `"name":"n"`, `"name":"n","labels":{"a":"b"}`, 1), false},
		{"a heartbeat elsewhere", strings.Replace(base, `"status":{`, `"status":{"lastHeartbeatTime":"1",`, 1), false},
		{"another field", base[:len(base)-1] + `,"x":1}`, false},
	} {
		a, b := normalize(t, node, base), normalize(t, node, test.other)
		if (a.Digest == b.Digest) != test.same {
			t.Errorf("%s: digests equal is %v, want %v", test.name, a.Digest == b.Digest, test.same)
		}
	}
	pod := strings.Replace(base, `"name":"n"`, `"name":"n","namespace":"x"`, 1)
	if normalize(t, node, pod).Digest == normalize(t, podResource, pod).Digest {
		t.Error("another kind, but the same digest")
	}
}

// The memory of one object must not show through in the next, and strings must outlive it.
func TestNormalizerIsReused(t *testing.T) {
	n := NewNormalizer(testRedactor)
	pod := readPod(t)
	first, err := n.Normalize(podResource, pod)
	if err != nil {
		t.Fatal(err)
	}
	identity, digest, label := first.Identity, first.Digest, first.Labels[0]
	for range 3 {
		small, err := n.Normalize(podResource, []byte(`{"metadata":{"name":"zzzzzzzzzzzzz","labels":{"qqqqqq":"qqqqq"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if small.Spec != nil || small.Status != nil || small.Fields != nil || len(small.Labels) != 1 || len(small.Annotations) != 0 || len(small.Managers) != 0 || small.OwnerUID != "" || small.Namespace != "" {
			t.Fatalf("remains of the object before: %s", show(small.State))
		}
	}
	again, err := n.Normalize(podResource, pod)
	if err != nil {
		t.Fatal(err)
	}
	if again.Identity != identity || again.Digest != digest || again.Labels[0] != label {
		t.Errorf("another result for the same object: %+v", again.Identity)
	}
	if identity.ResourceID != "shop/checkout-7d9c5b6f4d-x7z9q" || label != (lake.Pair{Key: "app.kubernetes.io/name", Value: "checkout"}) {
		t.Errorf("a kept string was overwritten: %q %v", identity.ResourceID, label)
	}
}

// What is stored gives back the whole and the digest.
func FuzzStored(f *testing.F) {
	f.Add(readPod(f))
	for _, seed := range []string{
		`{"metadata":{"name":"n","resourceVersion":"1"},"a":1,"b":2,"l":3,"z":4,"spec":5}`,
		`{"metadata":{"resourceVersion":"1","name":"n"},"status":{"conditions":[{"lastProbeTime":1},{"lastHeartbeatTime":1,"lastProbeTime":2,"a":3},3,null]}}`,
		`{"metadata":{"name":"n","resourceVersion":{"a":1,"b":{}}},"":{},"apiVersio":1,"apiVersionn":2,"kinda":3,"status":null}`,
		`{"metadata":{"name":"\ud800","labels":{"\u0000":1}},"data":{"a":"b"},"stringData":["x"]}`,
	} {
		f.Add([]byte(seed))
	}
	secret := Resource{APIGroup: "core", APIVersion: "v1", Kind: "Secret", Namespaced: true}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, resource := range []Resource{podResource, secret} {
			o, err := NewNormalizer(testRedactor).Normalize(resource, raw)
			if err != nil {
				return
			}
			whole, err := Whole(o.Identity, o.State)
			if err != nil || string(whole) != string(o.Whole) {
				t.Fatalf("whole of the columns (%v)\n%s\nwant\n%s", err, whole, o.Whole)
			}
			if canonical, err := Canonical(whole); err != nil || string(canonical) != string(whole) {
				t.Fatalf("the whole is not canonical (%v): %s", err, whole)
			}
			digest, err := DigestOf(o.Identity, o.State, nil)
			if err != nil || digest != o.Digest {
				t.Fatalf("digest of the columns %s (%v), want %s", digest, err, o.Digest)
			}
			// The digest must be that of the whole with the ignored fields removed by someone else's hands.
			v, err := meaning(whole)
			if err != nil {
				t.Fatal(err)
			}
			stripIgnored(v.(map[string]any))
			stripped, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			canonical, err := Canonical(stripped)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(canonical); digest != "sha256:"+hex.EncodeToString(sum[:]) {
				t.Fatalf("digest %s is not that of %s", digest, canonical)
			}
		}
	})
}

func stripIgnored(whole map[string]any) {
	if metadata, ok := whole["metadata"].(map[string]any); ok {
		delete(metadata, "resourceVersion")
	}
	status, _ := whole["status"].(map[string]any)
	var below []any
	switch conditions := status["conditions"].(type) {
	case []any:
		below = conditions
	case map[string]any:
		for _, condition := range conditions {
			below = append(below, condition)
		}
	}
	for _, condition := range below {
		if c, ok := condition.(map[string]any); ok {
			delete(c, "lastHeartbeatTime")
			delete(c, "lastProbeTime")
		}
	}
}

func TestStoredColumnsThatAreNotOurs(t *testing.T) {
	for _, state := range []lake.State{{Spec: json.RawMessage(`{"a":`)}, {Fields: json.RawMessage(`[]`)}, {Fields: json.RawMessage(`{`)}} {
		if _, err := DigestOf(lake.Identity{Kind: "Pod", ResourceID: "a/b"}, state, nil); err == nil || !strings.Contains(err.Error(), "Pod a/b") {
			t.Errorf("%s: error %v", show(state), err)
		}
	}
}
