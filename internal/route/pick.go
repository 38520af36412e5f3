package route

import (
	"net/netip"
	"slices"
)

// Pick chooses a server by the backend's algorithm, leaving out those already tried; nil if none is usable. Last resorts are
// chosen only while no ready server is usable. source is the client's address, for balance source.
func (b *Backend) Pick(source netip.Addr, tried []*Server) *Server {
	for _, tier := range [...][]*Server{b.ready, b.last} {
		if s := b.pickFrom(tier, source, tried); s != nil {
			return s
		}
	}
	return nil
}

// BySticky is the server a persistence cookie names, nil if there is none or it may not take a request.
func (b *Backend) BySticky(cookie string) *Server {
	for _, s := range b.Servers {
		if s.Cookie == cookie && s.Usable() {
			return s
		}
	}
	return nil
}

func (b *Backend) pickFrom(tier []*Server, source netip.Addr, tried []*Server) *Server {
	if len(tier) == 0 {
		return nil
	}
	start := int((b.position.Add(1) - 1) % uint64(len(tier)))
	var best *Server
	var bestScore uint64
	for i := range tier {
		s := tier[(start+i)%len(tier)]
		if !s.Usable() || slices.Contains(tried, s) {
			continue
		}
		score := b.score(s, source)
		if b.Spec.Balance == RoundRobin || best == nil || score > bestScore {
			best, bestScore = s, score
		}
		if b.Spec.Balance == RoundRobin {
			break
		}
	}
	return best
}

// score is what an algorithm prefers the larger of. Equal scores go round, because the walk starts at the round-robin position.
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
