package stats

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"marathon-lb/internal/route"
)

// taskState is the answer of /v1/tasks/{id}/drained.
type taskState struct {
	Task     string `json:"task"`
	Drained  bool   `json:"drained"`  // no server of the task takes requests, and none runs on it
	Servers  int    `json:"servers"`  // of the task
	Taking   int    `json:"taking"`   // servers that still take new requests
	InFlight int64  `json:"inFlight"` // requests, tunnels and TCP connections that run on them
}

// Bounds of waiting for a task to drain.
const (
	mostWait  = 5 * time.Minute
	lookAgain = 20 * time.Millisecond
)

// drained says whether a task can be stopped without losing a request, waiting for that as long as the query's wait says. A hook
// that runs before a process stops calls it: the status is 200 if it can be, else 503.
func (s *Server) drained(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.FormValue("wait"))
	if text := r.FormValue("wait"); text != "" && (err != nil || wait < 0 || wait > mostWait) {
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": "wait must be a length of time such as 30s, at most 5m"})
		return
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	state := s.awaitDrained(ctx, mux.Vars(r)["id"])
	code := http.StatusOK
	if !state.Drained {
		code = http.StatusServiceUnavailable
	}
	sendJSON(w, code, state)
}

func (s *Server) awaitDrained(ctx context.Context, task string) taskState {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	var seen uint64
	var servers []*route.Server
	for first := true; ; first = false {
		if t := s.src.Table(); first || t.Generation != seen {
			seen, servers = t.Generation, t.ServersOf(task)
		}
		state := stateOf(task, servers)
		if state.Drained {
			return state
		}
		select {
		case <-ctx.Done():
			return state
		case <-tick.C:
		}
	}
}

func stateOf(task string, servers []*route.Server) taskState {
	state := taskState{Task: task, Servers: len(servers)}
	for _, s := range servers {
		state.InFlight += s.InFlight()
		if s.State() != route.Draining {
			state.Taking++
		}
	}
	state.Drained = state.Taking == 0 && state.InFlight == 0
	return state
}
