package differential_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// question is a request, and how it comes in.
type question struct {
	spec     route.Spec // what is served
	listener route.ListenerSpec
	source   string // the client's address
	sni      string
	method   string
	text     string // the whole request
	binds    bool   // it has the cookie of a server
	http2    bool   // it is asked in HTTP/2
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// ask draws a request to one of the listeners of a spec.
func ask(r *rand.Rand, s route.Spec) question {
	l := s.Listeners[r.IntN(len(s.Listeners))]
	if r.IntN(2) == 0 { // most labels speak of those
		name := pick(r, route.HTTPIn, route.HTTPIn, route.HTTPSIn)
		l = s.Listeners[slices.IndexFunc(s.Listeners, func(l route.ListenerSpec) bool { return l.Name == name })]
	}
	q := question{
		spec: s, listener: l, source: pick(r, "127.0.0.1", "127.0.5.5", "127.0.6.6"),
		method: pick(r, "GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "PURGE"),
	}
	host := requestHost(r, s)
	q.sni = route.NormalHost(host)
	version := "1.1"
	if r.IntN(12) == 0 {
		version = "1.0"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", q.method, form(r, q.method, host, target(r, s)), version)
	if version == "1.1" || r.IntN(3) > 0 {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	for range r.IntN(4) {
		b.WriteString(field(r, s, &q) + "\r\n")
	}
	if l.Entry == route.ByAppID && r.IntN(10) > 0 {
		fmt.Fprintf(&b, "X-Marathon-App-Id: %s\r\n", appID(r, s))
	}
	switch {
	case q.method != "POST" && q.method != "PUT":
		b.WriteString("\r\n")
	case version == "1.1" && r.IntN(2) == 0:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	default:
		b.WriteString("Content-Length: 5\r\n\r\nhello")
	}
	q.text = b.String()
	return q
}

// form is a target as a request line has it, mostly the path alone.
func form(r *rand.Rand, method, host, path string) string {
	switch n := r.IntN(40); {
	case n < 2:
		return pick(r, "http://", "https://", "HTTP://") + host + path
	case n == 2 && method == "OPTIONS":
		return "*"
	case n == 3:
		return path + "?" + strings.Repeat("x", pick(r, 7000, 8185, 9000))
	}
	return path
}

func requestHost(r *rand.Rand, s route.Spec) string {
	rules := s.Ranked()
	host := pick(r, "a.example", "unknown.example", "q.w.example", "z.y.x.w.example", "w.example")
	if len(rules) > 0 && r.IntN(5) > 0 {
		if h := rules[r.IntN(len(rules))].Rule.Host; h != "" {
			host = strings.Replace(h, "*", pick(r, "q", "a.b", "x"), 1)
		}
	}
	switch r.IntN(8) {
	case 0:
		host = strings.ToUpper(host)
	case 1:
		host += "."
	}
	return host + pick(r, "", "", "", ":80", ":8080", "", ":")
}

func target(r *rand.Rand, s route.Spec) string {
	path := pick(r, "/", "/x", "/a", "/a/b/c", "/abc", "/foo/x", "/FOO", "/it's", "//a", "/%41", "/a/../b", "/a.b/c", "/axb/c")
	if rules := s.Ranked(); len(rules) > 0 && r.IntN(3) > 0 {
		if p := rules[r.IntN(len(rules))].Rule.Path; p != "" {
			path = p + pick(r, "", "/", "x", "/x")
		}
	}
	if k := s.Backends; len(k) > 0 && r.IntN(5) == 0 {
		path = k[r.IntN(len(k))].Rewrite.Strip + pick(r, "", "/", "x", "/x/y")
	}
	if r.IntN(10) == 0 {
		path = strings.ToUpper(path)
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path + pick(r, "", "", "?", "?id=1", "?a=b&id=2&c=/d", "?x='\"", pick(r, "?id", "?a=1;id=1", "?id=1?id=2", "?x&id=&a=b&a=x", "?id=a+b%20c%2", "?id=%zz&q=a%26b", "?id=/p/q.r", "?a=127.0.0.1&id=010"))
}

// webSocket is what a client of one sends beside that.
const webSocket = "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

// field draws one line of the head.
func field(r *rand.Rand, s route.Spec, q *question) string {
	switch r.IntN(14) {
	case 0, 1:
		return "X-Forwarded-Proto: " + pick(r, "https", "http", "HTTPS", "", "https, http")
	case 2:
		return "X-Forwarded-For: " + pick(r, "1.2.3.4:80", "::1", "1.2.3.4", "1.2.3.4, 5.6.7.8", "unknown")
	case 3:
		return "X-Forwarded-Port: 99"
	case 4, 5:
		name, word := pick(r, userName, userName, "eve"), pick(r, password, password, "wrong", "")
		return "Authorization: " + pick(r, "Basic", "Basic", "Bearer") + " " + base64.StdEncoding.EncodeToString([]byte(name+":"+word))
	case 6, 7:
		return "Cookie: " + cookies(r, s, q)
	case 8:
		return "Want-Location: " + location(r, s)
	case 9:
		return "Want-Field: " + pick(r, "Strict-Transport-Security: max-age=1", "Set-Cookie: own=1; Path=/x", "Cache-Control: max-age=60",
			"Keep-Alive: timeout=5", "X-It: 1", "X-It: "+values[r.IntN(len(values))], "X-It: "+values[r.IntN(len(values))],
			"ETag: \"v1\"", "ETag: W/\"v1\"", "ETag: v1", "Cache-Control: private, no-transform", "Content-Type: text/plain", "Content-Type: multipart/mixed", "Vary: Cookie")
	case 10:
		return "Want-Status: " + pick(r, "404", "500", "301", "204", "304", "503")
	case 11:
		return pick(r, "Connection: Upgrade\r\nUpgrade: websocket"+webSocket, "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket"+webSocket, "Upgrade: websocket",
			strings.TrimSuffix(strings.Repeat("X-Many: 1\r\n", pick(r, 50, 110)), "\r\n"), "X-Long: "+strings.Repeat("x", pick(r, 9000, 20000)),
			"X-Marathon-App-Id: "+appID(r, s), "X-Obs: caf\xe9", "Content-Type: text/plain", "Max-Forwards: 0", "Forwarded: for=1.2.3.4")
	}
	if r.IntN(2) == 0 {
		return "Accept-Encoding: " + pick(r, "gzip", "gzip", "gzip, br", "br, gzip;q=0.5", "*", "gzip;q=0, *", "br")
	}
	return pick(r, "X-It: "+values[r.IntN(len(values))], "X-It: "+values[r.IntN(len(values))], "X-Two: "+values[r.IntN(len(values))], "X-Number: "+pick(r, "5", "-5", "05", "7 , 8", "", "2147483647"), "X-It: one", "TE: trailers", "TE: gzip, trailers", "Keep-Alive: 5", "Proxy-Connection: close", "Connection: close", "Connection: keep-alive",
		"Upgrade: h2c", "Connection: Upgrade\r\nUpgrade: h2c", "Accept-Encoding: gzip", "Connection: close, X-It\r\nX-It: two",
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "X-Empty:", "X-It: a\r\nX-It: b")
}

func cookies(r *rand.Rand, s route.Spec, q *question) string {
	list := []string{pick(r, "a=b", "mesosphere_server_id=unknown", "own_id=unknown", "c=", `q="a b"`, "a=one", `a="x; y"`, "a=/p/q.r,b=c")}
	if len(s.Backends) > 0 && r.IntN(4) > 0 {
		if k := s.Backends[r.IntN(len(s.Backends))]; len(k.Servers) > 0 {
			list = append(list, pick(r, stickyNames...)+"="+k.Servers[r.IntN(len(k.Servers))].Cookie)
			q.binds = true
		}
	}
	if r.IntN(2) == 0 {
		list = append(list, "z=1")
	}
	return strings.Join(list, "; ")
}

func location(r *rand.Rand, s route.Spec) string {
	host := "other.example"
	for _, k := range s.Backends {
		if h := k.Rewrite.Hosts; len(h) > 0 && r.IntN(2) == 0 {
			host = strings.Replace(h[r.IntN(len(h))], "*", "q", 1)
		}
	}
	path := pick(r, "/login", "", "/", "/my/content/x", "/my/contents", "/my", "?x", "/it's", "/x#y")
	return pick(r, "", "", "http://"+host, "https://"+strings.ToUpper(host)+":8443", "//"+host+".", "HTTP://"+host+":", "relative") + path
}

func appID(r *rand.Rand, s route.Spec) string {
	if len(s.Backends) == 0 {
		return "/none"
	}
	id := s.Backends[r.IntN(len(s.Backends))].App
	return pick(r, id, id, strings.ToUpper(id), id[1:], id+"/")
}
