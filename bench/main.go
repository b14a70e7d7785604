// Command bench measures `k8sq sync` of many pods against reading the same LIST pages from the same real kube-apiserver and
// throwing the bytes away. It prints ratios, because they carry from one machine to another; README.md says how to read them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// options are the flags.
type options struct {
	pods    int
	rounds  int
	many    int // clusters side by side, 0: not measured
	crds    int // custom resource types, 0: not measured
	s3      bool
	save    string
	keep    string
	timeout time.Duration
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) > 0 && arguments[0] == "fill" { // How bench calls itself: see fill.
		return exit(stderr, fillCommand(context.Background(), arguments[1:]))
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.pods, "n", 10_000, "how many pods the cluster has")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each thing is measured, in turns")
	flags.IntVar(&o.many, "clusters", 0, "also measure the sync of so many clusters side by side, which are this one under so many names")
	flags.IntVar(&o.crds, "crds", 0, fmt.Sprintf("also measure the sync of so many custom resource types of %d objects each", objectsPerCRD))
	flags.BoolVar(&o.s3, "s3", false, "keep the lake on an S3 server instead of in a folder, and count the requests")
	flags.StringVar(&o.save, "save", "", "write the figures as JSON into this `folder`, named by the date")
	flags.StringVar(&o.keep, "profiles", "", "keep the CPU profiles in this `folder`, as first.prof and unchanged.prof")
	flags.DurationVar(&o.timeout, "timeout", 20*time.Minute, "give up after this time")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	if flags.NArg() > 0 || o.pods < 1 || o.rounds < 1 || o.many < 0 || o.crds < 0 {
		fmt.Fprintln(stderr, "bench: it takes no arguments, and at least one pod and one round; nothing is counted below zero")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, errors.New("the -timeout is over"))
	defer cancel()
	return exit(stderr, measureAll(ctx, o, stdout, stderr))
}

func exit(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// measureAll starts the servers, fills them, measures and reports.
func measureAll(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "k8sq-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binaries, err := servers.Build(ctx, filepath.Join("..", "test", "e2e"))
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "k8sq")
	if err := buildK8sq(ctx, binary); err != nil {
		return err
	}
	etcd, err := servers.StartEtcd(ctx, binaries, filepath.Join(dir, "etcd"))
	if err != nil {
		return err
	}
	defer etcd.Stop()
	// No controllers: they would delete pods whose nodes are not there, and compete for the processor.
	cluster, err := servers.StartCluster(ctx, binaries, etcd, servers.Options{Name: "bench", Dir: filepath.Join(dir, "cluster")})
	if err != nil {
		return err
	}
	defer cluster.Stop()
	b := &bench{options: o, etcd: etcd, cluster: cluster, binary: binary, dir: dir, progress: stderr}
	if o.s3 {
		if b.s3, err = servers.StartS3(ctx, binaries, filepath.Join(dir, "s3")); err != nil {
			return err
		}
		defer b.s3.Stop()
		if err := b.s3.MakeBucket(bucket); err != nil {
			return err
		}
	}
	if b.kubeconfig, err = cluster.TokenKubeconfig("bench", cluster.Token); err != nil {
		return err
	}
	if err := b.fill(ctx); err != nil {
		return err
	}
	figures, err := b.measure(ctx)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	figures.print(stdout)
	if o.save != "" {
		return figures.save(o.save)
	}
	return nil
}

func buildK8sq(ctx context.Context, binary string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/k8sq")
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build k8sq: %w\n%s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
