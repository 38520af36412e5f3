package zdd

import "strings"

// Side is one of the two apps.
type Side struct {
	ID        string
	Instances int
	Deploying bool   // Marathon is still at work on it
	Tasks     []Task // those that are meant to live on
}

// Task is a task, and what each load balancer makes of it.
type Task struct {
	ID    string
	Alive bool     // Marathon checks it, and all its checks are good
	On    []Server // of each load balancer
}

// Server is a row of a load balancer's statistics.
type Server struct {
	Status   string // HAProxy's word; empty if there is no row
	Sessions int    // running and waiting
}

// serving is how many tasks every load balancer sends requests to.
func (s Side) serving() int {
	n := 0
	for _, t := range s.Tasks {
		if t.all(func(s Server) bool { return s.Status == "UP" || s.Status == "no check" && t.Alive }) {
			n++
		}
	}
	return n
}

// pick are the ids of the tasks that fit.
func (s Side) pick(fits func(Task) bool) []string {
	var ids []string
	for _, t := range s.Tasks {
		if fits(t) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// awaitDrain says what stands between so many of the old app's tasks and their end.
func (s Side) awaitDrain(spare int) Step {
	out, sessions := 0, 0
	for _, t := range s.Tasks {
		if t.out() {
			out++
			for _, on := range t.On {
				sessions += on.Sessions
			}
		}
	}
	switch n := out + len(s.pick(Task.broken)); {
	case s.Instances > len(s.Tasks):
		return wait("%d of %s of %s have a task", len(s.Tasks), count(s.Instances, "instance"), s.ID)
	case n < spare || n == 0:
		return wait("%d of %s of %s taken out of every load balancer", out, count(spare, "spare task"), s.ID)
	}
	step := wait("%s of %s taken out, with %s", count(out, "task"), s.ID, count(sessions, "session"))
	step.Busy = true
	return step
}

func (t Task) all(fits func(Server) bool) bool {
	for _, s := range t.On {
		if !fits(s) {
			return false
		}
	}
	return len(t.On) > 0
}

// out says that every load balancer has taken the task out: HAProxy's MAINT.
func (t Task) out() bool { return t.all(func(s Server) bool { return s.Status == "MAINT" }) }

// drained says that it also has no session.
func (t Task) drained(impatient bool) bool {
	return t.out() && (impatient || t.all(func(s Server) bool { return s.Sessions == 0 }))
}

// broken says that neither Marathon nor a load balancer finds the task fit to serve: killing it loses nothing.
func (t Task) broken() bool {
	return !t.Alive && t.all(func(s Server) bool { return s.Sessions == 0 && (s.Status == "" || strings.HasPrefix(s.Status, "DOWN")) })
}
