package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What Query and Rows.Err wrap, so that callers can tell whose fault it was. Their messages are DuckDB's own, or say what to do.
var (
	// ErrQuery: the statement is wrong, or failed on the data it met: syntax, unknown table or column, a cast that does not hold.
	ErrQuery = errors.New("query failed")
	// ErrRefused: the statement does, or reads, what is not allowed without Options.Unsafe.
	ErrRefused = errors.New("refused")
	// ErrTimeout: the context's deadline passed.
	ErrTimeout = errors.New("timed out")
	// ErrMemory: the statement needs more than the memory, or the disk to spill to, that it may use.
	ErrMemory = errors.New("out of memory")
	// ErrInterrupted: the context was cancelled.
	ErrInterrupted = errors.New("interrupted")
)

// failure is an error that prints as message and wraps one of the errors above, and perhaps its cause.
type failure struct {
	message string
	wraps   []error
}

func (f *failure) Error() string   { return f.message }
func (f *failure) Unwrap() []error { return f.wraps }

// refuse makes an ErrRefused.
func refuse(format string, arguments ...any) error {
	return &failure{message: fmt.Sprintf(format, arguments...), wraps: []error{ErrRefused}}
}

// fault is an error as DuckDB reports it: a class ("Binder Error"), and the message that begins with it.
type fault struct{ class, message string }

func newFault(message string) *fault {
	class, _, found := strings.Cut(message, ": ")
	if !found || strings.ContainsAny(class, "\n\"'") {
		class = ""
	}
	return &fault{class: class, message: strings.TrimRight(message, "\n ")}
}

func (f *fault) Error() string { return f.message }

// explain turns what happened while a statement of the user was prepared or run into one of the errors above. Errors that are not
// DuckDB's come back as they are.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var known *failure
	if errors.As(err, &known) {
		return err
	}
	var duck *fault
	isFault := errors.As(err, &duck)
	if cause := ctx.Err(); cause != nil && (!isFault || duck.class == "INTERRUPT Error" || errors.Is(err, cause)) {
		if errors.Is(cause, context.DeadlineExceeded) {
			return &failure{message: "the query took longer than it may and was stopped", wraps: []error{ErrTimeout, cause}}
		}
		return &failure{message: "the query was interrupted", wraps: []error{ErrInterrupted, cause}}
	}
	if errors.Is(err, errStatements) {
		return refuse("one statement at a time: the text holds more than one")
	}
	if !isFault {
		return err
	}
	switch {
	case duck.class == "Out of Memory Error":
		return &failure{message: memoryMessage(duck.message), wraps: []error{ErrMemory, err}}
	case duck.class == "Permission Error":
		return &failure{message: duck.message + "\nA query sees the lake and nothing else: no other file, network or extension.", wraps: []error{ErrRefused, err}}
	case strings.Contains(duck.message, "configuration has been locked"):
		return &failure{message: duck.message + "\nSettings belong to k8sq; a query cannot change them.", wraps: []error{ErrRefused, err}}
	case duck.class == "INTERNAL Error" || duck.class == "FATAL Error":
		message, _, _ := strings.Cut(duck.message, "\nStack Trace")
		return &failure{message: message, wraps: []error{ErrQuery, err}}
	}
	return &failure{message: duck.message, wraps: []error{ErrQuery, err}}
}

// memoryMessage drops DuckDB's advice about settings that cannot be changed from inside a query.
func memoryMessage(message string) string {
	message, _, _ = strings.Cut(message, "\n\nPossible solutions")
	return message + "\nSelect fewer rows or columns, or allow the query more memory."
}
