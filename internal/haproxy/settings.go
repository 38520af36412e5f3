package haproxy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// Bounds of a request's head: those of the proxy. A head of 32 KB fits into the buffer, of which HAProxy reserves 1 KB.
const (
	mostTarget = 8 << 10
	mostFields = 100
	bufferSize = 33 << 10
)

// idempotent are the methods that may be sent twice.
const idempotent = "GET HEAD OPTIONS TRACE PUT DELETE"

// settings are the sections that hold for all: global, defaults and the listener of statistics.
func (w *writer) settings() {
	w.comment("What marathon-lb " + w.o.Version + " serves, for HAProxy 2.6 or later. What HAProxy does otherwise: docs/differences.md, D-CONFIG.")
	w.section("", "global")
	if w.o.DrainTimeout > 0 {
		w.line("hard-stop-after %s", span(w.o.DrainTimeout))
	}
	if w.o.MaxConn > 0 {
		w.line("maxconn %d", w.o.MaxConn)
	}
	w.line("tune.bufsize %d", bufferSize)
	w.line("tune.http.maxhdr %d", 10*mostFields)
	w.line("ssl-default-bind-options ssl-min-ver TLSv%s", w.o.TLSMin)
	w.line("ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES")

	w.section("", "defaults tcp")
	w.line("mode tcp")
	w.line("timeout connect 3s")
	w.line("timeout client 30s")
	w.line("timeout server 30s")
	w.line("timeout tunnel 3600s")
	w.line("retries 3")
	w.line("option redispatch 1")

	w.section("", "defaults http from tcp")
	w.line("mode http")
	w.line("timeout http-request 15s")
	w.line("timeout http-keep-alive 60s")
	w.line("option forwardfor")
	if w.o.ServerClose {
		w.line("option http-server-close")
	}
	w.line("retry-on conn-failure empty-response")
	for _, e := range w.o.ErrorFiles {
		w.line("errorfile %d %s", e.Status, word(e.Path))
	}
	w.entrance()
	w.exit()
	w.statistics()
}

// entrance is what each request meets, wherever it comes in.
func (w *writer) entrance() {
	w.section("What each request meets, wherever it comes in.", "defaults http_in from http")
	w.line("http-request deny deny_status 405 if METH_CONNECT")
	w.line("http-request return status 414 if { pathq,length gt %d }", mostTarget)
	w.line("http-request return status 431 if { req.fhdr_cnt gt %d }", mostFields)
	w.line("http-request disable-l7-retry unless { method %s }", idempotent)
	w.note("Host without port, case and trailing dot")
	w.line(`http-request set-var(txn.host) req.hdr(Host),host_only,lower,regsub('\.$','')`)
	if slices.ContainsFunc(w.spec.Backends, func(k route.BackendSpec) bool { return strings.Contains(k.Do.String(), captured) }) {
		w.note("%suri and %[1]smethod", captured)
		w.line("http-request set-var(txn.uri) pathq")
		w.line("http-request set-var-fmt(txn.method) %%[method]") // as a text: HAProxy forgets methods that it does not know
	}
	w.note("what of the fields that concern one connection goes on to the server")
	w.line("http-request set-var(txn.websocket) bool(true) if { method GET } { req.hdr(Connection) -i upgrade } { req.hdr(Upgrade) -i websocket } " +
		"!{ req.ver 1.0 } !{ req.hdr(Content-Length) -m found } !{ req.hdr(Transfer-Encoding) -m found }")
	w.line("http-request set-var(txn.te) bool(true) if { req.hdr(TE) -i trailers }")
	for _, name := range []string{"Keep-Alive", "Proxy-Connection", "TE"} {
		w.line("http-response del-header %s", name)
	}
	w.line("http-response del-header Upgrade unless { status 101 }")
	w.note("what the server is told of the client")
	w.line("http-request set-header X-Forwarded-Port %%[dst_port]")
	condition := ""
	if len(w.o.Trusted) > 0 {
		w.acl("trusted", "src", networks(w.o.Trusted))
		condition = " unless trusted { req.fhdr(X-Forwarded-Proto,1) -m len gt 0 }"
	}
	w.line("http-request set-header X-Forwarded-Proto %%[ssl_fc,iif(https,http)]%s", condition)
}

// exit is what each request loses on its way to a server.
func (w *writer) exit() {
	w.section("What each request leaves behind, once its backend is known.", "defaults %s from http", httpOut)
	w.dropHops()
}

// httpOut are the defaults of backends in mode http.
const httpOut = "http_out"

// hops are the fields of requests that concern one connection only.
var hops = []string{"Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "TE", "HTTP2-Settings"}

// looksAtHops finds a directive that looks at one of them.
var looksAtHops = regexp.MustCompile(`(?im)^(?:acl|http-request|tcp-request|redirect)\b.*\((?:` + strings.Join(hops, "|") + `)[,)]`)

// dropHops takes them away, but for what is to be told to the server.
func (w *writer) dropHops() {
	for _, name := range hops {
		w.line("http-request del-header %s", name)
	}
	w.line("http-request set-header TE trailers if { var(txn.te) -m bool }")
	w.line("http-request set-header Connection Upgrade if { var(txn.websocket) -m bool }")
	w.line("http-request set-header Upgrade websocket if { var(txn.websocket) -m bool }")
}

func (w *writer) statistics() {
	if w.o.Stats.Port() == 0 {
		return
	}
	w.section("Of what marathon-lb serves here HAProxy has the statistics and the health check.", "listen stats from http")
	w.line("bind %s", bindText(w.o.Stats))
	w.line("stats enable")
	w.line("monitor-uri /_haproxy_health_check")
	w.line("http-request use-service prometheus-exporter if { path /metrics }")
}

// certWords are the certificates of a bind line.
func (w *writer) certWords(paths []string) string {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, " crt %s", word(p))
	}
	return b.String()
}

// certs are the certificates of a listener with TLS, and of the services whose hosts it serves.
func (w *writer) certs(l route.ListenerSpec) []string {
	paths := l.Certs
	if len(paths) == 0 {
		for _, c := range w.o.Certs {
			paths = append(paths, c.Path)
		}
	}
	if l.Entry == route.ByHost {
		for _, k := range w.spec.Backends {
			paths = append(paths, k.Certs...)
		}
	}
	seen := map[string]bool{}
	var once []string
	for _, p := range paths {
		if !seen[p] {
			seen[p], once = true, append(once, p)
		}
	}
	return once
}
