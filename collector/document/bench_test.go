package document

import (
	"os"
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
