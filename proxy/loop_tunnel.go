//go:build linux && (amd64 || arm64)

package proxy

import "syscall"

// beginTunnel has bytes pass both ways as they are, from the first one on.
func (l *loop) beginTunnel(t *trip) {
	t.begun, t.phase, t.reusable, t.moved = true, tunneling, false, true
	l.watch(t.client)
	l.watch(t.server)
	sysKeepAlive(t.server.fd)
	t.client.readable, t.server.readable = true, true
	t.client.unlist()
	t.server.unlist()
	l.tunnelTurn(t)
}

// switchProtocols passes the 101 on, and then all that follows. rest is what came behind it.
func (l *loop) switchProtocols(t *trip, rest []byte) bool {
	b := append(appendLines(l.statusLine(), l.response.Fields, l.edits, "Content-Length"), "\r\n"...)
	l.head = b
	n, p := l.send(t.client, b)
	t.sentOut += uint64(n)
	if p == sendFailed {
		t.begun = true
		l.fail(t, ClientLeft)
		return false
	}
	l.keep(t.server, rest)
	l.beginTunnel(t)
	return false // the trip goes on, but not here
}

// tunnelTurn passes what there is, both ways, until both sides have ended. A side that ends early is told so by a half-close, and may go on
// receiving.
func (l *loop) tunnelTurn(t *trip) {
	c, s := t.client, t.server
	var up, down bool
	failed := OK
	if !idle(c, s, t.upPipe) {
		up, failed = l.pump(t, c, s, &t.upPipe, &t.in, ClientCut)
	}
	if failed == OK && !idle(s, c, t.downPipe) {
		down, failed = l.pump(t, s, c, &t.downPipe, nil, ServerCut)
	}
	switch {
	case failed != OK:
		t.fail(failed)
		l.abandon(t)
	case c.shut && s.shut:
		l.abandon(t)
	default:
		l.tunnelWait(t).wait(c, l.time, up || down || t.moved)
		t.moved = false
	}
}

// idle says that there is nothing to pass on this way.
func idle(from, to *conn, through *pipe) bool {
	return !from.readable && !from.eof && len(from.in) == 0 && !to.pending() && !through.pending()
}

// pump copies one way what there is. broken is the failure if reading breaks. taken counts what was read; without it, what was written is
// counted as sent to the client.
func (l *loop) pump(t *trip, from, to *conn, through **pipe, taken *uint64, broken Failure) (moved bool, failed Failure) {
	written := func(n int, p progress) bool {
		if moved = moved || n > 0; taken == nil {
			t.sentOut += uint64(n)
		}
		return p != sendFailed
	}
	for range mostTurns {
		if l.gathering && to.pending() {
			l.later(to)
			return moved, OK
		}
		if !written(l.flushThrough(to, *through)) {
			return moved, otherSide(broken)
		}
		if to.pending() || (*through).pending() {
			return moved, OK
		}
		if from.eof {
			if !to.shut {
				to.shut = true
				sysShutdown(to.fd)
			}
			return moved, OK
		}
		if !from.readable && len(from.in) == 0 {
			return moved, OK
		}
		b, n, e := l.take(from, through)
		switch {
		case e != 0 && !from.readable: // EAGAIN
			l.putPipe(*through)
			*through = nil
			return moved, OK
		case e != 0:
			return moved, broken
		case n == 0:
			from.eof = true
			continue
		}
		if taken != nil {
			*taken += uint64(n)
		}
		if n == bufferSize && *through == nil { // there is much to come
			*through = l.getPipe()
		}
		if len(b) > 0 && !written(l.answer(to, b)) {
			return moved, otherSide(broken)
		}
		if *through == nil && idle(from, to, nil) {
			return moved, OK
		}
	}
	l.later(from)
	return moved, OK
}

// take is what was read ahead, or what can be read: into the pipe if there is one, else into the loop's buffer.
func (l *loop) take(from *conn, through **pipe) (b []byte, n int, e syscall.Errno) {
	if len(from.in) > 0 {
		n = copy(l.buf[bufferRoom:bufferRoom+bufferSize], from.in)
		b = l.buf[bufferRoom : bufferRoom+n]
		l.keep(from, from.in[n:])
		return b, n, 0
	}
	if *through != nil {
		n, e = (*through).fill(from, pipeSize)
		return nil, n, e
	}
	return l.gather(from)
}
