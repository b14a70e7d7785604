package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The value of a Secret is nowhere: not in the lake, the cache, the output or the log. That it was rotated is.
func TestSecrets(t *testing.T) {
	namespace(t, east, "vault")
	values := []string{"first-value-5b1f09", "second-value-77ac31", "annotation-value-90d2", "tls-value-e3e3"}
	manifest := func(value string) string {
		encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
		return fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: vault
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"apiVersion":"v1","kind":"Secret","stringData":{"password":"%[3]s"},"data":{"other":"%[4]s"}}'
data: {password: %[1]s, same: %[2]s}
`, encode(value), encode(values[3]), values[2], encode(values[2]))
	}
	for name, l := range bothLakes(t, provider("east", admin(t, east)), selectTypes("core.v1.Secret")) {
		t.Run(name, func(t *testing.T) {
			// Without a key in the environment: k8sq makes one, a file beside the configuration.
			for i, variable := range l.env {
				if strings.HasPrefix(variable, "K8SQ_REDACTION_KEY=") {
					l.env = append(l.env[:i:i], l.env[i+1:]...)
					break
				}
			}
			var outputs []string
			sync := func(arguments ...string) {
				r := l.sync(t, arguments...)
				outputs = append(outputs, r.stdout, r.stderr)
			}
			apply(t, east, manifest(values[0]))
			sync("--log-level", "debug")
			apply(t, east, manifest(values[1]))
			sync("--events", "--log-level", "debug")
			apply(t, east, manifest(values[0]))
			sync("--json", "--log-level", "debug")

			l.expect(t, `SELECT path, (old->>'$') LIKE 'hmac-sha256:%' AS a, (new->>'$') LIKE 'hmac-sha256:%' AS b, old <> new AS c FROM field_changes WHERE class IN ('data', 'spec') ORDER BY ALL`,
				`[{"path": "data.password", "a": true, "b": true, "c": true}, {"path": "data.password", "a": true, "b": true, "c": true}]`)
			// The same value has the same hash: the third version is the first again.
			l.expect(t, `SELECT count(*) AS n, count(DISTINCT data->>'$.data.password') AS passwords, count(DISTINCT data->>'$.data.same') AS same FROM versions WHERE name = 'db'`,
				`[{"n": 3, "passwords": 2, "same": 1}]`)
			for _, table := range []string{"snapshots", "versions", "changes", "field_changes", "syncs", "clusters"} {
				outputs = append(outputs, l.must(t, 0, "query", "SELECT * FROM "+table, "-o", "json").stdout)
			}
			l.checkIntegrity(t)

			for _, value := range values {
				for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
					for i, output := range outputs {
						if strings.Contains(output, form) {
							t.Errorf("%q is in output %d:\n%s", form, i, output)
						}
					}
					for _, dir := range []string{l.files, filepath.Dir(l.config)} {
						grep(t, dir, form)
					}
				}
			}
		})
	}
}

// grep fails the test for every file under dir that holds one of the texts.
func grep(t *testing.T, dir string, texts ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("%q is in %s", text, path)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("search %d files of %s: %v", files, dir, err)
	}
}
