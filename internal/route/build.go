package route

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Change is what differs from the table before. Listeners are keyed by their bind address, backends by their name; to set
// one that is there replaces it whole.
type Change struct {
	SetListeners  []ListenerSpec
	DropListeners []netip.AddrPort
	SetBackends   []BackendSpec
	DropBackends  []string

	Now          time.Time     // wall clock of the change
	DrainTimeout time.Duration // how long a server that left may keep its requests; 0 for no limit
}

// Empty says that the change asks for nothing. Building it still lets go of servers that have finished leaving.
func (c Change) Empty() bool {
	return len(c.SetListeners)+len(c.DropListeners)+len(c.SetBackends)+len(c.DropBackends) == 0
}

// Change is the change that makes this spec out of an empty table.
func (s Spec) Change(now time.Time) Change {
	return Change{SetListeners: s.Listeners, SetBackends: s.Backends, Now: now}
}

// Diff is what the proxy must do about a new table.
type Diff struct {
	Open  []*Listener // bind addresses to open before the table is swapped in
	Close []*Listener // bind addresses to close after it
	Left  []*Server   // began to drain: no new request, idle connections to be closed
	Gone  []*Server   // the table has let go of them: nothing runs on them, or their time was up
}

// Build makes the table after prev. Its cost follows the change, not the size of the table. It is the only maker of tables; calls
// for one lineage must not overlap. Live servers and counters carry over by key and name; Build also tells servers their new
// state, so a draining server refuses requests even from those that still hold the old table.
func Build(prev *Table, c Change) (*Table, Diff) {
	next := *prev
	next.Generation++
	next.Built = c.Now
	b := builder{
		Table: &next, now: c.Now, drain: c.DrainTimeout,
		listeners: edit(&next.listeners), backends: edit(&next.backends),
		hosts: edit(&next.hosts), apps: edit(&next.apps), retired: edit(&next.retired),
		touched: map[string]bool{},
	}
	for _, bind := range c.DropListeners {
		b.dropListener(bind)
	}
	for _, l := range c.SetListeners {
		b.setListener(l)
	}
	for _, name := range c.DropBackends {
		b.dropBackend(name)
	}
	for _, k := range c.SetBackends {
		b.setBackend(k)
	}
	b.letGo()
	b.expire()
	return &next, b.diff
}

type builder struct {
	*Table
	now       time.Time
	drain     time.Duration
	listeners *editor[*Listener]
	backends  *editor[*Backend]
	hosts     *editor[[]*bound]
	apps      *editor[[]*bound]
	retired   *editor[retired]
	touched   map[string]bool // backends that may have servers to let go of
	diff      Diff
}

func (b *builder) setListener(spec ListenerSpec) {
	key := BindText(spec.Bind)
	old := b.Listener(spec.Bind)
	l := &Listener{Spec: spec}
	switch {
	case old == nil:
		l.Stats = b.stats(spec.Name, "FRONTEND")
		b.diff.Open = append(b.diff.Open, l)
	case old.Spec.Name == spec.Name:
		l.Stats = old.Stats
	default: // another service took over the port
		b.retire(old.Spec.Name, "FRONTEND", old.Stats)
		l.Stats = b.stats(spec.Name, "FRONTEND")
	}
	b.listeners.set(key, l)
	if spec.Name == HTTPSIn {
		b.https = int(spec.Bind.Port())
	}
}

func (b *builder) dropListener(bind netip.AddrPort) {
	l := b.Listener(bind)
	if l == nil {
		return
	}
	b.listeners.delete(BindText(bind))
	if l.Spec.Name == HTTPSIn {
		b.https = 0
	}
	b.retire(l.Spec.Name, "FRONTEND", l.Stats)
	b.diff.Close = append(b.diff.Close, l)
}

func (b *builder) setBackend(spec BackendSpec) {
	old := b.Backend(spec.Name)
	k := &Backend{Spec: spec}
	if old != nil {
		k.Stats, k.turn = old.Stats, old.turn
		if !old.Gone && !old.Spec.bindsAs(&spec) {
			b.unbind(old.Spec)
		}
	} else {
		k.Stats, k.turn = b.stats(spec.Name, "BACKEND"), new(turn)
	}
	if old == nil || old.Gone || !old.Spec.bindsAs(&spec) {
		b.bind(spec)
	}
	b.adopt(k, old)
	b.backends.set(spec.Name, k)
	b.touched[spec.Name] = true
}

// adopt fills k.Servers: a server that was there goes on, with its requests, pool and counters; the rest of the old ones leave.
func (b *builder) adopt(k, old *Backend) {
	live := map[Key]*Server{}
	if old != nil {
		for _, s := range old.Leaving {
			live[s.Key] = s
		}
		for _, s := range old.Servers {
			live[s.Key] = s
		}
	}
	for _, spec := range k.Spec.Servers {
		key := Key{Backend: k.Spec.Name, Name: spec.Name, App: spec.App, Task: spec.Task, Addr: spec.Addr, TLS: spec.TLS}
		s := live[key]
		if s == nil {
			s = b.newServer(key, spec, live)
		}
		delete(live, key)
		b.tell(s, spec, k.Spec.plan(spec))
		k.Servers = append(k.Servers, s)
	}
	if old != nil {
		for _, s := range slices.Concat(old.Leaving, old.Servers) {
			if live[s.Key] == s {
				k.Leaving = append(k.Leaving, s)
				b.leave(s)
			}
		}
	}
	k.sortTiers()
	k.noteServers(b.now)
	k.noteUp(b.now)
}

// noteServers tells the counters who can take requests. A name's counters may be shared by one that leaves and its successor, who
// has the last word.
func (k *Backend) noteServers(now time.Time) {
	for _, s := range k.Leaving {
		s.Stats.SetUp(false, now)
	}
	for _, s := range k.Servers {
		s.Stats.SetUp(s.Usable(), now)
	}
}

// newServer makes a live server with the counters of its name: those of a server of that name that still leaves, or retired ones.
func (b *builder) newServer(key Key, spec ServerSpec, live map[Key]*Server) *Server {
	s := &Server{Key: key, Cookie: spec.Cookie, ID: spec.ID}
	for _, other := range live {
		if other.Name == spec.Name {
			s.Stats = other.Stats
		}
	}
	if s.Stats == nil {
		s.Stats = b.stats(key.Backend, spec.Name)
	}
	s.health.Store(uint32(Initial))
	s.changed.Store(b.now.UnixNano())
	return s
}

// tell passes on what the spec says of the server, and how it is probed.
func (b *builder) tell(s *Server, spec ServerSpec, plan *Plan) {
	was := s.State()
	s.setState(spec.State, b.now)
	if spec.State == Draining && was != Draining {
		b.diff.Left = append(b.diff.Left, s)
	}
	s.follow(plan, spec.Vouched, b.now)
}

func (b *builder) leave(s *Server) {
	if s.State() != Draining {
		s.setState(Draining, b.now)
		b.diff.Left = append(b.diff.Left, s)
	}
}

func (k *Backend) sortTiers() {
	k.ready, k.last = nil, nil
	for _, s := range k.Servers {
		switch s.State() {
		case Ready:
			k.ready = append(k.ready, s)
		case LastResort:
			k.last = append(k.last, s)
		}
	}
	if k.Spec.Balance == First {
		for _, tier := range [][]*Server{k.ready, k.last} {
			slices.SortStableFunc(tier, func(a, b *Server) int { return cmp.Compare(a.ID, b.ID) })
		}
	}
}

func (b *builder) dropBackend(name string) {
	old := b.Backend(name)
	if old == nil || old.Gone {
		return
	}
	b.unbind(old.Spec)
	k := &Backend{Spec: old.Spec, Gone: true, Stats: old.Stats, turn: old.turn}
	k.Spec.Servers, k.Spec.Rules = nil, nil
	b.adopt(k, old)
	b.backends.set(name, k)
	b.touched[name] = true
}

// letGo ends the leaving of servers on which nothing runs any more, or whose time is up, and of backends that are gone and empty.
func (b *builder) letGo() {
	for _, name := range b.leaving {
		b.touched[name] = true
	}
	b.leaving = nil
	for name := range b.touched {
		k := b.Backend(name)
		var still []*Server
		for _, s := range k.Leaving {
			if s.InFlight() == 0 || b.drain > 0 && b.now.Sub(s.DrainingSince()) >= b.drain {
				b.diff.Gone = append(b.diff.Gone, s)
				b.retireServer(k, s)
			} else {
				still = append(still, s)
			}
		}
		if len(still) != len(k.Leaving) {
			trimmed := *k
			trimmed.Leaving = still
			k = &trimmed
			b.backends.set(name, k)
		}
		if len(still) > 0 {
			b.leaving = append(b.leaving, name)
		} else if k.Gone {
			b.backends.delete(name)
			b.retire(name, "BACKEND", k.Stats)
		}
	}
	slices.Sort(b.leaving)
}

func (b *builder) retireServer(k *Backend, s *Server) {
	inUse := func(o *Server) bool { return o != s && o.Stats == s.Stats }
	if !slices.ContainsFunc(k.Servers, inUse) && !slices.ContainsFunc(k.Leaving, inUse) {
		b.retire(s.Backend, s.Name, s.Stats)
	}
}

func statsKey(px, sv string) string { return px + "\x00" + sv }

// stats are the counters of a name: its old ones if it comes back in time, else new ones.
func (b *builder) stats(px, sv string) *Stats {
	key := statsKey(px, sv)
	if r, ok := b.Table.retired.get(key); ok {
		b.retired.delete(key)
		return r.stats
	}
	iid := 0
	if sv == "FRONTEND" || sv == "BACKEND" {
		b.iids++
		iid = b.iids
	}
	return NewStats(b.writers, iid, b.now)
}

func (b *builder) retire(px, sv string, s *Stats) {
	key := statsKey(px, sv)
	b.retired.set(key, retired{stats: s, until: b.now.Add(StatsKeep)})
	b.expiry = append(slices.Clip(b.expiry), key)
}

// expire forgets counters whose name did not come back. A key may stand in the queue more than once: its own date decides.
func (b *builder) expire() {
	for len(b.expiry) > 0 {
		key := b.expiry[0]
		if r, ok := b.Table.retired.get(key); ok {
			if b.now.Before(r.until) {
				return
			}
			b.retired.delete(key)
		}
		b.expiry = b.expiry[1:]
	}
}

// bindsAs says that two specs of a backend are filed alike.
func (k *BackendSpec) bindsAs(o *BackendSpec) bool {
	return slices.EqualFunc(k.Rules, o.Rules, Rule.same) && k.Canary.Group == o.Canary.Group
}

// bind files a backend's rules under what they match first.
func (b *builder) bind(spec BackendSpec) {
	for _, r := range spec.Rules {
		e := &bound{Rule: r, backend: spec.Name, app: spec.App, port: spec.Port, group: spec.Canary.Group}
		in, key := b.ruleIndex(r)
		list, _ := in.to.get(key)
		at, _ := slices.BinarySearchFunc(list, e, (*bound).compare)
		in.set(key, slices.Insert(slices.Clone(list), at, e))
	}
}

func (b *builder) unbind(spec BackendSpec) {
	for _, r := range spec.Rules {
		in, key := b.ruleIndex(r)
		list, _ := in.to.get(key)
		keep := slices.DeleteFunc(slices.Clone(list), func(e *bound) bool { return e.backend == spec.Name })
		if len(keep) == 0 {
			in.delete(key)
		} else if len(keep) != len(list) {
			in.set(key, keep)
		}
	}
}

func (b *builder) ruleIndex(r Rule) (*editor[[]*bound], string) {
	if r.AppID != "" {
		return b.apps, r.AppID
	}
	return b.hosts, hostKey(r.Host)
}
