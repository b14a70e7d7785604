package document

import (
	"os"
	"strings"
	"testing"
)

var podResource = Resource{APIGroup: "core", APIVersion: "v1", Kind: "Pod", Namespaced: true}

func readPod(tb testing.TB) []byte {
	raw, err := os.ReadFile("testdata/pod.json")
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func BenchmarkNormalize(b *testing.B) {
	raw := readPod(b)
	n := NewNormalizer(NewRedactor(make([]byte, 32)))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Normalize(podResource, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := readPod(b)
	var t tree
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := t.parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// A rollout's ReplicaSet scaled and its pod restarted: a handful of leaves in a large object.
func BenchmarkDiff(b *testing.B) {
	raw := readPod(b)
	before := stateOf(b, string(raw))
	after := stateOf(b, strings.NewReplacer(`"resourceVersion":"184467"`, `"resourceVersion":"184470"`, `"restartCount":0`, `"restartCount":1`, `"startedAt":"2026-11-24T09:00:05Z"`, `"startedAt":"2026-11-24T09:30:05Z"`, `checkout:v2.14.3`, `checkout:v2.14.4`).Replace(string(raw)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := Diff(before, after, Options{})
		if err != nil || d.Updated != 6 {
			b.Fatal(err, string(d.JSON))
		}
	}
}

func BenchmarkNormalizeSecret(b *testing.B) {
	raw := []byte(`{"metadata":{"name":"s","namespace":"n","annotations":{"note":"x"}},"data":{"user":"YWRtaW4tdXNlcg==","password":"aHVudGVyMmh1bnRlcjI="},"type":"Opaque"}`)
	n := NewNormalizer(testRedactor)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Normalize(secretResource, raw); err != nil {
			b.Fatal(err)
		}
	}
}
