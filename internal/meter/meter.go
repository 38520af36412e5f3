// Package meter counts without locks: sheets of counters with one block per writer, gauges that remember their peak,
// sliding one-second rates and moving averages. Readers sum; writers never wait.
package meter

import "sync/atomic"

// Sheet is a fixed set of monotone counters. Each writer (an event loop, or writer 0 for everything that is not a loop)
// has a block of its own, so that two cores never write one cache line. Blocks are made when a writer first counts.
type Sheet struct {
	width  int
	blocks []atomic.Pointer[[]atomic.Uint64]
}

// cacheLine cells keep a block from sharing its first or last cache line with a neighbour on the heap (64-byte lines).
const cacheLine = 8

// NewSheet makes a sheet of width counters for writers 0..writers-1. It panics if either is below 1.
func NewSheet(writers, width int) *Sheet {
	if writers < 1 || width < 1 {
		panic("meter: a sheet needs at least one writer and one counter")
	}
	return &Sheet{width: width, blocks: make([]atomic.Pointer[[]atomic.Uint64], writers)}
}

// Add adds n to counter id on behalf of a writer. A writer number beyond the sheet shares the last block: the count stays right.
func (s *Sheet) Add(writer, id int, n uint64) {
	if writer >= len(s.blocks) {
		writer = len(s.blocks) - 1
	}
	b := s.blocks[writer].Load()
	if b == nil {
		b = s.open(writer)
	}
	(*b)[id].Add(n)
}

func (s *Sheet) open(writer int) *[]atomic.Uint64 {
	size := (s.width + cacheLine - 1) / cacheLine * cacheLine
	fresh := make([]atomic.Uint64, size)
	if s.blocks[writer].CompareAndSwap(nil, &fresh) {
		return &fresh
	}
	return s.blocks[writer].Load()
}

// Sum is the counter's value over all writers. Two calls never go down.
func (s *Sheet) Sum(id int) uint64 {
	var sum uint64
	for i := range s.blocks {
		if b := s.blocks[i].Load(); b != nil {
			sum += (*b)[id].Load()
		}
	}
	return sum
}

// Gauge is a level that rises and falls, with its highest value since the start.
type Gauge struct{ now, peak atomic.Int64 }

// Inc raises the gauge by one and returns the new level.
func (g *Gauge) Inc() int64 {
	v := g.now.Add(1)
	raise(&g.peak, v)
	return v
}

// Dec lowers the gauge by one and returns the new level.
func (g *Gauge) Dec() int64 { return g.now.Add(-1) }

// Load is the present level.
func (g *Gauge) Load() int64 { return g.now.Load() }

// Peak is the highest level since the start.
func (g *Gauge) Peak() int64 { return g.peak.Load() }

func raise(peak *atomic.Int64, v int64) {
	for old := peak.Load(); v > old; old = peak.Load() {
		if peak.CompareAndSwap(old, v) {
			return
		}
	}
}
