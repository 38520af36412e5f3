package marathon

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// candidate is a service that is served unless another has its name or port.
type candidate struct {
	place
	unit      string // of the compiler: what it is drafted and reported with
	spec      route.BackendSpec
	bind      netip.AddrPort
	opens     bool // it asks for a listener
	tls       bool // on it
	certs     []string
	options   route.BindOptions
	portLabel string
	verdict   route.Verdict // if nothing is in its way

	link linkage
}

// place orders services: the first that asks for something gets it.
type place struct {
	app   string
	index int
}

func (p place) String() string { return fmt.Sprintf("port %d of %s", p.index, p.app) }

// stickyCookie is the name of the persistence cookie (marathon-lb.md 5.8).
const stickyCookie = "mesosphere_server_id"

// candidate is the service as it is to be served.
func (s *service) candidate(o *Options, f Facts) *candidate {
	h := s.settleCheck()
	s.settleMode(h)
	s.settleAccess()
	s.settleRewrite()
	s.health, s.checkOf = h, h.check()
	s.settleTemplates(h)
	s.settleVerify()
	s.settleALPN()
	s.settleCanary()
	if s.ownRules == nil {
		s.ownRules = s.rules()
	}
	endpoints, census := s.app.endpoints(f, s.index, o.HealthCheck)
	c := &candidate{
		unit:  s.unit,
		place: place{s.app.ID, s.index},
		spec: route.BackendSpec{
			Name: backendName(s.app.ID, s.port), App: s.app.ID, PortIndex: s.index, Port: s.port, Mode: s.mode, Balance: s.balance, HashOn: s.hashOn,
			Check: s.checkOf, Do: s.do, LogAll: s.logAll, Rules: s.ownRules, Servers: s.app.servers(endpoints, f), Closed: s.closedBy != "",
			Auth: s.auth, Allow: s.allow, ToHTTPS: s.toHTTPS, HSTS: s.hsts, Rewrite: s.rewrite,
			Certs: s.hostCerts(o.GroupHTTPSByVHost), CertLabel: s.certLabel(), Canary: s.canary, Hold: s.hold, SlowStart: s.slowStart,
		},
		tls: s.tls, certs: s.certs, options: s.bindOptions,
		bind:      netip.AddrPortFrom(s.bind, uint16(s.port)),
		opens:     !s.bindBad && (s.closedBy == "" || s.mode == route.HTTP),
		portLabel: portLabel(s.index, "PORT"),
	}
	if s.sticky && s.mode == route.HTTP {
		c.spec.Sticky = s.cookie
	}
	if s.checked {
		for i, e := range endpoints {
			_, c.spec.Servers[i].CheckPort = s.app.place(e.task, f, s.checkAt)
		}
	}
	for i := range c.spec.Servers {
		s.server.place(&c.spec.Servers[i])
	}
	c.verdict = route.Verdict{App: s.app.ID, PortIndex: s.index, Port: s.port, Backend: c.spec.Name, Why: route.Exposed, Detail: census.String()}
	switch {
	case s.closedBy != "":
		c.verdict.Why, c.verdict.Detail = route.FailsClosed, s.closedBy
	case s.bindBad:
		c.verdict.Why, c.verdict.Detail = route.FailsClosed, portLabel(s.index, "BIND_ADDR")+": the service port is not opened"
	case census.usable == 0:
		c.verdict.Why = route.Empty
	}
	return c
}

// settleCheck finds the health check that counts. Where the port has none, that of the port a label names does, and if it speaks
// HTTP, so does the service, whatever MODE says (marathon-lb.md 3.7).
func (s *service) settleCheck() *HealthCheck {
	h := s.app.healthCheck(s.index)
	if h != nil || !s.checked {
		return h
	}
	if h = s.app.healthCheck(s.checkAt); h != nil && strings.Contains(h.Protocol, "HTTP") {
		s.mode = route.HTTP
	}
	return h
}

// settleMode infers the mode if no label says it (marathon-lb.md 3.8), and tells of labels that do not go with it.
func (s *service) settleMode(h *HealthCheck) {
	if s.mode == "" {
		s.mode = route.TCP
		if h.impliesHTTP() || s.vhosted {
			s.mode = route.HTTP
		}
	}
	if s.mode == route.TCP && s.vhosted {
		s.complainOf("VHOST", "a service in mode tcp has no hosts; its port is served, the host leads nowhere",
			"set "+portLabel(s.index, "MODE")+" to http, or remove one of the two")
		s.hosts = nil
	} else if s.paths != nil && !s.vhosted {
		s.complainOf("PATH", "it restricts a host, and there is none; it has no effect", "set "+portLabel(s.index, "VHOST"))
	}
	if s.mode == route.TCP && s.sticky {
		s.complainOf("STICKY", "a service in mode tcp has no cookies; it has no effect", "set "+portLabel(s.index, "MODE")+" to http")
	}
}

// rules are one for each pair of host and path.
func (s *service) rules() []route.Rule {
	var rules []route.Rule
	weight := s.weight
	paths := s.paths
	if paths == nil {
		paths = []string{""}
	} else if weight == 0 {
		weight = 1
	}
	for _, host := range s.hosts {
		for _, path := range paths {
			rules = append(rules, route.Rule{Host: host, Path: path, IgnoreCase: s.noCase, Weight: weight})
		}
	}
	return rules
}

// backendName is the name of a service's backend and frontend (marathon-lb.md 3.10).
func backendName(app string, port int) string {
	name := strings.TrimPrefix(bareID(app), "/")
	return strings.ReplaceAll(name, "/", "_") + "_" + strconv.Itoa(port)
}
