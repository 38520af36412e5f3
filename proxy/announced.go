package proxy

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/proxyheader"
	"marathon-lb/internal/route"
)

// noHeader is what the log says, at DEBUG, of a connection that is closed for want of one.
const noHeader = "a connection without a good PROXY header was closed"

var errHeaderLate = errors.New("the PROXY header was not whole in time")

// announcedConn is a connection that begins with a PROXY header.
type announcedConn struct {
	net.Conn
	rest []byte // read behind the header
}

func (c *announcedConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil
	}
	return n, nil
}

// CloseWrite sends FIN.
func (c *announcedConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// readHeader reads the header, until ctx ends. heard says that anything came at all.
func (c *announcedConn) readHeader(ctx context.Context) (h proxyheader.Header, heard bool, err error) {
	stop := context.AfterFunc(ctx, func() { c.Conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var b []byte
	for {
		space := make([]byte, 512) // mostly one is enough
		n, readErr := c.Conn.Read(space)
		b = append(b, space[:n]...)
		h, end, err := proxyheader.Read(b)
		if err != nil || end > 0 {
			c.rest = b[end:]
			return h, true, err
		}
		if readErr != nil {
			return h, len(b) > 0, readErr
		}
	}
}

// announce has the header say whose connection it is, then goes on with it. It runs beside the acceptor, as handshakes do.
func (p *Proxy) announce(hard context.Context, o *port, l *route.Listener, cc *clientConn, c *announcedConn) {
	defer p.contain(cc)
	ctx, cancel := context.WithTimeout(o.shaking, p.o.Timeouts.Head)
	h, heard, err := c.readHeader(ctx)
	late := ctx.Err() != nil
	cancel()
	if late { // though it may have come just now, the deadline is set
		err = errHeaderLate
	}
	if err != nil {
		if heard {
			l.Stats.Add(noLoop, route.ErrReq, 1)
		}
		p.zap.Debug(noHeader, zap.String("port", o.bind), zap.Stringer("client", cc.source), zap.Error(err))
		cc.Close()
		return
	}
	if h.From.IsValid() {
		cc.source, cc.from, cc.onPort = h.From, h.From.Addr().String(), strconv.Itoa(int(h.To.Port()))
	}
	p.greet(hard, o, l, cc)
}
