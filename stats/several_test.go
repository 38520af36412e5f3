package stats_test

import (
	"strings"
	"testing"
	"time"

	"marathon-lb/stats"
)

func TestEachOfSeveralMarathonsIsShown(t *testing.T) {
	src := source(every(time.Now()), time.Now())
	src.Marathons = func() []stats.Marathon {
		return []stats.Marathon{
			{Name: "east", Up: true, Read: time.Now(), Apps: 5},
			{Name: "west", Trouble: "connection refused", ReadErrors: map[string]uint64{"connect": 2}},
		}
	}
	src.Ready = func() bool { return false }
	addr := serve(t, src)
	metrics := get(t, addr, "/metrics")
	for name, want := range map[string]string{
		`marathon_up{marathon="east"}`: "1", `marathon_up{marathon="west"}`: "0", `table_age_seconds{marathon="west"}`: "NaN",
		`marathon_read_errors_total{reason="connect",marathon="west"}`: "2",
	} {
		if !strings.Contains(metrics, name+" "+want+"\n") {
			t.Errorf("no %s %s in the metrics", name, want)
		}
	}
	for path, words := range map[string][]string{
		"/haproxy?stats": {"Marathon east", "Marathon west", "Table of east", "connection refused"},
		"/v1/status":     {`"name": "east"`, `"name": "west"`, `"marathons": [`},
		"/ready":         {`"marathonUp": false`, "not every Marathon has been read yet"},
	} {
		body := ask(t, "GET", addr, path).body
		for _, word := range words {
			if !strings.Contains(body, word) {
				t.Errorf("%s does not say %s:\n%s", path, word, body)
			}
		}
	}
}
