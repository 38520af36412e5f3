package marathon

import (
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// Compiler makes out of apps what should be served: a draft of each unit by itself, which only a change of that makes anew, and a
// link over indexes of what several want. A unit is an app, or the apps of one deployment group. The cost of a change follows the
// change.
//
// One goroutine calls Set, Remove and Link; Problems, Verdicts, Explain and Wanting may be called from any.
type Compiler struct {
	o        Options
	reserved map[int]bool
	apps     map[string]colour          // by id, as set
	groups   map[string]map[string]bool // ids of the apps of each deployment group
	pending  map[string]*colour         // by app; nil for one that is gone
	auto     map[string]wish            // units that need service ports given
	drafts   map[string]*draft          // by unit

	names claims[string]   // by backend name
	ports claims[int]      // by port, those whose name is theirs
	hosts claims[hostPath] // likewise

	backends  map[string]route.BackendSpec          // as emitted, by name
	listeners map[int]map[string]route.ListenerSpec // as emitted, by port and address

	linking sync.Mutex // held by Link, and by who explains its outcome

	mu      sync.Mutex
	reports map[string]report // by unit
}

// wish is what a unit needs service ports for, and those it was given.
type wish struct {
	app       string
	taskPorts []int
	given     []int
}

// NewCompiler makes a compiler that knows no app.
func NewCompiler(o Options) *Compiler {
	c := &Compiler{
		o: o, reserved: map[int]bool{}, apps: map[string]colour{}, groups: map[string]map[string]bool{}, pending: map[string]*colour{},
		auto: map[string]wish{}, drafts: map[string]*draft{},
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
	byAppID := route.ListenerSpec{Name: route.AppIDIn, Bind: o.AppIDBind, Mode: route.HTTP, Entry: route.ByAppID, Options: o.bindOptions(route.AppIDIn)}
	if o.DontBindHTTPHTTPS {
		return []route.ListenerSpec{byAppID}
	}
	return []route.ListenerSpec{
		{Name: route.HTTPIn, Bind: o.HTTPBind, Mode: route.HTTP, Entry: route.ByHost, Options: o.bindOptions(route.HTTPIn)}, byAppID,
		{Name: route.HTTPSIn, Bind: o.HTTPSBind, Mode: route.HTTP, Entry: route.ByHost, TLS: true, Options: o.bindOptions(route.HTTPSIn)},
	}
}

// Set takes an app in with the next Link.
func (c *Compiler) Set(a App, f Facts) { c.pending[a.ID] = &colour{app: a, facts: f} }

// Remove takes an app out with the next Link.
func (c *Compiler) Remove(id string) { c.pending[id] = nil }

// Link brings in the apps set and removed since the last call, and says what differs in what should be served.
func (c *Compiler) Link(now time.Time) route.Change {
	c.linking.Lock()
	defer c.linking.Unlock()
	l := link{
		Compiler: c, dirtyNames: map[string]bool{}, dirtyPorts: map[int]bool{}, dirtyHosts: map[hostPath]bool{},
		dirtyUnits: map[string]bool{}, change: route.Change{Now: now},
	}
	units := map[string]*unit{}
	for id, next := range c.pending {
		for _, name := range c.take(id, next) {
			units[name] = nil
		}
	}
	clear(c.pending)
	for name := range units {
		units[name] = c.unit(name)
	}
	c.givePorts(units)
	for name, u := range units {
		l.replace(name, u.draft(&c.o, name, c.auto[name].given))
	}
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
	c.report(l.dirtyUnits)
	return l.sorted()
}
