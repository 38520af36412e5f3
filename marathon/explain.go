package marathon

import (
	"maps"
	"slices"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// Explain tells what is known of an app of that id, and of a deployment group of that id: what its ports ask for, be they exposed or not,
// what is made of its tasks, and its problems.
func (c *Compiler) Explain(id string) []route.About {
	c.linking.Lock()
	defer c.linking.Unlock()
	var all []route.About
	for _, name := range c.unitsOf(id) {
		if u := c.unit(name); u != nil {
			all = append(all, c.about(name, u))
		}
	}
	return all
}

// unitsOf are the units that an id is told of in.
func (c *Compiler) unitsOf(id string) []string {
	var names []string
	if app, known := c.apps[id]; known {
		names = append(names, unitOf(app))
	}
	return appendNew(names, groupUnit+id)
}

// about drafts the unit's services once more, those too that are refused: what follows from an app is asked of what drafts it.
func (c *Compiler) about(name string, u *unit) route.About {
	a := &u.app
	c.mu.Lock()
	r := c.reports[name]
	c.mu.Unlock()
	about := route.About{App: a.ID, Ports: []route.PortStand{}, Tasks: []route.TaskStand{}, Problems: append([]route.Problem{}, r.problems...)}
	if strings.HasPrefix(name, groupUnit) {
		about.Members = slices.Sorted(maps.Keys(c.groups[name]))
	}
	ports := a.servicePorts()
	if given := c.auto[name].given; given != nil {
		ports = given
	}
	set, _ := readSettings(a, len(ports))
	for _, v := range r.verdicts {
		p := route.PortStand{Verdict: v, Groups: []string{}, Hosts: []string{}, Paths: []string{}, Access: []string{}}
		if v.App == a.ID && v.PortIndex < len(ports) { // else it is a colour that is merged into another
			s := newService(&c.o, a, v.PortIndex, ports[v.PortIndex], set)
			p.Groups = append(p.Groups, s.groups...)
			s.obey(set.ports[v.PortIndex])
			s.describe(s.candidate(&c.o, u.facts), &p)
		}
		about.Ports = append(about.Ports, p)
	}
	slices.SortFunc(about.Ports, func(p, q route.PortStand) int { return p.PortIndex - q.PortIndex })
	for i := range a.Tasks {
		about.Tasks = append(about.Tasks, a.Tasks[i].stand(u.facts, c.o.HealthCheck))
	}
	return about
}

// describe says what the service asks for.
func (s *service) describe(k *candidate, p *route.PortStand) {
	p.Mode, p.Access = k.spec.Mode, k.spec.Access()
	p.Hosts, p.Paths = append(p.Hosts, s.hosts...), append(p.Paths, s.paths...)
	if k.spec.Check != nil {
		p.Check = k.spec.Check.String()
	}
}

// String is the health's word in explanations.
func (h Health) String() string {
	return [...]string{"unchecked", "healthy", "unhealthy", "waiting", "presumed healthy", "not ready"}[h]
}

// stand is the task as explanations show it.
func (t *Task) stand(f Facts, obeyHealth bool) route.TaskStand {
	health := f.Health[t.ID]
	state, serves := t.role(health, obeyHealth)
	s := route.TaskStand{Task: t.ID, Host: t.Host, State: string(t.State), Health: health.String(), Serves: serves}
	_, runs := t.role(Unchecked, false)
	switch {
	case serves && t.drains:
		s.Why = "it drains: the other colour of its deployment group takes over"
	case serves && state == route.Draining:
		s.Why = "it drains: Marathon is killing it"
	case serves && state == route.LastResort:
		s.Why = "its agent is unreachable: it is a last resort"
	case serves && health == Unhealthy:
		s.Why = "Marathon finds it unhealthy, which counts with --health-check only"
	case serves:
		s.Why = "it can serve"
	case !runs:
		s.Why = "it does not run"
	case health == Unready:
		s.Why = "the deployment waits for its readiness check"
	case health == Waiting:
		s.Why = "its first good health check is awaited"
	default:
		s.Why = "its health check fails"
	}
	return s
}

// Wanting are the apps and groups whose labels ask for a host, or for a service port, exposed or not; sorted, at most most.
func (c *Compiler) Wanting(host string, port, most int) []string {
	c.linking.Lock()
	defer c.linking.Unlock()
	found := map[string]bool{}
	for id, k := range c.apps {
		for name, value := range k.app.Labels {
			if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, "_VHOST") && route.HostIn(normalHosts(value), host) {
				found[id] = true
			}
		}
	}
	c.mu.Lock()
	for _, r := range c.reports {
		for _, v := range r.verdicts {
			if port != 0 && v.Port == port {
				found[v.App] = true
			}
		}
	}
	c.mu.Unlock()
	all := slices.Sorted(maps.Keys(found))
	return all[:min(len(all), most)]
}

func normalHosts(value string) []string {
	hosts := list(value)
	for i, host := range hosts {
		hosts[i] = route.NormalHost(host)
	}
	return hosts
}

// FactsOf is what can be told of an app's tasks by its JSON alone, without what Marathon said before. Agents' names have no address.
func FactsOf(a *App, now time.Time) Facts {
	f := Facts{Health: map[string]Health{}}
	for i := range a.Tasks {
		t := &a.Tasks[i]
		f.Health[t.ID], _ = verdicts{}.judge(a, t, false, now)
	}
	return f
}
