package route

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// String is the spec as text: a line for each listener and backend, indented lines for a backend's rules, check and servers.
func (s Spec) String() string {
	var b strings.Builder
	for _, l := range s.Listeners {
		fmt.Fprintln(&b, l)
	}
	for _, k := range s.Backends {
		b.WriteString(k.String())
	}
	return b.String()
}

// String is one line: "listener NAME BIND MODE by ENTRY" or "... -> BACKEND".
func (l ListenerSpec) String() string {
	to := "by " + string(l.Entry)
	if l.Entry == ByService {
		to = "-> " + l.Backend
	}
	if l.TLS {
		to += " tls"
	}
	for _, c := range l.Certs {
		to += " crt=" + c
	}
	return fmt.Sprintf("listener %s %s %s %s%s", l.Name, BindText(l.Bind), l.Mode, to, l.Options)
}

// String is the backend's line and, indented, its rules, check and servers.
func (k BackendSpec) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s app=%s port=%d/%d %s %s", k.Name, k.App, k.PortIndex, k.Port, k.Mode, k.balance())
	if k.Sticky != "" {
		fmt.Fprintf(&b, " sticky=%s", k.Sticky)
	}
	if k.Hold != 0 {
		fmt.Fprintf(&b, " hold=%s", k.Hold)
	}
	if k.SlowStart != 0 {
		fmt.Fprintf(&b, " slowstart=%s", k.SlowStart)
	}
	if c := k.Canary; c.Group != "" {
		fmt.Fprintf(&b, " canary=%s weight=%d cohort=%s", c.Group, c.Weight, c.Cohort)
	}
	b.WriteString(k.access())
	if k.Closed {
		b.WriteString(" closed")
	}
	b.WriteByte('\n')
	for _, r := range k.Rules {
		fmt.Fprintf(&b, "  %s\n", r)
	}
	if k.Check != nil {
		fmt.Fprintf(&b, "  %s\n", k.Check)
	}
	for line := range strings.Lines(k.Do.String()) {
		b.WriteString("  do " + line)
	}
	for _, s := range k.Servers {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	return b.String()
}

// access is what the backend's line says of who gets in and what is changed on the way.
func (k BackendSpec) access() string {
	b := ""
	if k.Auth != nil {
		b += fmt.Sprintf(" auth=%q user=%s", k.Auth.Realm, k.Auth.User) // the hash is a secret
	}
	for _, n := range k.Allow {
		b += " allow=" + n.String()
	}
	if k.ToHTTPS {
		b += " to-https"
	}
	if k.HSTS {
		b += " hsts"
	}
	if k.LogAll {
		b += " log"
	}
	for _, c := range k.Certs {
		b += " crt=" + c
	}
	r := k.Rewrite
	for _, part := range []struct{ name, value string }{{"strip", r.Strip}, {"host", r.Host}, {"location", r.Location}, {"root", r.Root}} {
		if part.value != "" {
			b += " " + part.name + "=" + part.value
		}
	}
	return b
}

// String is "rule host=... path=... weight=N" or "rule appid=...".
func (r Rule) String() string {
	if r.AppID != "" {
		return "rule appid=" + r.AppID
	}
	b := "rule host=" + r.Host
	if r.Path != "" {
		b += " path=" + r.Path
	}
	if r.IgnoreCase {
		b += " -i"
	}
	b += " weight=" + itoa(r.Weight)
	if r.If != nil {
		b += " " + r.If.String()
	}
	return b
}

// String is "check PROTOCOL [PATH] [port=N] inter=D timeout=D rise=N fall=N".
func (c *Check) String() string {
	b := "check " + c.Protocol
	if c.Path != "" {
		b += " " + c.Path
	}
	if c.Method != "" {
		b += " method=" + c.Method
	}
	if c.Host != "" {
		b += " host=" + c.Host
	}
	if c.Fields != "" {
		b += fmt.Sprintf(" fields=%q", c.Fields)
	}
	if c.Expect != "" {
		b += " expect=" + c.Expect
	}
	if c.Port != 0 {
		b += " port=" + itoa(c.Port)
	}
	return fmt.Sprintf("%s inter=%s timeout=%s rise=%d fall=%d", b, c.Interval, c.Timeout, c.Rise, c.Fall)
}

// String is "server NAME ADDRESS task=ID [state] [vouched]".
func (s ServerSpec) String() string {
	b := fmt.Sprintf("server %s %s id=%d cookie=%s task=%s", s.Name, s.Addr, s.ID, s.Cookie, s.Task)
	if s.CheckPort != 0 {
		b += fmt.Sprintf(" check=%d", s.CheckPort)
	}
	if s.TLS {
		b += " tls"
	}
	if s.State != Ready {
		b += " " + s.State.String()
	}
	if s.Vouched {
		b += " vouched"
	}
	return b
}

// Compare orders listeners as HAProxy's configuration has them: :80, :9091, :443, then service ports by (app, port).
func (l ListenerSpec) Compare(m ListenerSpec) int {
	return cmp.Or(
		cmp.Compare(l.rank(), m.rank()),
		cmp.Compare(l.App, m.App),
		cmp.Compare(l.Bind.Port(), m.Bind.Port()),
		cmp.Compare(l.Name, m.Name),
	)
}

func (l ListenerSpec) rank() int {
	if i := slices.Index([]string{HTTPIn, AppIDIn, HTTPSIn}, l.Name); i >= 0 {
		return i
	}
	return 3
}

// Compare orders backends by (app, service port, name).
func (k BackendSpec) Compare(m BackendSpec) int {
	return cmp.Or(cmp.Compare(k.App, m.App), cmp.Compare(k.Port, m.Port), cmp.Compare(k.Name, m.Name))
}
