package differential_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// exception is where HAProxy and the proxy may differ: the row of docs/differences.md that says so, and either the answers it allows or
// how it makes them equal.
type exception struct {
	row    string
	allows func(q question, ours, theirs answer) bool
	settle func(q question, a *answer)
}

var exceptions = []exception{
	{row: "D-CONFIG-1", settle: func(q question, a *answer) { // the server learns the client's version of HTTP
		if strings.Contains(q.text, " HTTP/1.0\r\n") {
			a.Line = strings.Replace(a.Line, " HTTP/1.0", " HTTP/1.1", 1)
			a.without("connection: keep-alive", "connection: close")
		}
		if !strings.Contains(q.text, "\r\nHost:") { // ours has always one
			a.Head = slices.DeleteFunc(slices.Clone(a.Head), func(f string) bool { return strings.HasPrefix(f, "host: ") })
		}
	}},
	{row: "D-CONFIG-1", allows: func(q question, ours, theirs answer) bool { // a path made of that of OPTIONS *, which has none, is empty, or in HTTP/2 the same; rules see it
		same := q.http2 && ours.Line == "OPTIONS / HTTP/1.1" && theirs.Line == "OPTIONS * HTTP/1.1"
		return strings.HasPrefix(q.text, "OPTIONS * ") && (same || strings.HasPrefix(theirs.Line, "OPTIONS  HTTP/"))
	}},
	{row: "D-CONFIG-1", settle: func(_ question, a *answer) { // a target with a host stays one
		method, rest, _ := strings.Cut(a.Line, " ")
		if _, authority, absolute := strings.Cut(rest, "://"); absolute && !strings.HasPrefix(rest, "/") {
			path := strings.IndexByte(authority, '/')
			a.Line = method + " " + authority[path:]
		}
	}},
	{row: "D-CONFIG-1", settle: func(q question, a *answer) { // and loses its usual port
		if !q.whole() {
			return
		}
		for i, f := range a.Head {
			if strings.HasPrefix(f, "host: ") {
				a.Head = slices.Clone(a.Head)
				a.Head[i] = usualPort.ReplaceAllString(f, "")
			}
		}
	}},
	{row: "D-CONFIG-1", allows: func(q question, _, _ answer) bool { // a URL is no Host
		return q.whole() && (!strings.Contains(q.text, "\r\nHost:") || hostWithUsualPort.MatchString(q.text)) // which templates may ask for
	}},
	{row: "D-CONFIG-1", allows: func(q question, _, _ answer) bool { // SNI is no Host either, and templates may ask for it
		return q.listener.TLS && !strings.Contains(q.text, "\r\nHost:")
	}},
	{row: "D-CONFIG-5", allows: func(q question, ours, theirs answer) bool { // a WebSocket without key, a head that is too large
		keyless := strings.Contains(q.text, "Upgrade: websocket") && !strings.Contains(q.text, "Sec-WebSocket-Key")
		return theirs.Status == 400 && (keyless || ours.Status == 431 && len(q.text) > 32<<10)
	}},
	{row: "D-CONFIG-5", allows: func(q question, _, theirs answer) bool { // nor has HAProxy room for what rules add to a head of 28 KB
		return theirs.Status == 500 && theirs.Server == "" && len(q.text) > 24<<10
	}},
	{row: "D-CONFIG-5", settle: func(q question, a *answer) { // or a key is made up
		if !strings.Contains(q.text, "Sec-WebSocket-Key") {
			a.withoutNames("sec-websocket-key")
		}
	}},
	{row: "D-CONFIG-10", settle: func(q question, a *answer) { // what a template allows keeps the fields of the client's connection
		i := slices.IndexFunc(q.spec.Backends, func(b route.BackendSpec) bool { return b.Name == a.Backend })
		if i >= 0 && q.spec.Backends[i].Do.Allows() {
			a.withoutNames("connection", "upgrade", "keep-alive", "proxy-connection", "te", "http2-settings")
		}
	}},
	{row: "D-DETAIL-59", settle: func(_ question, a *answer) { a.unescape() }},
	{row: "D-CONFIG-5", settle: func(_ question, a *answer) { // pages that HAProxy words otherwise, or does not have
		if a.Server == "" && (a.Status == 405 || a.Status == 414 || a.Status == 431) {
			a.Page, a.Fields = "", nil
		}
	}},
	{row: "D-DETAIL-60", allows: func(q question, ours, _ answer) bool { // Go's library takes one TE
		return q.http2 && ours.Status == 400 && strings.Count(q.text, "\r\nTE: ") > 1
	}},
	{row: "D-DIRECTIVE-6", allows: func(_ question, ours, theirs answer) bool { // who is rejected is told so, after the password was asked for
		return theirs.Ended == "closed" && ours.Server == "" && ours.Status >= 300
	}},
	{row: "D-DIRECTIVE-13", allows: func(q question, ours, theirs answer) bool { // who takes all but gzip gets gzip
		const zipped = "Content-Encoding: gzip"
		return strings.Contains(q.text, "Accept-Encoding: gzip;q=0, *") && slices.Contains(theirs.Fields, zipped) && !slices.Contains(ours.Fields, zipped)
	}, settle: func(q question, a *answer) { // nor does its server see what it takes, with compression offload
		if strings.Contains(q.text, "Accept-Encoding: gzip;q=0, *") {
			a.withoutNames("accept-encoding")
		}
	}},
	{row: "D-DIRECTIVE-4", settle: func(q question, a *answer) { // a rule that sets X-Forwarded-For has the last word
		if slices.Contains(a.Head, "x-forwarded-for: 9.9.9.9") {
			a.without("x-forwarded-for: " + q.source)
		}
	}},
	{row: "D-CONFIG-2", settle: func(q question, a *answer) { // fields that Connection names are passed on
		if strings.Contains(q.text, "Connection: close, X-It") {
			for _, m := range sentXIt.FindAllStringSubmatch(q.text, -1) {
				a.without("x-it: " + strings.TrimSpace(m[1]))
			}
		}
	}},
	{row: "D-CONFIG-2", allows: func(q question, _, _ answer) bool { // Upgrade of a request with a body is gone before rules look at it
		return (q.method == "POST" || q.method == "PUT") && asksForUpgrade.MatchString(q.text) && upgradesToWebSocket.MatchString(q.text)
	}},
}

var (
	absolute          = regexp.MustCompile(`^\S+ [A-Za-z]+://`)
	hostWithUsualPort = regexp.MustCompile(`(?m)^Host: .*:(80|443)?\r$`)
	asksForUpgrade    = regexp.MustCompile(`(?im)^Connection:.*upgrade`)
	usualPort         = regexp.MustCompile(`:(80|443)?$`)

	sentXIt             = regexp.MustCompile(`(?m)^X-It:(.*)\r$`)
	strayPercent        = regexp.MustCompile(`%([^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f])`)
	upgradesToWebSocket = regexp.MustCompile(`(?im)^Upgrade: websocket`)
)

// whole says that HAProxy is asked for a whole URL.
func (q question) whole() bool { return q.http2 || absolute.MatchString(q.text) }

// without takes fields out of the head that the server got.
func (a *answer) without(fields ...string) {
	a.Head = slices.DeleteFunc(slices.Clone(a.Head), func(f string) bool { return slices.Contains(fields, f) })
}

// withoutNames takes fields of these names out of the head that the server got.
func (a *answer) withoutNames(names ...string) {
	a.Head = slices.DeleteFunc(slices.Clone(a.Head), func(f string) bool {
		name, _, _ := strings.Cut(f, ":")
		return slices.Contains(names, name)
	})
}

// settled is an answer without what is known to differ.
func settled(q question, a answer) answer {
	for _, e := range exceptions {
		if e.settle != nil {
			e.settle(q, &a)
		}
	}
	return a
}

// setsCookie says that the client was given a new server.
func (a answer) setsCookie() bool {
	for _, f := range a.Fields {
		if strings.Contains(f, "=(its)") {
			return true
		}
	}
	return false
}

// sticks says that the backend has a persistence cookie: it took it out of what the server sees.
func sticks(a answer, servers map[string]server) bool {
	name := servers[a.Server].sticky
	return name != "" && !slices.ContainsFunc(a.Head, func(f string) bool { return strings.Contains(f, name+"=") })
}

// unescape takes away what Go's library escapes in a path that begins with // (D-DETAIL-59).
func (a *answer) unescape() {
	method, rest, _ := strings.Cut(a.Line, " ")
	if target, err := url.PathUnescape(strayPercent.ReplaceAllString(rest, "%25$1")); err == nil && strings.HasPrefix(rest, "//") {
		a.Line = method + " " + target
	}
}
