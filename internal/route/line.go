package route

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// Line lets a bounded number in at a time. Who comes too many may wait, and is called when somebody leaves: first come, first served. Its
// zero value is an empty one.
type Line struct {
	inside, waiting atomic.Int64

	mu    sync.Mutex
	queue list.List // of *Place
}

// Place is a place in a line, which is given up exactly once.
type Place struct {
	line *Line
	call func(*Place)
	at   *list.Element // in the line's queue, nil once it is called
}

// Enter goes in, if there is room for one more of most and nobody waits. Who is in has to Leave.
func (l *Line) Enter(most int64) bool { return l.waiting.Load() == 0 && l.take(most) }

func (l *Line) take(most int64) bool {
	for {
		n := l.inside.Load()
		if n >= most {
			return false
		}
		if l.inside.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Wait takes a place at the end of the line, if fewer than longest wait; nil otherwise. When its turn comes it is in, and call is called, by
// whoever made room. That may be before Wait returns.
func (l *Line) Wait(most, longest int64, call func(*Place)) *Place {
	p := &Place{line: l, call: call}
	if l.waiting.Add(1) > longest {
		l.waiting.Add(-1)
		return nil
	}
	l.mu.Lock()
	p.at = l.queue.PushBack(p)
	l.mu.Unlock()
	l.next(most) // who was in may have left before we were in line
	return p
}

// Leave goes out, and has the next one come in.
func (l *Line) Leave(most int64) {
	l.inside.Add(-1)
	if l.waiting.Load() > 0 {
		l.next(most)
	}
}

// next calls the first in line if there is room.
func (l *Line) next(most int64) {
	l.mu.Lock()
	first := l.queue.Front()
	if first == nil || !l.take(most) {
		l.mu.Unlock()
		return
	}
	p := first.Value.(*Place)
	l.remove(p)
	l.mu.Unlock()
	p.call(p)
}

func (l *Line) remove(p *Place) {
	l.queue.Remove(p.at)
	p.at = nil
	l.waiting.Add(-1)
}

// GiveUp gives the place up: whoever has it waits no more, or goes out if its turn has come meanwhile.
func (p *Place) GiveUp(most int64) {
	p.line.mu.Lock()
	called := p.at == nil
	if !called {
		p.line.remove(p)
	}
	p.line.mu.Unlock()
	if called {
		p.line.Leave(most)
	}
}

// Inside and Waiting are how many there are.
func (l *Line) Inside() int64  { return l.inside.Load() }
func (l *Line) Waiting() int64 { return l.waiting.Load() }
