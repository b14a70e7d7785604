package lake

import (
	"errors"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/store/local"
)

func TestRedactionKey(t *testing.T) {
	st, err := local.Open(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	l := &Lake{st: st}
	ctx, at := t.Context(), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	if _, found, err := l.RedactionKey(ctx, "a/b"); found || err != nil {
		t.Fatal(found, err)
	}
	for _, step := range []struct {
		id     string
		change bool
		want   error
	}{{"one", false, nil}, {"one", false, nil}, {"two", false, ErrOtherRedactionKey}, {"two", true, nil}, {"three", true, nil}} {
		if err := l.RecordRedactionKey(ctx, "a/b", step.id, at, step.change); !errors.Is(err, step.want) {
			t.Errorf("%+v: %v", step, err)
		}
		at = at.Add(time.Hour)
	}
	key, found, err := l.RedactionKey(ctx, "a/b")
	if err != nil || !found || key.ID != "three" || len(key.Earlier) != 2 || key.Earlier[0].ID != "one" || !key.Earlier[1].Since.Before(key.Since) {
		t.Errorf("%+v, %v, %v", key, found, err)
	}
	if _, found, err := l.RedactionKey(ctx, "other"); found || err != nil {
		t.Error("one cluster's key is another's")
	}
}
