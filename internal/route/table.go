package route

import (
	"net/netip"
	"slices"
	"time"
)

// Table is what requests are matched against. It never changes: Build makes the next one, the proxy swaps one atomic pointer,
// and a request keeps the table it began with to its end, retries included.
type Table struct {
	Generation uint64    // rises by one with each Build
	Built      time.Time // when

	writers   int
	iids      int // last proxy id given out
	listeners shards[*Listener]
	backends  shards[*Backend]
	hosts     shards[[]*bound] // by host pattern: "a.b", ".b" for *.b, "" for any; each sorted by rank
	apps      shards[[]*bound] // by lower-cased app id
	retired   shards[retired]  // Stats whose name is gone, by statsKey
	expiry    []string         // keys of retired, oldest first
	leaving   []string         // names of backends with servers that leave
	https     int              // port of the listener HTTPSIn, 0 if there is none
}

// Listener is a port as the table serves it.
type Listener struct {
	Spec  ListenerSpec
	Stats *Stats // the FRONTEND row
}

// Backend is a service as the table serves it.
type Backend struct {
	Spec    BackendSpec
	Servers []*Server // those of the spec, in its order
	Leaving []*Server // no longer in the spec, still with requests to finish; they take no new ones
	Gone    bool      // the service itself left the spec; kept until Leaving is empty
	Stats   *Stats    // the BACKEND row

	turn  *turn
	ready []*Server
	last  []*Server
}

type retired struct {
	stats *Stats
	until time.Time
}

// NewTable is the empty table to build the first one from. writers is how many goroutines count with a number of their own.
func NewTable(writers int) *Table {
	return &Table{writers: max(writers, 1), iids: StatsIID}
}

// StatsIID is the proxy id of the stats page's own proxy, which is not in the table (HAProxy gives it 2: 1 is its socket).
const StatsIID = 2

// Listener is the listener of a bind address, nil if there is none.
func (t *Table) Listener(bind netip.AddrPort) *Listener {
	l, _ := t.listeners.get(BindText(bind))
	return l
}

// Backend is the backend of that name, nil if there is none.
func (t *Table) Backend(name string) *Backend {
	b, _ := t.backends.get(name)
	return b
}

// ListenerAt is Listener by the text form of the address (BindText), which callers that ask often keep.
func (t *Table) ListenerAt(bind string) *Listener {
	l, _ := t.listeners.get(bind)
	return l
}

// HTTPSPort is the port on which hosts are served with TLS, 0 if there is none.
func (t *Table) HTTPSPort() int { return t.https }

// Empty says that there is no backend at all, as before the first read of Marathon.
func (t *Table) Empty() bool { return t.backends.empty() }

// Leaves says that some server still leaves: building a table with an empty change lets go of it once it is done.
func (t *Table) Leaves() bool { return len(t.leaving) > 0 }

// Listeners are all listeners in the order of ListenerSpec.Compare.
func (t *Table) Listeners() []*Listener {
	var all []*Listener
	t.listeners.all(func(_ string, l *Listener) { all = append(all, l) })
	slices.SortFunc(all, func(a, b *Listener) int { return a.Spec.Compare(b.Spec) })
	return all
}

// Backends are all backends, those that are gone but not yet empty included, in the order of BackendSpec.Compare.
func (t *Table) Backends() []*Backend {
	var all []*Backend
	t.backends.all(func(_ string, b *Backend) { all = append(all, b) })
	slices.SortFunc(all, func(a, b *Backend) int { return a.Spec.Compare(b.Spec) })
	return all
}

// ServersOf are the servers of a task, those that leave included.
func (t *Table) ServersOf(task string) []*Server {
	var found []*Server
	t.backends.all(func(_ string, b *Backend) {
		for _, list := range [][]*Server{b.Servers, b.Leaving} {
			for _, s := range list {
				if s.Task == task {
					found = append(found, s)
				}
			}
		}
	})
	return found
}

// Spec is the desired state this table was built from.
func (t *Table) Spec() Spec {
	var s Spec
	for _, l := range t.Listeners() {
		s.Listeners = append(s.Listeners, l.Spec)
	}
	for _, b := range t.Backends() {
		if !b.Gone {
			s.Backends = append(s.Backends, b.Spec)
		}
	}
	return s
}

// Rows are the servers to show: those of the spec, then leaving ones whose name no newer server has taken over.
func (b *Backend) Rows() []*Server {
	rows := slices.Clone(b.Servers)
	for _, s := range b.Leaving {
		if !slices.ContainsFunc(rows, func(r *Server) bool { return r.Name == s.Name }) {
			rows = append(rows, s)
		}
	}
	return rows
}
