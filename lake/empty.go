package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/k8sq/k8sq/lake/store"
)

// Empty gives a lake that holds nothing and takes nothing, for looking at what a first sync would do.
func Empty() *Lake { return &Lake{st: nowhere{}} }

// nowhere is a store without objects.
type nowhere struct{}

var errNowhere = errors.New("there is no lake to write to")

func (nowhere) Get(_ context.Context, key string) (io.ReadCloser, store.Info, error) {
	return nil, store.Info{}, fmt.Errorf("%s: %w", key, store.ErrNotFound)
}

func (nowhere) GetRange(_ context.Context, key string, _, _ int64) (io.ReadCloser, store.Info, error) {
	return nil, store.Info{}, fmt.Errorf("%s: %w", key, store.ErrNotFound)
}

func (nowhere) Put(context.Context, string, io.ReadSeeker, int64, store.Condition) (store.Info, error) {
	return store.Info{}, errNowhere
}

func (nowhere) List(context.Context, string, string) iter.Seq2[store.Info, error] {
	return func(func(store.Info, error) bool) {}
}

func (nowhere) Delete(context.Context, string, string) error { return errNowhere }

func (nowhere) String() string { return "nowhere" }
