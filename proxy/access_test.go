package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// secret is the password "secret", hashed by `openssl passwd -6 -salt saltsalt`.
const secret = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"

// tellTarget is a task that answers with what it was asked.
func tellTarget(w http.ResponseWriter, r *http.Request) {
	for _, to := range r.Header["Want-Location"] {
		w.Header().Add("Location", to)
	}
	fmt.Fprintf(w, "%s %s %s auth=%q", r.Method, r.Host, r.RequestURI, r.Header.Get("Authorization"))
}

// shared is a service of host a.test, and /sub of it, on a port that routes by host, with an own port and an app id.
func shared(t *testing.T, r *rig, change func(k *route.BackendSpec)) (byHost, byApp, own int) {
	t.Helper()
	byHost, byApp, own = freePort(t), freePort(t), freePort(t)
	c := service(route.HTTP, own, task(t, tellTarget))
	k := &c.SetBackends[0]
	k.Rules = []route.Rule{{Host: "a.test"}, {AppID: "/app"}}
	change(k)
	other := service(route.HTTP, 1, task(t, tellTarget))
	other.SetBackends[0].Rules = []route.Rule{{Host: "a.test", Path: "/open", Weight: 1}}
	c.SetBackends = append(c.SetBackends, other.SetBackends...)
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, byHost), entry(route.AppIDIn, route.ByAppID, byApp))
	r.apply(c)
	return byHost, byApp, own
}

func TestAPasswordGuardsEveryEntryOfItsServiceAndNoOther(t *testing.T) {
	for scope, unguarded := range map[proxy.AuthScope]int{proxy.AuthAll: 401, proxy.AuthVHost: 200} {
		r := newRig(t, proxy.Options{AuthScope: scope})
		byHost, byApp, own := shared(t, r, func(k *route.BackendSpec) { k.Auth = &route.Auth{Realm: `the "realm"`, User: "bob", Hash: secret} })
		resp, body := get(t, url(byHost, "/x"), "Host", "a.test")
		if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != `Basic realm="the \"realm\""` || !resp.Close ||
			body != "<html><body><h1>401 Unauthorized</h1>\nYou need a valid user and password to access this content.\n</body></html>\n" {
			t.Errorf("nothing shown: %d %v %q", resp.StatusCode, resp.Header, body)
		}
		for _, c := range []struct{ user, password string }{{"bob", "Secret"}, {"Bob", "secret"}, {"bob", ""}, {"", "secret"}} {
			req, _ := http.NewRequest("GET", url(byHost, "/"), nil)
			req.Host = "a.test"
			req.SetBasicAuth(c.user, c.password)
			if resp, _ := do(t, req); resp.StatusCode != 401 {
				t.Errorf("%v: %d", c, resp.StatusCode)
			}
		}
		for range 2 { // the second time the verdict is remembered
			if resp, body := get(t, url(byHost, "/x"), "Host", "a.test", "Authorization", "basic Ym9iOnNlY3JldA=="); resp.StatusCode != 200 ||
				body != `GET a.test /x auth="basic Ym9iOnNlY3JldA=="` {
				t.Errorf("the right password: %d %s", resp.StatusCode, body)
			}
		}
		for what, at := range map[string]int{"service port": own, "app id": byApp} {
			if resp, _ := get(t, url(at, "/"), "X-Marathon-App-Id", "/app"); resp.StatusCode != unguarded {
				t.Errorf("scope %s, %s: %d, want %d", scope, what, resp.StatusCode, unguarded)
			}
		}
		if resp, _ := get(t, url(byHost, "/open"), "Host", "a.test"); resp.StatusCode != 200 {
			t.Errorf("the neighbour on the same host: %d", resp.StatusCode)
		}
		for _, broken := range []string{"Basic", "Basic !", "Bearer x", "Basic Ym9i"} {
			if resp, _ := get(t, url(byHost, "/"), "Host", "a.test", "Authorization", broken); resp.StatusCode != 401 {
				t.Errorf("%q: %d", broken, resp.StatusCode)
			}
		}
	}
}

func TestManyGuessesAtOnceKeepNobodyOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, proxy.Options{})
	byHost, _, _ := shared(t, r, func(k *route.BackendSpec) { k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret} })
	ask := func(password string) int {
		req, _ := http.NewRequest("GET", url(byHost, "/"), nil)
		req.Host = "a.test"
		req.SetBasicAuth("bob", password)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return 0
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := ask("secret"); got != 200 {
		t.Fatalf("the right password: %d", got)
	}
	var guesses sync.WaitGroup
	for i := range 40 { // under the race detector, more would have to wait for longer than anybody may
		guesses.Go(func() {
			if got := ask(fmt.Sprint("guess", i)); got != 401 {
				t.Errorf("a guess: %d", got)
			}
		})
	}
	for range 20 {
		if got := ask("secret"); got != 200 {
			t.Errorf("the right password meanwhile: %d", got)
		}
	}
	guesses.Wait()
}

func TestOnlyListedNetworksGetInByAnyEntry(t *testing.T) {
	for network, want := range map[string]int{"127.0.0.0/8": 200, "10.0.0.0/8": 403} {
		r := newRig(t, proxy.Options{})
		byHost, byApp, own := shared(t, r, func(k *route.BackendSpec) { k.Allow = []netip.Prefix{netip.MustParsePrefix(network)} })
		for what, at := range map[string]int{"host": byHost, "app id": byApp, "service port": own} {
			resp, body := get(t, url(at, "/"), "Host", "a.test", "X-Marathon-App-Id", "/app", "X-Forwarded-For", "10.0.0.1")
			if resp.StatusCode != want || want == 403 && !strings.Contains(body, "Request forbidden by administrative rules.") {
				t.Errorf("%s by %s: %d %q", network, what, resp.StatusCode, body)
			}
		}
		if resp, _ := get(t, url(byHost, "/open"), "Host", "a.test"); resp.StatusCode != 200 {
			t.Errorf("the neighbour: %d", resp.StatusCode)
		}
	}
}

func TestATCPServiceClosesToOthersWithoutAByte(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.TCP, port, named(t, "in"))
	c.SetBackends[0].Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	r.apply(c)
	if got := say(t, port, "GET / HTTP/1.0\r\n\r\n"); got != "" {
		t.Errorf("got %q", got)
	}
	stats := r.Table().Backend(c.SetBackends[0].Name).Stats
	eventually(t, "it is counted", func() bool { return stats.Sum(route.DeniedReq) == 1 })
}

func TestAHandshakeThatLastsIsNoWayRoundAPasswordThatCameMeanwhile(t *testing.T) {
	r, port, file, addr := newRig(t, proxy.Options{}), freePort(t), newAuthority(t).file("a.example"), task(t, tellTarget)
	r.apply(secured(service(route.TCP, port, addr), file))
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, "the connection is accepted", func() bool { return r.Table().Listeners()[0].Stats.Sessions.Load() == 1 })
	c := secured(service(route.HTTP, port, addr), file)
	c.SetBackends[0].Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	r.apply(c)
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	io.WriteString(client, "GET / HTTP/1.0\r\n\r\n")
	if got, _ := io.ReadAll(client); len(got) > 0 {
		t.Errorf("nothing shown: %s", got)
	}
}

func TestARetryIsNoWayRoundAPasswordThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freePort(t)))))
	got := make(chan int)
	go func() {
		resp, _ := get(t, url(port, "/"))
		got <- resp.StatusCode
	}()
	eventually(t, "a first try", func() bool { return r.Table().Backends()[0].Servers[0].Stats.Sum(route.Sessions) == 1 })
	c := service(route.HTTP, port, named(t, "guarded"))
	c.SetBackends[0].Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	r.apply(c)
	if status := <-got; status != 503 {
		t.Errorf("nothing shown: %d", status)
	}
}

func TestARefusalWaitsForNoBodyNorDoesItsConnection(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(k *route.BackendSpec){
		"301": func(k *route.BackendSpec) { k.ToHTTPS = true },
		"401": func(k *route.BackendSpec) { k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret} },
		"503": func(k *route.BackendSpec) { k.Closed = true },
	} {
		byHost, _, _ := shared(t, newRig(t, proxy.Options{}), change)
		for _, framing := range []string{"Content-Length: 10", "Transfer-Encoding: chunked"} {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", byHost))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\n"+framing+"\r\n\r\n")
			if got, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 "+what) {
				t.Errorf("%s, %s: %v %q", what, framing, err, got)
			}
		}
	}
}

func TestARefusedRequestMayHaveABodyAndANextOne(t *testing.T) {
	byHost, _, _ := shared(t, newRig(t, proxy.Options{}), func(k *route.BackendSpec) { k.ToHTTPS = true })
	got := say(t, byHost, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n0123456789GET /open HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 301 ") || !strings.Contains(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q", got)
	}
}

// marathon-lb.md 5.6, with D-HEADER-2 and D-DETAIL-29.
func TestRedirectsToHTTPS(t *testing.T) {
	t.Parallel()
	r := newRig(t, proxy.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	byHost, byApp, own := shared(t, r, func(k *route.BackendSpec) {
		k.ToHTTPS, k.HSTS = true, true
		k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	})
	for _, c := range []struct{ host, path, want string }{
		{"a.test", "/a/b?c=d", "https://a.test/a/b?c=d"},
		{"A.test:80", "/", "https://A.test/"},
		{"a.test", "/?", "https://a.test/?"},
	} {
		resp, body := get(t, url(byHost, c.path), "Host", c.host)
		if resp.StatusCode != 301 || resp.Header.Get("Location") != c.want || body != "" || resp.ContentLength != 0 || resp.Close ||
			resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%+v: %d %v %q", c, resp.StatusCode, resp.Header, body)
		}
	}
	whole, err := http.NewRequest("OPTIONS", url(byHost, "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	whole.Host, whole.URL.Opaque = "a.test", "*"
	if resp, _ := do(t, whole); resp.StatusCode != 301 || resp.Header.Get("Location") != "https://a.test" {
		t.Errorf("OPTIONS *: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp, _ := get(t, url(byHost, "/"), "Host", "a.test", "X-Forwarded-Proto", "https"); resp.StatusCode != 401 {
		t.Errorf("behind a trusted proxy that ended TLS: %d", resp.StatusCode)
	}
	if resp, _ := get(t, url(byHost, "/open"), "Host", "a.test"); resp.StatusCode != 200 {
		t.Errorf("the neighbour: %d", resp.StatusCode)
	}
	for what, at := range map[string]int{"service port": own, "app id": byApp} {
		if resp, _ := get(t, url(at, "/"), "X-Marathon-App-Id", "/app"); resp.StatusCode != 401 {
			t.Errorf("%s: %d, and it never redirects", what, resp.StatusCode)
		}
	}
	other := service(route.HTTP, 2)
	other.SetListeners = []route.ListenerSpec{entry(route.HTTPSIn, route.ByHost, freePort(t))}
	r.apply(other)
	want := fmt.Sprintf("https://a.test:%d/x", other.SetListeners[0].Bind.Port())
	if resp, _ := get(t, url(byHost, "/x"), "Host", "a.test:8080"); resp.Header.Get("Location") != want {
		t.Errorf("with https on another port: %s, want %s", resp.Header.Get("Location"), want)
	}
	r.stop()
	for _, e := range r.logs.FilterMessage("request").All() {
		if e.ContextMap()["failure"] == "redirected" {
			t.Fatal("a redirect stands in the log of errors")
		}
	}
}

func TestAClientThatClaimsHTTPSIsRedirectedAllTheSame(t *testing.T) {
	r := newRig(t, proxy.Options{})
	byHost, _, _ := shared(t, r, func(k *route.BackendSpec) { k.ToHTTPS = true })
	if resp, _ := get(t, url(byHost, "/"), "Host", "a.test", "X-Forwarded-Proto", "https"); resp.StatusCode != 301 {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestHSTSIsOnEveryProxiedResponse(t *testing.T) {
	r := newRig(t, proxy.Options{})
	byHost, _, own := shared(t, r, func(k *route.BackendSpec) { k.HSTS = true })
	for _, at := range []int{byHost, own} {
		if resp, _ := get(t, url(at, "/"), "Host", "a.test"); resp.Header.Get("Strict-Transport-Security") != "max-age=15768000" {
			t.Errorf("port %d: %v", at, resp.Header)
		}
	}
}

// marathon-lb.md 5.6: HTTP_BACKEND_PROXYPASS_PATH.
func TestThePrefixIsTakenOffThePath(t *testing.T) {
	r := newRig(t, proxy.Options{})
	byHost, _, own := shared(t, r, func(k *route.BackendSpec) { k.Rewrite = route.Rewrite{Strip: "/foo", Host: "pass.test"} })
	for path, want := range map[string]string{
		"/foo": "/", "/foo/bar?q=1": "/bar?q=1", "/foobar": "/bar", "/FOO/x": "/x", "/x/foo/y": "/x/foo/y", "/foo//x": "//x",
		"/foo?a": "/?a", "/foo/a%2fb": "/a%2fb", "/fo": "/fo",
	} {
		if _, body := get(t, url(own, path)); body != "GET pass.test "+want+` auth=""` {
			t.Errorf("%s: the server saw %s, want %s", path, body, want)
		}
	}
	if _, body := get(t, url(byHost, "/foo/x"), "Host", "a.test"); body != `GET pass.test /x auth=""` {
		t.Errorf("by host: %s", body)
	}
}

// marathon-lb.md 5.6: HTTP_BACKEND_REVPROXY_PATH, with D-ROUTE-16.
func TestTheLocationOfAResponseGetsThePathInFront(t *testing.T) {
	r := newRig(t, proxy.Options{})
	_, _, own := shared(t, r, func(k *route.BackendSpec) {
		k.Rewrite = route.Rewrite{Location: "/my/content/", Hosts: []string{"rev.test", "*.wild.test"}}
	})
	for from, want := range map[string]string{
		"http://rev.test:8080/login":     "/my/content/login",
		"https://Rev.test/login?x=1":     "/my/content/login?x=1",
		"http://a.b.wild.test":           "/my/content/",
		"//rev.test/x":                   "/my/content/x",
		"/login?x=1":                     "/my/content/login?x=1",
		"/my/content/login":              "/my/content/login",
		"/my/content":                    "/my/content",
		"/my/contents":                   "/my/content/my/contents",
		"http://rev.test/my/content/x":   "http://rev.test/my/content/x",
		"https://other.com/login":        "https://other.com/login",
		"https://rev.test.other.com/x":   "https://rev.test.other.com/x",
		"//other.com/login":              "//other.com/login",
		"login":                          "login",
		"mailto:bob@rev.test":            "mailto:bob@rev.test",
		"https://rev.test@other.com/x":   "https://rev.test@other.com/x",
		"https://user:x@other.com:443/x": "https://user:x@other.com:443/x",
	} {
		if resp, _ := get(t, url(own, "/"), "Want-Location", from); resp.Header.Get("Location") != want {
			t.Errorf("%s becomes %s, want %s", from, resp.Header.Get("Location"), want)
		}
	}
	resp, _ := get(t, url(own, "/"), "Want-Location", "/login", "Want-Location", "https://other.com/")
	if got := resp.Header["Location"]; !slices.Equal(got, []string{"/my/content/login", "https://other.com/"}) {
		t.Errorf("of two there is left %q", got)
	}
}

func TestAPasswordIsAskedForBeforeTheRootIsRedirected(t *testing.T) {
	r := newRig(t, proxy.Options{})
	byHost, _, _ := shared(t, r, func(k *route.BackendSpec) {
		k.Rewrite = route.Rewrite{Root: "/my/content", Hosts: []string{"a.test"}}
		k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	})
	for range 2 { // the second time, what was shown is known
		for password, want := range map[string]int{"wrong": 401, "secret": 301} {
			req, err := http.NewRequest("GET", url(byHost, "/"), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "a.test"
			req.SetBasicAuth("bob", password)
			if resp, _ := do(t, req); resp.StatusCode != want {
				t.Errorf("with the password %s: %d, want %d", password, resp.StatusCode, want)
			}
		}
	}
}

// marathon-lb.md 5.6: HTTP_BACKEND_REDIR.
func TestTheRootIsRedirected(t *testing.T) {
	r := newRig(t, proxy.Options{})
	byHost, _, own := shared(t, r, func(k *route.BackendSpec) {
		k.Rewrite = route.Rewrite{Root: "/my/content", Hosts: []string{"a.test", "b.test"}}
	})
	for _, c := range []struct {
		port       int
		host, path string
		want       int
	}{
		{byHost, "a.test", "/", 301}, {byHost, "a.test:80", "/?a=1", 301}, {own, "B.test", "/", 301}, // upstream: not with a port, nor for several hosts
		{byHost, "a.test", "/x", 200}, {own, "c.test", "/", 200},
	} {
		resp, _ := get(t, url(c.port, c.path), "Host", c.host)
		if resp.StatusCode != c.want || c.want == 301 && resp.Header.Get("Location") != "/my/content" {
			t.Errorf("%+v: %d %v", c, resp.StatusCode, resp.Header)
		}
	}
}

func TestAHashOfTheRequestChoosesTheServer(t *testing.T) {
	for _, c := range []struct {
		balance route.Balance
		on      string
		vary    func(i int) (path string, fields []string)
		same    func(i int) (path string, fields []string) // what it must not look at
	}{
		{route.URI, "", func(i int) (string, []string) { return fmt.Sprint("/", i), nil }, func(i int) (string, []string) { return fmt.Sprint("/x?", i), nil }},
		{route.URI, "whole", func(i int) (string, []string) { return fmt.Sprint("/x?", i), nil },
			func(i int) (string, []string) { return "/x", []string{"X-User", fmt.Sprint(i)} }},
		{route.URLParam, "user", func(i int) (string, []string) { return fmt.Sprint("/?a=1&user=", i), nil },
			func(i int) (string, []string) { return fmt.Sprint("/?user=1&b=", i), nil }},
		{route.Header, "x-user", func(i int) (string, []string) { return "/", []string{"X-User", fmt.Sprint(i)} },
			func(i int) (string, []string) { return fmt.Sprint("/", i), []string{"X-User", "bob"} }},
	} {
		r, port := newRig(t, proxy.Options{}), freePort(t)
		change := service(route.HTTP, port, named(t, "1"), named(t, "2"), named(t, "3"))
		change.SetBackends[0].Balance, change.SetBackends[0].HashOn = c.balance, c.on
		r.apply(change)
		ask := func(how func(int) (string, []string), i int) string {
			path, fields := how(i)
			_, body := get(t, url(port, path), fields...)
			return body
		}
		seen, one := map[string]bool{}, ask(c.same, 0)
		for i := range 30 {
			first := ask(c.vary, i)
			seen[first] = true
			if again := ask(c.vary, i); again != first {
				t.Errorf("%s %s: %d went to %s, then to %s", c.balance, c.on, i, first, again)
			}
			if got := ask(c.same, i); got != one {
				t.Errorf("%s %s: what it does not look at moved the request from %s to %s", c.balance, c.on, one, got)
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s %s: only %d of 3 servers were chosen", c.balance, c.on, len(seen))
		}
	}
}

// marathon-lb.md appendix A.4, as far as it takes a connection: what upstream answers, what we do, and the row of
// docs/differences.md where that is something else.
func TestAppendixA4AtTheEntries(t *testing.T) {
	a := newAuthority(t)
	r := newRig(t, proxy.Options{SSLCerts: []string{a.file("x.test", "other.test")}})
	byHost, byApp, own := shared(t, r, func(k *route.BackendSpec) {
		k.Rules = []route.Rule{{Host: "x.test"}, {AppID: "/app"}}
		k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	})
	secure := freePort(t)
	other := vhost(t, "other", "other.test")
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(secure)}, SetBackends: []route.BackendSpec{other}})
	over := func(sni, host string) func() int {
		return func() int {
			c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", secure), &tls.Config{ServerName: sni, InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			return resp.StatusCode
		}
	}
	plain := func(port int, fields ...string) func() int {
		return func() int {
			resp, _ := get(t, url(port, "/"), fields...)
			return resp.StatusCode
		}
	}
	page, err := os.ReadFile("../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what           string
		ask            func() int
		upstream, ours int // 401 is x.test's answer, 200 that of other.test
		id             string
	}{
		{":80, the host", plain(byHost, "Host", "X.test"), 401, 401, ""},
		{":80, nobody's host", plain(byHost, "Host", "y.test"), 503, 503, ""},
		{":443, SNI and Host of one app", over("other.test", "other.test"), 200, 200, ""},
		{":443, SNI exact, Host of another app", over("x.test", "other.test"), 401, 200, "D-ROUTE-1"},
		{":443, no SNI", over("", "other.test"), 503, 200, "D-DETAIL-31"},
		{":9091, in other letters", plain(byApp, "X-Marathon-App-Id", "/APP"), 200, 401, "D-ROUTE-8"},
		{":9091, without the slash", plain(byApp, "X-Marathon-App-Id", "app"), 503, 503, ""},
		{"service port, any Host, no AUTH", plain(own, "Host", "y.test"), 200, 401, "D-ROUTE-8"},
	} {
		if got := c.ask(); got != c.ours {
			t.Errorf("%s: %d, want %d", c.what, got, c.ours)
		}
		if c.ours != c.upstream && !strings.Contains(string(page), "| "+c.id+" |") {
			t.Errorf("%s: there is no difference %q in docs/differences.md", c.what, c.id)
		}
	}
}

func TestBrowsersAskForAPasswordWhereAnErrorFileTellsThatItIsWanted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "401.http")
	if err := os.WriteFile(file, []byte("HTTP/1.0 401 Unauthorized\r\nContent-Type: text/plain\r\n\r\nwho are you?"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	c.SetBackends[0].Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	c.SetBackends[0].Do = &route.Directives{Errors: []route.ErrorFile{{Status: 401, Path: file}}}
	r.apply(c)
	resp, body := get(t, url(port, "/"))
	if resp.StatusCode != 401 || body != "who are you?" || resp.Header.Get("WWW-Authenticate") != `Basic realm="r"` {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
}
