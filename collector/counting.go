package collector

import "context"

// Counting is an optional power of a Provider: it tells how much a list holds without reading it.
type Counting interface {
	// Count tells how much List would read of the resource. It fails as List does.
	Count(ctx context.Context, resource Resource, selection Selection) (Count, error)
}

// Count is how much a list holds.
type Count struct {
	Objects int64
	Bound   Bound
	Bytes   int64 // of JSON, estimated from the size of a few objects
}

// Bound says what a count is good for.
type Bound string

// A server counts a list, but not what a selector would leave of it.
const (
	Exactly Bound = "exactly"
	AtMost  Bound = "at most"  // a selector narrows the list to fewer
	AtLeast Bound = "at least" // the server does not say how many more there are
)
