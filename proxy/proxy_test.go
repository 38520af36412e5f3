package proxy_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/proxy"
)

var eventually = testkit.Eventually

// engine is the one that all rigs of this run are served by.
var engine = proxy.LoopEngine

// TestMain runs all tests once for each engine: what a client or a server sees must not depend on it.
func TestMain(m *testing.M) {
	only := flag.String("engine", "", "run the tests with this engine alone: loop or nethttp")
	flag.Parse()
	engines := []proxy.Engine{proxy.NetHTTPEngine, proxy.LoopEngine}
	if *only != "" {
		engines = []proxy.Engine{proxy.Engine(*only)}
	} else if f := flag.Lookup("test.list"); f.Value.String() != "" || flag.Lookup("test.fuzz").Value.String() != "" {
		engines = engines[1:] // these are no tests of an engine
	}
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		f.Value.Set("64") // tests that run beside each other wait, mostly
	}
	ports.Store(rand.Int64N(lastPort - firstPort)) // other runs may be under way
	code := 0
	for _, engine = range engines {
		fmt.Println("engine:", engine)
		code = max(code, m.Run())
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Println("leaked:", err)
		code = 1
	}
	os.Exit(code)
}

// rig is a running proxy with its own ports on loopback.
type rig struct {
	*proxy.Proxy
	t    *testing.T
	logs *observer.ObservedLogs
	stop func()
}

// newRig starts a proxy; the test's end stops it and checks that nothing is left in flight.
func newRig(t *testing.T, o proxy.Options) *rig {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 5 * time.Second
	}
	o.Engine = engine
	r := &rig{Proxy: proxy.New(o, zap.New(core)), t: t, logs: logs}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	r.stop = func() { cancel(); <-ended }
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		r.stop()
		r.settled()
	})
	return r
}

// settled checks the invariants of a proxy on which nothing runs.
func (r *rig) settled() {
	for _, l := range r.Table().Listeners() {
		if n := l.Stats.Sessions.Load(); n != 0 {
			r.t.Errorf("frontend %s still has %d sessions", l.Spec.Name, n)
		}
	}
	for _, b := range r.Table().Backends() {
		if n := b.Stats.Sessions.Load(); n != 0 {
			r.t.Errorf("backend %s still has %d sessions", b.Spec.Name, n)
		}
		for _, s := range b.Rows() {
			if n := s.InFlight(); n != 0 {
				r.t.Errorf("server %s still has %d requests in flight", s.Name, n)
			}
		}
	}
}

func (r *rig) apply(c route.Change) {
	r.t.Helper()
	c.Now = time.Now()
	if err := r.Apply(c); err != nil {
		r.t.Fatal(err)
	}
}

// ports are given out once each, and below those that the kernel gives to whoever asks for none: tests run beside each other.
var ports atomic.Int64

const firstPort, lastPort = 12000, 32000

// freePort is a port nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	for range lastPort - firstPort {
		port := firstPort + int(ports.Add(1))%(lastPort-firstPort)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("there is no free port")
	return 0
}

// task starts a real HTTP server as a task of an app.
func task(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// named is a task that says its name.
func named(t *testing.T, name string) netip.AddrPort {
	return task(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, name) })
}

// service is an app /app with one port on loopback and a server for each address.
func service(mode route.Mode, port int, addrs ...netip.AddrPort) route.Change {
	b := route.BackendSpec{Name: "app_" + strconv.Itoa(port), App: "/app", Port: port, Mode: mode, Balance: route.RoundRobin}
	for i, a := range addrs {
		b.Servers = append(b.Servers, route.ServerSpec{
			Name: strings.ReplaceAll(a.Addr().String(), ".", "_") + fmt.Sprintf("_%d", a.Port()), App: "/app",
			Task: fmt.Sprintf("app.%d", a.Port()), Addr: a, Cookie: fmt.Sprintf("c%d", i+1),
		})
	}
	bind := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	return route.Change{
		SetBackends:  []route.BackendSpec{b},
		SetListeners: []route.ListenerSpec{{Name: b.Name, App: "/app", Bind: bind, Mode: mode, Entry: route.ByService, Backend: b.Name}},
	}
}

// entry is a listener that routes by host or app id.
func entry(name string, by route.Entry, port int) route.ListenerSpec {
	bind := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	return route.ListenerSpec{Name: name, Bind: bind, Mode: route.HTTP, Entry: by}
}

func url(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port, path) }

// get is a GET whose failure fails the test.
func get(t *testing.T, url string, fields ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "Host" {
			req.Host = fields[i+1]
		}
		req.Header.Add(fields[i], fields[i+1])
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// outcome is what a request came to. One that failed has status 0 and the error for a body.
type outcome struct {
	status int
	body   string
	close  bool // the connection is not to be used again
}

// later asks in the background.
func later(url string) <-chan outcome {
	answer := make(chan outcome, 1)
	go func() {
		resp, err := http.Get(url)
		if err != nil {
			answer <- outcome{body: err.Error()}
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- outcome{resp.StatusCode, string(body), resp.Close}
	}()
	return answer
}

// ended waits for the log line of the next exchange that failed and returns it.
func (r *rig) ended() map[string]any {
	r.t.Helper()
	var got map[string]any
	eventually(r.t, "a line in the access log", func() bool {
		for _, e := range r.logs.TakeAll() {
			if e.Message == "request" {
				got = e.ContextMap()
			}
		}
		return got != nil
	})
	return got
}

// countOpen keeps the number of open connections of a server.
func countOpen(n *atomic.Int64) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			n.Add(1)
		case http.StateClosed, http.StateHijacked:
			n.Add(-1)
		}
	}
}

// serveOn runs an HTTP server as a task.
func serveOn(t *testing.T, s *http.Server) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { s.Serve(l); close(done) }()
	t.Cleanup(func() { s.Close(); <-done })
	return netip.MustParseAddrPort(l.Addr().String())
}

func TestAPortThatCannotBeOpenedNamesTheLabelThatMovesIt(t *testing.T) {
	r := newRig(t, proxy.Options{})
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	change := service(route.HTTP, holder.Addr().(*net.TCPAddr).Port)
	change.SetListeners[0].PortIndex = 2
	elsewhere := change.SetListeners[0]
	elsewhere.Bind = netip.MustParseAddrPort("192.0.2.1:80")
	change.SetListeners = append(change.SetListeners, elsewhere)
	r.Apply(change)
	for i, want := range []string{
		"stop what holds it, or choose another port with HAPROXY_2_PORT",
		"give this machine that address, or choose one it has with HAPROXY_2_BIND_ADDR or --service-addr",
	} {
		if found := r.Problems(); len(found) != 2 || found[i].App != "/app" || found[i].Remedy != want {
			t.Errorf("got %+v, want %s", found, want)
		}
	}
}
