//go:build linux && (amd64 || arm64)

package proxy

import (
	"slices"

	"marathon-lb/internal/route"
)

// pool is a loop's connections to one server: those that idle, the last one used at the end, and those on which something runs. It is
// kept by live server and not by address: a freed port can belong to another app soon.
type pool struct {
	server  *route.Server
	idle    []*conn
	running *conn
}

func (l *loop) poolOf(s *route.Server) *pool {
	p := l.pools[s]
	if p == nil {
		p = &pool{server: s}
		l.pools[s] = p
	}
	return p
}

// take is an idle connection that a request may be sent on: the one used last. One that idles for long may be closed by the server just
// as the request arrives, so only requests that may be sent twice get it.
func (p *pool) take(l *loop, twice bool) *conn {
	for last := len(p.idle) - 1; last >= 0; last-- {
		c := p.idle[last]
		if !twice && l.time-c.idleSince >= int64(idleOnce) {
			return nil
		}
		p.idle = p.idle[:last]
		c.unlist()
		if c.ended || c.broken { // its event is still to come
			l.close(c)
			continue
		}
		c.reused = true
		return c
	}
	return nil
}

// give takes a connection back on which nothing runs any more.
func (p *pool) give(l *loop, c *conn) {
	if len(p.idle) >= mostIdle || p.server.State() == route.Draining {
		l.close(c)
		return
	}
	c.idleSince = l.time
	p.idle = append(p.idle, c)
	l.pooled.anew(c, l.time)
}

// closeIdle closes an idle connection.
func (l *loop) closeIdle(c *conn) {
	p := c.pool
	if i := slices.Index(p.idle, c); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	l.close(c)
}

// idleTurn is for a connection to a server on which nothing runs: whatever comes now, nobody has asked for.
func (l *loop) idleTurn(c *conn) {
	if c.ended || c.broken {
		l.closeIdle(c)
		return
	}
	if !c.readable {
		return
	}
	if n, _ := c.read(l.buf[bufferRoom : bufferRoom+1]); n > 0 || c.readable {
		l.closeIdle(c)
	}
}

// settle forgets the pool of a server that drains, once it is empty.
func (p *pool) settle(l *loop) {
	if p.server.State() == route.Draining && p.running == nil && len(p.idle) == 0 && l.pools[p.server] == p {
		delete(l.pools, p.server)
	}
}

func (p *pool) closeIdle(l *loop) {
	for _, c := range p.idle {
		l.close(c)
	}
	p.idle = nil
}

// closeIdleTo closes the idle connections to a server.
func (l *loop) closeIdleTo(s *route.Server) {
	if p := l.pools[s]; p != nil {
		p.closeIdle(l)
	}
}

// drop forgets a server; what still runs on it is cut.
func (l *loop) drop(s *route.Server) {
	p := l.pools[s]
	if p == nil {
		return
	}
	delete(l.pools, s)
	p.closeIdle(l)
	p.cut(l, everything)
}

// cut ends what runs, and says how much that was.
func (p *pool) cut(l *loop, w what) (n int) {
	for c := p.running; c != nil; {
		next := c.nextInPool
		if t := c.trip; t == nil {
			p.leave(c)
		} else if w.has(t.tunnels || t.phase == tunneling) {
			p.leave(c)
			n++
			l.guard(c, func() { l.fail(t, ServerGoneWaiting) })
		}
		c = next
	}
	return n
}

func (l *loop) cutAll(w what) (n int) {
	for _, p := range l.pools {
		n += p.cut(l, w)
	}
	return n
}

// enter and leave keep the list of what runs.
func (p *pool) enter(c *conn) {
	c.pool, c.nextInPool, c.prevInPool = p, p.running, nil
	if p.running != nil {
		p.running.prevInPool = c
	}
	p.running = c
}

func (p *pool) leave(c *conn) {
	switch {
	case c.prevInPool != nil:
		c.prevInPool.nextInPool = c.nextInPool
	case p.running == c:
		p.running = c.nextInPool
	default: // it was taken out already
		return
	}
	if c.nextInPool != nil {
		c.nextInPool.prevInPool = c.prevInPool
	}
	c.nextInPool, c.prevInPool = nil, nil
}
