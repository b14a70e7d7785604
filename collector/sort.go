package collector

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/k8sq/k8sq/collector/document"
)

// sortBytes is how many bytes of objects are sorted in memory before they are written to a temporary file as one sorted run.
const sortBytes = 32 << 20

// sorter sorts a list that does not arrive in order of its resource ids, in flat memory: sorted runs in temporary files, then a merge
// of them. The objects that it writes are normalised, hence redacted.
type sorter struct {
	dir   string // of the temporary files, "" is the system's
	limit int    // bytes of objects in memory
	held  []*document.Object
	bytes int
	runs  []*os.File
}

// add takes the list's next object and keeps a copy.
func (s *sorter) add(object *document.Object) error {
	s.held = append(s.held, object.Clone())
	s.bytes += len(object.Metadata) + len(object.Spec) + len(object.Status) + len(object.Fields)
	if s.bytes < s.limit {
		return nil
	}
	return s.spill()
}

func byID(a, b *document.Object) int { return cmp.Compare(a.ResourceID, b.ResourceID) }

func (s *sorter) spill() (err error) {
	slices.SortStableFunc(s.held, byID)
	file, err := os.CreateTemp(s.dir, "k8sq-sort-*")
	if err != nil {
		return err
	}
	s.runs = append(s.runs, file)
	if err := os.Remove(file.Name()); err != nil { // it lives as long as it is open
		return err
	}
	buffer := bufio.NewWriterSize(file, 1<<20)
	encoder := gob.NewEncoder(buffer)
	for _, object := range s.held {
		if err := encoder.Encode(object); err != nil {
			return fmt.Errorf("write a sorted run of the list: %w", err)
		}
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("write a sorted run of the list: %w", err)
	}
	s.held, s.bytes = s.held[:0], 0
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// each calls back every object in order of its resource id, and fails where two have the same.
func (s *sorter) each(ctx context.Context, call func(*document.Object) error) error {
	slices.SortStableFunc(s.held, byID)
	merge := runHeap{}
	held := s.held
	sources := []func() (*document.Object, error){func() (*document.Object, error) {
		if len(held) == 0 {
			return nil, io.EOF
		}
		object := held[0]
		held = held[1:]
		return object, nil
	}}
	for _, file := range s.runs {
		decoder := gob.NewDecoder(bufio.NewReaderSize(file, 256<<10))
		sources = append(sources, func() (*document.Object, error) {
			object := new(document.Object)
			return object, decoder.Decode(object)
		})
	}
	for _, next := range sources {
		object, err := next()
		switch {
		case err == nil:
			merge = append(merge, run{object, next})
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("read a sorted run of the list: %w", err)
		}
	}
	heap.Init(&merge)
	last := ""
	for len(merge) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		object := merge[0].object
		if object.ResourceID == last {
			return fmt.Errorf("%s is listed twice", last)
		}
		last = object.ResourceID
		if err := call(object); err != nil {
			return err
		}
		next, err := merge[0].next()
		switch {
		case err == nil:
			merge[0].object = next
			heap.Fix(&merge, 0)
		case errors.Is(err, io.EOF):
			heap.Pop(&merge)
		default:
			return fmt.Errorf("read a sorted run of the list: %w", err)
		}
	}
	return nil
}

func (s *sorter) close() {
	for _, file := range s.runs {
		_ = file.Close() // only read from now, and unlinked already
	}
}

// run is a sorted source and its current object.
type run struct {
	object *document.Object
	next   func() (*document.Object, error)
}

type runHeap []run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, k int) bool { return h[i].object.ResourceID < h[k].object.ResourceID }
func (h runHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(run)) }
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
