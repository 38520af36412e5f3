//go:build linux && (amd64 || arm64)

package proxy

import (
	"math"
	"net/netip"
	"syscall"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// mostAccepts are accepted in a row, before those that are connected have a turn.
const mostAccepts = 8

// listen has the loop accept from a port. The kernel wakes one of the loops for each connection, not all.
func (l *loop) listen(o *port) {
	c := l.newConn(o.fd, listener)
	c.port = o
	l.hear(c)
}

func (l *loop) hear(c *conn) {
	c.watched = true
	sysWatch(l.epoll, c.fd, syscall.EPOLLIN|epollExclusive, c.generation)
}

func (l *loop) unlisten(o *port) {
	if c := l.conns[o.fd]; c != nil && c.port == o {
		sysUnwatch(l.epoll, c.fd)
		l.forget(c)
	}
}

// acceptRest takes what the kernel has queued for a port that closes.
func (l *loop) acceptRest(o *port) {
	c := l.newConn(o.fd, listener)
	c.port = o
	for l.acceptOne(c) {
	}
	l.forget(c)
}

func (l *loop) accept(c *conn) {
	for range mostAccepts {
		if !l.acceptOne(c) {
			return
		}
	}
}

// acceptOne takes a connection in; false if there was none to take.
func (l *loop) acceptOne(c *conn) bool {
	if l.proxy.crowd.full() && !l.shedClient() {
		l.leaveAlone(c)
		return false
	}
	fd, from, e := sysAccept(c.fd)
	switch e {
	case 0:
		if fd >= l.lastForClients && !l.shed() {
			sysClose(fd)
			l.starve(c, syscall.EMFILE)
			return false
		}
		c.port.conns.Add(1)
		l.place(c.port, fd, from)
		return true
	case syscall.EAGAIN:
	case syscall.EINTR, syscall.ECONNABORTED:
		return true
	default:
		l.starve(c, e)
	}
	return false
}

// reserve is how many descriptors clients do not get: requests of those who are connected need servers.
const reserve = 64

// lastForClients is the first descriptor of the reserve. The kernel gives out the lowest one that is free.
func lastForClients() int32 {
	var most syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most) != nil {
		return math.MaxInt32
	}
	return int32(min(most.Cur-min(reserve, most.Cur/4), math.MaxInt32))
}

// starve is for want of descriptors, mostly: those that idle are given up, and the port is left alone until the next tick. What runs is not
// to suffer.
func (l *loop) starve(c *conn, e syscall.Errno) {
	l.proxy.zap.Warn("a connection cannot be accepted", zap.String("port", c.port.bind), zap.Error(e))
	for range mostAccepts {
		l.shed()
	}
	l.leaveAlone(c)
}

// leaveAlone leaves a port alone until the next tick: who comes waits in the kernel's queue.
func (l *loop) leaveAlone(c *conn) {
	if c.watched {
		c.watched = false
		sysUnwatch(l.epoll, c.fd)
		l.starving.anew(c, l.time)
	}
}

// shed gives up a connection that idles; false if there is none.
func (l *loop) shed() bool {
	if c := l.pooled.first; c != nil {
		l.closeIdle(c)
		return true
	}
	return l.shedClient()
}

// shedClient gives up the client that has idled longest.
func (l *loop) shedClient() bool {
	c := l.keepAlive.first
	if c != nil {
		l.closeClient(c)
	}
	return c != nil
}

// place gives a connection to the loop that has fewest. Mostly that is this one, or nearly so: the kernel wakes whoever waits.
func (l *loop) place(o *port, fd int32, from netip.AddrPort) {
	least, n := l, l.clientsNow.Load()
	for _, other := range l.others {
		if m := other.clientsNow.Load(); m+2+n/16 < n {
			least, n = other, m
		}
	}
	if least != l && least.post(func() { least.welcome(o, fd, from) }) {
		return
	}
	l.welcome(o, fd, from)
}

// welcome begins a connection.
func (l *loop) welcome(o *port, fd int32, from netip.AddrPort) {
	front := l.proxy.table.Load().ListenerAt(o.bind)
	if front == nil {
		o.conns.Done()
		sysClose(fd)
		return
	}
	l.clientsNow.Add(1)
	l.proxy.crowd.clients.Add(1)
	c := l.newConn(fd, client)
	c.port, c.front, c.source, c.local, c.onPort = o, front.Stats, from, o.local, o.text
	if o.local.Addr().IsUnspecified() {
		c.local = sysLocal(fd)
	}
	countConn(c.front, l.number, l.now)
	defer l.rescue(c.ref())
	if front.Spec.Options.AcceptProxy {
		l.awaitHeader(c)
		return
	}
	mode := front.Spec.Mode
	c.readable = mode != route.TCP // its first bytes came with it
	l.beginClient(c, mode)
	if mode != route.TCP && c.port == o && !c.watched {
		l.young = append(l.young, c.ref())
	}
}

// beginClient begins a connection of which it is known whose it is.
func (l *loop) beginClient(c *conn, mode route.Mode) {
	full := l.proxy.memory.full()
	switch {
	case mode == route.TCP:
		l.beginTCP(c, full)
	case full:
		l.refuseBytes(c, NoMemory)
	default:
		l.asking.anew(c, l.time)
		l.clientTurn(c)
	}
}

// closeClient ends a client's connection, on which nothing runs.
func (l *loop) closeClient(c *conn) {
	l.clientsNow.Add(-1)
	l.proxy.crowd.clients.Add(-1)
	c.front.Sessions.Dec()
	c.port.conns.Done()
	l.close(c)
}

// clients calls f for every client that came by a port.
func (l *loop) clients(o *port, f func(*conn)) {
	for _, c := range l.conns {
		if c != nil && (c.kind == client || c.kind == announced) && c.port == o {
			f(c)
		}
	}
}

// closeIdleClients closes the connections on which nothing runs, and if newcomers says so, those that have not sent a request yet. A request
// that has just come is served.
func (l *loop) closeIdleClients(o *port, newcomers bool) {
	l.clients(o, func(c *conn) {
		if c.trip != nil || len(c.in) > 0 || c.shut || c.list == &l.asking && !newcomers {
			return
		}
		r := c.ref()
		defer l.rescue(r)
		c.readable = true
		l.turn(c)
		if r.alive() && c.trip == nil && len(c.in) == 0 && !c.shut {
			l.closeClient(c)
		}
	})
}

// closeClients closes all connections, and cuts what runs on them.
func (l *loop) closeClients(o *port) {
	l.clients(o, func(c *conn) {
		if c.trip != nil {
			l.fail(c.trip, ServerGoneWaiting)
		}
	})
	l.clients(o, func(c *conn) {
		if c.trip != nil {
			l.abandon(c.trip)
		} else {
			l.closeClient(c)
		}
	})
}
