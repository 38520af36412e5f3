package marathon

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"marathon-lb/internal/route"
)

// report is what is told of an app, or of the apps of a group.
type report struct {
	problems []route.Problem
	verdicts []route.Verdict
}

// report renews what is told of units.
func (c *Compiler) report(units map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for unit := range units {
		d := c.drafts[unit]
		if d == nil {
			delete(c.reports, unit)
			continue
		}
		r := report{problems: slices.Clone(d.problems), verdicts: slices.Clone(d.verdicts)}
		for _, s := range d.services {
			r.verdicts = append(r.verdicts, s.finalVerdict())
			r.problems = append(r.problems, s.linkProblems()...)
		}
		c.reports[unit] = r
	}
}

// gather copies what the reports have of a kind.
func gather[T any](c *Compiler, of func(report) []T) (all []T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.reports {
		all = append(all, of(r)...)
	}
	return all
}

// Problems is a snapshot of all that is wrong with the apps, sorted by app, label and value.
func (c *Compiler) Problems() []route.Problem {
	all := gather(c, func(r report) []route.Problem { return r.problems })
	slices.SortFunc(all, func(a, b route.Problem) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Remedy, b.Remedy))
	})
	return slices.CompactFunc(all, func(a, b route.Problem) bool { return a == b && a.App == "" }) // templates for all are told of once
}

// Verdicts is a snapshot of what became of each port of each app, sorted by app and port index; an app and a group may have one id.
func (c *Compiler) Verdicts() []route.Verdict {
	all := gather(c, func(r report) []route.Verdict { return r.verdicts })
	slices.SortFunc(all, func(a, b route.Verdict) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.PortIndex, b.PortIndex), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Detail, b.Detail))
	})
	return all
}

// finalVerdict is that on a service among the others.
func (s *candidate) finalVerdict() route.Verdict {
	v := s.verdict
	if !s.link.named {
		v.Why, v.Backend, v.Detail = route.PortConflict, "", "the name "+s.spec.Name+" is that of "+s.link.nameOwner.String()
	} else if s.opens && !s.link.bound {
		v.Why, v.Detail = route.PortConflict, "port "+strconv.Itoa(s.spec.Port)+" belongs to "+s.link.portHolder()
		if !s.served() {
			v.Backend = ""
		}
	}
	return v
}

func (k linkage) portHolder() string {
	if k.portOwner == (place{}) {
		return "this load balancer itself"
	}
	return k.portOwner.String()
}

// linkProblems are those a service has with others.
func (s *candidate) linkProblems() []route.Problem {
	var problems []route.Problem
	add := func(label, value, reason, remedy string) {
		problems = append(problems, route.Problem{App: s.app, Label: label, Value: value, Reason: reason, Remedy: remedy})
	}
	port := strconv.Itoa(s.spec.Port)
	other := "give it another service port, or set " + s.portLabel + " to a free one"
	switch {
	case !s.link.named:
		add(s.portLabel, port, "the backend name "+s.spec.Name+" is that of "+s.link.nameOwner.String()+"; the service is not served", other)
	case s.opens && !s.link.bound && s.served():
		add(s.portLabel, port, "the port belongs to "+s.link.portHolder()+"; it is not opened, only host and app id lead to the service", other)
	case s.opens && !s.link.bound:
		add(s.portLabel, port, "the port belongs to "+s.link.portHolder()+"; the service is not served", other)
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.link.beaten), func(a, b hostPath) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.path, b.path))
	}) {
		by := s.link.beaten[key]
		add(portLabel(s.index, "VHOST"), key.host+key.path, by.String()+" has the same host and path and goes first; no request comes here by it",
			"use another host or path, or a "+portLabel(s.index, "BACKEND_WEIGHT")+" above "+strconv.Itoa(by.weight)+
				"; or share it: the same "+portLabel(s.index, "CANARY")+" on both")
	}
	return problems
}
