package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// Proxy serves what its table says. It is the only holder of the table: changes come in by Apply.
type Proxy struct {
	o         Options
	zap       *zap.Logger
	log       *accessLog
	table     atomic.Pointer[route.Table]
	engine    *httpEngine
	loops     looper // nil where net/http serves all
	upstreams *upstreams
	certs     *certStore
	tls       *tls.Config
	checks    *checker
	recheck   *recheck
	pages     pages
	work      sync.WaitGroup // goroutines that serve
	inFlight  atomic.Int64   // exchanges
	repeats   budget
	gate      *gate
	memory    *memory
	crowd     *crowd
	holds     *holds

	swapping sync.Mutex // held from when a change begins to show in servers until it does in the table

	mu     sync.Mutex // one change at a time; never waited for by a loop
	ports  map[string]*port
	fresh  []*port               // bound, but not served yet
	failed map[string]*BindError // to be bound again
	wake   chan struct{}         // there are fresh ports
	ended  bool                  // nobody would serve another port
	held   bool                  // fresh ports are not served yet
	take   Take                  // nil without a predecessor
}

const (
	bindAgain = 5 * time.Second        // between two tries to open a port that is taken
	keepEach  = 200 * time.Millisecond // between two looks at servers that leave
)

// New makes a proxy with an empty table; it serves nothing yet.
func New(o Options, log *zap.Logger) *Proxy {
	o.Timeouts = o.Timeouts.orDefault()
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 30*time.Second)
	o.TunnelDrainTimeout = cmp.Or(o.TunnelDrainTimeout, o.DrainTimeout)
	o.HoldBytes = cmp.Or(o.HoldBytes, 64<<20)
	p := &Proxy{
		o: o, zap: log, log: newAccessLog(o.AccessLog, log), upstreams: newUpstreams(), gate: newGate(), recheck: newRecheck(),
		memory: newMemory(log), crowd: newCrowd(o), holds: newHolds(&o),
		certs: newCertStore(o, log),
		ports: map[string]*port{}, failed: map[string]*BindError{}, wake: make(chan struct{}, 1),
	}
	p.pages.begin(o.ErrorFiles)
	p.tls = p.tlsConfig()
	p.engine = newHTTPEngine(p)
	if o.Engine != NetHTTPEngine {
		p.loops = newLoops(p)
	}
	if o.Engine == LoopEngine && p.loops == nil {
		log.Warn("there are no event loops on this system; Go's HTTP library serves instead")
	}
	p.checks = newChecker(newProber(o.Timeouts.Connect).probe, p.probed)
	p.table.Store(route.NewTable(1 + maxLoops()))
	return p
}

func (t Timeouts) orDefault() Timeouts {
	return Timeouts{
		Connect: cmp.Or(t.Connect, 3*time.Second), Handshake: cmp.Or(t.Handshake, 5*time.Second),
		Head: cmp.Or(t.Head, 15*time.Second), KeepAlive: cmp.Or(t.KeepAlive, time.Minute),
		Client: cmp.Or(t.Client, 30*time.Second), Server: cmp.Or(t.Server, 30*time.Second), Tunnel: cmp.Or(t.Tunnel, time.Hour),
		Queue: cmp.Or(t.Queue, 30*time.Second),
	}
}

// Table is what is served now.
func (p *Proxy) Table() *route.Table { return p.table.Load() }

// mayRepeat says whether one more request may be sent a second time now.
func (p *Proxy) mayRepeat() bool { return p.repeats.take(time.Now(), p.inFlight.Load()) }

// Apply builds the next table and changes over to it: it binds new ports, swaps the table, closes the ports that went and has the
// servers that left drain. Its error joins a BindError for each port that could not be bound; those are tried again while the
// rest is served. Ports are bound at once and served from Run on.
func (p *Proxy) Apply(c route.Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.DrainTimeout = p.o.DrainTimeout
	p.certs.use(c) // which read files: no request waits for that
	p.pages.use(c)
	p.swapping.Lock()
	next, diff := route.Build(p.table.Load(), c)
	errs := p.openAll(diff.Open)
	p.table.Store(next)
	p.swapping.Unlock()
	errs = append(errs, p.fit(c.SetListeners)...)
	p.checks.followChange(c, next)
	p.brought(c)
	p.start()
	p.close(diff.Close)
	if len(errs) > 0 && len(diff.Close) > 0 { // an address that moved from all interfaces to one was in its own way
		errs = p.openAll(diff.Open)
		p.start()
	}
	for _, s := range diff.Left {
		p.idle(s)
	}
	for _, s := range diff.Gone {
		if c.Now.Sub(s.DrainingSince()) >= c.DrainTimeout {
			p.drop(s)
		} else { // nothing ran on it; a request that chose it just before that may still come
			p.left(s)
		}
	}
	return errors.Join(errs...)
}

// idle closes the idle connections to a server that takes no more requests.
func (p *Proxy) idle(s *route.Server) {
	p.upstreams.idle(s)
	if p.loops != nil {
		p.loops.idle(s)
	}
}

// left is for a server that drains and has just done its last request. A loop hears of it a moment later, when the server may be in use
// again: what runs on it then is not touched.
func (p *Proxy) left(s *route.Server) {
	p.upstreams.drop(s)
	if p.loops != nil {
		p.loops.idle(s)
	}
}

// drop forgets a server on which nothing may run any more; what still does is cut.
func (p *Proxy) drop(s *route.Server) {
	p.upstreams.drop(s)
	if p.loops != nil {
		p.loops.drop(s)
	}
}

// openAll binds what is not bound yet.
func (p *Proxy) openAll(listeners []*route.Listener) (errs []error) {
	if p.ended {
		return nil
	}
	for _, l := range listeners {
		if p.ports[route.BindText(l.Spec.Bind)] == nil {
			if err := p.open(l); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

// open binds a listener's port.
func (p *Proxy) open(l *route.Listener) error {
	bind := route.BindText(l.Spec.Bind)
	n := p.inherited(bind)
	if n == nil {
		var err *BindError
		if n, err = bindPort(l); err != nil {
			p.failed[bind] = err
			return err
		}
	}
	delete(p.failed, bind)
	o := &port{
		bind: bind, number: addrPort(n.Addr()).Port(), text: strconv.Itoa(int(l.Spec.Bind.Port())), listener: n,
		done: make(chan struct{}), stops: make(chan struct{}),
	}
	if p.looped(l) {
		if err := p.loops.adopt(o); err != nil {
			n.Close()
			p.failed[bind] = &BindError{Listener: l.Spec, Err: err}
			return p.failed[bind]
		}
		p.loops.fit(o, l)
	}
	p.ports[bind] = o
	p.fresh = append(p.fresh, o)
	return nil
}

// fit suits ports that stay open to what their listeners are now. One that speaks TLS all of a sudden is opened anew, for another engine.
func (p *Proxy) fit(listeners []route.ListenerSpec) (errs []error) {
	for _, s := range listeners {
		l, o := p.Table().Listener(s.Bind), p.ports[route.BindText(s.Bind)]
		switch {
		case o == nil || l == nil || !o.looped():
		case p.looped(l):
			p.loops.fit(o, l)
		default:
			p.close([]*route.Listener{l})
			errs = append(errs, p.openAll([]*route.Listener{l})...)
		}
	}
	return errs
}

// start has Run serve the fresh ports.
func (p *Proxy) start() {
	if len(p.fresh) == 0 || p.held {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// close closes the ports of listeners that went; connections that stand may finish.
func (p *Proxy) close(gone []*route.Listener) {
	var stopping []*port
	for _, l := range gone {
		bind := route.BindText(l.Spec.Bind)
		o := p.ports[bind]
		delete(p.ports, bind)
		delete(p.failed, bind)
		if i := slices.Index(p.fresh, o); o != nil && i >= 0 { // Run has not seen it yet
			p.fresh = slices.Delete(p.fresh, i, i+1)
			o.unbind()
		} else if o != nil {
			o.stop()
			stopping = append(stopping, o)
		}
	}
	for _, o := range stopping {
		o.stopped()
	}
}

// Problems are the ports that cannot be opened at the moment, and what is wrong with certificates.
func (p *Proxy) Problems() []route.Problem {
	all := append(slices.Clone(p.certs.Problems()), p.pages.problems()...)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, bind := range slices.Sorted(maps.Keys(p.failed)) {
		all = append(all, p.failed[bind].Problem())
	}
	return all
}

// Unopened are the ports of the table that cannot be opened at the moment, as route.BindText writes them.
func (p *Proxy) Unopened() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	closed := map[string]bool{}
	for bind := range p.failed {
		closed[bind] = true
	}
	return closed
}

// Run serves until ctx ends, then drains: no new connection is accepted, what runs may finish until the drain timeout, and what is
// left is cut. It returns nil, or what keeps it from serving at all.
func (p *Proxy) Run(ctx context.Context) error {
	p.crowd.measure() // the limit of open files may have been raised
	if p.loops != nil {
		if err := p.loops.open(); err != nil {
			return err
		}
		var looping sync.WaitGroup
		looping.Go(p.loops.run)
		defer looping.Wait()
		defer p.loops.end()
	}
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var logging, checking sync.WaitGroup
	logging.Go(p.log.run)
	var watching sync.WaitGroup
	watching.Go(func() { p.certs.run(ctx) })
	watching.Go(func() { p.memory.run(ctx) })
	defer watching.Wait()
	checking.Go(func() { p.checks.run(ctx) })
	checking.Go(func() { p.recheck.run(ctx) })
	keep, again := time.NewTicker(keepEach), time.NewTicker(bindAgain)
	defer keep.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			p.drain(cut)
			checking.Wait()
			p.log.end()
			logging.Wait()
			return nil
		case <-p.wake:
			p.serveFresh(hard)
		case <-keep.C:
			if p.Table().Leaves() {
				p.Apply(route.Change{Now: time.Now()})
			}
		case <-again.C:
			p.bindFailed()
		}
	}
}

func (p *Proxy) serveFresh(hard context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		return
	}
	for _, o := range p.fresh {
		p.work.Go(func() {
			if o.looped() {
				p.loops.serve(hard, o)
			} else {
				p.serve(hard, o)
			}
		})
	}
	p.fresh = nil
}

// bindFailed tries again to bind what could not be bound.
func (p *Proxy) bindFailed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for bind := range p.failed {
		if l := p.Table().ListenerAt(bind); l != nil {
			_ = p.open(l) // p.failed keeps why not
		}
	}
	p.start()
}
