package marathontest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// APIFault is a fault of the REST API. Several things may be wrong at once.
type APIFault struct {
	Path      string        // concerns paths that begin so; "/v2/apps" concerns /v2/apps/x too; empty: all but /sim and /v2/events
	Rate      float64       // the share of requests concerned; 0 for all
	Times     int           // concerns so many requests, then is over; 0 for no limit
	For       time.Duration // is over after that; 0 for no limit
	Latency   time.Duration // answers so much later
	Hang      bool          // never answers
	Status    int           // answers this status, 200 to 599, with an HTML page and does nothing
	HTML200   bool          // answers 200 with the HTML page of a proxy that wants a login
	Truncate  bool          // breaks the connection in the middle of the body
	EmptyApps bool          // answers GET /v2/apps with {"apps":[]}

	until time.Time
	left  int // requests it still concerns, if Times is set
}

func (f *APIFault) over(now time.Time) bool {
	return !f.until.IsZero() && now.After(f.until) || f.Times > 0 && f.left == 0
}

// concerns says whether a request is one of those the fault is about, were it not for Rate.
func (f *APIFault) concerns(r *http.Request) bool {
	isApps := r.URL.Path == "/v2/apps" && r.Method == http.MethodGet
	return strings.HasPrefix(r.URL.Path, f.Path) && (isApps || !f.EmptyApps)
}

// AddAPIFault makes the API fail. The function it returns ends the fault.
func (s *Server) AddAPIFault(f APIFault) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.left = f.Times
	if f.For > 0 {
		f.until = time.Now().Add(f.For)
	}
	s.api = append(s.api, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.api = slices.DeleteFunc(s.api, func(other *APIFault) bool { return other == &f })
	}
}

// ClearAPIFaults ends all faults of the API, staleness too.
func (s *Server) ClearAPIFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.api, s.stale = nil, nil
}

// fault finds what is wrong with the answer to a request.
func (s *Server) fault(r *http.Request) (sum APIFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.api = slices.DeleteFunc(s.api, func(f *APIFault) bool { return f.over(now) })
	for _, f := range s.api {
		if !f.concerns(r) || f.Rate > 0 && !s.lose(f.Rate) {
			continue
		}
		f.left--
		sum.Latency += f.Latency
		sum.Hang = sum.Hang || f.Hang
		sum.HTML200 = sum.HTML200 || f.HTML200
		sum.Truncate = sum.Truncate || f.Truncate
		sum.EmptyApps = sum.EmptyApps || f.EmptyApps
		setDefault(&sum.Status, f.Status)
	}
	return sum
}
