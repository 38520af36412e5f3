//go:build linux && (amd64 || arm64)

package proxy

import (
	"net/netip"
	"syscall"

	"marathon-lb/internal/route"
)

// conn is a descriptor in a loop: one side of a connection, mostly. It is small, and holds buffers only while bytes are in flight.
type conn struct {
	fd         int32
	generation uint32 // tells the conn that an event is for from a later one with the same descriptor
	kind       kind

	watched  bool // the loop hears of its events
	readable bool // there may be something to read
	writable bool // it could be written to at some time: connecting has ended
	ended    bool // the other side has sent FIN, though some bytes before it may still be unread
	broken   bool // neither way works any more
	eof      bool // all that comes was read
	shut     bool // we have sent FIN
	queued   bool // it waits for another turn
	reused   bool // a server's, taken from the pool
	dialing  bool // somebody else connects it

	in   []byte // read, but not used yet
	seen int    // how much of in was looked at in vain
	out  []byte // to be written
	sent int    // how much of out was
	trip *trip  // what runs on it

	list       *timeouts
	prev, next *conn // in list; next also of the free ones
	deadline   int64

	port   *port // of a client and of a listener
	front  *route.Stats
	source netip.AddrPort
	local  netip.AddrPort
	from   string // source's address as text
	onPort string // the port that the client meant, as text

	pool                   *pool // of a server
	idleSince              int64
	prevInPool, nextInPool *conn  // among those that run
	undo                   func() // called when it closes
}

type kind uint8

const (
	unused kind = iota
	bell
	ticker
	listener
	client
	server
	announced // a client of whom a PROXY header is to tell
)

// ref is a conn as those remember it who must notice that it is gone.
type ref struct {
	*conn
	born uint32
}

func (c *conn) ref() ref      { return ref{c, c.generation} }
func (r ref) alive() bool     { return r.conn.generation == r.born && r.kind != unused }
func (c *conn) pending() bool { return c.sent < len(c.out) }

// newConn makes a conn for a descriptor.
func (l *loop) newConn(fd int32, k kind) *conn {
	if l.free == nil {
		slab := make([]conn, 64)
		for i := range slab {
			slab[i].next, l.free = l.free, &slab[i]
		}
	}
	c := l.free
	l.free, c.next = c.next, nil
	c.fd, c.kind = fd, k
	for int(fd) >= len(l.conns) {
		l.conns = append(l.conns, make([]*conn, 1024)...)
	}
	l.conns[fd] = c
	return c
}

// watch has the loop hear of all that happens on the connection from now on.
func (l *loop) watch(c *conn) {
	if !c.watched {
		c.watched = true
		sysWatch(l.epoll, c.fd, watched, c.generation)
	}
}

// close closes the descriptor and lets go of the conn.
func (l *loop) close(c *conn) {
	sysClose(c.fd)
	l.forget(c)
}

// forget lets go of a conn whose descriptor is somebody else's now.
func (l *loop) forget(c *conn) {
	c.unlist()
	if c.undo != nil {
		c.undo()
	}
	l.conns[c.fd] = nil
	l.put(c.in)
	l.put(c.out)
	*c = conn{generation: c.generation + 1, next: l.free}
	l.free = c
}

// read reads into b. It notes when there is no more: a read that leaves room has taken all, unless FIN is behind it.
func (c *conn) read(b []byte) (int, syscall.Errno) {
	n, e := sysRead(c.fd, b)
	switch {
	case e == syscall.EAGAIN:
		c.readable = false
	case e == 0 && n < len(b) && n > 0 && !c.ended && !c.broken:
		c.readable = false
	}
	return n, e
}

// progress is how far writing got.
type progress uint8

const (
	sentAll progress = iota
	sentPart
	sendFailed
)

// send writes b, or keeps what the socket does not take now.
func (l *loop) send(c *conn, b []byte) (int, progress) {
	if c.pending() {
		c.out = append(c.out, b...)
		return 0, sentPart
	}
	n, e := sysWrite(c.fd, b)
	switch {
	case e != 0 && e != syscall.EAGAIN:
		return 0, sendFailed
	case n < len(b):
		c.out = append(l.get(len(b)-n), b[n:]...)
		c.sent = 0
		l.watch(c)
		return n, sentPart
	}
	return n, sentAll
}

// flush writes what is pending.
func (l *loop) flush(c *conn) (sum int, p progress) {
	for c.pending() {
		n, e := sysWrite(c.fd, c.out[c.sent:])
		if e == syscall.EAGAIN {
			return sum, sentPart
		}
		if e != 0 {
			return sum, sendFailed
		}
		c.sent += n
		sum += n
	}
	if c.out != nil {
		l.put(c.out)
		c.out, c.sent = nil, 0
	}
	return sum, sentAll
}

// keep makes b what was read but not used yet.
func (l *loop) keep(c *conn, b []byte) {
	l.put(c.in)
	c.in, c.seen = nil, 0
	if len(b) > 0 {
		c.in = append(l.get(len(b)), b...)
	}
}

// gather reads into the loop's buffer, behind what was read but not used before, and returns both together.
func (l *loop) gather(c *conn) (b []byte, n int, e syscall.Errno) {
	space := l.buf[bufferRoom : bufferRoom+bufferSize]
	old := copy(space, c.in)
	if n, e = c.read(space[old:]); e == 0 && n > 0 {
		l.put(c.in)
		c.in = nil
	}
	return space[:old+n], n, e
}
