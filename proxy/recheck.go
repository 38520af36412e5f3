package proxy

import (
	"context"
	"maps"
	"net"
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// recheck asks servers that are shunned because they could not be connected to whether they can be now, so that nobody is shunned for
// long who is back. It asks for a connection and no more: what servers answer is for requests and probes to find out.
type recheck struct {
	mu   sync.Mutex
	out  map[*route.Server]bool
	wake chan struct{} // there is one
}

const (
	recheckEach  = 500 * time.Millisecond
	mostRechecks = 64 // at a time; the others wait for the next round
)

func newRecheck() *recheck {
	return &recheck{out: map[*route.Server]bool{}, wake: make(chan struct{}, 1)}
}

// add has a server asked for as long as it is shunned.
func (r *recheck) add(s *route.Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out[s] = true
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run asks each server in turn until ctx ends. It sleeps while there is none.
func (r *recheck) run(ctx context.Context) {
	timer := time.NewTimer(recheckEach)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		for some := true; some; some = r.round(ctx) {
			timer.Reset(recheckEach)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
	}
}

// round asks those that are still shunned, and says whether there may be any left.
func (r *recheck) round(ctx context.Context) bool {
	r.mu.Lock()
	maps.DeleteFunc(r.out, func(s *route.Server, _ bool) bool { return !s.IsShunned() || s.State() == route.Draining })
	var asked sync.WaitGroup
	n := 0
	for s := range r.out {
		if n++; n > mostRechecks {
			break
		}
		asked.Go(func() {
			d := net.Dialer{Timeout: recheckEach}
			if c, err := d.DialContext(ctx, "tcp", s.Addr.String()); err == nil {
				c.Close()
				s.Relieve()
			}
		})
	}
	r.mu.Unlock()
	asked.Wait()
	return n > 0
}
