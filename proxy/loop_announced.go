//go:build linux && (amd64 || arm64)

package proxy

import (
	"errors"
	"strconv"

	"go.uber.org/zap"

	"marathon-lb/internal/proxyheader"
	"marathon-lb/internal/route"
)

// awaitHeader is for a client of a port with accept-proxy: nothing is known of it before its PROXY header has come.
func (l *loop) awaitHeader(c *conn) {
	c.kind, c.readable = announced, true
	l.asking.anew(c, l.time)
	l.watch(c)
	l.headerTurn(c)
}

// headerTurn reads the header, and begins the connection with what came behind it.
func (l *loop) headerTurn(c *conn) {
	for c.readable {
		b, got, e := l.gather(c)
		switch {
		case e != 0 && !c.readable: // EAGAIN
			return
		case e != 0 || got == 0:
			l.unannounced(c, errClientLeft)
			return
		}
		h, n, err := proxyheader.Read(b)
		l.keep(c, b[n:])
		switch {
		case err != nil:
			l.unannounced(c, err)
			return
		case n > 0:
			l.announce(c, h)
			return
		}
	}
}

var errClientLeft = errors.New("the client left before its PROXY header was whole")

// announce begins the connection of the client that the header names.
func (l *loop) announce(c *conn, h proxyheader.Header) {
	front := l.proxy.table.Load().ListenerAt(c.port.bind)
	if front == nil {
		l.closeClient(c)
		return
	}
	c.kind, c.readable = client, true
	if h.From.IsValid() {
		c.source, c.onPort = h.From, strconv.Itoa(int(h.To.Port()))
	}
	l.beginClient(c, front.Spec.Mode)
}

// unannounced closes a connection whose header is bad or did not come. One on which nothing came is a look whether the port is open.
func (l *loop) unannounced(c *conn, err error) {
	if len(c.in) > 0 {
		c.front.Add(l.number, route.ErrReq, 1)
	}
	l.proxy.zap.Debug(noHeader, zap.String("port", c.port.bind), zap.Stringer("client", c.source), zap.Error(err))
	l.closeClient(c)
}
