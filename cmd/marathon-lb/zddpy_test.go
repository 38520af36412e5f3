package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// original is zdd.py as sections 7.3 to 7.5 of the reference describe it: its requests, its conditions and its arithmetic, with none
// of what ours does better.
type original struct {
	t              *testing.T
	marathon       string
	balancers      []string
	group, port    string
	target         int
	delay, maxWait time.Duration
	timeouts       int
}

// colour is what zdd.py looks at in an app.
type colour struct {
	ID          string            `json:"id"`
	Instances   int               `json:"instances"`
	Labels      map[string]string `json:"labels"`
	Deployments []any             `json:"deployments"`
	Tasks       []struct {
		ID, Host string
		Ports    []int
	} `json:"tasks"`
}

func (o *original) call(method, path string, body any, into any) {
	o.t.Helper()
	var text bytes.Buffer
	if body != nil {
		json.NewEncoder(&text).Encode(body)
	}
	r, err := http.NewRequest(method, o.marathon+path, &text)
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		o.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *original) app(id string) colour {
	var answer struct{ App colour }
	o.call("GET", "/v2/apps/"+id, nil, &answer)
	return answer.App
}

// row is a line of HAProxy's statistics by its columns.
type row map[string]string

func (o *original) rows() []row {
	var all []row
	for _, b := range o.balancers {
		_, text := get(b + "/haproxy?stats;csv")
		lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# "))).ReadAll()
		if err != nil {
			o.t.Fatal(err)
		}
		for _, line := range lines[1:] {
			r := row{}
			for i, name := range lines[0] {
				r[name] = line[i]
			}
			if r["pxname"] == o.group+"_"+o.port && r["svname"] != "FRONTEND" && r["svname"] != "BACKEND" {
				all = append(all, r)
			}
		}
	}
	return all
}

// chosen are the old app's tasks whose servers satisfy on every load balancer.
func (o *original) chosen(old colour, rows []row, satisfies func(row) bool) (ids []string) {
	for _, t := range old.Tasks {
		name, n := fmt.Sprintf("%s_%d", strings.ReplaceAll(t.Host, ".", "_"), t.Ports[0]), 0
		for _, r := range rows {
			if r["svname"] == name && satisfies(r) {
				n++
			}
		}
		if n == len(o.balancers) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func (o *original) tasksToKill(fresh, old colour) []string {
	maint := func(r row) bool { return r["status"] == "MAINT" }
	drained := func(r row) bool {
		queued, _ := strconv.Atoi(r["qcur"])
		sessions, _ := strconv.Atoi(r["scur"])
		return maint(r) && queued == 0 && sessions == 0
	}
	rows := o.rows()
	for began := time.Now(); time.Since(began) < o.maxWait; {
		<-time.After(o.delay)
		reloading := false
		for _, b := range o.balancers {
			status, pids := get(b + "/_haproxy_getpids")
			reloading = reloading || status != 200 || len(strings.Fields(pids)) > 2
		}
		if rows = o.rows(); reloading || len(rows)/len(o.balancers) != fresh.Instances+old.Instances {
			continue
		}
		up, out := 0, 0
		for _, r := range rows {
			if r["status"] == "UP" {
				up++
			}
			if drained(r) {
				out++
			}
		}
		if up/len(o.balancers) >= o.target && out > 0 {
			return o.chosen(old, rows, drained)
		}
	}
	o.timeouts++
	return o.chosen(old, rows, maint)
}

// swap is the loop of 7.5, without questions.
func (o *original) swap(freshID, oldID string) {
	for {
		old, fresh := o.app(oldID), o.app(freshID)
		if len(fresh.Deployments) > 0 {
			<-time.After(o.delay)
			continue
		}
		kill := o.tasksToKill(fresh, old)
		if fresh.Instances == o.target && len(kill) == old.Instances {
			o.call("DELETE", "/v2/apps/"+oldID, nil, nil)
			return
		}
		if len(kill) > 0 {
			o.call("POST", "/v2/tasks/delete?scale=true", map[string]any{"ids": kill}, nil)
		}
		if n := fresh.Instances; n < o.target {
			size := n + (n+1)/2
			if size >= old.Instances {
				size = o.target
			}
			o.call("PUT", "/v2/apps/"+freshID, map[string]int{"instances": size}, nil)
		}
	}
}

// Clients are served all the time, and no step waits for its time-out: what zdd.py waits for is in the statistics. With three instances
// one task at a time is spare: of several, zdd.py may kill some while others have sessions, and then it waits for ever (D-ZDD-3).
func TestTheOriginalZDDSwapsColoursAgainstUsWithoutAFailedRequest(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 3)
	o := &original{t: t, marathon: s.sim.URL(), balancers: []string{s.stats}, group: "web", port: strconv.Itoa(s.port), target: 3,
		delay: 20 * time.Millisecond, maxWait: 5 * time.Second}
	var list struct{ Apps []colour }
	o.call("GET", "/v2/apps", nil, &list)
	if len(list.Apps) != 1 || list.Apps[0].Instances != 3 {
		t.Fatalf("apps: %+v", list.Apps)
	}
	_, definition, _ := s.zdd("", "--dry-run") // as zdd.py prints it, and sends it
	stop := load("http://"+loopback(s.port), 2)
	o.call("POST", "/v2/apps", json.RawMessage(definition), nil)
	o.swap("/web-green", "/web-blue")
	sent, failed := stop()
	if len(failed) > 0 || sent < 20 {
		t.Errorf("%d of %d requests failed: %.3q", len(failed), sent, failed)
	}
	if o.timeouts > 0 || s.size("/web-blue") != -1 || s.size("/web-green") != 3 {
		t.Errorf("%d time-outs, blue has %d, green %d instances", o.timeouts, s.size("/web-blue"), s.size("/web-green"))
	}
}
