package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/util/flowcontrol"

	"github.com/k8sq/k8sq/collector"
)

// newLimiter is the client-side limit of requests.
func newLimiter(qps float64, burst int) flowcontrol.RateLimiter {
	if qps <= 0 {
		return flowcontrol.NewFakeAlwaysRateLimiter()
	}
	return flowcontrol.NewTokenBucketRateLimiter(float32(qps), burst)
}

// usage counts what a client sends, and how long the limit holds it back.
type usage struct {
	limits                     string
	requests, retries, refused atomic.Int64

	mu      sync.Mutex
	waiting int           // requests that wait for the limit now
	since   time.Time     // since when there is one
	waited  time.Duration // in which there was one, up to since
}

func newUsage(qps float64, burst int) *usage {
	u := new(usage)
	if qps > 0 {
		u.limits = fmt.Sprintf("qps = %g, burst = %d", qps, burst)
	}
	return u
}

// Usage tells what has been asked of the server so far.
func (p *provider) Usage() collector.Usage {
	u := p.client.usage
	u.mu.Lock()
	defer u.mu.Unlock()
	read := collector.Usage{
		Requests: u.requests.Load(), Retries: u.retries.Load(), Refused: u.refused.Load(),
		Waited: u.waited, Waiting: u.waiting, Limits: u.limits,
	}
	if u.waiting > 0 {
		read.Waited += time.Since(u.since)
	}
	return read
}

// turn waits until the limit lets one more request go.
func (c *client) turn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.limiter.TryAccept() {
		return nil
	}
	c.usage.wait(1)
	defer c.usage.wait(-1)
	if err := c.limiter.Wait(ctx); err != nil {
		// The limiter gives up at once where the context's deadline comes before the turn. Its end is what ends the request all the same.
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// wait notes that one more request waits, or one less.
func (u *usage) wait(more int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting == 0 {
		u.since = time.Now()
	}
	if u.waiting += more; u.waiting == 0 {
		u.waited += time.Since(u.since)
	}
}
