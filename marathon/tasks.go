package marathon

import (
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// role says whether a task has servers, and in what state. obeyHealth is Options.HealthCheck.
func (t *Task) role(health Health, obeyHealth bool) (state route.State, serves bool) {
	switch s := t.State; {
	case s.Terminal() || s == TaskStaging || s == TaskStarting:
		return 0, false
	case s == "" && t.StartedAt.IsZero(): // before 1.1.2 there was no other sign that it runs
		return 0, false
	case s == TaskKilling: // it was a server if it ever ran and was let in; it is one until it is gone
		return route.Draining, !t.StartedAt.IsZero() && health != Unready && !(obeyHealth && health == Waiting)
	case s.Unsure():
		state = route.LastResort
	}
	if health == Unready {
		return 0, false
	}
	return state, !obeyHealth || health != Unhealthy && health != Waiting
}

// usable says that requests may go to a task, as a last resort at least.
func (t *Task) usable(health Health, obeyHealth bool) bool {
	state, serves := t.role(health, obeyHealth)
	return serves && state != route.Draining
}

// census is what became of an app's tasks at one of its ports.
type census struct {
	usable, waiting, unready, sick, nowhere int
}

// String tells of the tasks that run and are not used; it is empty if there are none.
func (c census) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.waiting, "waiting for a good check"}, {c.unready, "waiting for readiness"}, {c.sick, "unhealthy"}, {c.nowhere, "without an address or port"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if parts == nil {
		return ""
	}
	return "tasks: " + strings.Join(parts, ", ")
}

// endpoint is a task with its address for one port.
type endpoint struct {
	task  *Task
	addr  netip.AddrPort
	state route.State
}

// endpoints are the tasks that serve a port index, in the order of their servers: by host, then port (marathon-lb.md 3.10).
func (a *App) endpoints(f Facts, index int, obeyHealth bool) ([]endpoint, census) {
	var found []endpoint
	var c census
	for i := range a.Tasks {
		t := &a.Tasks[i]
		health := f.Health[t.ID]
		state, serves := t.role(health, obeyHealth)
		if !serves {
			if _, runs := t.role(Unchecked, false); runs && t.State != TaskKilling {
				c.count(health)
			}
			continue
		}
		if t.drains {
			state = route.Draining
		}
		addr, port := a.place(t, f, index)
		if !addr.IsValid() || port < 1 || port > 65535 {
			c.nowhere++
			continue
		}
		if state != route.Draining {
			c.usable++
		}
		found = append(found, endpoint{task: t, addr: netip.AddrPortFrom(addr, uint16(port)), state: state})
	}
	// Only one task can be at an address: one that is ready rather than one that is leaving, else the younger.
	slices.SortFunc(found, func(e, o endpoint) int { return cmp.Or(e.addr.Compare(o.addr), e.compareClaim(o)) })
	found = slices.CompactFunc(found, func(e, o endpoint) bool { return e.addr == o.addr })
	slices.SortFunc(found, func(e, o endpoint) int {
		return cmp.Or(cmp.Compare(e.task.Host, o.task.Host), cmp.Compare(e.addr.Port(), o.addr.Port()), e.addr.Addr().Compare(o.addr.Addr()))
	})
	return found, c
}

func (c *census) count(h Health) {
	switch h {
	case Waiting:
		c.waiting++
	case Unready:
		c.unready++
	default:
		c.sick++
	}
}

// place is where a task is reached for a port index, by the definition it follows.
func (a *App) place(t *Task, f Facts, index int) (netip.Addr, int) {
	if t.of != nil {
		a = t.of
	}
	return a.reach(t, f, index), a.portOf(t, index)
}

// reach is the address of a task for a port index; invalid if it has none or its name is not resolved.
func (a *App) reach(t *Task, f Facts, index int) netip.Addr {
	if a.networking() == containerMode {
		return a.addressOf(t, index)
	}
	return f.addrOf(t.Host)
}

func (e endpoint) compareClaim(o endpoint) int {
	return cmp.Or(
		cmp.Compare(e.state, o.state),
		o.task.StartedAt.Compare(e.task.StartedAt.Time),
		cmp.Compare(e.task.ID, o.task.ID),
	)
}

// servers names the endpoints as HAProxy would.
func (a *App) servers(found []endpoint, f Facts) []route.ServerSpec {
	names, ids := map[string]bool{}, serverIDs{}
	servers := make([]route.ServerSpec, 0, len(found))
	for _, e := range found {
		name := serverName(e.task.Host, e.addr)
		if names[name] { // two addresses whose names differ only in what a name cannot hold
			name += "_" + digest(e.task.ID)
		}
		names[name] = true
		servers = append(servers, route.ServerSpec{
			Name: name, App: a.taskApp(e.task), Task: e.task.ID, Addr: e.addr, Cookie: digest(name), ID: ids.next(name), State: e.state,
			Vouched: f.Health[e.task.ID] == Healthy,
		})
	}
	return servers
}

// taskApp is the id of the app a task belongs to.
func (a *App) taskApp(t *Task) string {
	if t.of != nil {
		return t.of.ID
	}
	return a.ID
}

// serverName is host_ip_port, or ip_port where the host is given by its address (marathon-lb.md 3.10). zdd finds a task's server by it.
func serverName(host string, addr netip.AddrPort) string {
	ip := addr.Addr().String()
	name := ip + "_" + strconv.Itoa(int(addr.Port()))
	if host != ip {
		name = host + "_" + name
	}
	return serverWord(name)
}

// serverWord is a text with an underscore for what the name of a server cannot hold.
func serverWord(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return c
		}
		return '_'
	}, text)
}

// digest is the value of the persistence cookie: the first 10 hex digits of SHA-1 (marathon-lb.md 3.10).
func digest(name string) string {
	sum := sha1.Sum([]byte(name))
	return hex.EncodeToString(sum[:])[:10]
}

// serverIDs are the ids given out in one backend.
type serverIDs map[int]bool

const mostServerIDs = 32766

// next is the id of a server (marathon-lb.md 5.8): SHA-256 of its name modulo 32767, of the name with a blank and that hash behind
// it as long as the result is 0 or taken.
func (ids serverIDs) next(name string) int {
	for len(ids) < mostServerIDs {
		sum := sha256.Sum256([]byte(name))
		id := 0
		for _, b := range sum {
			id = (id<<8 | int(b)) % (mostServerIDs + 1)
		}
		if id != 0 && !ids[id] {
			ids[id] = true
			return id
		}
		name += " " + hex.EncodeToString(sum[:])
	}
	return 0 // there is none left
}
