package lake_test

import (
	"testing"

	"github.com/k8sq/k8sq/lake"
)

func TestEscape(t *testing.T) {
	for value, want := range map[string]string{
		"prod":                 "prod",
		"aws-us_east.1~x":      "aws-us_east.1~x",
		"a/b=c%d e":            "a%2Fb%3Dc%25d%20e",
		"ü":                    "%C3%BC",
		"core.v1.Pod":          "core.v1.Pod",
		"*+:":                  "%2A%2B%3A",
		"\xff":                 "%FF",
		"":                     "",
		"a\nb":                 "a%0Ab",
		"2024-01-01T00:00:00Z": "2024-01-01T00%3A00%3A00Z",
	} {
		if got := lake.Escape(value); got != want {
			t.Errorf("Escape(%q) = %q, want %q", value, got, want)
		}
		if got, err := lake.Unescape(want); err != nil || got != value {
			t.Errorf("Unescape(%q) = %q, %v; want %q", want, got, err, value)
		}
	}
	for _, bad := range []string{"%", "a%2", "%zz", "%+1"} {
		if got, err := lake.Unescape(bad); err == nil {
			t.Errorf("Unescape(%q) = %q", bad, got)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a/b")
	f.Fuzz(func(t *testing.T, value string) {
		if got, err := lake.Unescape(lake.Escape(value)); err != nil || got != value {
			t.Errorf("%q becomes %q, %v", value, got, err)
		}
	})
}

func TestParseKey(t *testing.T) {
	p := lake.Partition{Cluster: "a/b", Provider: "aws", Type: "core.v1.Pod"}
	type file struct {
		lake.Partition
		table, date string
		first, last int64
		compacted   bool
	}
	for key, want := range map[string]file{
		"snapshots/cluster=a%2Fb/provider=aws/type=core.v1.Pod/snapshot.parquet":                                {Partition: p, table: "snapshots"},
		"versions/cluster=a%2Fb/provider=aws/type=core.v1.Pod/date=2026-11-24/000000000007.parquet":             {p, "versions", "2026-11-24", 7, 7, false},
		"changes/cluster=a%2Fb/provider=aws/type=core.v1.Pod/date=2026-11-24/000000000001-000000000040.parquet": {p, "changes", "2026-11-24", 1, 40, true},
		"versions/cluster=a%2Fb/provider=aws/type=core.v1.Pod/date=2026-11-24/1000000000000.parquet":            {p, "versions", "2026-11-24", 1e12, 1e12, false},
		"syncs/cluster=a%2Fb/provider=aws/date=2026-11-24/20261124T101500Z-ab12.parquet":                        {lake.Partition{Cluster: "a/b", Provider: "aws"}, "syncs", "2026-11-24", 0, 0, false},
		"clusters/cluster=a%2Fb/provider=aws/cluster.parquet":                                                   {Partition: lake.Partition{Cluster: "a/b", Provider: "aws"}, table: "clusters"},
	} {
		f, ok := lake.ParseKey(key)
		if got := (file{f.Partition, f.Table, f.Date, f.First, f.Last, f.Compacted}); !ok || got != want || f.Key != key {
			t.Errorf("ParseKey(%q) = %+v, %v", key, got, ok)
		}
	}
	if path := lake.PartitionPath(lake.TableChanges, p); path != "changes/cluster=a%2Fb/provider=aws/type=core.v1.Pod/" {
		t.Error(path)
	}
	for _, key := range []string{
		"", "lake.json", "_k8sq/leases/a.json", "reports/cluster=a/provider=b/x.parquet", "snapshots/snapshot.parquet",
		"snapshots/cluster=a/provider=b/type=c/other.parquet",
		"snapshots/cluster=a/provider=b/type=/snapshot.parquet",
		"snapshots/cluster=a/type=c/provider=b/snapshot.parquet",
		"snapshots/cluster=a/provider=b/type=c/deeper/snapshot.parquet",
		"versions/cluster=a/provider=b/type=c/date=yesterday/000000000001.parquet",
		"versions/cluster=a/provider=b/type=c/date=2026-11-24/one.parquet",
		"versions/cluster=a/provider=b/type=c/date=2026-11-24/000000000000.parquet",
		"versions/cluster=a/provider=b/type=c/date=2026-11-24/000000000002-000000000001.parquet",
		"versions/cluster=a/provider=b/type=c/date=2026-11-24/000000000001.parquet.tmp",
		"versions/cluster=a/provider=b/type=c/date=2026-11-24/_000000000001.parquet",
		"versions/cluster=a%2/provider=b/type=c/date=2026-11-24/000000000001.parquet",
	} {
		if f, ok := lake.ParseKey(key); ok {
			t.Errorf("ParseKey(%q) = %+v", key, f)
		}
	}
}
