package queries

import (
	"os"
	"strings"
	"testing"
)

func TestHeaders(t *testing.T) {
	all := All()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".sql") {
			count++
		}
	}
	if len(all) != count || count < 8 {
		t.Errorf("%d queries in %d files", len(all), count)
	}
	for _, q := range all {
		if text, err := os.ReadFile(q.Name + ".sql"); err != nil || string(text) != q.SQL {
			t.Errorf("%s does not have the name of its file (%v)", q.Name, err)
		}
		if !strings.HasSuffix(q.Description, ".") || strings.Contains(q.Description, "--") || strings.Contains(q.Description, "  ") {
			t.Errorf("%s is described as %q", q.Name, q.Description)
		}
		if got, ok := Get(q.Name); !ok || got != q {
			t.Errorf("%s is not found", q.Name)
		}
	}
	if _, ok := Get("none"); ok {
		t.Error("none is found")
	}
	if q, _ := Get("image-rollouts"); !strings.HasSuffix(q.Description, "by which field manager.") {
		t.Errorf("a description over two lines is %q", q.Description)
	}
}
