package stats_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
)

func TestATaskIsDrainedWhenItTakesNothingAndNothingRuns(t *testing.T) {
	now := time.Now()
	spec := route.Spec{Backends: []route.BackendSpec{service("/web", 10001, route.HTTP, nil, 2)}}
	first, _ := route.Build(route.NewTable(1), spec.Change(now))
	server := first.Backend("web_10001").Servers[0]
	var table atomic.Pointer[route.Table]
	table.Store(first)
	src := source(first, now)
	src.Table = table.Load
	addr := serve(t, src)
	ask := func(task, wait string) (int, string) {
		a := ask(t, "GET", addr, "/v1/tasks/"+task+"/drained?wait="+wait)
		return a.status, a.body
	}
	if code, text := ask(server.Task, ""); code != 503 || !strings.Contains(text, `"taking": 1`) {
		t.Errorf("a server that takes requests: %d %s", code, text)
	}
	server.Begin()
	gone := spec.Backends[0]
	gone.Servers = gone.Servers[1:]
	next, _ := route.Build(first, route.Change{SetBackends: []route.BackendSpec{gone}, Now: now})
	table.Store(next)
	if code, text := ask(server.Task, "50ms"); code != 503 || !strings.Contains(text, `"inFlight": 1`) {
		t.Errorf("a request still runs: %d %s", code, text)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if code, text := ask(server.Task, "30s"); code != 200 || !strings.Contains(text, `"drained": true`) {
			t.Errorf("after its last request: %d %s", code, text)
		}
	}()
	server.End()
	<-ended
	if code, _ := ask("nobody", ""); code != 200 {
		t.Errorf("a task nobody knows: %d", code)
	}
	for _, wait := range []string{"soon", "-1s", "6m"} {
		if code, text := ask(server.Task, wait); code != 400 || !strings.Contains(text, "at most 5m") {
			t.Errorf("wait=%s: %d %s", wait, code, text)
		}
	}
}
