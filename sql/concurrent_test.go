package sql

import (
	"fmt"
	"sync"
	"testing"
)

// Many queries at once, over views that the engine has not made yet, do not get into each other's way.
func TestConcurrentQueries(t *testing.T) {
	l := shopLake(t)
	e := open(t, l, Options{})
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			for _, test := range []struct{ text, want string }{
				{"SELECT count(*) FROM pods WHERE cluster = 'prod'", "2"},
				{"SELECT count(*) FROM history('apps.v1.Deployment', 'shop/web')", "6"},
				{"SELECT count(*) FROM field_changes", "16"},
				{fmt.Sprintf("SELECT %d", i), fmt.Sprint(i)},
			} {
				rows, err := e.Query(t.Context(), test.text)
				if err != nil {
					t.Errorf("%s: %v", test.text, err)
					continue
				}
				if !rows.Next(t.Context()) || fmt.Sprint(rows.Values()[0]) != test.want {
					t.Errorf("%s: %v, %v", test.text, rows.Values(), rows.Err())
				}
				if err := rows.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if l.open != 0 {
		t.Errorf("%d fetches were not released", l.open)
	}
}
