package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/k8sq/k8sq/lake/store"
)

// format is the newest format of a lake that this program understands.
const format = 1

// Why a lake cannot be opened.
var (
	// ErrNoLake: there is no lake.json.
	ErrNoLake = errors.New("no lake")
	// ErrNewerFormat: the lake was made by a newer k8sq.
	ErrNewerFormat = errors.New("the lake has a newer format")
	// ErrNotEmpty: there is no lake.json, but there are other files, among which a lake would be made.
	ErrNotEmpty = errors.New("it is not empty")
)

// Cache gives the lake's objects as local files. Package cache has one that keeps what it fetched.
type Cache interface {
	// File gives the path of a file that holds the object as info describes it, and keeps it until release is called. It fails with
	// store.ErrNotFound or store.ErrConflict if the object has been removed or replaced. For a store of local files it may be the
	// store's own file, which the next commit replaces.
	File(ctx context.Context, st store.Store, lakeID string, info store.Info) (path string, release func(), err error)
	// Copy is File, but what is at the path stays what it was, whatever is committed meanwhile.
	Copy(ctx context.Context, st store.Store, lakeID string, info store.Info) (path string, release func(), err error)
	// Tail gives the last n bytes of the object (all of a shorter one), with File's errors.
	Tail(ctx context.Context, st store.Store, lakeID string, info store.Info, n int64) ([]byte, error)
}

// Lake is an open lake. It may be used concurrently, and needs no closing.
type Lake struct {
	st    store.Store
	cache Cache
	id    string
}

// config is the content of lake.json.
type config struct {
	Format    int       `json:"format"`
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
}

// Open opens the lake in st. It fails with ErrNoLake or ErrNewerFormat, or with the store's errors.
func Open(ctx context.Context, st store.Store, cache Cache) (*Lake, error) {
	body, _, err := st.Get(ctx, configKey)
	switch {
	case errors.Is(err, store.ErrNoRoot):
		return nil, fmt.Errorf("%w at %s: %w", ErrNoLake, st, err)
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w at %s: run k8sq sync first", ErrNoLake, st)
	case err != nil:
		return nil, fmt.Errorf("open the lake at %s: %w", st, err)
	}
	content, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("open the lake at %s: read %s: %w", st, configKey, err)
	}
	var c config
	if err := json.Unmarshal(content, &c); err != nil {
		return nil, fmt.Errorf("open the lake at %s: %s is damaged: %w", st, configKey, err)
	}
	if c.Format > format {
		return nil, fmt.Errorf("open the lake at %s: %w, %d; this k8sq understands %d: use a newer one", st, ErrNewerFormat, c.Format, format)
	}
	if c.Format < 1 || c.ID == "" {
		return nil, fmt.Errorf("open the lake at %s: %s is damaged: it has no format or no id", st, configKey)
	}
	return &Lake{st: st, cache: cache, id: c.ID}, nil
}

// Create opens the lake in st, making it first if there is none. Of several that create it at once, one makes it and all open that. Among
// other files no lake is made: somebody named the wrong folder, or the lake has lost its lake.json.
func Create(ctx context.Context, st store.Store, cache Cache) (*Lake, error) {
	l, err := Open(ctx, st, cache)
	if !errors.Is(err, ErrNoLake) {
		return l, err
	}
	if other, err := foreign(ctx, st); err != nil {
		return nil, fmt.Errorf("create a lake at %s: %w", st, err)
	} else if other != "" {
		if l, err := Open(ctx, st, cache); !errors.Is(err, ErrNoLake) {
			return l, err // another has made it since
		}
		return nil, fmt.Errorf("create a lake at %s: %w and holds no lake, but %s: name an empty folder or prefix", st, ErrNotEmpty, other)
	}
	content, err := json.Marshal(config{Format: format, ID: uuid.NewString(), CreatedAt: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return nil, err
	}
	content = append(content, '\n')
	_, err = st.Put(ctx, configKey, bytes.NewReader(content), int64(len(content)), store.Condition{IfAbsent: true})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return nil, fmt.Errorf("create a lake at %s: %w", st, err)
	}
	return Open(ctx, st, cache)
}

// foreign gives the key of a file that is not k8sq's own, or "".
func foreign(ctx context.Context, st store.Store) (string, error) {
	for info, err := range st.List(ctx, "", "") {
		if errors.Is(err, store.ErrNoRoot) {
			return "", nil // the put will tell, or make it
		}
		if err != nil {
			return "", err
		}
		if !strings.HasPrefix(info.Key, internal) {
			return info.Key, nil
		}
	}
	return "", nil
}

// ID is the lake's own id, a UUID that never changes.
func (l *Lake) ID() string { return l.id }

// Store is where the lake lies.
func (l *Lake) Store() store.Store { return l.st }
