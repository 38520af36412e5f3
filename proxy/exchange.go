package proxy

import (
	"net/netip"
	"time"

	"marathon-lb/internal/route"
)

// exchange is one request and its response in flight, or one TCP connection. Whoever begins it finishes it exactly once.
type exchange struct {
	proxy   *Proxy
	writer  int // the number it counts under
	request Request
	line    string // method, target and version as the log shows them; empty for TCP
	front   *route.Listener
	action  Action
	try     try // the last one; its server is nil before the first
	failure Failure
	status  int // sent to the client, 0 if none was
	retries int

	entered bool         // it runs on its backend without having waited
	place   *route.Place // where it waited for its backend to have room
	called  bool         // its turn has come

	began     time.Time
	tried     time.Time // when the last try began
	connected time.Time // zero if no server was
	fresh     bool      // the connection was made for it
	answered  time.Time // zero if no head of a response came

	squeezer *squeezer // compresses the response; nil where it is passed on as it is
}

// begin counts the start of an exchange, of which request, line and writer are given, and decides what to do with it.
func (p *Proxy) begin(x *exchange, bind string, now time.Time) {
	t := p.table.Load()
	x.proxy, x.front, x.began = p, listenerOf(t, bind, x.request.Local), now
	p.inFlight.Add(1)
	if x.front == nil { // its port closed just now
		x.action.Failure = NoRoute
		return
	}
	if x.http() {
		x.front.Stats.ReqRate.Add(x.began.UnixNano())
		x.front.Stats.Add(x.writer, route.Requests, 1)
	}
	x.action = decide(t, x.front, &x.request, &p.o, nil)
	if b := x.action.Backend; b != nil {
		b.Stats.Touch(x.began.UnixNano())
		b.Stats.Add(x.writer, route.Sessions, 1)
		b.Stats.Sessions.Inc()
		x.countHTTP(b.Stats)
	}
}

// listenerOf is the listener of a connection that came in on a bound address. Where that closed while the connection stood, it is
// the one that has the port now: the service may have moved from all addresses to one.
func listenerOf(t *route.Table, bind string, local netip.AddrPort) *route.Listener {
	if l := t.ListenerAt(bind); l != nil {
		return l
	}
	if l := t.Listener(local); l != nil {
		return l
	}
	return t.Listener(route.AnyAddr(int(local.Port())))
}

// noLoop is the number under which everything that is no event loop counts; loops have those from 1 on.
const noLoop = 0

func (x *exchange) http() bool { return x.line != "" }

func (x *exchange) countHTTP(s *route.Stats) {
	if x.http() {
		s.Add(x.writer, route.Requests, 1)
	}
}

// newer is the backend in the present table, if who was let in to the one of then is let in to it, too. Where that is of a canary
// group and has no server, it is another of the group. A change that is taking effect is waited for: it has told servers to drain before
// their successors can be seen.
func (x *exchange) newer() *route.Backend {
	x.proxy.swapping.Lock()
	t := x.proxy.table.Load()
	x.proxy.swapping.Unlock()
	then := &x.action.Backend.Spec
	b := t.Backend(then.Name)
	if b != nil && !b.Spec.GuardedAs(then) {
		b = nil
	}
	if then.Canary.Group != "" && (b == nil || b.Usable() == 0) {
		if other := t.StandIn(x.action.Backend, x.action.Rule); other != nil {
			x.action.Pin = "" // the client's next request is given its place
			return other
		}
	}
	return b
}

// take begins a try: its server, which has one more request in flight, has it until it is left for another or the exchange is finished.
func (x *exchange) take(t try, now time.Time) {
	b, s := x.action.Backend.Stats, t.server.Stats
	if last := x.try.server; last != nil {
		x.retries++
		last.Stats.Add(x.writer, route.Retries, 1)
		b.Add(x.writer, route.Retries, 1)
		if last != t.server {
			last.Stats.Add(x.writer, route.Redispatches, 1)
			b.Add(x.writer, route.Redispatches, 1)
		}
		x.leave()
	}
	x.try, x.tried, x.connected = t, now, time.Time{}
	s.Touch(x.tried.UnixNano())
	s.Add(x.writer, route.Sessions, 1)
	x.countHTTP(s)
	if !t.sticky {
		s.Add(x.writer, route.LoadBalanced, 1)
		b.Add(x.writer, route.LoadBalanced, 1)
	}
}

// leave ends the try. The last one to leave a server that drains takes its idle connections along.
func (x *exchange) leave() {
	if s := x.try.server; s.End() == 0 && s.State() == route.Draining {
		x.proxy.left(s)
	}
}

// connect notes that a connection to the server stands.
func (x *exchange) connect(reused bool, now time.Time) {
	x.connected, x.fresh = now, !reused
	c := route.Connects
	if reused {
		c = route.Reuses
	}
	x.count(c, 1)
}

// answer notes that the head of the response came.
func (x *exchange) answer(now time.Time) {
	x.answered = now
	x.try.server.Reached()
}

// blame notes what a try that failed says of its server.
func (x *exchange) blame(f Failure, now time.Time) {
	s, unreached := x.try.server, f == ConnectRefused || f == ConnectTimeout
	if s != nil && (unreached || f == ServerClosed && x.fresh) {
		s.Shun(now)
		if unreached {
			x.proxy.recheck.add(s)
		}
	}
}

// count adds to a counter of the backend and of the server in use.
func (x *exchange) count(c route.Count, n uint64) {
	if b := x.action.Backend; b != nil {
		b.Stats.Add(x.writer, c, n)
	}
	if s := x.try.server; s != nil {
		s.Stats.Add(x.writer, c, n)
	}
}

// fail records why the exchange does not end well; the first reason stands.
func (x *exchange) fail(f Failure) {
	if x.failure == OK {
		x.failure = f
		x.action.page = x.proxy.pages.find(x.action.Backend, x.action.status(f))
		x.blame(f, time.Now()) // before the client is told, whose next request may come at once
	}
}

// finish counts the end and writes the log's line. in and out are the bytes the client sent and was sent.
func (x *exchange) finish(in, out uint64, now time.Time) {
	x.proxy.inFlight.Add(-1)
	if x.front != nil {
		x.total(x.front.Stats, in, out)
		for _, c := range x.failure.row().front {
			x.front.Stats.Add(x.writer, c, 1)
		}
		x.saved(x.front.Stats)
	}
	if b := x.action.Backend; b != nil {
		x.total(b.Stats, in, out)
		x.times(b.Stats, now)
		x.saved(b.Stats)
		b.Stats.Sessions.Dec()
		x.goOut()
		for _, c := range x.failure.row().back {
			x.count(c, 1)
		}
	}
	if s := x.try.server; s != nil {
		x.total(s.Stats, in, out)
		x.times(s.Stats, now)
		x.leave()
	}
	x.proxy.log.write(x, now, out)
}

func (x *exchange) total(s *route.Stats, in, out uint64) {
	s.Add(x.writer, route.BytesIn, in)
	s.Add(x.writer, route.BytesOut, out)
	if x.http() && x.status != 0 {
		s.Add(x.writer, route.RespClass(x.status), 1)
	}
	if x.try.server == nil && x.status != 0 && x.front != nil && s == x.front.Stats {
		s.Add(x.writer, route.Intercepted, 1)
	}
}

// saved counts what was compressed.
func (x *exchange) saved(s *route.Stats) {
	if z := x.squeezer; z != nil {
		s.Add(x.writer, route.Compressed, 1)
		s.Add(x.writer, route.CompressedIn, z.in)
		s.Add(x.writer, route.CompressedOut, z.out)
	}
}

// times feeds the moving averages, in milliseconds.
func (x *exchange) times(s *route.Stats, now time.Time) {
	if x.connected.IsZero() {
		return
	}
	s.QueueTime.Add(x.tried.Sub(x.began).Milliseconds())
	s.ConnectTime.Add(x.connected.Sub(x.tried).Milliseconds())
	if !x.answered.IsZero() {
		s.ResponseTime.Add(x.answered.Sub(x.connected).Milliseconds())
	}
	s.TotalTime.Add(now.Sub(x.began).Milliseconds())
}
