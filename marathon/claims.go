package marathon

import (
	"cmp"
	"slices"

	"marathon-lb/internal/route"
)

// claims are the services that want something only one of them can have, by the thing wanted: first the one that gets it.
type claims[K comparable] map[K][]*candidate

func (c claims[K]) add(key K, s *candidate) {
	list := c[key]
	at, _ := slices.BinarySearchFunc(list, s, (*candidate).compare)
	c[key] = slices.Insert(list, at, s)
}

func (c claims[K]) remove(key K, s *candidate) {
	list := slices.DeleteFunc(c[key], func(o *candidate) bool { return o == s })
	if len(list) == 0 {
		delete(c, key)
	} else {
		c[key] = list
	}
}

// swap puts one service in the place of another that compares the same.
func (c claims[K]) swap(key K, s, other *candidate) {
	list := c[key]
	at, _ := slices.BinarySearchFunc(list, s, (*candidate).compare)
	list[at] = other
}

// claimsAs says that two services want the same of what others may want, and rank the same.
func (s *candidate) claimsAs(o *candidate) bool {
	return s.place == o.place && s.unit == o.unit && s.spec.Name == o.spec.Name && s.opens == o.opens && s.weight() == o.weight() && s.spec.Canary.Group == o.spec.Canary.Group &&
		s.listener().Equal(o.listener()) && slices.Equal(s.hostPaths(), o.hostPaths())
}

func (s *candidate) compare(o *candidate) int {
	return cmp.Or(cmp.Compare(s.app, o.app), cmp.Compare(s.index, o.index), inOrder(s.unit, o.unit))
}

// linkage is how a service fares among the others.
type linkage struct {
	named     bool                // the backend name is its own
	nameOwner place               // if it is not, whose
	bound     bool                // the port is its own
	portOwner place               // if it is not, whose; the zero place for the load balancer itself
	beaten    map[hostPath]beater // rules that another service wins
}

// hostPath is what a rule matches.
type hostPath struct{ host, path string }

// beater is a service that wins a rule, and how it is ranked.
type beater struct {
	place
	weight int
}

// hostPaths are what the rules of a service for shared hosts match.
func (s *candidate) hostPaths() []hostPath {
	var keys []hostPath
	for _, r := range s.spec.Rules {
		if r.AppID == "" && r.If == nil {
			keys = append(keys, hostPath{r.Host, r.Path})
		}
	}
	return keys
}

// weight is that of all rules of the service.
func (s *candidate) weight() int {
	if len(s.spec.Rules) == 0 {
		return 0
	}
	return s.spec.Rules[0].Weight
}

// compareRule ranks services with a rule for the same host and path as the table does: by weight, then app id, then port.
func (s *candidate) compareRule(o *candidate) int {
	return cmp.Or(cmp.Compare(o.weight(), s.weight()), cmp.Compare(s.app, o.app), cmp.Compare(s.spec.Port, o.spec.Port))
}

// shares says that two services with a rule for the same host and path agreed to share it.
func (s *candidate) shares(o *candidate) bool {
	return s.spec.Canary.Group != "" && s.spec.Canary.Group == o.spec.Canary.Group && s.spec.Rules[0].IgnoreCase == o.spec.Rules[0].IgnoreCase
}

// overlaps says that two services cannot both bind their port: one wants every address, or both want the same.
func (s *candidate) overlaps(o *candidate) bool {
	all := func(c *candidate) bool { return !c.bind.Addr().IsValid() || c.bind.Addr().IsUnspecified() }
	return all(s) || all(o) || s.bind.Addr() == o.bind.Addr()
}

// served says whether there is anything left of the service to serve: a rule, a listener, or a backend closed on purpose.
func (s *candidate) served() bool {
	return s.link.named && (!s.opens || s.link.bound || len(s.spec.Rules) > 0)
}

// listener is the frontend of the service port.
func (s *candidate) listener() route.ListenerSpec {
	return route.ListenerSpec{
		Name: s.spec.Name, Bind: s.bind, Mode: s.spec.Mode, Entry: route.ByService, Backend: s.spec.Name, App: s.spec.App,
		TLS: s.tls, Certs: s.certs, PortIndex: s.spec.PortIndex, CertLabel: s.spec.CertLabel, Options: s.options,
	}
}
