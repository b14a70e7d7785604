package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// `k8sq changes` shows what people did and hides the churn; `k8sq noise` ranks the churn and prints the configuration that silences it, and it does.
func TestChangesAndNoise(t *testing.T) {
	namespace(t, west, "noisy")
	apply(t, west, `apiVersion: v1
kind: Node
metadata: {name: noisy-1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: noisy}
data: {colour: red}
`)
	t.Cleanup(func() { remove(t, west, "/api/v1/nodes/noisy-1") })
	beat := func(i int) {
		patch(t, west, "/api/v1/nodes/noisy-1/status", fmt.Sprintf(`{"status": {"conditions": [{"type": "DiskFine", "status": "True", "reason": "Checker", "message": "m",
			"lastProbeTime": "2026-01-01T00:00:%02dZ", "lastTransitionTime": "2026-01-01T00:00:00Z"}], "volumesInUse": ["v%[1]d"], "images": [{"names": ["i"], "sizeBytes": %[1]d}]}}`, i))
	}
	block := provider("west", admin(t, west), `namespaces = ["noisy"]`)
	types := `  select {
    resource_types = ["core.v1.Node", "core.v1.ConfigMap"]
  }
`
	beat(0)
	settle(t, west, "/api/v1/nodes")
	l := folderLake(t, block, "collect {\n"+types+"}\n")
	l.sync(t)
	for i := 1; i <= 4; i++ {
		beat(i)
		if i == 2 {
			apply(t, west, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: noisy}\ndata: {colour: blue}\n")
		}
		l.sync(t)
	}
	shown := l.must(t, 0, "changes")
	if output := shown.stdout; !strings.Contains(output, "settings") || strings.Contains(output, "noisy-1") || !strings.Contains(shown.stderr+output, "--all") {
		t.Errorf("changes shows\n%s%s", shown.stdout, shown.stderr)
	}
	if all := l.must(t, 0, "changes", "--all").stdout; !strings.Contains(all, "noisy-1") || !strings.Contains(all, "settings") {
		t.Errorf("changes --all shows\n%s", all)
	}
	if one := l.must(t, 0, "changes", "--diff", "--name", "settings").stdout; !strings.Contains(one, "data.colour") || !strings.Contains(one, "blue") || !strings.Contains(one, "e2e") {
		t.Errorf("changes --diff shows\n%s", one)
	}

	var noise struct {
		Updates      int
		Saved        int      `json:"saved_updates"`
		IgnoreFields []string `json:"ignore_fields"`
		Fields       []struct{ Type, Path, Class, Why string }
	}
	if err := json.Unmarshal([]byte(l.must(t, 0, "noise", "-o", "json").stdout), &noise); err != nil {
		t.Fatal(err)
	}
	if noise.Updates != 5 || len(noise.IgnoreFields) == 0 || len(noise.Fields) == 0 || noise.Fields[0].Class != "status" || noise.Saved != 4 {
		t.Errorf("noise is %+v", noise)
	}
	for _, field := range noise.IgnoreFields {
		if !strings.HasPrefix(field, "status.") {
			t.Errorf("noise would ignore %s", field)
		}
	}

	// What it prints is a block of the configuration.
	block2 := l.must(t, 0, "noise").stdout
	at := strings.Index(block2, "collect {")
	if at < 0 {
		t.Fatalf("noise prints no block:\n%s", block2)
	}
	ignored := strings.Replace(block2[at:], "collect {\n", "collect {\n"+types, 1)
	l.reconfigure(t, block, ignored)
	l.sync(t)
	beat(5)
	unchanged(t, l)
	l.checkIntegrity(t)
}
