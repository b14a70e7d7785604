package collector

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestRedactionKey(t *testing.T) {
	none := func(string) string { return "" }
	path := filepath.Join(t.TempDir(), "k8sq.key")
	if _, err := RedactionKey(none, path); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), path) {
		t.Fatalf("no key: %v", err)
	}
	first, made, err := MakeRedactionKey(path)
	if err != nil || !made || len(first) != 64 {
		t.Fatalf("first use: %d bytes, made %v, %v", len(first), made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the key file's mode is %v, %v", info.Mode(), err)
	}
	if KeyReadableByOthers(path) {
		t.Error("others may read it")
	}
	if again, err := RedactionKey(none, path); err != nil || string(again) != string(first) {
		t.Errorf("second use: another key, %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil || !KeyReadableByOthers(path) {
		t.Error("its group may read it, which is not noticed")
	}
	given := func(string) string { return "a key from the environment" }
	if key, err := RedactionKey(given, path); err != nil || string(key) != "a key from the environment" {
		t.Errorf("the environment does not win: %v", err)
	}
	if _, err := RedactionKey(func(string) string { return "short" }, path); err == nil || strings.Contains(err.Error(), "short,") {
		t.Errorf("a short key: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := RedactionKey(none, path); err == nil {
		t.Error("an empty key file is taken for a key")
	}
	if _, _, err := MakeRedactionKey(filepath.Join(t.TempDir(), "none", "k8sq.key")); err == nil || !strings.Contains(err.Error(), KeyVariable) {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

func TestRedactionKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k8sq.key")
	keys := make([]string, 16)
	var wait sync.WaitGroup
	for i := range keys {
		wait.Go(func() {
			key, _, err := MakeRedactionKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(key)
		})
	}
	wait.Wait()
	for _, key := range keys {
		if key != keys[0] {
			t.Fatal("two processes made two keys")
		}
	}
}
