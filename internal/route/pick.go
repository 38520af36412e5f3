package route

import (
	"math/rand/v2"
	"slices"
)

// Pick chooses a server by the backend's algorithm, leaving out those already tried; nil if none is usable. Last resorts are
// chosen only while no ready server is usable. hash is of what the algorithm chooses by (Hash), 0 for nothing.
func (b *Backend) Pick(hash uint64, tried []*Server) *Server {
	for _, tier := range [...][]*Server{b.ready, b.last} {
		if s := b.pickFrom(tier, hash, tried); s != nil {
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

func (b *Backend) pickFrom(tier []*Server, hash uint64, tried []*Server) *Server {
	if len(tier) == 0 {
		return nil
	}
	start := b.start(len(tier))
	drawn := 0
	var best *Server
	var bestScore uint64
	for i := range tier {
		s := tier[(start+i)%len(tier)]
		if !s.Usable() || slices.Contains(tried, s) {
			continue
		}
		drawn++
		score, enough := b.score(s, hash, drawn)
		if best == nil || score > bestScore {
			best, bestScore = s, score
		}
		if enough {
			break
		}
	}
	return best
}

// start is where the walk over n servers begins.
func (b *Backend) start(n int) int {
	switch b.Spec.Balance {
	case First:
		return 0
	case Random:
		return rand.IntN(n)
	}
	return int((b.position.Add(1) - 1) % uint64(n))
}

// score is what the algorithm prefers the larger of, and whether to look no further. Equal scores go round, because the walk starts
// at the round-robin position. drawn counts the servers looked at.
func (b *Backend) score(s *Server, hash uint64, drawn int) (score uint64, enough bool) {
	switch b.Spec.Balance {
	case LeastConn:
		return ^uint64(s.InFlight()), false
	case Random:
		return ^uint64(s.InFlight()), drawn == 2
	case Source, URI, URLParam, Header:
		if hash != 0 {
			return rendezvous(hash, s.Name), false
		}
	}
	return 0, true
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
