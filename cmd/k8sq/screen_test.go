package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// TestCapture: what a credential plug-in writes to standard error stands above the progress lines, on lines of its own.
func TestCapture(t *testing.T) {
	var terminal bytes.Buffer
	s := &screen{w: &terminal}
	own := os.Stderr
	release := s.capture()
	s.show([]byte("prod  [==  ]\n"))
	plugin := exec.Command("sh", "-c", "printf 'open a browser: ' >&2")
	plugin.Stderr = os.Stderr
	err := plugin.Run()
	release()
	s.show(nil)
	if err != nil {
		t.Fatal(err)
	}
	if os.Stderr != own {
		t.Error("standard error was not given back")
	}
	const erase = "\x1b[1A\x1b[J"
	if got, want := terminal.String(), "prod  [==  ]\n"+erase+"open a browser: \nprod  [==  ]\n"+erase; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
