package haproxy

import (
	"fmt"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// shared are the frontends that rules by host lead from.
var shared = "{ fe_name " + route.HTTPIn + " " + route.HTTPSIn + " }"

// backend is a service, and all that stands between its requests and its servers.
func (w *writer) backend(k *route.BackendSpec) {
	if k.Auth != nil {
		w.userlist(k)
	}
	base, late := string(k.Mode), false
	if k.Mode == route.HTTP {
		if late = looksAtHops.MatchString(k.Do.String()); !late {
			base = httpOut
		}
	}
	w.section(fmt.Sprintf("%s, port %d", k.App, k.PortIndex), "backend %s from %s", w.names[k.Name], base)
	if k.Canary.Group != "" {
		w.note("D-CONFIG-6: of the apps of canary group %s, HAProxy has the first serve all clients", k.Canary.Group)
	}
	if k.LogAll {
		w.note("D-CONFIG-12: its requests are logged; here it takes a log line in global, and in the frontends log global and option %slog", k.Mode)
	}
	w.balance(k)
	w.access(k)
	if k.Mode == route.HTTP {
		w.sticky(k) // which looks at the path as the client sent it
	}
	if k.Do.Allows() && (k.Rewrite.Host != "" || k.Rewrite.Strip != "") {
		w.note("D-CONFIG-10: what its template allows, HAProxy does not rewrite by the label")
	}
	w.directives(k)
	if late {
		if k.Do.Allows() {
			w.note("D-CONFIG-10: what its template allows, HAProxy sends with the fields of the client's connection")
		}
		w.dropHops()
	}
	if k.Mode == route.HTTP {
		w.rewrite(k)
	}
	w.check(k)
	w.servers(k)
}

// directives are what templates ask for, printed as HAProxy reads it. Where hashes are not to be shown, nor are credentials in these lines,
// and nobody gets in.
func (w *writer) directives(k *route.BackendSpec) {
	for line := range strings.Lines(k.Do.String()) {
		if !w.hides(line) {
			w.line("%s", ofPath(strings.TrimSuffix(line, "\n")))
			continue
		}
		w.note("a line with credentials is not shown here: --dry prints it")
		if words := strings.Fields(line); words[0] == "acl" { // others speak of it
			w.line("acl %s always_false", words[1])
		}
		if k.Mode == route.TCP {
			w.line("tcp-request content reject if TRUE")
		} else {
			w.line("http-request deny if TRUE") // without a condition HAProxy would warn of the lines behind it
		}
	}
}

// captured begins what HAProxy knows only where it logs requests; variables hold it instead.
const captured = "capture.req."

// ofPath is a line that is about the path of a request, and its query, where it says URI: to HAProxy that is a whole URL in HTTP/2.
func ofPath(line string) string {
	if rest, ok := strings.CutPrefix(line, "http-request replace-uri "); ok {
		line = "http-request replace-pathq " + rest
	}
	return strings.NewReplacer(captured+"uri", "var(txn.uri)", captured+"method", "var(txn.method)").Replace(line)
}

// hides says that a text may speak of credentials, which are not to be shown.
func (w *writer) hides(text string) bool {
	return !w.o.Hashes && route.Confidential(text)
}

// userlist is who gets in. Where hashes are not to be shown, it is nobody.
func (w *writer) userlist(k *route.BackendSpec) {
	w.section("", "userlist user_%s", w.names[k.Name])
	hash := k.Auth.Hash
	if !w.o.Hashes {
		w.note("the hash is not shown here: --dry prints it")
		hash = "*"
	}
	w.line("user %s password %s", word(k.Auth.User), word(hash))
}

func (w *writer) balance(k *route.BackendSpec) {
	algorithm := string(k.Balance)
	switch {
	case k.Balance == route.Header:
		algorithm = "hdr(" + k.HashOn + ")"
	case k.HashOn != "":
		algorithm += " " + word(k.HashOn)
	}
	if k.Balance == route.Header && properName(k.HashOn) != k.HashOn {
		w.note("D-CONFIG-4: balance hdr takes no name such as this, %s", k.HashOn)
		algorithm = string(route.RoundRobin)
	}
	w.line("balance %s", algorithm)
	if slices.Contains([]route.Balance{route.Source, route.URI, route.URLParam, route.Header}, k.Balance) {
		w.line("hash-type consistent")
	}
}

// access is who gets in, in the order of the proxy: a redirect to https comes before a password is asked for.
func (w *writer) access(k *route.BackendSpec) {
	if len(k.Allow) > 0 {
		w.acl("network_allowed", "src", networks(k.Allow))
	}
	if k.Mode == route.TCP {
		if k.Closed {
			w.line("tcp-request content reject")
		} else if len(k.Allow) > 0 {
			w.line("tcp-request content reject unless network_allowed")
		}
		return
	}
	if k.Closed {
		w.note("closed: an access restriction that was asked for cannot be honoured, see the problems")
		w.line("http-request deny deny_status 503")
		return
	}
	if k.ToHTTPS {
		w.line("http-request redirect code 301 location https://%%[req.hdr(Host),regsub(':[0-9]*$','')]%s%%[pathq] if { fe_name %s } !{ req.fhdr(X-Forwarded-Proto,1) https }",
			w.httpsPort(), route.HTTPIn)
	}
	if len(k.Allow) > 0 {
		w.line("http-request deny unless network_allowed")
	}
	if k.Auth != nil {
		where := "unless "
		if w.o.AuthByHost {
			where = "if " + shared + " !"
		}
		realm := ""
		if k.Auth.Realm != "" {
			realm = " realm " + word(quoted.Replace(k.Auth.Realm))
		}
		w.line("http-request auth%s %s{ http_auth(user_%s) }", realm, where, w.names[k.Name])
	}
	if to := k.Rewrite.Root; to != "" {
		w.line("http-request redirect code 301 location %s if { path -m str / } %s", format(to), w.hosts(k, "redirected"))
	}
}

// quoted escapes what a quoted-string cannot hold (RFC 9110 5.6.4): HAProxy puts the realm between quotes as it stands.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// hosts is the condition that a request is for one of the hosts its rewriting speaks of. It may write an ACL first.
func (w *writer) hosts(k *route.BackendSpec, name string) string {
	for _, h := range k.Rewrite.Hosts {
		is := hostIs(h)
		if h == "*" { // which is no host that is not there
			is = "var(txn.host) -m len gt 0"
		}
		w.line("acl %s %s", name, is)
	}
	return name
}

// httpsPort is what stands behind the host where https is not at its own port.
func (w *writer) httpsPort() string {
	for _, l := range w.spec.Listeners {
		if l.Name == route.HTTPSIn && l.Bind.Port() != 443 {
			return fmt.Sprintf(":%d", l.Bind.Port())
		}
	}
	return ""
}

// sticky keeps a client at its server.
func (w *writer) sticky(k *route.BackendSpec) {
	if k.Sticky == "" {
		return
	}
	w.line("cookie %s insert indirect httponly attr SameSite=Lax", word(k.Sticky))
	w.line("http-after-response add-header Cache-Control private if { %s }", condition("res.fhdr(Set-Cookie) -m beg", k.Sticky+"="))
	name := literal(k.Sticky)
	if w.cookiePaths(k) {
		w.line(`http-after-response replace-header Set-Cookie %s '\1%%[var(txn.cookie_path)]\2' if { var(txn.cookie_path) -m found }`,
			word("^("+name+"=[^;]*; path=)/(;.*)?$"))
	}
	w.line(`http-after-response replace-header Set-Cookie %s '\1; Secure' if { ssl_fc }`, word("^("+name+"=.*)$"))
}

// cookiePaths sets the cookie's path to that of the rule that won, which is the first of the backend's that matches; it says whether there
// is any such rule. Later lines overrule earlier ones, so the first rule comes last. The path becomes part of a replacement, where a backslash means
// more than itself.
func (w *writer) cookiePaths(k *route.BackendSpec) bool {
	rules := route.Spec{Backends: []route.BackendSpec{*k}}.Ranked()
	if !slices.ContainsFunc(rules, func(r route.Ranked) bool { return r.Rule.CookiePath() != "/" }) {
		return false
	}
	slices.Reverse(rules)
	for _, r := range rules {
		if r.Rule.AppID == "" {
			w.line("http-request set-var-fmt(txn.cookie_path) %s if %s { %s }%s", format(strings.ReplaceAll(r.Rule.CookiePath(), `\`, `\\`)), shared, hostIs(r.Rule.Host), w.matches(r.Rule))
		}
	}
	return true
}
