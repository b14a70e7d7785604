// Package s3 keeps a lake in a bucket of S3, or of a server that speaks its protocol and honours conditional puts
// (If-None-Match and If-Match on PutObject, If-Match on DeleteObject). It is the only importer of the AWS SDK.
//
// An ETag here is the server's: of the content, so that a put of the very same bytes may give the same ETag again.
// Objects are put in one request, so that one may be at most 5 GB large.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/k8sq/k8sq/lake/store"
)

// Config says which bucket, and how to reach it. What it leaves out the AWS SDK's own chain gives: the environment (AWS_REGION,
// AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_PROFILE …), the shared files in ~/.aws, a web identity, the role of the pod or machine.
type Config struct {
	URL      string // s3://bucket or s3://bucket/prefix
	Region   string
	Endpoint string // http://host:port of a server that is not Amazon's
	Profile  string // of the shared configuration files
	// PathStyle says whether the bucket stands in the path or in the host name. Nil: in the path exactly where an endpoint is set,
	// because such servers seldom have a DNS name for each bucket.
	PathStyle *bool
	// Timeout is how long a server may be silent, before its answer and within one, until the request is given up and tried again.
	// Zero: 30 seconds.
	Timeout time.Duration
}

const (
	attempts       = 5
	maxBackoff     = 5 * time.Second
	defaultTimeout = 30 * time.Second
	// connections is what parallel reads keep open. The SDK's default would close most of them after each request.
	connections = 64
)

// Store is a bucket, or what lies under a prefix of one, as a store.Store.
type Store struct {
	client *s3.Client
	retry  *retry.Standard
	bucket string
	root   string // "" or "prefix/"
	where  string // for messages: the endpoint, or the region
}

// ParseURL cuts s3://bucket/prefix in two. The prefix has no slash at either end.
func ParseURL(url string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return "", "", fmt.Errorf("the lake's URL %q does not begin with s3://", url)
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	if strings.ContainsAny(bucket, "@:?#") {
		// It may hold a secret key, so it is not repeated.
		return "", "", errors.New("the lake's URL is s3://bucket/prefix: credentials, host and port do not belong in it (set endpoint, profile or AWS_ACCESS_KEY_ID)")
	}
	if bucket == "" {
		return "", "", fmt.Errorf("the lake's URL %q names no bucket", url)
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" {
		if err := store.CheckKey(prefix); err != nil {
			return "", "", fmt.Errorf("the lake's URL %q: %w", url, err)
		}
	}
	return bucket, prefix, nil
}

// Open gives the store for a bucket. It finds region and credentials, and sends the bucket nothing yet: that it is missing, or refuses
// the credentials, the first operation says.
func Open(ctx context.Context, c Config) (*Store, error) {
	bucket, prefix, err := ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += "/"
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	standard := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = maxBackoff
	})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(httpClient(timeout)),
		config.WithRetryer(func() aws.Retryer { return standard }),
		config.WithLogger(logging.Nop{}), // it writes to standard error past us; what matters comes back as an error
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(c.Endpoint))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if missing := (config.SharedConfigProfileNotExistError{}); errors.As(err, &missing) {
		return nil, fmt.Errorf("open %s: the AWS configuration files have no profile %q: aws configure --profile %s makes one", c.URL, missing.Profile, missing.Profile)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: read the AWS configuration: %w", c.URL, err)
	}
	s := &Store{retry: standard, bucket: bucket, root: prefix}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		// Here o.BaseEndpoint is what counts in the end: ours, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's.
		endpoint := aws.ToString(o.BaseEndpoint)
		if o.Region == "" && endpoint != "" {
			o.Region = "us-east-1" // what nearly every such server takes
		}
		o.UsePathStyle = endpoint != ""
		if c.PathStyle != nil {
			o.UsePathStyle = *c.PathStyle
		}
		o.DisableLogOutputChecksumValidationSkipped = true
		s.where = "the region " + o.Region
		if endpoint != "" {
			s.where = endpoint
		}
	})
	if client.Options().Region == "" {
		return nil, fmt.Errorf("open %s: the bucket's region is not known: set region in the lake block, AWS_REGION, or endpoint for a server that is not Amazon's", c.URL)
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open %s: %w", c.URL, ctx.Err())
		}
		return nil, fmt.Errorf("open %s: %w: no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE or profile in the lake block, "+
			"or run where a role is attached: %w", c.URL, store.ErrForbidden, err)
	}
	s.client = client
	return s, nil
}

// String is the lake's URL.
func (s *Store) String() string {
	return strings.TrimSuffix("s3://"+s.bucket+"/"+s.root, "/")
}

// httpClient gives up a connection on which the server is silent for the given time while something is due from it.
func httpClient(timeout time.Duration) *awshttp.BuildableClient {
	dialer := &net.Dialer{Timeout: min(timeout, 10*time.Second), KeepAlive: 30 * time.Second}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = connections
		t.MaxIdleConnsPerHost = connections
		t.IdleConnTimeout = timeout / 2 // before the watch on a connection that only waits for work would end it
		t.ResponseHeaderTimeout = timeout
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watchedConn{Conn: conn, timeout: timeout}, nil
		}
	})
}

// watchedConn ends a read or a write that moves nothing for too long. A write gives a waiting read new time too, because the answer to
// a request that takes long to send is not late yet.
type watchedConn struct {
	net.Conn
	timeout time.Duration
}

func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
