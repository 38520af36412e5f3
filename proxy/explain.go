package proxy

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// inquiry is a question about a request, read.
type inquiry struct {
	Request
	scheme  string
	port    int // as written, 0 if the scheme's own is meant
	planned bool
	shown   bool   // a password
	ended   string // the rule of templates that lets the request not pass
}

// Explain says what would become of a request. It asks the functions that serve requests, and changes nothing. Its error says what is
// wrong with the question.
func Explain(t *route.Table, o *Options, q route.Question) (*route.Way, error) {
	r, err := readQuestion(q)
	if err != nil {
		return nil, err
	}
	w := &route.Way{Method: r.Method, Host: r.Host, Path: r.Path + r.Query, Port: r.port, From: q.From, Rules: []route.RuleStand{}, Directives: []route.DirectiveStand{}, Notes: []string{}}
	l := r.listener(t)
	if l == nil {
		w.Refusal = &route.Refusal{Name: "no listener", Why: r.nobody(t)}
		return w, nil
	}
	s := l.Spec
	w.Listener = &route.ListenerStand{Name: s.Name, Bind: route.BindText(s.Bind), Mode: s.Mode, Entry: s.Entry, TLS: s.TLS, App: s.App}
	if s.Mode == route.TCP { // bytes are all there is to decide by
		w.Method, w.Path, r.Request = "", "", Request{Source: r.Source, Host: r.Host}
	}
	r.TLS, r.Local = s.TLS, s.Bind
	var tr route.Trace
	a := decide(t, l, &r.Request, o, &tr)
	r.obey(w, &a, o, &tr)
	if s.Options.Verify == route.VerifyRequired {
		w.Notes = append(w.Notes, "clients get in with a certificate only that "+s.Options.CA+" vouches for: whether there is one is not looked at")
	}
	w.Rules = tr.Stands()
	if a.Backend != nil {
		w.Backend = a.Backend.Stand()
		r.lead(w, a.Backend)
	}
	w.Refusal = cmp.Or(r.mismatch(s), r.refusal(l, a))
	return w, nil
}

// readQuestion reads the request that a question is about.
func readQuestion(q route.Question) (r inquiry, err error) {
	u, err := url.Parse(withScheme(q.Target))
	if err != nil {
		return r, fmt.Errorf("the URL cannot be read: %w", err.(*url.Error).Err) // the whole error may hold a password
	}
	r = inquiry{scheme: u.Scheme, planned: q.Planned}
	r.Request = Request{Method: cmp.Or(q.Method, "GET"), Host: u.Host, Path: cmp.Or(u.EscapedPath(), "/")}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "tcp":
		return r, fmt.Errorf("%q is no scheme that is served: http, https or tcp", u.Scheme)
	case u.Hostname() == "":
		return r, errors.New("the URL has no host")
	case u.Scheme == "tcp" && u.Port() == "":
		return r, errors.New("a tcp URL needs a port")
	case u.Port() != "":
		if r.port, err = strconv.Atoi(u.Port()); err != nil || r.port < 1 || r.port > 65535 {
			return r, fmt.Errorf("%q is no port", u.Port())
		}
	}
	if u.RawQuery != "" || u.ForceQuery {
		r.Query = "?" + u.RawQuery
	}
	if password, ok := u.User.Password(); ok {
		credentials := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		r.Fields = append(r.Fields, Field{"Authorization", "Basic " + credentials})
	}
	if q.From != "" {
		from, err := netip.ParseAddr(q.From)
		if err != nil {
			return r, fmt.Errorf("%q is no IP address of a client", q.From)
		}
		r.Source = netip.AddrPortFrom(from.Unmap(), 0)
	}
	return r, r.read(q.Header)
}

func withScheme(target string) string {
	if strings.Contains(target, "://") {
		return target
	}
	return "http://" + target
}

// read takes the lines of the head.
func (r *inquiry) read(lines []string) error {
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		f := Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
		switch {
		case !ok || f.Name == "" || strings.ContainsAny(f.Name, " \t"):
			return fmt.Errorf("%q is no line of a head: write Name: value", line)
		case f.is("Host"):
			r.Host = f.Value
		default:
			r.Fields = append(r.Fields, f)
		}
	}
	return nil
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
	host := strings.Trim(route.WithoutPort(r.Host), "[]")
	addr, _ := netip.ParseAddr(host) // none: the name's address may be any
	if l := listenerOf(t, "", netip.AddrPortFrom(addr.Unmap(), uint16(r.port))); l != nil {
		return l
	}
	for _, l := range t.Listeners() {
		if int(l.Spec.Bind.Port()) == r.port && (!addr.IsValid() || addr.IsLoopback()) {
			return l
		}
	}
	return nil
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
func (r *inquiry) refusal(l *route.Listener, a Action) *route.Refusal {
	var no *route.Refusal
	switch {
	case a.Auth != nil && !r.shown:
		no = refused(Unauthorized, fmt.Sprintf("a user and password of %s are asked for", a.Auth.Realm))
	case a.Failure != OK:
		no = refused(a.Failure, r.why(l, a))
		no.Status, no.Location = a.status(a.Failure), a.Location
	case a.Backend.Usable() == 0 && !r.planned:
		no = refused(NoServer, noServer(a.Backend))
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

// lead notes what chooses among the servers.
func (r *inquiry) lead(w *route.Way, b *route.Backend) {
	k := &b.Spec
	if k.Canary.Group != "" && w.Listener.Entry == route.ByHost {
		w.Notes = append(w.Notes, "the canary group "+k.Canary.Group+" shares the host: another client may come to another app of it")
	}
	hash := r.hash(k)
	if s := b.Peek(hash); s != nil {
		w.Backend.Next = s.Name
	}
	if hash == 0 && (k.Balance == route.URLParam || k.Balance == route.Header) {
		w.Notes = append(w.Notes, "the request has no "+k.HashOn+" to balance by: servers take turns")
	}
	if r.shown && k.Auth != nil {
		w.Notes = append(w.Notes, "whether the password is right is not looked at")
	}
	if k.Sticky == "" {
		return
	}
	switch cookie := r.stickyCookie(b); {
	case cookie != "":
		w.Backend.Next = b.BySticky(cookie).Name
		w.Notes = append(w.Notes, "the cookie "+k.Sticky+" leads to "+w.Backend.Next)
	case r.hasCookie(k.Sticky):
		w.Notes = append(w.Notes, "the cookie "+k.Sticky+" names no server that takes requests: servers take turns")
	default:
		w.Notes = append(w.Notes, "without a cookie "+k.Sticky+" servers take turns, and the client gets one")
	}
}
