package lake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/k8sq/k8sq/lake/parquet"
	"github.com/k8sq/k8sq/lake/store"
)

// How a commit goes. It turns generation n of a partition, which the committer has read, into n+1:
//
//  1. Clear away what a crash left of n+1 (repair.go).
//  2. Put versions/…/<n+1>.parquet, then changes/…/<n+1>.parquet, each only if it is absent; a table without new rows gets no file.
//  3. Put snapshots/…/snapshot.parquet only if it is still the one that was read (or still absent). This is the commit: its
//     metadata says generation n+1, and its history lists the files of step 2.
//
// Readers count a file of versions or changes only if the stamp in the snapshot's metadata has it (stamp.go), so until step 3 nothing of
// n+1 is seen, and from then on all of it. A crash before step 3 leaves files that nobody counts and the next committer of the partition
// clears away. Of two that commit on top of the same n, one finds its put of step 2 or 3 refused: it deletes what it has put itself, by the
// ETags its puts returned, so that it cannot hit the winner's files. If the put of the snapshot fails in any other way it may have happened
// after all. Nothing is deleted then: the files are either committed, or leftovers for the next committer.

// Meta describes a commit.
type Meta struct {
	SyncID     string
	CapturedAt time.Time // when the list was read; later than the partition's last
	Complete   bool      // the list was complete
	// Retired tells that no object of the partition is looked at any more, and why; "" of one that is looked at. The next commit says anew.
	Retired string
}

// ConflictError tells of a commit or a repair that another writer got ahead of. It wraps store.ErrConflict. Nothing of the partition has
// changed by it; what the other wrote stands.
type ConflictError struct {
	Partition   Partition
	OtherSyncID string // "": unknown
	Err         error
}

func (e *ConflictError) Error() string {
	other := "another sync"
	if e.OtherSyncID != "" {
		other = "sync " + e.OtherSyncID
	}
	return fmt.Sprintf("commit %s: %s wrote it meanwhile: sync again", e.Partition, other)
}

// Unwrap gives the store's error.
func (e *ConflictError) Unwrap() error { return e.Err }

// Commit gathers the rows of a partition's next generation in files outside the lake and commits them. It is not safe for concurrent use.
type Commit struct {
	lake       *Lake
	base       *Committed
	partition  Partition
	etag       string // of the snapshot that the commit replaces: base's, or the fence's
	generation int64
	snapshots  *stage[Snapshot]
	versions   *stage[Version]
	changes    *stage[Change]
	put        []store.Info // the data files put so far
}

// Begin begins a commit on top of c, which must stay open until the commit is closed.
func (l *Lake) Begin(c *Committed, p Partition) (*Commit, error) {
	if c.Partition != p {
		return nil, fmt.Errorf("commit %s on top of the state of %s", p, c.Partition)
	}
	return &Commit{lake: l, base: c, partition: p, etag: c.ETag, generation: c.Generation + 1}, nil
}

// stage is a Parquet file in the making.
type stage[R any] struct {
	table  *parquet.Table[R]
	file   *os.File
	writer *parquet.Writer[R]
	last   string // resource id
}

// add takes the next row; once says that no two rows may have the same resource id.
func (s *stage[R]) add(id string, once bool, row *R) error {
	if id < s.last || once && id == s.last {
		return fmt.Errorf("%q after %q: rows must come in order of their resource ids", id, s.last)
	}
	s.last = id
	return s.writer.Write(row)
}

func (s *stage[R]) rows() int64 {
	if s == nil {
		return 0
	}
	return s.writer.Rows()
}

func (s *stage[R]) close() {
	if s != nil {
		s.file.Close()
	}
}

// temporary makes a file outside the lake that has no name, so that it goes with its last user, however that ends.
func temporary() (*os.File, error) {
	f, err := os.CreateTemp("", "k8sq-commit-*.parquet")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// staged gives the stage of a table, beginning it at the first row.
func staged[R any](c *Commit, s **stage[R], table *parquet.Table[R]) (*stage[R], error) {
	if *s != nil {
		return *s, nil
	}
	f, err := temporary()
	if err != nil {
		return nil, fmt.Errorf("stage the commit of %s: %w", c.partition, err)
	}
	writer, err := table.NewWriter(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("stage the commit of %s: %w", c.partition, err)
	}
	*s = &stage[R]{table: table, file: f, writer: writer}
	return *s, nil
}

// AddSnapshot adds a row of the new snapshot: every object's, changed or not, in order of the resource ids. A Generation of 0 stands for
// this commit's.
func (c *Commit) AddSnapshot(row *Snapshot) error {
	s, err := staged(c, &c.snapshots, snapshots)
	if err != nil {
		return err
	}
	if row.Generation == 0 {
		own := *row
		own.Generation = c.generation
		row = &own
	}
	return c.staging(s.add(row.ResourceID, true, row))
}

// AddVersion adds a row of versions, in order of the resource ids and, of one id, of the versions. Its Generation is set to this commit's.
func (c *Commit) AddVersion(row *Version) error {
	s, err := staged(c, &c.versions, versions)
	if err != nil {
		return err
	}
	row.Generation = c.generation
	return c.staging(s.add(row.ResourceID, false, row))
}

// AddChange adds a row of changes, in order of the resource ids and, of one id, of the versions. Its Generation is set to this commit's.
func (c *Commit) AddChange(row *Change) error {
	s, err := staged(c, &c.changes, changes)
	if err != nil {
		return err
	}
	row.Generation = c.generation
	return c.staging(s.add(row.ResourceID, false, row))
}

func (c *Commit) staging(err error) error {
	if err != nil {
		return fmt.Errorf("stage the commit of %s: %w", c.partition, err)
	}
	return nil
}

// Commit makes the gathered rows the partition's next generation, and gives its number. It fails with a *ConflictError if another writer
// was faster. After any error the partition holds its old state or the new one, whole, and the caller calls Close.
func (c *Commit) Commit(ctx context.Context, meta Meta) (generation int64, err error) {
	captured := meta.CapturedAt.UTC().Truncate(time.Microsecond)
	if !captured.After(c.base.CapturedAt) {
		return 0, fmt.Errorf("commit %s: captured at %s, but the last commit was at %s", c.partition,
			captured.Format(microseconds), c.base.CapturedAt.Format(microseconds))
	}
	if meta.SyncID == "" {
		return 0, fmt.Errorf("commit %s: no sync id", c.partition)
	}
	if _, err := staged(c, &c.snapshots, snapshots); err != nil {
		return 0, err
	}
	date := dateOf(captured)
	next := stamp{
		generation: c.generation, syncID: meta.SyncID, capturedAt: captured, complete: c.base.Complete || meta.Complete,
		retired: meta.Retired,
		history: c.base.history.with(captured, c.generation, c.versions.rows() > 0, c.changes.rows() > 0),
	}
	if err := c.finish(next); err != nil {
		return 0, err
	}
	if err := c.clear(ctx); err != nil {
		return 0, err
	}
	if c.versions.rows() > 0 {
		if err := c.putData(ctx, dataKey(TableVersions, c.partition, date, c.generation), c.versions.file); err != nil {
			return 0, err
		}
	}
	if c.changes.rows() > 0 {
		if err := c.putData(ctx, dataKey(TableChanges, c.partition, date, c.generation), c.changes.file); err != nil {
			return 0, err
		}
	}
	_, err = c.lake.put(ctx, snapshotKey(c.partition), c.snapshots.file, c.unchanged())
	if errors.Is(err, store.ErrConflict) {
		c.undo(ctx)
		return 0, c.conflict(ctx, err, snapshotKey(c.partition))
	}
	if err != nil {
		return 0, fmt.Errorf("commit %s: %w", c.partition, err)
	}
	return c.generation, nil
}

// finish writes the footers of the staged files.
func (c *Commit) finish(next stamp) error {
	meta, err := next.metadata(uuid.NewString())
	if err != nil {
		return c.staging(err)
	}
	err = c.snapshots.writer.Close(meta)
	own := map[string]string{metaGeneration: strconv.FormatInt(next.generation, 10), metaSyncID: next.syncID}
	if c.versions != nil {
		err = errors.Join(err, c.versions.writer.Close(own))
	}
	if c.changes != nil {
		err = errors.Join(err, c.changes.writer.Close(own))
	}
	return c.staging(err)
}

// unchanged is the condition that the snapshot is the one this commit builds on.
func (c *Commit) unchanged() store.Condition {
	if c.etag == "" {
		return store.Condition{IfAbsent: true}
	}
	return store.Condition{IfMatch: c.etag}
}

func (c *Commit) putData(ctx context.Context, key string, file *os.File) error {
	info, err := c.lake.put(ctx, key, file, store.Condition{IfAbsent: true})
	if err == nil {
		c.put = append(c.put, info)
		return nil
	}
	// The snapshot has not been put, so nobody counts what was put so far.
	c.undo(ctx)
	if errors.Is(err, store.ErrConflict) {
		return c.conflict(ctx, err, key)
	}
	return fmt.Errorf("commit %s: %w", c.partition, err)
}

func (l *Lake) put(ctx context.Context, key string, file *os.File, condition store.Condition) (store.Info, error) {
	stat, err := file.Stat()
	if err != nil {
		return store.Info{}, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return store.Info{}, err
	}
	return l.st.Put(ctx, key, file, stat.Size(), condition)
}

// undoTime is how long a commit that failed goes on to delete its files when its context has ended.
const undoTime = 10 * time.Second

// undo deletes the data files that this commit has put, as far as it can: what stays is cleared away by the next.
func (c *Commit) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	for _, info := range c.put {
		_ = c.lake.st.Delete(ctx, info.Key, info.ETag)
	}
	c.put = nil
}

// conflict finds out who was faster, by the file that stands in the way.
func (c *Commit) conflict(ctx context.Context, err error, key string) error {
	return &ConflictError{Partition: c.partition, OtherSyncID: c.lake.writerOf(ctx, key), Err: err}
}

// writerOf gives the sync id in a file's metadata, or "" where it cannot be read.
func (l *Lake) writerOf(ctx context.Context, key string) string {
	info, found, err := l.stat(ctx, key)
	if err != nil || !found {
		return ""
	}
	meta, err := l.footer(ctx, info)
	if err != nil {
		return ""
	}
	return meta[metaSyncID]
}

// footerGuess is how many of a file's last bytes are read in the hope that they hold its footer.
const footerGuess = 64 << 10

// footer reads a file's key-value metadata.
func (l *Lake) footer(ctx context.Context, info store.Info) (map[string]string, error) {
	for n := int64(footerGuess); ; {
		tail, err := l.cache.Tail(ctx, l.st, l.id, info, n)
		if err != nil {
			return nil, err
		}
		meta, need, err := parquet.Footer(tail)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Key, err)
		}
		if meta != nil {
			return meta, nil
		}
		if need > info.Size || need <= n {
			return nil, fmt.Errorf("%s: damaged Parquet file: its footer is longer than itself", info.Key)
		}
		n = need
	}
}

// Seal ends the staging without committing anything: Versions and Changes then give what would have been committed, and the commit can only
// be closed.
func (c *Commit) Seal() error {
	if _, err := staged(c, &c.snapshots, snapshots); err != nil {
		return err
	}
	return c.finish(stamp{})
}

// Restage ends the staging and gives back what was staged, in order, to be staged anew in another commit; this one can then only be
// closed. A row is valid until the next one.
func (c *Commit) Restage(ctx context.Context) (iter.Seq2[*Snapshot, error], iter.Seq2[*Version, error], iter.Seq2[*Change, error], error) {
	if err := c.Seal(); err != nil {
		return nil, nil, nil, err
	}
	return again(ctx, c.snapshots, c.partition), again(ctx, c.versions, c.partition), again(ctx, c.changes, c.partition), nil
}

// Versions iterates over the versions that were committed, or are sealed, in order. A row is valid until the next one.
func (c *Commit) Versions(ctx context.Context) iter.Seq2[*Version, error] {
	return again(ctx, c.versions, c.partition)
}

// Changes iterates over the changes that were committed, or are sealed, in order. A row is valid until the next one.
func (c *Commit) Changes(ctx context.Context) iter.Seq2[*Change, error] {
	return again(ctx, c.changes, c.partition)
}

// again reads a staged file whose footer has been written.
func again[R any](ctx context.Context, s *stage[R], p Partition) iter.Seq2[*R, error] {
	if s.rows() == 0 {
		return func(func(*R, error) bool) {}
	}
	return rowsOf(ctx, s.table, s.file, "what was staged of "+p.String())
}

// Close removes the staged files. After Commit they are there for Versions and Changes until then.
func (c *Commit) Close() error {
	c.snapshots.close()
	c.versions.close()
	c.changes.close()
	c.snapshots, c.versions, c.changes = nil, nil, nil
	return nil
}
