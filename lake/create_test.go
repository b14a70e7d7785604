package lake

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake/store/local"
)

func TestCreateAmongOtherFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "_k8sq"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"_k8sq/note", "holiday.jpg"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := local.Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Create(t.Context(), folder, nil)
	if !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "holiday.jpg") {
		t.Errorf("among other files: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "holiday.jpg")); err != nil {
		t.Fatal(err)
	}
	first, err := Create(t.Context(), folder, nil)
	if err != nil {
		t.Fatalf("beside k8sq's own files: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := Create(t.Context(), folder, nil); err != nil || again.ID() != first.ID() {
		t.Errorf("a lake that is there, with a file beside it: %v", err)
	}
}
