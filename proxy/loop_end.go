//go:build linux && (amd64 || arm64)

package proxy

// finish ends a trip whose response has left as it should.
func (l *loop) finish(t *trip) {
	c, keep, unread := t.client, t.keep && !t.client.ended, t.hasBody && !t.up.Done()
	if unread || t.upGone || t.outSent < len(t.out) || t.upPipe.pending() {
		keep, t.reusable = false, false
	}
	l.endTrip(t)
	l.goOn(c, keep, unread)
}

// goOn has the client ask again, or not. unread says that it may still be sending what nobody wants.
func (l *loop) goOn(c *conn, keep, unread bool) {
	if !keep {
		l.endClient(c, unread)
		return
	}
	l.keepAlive.anew(c, l.time)
	l.watch(c)
	if len(c.in) > 0 || c.readable {
		l.later(c)
	}
}

// fail ends a trip that cannot go on.
func (l *loop) fail(t *trip, f Failure) {
	if !t.begun {
		l.refuse(t, f)
		return
	}
	t.fail(f.begun())
	if t.old { // to whom the end of the connection could be that of the response
		sysReset(t.client.fd)
	}
	l.abandon(t) // what is cut must look cut
}

// refuse tells the client of a failure, if it can still be told, and closes its connection; a redirect lets it go on.
func (l *loop) refuse(t *trip, f Failure) {
	t.fail(f)
	t.reusable = false
	t.leaveQueue()
	t.leaveServer(l)
	if f.row().status == 0 || !t.http() || t.client.broken {
		l.abandon(t)
		return
	}
	t.status, t.begun, t.phase = t.action.status(f), true, leaving
	fields, body := reply(f, t.action)
	b := append(l.head[:0], "HTTP/1.1 "...)
	b = append(b, statusText(t.status)...)
	b = append(b, "\r\n"...)
	t.keep = t.keep && f == Redirected && (!t.hasBody || t.up.Done())
	if f == Redirected && !t.keep {
		fields = append(fields, Field{"Connection", "close"})
	}
	b = append(appendFields(b, fields, nil, ""), "\r\n"...)
	if !t.isHead {
		b = append(b, body...)
	}
	l.head = b
	n, p := l.send(t.client, b)
	t.sentOut += uint64(n)
	if p == sendFailed {
		l.abandon(t)
		return
	}
	l.leavingTurn(t)
}

// leavingTurn ends a trip when the last of our own words have left.
func (l *loop) leavingTurn(t *trip) {
	n, p := l.flush(t.client)
	t.sentOut += uint64(n)
	switch p {
	case sendFailed:
		l.abandon(t)
	case sentPart:
		l.client.wait(t.client, l.time, n > 0)
	default:
		c, keep := t.client, t.keep
		l.endTrip(t)
		l.goOn(c, keep, true)
	}
}
