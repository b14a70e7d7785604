package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/k8sq/k8sq/lake/store"
)

// status is the HTTP status that the server answered with, 0 if it did not.
func status(err error) int {
	if answer := (*awshttp.ResponseError)(nil); errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// code is the S3 error code that the server answered with, "" if it did not. A HEAD has none but its status.
func code(err error) string {
	if answer := smithy.APIError(nil); errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

func (s *Store) url(key string) string { return "s3://" + s.bucket + "/" + s.root + key }

// failed says what was being done to which object, gives the error the class that callers branch on, and a hint where there is one.
func (s *Store) failed(action, key string, err error) error {
	if err == nil {
		return nil
	}
	what := action + " " + s.url(key)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, errDoubt) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", what, context.Canceled)
	}
	answer := smithy.APIError(nil)
	if !errors.As(err, &answer) {
		if lost := (*url.Error)(nil); errors.As(err, &lost) {
			return fmt.Errorf("%s: no answer from %s: %w", what, s.where, lost.Err)
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	said := answer.ErrorCode()
	if message := answer.ErrorMessage(); message != "" {
		said += ": " + message
	}
	region := ""
	if response := (*awshttp.ResponseError)(nil); errors.As(err, &response) && response.Response != nil {
		region = response.Response.Header.Get("X-Amz-Bucket-Region")
		if response.RequestID != "" {
			said += " (request " + response.RequestID + ")"
		}
	}
	if region == "" {
		region = "its own"
	}
	switch c := answer.ErrorCode(); {
	case c == "NoSuchBucket":
		return fmt.Errorf("%s: %w: %s has no bucket %q", what, store.NoRoot("no such bucket"), s.where, s.bucket)
	case c == "PermanentRedirect", c == "AuthorizationHeaderMalformed", c == "IllegalLocationConstraintException", status(err) == http.StatusMovedPermanently:
		return fmt.Errorf("%s: the bucket is not served by %s: set region to %s in the lake block or AWS_REGION: %s", what, s.where, region, said)
	case c == "InvalidAccessKeyId":
		return fmt.Errorf("%s: %w: %s does not know the access key: check AWS_ACCESS_KEY_ID or the profile: %s", what, store.ErrForbidden, s.where, said)
	case c == "SignatureDoesNotMatch":
		return fmt.Errorf("%s: %w: the secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY or the profile: %s", what, store.ErrForbidden, said)
	case c == "ExpiredToken", c == "ExpiredTokenException", c == "InvalidToken", c == "TokenRefreshRequired":
		return fmt.Errorf("%s: %w: the session has expired: sign in again (aws sso login, or a new AWS_SESSION_TOKEN): %s", what, store.ErrForbidden, said)
	case c == "RequestTimeTooSkewed":
		return fmt.Errorf("%s: %w: this machine's clock is wrong: %s", what, store.ErrForbidden, said)
	case status(err) == http.StatusUnauthorized, status(err) == http.StatusForbidden:
		return fmt.Errorf("%s: %w: the credentials need s3:GetObject, s3:PutObject and s3:DeleteObject on %s* and s3:ListBucket on %s: %s",
			what, store.ErrForbidden, s.bucket+"/"+s.root, s.bucket, said)
	case c == "NoSuchKey", status(err) == http.StatusNotFound:
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return fmt.Errorf("%s: %s", what, said)
}
