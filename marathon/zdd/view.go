package zdd

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"marathon-lb/marathon"
)

// look sees both apps and all load balancers. In the beginning a load balancer that cannot be read is an error, later it is waited for.
func (d *deployment) look(ctx context.Context) (View, error) {
	for _, a := range []*App{d.old, d.young} {
		if err := d.readApp(ctx, a); err != nil {
			return View{}, err
		}
	}
	backend, err := d.backend()
	if err != nil {
		return View{}, err
	}
	balancers, err := balancersOf(ctx, d.o.Balancers)
	var reports []report
	if err == nil {
		reports, err = d.reports(ctx, balancers, backend)
	}
	if err != nil && !d.looked && ctx.Err() == nil {
		return View{}, &Error{Code: NoBalancer, Err: err}
	}
	v := View{New: sideOf(d.young, reports), Old: sideOf(d.old, reports)}
	switch at := restarting(reports); {
	case err != nil:
		v.Unclear = err.Error()
	case at >= 0:
		v.Unclear = fmt.Sprintf("load balancer %s is reloading: it has %d processes", balancers[at], reports[at].pids)
	default:
		d.askBefore(ctx, v.Old.Tasks, balancers)
	}
	d.looked = true
	return v, ctx.Err()
}

// backend is the name both colours are served under.
func (d *deployment) backend() (string, error) {
	port, err := strconv.Atoi(d.young.Labels[portLabel])
	if err != nil {
		return "", fail(MissingField, "%s: the label %s is no port: %q", d.young.ID, portLabel, d.young.Labels[portLabel])
	}
	return marathon.BackendName(groupOf(d.young.Labels[groupLabel]), port), nil
}

// reports asks all load balancers at once; the error is the first of theirs.
func (d *deployment) reports(ctx context.Context, balancers []balancer, backend string) ([]report, error) {
	all := make([]report, len(balancers))
	var asking sync.WaitGroup
	for i, b := range balancers {
		asking.Go(func() { all[i] = b.report(ctx, d.balancers, backend) })
	}
	asking.Wait()
	for _, r := range all {
		if r.err != nil {
			return all, r.err
		}
	}
	return all, nil
}

// restarting is the index of a load balancer whose old processes still serve beside the new ones, -1 for none.
func restarting(reports []report) int {
	for i, r := range reports {
		if r.pids > 2 {
			return i
		}
	}
	return -1
}

// askBefore asks load balancers of our own kind about tasks that seem drained: they know of requests on the task's other ports, too.
// A Marathon-LB does not know the question.
func (d *deployment) askBefore(ctx context.Context, tasks []Task, balancers []balancer) {
	for _, t := range tasks {
		if !t.drained(false) {
			continue
		}
		for i, b := range balancers {
			if n, ok := b.inFlight(ctx, d.balancers, t.ID); ok {
				t.On[i].Sessions = n
			}
		}
	}
}

// sideOf joins an app's tasks with what load balancers say of them. Tasks that are being killed, or have ended, have no part in it.
func sideOf(a *App, reports []report) Side {
	s := Side{ID: a.ID, Instances: a.Instances, Deploying: len(a.Deployments) > 0}
	for i := range a.Tasks {
		t := &a.Tasks[i]
		if t.State == marathon.TaskKilling || t.State.Terminal() {
			continue
		}
		task := Task{ID: t.ID, Alive: alive(t)}
		for _, r := range reports {
			task.On = append(task.On, serverOf(a, t, r))
		}
		s.Tasks = append(s.Tasks, task)
	}
	return s
}

func alive(t *marathon.Task) bool {
	for _, r := range t.Results {
		if r.Alive == nil || !*r.Alive {
			return false
		}
	}
	return len(t.Results) > 0
}

func serverOf(a *App, t *marathon.Task, r report) Server {
	for name, s := range r.servers {
		if a.IsServer(name, t, 0) {
			return s
		}
	}
	return Server{}
}
