package kubernetes

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector"
)

// TestUsage: every request, every one that was sent again, every refusal and every wait for the limit is counted.
func TestUsage(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		fault  func(n int, w http.ResponseWriter, r *http.Request) bool
		want   collector.Usage
		waited bool
	}{
		"no limit":      {func(c *Config) { c.QPS = 0 }, nil, collector.Usage{Requests: 4}, false},
		"below a limit": {func(c *Config) { c.QPS, c.Burst = 1, 4 }, nil, collector.Usage{Requests: 4, Limits: "qps = 1, burst = 4"}, false},
		"above a limit": {func(c *Config) { c.QPS, c.Burst = 200, 1 }, nil, collector.Usage{Requests: 4, Limits: "qps = 200, burst = 1"}, true},
		"refused once": {func(c *Config) { c.QPS = 0 }, func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 0 {
				status(w, http.StatusTooManyRequests, "TooManyRequests", "", 0)
			}
			return n == 0
		}, collector.Usage{Requests: 5, Retries: 1, Refused: 1}, false},
		"failed once": {func(c *Config) { c.QPS = 0 }, func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 0 {
				status(w, http.StatusInternalServerError, "InternalError", "", 0)
			}
			return n == 0
		}, collector.Usage{Requests: 5, Retries: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := newAPIServer(t, 40)
			server.fault = test.fault
			p := server.open(t, func(c *Config) {
				c.PageSize = 10
				test.change(c)
			})
			p.client.firstDelay = time.Millisecond
			if _, _, err := readAll(t, p); err != nil {
				t.Fatal(err)
			}
			got := p.Usage()
			if waited := got.Waited > 0; waited != test.waited {
				t.Errorf("held back for %v, want %v", got.Waited, test.waited)
			}
			got.Waited = 0
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestLimitAndDeadline: what the limit would let go after the deadline ends with it, as what is too slow does.
func TestLimitAndDeadline(t *testing.T) {
	server := newAPIServer(t, 40)
	p := server.open(t, func(c *Config) { c.PageSize, c.QPS, c.Burst = 10, 0.001, 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := p.List(ctx, configMaps, collector.Selection{}, func([]byte) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("List: %v, want %v", err, context.DeadlineExceeded)
	}
	if got := p.Usage(); got.Requests != 1 || got.Waited == 0 || got.Waiting != 0 {
		t.Errorf("got %+v, want one request, and none that waits still", got)
	}
}
