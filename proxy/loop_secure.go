//go:build linux && (amd64 || arm64)

package proxy

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// reachSecure connects to a server that speaks TLS. A loop cannot: a goroutine does, and passes the bytes on through a pair of sockets,
// of which the loop has one as if it were the server's.
func (l *loop) reachSecure(t *trip, p *pool) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		l.tryAgain(t, connectFailure(err))
		return
	}
	c := l.newConn(int32(pair[0]), server)
	ctx, cancel := context.WithCancel(context.Background())
	c.dialing, c.undo = true, cancel
	l.attach(t, p, c)
	t.phase = connecting
	l.connectWait(t).anew(c, l.time)
	l.watch(c)
	l.watch(t.client)
	r, server, limit := c.ref(), p.server, t.timeouts().Connect
	l.proxy.work.Go(func() {
		defer cancel()
		inner, err := unixConn(pair[1])
		if err != nil {
			l.post(func() { l.dialed(r, t, err) })
			return
		}
		defer inner.Close()
		outer, err := dialServer(ctx, server, limit)
		l.post(func() { l.dialed(r, t, err) })
		if err == nil {
			passBoth(ctx, inner, outer)
		}
	})
}

// unixConn is a socket of the pair as the library has them.
func unixConn(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "pair")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// dialed goes on with a connection that stands, or with another server.
func (l *loop) dialed(r ref, t *trip, err error) {
	if !r.alive() || r.trip != t || !r.dialing {
		return
	}
	r.dialing = false
	l.guard(r.conn, func() {
		if err != nil {
			l.tryAgain(t, connectFailure(err))
			return
		}
		l.connected(t)
	})
}

// passBoth passes bytes both ways until both have ended, one has failed, or ctx ends.
func passBoth(ctx context.Context, inner, outer duplex) {
	defer outer.Close()
	stop := context.AfterFunc(ctx, func() { inner.Close(); outer.Close() })
	defer stop()
	pass := func(to, from duplex) {
		if _, err := io.Copy(to, from); err != nil {
			inner.Close()
			outer.Close()
			return
		}
		to.CloseWrite()
	}
	var both sync.WaitGroup
	both.Go(func() { pass(inner, outer) })
	both.Go(func() { pass(outer, inner) })
	both.Wait()
}
