package marathontest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// Whatever is asked for at the same time, in the end each app has its instances, and no task lived twice.
func TestAStorm(t *testing.T) {
	timing := quick(func(t *marathontest.Timing) { t.KillGrace = 100 * time.Millisecond })
	s, log := start(t, marathontest.Options{Jitter: 0.5, Timing: timing})
	apps := []string{"/a", "/b", "/c"}
	for _, id := range apps {
		run(t, s, web(id, 2))
	}
	var storm sync.WaitGroup
	for seed := range uint64(4) {
		storm.Go(func() {
			dice := rand.New(rand.NewPCG(seed, 2))
			for range 25 {
				disturb(s, apps[dice.IntN(len(apps))], dice)
			}
		})
	}
	storm.Wait()
	for _, id := range apps {
		_, err := s.Scale(id, 2)
		for err != nil { // locked
			must(t, s.WaitSettled(soon(t)))
			_, err = s.Scale(id, 2)
		}
	}
	must(t, s.WaitSettled(soon(t)))
	for _, id := range apps {
		must(t, s.WaitRunning(soon(t), id, 2))
		for _, task := range s.Tasks(id) {
			if status, _ := get(t, "http://"+task.Addrs()[0].String()+"/health"); status != 200 {
				t.Errorf("%s answers %d", task.ID(), status)
			}
		}
	}
	checkLives(t, log.all())
}

func disturb(s *marathontest.Server, id string, dice *rand.Rand) {
	tasks := s.Tasks(id)
	task := tasks[dice.IntN(len(tasks))] // no app shrinks to nothing
	switch dice.IntN(7) {
	case 0:
		s.Scale(id, 2+dice.IntN(3))
	case 1:
		s.Restart(id)
	case 2:
		s.Kill(task.ID(), false)
	case 3:
		task.Crash()
	case 4:
		task.SetHealthy(false)
	case 5:
		s.Patch(id, fmt.Sprintf(`{"env":{"N":"%d"}}`, dice.IntN(9)))
	case 6:
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if r, err := client.Get("http://" + task.Addrs()[0].String() + "/"); err == nil {
			r.Body.Close()
		}
	}
}

// checkLives wants the states of each task in order, each at most once.
func checkLives(t *testing.T, events []marathontest.Event) {
	t.Helper()
	order := []string{"TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED", "TASK_FAILED"}
	last := map[string]int{}
	for _, e := range events {
		if e.Type != "status_update_event" {
			continue
		}
		rank := slices.Index(order, e.State) + 1
		if rank <= last[e.Task] {
			t.Errorf("%s: %s after %s", e.Task, e.State, order[last[e.Task]-1])
		}
		last[e.Task] = rank
	}
	if len(last) < 10 {
		t.Errorf("only %d tasks lived", len(last))
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := marathontest.New(marathontest.Options{Behaviour: marathontest.Behaviour{TCP: true}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	_, err := s.Create(marathontest.App{ID: "/x", Instances: 1})
	must(t, err)
	must(t, s.WaitRunning(soon(t), "/x", 1))
	conn, err := net.Dial("tcp", s.Tasks("/x")[0].Addrs()[0].String())
	must(t, err)
	defer conn.Close()
	cancel()
	must(t, <-ended)
	if err := s.Wait(t.Context(), func() bool { return false }); err == nil {
		t.Error("Wait should say that the server is closed")
	}
	if err := s.Listen(); err == nil {
		t.Error("a closed server listens")
	}
	s.Close()
}
