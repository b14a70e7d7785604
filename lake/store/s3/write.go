package s3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8sq/k8sq/lake/store"
)

// putID is the object metadata (x-amz-meta-k8sq-put) that says which call of Put wrote an object.
const putID = "k8sq-put"

// errDoubt: the put may have happened, and was perhaps replaced since; nobody can tell any more.
var errDoubt = errors.New("an earlier attempt got no answer, and it cannot be told any more whether it wrote the object")

// Put writes the object in one request.
//
// The outcome of a request whose answer is lost is unknown, and a conditional put that is sent again then meets its own object and is
// refused. So each call marks its object with an id of its own, and asks the server whose object lies at the key before it gives up:
// its own is a success. A refusal is store.ErrConflict only if no earlier attempt can have written the object; a caller may
// then take back what belonged to it. Where that cannot be known, because another writer has replaced whatever lay there, Put gives an
// error that is no conflict, and the caller must read the lake's state anew.
//
// Info.Modified is the server's clock when it answered: close to what a later Get says, and not always equal.
func (s *Store) Put(ctx context.Context, key string, content io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	info, err := s.put(ctx, key, content, size, condition)
	return info, s.failed("put", key, err)
}

func (s *Store) put(ctx context.Context, key string, content io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Info{}, err
	}
	if err := condition.Check(); err != nil {
		return store.Info{}, err
	}
	end, err := content.Seek(0, io.SeekEnd)
	if err != nil {
		return store.Info{}, fmt.Errorf("read the body: %w", err)
	}
	if end != size {
		return store.Info{}, fmt.Errorf("the body has %d bytes, not the %d it should have", end, size)
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	id := hex.EncodeToString(random)
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.root + key),
		ContentLength: &size,
		Metadata:      map[string]string{putID: id},
	}
	if condition.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if condition.IfMatch != "" {
		in.IfMatch = quote(condition.IfMatch)
	}
	doubt := false // whether some attempt got no answer
	for attempt := 1; ; attempt++ {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return store.Info{}, fmt.Errorf("read the body: %w", err)
		}
		// The transport closes a body that it can; this one is the caller's.
		in.Body = struct{ io.ReadSeeker }{content}
		out, err := s.client.PutObject(ctx, in, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
		if err == nil {
			when, ok := middleware.GetServerTime(out.ResultMetadata)
			if !ok {
				when = time.Now()
			}
			return describe(key, size, out.ETag, when)
		}
		if ctx.Err() != nil {
			return store.Info{}, err
		}
		code := status(err)
		retriable := false
		switch {
		case refused(err, condition):
		case code >= 400 && code < 500:
			// A definite no, or a 409 of two writers at once, which the server asks to try again.
			retriable = racing(err) || s.retry.IsErrorRetryable(err)
		default:
			doubt = true
			retriable = s.retry.IsErrorRetryable(err)
		}
		if retriable && attempt < attempts {
			if err := s.pause(ctx, attempt, err); err != nil {
				return store.Info{}, err
			}
			continue
		}
		if !doubt && !refused(err, condition) && !racing(err) {
			return store.Info{}, err
		}
		return s.settle(ctx, key, id, err, doubt, refused(err, condition) || racing(err))
	}
}

// settle finds out whether the object at the key is this call's own.
func (s *Store) settle(ctx context.Context, key, id string, cause error, doubt, conflict bool) (store.Info, error) {
	info, writer, err := s.head(ctx, key)
	switch {
	case err == nil && writer == id:
		return info, nil
	case doubt && conflict:
		return store.Info{}, fmt.Errorf("%w: another writer has changed it since: %w", errDoubt, cause)
	case conflict && err == nil:
		return store.Info{}, fmt.Errorf("%w: its ETag is %s, written at %s", store.ErrConflict, info.ETag, info.Modified.Format(time.RFC3339))
	case conflict:
		return store.Info{}, store.ErrConflict
	case status(err) != http.StatusNotFound:
		return store.Info{}, fmt.Errorf("%w: %w", errDoubt, cause)
	}
	return store.Info{}, cause
}

// refused holds for the answers that mean that the condition does not hold.
func refused(err error, condition store.Condition) bool {
	// If-Match on a key that is gone is answered with 404.
	return status(err) == http.StatusPreconditionFailed || condition.IfMatch != "" && code(err) == "NoSuchKey"
}

// racing holds for the answer to a conditional put that came while another was under way.
func racing(err error) bool {
	return status(err) == http.StatusConflict && (code(err) == "ConditionalRequestConflict" || code(err) == "OperationAborted")
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	if err := store.CheckKey(key); err != nil {
		return s.failed("delete", key, err)
	}
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.root + key)}
	if ifMatch != "" {
		in.IfMatch = quote(ifMatch)
	}
	var err error
	for attempt := 1; ; attempt++ {
		if _, err = s.client.DeleteObject(ctx, in); !racing(err) || attempt == attempts {
			break
		}
		if err = s.pause(ctx, attempt, err); err != nil {
			break
		}
	}
	switch {
	case err == nil, code(err) == "NoSuchKey":
		return nil
	case status(err) == http.StatusPreconditionFailed, racing(err):
		// A missing key matches nothing, and is what was asked for. It is also what a retry of a delete that was lost on the way back
		// meets.
		info, _, headErr := s.head(ctx, key)
		if status(headErr) == http.StatusNotFound {
			return nil
		}
		if headErr != nil {
			return s.failed("delete", key, headErr)
		}
		return s.failed("delete", key, fmt.Errorf("%w: its ETag is %s, not %s", store.ErrConflict, info.ETag, ifMatch))
	}
	return s.failed("delete", key, err)
}

// head gives the object's Info and the id of the put that wrote it.
func (s *Store) head(ctx context.Context, key string) (info store.Info, writer string, err error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String(s.root + key)})
	if err != nil {
		return store.Info{}, "", err
	}
	for name, value := range out.Metadata {
		if strings.EqualFold(name, putID) {
			writer = value
		}
	}
	info, err = describe(key, aws.ToInt64(out.ContentLength), out.ETag, aws.ToTime(out.LastModified))
	return info, writer, err
}

// pause waits before the next attempt as the SDK's own retries do: longer each time, and never in step with others.
func (s *Store) pause(ctx context.Context, attempt int, cause error) error {
	delay, err := s.retry.RetryDelay(attempt, cause)
	if err != nil {
		return errors.Join(cause, err)
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// describe makes an Info. The quotes around an ETag belong to HTTP, not to it.
func describe(key string, size int64, etag *string, modified time.Time) (store.Info, error) {
	bare := strings.Trim(aws.ToString(etag), `"`)
	if bare == "" {
		return store.Info{}, errors.New("the server gives the object no ETag, without which a lake cannot be kept consistent")
	}
	return store.Info{Key: key, Size: size, ETag: bare, Modified: modified.UTC()}, nil
}

func quote(etag string) *string { return aws.String(`"` + etag + `"`) }
