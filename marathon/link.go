package marathon

import (
	"net/netip"
	"slices"

	"marathon-lb/internal/route"
)

// link is one run of Link: what it has to look at.
type link struct {
	*Compiler
	dirtyNames map[string]bool
	dirtyPorts map[int]bool
	dirtyHosts map[hostPath]bool
	dirtyUnits map[string]bool // to be reported on
	change     route.Change
}

func (l *link) replace(unit string, next *draft) {
	l.dirtyUnits[unit] = true
	heirs := map[*candidate]bool{}
	if old := l.drafts[unit]; old != nil {
		for _, s := range old.services {
			l.dirtyNames[s.spec.Name] = true
			if heir := next.heir(s); heir != nil {
				heirs[heir] = true
				l.inherit(s, heir)
				continue
			}
			l.names.remove(s.spec.Name, s)
			l.unname(s)
		}
	}
	if next == nil {
		delete(l.drafts, unit)
		return
	}
	l.drafts[unit] = next
	for _, s := range next.services {
		l.dirtyNames[s.spec.Name] = true
		if !heirs[s] {
			l.names.add(s.spec.Name, s)
		}
	}
}

// heir is the service of the draft that claims the same as one of an earlier draft; nil if none does.
func (d *draft) heir(of *candidate) *candidate {
	if d == nil {
		return nil
	}
	i := slices.IndexFunc(d.services, of.claimsAs)
	if i < 0 {
		return nil
	}
	return d.services[i]
}

// inherit puts an heir in its place among others, whoever they are: nothing has to be settled anew.
func (l *link) inherit(s, heir *candidate) {
	heir.link = s.link
	l.names.swap(s.spec.Name, s, heir)
	if !s.link.named {
		return
	}
	if s.opens {
		l.ports.swap(s.spec.Port, s, heir)
	}
	for _, key := range s.hostPaths() {
		l.hosts.swap(key, s, heir)
	}
}

// settleName gives a backend name to the first that wants it.
func (l *link) settleName(name string) {
	for i, s := range l.names[name] {
		switch {
		case i > 0:
			l.unname(s)
			s.link.nameOwner = l.names[name][0].place
			l.dirtyUnits[s.unit] = true
		case !s.link.named:
			l.name(s)
		}
	}
}

func (l *link) name(s *candidate) {
	s.link.named = true
	l.dirtyUnits[s.unit] = true
	if s.opens {
		l.ports.add(s.spec.Port, s)
		l.dirtyPorts[s.spec.Port] = true
	}
	for _, key := range s.hostPaths() {
		l.hosts.add(key, s)
		l.dirtyHosts[key] = true
	}
}

func (l *link) unname(s *candidate) {
	if !s.link.named {
		return
	}
	s.link = linkage{}
	if s.opens {
		l.ports.remove(s.spec.Port, s)
		l.dirtyPorts[s.spec.Port] = true
	}
	for _, key := range s.hostPaths() {
		l.hosts.remove(key, s)
		l.dirtyHosts[key] = true
	}
}

// settlePort gives a port's addresses to those that come first and can share it, and tells of the listeners that differ.
func (l *link) settlePort(port int) {
	var owners []*candidate
	want := map[string]route.ListenerSpec{}
	for _, s := range l.ports[port] {
		at := slices.IndexFunc(owners, s.overlaps)
		bound, owner := at < 0 && !l.reserved[port], place{}
		if bound {
			owners = append(owners, s)
			want[route.BindText(s.bind)] = s.listener()
		} else if at >= 0 {
			owner = owners[at].place
		}
		if bound != s.link.bound || owner != s.link.portOwner {
			s.link.bound, s.link.portOwner = bound, owner
			l.dirtyUnits[s.unit], l.dirtyNames[s.spec.Name] = true, true
		}
	}
	l.emitListeners(port, want)
}

func (l *link) emitListeners(port int, want map[string]route.ListenerSpec) {
	have := l.listeners[port]
	for bind, spec := range have {
		if _, stays := want[bind]; !stays {
			l.change.DropListeners = append(l.change.DropListeners, spec.Bind)
		}
	}
	for bind, spec := range want {
		if !have[bind].Equal(spec) {
			l.change.SetListeners = append(l.change.SetListeners, spec)
		}
	}
	if len(want) == 0 {
		delete(l.listeners, port)
	} else {
		l.listeners[port] = want
	}
}

// settleHost finds out who loses the rules for a host and path. The table itself ranks them; the losers are only told.
func (l *link) settleHost(key hostPath) {
	list := l.hosts[key]
	if len(list) == 0 {
		return
	}
	first := slices.MinFunc(list, (*candidate).compareRule)
	for _, s := range list {
		_, was := s.link.beaten[key]
		now := beater{first.place, first.weight()}
		switch {
		case (s == first || s.shares(first)) && was:
			delete(s.link.beaten, key)
		case s != first && !s.shares(first) && s.link.beaten[key] != now:
			if s.link.beaten == nil {
				s.link.beaten = map[hostPath]beater{}
			}
			s.link.beaten[key] = now
		default:
			continue
		}
		l.dirtyUnits[s.unit] = true
	}
}

func (l *link) emitBackend(name string) {
	have, was := l.backends[name]
	list := l.names[name]
	switch {
	case len(list) > 0 && list[0].served():
		if spec := list[0].spec; !was || !have.Equal(spec) {
			l.backends[name] = spec
			l.change.SetBackends = append(l.change.SetBackends, spec)
		}
	case was:
		delete(l.backends, name)
		l.change.DropBackends = append(l.change.DropBackends, name)
	}
}

// sorted is the change in an order that does not depend on that of maps.
func (l *link) sorted() route.Change {
	slices.SortFunc(l.change.SetListeners, route.ListenerSpec.Compare)
	slices.SortFunc(l.change.SetBackends, route.BackendSpec.Compare)
	slices.Sort(l.change.DropBackends)
	slices.SortFunc(l.change.DropListeners, netip.AddrPort.Compare)
	return l.change
}
