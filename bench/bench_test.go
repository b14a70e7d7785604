package main

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// Pods differ in name and uid and are as large as the template; anything else would make the figures mean something else.
func TestObjects(t *testing.T) {
	var failed error
	keys := map[string]bool{}
	size := 0
	for key, value := range objects("/bench", 1000, &failed) {
		if keys[key] {
			t.Errorf("%s is there twice", key)
		}
		keys[key] = true
		size += len(value)
	}
	if failed != nil || len(keys) != 1000+namespaces+11 || size < 1000*5000 {
		t.Errorf("%d objects of %d bytes together: %v", len(keys), size, failed)
	}
	var model corev1.Pod
	if err := json.Unmarshal(template, &model); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(podOf(&model, 123456))
	if err != nil || len(content) < 11_000 || len(content) > 12_000 {
		t.Errorf("a pod has %d bytes: %v", len(content), err)
	}
}

func TestPackageOf(t *testing.T) {
	for symbol, want := range map[string]string{
		"runtime.mallocgc":       "runtime",
		"net/http.(*conn).serve": "net/http",
		"slices.SortFunc[go.shape.[]uint8,go.shape.struct { a/b.C }] (inline)": "slices",
		"github.com/klauspost/compress/zstd.(*fastEncoder).Encode":             "github.com/klauspost/compress/zstd",
		"aeshashbody": "(assembly and C)",
	} {
		if got := packageOf(symbol); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", symbol, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	for symbol, want := range map[string]string{
		"github.com/k8sq/k8sq/collector.(*join).appeared":                               "collector.(*join).appeared",
		"github.com/k8sq/k8sq/lake/parquet.(*Writer[go.shape.struct { a [2]b }]).Write": "lake/parquet.(*Writer).Write",
		"github.com/k8sq/k8sq/lake/parquet.sorted[go.shape.int]":                        "lake/parquet.sorted",
		"runtime.gcBgMarkWorker": "runtime.gcBgMarkWorker",
	} {
		if got := shorten(symbol); got != want {
			t.Errorf("shorten(%q) = %q, want %q", symbol, got, want)
		}
	}
}

// The definitions and their objects are JSON, each under a key of its own.
func TestCustomObjects(t *testing.T) {
	keys := map[string]bool{}
	for key, value := range customObjects("/bench", 3) {
		var object struct {
			Kind     string
			Metadata struct{ Name, UID string }
		}
		if err := json.Unmarshal(value, &object); err != nil || object.Metadata.UID == "" || keys[key] || strings.Contains(string(value), "%!") {
			t.Errorf("%s holds %s: %v", key, value, err)
		}
		keys[key] = true
	}
	if len(keys) != 3*(1+objectsPerCRD) {
		t.Errorf("%d objects", len(keys))
	}
}
