package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// denying is a set of directives that refuses what a test matches.
func denying(t *testing.T, test string) *route.Directives {
	t.Helper()
	parsed, err := route.ParseTest(strings.Fields(test))
	if err != nil {
		t.Fatal(err)
	}
	var always *route.Condition
	cond, _ := always.And(parsed)
	return &route.Directives{Request: []route.Directive{{Act: route.Deny, Code: 403, If: cond}}}
}

func TestAServerThatSpeaksTLSIsSpokenToInTLS(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %s %d tls=%v", r.Method, r.URL, n, r.TLS != nil)
	}))
	defer secure.Close()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, netip.MustParseAddrPort(secure.Listener.Addr().String()))
	c.SetBackends[0].Servers[0].TLS = true
	r.apply(c)
	for range 3 { // over one connection, from the second on
		if resp, body := get(t, url(port, "/x?y")); resp.StatusCode != 200 || body != "GET /x?y 0 tls=true" {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	const large = 1 << 20
	req, err := http.NewRequest("POST", url(port, "/"), strings.NewReader(strings.Repeat("x", large)))
	if err != nil {
		t.Fatal(err)
	}
	if resp, body := do(t, req); resp.StatusCode != 200 || body != fmt.Sprintf("POST / %d tls=true", large) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestATCPServiceWhoseServersSpeakTLS(t *testing.T) {
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	config := &tls.Config{Certificates: cert.TLS.Certificates}
	cert.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // what comes, until it ends, and then an end of its own
				defer c.Close()
				all, _ := io.ReadAll(c)
				fmt.Fprintf(c, "you said %s", all)
			}()
		}
	}()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.TCP, port, netip.MustParseAddrPort(l.Addr().String()))
	c.SetBackends[0].Servers[0].TLS = true
	r.apply(c)
	conn, in := dialed(t, port)
	io.WriteString(conn, "hello")
	conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(in); err != nil || string(got) != "you said hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAServerThatShouldSpeakTLSAndDoesNotIsNoServer(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, rawTask(t, func(c net.Conn, r *bufio.Reader) {
		r.ReadByte()
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}), named(t, "unused"))
	c.SetBackends[0].Servers[0].TLS = true
	c.SetBackends[0].Servers = c.SetBackends[0].Servers[:1]
	r.apply(c)
	if resp, _ := get(t, url(port, "/")); resp.StatusCode != 503 {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestNoClientGetsRoundARuleByItsConnectionFieldOrAPreface(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user=%q proto=%q", r.Header["X-User"], r.Header["X-Forwarded-Proto"])
	}))
	d := denying(t, "path_beg /admin")
	d.Request = append(d.Request, route.Directive{Act: route.SetHeader, Name: "X-User", Value: route.Plain("nobody")},
		route.Directive{Act: route.SetHeader, Name: "X-Forwarded-Proto", Value: route.Plain("https")})
	c.SetBackends[0].Do = d
	r.apply(c)
	for _, fields := range [][]string{nil, {"Connection", "X-User, X-Forwarded-Proto"}, {"X-User", "root"}, {"x-user", "root", "X-Forwarded-Proto", "http"}} {
		if resp, body := get(t, url(port, "/"), fields...); resp.StatusCode != 200 || body != `user=["nobody"] proto=["https"]` {
			t.Errorf("%v: %d %s", fields, resp.StatusCode, body)
		}
	}
	if resp, body := get(t, url(port, "/admin")); resp.StatusCode != 403 || !strings.Contains(body, "403 Forbidden") {
		t.Errorf("denied: %d %s", resp.StatusCode, body)
	}
	conn, in := dialed(t, port)
	io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 405 {
		t.Errorf("the preface of HTTP/2: %v, %v", resp, err)
	}
	conn, in = dialed(t, port)
	io.WriteString(conn, "PRI /admin HTTP/1.1\r\nHost: x\r\n\r\n")
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 403 {
		t.Errorf("a method of that name: %v, %v", resp, err)
	}
}

func TestAWrongPasswordLearnsNothingOfWhereATemplateLeads(t *testing.T) {
	r := newRig(t, proxy.Options{})
	byHost, _, _ := shared(t, r, func(k *route.BackendSpec) {
		k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
		k.Do = &route.Directives{Request: []route.Directive{{Act: route.Redirect, Name: "location", Value: route.Plain("/hidden"), Code: 303, Cookie: "seen=1"}}}
	})
	for shown, want := range map[string]int{"": 401, "Basic Ym9iOndyb25n": 401, "Basic Ym9iOnNlY3JldA==": 303} {
		resp, body := get(t, url(byHost, "/"), "Host", "a.test", "Authorization", shown)
		told := resp.Header.Get("Location") + resp.Header.Get("Set-Cookie")
		if resp.StatusCode != want || (want == 401) != (told == "") || want == 401 && !strings.Contains(body, "401 Unauthorized") {
			t.Errorf("%q: %d %v %s", shown, resp.StatusCode, resp.Header, body)
		}
	}
}

func TestAWebSocketIsAskedForWithOneConnectionFieldWhereConnectionsAreForOneRequest(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	heads := make(chan http.Header, 1)
	go func() {
		c, err := server.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		heads <- req.Header
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, netip.MustParseAddrPort(server.Addr().String()))
	c.SetBackends[0].Do = &route.Directives{ServerClose: true}
	r.apply(c)
	get(t, url(port, "/"), "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if got := (<-heads)["Connection"]; len(got) != 1 || got[0] != "Upgrade" {
		t.Errorf("the server was told Connection: %q", got)
	}
}

func TestAParameterOfTheQueryEndsWhereHAProxyEndsIt(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "id=%s", r.Header.Get("X-Id")) }))
	d := denying(t, "urlp(id) -m str secret")
	value, err := route.ParseFormat("%[urlp(id)]")
	if err != nil {
		t.Fatal(err)
	}
	d.Request = append(d.Request, route.Directive{Act: route.SetHeader, Name: "X-Id", Value: value})
	c.SetBackends[0].Do = d
	r.apply(c)
	for query, want := range map[string]string{
		"?id=secret": "", "?id=secret?x": "", "?id=secret;x": "", "?a=1;id=secret": "", "?a?id=secret&b": "", "?id=a&id=secret": "",
		"?id=1&id=2": "id=1", "?id=1;id=2": "id=1", "?id": "id=", "?id&id=4": "id=4", "?ID=1": "id=", "?xid=1": "id=", "": "id=",
	} {
		resp, body := get(t, url(port, "/"+query))
		if want == "" && resp.StatusCode != 403 || want != "" && body != want {
			t.Errorf("%s: %d %s", query, resp.StatusCode, body)
		}
	}
}

func TestOPTIONSOfAWholeServerHasNoPathForRules(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, rawTask(t, func(c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nSaw: %s\r\nBase: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", req.RequestURI, req.Header.Get("X-Base"))
	}))
	d := denying(t, "path -m found")
	for _, x := range []struct {
		act        route.Act
		name, text string
	}{{route.SetHeader, "X-Base", "%[base]"}, {route.SetPathQuery, "", "/all?%[path]"}} {
		value, err := route.ParseFormat(x.text)
		if err != nil {
			t.Fatal(err)
		}
		d.Request = append(d.Request, route.Directive{Act: x.act, Name: x.name, Value: value})
	}
	c.SetBackends[0].Do = d
	r.apply(c)
	for target, want := range map[string]string{"*": "200 /all? a.test", "/": "403  "} {
		conn, in := dialed(t, port)
		fmt.Fprintf(conn, "OPTIONS %s HTTP/1.1\r\nHost: a.test\r\n\r\n", target)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %s %s", resp.StatusCode, resp.Header.Get("Saw"), resp.Header.Get("Base")); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}

// D-DETAIL-59: Go's library escapes such a path, and must not lose it.
func TestAPathThatRulesMakeOfAQueryReachesTheServer(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) }))
	value, err := route.ParseFormat("//a/%[query]")
	if err != nil {
		t.Fatal(err)
	}
	c.SetBackends[0].Do = &route.Directives{Request: []route.Directive{{Act: route.SetPathQuery, Value: value}}}
	r.apply(c)
	for query, want := range map[string]string{"?id=%25": "//a/id=%25", "?id=x%2f%41": "//a/id=x%2f%41", "?id=%25zz": "//a/id=%25zz"} {
		if resp, body := get(t, url(port, "/"+query)); body != want {
			t.Errorf("%s: %d %s, want %s", query, resp.StatusCode, body, want)
		}
	}
	conn, in := dialed(t, port)
	fmt.Fprint(conn, "GET /?id=%zz&a=1% HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 400 && string(body) != "//a/id=%25zz&a=1%25" {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
}
