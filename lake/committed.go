package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/k8sq/k8sq/lake/parquet"
	"github.com/k8sq/k8sq/lake/store"
)

// Committed is the state of a partition as its last commit left it. Its snapshot stays readable, whatever others commit, until Close.
type Committed struct {
	Partition  Partition
	Generation int64     // of the last commit; 0: there was none
	SyncID     string    // of the last commit
	CapturedAt time.Time // of the last commit: the newest in the partition
	Complete   bool      // a complete list has been committed at least once
	Retired    string    // why none of its objects is looked at any more, as the last commit said; "" while they are
	ETag       string    // of snapshot.parquet; "": there is none

	history history
	file    *os.File      // nil: no snapshot
	parquet *parquet.File // of file
	release func()
}

// replacedWhileRead is how often the state of a partition is read again because a commit replaced it in between.
const replacedWhileRead = 5

// State reads the committed state of a partition. The caller closes it.
func (l *Lake) State(ctx context.Context, p Partition) (*Committed, error) {
	var err error
	for range replacedWhileRead {
		var info store.Info
		var found bool
		if info, found, err = l.stat(ctx, snapshotKey(p)); err != nil {
			break
		}
		if !found {
			return &Committed{Partition: p}, nil
		}
		var c *Committed
		if c, err = l.open(ctx, p, info); err == nil {
			return c, nil
		}
		if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) && !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return nil, fmt.Errorf("read the snapshot of %s: %w", p, err)
}

// StateOf is State for a snapshot that Snapshots has found: it saves a request. If a commit has replaced that snapshot since, the state is
// the new one's.
func (l *Lake) StateOf(ctx context.Context, p Partition, info store.Info) (*Committed, error) {
	if c, err := l.open(ctx, p, info); err == nil {
		return c, nil
	}
	return l.State(ctx, p)
}

// Snapshots finds the snapshots of a cluster, by type, in one listing.
func (l *Lake) Snapshots(ctx context.Context, cluster, provider string) (map[string]store.Info, error) {
	found := map[string]store.Info{}
	for info, err := range l.st.List(ctx, providerPath(TableSnapshots, cluster, provider), "") {
		if err != nil {
			return nil, fmt.Errorf("list the snapshots of cluster %s: %w", cluster, err)
		}
		if f, ok := ParseKey(info.Key); ok {
			found[f.Type] = info
		}
	}
	return found, nil
}

// Retired tells why no object of a partition whose snapshot Snapshots has found is looked at any more, "" where they are. It reads no more
// than the snapshot's last bytes.
func (l *Lake) Retired(ctx context.Context, info store.Info) (string, error) {
	last, err := l.lastCommit(ctx, info)
	if err != nil {
		return "", fmt.Errorf("read the last commit of %s: %w", info.Key, err)
	}
	return last.retired, nil
}

// stat finds one object.
func (l *Lake) stat(ctx context.Context, key string) (store.Info, bool, error) {
	for info, err := range l.st.List(ctx, key, "") {
		if err != nil {
			return store.Info{}, false, err
		}
		return info, info.Key == key, nil
	}
	return store.Info{}, false, nil
}

// open opens a snapshot. In a folder the file at the path may be a newer one than info tells of: then the state read is the newer one and
// its ETag the older one's, and a commit on top of it fails as it should. The other way round, which would let a commit overwrite what it
// has not read, cannot be, since info is always older than the open file.
func (l *Lake) open(ctx context.Context, p Partition, info store.Info) (*Committed, error) {
	path, release, err := l.cache.File(ctx, l.st, l.id, info)
	if err != nil {
		return nil, err
	}
	c := &Committed{Partition: p, ETag: info.ETag, release: release}
	if err := c.load(path); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Committed) load(path string) error {
	var err error
	if c.file, err = os.Open(path); err != nil {
		return err
	}
	stat, err := c.file.Stat()
	if err != nil {
		return err
	}
	if c.parquet, err = parquet.Open(c.file, stat.Size()); err != nil {
		return err
	}
	s, err := parseStamp(c.parquet.Metadata())
	if err != nil {
		return err
	}
	c.Generation, c.SyncID, c.CapturedAt, c.Complete, c.history = s.generation, s.syncID, s.capturedAt, s.complete, s.history
	c.Retired = s.retired
	return nil
}

func (c *Committed) stamp() stamp {
	return stamp{generation: c.Generation, syncID: c.SyncID, capturedAt: c.CapturedAt, complete: c.Complete, retired: c.Retired, history: c.history}
}

// Len is the number of objects in the snapshot, deleted ones included.
func (c *Committed) Len() int64 {
	if c.parquet == nil {
		return 0
	}
	return c.parquet.NumRows()
}

// Keys reads the keys of the snapshot's rows, in order of their resource ids. It reads none of the other columns.
func (c *Committed) Keys(ctx context.Context) (*Reader[Key], error) {
	return read(ctx, keys, c.parquet, "the snapshot of "+c.Partition.String())
}

// Rows reads the snapshot's rows, in order of their resource ids.
func (c *Committed) Rows(ctx context.Context) (*Reader[Snapshot], error) {
	return read(ctx, snapshots, c.parquet, "the snapshot of "+c.Partition.String())
}

// Close lets go of the snapshot; its readers must not be used any more.
func (c *Committed) Close() error {
	var err error
	if c.file != nil {
		err = c.file.Close()
		c.file, c.parquet = nil, nil
	}
	if c.release != nil {
		c.release()
		c.release = nil
	}
	return err
}

// String names the partition for messages.
func (p Partition) String() string {
	return fmt.Sprintf("%s in %s", p.Type, p.Cluster)
}

// Reader reads rows in order. Several may read the same file at the same time, but each serves one goroutine.
type Reader[R any] struct {
	ctx  context.Context
	rows *parquet.Reader[R] // nil: there are none
	what string
}

func read[R any](ctx context.Context, table *parquet.Table[R], file *parquet.File, what string) (*Reader[R], error) {
	r := &Reader[R]{ctx: ctx, what: what}
	if file == nil {
		return r, nil
	}
	var err error
	if r.rows, err = table.Read(file); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return r, nil
}

// Next gives the next row, or io.EOF after the last. The row itself and the JSON texts in it are valid until the next call; its strings,
// lists and maps stay.
func (r *Reader[R]) Next() (*R, error) {
	if r.rows == nil {
		return nil, io.EOF
	}
	row, err := r.rows.Next(r.ctx)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", r.what, err)
	}
	return row, err
}

// Close releases the reader's buffers.
func (r *Reader[R]) Close() error {
	if r.rows == nil {
		return nil
	}
	return r.rows.Close()
}
