package storetest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Bucket is a new and empty bucket on a real S3 server (versitygw) that listens on the loopback interface.
type Bucket struct {
	Endpoint  string // http://127.0.0.1:port
	Name      string
	Region    string
	AccessKey string // of the server's root user
	SecretKey string
}

// S3 gives a bucket of its own to the test. The server is started by the first test that asks, shared by all of the process that run
// meanwhile, and stopped with the last of them. Where its binary is not built the test is skipped, or fails if CI=true or
// K8SQ_TEST_REQUIRE_S3=1.
func S3(t testing.TB) *Bucket {
	t.Helper()
	binary, err := serverBinary("versitygw")
	if err != nil {
		if os.Getenv("CI") == "true" || os.Getenv("K8SQ_TEST_REQUIRE_S3") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	server, number, err := acquire(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	bucket := &Bucket{Endpoint: server.endpoint, Name: fmt.Sprintf("test-%d", number), Region: "us-east-1", AccessKey: rootAccess, SecretKey: rootSecret}
	server.admin(t, "create-bucket", "--owner", rootAccess, "--bucket", bucket.Name)
	return bucket
}

// URL is the lake's URL for a prefix in the bucket.
func (b *Bucket) URL(prefix string) string { return "s3://" + b.Name + "/" + prefix }

// Env is what a process needs in its environment to reach the bucket, and nothing of the machine's own AWS configuration.
func (b *Bucket) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":            b.Endpoint,
		"AWS_REGION":                  b.Region,
		"AWS_ACCESS_KEY_ID":           b.AccessKey,
		"AWS_SECRET_ACCESS_KEY":       b.SecretKey,
		"AWS_SESSION_TOKEN":           "",
		"AWS_PROFILE":                 "",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED":   "true",
	}
}

// Setenv sets Env for the rest of the test.
func (b *Bucket) Setenv(t testing.TB) {
	t.Helper()
	for name, value := range b.Env() {
		t.Setenv(name, value)
	}
}

// CreateUser gives the server a user without any rights but those that a bucket policy grants.
func (b *Bucket) CreateUser(t testing.TB, access, secret string) {
	t.Helper()
	running.Lock()
	server := running.server
	running.Unlock()
	server.admin(t, "create-user", "--access", access, "--secret", secret, "--role", "user")
}

const (
	rootAccess = "k8sq-test-root"
	rootSecret = "k8sq-test-root-secret"
)

// running is the one server of this process.
var running struct {
	sync.Mutex
	server  *server
	users   int // tests that have not ended
	buckets int
}

type server struct {
	binary   string
	endpoint string
	dir      string
	process  *os.Process
	ended    chan struct{}
	log      *bytes.Buffer // complete once ended is closed
}

func acquire(binary string) (*server, int, error) {
	running.Lock()
	defer running.Unlock()
	if running.server == nil {
		server, err := start(binary)
		if err != nil {
			return nil, 0, err
		}
		running.server = server
	}
	running.users++
	running.buckets++
	return running.server, running.buckets, nil
}

func release() {
	running.Lock()
	defer running.Unlock()
	if running.users--; running.users == 0 {
		running.server.stop()
		running.server = nil
	}
}

// start tries a few ports, because one that was free a moment ago may be taken by another process.
func start(binary string) (*server, error) {
	var last error
	for range 5 {
		s, err := startOnce(binary)
		if err == nil {
			return s, nil
		}
		last = err
	}
	return nil, last
}

func startOnce(binary string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	listener.Close()
	dir, err := os.MkdirTemp("", "k8sq-s3-")
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{"iam", "data"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	s := &server{binary: binary, endpoint: "http://" + address, dir: dir, ended: make(chan struct{}), log: new(bytes.Buffer)}
	cmd := exec.Command(binary, "--port", address, "--iam-dir", filepath.Join(dir, "iam"), "--keep-alive", "--quiet", "--health", "/health", "posix", filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+rootAccess, "ROOT_SECRET_KEY="+rootSecret)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		// The kernel ends the server when the thread that started it ends; a thread that is held for this goroutine lives as long as the
		// process.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, so there is always an error
			close(s.ended)
		}
		runtime.UnlockOSThread()
	}()
	if err := <-started; err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	s.process = cmd.Process
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if s.healthy() {
			return s, nil
		}
		select {
		case <-s.ended:
			os.RemoveAll(dir)
			return nil, fmt.Errorf("%s ended at once: %s", binary, s.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s did not become healthy: %s", binary, s.log)
}

func (s *server) healthy() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+"/health", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *server) stop() {
	_ = s.process.Kill() // its data goes too, so that nothing is lost
	<-s.ended
	os.RemoveAll(s.dir)
}

// admin runs a command of the server's own administration tool.
func (s *server) admin(t testing.TB, arguments ...string) {
	t.Helper()
	arguments = append([]string{"admin", "--access", rootAccess, "--secret", rootSecret, "--endpoint-url", s.endpoint}, arguments...)
	if out, err := exec.Command(s.binary, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("versitygw %s: %v: %s", arguments[len(arguments)-1], err, out)
	}
}

// serverBinary finds a server that test/e2e/servers/build.sh has built: in K8SQ_TEST_SERVERS (a folder, or a list of them), else where that
// script puts them.
func serverBinary(name string) (string, error) {
	for _, folder := range filepath.SplitList(os.Getenv("K8SQ_TEST_SERVERS")) {
		if path := filepath.Join(folder, name); isFile(path) {
			return path, nil
		}
	}
	cache := os.Getenv("K8SQ_TEST_CACHE")
	if cache == "" {
		base := os.Getenv("XDG_CACHE_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", err
			}
			base = filepath.Join(home, ".cache")
		}
		cache = filepath.Join(base, "k8sq")
	}
	found, err := filepath.Glob(filepath.Join(cache, "servers", "*", name))
	if err != nil {
		return "", err
	}
	newest := ""
	var when time.Time
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.ModTime().After(when) {
			newest, when = path, info.ModTime()
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s is not built: test/e2e/servers/build.sh s3 builds it (and K8SQ_TEST_SERVERS may name its folder)", name)
	}
	return newest, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
