package route

import (
	"cmp"
	"net/netip"
	"time"
)

// Health is what checks say of a server.
type Health uint32

// The healths.
const (
	NoCheck Health = iota // nobody checks it: it counts as available
	Up
	Initial // waits for its first probe
	Down
)

// ProbeKind says what a probe does, and what it takes for good.
type ProbeKind uint8

// The kinds.
const (
	Connect ProbeKind = iota // a TCP connection that is accepted
	Get                      // a GET answered with 200 to 399
	GetTLS                   // the same over TLS
)

// Probe is the question a server is asked. Whoever equals another asks the same.
type Probe struct {
	Kind ProbeKind
	Addr netip.AddrPort
	Path string // of a GET

	Method string // GET if empty
	Host   string // the address if empty
	Fields string // whole lines besides
	Expect string // statuses that are good, 200-399 if empty
}

// Plan is its backend's check as it concerns one server. It never changes.
type Plan struct {
	Probe
	Interval, Timeout time.Duration
	Rise, Fall        int // at least 1
}

// plan is how a server of the backend is probed, nil for not at all (marathon-lb.md 3.7): in mode tcp nothing is known of what the
// server speaks, so that a connection is all that can be asked for.
func (k *BackendSpec) plan(s ServerSpec) *Plan {
	c := k.Check
	if c == nil {
		return nil
	}
	port := cmp.Or(s.CheckPort, c.Port, int(s.Addr.Port()))
	p := &Plan{
		Probe: Probe{Addr: netip.AddrPortFrom(s.Addr.Addr(), uint16(port))}, Interval: c.Interval, Timeout: c.Timeout,
		Rise: max(c.Rise, 1), Fall: max(c.Fall, 1),
	}
	if p.Kind = k.Probes(); p.Kind == Connect {
		return p
	}
	if s.TLS {
		p.Kind = GetTLS
	}
	p.Path, p.Method, p.Host, p.Fields, p.Expect = c.Path, c.Method, c.Host, c.Fields, c.Expect
	return p
}

// Probes is what a probe of the backend's check does.
func (k *BackendSpec) Probes() ProbeKind {
	switch c := k.Check; {
	case c == nil || k.Mode == TCP || c.Protocol == "TCP" || c.Protocol == "MESOS_TCP":
		return Connect
	case c.Protocol == "HTTPS" || c.Protocol == "MESOS_HTTPS":
		return GetTLS
	}
	return Get
}

// CheckStatus is what came of a probe, in HAProxy's words (haproxy-stats.md 2.5).
type CheckStatus string

// The words that occur.
const (
	INI     CheckStatus = "INI"     // not probed yet
	SOCKERR CheckStatus = "SOCKERR" // it failed on our side, which says nothing of the server
	L4OK    CheckStatus = "L4OK"
	L4TOUT  CheckStatus = "L4TOUT"
	L4CON   CheckStatus = "L4CON"
	L6TOUT  CheckStatus = "L6TOUT"
	L6RSP   CheckStatus = "L6RSP"
	L7OK    CheckStatus = "L7OK"
	L7TOUT  CheckStatus = "L7TOUT"
	L7RSP   CheckStatus = "L7RSP"
	L7STS   CheckStatus = "L7STS"
)

// Good says that the server passed.
func (c CheckStatus) Good() bool { return c == L4OK || c == L7OK }

// Result is what came of one probe.
type Result struct {
	Status CheckStatus
	Code   int           // of the response, with L7OK and L7STS
	Took   time.Duration // from the first packet to the verdict
	Text   string        // what went wrong, in the words of the server or the system
}

// Checked is all that checks know of a server. It never changes: the next result makes another.
type Checked struct {
	Plan   *Plan
	Result        // the last one
	Health Health // Up, Initial or Down
	Score  int    // HAProxy's check_health, 0 to Rise+Fall-1: up from Rise on
	Proven bool   // it was up since it was first asked this
}

// restarted is what is known of a server of that health that was not asked yet.
func (p *Plan) restarted(h Health) *Checked {
	c := &Checked{Plan: p, Result: Result{Status: INI}, Health: h, Proven: h == Up}
	if h == Up {
		c.Score = p.full()
	}
	return c
}

// Full says that it is up and did not fail of late.
func (c *Checked) Full() bool { return c.Score >= c.Plan.full() }

// full is the score of a server that did not fail of late.
func (p *Plan) full() int { return p.Rise + p.Fall - 1 }

// after is what is known once a probe had that result. The first one decides at once; later ones need Rise or Fall in a row.
func (c Checked) after(r Result) *Checked {
	c.Result = r
	switch {
	case r.Status == SOCKERR:
	case r.Status.Good() && c.Health == Down && c.Score+1 < c.Plan.Rise:
		c.Score++
	case r.Status.Good():
		c.Health, c.Score, c.Proven = Up, c.Plan.full(), true
	case c.Health == Up && c.Score > c.Plan.Rise:
		c.Score--
	default:
		c.Health, c.Score = Down, 0
	}
	return &c
}

// Checked is what checks know of it, nil if nobody checks it.
func (s *Server) Checked() *Checked { return s.checked.Load() }

// Plan is how it is probed, nil for not at all: nobody asks a server that drains.
func (s *Server) Plan() *Plan {
	if c := s.Checked(); c != nil && s.State() != Draining {
		return c.Plan
	}
	return nil
}

// Found records at now what a probe by that plan found, and says whether the server's health changed by it. An answer to what is no
// longer the question is not heard.
func (s *Server) Found(p *Plan, r Result, now time.Time) (changed bool) {
	s.checking.Lock()
	defer s.checking.Unlock()
	was := s.checked.Load()
	if was == nil || was.Plan.Probe != p.Probe || s.State() == Draining {
		return false
	}
	is := was.after(r)
	if was.Health == Up && r.Status != SOCKERR && !r.Status.Good() {
		s.Stats.Add(0, CheckFails, 1)
		if is.Health == Down {
			s.Stats.Add(0, CheckDowns, 1)
		}
	}
	s.learn(is, now)
	return is.Health != was.Health
}

// SetHealth says outright what is known of a server, as if probes had found it out.
func (s *Server) SetHealth(h Health, now time.Time) {
	s.checking.Lock()
	defer s.checking.Unlock()
	if c := s.checked.Load(); c != nil && h != NoCheck {
		s.checked.Store(c.Plan.restarted(h))
	}
	s.setHealth(h, now)
}

// follow has it probed by a plan, nil for none. What is known of it stays known as long as the question stays; to a new question
// only its answer can take a server out that serves. Where it is down and Marathon now vouches for it, it is asked anew: Marathon
// knows more than its last answer.
func (s *Server) follow(p *Plan, vouched bool, now time.Time) {
	s.checking.Lock()
	defer s.checking.Unlock()
	news := s.vouched.Swap(vouched) != vouched
	was, h := s.checked.Load(), s.Health()
	if p == nil {
		s.checked.Store(nil)
		s.setHealth(NoCheck, now)
		return
	}
	asked := was != nil && was.Plan.Probe == p.Probe
	switch {
	case h == NoCheck, h == Initial && vouched:
		h = Up
	case h == Down && (!asked || vouched && news):
		h = Initial
	case asked && was.Plan.Rise == p.Rise && was.Plan.Fall == p.Fall:
		is := *was
		is.Plan = p
		s.checked.Store(&is)
		return
	}
	s.learn(p.restarted(h), now)
}

func (s *Server) learn(c *Checked, now time.Time) {
	s.checked.Store(c)
	s.setHealth(c.Health, now)
}

func (s *Server) setHealth(h Health, now time.Time) {
	if Health(s.health.Swap(uint32(h))) != h {
		s.changed.Store(now.UnixNano())
		s.Stats.SetUp(s.Usable(), now)
	}
}
