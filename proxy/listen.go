package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// port is a bound address and what serves it.
type port struct {
	bind     string
	number   uint16
	text     string           // its number
	listener *net.TCPListener // until a loop adopts it
	http     speaker
	http2    speaker
	done     chan struct{} // closed when accepting has ended
	conns    sync.WaitGroup
	leaving  atomic.Bool   // answers tell clients to close
	given    bool          // to a successor, who accepts from it too
	rest     time.Duration // for how long it accepts when it stops

	handshakes sync.WaitGroup  // of TLS, which hand connections on
	shaking    context.Context // ends them

	fd     int32          // of the listener that the loops have adopted, else 0
	local  netip.AddrPort // its address
	ending chan struct{}  // closed to have the loops stop
	stops  chan struct{}  // closed when accepting is to end
}

func (o *port) looped() bool { return o.ending != nil }

// unbind gives the address back.
func (o *port) unbind() {
	if o.looped() {
		syscall.Close(int(o.fd))
	} else {
		o.listener.Close()
	}
}

// bindPort binds the address of a listener.
func bindPort(l *route.Listener) (*net.TCPListener, *BindError) {
	addr := l.Spec.Bind.String()
	if a := l.Spec.Bind.Addr(); !a.IsValid() || a.IsUnspecified() {
		addr = fmt.Sprintf(":%d", l.Spec.Bind.Port()) // IPv4 and IPv6 on one socket
	}
	n, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &BindError{Listener: l.Spec, Err: err}
	}
	return n.(*net.TCPListener), nil
}

// BindError says that a port could not be opened.
type BindError struct {
	Listener route.ListenerSpec
	Err      error
}

func (e *BindError) Error() string {
	return fmt.Sprintf("port %s (%s) cannot be opened: %s; %s", route.BindText(e.Listener.Bind), e.Listener.Name, e.reason(), e.remedy())
}

// Unwrap is the system's error.
func (e *BindError) Unwrap() error { return e.Err }

func (e *BindError) reason() string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "another process has it"
	case errors.Is(e.Err, syscall.EACCES):
		return "this process may not bind ports below 1024"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "this machine does not have that address"
	}
	return e.Err.Error()
}

func (e *BindError) remedy() string {
	flag := map[string]string{route.HTTPIn: "--http-bind", route.HTTPSIn: "--https-bind", route.AppIDIn: "--appid-bind"}[e.Listener.Name]
	setBy := func(label string) string {
		if flag != "" {
			return flag
		}
		return fmt.Sprintf("HAPROXY_%d_%s", e.Listener.PortIndex, label)
	}
	switch {
	case errors.Is(e.Err, syscall.EACCES):
		return "give it CAP_NET_BIND_SERVICE, run it as root, or choose another port with " + setBy("PORT")
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "give this machine that address, or choose one it has with " + setBy("BIND_ADDR or --service-addr")
	}
	return "stop what holds it, or choose another port with " + setBy("PORT")
}

// Problem is the error as operators see it while the port is tried again.
func (e *BindError) Problem() route.Problem {
	return route.Problem{
		App: e.Listener.App, Label: "port", Value: route.BindText(e.Listener.Bind),
		Reason: "it cannot be opened: " + e.reason() + "; it is tried again each " + bindAgain.String(), Remedy: e.remedy(),
	}
}

// serve accepts until the port is closed, then lets its connections finish; when hard ends they are closed.
func (p *Proxy) serve(hard context.Context, o *port) {
	var running sync.WaitGroup
	defer running.Wait()
	o.http, o.http2 = newSpeaker(p.engine.server(), o), newSpeaker(p.engine.server2(), o)
	running.Go(o.http.serve)
	running.Go(o.http2.serve)
	shaking, endHandshakes := context.WithCancel(hard)
	defer endHandshakes()
	o.shaking = shaking
	p.accept(hard, o)
	o.leaving.Store(true)
	close(o.done)
	running.Go(func() { o.http2.Shutdown(hard) }) // its clients are told at once which of their requests count: none is lost
	settle(hard, &running, &o.conns, p.lastAnswer(o))
	settle(hard, &running, &o.handshakes, newcomers)
	endHandshakes()
	o.handshakes.Wait()
	running.Go(func() { o.http2.end(hard) })
	o.http.end(hard)
}

// lastAnswer is how long clients with an idle connection have to send one more request, whose answer tells them to close. newcomers is how
// long, after that, those have who were let in just before the end.
const (
	lastAnswer = time.Second
	newcomers  = 4 * time.Second
)

// lastAnswer is that time for the clients of a port. Where a successor serves there is no hurry: a client that asks just when its connection
// is closed loses its request, so that is left to those that have not asked for long.
func (p *Proxy) lastAnswer(o *port) time.Duration {
	if o.given {
		return max(lastAnswer, p.o.DrainTimeout-newcomers-lastAnswer)
	}
	return lastAnswer
}

// settle waits until a group is done, or for that time. The goroutine it needs is one of running.
func settle(hard context.Context, running, group *sync.WaitGroup, most time.Duration) {
	quiet := make(chan struct{})
	running.Go(func() { group.Wait(); close(quiet) })
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-quiet:
	case <-late.C:
	case <-hard.Done():
	}
}

func (p *Proxy) accept(hard context.Context, o *port) {
	wait := time.Duration(0)
	for {
		c, err := o.listener.Accept()
		switch {
		case isTimeout(err) && o.waiting(): // the time came while we could not run
			o.listener.SetDeadline(time.Now().Add(lastAccept))
			continue
		case errors.Is(err, net.ErrClosed), isTimeout(err):
			return
		case err != nil: // out of descriptors, mostly: existing connections must not suffer
			wait = min(max(2*wait, 5*time.Millisecond), 100*time.Millisecond)
			p.zap.Warn("a connection cannot be accepted", zap.String("port", o.bind), zap.Error(err))
			pause(hard, wait)
			continue
		}
		wait = 0
		if !p.crowd.room(o) {
			c.Close()
			return
		}
		p.hand(hard, o, c)
	}
}

// hand gives a connection to the engine for the listener's mode, by way of its PROXY header and a handshake if it is to have them.
func (p *Proxy) hand(hard context.Context, o *port, c net.Conn) {
	l := p.table.Load().ListenerAt(o.bind)
	if l == nil {
		c.Close()
		return
	}
	if l.Spec.Options.AcceptProxy {
		a := &announcedConn{Conn: c}
		cc := p.newConn(a, o, l)
		o.handshakes.Go(func() { p.announce(hard, o, l, cc, a) })
		return
	}
	cc := p.newConn(c, o, l)
	if cc.wire != nil {
		o.handshakes.Go(func() { p.greet(hard, o, l, cc) })
		return
	}
	p.greet(hard, o, l, cc)
}

// newConn is a connection to a listener.
func (p *Proxy) newConn(c net.Conn, o *port, l *route.Listener) *clientConn {
	if l.Spec.TLS {
		return p.newSecureConn(c, o, l)
	}
	return p.newClientConn(c, o, l.Stats)
}

// greet goes on with a connection of which it is known whose it is.
func (p *Proxy) greet(hard context.Context, o *port, l *route.Listener, cc *clientConn) {
	if cc.wire == nil || p.handshake(o, l, cc) {
		p.pass(hard, o, l, cc)
	}
}

// pass gives a connection on which requests can be read to its engine.
func (p *Proxy) pass(hard context.Context, o *port, l *route.Listener, cc *clientConn) {
	switch {
	case l.Spec.Mode == route.TCP:
		go p.serveTCP(hard, cc)
	case cc.http2:
		o.http2.conns <- cc
	default:
		o.http.conns <- cc
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// lastAccept is how long a port that closes still accepts what the kernel has queued: closing at once would reset it.
const lastAccept = 2 * time.Millisecond

// refuse has newcomers be refused, while those whose connection is being made are still let in; false where the kernel cannot.
func (o *port) refuse() bool {
	err := errors.ErrUnsupported
	o.control(func(fd uintptr) { err = turnAway(fd) })
	return err == nil
}

// stop ends accepting soon; connections go on. What waits at a port that a successor has, too, is the successor's.
func (o *port) stop() {
	close(o.stops)
	if !o.given {
		o.rest = lastAccept
		o.refuse()
	}
	if o.looped() {
		close(o.ending)
	} else {
		o.listener.SetDeadline(time.Now().Add(o.rest))
	}
}

// control does something with the port's descriptor.
func (o *port) control(f func(fd uintptr)) {
	if o.looped() {
		f(uintptr(o.fd))
		return
	}
	if raw, err := o.listener.SyscallConn(); err == nil {
		raw.Control(f)
	}
}

// waiting says that connections still wait to be accepted from a port that stops.
func (o *port) waiting() (some bool) {
	if o.rest > 0 {
		o.control(func(fd uintptr) { some = inQueue(fd) > 0 })
	}
	return some
}

// stopped waits for that and gives the address back.
func (o *port) stopped() {
	<-o.done
	o.unbind()
}

// speaker is an http.Server of a port.
type speaker struct {
	*http.Server
	handover
}

func newSpeaker(s *http.Server, o *port) speaker {
	return speaker{s, handover{conns: make(chan net.Conn), addr: o.listener.Addr()}}
}

func (s speaker) serve() { s.Server.Serve(s.handover) }

// end takes no more connections, lets those there are finish, and closes them when hard ends.
func (s speaker) end(hard context.Context) {
	close(s.conns)
	if s.Server.Shutdown(hard) != nil {
		s.Server.Close()
	}
}

// handover is the net.Listener an http.Server gets its connections from.
type handover struct {
	conns chan net.Conn
	addr  net.Addr
}

// Accept, Close and Addr make it a net.Listener. Close does nothing: what was accepted is served.
func (h handover) Accept() (net.Conn, error) {
	if c, ok := <-h.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (h handover) Close() error   { return nil }
func (h handover) Addr() net.Addr { return h.addr }
