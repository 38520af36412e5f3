package proxy

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"marathon-lb/internal/route"
)

// clientConn is a client's connection: it counts its bytes and holds the exchange that runs on it.
type clientConn struct {
	net.Conn
	proxy  *Proxy
	port   *port
	front  *route.Stats
	in     atomic.Uint64 // bytes since the last exchange was settled
	out    atomic.Uint64
	now    atomic.Pointer[exchange]
	closed atomic.Bool
}

func (p *Proxy) newClientConn(c net.Conn, o *port, front *route.Stats) *clientConn {
	o.conns.Add(1)
	now := time.Now().UnixNano()
	front.Touch(now)
	front.ConnRate.Add(now)
	front.Add(writer, route.Connections, 1)
	front.Add(writer, route.Sessions, 1)
	front.Sessions.Inc()
	return &clientConn{Conn: c, proxy: p, port: o, front: front}
}

func (c *clientConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.in.Add(uint64(n))
	return n, err
}

func (c *clientConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.out.Add(uint64(n))
	return n, err
}

// CloseWrite sends FIN: the client reads to the end of what it was sent.
func (c *clientConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// Close ends the exchange that still runs.
func (c *clientConn) Close() error {
	err := c.Conn.Close()
	if !c.closed.Swap(true) {
		c.settle(true)
		c.front.Sessions.Dec()
		c.port.conns.Done()
	}
	return err
}

// settle finishes the exchange whose response is out, or cut. Bytes that belong to no exchange when the connection closes were
// a request that could not be read.
func (c *clientConn) settle(closing bool) {
	x := c.now.Swap(nil)
	if x == nil && closing && c.in.Load() > 0 {
		x = c.unread()
	}
	if x != nil {
		x.finish(c.in.Swap(0), c.out.Swap(0))
	}
}

func (c *clientConn) unread() *exchange {
	x := &exchange{
		proxy: c.proxy, request: Request{Source: addrPort(c.RemoteAddr()), Local: addrPort(c.LocalAddr())}, line: badLine,
		front: c.proxy.table.Load().ListenerAt(c.port.bind), began: time.Now(),
	}
	x.fail(BadRequest)
	if c.out.Load() > 0 { // the HTTP library answered; 400 stands for what it said
		x.status = 400
	}
	return x
}

// badLine is what the log shows where a request line could not be read.
const badLine = "<BADREQ>"

// addrPort is a TCP address with IPv4 in its own form.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
