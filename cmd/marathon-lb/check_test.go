package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// quickCheck is an app whose servers one bad probe takes down. Marathon itself never kills a task of it.
func quickCheck(id string, port, instances int) marathontest.App {
	a := app(id, port, instances)
	a.HealthChecks[0].MaxConsecutiveFailures = new(int)
	return a
}

// checks are the server rows of a backend as "status check_status".
func checks(stats, backend string) (rows []string) {
	_, text := get(stats + "/haproxy?stats;csv")
	for line := range strings.Lines(text) {
		cells := strings.Split(line, ",")
		if len(cells) > 36 && cells[0] == backend && cells[1] != "FRONTEND" && cells[1] != "BACKEND" {
			rows = append(rows, cells[17]+" "+strings.TrimPrefix(cells[36], "* "))
		}
	}
	return rows
}

func all(rows []string, n int, want string) bool {
	for _, r := range rows {
		if r != want {
			return false
		}
	}
	return len(rows) == n
}

func TestOurOwnProbesTakeOutATaskThatGoesBad(t *testing.T) {
	r, port := newRig(t, marathontest.Options{}, "--health-check=false"), freePort(t)
	create(t, r.sim, quickCheck("/web", port, 2))
	backend, url := fmt.Sprintf("web_%d", port), "http://"+loopback(port)
	eventually(t, "both are probed and well", func() bool { return all(checks(r.stats, backend), 2, "UP L7OK") })

	tasks := r.sim.Tasks("/web")
	tasks[0].SetHealthy(false)
	eventually(t, "the bad one is down", func() bool {
		rows := strings.Join(checks(r.stats, backend), ", ")
		return strings.Contains(rows, "DOWN L7STS") && strings.Contains(rows, "UP L7OK")
	})
	before := tasks[0].Requests()
	for range 10 {
		if status, body := get(url); status != 200 || !strings.Contains(body, tasks[1].ID()) {
			t.Errorf("with one task bad: %d %s", status, body)
		}
	}
	if n := tasks[0].Requests() - before; n != 0 {
		t.Errorf("the bad task got %d requests", n)
	}
	if r.sim.State(tasks[0]) != "TASK_RUNNING" {
		t.Fatal("Marathon did something about it before")
	}

	tasks[1].SetHealthy(false)
	eventually(t, "nobody vouches for any, so nothing is served", func() bool { status, _ := get(url); return status == 503 })
	for _, task := range tasks {
		task.SetHealthy(true)
	}
	eventually(t, "both are well again", func() bool { return all(checks(r.stats, backend), 2, "UP L7OK") })
	if status, body := get(url); status != 200 {
		t.Errorf("when all are well again: %d %s", status, body)
	}
}

func TestAProberThatIsWrongAboutAllTasksTakesNoneOut(t *testing.T) {
	var wrong atomic.Bool
	handler := func(task *marathontest.Task) http.Handler {
		greet := marathontest.Greeting(task)
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if wrong.Load() && req.UserAgent() == "marathon-lb" {
				http.Error(w, "not for load balancers", http.StatusForbidden)
				return
			}
			greet.ServeHTTP(w, req)
		})
	}
	r, port := newRig(t, marathontest.Options{Handler: handler}), freePort(t)
	create(t, r.sim, quickCheck("/web", port, 2))
	backend, url := fmt.Sprintf("web_%d", port), "http://"+loopback(port)
	panics := func(n int) bool {
		_, metrics := get(r.stats + "/metrics")
		return strings.Contains(metrics, fmt.Sprintf("\nbackend_panic{proxy=%q} %d\n", backend, n))
	}
	eventually(t, "both are probed and well", func() bool { return all(checks(r.stats, backend), 2, "UP L7OK") && panics(0) })
	stop := load(url, 2)
	wrong.Store(true)
	eventually(t, "all probes fail", func() bool { return all(checks(r.stats, backend), 2, "DOWN L7STS") && panics(1) })
	if _, page := get(r.stats + "/haproxy?stats"); !strings.Contains(page, "UP (panic)") {
		t.Error("the page has no mark")
	}
	wrong.Store(false)
	eventually(t, "the panic is over", func() bool { return all(checks(r.stats, backend), 2, "UP L7OK") && panics(0) })
	if sent, failed := stop(); len(failed) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(failed), sent, failed[0])
	}
}
