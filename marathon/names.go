package marathon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// names knows the addresses of agents that Marathon calls by name, and when to look them up. It is pure: whoever calls it does the
// looking up, so nothing ever waits for it.
type names struct {
	hosts  map[string]*name
	users  map[string][]string // hosts by the app that has tasks there
	flying int
}

// name is one agent's name.
type name struct {
	addr   netip.Addr // the last good answer, invalid before the first
	due    time.Time
	tries  int  // failed ones in a row
	flying bool // it is being looked up
	apps   map[string]bool
}

// lookup finds the addresses of a host.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

func byDNS(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

const (
	namesFresh    = 30 * time.Second // how long an answer counts before it is asked for again
	lookupTimeout = 5 * time.Second
	longestRetry  = 30 * time.Second // between two failed look-ups of a name
	mostLookups   = 16               // at a time
)

func newNames() *names { return &names{hosts: map[string]*name{}, users: map[string][]string{}} }

// use says which names an app needs from now on, sorted; none when it is gone.
func (n *names) use(app string, hosts []string, now time.Time) {
	for _, host := range hosts {
		h := n.hosts[host]
		if h == nil {
			h = &name{due: now, apps: map[string]bool{}}
			n.hosts[host] = h
		}
		h.apps[app] = true
	}
	for _, host := range n.users[app] {
		if _, still := slices.BinarySearch(hosts, host); still {
			continue
		}
		h := n.hosts[host]
		delete(h.apps, app)
		if len(h.apps) == 0 && !h.flying {
			delete(n.hosts, host)
		}
	}
	if len(hosts) == 0 {
		delete(n.users, app)
	} else {
		n.users[app] = hosts
	}
}

// know takes addresses that were good once for the last good answers of names that have none.
func (n *names) know(addrs map[string]netip.Addr) {
	for host, addr := range addrs {
		if n.hosts[host] == nil {
			n.hosts[host] = &name{addr: addr, apps: map[string]bool{}}
		}
	}
}

// addrs are the addresses of the names an app needs, as far as they are known.
func (n *names) addrs(app string) map[string]netip.Addr {
	hosts := n.users[app]
	if len(hosts) == 0 {
		return nil
	}
	known := make(map[string]netip.Addr, len(hosts))
	for _, host := range hosts {
		if addr := n.hosts[host].addr; addr.IsValid() {
			known[host] = addr
		}
	}
	return known
}

// take gives the names to look up now and counts them as being looked up.
func (n *names) take(now time.Time) []string {
	var hosts []string
	for host, h := range n.hosts {
		if n.flying < mostLookups && !h.flying && !now.Before(h.due) {
			h.flying = true
			n.flying++
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// errNoAddress says that a name exists without an address.
var errNoAddress = errors.New("it has no address")

// land applies an answer. A failed one leaves the last good address in force. It returns the apps for which something changed.
func (n *names) land(host string, found []netip.Addr, err error, now time.Time) []string {
	h := n.hosts[host]
	h.flying = false
	n.flying--
	if len(h.apps) == 0 {
		delete(n.hosts, host)
		return nil
	}
	if err != nil {
		h.tries++
		h.due = now.Add(jitter(min(retryAfter(1)<<min(h.tries-1, 10), longestRetry)))
		return nil
	}
	h.tries, h.due = 0, now.Add(jitter(namesFresh))
	addr := choose(found, h.addr)
	if addr == h.addr {
		return nil
	}
	h.addr = addr
	apps := make([]string, 0, len(h.apps))
	for app := range h.apps {
		apps = append(apps, app)
	}
	return apps
}

// choose takes one of several addresses: the one in use if it is still there, else the lowest, IPv4 first.
func choose(found []netip.Addr, current netip.Addr) netip.Addr {
	best := netip.Addr{}
	for _, addr := range found {
		addr = addr.Unmap()
		if addr == current {
			return current
		}
		if !best.IsValid() || addr.Compare(best) < 0 { // netip orders IPv4 before IPv6
			best = addr
		}
	}
	return best
}

// next is when a name is to be looked up, zero for never. What waits for a free place goes when another answer lands.
func (n *names) next() time.Time {
	var at time.Time
	for _, h := range n.hosts {
		if !h.flying && n.flying < mostLookups {
			at = earlier(at, h.due)
		}
	}
	return at
}

// hostNames are the names of agents an app's tasks need resolved.
func (a *App) hostNames() []string {
	if a.networking() == containerMode {
		return nil
	}
	var hosts []string
	for i := range a.Tasks {
		t := &a.Tasks[i]
		if t.Host == "" || t.State.Terminal() {
			continue
		}
		if _, err := netip.ParseAddr(t.Host); err != nil {
			hosts = append(hosts, t.Host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
