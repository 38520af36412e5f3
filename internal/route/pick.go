package route

import (
	"net/netip"
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
// those that Marathon vouches for. source is the client's address, for balance source.
func (b *Backend) Pick(source netip.Addr, tried []*Server) *Server {
	turn := b.turn.position.Add(1) - 1
	for g := Proven; g <= Unproven; g++ {
		if s := b.pickOf(g, turn, source, tried); s != nil {
			return s
		}
	}
	if b.Grade() == Vouched {
		return b.pickOf(Vouched, turn, source, tried)
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

func (b *Backend) pickOf(g Grade, turn uint64, source netip.Addr, tried []*Server) *Server {
	if s := b.pickFrom(b.ready, g, turn, source, tried); s != nil {
		return s
	}
	return b.pickFrom(b.last, g, turn, source, tried)
}

func (b *Backend) pickFrom(tier []*Server, g Grade, turn uint64, source netip.Addr, tried []*Server) *Server {
	at := b.whose(tier, g, turn, tried)
	if at < 0 {
		return nil
	}
	best := tier[at]
	if b.Spec.Balance == RoundRobin {
		return best
	}
	bestScore := b.score(best, source)
	for i := 1; i < len(tier); i++ {
		s := tier[(at+i)%len(tier)]
		if s.Grade() != g || slices.Contains(tried, s) {
			continue
		}
		if score := b.score(s, source); score > bestScore {
			best, bestScore = s, score
		}
	}
	return best
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

// score is what an algorithm prefers the larger of. Equal scores go round, because the walk starts at the server whose turn it is.
func (b *Backend) score(s *Server, source netip.Addr) uint64 {
	switch b.Spec.Balance {
	case LeastConn:
		return ^uint64(s.InFlight())
	case Source:
		return rendezvous(source, s.Name)
	}
	return 0
}

// rendezvous is highest-random-weight hashing: a client moves only if its own server goes.
func rendezvous(source netip.Addr, name string) uint64 {
	h := uint64(14695981039346656037)
	mix := func(c byte) { h = (h ^ uint64(c)) * 1099511628211 }
	for _, c := range source.As16() {
		mix(c)
	}
	for i := 0; i < len(name); i++ {
		mix(name[i])
	}
	h ^= h >> 33 // FNV's upper bits depend too little on the last bytes
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}
