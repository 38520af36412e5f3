package proxy

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// memory watches what the process has of it. Near the limit that GOMEMLIMIT sets it has clients come with less: what ends the process is
// worse for all of them. And after an attack it gives back what that took, which Go alone would do minutes later, if at all.
type memory struct {
	zap   *zap.Logger
	limit uint64 // 0 for none
	level atomic.Int32
	parts []metrics.Sample

	cycles uint64    // collections of garbage so far
	tidied time.Time // the last one
}

// Levels of memory in use.
const (
	roomy = iota
	tight // from here on no connection is kept for another request
	full  // and none begins
)

const (
	memoryLook = 100 * time.Millisecond
	tightAt    = 85 // percent of the limit
	fullAt     = 95
	tidyEach   = 15 * time.Second
)

// The figures of the Go runtime that this takes.
var memoryParts = []string{
	"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/heap/free:bytes", "/memory/classes/heap/unused:bytes",
	"/memory/classes/heap/objects:bytes", "/gc/heap/live:bytes", "/gc/cycles/total:gc-cycles",
}

func newMemory(log *zap.Logger) *memory {
	m := &memory{zap: log}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		m.limit = uint64(limit)
	}
	for _, name := range memoryParts {
		m.parts = append(m.parts, metrics.Sample{Name: name})
	}
	return m
}

// tight says that connections are not to be kept, full that none is to begin.
func (m *memory) tight() bool { return m.level.Load() >= tight }
func (m *memory) full() bool  { return m.level.Load() >= full }

// run looks again and again until ctx ends.
func (m *memory) run(ctx context.Context) {
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			used, cycles := m.read()
			m.judge(used)
			m.tidy(cycles, now)
		}
	}
}

// read tells what is in use, as the last collection of garbage found it, and how many there were. Garbage does not count: near the limit Go
// collects it before it asks for more.
func (m *memory) read() (used, cycles uint64) {
	metrics.Read(m.parts)
	of := func(suffix string) uint64 {
		for _, p := range m.parts {
			if strings.HasSuffix(p.Name, suffix) && p.Value.Kind() == metrics.KindUint64 {
				return p.Value.Uint64()
			}
		}
		return 0
	}
	others := of("/classes/total:bytes") - of("/released:bytes") - of("/free:bytes") - of("/unused:bytes") - of("/objects:bytes") // stacks, Go's own
	return others + of("/live:bytes"), of(":gc-cycles")
}

// judge finds the level.
func (m *memory) judge(used uint64) {
	level := roomy
	switch {
	case m.limit == 0:
	case used >= m.limit/100*fullAt:
		level = full
	case used >= m.limit/100*tightAt:
		level = tight
	}
	if was := m.level.Swap(int32(level)); int(was) != level && (level == full || was == full) {
		m.zap.Warn("memory in use is near its limit, or no longer; new connections are refused while it is",
			zap.Uint64("used", used), zap.Uint64("limit", m.limit), zap.Bool("refusing", level == full))
	}
}

// tidy has garbage collected where that was not done for a while, and gives back what is free then. Event loops leave no garbage, but they let go
// of what an attack had them take: nothing else would make Go look.
func (m *memory) tidy(cycles uint64, now time.Time) {
	switch {
	case m.tidied.IsZero() || cycles != m.cycles:
		m.tidied, m.cycles = now, cycles
	case now.Sub(m.tidied) >= tidyEach:
		debug.FreeOSMemory()
		m.tidied, m.cycles = now, cycles+1
	}
}
