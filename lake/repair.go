package lake

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/k8sq/k8sq/lake/parquet"
	"github.com/k8sq/k8sq/lake/store"
)

// What a crash leaves, and how the next committer of the partition clears it away.
//
// A file of versions or changes that the history of the snapshot does not list is a leftover: of a commit that died before it put the
// snapshot, or of one that is still alive and about to put it. Its writer captured its list after the last commit that it had read, so its
// date is not before that one's: the folders from the date of the last commit on are listed.
//
// If the generation of a leftover is newer than the committed one, its writer may yet commit, and to delete the file first would lose what
// it commits. So it is fenced off: snapshot.parquet is put again with the same rows and the same generation but a new fence in its
// metadata, only if it is still the one that was read. From then on the ETag that the other has read is gone, and it cannot commit; if it
// was faster, the fence's put is refused, and we give up with a conflict. (Of a partition without a snapshot the fence is an empty one of
// generation 0, put only if there is none.) A leftover of an older generation needs no fence: the snapshot that its writer has read is gone
// already.
//
// Then the leftovers are deleted, each only if it is still the one that was listed, so that a file which a newer writer put under the same
// name stays. A crash in between leaves a fenced snapshot, equal to the old one for every reader, and fewer leftovers. The writer that was
// fenced off may still put a file: a leftover for the next committer.

// clear clears away what failed commits left, so that this one can put its files.
func (c *Commit) clear(ctx context.Context) error {
	leftovers, err := c.leftovers(ctx)
	if err != nil || len(leftovers) == 0 {
		return err
	}
	for _, f := range leftovers {
		if f.First > c.base.Generation {
			if err := c.fence(ctx); err != nil {
				return err
			}
			// What the other put between the listing and the fence is a leftover too.
			if leftovers, err = c.leftovers(ctx); err != nil {
				return err
			}
			break
		}
	}
	for _, f := range leftovers {
		err := c.lake.st.Delete(ctx, f.Key, f.ETag)
		if errors.Is(err, store.ErrConflict) {
			return c.conflict(ctx, err, f.Key)
		}
		if err != nil {
			return fmt.Errorf("commit %s: clear away what an earlier sync left: %w", c.partition, err)
		}
	}
	return nil
}

// leftovers lists the data files that are no part of what was committed, from the date of the last commit on.
func (c *Commit) leftovers(ctx context.Context) ([]DataFile, error) {
	var found []DataFile
	for _, table := range []string{TableVersions, TableChanges} {
		prefix, after := PartitionPath(table, c.partition), ""
		if !c.base.CapturedAt.IsZero() {
			after = prefix + "date=" + dateOf(c.base.CapturedAt) + "/"
		}
		for info, err := range c.lake.st.List(ctx, prefix, after) {
			if err != nil {
				return nil, fmt.Errorf("commit %s: look for what an earlier sync left: %w", c.partition, err)
			}
			if f, ok := ParseKey(info.Key); ok && !c.base.stamp().counts(f) {
				f.Info = info
				found = append(found, f)
			}
		}
	}
	return found, nil
}

// fence puts the snapshot again, unchanged but for its fence.
func (c *Commit) fence(ctx context.Context) error {
	file, err := temporary()
	if err != nil {
		return c.staging(err)
	}
	defer file.Close()
	if err := copySnapshot(ctx, c.base, file); err != nil {
		return c.staging(err)
	}
	info, err := c.lake.put(ctx, snapshotKey(c.partition), file, c.unchanged())
	if errors.Is(err, store.ErrConflict) {
		return c.conflict(ctx, err, snapshotKey(c.partition))
	}
	if err != nil {
		return fmt.Errorf("commit %s: fence off an earlier sync: %w", c.partition, err)
	}
	c.etag = info.ETag
	return nil
}

func copySnapshot(ctx context.Context, base *Committed, to io.Writer) error {
	meta, err := base.stamp().metadata(uuid.NewString())
	if err != nil {
		return err
	}
	writer, err := snapshots.NewWriter(to)
	if err != nil {
		return err
	}
	if err := copyRows(ctx, base.parquet, writer); err != nil {
		return err
	}
	return writer.Close(meta)
}

func copyRows(ctx context.Context, from *parquet.File, to *parquet.Writer[Snapshot]) error {
	if from == nil {
		return nil
	}
	reader, err := snapshots.Read(from)
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		row, err := reader.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := to.Write(row); err != nil {
			return err
		}
	}
}
