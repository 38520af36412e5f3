package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// pins is which task each client is bound to, and which tasks are leaving.
type pins struct {
	mu      sync.Mutex
	leaving map[string]bool
	of      map[int]string
	due     int // clients that were bound to a task when it began to leave
	moves   int
	late    int // of them, onto a task that was leaving by the time of its answer, and so to be followed by another
	strays  int // from a task that lived
}

func (p *pins) event(e marathontest.Event) {
	if e.Type == "status_update_event" && (e.State == "TASK_KILLING" || e.State == "TASK_KILLED") {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.leaving[e.Task] {
			p.leaving[e.Task] = true
			for _, task := range p.of {
				if task == e.Task {
					p.due++
				}
			}
		}
	}
}

// answered checks an answer against what its client is bound to: only when that leaves is there another task, and a cookie for it.
func (p *pins) answered(client int, task string, pinned bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.of[client]
	if was == task {
		return nil
	}
	p.of[client] = task
	switch {
	case !pinned:
		return fmt.Errorf("moved from %s to %s without a cookie", was, task)
	case was == "":
		return nil
	case !p.leaving[was]:
		p.strays++
		return fmt.Errorf("moved from %s, which lives, to %s", was, task)
	}
	if p.moves++; p.leaving[task] {
		p.late++
	}
	return nil
}

// all says whether so many clients are bound.
func (p *pins) all(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.of) == n
}

func TestClientsWithACookieStayWhileTheirTaskLivesAndMoveOnce(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		rounds, linger := 1, 300*time.Millisecond
		if *goals {
			rounds, linger = 8, 2*time.Second
		}
		p := &pins{leaving: map[string]bool{}, of: map[int]string{}}
		o := marathontest.Options{Command: taskProcess(t, 0), Timing: marathontest.Fast(), OnEvent: p.event,
			Behaviour: marathontest.Behaviour{Linger: linger}}
		f := newFarm(t, o, 1, engine)
		id := farmApp(0)
		a := *f.sim.App(id)
		a.Labels["HAPROXY_0_STICKY"] = "true"
		if d, err := f.sim.Update(a); err != nil || f.sim.WaitDeployment(t.Context(), d) != nil {
			t.Fatal(err)
		}
		f.served(0)
		began := time.Now()
		h := &herd{kept: 28, fresh: 4, posts: 10, answered: p.answered}
		h.start(t, f.ports...)
		eventually(t, "all are bound", func() bool { return p.all(32) })
		for range rounds {
			// More tasks, and then fewer: who is bound to one that stays notices nothing.
			for _, n := range []int{6, 4} {
				if d, err := f.sim.Scale(id, n); err != nil || f.sim.WaitDeployment(t.Context(), d) != nil {
					t.Fatal(err)
				}
			}
			f.served(0)
			f.deploy(0)
			f.served(0)
		}
		took := time.Since(began)
		eventually(t, "all have moved that must", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.moves == p.due+p.late
		})
		lost := h.stop()
		t.Logf("32 clients, %d requests, %d rounds of scaling and deploying in %v: %d moves where %d were due, %d from a task that lived, %d requests failed",
			h.sent(), rounds, took.Round(time.Second), p.moves, p.due+p.late, p.strays, len(lost))
		if len(lost) > 0 {
			t.Errorf("lost:\n%s", first(lost, 20))
		}
		f.end()
	})
}
