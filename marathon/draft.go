package marathon

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// draft is what one app asks for, whatever other apps do. It follows from the options, the app and the facts alone.
type draft struct {
	app      string
	services []*candidate    // those to be served, by port index
	verdicts []route.Verdict // of the others
	problems []route.Problem
}

// candidate is a service that is served unless another has its name or port.
type candidate struct {
	place
	spec      route.BackendSpec
	bind      netip.AddrPort
	opens     bool // it asks for a listener
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

func newDraft(o *Options, a *App, f Facts) *draft {
	d := &draft{app: a.ID}
	ports := a.servicePorts()
	if o.FrameworkName != "" && strings.TrimPrefix(a.ID, "/") == strings.TrimPrefix(o.FrameworkName, "/") {
		for i, port := range ports {
			d.refuse(i, port, route.Ignored, "it is this load balancer itself")
		}
		return d
	}
	for _, n := range a.Notes {
		d.problem(n.Field, n.Value, n.Reason, "correct the app's definition")
	}
	set, strange := readSettings(a, len(ports))
	d.problems = append(d.problems, strange...)
	grouped := false
	for i, port := range ports {
		s := newService(o, a, i, port, set)
		grouped = grouped || s.groups != nil
		d.place(o, f, s, set.ports[i])
	}
	if grouped && !slices.ContainsFunc(d.verdicts, func(v route.Verdict) bool { return v.Why != route.WrongGroup }) && d.services == nil {
		d.problems = nil // all of it is for other load balancers, and their business
		return d
	}
	d.appProblems(o, a, f, set.app)
	d.leadByAppID()
	return d
}

// newService is a port with the defaults, and the groups its labels give it.
func newService(o *Options, a *App, index, port int, set settings) *service {
	s := &service{
		app: a, index: index, port: port, enabled: !o.StrictMode, balance: route.RoundRobin, bind: o.ServiceAddr.Unmap(),
	}
	for _, l := range slices.Concat(set.app, set.ports[index]) {
		if l.row.Name == "GROUP" {
			s.setGroup(l)
		}
	}
	return s
}

// place says what becomes of a port: a candidate, or the verdict why not.
func (d *draft) place(o *Options, f Facts, s *service, labels []setting) {
	if !meets(o.Groups, s.groups) {
		d.refuse(s.index, s.port, route.WrongGroup, groupDetail(o.Groups, s.groups))
		return
	}
	s.obey(labels)
	switch {
	case !s.enabled && o.StrictMode:
		d.refuse(s.index, s.port, route.StrictMode, portLabel(s.index, "ENABLED")+" is not true")
	case !s.enabled:
		d.refuse(s.index, s.port, route.Disabled, portLabel(s.index, "ENABLED")+" is false")
	case s.port == 0:
		d.refuse(s.index, 0, route.NoPort, "Marathon gave it no service port")
		if s.index < len(s.app.discovered()) {
			d.problem(fmt.Sprintf("ipAddress.discovery.ports[%d]", s.index), strconv.Itoa(s.app.discovered()[s.index].Number),
				"Marathon gives no service port for it; it is not served", "set "+portLabel(s.index, "PORT")+" to a free port")
		}
	case s.port < 0 || s.port > 65535:
		d.refuse(s.index, s.port, route.NoPort, "it is no port")
		d.problem("service port "+strconv.Itoa(s.index), strconv.Itoa(s.port), "not a port; it is not served", "use 1 to 65535")
	default:
		d.services = append(d.services, s.candidate(f, o.HealthCheck))
	}
	d.problems = append(d.problems, s.problems...)
}

func (d *draft) refuse(index, port int, why route.Why, detail string) {
	d.verdicts = append(d.verdicts, route.Verdict{App: d.app, PortIndex: index, Port: port, Why: why, Detail: detail})
}

func (d *draft) problem(label, value, reason, remedy string) {
	d.problems = append(d.problems, route.Problem{App: d.app, Label: label, Value: value, Reason: reason, Remedy: remedy})
}

// meets says that a service of these groups is for a load balancer of those.
func meets(ours, its []string) bool {
	return slices.ContainsFunc(ours, func(g string) bool { return g == "*" || slices.Contains(its, g) })
}

func groupDetail(ours, its []string) string {
	if its == nil {
		return "no HAPROXY_GROUP; this load balancer serves " + strings.Join(ours, ", ")
	}
	return strings.Join(its, ", ") + "; this load balancer serves " + strings.Join(ours, ", ")
}

// appProblems are those with the app as a whole: labels, and tasks that cannot be reached.
func (d *draft) appProblems(o *Options, a *App, f Facts, labels []setting) {
	s := &service{app: a}
	s.obey(labels)
	d.problems = append(d.problems, s.problems...)
	if d.services == nil || a.networking() == containerMode {
		return
	}
	seen := map[string]bool{}
	for i := range a.Tasks {
		t := &a.Tasks[i]
		if _, serves := t.role(f.Health[t.ID], o.HealthCheck); serves && !seen[t.Host] && !f.addrOf(t.Host).IsValid() {
			seen[t.Host] = true
			reason := "the agent's name has no address (yet); its tasks are left out"
			if t.Host == "" {
				reason = "a task without host; it is left out"
			}
			d.problem("tasks.host", t.Host, reason, "make the name resolvable here, or give the agent its address as --hostname")
		}
	}
}

// leadByAppID lets the app be found by its id: at the http service of the lowest port (marathon-lb.md 5.13).
func (d *draft) leadByAppID() {
	var lowest *candidate
	for _, c := range d.services {
		if c.spec.Mode == route.HTTP && (lowest == nil || c.spec.Port < lowest.spec.Port) {
			lowest = c
		}
	}
	if lowest != nil {
		lowest.spec.Rules = append(lowest.spec.Rules, route.Rule{AppID: strings.ToLower(d.app)})
	}
}

// candidate is the service as it is to be served.
func (s *service) candidate(f Facts, obeyHealth bool) *candidate {
	h := s.app.healthCheck(s.index)
	s.settleMode(h)
	endpoints, census := s.app.endpoints(f, s.index, obeyHealth)
	c := &candidate{
		place: place{s.app.ID, s.index},
		spec: route.BackendSpec{
			Name: backendName(s.app.ID, s.port), App: s.app.ID, PortIndex: s.index, Port: s.port, Mode: s.mode, Balance: s.balance,
			Check: h.check(), Rules: s.rules(), Servers: s.app.servers(endpoints, f), Closed: s.closedBy != "",
		},
		bind:      netip.AddrPortFrom(s.bind, uint16(s.port)),
		opens:     !s.bindBad && (s.closedBy == "" || s.mode == route.HTTP),
		portLabel: portLabel(s.index, "PORT"),
	}
	if s.sticky && s.mode == route.HTTP {
		c.spec.Sticky = stickyCookie
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
	name := app
	if name != "" {
		name = name[1:]
	}
	return strings.ReplaceAll(name, "/", "_") + "_" + strconv.Itoa(port)
}
