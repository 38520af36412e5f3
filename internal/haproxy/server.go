package haproxy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// check is how servers are asked how they are.
func (w *writer) check(k *route.BackendSpec) {
	if k.Check == nil {
		return
	}
	if k.Check.Timeout > 0 {
		w.line("timeout check %s", span(k.Check.Timeout))
	}
	if k.Probes() == route.Connect {
		return
	}
	w.line("option httpchk")
	fields := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(k.Check.Fields, "\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			if w.hides(name) {
				value = "*"
			}
			fields += " hdr " + word(name) + " " + format(value)
		}
	}
	w.line("http-check send meth %s uri %s ver HTTP/1.1 hdr Host %s%s hdr User-Agent marathon-lb", word(cmp.Or(k.Check.Method, "GET")), format(k.Check.Path),
		format(cmp.Or(k.Check.Host, probed(k))), fields)
	w.line("http-check expect status %s", cmp.Or(k.Check.Expect, "200-399"))
}

// probed is the host that probes ask for.
func probed(k *route.BackendSpec) string {
	for _, r := range k.Rules {
		if r.Host != "" && r.Host[0] != '*' {
			return r.Host
		}
	}
	return "localhost"
}

func (w *writer) servers(k *route.BackendSpec) {
	if k.Hold > 0 {
		w.note("D-CONFIG-6: HAProxy cannot hold requests for %s while there is no server", span(k.Hold))
	}
	if slices.ContainsFunc(k.Servers, func(s route.ServerSpec) bool { return s.State == route.LastResort }) {
		w.line("option allbackups")
	}
	for _, s := range k.Servers {
		w.line("server %s %s%s%s%s%s%s", properName(s.Name), s.Addr, identity(k, s)+secure(s), probe(k, s), warmUp(k), state(s), comment(s))
	}
}

// identity is how a server is told from others.
func identity(k *route.BackendSpec, s route.ServerSpec) string {
	b := ""
	if s.ID != 0 {
		b += fmt.Sprintf(" id %d", s.ID)
	}
	if k.Sticky != "" && k.Mode == route.HTTP {
		b += " cookie " + word(s.Cookie)
	}
	return b
}

// secure is how a server is spoken to.
func secure(s route.ServerSpec) string {
	if s.TLS {
		return " ssl verify none"
	}
	return ""
}

// probe is how this server is asked.
func probe(k *route.BackendSpec, s route.ServerSpec) string {
	c := k.Check
	if c == nil {
		return ""
	}
	b := fmt.Sprintf(" check inter %s rise %d fall %d", span(c.Interval), max(c.Rise, 1), max(c.Fall, 1))
	if port := cmp.Or(s.CheckPort, c.Port); port != 0 {
		b += fmt.Sprintf(" port %d", port)
	}
	if s.TLS {
		return b
	}
	if k.Probes() == route.GetTLS {
		b += " check-ssl verify none"
	}
	return b
}

// warmUp is how long a server that comes back gets fewer requests.
func warmUp(k *route.BackendSpec) string {
	if k.SlowStart == 0 {
		return ""
	}
	return " slowstart " + span(k.SlowStart)
}

func state(s route.ServerSpec) string {
	switch s.State {
	case route.Draining:
		return " disabled"
	case route.LastResort:
		return " backup"
	}
	return ""
}

// comment says which task it is.
func comment(s route.ServerSpec) string {
	task := strings.Map(func(c rune) rune {
		if c <= ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s.Task)
	if task == "" {
		return ""
	}
	return " # " + task
}
