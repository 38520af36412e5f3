package marathon

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// draft is what one app asks for, whatever other apps do. It follows from the options, the app, the facts and the ports it was
// given alone.
type draft struct {
	app      string
	own      string          // id of the app itself, if app is that of its deployment group
	services []*candidate    // those to be served, by port index
	verdicts []route.Verdict // of the others
	problems []route.Problem
}

// newDraft drafts an app. given are its service ports where Marathon has none.
func newDraft(o *Options, unit string, a *App, f Facts, given []int) *draft {
	d := &draft{app: a.ID, own: cmp.Or(a.own, a.ID)}
	ports := a.servicePorts()
	if given != nil {
		ports = given
	}
	if o.FrameworkName != "" && strings.TrimPrefix(bareID(a.ID), "/") == strings.TrimPrefix(o.FrameworkName, "/") {
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
	var doubts []route.Problem // about groups
	for i, port := range ports {
		s := newService(o, a, i, port, set)
		doubts = append(doubts, s.problems...)
		s.unit = unit
		grouped = grouped || s.groups != nil
		d.place(o, f, s, set.ports[i])
	}
	if grouped && !slices.ContainsFunc(d.verdicts, func(v route.Verdict) bool { return v.Why != route.WrongGroup }) && d.services == nil {
		d.problems = doubts // all else is for other load balancers, and their business
		return d
	}
	d.appProblems(o, a, f, set.app)
	d.leadByAppID()
	return d
}

// newService is a port with the defaults, and the groups its labels give it.
func newService(o *Options, a *App, index, port int, set settings) *service {
	s := &service{
		app: a, options: o, cookie: stickyCookie, index: index, port: port, enabled: !o.StrictMode, balance: route.RoundRobin, bind: o.ServiceAddr.Unmap(),
	}
	var group setting
	for _, l := range slices.Concat(set.app, set.ports[index]) {
		if l.row.Name == "GROUP" {
			s.setGroup(l)
			group = l
		}
	}
	if index == 0 || group.port == index { // a label of the app is told of once
		s.doubtGroups(group)
	}
	return s
}

// place says what becomes of a port: a candidate, or the verdict why not.
func (d *draft) place(o *Options, f Facts, s *service, labels []setting) {
	if !meets(o.Groups, s.groups) {
		d.problems = append(d.problems, s.problems...)
		d.refuse(s.index, s.port, route.WrongGroup, groupDetail(o.Groups, s.groups))
		return
	}
	s.obey(s.withTemplates(labels))
	switch {
	case !s.enabled && o.StrictMode:
		d.refuse(s.index, s.port, route.StrictMode, portLabel(s.index, "ENABLED")+" is not true")
	case !s.enabled:
		d.refuse(s.index, s.port, route.Disabled, portLabel(s.index, "ENABLED")+" is false")
	case s.port == 0:
		d.refuse(s.index, 0, route.NoPort, "Marathon gave it no service port")
		if s.index < len(s.app.discovered()) {
			d.problem(fmt.Sprintf("ipAddress.discovery.ports[%d]", s.index), strconv.Itoa(s.app.discovered()[s.index].Number),
				"Marathon gives no service port for it, and none could be given here; it is not served", "set "+portLabel(s.index, "PORT")+" to a free port")
		}
	case s.port < 0 || s.port > 65535:
		d.refuse(s.index, s.port, route.NoPort, "it is no port")
		d.problem("service port "+strconv.Itoa(s.index), strconv.Itoa(s.port), "not a port; it is not served", "use 1 to 65535")
	default:
		d.services = append(d.services, s.candidate(o, f))
	}
	d.problems = append(d.problems, s.problems...)
}

func (d *draft) refuse(index, port int, why route.Why, detail string) {
	d.verdicts = append(d.verdicts, route.Verdict{App: d.app, PortIndex: index, Port: port, Why: why, Detail: detail})
}

func (d *draft) problem(label, value, reason, remedy string) {
	d.problems = append(d.problems, route.Problem{App: d.own, Label: label, Value: value, Reason: reason, Remedy: remedy})
}

// Groups are the groups of load balancers that labels of the app name, sorted.
func (a *App) Groups() []string {
	var all []string
	set, _ := readSettings(a, len(a.servicePorts()))
	for _, l := range slices.Concat(append(set.ports, set.app)...) {
		if l.row.Name == "GROUP" {
			all = append(all, list(l.value)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
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
		for _, id := range slices.Compact([]string{bareID(d.app), d.app}) {
			lowest.spec.Rules = append(lowest.spec.Rules, route.Rule{AppID: strings.ToLower(id)})
		}
	}
}
