package route

import "strings"

// Canary lets a backend share the requests for its hosts and paths with others of its group. A client stays where it came first: a cookie
// says so. Without a group it shares nothing.
type Canary struct {
	Group  string
	Weight int    // percent of the clients; -1 for a part of what is left by others, by the number of servers in use
	Cookie string // its name, the same in the whole group
	Cohort string // its value: what tells this backend from others of the group
}

// cohort says that the entry's backend shares what another rule matches.
func (e *bound) cohort(r Rule, group string) bool {
	return e.group == group && e.Host == r.Host && e.Path == r.Path && e.IgnoreCase == r.IgnoreCase &&
		(e.If == nil && r.If == nil || e.If.String() == r.If.String())
}

// Cohort chooses among the backends that share the rule r of b: the one that the pin names, the value of the group's cookie; else the
// one that has the server a persistence cookie names; else the next client's by weight. A backend without a usable server is left out as
// long as there is another. shared says that there is another at all. To look takes no turn.
func (t *Table) Cohort(b *Backend, r Rule, pin, sticky string, look bool) (chosen *Backend, shared bool) {
	list, _ := t.hosts.get(hostKey(r.Host))
	var s split
	var pinned, kept *Backend
	n := 0
	for _, e := range list {
		if !e.cohort(r, b.Spec.Canary.Group) {
			continue
		}
		m := t.Backend(e.backend)
		n++
		if !s.add(m) {
			continue
		}
		if m.Spec.Canary.Cohort == pin {
			pinned = m
		}
		if sticky != "" && m.BySticky(sticky) != nil {
			kept = m
		}
	}
	switch {
	case n < 2 || s.alive == 0:
		return b, n >= 2
	case pinned != nil:
		return pinned, true
	case kept != nil:
		return kept, true
	}
	place := s.place(b.turn.nextCohort(look))
	chosen = s.last
	for _, e := range list {
		if !e.cohort(r, b.Spec.Canary.Group) {
			continue
		}
		m := t.Backend(e.backend)
		width := s.width(m)
		if place < width {
			return m, true
		}
		place -= width
	}
	return chosen, true
}

// StandIn is another backend of b's group that has a usable server and may serve a request that was meant for b by the rule r: who is
// let in there is let in here, and the same is changed on the way. It is nil if there is none.
func (t *Table) StandIn(b *Backend, r Rule) *Backend {
	list, _ := t.hosts.get(hostKey(r.Host))
	for _, e := range list {
		if !e.cohort(r, b.Spec.Canary.Group) || e.backend == b.Spec.Name {
			continue
		}
		if m := t.Backend(e.backend); m.Usable() > 0 && m.Spec.letsInAs(&b.Spec) && m.Spec.Rewrite.equal(b.Spec.Rewrite) {
			return m
		}
	}
	return nil
}

// split is how new clients are divided among backends that have a usable server.
type split struct {
	alive   int
	fixed   uint64   // percent that go to those with a weight
	servers uint64   // in use by those without one
	last    *Backend // with servers
}

func (s *split) add(b *Backend) bool {
	n := b.Usable()
	if n == 0 {
		return false
	}
	s.alive++
	s.last = b
	if w := b.Spec.Canary.Weight; w >= 0 {
		s.fixed += uint64(w)
	} else {
		s.servers += uint64(n)
	}
	return true
}

// width is a backend's part of the whole.
func (s *split) width(b *Backend) uint64 {
	n := uint64(b.Usable())
	switch w := b.Spec.Canary.Weight; {
	case n == 0:
		return 0
	case w >= 0:
		return uint64(w) * max(s.servers, 1)
	}
	return s.rest() * n
}

// rest is the percent that those without a weight share.
func (s *split) rest() uint64 { return 100 - min(s.fixed, 100) }

// place is where in the whole the next client's place is: clients are spread over it evenly.
func (s *split) place(client uint64) uint64 {
	whole := s.fixed * max(s.servers, 1)
	if s.servers > 0 {
		whole += s.rest() * s.servers
	}
	return spread(client, whole)
}

// hostKey is what rules for a host pattern are filed under.
func hostKey(host string) string { return strings.TrimPrefix(host, "*") }

// golden is what multiples of are spread evenly, any number of them in a row: the golden section of 32 bits.
const golden = 2654435769

// spread puts the nth of many that come one after the other in its place from 0 to below width.
func spread(n, width uint64) uint64 { return uint64(uint32(n*golden)) * width >> 32 }
