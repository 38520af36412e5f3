package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"marathon-lb/config"
	"marathon-lb/marathon/marathontest"
)

// another is a simulated Marathon beside that of the rig.
func another(t *testing.T) *marathontest.Server {
	t.Helper()
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

func TestAppsOfSeveralMarathonsAreServedBesideEachOther(t *testing.T) {
	east, west := another(t), another(t)
	r := newRig(t, marathontest.Options{}, "--marathon", "west="+west.URL(), "east="+east.URL())
	one, two := freePort(t), freePort(t)
	create(t, east, app("/web", one, 1))
	create(t, west, app("/web", two, 1))
	for _, port := range []int{one, two} {
		eventually(t, "both apps are served", func() bool { status, _ := get("http://" + loopback(port)); return status == 200 })
	}
	if _, body := get(r.appID, "X-Marathon-App-Id", "west:/web"); !strings.Contains(body, east.Tasks("/web")[0].ID()) && !strings.Contains(body, west.Tasks("/web")[0].ID()) {
		t.Errorf("by id: %s", body)
	}
	west.StopListening()
	eventually(t, "the absence of one is known", func() bool {
		_, metrics := get(r.stats + "/metrics")
		return strings.Contains(metrics, "\nmarathon_up{marathon=\"west\"} 0\n") && strings.Contains(metrics, "\nmarathon_up{marathon=\"east\"} 1\n")
	})
	if _, err := east.Scale("/web", 2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other is followed on", func() bool { return len(servers(r.stats, fmt.Sprintf("web_%d", one))) == 2 })
	if status, _ := get("http://" + loopback(two)); status != 200 {
		t.Errorf("what is not followed is not served: %d", status)
	}
}

func TestReadyWaitsForEachMarathonButNotForEver(t *testing.T) {
	sim := another(t)
	c, err := config.Parse([]string{"sse", "--marathon", "east=" + sim.URL(), "west=http://" + loopback(freePort(t)), "--group", "external",
		"--http-bind", loopback(freePort(t)), "--appid-bind", loopback(freePort(t)), "--stats-bind", loopback(freePort(t))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ago := range []time.Duration{0, firstReads + time.Minute} {
		b, err := newBalancer(c, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if ago > 0 {
			b.began = b.began.Add(-ago)
		} else {
			b.began = b.began.Add(time.Hour) // not to depend on how fast this machine is
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		if b.ready() {
			t.Error("ready before any Marathon was read")
		}
		eventually(t, "one of them is read", func() bool { return !b.watchers[0].Status().LastRead.IsZero() })
		if b.ready() != (ago > 0) {
			t.Errorf("ready is %v, %v after the start", b.ready(), ago)
		}
		cancel()
		<-done
	}
}
