package lake

import (
	"testing"
	"time"
)

func TestHistoryHoldsTheLastDays(t *testing.T) {
	first := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var s stamp
	for generation := int64(1); generation <= 100; generation++ {
		s.generation, s.capturedAt = generation, first.AddDate(0, 0, int(generation-1))
		s.history = s.history.with(s.capturedAt, generation, true, generation%2 == 0)
	}
	if len(s.history) != historyDays+1 {
		t.Errorf("the history of 100 days holds %d", len(s.history))
	}
	day := func(n int) string { return dateOf(first.AddDate(0, 0, n-1)) }
	for _, c := range []struct {
		name string
		file DataFile
		want bool
	}{
		{"the last commit's", DataFile{Table: TableVersions, Date: day(100), First: 100, Last: 100}, true},
		{"its changes", DataFile{Table: TableChanges, Date: day(100), First: 100, Last: 100}, true},
		{"changes of a commit that put none", DataFile{Table: TableChanges, Date: day(99), First: 99, Last: 99}, false},
		{"the same generation at another date", DataFile{Table: TableVersions, Date: day(99), First: 100, Last: 100}, false},
		{"a generation that is not committed", DataFile{Table: TableVersions, Date: day(100), First: 101, Last: 101}, false},
		{"an old one", DataFile{Table: TableVersions, Date: day(3), First: 3, Last: 3}, true},
		{"an old date with a generation that is not committed", DataFile{Table: TableVersions, Date: day(3), First: 101, Last: 101}, false},
		{"an old compacted one", DataFile{Table: TableVersions, Date: day(3), First: 1, Last: 3, Compacted: true}, true},
	} {
		if got := s.counts(c.file); got != c.want {
			t.Errorf("%s counts: %v", c.name, got)
		}
	}
	if (stamp{}).counts(DataFile{Table: TableVersions, Date: day(1), First: 1, Last: 1}) {
		t.Error("a file of a partition without a commit counts")
	}
}
