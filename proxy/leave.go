package proxy

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
)

// what says what of all that runs is meant.
type what uint8

const (
	requests what = 1 << iota
	tunnels
	everything = requests | tunnels
)

// has says whether a tunnel, or else a request, is meant.
func (w what) has(tunnel bool) bool {
	if tunnel {
		return w&tunnels != 0
	}
	return w&requests != 0
}

// limit is until when something may finish.
type limit struct {
	after time.Duration
	of    what
}

// drain ends the proxy's life: no port is accepted from, requests and tunnels may finish, each until its time is up, and what is left
// then is cut; cut ends what no server is concerned with.
func (p *Proxy) drain(cut context.CancelFunc) {
	began := time.Now()
	p.holds.end() // no server comes any more
	p.mu.Lock()
	p.ended = true
	p.letIn()
	p.close(p.Table().Listeners())
	p.mu.Unlock()
	ended := make(chan struct{})
	go func() { p.work.Wait(); close(ended) }()
	limits := []limit{{p.o.DrainTimeout, requests}, {p.o.TunnelDrainTimeout, tunnels}}
	slices.SortFunc(limits, func(a, b limit) int { return cmp.Compare(a.after, b.after) })
	n := 0
	for i, l := range limits {
		late := time.NewTimer(time.Until(began.Add(l.after)))
		select {
		case <-ended:
			late.Stop()
		case <-late.C:
			n += p.cut(l.of)
			if i == len(limits)-1 {
				cut()
				<-ended
			}
		}
	}
	if n > 0 {
		p.zap.Warn("the time to drain is up; what still ran was cut", zap.Int("cut", n), zap.Duration("after", time.Since(began)))
	} else {
		p.zap.Info("drained; nothing was cut", zap.Duration("after", time.Since(began)))
	}
	p.upstreams.dropAll()
}

// mostLetIn is how long connections may take to be made. A loop has the kernel wait for their first bytes, and it takes a second until
// the kernel asks again those who have not sent any.
const mostLetIn = 1200 * time.Millisecond

// letIn refuses newcomers at all ports, tells clients to close, and waits until no connection is just being made any more.
func (p *Proxy) letIn() {
	made := map[uint16]bool{}
	for _, o := range p.ports {
		o.leaving.Store(true)
		if !o.given && o.refuse() {
			made[o.number] = true
		}
	}
	if len(made) == 0 {
		return
	}
	for late := time.Now().Add(mostLetIn); beingMade(made) && time.Now().Before(late); {
		time.Sleep(lookForMade)
	}
}

// lookForMade is the pause between two looks at all connections, of which there may be many.
const lookForMade = 20 * time.Millisecond

// cut ends what runs on servers, and says how much that was.
func (p *Proxy) cut(w what) int {
	n := p.upstreams.cut(w)
	if p.loops != nil {
		n += p.loops.cut(w)
	}
	return n
}
