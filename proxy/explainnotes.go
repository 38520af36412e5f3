package proxy

import (
	"fmt"
	"strings"

	"marathon-lb/internal/route"
)

// What decides besides the request, and what becomes of it on its way, are notes.

// demands notes what a connection has to bring.
func (r *inquiry) demands(w *route.Way, o route.BindOptions) {
	if o.AcceptProxy {
		w.Notes = append(w.Notes, "a connection has to begin with a PROXY header (accept-proxy), which says whose it is: one without is closed")
	}
	switch o.Verify {
	case route.VerifyRequired:
		w.Notes = append(w.Notes, "clients get in with a certificate only that "+o.CA+" vouches for: whether there is one is not looked at")
	case route.VerifyOptional:
		w.Notes = append(w.Notes, "a client that shows a certificate gets in only if "+o.CA+" vouches for it: whether there is one is not looked at")
	}
}

// doubt notes what the client says and nobody believes.
func (r *inquiry) doubt(w *route.Way, o *Options) {
	if r.field("X-Forwarded-Proto") == "" || trusts(o.TrustedProxies, r.Source.Addr()) {
		return
	}
	text := "X-Forwarded-Proto is believed of clients from " + joined(o.TrustedProxies) + " only; "
	switch {
	case len(o.TrustedProxies) == 0:
		text = "X-Forwarded-Proto is believed of nobody (--trusted-proxies)"
	case r.Source.Addr().IsValid():
		text += r.Source.Addr().String() + " is not in there"
	default:
		text += "no client's address was given (--from)"
	}
	w.Notes = append(w.Notes, text)
}

// lead notes what chooses among the servers.
func (r *inquiry) lead(w *route.Way, b *route.Backend) {
	k := &b.Spec
	if k.Canary.Group != "" && w.Listener.Entry == route.ByHost {
		w.Notes = append(w.Notes, "the canary group "+k.Canary.Group+" shares the host: another client may come to another app of it")
	}
	hash := r.hash(k)
	unknown := k.Balance == route.Source && !r.Source.Addr().IsValid()
	if s := b.Peek(hash); s != nil && !unknown {
		w.Backend.Next = s.Name
	}
	if unknown {
		w.Notes = append(w.Notes, "the client's address chooses the server, and none was given (--from)")
	}
	if hash == 0 && (k.Balance == route.URLParam || k.Balance == route.Header) {
		w.Notes = append(w.Notes, "the request has no "+k.HashOn+" to balance by: servers take turns")
	}
	if r.shown && k.Auth != nil {
		w.Notes = append(w.Notes, "whether the password is right is not looked at")
	}
	r.stick(w, b)
}

// stick notes what a sticky backend makes of the client's cookie.
func (r *inquiry) stick(w *route.Way, b *route.Backend) {
	name := b.Spec.Sticky
	if name == "" {
		return
	}
	switch cookie := r.stickyCookie(b); {
	case cookie != "":
		w.Backend.Next = b.BySticky(cookie).Name
		w.Notes = append(w.Notes, "the cookie "+name+" leads to "+w.Backend.Next)
	case r.hasCookie(name):
		w.Notes = append(w.Notes, "the cookie "+name+" names no server that takes requests: servers take turns")
	default:
		w.Notes = append(w.Notes, "without a cookie "+name+" servers take turns, and the client gets one")
	}
}

// arrive notes what the server sees, where that is neither what the client sent nor what rules of templates made of it.
func (r *inquiry) arrive(w *route.Way, a Action) {
	if a.Failure != OK || w.Listener.Mode == route.TCP {
		return
	}
	rewrite := a.Backend.Spec.Rewrite
	path := upstreamPath(r.Path, rewrite.Strip)
	if r.library && strings.HasPrefix(path, "//") {
		path = escapeStrange(path)
	}
	if path != r.Path {
		w.Notes = append(w.Notes, "the server is asked for "+path+r.Query)
	}
	if rewrite.Host != "" && rewrite.Host != r.Host {
		w.Notes = append(w.Notes, "the server sees the host "+rewrite.Host)
	}
}

// lack notes what rules asked for and the question does not say.
func (r *inquiry) lack(w *route.Way) {
	if !r.Source.Addr().IsValid() && asksFor(w, "src") && !strings.Contains(r.ended, " src ") {
		w.Notes = append(w.Notes, "rules ask for the client's address, and none was given (--from)")
	}
	if a := r.Local.Addr(); (!a.IsValid() || a.IsUnspecified()) && asksFor(w, "dst") {
		w.Notes = append(w.Notes, "rules ask for the address that the client connects to: name it in the URL, with its port")
	}
}

// asksFor says that a condition asked for a sample of that name.
func asksFor(w *route.Way, sample string) bool {
	asks := func(text string) bool { return strings.Contains(text, " "+sample+" ") }
	for _, s := range w.Rules {
		if asks(s.If) {
			return true
		}
	}
	for _, d := range w.Directives {
		if (d.Verdict == route.Taken || d.Verdict == route.NoMatch) && asks(d.String()) {
			return true
		}
	}
	return false
}

// whileHeld says that a request waits before it is told that there is no server.
func whileHeld(k *route.BackendSpec, o *Options) string {
	if k.Hold <= 0 || o.HoldRequests == 0 {
		return ""
	}
	return fmt.Sprintf("; it is held for %v before it is told so, and goes to a server that comes meanwhile", k.Hold)
}
