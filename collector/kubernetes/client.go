package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/util/flowcontrol"
)

const (
	// dialTimeout is how long a connection may take: an address where nobody answers must not hold up the sync of the others.
	dialTimeout = 10 * time.Second
	// firstDelay and longestDelay bound the wait before a retry, which doubles each time.
	firstDelay, longestDelay = 250 * time.Millisecond, 30 * time.Second
)

// client sends requests to one API server: GET only.
type client struct {
	base       *url.URL
	http       *http.Client
	transport  *http.Transport
	limiter    flowcontrol.RateLimiter
	usage      *usage
	timeout    time.Duration
	retries    int
	plugin     string // the command of the credential plug-in, "" where there is none
	firstDelay time.Duration
}

// newClient builds the transport as client-go does, from client-go's parts, but not out of its cache: that one keeps every transport
// for as long as the process runs, with its connections, and a provider closes its own.
func newClient(target target) (*client, error) {
	config := rest.CopyConfig(target.rest)
	config.UserAgent = userAgent()
	config.Dial = (&net.Dialer{Timeout: min(dialTimeout, target.timeout), KeepAlive: 30 * time.Second}).DialContext
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	parts, err := config.TransportConfig()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := transport.TLSConfigFor(parts)
	if err != nil {
		return nil, err
	}
	proxy := http.ProxyFromEnvironment
	if parts.Proxy != nil {
		proxy = parts.Proxy
	}
	if parts.BearerTokenFile != "" {
		// Of client-go's two ways to read a token's file again, the one that also does so once the token was refused.
		tokens := transport.NewCachedFileTokenSource(parts.BearerTokenFile)
		parts.BearerToken, parts.BearerTokenFile = "", ""
		parts.Wrap(transport.ResettableTokenSourceWrapTransport(tokens))
	}
	connections := utilnet.SetTransportDefaults(&http.Transport{
		Proxy:               proxy,
		DialContext:         parts.DialHolder.Dial,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: min(dialTimeout, target.timeout),
		MaxIdleConnsPerHost: 16,
		// Compressing costs the server more than the bytes do where they cross no network.
		DisableCompression: parts.DisableCompression || isLoopback(base.Hostname()),
	})
	authenticated, err := transport.HTTPWrappersForConfig(parts, connections)
	if err != nil {
		return nil, err
	}
	c := &client{
		base: base, http: &http.Client{Transport: authenticated, CheckRedirect: stay}, transport: connections, limiter: newLimiter(target.qps, target.burst),
		usage: newUsage(target.qps, target.burst), timeout: target.timeout, retries: target.retries, firstDelay: firstDelay,
	}
	if config.ExecProvider != nil {
		c.plugin = config.ExecProvider.Command
	}
	return c, nil
}

// stay follows no redirect: an API server sends none, and the credentials would go along to wherever it leads.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c *client) close() { c.transport.CloseIdleConnections() }

// host is the server as messages name it.
func (c *client) host() string { return c.base.Host }

// response is an answer whose body is still to be read. A body that stays silent for longer than the timeout fails.
type response struct {
	contentType string
	body        *watchedBody
	close       func()
}

// open sends one GET, once. An answer other than 2xx is a *statusError.
func (c *client) open(ctx context.Context, path string, query url.Values, accept string) (*response, error) {
	if err := c.turn(ctx); err != nil {
		return nil, err
	}
	target := *c.base
	target.Path = strings.TrimSuffix(target.Path, "/") + path
	target.RawQuery = query.Encode()

	ctx, cancel := context.WithCancelCause(ctx)
	watchdog := time.AfterFunc(c.timeout, func() { cancel(errSilent) })
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		watchdog.Stop()
		cancel(nil)
		return nil, err
	}
	request.Header.Set("Accept", accept)
	c.usage.requests.Add(1)
	answer, err := c.roundTrip(ctx, request)
	if err != nil {
		watchdog.Stop()
		cancel(nil)
		return nil, err
	}
	body := &watchedBody{ctx: ctx, body: answer.Body, watchdog: watchdog, timeout: c.timeout}
	closeAll := func() {
		watchdog.Stop()
		cancel(nil)
		answer.Body.Close()
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		defer closeAll()
		if answer.StatusCode == http.StatusTooManyRequests {
			c.usage.refused.Add(1)
		}
		return nil, readStatusError(answer, body)
	}
	watchdog.Stop()
	return &response{contentType: answer.Header.Get("Content-Type"), body: body, close: closeAll}, nil
}

// roundTrip sends a request and comes back when ctx ends, even where a credential plug-in, which knows no context, still runs.
func (c *client) roundTrip(ctx context.Context, request *http.Request) (*http.Response, error) {
	if c.plugin == "" {
		answer, err := c.http.Do(request)
		return answer, c.requestError(ctx, err)
	}
	type result struct {
		answer *http.Response
		err    error
	}
	done := make(chan result, 1)
	go func() {
		answer, err := c.http.Do(request)
		done <- result{answer, err}
	}()
	select {
	case r := <-done:
		return r.answer, c.requestError(ctx, r.err)
	case <-ctx.Done():
		go func() {
			if r := <-done; r.answer != nil {
				r.answer.Body.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// requestError unwraps net/http's error, whose text repeats the whole URL with its continue token.
func (c *client) requestError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	return c.pluginError(err)
}

// errSilent: the server accepted the connection and then said nothing for as long as the timeout.
var errSilent = errors.New("the server stayed silent for as long as the timeout")

// watchedBody fails a read that takes longer than the timeout. The time between two reads, which is the reader's own, does not count.
type watchedBody struct {
	ctx      context.Context
	body     io.Reader
	watchdog *time.Timer
	timeout  time.Duration
	failed   error // the first failure of a read, other than the end
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.watchdog.Reset(b.timeout)
	n, err := b.body.Read(p)
	b.watchdog.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		if b.ctx.Err() != nil {
			err = context.Cause(b.ctx)
		}
		if b.failed == nil {
			b.failed = err
		}
	}
	return n, err
}

// get reads a whole small answer, trying again where that helps.
func (c *client) get(ctx context.Context, path string, query url.Values, accept string) (body []byte, contentType string, err error) {
	err = c.retry(ctx, func() error {
		answer, err := c.open(ctx, path, query, accept)
		if err != nil {
			return err
		}
		defer answer.close()
		contentType = answer.contentType
		if body, err = io.ReadAll(answer.body); err != nil {
			return fmt.Errorf("read the answer to GET %s: %w", path, err)
		}
		return nil
	})
	return body, contentType, err
}

// retry calls try until it succeeds, fails for good, or has failed once more than there are retries.
func (c *client) retry(ctx context.Context, try func() error) error {
	renewed := false
	for attempt := 0; ; attempt++ {
		if attempt > 0 {
			c.usage.retries.Add(1)
		}
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !renewed && isUnauthorized(err) {
			// client-go drops a token that was refused: the next request reads the token's file, or runs the plug-in, anew.
			renewed = true
			continue
		}
		again, wait := retryable(err)
		if !again || attempt >= c.retries {
			return err
		}
		if err := sleep(ctx, max(wait, c.delay(attempt))); err != nil {
			return err
		}
	}
}

// delay is how long to wait after the attempt's failure: twice as long each time, less up to a half, so that the clients of a server
// that was away do not all come back at once.
func (c *client) delay(attempt int) time.Duration {
	longest := min(c.firstDelay<<min(attempt, 10), longestDelay)
	return longest - time.Duration(rand.Int64N(int64(longest)/2+1))
}

// decodeError says that an answer is not what the API promises.
func decodeError(path string, err error) error {
	return fmt.Errorf("the answer to GET %s cannot be read: %w", path, err)
}
