//go:build linux

package load

import (
	"bytes"
	"strconv"
	"syscall"
	"time"

	"marathon-lb/bench/internal/sys"
)

// conn is a client.
type conn struct {
	fd       int // -1 for none
	began    time.Duration
	moved    time.Duration // the last byte
	left     int           // bytes of the body that are still to come
	head     []byte        // of the answer, as far as it came, or a part of an echo
	open     bool          // connected
	upgraded bool
	busy     bool // a request is under way
	last     bool // the server closes after this answer
	body     bool // the head is through
	lives    int  // connections so far: a descriptor is soon used again
}

// dial begins a connection.
func (g *generator) dial(c *conn) {
	fd, err := sys.Dial(g.spec.To, g.source())
	if err == nil {
		if err = g.poll.Add(fd); err != nil {
			sys.Close(fd)
		}
	}
	if err != nil {
		g.failed(err.Error())
		return
	}
	c.fd, c.open, c.upgraded, c.last, c.moved = fd, false, false, false, g.now
	for fd >= len(g.conns) {
		g.conns = append(g.conns, make([]*conn, 256)...)
	}
	g.conns[fd] = c
}

// hangUp closes a connection and forgets what it was about.
func (g *generator) hangUp(c *conn) {
	g.conns[c.fd] = nil
	sys.Close(c.fd)
	c.fd, c.busy = -1, false
	c.lives++
}

// ask begins a request that should begin at the instant given.
func (g *generator) ask(c *conn, due time.Duration) {
	c.began, c.moved, c.busy = due, g.now, true
	if c.fd < 0 {
		g.dial(c)
		if c.fd < 0 {
			c.busy = false
			g.again = append(g.again, c)
		}
		return // the event of being connected sends it
	}
	if c.open {
		g.send(c)
	}
}

// send sends the request, or the message once there is a WebSocket. It fits into the socket, which holds nothing else.
func (g *generator) send(c *conn) {
	out := g.request
	if c.upgraded {
		out = g.message
	}
	c.head, c.body, c.left = c.head[:0], false, 0
	if n, e := sys.Send(c.fd, out); e != 0 || n != len(out) {
		g.broken(c, "a request could not be sent")
	}
}

// broken gives up a request.
func (g *generator) broken(c *conn, why string) {
	g.failed(why)
	g.hangUp(c)
	g.again = append(g.again, c)
}

func (g *generator) event(c *conn, events uint32) {
	c.moved = g.now
	if !c.open {
		if events&(sys.Out|sys.Closed) == 0 {
			return
		}
		if err := sys.ConnectError(c.fd); err != nil {
			g.refused(c, err)
			return
		}
		c.open = true
		if c.busy {
			g.send(c)
		}
		if events&(sys.In|sys.Closed) == 0 {
			return
		}
	}
	for life := c.lives; c.lives == life && g.read(c, events); {
	}
}

func (g *generator) refused(c *conn, err error) {
	if !c.busy { // it waits among the free ones, and dials when its turn comes
		g.failed(err.Error())
		g.hangUp(c)
		return
	}
	g.broken(c, err.Error())
}

// read takes what has come, once. True says that there may be more.
func (g *generator) read(c *conn, events uint32) bool {
	var n, room int
	var e syscall.Errno
	if c.body && c.left > 0 {
		room = min(c.left, 1<<20)
		n, e = sys.Discard(c.fd, room)
	} else {
		room = len(g.buffer)
		n, e = sys.Receive(c.fd, g.buffer)
	}
	switch {
	case e == syscall.EAGAIN:
		return false
	case e == syscall.EINTR:
		return true
	case e != 0 || n == 0:
		g.closed(c)
		return false
	}
	if g.window {
		g.result.Bytes += int64(n)
	}
	more := n == room || events&sys.Closed != 0
	switch {
	case !c.busy:
		g.failed("an answer to no request")
		g.hangUp(c)
	case c.body:
		c.left -= n
	case c.upgraded:
		g.echoed(c, g.buffer[:n])
		return more
	default:
		g.headed(c, g.buffer[:n])
	}
	if c.busy && c.body && c.left == 0 {
		g.ended(c)
	}
	return more
}

// closed is the end of a connection that the server chose.
func (g *generator) closed(c *conn) {
	if c.busy {
		g.broken(c, "the connection was closed before the answer was whole")
		return
	}
	g.result.Reconnects++
	g.hangUp(c)
}

// ended is the end of a whole answer.
func (g *generator) ended(c *conn) {
	g.answered(c)
	if g.spec.Exchange == Close || c.last {
		g.hangUp(c)
	}
	g.offer(c)
}

// headed reads the head of an answer, and what came of the body with it.
func (g *generator) headed(c *conn, b []byte) {
	if len(c.head) > 0 {
		c.head = append(c.head, b...)
		b = c.head
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(b) > 16<<10:
		g.broken(c, "the head of an answer is too long")
		return
	case end < 0:
		c.head = append(c.head[:0], b...)
		return
	case bytes.HasPrefix(b, []byte("HTTP/1.1 101 ")) && g.spec.Exchange == WebSocket:
		c.upgraded = true
		g.send(c) // the first message
		return
	case !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")):
		line, _, _ := bytes.Cut(b, []byte("\r\n"))
		g.broken(c, "the answer is "+string(line))
		return
	}
	size, ok := c.fields(b[:end+2])
	if c.left = size - (len(b) - end - 4); !ok || c.left < 0 {
		g.broken(c, "the length of an answer is not what was announced")
		return
	}
	c.body = true
}

// fields takes the length of the body from a head, and whether this answer is the last on its connection.
func (c *conn) fields(head []byte) (size int, ok bool) {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if len(line) < 16 || line[0]|0x20 != 'c' {
			continue
		}
		if bytes.EqualFold(line[:15], []byte("content-length:")) {
			n, err := strconv.Atoi(string(bytes.TrimSpace(line[15:])))
			size, ok = n, err == nil && n >= 0
		} else if bytes.EqualFold(line, []byte("connection: close")) {
			c.last = true
		}
	}
	return size, ok
}

// echoed reads a message that came back.
func (g *generator) echoed(c *conn, b []byte) {
	if len(c.head) > 0 {
		c.head = append(c.head, b...)
		b = c.head
	}
	switch {
	case len(b) < len(g.echo):
		c.head = append(c.head[:0], b...)
	case !bytes.Equal(b, g.echo):
		g.broken(c, "an echo is not what was said")
	default:
		g.ended(c)
	}
}
