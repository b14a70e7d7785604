package lake

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/k8sq/k8sq/lake/store"
)

// configKey is the file that makes a folder or bucket a lake; snapshotFile and clusterFile are the names of the files that commits replace.
const (
	configKey    = "lake.json"
	snapshotFile = "snapshot.parquet"
	clusterFile  = "cluster.parquet"
	internal     = "_k8sq/" // k8sq's own, no table
	leasePrefix  = internal + "leases/"
)

// Escape encodes a partition value for its folder's name: every byte but A-Z a-z 0-9 . _ ~ - becomes %XX, as Hive does and engines undo.
func Escape(value string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '~', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// Unescape undoes Escape. An error means that the value was not made by it.
func Unescape(escaped string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] != '%' {
			b.WriteByte(escaped[i])
			continue
		}
		if i+2 >= len(escaped) {
			return "", fmt.Errorf("unescape %q: %%XX is cut off", escaped)
		}
		c, err := strconv.ParseUint(escaped[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("unescape %q: %q is not hexadecimal", escaped, escaped[i+1:i+3])
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

// clusterPath is the folder of a table that holds a cluster's files, with a slash at its end.
func clusterPath(table, cluster string) string {
	return table + "/cluster=" + Escape(cluster) + "/"
}

func providerPath(table, cluster, provider string) string {
	return clusterPath(table, cluster) + "provider=" + Escape(provider) + "/"
}

// PartitionPath is the folder of a partition in a table (snapshots, versions or changes), with a slash at its end.
func PartitionPath(table string, p Partition) string {
	return providerPath(table, p.Cluster, p.Provider) + "type=" + Escape(p.Type) + "/"
}

func snapshotKey(p Partition) string { return PartitionPath(TableSnapshots, p) + snapshotFile }

func dataKey(table string, p Partition, date string, generation int64) string {
	return fmt.Sprintf("%sdate=%s/%012d.parquet", PartitionPath(table, p), date, generation)
}

// dateOf is the value of the date partition.
func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// DataFile is a Parquet file of a table, as its key describes it.
type DataFile struct {
	Table string
	Partition
	Date string // of versions, changes and syncs
	// First and Last are the generations a file of versions or changes covers: equal unless it is compacted, 0 in the other tables.
	First, Last int64
	Compacted   bool // named <first>-<last>
	store.Info
}

// ParseKey finds out what a key is: ok is false for whatever is not a Parquet file of a table.
func ParseKey(key string) (f DataFile, ok bool) {
	segments := strings.Split(key, "/")
	f.Table, f.Key = segments[0], key
	var names []string
	switch f.Table {
	case TableSnapshots:
		names = []string{"cluster", "provider", "type"}
	case TableVersions, TableChanges:
		names = []string{"cluster", "provider", "type", "date"}
	case TableSyncs:
		names = []string{"cluster", "provider", "date"}
	case TableClusters:
		names = []string{"cluster", "provider"}
	default:
		return DataFile{}, false
	}
	if len(segments) != len(names)+2 {
		return DataFile{}, false
	}
	for i, name := range names {
		escaped, found := strings.CutPrefix(segments[i+1], name+"=")
		value, err := Unescape(escaped)
		if !found || err != nil || value == "" {
			return DataFile{}, false
		}
		switch name {
		case "cluster":
			f.Cluster = value
		case "provider":
			f.Provider = value
		case "type":
			f.Type = value
		case "date":
			if _, err := time.Parse(time.DateOnly, value); err != nil {
				return DataFile{}, false
			}
			f.Date = value
		}
	}
	base, found := strings.CutSuffix(segments[len(segments)-1], ".parquet")
	if !found || base == "" || base[0] == '_' || base[0] == '.' {
		return DataFile{}, false
	}
	switch f.Table {
	case TableSnapshots:
		return f, base+".parquet" == snapshotFile
	case TableClusters:
		return f, base+".parquet" == clusterFile
	case TableSyncs:
		return f, true
	}
	first, last, compacted := strings.Cut(base, "-")
	if !compacted {
		last = first
	}
	var err1, err2 error
	f.First, err1 = strconv.ParseInt(first, 10, 64)
	f.Last, err2 = strconv.ParseInt(last, 10, 64)
	f.Compacted = compacted
	return f, err1 == nil && err2 == nil && f.First > 0 && f.First <= f.Last
}

// String is the file's key.
func (f DataFile) String() string { return f.Key }
