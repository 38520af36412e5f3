package proxy

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// checker probes the servers of the table, each by its plan: it keeps the agenda, and one goroutine for each probe under way.
type checker struct {
	probe func(context.Context, *route.Plan) route.Result
	found func(*route.Server, *route.Plan, route.Result)

	mu      sync.Mutex
	of      map[string]map[*route.Server]*visit // by backend
	agenda  agenda
	running int
	settles int           // how many visits are to servers that settle
	wake    chan struct{} // something may be due
	probes  sync.WaitGroup
}

const (
	mostProbes    = 512                   // under way at a time: each has a descriptor and a goroutine
	leastInterval = 10 * time.Millisecond // whatever a plan asks for
	spread        = 0.05                  // of the interval, either way: HAProxy's "spread-checks 5"
)

func newChecker(probe func(context.Context, *route.Plan) route.Result, found func(*route.Server, *route.Plan, route.Result)) *checker {
	return &checker{probe: probe, found: found, of: map[string]map[*route.Server]*visit{}, wake: make(chan struct{}, 1)}
}

// followChange has the servers probed that a change left in the backends it touched.
func (c *checker) followChange(change route.Change, t *route.Table) {
	for _, k := range change.SetBackends {
		c.follow(k.Name, t.Backend(k.Name).Servers)
	}
	for _, name := range change.DropBackends {
		c.follow(name, nil)
	}
}

// follow has these servers of a backend probed, and no others.
func (c *checker) follow(backend string, servers []*route.Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, now := c.of[backend], time.Now()
	visits := map[*route.Server]*visit{}
	for _, s := range servers {
		p := s.Plan()
		if p == nil {
			continue
		}
		v := old[s]
		switch {
		case v == nil || v.plan.Probe != p.Probe:
			v = &visit{server: s, began: now, due: firstVisit(s, p, now)}
			heap.Push(&c.agenda, v)
		case v.place >= 0 && (p.Interval < v.plan.Interval || s.Health() == route.Initial):
			v.due = earlier(v.due, firstVisit(s, p, now))
			heap.Fix(&c.agenda, v.place)
		}
		v.plan = p
		visits[s] = v
	}
	for s, v := range old {
		if visits[s] != v {
			c.strike(v)
		}
	}
	if c.of[backend] = visits; len(visits) == 0 {
		delete(c.of, backend)
	}
	c.stir()
}

// firstVisit is now where the answer decides whether the server is used, and else spread over the interval.
func firstVisit(s *route.Server, p *route.Plan, now time.Time) time.Time {
	if s.Health() == route.Initial {
		return now
	}
	return now.Add(time.Duration(rand.Float64() * float64(p.Interval)))
}

// strike takes a visit off the agenda; the result of a probe under way is not wanted any more.
func (c *checker) strike(v *visit) {
	v.off = true
	c.settle(v, time.Time{})
	if v.place >= 0 {
		heap.Remove(&c.agenda, v.place)
	}
}

func (c *checker) stir() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run sends the probes that are due until ctx ends, and waits for them.
func (c *checker) run(ctx context.Context) {
	defer c.probes.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		timer.Reset(c.send(ctx, time.Now()))
	}
}

// atRest is how long to wait where nothing is due: something will stir the checker before.
const atRest = time.Hour

// send starts the probes that are due, as many as may be under way, and says when to look again.
func (c *checker) send(ctx context.Context, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.agenda) > 0 && c.running < mostProbes {
		v := c.agenda[0]
		if wait := v.due.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&c.agenda)
		c.running++
		v.server.SetProbed(true)
		plan := v.plan
		c.probes.Go(func() { c.visit(ctx, v, plan) })
	}
	return atRest
}

// visit probes a server and passes on the result, unless nobody wants it any more.
func (c *checker) visit(ctx context.Context, v *visit, p *route.Plan) {
	began := time.Now()
	r := c.probe(ctx, p)
	v.server.SetProbed(false)
	if ctx.Err() == nil && !c.isOff(v) {
		c.found(v.server, p, r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if !v.off {
		c.settle(v, time.Now())
		v.due = began.Add(c.rest(v))
		heap.Push(&c.agenda, v)
	}
	c.stir()
}

func (c *checker) isOff(v *visit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return v.off
}

// interval is the time until the next probe, a little more or less each time, so that probes do not fall into step.
func interval(p *route.Plan) time.Duration {
	d := float64(max(p.Interval, leastInterval))
	return time.Duration(d * (1 - spread + 2*spread*rand.Float64()))
}

// A new server that nobody vouches for is probed more often than its check says until it is found well for the first time: it waits for
// that to be used. Few are asked so often, or many less often; and none for longer than it may take a server to start.
const (
	settleEach  = 200 * time.Millisecond
	settleShare = 2 * time.Millisecond // for each of those that settle: 500 probes a second for all
	settleFor   = time.Minute
)

// settle notes whether the server of a visit settles.
func (c *checker) settle(v *visit, now time.Time) {
	known := v.server.Checked()
	is := !v.off && known != nil && !known.Proven && now.Sub(v.began) < settleFor
	if is != v.settles {
		v.settles = is
		if is {
			c.settles++
		} else {
			c.settles--
		}
	}
}

// rest is the time until the next probe.
func (c *checker) rest(v *visit) time.Duration {
	d := interval(v.plan)
	if v.settles {
		d = min(d, max(settleEach, time.Duration(c.settles)*settleShare))
	}
	return d
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// probed takes in what a probe found, and says so where it changes the server's health.
func (p *Proxy) probed(s *route.Server, plan *route.Plan, r route.Result) {
	now, was := time.Now(), s.Health()
	if !s.Found(plan, r, now) {
		return
	}
	p.mu.Lock() // a change that is taking effect tells the backend's counters of what it saw before
	k := p.Table().Backend(s.Backend)
	if k != nil {
		k.NoteHealth(now)
	}
	p.mu.Unlock()
	if k == nil {
		return
	}
	p.serverCame(s.Backend)
	fields := []zap.Field{
		zap.String("backend", s.Backend), zap.String("server", s.Name), zap.String("task", s.Task),
		zap.String("check", string(r.Status)), zap.Int("code", r.Code), zap.String("info", r.Text), zap.Duration("took", r.Took),
		zap.Int("usable", k.Usable()), zap.Bool("panic", k.Grade() == route.Vouched),
	}
	switch {
	case s.Health() == route.Down:
		p.zap.Warn("a server is down", fields...)
	case was == route.Down:
		p.zap.Info("a server is up", fields...)
	default:
		p.zap.Debug("a new server is up", fields...)
	}
}
