package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/proxy"
)

// mirror is a task of bytes: it says its name and the target that it was asked for, whatever bytes that has.
func mirror(t *testing.T, name string) netip.AddrPort {
	return testkit.Serve(t, func(c net.Conn) {
		for in := bufio.NewReader(c); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			for rest := line; rest != "\r\n"; {
				if rest, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			words := strings.SplitN(strings.TrimSpace(line), " ", 2)
			body := name + " " + strings.TrimSuffix(words[1], " HTTP/1.1")
			if fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)); words[0] != "HEAD" {
				io.WriteString(c, body)
			}
		}
	})
}

// raw sends a head as it is, over TLS if that is spoken there, and returns the answer; its status is 0 if there is none.
func raw(t *testing.T, addr string, secure bool, head string) (resp *http.Response, body string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	io.WriteString(c, head)
	method, _, _ := strings.Cut(head, " ")
	if resp, err = http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method}); err != nil {
		return &http.Response{}, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp, string(b)
}

// oddServices have rules and restrictions that go by bytes which URLs escape, or by fields.
func oddServices(t *testing.T, rt rapid.TB) []route.BackendSpec {
	rule := func(host, path string) []route.Rule { return []route.Rule{{Host: host, Path: path}} }
	var all []route.BackendSpec
	for i, rules := range [][]route.Rule{
		rule("odd.test", ""), rule("odd.test", "/a|b"), rule("odd.test", `/"`), rule("odd.test", "/{"), rule("odd.test", `/\`), rule("odd.test", "/%2"),
		rule("odd.test", "//"), rule("odd.test", "/strip"), rule("odd.test", "/deny"), rule("odd.test", "/https"), rule("odd.test", "/socket"), rule("a_b", ""),
	} {
		k := service(route.HTTP, 1+i, mirror(t, fmt.Sprintf("app_%d", 1+i))).SetBackends[0]
		k.App, k.Rules = fmt.Sprintf("/app%d", i), rules
		switch rules[0].Path {
		case "/strip":
			k.Rewrite.Strip, k.Rewrite.Host = "/strip", "other.test"
		case "/deny":
			k.Do = &route.Directives{Request: []route.Directive{{Act: route.Deny, Code: 403, If: when(rt, "path", "-m", "sub", "|")}}}
		case "/https":
			k.ToHTTPS = true
		case "/socket":
			k.Do = &route.Directives{Request: []route.Directive{{Act: route.Deny, Code: 429, If: when(rt, "req.hdr(Upgrade)", "-i", "websocket")}}}
		}
		all = append(all, k)
	}
	return all
}

// Whatever bytes a client may send: what Explain says of them is what the client gets.
func TestOddBytesAreExplainedAsTheyAreServed(t *testing.T) {
	r := newRig(t, proxy.Options{AccessLog: proxy.LogOff, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	byHost, byTLS, own := freePort(t), freePort(t), freePort(t)
	c := service(route.HTTP, own)
	c.SetListeners[0].Backend = "app_6"
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, byHost), https(byTLS))
	c.SetBackends = oddServices(t, t)
	r.apply(c)
	pick := func(from []string) *rapid.Generator[string] { return rapid.SampledFrom(from) }
	pieces := []string{"/a|b", "/", "//", "a", "%", "%2", "%7C", `"`, "{", "}", `\`, "|", "^", "`", "<", ">", " ", "ü", "?", "..", ";", "+", ":", "@", "*", "!", "'"}
	hosts := []string{"odd.test", "odd.test", "odd.test", "ODD.test.:99", "", "a b", "a_b", "a@b", "[::1]", "odd.test,odd.test"}
	heads := []string{"/", "/a|b", `/"q"`, "/{x}", `/\`, "/%2", "//", "/strip", "/STRIP/x", "/deny", "/https", "/socket"}
	rapid.Check(t, func(rt *rapid.T) {
		port := rapid.SampledFrom([]int{byHost, byHost, byTLS, own}).Draw(rt, "port")
		q := route.Question{From: "127.0.0.1", Method: pick([]string{"GET", "GET", "GET", "HEAD", "POST", "BREW", "CONNECT", "OPTIONS"}).Draw(rt, "method")}
		path := pick(heads).Draw(rt, "begin") + strings.Join(rapid.SliceOfN(pick(pieces), 0, 4).Draw(rt, "pieces"), "")
		for _, host := range strings.Split(pick(hosts).Draw(rt, "hosts"), ",") {
			q.Header = append(q.Header, "Host: "+host)
		}
		q.Header = append(q.Header, "Connection: close")
		if line := pick([]string{"", "", "X-Forwarded-Proto: https", "Upgrade: websocket", "Content-Length: 0", "Content-Length: x", "Transfer-Encoding: gzip",
			"Bad name: x", " folded: x", ": nameless", "Spaced : x", "X-Odd: ü"}).Draw(rt, "line"); line != "" {
			q.Header = append(q.Header, line)
		}
		scheme := "http"
		if port == byTLS {
			scheme = "https"
		}
		q.Target = fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path)
		w, err := r.Explain(q)
		if err != nil {
			rt.Fatal(err)
		}
		head := q.Method + " " + path + " HTTP/1.1\r\n" + strings.Join(q.Header, "\r\n") + "\r\n\r\n"
		resp, body := raw(t, fmt.Sprintf("127.0.0.1:%d", port), scheme == "https", head)
		want, said := 200, ""
		if w.Refusal != nil {
			want, said = w.Refusal.Status, w.Refusal.Location
		}
		if resp.StatusCode != want || resp.Header.Get("Location") != said {
			rt.Fatalf("%q: explained as %+v, got %d %s %s", head, w.Refusal, resp.StatusCode, resp.Header.Get("Location"), body)
		}
		if want != 200 || q.Method == "HEAD" {
			return
		}
		sees := path
		for _, n := range w.Notes {
			if text, ok := strings.CutPrefix(n, "the server is asked for "); ok {
				sees = text
			}
		}
		if body != w.Backend.Name+" "+sees {
			rt.Fatalf("%q: explained as %s %q, got %q; notes %q", head, w.Backend.Name, sees, body, w.Notes)
		}
	})
}

func TestAPageInThePlaceOfAnAnswerIsExplainedWhateverTheRequestIsFor(t *testing.T) {
	file := func(status string) string {
		return put(t, filepath.Join(t.TempDir(), "page.http"), []byte("HTTP/1.1 "+status+"\r\n\r\npage"))
	}
	r := newRig(t, proxy.Options{ErrorFiles: []route.ErrorFile{{Status: 503, Path: file("404 Not Found")}, {Status: 400, Path: file("418 I'm a teapot")}}})
	port := freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, port)}})
	for _, host := range []string{"nobody.test", "a b"} {
		w, err := r.Explain(route.Question{Target: url(port, "/"), Header: []string{"Host: " + host}})
		if err != nil || w.Refusal == nil {
			t.Fatal(w, err)
		}
		resp, _ := raw(t, fmt.Sprintf("127.0.0.1:%d", port), false, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if resp.StatusCode != w.Refusal.Status || host == "nobody.test" && resp.StatusCode != 404 {
			t.Errorf("%s: explained as %+v, got %d", host, w.Refusal, resp.StatusCode)
		}
	}
}

// Any question has an answer, or an error that says what is wrong with it; and no password is told on.
func FuzzQuestion(f *testing.F) {
	for _, q := range [][3]string{
		{"http://a.test/p?q#r", "GET", "Cookie: a=b"}, {"https://bob:hush@a.test:443/%2", "", ""}, {"tcp://[::1]:10001", "", ""}, {"wss://a.test", "PUT", "Host:"},
		{"a.test:80?u=b://c@d", "CONNECT", "Transfer-Encoding: gzip"}, {"http://127.0.0.1:10001//{ ü", "*", " folded:"},
	} {
		f.Add(q[0], q[1], q[2], "127.0.0.1")
	}
	c := service(route.HTTP, 10001, netip.MustParseAddrPort("127.0.0.1:1"))
	c.SetBackends[0].Rules = []route.Rule{{Host: "a.test", Path: "/p"}}
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, 80), https(443))
	table, _ := route.Build(route.NewTable(1), c)
	f.Fuzz(func(t *testing.T, target, method, line, from string) {
		q := route.Question{Target: target, Method: method, From: from}
		if line != "" {
			q.Header = []string{line}
		}
		w, err := proxy.Explain(table, &proxy.Options{}, q)
		switch {
		case (err == nil) != (w != nil):
			t.Fatalf("%+v: %+v, %v", q, w, err)
		case w != nil && w.Refusal == nil && w.Backend == nil:
			t.Fatalf("%+v: neither refused nor served", q)
		}
		if _, password, has := strings.Cut(q.Address().User, ":"); has && len(password) > 8 && strings.Contains(q.Shown(), ":"+password+"@") {
			t.Fatalf("%+v is shown as %s", q, q.Shown())
		}
	})
}
