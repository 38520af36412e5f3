package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// Of four tasks one dies every now and then, without a warning, and Marathon takes its time to tell. What it had is asked of another, but
// for POSTs that had been sent to it.
func TestTasksThatDieLoseNoGET(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		kills, each, news := 6, 200*time.Millisecond, 20*time.Millisecond
		if *goals {
			kills, each, news = 30, 2*time.Second, 500*time.Millisecond
		}
		o := marathontest.Options{Command: taskProcess(t, 0), Timing: marathontest.Fast()}
		o.Timing.MesosUpdate = news
		f := newFarm(t, o, 1, engine)
		h := &herd{kept: 28, fresh: 4, posts: 10}
		began := time.Now()
		h.start(t, f.ports...)
		dead := map[string]bool{}
		tick := time.NewTicker(each)
		defer tick.Stop()
		for range kills {
			<-tick.C
			f.served(0)
			victim := f.sim.Tasks(farmApp(0))[rand.IntN(4)]
			dead[fmt.Sprintf("127_0_0_1_%d", victim.Addrs()[0].Port())] = true
			victim.Crash()
		}
		f.served(0)
		h.stop()
		gets, posts := h.lostOf("GET"), h.lostOf("POST")
		t.Logf("%d kills, %d GETs, %d POSTs in %v: %d GETs and %d POSTs failed", kills, h.gets.Load(), h.posted.Load(),
			time.Since(began).Round(time.Second), len(gets), len(posts))
		if len(gets) > 0 {
			t.Errorf("lost:\n%s", first(gets, 20))
		}
		f.end()
		sent := f.sentAndUnanswered(dead)
		for _, l := range posts {
			if !sent[l.path] {
				t.Errorf("lost without having been sent to a task that died: %s", l)
			}
		}
	})
}

// sentAndUnanswered are the paths of the POSTs of which the log says that one of these servers had them and gave no answer.
func (f *farm) sentAndUnanswered(by map[string]bool) map[string]bool {
	paths := map[string]bool{}
	for line := range strings.Lines(f.lb.err.String()) {
		var l struct{ Msg, Server, Line, Failure string }
		if json.Unmarshal([]byte(line), &l) != nil || l.Msg != "request" || l.Failure != "server closed" || !by[l.Server] {
			continue
		}
		if words := strings.Fields(l.Line); len(words) == 3 && words[0] == "POST" {
			paths[words[1]] = true
		}
	}
	return paths
}
