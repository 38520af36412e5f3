package marathontest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
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

// healthy sums up all health checks; Server.mu is held.
func (t *Task) healthy() verdict {
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

// probe is one probe: an HTTP status from 200 to 399, or a connection. Commands cannot run here and succeed.
func (s *Server) probe(ctx context.Context, t *Task, c *HealthCheck) error {
	if c.Protocol == "COMMAND" {
		return nil
	}
	addr, err := t.probed(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.TimeoutSeconds*float64(time.Second)))
	defer cancel()
	protocol := strings.TrimPrefix(c.Protocol, "MESOS_")
	if protocol == "TCP" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr.String())
		if err == nil {
			conn.Close()
		}
		return err
	}
	r, err := http.NewRequestWithContext(ctx, "GET", strings.ToLower(protocol)+"://"+addr.String()+c.Path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", probeAgent)
	answer, err := s.probes.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	if answer.StatusCode < 200 || answer.StatusCode > 399 {
		return fmt.Errorf("%s", answer.Status)
	}
	return nil
}

// probed is the address a check probes.
func (t *Task) probed(c *HealthCheck) (netip.AddrPort, error) {
	index := 0
	if c.PortIndex != nil {
		index = *c.PortIndex
	}
	if index < 0 || index >= len(t.listen) {
		return netip.AddrPort{}, fmt.Errorf("health check: the task has no port of index %d", index)
	}
	if c.Port != 0 {
		return netip.AddrPortFrom(t.listen[0].Addr(), uint16(c.Port)), nil
	}
	return t.listen[index], nil
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
	before := t.healthy()
	t.results[n] = r
	if failure != nil && !byMesos {
		s.publish(Event{Type: "failed_health_check_event", App: t.app.ID, Instance: t.instance.id},
			failedHealthCheck{AppID: t.app.ID, HealthCheck: c, TaskID: t.instance.id})
	}
	if old == nil || old.Alive != r.Alive {
		s.publishHealth(t, r.Alive, byMesos, before)
	}
	if r.ConsecutiveFailures < *c.MaxConsecutiveFailures || *c.MaxConsecutiveFailures == 0 {
		return false
	}
	s.killUnhealthy(t, r.LastFailureCause, byMesos)
	return true
}

// publishHealth tells that one check of a task changed its mind; s.mu is held.
func (s *Server) publishHealth(t *Task, alive, byMesos bool, before verdict) {
	i := t.instance
	if byMesos {
		s.publishStatus(t, "") // the status came again, with its health bit changed
	}
	s.publish(Event{Type: "health_status_changed_event", App: t.app.ID, Instance: i.id},
		healthStatusChanged{AppID: t.app.ID, InstanceID: i.id, Version: t.app.Version, Alive: alive})
	after := t.healthy()
	if after == before {
		return
	}
	e := instanceHealthChanged{InstanceID: i.id, RunSpecID: t.app.ID, RunSpecVersion: t.app.Version}
	if after != unknown {
		good := after == healthy
		e.Healthy = &good
	}
	s.publish(Event{Type: "instance_health_changed_event", App: t.app.ID, Instance: i.id}, e)
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
