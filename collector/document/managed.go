package document

import (
	"slices"
	"time"
)

// ManagedEntry is what metadata.managedFields says of one manager: who, and when last. The fields themselves are not kept.
type ManagedEntry struct {
	Manager string
	At      time.Time // zero where the entry has none
}

// Attribution tells who changed the object since a moment, and when last: the managers of the managedFields entries that are not
// older, sorted and each once, and their newest time. managedFields is not stored, so the moment is when the previous version was
// captured. Its times are whole seconds, and so is the comparison; an entry of that very second counts. With none, it gives nothing:
// a removal leaves no entry, and a guess would name the wrong one. A zero moment gives all. The slice is valid until the
// Normalizer's next call, or the next call of this.
func (o *Object) Attribution(since time.Time) (managers []string, modifiedAt time.Time) {
	o.selected, modifiedAt = attribute(o.selected[:0], o.Managed, since)
	return o.selected, modifiedAt
}

// attribute appends the managers of the entries since a moment, and gives their newest time.
func attribute(into []string, entries []ManagedEntry, since time.Time) ([]string, time.Time) {
	if !since.IsZero() {
		since = since.Truncate(time.Second)
	}
	var newest time.Time
	for _, entry := range entries {
		if entry.At.Before(since) {
			continue
		}
		if entry.At.After(newest) {
			newest = entry.At
		}
		if entry.Manager != "" && !slices.Contains(into, entry.Manager) {
			into = append(into, entry.Manager)
		}
	}
	slices.Sort(into)
	return into, newest
}
