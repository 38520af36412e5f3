package proxy

import (
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"marathon-lb/internal/route"
)

// clientConn is a client's connection: it counts its bytes and finishes the exchange that ran on it, once the engine is done with
// it and its response has left or cannot leave any more.
type clientConn struct {
	net.Conn
	proxy *Proxy
	port  *port
	front *route.Stats
	in    atomic.Uint64 // bytes since the last exchange was finished, as they are without TLS
	out   atomic.Uint64

	spent atomic.Bool // what is still to come on it is no request
	late  bool        // there was no memory left when it came
	http2 bool        // that was agreed on

	wire       *wire  // what TLS runs on, nil without TLS
	serverName string // what the client asked for by SNI

	source, local netip.AddrPort
	from, onPort  string // as text

	mu      sync.Mutex
	now     *exchange // in HTTP/2 there may be many, and each finishes itself
	running int       // how many the engine still works on
	closed  bool
	ended   bool // it was taken out of all counts

	hearing sync.Mutex
	until   time.Time // nothing is read after it, whatever the HTTP library allows; zero for no such bound
}

func (p *Proxy) newClientConn(c net.Conn, o *port, front *route.Stats) *clientConn {
	o.conns.Add(1)
	p.crowd.clients.Add(1)
	countConn(front, noLoop, time.Now())
	cc := &clientConn{Conn: c, proxy: p, port: o, front: front, source: addrPort(c.RemoteAddr()), local: addrPort(c.LocalAddr()), late: p.memory.full()}
	cc.from, cc.onPort = cc.source.Addr().String(), strconv.Itoa(int(cc.local.Port()))
	return cc
}

// countConn counts a connection that came in; whoever closes it takes it out of Sessions.
func countConn(front *route.Stats, writer int, at time.Time) {
	now := at.UnixNano()
	front.Touch(now)
	front.ConnRate.Add(now)
	front.Add(writer, route.Connections, 1)
	front.Add(writer, route.Sessions, 1)
	front.Sessions.Inc()
}

func (c *clientConn) Read(b []byte) (int, error) {
	if c.spent.Load() {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	c.in.Add(uint64(n))
	return n, err
}

func (c *clientConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.out.Add(uint64(n))
	return n, err
}

// hearUntil bounds all reading, that under way too; the zero time lifts the bound.
func (c *clientConn) hearUntil(t time.Time) {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	c.until = t
	c.Conn.SetReadDeadline(t)
}

// SetReadDeadline is the HTTP library's, and ours for a body. The library lifts it at the end of a request.
func (c *clientConn) SetReadDeadline(t time.Time) error {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	if !c.until.IsZero() && (t.IsZero() || t.After(c.until)) {
		t = c.until
	}
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite sends FIN, or TLS's close_notify: the client reads to the end of what it was sent.
func (c *clientConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// serve makes x the exchange of the connection, or none where several run beside each other; the engine calls the func it returns when it
// is done with it.
func (c *clientConn) serve(x *exchange) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = x
	c.running++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running--
		c.settle()
	}
}

// others is how many more run beside an exchange.
func (c *clientConn) others() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running - 1
}

// flushed says that the response has left.
func (c *clientConn) flushed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish()
}

// Close closes the connection. The HTTP library does so in the middle of its work if it cannot write.
func (c *clientConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return err
	}
	c.closed = true
	if c.now == nil && !c.http2 && c.in.Load()+c.out.Load() > 0 { // it may have come along with the last request
		c.now = c.unread()
	}
	c.settle()
	return err
}

// settle ends the connection, if it is closed and nobody works on it any more.
func (c *clientConn) settle() {
	if !c.closed || c.running > 0 {
		return
	}
	c.finish()
	if c.ended {
		return
	}
	c.ended = true
	c.proxy.crowd.clients.Add(-1)
	c.front.Sessions.Dec()
	c.port.conns.Done()
}

func (c *clientConn) finish() {
	if c.now != nil {
		c.now.finish(c.in.Swap(0), c.out.Swap(0), time.Now())
		c.now = nil
	}
}

// ending says that the connection is to have no more requests than those under way.
func (c *clientConn) ending() bool { return c.port.leaving.Load() || c.late || c.proxy.memory.tight() }

// refused is the exchange for a request that nothing can be decided about.
func (c *clientConn) refused(f Failure) *exchange {
	x := &exchange{
		proxy: c.proxy, request: Request{Source: c.source, Local: c.local}, line: badLine,
		front: c.proxy.table.Load().ListenerAt(c.port.bind), began: time.Now(),
	}
	c.proxy.inFlight.Add(1)
	x.fail(f)
	return x
}

// unread is the exchange for bytes that belong to none when the connection closes: a request that could not be read.
func (c *clientConn) unread() *exchange {
	x := c.refused(BadRequest)
	if c.out.Load() > 0 { // the HTTP library answered; 400 stands for what it said
		x.status = BadRequest.row().status
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
