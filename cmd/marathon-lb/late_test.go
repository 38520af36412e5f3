package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// Nobody checks the app's health, so its tasks are served as soon as they run, which is long before they listen.
func TestATaskThatListensLateHasItsTurnSoonAfter(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		late, after := 2, []time.Duration{1500 * time.Millisecond}
		if *goals {
			late, after = 5, []time.Duration{300 * time.Millisecond, 2 * time.Second, 5 * time.Second, 12 * time.Second}
		}
		var mu sync.Mutex
		opened := map[*marathontest.Task]time.Time{}
		f := newFarm(t, marathontest.Options{Handler: func(task *marathontest.Task) http.Handler {
			mu.Lock()
			defer mu.Unlock()
			opened[task] = time.Now()
			return receipt(task.ID(), 0)
		}}, 0, engine)
		port := freePort(t)
		a := app("/late", port, 2)
		a.HealthChecks = nil
		create(t, f.sim, a)
		eventually(t, "two servers", func() bool { return len(servers(f.stats, fmt.Sprintf("late_%d", port))) == 2 })
		h := &herd{kept: 6, fresh: 2, posts: 10}
		h.start(t, port)
		var took []time.Duration
		for _, d := range after {
			f.sim.SetBehaviour("/late", marathontest.Behaviour{SlowStart: d})
			size := f.sim.App("/late").Instances + late
			if _, err := f.sim.Scale("/late", size); err != nil {
				t.Fatal(err)
			}
			eventually(t, "all have had a request", func() bool {
				tasks := f.sim.Tasks("/late")
				return len(tasks) == size && !slices.ContainsFunc(tasks, func(t *marathontest.Task) bool { return t.FirstRequest().IsZero() })
			})
			for _, task := range f.sim.Tasks("/late")[size-late:] {
				mu.Lock()
				took = append(took, task.FirstRequest().Sub(opened[task]).Round(time.Millisecond))
				mu.Unlock()
			}
		}
		lost := h.stop()
		t.Logf("%d tasks that refused for %v, %d requests: %d failed; from the open port to the first request %v", len(took), after, h.sent(), len(lost), took)
		if len(lost) > 0 {
			t.Errorf("lost:\n%s", first(lost, 20))
		}
		if longest := slices.Max(took); *goals && longest > 1500*time.Millisecond {
			t.Errorf("the longest is %v, want at most 1.5 s", longest)
		}
		f.end()
	})
}
