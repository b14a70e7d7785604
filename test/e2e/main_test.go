// Package e2e runs the main job on real parts: two kube-apiservers with their controllers, etcd, an S3 server, the k8sq binary.
// What a test asserts of a lake it asks through `k8sq query`.
//
// The servers are started once; each test has namespaces, API groups and lakes of its own.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// What TestMain starts.
var (
	binary     string // of k8sq
	etcd       *servers.Etcd
	east, west *servers.Cluster
	s3         *servers.S3
)

const bucket = "lakes"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "k8sq-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	stop, err := startAll(ctx, dir)
	defer func() {
		if code != 0 {
			printLogs(dir)
		}
		stop()
		if code == 0 {
			_ = os.RemoveAll(dir) // What is left there is temporary anyway.
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// startAll builds and starts everything. stop is to be called whatever the error.
func startAll(ctx context.Context, dir string) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	binaries, err := servers.Build(ctx, ".")
	if err != nil {
		return stop, err
	}
	binary = filepath.Join(dir, "k8sq")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/k8sq")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		return stop, fmt.Errorf("build k8sq: %w\n%s", err, output)
	}

	begin := time.Now()
	if etcd, err = servers.StartEtcd(ctx, binaries, filepath.Join(dir, "etcd")); err != nil {
		return stop, err
	}
	stops = append(stops, etcd.Stop)
	if s3, err = servers.StartS3(ctx, binaries, filepath.Join(dir, "s3")); err != nil {
		return stop, err
	}
	stops = append(stops, s3.Stop)
	if err := s3.MakeBucket(bucket); err != nil {
		return stop, err
	}
	type started struct {
		cluster *servers.Cluster
		err     error
	}
	results := map[string]chan started{"east": make(chan started, 1), "west": make(chan started, 1)}
	for name, result := range results {
		go func() {
			cluster, err := servers.StartCluster(ctx, binaries, etcd, servers.Options{
				Name: name, Dir: filepath.Join(dir, name), Controllers: true, Users: map[string]string{"nobody": "token-of-nobody"},
			})
			result <- started{cluster, err}
		}()
	}
	for _, name := range []string{"east", "west"} {
		result := <-results[name]
		if result.err != nil {
			err = result.err
			continue
		}
		stops = append([]func(){result.cluster.Stop}, stops...) // Before etcd.
		if name == "east" {
			east = result.cluster
		} else {
			west = result.cluster
		}
	}
	fmt.Fprintf(os.Stderr, "servers ready after %.1f s, logs in %s\n", time.Since(begin).Seconds(), dir)
	return stop, err
}

// printLogs shows where the servers' logs are and how those of the servers that matter end.
func printLogs(dir string) {
	fmt.Fprintf(os.Stderr, "the servers' logs are kept in %s\n", dir)
	for _, cluster := range []*servers.Cluster{east, west} {
		if cluster == nil {
			continue
		}
		for _, process := range cluster.Processes() {
			lines := strings.Split(process.LogTail(), "\n")
			fmt.Fprintf(os.Stderr, "--- %s %s\n%s\n", cluster.Name, process.Name(), strings.Join(lines[max(0, len(lines)-5):], "\n"))
		}
	}
}
