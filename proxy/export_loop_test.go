//go:build linux && (amd64 || arm64)

package proxy

import (
	"sync"
	"syscall"

	"go.uber.org/zap"
)

// Break has each loop meet a bug in every exchange that runs.
func (p *Proxy) Break() {
	p.loops.(*loops).each(func(l *loop) {
		for _, c := range l.conns {
			if c != nil && c.trip != nil && c.kind == client {
				l.guard(c, func() { panic("a bug") })
			}
		}
	})
}

// Clients is how many clients' connections each loop has.
func (p *Proxy) Clients() (n []int64) {
	for _, l := range p.loops.(*loops).all {
		n = append(n, l.clientsNow.Load())
	}
	return n
}

// Freeze has no loop do anything until the channel is closed; it returns when all stand still, with a func that waits until they go on.
func (p *Proxy) Freeze(until <-chan struct{}) (thawed func()) {
	loops := p.loops.(*loops)
	var still, gone sync.WaitGroup
	still.Add(len(loops.all))
	gone.Go(func() { loops.each(func(*loop) { still.Done(); <-until }) })
	still.Wait()
	return gone.Wait
}

// Loop is one on its own, without a proxy that runs it, for what no client can bring about.
type Loop struct{ l *loop }

// NewLoop opens one.
func NewLoop(log *zap.Logger) (*Loop, error) {
	l := newLoop(&Proxy{zap: log}, 1)
	return &Loop{l}, l.open()
}

// Idle adds a connection to a server that has left it. A bug shows when its turn comes.
func (o *Loop) Idle(bug bool) (fd int32, err error) {
	if fd, err = sysBell(); err != nil { // a descriptor like any other
		return -1, err
	}
	c := o.l.newConn(fd, server)
	c.ended = true
	if !bug {
		c.pool = &pool{}
	}
	return fd, nil
}

// Has says whether there is a connection.
func (o *Loop) Has(fd int32) bool { return o.l.conns[fd] != nil }

// Happen has events come on connections, all at once.
func (o *Loop) Happen(fds ...int32) {
	l := o.l
	l.came, l.seen = len(fds), 0
	for i, fd := range fds {
		l.events[i] = syscall.EpollEvent{Events: syscall.EPOLLRDHUP, Fd: fd, Pad: int32(l.conns[fd].generation)}
	}
	for l.seen < l.came {
		l.seeTo()
	}
}

// TakeTurns has connections take their turns.
func (o *Loop) TakeTurns(fds ...int32) {
	for _, fd := range fds {
		o.l.later(o.l.conns[fd])
	}
	o.l.takeTurns()
}

// Read has the loop read a letter.
func (o *Loop) Read(letter func()) {
	o.l.post(letter)
	o.Happen(o.l.bells)
}

// Close closes it.
func (o *Loop) Close() { o.l.shut() }
