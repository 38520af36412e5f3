//go:build linux && (amd64 || arm64)

package proxy

import (
	"bytes"
	"syscall"
	"unsafe"

	"marathon-lb/internal/h1"
)

// preface is how a client begins that speaks HTTP/2 without TLS (RFC 9113 3.4); it looks like a request.
const preface = "PRI * HTTP/2.0\r\n\r\n"

// view is b as a string that changes when b does: for the time in which nobody writes to b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// clientTurn reads from a client on whose connection nothing runs: the head of its next request, or, once it had its last answer, what
// nobody wants any more.
func (l *loop) clientTurn(c *conn) {
	if c.shut {
		l.lingerTurn(c)
		return
	}
	if len(c.in) > c.seen && l.tryHead(c) {
		return
	}
	for c.readable {
		n, e := l.readHead(c)
		switch {
		case e == 0 && n > 0:
			if l.tryHead(c) {
				return
			}
		case e == 0 || c.readable: // it has left
			l.leftAsking(c)
			return
		}
	}
	l.watch(c)
}

// firstRead is how much of a head is read at first, in bytes: into the loop's own buffer, so that one of the right size is taken for it.
const firstRead = 4 << 10

func (l *loop) readHead(c *conn) (n int, e syscall.Errno) {
	if len(c.in) == 0 {
		b := l.buf[bufferRoom : bufferRoom+firstRead]
		if n, e = c.read(b); n > 0 {
			c.in = append(l.get(n), b[:n]...)
		}
		return n, e
	}
	if len(c.in) == cap(c.in) {
		l.growHead(c)
	}
	n, e = c.read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	return n, e
}

// grown is a larger buffer with the same bytes.
func grown(l *loop, b []byte) []byte {
	larger := append(l.get(cap(b)+1), b...)
	l.put(b)
	return larger
}

// mostHeads is how many clients may be in the midst of a head that needs more than a buffer of the usual sizes.
const mostHeads = 128

// growHead makes room for more of a head. If too many clients take as much, the oldest of them run out of time before theirs.
func (l *loop) growHead(c *conn) {
	if c.in = grown(l, c.in); cap(c.in) < largeHead {
		return
	}
	if l.largeHeads++; l.largeHeads <= mostHeads {
		return
	}
	l.largeHeads = 0
	for other, prev := l.asking.last, (*conn)(nil); other != nil; other = prev {
		prev = other.prev
		if cap(other.in) < largeHead {
			continue
		}
		if l.largeHeads++; l.largeHeads > mostHeads/2 && other != c {
			l.largeHeads--
			l.guard(other, func() { l.headTooSlow(other) })
		}
	}
}

// tryHead looks whether the head is whole. If it is, or can never be, the client is served: true.
func (l *loop) tryHead(c *conn) bool {
	if c.in[0] == 'P' && bytes.HasPrefix(c.in, []byte(preface[:min(len(c.in), len(preface))])) {
		if len(c.in) < len(preface) {
			l.asks(c)
			return false
		}
		l.beginPreface(c)
		return true
	}
	n, fault := l.request.Parse(c.in, c.seen, &h1.ClientLimits)
	switch {
	case fault != h1.None:
		l.refuseBytes(c, faultOf(fault))
	case n == 0:
		c.seen = len(c.in)
		l.asks(c)
		return false
	default:
		l.begin(c, n)
	}
	return true
}

// asks is for a client whose head has begun: it has its time from then on.
func (l *loop) asks(c *conn) {
	if c.list == nil || c.list == &l.keepAlive {
		l.asking.anew(c, l.time)
	}
}

// leftAsking is for a client that closed its connection between requests, or in the head of one.
func (l *loop) leftAsking(c *conn) {
	if len(c.in) > 0 {
		l.refuseBytes(c, ClientLeftAsking)
		return
	}
	l.closeClient(c)
}

func (l *loop) headTooSlow(c *conn) {
	if c.kind == announced {
		l.unannounced(c, errHeaderLate)
		return
	}
	if len(c.in) == 0 { // it never began
		l.closeClient(c)
		return
	}
	l.refuseBytes(c, HeadTooSlow)
}

// refuseBytes counts, logs and answers what is no request.
func (l *loop) refuseBytes(c *conn, f Failure) {
	t := l.newTrip(c)
	t.head, c.in, c.seen = c.in, nil, 0
	t.request, t.line = Request{Source: c.source, Local: c.local}, badLine
	t.front, t.began, t.proxy = l.proxy.table.Load().ListenerAt(c.port.bind), l.now, l.proxy
	t.in = uint64(len(t.head))
	l.proxy.inFlight.Add(1)
	l.refuse(t, f)
}

// endClient is for a client whose connection does not go on: it may still be sending what nobody reads, and closing at once would
// have the kernel take back our last answer.
func (l *loop) endClient(c *conn, unread bool) {
	if !unread && !c.readable && len(c.in) == 0 || c.broken {
		l.closeClient(c)
		return
	}
	l.put(c.in)
	c.in, c.seen, c.shut = nil, 0, true
	sysShutdown(c.fd)
	l.linger.anew(c, l.time)
	l.watch(c)
	l.later(c)
}

// lingerTurn throws away what comes, until the client has seen that nothing more will.
func (l *loop) lingerTurn(c *conn) {
	for range mostTurns {
		if !c.readable {
			return
		}
		n, e := c.read(l.buf[bufferRoom:])
		if e == 0 && n == 0 || e != 0 && c.readable {
			l.closeClient(c)
			return
		}
	}
	l.later(c)
}
