// Package faultstore fails chosen operations of another store, so that a test can go through a protocol's every step:
//
//	for n := 0; ; n++ {
//		faults := faultstore.New(fresh(t), faultstore.Fault{N: n, Mode: faultstore.After, Crash: true})
//		err := run(faults)
//		if !faults.Fired() {
//			break // it has fewer than n+1 operations, and each has failed once
//		}
//		… check what is in the store now …
//	}
package faultstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/k8sq/k8sq/lake/store"
)

// ErrInjected is what a failed operation gives unless the Fault says otherwise.
var ErrInjected = errors.New("injected fault")

// Kind is a method of store.Store.
type Kind string

// The operations that are counted and can fail.
const (
	Get      Kind = "get"
	GetRange Kind = "get-range"
	Put      Kind = "put"
	List     Kind = "list"
	Delete   Kind = "delete"
)

// Op is one operation that was asked for.
type Op struct {
	Kind Kind
	Key  string // the prefix of a List
}

// Mode says what a failing operation does.
type Mode int

// The modes. An operation without a body meets the last two as After.
const (
	Before Mode = iota // nothing happens, and the error is given
	After              // it takes effect, and the error is given all the same; a List yields one object first
	Short              // a body ends halfway, as if that were its end
	Broken             // a body ends halfway with the error
)

// Fault says which operation fails, and how. The zero value fails the first operation before it takes effect.
type Fault struct {
	N     int              // how many matching operations succeed before it
	Match func(op Op) bool // which operations count; nil: all
	Mode  Mode
	Crash bool  // every later operation, matching or not, fails without effect, as if the process were gone
	Err   error // nil: ErrInjected
}

// Kinds matches operations by their kind.
func Kinds(kinds ...Kind) func(Op) bool {
	return func(op Op) bool {
		for _, kind := range kinds {
			if op.Kind == kind {
				return true
			}
		}
		return false
	}
}

// Store is the store that fails. It is no store.Pather, whatever it wraps: its users take the way of a remote store, on which the
// operations can fail. WithPaths gives one that is.
type Store struct {
	inner store.Store

	mu      sync.Mutex
	fault   *Fault // nil: none left
	matched int
	crashed error
	fired   bool
	ops     []Op
}

// New wraps a store. Without a fault it only counts; there can be one at a time.
func New(inner store.Store, fault ...Fault) *Store {
	s := &Store{inner: inner}
	if len(fault) > 0 {
		s.fault = &fault[0]
	}
	return s
}

// Set replaces the fault, mends a crash and begins to count anew.
func (s *Store) Set(fault ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.matched, s.crashed, s.fired, s.ops = nil, 0, nil, false, nil
	if len(fault) > 0 {
		s.fault = &fault[0]
	}
}

// Fired says whether the fault has happened.
func (s *Store) Fired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fired
}

// Count says how many operations of the given kinds, or of all, were asked for.
func (s *Store) Count(kinds ...Kind) int {
	n, match := 0, Kinds(kinds...)
	for _, op := range s.Ops() {
		if len(kinds) == 0 || match(op) {
			n++
		}
	}
	return n
}

// Ops are the operations that were asked for, in order.
func (s *Store) Ops() []Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Op(nil), s.ops...)
}

// begin counts an operation. It gives how the operation must fail, and with which error; nil where it must not.
func (s *Store) begin(kind Kind, key string) (Mode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := Op{kind, key}
	s.ops = append(s.ops, op)
	if s.crashed != nil {
		return Before, s.crashed
	}
	if s.fault == nil || s.fault.Match != nil && !s.fault.Match(op) {
		return Before, nil
	}
	s.matched++
	if s.matched <= s.fault.N {
		return Before, nil
	}
	fault := *s.fault
	s.fault, s.fired = nil, true
	if fault.Err == nil {
		fault.Err = ErrInjected
	}
	err := fmt.Errorf("%s %s: %w", kind, key, fault.Err)
	if fault.Crash {
		s.crashed = fmt.Errorf("after a crash: %w", fault.Err)
	}
	return fault.Mode, err
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	mode, fault := s.begin(Get, key)
	return read(fault, mode, func() (io.ReadCloser, store.Info, error) { return s.inner.Get(ctx, key) })
}

// GetRange implements store.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, store.Info, error) {
	mode, fault := s.begin(GetRange, key)
	return read(fault, mode, func() (io.ReadCloser, store.Info, error) { return s.inner.GetRange(ctx, key, offset, n) })
}

func read(fault error, mode Mode, open func() (io.ReadCloser, store.Info, error)) (io.ReadCloser, store.Info, error) {
	if fault != nil && mode == Before {
		return nil, store.Info{}, fault
	}
	body, info, err := open()
	if fault == nil || err != nil {
		return body, info, err
	}
	if mode == After {
		return nil, store.Info{}, errors.Join(fault, body.Close())
	}
	content, err := io.ReadAll(body)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, store.Info{}, err
	}
	half := &halfBody{rest: content[:len(content)/2], end: io.EOF}
	if mode == Broken {
		half.end = fault
	}
	return half, info, nil
}

type halfBody struct {
	rest []byte
	end  error
}

func (b *halfBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, b.end
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *halfBody) Close() error { return nil }

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, condition store.Condition) (store.Info, error) {
	mode, fault := s.begin(Put, key)
	if fault != nil && mode == Before {
		return store.Info{}, fault
	}
	info, err := s.inner.Put(ctx, key, body, size, condition)
	if fault != nil && err == nil {
		return store.Info{}, fault
	}
	return info, err
}

// List implements store.Store. It is one operation, however many pages the store behind it needs.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		mode, fault := s.begin(List, prefix)
		if fault != nil && mode == Before {
			yield(store.Info{}, fault)
			return
		}
		for info, err := range s.inner.List(ctx, prefix, after) {
			if !yield(info, err) || err != nil {
				return
			}
			if fault != nil {
				break
			}
		}
		if fault != nil {
			yield(store.Info{}, fault)
		}
	}
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	mode, fault := s.begin(Delete, key)
	if fault != nil && mode == Before {
		return fault
	}
	if err := s.inner.Delete(ctx, key, ifMatch); err != nil {
		return err
	}
	return fault
}

// String implements store.Store.
func (s *Store) String() string { return s.inner.String() }

// WithPaths gives the same store as a store.Pather, if the one it wraps is one: files that are opened by path are then neither
// counted nor failed.
func (s *Store) WithPaths() store.Store {
	if pather, ok := s.inner.(store.Pather); ok {
		return withPaths{s, pather}
	}
	return s
}

type withPaths struct {
	*Store
	store.Pather
}
