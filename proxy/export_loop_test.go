//go:build linux && (amd64 || arm64)

package proxy

import "sync"

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
