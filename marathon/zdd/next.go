package zdd

import "fmt"

// Plan is what a deployment is to lead to.
type Plan struct {
	Target int // instances in the end, of both colours together
	New    int // of the new colour, if the old one is to keep the rest: a hybrid deployment; 0 to replace it
	Linear int // instances more in each step; 0 for half as many again
}

// View is what was seen in one look: it is all that a decision depends on.
type View struct {
	New, Old Side
	Unclear  string // why what load balancers say cannot be gone by; empty if it can
}

// Kind is what a step does.
type Kind int

// The kinds.
const (
	Wait   Kind = iota
	Move        // kill some tasks of the old app, scale the new one, or both
	Delete      // delete the old app
	Done
)

// Step is what to do next.
type Step struct {
	Kind  Kind
	Kill  []string // tasks of one of the apps; with Delete those that go with the old one
	Scale int      // the new app's next size; 0 leaves it
	Busy  bool     // Wait: for nothing but sessions that end
	Why   string   // in words
}

func wait(format string, args ...any) Step { return Step{Why: fmt.Sprintf(format, args...)} }

// Next is the step to take. With impatient, sessions of tasks that are taken out do not count any more.
//
// Whatever is seen, it kills only tasks that no load balancer sends requests to, while as many serve as there are to be in the end;
// it deletes the old app only when all its tasks are such ones. And it kills all at once that are too many, or none: load
// balancers take the app that was scaled last for the one that is to stay. If some were killed and no scaling of the new app followed,
// because that is complete or because of an interruption, they would take new tasks out instead of the rest.
func (p Plan) Next(v View, impatient bool) Step {
	fresh, old := v.New.Instances, v.Old.Instances
	surplus := fresh + old - p.Target
	next := p.grow(fresh, old)
	serving, out := v.New.serving(), len(v.New.pick(Task.out))
	switch {
	case v.New.Deploying:
		return wait("Marathon is at work on %s", v.New.ID)
	case v.Unclear != "":
		return wait("%s", v.Unclear)
	case out > 0 && serving+out == fresh:
		return p.turn(v, next, impatient)
	case serving < fresh:
		return wait("%d of %s of %s up on every load balancer", serving, count(fresh, "task"), v.New.ID)
	case p.New > 0 && next == 0 && surplus <= 0:
		return Step{Kind: Done, Why: fmt.Sprintf("hybrid: %d new and %d old", fresh, old)}
	}
	unused := old - len(v.Old.Tasks) // instances without a task
	spare := min(surplus, fresh, old) - unused
	switch {
	case spare <= 0 && next > 0:
		return Step{Kind: Move, Scale: next, Why: fmt.Sprintf("there is room for more of %s", v.New.ID)}
	case v.Old.Deploying:
		return wait("Marathon is at work on %s", v.Old.ID)
	}
	return p.retire(v, spare, next, impatient)
}

// turn is the step that has load balancers take tasks of the old app out instead of the new one's: the new app is scaled. Where it
// is as large as it shall be, that is down: it loses what is out, to grow again.
func (p Plan) turn(v View, next int, impatient bool) Step {
	out := v.New.pick(Task.out)
	why := fmt.Sprintf("%s of %s taken out, since %s was scaled last", count(len(out), "task"), v.New.ID, v.Old.ID)
	idle := v.New.pick(func(t Task) bool { return t.drained(impatient) })
	switch up := v.New.serving() + v.Old.serving(); {
	case next > 0:
		return Step{Kind: Move, Scale: next, Why: why}
	case len(idle) < len(out):
		return v.New.awaitDrain(len(out))
	case up < p.Target:
		return p.awaitServing(up)
	}
	return Step{Kind: Move, Kill: idle, Why: why}
}

func (p Plan) awaitServing(up int) Step {
	return wait("%d of the %s that are to serve are up on every load balancer", up, count(p.Target, "task"))
}

// retire is the step that takes tasks of the old app away: spare of them.
func (p Plan) retire(v View, spare, next int, impatient bool) Step {
	broken := v.Old.pick(Task.broken)
	idle := append(broken, v.Old.pick(func(t Task) bool { return t.drained(impatient) && !t.broken() })...)
	all := p.New == 0 && next == 0
	switch {
	case all && len(idle) == len(v.Old.Tasks):
		return Step{Kind: Delete, Kill: idle, Why: fmt.Sprintf("%s serves alone", v.New.ID)}
	case all || spare <= 0 || len(idle) < spare:
		return v.Old.awaitDrain(spare)
	}
	idle = idle[:spare]
	if up := v.New.serving() + v.Old.serving(); up < p.Target && len(idle) > len(broken) {
		return p.awaitServing(up)
	}
	return Step{Kind: Move, Kill: idle, Scale: next, Why: fmt.Sprintf("%s of %s can go", count(len(idle), "task"), v.Old.ID)}
}

// goal is how many instances the new app is to have in the end.
func (p Plan) goal() int {
	if p.New > 0 {
		return p.New
	}
	return p.Target
}

// grow is the new app's next size, 0 if it has its size (marathon-lb.md 7.5): half as many again, or all at once as soon as they would
// be as many as the old ones.
func (p Plan) grow(fresh, old int) int {
	if fresh >= p.goal() {
		return 0
	}
	next := fresh + p.Linear
	if p.Linear == 0 {
		if next = fresh + (fresh+1)/2; next >= old {
			next = p.Target
		}
	}
	return min(max(next, fresh+1), p.goal())
}
