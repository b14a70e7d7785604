package sql

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAbandonedFolders: an engine removes the folder of one whose process is gone, and leaves those of the living alone.
func TestAbandonedFolders(t *testing.T) {
	dir := t.TempDir()
	abandoned, lock, err := makeFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(abandoned, "spill"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, folderPrefix+"without-a-lock")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	alive, err := Open(t.Context(), nil, Options{TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if _, err := os.Stat(abandoned); err != nil {
		t.Fatalf("a folder was removed whose process lives: %v", err)
	}
	lock.Close() // as the kernel does of a process that was killed
	second, err := Open(t.Context(), nil, Options{TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abandoned); !os.IsNotExist(err) {
		t.Errorf("the folder of a dead process is there: %v", err)
	}
	for _, folder := range []string{alive.folder, second.folder, other} {
		if _, err := os.Stat(folder); err != nil {
			t.Error(err)
		}
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(second.folder); !os.IsNotExist(err) {
		t.Errorf("a closed engine's folder is there: %v", err)
	}
}
