package route

import "time"

// A server that cannot be connected to, or that drops a request on a fresh connection, is shunned for a while: requests go to others
// of its backend, if there are any. Each failure after such a while makes the next one longer; an answer ends it, or a connection where
// there was none. Probes, which come seconds apart, have their own opinion.

// mostShunned is the longest while; the first is a second.
const mostShunned = 10 * time.Second

// Shun notes that the server failed at now. Failures of requests that had chosen it before count once.
func (s *Server) Shun(now time.Time) {
	if now.UnixNano() < s.shunned.Load() {
		return
	}
	s.broke.Store(now.UnixNano())
	n := min(s.strikes.Add(1), 5)
	s.shunned.Store(now.Add(min(time.Second<<(n-1), mostShunned)).UnixNano())
}

// Relieve ends the while: it can be connected to again. Whether it answers is yet to be seen, so another failure makes a longer one.
func (s *Server) Relieve() { s.shunned.Store(0) }

// Reached notes that the server did what was asked of it.
func (s *Server) Reached() {
	if s.strikes.Load() != 0 {
		s.strikes.Store(0)
		s.shunned.Store(0)
	}
}

// Broke says whether a failure at now, of what began there at began, is one with a failure that was noted since, or the first in a long
// while: what a server had when it died is one failure, however much that was.
func (s *Server) Broke(began, now time.Time) bool {
	last := s.broke.Load()
	return last > began.UnixNano() || last < now.Add(-mostShunned).UnixNano()
}

// IsShunned says whether others are preferred now. It asks the clock only of a server that failed of late.
func (s *Server) IsShunned() bool {
	until := s.shunned.Load()
	return until != 0 && time.Now().UnixNano() < until
}
