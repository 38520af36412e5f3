//go:build linux && (amd64 || arm64)

package proxy

import "time"

// hold has a trip wait until there is a server, so long at most. Nothing is read from the client meanwhile.
func (l *loop) hold(t *trip, longest time.Duration) {
	c := t.client
	t.phase = holding
	c.unlist()
	l.watch(c)
	var w *held
	w = l.proxy.hold(t.attempts.backend, cap(t.head)+cap(t.out)+cap(c.in), longest, func(f Failure) {
		l.post(func() {
			if t.held == w { // else the trip is another one by now
				l.guard(t.client, func() { l.released(t, f) })
			}
		})
	})
	if t.held = w; w == nil {
		l.refuse(t, t.failed)
	}
}

// released goes on with a trip that was held.
func (l *loop) released(t *trip, f Failure) {
	t.held = nil
	if f != OK {
		t.exchange.tried = l.now // the log shows how long it waited
		l.refuse(t, f)
		return
	}
	next, ok := t.first()
	l.choose(t, next, ok, t.failed)
}

// leaveQueue ends the wait of a trip that ends otherwise.
func (t *trip) leaveQueue() {
	t.held.leave()
	t.held = nil
}
