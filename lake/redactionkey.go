package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/k8sq/k8sq/lake/store"
)

// The lake knows under which redaction key a cluster's values were hashed, but not the key: _k8sq/redaction/<cluster>.json holds the key's id. It is
// put before the first object that is hashed under the key, so that after a crash the lake never holds values of a key that it does not know.

const redactionPrefix = internal + "redaction/"

// RedactionKey says which key a cluster's values are hashed under.
type RedactionKey struct {
	ID      string         `json:"key_id"` // the collector's name for it, from which the key cannot be found
	Since   time.Time      `json:"since"`
	Earlier []RedactionKey `json:"earlier,omitempty"` // the keys before, oldest first
}

// RedactionKey gives the key that a cluster's values are hashed under, if it was ever recorded.
func (l *Lake) RedactionKey(ctx context.Context, cluster string) (key RedactionKey, found bool, err error) {
	key, _, found, err = l.redactionKey(ctx, cluster)
	return key, found, err
}

func (l *Lake) redactionKey(ctx context.Context, cluster string) (key RedactionKey, etag string, found bool, err error) {
	body, info, err := l.st.Get(ctx, redactionPrefix+Escape(cluster)+".json")
	if errors.Is(err, store.ErrNotFound) {
		return RedactionKey{}, "", false, nil
	}
	if err != nil {
		return RedactionKey{}, "", false, fmt.Errorf("read the redaction key's id of cluster %s: %w", cluster, err)
	}
	content, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return RedactionKey{}, "", false, fmt.Errorf("read the redaction key's id of cluster %s: %w", cluster, err)
	}
	if err := json.Unmarshal(content, &key); err != nil || key.ID == "" {
		return RedactionKey{}, "", false, fmt.Errorf("read the redaction key's id of cluster %s: %s is damaged; without it the next sync records its own", cluster, info.Key)
	}
	return key, info.ETag, true, nil
}

// ErrOtherRedactionKey: a cluster's values are hashed under another key.
var ErrOtherRedactionKey = errors.New("hashed under another redaction key")

// RecordRedactionKey records that from now on a cluster's values are hashed under the key of that id. It fails with ErrOtherRedactionKey where
// the lake knows of another key, unless change says that this is meant.
func (l *Lake) RecordRedactionKey(ctx context.Context, cluster, id string, now time.Time, change bool) error {
	for range clusterRaces {
		known, etag, found, err := l.redactionKey(ctx, cluster)
		switch {
		case err != nil:
			return err
		case found && known.ID == id:
			return nil
		case found && !change:
			return fmt.Errorf("cluster %s: %w", cluster, ErrOtherRedactionKey)
		}
		next := RedactionKey{ID: id, Since: now.UTC().Truncate(time.Second)}
		condition := store.Condition{IfAbsent: true}
		if found {
			condition = store.Condition{IfMatch: etag}
			next.Earlier = append(slices.Clone(known.Earlier), RedactionKey{ID: known.ID, Since: known.Since})
		}
		content, err := json.Marshal(next)
		if err != nil {
			return err
		}
		content = append(content, '\n')
		_, err = l.st.Put(ctx, redactionPrefix+Escape(cluster)+".json", bytes.NewReader(content), int64(len(content)), condition)
		if !errors.Is(err, store.ErrConflict) {
			if err != nil {
				return fmt.Errorf("record the redaction key's id of cluster %s: %w", cluster, err)
			}
			return nil
		}
	}
	return fmt.Errorf("record the redaction key's id of cluster %s: %w", cluster, store.ErrConflict)
}
