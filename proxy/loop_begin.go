//go:build linux && (amd64 || arm64)

package proxy

import (
	"context"

	"marathon-lb/internal/h1"
	"marathon-lb/internal/route"
)

// begin begins the exchange for the head, n bytes long, that was just parsed.
func (l *loop) begin(c *conn, n int) {
	t, r := l.newTrip(c), &l.request
	t.head, c.in, c.seen = c.in, nil, 0
	t.in = uint64(n)
	t.line = view(r.Line)
	l.fields = views(l.fields[:0], r.Fields)
	t.request = Request{Method: view(r.Method), Host: view(r.Host), Path: view(r.Path), Query: view(r.Query), Fields: l.fields,
		Old: r.Minor == 0, Body: r.Framing != h1.NoBody, marks: marksOf(l.fields)}
	l.identify(t)
	t.up, t.hasBody = h1.NewBody(r.Framing, r.Length), r.Framing == h1.Chunked || r.Framing == h1.Length && r.Length > 0
	t.isHead, t.upgrade, t.expect, t.old, t.keep = t.request.Method == "HEAD", r.Upgrade, r.Expect, r.Minor == 0, r.KeepAlive
	l.proxy.begin(&t.exchange, c.port.bind, l.now)
	l.admit(t, t.head[n:])
}

func views(to []Field, fields []h1.Field) []Field {
	for _, f := range fields {
		to = append(to, Field{view(f.Name), view(f.Value)})
	}
	return to
}

// admit goes on with a request that was decided about; rest is what came behind its head. All that is needed of its fields is taken here,
// for they are the loop's.
func (l *loop) admit(t *trip, rest []byte) {
	failed, proof := l.proxy.gate.look(&t.exchange)
	if failed != OK {
		t.action.Failure = failed
	}
	t.action.obey(&t.request, true, l.proxy.o.TrustedProxies, nil)
	if t.clientClose() {
		t.keep = false
	}
	if t.action.Failure == OK {
		t.attempts.begin(&t.exchange)
		l.writeHead(t)
	}
	t.request.Fields = nil
	if !l.takeRest(t, rest) {
		return
	}
	switch {
	case proof != nil: // before a redirect, too
		l.prove(t, proof)
	case t.action.Failure != OK:
		l.refuse(t, t.action.Failure)
	default:
		l.dispatch(t)
	}
}

// takeRest puts what came of the body with the head behind it. What follows the request is kept for later.
func (l *loop) takeRest(t *trip, rest []byte) bool {
	if !t.hasBody {
		l.keep(t.client, rest)
		return true
	}
	out, n, _, fault := t.up.Pass(rest, false)
	t.in += uint64(n)
	if fault != h1.None {
		l.refuse(t, faultOf(fault))
		return false
	}
	if t.out != nil {
		t.out = append(t.out, out...)
	}
	l.keep(t.client, rest[n:])
	return true
}

// prove has a password checked, outside the loop.
func (l *loop) prove(t *trip, proof *proof) {
	ctx, cancel := context.WithCancel(context.Background())
	t.phase, t.cancel = proving, cancel
	c := t.client
	c.unlist()
	l.watch(c)
	r := c.ref()
	l.proxy.work.Go(func() {
		defer cancel()
		failed := l.proxy.gate.check(ctx, proof)
		l.post(func() {
			if r.alive() && r.trip == t && t.phase == proving {
				l.guard(c, func() { l.proved(t, failed) })
			}
		})
	})
}

func (l *loop) proved(t *trip, failed Failure) {
	t.cancel = nil
	if failed != OK {
		t.action.Failure, t.action.Status, t.action.Location, t.action.Cookie = failed, 0, "", ""
	}
	if t.action.Failure != OK { // by a directive, or a redirect, of which nobody was to know before
		l.refuse(t, t.action.Failure)
		return
	}
	l.dispatch(t)
}

// beginPreface serves a client that speaks HTTP/2 without TLS to a service port: its bytes go to one server as they are, so that what was
// served in tcp mode goes on working. A port for many services cannot do so: the next request may be for another host.
func (l *loop) beginPreface(c *conn) {
	t := l.newTrip(c)
	t.request, t.line = Request{Method: "PRI", Path: "*", HTTP2: true}, preface[:len(preface)-4]
	l.identify(t)
	l.proxy.begin(&t.exchange, c.port.bind, l.now)
	failed := t.action.Failure
	if shown, proof := l.proxy.gate.look(&t.exchange); shown != OK || proof != nil {
		failed = Unauthorized
	}
	if failed == OK && (t.front.Spec.Entry != route.ByService || t.action.Backend.Spec.Do.Restricts()) {
		failed = MethodRefused
	}
	if failed != OK {
		l.refuse(t, failed)
		return
	}
	t.tunnels = true
	t.attempts.begin(&t.exchange)
	l.dispatch(t)
}

// beginTCP begins the exchange that a connection in tcp mode is, and at once ends it if there is no memory left.
func (l *loop) beginTCP(c *conn, full bool) {
	t := l.newTrip(c)
	l.identify(t)
	l.proxy.begin(&t.exchange, c.port.bind, l.now)
	if full {
		l.refuse(t, NoMemory)
		return
	}
	if t.action.Failure == OK && t.front.Spec.Mode != route.TCP { // since it was accepted; requests may have to show what bytes cannot
		t.action.Failure = NoRoute
	}
	t.action.obey(&t.request, false, nil, nil)
	if t.action.Failure != OK {
		l.refuse(t, t.action.Failure)
		return
	}
	t.tunnels = true
	t.attempts.begin(&t.exchange)
	l.dispatch(t)
}
