package marathontest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// instance is Marathon's promise to run one copy of an app: tasks follow each other in it, each with the next incarnation number.
type instance struct {
	id             string
	app            *App // the definition its tasks run
	decommissioned bool // its goal: false means Running
	condition      string
	incarnation    int
	kill           chan struct{} // closed to kill the present incarnation
	killed         bool          // kill is closed
	task           *Task         // the newest; nil before the first is provisioned
}

// ending is how a task ended.
type ending struct {
	state   string
	message string
}

// conditions are what the states of tasks make of their instance. TASK_STAGING stands for Provisioned: since Mesos 1.5 the first
// status Marathon hears of is TASK_STARTING.
var conditions = map[string]string{
	"TASK_STAGING": "Provisioned", "TASK_STARTING": "Starting", "TASK_RUNNING": "Running", "TASK_KILLING": "Killing",
	"TASK_KILLED": "Killed", "TASK_FAILED": "Failed",
}

func terminal(state string) bool { return state == "TASK_KILLED" || state == "TASK_FAILED" }

// schedule begins a new instance of an app; s.mu is held.
func (s *Server) schedule(a *App) {
	i := &instance{
		id:  strings.ReplaceAll(a.ID[1:], "/", "_") + ".instance-" + s.uuid(),
		app: a, kill: make(chan struct{}),
	}
	s.instances = append(s.instances, i)
	s.move(i, "Scheduled")
	s.wg.Go(func() { s.live(i) })
}

// uuid is a new random one; s.mu is held.
func (s *Server) uuid() string {
	a, b := s.rand.Uint64(), s.rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// live runs one task after the other until the instance is decommissioned.
func (s *Server) live(i *instance) {
	var backoff time.Duration
	for {
		end := s.incarnate(i, backoff)
		if s.ctx.Err() != nil || !s.settle(i, end) {
			return
		}
		backoff = 0
		if end.state == "TASK_FAILED" {
			backoff = s.o.Timing.Backoff
		}
	}
}

// incarnate runs one task from the search for an offer to its end.
func (s *Server) incarnate(i *instance, backoff time.Duration) ending {
	s.mu.Lock()
	kill := i.kill
	s.mu.Unlock()
	killed := ending{"TASK_KILLED", "Killed before it ran"}
	if !s.pause(backoff+s.o.Timing.Offer, kill) {
		return killed
	}
	t, err := s.provision(i)
	if err != nil {
		return ending{"TASK_FAILED", err.Error()}
	}
	defer s.release(t)
	if !s.pause(s.o.Timing.Staging, kill) {
		return killed
	}
	s.update(t, "TASK_STARTING", "")
	if !s.pause(s.o.Timing.Start, kill) {
		return killed
	}
	return s.execute(t, kill)
}

// settle records the end of a task. It says whether another is to follow in the same instance.
func (s *Server) settle(i *instance, end ending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := i.task; t != nil && !terminal(t.state) {
		s.set(t, end.state, end.message)
	} else {
		s.move(i, conditions[end.state])
	}
	if end.state == "TASK_FAILED" {
		s.noteFailure(i, end)
	}
	if i.decommissioned {
		s.instances = slices.DeleteFunc(s.instances, func(other *instance) bool { return other == i })
		s.touch()
		return false
	}
	i.kill, i.killed = make(chan struct{}), false
	s.move(i, "Scheduled")
	return true
}

// noteFailure remembers how a task of an app failed last; s.mu is held.
func (s *Server) noteFailure(i *instance, end ending) {
	f := &taskFailure{AppID: i.app.ID, Message: end.message, State: end.state, Timestamp: stamp(time.Now()), Version: i.app.Version}
	if i.task != nil {
		f.TaskID, f.Host = i.task.id, i.task.host
	}
	s.failures[i.app.ID] = f
}

// end kills the present incarnation of an instance and, if it is decommissioned, lets none follow. s.mu is held.
// Marathon stores the new goal first, which repeats the condition on the event stream.
func (s *Server) end(i *instance, decommission bool) {
	i.decommissioned = i.decommissioned || decommission
	if i.killed {
		return
	}
	i.killed = true
	s.move(i, i.condition)
	close(i.kill)
}

// move publishes the condition of an instance; s.mu is held.
func (s *Server) move(i *instance, condition string) {
	i.condition = condition
	e := instanceChanged{InstanceID: i.id, Condition: condition, RunSpecID: i.app.ID, RunSpecVersion: i.app.Version}
	if i.task != nil && condition != "Scheduled" {
		e.AgentID, e.Host = &i.task.agent, &i.task.host
	}
	s.publish(Event{Type: "instance_changed_event", App: i.app.ID, Instance: i.id, State: condition}, e)
}

func (s *Server) update(t *Task, state, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(t, state, message)
}

// set gives a task a state and publishes it; s.mu is held.
func (s *Server) set(t *Task, state, message string) {
	t.state = state
	if state == "TASK_RUNNING" {
		t.started, t.visible = time.Now(), t.addresses
	}
	if state == "TASK_STAGING" { // Marathon's own invention, no status of Mesos
		t.staged = time.Now()
	} else {
		s.publishStatus(t, message)
	}
	s.move(t.instance, conditions[state])
}

// publishStatus publishes the state of a task; s.mu is held.
func (s *Server) publishStatus(t *Task, message string) {
	for _, id := range t.instance.taskIDs(t.instance.incarnation) {
		s.publish(Event{Type: "status_update_event", App: t.app.ID, Task: id, Instance: t.instance.id, State: t.state}, statusUpdate{
			AgentID: t.agent, TaskID: id, TaskStatus: t.state, Message: message, AppID: t.app.ID, Host: t.host,
			IPAddresses: t.visible, Ports: t.ports, Version: t.app.Version,
		})
	}
}

// ready says whether the instance counts as healthy in a deployment; s.mu is held.
func (i *instance) ready() bool {
	if i.killed || i.condition != "Running" {
		return false
	}
	v := i.task.health()
	return (v == healthy || v == unchecked) && i.task.isReady()
}
