package proxy

import "marathon-lb/internal/route"

// Action is what is to be done with a request: forward it to a backend, or answer with a failure.
type Action struct {
	Backend *route.Backend // nil if none was found
	Rule    route.Rule     // that led there; zero on a service port
	Failure Failure        // OK if it is to be forwarded
}

// Bounds of a request's head (reliability: 414 and 431).
const (
	mostTarget = 8 << 10 // bytes of path and query
	mostHead   = 32 << 10
	mostFields = 100
)

// decide finds out what to do with a request that came in on a listener. A trace, if given, collects the rules looked at.
func decide(t *route.Table, l *route.Listener, r *Request, tr *route.Trace) Action {
	switch {
	case r.Method == "CONNECT":
		return Action{Failure: MethodRefused}
	case len(r.Path)+len(r.Query) > mostTarget:
		return Action{Failure: TargetTooLong}
	case len(r.Fields) > mostFields:
		return Action{Failure: TooManyFields}
	}
	a := find(t, l, r, tr)
	switch {
	case a.Backend == nil && t.Empty():
		a.Failure = NoTable
	case a.Backend == nil:
		a.Failure = NoRoute
	case a.Backend.Spec.Closed:
		a.Failure = Closed
	}
	return a
}

func find(t *route.Table, l *route.Listener, r *Request, tr *route.Trace) (a Action) {
	switch l.Spec.Entry {
	case route.ByHost:
		a.Backend, a.Rule = t.Match(route.NormalHost(r.Host), r.Path, tr)
	case route.ByAppID:
		if id := r.field("X-Marathon-App-Id"); id != "" {
			a.Backend, a.Rule = t.MatchApp(id, tr)
		}
	case route.ByService:
		a.Backend = t.Backend(l.Spec.Backend)
	}
	return a
}
