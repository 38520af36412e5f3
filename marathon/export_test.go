package marathon

import (
	"context"
	"net/netip"
	"time"
)

// FactsAt are the facts of an app read at a time, nothing being known from before.
func FactsAt(a App, now time.Time, addrs map[string]netip.Addr) Facts {
	h, _ := newPicture(true).draft(a, 1, now)
	h.facts.Addrs = addrs
	return h.facts
}

// HealthAfter is the verdict on an app's first task when its results are second, after they were first.
func HealthAfter(a App, now time.Time, first, second []HealthResult) Health {
	p := newPicture(true)
	var h *held
	for _, results := range [][]HealthResult{first, second} {
		a.Tasks = []Task{a.Tasks[0]}
		a.Tasks[0].Results = results
		h, _ = p.draft(a, p.tick(), now)
		p.put(h)
	}
	return h.facts.Health[a.Tasks[0].ID]
}

// SetLookup makes the watcher find agents' addresses in another way than by DNS.
func (w *Watcher) SetLookup(f func(ctx context.Context, host string) ([]netip.Addr, error)) {
	w.lookup = f
}

// SetCondemned sets for how long a task is taken for one that is about to be killed.
func (w *Watcher) SetCondemned(d time.Duration) { w.condemn = d }

// ServerIDs are the ids of servers of these names in one backend, in their order.
func ServerIDs(names ...string) []int {
	ids, given := serverIDs{}, []int(nil)
	for _, name := range names {
		given = append(given, ids.next(name))
	}
	return given
}

// Exported for tests.
var (
	ServerName = serverName
	Cookie     = digest
)

// SetClock moves the client's clock that tokens are judged by. It must be called before the first request.
func (c *Client) SetClock(now func() time.Time) { c.o.Credentials.(*login).now = now }

// ExpiryOf is when a token ends by its own word.
var ExpiryOf = expiryOf
