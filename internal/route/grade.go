package route

import (
	"slices"
	"time"
)

// Grade is how much speaks for sending a request to a server.
type Grade uint8

// The grades, the best first. Requests go to servers of the best grade there is.
const (
	Proven   Grade = iota // its probes pass, or nobody probes it
	Shunned               // so it is, but a request failed there a moment ago
	Unproven              // it waits for its first probe, and nobody vouches for it
	Vouched               // its probes fail, but Marathon vouches for it: the prober may be what is broken
	Unfit                 // it drains, or nothing speaks for it
)

// String is the grade's word in explanations.
func (g Grade) String() string {
	return [...]string{"proven", "shunned", "unproven", "vouched", "unfit"}[g]
}

// Grade is how much speaks for it now.
func (s *Server) Grade() Grade {
	if s.State() == Draining {
		return Unfit
	}
	switch s.Health() {
	case Initial:
		return Unproven
	case Down:
		if s.vouched.Load() {
			return Vouched
		}
		return Unfit
	}
	if s.IsShunned() {
		return Shunned
	}
	return Proven
}

// Usable says whether it may take a new request by its own right, as a last resort included.
func (s *Server) Usable() bool { return s.Grade() <= Shunned }

// Takes says whether it may take a new request, as a last resort included, in a backend of that grade.
func (s *Server) Takes(backend Grade) bool {
	g := s.Grade()
	return g != Unfit && g <= backend
}

// Grade is the best grade of its servers. With Vouched it is in a panic: probes fail at every server.
func (b *Backend) Grade() Grade {
	best := Unfit
	for _, s := range b.Servers {
		if best = min(best, s.Grade()); best == Proven {
			break
		}
	}
	return best
}

// Usable says how many servers new requests are spread over.
func (b *Backend) Usable() int { return count(b.turns()) }

// turns are the servers of which those of a grade, not yet tried, take turns: those of the best grade there is, ready ones before last
// resorts.
func (b *Backend) turns() (tier []*Server, g Grade, tried []*Server) {
	switch g = b.Grade(); {
	case g == Unfit:
		return nil, g, nil
	case count(b.ready, g, nil) > 0:
		return b.ready, g, nil
	}
	return b.last, g, nil
}

// count says how many servers have a grade, or a better one, and were not tried.
func count(tier []*Server, g Grade, tried []*Server) int {
	n := 0
	for _, s := range tier {
		if s.Grade() <= g && !slices.Contains(tried, s) {
			n++
		}
	}
	return n
}

// NoteHealth tells the backend's counters that the health of a server changed. It is for the backend of the present table.
func (b *Backend) NoteHealth(now time.Time) {
	if lost := b.noteUp(now) && b.Usable() == 0; lost {
		b.Stats.Add(0, CheckDowns, 1)
	}
}

// noteUp notes whether the backend can take requests, and says whether that is new.
func (b *Backend) noteUp(now time.Time) bool {
	b.turn.even.Store(count(b.ready, Proven, nil) == len(b.ready))
	b.noteJoined(now)
	return b.Stats.SetUp(b.Usable() > 0, now)
}
