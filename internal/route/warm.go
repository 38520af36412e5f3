package route

import "time"

// A server that joins others that serve already, or comes back, warms up where its backend has a slow start: its weight, and with it its
// share of the requests, grows from next to nothing to that of the others. Where none served before, nobody warms up.

// fullWeight is that of a server that is warm.
const fullWeight = 256

// Weighs says whether the algorithm minds the weights of servers.
func (b Balance) Weighs() bool { return b == RoundRobin || b == LeastConn || b == Random }

func (b *Backend) weighs() bool { return b.Spec.Balance.Weighs() }

// noteJoined finds out who has begun to serve since it was called last.
func (b *Backend) noteJoined(now time.Time) {
	serves := func(s *Server) bool { return s.State() == Ready && s.Usable() }
	joins := int64(0) // for those who have begun: since when they warm up
	for _, s := range b.Servers {
		if b.Spec.SlowStart > 0 && s.serves.Load() && serves(s) {
			joins = now.UnixNano()
		}
	}
	latest := int64(0)
	for _, s := range b.Servers {
		switch is := serves(s); {
		case !is:
			s.joined.Store(0)
			s.serves.Store(false)
		case !s.serves.Swap(true):
			s.joined.Store(joins)
		}
		latest = max(latest, s.joined.Load())
	}
	if latest > 0 {
		latest += int64(b.Spec.SlowStart)
	}
	b.turn.warm.Store(latest)
}

// warmingAt is the present moment as long as a server warms up, else 0: most of the time nobody asks the clock.
func (t *turn) warmingAt() int64 {
	until := t.warm.Load()
	if until == 0 {
		return 0
	}
	now := time.Now().UnixNano()
	if now < until {
		return now
	}
	t.warm.CompareAndSwap(until, 0)
	return 0
}

// weight is that of a server, from 1 to fullWeight.
func (b *Backend) weight(s *Server, now int64) uint64 {
	since, over := s.joined.Load(), int64(b.Spec.SlowStart)
	if since == 0 || now-since >= over {
		return fullWeight
	}
	return uint64(max(float64(now-since)/float64(over)*fullWeight, 1))
}

// Warmth is the weight of a server in percent of that of the others, and whether it warms up.
func (b *Backend) Warmth(s *Server, now time.Time) (percent int, warming bool) {
	w := b.weight(s, now.UnixNano())
	return int(w * 100 / fullWeight), w < fullWeight && b.weighs()
}

// byWeight is whose turn it is where weights differ: servers lie side by side, each as wide as its weight, and turns are spread over them
// evenly.
func (b *Backend) byWeight(tier []*Server, g Grade, w *walk) int {
	total := uint64(0)
	for _, s := range tier {
		if !w.leaves(s, g) {
			total += b.weight(s, w.now)
		}
	}
	place, at := spread(w.turn, total), -1
	for i, s := range tier {
		if w.leaves(s, g) {
			continue
		}
		at = i
		width := b.weight(s, w.now)
		if place < width {
			break
		}
		place -= width
	}
	return at
}
