package proxy

import (
	"sync/atomic"
	"time"

	"marathon-lb/internal/route"
)

// attempts chooses servers for one request or TCP connection, try after try (HAProxy's "retries 3" and "option redispatch").
type attempts struct {
	exchange *exchange
	backend  *route.Backend
	hash     uint64 // of what the backend's balance chooses by
	cookie   string // of a sticky client, empty for none
	repeats  bool   // the request may be sent twice
	retries  int
	resent   bool
	until    time.Time       // the last moment it may be held, zero before it is held for the first time
	tried    []*route.Server // since the last pause
	buffer   [4]*route.Server
}

const (
	mostRetries = 3
	retryPause  = time.Second // before a server is tried a second time
)

// try is one choice.
type try struct {
	server *route.Server // to be chosen after the pause, if there is one
	pause  time.Duration // to wait before connecting
	hold   time.Duration // there is no server: to wait for one so long at most, and to choose anew by first
	sticky bool          // the cookie chose it
}

// begin prepares to choose for an exchange that has a backend. What it needs of the request's fields it takes now.
func (a *attempts) begin(x *exchange) {
	b, r := x.action.Backend, &x.request
	*a = attempts{exchange: x, backend: b, hash: r.hash(&b.Spec), repeats: r.idempotent()}
	a.tried = a.buffer[:0]
	if b.Spec.Sticky != "" {
		a.cookie = r.stickyCookie(b)
	}
}

// first is the first choice, or the first after it waited, in line or for a server; false if no server is usable. Who waited is let in by
// the table of now, or not at all: it may have been long.
func (a *attempts) first() (try, bool) {
	if a.exchange.place != nil || !a.until.IsZero() {
		b := a.exchange.newer()
		if b == nil {
			return try{}, false
		}
		a.backend = b
	}
	if a.cookie != "" {
		if s := a.backend.BySticky(a.cookie); s != nil {
			return a.choose(try{server: s, sticky: true})
		}
	}
	return a.choose(try{server: a.pick()})
}

// again is the choice after a try that failed, to be completed by enter; false when it is not to be tried again. A server not yet tried
// comes at once. A budget bounds how many requests are sent a second time; what a server had when it died is not counted. Refusals
// cost no time: after the last retry, too, a server that nothing speaks against is worth one more.
func (a *attempts) again(f Failure) (try, bool) {
	x, now := a.exchange, time.Now()
	died := x.try.server != nil && x.try.server.Broke(x.tried, now)
	x.blame(f, now)
	switch f.row().retry {
	case unsent:
	case unanswered:
		if !a.repeats || a.resent || !died && !x.proxy.mayRepeat() {
			return try{}, false
		}
		a.resent = true
	default:
		return try{}, false
	}
	s := a.pick()
	if a.retries >= mostRetries && !(f == ConnectRefused && s != nil && s.Grade() == route.Proven) {
		if a.tried = a.tried[:0]; a.pick() == nil { // all have left meanwhile
			return a.wait()
		}
		return try{}, false
	}
	a.retries++
	if s != nil {
		return a.choose(try{server: s})
	}
	a.tried = a.tried[:0]
	if a.pick() == nil {
		return a.wait()
	}
	return try{pause: retryPause}, true
}

// enter begins a try on its server once its pause is over. Since it was chosen, the server may have left, and its port may belong to
// another app: then it is another server.
func (a *attempts) enter(t try) (try, bool) {
	ok := true
	if t.pause > 0 {
		t, ok = a.choose(try{server: a.pick()})
	}
	for ok && t.hold == 0 && !t.server.Begin() {
		t, ok = a.choose(try{server: a.pick()})
	}
	return t, ok
}

// pick chooses a server not yet tried. A request keeps the table it came with, but not to its ruin: where that has no such server,
// its successors may be in the table of now.
func (a *attempts) pick() *route.Server {
	if s := a.backend.Pick(a.hash, a.tried); s != nil {
		return s
	}
	b := a.exchange.newer()
	if b == nil || b == a.backend {
		return nil
	}
	a.backend = b
	return b.Pick(a.hash, a.tried)
}

func (a *attempts) choose(t try) (try, bool) {
	if t.server == nil {
		return a.wait()
	}
	a.tried = append(a.tried, t.server)
	return t, true
}

// wait is the choice where there is no server: to wait for one, if the service holds requests and this one has time left. A service
// that is gone, or that lets in others now, is not waited for.
func (a *attempts) wait() (try, bool) {
	hold := a.backend.Spec.Hold
	if hold <= 0 {
		return try{}, false
	}
	if b := a.exchange.newer(); b == nil || b.Gone {
		return try{}, false
	}
	now := time.Now()
	if a.until.IsZero() {
		a.until = now.Add(hold)
	}
	a.tried = a.tried[:0]
	left := a.until.Sub(now)
	return try{hold: left}, left > 0
}

// budget bounds how many requests are sent a second time, so that a backend in trouble is not asked twice as much: each second
// a fifth of the requests in flight, but at least ten.
type budget struct{ spent atomic.Uint64 } // second << 32 | spent in it

const leastBudget = 10

// take spends one, if there is one left at now with so many requests in flight.
func (b *budget) take(now time.Time, inFlight int64) bool {
	second := uint64(now.Unix()) << 32
	for {
		old := b.spent.Load()
		n := old & (1<<32 - 1)
		if old-n != second {
			n = 0
		}
		if n >= max(leastBudget, uint64(inFlight)/5) {
			return false
		}
		if b.spent.CompareAndSwap(old, second|(n+1)) {
			return true
		}
	}
}
