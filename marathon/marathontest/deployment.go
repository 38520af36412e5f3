package marathontest

import (
	"slices"
	"strings"
)

// plan, step and action are a deployment as events and GET /v2/deployments show it.
type (
	plan struct {
		ID      string `json:"id"`
		Steps   []step `json:"steps"`
		Version string `json:"version"`
	}
	step struct {
		Actions []action `json:"actions"`
	}
	action struct {
		Action string `json:"action"`
		App    string `json:"app,omitempty"`
		Pod    string `json:"pod,omitempty"` // instead of App
	}
)

// deployment carries out a change of definitions, step by step.
type deployment struct {
	id, version string
	before      map[string]*App // the definitions it replaces, by id; nil where there was none
	after       map[string]*App // those it brings; nil where the app goes
	doomed      []*instance     // to be killed first when scaling down, besides or instead of Marathon's own choice
	steps       []step
	current     int             // index of the step that runs
	running     map[string]bool // apps of the current step not finished yet
	rollouts    map[string]*rollout
	committed   bool // the new definitions can be read
	cancelled   bool
}

// newDeployment plans the way from the definitions before to those after. Without a difference it has no step.
func newDeployment(id, version string, before, after map[string]*App) *deployment {
	d := &deployment{id: id, version: version, before: before, after: after, rollouts: map[string]*rollout{}}
	var stops, starts, rest step
	for _, id := range sortedKeys(after) {
		switch old, now := before[id], after[id]; {
		case now == nil:
			stops.add("StopApplication", old)
		case old == nil:
			starts.add("StartApplication", now)
			rest.add("ScaleApplication", now)
		case now.VersionInfo.LastConfigChangeAt != old.VersionInfo.LastConfigChangeAt:
			rest.add("RestartApplication", now)
		case now.Instances != old.Instances:
			rest.add("ScaleApplication", now)
		}
	}
	for _, one := range []step{stops, starts, rest} {
		if len(one.Actions) > 0 {
			d.steps = append(d.steps, one)
		}
	}
	return d
}

func (s *step) add(name string, a *App) {
	if a.pod != nil {
		s.Actions = append(s.Actions, action{Action: strings.Replace(name, "Application", "Pod", 1), Pod: a.ID})
	} else {
		s.Actions = append(s.Actions, action{Action: name, App: a.ID})
	}
}

// id is that of the app or pod.
func (a action) id() string { return a.App + a.Pod }

func (d *deployment) plan() plan { return plan{ID: d.id, Steps: d.steps, Version: d.version} }

func (d *deployment) touches(id string) bool {
	_, yes := d.after[id]
	return yes
}

// begin starts a deployment; s.mu is held.
func (s *Server) begin(d *deployment) {
	if len(d.steps) == 0 {
		return
	}
	s.deployments = append(s.deployments, d)
	s.beginStep(d)
	s.advance(d)
	s.wg.Go(func() { s.drive(d) })
}

func (s *Server) beginStep(d *deployment) {
	now := d.steps[d.current]
	d.running = map[string]bool{}
	for _, a := range now.Actions {
		d.running[a.id()] = true
	}
	s.publish(Event{Type: "deployment_info", App: d.onlyApp()}, deploymentProgress{d.plan(), now})
	for _, a := range now.Actions {
		s.announceChecks(d, a)
	}
}

// announceChecks publishes what happens to health checks when an action begins; s.mu is held.
func (s *Server) announceChecks(d *deployment, a action) {
	old, now := d.before[a.id()], d.after[a.id()]
	if a.Action == "StopApplication" && len(old.HealthChecks) > 0 {
		s.publish(Event{Type: "remove_health_check_event", App: a.id()}, appEvent{a.id()})
	}
	if a.Action == "StartApplication" || a.Action == "RestartApplication" {
		for n := range now.HealthChecks {
			s.publish(Event{Type: "add_health_check_event", App: a.id()}, addHealthCheck{a.id(), &now.HealthChecks[n], now.Version})
		}
	}
}

// onlyApp is the id of the only app concerned, if there is only one.
func (d *deployment) onlyApp() string {
	if len(d.after) != 1 {
		return ""
	}
	return sortedKeys(d.after)[0]
}

// drive advances a deployment with each change of state, until it is over.
func (s *Server) drive(d *deployment) {
	for {
		s.mu.Lock()
		over, changed := s.advance(d), s.changed
		s.mu.Unlock()
		if over {
			return
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return
		}
	}
}

// advance does what can be done now and says whether the deployment is over; s.mu is held.
func (s *Server) advance(d *deployment) (over bool) {
	for !d.cancelled && d.current < len(d.steps) {
		now := d.steps[d.current]
		for _, a := range now.Actions {
			if d.running[a.id()] && s.act(d, a) {
				delete(d.running, a.id())
			}
		}
		if len(d.running) > 0 {
			return false
		}
		s.publish(Event{Type: "deployment_step_success", App: d.onlyApp()}, deploymentProgress{d.plan(), now})
		if d.current++; d.current < len(d.steps) {
			s.beginStep(d)
			continue
		}
		s.remove(d)
		s.publish(Event{Type: "deployment_success", App: d.onlyApp()}, deploymentEnd{ID: d.id, Plan: d.plan()})
	}
	return true
}

// act does what an action can do now and says whether it is done; s.mu is held.
func (s *Server) act(d *deployment, a action) bool {
	switch strings.Replace(a.Action, "Pod", "Application", 1) {
	case "StartApplication":
		return true // with no instance; a later step scales it
	case "StopApplication":
		return d.committed && s.stopApp(a.id())
	case "RestartApplication":
		return s.restart(d, d.after[a.id()])
	}
	return s.scale(d, d.after[a.id()])
}

// cancelDeployment ends a deployment where it is; s.mu is held.
func (s *Server) cancelDeployment(d *deployment) {
	d.cancelled = true
	s.remove(d)
	s.publish(Event{Type: "deployment_failed", App: d.onlyApp()},
		deploymentEnd{ID: d.id, Plan: d.plan(), Reason: "The upgrade has been cancelled"})
}

func (s *Server) remove(d *deployment) {
	s.deployments = slices.DeleteFunc(s.deployments, func(other *deployment) bool { return other == d })
	s.touch()
}
