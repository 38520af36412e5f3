//go:build linux && (amd64 || arm64)

package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// newLoopRig is a rig that the event loops serve; where they are not what is tested, there is nothing to do.
func newLoopRig(t *testing.T, o proxy.Options) *rig {
	t.Helper()
	if engine != proxy.LoopEngine {
		t.Skip("this is how the event loops behave")
	}
	return newRig(t, o)
}

// connect is a connection to a port, with a reader for what comes back.
func connect(t *testing.T, port int) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn), bufio.NewReader(c)
}

// told is a task that answers with the target and the body of the request.
func told(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

func TestARequestMayComeByteByByte(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, task(t, told)))
	c, br := connect(t, port)
	for _, request := range []string{
		"\r\nPOST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
		"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
		"GET /c HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		for i := range len(request) {
			if _, err := c.Write([]byte{request[i]}); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if want := strings.Contains(request, "POST"); resp.StatusCode != 200 || strings.HasSuffix(string(body), " hello") != want {
			t.Errorf("%q: %d %q", request, resp.StatusCode, body)
		}
	}
}

func TestPipelinedRequestsAreAnsweredInTheirOrder(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, task(t, told), task(t, told)))
	c, br := connect(t, port)
	var all strings.Builder
	const n = 200
	for i := range n {
		fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", i)
	}
	go io.WriteString(c, all.String())
	for i := range n {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != fmt.Sprintf("POST /%d abc", i) {
			t.Fatalf("answer %d is %q", i, body)
		}
	}
}

// reliability.md section 1, and D-HEADER-11: what is no request, or could be read in two ways, is refused, and never reaches a server.
func TestWhatCouldBeReadInTwoWaysIsRefused(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{Timeouts: short}), freePort(t)
	var asked atomic.Int64
	r.apply(service(route.HTTP, port, rawTask(t, func(net.Conn, *bufio.Reader) { asked.Add(1) })))
	for _, c := range []struct{ send, want, failure, term string }{
		{"GET / HTTP/1.1\nHost: h\n\n", "400", "bad request", "PR"},
		{"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", "400", "bad request", "PR"},
		{"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "400", "bad request", "PR"},
		{"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", "400", "bad request", "PR"},
		{"GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n", "400", "bad request", "PR"},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "bad request", "PR"},
		{"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "bad request", "PR"},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "400", "bad request", "PR"},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "501", "unknown coding", "PR"},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505", "bad version", "PR"},
		{"GET / HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", "431", "head too large", "PR"},
		{"GET / HTTP/1.1\r\nHost: h\r\n", "408", "head too slow", "cR"},
	} {
		if got := say(t, port, c.send); !strings.HasPrefix(got, "HTTP/1.1 "+c.want+" ") || !strings.Contains(got, "\r\nConnection: close\r\n") {
			t.Errorf("%.60q: got %.60q, want %s", c.send, got, c.want)
		}
		if line := r.ended(); line["failure"] != c.failure || line["term"] != c.term || fmt.Sprint(line["status"]) != c.want {
			t.Errorf("%.60q: logged %v", c.send, line)
		}
	}
	c, _ := connect(t, port)
	io.WriteString(c, "GET / HTTP/1.1\r\nHos")
	c.CloseWrite()
	if line := r.ended(); line["term"] != "CR" || fmt.Sprint(line["status"]) != "-1" {
		t.Errorf("a client that left in the head: logged %v", line)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d of them reached the server", n)
	}
}

func TestAnIdleClientIsToldByFIN(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{Timeouts: proxy.Timeouts{KeepAlive: 200 * time.Millisecond}}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	if got := say(t, port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); !strings.HasSuffix(got, "app") { // returns when it is closed
		t.Errorf("got %q", got)
	}
}

// reliability.md 3.4, what servers do wrong or unusually: what the client gets, and whether the connection is used again.
func TestResponsesOfEveryKind(t *testing.T) {
	t.Parallel()
	const ask = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, c := range []struct{ name, answer, request, want string }{
		{"without a length", "HTTP/1.1 200 OK\r\n\r\nabc", ask, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
		{"without a length, to HTTP/1.0", "HTTP/1.1 200 OK\r\n\r\nabc", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"},
		{"of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", ask, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
		{"to HTTP/1.0 that goes on", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"},
		{"chunked, to HTTP/1.0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"},
		{"after HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"},
		{"204", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ask, "HTTP/1.1 204 No Content\r\n\r\n"},
		{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", ask, "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n"},
		{"more than announced", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n", ask, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
		{"100 unasked", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ask, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"names in their own letters", "HTTP/1.1 200 Fine by me\r\nx-oDD: 1\r\nContent-Length: 0\r\n\r\n", ask,
			"HTTP/1.1 200 Fine by me\r\nx-oDD: 1\r\nContent-Length: 0\r\n\r\n"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", ask, "HTTP/1.1 502 Bad Gateway\r\n"},
		{"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ask, "HTTP/1.1 502 Bad Gateway\r\n"},
		{"a bad chunk before anything was sent", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", ask, "HTTP/1.1 502 Bad Gateway\r\n"},
		{"too many interim ones", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 33), "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 502 Bad Gateway\r\n"},
		{"a head of 70 KB", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 70<<10) + "\r\n\r\n", ask, "HTTP/1.1 502 Bad Gateway\r\n"},
		{"a head of 60 KB", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: " + strings.Repeat("a", 60<<10) + "\r\n\r\nx", ask, "HTTP/1.1 200 OK\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, port := newLoopRig(t, proxy.Options{Timeouts: proxy.Timeouts{KeepAlive: 100 * time.Millisecond}}), freePort(t)
			r.apply(service(route.HTTP, port, rawTask(t, func(conn net.Conn, br *bufio.Reader) {
				head(br)
				io.WriteString(conn, c.answer)
			})))
			got := say(t, port, c.request)
			if whole := strings.HasSuffix(c.want, "\r\n") && !strings.HasSuffix(c.want, "\r\n\r\n"); whole && !strings.HasPrefix(got, c.want) || !whole && got != c.want {
				t.Errorf("got  %.300q\nwant %.300q", got, c.want)
			}
		})
	}
}

func TestAnEarlyAnswerReachesAClientThatStillSends(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
		c.(*net.TCPConn).CloseWrite()
	})))
	c, br := connect(t, port)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
	go func() {
		piece := make([]byte, 1<<16)
		for {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 413 || !resp.Close || string(body) != "big" || err != nil {
		t.Errorf("got %d, close %v, %q, %v", resp.StatusCode, resp.Close, body, err)
	}
}

func TestAClientThatReadsNothingHoldsTheServerBack(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	var sent atomic.Int64
	stop := make(chan struct{})
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		piece := make([]byte, 1<<16)
		for {
			n, err := c.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				close(stop)
				return
			}
		}
	})))
	c, _ := connect(t, port)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	last, since := int64(-1), time.Now()
	eventually(t, "the server is held back", func() bool {
		if n := sent.Load(); n != last {
			last, since = n, time.Now()
		}
		return last > 0 && time.Since(since) > 300*time.Millisecond
	})
	if last > 32<<20 {
		t.Errorf("the server could send %d bytes", last)
	}
	c.Close()
	<-stop // and it learns that the client has left
}

func TestManyClientsAtOnceGetTheirOwnAnswers(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	drops := rawTask(t, func(c net.Conn, br *bufio.Reader) { // answers some, and closes at any time
		for i := 0; ; i++ {
			line, _, _ := strings.Cut(head(br), "\r\n")
			if line == "" || i%7 == 6 {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(line), line)
		}
	})
	r.apply(service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s HTTP/1.1", r.Method, r.RequestURI)
	}), drops))
	var clients sync.WaitGroup
	for i := range 50 {
		clients.Go(func() {
			tr := &http.Transport{DisableKeepAlives: i%5 == 0}
			defer tr.CloseIdleConnections()
			for n := range 40 {
				req, _ := http.NewRequest("GET", url(port, fmt.Sprintf("/%d/%d", i, n)), nil)
				resp, err := tr.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if want := fmt.Sprintf("GET /%d/%d HTTP/1.1", i, n); resp.StatusCode == 200 && string(body) != want {
					t.Errorf("asked for %q, got %q", want, body)
				}
			}
		})
	}
	clients.Wait()
}

func TestAPortThatTurnsToTLSAndBackIsServed(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	r.apply(c)
	get(t, url(port, "/"))
	r.apply(secured(c, newAuthority(t).file("a.example")))
	if got := served(port, "a.example"); got != "a.example" {
		t.Errorf("with TLS: %s", got)
	}
	c.SetListeners[0].TLS = false
	r.apply(c)
	if _, body := get(t, url(port, "/")); body != "app" {
		t.Errorf("without: %s", body)
	}
	c.SetListeners[0].Mode, c.SetBackends[0].Mode = route.TCP, route.TCP
	c.SetBackends[0].Servers = service(route.TCP, port, rawTask(t, func(c net.Conn, _ *bufio.Reader) { io.WriteString(c, "220 hello") })).SetBackends[0].Servers
	r.apply(c)
	if got := say(t, port, ""); got != "220 hello" {
		t.Errorf("in tcp mode: %q", got)
	}
}

func TestABugInOneExchangeEndsThatOneOnly(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	began := make(chan struct{})
	var cancelled sync.WaitGroup
	cancelled.Add(1)
	r.apply(service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(began)
			<-r.Context().Done()
			cancelled.Done()
		}
		io.WriteString(w, "app")
	})))
	slow, _ := connect(t, port)
	io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	kept, br := connect(t, port)
	<-began
	r.Break()
	if got, err := io.ReadAll(slow); len(got) > 0 {
		t.Errorf("its client got %q, %v", got, err)
	}
	cancelled.Wait()
	io.WriteString(kept, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("the neighbour got %v, %v", resp, err)
	}
	if n := r.Table().Backends()[0].Stats.Sum(route.InternalErrors); n != 1 {
		t.Errorf("%d are counted", n)
	}
	if logged := r.logs.FilterMessage("an exchange broke").All(); len(logged) != 1 || !strings.Contains(fmt.Sprint(logged[0].ContextMap()["stack"]), "guard") {
		t.Errorf("logged %v", logged)
	}
}

func TestLargeBodiesPassWholeBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	r, web, raw := newLoopRig(t, proxy.Options{}), freePort(t), freePort(t)
	r.apply(service(route.HTTP, web, task(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Length", r.Header.Get("Content-Length"))
		io.Copy(w, r.Body)
	})))
	r.apply(service(route.TCP, raw, rawTask(t, echo)))
	data := make([]byte, 20<<20)
	rand.NewChaCha8([32]byte{2}).Read(data)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			resp, err := http.Post(url(web, "/"), "", bytes.NewReader(data))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); !bytes.Equal(got, data) {
				t.Errorf("%d of %d bytes came back, %v", len(got), len(data), err)
			}
		})
		c, _ := connect(t, raw)
		all.Go(func() { c.Write(data); c.CloseWrite() })
		all.Go(func() {
			if got, err := io.ReadAll(c); !bytes.Equal(got, data) {
				t.Errorf("%d of %d bytes came back through TCP, %v", len(got), len(data), err)
			}
		})
	}
	all.Wait()
	b := r.Table().Backend(fmt.Sprintf("app_%d", raw))
	eventually(t, "the bytes are counted", func() bool {
		return b.Stats.Sum(route.BytesIn) == uint64(3*len(data)) && b.Stats.Sum(route.BytesOut) == uint64(3*len(data))
	})
}

func TestClientsAreSpreadOverTheLoops(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	const clients = 100
	for range clients {
		c, br := connect(t, port)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := http.ReadResponse(br, nil); err != nil {
			t.Fatal(err)
		}
	}
	n := r.Clients()
	if even := int64(clients / len(n)); slices.Min(n) < even*9/10-1 || slices.Max(n) > even*11/10+1 {
		t.Errorf("%d clients: %v", clients, n)
	}
}

func TestARequestCostsNoAllocation(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		answer := []byte("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc")
		for {
			for line := []byte(nil); len(line) != 2; {
				var err error
				if line, err = br.ReadSlice('\n'); err != nil {
					return
				}
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})))
	c, br := connect(t, port)
	request := []byte("GET /a?b HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b; c=d\r\nConnection: keep-alive\r\n\r\n")
	ask := func() {
		c.Write(request)
		if _, err := br.ReadSlice('c'); err != nil { // only the body's end has that letter
			t.Error(err)
		}
	}
	ask() // fills pools
	if n := testing.AllocsPerRun(2000, ask); n > 0 {
		t.Errorf("%v allocations for each", n)
	}
}

// A row of 3.2: hosts at random. What nobody has is refused from a table.
func TestARefusalCostsNoAllocation(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{AccessLog: proxy.LogOff}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry("http_in", route.ByHost, port)}, SetBackends: []route.BackendSpec{vhost(t, "a", "a.example")}})
	const clients = 500
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i], _ = dialed(t, port)
	}
	requests, answer := make([][]byte, clients), make([]byte, 4096)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %d.example\r\n\r\n", i)
	}
	var before, after runtime.MemStats
	n := 0
	ask := func(some int) {
		for range some {
			c := conns[n]
			c.Write(requests[n])
			if m, _ := c.Read(answer); !bytes.HasPrefix(answer[:m], []byte("HTTP/1.1 503")) {
				t.Fatalf("got %q", answer[:m])
			}
			c.Close()
			n++
		}
	}
	ask(clients / 2)
	runtime.ReadMemStats(&before)
	ask(clients / 2)
	runtime.ReadMemStats(&after)
	if each := float64(after.Mallocs-before.Mallocs) / (clients / 2); each > 3 { // some are the test's own, and of a connection
		t.Errorf("%.1f allocations for each", each)
	} else {
		t.Logf("%.1f allocations for each", each)
	}
}

func TestWhatCameInTimeIsNotLateBecauseTheProcessWas(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{Timeouts: proxy.Timeouts{Client: 300 * time.Millisecond}}), freePort(t)
	asked := make(chan struct{})
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		close(asked)
		io.ReadFull(br, make([]byte, 10))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})))
	c, br := connect(t, port)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
	<-asked
	thaw := make(chan struct{})
	thawed := r.Freeze(thaw)
	<-time.After(200 * time.Millisecond) // the loops' next tick is due before the rest comes
	io.WriteString(c, "56789")
	<-time.After(200 * time.Millisecond)
	close(thaw)
	thawed()
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestABugInOneTurnLeavesTheOthersTheirs(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	l, err := proxy.NewLoop(zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, do := range map[string]func(...int32){"events": l.Happen, "turns": l.TakeTurns} {
		for _, bugs := range [][]bool{{true, false}, {false, true}, {true, true, false}, {false, true, false, true}} {
			var fds []int32
			want := 0
			for _, bug := range bugs {
				fd, err := l.Idle(bug)
				if err != nil {
					t.Fatal(err)
				}
				if fds = append(fds, fd); bug {
					want++
				}
			}
			do(fds...)
			for i, fd := range fds {
				if l.Has(fd) {
					t.Errorf("%s %v: nobody saw to connection %d", name, bugs, i)
				}
			}
			if got := len(logs.TakeAll()); got != want {
				t.Errorf("%s %v: %d are logged", name, bugs, got)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("the process would go on with a letter that was not finished")
		}
	}()
	l.Read(func() { panic("a bug") })
}

func TestAClientThatStaysHasNoMoreTimeForItsNextHead(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{Timeouts: proxy.Timeouts{Head: 200 * time.Millisecond, KeepAlive: time.Minute}}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	for _, part := range []string{"G", "P", "PRI * HT", "GET / HTTP/1.1\r\nHost: h\r\n", "\r", "\r\n", "POST"} {
		c, br := connect(t, port)
		c.SetDeadline(time.Now().Add(20 * time.Second)) // by when a client that idles would still be there
		for _, ask := range []struct {
			head string
			want int
		}{{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200}, {part, 408}} {
			io.WriteString(c, ask.head)
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatalf("%q: %v", ask.head, err)
			}
			if io.Copy(io.Discard, resp.Body); resp.StatusCode != ask.want {
				t.Errorf("%q: %d", ask.head, resp.StatusCode)
			}
		}
	}
}
