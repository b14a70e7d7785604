// Package servers starts the real servers that the tests and the benchmark run against: etcd, kube-apiserver,
// kube-controller-manager and versitygw (S3), all on 127.0.0.1, each with a log file, each gone when the process that
// started it is gone.
//
// build.sh builds the binaries, once, outside the tree.
package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Binaries are the paths of the servers that build.sh has built.
type Binaries struct {
	Etcd, APIServer, ControllerManager, VersityGW string
}

// Build runs build.sh of the e2e module in folder module, which takes 10 to 15 minutes on a new machine and no time later.
// What it builds goes to standard error as it happens.
func Build(ctx context.Context, module string) (Binaries, error) {
	command := exec.CommandContext(ctx, filepath.Join(module, "servers", "build.sh"), "s3", "kubernetes")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, os.Stderr
	if err := command.Run(); err != nil {
		return Binaries{}, fmt.Errorf("build the test servers: %w", err)
	}
	folders := strings.Fields(output.String())
	if len(folders) != 2 {
		return Binaries{}, fmt.Errorf("build the test servers: build.sh printed %q, not two folders", output.String())
	}
	s3, kubernetes := folders[0], folders[1]
	return Binaries{
		Etcd:              filepath.Join(kubernetes, "etcd"),
		APIServer:         filepath.Join(kubernetes, "kube-apiserver"),
		ControllerManager: filepath.Join(kubernetes, "kube-controller-manager"),
		VersityGW:         filepath.Join(s3, "versitygw"),
	}, nil
}
