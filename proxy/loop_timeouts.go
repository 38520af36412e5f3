//go:build linux && (amd64 || arm64)

package proxy

import "time"

// timeouts is a list of conns that wait for the same kind of thing, for equally long: the first is the next to be late. To wait anew
// costs a few assignments, and no timer.
type timeouts struct {
	after       int64 // nanoseconds
	late        func(*conn)
	first, last *conn
}

// waits are the kinds.
type waits struct {
	asking    timeouts // the client's, to be whole
	keepAlive timeouts // the client's next request
	client    timeouts // its progress
	connect   timeouts
	server    timeouts // its progress
	tunnel    timeouts // a byte either way; kept on the client's side
	queue     timeouts // for a backend to have room; kept on the client's side
	pause     timeouts // before a server is tried again; kept on the client's side
	linger    timeouts // for a client to see the last answer
	pooled    timeouts // idle connections to servers
	starving  timeouts // of listeners, for descriptors

	ownTimes map[wait]*timeouts // lists of the same kinds for backends that want other times
}

// wait is a kind of waiting for a time of a backend's own.
type wait struct {
	kind  *timeouts
	after time.Duration
}

// waitFor is the list for a kind and a time, 0 for the usual one.
func (l *loop) waitFor(kind *timeouts, after time.Duration) *timeouts {
	if after == 0 || int64(after) == kind.after {
		return kind
	}
	key := wait{kind, after}
	w := l.ownTimes[key]
	if w == nil {
		w = &timeouts{after: int64(after), late: kind.late}
		if l.ownTimes == nil {
			l.ownTimes = map[wait]*timeouts{}
		}
		l.ownTimes[key] = w
	}
	return w
}

func (l *loop) connectWait(t *trip) *timeouts {
	if d := t.directives(); d != nil {
		return l.waitFor(&l.connect, d.Connect)
	}
	return &l.connect
}

func (l *loop) serverWait(t *trip) *timeouts {
	if d := t.directives(); d != nil {
		return l.waitFor(&l.server, d.Server)
	}
	return &l.server
}

func (l *loop) tunnelWait(t *trip) *timeouts {
	if d := t.directives(); d != nil {
		return l.waitFor(&l.tunnel, d.Tunnel)
	}
	return &l.tunnel
}

func (l *loop) newWaits(t Timeouts) {
	set := func(w *timeouts, after time.Duration, late func(*conn)) { w.after, w.late = int64(after), late }
	set(&l.asking, t.Head, l.headTooSlow)
	set(&l.keepAlive, t.KeepAlive, l.closeClient)
	set(&l.client, t.Client, l.clientStalled)
	set(&l.connect, t.Connect, func(c *conn) { l.tryAgain(c.trip, ConnectTimeout) })
	set(&l.server, t.Server, func(c *conn) { l.fail(c.trip, ServerTimeout) })
	set(&l.tunnel, t.Tunnel, func(c *conn) { l.fail(c.trip, ServerStalled) })
	set(&l.queue, t.Queue, func(c *conn) { l.fail(c.trip, QueueTimeout) })
	set(&l.pause, retryPause, func(c *conn) { l.reachNext(c.trip) })
	set(&l.linger, lastRead, l.closeClient)
	set(&l.pooled, idleAgain, l.closeIdle)
	set(&l.starving, starved, l.hear)
}

// expire sees to all that is late.
func (l *loop) expire() {
	for _, w := range []*timeouts{&l.asking, &l.keepAlive, &l.client, &l.connect, &l.server, &l.tunnel, &l.queue, &l.pause, &l.linger, &l.pooled, &l.starving} {
		l.expireOf(w)
	}
	for key, w := range l.ownTimes {
		if l.expireOf(w); w.first == nil {
			delete(l.ownTimes, key)
		}
	}
}

func (l *loop) expireOf(w *timeouts) {
	for c := w.first; c != nil && c.deadline <= l.time; c = w.first {
		c.unlist()
		l.guard(c, func() { w.late(c) })
	}
}

// idleTight is how long clients may idle while memory is scarce.
const idleTight = time.Second

// relieve lets go of what is not needed: of little each second, and of all that idles where memory is scarce.
func (l *loop) relieve() {
	if l.ticks++; l.ticks >= trimEach {
		l.ticks = 0
		l.trim()
	}
	if !l.proxy.memory.tight() {
		return
	}
	for c := l.keepAlive.first; c != nil && c.deadline-l.keepAlive.after+int64(idleTight) <= l.time; c = l.keepAlive.first {
		l.closeClient(c)
	}
	for c := l.pooled.first; c != nil; c = l.pooled.first {
		l.closeIdle(c)
	}
}

// anew begins c's wait, or begins it again.
func (w *timeouts) anew(c *conn, now int64) {
	c.deadline = now + w.after
	if c.list == w && w.last == c {
		return
	}
	c.unlist()
	c.list, c.prev = w, w.last
	if w.last != nil {
		w.last.next = c
	} else {
		w.first = c
	}
	w.last = c
}

// slack is by how much less than it should a wait may last: who moves all the time need not go to the end of the list each time.
const slack = int64(10 * time.Millisecond)

// wait begins anew after progress, and goes on without.
func (w *timeouts) wait(c *conn, now int64, moved bool) {
	if c.list != w || moved && now+w.after-c.deadline > slack {
		w.anew(c, now)
	}
}

// unlist ends c's wait.
func (c *conn) unlist() {
	w := c.list
	if w == nil {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		w.last = c.prev
	}
	c.list, c.prev, c.next = nil, nil, nil
}
