package stats

import (
	"net/http"
	"net/url"

	"marathon-lb/internal/route"
)

// explain answers /v1/explain?q=URL or q=/app/id, with method, from (the client's address) and any number of header ("Name: value").
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": "the query cannot be read (% ; & and + are to be escaped in it): " + err.Error()})
		return
	}
	x, err := s.src.Explain(route.Question{Target: v.Get("q"), Method: v.Get("method"), From: v.Get("from"), Header: v["header"]})
	if err != nil {
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	sendJSON(w, http.StatusOK, x)
}

// explained is the answer in the page's box; nil where nothing was asked.
type explained struct {
	route.Explanation
	asked query
	Err   error // what is wrong with the question
}

func (s *Server) explained(q query) *explained {
	if q.explain == "" {
		return nil
	}
	x, err := s.src.Explain(route.Question{Target: q.explain, From: q.from})
	return &explained{x, q, err}
}

// Target is what asks for the answer as JSON.
func (x *explained) Target() string {
	v := url.Values{"q": {x.Question}}
	if x.asked.from != "" {
		v.Set("from", x.asked.from)
	}
	return "/v1/explain?" + v.Encode()
}

// What follows is for the template: the classes of rows are those of the same state elsewhere on the page.

// Class is the colour of the answer.
func (x *explained) Class() string { return classIf(x.Err == nil && x.OK) }

func (x *explained) VerdictClass(verdict string) string {
	switch verdict {
	case route.Taken:
		return "active_up"
	case route.Behind:
		return "active_going_down"
	}
	return "active_no_check"
}

func (x *explained) ServerClass(s route.ServerStand) string {
	switch {
	case s.State == route.Draining.String():
		return "maintain"
	case s.State == route.LastResort.String() && s.Eligible:
		return "backup_up"
	}
	return classIf(s.Eligible)
}

func (x *explained) PortClass(p route.PortStand) string { return classIf(p.Why == route.Exposed) }
func (x *explained) TaskClass(t route.TaskStand) string { return classIf(t.Serves) }

func classIf(good bool) string {
	if good {
		return "active_up"
	}
	return "active_down"
}
