package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// explainer answers questions about requests and apps, of a running load balancer or of one that could be.
type explainer struct {
	way      func(route.Question) (*route.Way, error)
	compiler *marathon.Compiler
	honest   func([]route.Verdict)  // puts what the proxy knows into verdicts
	problems func() []route.Problem // those the proxy has with apps
	own      []int                  // ports that the load balancer itself has
}

// mostWanting bounds the apps that are told of because they want what a request is for.
const mostWanting = 5

// explain answers a question. Its error says what is wrong with that.
func (e explainer) explain(q route.Question) (route.Explanation, error) {
	if q.Target == "" {
		return route.Explanation{}, errors.New("there is no URL and no app id")
	}
	if isAppID(q.Target) {
		return e.explainApp(q), nil
	}
	w, err := e.way(q)
	if err != nil {
		return route.Explanation{}, err
	}
	x := route.Explanation{Question: q.Shown(), OK: w.Refusal == nil, Request: w}
	if x.OK {
		x.Answer = served(w)
		return x, nil
	}
	if w.Listener == nil && slices.Contains(e.own, w.Port) {
		w.Refusal.Why = fmt.Sprintf("port %d has the load balancer's own statistics, and serves no app", w.Port)
	}
	x.Answer = refused(w.Refusal)
	switch {
	case w.Backend != nil:
		x.Apps = e.about(w.Backend.App)
	case w.Refusal.Status/100 != 4: // that would be the client's own fault
		x.Apps = e.wanting(w)
	}
	x.Answer = strings.Join(append([]string{x.Answer}, blame(x.Apps, w)...), "; ")
	if id := "/" + strings.Trim(q.Target, "/"); w.Backend == nil && len(e.compiler.Explain(id)) > 0 {
		x.Answer += "; did you mean the app " + id + "?"
	}
	return x, nil
}

// mostBlamed bounds the ports that the answer itself speaks of.
const mostBlamed = 2

// blame says which ports of the apps would have got the request, and why they do not.
func blame(apps []route.About, w *route.Way) (all []string) {
	for _, a := range apps {
		for _, p := range a.Ports {
			switch name := fmt.Sprintf("port %d of %s", p.PortIndex, p.App); {
			case p.Why == route.Why(w.Refusal.Name): // it is said
			case p.Why != route.Exposed:
				all = append(all, name+": "+p.Verdict.String())
			case w.Backend == nil && p.Mode == route.TCP:
				all = append(all, fmt.Sprintf("%s is in mode tcp, which has no hosts: it is served at port %d", name, p.Port))
			}
		}
	}
	if n := len(all) - mostBlamed; n > 0 {
		all = append(all[:mostBlamed], fmt.Sprintf("and %d more", n))
	}
	return all
}

// wanting are the apps that ask for the host of a request, or for the port where nobody listens.
func (e explainer) wanting(w *route.Way) (all []route.About) {
	port := w.Port
	if w.Listener != nil {
		port = 0
	}
	for _, id := range e.compiler.Wanting(route.NormalHost(w.Host), port, mostWanting) {
		for _, a := range e.about(id) {
			if !slices.ContainsFunc(all, func(b route.About) bool { return b.App == a.App }) {
				all = append(all, a)
			}
		}
	}
	return all
}

// isAppID says that a target is no URL: /my/app, or name:/my/app of one of several Marathons.
func isAppID(target string) bool {
	name, id, several := strings.Cut(target, ":/")
	return strings.HasPrefix(target, "/") || several && !strings.HasPrefix(id, "/") && !strings.ContainsAny(name, "/.")
}

func served(w *route.Way) string {
	b := w.Backend
	return fmt.Sprintf("served: port %d of %s, where %d of %d servers take turns", b.PortIndex, b.App, b.Usable, len(b.Servers))
}

func refused(r *route.Refusal) string {
	if r.Status == 0 {
		return fmt.Sprintf("not served: %s: %s", r.Name, r.Why)
	}
	return fmt.Sprintf("not served: %d, %s: %s", r.Status, r.Name, r.Why)
}

func (e explainer) explainApp(q route.Question) route.Explanation {
	id := strings.TrimRight(q.Target, "/")
	x := route.Explanation{Question: q.Target, Apps: e.about(id)}
	if len(x.Apps) == 0 {
		x.Answer = "there is no such app in what was read"
		for _, p := range e.problems() {
			if p.App == id {
				x.Answer = "not exposed: " + p.Reason
			}
		}
		return x
	}
	var why []string
	for _, a := range x.Apps {
		x.OK = x.OK || a.Exposed()
		for _, p := range a.Ports {
			why = append(why, fmt.Sprintf("port %d: %s", p.PortIndex, p.Verdict))
		}
	}
	if why == nil {
		why = append(why, "not exposed: the app has no service port")
	}
	x.Answer = strings.Join(append(why, troubles(x.Apps)...), "; ")
	return x
}

// troubles says that there are problems with apps.
func troubles(apps []route.About) []string {
	n := 0
	for _, a := range apps {
		n += len(a.Problems)
	}
	switch n {
	case 0:
		return nil
	case 1:
		return []string{"1 problem"}
	}
	return []string{fmt.Sprintf("%d problems", n)}
}

// about is all that is known of an app, by Marathon and by the proxy.
func (e explainer) about(id string) []route.About {
	all := e.compiler.Explain(id)
	for i := range all {
		a := &all[i]
		verdicts := make([]route.Verdict, len(a.Ports))
		for j, p := range a.Ports {
			verdicts[j] = p.Verdict
		}
		e.honest(verdicts)
		for j, v := range verdicts {
			a.Ports[j].Verdict = v
		}
		for _, p := range e.problems() {
			if p.App != "" && (p.App == a.App || slices.Contains(a.Members, p.App)) {
				a.Problems = append(a.Problems, p)
			}
		}
	}
	return all
}
