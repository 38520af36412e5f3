package proxy

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"marathon-lb/internal/route"
)

// Explain says what would become of a request. It asks the functions that serve requests, and changes nothing. Its error says what is
// wrong with the question.
func Explain(t *route.Table, o *Options, q route.Question) (*route.Way, error) {
	r, err := readQuestion(q)
	if err != nil {
		return nil, err
	}
	w := &route.Way{Method: r.Method, Host: r.Host, Path: r.target, Port: r.port, From: q.From, Rules: []route.RuleStand{}, Directives: []route.DirectiveStand{}, Notes: []string{}}
	l := r.listener(t)
	if l == nil {
		w.Refusal = &route.Refusal{Name: "no listener", Why: r.nobody(t)}
		return w, nil
	}
	s := l.Spec
	w.Listener = &route.ListenerStand{Name: s.Name, Bind: route.BindText(s.Bind), Mode: s.Mode, Entry: s.Entry, TLS: s.TLS, App: s.App}
	r.demands(w, s.Options)
	r.TLS, r.Local, r.library = s.TLS, r.end(s.Bind), o.library(s)
	if s.Mode == route.TCP { // bytes are all there is to decide by
		w.Method, w.Path, r.Request = "", "", Request{Source: r.Source, Local: r.Local, TLS: r.TLS}
	} else {
		if no := r.hear(); no != nil {
			w.Refusal = cmp.Or(r.mismatch(s), no)
			return w, nil
		}
		w.Host = r.Host
	}
	r.doubt(w, o)
	var tr route.Trace
	a := decide(t, l, &r.Request, o, &tr)
	r.obey(w, &a, o, &tr)
	w.Rules = tr.Stands()
	if a.Backend != nil {
		w.Backend = a.Backend.Stand()
		r.lead(w, a.Backend)
	}
	w.Refusal = cmp.Or(r.mismatch(s), r.refusal(l, a, o))
	r.arrive(w, a)
	r.lack(w)
	return w, nil
}

// listener is that which takes the request; nil if nobody listens there. Without a port in the URL it is the one for all hosts.
func (r *inquiry) listener(t *route.Table) *route.Listener {
	if r.port == 0 {
		name := map[string]string{"http": route.HTTPIn, "https": route.HTTPSIn}[r.scheme]
		for _, l := range t.Listeners() {
			if l.Spec.Name == name {
				return l
			}
		}
		return nil
	}
	addr := r.address() // none: the name's may be any
	if l := listenerOf(t, "", netip.AddrPortFrom(addr, uint16(r.port))); l != nil {
		return l
	}
	for _, l := range t.Listeners() {
		if int(l.Spec.Bind.Port()) == r.port && (!addr.IsValid() || addr.IsLoopback()) {
			return l
		}
	}
	return nil
}

// address is the one that the URL names; not valid if it names none.
func (r *inquiry) address() netip.Addr {
	addr, _ := netip.ParseAddr(strings.Trim(r.name, "[]"))
	return addr.Unmap()
}

// end is our end of the client's connection. Where we listen at all addresses, only the URL can say which it is.
func (r *inquiry) end(bind netip.AddrPort) netip.AddrPort {
	if addr := r.address(); addr.IsValid() && (!bind.Addr().IsValid() || bind.Addr().IsUnspecified()) {
		return netip.AddrPortFrom(addr, bind.Port())
	}
	return bind
}

// library says whether Go's HTTP library reads what comes to a listener.
func (o *Options) library(l route.ListenerSpec) bool {
	return l.TLS || o.Engine == NetHTTPEngine || maxLoops() == 0
}

// nobody says why there is no listener.
func (r *inquiry) nobody(t *route.Table) string {
	if r.port == 0 {
		return "no listener routes by Host: --dont-bind-http-https is set"
	}
	for _, l := range t.Listeners() {
		if int(l.Spec.Bind.Port()) == r.port {
			return fmt.Sprintf("port %d is open at %s only", r.port, route.BindText(l.Spec.Bind))
		}
	}
	return fmt.Sprintf("nobody listens on port %d", r.port)
}

// mismatch says that client and listener do not speak the same; nil if they do.
func (r *inquiry) mismatch(l route.ListenerSpec) *route.Refusal {
	switch {
	case l.TLS && r.scheme == "http":
		return &route.Refusal{Name: "no TLS", Why: "the port speaks TLS: ask with https://"}
	case !l.TLS && r.scheme == "https" && l.Mode == route.HTTP:
		return refused(BadRequest, "the port speaks HTTP without TLS: ask with http://")
	case r.scheme == "tcp" && l.Mode == route.HTTP:
		return refused(BadRequest, "the port speaks HTTP, not just any bytes: ask with http://")
	}
	return nil
}

// refused is the row of a failure, and a word on this case.
func refused(f Failure, why string) *route.Refusal {
	return &route.Refusal{Name: f.String(), Status: f.row().status, Why: why}
}

// refusal is what the client gets in place of a server, in the order in which an exchange asks: password, decide, directives,
// servers.
func (r *inquiry) refusal(l *route.Listener, a Action, o *Options) *route.Refusal {
	var no *route.Refusal
	switch {
	case a.Auth != nil && !r.shown:
		no = refused(Unauthorized, fmt.Sprintf("a user and password of %s are asked for", a.Auth.Realm))
	case a.Failure != OK:
		no = refused(a.Failure, r.why(l, a))
		no.Status, no.Location = a.status(a.Failure), a.Location
	case a.Backend.Usable() == 0:
		no = refused(NoServer, noServer(a.Backend)+whileHeld(&a.Backend.Spec, o))
	default:
		return nil
	}
	if l.Spec.Mode == route.TCP {
		no.Status = 0
	}
	return no
}

// why is the reason in this case, or in general where there is no more to say.
func (r *inquiry) why(l *route.Listener, a Action) string {
	switch {
	case r.ended != "":
		return r.rule(a)
	case a.Failure == Redirected:
		return "the client is sent to " + a.Location
	case a.Failure == Forbidden && a.Backend.Spec.Allow != nil && !trusts(a.Backend.Spec.Allow, r.Source.Addr()):
		text := "clients get in from " + joined(a.Backend.Spec.Allow) + " only; "
		if r.Source.Addr().IsValid() {
			return text + r.Source.Addr().String() + " is not in there"
		}
		return text + "no client's address was given (--from)"
	case a.Failure == Forbidden:
		return "a rule of the service's templates keeps the client out"
	case a.Failure == NoRoute && l.Spec.Entry == route.ByAppID && r.field("X-Marathon-App-Id") == "":
		return "the request has no X-Marathon-App-Id field"
	case a.Failure == NoRoute && l.Spec.Entry == route.ByAppID:
		return "no app of that id has a port in mode http"
	case a.Failure == NoRoute && l.Spec.Entry == route.ByHost:
		return "no rule matches the host and path"
	}
	return a.Failure.row().doc
}

func joined[T fmt.Stringer](all []T) string {
	words := make([]string, len(all))
	for i, one := range all {
		words[i] = one.String()
	}
	return strings.Join(words, ", ")
}

// noServer says why no server of a backend can be used.
func noServer(b *route.Backend) string {
	draining, all := 0, len(b.Servers)
	for _, s := range b.Servers {
		if s.State() == route.Draining {
			draining++
		}
	}
	switch {
	case all == 0:
		return "no task of the app is a server"
	case draining == all:
		return fmt.Sprintf("all servers drain (%d)", all)
	case draining == 0:
		return fmt.Sprintf("probes fail at all servers (%d)", all)
	}
	return fmt.Sprintf("of %d servers %d drain, and probes fail at the others", all, draining)
}
