package lake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// The key-value metadata of snapshot.parquet; data files have the generation and the sync id only.
const (
	metaFormat     = "k8sq.format"
	metaGeneration = "k8sq.generation"
	metaSyncID     = "k8sq.sync_id"
	metaCapturedAt = "k8sq.captured_at"
	metaComplete   = "k8sq.complete"
	metaRetired    = "k8sq.retired"
	metaFence      = "k8sq.fence"
	metaHistory    = "k8sq.history"
)

// microseconds is RFC 3339 with as many digits as the columns have.
const microseconds = "2006-01-02T15:04:05.000000Z07:00"

// stamp is what snapshot.parquet's metadata says of the partition's last commit. The zero stamp is that of a partition without any.
type stamp struct {
	generation int64
	syncID     string
	capturedAt time.Time
	complete   bool
	retired    string
	history    history
}

// metadata writes the stamp with a new random fence, so that no two puts of a snapshot ever have the same content, nor the same ETag.
func (s stamp) metadata(fence string) (map[string]string, error) {
	h, err := json.Marshal(s.history)
	if err != nil {
		return nil, err
	}
	m := map[string]string{
		metaFormat:     strconv.Itoa(format),
		metaGeneration: strconv.FormatInt(s.generation, 10),
		metaSyncID:     s.syncID,
		metaComplete:   strconv.FormatBool(s.complete),
		metaFence:      fence,
		metaHistory:    string(h),
	}
	if !s.capturedAt.IsZero() {
		m[metaCapturedAt] = s.capturedAt.UTC().Format(microseconds)
	}
	if s.retired != "" {
		m[metaRetired] = s.retired
	}
	return m, nil
}

func parseStamp(m map[string]string) (stamp, error) {
	version, err := strconv.Atoi(m[metaFormat])
	if err != nil {
		return stamp{}, fmt.Errorf("%s is %q: not written by k8sq", metaFormat, m[metaFormat])
	}
	if version > format {
		return stamp{}, fmt.Errorf("%w, %d; this k8sq understands %d: use a newer one", ErrNewerFormat, version, format)
	}
	s := stamp{syncID: m[metaSyncID], complete: m[metaComplete] == "true", retired: m[metaRetired]}
	if s.generation, err = strconv.ParseInt(m[metaGeneration], 10, 64); err != nil || s.generation < 0 {
		return stamp{}, fmt.Errorf("%s is %q", metaGeneration, m[metaGeneration])
	}
	if at := m[metaCapturedAt]; at != "" {
		if s.capturedAt, err = time.Parse(microseconds, at); err != nil {
			return stamp{}, fmt.Errorf("%s is %q", metaCapturedAt, at)
		}
		s.capturedAt = s.capturedAt.UTC()
	}
	if err := json.Unmarshal([]byte(m[metaHistory]), &s.history); err != nil {
		return stamp{}, fmt.Errorf("%s: %w", metaHistory, err)
	}
	return s, nil
}

// history says which generations put a file of versions and of changes, by the date of the folder it lies in. It makes the rule that
// readers go by exact: a file counts if the history of its partition's snapshot has it, and not because its generation is a committed one.
// The latter would let in what a writer leaves that fell asleep, lost the race, and died before it could clear away its file: same
// generation, but another date than the winner's, or a table the winner put nothing in.
//
// It holds the days in which such a writer may have slept, and is no index of the partition: of older days, the generation alone tells.
type history map[string]day

// historyDays is how many days before the last commit the history goes back.
const historyDays = 8

// counts says whether a file of versions or changes is part of what was committed.
func (s stamp) counts(f DataFile) bool {
	if !s.capturedAt.IsZero() && f.Date < horizon(s.capturedAt) {
		return f.Last <= s.generation
	}
	return s.history.has(f)
}

// horizon is the oldest date that the history of a commit holds.
func horizon(capturedAt time.Time) string { return dateOf(capturedAt.AddDate(0, 0, -historyDays)) }

type day struct {
	Versions ranges `json:"versions,omitempty"`
	Changes  ranges `json:"changes,omitempty"`
}

// ranges are ascending disjoint ranges of generations, both ends included.
type ranges [][2]int64

func (r ranges) has(generation int64) bool {
	return slices.ContainsFunc(r, func(span [2]int64) bool { return span[0] <= generation && generation <= span[1] })
}

// with gives the ranges with a generation newer than all of theirs.
func (r ranges) with(generation int64) ranges {
	r = slices.Clone(r)
	if last := len(r) - 1; last >= 0 && r[last][1] == generation-1 {
		r[last][1] = generation
		return r
	}
	return append(r, [2]int64{generation, generation})
}

// with gives the history with what a commit put, without the days that are over.
func (h history) with(capturedAt time.Time, generation int64, versions, changes bool) history {
	next := history{}
	for date, d := range h {
		if date >= horizon(capturedAt) {
			next[date] = d
		}
	}
	date := dateOf(capturedAt)
	d := next[date]
	if versions {
		d.Versions = d.Versions.with(generation)
	}
	if changes {
		d.Changes = d.Changes.with(generation)
	}
	if versions || changes {
		next[date] = d
	}
	return next
}

// has says whether a file of versions or changes is part of what was committed. A compacted file goes by its ends: it was made of committed
// ones.
func (h history) has(f DataFile) bool {
	d := h[f.Date]
	r := d.Versions
	if f.Table == TableChanges {
		r = d.Changes
	}
	return r.has(f.First) && r.has(f.Last)
}
