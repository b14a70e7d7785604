package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// lake is a lake under test with the configuration that leads to it.
type lake struct {
	config string   // path of the configuration file
	files  string   // the folder that its objects are files of, also on S3
	env    []string // of k8sq
}

// provider gives a provider block. attributes are further lines of HCL.
func provider(cluster, kubeconfig string, attributes ...string) string {
	return fmt.Sprintf("provider \"kubernetes\" %q {\n  kubeconfig = %q\n  %s\n}\n", cluster, kubeconfig, strings.Join(attributes, "\n  "))
}

// selectTypes gives a collect block that names the resource types.
func selectTypes(types ...string) string {
	quoted, _ := json.Marshal(types) // Strings always encode.
	return fmt.Sprintf("collect {\n  select {\n    resource_types = %s\n  }\n}\n", quoted)
}

// admin gives the path of an administrator's kubeconfig.
func admin(t *testing.T, cluster *servers.Cluster) string {
	t.Helper()
	path, err := cluster.TokenKubeconfig("admin", cluster.Token)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// folderLake makes a configuration whose lake is a new folder.
func folderLake(t *testing.T, blocks ...string) lake {
	t.Helper()
	dir := t.TempDir()
	files := filepath.Join(dir, "lake")
	return newLake(t, dir, files, fmt.Sprintf("lake {\n  url = %q\n}\n", files), blocks)
}

// s3Lake makes a configuration whose lake is a new prefix of the S3 server's bucket.
func s3Lake(t *testing.T, blocks ...string) lake {
	t.Helper()
	dir := t.TempDir()
	prefix := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	return newLake(t, dir, filepath.Join(s3.Data, bucket, prefix), s3Block(bucket, prefix), blocks)
}

// bothLakes gives a folder lake and an S3 lake of the same configuration, by name.
func bothLakes(t *testing.T, blocks ...string) map[string]lake {
	t.Helper()
	return map[string]lake{"folder": folderLake(t, blocks...), "s3": s3Lake(t, blocks...)}
}

func s3Block(bucket, prefix string) string {
	return fmt.Sprintf("lake {\n  url        = \"s3://%s/%s\"\n  endpoint   = %q\n  path_style = true\n  region     = \"us-east-1\"\n}\n", bucket, prefix, s3.URL)
}

func newLake(t *testing.T, dir, files, lakeBlock string, blocks []string) lake {
	t.Helper()
	l := lake{config: filepath.Join(dir, "k8sq.hcl"), files: files, env: []string{
		"PATH=" + os.Getenv("PATH"), // For exec plug-ins.
		"HOME=" + dir, "K8SQ_CACHE=" + filepath.Join(dir, "cache"),
		"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey,
		// So that two lakes hold the same redacted values. TestSecrets goes without.
		"K8SQ_REDACTION_KEY=a key of the end-to-end tests, the same for all",
	}}
	l.configure(t, append([]string{lakeBlock}, blocks...)...)
	return l
}

// configure replaces the configuration.
func (l lake) configure(t *testing.T, blocks ...string) {
	t.Helper()
	if err := os.WriteFile(l.config, []byte(strings.Join(blocks, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reconfigure replaces every block but the lake's.
func (l lake) reconfigure(t *testing.T, blocks ...string) {
	t.Helper()
	content, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	lakeBlock, _, _ := strings.Cut(string(content), "\n}\n")
	l.configure(t, append([]string{lakeBlock + "\n}\n"}, blocks...)...)
}

// result is how a run of k8sq ended.
type result struct {
	code           int
	stdout, stderr string
}

// command prepares a run of k8sq, without any of the tests' own environment.
func (l lake) command(ctx context.Context, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, binary, append(arguments, "--config", l.config)...)
	command.Env = l.env
	command.Dir = filepath.Dir(l.config)
	return command
}

// run runs k8sq to its end, which must come within two minutes.
func (l lake) run(t *testing.T, arguments ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := l.command(ctx, arguments...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("k8sq %s did not end:\n%s", strings.Join(arguments, " "), stderr.String())
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs k8sq and fails the test unless it exits with the code.
func (l lake) must(t *testing.T, code int, arguments ...string) result {
	t.Helper()
	r := l.run(t, arguments...)
	if r.code != code {
		t.Fatalf("k8sq %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(arguments, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// sync runs `k8sq sync`, which must succeed.
func (l lake) sync(t *testing.T, arguments ...string) result {
	t.Helper()
	return l.must(t, 0, append([]string{"sync"}, arguments...)...)
}

// query gives the rows of a query.
func (l lake) query(t *testing.T, sql string) []map[string]any {
	t.Helper()
	r := l.must(t, 0, "query", sql, "-o", "json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil {
		t.Fatalf("%s\nanswered %q: %v", sql, r.stdout, err)
	}
	return rows
}

// expect fails the test unless the query's rows are those of want, a JSON array of objects.
func (l lake) expect(t *testing.T, sql, want string) {
	t.Helper()
	var wanted []map[string]any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("want of %s: %v", sql, err)
	}
	if got := l.query(t, sql); len(got)+len(wanted) > 0 && !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s\n got %s\nwant %s", sql, lines(got), lines(wanted))
	}
}

// expectNone fails the test and shows the rows if there are any.
func (l lake) expectNone(t *testing.T, what, sql string) {
	t.Helper()
	if rows := l.query(t, sql); len(rows) > 0 {
		t.Errorf("%s: %d rows, such as %s", what, len(rows), lines(rows[:min(5, len(rows))]))
	}
}

// count gives the single number that a query answers.
func (l lake) count(t *testing.T, sql string) int {
	t.Helper()
	rows := l.query(t, sql)
	if len(rows) == 1 && len(rows[0]) == 1 {
		for _, value := range rows[0] {
			if number, ok := value.(float64); ok {
				return int(number)
			}
		}
	}
	t.Fatalf("%s\nanswered %s, want one number", sql, lines(rows))
	return 0
}

// lines shows rows one a line.
func lines(rows []map[string]any) string {
	var b strings.Builder
	for _, row := range rows {
		content, _ := json.Marshal(row) // It came from JSON.
		b.WriteString("\n    " + string(content))
	}
	return b.String()
}

// dataFiles tells the data files of the lake apart: their keys with size and time. Rows about syncs are not data.
func (l lake) dataFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, table := range []string{"snapshots", "versions", "changes"} {
		err := filepath.WalkDir(filepath.Join(l.files, table), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			key, err := filepath.Rel(l.files, path)
			files[key] = fmt.Sprintf("%d bytes of %s", info.Size(), info.ModTime())
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return files
}
