package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// refusing is an address at which nobody listens.
func refusing(t *testing.T) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freePort(t)))
}

func TestARefusedConnectGoesToTheNextServerWhateverTheMethod(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, refusing(t), named(t, "alive")))
	for _, method := range []string{"GET", "POST"} {
		for range 6 {
			req, _ := http.NewRequest(method, url(port, "/"), strings.NewReader("body"))
			if resp, body := do(t, req); resp.StatusCode != 200 || body != "alive" {
				t.Fatalf("%s: %d %q", method, resp.StatusCode, body)
			}
		}
	}
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	eventually(t, "all is counted", func() bool { return b.Stats.Sum(route.Resp2xx) == 12 })
	dead := b.Servers[0].Stats
	if n := dead.Sum(route.Retries); n == 0 || n != dead.Sum(route.Redispatches) || b.Stats.Sum(route.Retries) != n {
		t.Errorf("retries %d, redispatches %d, of the backend %d", n, dead.Sum(route.Redispatches), b.Stats.Sum(route.Retries))
	}
	if b.Stats.Sum(route.ErrConn) != 0 {
		t.Error("requests that were served count as connection errors")
	}
}

func TestALoneServerIsTriedAgainAfterAPause(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freePort(t)))
	r.apply(service(route.HTTP, port, addr))
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	answer := later(url(port, "/"))
	eventually(t, "the first try", func() bool { return b.Servers[0].Stats.Sum(route.Sessions) == 1 })
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go s.Serve(l)
	defer s.Close()
	if got := (<-answer).status; got != 200 {
		t.Errorf("answered %d", got)
	}
}

// fault is a way for an exchange to go wrong and what must be seen of it.
type fault struct {
	name    string
	server  func(c net.Conn, r *bufio.Reader)
	request string // a GET if empty
	status  string // prefix of what the client gets; empty if it leaves before
	failure string
	term    string
	counter route.Count
	client  func(c net.Conn, wait func()) // instead of reading to the end; wait returns when the server has the request
}

var short = proxy.Timeouts{Client: 300 * time.Millisecond, Server: 300 * time.Millisecond, Handshake: 300 * time.Millisecond, Head: 300 * time.Millisecond, Connect: 300 * time.Millisecond}

var faults = []fault{
	{name: "the server closes before a response", server: func(c net.Conn, r *bufio.Reader) { head(r) },
		status: "HTTP/1.1 502", failure: "server closed", term: "SH", counter: route.ServerAborts},
	{name: "the server says garbage", server: func(c net.Conn, r *bufio.Reader) { head(r); io.WriteString(c, "SSH-2.0 hello\r\n\r\n") },
		status: "HTTP/1.1 502", failure: "bad response", term: "PH", counter: route.ErrResp},
	{name: "the server never answers", server: func(c net.Conn, r *bufio.Reader) { head(r); io.Copy(io.Discard, r) },
		status: "HTTP/1.1 504", failure: "server timeout", term: "sH", counter: route.ErrResp},
	{name: "the server switches protocols unasked",
		server: func(c net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		},
		status: "HTTP/1.1 502", failure: "bad response", term: "PH", counter: route.ErrResp},
	{name: "the server breaks off in the body",
		server: func(c net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		},
		status: "HTTP/1.1 200", failure: "server cut", term: "SD", counter: route.ServerAborts},
	{name: "the server breaks off a chunked body",
		server: func(c net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		},
		status: "HTTP/1.1 200", failure: "server cut", term: "SD", counter: route.ServerAborts},
	{name: "the server stops in the body",
		server: func(c net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
			io.Copy(io.Discard, r)
		},
		status: "HTTP/1.1 200", failure: "server stalled", term: "sD", counter: route.ErrResp},
	{name: "the client stops sending its body", server: func(c net.Conn, r *bufio.Reader) { head(r); io.Copy(io.Discard, r) },
		request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
		status:  "HTTP/1.1 408", failure: "client stalled", term: "cH", counter: route.ClientAborts},
	{name: "the client leaves while the server thinks", server: func(c net.Conn, r *bufio.Reader) { head(r); io.Copy(io.Discard, r) },
		failure: "client left", term: "CH", counter: route.ClientAborts,
		client: func(c net.Conn, wait func()) { wait(); c.Close() }},
	{name: "the client leaves during its upload", server: func(c net.Conn, r *bufio.Reader) { head(r); io.Copy(io.Discard, r) },
		request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
		failure: "client left", term: "CH", counter: route.ClientAborts,
		client: func(c net.Conn, wait func()) { wait(); c.Close() }},
	{name: "the client leaves during the response",
		server: func(c net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				if _, err := io.WriteString(c, "3\r\nabc\r\n"); err != nil {
					return
				}
			}
		},
		failure: "client cut", term: "CD", counter: route.ClientAborts,
		client: func(c net.Conn, wait func()) {
			io.ReadFull(c, make([]byte, 1000))
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}},
	{name: "the client stops reading",
		server: func(c net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
			piece := make([]byte, 1<<20)
			for {
				if _, err := c.Write(piece); err != nil {
					return
				}
			}
		},
		failure: "client stalled reading", term: "cD", counter: route.ClientAborts,
		client: func(c net.Conn, wait func()) { wait() }},
}

func TestFaultsEachHaveTheirStatusCodeAndCounter(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			r, port := newRig(t, proxy.Options{Timeouts: short}), freePort(t)
			began := make(chan struct{}, 8)
			var left atomic.Int64
			r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
				br.Peek(1)
				began <- struct{}{}
				f.server(c, br)
				left.Add(1)
			})))
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if f.request == "" {
				f.request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
			}
			io.WriteString(c, f.request)
			if f.client != nil {
				f.client(c, func() { <-began })
			} else {
				all, _ := io.ReadAll(c)
				if !strings.HasPrefix(string(all), f.status) {
					t.Errorf("the client got %.80q, want %s", all, f.status)
				}
				if strings.Contains(f.term, "D") && strings.HasSuffix(string(all), "0\r\n\r\n") {
					t.Error("a cut response ends as if it were whole")
				}
			}
			line := r.ended()
			if line["failure"] != f.failure || line["term"] != f.term {
				t.Errorf("logged %v, want %s %s", line, f.failure, f.term)
			}
			b := r.Table().Backend(fmt.Sprintf("app_%d", port))
			if b.Stats.Sum(f.counter) == 0 || b.Servers[0].Stats.Sum(f.counter) == 0 {
				t.Errorf("counter %d: backend %d, server %d", f.counter, b.Stats.Sum(f.counter), b.Servers[0].Stats.Sum(f.counter))
			}
			eventually(t, "the server's connection is closed", func() bool { return left.Load() > 0 })
		})
	}
}

func TestRequestsThatAreNotTakenAreAnsweredOrCut(t *testing.T) {
	r, port := newRig(t, proxy.Options{Timeouts: short}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	many := strings.Repeat("A: b\r\n", 101)
	for _, c := range []struct{ name, send, want string }{
		{"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "HTTP/1.1 405"},
		{"long target", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 414"},
		{"many fields", "GET / HTTP/1.1\r\nHost: h\r\n" + many + "\r\n", "HTTP/1.1 431"},
		{"long head", "GET / HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", "HTTP/1.1 431"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
		{"garbage", "\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400"},
		{"length and chunked", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "HTTP/1.1 400"},
	} {
		before := r.Table().Listeners()[0].Stats.Sum(route.ErrReq)
		if got := say(t, port, c.send); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %.60q, want %s", c.name, got, c.want)
		}
		if line := r.ended(); line["term"] != "PR" {
			t.Errorf("%s: logged %v", c.name, line)
		}
		if r.Table().Listeners()[0].Stats.Sum(route.ErrReq) != before+1 {
			t.Errorf("%s is not counted", c.name)
		}
	}
	if got := say(t, port, "GET / HTTP/1.1\r\nHos"); strings.Contains(got, "200") {
		t.Errorf("a slow head got %q", got)
	}
}

func TestNoServerIsA503AtOnce(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port))
	if resp, _ := get(t, url(port, "/")); resp.StatusCode != 503 {
		t.Errorf("got %d", resp.StatusCode)
	}
	if l := r.ended(); l["failure"] != "no server" || l["server"] != "<NOSRV>" {
		t.Errorf("logged %v", l)
	}
}

func TestAPooledConnectionTheServerClosedLosesNoGET(t *testing.T) {
	var served atomic.Int64
	addr := rawTask(t, func(c net.Conn, r *bufio.Reader) { // answers once, says nothing of closing, and closes
		head(r)
		served.Add(1)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	for i := range 200 {
		if resp, body := get(t, url(port, "/")); resp.StatusCode != 200 || body != "ok" {
			t.Fatalf("request %d: %d %q", i, resp.StatusCode, body)
		}
	}
}

func TestARequestTheServerDroppedIsSentOnceMoreIfItMayBe(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	var dropped atomic.Int64
	drops := rawTask(t, func(c net.Conn, r *bufio.Reader) { head(r); dropped.Add(1) })
	r.apply(service(route.HTTP, port, drops, named(t, "alive")))
	for range 8 {
		if resp, body := get(t, url(port, "/")); resp.StatusCode != 200 || body != "alive" {
			t.Fatalf("GET: %d %q", resp.StatusCode, body)
		}
	}
	if dropped.Load() == 0 {
		t.Fatal("no request met the server that drops them")
	}
	other, refused := freePort(t), 0
	dropped.Store(0)
	r.apply(service(route.HTTP, other, drops, named(t, "alive")))
	for range 4 {
		req, _ := http.NewRequest("POST", url(other, "/"), strings.NewReader("pay"))
		if resp, _ := do(t, req); resp.StatusCode == 502 {
			refused++
		}
	}
	if refused != 1 || dropped.Load() != 1 {
		t.Errorf("%d of 4 POSTs failed, %d were dropped; want the first that met it, asked once, and then others are preferred", refused, dropped.Load())
	}
}

// A server that refuses is tried again after a second, then after two, and so on; with an answer it is as good as any.
func TestAServerThatRefusesIsShunnedForAWhile(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	down := refusing(t)
	r.apply(service(route.HTTP, port, down, named(t, "alive")))
	server := r.backend(port).Servers[0]
	for range 10 {
		if resp, body := get(t, url(port, "/")); resp.StatusCode != 200 || body != "alive" {
			t.Fatalf("%d %q", resp.StatusCode, body)
		}
	}
	if n := server.Stats.Sum(route.Sessions); n != 1 {
		t.Errorf("it was tried %d times by 10 requests", n)
	}
	l, err := net.Listen("tcp", down.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "back") })}
	go s.Serve(l)
	defer s.Close()
	began := time.Now()
	eventually(t, "it serves again", func() bool { _, body := get(t, url(port, "/")); return body == "back" })
	t.Logf("traffic on it %v after it came back", time.Since(began).Round(10*time.Millisecond))
	seen := map[string]int{}
	for range 10 {
		_, body := get(t, url(port, "/"))
		seen[body]++
	}
	if seen["back"] != 5 {
		t.Errorf("afterwards %v", seen)
	}
}

// So it is when an app grows whose tasks listen late.
func TestARequestThatManyServersRefuseReachesTheOneThatLives(t *testing.T) {
	for _, mode := range []route.Mode{route.HTTP, route.TCP} {
		r, port := newRig(t, proxy.Options{}), freePort(t)
		var servers []netip.AddrPort
		for range 9 {
			servers = append(servers, refusing(t))
		}
		r.apply(service(mode, port, append(servers, named(t, "alive"))...))
		req, _ := http.NewRequest("POST", url(port, "/"), strings.NewReader("pay"))
		if resp, body := do(t, req); resp.StatusCode != 200 || body != "alive" {
			t.Errorf("%s: %d %q", mode, resp.StatusCode, body)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	}
}

// Where all are known to refuse, no request asks them all.
func TestARequestThatNobodyTakesIsNotTriedEverywhere(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	var servers []netip.AddrPort
	for range 10 {
		servers = append(servers, refusing(t))
	}
	r.apply(service(route.HTTP, port, servers...))
	tries := func() (n uint64) {
		for _, s := range r.backend(port).Servers {
			n += s.Stats.Sum(route.Sessions)
		}
		return n
	}
	for _, want := range []uint64{10, 14} {
		if resp, _ := get(t, url(port, "/")); resp.StatusCode != 503 {
			t.Errorf("%d", resp.StatusCode)
		}
		if got := tries(); got != want {
			t.Errorf("%d tries so far, want %d", got, want)
		}
		for _, s := range r.backend(port).Servers {
			s.Shun(time.Now().Add(time.Hour))
		}
	}
}

// However long it is to be shunned: once it can be connected to, it has its turn.
func TestAServerThatRefusedForLongHasItsTurnSoonAfterItIsBack(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	down := refusing(t)
	r.apply(service(route.HTTP, port, down, named(t, "alive")))
	server := r.backend(port).Servers[0]
	for server.Grade() != route.Shunned {
		get(t, url(port, "/"))
	}
	server.Shun(time.Now().Add(time.Hour))
	for range 10 {
		if _, body := get(t, url(port, "/")); body != "alive" {
			t.Fatalf("%q", body)
		}
	}
	l, err := net.Listen("tcp", down.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "back") })}
	go s.Serve(l)
	defer s.Close()
	eventually(t, "it serves again", func() bool { _, body := get(t, url(port, "/")); return body == "back" })
}

func TestTheOnlyServerIsNeverShunned(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	addr := named(t, "only")
	r.apply(service(route.HTTP, port, addr))
	r.backend(port).Servers[0].Shun(time.Now())
	if resp, body := get(t, url(port, "/")); resp.StatusCode != 200 || body != "only" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

func TestRepeatsHaveABudget(t *testing.T) {
	var b proxy.Budget
	now := time.Unix(1000, 0)
	take := func(at time.Time, inFlight int64) (n int) {
		for b.Take(at, inFlight) {
			n++
		}
		return n
	}
	if n := take(now, 0); n != 10 {
		t.Errorf("%d in a quiet second, want 10", n)
	}
	if n := take(now, 100); n != 10 {
		t.Errorf("%d more with 100 requests in flight, want 10", n)
	}
	if n := take(now.Add(time.Second), 1000); n != 200 {
		t.Errorf("%d in the next second with 1000 in flight, want 200", n)
	}
}
