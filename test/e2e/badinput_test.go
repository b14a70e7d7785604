package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What only a real server can refuse: the exit code, and what the message must say so that a person can act. The rest of bad
// input is tested beside the command line.
func TestBadInput(t *testing.T) {
	types := selectTypes("core.v1.Namespace")
	wrongToken, err := east.TokenKubeconfig("wrong-token", "not-a-token-that-anyone-has")
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := east.TokenKubeconfig("nobody", "token-of-nobody")
	if err != nil {
		t.Fatal(err)
	}
	otherCA := filepath.Join(t.TempDir(), "other-ca.kubeconfig")
	content, err := os.ReadFile(admin(t, east))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(otherCA, []byte(strings.ReplaceAll(string(content), east.URL, west.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	withoutSecret := func(l lake) lake {
		for i, variable := range l.env {
			if strings.HasPrefix(variable, "AWS_SECRET_ACCESS_KEY=") {
				l.env[i] = "AWS_SECRET_ACCESS_KEY=wrong-secret"
			}
		}
		return l
	}
	for name, test := range map[string]struct {
		lake func(t *testing.T) lake
		args []string
		code int
		says []string
	}{
		"wrong token": {func(t *testing.T) lake { return folderLake(t, provider("prod", wrongToken), types) }, []string{"sync"}, 3, []string{"prod", "unauthorized"}},
		"user without permission": {func(t *testing.T) lake { return folderLake(t, provider("prod", nobody), types) }, []string{"sync"}, 3,
			[]string{"prod", "core.v1.Namespace", "forbidden"}},
		"unreachable server": {func(t *testing.T) lake {
			return folderLake(t, provider("prod", unreachable(t, east), "retries = 1"), types)
		}, []string{"sync"}, 3,
			[]string{"prod", "connection refused"}},
		"another certificate authority": {func(t *testing.T) lake { return folderLake(t, provider("prod", otherCA), types) }, []string{"sync"}, 3,
			[]string{"prod", "certificate"}},
		"wrong bucket": {func(t *testing.T) lake {
			l := s3Lake(t)
			l.configure(t, s3Block("no-such-bucket", "x"), provider("prod", admin(t, east)), types)
			return l
		}, []string{"sync"}, 1, []string{"no-such-bucket"}},
		"wrong bucket, query": {func(t *testing.T) lake {
			l := s3Lake(t)
			l.configure(t, s3Block("no-such-bucket", "x"))
			return l
		}, []string{"query", "SELECT count(*) FROM snapshots"}, 1, []string{"no-such-bucket"}},
		"wrong S3 credentials": {func(t *testing.T) lake { return withoutSecret(s3Lake(t, provider("prod", admin(t, east)), types)) }, []string{"sync"}, 1,
			[]string{"denied"}},
		"wrong S3 credentials, query": {func(t *testing.T) lake { return withoutSecret(s3Lake(t)) }, []string{"query", "SELECT count(*) FROM snapshots"}, 1,
			[]string{"denied"}},
		"validate --connect": {func(t *testing.T) lake { return folderLake(t, provider("prod", wrongToken), types) }, []string{"validate", "--connect"}, 1,
			[]string{"prod", "unauthorized"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.lake(t).must(t, test.code, test.args...)
			for _, part := range test.says {
				if !strings.Contains(strings.ToLower(r.stderr), strings.ToLower(part)) {
					t.Errorf("the message does not say %q:\n%s", part, r.stderr)
				}
			}
			for _, secret := range []string{"not-a-token-that-anyone-has", "token-of-nobody", "wrong-secret", s3.SecretKey, east.Token} {
				if strings.Contains(r.stderr+r.stdout, secret) {
					t.Errorf("the message shows a credential:\n%s", r.stderr)
				}
			}
		})
	}
}
