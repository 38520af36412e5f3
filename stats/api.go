package stats

import (
	"encoding/json"
	"net/http"
	"os"
	"time"
)

func sendJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(v) // an error here is the client's going away
}

// readiness is the answer of /ready.
type readiness struct {
	Ready      bool     `json:"ready"`
	Reason     string   `json:"reason,omitempty"`          // why not
	AgeSeconds *float64 `json:"tableAgeSeconds,omitempty"` // since Marathon was last read in full; absent before
	MarathonUp bool     `json:"marathonUp"`
}

// ready is 200 as long as there is a table to serve from. A table that grows old is no reason to take the load balancer out: its
// age is told, and alerts belong on marathon_up and table_age_seconds.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	m := together(s.src.Marathons())
	a := readiness{Ready: s.src.Ready(), MarathonUp: m.Up, AgeSeconds: ageSeconds(&m, time.Now())}
	code := http.StatusOK
	if !a.Ready {
		code, a.Reason = http.StatusServiceUnavailable, s.whyNotReady()
	}
	sendJSON(w, code, a)
}

// ageSeconds is how old the picture of Marathon is, nil before the first.
func ageSeconds(m *Marathon, now time.Time) *float64 {
	age, ok := m.age(now)
	if !ok {
		return nil
	}
	secs := age.Seconds()
	return &secs
}

func (s *Server) whyNotReady() string {
	if t := s.src.Table(); t == nil || t.Generation == 0 {
		return "there is no table yet: Marathon has not been read, and none was saved"
	}
	if together(s.src.Marathons()).Read.IsZero() {
		return "not every Marathon has been read yet, or the load balancer is leaving"
	}
	return "the load balancer is leaving: it finishes what runs and takes nothing new"
}

// problems is what was wrong with the input: bad labels, lost port conflicts and the like.
func (s *Server) problems(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, map[string]any{"problems": orNone(s.src.Problems())})
}

// verdicts say of each port of each app whether it is exposed, and why.
func (s *Server) verdicts(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, map[string]any{"verdicts": orNone(s.src.Verdicts())})
}

// orNone makes an empty list [] in JSON, not null.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// condition is the answer of /v1/status.
type condition struct {
	Version       string      `json:"version"`
	PID           int         `json:"pid"`
	Started       time.Time   `json:"started"`
	UptimeSeconds int64       `json:"uptimeSeconds"`
	Ready         bool        `json:"ready"`
	Table         tableStatus `json:"table"`
	Marathon      Marathon    `json:"marathon"`            // of several, the one that fares worst
	Marathons     []Marathon  `json:"marathons,omitempty"` // each, if there are several
	Problems      int         `json:"problems"`
}

type tableStatus struct {
	Generation uint64    `json:"generation"` // 0 before the first
	Built      time.Time `json:"built,omitzero"`
	AgeSeconds *float64  `json:"ageSeconds,omitempty"` // since Marathon was last read in full; absent before
	Frontends  int       `json:"frontends"`
	Backends   int       `json:"backends"`
	Servers    int       `json:"servers"`
	Usable     int       `json:"usable"`   // servers that take requests
	Draining   int       `json:"draining"` // servers that finish what they have
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	rd := s.read()
	c := condition{
		Version: s.src.Version, PID: os.Getpid(), Started: s.started, UptimeSeconds: int64(rd.uptime().Seconds()),
		Ready: s.src.Ready(), Marathon: together(rd.marathons), Problems: len(rd.problems),
	}
	if len(rd.marathons) > 1 {
		c.Marathons = rd.marathons
	}
	c.Table.Generation, c.Table.Built = rd.generation, rd.built
	c.Table.AgeSeconds = ageSeconds(&c.Marathon, rd.now)
	for i := range rd.rows {
		switch r := &rd.rows[i]; {
		case r.kind == frontend:
			c.Table.Frontends++
		case r.kind == backend:
			c.Table.Backends++
			c.Table.Usable += r.active + r.backups
		case r.draining:
			c.Table.Draining++
			fallthrough
		default:
			c.Table.Servers++
		}
	}
	sendJSON(w, http.StatusOK, c)
}
