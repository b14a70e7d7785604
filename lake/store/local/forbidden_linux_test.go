package local

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/k8sq/k8sq/lake/store"
)

// asNobody has f meet the file system as a user without rights, even where the tests run as root.
func asNobody(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread is never unlocked, so that it ends with the goroutine and nobody else inherits its user.
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		f()
	}()
	<-done
}

func TestForbidden(t *testing.T) {
	s := open(t)
	put(t, s, "a/k", "x")
	put(t, s, "secret/k", "x")
	for path, mode := range map[string]os.FileMode{"_k8sq/tmp": 0o555, "_k8sq": 0o555, "_k8sq/lock": 0o444, "a": 0o555, "": 0o555, "secret": 0} {
		if err := os.Chmod(s.Path(path), mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(s.Path(path), 0o755) })
	}
	// The folders above are the test's own, and closed to others.
	for dir := s.String(); dir != os.TempDir() && len(dir) > 1; dir = dir[:strings.LastIndexByte(dir, '/')] {
		if dir != s.String() {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	asNobody(func() {
		ctx := t.Context()
		_, openErr := Open(s.String(), true)
		_, newErr := Open(s.String()+"/new", true)
		_, putErr := s.Put(ctx, "a/k2", strings.NewReader("x"), 1, store.Condition{IfAbsent: true})
		deleteErr := s.Delete(ctx, "a/k", "")
		_, _, getErr := s.Get(ctx, "secret/k")
		var listErr error
		for _, err := range s.List(ctx, "", "") {
			listErr = err
		}
		for what, err := range map[string]error{"open": openErr, "open a new one": newErr, "put": putErr, "delete": deleteErr, "get": getErr, "list": listErr} {
			if !errors.Is(err, store.ErrForbidden) || !strings.Contains(err.Error(), s.String()) || strings.Contains(err.Error(), tempFolder) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := Open(s.String(), false); err != nil {
			t.Errorf("open to read: %v", err)
		}
		body, _, err := s.Get(ctx, "a/k")
		if err != nil {
			t.Errorf("get: %v", err)
			return
		}
		body.Close()
	})
}
