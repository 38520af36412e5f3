package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestANewTaskGetsItsShareSlowly(t *testing.T) {
	r := newRig(t, marathontest.Options{Handler: tell})
	const label = "HAPROXY_0_SLOWSTART"
	for _, c := range []struct {
		name, value string
		slow        bool
	}{{"slow", "1h", true}, {"bad", "slowly", false}} {
		port := freePort(t)
		create(t, r.sim, app("/"+c.name, port, 2, label, c.value))
		backend := fmt.Sprintf("%s_%d", c.name, port)
		up := func(n int) func() bool {
			return func() bool {
				rows := servers(r.stats, backend)
				for _, status := range rows {
					if status != "UP" {
						return false
					}
				}
				return len(rows) == n
			}
		}
		eventually(t, "two servers", up(2))
		old := servers(r.stats, backend)
		if _, err := r.sim.Scale("/"+c.name, 3); err != nil {
			t.Fatal(err)
		}
		eventually(t, "three servers", up(3))
		seen := map[string]int{}
		for range 60 {
			resp, err := once("http://" + loopback(port))
			seen[show(resp, err, "task=")]++
		}
		least := 60
		for _, n := range seen {
			least = min(least, n)
		}
		if len(seen) == 2 {
			least = 0
		}
		if slow := least <= 2; slow != c.slow {
			t.Errorf("%s=%s: %v", label, c.value, seen)
		}
		for name := range servers(r.stats, backend) {
			_, there := old[name]
			if got := cell(r.stats, backend, name, "throttle"); (got == "") == (c.slow && !there) {
				t.Errorf("%s: %s, which was there: %v, shows a throttle of %q", c.name, name, there, got)
			}
		}
	}
	if _, page := get(r.stats + "/haproxy?stats"); strings.Count(page, " %</td>") != 1 {
		t.Errorf("%d servers warm up on the page", strings.Count(page, " %</td>"))
	}
	if !slices.ContainsFunc(problems(t, r.stats), func(p struct{ App, Label, Value, Reason, Remedy string }) bool {
		return p.App == "/bad" && p.Label == label && p.Value == "slowly"
	}) {
		t.Errorf("%+v", problems(t, r.stats))
	}
}
