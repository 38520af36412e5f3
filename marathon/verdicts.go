package marathon

import (
	"net/netip"
	"time"
)

// Health is what is made of Marathon's word on a task.
type Health uint8

// The verdicts. Only Unhealthy, Waiting and Unready keep a running task from being used.
const (
	Unchecked Health = iota // the app has no health checks: it serves as soon as it runs
	Healthy                 // all results are good, or were when Marathon last had any
	Unhealthy               // some result is bad
	Waiting                 // new: its first good result is awaited
	Presumed                // no result was ever seen, but it is too old to be new: Marathon forgot, as after a change of leader
	Unready                 // a deployment waits for its readiness check: it is not to be used yet, whatever its health
)

// Facts is what is known of an app's tasks beyond what Marathon's JSON says at the moment.
type Facts struct {
	Health map[string]Health     // by task id, one for each task of the app
	Addrs  map[string]netip.Addr // by name of an agent's host, for those that are names and could be resolved
}

// addrOf is the address of an agent's host, invalid if it is not known.
func (f Facts) addrOf(host string) netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap()
	}
	return f.Addrs[host]
}

// verdicts remember by task id whether its results were good: Marathon keeps them in the memory of its leader only.
type verdicts map[string]bool

// judge gives the verdict on a task at the time now, and when to look again if that may change with time alone. One that was let in
// before is past its readiness.
func (v verdicts) judge(a *App, t *Task, letIn bool, now time.Time) (Health, time.Time) {
	if ready, again := a.ready(t, now); !ready && !letIn {
		return Unready, again
	}
	if len(a.HealthChecks) == 0 {
		return Unchecked, time.Time{}
	}
	alive, known := t.alive()
	if !known {
		alive, known = v[t.ID]
	}
	switch {
	case known && alive:
		return Healthy, time.Time{}
	case known:
		return Unhealthy, time.Time{}
	case t.StartedAt.IsZero():
		return Waiting, time.Time{}
	}
	if old := t.StartedAt.Add(a.patience()); now.Before(old) {
		return Waiting, old
	}
	return Presumed, time.Time{}
}

// learn remembers what the results of the app's tasks say.
func (v verdicts) learn(a *App) {
	for i := range a.Tasks {
		if alive, news := a.Tasks[i].alive(); news {
			v[a.Tasks[i].ID] = alive
		}
	}
}

// patience is how long after its start a task can be without a result for no other reason than its youth.
func (a *App) patience() time.Duration {
	var most time.Duration
	for _, c := range a.HealthChecks {
		most = max(most, seconds(c.GracePeriodSeconds)+seconds(c.IntervalSeconds))
	}
	return most
}

// alive is the joint word of all results: one that is bad is enough. Results of a former incarnation of the same instance are no
// news, and neither is an empty list.
func (t *Task) alive() (alive, news bool) {
	alive = true
	for _, r := range t.Results {
		if r.Alive == nil || r.stale(t) {
			continue
		}
		news = true
		alive = alive && *r.Alive
	}
	return alive && news, news
}

// stale says that a result is about what ran before the task started.
func (r HealthResult) stale(t *Task) bool {
	newest := r.LastSuccess.Time
	if !*r.Alive && r.LastFailure.After(newest) {
		newest = r.LastFailure.Time
	}
	return !newest.IsZero() && newest.Before(t.StartedAt.Time)
}

// ready is the gate of readiness checks, which Marathon runs only on new tasks and only during a deployment. A new task without
// a result is given as long as its first check may take. A task may be newer than the definition that can be read so far.
func (a *App) ready(t *Task, now time.Time) (ready bool, again time.Time) {
	if len(a.ReadinessChecks) == 0 || len(a.Deployments) == 0 || t.Version < a.Version {
		return true, time.Time{}
	}
	found := 0
	for _, r := range a.ReadinessResults {
		if r.TaskID == t.ID {
			found++
			if !r.Ready {
				return false, time.Time{}
			}
		}
	}
	if found >= len(a.ReadinessChecks) {
		return true, time.Time{}
	}
	if t.StartedAt.IsZero() {
		return false, time.Time{}
	}
	var longest time.Duration
	for _, c := range a.ReadinessChecks {
		longest = max(longest, seconds(c.TimeoutSeconds))
	}
	first := t.StartedAt.Add(longest + 5*time.Second)
	return !now.Before(first), first
}
