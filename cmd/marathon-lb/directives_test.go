package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// mirror is what tasks answer here: the head as it came to them.
func mirror(t *marathontest.Task) http.Handler {
	greet := tell(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/probe" && r.Host != "probe.test" {
			http.Error(w, "not so", 404)
			return
		}
		if r.URL.Path == "/slow" { // until its client has left, or for longer than one recipe allows
			select {
			case <-r.Context().Done():
			case <-time.After(4 * time.Second):
			}
		}
		w.Header().Set("Server", "secret/1.0")
		w.Header().Set("X-Powered-By", "PHP")
		greet.ServeHTTP(w, r)
		if r.URL.Path != "/health" {
			fmt.Fprintf(w, "x-real=%s\nproto=%s\nport=%s\nauthorization=%s\nconnection=%v\n", r.Header.Get("X-Real-IP"), strings.Join(r.Header["X-Forwarded-Proto"], ","),
				r.Header.Get("X-Forwarded-Port"), r.Header.Get("Authorization"), r.Close)
		}
	})
}

// asking looks at a path on the service port with fields.
func asking(path string, fields []string, words ...string) func(sight) string {
	return func(s sight) string {
		resp, err := once("http://"+loopback(s.port)+path, fields...)
		return show(resp, err, words...)
	}
}

// hostly looks at a path of a host on :80's stand-in.
func hostly(host, path string, words ...string) func(sight) string {
	return func(s sight) string {
		resp, err := once(s.rig.http+path, "Host", strings.ReplaceAll(host, "$NAME", s.name))
		return show(resp, err, words...)
	}
}

// secured does so on :443's.
func secured(host, path string, words ...string) func(sight) string {
	return func(s sight) string {
		req, err := http.NewRequest("GET", s.rig.https+path, nil)
		if err != nil {
			return err.Error()
		}
		req.Host = strings.ReplaceAll(host, "$NAME", s.name)
		client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		defer client.CloseIdleConnections()
		resp, err := client.RoundTrip(req)
		return show(resp, err, words...)
	}
}

const options, head = "HAPROXY_0_BACKEND_HTTP_OPTIONS", "HAPROXY_0_BACKEND_HEAD"

// headWith is a BACKEND_HEAD as people write it, with a line more.
func headWith(line string) string {
	return "backend {backend}\n  balance {balance}\n  mode {mode}\n  " + line + "\n"
}

// optionsWith is a BACKEND_HTTP_OPTIONS, the built-in text and lines more.
func optionsWith(lines ...string) string {
	return "  option forwardfor\n  http-request set-header X-Forwarded-Port %[dst_port]\n  http-request add-header X-Forwarded-Proto https if { ssl_fc }\n  " +
		strings.Join(lines, "\n  ") + "\n"
}

// frontendWith is a FRONTEND_HEAD as people write it, with a line more.
func frontendWith(line string) string {
	return "frontend {backend}\n  bind {bindAddr}:{servicePort}{sslCert}{bindOptions}\n  mode {mode}\n  " + line + "\n"
}

// logged says whether a request has a line in the log.
func logged(s sight) string {
	resp, err := once("http://" + loopback(s.port) + "/logged/" + s.name)
	seen := show(resp, err)
	for _, e := range s.rig.logs.FilterMessage("request").All() {
		if line, _ := e.ContextMap()["line"].(string); strings.Contains(line, "/logged/"+s.name+" ") {
			return seen + " logged"
		}
	}
	return seen + " not logged"
}

// recipes are what people did with templates (marathon-lb.md 4.5), and more of the kind.
var recipes = []trial{
	{label: options, good: optionsWith("http-request set-header X-Real-IP %[src]"), bad: "http-request set-header X-Real-IP %ci",
		look: byPort(0, "/", "x-real=", "proto="), without: "200 x-real= proto=http", with: "200 x-real=127.0.0.1 proto=http", withBad: "200 x-real= proto=http"},
	{label: options, good: optionsWith("http-response del-header X-Powered-By", "rspidel ^Server:.*", "rspadd X-Frame-Options:\\ DENY"), bad: "http-response del-header",
		look: byPort(0, "/", "Server", "X-Powered-By", "X-Frame-Options"), without: "200 secret/1.0 PHP", with: "200 DENY", withBad: "200 secret/1.0 PHP"},
	{label: options, good: optionsWith("acl is_proxy_https hdr(X-Forwarded-Proto) https", "redirect scheme https code 301 unless { ssl_fc } or is_proxy_https"), bad: "redirect scheme https code 404",
		look: func(s sight) string {
			return strings.ReplaceAll(asking("/x?y", nil, "Location")(s), loopback(s.port), "HERE")
		},
		without: "200", with: "301 https://HERE/x?y", withBad: "200"},
	{label: options, good: optionsWith("redirect scheme https unless { hdr(X-Forwarded-Proto) https }"), look: asking("/", []string{"X-Forwarded-Proto", "https"}), without: "200", with: "200"},
	{label: options, good: optionsWith(`http-request set-path %[path,regsub(^/foo/,/)]`), bad: `http-request set-path %[path,map(/x)]`,
		look: byPort(0, "/foo/bar?q", "target="), without: "200 target=/foo/bar?q", with: "200 target=/bar?q", withBad: "200 target=/foo/bar?q"},
	{label: options, good: optionsWith(`reqrep ^([^\ :]*)\ /foo/(.*) \1\ /\2`), bad: `reqrep /foo /`,
		look: byPort(0, "/foo/bar?q", "target="), without: "200 target=/foo/bar?q", with: "200 target=/bar?q", withBad: "200 target=/foo/bar?q"},
	{label: options, good: optionsWith(`reqadd Authorization:\ Basic\ Ym9i`), look: byPort(0, "/", "authorization="), without: "200 authorization=", with: "200 authorization=Basic Ym9i"},
	{label: options, good: optionsWith("acl admin path_beg -i /admin", "acl inside src 10.0.0.0/8", "http-request deny if admin !inside"), bad: "http-request deny if admin",
		look: byPort(0, "/Admin/x"), without: "200", with: "403", withBad: "503"},
	{label: options, good: optionsWith("acl inside src 127.0.0.0/8", "http-request deny deny_status 429 if !inside or { method POST }"), look: byPort(0, "/"), without: "200", with: "200"},
	{label: options, good: "  no option http-keep-alive\n", look: byPort(0, "/", "connection="), without: "200 connection=false", with: "200 connection=true"},
	{label: options, good: "  block if { hdr_sub(user-agent) -i evil }\n", look: asking("/", []string{"User-Agent", "so EVIL"}), without: "200", with: "403"},
	{label: head, good: headWith("timeout server 1s"), bad: headWith("timeout server soon"), value: "timeout server soon",
		look: byPort(0, "/slow"), without: "200", with: "504", withBad: "200"},
	{label: head, good: headWith("errorfile 403 $DIR/403.http\n  http-request deny if {{ path /no }}"), bad: headWith("errorfile 999 /x"), value: "errorfile 999 /x",
		look: byPort(0, "/no", "own="), without: "200", with: "403 own=page", withBad: "200"},
	{label: head, value: "compression algo brotli", good: headWith("compression algo gzip\n  compression type text/plain"), bad: headWith("compression algo brotli"),
		look: asking("/", []string{"Accept-Encoding", "gzip"}, "Content-Encoding", "Vary"), without: "200", with: "200 gzip Accept-Encoding", withBad: "200"},
	{label: head, good: headWith("balance hdr(X-User)"), look: answering, without: "2 of 2", with: "1 of 2"},
	{label: "HAPROXY_0_BACKEND_SERVER_OPTIONS", more: []string{"HAPROXY_1_MODE", "http"},
		good: "  server {serverName} {host_ipv4}:{port} id {serverId}{cookieOptions}{healthCheckOptions}{otherOptions} ssl verify none\n",
		bad:  "  server {serverName} {host_ipv4}:{port} ssl verify required ca-file /ca.pem\n", value: "server {serverName} {host_ipv4}:{port} ssl verify required ca-file /ca.pem",
		look: byPort(0, "/"), without: "200", with: "503", withBad: "503"}, // the tasks here speak no TLS
	{label: "HAPROXY_0_BACKEND_SERVER_OPTIONS", good: "  server {serverName} 127.0.0.1:$OTHER id {serverId}\n", look: byPort(0, "/"), without: "200", with: "200 other", bad: ""},
	{label: "HAPROXY_0_BACKEND_HTTP_HEALTHCHECK_OPTIONS", good: "  option httpchk GET /probe HTTP/1.1\\r\\nHost:\\ probe.test\n  timeout check {healthCheckTimeoutSeconds}s\n",
		bad: "  option httpchk GET / HTTP/1.1\\r\\nnonsense\n", value: "option httpchk GET / HTTP/1.1\\r\\nnonsense", look: byPort(0, "/"), without: "200", with: "200", withBad: "200"},
	{label: "HAPROXY_0_BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS", good: "check inter 1s fall 2 rise 1", bad: "check inter soon", look: byPort(0, "/"), without: "200", with: "200", withBad: "200"},
	{label: "HAPROXY_1_BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS", more: []string{"HAPROXY_1_BACKEND_HEALTHCHECK_PORT_INDEX", "0", "HAPROXY_1_MODE", "tcp"},
		good: "check inter 1s", bad: "check inter soon", look: byPort(1, "/"), without: "200", with: "200", withBad: "200"},
	{label: "HAPROXY_0_BACKEND_STICKY_OPTIONS", more: []string{"HAPROXY_0_STICKY", "true"}, good: "  cookie SRV insert indirect nocache\n", bad: "  cookie SRV rewrite\n", value: "cookie SRV rewrite",
		look: func(s sight) string {
			resp, err := once("http://" + loopback(s.port))
			name, _, _ := strings.Cut(show(resp, err, "Set-Cookie"), "=")
			return name
		}, without: "200 mesosphere_server_id", with: "200 SRV", withBad: "200"},
	{label: "HAPROXY_0_BACKEND_HSTS_OPTIONS", more: []string{"HAPROXY_0_USE_HSTS", "true"}, good: "  rspadd Strict-Transport-Security:\\ max-age=1\n", look: byPort(0, "/", "Strict-Transport-Security"),
		without: "200 max-age=15768000", with: "200 max-age=1"},
	{label: "HAPROXY_0_FRONTEND_HEAD", good: frontendWith("errorfile 403 $DIR/403.http\n  http-request deny if {{ path /no }}"),
		look: byPort(0, "/no", "own="), without: "200", with: "403 own=page"},
	{label: "HAPROXY_0_FRONTEND_HEAD", good: frontendWith("errorfile 503 $DIR/503.http\n  http-request deny deny_status 503 if {{ path /no }}"), look: byPort(0, "/no", "own="),
		without: "200", with: "503 own=page"},
	{label: "HAPROXY_0_FRONTEND_HEAD", good: frontendWith("option httplog"), bad: frontendWith("log 127.0.0.1 local0"), value: "log 127.0.0.1 local0", look: logged,
		without: "200 not logged", with: "200 logged", withBad: "200 not logged"},
	{label: "HAPROXY_0_FRONTEND_BACKEND_GLUE", good: "  use_backend {backend} if {{ path_beg /api }}\n", look: byPort(0, "/other"), without: "200", with: "503"},
	{label: "HAPROXY_0_HTTP_BACKEND_PROXYPASS_GLUE", more: []string{vhost, "$NAME.test", "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "/foo"},
		good: "  http-request set-header Host inner.test\n  reqirep \"^([^ :]*)\\ {proxypath}/?(.*)\" \"\\1\\ /in/\\2\"\n", look: hostly("$NAME.test", "/foo/bar", "target=", "host="),
		without: "200 target=/bar host=without-*", with: "200 target=/in/bar host=inner.test"},
	{label: "HAPROXY_0_HTTP_BACKEND_REVPROXY_GLUE", more: []string{"HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH", "/my"},
		good: "  rspirep \"^Location: (https?://[^/]*)?(/.*)\" \"Location: {rootpath}/new\\2\"\n", look: byPort(0, "/", "Location"), without: "200 /my/login", with: "200 /my/new/login"},
	{label: "HAPROXY_0_HTTP_BACKEND_NETWORK_ALLOWED_ACL", more: []string{"HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", "192.0.2.0/24 198.51.100.7"}, good: "  acl network_allowed hdr_ip(X-Real-IP) {network_allowed}\n",
		bad: "  acl another src {network_allowed}\n", value: "acl another src {network_allowed}", look: asking("/", []string{"X-Real-IP", "198.51.100.7"}), without: "403", with: "200", withBad: "503"},
	{label: "HAPROXY_0_BACKEND_REDIRECT_HTTP_TO_HTTPS", more: []string{vhost, "$NAME.test", "HAPROXY_0_REDIRECT_TO_HTTPS", "true"},
		good: "  redirect scheme https code 308 if !{{ ssl_fc }} host_{cleanedUpHostname}\n", look: hostly("$NAME.test", "/x", "Location"), without: "301 https://without-*", with: "308 https://with-*"},
	{label: "HAPROXY_0_BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH", more: []string{vhost, "$NAME.test", "HAPROXY_0_REDIRECT_TO_HTTPS", "true", "HAPROXY_0_PATH", "/x"},
		good: "  redirect scheme https code 307 if !{{ ssl_fc }} host_{cleanedUpHostname} path_{backend}\n", look: hostly("$NAME.test", "/x", "Location"), without: "301 https://without-*", with: "307 https://with-*"},

	{label: "HAPROXY_0_HTTP_FRONTEND_ACL", more: []string{vhost, "$NAME.test", "HAPROXY_0_BACKEND_WEIGHT", "-1"},
		good: "  acl host_{cleanedUpHostname} hdr_reg(host) -i ^[a-z]+[.]$NAME[.]test\n  use_backend {backend} if host_{cleanedUpHostname}\n", look: hostly("any.$NAME.test", "/"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL", more: []string{vhost, "$NAME.test"},
		good: "  acl host_{cleanedUpHostname} hdr_end(host) -i .$NAME.test\n  use_backend {backend} if host_{cleanedUpHostname}\n", look: hostly("a.b.$NAME.test", "/"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL_WITH_PATH", more: []string{vhost, "$NAME.test", "HAPROXY_0_PATH", "/a"},
		good: "  acl host_{cleanedUpHostname} hdr(host) -i {hostname}\n  acl path_{backend} path_reg ^/[0-9]+$\n  use_backend {backend} if host_{cleanedUpHostname} path_{backend}\n", look: hostly("$NAME.test", "/42"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL_WITH_AUTH", more: []string{vhost, "$NAME.test", "HAPROXY_0_AUTH", bobsSecret},
		good: "  acl host_{cleanedUpHostname} hdr(host) -i {hostname} x.{hostname}\n  acl auth_{cleanedUpHostname} http_auth(user_{backend})\n  http-request auth realm \"{realm}\" if host_{cleanedUpHostname} !auth_{cleanedUpHostname}\n  use_backend {backend} if host_{cleanedUpHostname}\n",
		look: hostly("x.$NAME.test", "/"), without: "503", with: "401"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL_WITH_AUTH_AND_PATH", more: []string{vhost, "$NAME.test", "HAPROXY_0_AUTH", bobsSecret, "HAPROXY_0_PATH", "/a"},
		good: "  acl path_{backend} path_beg /b\n  use_backend {backend} if host_{cleanedUpHostname} path_{backend}\n", look: hostly("$NAME.test", "/b"), without: "503", with: "401"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL_ONLY", more: []string{vhost, "$NAME.test,b.$NAME.test"}, good: "  acl host_{cleanedUpHostname} hdr_dom(host) -i $NAME\n", look: hostly("c.$NAME.org", "/"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL_ONLY_WITH_PATH", more: []string{vhost, "$NAME.test,b.$NAME.test", "HAPROXY_0_PATH", "/a"}, good: "  acl path_{backend} path_end .png\n", look: hostly("b.$NAME.test", "/x.png"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ACL_ONLY_WITH_PATH_AND_AUTH", more: []string{vhost, "$NAME.test,b.$NAME.test", "HAPROXY_0_PATH", "/a", "HAPROXY_0_AUTH", bobsSecret}, good: "  acl path_{backend} path_end .png\n", look: hostly("b.$NAME.test", "/x.png"), without: "503", with: "401"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ROUTING_ONLY", more: []string{vhost, "$NAME.test,b.$NAME.test"}, good: "  use_backend {backend} if host_{cleanedUpHostname} METH_POST\n", look: hostly("b.$NAME.test", "/"), without: "200", with: "503"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ROUTING_ONLY_WITH_AUTH", more: []string{vhost, "$NAME.test,b.$NAME.test", "HAPROXY_0_AUTH", bobsSecret}, good: "  use_backend {backend} if host_{cleanedUpHostname} METH_POST\n", look: hostly("b.$NAME.test", "/"), without: "401", with: "503"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH", more: []string{vhost, "$NAME.test,b.$NAME.test", "HAPROXY_0_PATH", "/a"}, good: "  use_backend {backend} if host_{cleanedUpHostname}\n", look: hostly("b.$NAME.test", "/"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH_AND_AUTH", more: []string{vhost, "$NAME.test,b.$NAME.test", "HAPROXY_0_PATH", "/a", "HAPROXY_0_AUTH", bobsSecret}, good: "  use_backend {backend} if host_{cleanedUpHostname}\n", look: hostly("b.$NAME.test", "/"), without: "503", with: "401"},
	{label: "HAPROXY_0_HTTPS_FRONTEND_ACL", more: []string{vhost, "$NAME.test"}, good: "  use_backend {backend} if { hdr_end(host) -i .{hostname} }\n", look: secured("a.$NAME.test", "/"), without: "503", with: "503"}, // braces have to be doubled
	{label: "HAPROXY_0_HTTPS_FRONTEND_ACL", more: []string{vhost, "$NAME.test"}, good: "  use_backend {backend} if {{ hdr(host) -i a.{hostname} }}\n", look: secured("a.$NAME.test", "/", "proto="), without: "503", with: "200 proto=https"},
	{label: "HAPROXY_0_HTTPS_FRONTEND_ACL_WITH_PATH", more: []string{vhost, "$NAME.test", "HAPROXY_0_PATH", "/a"}, good: "  use_backend {backend} if {{ hdr(host) -i {hostname} }}\n", look: secured("$NAME.test", "/"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTPS_FRONTEND_ACL_ONLY_WITH_PATH", more: []string{vhost, "$NAME.test", "HAPROXY_0_PATH", "/a"}, good: "  acl path_{backend} path_reg ^/[a-z]{{2}}$\n", look: secured("$NAME.test", "/xy"), without: "503", with: "200"},
	{label: "HAPROXY_0_HTTPS_FRONTEND_ACL_WITH_AUTH", more: []string{vhost, "$NAME.test", "HAPROXY_0_AUTH", bobsSecret}, good: "  use_backend {backend} if {{ ssl_fc_sni {hostname} }} METH_POST\n", look: secured("$NAME.test", "/"), without: "401", with: "503"},
	{label: "HAPROXY_0_HTTPS_FRONTEND_ACL_WITH_AUTH_AND_PATH", more: []string{vhost, "$NAME.test", "HAPROXY_0_AUTH", bobsSecret, "HAPROXY_0_PATH", "/a"}, good: "  use_backend {backend} if {{ ssl_fc_sni {hostname} }}\n", look: secured("$NAME.test", "/"), without: "503", with: "401"},
	{label: "HAPROXY_1_TCP_BACKEND_NETWORK_ALLOWED_ACL", more: []string{"HAPROXY_1_MODE", "tcp", "HAPROXY_1_BACKEND_NETWORK_ALLOWED_ACL", "127.0.0.0/8"}, good: "  acl network_allowed dst 192.0.2.1 {network_allowed}\n", look: byPort(1, "/"), without: "200", with: "200"},
	{label: "HAPROXY_1_BACKEND_TCP_HEALTHCHECK_OPTIONS", more: []string{"HAPROXY_1_BACKEND_HEALTHCHECK_PORT_INDEX", "0", "HAPROXY_1_MODE", "tcp"}, good: "  timeout check 2s\n", look: byPort(1, "/"), without: "200", with: "200"},
	{label: "HAPROXY_1_BACKEND_HEAD", more: []string{"HAPROXY_1_MODE", "tcp"}, good: headWith("tcp-request content reject if {{ src 127.0.0.0/8 }}"), look: byPort(1, "/"), without: "200", with: "refused"},
}

// fill puts what only a test knows into recipes.
func fillRecipes(t *testing.T) []trial {
	dir := t.TempDir()
	for status, words := range map[string]string{"403": "Forbidden", "503": "Service Unavailable"} {
		page := "HTTP/1.0 " + status + " " + words + "\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nown=page\n"
		if err := os.WriteFile(filepath.Join(dir, status+".http"), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := slices.Clone(recipes)
	for i := range all {
		c := &all[i]
		if strings.Contains(c.good, "$OTHER") {
			other := freePort(t)
			serveText(t, loopback(other), "other=1\n")
			c.good, c.look, c.with, c.without = strings.ReplaceAll(c.good, "$OTHER", fmt.Sprint(other)), byPort(0, "/", "other="), "200 other=1", "200"
		}
		c.good = strings.ReplaceAll(c.good, "$DIR", dir)
		if c.tasks = 1; strings.Contains(c.good, "X-User") {
			c.tasks = 2
		} else {
			c.without = "" // what it would be is there to read; the labels' trials look at that
		}
	}
	return all
}

// serveText answers all requests with a text.
func serveText(t *testing.T, at, text string) {
	s := &http.Server{Addr: at, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })}
	ended := make(chan struct{})
	go func() { s.ListenAndServe(); close(ended) }()
	t.Cleanup(func() { s.Close(); <-ended })
}

func TestEachRecipeOfTemplatesAsAClientSeesIt(t *testing.T) {
	for _, engine := range []string{"loop", "nethttp"} {
		t.Run(engine, func(t *testing.T) {
			r := newRig(t, marathontest.Options{Handler: mirror}, "--engine="+engine)
			tryAll(t, r, fillRecipes(t))
		})
	}
}
