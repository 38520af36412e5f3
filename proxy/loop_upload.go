//go:build linux && (amd64 || arm64)

package proxy

import (
	"syscall"

	"marathon-lb/internal/h1"
)

// upload passes on what there is of the request: its head and, as long as the server takes it, its body. False if the trip is over.
func (l *loop) upload(t *trip) bool {
	if t.wasSent() {
		return true
	}
	for range mostTurns {
		switch l.drainUp(t) {
		case sendFailed:
			return l.upFailed(t)
		case sentPart:
			return true
		}
		if !t.uploading() || !t.client.readable {
			return true
		}
		if l.large(&t.upPipe, &t.up, t.client) {
			n, e := t.upPipe.fill(t.client, int(min(t.up.Left(), pipeSize)))
			switch {
			case e != 0 && !t.client.readable: // EAGAIN
				return true
			case e != 0 || n == 0:
				l.fail(t, ClientLeft)
				return false
			}
			t.up.Skip(int64(n))
			t.in += uint64(n)
			t.moved = true
			continue
		}
		b, n, e := l.gather(t.client)
		switch {
		case e != 0 && !t.client.readable: // EAGAIN
			return true
		case e != 0 || n == 0:
			l.fail(t, ClientLeft)
			return false
		}
		out, took, _, fault := t.up.Pass(b, false)
		if fault != h1.None {
			l.fail(t, faultOf(fault))
			return false
		}
		l.keep(t.client, b[took:])
		t.in += uint64(took)
		t.moved = true
		if len(out) > 0 {
			if _, p := l.send(t.server, out); p == sendFailed {
				return l.upFailed(t)
			}
		}
	}
	l.later(t.client)
	return true
}

// wasSent says that there is nothing more to send to the server.
func (t *trip) wasSent() bool {
	return t.outSent == len(t.out) && !t.uploading() && !t.server.pending() && !t.upPipe.pending()
}

// drainUp sends what is ready for the server.
func (l *loop) drainUp(t *trip) progress {
	if t.upGone {
		return sentAll
	}
	if t.outSent < len(t.out) {
		n, e := sysWrite(t.server.fd, t.out[t.outSent:])
		switch {
		case e == 0:
			t.outSent += n
			t.moved = true
		case e != syscall.EAGAIN:
			return sendFailed
		}
		if t.outSent < len(t.out) {
			return sentPart
		}
	}
	n, p := l.flushThrough(t.server, t.upPipe)
	t.moved = t.moved || n > 0
	return p
}

// upFailed is for a server that takes no more of the request: it may have answered early, and closed.
func (l *loop) upFailed(t *trip) bool {
	t.upGone, t.server.readable = true, true
	l.put(t.server.out)
	t.server.out, t.server.sent = nil, 0
	return true
}
