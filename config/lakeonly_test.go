package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLoadLake(t *testing.T) {
	none := func(string) string { return "" }
	for _, c := range []struct {
		name, text, url string // url "" where it must fail; a relative one is of the file's folder
	}{
		{"clusters that cannot be read", "lake {\n  url = \"s3://bucket/x\"\n}\nprovider \"kubernetes\" \"a\" {\n  kubeconfig = env.NOT_SET\n}\n", "s3://bucket/x"},
		{"no lake block", "provider \"nosuch\" \"a\" {}\n", "lake"},
		{"a folder", "lake {\n  url = \"./history\"\n}\n", "history"},
		{"a lake that cannot be read", "lake {\n  url = env.NOT_SET\n}\n", ""},
		{"a lake with a typo", "lake {\n  ulr = \"x\"\n}\n", ""},
		{"no HCL", "lake {\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), Name)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			lake, diagnostics := LoadLake(path, none)
			if failed := diagnostics.HasErrors(); failed != (c.url == "") {
				t.Fatalf("diagnostics %v", diagnostics)
			}
			want := c.url
			if want == "lake" || want == "history" {
				want = filepath.Join(filepath.Dir(path), want)
			}
			if want != "" && lake.URL != want {
				t.Errorf("lake %q, want %q", lake.URL, want)
			}
		})
	}
	if _, diagnostics := LoadLake(filepath.Join(t.TempDir(), "none.hcl"), none); !diagnostics.HasErrors() {
		t.Error("a file that is not there is a configuration")
	}
}
