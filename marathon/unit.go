package marathon

import (
	"maps"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// unit is what is drafted as one app.
type unit struct {
	colour
	problems []route.Problem // with its deployment group
	verdicts []route.Verdict // on apps that were merged into it
}

// groupUnit begins the name of a unit that is a deployment group; that of an app's is its id, which begins with a slash.
const groupUnit = "group "

func unitOf(c colour) string {
	if group := c.app.group(); group != "" {
		return groupUnit + group
	}
	return c.app.ID
}

// take puts an app in the place of what was known of it, nil for one that is gone, and names the units concerned.
func (c *Compiler) take(id string, next *colour) (units []string) {
	if old, known := c.apps[id]; known {
		name := unitOf(old)
		delete(c.groups[name], id)
		if len(c.groups[name]) == 0 {
			delete(c.groups, name)
		}
		units = append(units, name)
	}
	if next == nil {
		delete(c.apps, id)
		return units
	}
	name := unitOf(*next)
	if next.app.group() != "" {
		if c.groups[name] == nil {
			c.groups[name] = map[string]bool{}
		}
		c.groups[name][id] = true
	}
	c.apps[id] = *next
	return append(units, name)
}

// unit is the app or the group of that name, nil if there is none any more.
func (c *Compiler) unit(name string) *unit {
	if app, known := c.apps[name]; known && app.app.group() == "" {
		return &unit{colour: app}
	}
	ids := c.groups[name]
	if len(ids) == 0 {
		return nil
	}
	var members []colour
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		members = append(members, c.apps[id])
	}
	m := merger{obeyHealth: c.o.HealthCheck}
	all := m.merge(members[0].app.group(), members)
	return &unit{colour: all, problems: m.problems, verdicts: m.verdicts}
}

// draft is nil for a unit that is gone.
func (u *unit) draft(o *Options, name string, given []int) *draft {
	if u == nil {
		return nil
	}
	d := newDraft(o, name, &u.app, u.facts, given)
	if d.services != nil { // else it is the business of other load balancers
		d.problems = append(d.problems, u.problems...)
		d.verdicts = append(d.verdicts, u.verdicts...)
	}
	return d
}

// givePorts gives service ports to units that need them. Who gets which depends on all that need some, in the order of their names,
// so a change may touch others: they are added to units.
func (c *Compiler) givePorts(units map[string]*unit) {
	changed := false
	for name, u := range units {
		was, wanted := c.auto[name]
		var w wish
		if u != nil {
			w = wish{app: u.app.ID, taskPorts: u.app.autoWants()}
		}
		if wants := len(w.taskPorts) > 0; !wants {
			delete(c.auto, name)
			changed = changed || wanted
		} else if !wanted || w.app != was.app || !slices.Equal(w.taskPorts, was.taskPorts) {
			c.auto[name] = w
			changed = true
		}
	}
	if !changed {
		return
	}
	ports := newAutoPorts(c.o.MinServicePort, c.o.MaxServicePort)
	for _, name := range slices.SortedFunc(maps.Keys(c.auto), inOrder) {
		w := c.auto[name]
		given := make([]int, len(w.taskPorts))
		for i, taskPort := range w.taskPorts {
			given[i] = ports.port(autoKey{w.app, taskPort})
		}
		if !slices.Equal(given, w.given) {
			w.given = given
			c.auto[name] = w
			if _, dirty := units[name]; !dirty {
				units[name] = c.unit(name)
			}
		}
	}
}

// inOrder is apps before groups, as Marathon-LB went through them.
func inOrder(a, b string) int {
	if group := strings.HasPrefix(a, groupUnit); group != strings.HasPrefix(b, groupUnit) {
		if group {
			return 1
		}
		return -1
	}
	return strings.Compare(a, b)
}
