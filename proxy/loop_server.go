//go:build linux && (amd64 || arm64)

package proxy

import (
	"syscall"

	"marathon-lb/internal/route"
)

// dispatch sends the request, or connects the client, to the first server that is chosen.
func (l *loop) dispatch(t *trip) {
	if !t.exchange.goIn() {
		l.lineUp(t)
		return
	}
	l.reachFirst(t)
}

func (l *loop) reachFirst(t *trip) {
	next, ok := t.first()
	l.choose(t, next, ok, NoServer)
}

// lineUp has the trip wait for its backend to have room. Who makes it may be another loop.
func (l *loop) lineUp(t *trip) {
	r := t.client.ref()
	failed := t.exchange.lineUp(func(p *route.Place) {
		l.post(func() {
			if r.alive() && r.trip != nil && r.trip.place == p {
				l.guard(r.conn, func() {
					r.trip.admitted()
					r.conn.unlist()
					l.reachFirst(r.trip)
				})
			}
		})
	})
	if failed != OK {
		l.refuse(t, failed)
		return
	}
	t.phase = queued
	l.queue.anew(t.client, l.time)
	l.watch(t.client)
}

// choose goes on with what was chosen; if nothing was, the client is told of the failure.
func (l *loop) choose(t *trip, next try, ok bool, failed Failure) {
	t.failed = failed
	switch {
	case !ok:
		l.refuse(t, failed)
	case next.hold > 0:
		l.hold(t, next.hold)
	case next.pause > 0:
		t.phase, t.next = pausing, next
		l.pause.anew(t.client, l.time)
		l.watch(t.client)
	default:
		t.next = next
		l.reachNext(t)
	}
}

// reachNext begins the try that is next.
func (l *loop) reachNext(t *trip) {
	t.client.unlist()
	next, ok := t.enter(t.next)
	if !ok || next.hold > 0 {
		l.choose(t, next, ok, t.failed)
		return
	}
	t.exchange.take(next, l.now)
	l.reach(t, true)
}

// reach finds a connection to the server: one from the pool, if it may be, or a new one.
func (l *loop) reach(t *trip, pooled bool) {
	p := l.poolOf(t.try.server)
	if pooled && !t.tunnels && !t.serverClose() {
		if c := p.take(l, t.repeats); c != nil {
			l.attach(t, p, c)
			l.connected(t)
			return
		}
	}
	if p.server.TLS {
		l.reachSecure(t, p)
		return
	}
	fd, done, e := sysConnect(p.server.Addr)
	if (e == syscall.EMFILE || e == syscall.ENFILE) && l.shed() {
		fd, done, e = sysConnect(p.server.Addr)
	}
	if e != 0 {
		l.tryAgain(t, connectFailure(e))
		return
	}
	c := l.newConn(fd, server)
	l.attach(t, p, c)
	if done {
		l.connected(t)
		return
	}
	t.phase = connecting
	l.connectWait(t).anew(c, l.time)
	l.watch(c)
	l.watch(t.client)
}

func (l *loop) attach(t *trip, p *pool, c *conn) {
	t.server, c.trip = c, t
	p.enter(c)
}

// connectTurn looks whether the connection stands.
func (l *loop) connectTurn(t *trip) {
	c := t.server
	if c.dialing || !c.broken && !c.writable {
		return
	}
	if e := sysError(c.fd); e != 0 || c.broken {
		l.tryAgain(t, connectFailure(e))
		return
	}
	l.connected(t)
}

// connected goes on with a server that can be spoken to.
func (l *loop) connected(t *trip) {
	t.exchange.connect(t.server.reused, l.now)
	t.server.unlist()
	if t.tunnels {
		t.try.server.Reached()
		l.beginTunnel(t)
		return
	}
	t.phase, t.outSent, t.upGone, t.moved = asking, 0, false, true
	if l.gathering { // requests that came together leave together: to wake a server that sleeps costs more than to send to one that is awake
		l.later(t.client)
		return
	}
	l.advance(t)
}

// tryAgain is for a try that failed before a byte of an answer came: another server may be asked, if nothing of the request is lost.
func (l *loop) tryAgain(t *trip, failed Failure) {
	lost := t.heard || t.hasBody && t.outSent > 0
	t.leaveServer(l)
	if lost {
		l.refuse(t, failed)
		return
	}
	next, ok := t.again(failed)
	l.choose(t, next, ok, failed)
}

// serverLeft is for a server that closed the connection, or broke it, before the head of its answer was whole.
func (l *loop) serverLeft(t *trip) {
	stale := t.server.reused && !t.heard
	if stale && t.outSent == 0 || stale && t.repeats && !t.hasBody {
		t.leaveServer(l) // it idled for too long: that is no failure of the server
		t.outSent = 0
		l.reach(t, false)
		return
	}
	l.tryAgain(t, ServerClosed)
}

// leaveServer lets go of the server's connection: into the pool, if it can be used again.
func (t *trip) leaveServer(l *loop) {
	c := t.server
	if c == nil {
		return
	}
	t.server, c.trip = nil, nil
	c.unlist()
	c.pool.leave(c)
	defer c.pool.settle(l)
	if t.reusable && !c.ended && !c.broken && !c.readable && len(c.in) == 0 && !c.pending() {
		l.watch(c)
		c.pool.give(l, c)
		return
	}
	l.close(c)
}
