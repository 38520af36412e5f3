package route

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// turn is the position of a backend's round-robin, one for all loops and all tables.
type turn struct {
	position atomic.Uint64
	cohorts  atomic.Uint64 // new clients of its canary group, where it is the first of that
	even     atomic.Bool   // no ready server is out: the position alone says whose turn it is
	warm     atomic.Int64  // Unix nanoseconds from when on no server warms up, 0 if none does
}

// nextCohort is the number of the next new client of the canary group.
func (t *turn) nextCohort(look bool) uint64 {
	if look {
		return t.cohorts.Load()
	}
	return t.cohorts.Add(1) - 1
}

// walk is one choice of a server.
type walk struct {
	turn  uint64
	hash  uint64
	tried []*Server
	now   int64 // Unix nanoseconds while a server warms up, else 0
}

// leaves says that the walk leaves a server out while it looks for that grade: it is worse, or was tried. One that has become better since
// better ones were looked for is not passed over.
func (w *walk) leaves(s *Server, g Grade) bool { return s.Grade() > g || slices.Contains(w.tried, s) }

// Pick chooses a server by the backend's algorithm, leaving out those already tried; nil if none is usable. Last resorts are
// chosen only while no ready server is usable, and servers that nobody probed yet only while no other is. In a panic it is
// those that Marathon vouches for. hash is of what the algorithm chooses by (Hash), 0 for nothing.
func (b *Backend) Pick(hash uint64, tried []*Server) *Server {
	w := walk{turn: b.takeTurn(), hash: hash, tried: tried, now: b.turn.warmingAt()}
	return b.walk(&w)
}

// Peek is the server that Pick would choose next by the hash, without taking a turn; nil if none is usable, or if that is not certain:
// lots are drawn, or shares change while a server warms up.
func (b *Backend) Peek(hash uint64) *Server {
	w := walk{turn: b.turn.position.Load(), hash: hash, now: b.turn.warmingAt()}
	if b.Spec.Balance == First {
		w.turn = 0
	}
	if b.Spec.Balance == Random || w.now != 0 {
		return nil
	}
	return b.walk(&w)
}

func (b *Backend) walk(w *walk) *Server {
	for g := Proven; g <= Unproven; g++ {
		if s := b.pickOf(g, w); s != nil {
			return s
		}
	}
	g := b.Grade() // Vouched in a panic; better, if those that are have been tried, or one became so just now
	if g == Unfit {
		return nil
	}
	return b.pickOf(g, w)
}

// BySticky is the server a persistence cookie names, nil if there is none or it may not take a request.
func (b *Backend) BySticky(cookie string) *Server {
	for _, s := range b.Servers {
		if s.Cookie == cookie && (s.Usable() || s.Takes(b.Grade())) {
			return s
		}
	}
	return nil
}

func (b *Backend) pickOf(g Grade, w *walk) *Server {
	if s := b.pickFrom(b.ready, g, w); s != nil {
		return s
	}
	return b.pickFrom(b.last, g, w)
}

func (b *Backend) pickFrom(tier []*Server, g Grade, w *walk) *Server {
	at := b.whose(tier, g, w)
	if at < 0 {
		return nil
	}
	best, left := tier[at], b.compared(len(tier), w.hash)-1
	bestScore := b.score(best, w)
	for i := 1; i < len(tier) && left > 0; i++ {
		s := tier[(at+i)%len(tier)]
		if w.leaves(s, g) {
			continue
		}
		left--
		if score := b.score(s, w); score > bestScore {
			best, bestScore = s, score
		}
	}
	return best
}

// takeTurn says where the walk over the servers begins.
func (b *Backend) takeTurn() uint64 {
	switch b.Spec.Balance {
	case First:
		return 0
	case Random:
		return rand.Uint64()
	}
	return b.turn.position.Add(1) - 1
}

// compared is how many of n servers the algorithm compares.
func (b *Backend) compared(n int, hash uint64) int {
	switch b.Spec.Balance {
	case LeastConn:
		return n
	case Random:
		return 2
	case Source, URI, URLParam, Header:
		if hash != 0 {
			return n
		}
	}
	return 1
}

// whose turn it is among the servers of a tier that have a grade and were not tried; -1 if there is none. The turns of a server that
// is out go round among the others, so that its neighbour does not get twice as much.
func (b *Backend) whose(tier []*Server, g Grade, w *walk) int {
	if w.now != 0 && b.weighs() {
		return b.byWeight(tier, g, w)
	}
	if b.turn.even.Load() && len(tier) > 0 {
		at := int(w.turn % uint64(len(tier)))
		if !w.leaves(tier[at], g) {
			return at
		}
	}
	n := count(tier, g, w.tried)
	if n == 0 {
		return -1
	}
	nth, at := int(w.turn%uint64(n)), -1
	for i, s := range tier {
		if w.leaves(s, g) {
			continue
		}
		if at = i; nth == 0 {
			break
		}
		nth--
	}
	return at
}

// score is what the algorithm prefers the larger of. Equal scores go round, because the walk starts at the server whose turn it is.
func (b *Backend) score(s *Server, w *walk) uint64 {
	switch b.Spec.Balance {
	case LeastConn, Random:
		n := uint64(s.InFlight())
		if w.now != 0 && n > 0 {
			n = (n + 1) * fullWeight / b.weight(s, w.now)
		}
		return ^n
	case Source, URI, URLParam, Header:
		return rendezvous(w.hash, s.Name)
	}
	return 0
}

// FNV-1a's constants for 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// Hash is that of what an algorithm chooses by, never 0.
func Hash[T string | []byte](what T) uint64 { return mix(fnvOffset, what) | 1 }

func mix[T string | []byte](h uint64, what T) uint64 {
	for i := 0; i < len(what); i++ {
		h = (h ^ uint64(what[i])) * fnvPrime
	}
	return h
}

// rendezvous is highest-random-weight hashing: a client moves only if its own server goes.
func rendezvous(hash uint64, name string) uint64 {
	h := mix(hash, name)
	h ^= h >> 33 // FNV's upper bits depend too little on the last bytes
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}
