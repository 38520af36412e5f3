package proxy_test

import (
	"fmt"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestAServiceMayHaveAllItsRequestsLogged(t *testing.T) {
	for _, c := range []struct {
		which  proxy.AccessLog
		wanted bool
		lines  int
	}{{proxy.LogErrors, false, 0}, {proxy.LogErrors, true, 2}, {proxy.LogOff, true, 0}, {proxy.LogAll, false, 2}} {
		r, port := newRig(t, proxy.Options{AccessLog: c.which}), freePort(t)
		change := service(route.HTTP, port, named(t, "a"))
		change.SetBackends[0].LogAll = c.wanted
		r.apply(change)
		for range 2 {
			if resp, _ := get(t, url(port, "/x")); resp.StatusCode != 200 {
				t.Errorf("got %d", resp.StatusCode)
			}
		}
		r.stop()
		got := r.logs.FilterMessage("request").All()
		if len(got) != c.lines {
			t.Errorf("--access-log=%s, httplog is %v: %d lines", c.which, c.wanted, len(got))
		}
		for _, e := range got {
			m := e.ContextMap()
			if m["backend"] != change.SetBackends[0].Name || fmt.Sprint(m["status"]) != "200" || m["line"] != "GET /x HTTP/1.1" {
				t.Errorf("the line says %v", m)
			}
		}
	}
}
