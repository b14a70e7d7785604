package collector

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector/document"
)

func TestSorter(t *testing.T) {
	normalizer := document.NewNormalizer(document.NewRedactor([]byte("0123456789abcdef")))
	of := document.Resource{APIGroup: "core", APIVersion: "v1", Kind: "ConfigMap", Namespaced: true}
	const n = 500
	s := &sorter{dir: t.TempDir(), limit: 4 << 10}
	defer s.close()
	for _, i := range rand.Perm(n) {
		raw := fmt.Sprintf(`{"metadata":{"name":"m%03d","namespace":"a","labels":{"i":"%d"},"managedFields":[{"manager":"me","time":"2026-11-24T10:00:00Z"}]},"data":{"i":"%d"}}`, i, i, i)
		object, err := normalizer.Normalize(of, []byte(raw))
		if err == nil {
			err = s.add(object)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) < 3 {
		t.Fatalf("only %d runs were written: the merge is not tested", len(s.runs))
	}
	var got []string
	err := s.each(t.Context(), func(object *document.Object) error {
		i := len(got)
		got = append(got, object.ResourceID)
		who := object.Attribution(&document.Difference{Paths: []string{"data.i"}}, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
		if want := fmt.Sprintf(`{"data":{"i":"%d"}}`, i); string(object.Fields) != want || object.Labels[0].Value != fmt.Sprint(i) ||
			!slices.Equal(who.Managers, []string{"me"}) || who.ModifiedAt.Hour() != 10 || object.Digest == "" {
			t.Errorf("%s came back as %+v", object.ResourceID, object)
		}
		return nil
	})
	if err != nil || len(got) != n || !slices.IsSorted(got) {
		t.Errorf("%d objects, sorted %v, %v", len(got), slices.IsSorted(got), err)
	}
}

func TestSorterRefusesTwoOfOneName(t *testing.T) {
	s := &sorter{dir: t.TempDir(), limit: 1}
	defer s.close()
	object := new(document.Object)
	object.ResourceID = "a/x"
	for range 2 {
		if err := s.add(object); err != nil {
			t.Fatal(err)
		}
	}
	err := s.each(t.Context(), func(*document.Object) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "a/x is listed twice") {
		t.Errorf("error %v", err)
	}
}
