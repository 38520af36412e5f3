package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

func TestLabelsReachClients(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	web, api, db, sticky, source := freePort(t), freePort(t), freePort(t), freePort(t), freePort(t)
	tcp := app("/db", db, 1, "MARATHONTEST_KIND", "tcp")
	tcp.HealthChecks[0].Protocol, tcp.HealthChecks[0].Path = "TCP", ""
	create(t, r.sim,
		app("/web", web, 2, "HAPROXY_0_VHOST", "a.example.com, b.example.com"),
		app("/team/api", api, 1, "HAPROXY_0_VHOST", "a.example.com", "HAPROXY_0_PATH", "/api"),
		app("/sticky", sticky, 2, "HAPROXY_0_STICKY", "true", "HAPROXY_0_BALANCE", "leastconn"),
		app("/source", source, 3, "HAPROXY_0_BALANCE", "source"),
		app("/hidden", freePort(t), 1, "HAPROXY_GROUP", "internal"),
		tcp)
	for _, id := range []string{"/web", "/team/api", "/sticky", "/source", "/db"} {
		eventually(t, id+" has its servers", func() bool {
			port := map[string]int{"/web": web, "/team/api": api, "/sticky": sticky, "/source": source, "/db": db}[id]
			rows := servers(r.stats, fmt.Sprintf("%s_%d", strings.ReplaceAll(id[1:], "/", "_"), port))
			for _, status := range rows {
				if status != "UP" {
					return false
				}
			}
			return len(rows) == r.sim.App(id).Instances
		})
	}
	for _, c := range []struct {
		url, field, value string
		status            int
		app               string
	}{
		{r.http, "Host", "a.example.com", 200, "/web,"},
		{r.http, "Host", "B.example.com:80", 200, "/web,"},
		{r.http + "/api/x", "Host", "a.example.com", 200, "/team/api,"},
		{r.http + "/api/x", "Host", "b.example.com", 200, "/web,"},
		{r.http, "Host", "c.example.com", 503, ""},
		{r.appID, "X-Marathon-App-Id", "/team/api", 200, "/team/api,"},
		{r.appID, "X-Marathon-App-Id", "/hidden", 503, ""},
		{"http://" + loopback(api), "Host", "whatever", 200, "/team/api,"},
	} {
		status, body := get(c.url, c.field, c.value)
		if status != c.status || !strings.Contains(body, c.app) {
			t.Errorf("%s %s %s: %d %q, want %d of %s", c.url, c.field, c.value, status, body, c.status, c.app)
		}
	}
	resp, err := http.Get("http://" + loopback(sticky))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Set-Cookie"), "mesosphere_server_id=") {
		t.Errorf("Set-Cookie %q", resp.Header.Get("Set-Cookie"))
	}
	_, first := get("http://" + loopback(source))
	for range 5 {
		if _, again := get("http://" + loopback(source)); again != first {
			t.Errorf("balance source moved a client from %q to %q", first, again)
		}
	}
	c, err := net.Dial("tcp", loopback(db))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := bufio.NewReader(c)
	hello, _ := lines.ReadString('\n')
	fmt.Fprintln(c, "ping")
	echo, err := lines.ReadString('\n')
	if !strings.HasPrefix(hello, "Hello from /db") || echo != "ping\n" {
		t.Errorf("tcp mode: %q, then %q, %v", hello, echo, err)
	}
}

func TestBadInputBecomesAProblemAndHarmsNoNeighbour(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	good, bad := freePort(t), freePort(t)
	create(t, r.sim, app("/good", good, 1), app("/bad", bad, 1, "HAPROXY_0_PORT", "eighty", "HAPROXY_VHOST", "x.example.com"))
	for _, port := range []int{good, bad} {
		eventually(t, "both apps are served", func() bool { status, _ := get("http://" + loopback(port)); return status == 200 })
	}
	found := map[string]bool{}
	for _, p := range problems(t, r.stats) {
		found[p.Label] = p.App == "/bad" && p.Reason != "" && p.Remedy != ""
	}
	if !found["HAPROXY_0_PORT"] || !found["HAPROXY_VHOST"] {
		t.Errorf("problems: %v", problems(t, r.stats))
	}
}

func TestMarathonAwayUnderLoadLosesNoRequest(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	port := freePort(t)
	create(t, r.sim, app("/web", port, 2))
	eventually(t, "two servers", func() bool { return len(servers(r.stats, fmt.Sprintf("web_%d", port))) == 2 })
	stop := load("http://"+loopback(port), 2)
	defer func() {
		if sent, failed := stop(); len(failed) > 0 {
			t.Errorf("%d of %d requests failed: %v", len(failed), sent, failed[0])
		}
	}()
	r.sim.StopListening()
	eventually(t, "its absence is known", func() bool {
		_, metrics := get(r.stats + "/metrics")
		return strings.Contains(metrics, "\nmarathon_up 0\n")
	})
	if status, body := get(r.stats + "/ready"); status != 200 || !strings.Contains(body, `"marathonUp": false`) {
		t.Errorf("/ready while Marathon is away: %d %s", status, body)
	}
	if _, err := r.sim.Scale("/web", 3); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.WaitRunning(t.Context(), "/web", 3); err != nil {
		t.Fatal(err)
	}
	if n := len(servers(r.stats, fmt.Sprintf("web_%d", port))); n != 2 {
		t.Errorf("%d servers while nothing can be known", n)
	}
	if err := r.sim.Listen(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what it missed is made up for", func() bool { return len(servers(r.stats, fmt.Sprintf("web_%d", port))) == 3 })
}

func TestAnEmptyListOfAppsIsHeldBack(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	port := freePort(t)
	create(t, r.sim, app("/web", port, 2))
	eventually(t, "two servers", func() bool { return len(servers(r.stats, fmt.Sprintf("web_%d", port))) == 2 })
	stop := load("http://"+loopback(port), 2)
	mend := r.sim.AddAPIFault(marathontest.APIFault{EmptyApps: true})
	eventually(t, "the guard holds", func() bool {
		get(r.stats + "/_mlb_signal/hup") // again, if need be: an app that was read since the answer to the first was asked for stays
		_, metrics := get(r.stats + "/metrics")
		return strings.Contains(metrics, "\neviction_guard_active 1\n")
	})
	mend()
	eventually(t, "the guard lets go", func() bool {
		_, metrics := get(r.stats + "/metrics")
		return strings.Contains(metrics, "\neviction_guard_active 0\n")
	})
	if sent, failed := stop(); len(failed) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(failed), sent, failed[0])
	}
}

func TestARollingRestartLosesNoRequest(t *testing.T) {
	r := newRig(t, marathontest.Options{Behaviour: marathontest.Behaviour{Linger: 500 * time.Millisecond}})
	port := freePort(t)
	create(t, r.sim, app("/web", port, 3))
	eventually(t, "three servers", func() bool { return len(servers(r.stats, fmt.Sprintf("web_%d", port))) == 3 })
	stop := load("http://"+loopback(port), 4)
	for range 3 {
		id, err := r.sim.Restart("/web")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.sim.WaitDeployment(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if sent, failed := stop(); len(failed) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(failed), sent, failed[0])
		for _, e := range r.logs.FilterMessage("request").All() {
			t.Log(e.Time.Format(time.StampMilli), e.ContextMap())
		}
	}
}

// BenchmarkFollow scales an app between one and two instances under load and reports how long after Marathon's event a new task got
// its first request, and after the event that it is being killed the leaving one got its last: -benchtime 200x is 100 of each.
func BenchmarkFollow(b *testing.B) {
	var mu sync.Mutex
	at := map[string]time.Time{} // of the event that makes a task routable, or not, by task id and word
	r := newRig(b, marathontest.Options{
		Behaviour: marathontest.Behaviour{Linger: 300 * time.Millisecond},
		OnEvent: func(e marathontest.Event) {
			mu.Lock()
			defer mu.Unlock()
			note(at, e)
		},
	})
	port := freePort(b)
	create(b, r.sim, app("/web", port, 1))
	eventually(b, "a server", func() bool { return len(servers(r.stats, fmt.Sprintf("web_%d", port))) == 1 })
	stop := load("http://"+loopback(port), 4)
	var added, left []time.Duration
	for i := 0; b.Loop(); i++ {
		was := r.sim.Tasks("/web")
		id, err := r.sim.Scale("/web", 2-i%2)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.sim.WaitDeployment(context.Background(), id); err != nil {
			b.Fatal(err)
		}
		now := r.sim.Tasks("/web")
		for _, task := range now {
			if i%2 == 0 && !slices.Contains(was, task) {
				eventually(b, "the new task is asked", func() bool { return !task.FirstRequest().IsZero() })
				mu.Lock()
				added = append(added, task.FirstRequest().Sub(at["alive "+task.InstanceID()]))
				mu.Unlock()
			}
		}
		for _, task := range was {
			if i%2 == 1 && !slices.Contains(now, task) {
				mu.Lock()
				left = append(left, task.LastRequest().Sub(at["killing "+task.ID()]))
				mu.Unlock()
			}
		}
	}
	sent, failed := stop()
	report(b, "first", added)
	report(b, "last", left)
	b.ReportMetric(float64(len(failed)), "failed")
	b.ReportMetric(float64(sent), "requests")
}

// note remembers when a task became routable, and when it stopped being so.
func note(at map[string]time.Time, e marathontest.Event) {
	key := ""
	switch {
	case e.Type == "health_status_changed_event" && bytes.Contains(e.Data, []byte(`"alive":true`)):
		key = "alive " + e.Instance
	case e.Type == "status_update_event" && e.State == "TASK_KILLING":
		key = "killing " + e.Task
	}
	if _, known := at[key]; key != "" && !known {
		at[key] = e.At
	}
}

func report(b *testing.B, what string, d []time.Duration) {
	if len(d) == 0 {
		return
	}
	slices.Sort(d)
	ms := func(i int) float64 { return float64(d[i].Microseconds()) / 1000 }
	b.ReportMetric(ms(len(d)/2), what+"-p50-ms")
	b.ReportMetric(ms(min(len(d)*99/100, len(d)-1)), what+"-p99-ms")
}
