package faultstore_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
	"github.com/k8sq/k8sq/lake/store/local"
)

func folder(t *testing.T) *local.Store {
	t.Helper()
	s, err := local.Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// steps puts, reads, lists and deletes, and says what it saw.
func steps(t *testing.T, s store.Store) (saw string, err error) {
	ctx := t.Context()
	if _, err := s.Put(ctx, "a", strings.NewReader("0123456789"), 10, store.Condition{IfAbsent: true}); err != nil {
		return saw, err
	}
	for _, open := range []func() (io.ReadCloser, store.Info, error){
		func() (io.ReadCloser, store.Info, error) { return s.Get(ctx, "a") },
		func() (io.ReadCloser, store.Info, error) { return s.GetRange(ctx, "a", 2, 4) },
	} {
		body, _, err := open()
		if err != nil {
			return saw, err
		}
		content, err := io.ReadAll(body)
		body.Close()
		saw += string(content) + " "
		if err != nil {
			return saw, err
		}
	}
	for info, err := range s.List(ctx, "", "") {
		if err != nil {
			return saw, err
		}
		saw += info.Key + " "
	}
	if err := s.Delete(ctx, "a", ""); err != nil {
		return saw, err
	}
	return saw + "deleted", nil
}

func TestEveryOperationFailsOnce(t *testing.T) {
	for _, test := range []struct {
		mode faultstore.Mode
		want []string // what was seen, and whether an error and the object "a" were left, with the n-th operation failing
	}{
		{faultstore.Before, []string{" error", " error a", "0123456789  error a", "0123456789 2345  error a", "0123456789 2345 a  error a", "0123456789 2345 a deleted"}},
		{faultstore.After, []string{" error a", " error a", "0123456789  error a", "0123456789 2345 a  error a", "0123456789 2345 a  error", "0123456789 2345 a deleted"}},
		{faultstore.Short, []string{" error a", "01234 2345 a deleted", "0123456789 23 a deleted", "0123456789 2345 a  error a", "0123456789 2345 a  error", "0123456789 2345 a deleted"}},
		{faultstore.Broken, []string{" error a", "01234  error a", "0123456789 23  error a", "0123456789 2345 a  error a", "0123456789 2345 a  error", "0123456789 2345 a deleted"}},
	} {
		t.Run(fmt.Sprint("mode ", int(test.mode)), func(t *testing.T) {
			crash := test.mode != faultstore.Short // whose error, if any, is for the reader to find
			for n := 0; ; n++ {
				inner := folder(t)
				faults := faultstore.New(inner, faultstore.Fault{N: n, Mode: test.mode, Crash: crash})
				got, err := steps(t, faults)
				if err != nil {
					if !errors.Is(err, faultstore.ErrInjected) {
						t.Fatal(err)
					}
					got += " error"
					if _, _, err := faults.Get(t.Context(), "a"); crash && !errors.Is(err, faultstore.ErrInjected) {
						t.Errorf("an operation after the crash: %v", err)
					}
				}
				for info, err := range inner.List(t.Context(), "", "") {
					if err != nil {
						t.Fatal(err)
					}
					got += " " + info.Key
				}
				if n >= len(test.want) {
					t.Fatal("it never ends")
				}
				want := test.want[n]
				if got != want {
					t.Errorf("operation %d failed: %q, want %q", n, got, want)
				}
				if !faults.Fired() {
					if n != 5 || faults.Count() != 5 || faults.Count(faultstore.Get, faultstore.GetRange) != 2 {
						t.Errorf("n=%d, counted %d: %v", n, faults.Count(), faults.Ops())
					}
					break
				}
			}
		})
	}
}

func TestMatchAndSet(t *testing.T) {
	gone := errors.New("gone")
	faults := faultstore.New(folder(t), faultstore.Fault{Match: faultstore.Kinds(faultstore.Delete), Err: gone})
	if _, err := steps(t, faults); !errors.Is(err, gone) {
		t.Fatalf("got %v", err)
	}
	if err := faults.Delete(t.Context(), "a", ""); err != nil {
		t.Errorf("without Crash the next operation succeeds, got %v", err)
	}
	faults.Set()
	if saw, err := steps(t, faults); err != nil || faults.Fired() || faults.Count() != 5 {
		t.Errorf("after Set: %q %v, %d operations", saw, err, faults.Count())
	}
}

func TestPathsOnlyIfAsked(t *testing.T) {
	var faults store.Store = faultstore.New(folder(t))
	if _, ok := faults.(store.Pather); ok {
		t.Error("it gives paths unasked")
	}
	pather, ok := faults.(*faultstore.Store).WithPaths().(store.Pather)
	if !ok || !strings.HasSuffix(pather.Path("a/b"), "/a/b") {
		t.Error("it gives no paths")
	}
}
