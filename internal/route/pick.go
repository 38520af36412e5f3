package route

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// turn is the position of a backend's round-robin, one for all loops and all tables.
type turn struct {
	position atomic.Uint64
	even     atomic.Bool // no ready server is out: the position alone says whose turn it is
}

// Pick chooses a server by the backend's algorithm, leaving out those already tried; nil if none is usable. Last resorts are
// chosen only while no ready server is usable, and servers that nobody probed yet only while no other is. In a panic it is
// those that Marathon vouches for. hash is of what the algorithm chooses by (Hash), 0 for nothing.
func (b *Backend) Pick(hash uint64, tried []*Server) *Server {
	return b.pickAt(b.takeTurn(), hash, tried)
}

// Peek is the server that Pick would choose next by the hash, without taking a turn; nil if none is usable, or if lots are drawn.
func (b *Backend) Peek(hash uint64) *Server {
	switch b.Spec.Balance {
	case First:
		return b.pickAt(0, hash, nil)
	case Random:
		return nil
	}
	return b.pickAt(b.turn.position.Load(), hash, nil)
}

func (b *Backend) pickAt(turn, hash uint64, tried []*Server) *Server {
	for g := Proven; g <= Unproven; g++ {
		if s := b.pickOf(g, turn, hash, tried); s != nil {
			return s
		}
	}
	if b.Grade() == Vouched {
		return b.pickOf(Vouched, turn, hash, tried)
	}
	return nil
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

func (b *Backend) pickOf(g Grade, turn, hash uint64, tried []*Server) *Server {
	if s := b.pickFrom(b.ready, g, turn, hash, tried); s != nil {
		return s
	}
	return b.pickFrom(b.last, g, turn, hash, tried)
}

func (b *Backend) pickFrom(tier []*Server, g Grade, turn, hash uint64, tried []*Server) *Server {
	at := b.whose(tier, g, turn, tried)
	if at < 0 {
		return nil
	}
	best, left := tier[at], b.compared(len(tier), hash)-1
	bestScore := b.score(best, hash)
	for i := 1; i < len(tier) && left > 0; i++ {
		s := tier[(at+i)%len(tier)]
		if s.Grade() != g || slices.Contains(tried, s) {
			continue
		}
		left--
		if score := b.score(s, hash); score > bestScore {
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
func (b *Backend) whose(tier []*Server, g Grade, turn uint64, tried []*Server) int {
	if b.turn.even.Load() && len(tier) > 0 {
		at := int(turn % uint64(len(tier)))
		if s := tier[at]; s.Grade() == g && !slices.Contains(tried, s) {
			return at
		}
	}
	n := count(tier, g, tried)
	if n == 0 {
		return -1
	}
	nth, at := int(turn%uint64(n)), -1
	for i, s := range tier {
		if s.Grade() != g || slices.Contains(tried, s) {
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
func (b *Backend) score(s *Server, hash uint64) uint64 {
	switch b.Spec.Balance {
	case LeastConn, Random:
		return ^uint64(s.InFlight())
	case Source, URI, URLParam, Header:
		return rendezvous(hash, s.Name)
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
