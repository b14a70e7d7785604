package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/k8sq/k8sq/lake/store"
)

// One lease a cluster keeps two collectors from doing the same work. Nothing is ever right only because of it: commits are conditional (commit.go).
//
// The lease is the object _k8sq/leases/<cluster>.json. It is taken by a put on condition that it is absent, renewed every third of its time to live by puts on condition
// that it is the one put last, and released by a delete on the same condition. Whoever finds it taken waits, and takes it over, on condition that it is still
// the one seen, when its ETag has not changed for its time to live on the waiter's own monotonic clock: no two machines' clocks are ever compared. A holder
// on the same machine whose process has ended is not waited for.

// leaseTTL is a lease's time to live where the options give none.
const leaseTTL = 15 * time.Second

// LeaseOptions are how a lease is acquired. The zero value is fine.
type LeaseOptions struct {
	// TTL is how long the lease outlives a holder that stops renewing it; 0: 15 seconds.
	TTL time.Duration
	// Waiting, if not nil, is called when another holder is waited for: once for each.
	Waiting func(Holder)
}

// Lease is a cluster's lease that is held. It is renewed in the background until Release.
type Lease struct {
	lake   *Lake
	key    string
	record leaseRecord
	etag   string // guarded by renewing: only the goroutine writes it before done is closed
	lost   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
	end    sync.Once
	err    error // of Release
}

// leaseRecord is the content of the lease's object.
type leaseRecord struct {
	Holder
	ID       string `json:"id"`       // of this acquisition
	TTL      string `json:"ttl"`      // a Go duration
	Renewals int    `json:"renewals"` // makes each put's content, and hence its ETag, another
}

// Acquire takes the lease of a cluster, waiting for another holder if need be until ctx ends.
func (l *Lake) Acquire(ctx context.Context, cluster string, holder Holder, options LeaseOptions) (*Lease, error) {
	ttl := options.TTL
	if ttl <= 0 {
		ttl = leaseTTL
	}
	lease := &Lease{
		lake: l, key: leasePrefix + Escape(cluster) + ".json",
		record: leaseRecord{Holder: holder.completed(), ID: uuid.NewString(), TTL: ttl.String()},
		lost:   make(chan struct{}), done: make(chan struct{}),
	}
	if err := lease.acquire(ctx, ttl, options.Waiting); err != nil {
		return nil, fmt.Errorf("acquire the lease of cluster %s: %w", cluster, err)
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	lease.stop = stop
	go lease.renew(renewing, ttl/3)
	return lease, nil
}

func (s *Lease) acquire(ctx context.Context, ttl time.Duration, waiting func(Holder)) error {
	var seen string // the ETag that has been there since
	var since time.Time
	var waitedFor string
	for {
		other, etag, found, err := s.get(ctx)
		if err != nil {
			return err
		}
		if etag != seen {
			seen, since = etag, time.Now()
		}
		patience := ttl
		if theirs, err := time.ParseDuration(other.TTL); err == nil {
			patience = max(ttl, theirs)
		}
		if !found || other.gone() || time.Since(since) >= patience {
			condition := store.Condition{IfMatch: etag}
			if !found {
				condition = store.Condition{IfAbsent: true}
			}
			err := s.put(ctx, condition)
			if !errors.Is(err, store.ErrConflict) {
				return err
			}
			continue // another was faster
		}
		if waiting != nil && other.ID != waitedFor {
			waitedFor = other.ID
			waiting(other.Holder)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s holds it: %w", other.Holder, ctx.Err())
		case <-time.After(ttl / 10):
		}
	}
}

func (s *Lease) get(ctx context.Context) (record leaseRecord, etag string, found bool, err error) {
	body, info, err := s.lake.st.Get(ctx, s.key)
	if errors.Is(err, store.ErrNotFound) {
		return leaseRecord{}, "", false, nil
	}
	if err != nil {
		return leaseRecord{}, "", false, err
	}
	content, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return leaseRecord{}, "", false, err
	}
	// A damaged lease names nobody, and is taken over when its time is up.
	if err := json.Unmarshal(content, &record); err != nil {
		record = leaseRecord{}
	}
	return record, info.ETag, true, nil
}

func (s *Lease) put(ctx context.Context, condition store.Condition) error {
	content, err := json.Marshal(s.record)
	if err != nil {
		return err
	}
	info, err := s.lake.st.Put(ctx, s.key, bytes.NewReader(content), int64(len(content)), condition)
	if err == nil {
		s.etag = info.ETag
	}
	return err
}

// renew puts the lease again and again until ctx ends or another holds it. A put that fails otherwise is tried again at the next turn: if the store stays
// away for too long, another takes the lease over, and that is noticed then.
func (s *Lease) renew(ctx context.Context, every time.Duration) {
	defer close(s.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.record.Renewals++
		if err := s.put(ctx, store.Condition{IfMatch: s.etag}); !errors.Is(err, store.ErrConflict) {
			continue
		}
		// It may be our own put that stands there, one that seemed to have failed.
		other, etag, found, err := s.get(ctx)
		if err != nil {
			continue
		}
		if found && other.ID == s.record.ID {
			s.etag = etag
			continue
		}
		close(s.lost)
		return
	}
}

// Lost is closed when another has taken the lease over.
func (s *Lease) Lost() <-chan struct{} { return s.lost }

// releaseTime bounds Release. Without an answer by then, nobody waits much longer for the lease than for a server that says nothing.
const releaseTime = 5 * time.Second

// Release ends the renewal and gives the lease up, if it is still held, and gives up trying after five seconds: an interrupted sync
// shall not hang at a server that stays silent, and the lease ends by itself. Later calls give the first one's error.
func (s *Lease) Release(ctx context.Context) error {
	s.end.Do(func() {
		s.stop()
		<-s.done
		ctx, cancel := context.WithTimeout(ctx, releaseTime)
		defer cancel()
		err := s.lake.st.Delete(ctx, s.key, s.etag)
		if err != nil && !errors.Is(err, store.ErrConflict) {
			s.err = fmt.Errorf("release the lease %s: %w", s.key, err)
		}
	})
	return s.err
}
