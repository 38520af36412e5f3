package proxy

import (
	"container/list"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"marathon-lb/internal/route"
)

// holds are the requests and TCP connections that wait until their backend has a server (HAPROXY_{n}_HOLD): a queue for each backend.
// How many and how much may wait is bounded: who finds no place is answered as if nothing were held.
type holds struct {
	most      int   // of one backend
	mostBytes int64 // of all

	waiting atomic.Int64 // how many there are
	mu      sync.Mutex
	bytes   int64
	queues  map[string]*list.List // of *held, by backend
	ended   bool
}

// held is one of them.
type held struct {
	holds *holds
	key   string // of its queue
	stats *route.Stats
	bytes int64
	timer *time.Timer
	place *list.Element // in the queue, nil once it has left
	done  func(Failure) // called when it may go, with OK, or when its time is up; never after leave
}

func newHolds(o *Options) *holds {
	return &holds{most: int(o.HoldRequests), mostBytes: int64(o.HoldBytes), queues: map[string]*list.List{}}
}

// enter queues one for a backend, so long at most; nil if there is no place. done must not wait, and may be called before enter returns.
func (h *holds) enter(b *route.Backend, bytes int, longest time.Duration, done func(Failure)) *held {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.queues[b.Spec.Name]
	if h.ended || h.bytes+int64(bytes) > h.mostBytes || q != nil && q.Len() >= h.most {
		return nil
	}
	if q == nil {
		q = list.New()
		h.queues[b.Spec.Name] = q
	}
	w := &held{holds: h, key: b.Spec.Name, stats: b.Stats, bytes: int64(bytes), done: done}
	w.place = q.PushBack(w)
	w.timer = time.AfterFunc(longest, w.late)
	h.bytes += w.bytes
	h.waiting.Add(1)
	w.stats.Queue.Inc()
	return w
}

// out takes one out of its queue; false if it has left already. The caller has the lock.
func (w *held) out() bool {
	if w.place == nil {
		return false
	}
	h, q := w.holds, w.holds.queues[w.key]
	q.Remove(w.place)
	if q.Len() == 0 {
		delete(h.queues, w.key)
	}
	w.place = nil
	w.timer.Stop()
	h.bytes -= w.bytes
	h.waiting.Add(-1)
	w.stats.Queue.Dec()
	return true
}

// leave is for one whose client went away. nil has left.
func (w *held) leave() {
	if w == nil {
		return
	}
	w.holds.mu.Lock()
	defer w.holds.mu.Unlock()
	w.out()
}

func (w *held) late() {
	w.holds.mu.Lock()
	defer w.holds.mu.Unlock()
	if w.out() {
		w.done(HeldTooLong)
	}
}

// release lets all go that wait for a backend, in the order in which they came.
func (h *holds) release(backend string, why Failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for q := h.queues[backend]; q != nil && q.Len() > 0; {
		w := q.Front().Value.(*held)
		w.out()
		w.done(why)
	}
}

// names are the backends that are waited for.
func (h *holds) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.queues))
}

// end lets nobody wait any more.
func (h *holds) end() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	for _, name := range h.names() {
		h.release(name, HeldTooLong)
	}
}

// hold has an exchange wait for a server of the backend its attempts are at: done is called once, by whoever brings the server about, or
// when the time is up. It returns nil if there is no place.
func (p *Proxy) hold(b *route.Backend, bytes int, longest time.Duration, done func(Failure)) *held {
	w := p.holds.enter(b, bytes, longest, done)
	if w != nil {
		p.serverCame(b.Spec.Name) // it may have, since the choice was made
	}
	return w
}

// serverCame lets those go who wait for a backend, if it has a server now, or is gone: then they learn so at once. Who waits for another of
// its canary group may be let in to it.
func (p *Proxy) serverCame(backend string) {
	if p.holds.waiting.Load() == 0 {
		return
	}
	t := p.Table()
	b := t.Backend(backend)
	if b != nil && !b.Gone && b.Usable() == 0 {
		return
	}
	p.holds.release(backend, OK)
	if b == nil || b.Spec.Canary.Group == "" {
		return
	}
	for _, name := range p.holds.names() {
		if other := t.Backend(name); other != nil && other.Spec.Canary.Group == b.Spec.Canary.Group && other.Usable() == 0 {
			p.holds.release(name, OK)
		}
	}
}

// brought lets those go for whom a change brought a server.
func (p *Proxy) brought(c route.Change) {
	for _, k := range c.SetBackends {
		p.serverCame(k.Name)
	}
	for _, name := range c.DropBackends {
		p.serverCame(name)
	}
}

// goroutineBytes is what a request holds that waits in a goroutine of its own, beside its head: buffers and a stack.
const goroutineBytes = 16 << 10

// ready is for engines that may wait: it does what a choice asks for, a pause or to be held, and begins the try. Where there is none to
// begin, it says why.
func (a *attempts) ready(ctx context.Context, t try, failed Failure) (try, Failure) {
	for ok := true; ; {
		if t.hold > 0 {
			if why := a.await(ctx, t.hold, failed); why != OK {
				return t, why
			}
			t, ok = a.first()
		} else if !pause(ctx, t.pause) {
			return t, ClientLeftConnecting
		}
		if ok && t.hold == 0 {
			t, ok = a.enter(t)
		}
		switch {
		case !ok:
			return t, failed
		case t.hold == 0:
			return t, OK
		}
	}
}

// await waits for a server, and says why there is none. failed is what the request fails with if it finds no place to wait.
func (a *attempts) await(ctx context.Context, longest time.Duration, failed Failure) Failure {
	x, done := a.exchange, make(chan Failure, 1)
	w := x.proxy.hold(a.backend, x.request.size()+goroutineBytes, longest, func(f Failure) { done <- f })
	if w == nil {
		return failed
	}
	defer w.leave()
	select {
	case f := <-done:
		if f != OK {
			x.tried = time.Now() // the log shows how long it waited
		}
		return f
	case <-ctx.Done():
		return ClientLeftHeld
	}
}
