package marathon

import (
	"slices"
	"strings"
	"time"
)

// A Marathon without --enable_features task_killing says nothing of a kill until it is done. But when it decides to, it stores the
// instance's new goal, and that repeats the instance's condition on the stream (marathon-api.md 2.5): Running, for one that runs. The
// task drains from then on. Marathon goes on calling it running, so what it was condemned for has to happen within a while.

const (
	condemnedFor = time.Minute     // then a task that still runs is a server again
	settledIn    = 5 * time.Second // a Running that soon after the start of a task is the first one
)

// condemns says that the event repeats what is known of an instance, and that nothing but a kill can be why.
func (w *Watcher) condemns(e Event) bool {
	h := w.picture.apps[e.RunSpecID]
	if !w.silent || h == nil || h.app.hasMesosChecks() { // whose verdicts repeat it, too
		return false
	}
	task := w.picture.taskOf(e.RunSpecID, "", e.InstanceID)
	at := slices.IndexFunc(h.app.Tasks, func(t Task) bool { return t.ID == task })
	if at < 0 {
		return false
	}
	t := &h.app.Tasks[at]
	return t.State == TaskRunning && !t.StartedAt.IsZero() && e.Timestamp.Sub(t.StartedAt.Time) > settledIn
}

// hasMesosChecks says that agents check the app's health, not Marathon.
func (a *App) hasMesosChecks() bool {
	return slices.ContainsFunc(a.HealthChecks, func(c HealthCheck) bool {
		return c.Protocol == "COMMAND" || strings.HasPrefix(c.Protocol, "MESOS_")
	})
}
