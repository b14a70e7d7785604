package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits runs a command and checks its exit code: exits 2 k8sq sync.
func exits(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		script.Fatalf("usage: exits CODE COMMAND [ARGUMENT ...]")
	}
	want, err := strconv.Atoi(args[0])
	script.Check(err)
	got := 0
	if err := script.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			script.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		script.Fatalf("exit code %d, want %d", got, want)
	}
}

// unprivileged runs k8sq as a user whom the permissions of files stop, which root's they do not, and checks its exit code and that
// the last argument is in what it prints: unprivileged 1 sync 'read-only'.
func unprivileged(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 3 {
		script.Fatalf("usage: unprivileged CODE ARGUMENT ... TEXT")
	}
	want, err := strconv.Atoi(args[0])
	script.Check(err)
	binary := binaryOf(script)
	cmd := exec.Command(binary, args[1:len(args)-1]...)
	cmd.Dir = script.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "K8SQ_CACHE", "K8SQ_REDACTION_KEY"} {
		cmd.Env = append(cmd.Env, name+"="+script.Getenv(name))
	}
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for _, path := range []string{binary, cmd.Dir} {
			for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
				script.Check(os.Chmod(dir, 0o755))
			}
		}
		script.Check(os.Chmod(cmd.Dir, 0o755))
	}
	output, err := cmd.CombinedOutput()
	script.Logf("%s", output)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		script.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		script.Fatalf("exit code %d, want %d", got, want)
	}
	if text := args[len(args)-1]; !strings.Contains(string(output), text) {
		script.Fatalf("%s", fmt.Sprintf("%q is not in the output", text))
	}
}

// brokenpipe runs k8sq with nobody reading its standard output, and checks its exit code and that it neither says a word nor leaves
// a temporary file: brokenpipe 141 query 'FROM range(1000000)'.
func brokenpipe(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		script.Fatalf("usage: brokenpipe CODE ARGUMENT ...")
	}
	want, err := strconv.Atoi(args[0])
	script.Check(err)
	reader, writer, err := os.Pipe()
	script.Check(err)
	script.Check(reader.Close())
	temporary := script.MkAbs("temporary")
	script.Check(os.Mkdir(temporary, 0o755))
	cmd := exec.Command(binaryOf(script), args[1:]...)
	cmd.Dir = script.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "K8SQ_CACHE"} {
		cmd.Env = append(cmd.Env, name+"="+script.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = writer, &said
	err = cmd.Run()
	script.Check(writer.Close())
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		script.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		script.Fatalf("%s, want exit code %d", cmd.ProcessState, want)
	}
	if said.Len() > 0 {
		script.Fatalf("standard error: %s", &said)
	}
	left, err := os.ReadDir(temporary)
	script.Check(err)
	if len(left) > 0 {
		script.Fatalf("left behind: %v", left)
	}
}

// binaryOf is the path of k8sq, which testscript put before the PATH.
func binaryOf(script *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(script.Getenv("PATH")) {
		path := filepath.Join(dir, "k8sq")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	script.Fatalf("no k8sq in the PATH")
	return ""
}
