package marathon

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// Deployment groups (marathon-lb.md 3.9): the two colours of a blue/green deployment are served as one app, under the name of
// their group. The colour that goes gives up tasks as that which comes has tasks that serve.

// Names of the labels that apps of a group carry.
const (
	groupLabel   = prefix + "DEPLOYMENT_GROUP"
	startedLabel = prefix + "DEPLOYMENT_STARTED_AT"
	targetLabel  = prefix + "DEPLOYMENT_TARGET_INSTANCES"
	newLabel     = prefix + "DEPLOYMENT_NEW_INSTANCES"
)

// group is the id under which the app is served with others, empty if it is served by itself.
func (a *App) group() string {
	name := strings.TrimSpace(a.Labels[groupLabel])
	if badGroup(name) != "" {
		return ""
	}
	return strings.TrimSuffix(a.ID, bareID(a.ID)) + "/" + strings.TrimPrefix(name, "/")
}

// badGroup says why a name can be none of a group's.
func badGroup(name string) string {
	strange := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._/", c))
	}
	switch {
	case strings.Trim(name, "/") == "":
		return "it names no group"
	case strings.ContainsFunc(name, strange):
		return "a group's name is like that of an app: letters, digits and -._/"
	}
	return ""
}

// checkGroup only complains: which group an app belongs to is asked before its labels are applied.
func (s *service) checkGroup(set setting) {
	if reason := badGroup(strings.TrimSpace(set.value)); reason != "" {
		s.complain(set, reason+"; the app is served under its own id", "write the name of the group")
	}
}

// colour is an app of a deployment group, with what is known of its tasks.
type colour struct {
	app   App
	facts Facts
	tasks []Task // of the app and of those merged into it
}

// merger makes one app of the apps of a group.
type merger struct {
	obeyHealth bool // Options.HealthCheck
	problems   []route.Problem
	verdicts   []route.Verdict
}

// merge makes one app of apps in the order of their ids: the oldest gives its labels, ports and checks, all give their tasks.
func (m *merger) merge(group string, members []colour) colour {
	for i := range members {
		c := &members[i]
		for j := range c.app.Tasks {
			t := c.app.Tasks[j]
			t.of = &c.app
			c.tasks = append(c.tasks, t)
		}
	}
	all := members[0]
	for _, next := range members[1:] {
		all = m.combine(all, next)
	}
	all.app.own, all.app.ID, all.app.Tasks, all.app.Labels = all.app.ID, group, all.tasks, m.guarded(&all.app, members)
	for _, c := range members {
		if c.app.ID != all.app.own {
			m.tell(group, &c.app, all.app.own)
		}
	}
	return all
}

// guarded are the labels of the app that leads the group, with what restricts access to the others where it has no such label: no task
// is to be reached without what its own labels ask for.
func (m *merger) guarded(lead *App, members []colour) map[string]string {
	labels := maps.Clone(lead.Labels)
	for i := range members {
		a := &members[i].app
		for name, value := range a.Labels {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			set, reason, _ := readLabel(name, value, len(lead.servicePorts()))
			if reason != "" || !set.restricts() {
				continue
			}
			if first, has := labels[name]; !has {
				labels[name] = value
			} else if first != value {
				m.problem(a, name, "another app of the group has another; that of "+lead.ID+", or of the first that has one, is in force", "nothing, if it is to change with this deployment")
			}
		}
	}
	return labels
}

// restricts says that a label keeps somebody out.
func (s setting) restricts() bool {
	return s.row.Name == "AUTH" || s.row.Name == "BACKEND_NETWORK_ALLOWED_ACL" || s.row.restricts != nil && s.row.restricts(s.value)
}

// tell says of an app that it is served as a part of another.
func (m *merger) tell(group string, a *App, by string) {
	for i, port := range a.servicePorts() {
		m.verdicts = append(m.verdicts, route.Verdict{App: a.ID, PortIndex: i, Port: port, Why: route.Merged, Detail: "served as " + group + ", by the labels and ports of " + by})
	}
}

// combine merges two colours of which seen comes first by its id.
func (m *merger) combine(seen, next colour) colour {
	before, after := m.startedAt(&seen.app), m.startedAt(&next.app)
	old, young := seen, next
	if after.Before(before) {
		old, young = next, seen
	}
	target, known := 1, true
	if _, staged := young.app.Labels[newLabel]; staged {
		// The older app's own label is of an earlier deployment, and may be long out of date.
		target, known = m.target(young.app, old.app)
		if old.app.VersionInfo.LastScalingAt.After(young.app.VersionInfo.LastScalingAt.Time) {
			old, young = young, old // the colour that gains tasks is the one that comes
		}
	}
	if before.Equal(after) {
		m.problem(&young.app, startedLabel, "neither app of the group says when it began, so no task of either drains", "let zdd set it, or set it to a time such as 2016-02-01T14:13:42")
		known = false
	}
	slices.SortFunc(old.tasks, func(t, u Task) int { return cmp.Compare(t.ID, u.ID) })
	if known {
		m.drain(&old, young, target)
	}
	old.tasks = slices.Concat(old.tasks, young.tasks)
	old.facts = old.facts.and(young.facts)
	return old
}

// drain marks as many of the old colour's tasks as are not needed any more: what serves in all, less the target.
func (m *merger) drain(old *colour, young colour, target int) {
	serving := old.serving(m.obeyHealth)
	come := len(young.serving(true))
	n := min(come, come+len(serving)-target)
	for _, i := range serving[:min(max(0, n), len(serving))] {
		old.tasks[i].drains = true
	}
}

// serving are the indexes of tasks that take requests.
func (c *colour) serving(obeyHealth bool) []int {
	var found []int
	for i := range c.tasks {
		if t := &c.tasks[i]; !t.drains && t.usable(c.facts.Health[t.ID], obeyHealth) {
			found = append(found, i)
		}
	}
	return found
}

// target is how many tasks are to serve in the end, as the first of the apps that says so has it.
func (m *merger) target(apps ...App) (n int, known bool) {
	for _, a := range apps {
		text, set := a.Labels[targetLabel]
		if !set {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 0 {
			m.problems = append(m.problems, route.Problem{App: a.ID, Label: targetLabel, Value: text,
				Reason: "not a number of tasks; no task of the group drains", Remedy: "write a whole number such as 3"})
			return 0, false
		}
		return n, true
	}
	m.problem(&apps[0], targetLabel, "it is missing beside "+newLabel+"; no task of the group drains", "set it to the number of tasks in the end")
	return 0, false
}

func (m *merger) problem(a *App, label, reason, remedy string) {
	p := route.Problem{App: a.ID, Label: label, Value: shown(label, a.Labels[label]), Reason: reason, Remedy: remedy}
	if !slices.Contains(m.problems, p) { // an app is compared with each other one of its group
		m.problems = append(m.problems, p)
	}
}

// stamps are the forms of times that are understood. zdd writes local time without a zone; it counts as UTC.
var stamps = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// startedAt is when the app's deployment began, the zero time if it does not say.
func (m *merger) startedAt(a *App) time.Time {
	text, set := a.Labels[startedLabel]
	for _, form := range stamps {
		if at, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			return at
		}
	}
	if set {
		m.problem(a, startedLabel, "not a time; the app counts as the older one", "write a time such as 2016-02-01T14:13:42")
	}
	return time.Time{}
}

// and are the facts of both.
func (f Facts) and(g Facts) Facts {
	both := Facts{Health: map[string]Health{}, Addrs: map[string]netip.Addr{}}
	for _, one := range []Facts{f, g} {
		maps.Copy(both.Health, one.Health)
		maps.Copy(both.Addrs, one.Addrs)
	}
	return both
}
