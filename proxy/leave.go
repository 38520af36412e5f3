package proxy

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
)

// lastAccept and lastAcceptLeaving are how long a port that closes still lets in those whose connection is just being made. A service's
// port holds up the next change meanwhile; a process that leaves has the time of a round trip.
const (
	lastAccept        = 2 * time.Millisecond
	lastAcceptLeaving = 50 * time.Millisecond
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
	p.closeWithin(lastAcceptLeaving, p.Table().Listeners())
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

// cut ends what runs on servers, and says how much that was.
func (p *Proxy) cut(w what) int {
	n := p.upstreams.cut(w)
	if p.loops != nil {
		n += p.loops.cut(w)
	}
	return n
}
