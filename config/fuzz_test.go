package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/k8sq/k8sq/config"
)

// FuzzLoad loads anything at all: no text may break the loader or the printing of what is wrong with it.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.hcl")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), config.Name)
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("file")) {
			t.Skip("it might read a device")
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, diagnostics := config.Load(path, definitions, getenv, nil)
		if (loaded == nil) != diagnostics.HasErrors() {
			t.Errorf("config is nil: %v, has errors: %v", loaded == nil, diagnostics.HasErrors())
		}
		for _, colour := range []bool{false, true} {
			if err := diagnostics.Write(&bytes.Buffer{}, 80, colour); err != nil {
				t.Error(err)
			}
		}
		config.LoadLake(path, getenv)
	})
}
