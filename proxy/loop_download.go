//go:build linux && (amd64 || arm64)

package proxy

import "marathon-lb/internal/h1"

// download passes on what there is of the response. False if the trip is over.
func (l *loop) download(t *trip) bool {
	for range mostTurns {
		if !l.drainDown(t) {
			return false
		}
		if t.holdsDown() || !t.server.readable {
			return true
		}
		if t.begun && t.squeezer == nil && l.large(&t.downPipe, &t.down, t.server) {
			n, e := t.downPipe.fill(t.server, int(min(t.down.Left(), pipeSize)))
			switch {
			case e != 0 && !t.server.readable: // EAGAIN
				return true
			case e != 0 || n == 0:
				return l.serverEnded(t, e != 0)
			}
			t.down.Skip(int64(n))
			t.done, t.moved = t.down.Done(), true
			continue
		}
		b, n, e := l.gather(t.server)
		switch {
		case e != 0 && !t.server.readable: // EAGAIN
			return true
		case e != 0 || n == 0:
			return l.serverEnded(t, e != 0)
		}
		t.heard, t.moved = true, true
		if !l.received(t, b) {
			return false
		}
	}
	l.later(t.server)
	return true
}

// holdsDown says that a part of the response is still to be sent.
func (t *trip) holdsDown() bool { return t.client.pending() || t.downPipe.pending() }

// large says whether enough of a body is still to come, and nothing read ahead, to pass it through a pipe.
func (l *loop) large(p **pipe, body *h1.Body, from *conn) bool {
	if body.Left() <= 0 || *p == nil && body.Left() < spliceFrom || len(from.in) > 0 {
		return false
	}
	if *p == nil {
		*p = l.getPipe()
	}
	return *p != nil
}

// flushThrough sends what is pending, then what is in the pipe.
func (l *loop) flushThrough(c *conn, through *pipe) (int, progress) {
	n, p := l.flush(c)
	if p == sentAll && through.pending() {
		var m int
		m, p = l.drain(through, c)
		n += m
	}
	return n, p
}

// drainDown sends what is pending for the client; when the whole response has left, the trip is over.
func (l *loop) drainDown(t *trip) bool {
	if t.holdsDown() {
		if l.gathering {
			l.later(t.client)
			return true
		}
		n, p := l.flushThrough(t.client, t.downPipe)
		t.sentOut += uint64(n)
		t.moved = t.moved || n > 0
		if p == sendFailed {
			l.fail(t, ClientLeft)
			return false
		}
	}
	if t.done && !t.holdsDown() {
		l.finish(t)
		return false
	}
	return true
}

// received goes on with bytes from the server.
func (l *loop) received(t *trip, b []byte) bool {
	for !t.begun {
		rest, ok := l.receiveHead(t, b)
		if !ok || rest == nil {
			return ok
		}
		b = rest
	}
	return l.passBody(t, b, 0)
}

// passBody passes on what came of the body, with the head in front, if it is still to be sent.
func (l *loop) passBody(t *trip, b []byte, head int) bool {
	out, n, done, fault := b[:0], 0, t.down.Done(), h1.None
	if !done {
		out, n, done, fault = t.down.Pass(b, t.plain)
	}
	if fault != h1.None {
		if head > 0 { // nothing has left yet
			t.begun, t.status = false, 0
		}
		l.fail(t, BadResponse)
		return false
	}
	if t.done = done; done && n < len(b) { // more than was announced
		t.reusable = false
	} else {
		l.keep(t.server, b[n:])
	}
	var whole []byte
	if t.squeezer != nil {
		whole = l.squeeze(t, out, head)
	} else {
		whole = l.join(t, out, head)
	}
	if len(whole) > 0 {
		n, p := l.answer(t.client, whole)
		t.sentOut += uint64(n)
		if p == sendFailed {
			l.fail(t, ClientLeft)
			return false
		}
	}
	return true
}

// mostTogether is how large a part of an answer may be that waits for others, in bytes: more is better sent than copied.
const mostTogether = 4 << 10

// answer sends a part of an answer, with those to other clients that came together.
func (l *loop) answer(c *conn, b []byte) (int, progress) {
	if !l.gathering || len(b) > mostTogether || c.pending() {
		return l.send(c, b)
	}
	c.out, c.sent = append(l.get(len(b)), b...), 0
	l.later(c)
	return 0, sentPart
}

// join puts the head, or the size of a chunk, in front of the body, which lies in the loop's buffer.
func (l *loop) join(t *trip, out []byte, head int) []byte {
	at := cap(l.buf) - cap(out)
	end := at + len(out)
	if t.wrap && len(out) > 0 {
		var line [20]byte
		size := h1.AppendChunkHead(line[:0], len(out))
		end += copy(l.buf[end:], "\r\n")
		at -= copy(l.buf[at-len(size):], size)
	}
	if head == 0 {
		return l.buf[at:end]
	}
	if head > at { // more than there is room for
		l.head = append(l.head, l.buf[at:end]...)
		return l.head
	}
	copy(l.buf[at-head:], l.head)
	return l.buf[at-head : end]
}

// serverEnded is for a server that has closed the connection, or broken it: some responses end so.
func (l *loop) serverEnded(t *trip, broken bool) bool {
	t.server.eof = true
	if !t.begun {
		l.serverLeft(t)
		return false
	}
	if t.reusable = false; broken || t.down.End() != h1.None {
		l.fail(t, ServerClosed)
		return false
	}
	t.done = true
	if t.wrap {
		n, p := l.send(t.client, []byte(h1.LastChunk))
		t.sentOut += uint64(n)
		if p == sendFailed {
			l.fail(t, ClientLeft)
			return false
		}
	}
	return l.drainDown(t)
}
