package proxy

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"marathon-lb/internal/route"
)

// upstreams are the ways to servers, kept by live server and not by address: a freed port can belong to another app soon.
type upstreams struct {
	mu sync.Mutex
	of map[*route.Server]*upstream
}

// upstream is the way to one server: its idle connections and what runs on it.
type upstream struct {
	server  *route.Server
	connect atomic.Int64 // how long that may take, in nanoseconds
	// again carries requests that may be sent twice: the library repeats one that met a connection the server had closed.
	again *http.Transport
	// once carries the others. An idle connection is used only for as long as it is unlikely that the server closes it just now.
	once *http.Transport

	mu      sync.Mutex
	running map[*exchange]running
}

// running is what runs on a server.
type running struct {
	cut    func(Failure)
	tunnel bool
}

const (
	idleAgain    = 30 * time.Second
	idleOnce     = time.Second
	mostIdle     = 256      // connections kept per server and kind
	mostResponse = 64 << 10 // bytes of a response's head
)

// What the kernel holds of each connection to a server. Left to itself it takes tens of megabytes ahead of a client that stops reading, or of
// a server that does: and then from the client, too, for it makes as much room there as was taken before.
const (
	mostAhead  = 1 << 20   // from the server, before we take it
	mostUnsent = 512 << 10 // from us, before the server takes it
)

func newUpstreams() *upstreams {
	return &upstreams{of: map[*route.Server]*upstream{}}
}

// to is the way to a server, to which connecting may take so long.
func (u *upstreams) to(s *route.Server, connect time.Duration) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	up := u.of[s]
	if up == nil {
		up = newUpstream(s)
		u.of[s] = up
	}
	up.connect.Store(int64(connect))
	return up
}

// idle closes the idle connections of a server that takes no more requests.
func (u *upstreams) idle(s *route.Server) {
	u.mu.Lock()
	up := u.of[s]
	u.mu.Unlock()
	if up != nil {
		up.closeIdle()
	}
}

// drop forgets a server on which nothing may run any more; what still does is cut.
func (u *upstreams) drop(s *route.Server) {
	u.mu.Lock()
	up := u.of[s]
	delete(u.of, s)
	u.mu.Unlock()
	if up != nil {
		up.closeIdle()
		up.cut(everything)
	}
}

// dropAll does so for every server and says how many exchanges it cut.
func (u *upstreams) dropAll() int {
	u.mu.Lock()
	all := u.of
	u.of = map[*route.Server]*upstream{}
	u.mu.Unlock()
	n := 0
	for _, up := range all {
		up.closeIdle()
		n += up.cut(everything)
	}
	return n
}

// cut ends what runs on servers and says how much that was.
func (u *upstreams) cut(w what) (n int) {
	u.mu.Lock()
	all := slices.Collect(maps.Values(u.of))
	u.mu.Unlock()
	for _, up := range all {
		n += up.cut(w)
	}
	return n
}

func newUpstream(s *route.Server) *upstream {
	u := &upstream{server: s, running: map[*exchange]running{}}
	u.again, u.once = u.transport(idleAgain), u.transport(idleOnce)
	return u
}

func (u *upstream) transport(idle time.Duration) *http.Transport {
	only1 := new(http.Protocols)
	only1.SetHTTP1(true)
	return &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return u.dial(ctx) },
		DisableCompression:     true,
		IdleConnTimeout:        idle,
		MaxIdleConnsPerHost:    mostIdle,
		MaxResponseHeaderBytes: mostResponse,
		ExpectContinueTimeout:  time.Second,
		Protocols:              only1,
	}
}

func (u *upstream) dial(ctx context.Context) (duplex, error) {
	return dialServer(ctx, u.server, time.Duration(u.connect.Load()))
}

// roundTrip sends a request of the exchange. What happens meanwhile goes to the trace that ctx of the request holds.
func (u *upstream) roundTrip(x *exchange, r *http.Request) (*http.Response, error) {
	if x.request.idempotent() {
		return u.again.RoundTrip(r)
	}
	return u.once.RoundTrip(r)
}

// run notes how to cut an exchange that runs here; the func it returns ends that.
func (u *upstream) run(x *exchange, r running) (end func()) {
	u.mu.Lock()
	u.running[x] = r
	u.mu.Unlock()
	return func() {
		u.mu.Lock()
		delete(u.running, x)
		u.mu.Unlock()
	}
}

// cut ends what runs here, and says how much that was.
func (u *upstream) cut(w what) (n int) {
	var cut []func(Failure)
	u.mu.Lock()
	for x, r := range u.running {
		if w.has(r.tunnel) {
			delete(u.running, x)
			cut = append(cut, r.cut)
		}
	}
	u.mu.Unlock()
	for _, f := range cut {
		f(ServerGoneWaiting)
	}
	return len(cut)
}

func (u *upstream) closeIdle() {
	u.again.CloseIdleConnections()
	u.once.CloseIdleConnections()
}
