package stats

import (
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// lingerFor is how long the series of a server that is gone stay in /metrics, so that its last requests are scraped too.
const lingerFor = time.Minute

// linger remembers which servers were scraped.
type linger struct {
	mu     sync.Mutex
	scrape uint64
	seen   map[serverName]*scraped
}

type serverName struct{ pxname, svname string }

type scraped struct {
	scrape  uint64 // the last one it was in the table for
	server  *route.Server
	backend *route.BackendSpec
	iid     int
	until   time.Time // zero while it is in the table
}

// extend adds to v the servers that left the table since a scrape, for as long as they linger.
func (l *linger) extend(v *view) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scrape++
	if l.seen == nil {
		l.seen = map[serverName]*scraped{}
	}
	for i := range v.rows {
		if r := &v.rows[i]; r.kind == server {
			l.seen[serverName{r.pxname, r.svname}] = &scraped{scrape: l.scrape, server: r.server, backend: r.backend, iid: r.iid}
		}
	}
	for key, e := range l.seen {
		switch {
		case e.scrape == l.scrape:
			continue
		case e.until.IsZero():
			e.until = v.now.Add(lingerFor)
		case v.now.After(e.until):
			delete(l.seen, key)
			continue
		}
		v.add(row{
			kind: server, pxname: key.pxname, svname: key.svname, mode: e.backend.Mode, iid: e.iid, sid: e.server.ID,
			status: "MAINT", class: "maintain", draining: true, backend: e.backend, server: e.server,
			lastchg: v.now.Sub(e.server.Changed()), downtime: e.server.Stats.Downtime(v.now), meters: v.read(e.server.Stats),
		})
	}
}
