//go:build linux && (amd64 || arm64)

package proxy

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"marathon-lb/internal/route"
)

// loops is the engine: a loop for each core.
type loops struct {
	proxy *Proxy
	all   []*loop
}

// maxLoops is the number of loops.
func maxLoops() int { return runtime.GOMAXPROCS(0) }

func newLoops(p *Proxy) looper {
	e := &loops{proxy: p}
	for i := range maxLoops() {
		e.all = append(e.all, newLoop(p, noLoop+1+i))
	}
	for i, l := range e.all {
		l.others = slices.Concat(e.all[:i], e.all[i+1:])
	}
	return e
}

func (e *loops) open() error {
	for i, l := range e.all {
		if err := l.open(); err != nil {
			for _, opened := range e.all[:i+1] {
				opened.shut()
			}
			return fmt.Errorf("event loop: %w", err)
		}
	}
	return nil
}

func (e *loops) run() {
	var running sync.WaitGroup
	for _, l := range e.all {
		running.Go(l.run)
	}
	running.Wait()
}

// each has every loop do something, and waits until all have.
func (e *loops) each(f func(*loop)) {
	var busy sync.WaitGroup
	for _, l := range e.all {
		busy.Go(func() { l.do(func() { f(l) }) })
	}
	busy.Wait()
}

func (e *loops) end() { e.each(func(l *loop) { l.over = true }) }

func (e *loops) idle(s *route.Server) {
	for _, l := range e.all {
		l.post(func() { l.closeIdleTo(s) })
	}
}

func (e *loops) drop(s *route.Server) {
	for _, l := range e.all {
		l.post(func() { l.drop(s) })
	}
}

func (e *loops) cut(w what) int {
	var n atomic.Int64
	e.each(func(l *loop) { n.Add(int64(l.cutAll(w))) })
	return int(n.Load())
}

// adopt takes the port's listener from Go's poller, which would wake for each connection. All loops accept from the one socket: a
// listener for each loop would lose what is in its queue when it closes.
func (e *loops) adopt(o *port) error {
	raw, err := o.listener.SyscallConn()
	if err != nil {
		return err
	}
	var fd int
	if cerr := raw.Control(func(own uintptr) { fd, err = duplicate(own) }); cerr != nil {
		return cerr
	}
	if err != nil {
		return err
	}
	o.local = addrPort(o.listener.Addr())
	o.listener.Close()
	o.fd, o.ending = int32(fd), make(chan struct{})
	sysSet(o.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // connections inherit it, and what follows
	sysKeepAlive(o.fd)
	return nil
}

func duplicate(fd uintptr) (int, error) {
	n, _, e := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}

// firstBytes is for how many seconds the kernel keeps a connection to itself until the client has said something.
const firstBytes = 3

// fit has the kernel tell of HTTP connections only with their first bytes, so that they are accepted and read in one go. In tcp mode the
// server may be the one to speak first.
func (e *loops) fit(o *port, l *route.Listener) {
	seconds := firstBytes
	if l.Spec.Mode == route.TCP {
		seconds = 0
	}
	sysSet(o.fd, syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, seconds)
}

// serve is the life of a port: it is accepted from until it stops, then what the kernel has queued is, then its clients get a last answer
// that tells them to close, and what runs may finish until hard ends.
func (e *loops) serve(hard context.Context, o *port) {
	e.each(func(l *loop) { l.listen(o) })
	<-o.ending
	pause(hard, o.rest)
	e.each(func(l *loop) { l.unlisten(o) })
	if o.rest > 0 {
		e.all[0].do(func() { e.all[0].acceptRest(o) })
	}
	o.leaving.Store(true)
	close(o.done)
	var settling sync.WaitGroup
	defer settling.Wait()
	settle(hard, &settling, &o.conns, e.proxy.lastAnswer(o))
	e.each(func(l *loop) { l.closeIdleClients(o, false) })
	settle(hard, &settling, &o.conns, newcomers)
	e.each(func(l *loop) { l.closeIdleClients(o, true) })
	closed := make(chan struct{})
	settling.Go(func() { o.conns.Wait(); close(closed) })
	select {
	case <-closed:
	case <-hard.Done():
		e.each(func(l *loop) { l.closeClients(o) })
	}
}

// starved is how long a loop does not accept after it ran out of descriptors.
const starved = 50 * time.Millisecond
