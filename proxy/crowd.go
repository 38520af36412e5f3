package proxy

import (
	"context"
	"math"
	"sync/atomic"
	"syscall"
	"time"

	"marathon-lb/internal/route"
)

// crowd bounds how many clients there are, and how many of them may be on one backend: a service that does not answer must not have all.
type crowd struct {
	asked       Options
	clients     atomic.Int64 // their connections
	most        atomic.Int64
	mostBackend atomic.Int64
}

func newCrowd(o Options) *crowd {
	c := &crowd{asked: o}
	c.measure()
	return c
}

// measure finds the bounds. Each client needs a descriptor, and another one towards its server.
func (c *crowd) measure() {
	most := int64(c.asked.MaxConn)
	if most <= 0 {
		most = math.MaxInt32
		var files syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
			most = int64(min(files.Cur/2, math.MaxInt32))
		}
	}
	of := int64(c.asked.BackendMaxConn)
	if of <= 0 {
		of = max(1, most/2)
	}
	c.most.Store(most)
	c.mostBackend.Store(of)
}

// full says that no more clients are to be let in.
func (c *crowd) full() bool { return c.clients.Load() >= c.most.Load() }

// roomEach is between two looks for room.
const roomEach = 10 * time.Millisecond

// room waits until one more client may be let in; false if the port stops before.
func (c *crowd) room(o *port) bool {
	for c.full() {
		select {
		case <-o.stops:
			return false
		case <-time.After(roomEach):
		}
	}
	return true
}

// MaxConn is how many client connections there may be at a time.
func (p *Proxy) MaxConn() int64 { return p.crowd.most.Load() }

// goIn goes to the backend; false if it has as many already as it may have.
func (x *exchange) goIn() bool {
	x.entered = x.action.Backend.Stats.Line.Enter(x.proxy.crowd.mostBackend.Load())
	return x.entered
}

// lineUp waits for the backend to have room: then call is called, by whoever makes it.
func (x *exchange) lineUp(call func(*route.Place)) Failure {
	most, s := x.proxy.crowd.mostBackend.Load(), x.action.Backend.Stats
	if x.place = s.Line.Wait(most, max(1, most/2), call); x.place == nil {
		return QueueFull
	}
	s.Queue.Inc()
	return OK
}

// admitted is for an exchange whose turn has come.
func (x *exchange) admitted() {
	x.action.Backend.Stats.Queue.Dec()
	x.called = true
}

// goOut makes room for others.
func (x *exchange) goOut() {
	most := x.proxy.crowd.mostBackend.Load()
	switch {
	case x.entered:
		x.action.Backend.Stats.Line.Leave(most)
	case x.place != nil:
		if !x.called {
			x.action.Backend.Stats.Queue.Dec()
		}
		x.place.GiveUp(most)
	}
}

// await goes to the backend, and waits for it to have room.
func (x *exchange) await(ctx context.Context) Failure {
	if x.goIn() {
		return OK
	}
	called := make(chan struct{})
	if failed := x.lineUp(func(*route.Place) { close(called) }); failed != OK {
		return failed
	}
	late := time.NewTimer(x.proxy.o.Timeouts.Queue)
	defer late.Stop()
	select {
	case <-called:
		x.admitted()
		return OK
	case <-late.C:
		return QueueTimeout
	case <-ctx.Done():
		return ClientLeftConnecting
	}
}
