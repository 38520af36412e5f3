package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// cell is the value of a column in the CSV; empty if there is none.
func cell(stats, backend, server, column string) string {
	_, text := get(stats + "/haproxy?stats;csv")
	var names []string
	for line := range strings.Lines(strings.TrimPrefix(text, "# ")) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		if names == nil {
			names = cells
		}
		if at := slices.Index(names, column); at >= 0 && len(cells) > at && cells[0] == backend && cells[1] == server {
			return cells[at]
		}
	}
	return ""
}

func TestARequestIsHeldUntilTheAppHasATask(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	const hold = "HAPROXY_0_HOLD"
	port, bare, bad := freePort(t), freePort(t), freePort(t)
	held, without, wrong := app("/held", port, 0, hold, "1m"), app("/bare", bare, 0), app("/bad", bad, 0, hold, "long")
	create(t, r.sim, held, without, wrong)
	for _, port := range []int{bare, bad} {
		eventually(t, "apps without HOLD, or with a bad one, answer 503 at once", func() bool {
			status, _ := get("http://" + loopback(port))
			return status == 503
		})
	}
	if !slices.ContainsFunc(problems(t, r.stats), func(p struct{ App, Label, Value, Reason, Remedy string }) bool {
		return p.App == "/bad" && p.Label == hold && p.Value == "long" && p.Remedy != ""
	}) {
		t.Errorf("%+v", problems(t, r.stats))
	}
	name := fmt.Sprintf("held_%d", port)
	eventually(t, "the app is served", func() bool { return cell(r.stats, name, "BACKEND", "status") == "DOWN" })
	answer := make(chan int, 1)
	go func() { status, _ := get("http://" + loopback(port)); answer <- status }()
	eventually(t, "the request is in the queue", func() bool { return cell(r.stats, name, "BACKEND", "qcur") == "1" })
	if _, err := r.sim.Scale("/held", 1); err != nil {
		t.Fatal(err)
	}
	if status := <-answer; status != 200 {
		t.Errorf("answered %d", status)
	}
	if now, most := cell(r.stats, name, "BACKEND", "qcur"), cell(r.stats, name, "BACKEND", "qmax"); now != "0" || most != "1" {
		t.Errorf("queue %s, at most %s", now, most)
	}
}
