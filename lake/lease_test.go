package lake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/faultstore"
)

const leaseKey = "_k8sq/leases/prod.json"

// elsewhere is a holder on another machine.
func elsewhere(sync string) lake.Holder {
	return lake.Holder{Host: "elsewhere", PID: 1, SyncID: sync, Boot: "another"}
}

func TestLease(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	first, err := l.Acquire(t.Context(), "prod", elsewhere("first"), lake.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Acquire(t.Context(), "prod/2", elsewhere("other"), lake.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release(t.Context())

	waitedFor := make(chan lake.Holder, 10)
	second := make(chan error)
	options := lake.LeaseOptions{TTL: time.Second, Waiting: func(h lake.Holder) { waitedFor <- h }}
	go func() {
		lease, err := l.Acquire(t.Context(), "prod", elsewhere("second"), options)
		if err == nil {
			err = lease.Release(t.Context())
		}
		second <- err
	}()
	if h := <-waitedFor; h.SyncID != "first" || h.Host != "elsewhere" {
		t.Errorf("waited for %+v", h)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	if len(waitedFor) > 0 {
		t.Errorf("told again of %+v", <-waitedFor)
	}
	if _, _, err := l.Store().Get(t.Context(), leaseKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a released lease: %v", err)
	}
}

// silentDelete is a store that answers no delete until the caller gives up.
type silentDelete struct{ store.Store }

func (silentDelete) Delete(ctx context.Context, _, _ string) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("would have waited for ever")
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestHolderString(t *testing.T) {
	for want, holder := range map[string]lake.Holder{
		"somebody unknown":                    {},
		"process 7 on elsewhere":              {Host: "elsewhere", PID: 7},
		"sync first (process 1 on elsewhere)": elsewhere("first"),
	} {
		if got := holder.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLeaseReleaseGivesUp(t *testing.T) {
	l := create(t, silentDelete{folder(t, t.TempDir())})
	lease, err := l.Acquire(t.Context(), "prod", elsewhere("first"), lake.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestLeaseWaitingEnds(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	first, err := l.Acquire(t.Context(), "prod", elsewhere("first"), lake.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	_, err = l.Acquire(ctx, "prod", elsewhere("second"), lake.LeaseOptions{Waiting: func(lake.Holder) { cancel() }})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "sync first (process 1 on elsewhere)") || !strings.Contains(err.Error(), "cluster prod") {
		t.Errorf("%v", err)
	}
}

// TestLeaseOfAnEndedProcess is taken over at once: its time to live would be an hour.
func TestLeaseOfAnEndedProcess(t *testing.T) {
	l := create(t, folder(t, t.TempDir()))
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	boot := bootOf(t, l)
	for name, test := range map[string]struct {
		holder lake.Holder
		gone   bool
	}{
		"an ended one":                  {lake.Holder{PID: ended.Process.Pid, Boot: boot, Started: "1"}, true},
		"an id that was given again":    {lake.Holder{PID: 1, Boot: boot, Started: "999999999"}, true},
		"a living one":                  {lake.Holder{PID: 1, Boot: boot}, false},
		"this one":                      {lake.Holder{}, false},
		"an ended one of another boot":  {lake.Holder{PID: ended.Process.Pid, Boot: "another"}, false},
		"an ended one on another host":  {lake.Holder{Host: "elsewhere", PID: ended.Process.Pid, Boot: boot}, false},
		"one that does not name itself": {lake.Holder{PID: ended.Process.Pid}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := strings.ReplaceAll(name, " ", "-")
			first, err := l.Acquire(t.Context(), cluster, test.holder, lake.LeaseOptions{TTL: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			defer first.Release(t.Context())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			waited := false
			second, err := l.Acquire(ctx, cluster, elsewhere("second"), lake.LeaseOptions{TTL: time.Hour, Waiting: func(lake.Holder) { waited = true; cancel() }})
			if gone := err == nil && !waited; gone != test.gone {
				t.Errorf("taken over: %v (%v), want %v", gone, err, test.gone)
			}
			if err == nil {
				second.Release(t.Context())
			}
		})
	}
}

// bootOf finds out what a holder of this process calls this boot.
func bootOf(t *testing.T, l *lake.Lake) string {
	t.Helper()
	lease, err := l.Acquire(t.Context(), "prod", lake.Holder{}, lake.LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(t.Context())
	var holder lake.Holder
	body, _, err := l.Store().Get(t.Context(), leaseKey)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err == nil {
		err = json.Unmarshal(content, &holder)
	}
	if err != nil || holder.Boot == "" || holder.PID == 0 || holder.Host == "" {
		t.Fatalf("%s, %v", content, err)
	}
	return holder.Boot
}

// TestLeaseIsTakenOver when its holder stops renewing it, and the holder comes to know it when it is back.
func TestLeaseIsTakenOver(t *testing.T) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	away := faultstore.New(st)
	first, err := reopen(t, away).Acquire(t.Context(), "prod", elsewhere("first"), lake.LeaseOptions{TTL: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release(t.Context())
	away.Set(faultstore.Fault{Crash: true})
	second, err := l.Acquire(t.Context(), "prod", elsewhere("second"), lake.LeaseOptions{TTL: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	away.Set()
	<-first.Lost()
	if err := first.Release(t.Context()); err != nil {
		t.Error(err)
	}
	// The loser's release leaves the winner's lease alone, which goes on being renewed.
	_, before, err := st.Get(t.Context(), leaseKey)
	if err != nil {
		t.Fatal(err)
	}
	for {
		body, now, err := st.Get(t.Context(), leaseKey)
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
		if now.ETag != before.ETag {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case <-second.Lost():
		t.Error("the winner has lost it too")
	default:
	}
	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestLeaseOfARenewalInDoubt: a renewal that seems to have failed but has not is no loss.
func TestLeaseOfARenewalInDoubt(t *testing.T) {
	st := faultstore.New(folder(t, t.TempDir()))
	create(t, st)
	lease, err := reopen(t, st).Acquire(t.Context(), "prod", elsewhere("first"), lake.LeaseOptions{TTL: 90 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	st.Set(faultstore.Fault{N: 1, Match: faultstore.Kinds(faultstore.Put), Mode: faultstore.After})
	for st.Count(faultstore.Put) < 6 {
		select {
		case <-lease.Lost():
			t.Fatal("it is taken for lost")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := st.Get(t.Context(), leaseKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a released lease: %v", err)
	}
}

func TestDamagedLease(t *testing.T) {
	st := folder(t, t.TempDir())
	l := create(t, st)
	put(t, st, leaseKey, "{")
	var waitedFor string
	lease, err := l.Acquire(t.Context(), "prod", elsewhere("first"), lake.LeaseOptions{
		TTL: 100 * time.Millisecond, Waiting: func(h lake.Holder) { waitedFor = fmt.Sprint(h) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(t.Context())
	if waitedFor != "" && waitedFor != "somebody unknown" {
		t.Errorf("waited for %q", waitedFor)
	}
}
