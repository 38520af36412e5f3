package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"marathon-lb/config"
	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// explainFiles works out what a load balancer would do with the apps in files.
func explainFiles(ctx context.Context, o config.Explain, in io.Reader) (x route.Explanation, err error) {
	p := plan{compiler: marathon.NewCompiler(o.Marathon), from: map[string]string{}, supposed: map[string]bool{}}
	for _, from := range readFiles(o.Files, in) {
		if err := p.take(ctx, &from); err != nil {
			return x, fmt.Errorf("%w: %w", errQuestion, err)
		}
	}
	now := time.Now()
	t, _ := route.Build(route.NewTable(1), route.Change{SetListeners: o.Marathon.Listeners(), Now: now})
	t, _ = route.Build(t, p.compiler.Link(now))
	x, err = explainer{
		way:      func(q route.Question) (*route.Way, error) { return p.way(t, &o.Proxy, q) },
		compiler: p.compiler, honest: func([]route.Verdict) {}, problems: func() []route.Problem { return p.bad },
		own: o.Marathon.ReservedPorts,
	}.explain(o.Question)
	if err != nil {
		return x, fmt.Errorf("%w: %w", errQuestion, err)
	}
	for _, a := range x.Apps {
		if slices.ContainsFunc(a.Tasks, func(t route.TaskStand) bool { return p.supposed[t.Task] }) {
			x.Answer += "; the files tell of no tasks of " + a.App + ": one is supposed to run"
		}
	}
	return x, nil
}

// plan is what the apps in files ask for.
type plan struct {
	compiler *marathon.Compiler
	from     map[string]string // the file of each app
	bad      []route.Problem
	supposed map[string]bool // tasks that no file tells of
}

// take has the apps of a file compiled. Those whose tasks it does not tell of get one.
func (p *plan) take(ctx context.Context, from *origin) error {
	if from.err != nil {
		return errors.New(from.trouble().String())
	}
	for _, f := range from.unreadable() {
		p.bad = append(p.bad, f.Problem)
	}
	for _, a := range from.apps {
		if first, twice := p.from[a.ID]; twice {
			return fmt.Errorf("%s is in %s and again in %s: which of the two is meant? Marathon has one app of an id", a.ID, first, from.name)
		}
		p.from[a.ID] = from.name
		facts := marathon.FactsOf(&a, time.Now())
		facts.Addrs = resolve(ctx, a.Tasks)
		if a.Tasks == nil {
			var task string
			task, facts = a.Suppose(time.Now())
			p.supposed[task] = true
		}
		p.compiler.Set(a, facts)
	}
	return nil
}

// way is that of a request, in words that are true of files.
func (p *plan) way(t *route.Table, o *proxy.Options, q route.Question) (*route.Way, error) {
	w, err := proxy.Explain(t, o, q)
	if err != nil {
		return nil, err
	}
	if w.Refusal != nil && w.Refusal.Name == proxy.NoTable.String() {
		w.Refusal.Why = "no app in the files has a port that this load balancer serves"
	}
	if k := w.Backend; k != nil && slices.ContainsFunc(k.Servers, func(s route.ServerStand) bool { return p.supposed[s.Task] }) {
		w.Notes = append(w.Notes, "the files tell of no tasks of "+k.App+": one is supposed to run")
	}
	return w, nil
}

// resolveFor is how long the names of agents are looked up.
const resolveFor = 2 * time.Second

// resolve finds the addresses of agents that are given by name, as the load balancer does.
func resolve(ctx context.Context, tasks []marathon.Task) map[string]netip.Addr {
	ctx, stop := context.WithTimeout(ctx, resolveFor)
	defer stop()
	found := map[string]netip.Addr{}
	for _, t := range tasks {
		if _, err := netip.ParseAddr(t.Host); err == nil || t.Host == "" || found[t.Host].IsValid() {
			continue
		}
		if addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", t.Host); err == nil && len(addrs) > 0 {
			found[t.Host] = addrs[0].Unmap()
		}
	}
	return found
}
