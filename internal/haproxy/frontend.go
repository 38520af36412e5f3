package haproxy

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"marathon-lb/internal/route"
)

// frontend is a listener. The backend is chosen by the rules alone; what else stands between a request and its server belongs to the
// backend, so that it concerns nobody's requests but those that its rules won.
func (w *writer) frontend(l route.ListenerSpec) {
	name, base := cmp.Or(w.names[l.Name], properName(l.Name)), "http_in"
	if l.Mode == route.TCP {
		base = "tcp"
	}
	tls, about := "", ""
	if l.App != "" {
		about = fmt.Sprintf("%s, port %d", l.App, l.PortIndex)
	}
	if l.TLS {
		certs := w.certs(l)
		if len(certs) == 0 {
			w.WriteByte('\n')
			w.comment(fmt.Sprintf("D-CONFIG-3: %s is left out: HAProxy has no certificate of its own. Add \"ssl crt FILE\" to: frontend %s, bind %s",
				cmp.Or(about, name), name, bindText(l.Bind)))
			return
		}
		tls = " ssl" + w.certWords(certs)
		if l.Mode == route.HTTP && l.Options.ALPN == "" {
			tls += " alpn http/1.1"
		}
	}
	w.section(about, "frontend %s from %s", name, base)
	w.line("bind %s%s", bindText(l.Bind), tls+bindWords(l.Options))
	for _, c := range w.o.Certs {
		if l.TLS && len(l.Certs) == 0 && c.Variable != "" {
			w.note("D-CONFIG-3: put the text of %s into %s", c.Variable, c.Path)
		}
	}
	if l.TLS && l.Mode == route.HTTP {
		w.line(`http-request set-var(txn.host) ssl_fc_sni,lower unless { var(txn.host) -m len gt 0 }`)
	}
	if l.Options.AcceptProxy {
		rule := "http-request"
		if l.Mode == route.TCP {
			rule = "tcp-request content"
		}
		w.note("conditions see the port that was opened, whatever the PROXY header says")
		w.line("%s set-dst-port int(%d)", rule, l.Bind.Port())
	}
	switch l.Entry {
	case route.ByHost:
		w.byHost()
	case route.ByAppID:
		w.byAppID()
	case route.ByService:
		if name := w.names[l.Backend]; name != "" {
			w.line("default_backend %s", name)
		}
	}
}

// bindWords have a blank before each.
func bindWords(o route.BindOptions) string {
	b := ""
	if o.Verify != route.NoVerify {
		b += " ca-file " + word(o.CA) + " verify " + string(o.Verify)
	}
	if o.ALPN != "" {
		b += " alpn " + word(o.ALPN)
	}
	if o.AcceptProxy {
		b += " accept-proxy"
	}
	return b
}

// byHost is the first rule that matches, as Table.Match finds it.
func (w *writer) byHost() {
	for _, r := range w.ranked() {
		if r.Rule.AppID == "" {
			w.line("use_backend %s if { %s }%s", w.names[r.Backend.Name], hostIs(r.Rule.Host), w.matches(r.Rule))
		}
	}
}

func (w *writer) byAppID() {
	for _, r := range w.ranked() {
		if r.Rule.AppID != "" {
			w.line("use_backend %s if { %s }", w.names[r.Backend.Name], condition("req.fhdr(X-Marathon-App-Id,1) -i -m str", r.Rule.AppID))
		}
	}
}

func (w *writer) ranked() []route.Ranked {
	if w.rules == nil {
		w.rules = w.spec.Ranked()
	}
	return w.rules
}

// hostIs is the condition of a rule's host.
func hostIs(host string) string {
	suffix, wild := strings.CutPrefix(host, "*")
	switch {
	case wild && suffix == "":
		return "always_true"
	case wild:
		return condition("var(txn.host) -m end", suffix)
	}
	return condition("var(txn.host) -m str", host)
}

// matches is the condition of a rule's path and what else has to hold, each with a blank before it. What may not be shown never holds.
func (w *writer) matches(r route.Rule) string {
	path := ""
	switch {
	case r.Path == "":
	case r.IgnoreCase:
		path = " { " + condition("path_beg -i", r.Path) + " }"
	default:
		path = " { " + condition("path_beg", r.Path) + " }"
	}
	terms := r.If.Terms()
	if w.hides(terms) {
		w.note("a condition with credentials is not shown here: --dry prints it")
		terms = " { always_false }"
	}
	return path + terms
}

// bindText is a bind address; every address is that of both families.
func bindText(at netip.AddrPort) string {
	if !at.Addr().IsValid() || at.Addr().IsUnspecified() {
		return fmt.Sprintf(":::%d v4v6", at.Port())
	}
	return at.String()
}
