package route

import (
	"sync"
	"sync/atomic"
	"time"

	"marathon-lb/internal/meter"
)

// Count names one counter of a Stats sheet. Each comment gives its CSV column (haproxy-stats.md 2.3).
type Count int

// The counters.
const (
	Sessions       Count = iota // stot: client connections (frontend), requests (backend), attempts (server)
	BytesIn                     // bin: request bytes, heads included
	BytesOut                    // bout: response bytes, heads and our own pages included
	DeniedReq                   // dreq
	DeniedResp                  // dresp
	ErrReq                      // ereq: bad requests, clients gone or timed out before a whole request
	ErrConn                     // econ: requests that finally got no server connection
	ErrResp                     // eresp: server gone, or bad response
	Retries                     // wretr
	Redispatches                // wredis
	Resp1xx                     // hrsp_1xx
	Resp2xx                     // hrsp_2xx
	Resp3xx                     // hrsp_3xx
	Resp4xx                     // hrsp_4xx
	Resp5xx                     // hrsp_5xx
	RespOther                   // hrsp_other
	Requests                    // req_tot
	ClientAborts                // cli_abrt
	ServerAborts                // srv_abrt
	LoadBalanced                // lbtot: chosen by the algorithm, not by a cookie
	Connections                 // conn_tot (frontend)
	Intercepted                 // intercepted: answered by ourselves
	DeniedConn                  // dcon
	DeniedSess                  // dses
	Connects                    // connect: connections opened to the server
	Reuses                      // reuse: requests that took a pooled connection
	RewriteErrors               // wrew
	InternalErrors              // eint
	Compressed                  // comp_rsp: responses
	CompressedIn                // comp_in: bytes of their bodies as the server sent them
	CompressedOut               // comp_out: as the client was sent them
	CheckFails                  // chkfail
	CheckDowns                  // chkdown
	NumCounts
)

// RespClass is the counter for a final or interim status code.
func RespClass(status int) Count {
	if status < 100 || status > 599 {
		return RespOther
	}
	return Resp1xx + Count(status/100-1)
}

// Stats is everything counted about one frontend, backend or server. It is kept by name, (pxname, svname), so that its
// counters never go down while the process lives: a name that comes back within StatsKeep adopts its old Stats.
type Stats struct {
	sheet *meter.Sheet

	IID      int         // HAProxy's proxy id, stable for the name and never used again for another (iid)
	Sessions meter.Gauge // scur, smax
	Queue    meter.Gauge // qcur, qmax
	Line     Line        // of a backend: who runs on it, and who waits until there is room
	Rate     meter.Rate  // rate: new sessions (frontend), new requests (backend, server)
	ReqRate  meter.Rate  // req_rate (frontend)
	ConnRate meter.Rate  // conn_rate (frontend)

	QueueTime, ConnectTime, ResponseTime, TotalTime meter.Average // qtime, ctime, rtime, ttime in ms

	last  atomic.Int64 // Unix nanoseconds of the last request
	since atomic.Int64 // Unix nanoseconds when the name first appeared
	up    uptime
}

// uptime is since when a server or backend can take requests, or cannot, and how long it could not before.
type uptime struct {
	mu      sync.Mutex
	down    bool
	changed time.Time
	lost    time.Duration
}

// StatsKeep is how long the counters of a name that is gone wait for its return.
const StatsKeep = 10 * time.Minute

// NewStats are the counters of a name that first appears now. Build makes those of the table; the stats page makes its own.
func NewStats(writers, iid int, now time.Time) *Stats {
	s := &Stats{sheet: meter.NewSheet(writers, int(NumCounts)), IID: iid}
	s.since.Store(now.UnixNano())
	s.up.changed = now
	return s
}

// Add adds n to a counter on behalf of a writer (an event loop's number, 0 for everything else).
func (s *Stats) Add(writer int, c Count, n uint64) { s.sheet.Add(writer, int(c), n) }

// Sum is the value of a counter.
func (s *Stats) Sum(c Count) uint64 { return s.sheet.Sum(int(c)) }

// Touch notes that a session or request came at now (Unix nanoseconds).
func (s *Stats) Touch(now int64) { s.last.Store(now); s.Rate.Add(now) }

// Last is when the last session or request came, the zero time if none did.
func (s *Stats) Last() time.Time {
	if ns := s.last.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// Since is when the name first appeared.
func (s *Stats) Since() time.Time { return time.Unix(0, s.since.Load()) }

// SetUp notes at now whether the server or backend can take requests, and says whether that is new. Build does so, and whoever
// records the result of a probe.
func (s *Stats) SetUp(up bool, now time.Time) (changed bool) {
	u := &s.up
	u.mu.Lock()
	defer u.mu.Unlock()
	if up != u.down {
		return false
	}
	if u.down {
		u.lost += max(now.Sub(u.changed), 0)
	}
	u.down, u.changed = !up, now
	return true
}

// Changed is when SetUp last changed something, or else when the name first appeared.
func (s *Stats) Changed() time.Time {
	s.up.mu.Lock()
	defer s.up.mu.Unlock()
	return s.up.changed
}

// Downtime is for how long until now the server or backend could not take requests (downtime).
func (s *Stats) Downtime(now time.Time) time.Duration {
	s.up.mu.Lock()
	defer s.up.mu.Unlock()
	if s.up.down {
		return s.up.lost + max(now.Sub(s.up.changed), 0)
	}
	return s.up.lost
}
