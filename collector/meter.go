package collector

import "sync/atomic"

// Meter is the progress of one sync, which others may read while it runs.
type Meter struct {
	provider                  atomic.Pointer[Metered] // nil where it does not count
	phase                     atomic.Int32
	types, typesDone, objects atomic.Int64
}

const (
	phaseWaiting int32 = iota
	phaseDiscovering
	phaseListing
	phaseDone
)

// Progress is a Meter's reading.
type Progress struct {
	Phase            string // "waiting", "discovering", "listing", "done"
	Types, TypesDone int
	Objects          int64 // read so far
	Usage            Usage // of the provider, where it counts
}

// Read takes the reading.
func (m *Meter) Read() Progress {
	names := [...]string{phaseWaiting: "waiting", phaseDiscovering: "discovering", phaseListing: "listing", phaseDone: "done"}
	return Progress{
		Phase: names[m.phase.Load()], Types: int(m.types.Load()), TypesDone: int(m.typesDone.Load()), Objects: m.objects.Load(), Usage: m.usage(),
	}
}

func (m *Meter) usage() Usage {
	if provider := m.provider.Load(); provider != nil {
		return (*provider).Usage()
	}
	return Usage{}
}

// follow has the meter tell what the provider counts.
func (m *Meter) follow(provider Provider) {
	if metered, ok := provider.(Metered); ok {
		m.provider.Store(&metered)
	}
}
