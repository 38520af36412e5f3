package proxy

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// Explain says what would become of a request at this proxy, whose ports and certificates may be in trouble.
func (p *Proxy) Explain(q route.Question) (*route.Way, error) {
	t := p.Table()
	w, err := Explain(t, &p.o, q)
	if err != nil || w.Listener == nil {
		return w, err
	}
	l := t.ListenerAt(w.Listener.Bind)
	if l == nil {
		return w, nil
	}
	if why, trouble := p.hindrance(l.Spec); why != "" {
		w.Listener.Trouble = trouble
		w.Refusal = &route.Refusal{Name: string(why), Why: trouble}
	} else if l.Spec.TLS {
		w.Listener.Certificate = p.certs.shown(l.Spec, route.NormalHost(q.Address().Host), time.Now())
	}
	if w.Refusal != nil && w.Refusal.Location == "" && !(p.o.library(l.Spec) && w.Refusal.Name == BadRequest.String()) { // that is the library's own
		var b *route.Backend
		if w.Backend != nil {
			b = t.Backend(w.Backend.Name)
		}
		if page := p.pages.find(b, w.Refusal.Status); page != nil {
			w.Refusal.Status = page.status
		}
	}
	return w, nil
}

// hindrance says why a listener takes nobody although the table has it; empty if it does not.
func (p *Proxy) hindrance(l route.ListenerSpec) (why route.Why, trouble string) {
	p.mu.Lock()
	failed := p.failed[route.BindText(l.Bind)]
	p.mu.Unlock()
	switch {
	case failed != nil:
		return route.NotOpened, failed.Error()
	case l.TLS && p.certs.view.Load().of(l).empty():
		return route.NoCert, fmt.Sprintf("port %s speaks TLS and has no certificate that can be used: %s", route.BindText(l.Bind), strings.Join(l.Certs, ", "))
	case l.TLS && l.Options.Verify != route.NoVerify && p.certs.view.Load().signers(l) == nil:
		return route.FailsClosed, fmt.Sprintf("port %s asks clients for certificates, and the authorities that sign them cannot be read: %s", route.BindText(l.Bind), l.Options.CA)
	}
	return "", ""
}

// Hindered are the services whose own port takes nobody, by backend: the verdict is that of marathon, but for why and detail.
func (p *Proxy) Hindered() map[string]route.Verdict {
	found := map[string]route.Verdict{}
	t := p.Table()
	for bind := range p.inTrouble() {
		if l := t.ListenerAt(bind); l != nil && l.Spec.Entry == route.ByService {
			if why, trouble := p.hindrance(l.Spec); why != "" {
				found[l.Spec.Backend] = route.Verdict{Why: why, Detail: trouble}
			}
		}
	}
	return found
}

// inTrouble are the addresses whose listeners may take nobody.
func (p *Proxy) inTrouble() map[string]bool {
	all := p.Unopened()
	for bind, set := range p.certs.view.Load().listeners {
		if set.empty() {
			all[bind] = true
		}
	}
	for bind, signers := range p.certs.view.Load().clients {
		if signers == nil {
			all[bind] = true
		}
	}
	return all
}

// shown says which certificate a client is shown that asks for a host, and what it will not like about it.
func (s *certStore) shown(l route.ListenerSpec, host string, now time.Time) string {
	v := s.view.Load()
	if net.ParseIP(host) != nil { // no client asks for an address
		host = ""
	}
	c := v.choice(l, v.of(l), host).pick(host, &tls.ClientHelloInfo{ServerName: host})
	if c == nil { // it has just become unusable
		return ""
	}
	text := "for " + strings.Join(names(c.Leaf), ", ")
	switch {
	case c == s.told.Load().own:
		return "there is none: one that is signed by itself is shown, and clients refuse it; see --ssl-certs and HAPROXY_{n}_SSL_CERT"
	case host != "" && c.Leaf.VerifyHostname(host) != nil:
		text += ", not for " + host + ": clients refuse it"
	}
	if reason := outOfTime(c.Leaf.NotBefore, c.Leaf.NotAfter, now); reason != "" {
		text += "; " + reason
	}
	return text
}
