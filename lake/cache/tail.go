package cache

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/k8sq/k8sq/lake/store"
)

// Tail gives the last n bytes of the object, or all of a shorter one: from the whole file if the cache has that, else from a small
// file of its own. Parquet keeps there what it is about. The errors are File's.
func (c *Cache) Tail(ctx context.Context, st store.Store, lakeID string, info store.Info, n int64) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("read the last %d bytes of %s", n, info.Key)
	}
	n = min(n, info.Size)
	if _, ok := st.(store.Pather); ok {
		body, found, err := st.GetRange(ctx, info.Key, info.Size-n, n)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		if found.ETag != info.ETag {
			return nil, errReplaced(st, info, found)
		}
		return readAll(body, n, info.Key)
	}
	whole, err := c.path(lakeID, info, "")
	if err != nil {
		return nil, err
	}
	if held, err := take(whole, info.Size); err != nil {
		return nil, err
	} else if held != nil {
		defer held.Close()
		c.count(func(s *Stats) { s.Hits++ })
		return readAll(io.NewSectionReader(held, info.Size-n, n), n, info.Key)
	}
	path, err := c.path(lakeID, info, "-"+strconv.FormatInt(n, 10))
	if err != nil {
		return nil, err
	}
	held, err := c.hold(ctx, path, n, false, func() (*heldFile, error) {
		body, found, err := st.GetRange(ctx, info.Key, info.Size-n, n)
		if err != nil {
			return nil, err
		}
		held, err := c.fetch(st, body, info, found, n, path)
		if err == nil {
			c.count(func(s *Stats) { s.Tails++; s.Bytes += n })
		}
		return held, err
	})
	if err != nil {
		return nil, err
	}
	defer c.release(held)
	return readAll(io.NewSectionReader(held, 0, n), n, info.Key)
}

func readAll(body io.Reader, n int64, key string) ([]byte, error) {
	content := make([]byte, n)
	if _, err := io.ReadFull(body, content); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read the last %d bytes of %s: %w", n, key, err)
	}
	return content, nil
}
