package s3

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// RetryFast shortens the pauses between attempts, so that the tests of broken connections do not take minutes.
func (s *Store) RetryFast() *Store {
	s.retry = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = 10 * time.Millisecond
	})
	options := s.client.Options()
	options.Retryer = s.retry
	s.client = s3.New(options)
	return s
}

// Client is the SDK's, for what the tests set up.
func (s *Store) Client() *s3.Client { return s.client }
