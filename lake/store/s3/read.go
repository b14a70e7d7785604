package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8sq/k8sq/lake/store"
)

// Get streams the object. A connection that breaks on the way is taken up again where it broke, as long as the object is the same;
// if it was replaced meanwhile, the read ends with store.ErrConflict.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	body, info, err := s.get(ctx, key, "")
	return body, info, s.failed("get", key, err)
}

// GetRange streams a part of the object. A range that begins behind the end is empty.
func (s *Store) GetRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, store.Info, error) {
	var span string
	switch {
	case offset < 0:
		span = "bytes=" + strconv.FormatInt(offset, 10)
	case n < 0:
		return nil, store.Info{}, s.failed("get", key, fmt.Errorf("a range of %d bytes", n))
	case n > 0:
		span = fmt.Sprintf("bytes=%d-%d", offset, offset+n-1)
	}
	if span != "" {
		body, info, err := s.get(ctx, key, span)
		if status(err) != http.StatusRequestedRangeNotSatisfiable {
			return body, info, s.failed("get", key, err)
		}
	}
	// HTTP has no empty range: asking for one behind the end, or for anything of an empty object, is an error.
	info, _, err := s.head(ctx, key)
	return http.NoBody, info, s.failed("get", key, err)
}

// get asks for the object, or for a span of it (a Range header).
func (s *Store) get(ctx context.Context, key, span string) (io.ReadCloser, store.Info, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, store.Info{}, err
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.root + key)}
	if span != "" {
		in.Range = &span
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, store.Info{}, err
	}
	info, err := describe(key, aws.ToInt64(out.ContentLength), out.ETag, aws.ToTime(out.LastModified))
	if err == nil && out.ContentLength == nil {
		err = errors.New("the server does not say how long the object is")
	}
	var from, to int64 = 0, info.Size // of the object, what the body holds
	if err == nil && out.ContentRange != nil {
		from, to, info.Size, err = parseContentRange(*out.ContentRange)
	}
	if err == nil && to-from != *out.ContentLength {
		err = fmt.Errorf("the server sends %d bytes for the range %s", *out.ContentLength, aws.ToString(out.ContentRange))
	}
	if err != nil {
		out.Body.Close()
		return nil, store.Info{}, err
	}
	return &body{ctx: ctx, store: s, key: key, etag: info.ETag, at: from, end: to, open: out.Body}, info, nil
}

// parseContentRange reads "bytes 0-99/1234": the span, with its end exclusive, and the object's size.
func parseContentRange(header string) (from, to, size int64, err error) {
	spec, ok := strings.CutPrefix(header, "bytes ")
	span, total, ok2 := strings.Cut(spec, "/")
	first, last, ok3 := strings.Cut(span, "-")
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	if !ok || !ok2 || !ok3 || err1 != nil || err2 != nil || err3 != nil || from < 0 || to < from || to >= size {
		return 0, 0, 0, fmt.Errorf("the server sent the Content-Range %q", header)
	}
	return from, to + 1, size, nil
}

// body reads from at to end of one state of an object, over as many connections as it takes.
type body struct {
	ctx     context.Context
	store   *Store
	key     string
	etag    string
	at, end int64
	open    io.ReadCloser
	broken  int   // connections lost since the last byte
	err     error // once it has ended
}

func (b *body) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.open.Read(p)
		if b.at += int64(n); b.at > b.end {
			b.err = b.store.failed("read", b.key, fmt.Errorf("the server sends more than the %d bytes it announced", b.end))
			return 0, b.err
		}
		if n > 0 {
			b.broken = 0
		}
		switch {
		case err == nil:
			return n, nil
		case err == io.EOF && b.at == b.end:
			b.err = io.EOF
			return n, b.err
		case err == io.EOF:
			err = fmt.Errorf("%w: %d bytes are missing", io.ErrUnexpectedEOF, b.end-b.at)
		}
		b.again(err)
		if n > 0 {
			return n, nil
		}
	}
	return 0, b.err
}

// again takes the reading up on a new connection after the given error, or makes it the last.
func (b *body) again(err error) {
	b.open.Close()
	b.broken++
	// At the end nothing is missing: the checksum did not match what came, and asking again would hide that.
	if b.at == b.end || b.broken >= attempts || b.ctx.Err() != nil {
		b.err = b.store.failed("read", b.key, err)
		return
	}
	if delayErr := b.store.pause(b.ctx, b.broken, err); delayErr != nil {
		b.err = b.store.failed("read", b.key, delayErr)
		return
	}
	out, getErr := b.store.client.GetObject(b.ctx, &s3.GetObjectInput{
		Bucket: &b.store.bucket, Key: aws.String(b.store.root + b.key), IfMatch: quote(b.etag),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", b.at, b.end-1)),
	})
	switch {
	case status(getErr) == http.StatusPreconditionFailed, status(getErr) == http.StatusNotFound:
		b.err = fmt.Errorf("read %s: %w: the connection broke (%w), and the object was replaced or deleted before the rest could be read", b.store.url(b.key), store.ErrConflict, err)
	case getErr != nil:
		b.err = b.store.failed("read", b.key, getErr)
	default:
		from, to, _, rangeErr := parseContentRange(aws.ToString(out.ContentRange))
		if rangeErr != nil || from != b.at || to != b.end {
			out.Body.Close()
			b.err = b.store.failed("read", b.key, fmt.Errorf("asked for bytes %d-%d, the server sent %q", b.at, b.end-1, aws.ToString(out.ContentRange)))
			return
		}
		b.open = out.Body
	}
}

func (b *body) Close() error {
	if b.err == nil {
		b.err = errors.New("read of a closed body")
	}
	return b.open.Close()
}

// List asks for pages of up to 1,000 keys as they are needed. It relies on the server's order and checks it, because a listing out
// of order would hide keys from a caller that goes on behind the last one it met.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Info{}, s.failed("list", prefix, err))
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.root + prefix)}
		if after != "" {
			in.StartAfter = aws.String(s.root + after)
		}
		last := after
		for {
			page, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(store.Info{}, s.failed("list", prefix, err))
				return
			}
			for _, object := range page.Contents {
				key := strings.TrimPrefix(aws.ToString(object.Key), s.root)
				if key == "" || strings.HasSuffix(key, "/") {
					continue // what consoles make to show a folder
				}
				info, err := describe(key, aws.ToInt64(object.Size), object.ETag, aws.ToTime(object.LastModified))
				if err == nil && key <= last {
					err = fmt.Errorf("the server lists %q after %q, out of byte order", key, last)
				}
				if err != nil {
					yield(store.Info{}, s.failed("list", prefix, err))
					return
				}
				last = key
				if !yield(info, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			token := aws.ToString(page.NextContinuationToken)
			if token == "" || token == aws.ToString(in.ContinuationToken) {
				yield(store.Info{}, s.failed("list", prefix, errors.New("the server says that there is more, but not how to ask for it")))
				return
			}
			in.ContinuationToken = &token
		}
	}
}
