package main

import (
	"flag"
	"net"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected outputs")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"k8sq": main})
}

// TestScript runs the commands of testdata/script as a user would: through the real main, on real files.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"K8SQ_CONFIG", "K8SQ_LAKE", "KUBECONFIG", "K8SQ_REDACTION_KEY"} {
				env.Setenv(name, "")
			}
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("K8SQ_CACHE", env.WorkDir+"/cache")
			// An S3 server that takes connections and never says a word: nobody accepts them.
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = silent.Close() })
			env.Setenv("SILENT", "http://"+silent.Addr().String())
			server := apiServer(env.WorkDir + "/apiserver")
			env.Defer(server.Close)
			env.Setenv("APISERVER", server.URL)
			return os.Mkdir(env.WorkDir+"/home", 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "unprivileged": unprivileged, "brokenpipe": brokenpipe},
	})
}
