package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/k8sq/k8sq/lake/parquet"
	"github.com/k8sq/k8sq/lake/store"
)

// WriteSync records a sync of a cluster: one file of the syncs table with a row a type, all of one sync id. Without rows nothing is
// written. It fails with store.ErrConflict if the sync has been recorded already.
func (l *Lake) WriteSync(ctx context.Context, cluster, provider string, rows []SyncRow) error {
	if len(rows) == 0 {
		return nil
	}
	var started time.Time
	for _, row := range rows {
		if row.SyncID != rows[0].SyncID || row.SyncID == "" {
			return fmt.Errorf("record a sync of %s: rows of the syncs %q and %q", cluster, rows[0].SyncID, row.SyncID)
		}
		if started.IsZero() || (!row.StartedAt.IsZero() && row.StartedAt.Before(started)) {
			started = row.StartedAt
		}
	}
	key := fmt.Sprintf("%sdate=%s/%s.parquet", providerPath(TableSyncs, cluster, provider), dateOf(started), Escape(rows[0].SyncID))
	content, err := encode(syncs, rows)
	if err != nil {
		return fmt.Errorf("record sync %s of %s: %w", rows[0].SyncID, cluster, err)
	}
	if _, err := l.st.Put(ctx, key, bytes.NewReader(content), int64(len(content)), store.Condition{IfAbsent: true}); err != nil {
		return fmt.Errorf("record sync %s of %s: %w", rows[0].SyncID, cluster, err)
	}
	return nil
}

func encode[R any](table *parquet.Table[R], rows []R) ([]byte, error) {
	var b bytes.Buffer
	writer, err := table.NewWriter(&b)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if err := writer.Write(&rows[i]); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(nil); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decode reads all rows of a small file.
func decode[R any](ctx context.Context, table *parquet.Table[R], content []byte) ([]R, error) {
	file, err := parquet.Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	reader, err := table.Read(file)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var rows []R
	for {
		row, err := reader.Next(ctx)
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, *row)
	}
}

// Cluster finds the row of a cluster, whatever its provider, and the ETag to give to PutCluster.
func (l *Lake) Cluster(ctx context.Context, id string) (c Cluster, etag string, found bool, err error) {
	for info, err := range l.st.List(ctx, clusterPath(TableClusters, id), "") {
		if err != nil {
			return Cluster{}, "", false, fmt.Errorf("look for cluster %s: %w", id, err)
		}
		if f, ok := ParseKey(info.Key); ok {
			return l.cluster(ctx, f)
		}
	}
	return Cluster{}, "", false, nil
}

func (l *Lake) cluster(ctx context.Context, f DataFile) (c Cluster, etag string, found bool, err error) {
	body, info, err := l.st.Get(ctx, f.Key)
	if errors.Is(err, store.ErrNotFound) {
		return Cluster{}, "", false, nil
	}
	if err != nil {
		return Cluster{}, "", false, fmt.Errorf("read cluster %s: %w", f.Cluster, err)
	}
	content, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return Cluster{}, "", false, fmt.Errorf("read cluster %s: %w", f.Cluster, err)
	}
	rows, err := decode(ctx, clusters, content)
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("%d rows in %s", len(rows), f.Key)
	}
	if err != nil {
		return Cluster{}, "", false, fmt.Errorf("read cluster %s: %w", f.Cluster, err)
	}
	c = rows[0]
	c.ID, c.Provider = f.Cluster, f.Provider
	return c, info.ETag, true, nil
}

// ClusterOf finds another cluster than id that has the identity, and gives its id; "" where there is none.
func (l *Lake) ClusterOf(ctx context.Context, identity, id string) (string, error) {
	files, err := l.Files(ctx, TableClusters)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if f.Cluster == id {
			continue
		}
		c, _, found, err := l.cluster(ctx, f)
		if err != nil {
			return "", err
		}
		if found && c.Identity == identity {
			return c.ID, nil
		}
	}
	return "", nil
}

// clusterRaces is how often PutCluster starts anew because another sync of the cluster was faster.
const clusterRaces = 10

// PutCluster records a cluster's row on top of the one that Cluster gave with etag ("" where there was none). If another sync has written
// it since, the later sync's row is kept and the listed types are those of both.
func (l *Lake) PutCluster(ctx context.Context, c Cluster, etag string) error {
	key := providerPath(TableClusters, c.ID, c.Provider) + clusterFile
	var err error
	for range clusterRaces {
		var content []byte
		if content, err = encode(clusters, []Cluster{c}); err != nil {
			break
		}
		condition := store.Condition{IfMatch: etag}
		if etag == "" {
			condition = store.Condition{IfAbsent: true}
		}
		_, err = l.st.Put(ctx, key, bytes.NewReader(content), int64(len(content)), condition)
		if !errors.Is(err, store.ErrConflict) {
			break
		}
		other, now, found, readErr := l.cluster(ctx, DataFile{Partition: Partition{Cluster: c.ID, Provider: c.Provider}, Info: store.Info{Key: key}})
		if readErr != nil {
			return readErr
		}
		etag = now
		if found {
			c = merge(c, other)
		}
	}
	if err != nil {
		return fmt.Errorf("record cluster %s: %w", c.ID, err)
	}
	return nil
}

// merge makes one row of a writer's and the one that stands, which it keeps unless the writer's is of a later sync.
func merge(own, stands Cluster) Cluster {
	a, b := stands, own
	if own.LastSyncAt.After(stands.LastSyncAt) {
		a, b = own, stands
	}
	for _, scope := range b.ListedScopes {
		_, listed := slices.BinarySearch(a.ListedTypes, scope.Key)
		if !listed {
			a.ListedScopes = append(slices.Clone(a.ListedScopes), scope)
		}
	}
	slices.SortFunc(a.ListedScopes, func(x, y Pair) int { return strings.Compare(x.Key, y.Key) })
	if a.Identity == "" {
		a.Identity = b.Identity
	}
	types := append(slices.Clone(a.ListedTypes), b.ListedTypes...)
	slices.Sort(types)
	a.ListedTypes = slices.Compact(types)
	return a
}
