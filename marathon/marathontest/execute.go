package marathontest

import (
	"context"
	"sync"
	"time"
)

// execute runs the program of a task until it crashes or is killed, and its health checks meanwhile.
func (s *Server) execute(t *Task, kill <-chan struct{}) ending {
	ctx, cancel := context.WithCancel(s.ctx)
	var checks sync.WaitGroup
	halt := func() { cancel(); checks.Wait() }
	defer halt()
	run := func() {
		s.update(t, "TASK_RUNNING", "")
		for n := range t.app.HealthChecks {
			checks.Go(func() { s.check(ctx, t, n) })
		}
		if len(t.app.ReadinessChecks) > 0 && s.awaited(t) {
			for n := range t.app.ReadinessChecks {
				checks.Go(func() { s.checkReadiness(ctx, t, n) })
			}
		}
	}
	b := s.behaviour(t)
	t.SetReady(!b.Unready)
	if b.SlowStart > 0 {
		run()
		if !s.pause(b.SlowStart, kill) {
			return ending{"TASK_KILLED", "Command terminated with signal Terminated"}
		}
	}
	p, err := s.start(t, b.TCP)
	if err != nil {
		return ending{"TASK_FAILED", err.Error()}
	}
	defer p.stop()
	if b.SlowStart <= 0 {
		run()
	}
	select {
	case <-t.crash:
		return s.crash(p)
	case <-p.ended():
		return s.crash(p)
	case <-s.ctx.Done():
		return ending{}
	case <-kill:
	}
	halt()
	return s.terminate(t, p)
}

// crash is the end of a process that nobody asked for.
func (s *Server) crash(p program) ending {
	p.stop()
	s.pause(s.o.Timing.MesosUpdate, nil)
	return ending{"TASK_FAILED", "Container exited with status 1"}
}

// terminate is what the executor does with a kill: SIGTERM, then SIGKILL after the grace period.
func (s *Server) terminate(t *Task, p program) ending {
	if !s.pause(s.o.Timing.Kill, nil) {
		return ending{}
	}
	grace := s.o.Timing.KillGrace
	if g := t.app.TaskKillGracePeriodSeconds; g != nil {
		grace = time.Duration(*g) * time.Second
	}
	sigkill := make(chan struct{})
	timer := time.AfterFunc(grace, func() { close(sigkill) })
	defer timer.Stop()
	var lag sync.WaitGroup
	defer lag.Wait()
	exited := make(chan struct{})
	defer close(exited)
	if !s.o.NoTaskKilling {
		if s.o.Timing.KillingLag == 0 {
			s.update(t, "TASK_KILLING", "")
		} else {
			lag.Go(func() {
				if s.pause(s.o.Timing.KillingLag, exited) {
					s.update(t, "TASK_KILLING", "")
				}
			})
		}
	}
	return s.die(t, p, sigkill)
}

// die is what the process does after SIGTERM.
func (s *Server) die(t *Task, p program, sigkill <-chan struct{}) ending {
	b := s.behaviour(t)
	end := ending{"TASK_KILLED", "Command terminated with signal Terminated"}
	survived := b.IgnoreSIGTERM
	if !survived {
		survived = !s.pause(b.Linger, sigkill)
	}
	if survived {
		select {
		case <-sigkill:
			end.message = "Container killed after grace period"
		case <-s.ctx.Done():
		}
	} else if !b.Abrupt {
		p.finish()
		select {
		case <-p.ended():
		case <-sigkill:
			end.message = "Container killed after grace period"
		case <-s.ctx.Done():
		}
	}
	p.stop()
	s.pause(s.o.Timing.MesosUpdate, nil)
	return end
}

func (s *Server) behaviour(t *Task) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.behaviours[t.app.ID]
	if !ok {
		b = s.o.Behaviour
	}
	b.TCP = b.TCP || t.app.Labels["MARATHONTEST_KIND"] == "tcp"
	return b
}
