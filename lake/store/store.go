// Package store is the lake's view of where its bytes lie: a flat set of keys with conditional puts.
// It knows bytes and conditions only; package lake gives them meaning. Backends are store/local and store/s3;
// store/storetest holds the suite that proves one, store/faultstore fails chosen operations of another.
package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// What callers branch on. A backend wraps them with the operation, the key and what the server said.
var (
	// ErrNotFound: no object has the key.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the condition of a put or a delete did not hold, and nothing was written or deleted.
	ErrConflict = errors.New("changed by another writer")
	// ErrForbidden: the credentials are refused, or may not do this.
	ErrForbidden = errors.New("access denied")
	// ErrNoRoot: the bucket or folder that should hold the lake does not exist.
	ErrNoRoot = errors.New("no such bucket or folder")
)

// NoRoot is an ErrNoRoot that says what is not there: "no such folder".
type NoRoot string

func (e NoRoot) Error() string { return string(e) }

// Is makes it an ErrNoRoot.
func (NoRoot) Is(target error) bool { return target == ErrNoRoot }

// Info says what lies at a key. ETag is opaque, never empty, and differs whenever other bytes were put. Whether it differs when the same
// bytes are put again depends on the backend: S3 derives it from the content, so that what must be told apart must differ in its bytes.
type Info struct {
	Key      string
	Size     int64 // bytes
	ETag     string
	Modified time.Time
}

// Condition is what must hold for a put to happen. The zero value asks for nothing.
type Condition struct {
	IfAbsent bool   // the key does not exist
	IfMatch  string // the key exists with this ETag
}

// Store keeps whole objects under slash-separated keys. Every method may be called concurrently, by many processes.
// A put is atomic: a reader, or a lister, meets the old object or the new one, whole. A put whose outcome was in doubt
// (a time-out after the server had written) is settled before Put returns: success means that this call's bytes are there
// or were there until another writer replaced them; ErrConflict means that they never were. After any other error they may be: whoever
// would go on, or take back what belongs to them, reads first.
type Store interface {
	// Get opens the object. The caller closes it. Info is of what is read, even if it is replaced meanwhile.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// GetRange reads n bytes from offset, or, where offset is negative, the last -offset bytes (fewer where the object is shorter).
	GetRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, Info, error)
	// Put writes size bytes of body, which may be read more than once, and gives the new object's Info.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, condition Condition) (Info, error)
	// List yields the objects whose key begins with prefix and is greater than after ("" for all), in byte order of their keys.
	// An error ends the sequence. A key put or deleted during the listing may be met or not.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
	// Delete removes the object if its ETag is ifMatch ("" for whatever is there). A missing key is no error.
	Delete(ctx context.Context, key, ifMatch string) error
	// String is the URL or folder, for messages. It holds no credentials.
	String() string
}

// Pather is a Store whose objects are files that others may open by path.
type Pather interface {
	// Path gives the file that holds key, whether or not it exists.
	Path(key string) string
}
