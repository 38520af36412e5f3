package marathontest

import (
	"context"
	"slices"
	"strings"
	"time"
)

// healthResult is what one health check knows of a task, as the task's JSON shows it.
type healthResult struct {
	Alive               bool   `json:"alive"`
	ConsecutiveFailures int    `json:"consecutiveFailures"`
	FirstSuccess        string `json:"firstSuccess,omitempty"`
	InstanceID          string `json:"instanceId"`
	LastFailure         string `json:"lastFailure,omitempty"`
	LastFailureCause    string `json:"lastFailureCause,omitempty"`
	LastSuccess         string `json:"lastSuccess,omitempty"`
}

type verdict int

const (
	unchecked verdict = iota // the app has no health checks
	unknown                  // a check has no result yet
	healthy
	unhealthy
)

// health sums up all health checks; Server.mu is held.
func (t *Task) health() verdict {
	v := unchecked
	if len(t.results) > 0 {
		v = healthy
	}
	for _, r := range t.results {
		switch {
		case r == nil:
			return unknown
		case !r.Alive:
			v = unhealthy
		}
	}
	return v
}

// check probes a task, by its n-th health check, until ctx ends.
func (s *Server) check(ctx context.Context, t *Task, n int) {
	c := &t.app.HealthChecks[n]
	scaled := func(seconds float64) time.Duration { return time.Duration(seconds * float64(s.o.Timing.Second)) }
	byMesos := c.Protocol == "COMMAND" || strings.HasPrefix(c.Protocol, "MESOS_")
	first := min(scaled(c.IntervalSeconds), scaled(5))
	if byMesos {
		first = scaled(c.DelaySeconds)
	}
	graceEnds := time.Now().Add(scaled(c.GracePeriodSeconds))
	for wait := max(first, time.Millisecond); s.pause(wait, ctx.Done()); wait = max(scaled(c.IntervalSeconds), time.Millisecond) {
		err := s.probe(ctx, t, c)
		if ctx.Err() != nil || s.record(t, n, byMesos, err, time.Now().Before(graceEnds)) {
			return
		}
	}
}

// record notes the result of a probe and does what Marathon does about it. It says whether that was to kill the task.
func (s *Server) record(t *Task, n int, byMesos bool, failure error, grace bool) (over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.state != "TASK_RUNNING" {
		return true
	}
	c, old := &t.app.HealthChecks[n], t.results[n]
	if failure != nil && grace && (old == nil || old.FirstSuccess == "") {
		return false // not even noted, Marathon says
	}
	r := &healthResult{InstanceID: t.instance.id}
	if old != nil {
		*r = *old
	}
	now := stamp(time.Now())
	r.Alive = failure == nil
	if failure == nil {
		setDefault(&r.FirstSuccess, now)
		r.LastSuccess, r.ConsecutiveFailures = now, 0
	} else {
		r.LastFailure, r.LastFailureCause = now, failure.Error()
		r.ConsecutiveFailures++
	}
	before := t.health()
	t.results[n] = r
	if failure != nil && !byMesos {
		s.publish(Event{Type: "failed_health_check_event", App: t.app.ID, Instance: t.instance.id},
			failedHealthCheck{AppID: t.app.ID, HealthCheck: c, TaskID: t.instance.id})
	}
	wasAlive := old != nil && old.Alive
	if byMesos && (old == nil || wasAlive != r.Alive) {
		s.publishStatus(t, "") // the status came again, with another health bit
	}
	if wasAlive != r.Alive {
		s.publish(Event{Type: "health_status_changed_event", App: t.app.ID, Instance: t.instance.id},
			healthStatusChanged{AppID: t.app.ID, InstanceID: t.instance.id, Version: t.app.Version, Alive: r.Alive})
	}
	if t.health() != before {
		s.publishHealth(t)
	}
	if r.ConsecutiveFailures < *c.MaxConsecutiveFailures || *c.MaxConsecutiveFailures == 0 {
		return false
	}
	s.killUnhealthy(t, r.LastFailureCause, byMesos)
	return true
}

// publishHealth tells what all checks of a task together say now; s.mu is held.
func (s *Server) publishHealth(t *Task) {
	e := instanceHealthChanged{InstanceID: t.instance.id, RunSpecID: t.app.ID, RunSpecVersion: t.app.Version}
	if v := t.health(); v != unknown {
		good := v == healthy
		e.Healthy = &good
	}
	s.publish(Event{Type: "instance_health_changed_event", App: t.app.ID, Instance: t.instance.id}, e)
}

// killUnhealthy kills a task after too many failed probes; s.mu is held.
func (s *Server) killUnhealthy(t *Task, reason string, byMesos bool) {
	if byMesos { // by the executor, without asking Marathon
		t.Crash()
		return
	}
	s.publish(Event{Type: "unhealthy_instance_kill_event", App: t.app.ID, Task: t.id, Instance: t.instance.id}, unhealthyInstanceKill{
		AppID: t.app.ID, TaskID: t.id, InstanceID: t.instance.id, Version: t.app.Version, Reason: reason, Host: t.host, AgentID: t.agent,
	})
	s.end(t.instance, false)
}

// ForgetHealth drops all results of health checks without an event, as a new leader does; they come back with the next probes.
func (s *Server) ForgetHealth() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.instances {
		if i.task != nil {
			clear(i.task.results)
		}
	}
	s.touch()
}

// visibleResults are the results a task's JSON shows; s.mu is held.
func (t *Task) visibleResults() []*healthResult {
	return slices.DeleteFunc(slices.Clone(t.results), func(r *healthResult) bool { return r == nil })
}
