package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector"
)

// execKubeconfig is a kubeconfig whose user's credentials a command prints.
func execKubeconfig(server, authority, command, mode string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
		"users":[{"name":"u","user":{"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":%q,"interactiveMode":%q}}}]}`,
		server, authority, command, mode)
}

func script(t *testing.T, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the plug-ins of these tests are shell scripts")
	}
	return writeMode(t, filepath.Join(t.TempDir(), "plug-in"), "#!/bin/sh\n"+body+"\n", 0o700)
}

const credential = `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'"$1"'"}}'`

func openWithPlugin(t *testing.T, server *apiServer, command, mode string) *provider {
	t.Helper()
	return server.open(t, func(c *Config) {
		c.Server, c.CAData = nil, nil
		c.Kubeconfig = ptr(collector.Secret(execKubeconfig(server.URL, base64Of(server.authority()), command, mode)))
	})
}

func TestPlugin(t *testing.T) {
	for _, mode := range []string{"Never", "IfAvailable"} {
		server := newAPIServer(t, 4)
		server.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "Bearer from-the-plug-in" {
				status(w, 401, "Unauthorized", "Unauthorized", 0)
				return true
			}
			return false
		}
		p := openWithPlugin(t, server, script(t, strings.ReplaceAll(credential, "'\"$1\"'", "from-the-plug-in")), mode)
		if _, err := p.Discover(t.Context()); err != nil {
			t.Fatal(err)
		}
		objects, _, err := readAll(t, p)
		if err != nil {
			t.Fatal(err)
		}
		server.sameObjects(t, objects)
	}
}

// TestPluginRunsAgain: a token that is refused midway is asked for anew.
func TestPluginRunsAgain(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	server := newAPIServer(t, 8)
	server.fault = func(n int, w http.ResponseWriter, r *http.Request) bool {
		want := "Bearer run-1"
		if n > 1 {
			want = "Bearer run-2"
		}
		if r.Header.Get("Authorization") != want {
			status(w, 401, "Unauthorized", "Unauthorized", 0)
			return true
		}
		return false
	}
	command := script(t, `echo x >> '`+count+`'; n=$(($(wc -l < '`+count+`')))
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"run-'$n'"}}'`)
	objects, _, err := readAll(t, openWithPlugin(t, server, command, "Never"))
	if err != nil {
		t.Fatal(err)
	}
	server.sameObjects(t, objects)
}

func TestPluginFails(t *testing.T) {
	for name, test := range map[string]struct{ body, mode, text string }{
		"exit code":       {"exit 3", "Never", "exit code 3"},
		"no credential":   {"echo s3cr3t", "Never", "not an ExecCredential"},
		"odd credential":  {`echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}}'`, "Never", "token or cert"},
		"wants a console": {"exit 0", "Always", "terminal"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newAPIServer(t, 1)
			command := script(t, test.body)
			p := openWithPlugin(t, server, command, test.mode)
			_, err := p.Discover(t.Context())
			if err == nil {
				t.Fatal("Discover succeeds")
			}
			for _, text := range []string{server.Listener.Addr().String(), command, test.text} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%q tells what the plug-in printed", err)
			}
			if len(server.sent("/")) != 0 {
				t.Errorf("requests were sent without credentials: %q", server.sent("/"))
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		_, err := openWithPlugin(t, newAPIServer(t, 1), "/nowhere/k8sq-plug-in", "Never").Discover(t.Context())
		if err == nil || !strings.Contains(err.Error(), "/nowhere/k8sq-plug-in") {
			t.Errorf("Discover: %v, want an error that names the command", err)
		}
	})
}

// TestCancelDuringPlugin: a plug-in that hangs does not hold up the end.
func TestCancelDuringPlugin(t *testing.T) {
	// The plug-in ends when the test's folder is removed.
	started := filepath.Join(t.TempDir(), "started")
	p := openWithPlugin(t, newAPIServer(t, 1), script(t, `touch '`+started+`'; while [ -e '`+started+`' ]; do sleep 0.1; done; exit 1`), "Never")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitFor(t, started)
		cancel()
	}()
	if _, err := p.Discover(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Discover: %v, want %v", err, context.Canceled)
	}
}
