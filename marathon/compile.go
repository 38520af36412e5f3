package marathon

import (
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// Compiler makes out of apps what should be served: a draft of each app by itself, which only a change of that app makes anew, and
// a link over indexes of what several apps want. The cost of a change follows the change.
//
// One goroutine calls Set, Remove and Link; Problems and Verdicts may be called from any.
type Compiler struct {
	o        Options
	reserved map[int]bool
	drafts   map[string]*draft
	pending  map[string]*draft // by app; nil for one that is gone

	names claims[string]   // by backend name
	ports claims[int]      // by port, those whose name is theirs
	hosts claims[hostPath] // likewise

	backends  map[string]route.BackendSpec          // as emitted, by name
	listeners map[int]map[string]route.ListenerSpec // as emitted, by port and address

	mu      sync.Mutex
	reports map[string]report // by app
}

// NewCompiler makes a compiler that knows no app.
func NewCompiler(o Options) *Compiler {
	c := &Compiler{
		o: o, reserved: map[int]bool{}, drafts: map[string]*draft{}, pending: map[string]*draft{},
		names: claims[string]{}, ports: claims[int]{}, hosts: claims[hostPath]{},
		backends: map[string]route.BackendSpec{}, listeners: map[int]map[string]route.ListenerSpec{}, reports: map[string]report{},
	}
	for _, port := range o.ReservedPorts {
		c.reserved[port] = true
	}
	for _, l := range o.Listeners() {
		c.reserved[int(l.Bind.Port())] = true
	}
	return c
}

// Listeners are those of the load balancer itself, which last as long as it does: they are no part of what Link tells.
func (o Options) Listeners() []route.ListenerSpec {
	byAppID := route.ListenerSpec{Name: route.AppIDIn, Bind: o.AppIDBind, Mode: route.HTTP, Entry: route.ByAppID}
	if o.DontBindHTTPHTTPS {
		return []route.ListenerSpec{byAppID}
	}
	return []route.ListenerSpec{
		{Name: route.HTTPIn, Bind: o.HTTPBind, Mode: route.HTTP, Entry: route.ByHost}, byAppID,
		{Name: route.HTTPSIn, Bind: o.HTTPSBind, Mode: route.HTTP, Entry: route.ByHost, TLS: true},
	}
}

// Set drafts an app, to be linked with the next Link.
func (c *Compiler) Set(a App, f Facts) { c.pending[a.ID] = newDraft(&c.o, &a, f) }

// Remove takes an app out with the next Link.
func (c *Compiler) Remove(id string) { c.pending[id] = nil }

// Link brings in the apps set and removed since the last call, and says what differs in what should be served.
func (c *Compiler) Link(now time.Time) route.Change {
	l := link{
		Compiler: c, dirtyNames: map[string]bool{}, dirtyPorts: map[int]bool{}, dirtyHosts: map[hostPath]bool{},
		dirtyApps: map[string]bool{}, change: route.Change{Now: now},
	}
	for id, next := range c.pending {
		l.replace(id, next)
	}
	clear(c.pending)
	// What a service wins decides what it goes on to want, so the order matters: without its name it wants neither port nor host.
	for name := range l.dirtyNames {
		l.settleName(name)
	}
	for port := range l.dirtyPorts {
		l.settlePort(port)
	}
	for key := range l.dirtyHosts {
		l.settleHost(key)
	}
	for name := range l.dirtyNames {
		l.emitBackend(name)
	}
	c.report(l.dirtyApps)
	return l.sorted()
}
