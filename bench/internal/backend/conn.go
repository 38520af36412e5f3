//go:build linux

package backend

import (
	"bytes"
	"encoding/binary"
	"syscall"

	"marathon-lb/bench/internal/sys"
)

// conn is a connection: requests in, one answer at a time out.
type conn struct {
	fd      int
	in      []byte
	n       int    // bytes of in that are filled
	out     []byte // what is still to be sent
	more    int    // bytes of filling to be sent after that
	frame   []byte // the last echo, which out may be a part of
	closing bool   // after out
	echo    bool   // it is a WebSocket now
}

func (c *conn) reset() { *c = conn{in: c.in, frame: c.frame} }

// turn does all that can be done now. False ends the connection.
func (c *conn) turn(events uint32) bool {
	if len(c.out) > 0 {
		if !c.flush() || len(c.out) == 0 && !c.serve() {
			return false
		}
	}
	for len(c.out) == 0 {
		room := len(c.in) - c.n
		if room == 0 {
			return false // a head larger than any that is meant
		}
		n, e := sys.Receive(c.fd, c.in[c.n:])
		switch {
		case e == syscall.EAGAIN:
			return true
		case e == syscall.EINTR:
			continue
		case e != 0 || n == 0:
			return false
		}
		c.n += n
		if !c.serve() {
			return false
		}
		if n < room && events&sys.Closed == 0 {
			return true
		}
	}
	return true
}

// serve answers what has come in whole, until an answer does not fit into the socket.
func (c *conn) serve() bool {
	for len(c.out) == 0 {
		used := 0
		if c.echo {
			used = c.echoFrame()
		} else if used = headSize(c.in[:c.n]); used > 0 {
			c.answer(c.in[:used])
		}
		if used == 0 {
			return true
		}
		c.n = copy(c.in, c.in[used:c.n])
		if !c.flush() {
			return false
		}
	}
	return true
}

// headSize is how long the head is that b begins with, 0 if it is not whole. (bytes.Index takes several times as long, and this process is not
// to be what the others wait for.)
func headSize(b []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0
		}
		if at += i + 1; bytes.HasPrefix(b[at:], []byte("\r\n")) {
			return at + 2
		}
	}
}

// flush sends what it can. False ends the connection, be it because all has been said.
func (c *conn) flush() bool {
	for len(c.out) > 0 {
		n, e := sys.Send(c.fd, c.out)
		switch {
		case e == syscall.EAGAIN:
			return true
		case e == syscall.EINTR:
			continue
		case e != 0:
			return false
		}
		c.out = c.out[n:]
		if len(c.out) == 0 {
			c.out = filling[:min(c.more, len(filling))]
			c.more -= len(c.out)
		}
	}
	return !c.closing
}

// echoFrame sends one WebSocket frame back, unmasked as a server's must be. It says how many bytes the frame has; 0 if it is not
// whole.
func (c *conn) echoFrame() int {
	in := c.in[:c.n]
	if len(in) < 2 {
		return 0
	}
	size, head := int(in[1]&0x7f), 2
	if size == 126 {
		if len(in) < 4 {
			return 0
		}
		size, head = int(binary.BigEndian.Uint16(in[2:])), 4
	}
	whole := head + 4 + size
	if len(in) < whole {
		return 0
	}
	mask, payload := in[head:head+4], in[head+4:whole]
	c.frame = append(append(c.frame[:0], in[0], in[1]&0x7f), in[2:head]...)
	for i, b := range payload {
		c.frame = append(c.frame, b^mask[i&3])
	}
	c.out = c.frame
	c.closing = in[0]&0xf == 8
	return whole
}
