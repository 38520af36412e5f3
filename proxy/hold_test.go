package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

const longHold = time.Minute // longer than any test

// holding is a service that holds requests, without a server yet.
func holding(mode route.Mode, port int, hold time.Duration) route.Change {
	c := service(mode, port)
	c.SetBackends[0].Hold = hold
	return c
}

func (r *rig) waitQueued(port int, n int64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprint(n, " in the queue"), func() bool { return r.backend(port).Stats.Queue.Load() == n })
}

// come gives the service of the change its servers.
func (r *rig) come(c route.Change, with route.Change) {
	c.SetBackends[0].Servers = with.SetBackends[0].Servers
	r.apply(c)
}

// inBackground sends a request in the background; what it gets is sent to the channel.
func inBackground(method, url, body string) <-chan string {
	got := make(chan string, 1)
	go func() {
		req, _ := http.NewRequest(method, url, strings.NewReader(body))
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		got <- fmt.Sprint(resp.StatusCode, " ", string(b))
	}()
	return got
}

func TestRequestsAreHeldUntilThereIsAServer(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	c := holding(route.HTTP, port, longHold)
	r.apply(c)
	echo := task(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, b)
	})
	first, second := inBackground("GET", url(port, "/a"), ""), inBackground("POST", url(port, "/b"), strings.Repeat("x", 100<<10))
	r.waitQueued(port, 2)
	began := time.Now()
	eventually(t, "they have waited for a while", func() bool { return time.Since(began) > 2*time.Millisecond })
	r.apply(holding(route.HTTP, port, longHold)) // a change that brings no server
	if n := r.backend(port).Stats.Queue.Load(); n != 2 {
		t.Errorf("%d in the queue after a change without a server", n)
	}
	r.come(c, service(route.HTTP, port, echo))
	if got := <-first; got != "200 GET /a " {
		t.Errorf("GET: %s", got)
	}
	if got := <-second; got != "200 POST /b "+strings.Repeat("x", 100<<10) {
		t.Errorf("POST: %.80s, %d bytes", got, len(got))
	}
	s := r.backend(port).Stats
	if s.Queue.Load() != 0 || s.Queue.Peak() != 2 {
		t.Errorf("queue %d, at most %d", s.Queue.Load(), s.Queue.Peak())
	}
	eventually(t, "all is counted", func() bool { return s.Sum(route.Resp2xx) == 2 })
	if s.QueueTime.Peak() == 0 || s.Sum(route.ErrConn) != 0 {
		t.Errorf("queue time %d, connection errors %d", s.QueueTime.Peak(), s.Sum(route.ErrConn))
	}
}

func TestAServerThatIsUnfitEndsNoWaitUntilAProbeFindsItWell(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	c := holding(route.HTTP, port, longHold)
	c.SetBackends[0].Check = &route.Check{Protocol: "HTTP", Path: "/health", Interval: 20 * time.Millisecond, Timeout: time.Second, Rise: 2, Fall: 1}
	var mu sync.Mutex
	well := false
	addr := task(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/health" && !well {
			w.WriteHeader(500)
		}
	})
	r.come(c, service(route.HTTP, port, addr))
	eventually(t, "down", func() bool { return r.backend(port).Servers[0].Health() == route.Down })
	got := inBackground("GET", url(port, "/"), "")
	r.waitQueued(port, 1)
	mu.Lock()
	well = true
	mu.Unlock()
	if got := <-got; got != "200 " {
		t.Error(got)
	}
}

func TestWhenNoServerComesInTimeTheAnswerIs503(t *testing.T) {
	for _, mode := range []route.Mode{route.HTTP, route.TCP} {
		r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
		r.apply(holding(mode, port, 50*time.Millisecond))
		got, failed := <-inBackground("GET", url(port, "/"), ""), r.ended()
		if mode == route.HTTP && !strings.HasPrefix(got, "503 <html><body><h1>503 Service Unavailable") || mode == route.TCP && !strings.Contains(got, "EOF") && !strings.Contains(got, "reset") {
			t.Errorf("%s: %s", mode, got)
		}
		if failed["failure"] != "held too long" || failed["term"] != "sQ" || strings.HasPrefix(failed["times"].(string), "-1/") {
			t.Errorf("%s: %v", mode, failed)
		}
		s := r.backend(port).Stats
		if s.Queue.Load() != 0 || s.Queue.Peak() != 1 || s.Sum(route.ErrConn) != 1 {
			t.Errorf("%s: queue %d, at most %d, connection errors %d", mode, s.Queue.Load(), s.Queue.Peak(), s.Sum(route.ErrConn))
		}
	}
}

func TestAClientThatLeavesWhileHeldIsForgotten(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	c := holding(route.HTTP, port, longHold)
	r.apply(c)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "GET /left HTTP/1.1\r\nHost: h\r\n\r\n")
	r.waitQueued(port, 1)
	conn.Close()
	r.waitQueued(port, 0)
	if failed := r.ended(); failed["failure"] != "client left while held" || failed["term"] != "CQ" {
		t.Errorf("%v", failed)
	}
	r.come(c, service(route.HTTP, port, named(t, "alive")))
	if got := <-inBackground("GET", url(port, "/"), ""); got != "200 alive" {
		t.Error(got)
	}
	if n := r.backend(port).Servers[0].Stats.Sum(route.Sessions); n != 1 {
		t.Errorf("the server got %d requests", n)
	}
}

func TestHowManyAreHeldIsBoundedForEachService(t *testing.T) {
	r, full, other := newRig(t, proxy.Options{HoldRequests: 2}), freePort(t), freePort(t)
	r.apply(holding(route.HTTP, full, longHold))
	r.apply(holding(route.HTTP, other, longHold))
	a, b := inBackground("GET", url(full, "/"), ""), inBackground("GET", url(full, "/"), "")
	r.waitQueued(full, 2)
	if got := <-inBackground("GET", url(full, "/"), ""); !strings.HasPrefix(got, "503") {
		t.Error(got)
	}
	if failed := r.ended(); failed["failure"] != "no server" || failed["term"] != "SC" {
		t.Errorf("%v", failed)
	}
	c := inBackground("GET", url(other, "/"), "")
	r.waitQueued(other, 1)
	for _, port := range []int{full, other} {
		r.come(holding(route.HTTP, port, longHold), service(route.HTTP, port, named(t, "alive")))
	}
	for _, got := range []string{<-a, <-b, <-c} {
		if got != "200 alive" {
			t.Error(got)
		}
	}
}

func TestHowMuchIsHeldIsBoundedForAll(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10, HoldBytes: 1}), freePort(t)
	r.apply(holding(route.HTTP, port, longHold))
	if got := <-inBackground("GET", url(port, "/"), ""); !strings.HasPrefix(got, "503") || r.backend(port).Stats.Queue.Peak() != 0 {
		t.Errorf("%s, %d held", got, r.backend(port).Stats.Queue.Peak())
	}
}

func TestNobodyWaitsForAServiceThatIsGoneOrForAnEndingProxy(t *testing.T) {
	r, web, gone, last := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t), freePort(t), freePort(t)
	host := holding(route.HTTP, gone, longHold)
	host.SetBackends[0].Rules = []route.Rule{{Host: "a.example.com"}}
	host.SetListeners = append(host.SetListeners, entry(route.HTTPIn, route.ByHost, web))
	r.apply(host)
	r.apply(holding(route.HTTP, last, longHold))
	got := make(chan int, 1)
	go func() {
		resp, _ := get(t, url(web, "/"), "Host", "a.example.com")
		got <- resp.StatusCode
	}()
	r.waitQueued(gone, 1)
	r.apply(route.Change{DropBackends: []string{host.SetBackends[0].Name}})
	if got := <-got; got != 503 {
		t.Errorf("of a service that is gone: %d", got)
	}
	end := inBackground("GET", url(last, "/"), "")
	r.waitQueued(last, 1)
	go r.stop()
	if got := <-end; !strings.HasPrefix(got, "503") {
		t.Errorf("of a proxy that ends: %s", got)
	}
}

// Whoever is held shows no password: the service that asks for one by the time it has a server must not let it in.
func TestAHeldRequestIsNotLetInToAServiceThatGuardsItselfMeanwhile(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	c := holding(route.HTTP, port, longHold)
	r.apply(c)
	got := inBackground("GET", url(port, "/"), "")
	r.waitQueued(port, 1)
	c.SetBackends[0].Auth = &route.Auth{Realm: "r", User: "bob"}
	r.come(c, service(route.HTTP, port, named(t, "secret")))
	if got := <-got; !strings.HasPrefix(got, "503") {
		t.Error(got)
	}
}

func TestARequestWhoseServerDiedIsHeldUntilItsSuccessorComes(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	c := holding(route.HTTP, port, longHold)
	r.come(c, service(route.HTTP, port, refusing(t)))
	got := inBackground("POST", url(port, "/"), "body")
	eventually(t, "the first try", func() bool { return r.backend(port).Servers[0].Stats.Sum(route.Sessions) == 1 })
	r.apply(holding(route.HTTP, port, longHold)) // Marathon says that it is gone
	r.waitQueued(port, 1)
	r.come(c, service(route.HTTP, port, named(t, "successor")))
	if got := <-got; got != "200 successor" {
		t.Error(got)
	}
}

func TestATCPConnectionIsHeldToo(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	c := holding(route.TCP, port, longHold)
	r.apply(c)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "hello\n")
	r.waitQueued(port, 1)
	r.come(c, service(route.TCP, port, rawTask(t, func(c net.Conn, r *bufio.Reader) {
		line, _ := r.ReadString('\n')
		io.WriteString(c, "you said "+line)
	})))
	if got, _ := bufio.NewReader(conn).ReadString('\n'); got != "you said hello\n" {
		t.Errorf("%q", got)
	}
}

func TestHeldRequestsGoInTheOrderInWhichTheyCame(t *testing.T) {
	h := proxy.NewHolds(proxy.Options{HoldRequests: 10, HoldBytes: 1000})
	table, _ := route.Build(route.NewTable(1), service(route.HTTP, 1))
	b := table.Backend("app_1")
	var order []int
	left := func() {}
	for i := range 5 {
		leave := h.Enter(b, 100, longHold, func(proxy.Failure) { order = append(order, i) })
		if i == 2 {
			left = leave
		}
	}
	left()
	left()
	h.Release("app_1")
	h.Release("app_1")
	if fmt.Sprint(order) != "[0 1 3 4]" || b.Stats.Queue.Load() != 0 {
		t.Errorf("%v, %d in the queue", order, b.Stats.Queue.Load())
	}
	for range 10 {
		if h.Enter(b, 100, longHold, func(proxy.Failure) {}) == nil {
			t.Error("places were not given back")
		}
	}
	if h.Enter(b, 1, longHold, nil) != nil {
		t.Error("more found a place than there are places")
	}
	h.Release("app_1")
}

// The server is the same before and after: it was unfit while the request came, and the service asks for a password since.
func TestAHeldRequestIsNotLetInByTheServerOfThenWhenTheServiceGuardsItselfMeanwhile(t *testing.T) {
	r, port := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t)
	var well atomic.Bool
	addr := task(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" && !well.Load() {
			w.WriteHeader(500)
		}
		io.WriteString(w, "secret")
	})
	c := holding(route.HTTP, port, longHold)
	c.SetBackends[0].Servers = service(route.HTTP, port, addr).SetBackends[0].Servers
	c.SetBackends[0].Check = &route.Check{Protocol: "HTTP", Path: "/health", Interval: 20 * time.Millisecond, Timeout: time.Second, Rise: 2, Fall: 1}
	r.apply(c)
	eventually(t, "down", func() bool { return r.backend(port).Servers[0].Health() == route.Down })
	got := inBackground("GET", url(port, "/"), "")
	r.waitQueued(port, 1)
	c.SetBackends[0].Auth = &route.Auth{Realm: "r", User: "bob"}
	r.apply(c)
	well.Store(true)
	if got := <-got; !strings.HasPrefix(got, "503") {
		t.Error(got)
	}
}
