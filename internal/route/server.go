package route

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// State is what Marathon says of a task that has a server.
type State uint32

// The states.
const (
	Ready      State = iota // takes requests
	LastResort              // the agent is unreachable: used only while nothing better is up
	Draining                // takes no new request; running ones finish
)

// String is the state's word in text forms.
func (s State) String() string { return [...]string{"ready", "last-resort", "draining"}[s] }

// Key names one live server. Pooled connections and retries are bound to it, not to the address: a freed host port can belong
// to another app within seconds.
type Key struct {
	Backend, Name, App, Task string // Name is the HAProxy server name
	Addr                     netip.AddrPort
	TLS                      bool // it is spoken to over TLS
}

// Server is one task's address as it is being used. It outlives tables: a table refers to it, Build keeps it. The exported
// fields never change; what does change is atomic.
type Server struct {
	Key
	Cookie string
	ID     int
	Stats  *Stats // of (backend, server name), shared with an earlier server of the same name

	state    atomic.Uint32
	health   atomic.Uint32 // that of checked, for requests to read
	vouched  atomic.Bool
	inflight atomic.Int64
	drained  atomic.Int64 // Unix nanoseconds since when it drains, 0 if it does not
	changed  atomic.Int64 // Unix nanoseconds of the last change of status

	serves atomic.Bool  // as noteJoined saw it last
	joined atomic.Int64 // Unix nanoseconds since when it warms up, 0 if it does not

	shunned atomic.Int64 // Unix nanoseconds until which others are preferred, 0 for none
	broke   atomic.Int64 // Unix nanoseconds of the failure that it is, or was last, shunned for
	strikes atomic.Int32 // failures since it was last reached, counted once for each time it was shunned

	checking sync.Mutex // held to change what checks know
	checked  atomic.Pointer[Checked]
	probed   atomic.Bool
}

// State is what Marathon last said of it.
func (s *Server) State() State { return State(s.state.Load()) }

// Health is what checks last said of it.
func (s *Server) Health() Health { return Health(s.health.Load()) }

// Changed is when its state or health last changed.
func (s *Server) Changed() time.Time { return time.Unix(0, s.changed.Load()) }

// DrainingSince is when it began to drain, the zero time if it does not.
func (s *Server) DrainingSince() time.Time {
	if ns := s.drained.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// SetProbed says that a probe of it is under way, or no longer.
func (s *Server) SetProbed(is bool) { s.probed.Store(is) }

// Probed says whether a probe of it is under way.
func (s *Server) Probed() bool { return s.probed.Load() }

// Begin counts a request, tunnel or TCP connection that now runs on it; every Begin is followed by exactly one End. False means that
// it began to drain since it was picked, and that there is nothing to end: after Build has found it to be empty, none begins.
func (s *Server) Begin() bool {
	s.inflight.Add(1)
	if s.State() == Draining { // only now: whoever looks at inflight after setting the state sees us, or we see the state
		s.inflight.Add(-1)
		return false
	}
	s.Stats.Sessions.Inc()
	return true
}

// End takes back a Begin and returns how many still run.
func (s *Server) End() int64 {
	s.Stats.Sessions.Dec()
	return s.inflight.Add(-1)
}

// InFlight is how many requests, tunnels and TCP connections run on it now.
func (s *Server) InFlight() int64 { return s.inflight.Load() }

func (s *Server) setState(st State, now time.Time) {
	if State(s.state.Swap(uint32(st))) == st {
		return
	}
	s.changed.Store(now.UnixNano())
	if st == Draining {
		s.drained.Store(now.UnixNano())
	} else {
		s.drained.Store(0)
	}
}
