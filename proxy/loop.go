//go:build linux && (amd64 || arm64)

package proxy

import (
	"bytes"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/h1"
	"marathon-lb/internal/route"
)

// loop is an event loop: one goroutine that moves the bytes of many connections, clients' and servers', and never waits for one of them.
// All that belongs to it is touched by that goroutine alone; others reach it by its mailbox.
//
// Its epoll descriptor is watched by Go's own poller, so that a loop with nothing to do is a parked goroutine like any other.
type loop struct {
	proxy  *Proxy
	number int // under which it counts
	mailbox
	others     []*loop
	clientsNow atomic.Int64 // clients' connections

	epoll          int
	file           *os.File // the same, as Go watches it
	park           syscall.RawConn
	collecting     func(uintptr) bool // collect, made once
	lastForClients int32
	events         []syscall.EpollEvent
	came, seen     int // events, and how many of them were seen to
	bells          int32
	tickers        int32
	over           bool
	gathering      bool // events that came together are being seen to: what is to be sent for them leaves together, too
	ticked         bool // something may be late
	ticks          int  // since the last trim
	at             ref  // whose turn it is
	largeHeads     int  // that there are at most

	now   time.Time // when the events at hand were collected
	start time.Time
	time  int64 // from start to now

	conns   []*conn // by descriptor
	free    *conn
	trips   []*trip // free ones
	pipes   []*pipe // free ones
	buffers [len(sizes)][][]byte
	turns   []ref // have more to do
	spare   []ref
	young   []ref // clients that are not watched yet
	pools   map[*route.Server]*pool
	waits

	// For whatever is at hand:
	buf      []byte
	head     []byte
	squeezed bytes.Buffer
	request  h1.Request
	response h1.Response
	fields   []Field
	edits    []Edit
}

const (
	tick       = 100 * time.Millisecond // between two looks at what is late
	trimEach   = 10                     // ticks between two trims
	mostTurns  = 16                     // reads for one connection before others have theirs
	mostEvents = 256
)

func newLoop(p *Proxy, number int) *loop {
	l := &loop{proxy: p, number: number, pools: map[*route.Server]*pool{}, epoll: -1, bells: -1, tickers: -1}
	l.newWaits(p.o.Timeouts)
	return l
}

// open makes what the loop waits on.
func (l *loop) open() (err error) {
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err = syscall.SetNonblock(l.epoll, true); err != nil { // makes os.NewFile give it to Go's poller
		return os.NewSyscallError("fcntl", err)
	}
	l.file = os.NewFile(uintptr(l.epoll), "epoll")
	if l.park, err = l.file.SyscallConn(); err != nil {
		return err
	}
	if l.bells, err = sysBell(); err != nil {
		return os.NewSyscallError("eventfd2", err)
	}
	if l.tickers, err = sysTicker(int64(tick)); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	l.lastForClients = lastForClients()
	l.events, l.collecting = make([]syscall.EpollEvent, mostEvents), l.collect
	l.start, l.buf = time.Now(), make([]byte, bufferRoom+bufferSize+bufferSlack)
	l.watch(l.newConn(l.bells, bell))
	l.watch(l.newConn(l.tickers, ticker))
	l.clock()
	l.mailbox.open(l.bells)
	return nil
}

// close gives back what open made.
func (l *loop) shut() {
	l.mailbox.close()
	for _, fd := range []int32{l.bells, l.tickers} {
		if fd >= 0 {
			sysClose(fd)
		}
	}
	if l.file != nil {
		l.file.Close()
	} else if l.epoll >= 0 {
		syscall.Close(l.epoll)
	}
}

func (l *loop) clock() {
	l.now = time.Now()
	l.time = int64(l.now.Sub(l.start))
}

// run is the loop.
func (l *loop) run() {
	defer l.shut()
	for !l.over {
		l.wait()
		l.clock()
		l.gathering = l.came > 1
		for l.seen = 0; l.seen < l.came; {
			l.seeTo()
		}
		l.gathering = false
		if l.ticked { // what came in time is seen first, even if all of us had to wait
			l.ticked = false
			l.watchYoung()
			l.expire()
			l.relieve()
		}
		l.takeTurns()
	}
	for _, p := range l.pools {
		p.closeIdle(l)
	}
	for _, p := range l.pipes {
		p.close()
	}
}

// wait collects events, and parks the goroutine until there are some, unless somebody still has a turn.
func (l *loop) wait() {
	if len(l.turns) > 0 {
		l.collect(0)
	} else {
		l.park.Read(l.collecting)
	}
}

// collect says whether there were events.
func (l *loop) collect(uintptr) bool {
	l.came = sysEvents(l.epoll, l.events)
	return l.came > 0
}

// seeTo sees to the events that came, up to one that brings a bug to light.
func (l *loop) seeTo() {
	defer l.rescueTurn()
	for l.seen < l.came {
		e := &l.events[l.seen]
		l.seen++
		if c := l.conns[e.Fd]; c != nil && c.generation == uint32(e.Pad) { // else it was closed meanwhile
			l.at = c.ref()
			l.event(c, e)
		}
	}
}

func (l *loop) event(c *conn, e *syscall.EpollEvent) {
	switch c.kind {
	case bell:
		sysTake(c.fd)
		l.letters()
	case ticker:
		sysTake(c.fd)
		l.ticked = true
	case listener:
		l.accept(c)
	default:
		if e.Events&(syscall.EPOLLIN|syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
			c.readable = true
		}
		c.writable = c.writable || e.Events&syscall.EPOLLOUT != 0
		c.ended = c.ended || e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP) != 0
		c.broken = c.broken || e.Events&(syscall.EPOLLHUP|syscall.EPOLLERR) != 0
		l.turn(c)
	}
}

// turn lets a connection do what it can. A bug that shows there ends the connection and what runs on it, and nothing else: its callers recover.
func (l *loop) turn(c *conn) {
	switch {
	case c.trip != nil:
		l.advance(c.trip)
	case c.kind == client:
		l.clientTurn(c)
	case c.kind == announced:
		l.headerTurn(c)
	default:
		l.idleTurn(c)
	}
}

// later gives the connection another turn, after the others had theirs.
func (l *loop) later(c *conn) {
	if !c.queued {
		c.queued = true
		l.turns = append(l.turns, c.ref())
	}
}

func (l *loop) takeTurns() {
	turns := l.turns
	l.turns = l.spare[:0]
	for left := turns; len(left) > 0; {
		left = l.takeSome(left)
	}
	clear(turns)
	l.spare = turns[:0]
}

// takeSome has connections take their turns, up to one that brings a bug to light, and returns those that are left.
func (l *loop) takeSome(turns []ref) (left []ref) {
	defer l.rescueTurn()
	for left = turns; len(left) > 0; {
		l.at, left = left[0], left[1:]
		if l.at.alive() {
			l.at.queued = false
			l.turn(l.at.conn)
		}
	}
	return left
}

// guard does f on behalf of a connection.
func (l *loop) guard(c *conn, f func()) {
	defer l.rescue(c.ref())
	f()
}

// rescue is deferred by all that works for a connection.
func (l *loop) rescue(r ref) {
	if fault := recover(); fault != nil {
		l.broke(r, fault)
	}
}

// rescueTurn is deferred by all that works for one connection after the other.
func (l *loop) rescueTurn() {
	fault := recover()
	switch {
	case fault == nil:
	case l.at.kind == bell: // who waits for a letter that was not finished would wait for ever
		panic(fault)
	default:
		l.broke(l.at, fault)
	}
}

// broke ends what met a bug.
func (l *loop) broke(r ref, fault any) {
	l.proxy.zap.Error("an exchange broke", zap.Any("fault", fault), zap.Stack("stack"))
	if !r.alive() || r.kind != client && r.kind != server && r.kind != announced {
		return
	}
	if t := r.trip; t != nil {
		t.count(route.InternalErrors, 1)
		l.abandon(t)
		return
	}
	if r.kind == server {
		l.close(r.conn)
	} else {
		l.closeClient(r.conn)
	}
}

// watchYoung watches the clients that were accepted a moment ago and are still there. Most of those that send one request are gone
// by then, and were never worth the system call.
func (l *loop) watchYoung() {
	for _, r := range l.young {
		if r.alive() {
			l.watch(r.conn)
		}
	}
	clear(l.young)
	l.young = l.young[:0]
}
