package stats

import (
	"fmt"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// kind is what a row stands for; its number is the CSV's type column.
type kind int

const (
	frontend kind = iota
	backend
	server
)

// row is one line of the report, a frontend, backend or server, as it was at one moment. It is the one model behind the page,
// the CSV, the JSON and /metrics. Fields bear the names of HAProxy's columns where there is one.
type row struct {
	kind           kind
	pxname, svname string
	mode           route.Mode
	iid, sid       int
	status, class  string // HAProxy's word, and its name for the colour of the row

	listener *route.ListenerSpec // of a frontend
	backend  *route.BackendSpec  // of a backend or server; nil for the stats page's own
	server   *route.Server       // of a server

	draining, backup bool           // of a server
	check            *route.Checked // of a server that is checked
	warms            bool           // of a server: it warms up,
	warmth           int            // and so has this weight, in percent

	panics                   bool                        // of a backend: all its probes fail, and servers are used all the same
	inUse                    int                         // of a backend: servers that are used now: ready ones, or last resorts where none is
	active, backups, servers int                         // of a backend: ready ones and last resorts that are up, and all
	states                   map[string]int64            // of a backend: how many servers have each status, as /metrics words it
	found                    map[route.CheckStatus]int64 // of a backend: how many servers had each result of their last probe

	lastchg, downtime time.Duration // since the last change of status, and in which no request could be taken

	meters
}

// meters are a row's numbers.
type meters struct {
	counts                                                    [route.NumCounts]uint64
	slim                                                      int64 // 0 for none
	scur, smax, qcur, qmax                                    int64
	rate, rateMax, reqRate, reqRateMax, connRate, connRateMax int64         // per second
	qtime, ctime, rtime, ttime                                [2]int64      // average and largest, ms
	lastsess                                                  time.Duration // negative before the first
}

// view reads rows at one moment.
type view struct {
	now     time.Time
	maxconn int64 // how many connections the process can have
	rows    []row

	unopened map[string]bool // ports that cannot be opened
}

// ownProxy is the name of the proxy that the stats page itself is.
const ownProxy = "stats"

// newView reads the table and its counters, without a lock: writers go on meanwhile. own are the counters of the stats page's
// own proxy. The order is HAProxy's: own rows, frontends, then each backend after its servers.
func newView(t *route.Table, own *own, unopened map[string]bool, maxconn int64, now time.Time) *view {
	v := &view{now: now, maxconn: maxconn, unopened: unopened}
	v.addFrontend(&route.ListenerSpec{Name: ownProxy, Bind: own.bind, Mode: route.HTTP}, own.front)
	back := row{
		kind: backend, pxname: ownProxy, svname: "BACKEND", mode: route.HTTP, status: "UP", class: "backend",
		lastchg: now.Sub(own.back.Since()), meters: v.read(own.back), iid: own.back.IID,
	}
	back.slim = maxconn
	v.add(back)
	if t == nil {
		return v
	}
	for _, l := range t.Listeners() {
		v.addFrontend(&l.Spec, l.Stats)
	}
	for _, b := range t.Backends() {
		v.addBackend(b)
	}
	return v
}

func (v *view) add(r row) {
	r.pxname, r.svname = plain(r.pxname), plain(r.svname)
	v.rows = append(v.rows, r)
}

// stopped is HAProxy's word for a frontend that accepts nobody: its port cannot be opened.
const stopped = "STOP"

func (v *view) addFrontend(l *route.ListenerSpec, s *route.Stats) {
	r := row{
		kind: frontend, pxname: l.Name, svname: "FRONTEND", mode: l.Mode, iid: s.IID, status: "OPEN", class: "frontend",
		listener: l, meters: v.read(s),
	}
	r.slim = v.maxconn
	if v.unopened[route.BindText(l.Bind)] {
		r.status = stopped
	}
	v.add(r)
}

func (v *view) addBackend(b *route.Backend) {
	r := row{
		kind: backend, pxname: b.Spec.Name, svname: "BACKEND", mode: b.Spec.Mode, iid: b.Stats.IID, status: "DOWN", class: "backend",
		backend: &b.Spec, inUse: b.Usable(), states: map[string]int64{}, found: map[route.CheckStatus]int64{},
		lastchg: v.now.Sub(b.Stats.Changed()), downtime: b.Stats.Downtime(v.now), meters: v.read(b.Stats),
	}
	r.slim = v.maxconn
	if r.inUse > 0 {
		r.status = "UP"
	}
	grade := b.Grade()
	r.panics = grade == route.Vouched
	for _, s := range b.Rows() {
		sr := v.serverRow(b, s)
		r.servers++
		r.states[sr.state()]++
		if sr.probed() {
			r.found[sr.check.Status]++
		}
		switch {
		case !s.Takes(grade):
		case sr.backup:
			r.backups++
		default:
			r.active++
		}
		v.add(sr)
	}
	v.add(r)
}

func (v *view) serverRow(b *route.Backend, s *route.Server) row {
	r := row{
		kind: server, pxname: b.Spec.Name, svname: s.Name, mode: b.Spec.Mode, iid: b.Stats.IID, sid: s.ID,
		backend: &b.Spec, server: s, draining: s.State() == route.Draining, backup: s.State() == route.LastResort,
		check:   s.Checked(),
		lastchg: v.now.Sub(s.Changed()), downtime: s.Stats.Downtime(v.now), meters: v.read(s.Stats),
	}
	// A name's counters may serve a new server while the old one of that name still leaves: the row is about this one.
	r.scur = s.InFlight()
	r.warmth, r.warms = b.Warmth(s, v.now)
	r.status, r.class = serverStatus(r.draining, r.check)
	if r.backup {
		r.class = strings.Replace(r.class, "active", "backup", 1)
	}
	return r
}

// share is what a backend's status is followed by when servers may be hidden: those that are up, and all.
func (r *row) share() string { return fmt.Sprintf(" (%d/%d)", r.active+r.backups, r.servers) }

func (v *view) read(s *route.Stats) meters {
	now := v.now.UnixNano()
	m := meters{
		scur: s.Sessions.Load(), smax: s.Sessions.Peak(), qcur: s.Queue.Load(), qmax: s.Queue.Peak(),
		rate: s.Rate.PerSecond(now), rateMax: s.Rate.Peak(),
		reqRate: s.ReqRate.PerSecond(now), reqRateMax: s.ReqRate.Peak(),
		connRate: s.ConnRate.PerSecond(now), connRateMax: s.ConnRate.Peak(),
		qtime:    [2]int64{s.QueueTime.Value(), s.QueueTime.Peak()},
		ctime:    [2]int64{s.ConnectTime.Value(), s.ConnectTime.Peak()},
		rtime:    [2]int64{s.ResponseTime.Value(), s.ResponseTime.Peak()},
		ttime:    [2]int64{s.TotalTime.Value(), s.TotalTime.Peak()},
		lastsess: -1,
	}
	for c := range m.counts {
		m.counts[c] = s.Sum(route.Count(c))
	}
	if last := s.Last(); !last.IsZero() {
		m.lastsess = max(v.now.Sub(last), 0)
	}
	return m
}

// plain makes a name safe for every reader of the CSV: they quote with ", with ' or not at all, so no cell may need quoting.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ',':
			return ';'
		case c == '"' || c == '\'' || c < ' ' || c == 0x7f:
			return ' '
		}
		return c
	}, strings.ToValidUTF8(name, "?"))
}
