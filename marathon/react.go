package marathon

import (
	"strings"
	"time"

	"go.uber.org/zap"
)

// frame handles the events of one frame.
func (w *Watcher) frame(f frame, now time.Time) {
	if f.stream != w.heard { // the first event proves that from here on none is missed
		w.heard, w.attach = f.stream, time.Time{}
		w.grumble.well(w.log, "event stream")
		w.wantFull(now)
	}
	events, err := ReadEvents(f.data)
	for _, e := range events {
		w.event(e, now)
	}
	w.mu.Lock()
	w.status.Events += uint64(len(events))
	if err != nil {
		w.status.BadEvents++
	}
	w.mu.Unlock()
	if err != nil {
		w.grumble.say(w.log, now, "an event that cannot be read", err, zap.Int("bytes", len(f.data)))
		w.wantFull(now)
	}
}

// event does what an event asks for: patches what it takes away, wishes for reads of what it may bring.
func (w *Watcher) event(e Event, now time.Time) {
	number := w.picture.tick()
	for _, id := range e.Stops() {
		w.stopping[id] = number
	}
	switch e.Type {
	case StatusUpdate:
		w.taskStatus(e, number, now)
	case HealthStatusChanged:
		w.health(e, e.Alive, number, now)
	case InstanceHealthChanged:
		w.health(e, e.Healthy, number, now)
	case UnhealthyInstanceKill, UnhealthyTaskKill:
		w.patch(e, patch{event: number, state: TaskKilling, final: true}, now)
	case InstanceChanged, InstanceTerminated, TaskTerminated:
		w.instance(e, number, now)
	case AppTerminated, APIPost:
		w.want(e, number, now)
	case DeploymentInfo:
		for _, id := range e.Apps() {
			w.deploys[id] = now
			w.agenda.wantLater(id, now.Add(commitDelay))
		}
	case DeploymentStepSuccess, DeploymentStepFailure:
		w.want(e, number, now)
	case DeploymentSuccess, DeploymentFailed:
		w.want(e, number, now)
		for _, id := range e.Apps() {
			delete(w.deploys, id)
		}
	case GroupChangeSuccess:
		w.groupChanged(e, number, now)
	case SchedulerRegistered, SchedulerReregistered:
		w.wantFull(now)
	case PodCreated, PodUpdated, PodDeleted:
		w.want(e, number, now)
	case SchedulerDisconnected, StreamAttached:
	default:
		w.mu.Lock()
		w.status.UnknownEvents++
		w.mu.Unlock()
	}
}

// want wishes for a read of each app the event names.
func (w *Watcher) want(e Event, number uint64, now time.Time) {
	for _, id := range e.Apps() {
		w.agenda.want(id, number, now)
	}
}

// taskStatus: what ends a task, or makes it doubtful, counts at once; that it runs must be read, for its health and definition.
func (w *Watcher) taskStatus(e Event, number uint64, now time.Time) {
	switch s := e.TaskStatus; {
	case s == TaskKilling || s.Terminal():
		w.patch(e, patch{event: number, state: s, final: true}, now)
	case s.Unsure():
		w.patch(e, patch{event: number, state: s}, now)
	case s == TaskStaging || s == TaskStarting: // nothing to route to yet
	default:
		w.want(e, number, now)
	}
}

// health: one bad check is enough to stop using a task. That one is good says nothing of the others.
func (w *Watcher) health(e Event, good *bool, number uint64, now time.Time) {
	if good != nil && !*good {
		w.patch(e, patch{event: number, sick: true}, now)
		return
	}
	w.want(e, number, now)
}

// instance: these events name no task, and Marathon may have started the next incarnation already, so what they take away lasts
// only until the app is read.
func (w *Watcher) instance(e Event, number uint64, now time.Time) {
	switch e.Condition {
	case "Scheduled", "Provisioned", "Staging", "Starting":
	case "Killing":
		w.patch(e, patch{event: number, state: TaskKilling}, now)
	case "Running":
		if w.condemns(e) {
			w.patch(e, patch{event: number, state: TaskKilling, final: true, guess: true, until: now.Add(w.condemn)}, now)
			return
		}
		w.want(e, number, now)
	default:
		w.want(e, number, now)
	}
}

// patch changes the picture by the event alone and wishes for a read to confirm it.
func (w *Watcher) patch(e Event, c patch, now time.Time) {
	w.want(e, c.event, now)
	c.app = e.AppID
	if c.until.IsZero() {
		c.until = now.Add(finalFor)
	}
	if c.app == "" {
		c.app = e.RunSpecID
	}
	task := w.picture.taskOf(c.app, e.TaskID, e.InstanceID)
	if task == "" || !w.picture.record(task, c) {
		return
	}
	if w.picture.apply(task, c.app, now) {
		w.changed[c.app] = true
	}
}

// groupChanged: definitions below a group changed and can be read now. Which ones, the deployment said just before; if none did,
// all are read.
func (w *Watcher) groupChanged(e Event, number uint64, now time.Time) {
	below := strings.TrimSuffix(e.GroupID, "/") + "/"
	found := false
	for id := range w.deploys {
		if strings.HasPrefix(id, below) {
			found = true
			w.agenda.want(id, number, now)
		}
	}
	if !found {
		w.wantFull(now)
	}
}
