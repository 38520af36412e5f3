package proxy

import (
	"net/netip"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// Action is what is to be done with a request: forward it to a backend, or answer it here.
type Action struct {
	Backend  *route.Backend // nil if none was found
	Rule     route.Rule     // that led there; zero on a service port
	Failure  Failure        // OK if it is to be forwarded
	Location string         // with Redirected: where to
	Cookie   string         // with Redirected: what is set on the way, empty for nothing
	Status   int            // that the client is answered, 0 for the failure's own
	Pin      string         // of a canary group's cookie, which the client is to get; empty if it has it, or needs none
	Auth     *route.Auth    // what the client must show first, nil for nothing: to be asked before anything else is done

	page  *errorPage     // told in the place of our answer, nil for that
	asked *route.Request // as the backend's directives left it, nil if there are none

	gzip *route.Compression // how its answer is compressed, nil for not
}

// Bounds of a request's head (reliability: 414 and 431).
const (
	mostTarget = 8 << 10 // bytes of path and query
	mostHead   = 32 << 10
	mostFields = 100
)

// decide finds out what to do with a request that came in on a listener. A trace, if given, collects the rules looked at, and has
// nobody take a turn.
func decide(t *route.Table, l *route.Listener, r *Request, o *Options, tr *route.Trace) Action {
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
	default:
		a.admit(t, l, r, o)
	}
	return a
}

func find(t *route.Table, l *route.Listener, r *Request, tr *route.Trace) (a Action) {
	switch l.Spec.Entry {
	case route.ByHost:
		a.Backend, a.Rule = t.MatchRequest(route.NormalHost(r.Host), r.Path, r, tr)
		a.share(t, r, tr != nil)
	case route.ByAppID:
		if id := r.field("X-Marathon-App-Id"); id != "" {
			a.Backend, a.Rule = t.MatchApp(id, tr)
		}
	case route.ByService:
		a.Backend = t.Backend(l.Spec.Backend)
	}
	return a
}

// share chooses among the backends of a canary group, or only looks which it would be.
func (a *Action) share(t *route.Table, r *Request, look bool) {
	if a.Backend == nil || a.Backend.Spec.Canary.Group == "" {
		return
	}
	pin, sticky := r.cookie(a.Backend.Spec.Canary.Cookie), ""
	if name := a.Backend.Spec.Sticky; name != "" {
		sticky = r.cookie(name)
	}
	b, shared := t.Cohort(a.Backend, a.Rule, pin, sticky, look)
	a.Backend = b
	if cohort := b.Spec.Canary.Cohort; shared && cohort != pin {
		a.Pin = cohort
	}
}

// admit says what stands between a request and its backend: a redirect to https comes before a password is asked for, so that none
// is sent in clear text.
func (a *Action) admit(t *route.Table, l *route.Listener, r *Request, o *Options) {
	k := &a.Backend.Spec
	if k.Closed {
		a.Failure = Closed
		return
	}
	if k.ToHTTPS && l.Spec.Entry == route.ByHost && !r.secure(o.TrustedProxies) {
		a.Failure, a.Location = Redirected, httpsURL(r, t.HTTPSPort())
		return
	}
	if len(k.Allow) > 0 && !trusts(k.Allow, r.Source.Addr()) {
		a.Failure = Forbidden
		return
	}
	if k.Auth != nil && (o.AuthScope != AuthVHost || l.Spec.Entry == route.ByHost) {
		a.Auth = k.Auth
	}
	if to := k.Rewrite.Root; to != "" && r.Path == "/" && route.HostIn(k.Rewrite.Hosts, route.NormalHost(r.Host)) {
		a.Failure, a.Location = Redirected, to
	}
}

// secure says that the client came by TLS, to us or to a proxy we trust.
func (r *Request) secure(trusted []netip.Prefix) bool {
	return r.TLS || trusts(trusted, r.Source.Addr()) && r.field("X-Forwarded-Proto") == "https"
}

// httpsURL is the request's own address with https; that of a server as a whole (OPTIONS *) has no path.
func httpsURL(r *Request, port int) string {
	host := route.WithoutPort(r.Host)
	if port != 443 && port != 0 {
		host += ":" + strconv.Itoa(port)
	}
	return "https://" + host + strings.TrimPrefix(r.Path, "*") + r.Query
}
