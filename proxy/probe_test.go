package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/proxy"
)

// probed has the first server of a change probed each 20 ms.
func probed(c route.Change, protocol, path string, vouched bool) route.Change {
	b := &c.SetBackends[0]
	b.Check = &route.Check{Protocol: protocol, Path: path, Interval: 20 * time.Millisecond, Timeout: 5 * time.Second, Rise: 2, Fall: 3}
	for i := range b.Servers {
		b.Servers[i].Vouched = vouched
	}
	return c
}

// backend is the rig's backend at a port.
func (r *rig) backend(port int) *route.Backend { return r.Table().Backend(fmt.Sprintf("app_%d", port)) }

// verdict waits for the first result of a server's probes.
func (r *rig) verdict(s *route.Server) *route.Checked {
	r.t.Helper()
	eventually(r.t, "a probe has ended", func() bool { return s.Checked().Status != route.INI })
	return s.Checked()
}

// after reads a request's head and then sends bytes.
func after(t *testing.T, answer string) netip.AddrPort {
	return testkit.Serve(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, answer)
		}
	})
}

// silent is a task that takes connections and never says a word.
func silent(t *testing.T) netip.AddrPort {
	return testkit.Serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
}

func status(t *testing.T, code int) netip.AddrPort {
	return task(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(code)
	})
}

func secure(t *testing.T, code int) netip.AddrPort {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // bad handshakes are what is wanted
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// deaf is a port whose queue of connections is full, so that it does not even refuse.
func deaf(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*syscall.SockaddrInet4).Port))
	for range 10 {
		c, err := net.DialTimeout("tcp", addr.String(), 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	if os.Getenv("CI") != "" {
		t.Fatal("the system takes any number of connections: no address leaves a probe waiting")
	}
	t.Skip("SKIPPED, no probe had to wait: the system takes any number of connections")
	return addr
}

func TestWhatProbesFind(t *testing.T) {
	t.Parallel()
	const quick = 100 * time.Millisecond
	for _, c := range []struct {
		what     string
		protocol string
		mode     route.Mode
		timeout  time.Duration
		server   netip.AddrPort
		status   route.CheckStatus
		code     int
		text     string
	}{
		{"200", "HTTP", route.HTTP, 0, status(t, 200), route.L7OK, 200, ""},
		{"204", "MESOS_HTTP", route.HTTP, 0, status(t, 204), route.L7OK, 204, ""},
		{"a redirect, which is not followed", "HTTP", route.HTTP, 0, status(t, 302), route.L7OK, 302, ""},
		{"399", "HTTP", route.HTTP, 0, status(t, 399), route.L7OK, 399, ""},
		{"404", "HTTP", route.HTTP, 0, status(t, 404), route.L7STS, 404, "Not Found"},
		{"503", "HTTP", route.HTTP, 0, status(t, 503), route.L7STS, 503, "Service Unavailable"},
		{"another protocol", "HTTP", route.HTTP, 0, after(t, "HTTP/1.1 101 Switching Protocols\r\n\r\n"), route.L7STS, 101, "Switching Protocols"},
		{"200 after an interim response", "HTTP", route.HTTP, 0, after(t, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), route.L7OK, 200, ""},
		{"interim responses without end", "HTTP", route.HTTP, 0, after(t, strings.Repeat("HTTP/1.1 102 \r\n\r\n", 20)), route.L7RSP, 0, "Interim responses only"},
		{"HTTP/1.0 and nothing more", "HTTP", route.HTTP, 0, after(t, "HTTP/1.0 200 OK\r\n\r\n"), route.L7OK, 200, ""},
		{"garbage", "HTTP", route.HTTP, 0, after(t, "SSH-2.0-OpenSSH\r\n"), route.L7RSP, 0, `Malformed HTTP response "SSH-2.0-OpenSSH"`},
		{"a head without end", "HTTP", route.HTTP, 0, after(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100<<10)), route.L7RSP, 0, "Unexpected EOF"},
		{"a server that closes", "HTTP", route.HTTP, 0, after(t, ""), route.L7RSP, 0, "Unexpected EOF"},
		{"a server that stalls", "HTTP", route.HTTP, quick, silent(t), route.L7TOUT, 0, ""},
		{"a server that stalls in the head", "HTTP", route.HTTP, quick, testkit.Serve(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			io.Copy(io.Discard, c)
		}), route.L7TOUT, 0, ""},
		{"no server", "HTTP", route.HTTP, 0, refusing(t), route.L4CON, 0, "Connection refused"},
		{"a host that does not answer", "HTTP", route.HTTP, quick, deaf(t), route.L4TOUT, 0, ""},
		{"200 over TLS", "HTTPS", route.HTTP, 0, secure(t, 200), route.L7OK, 200, ""},
		{"500 over TLS", "MESOS_HTTPS", route.HTTP, 0, secure(t, 500), route.L7STS, 500, "Internal Server Error"},
		{"no TLS where it was expected", "HTTPS", route.HTTP, 0, status(t, 200), route.L6RSP, 0, "Tls: first record does not look like a TLS handshake"},
		{"a server that stalls before TLS", "HTTPS", route.HTTP, quick, silent(t), route.L6TOUT, 0, ""},
		{"TLS where none was expected", "HTTP", route.HTTP, 0, secure(t, 200), route.L7STS, 400, "Bad Request"},
		{"a connection", "TCP", route.HTTP, 0, silent(t), route.L4OK, 0, ""},
		{"a connection of mode tcp, whatever is spoken", "HTTP", route.TCP, 0, silent(t), route.L4OK, 0, ""},
		{"no connection", "MESOS_TCP", route.TCP, 0, refusing(t), route.L4CON, 0, "Connection refused"},
	} {
		t.Run(c.what, func(t *testing.T) {
			r, port := newRig(t, proxy.Options{}), freePort(t)
			change := probed(service(c.mode, port, c.server), c.protocol, "/health", false)
			if c.timeout != 0 {
				change.SetBackends[0].Check.Timeout = c.timeout
			}
			r.apply(change)
			got := r.verdict(r.backend(port).Servers[0])
			health := route.Down
			if c.status.Good() {
				health = route.Up
			}
			if got.Status != c.status || got.Code != c.code || got.Text != c.text || got.Health != health {
				t.Errorf("%s %d %q, health %v; want %s %d %q", got.Status, got.Code, got.Text, got.Health, c.status, c.code, c.text)
			}
			if late := got.Status == route.L4TOUT || got.Status == route.L6TOUT || got.Status == route.L7TOUT; late && got.Took < c.timeout*9/10 { // the clock of the deadline began a little before that of the report
				t.Errorf("it gave up after %v, before the time-out of %v", got.Took, c.timeout)
			}
		})
	}
}

func TestAProbeIsAnOrdinaryRequest(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	asked := make(chan string, 100)
	s := testkit.Serve(t, func(c net.Conn) {
		var head bytes.Buffer
		if _, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, &head))); err == nil {
			asked <- head.String()
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
		}
	})
	r.apply(probed(service(route.HTTP, port, s), "HTTP", "/a b?c=d\r\nEvil: 1", true))
	want := "GET /a%20b?c=d%0D%0AEvil:%201 HTTP/1.1\r\nHost: " + s.String() + "\r\nUser-Agent: marathon-lb\r\nConnection: close\r\n\r\n"
	if got := <-asked; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestAProbeGoesToItsOwnPort(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	health, own := status(t, 200), status(t, 503)
	change := probed(service(route.HTTP, port, own), "HTTP", "/", false)
	change.SetBackends[0].Servers[0].CheckPort = int(health.Port())
	r.apply(change)
	if got := r.verdict(r.backend(port).Servers[0]); got.Code != 200 {
		t.Errorf("the probe got %d", got.Code)
	}
}

func TestAProbeOfAConnectionLeavesNothingBehind(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	ends := make(chan error, 1000)
	r.apply(probed(service(route.TCP, port, testkit.Serve(t, func(c net.Conn) {
		_, err := io.Copy(io.Discard, c)
		ends <- err
	})), "TCP", "", true))
	if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, want a reset: no TIME_WAIT for each probe", err)
	}
}

func TestPathsOfChecksAreNeverMoreThanPaths(t *testing.T) {
	for path, want := range map[string]string{
		"": "/", "health": "/health", "/": "/", "/a?b=c&d": "/a?b=c&d", "/%20": "/%20", "/é": "/%C3%A9", "/a#b": "/a%23b",
		"/\r\nHost: evil": "/%0D%0AHost:%20evil",
	} {
		if got := proxy.Target(path); got != want {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
}

func TestWhatFailsOnOurSideSaysNothingOfTheServer(t *testing.T) {
	dial := func(e syscall.Errno) error { return &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", e)} }
	for err, want := range map[error]struct {
		probe  route.CheckStatus
		failed string
	}{
		dial(syscall.EMFILE): {route.SOCKERR, "no socket"}, dial(syscall.EADDRNOTAVAIL): {route.SOCKERR, "no socket"}, dial(syscall.ENOBUFS): {route.SOCKERR, "no socket"},
		dial(syscall.ECONNREFUSED): {"bad", "connect refused"}, dial(syscall.EHOSTUNREACH): {"bad", "connect refused"}, dial(syscall.ETIMEDOUT): {"late", "connect timeout"},
		os.ErrDeadlineExceeded: {"late", "connect timeout"}, io.ErrUnexpectedEOF: {"bad", "connect refused"},
	} {
		if got := proxy.Failed(err); got.Status != want.probe {
			t.Errorf("%v: %+v, want %s", err, got, want.probe)
		}
		if got := proxy.ConnectFailure(err); got != want.failed {
			t.Errorf("%v: %s, want %s", err, got, want.failed)
		}
	}
	if text := proxy.Failed(errors.New(strings.Repeat("é", 1000))).Text; len(text) > 110 {
		t.Errorf("a text of %d bytes", len(text))
	}
}

func TestABadServerGetsNoRequestUntilItIsWellAgain(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	var sick atomic.Bool
	shaky := task(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/health" && sick.Load() {
			w.WriteHeader(500)
		}
		io.WriteString(w, "shaky")
	})
	r.apply(probed(service(route.HTTP, port, shaky, named(t, "solid")), "HTTP", "/health", true))
	b := r.backend(port)
	asked := func(n int) map[string]int {
		got := map[string]int{}
		for range n {
			_, body := get(t, url(port, "/"))
			got[body]++
		}
		return got
	}
	if got := asked(10); got["shaky"] != 5 {
		t.Errorf("before: %v", got)
	}
	sick.Store(true)
	eventually(t, "it is down", func() bool { return b.Servers[0].Health() == route.Down })
	if got := asked(10); got["solid"] != 10 {
		t.Errorf("while it is down: %v", got)
	}
	sick.Store(false)
	eventually(t, "it is up", func() bool { return b.Servers[0].Health() == route.Up })
	if got := asked(10); got["shaky"] != 5 {
		t.Errorf("when it is well again: %v", got)
	}
	var said []string
	eventually(t, "both changes are logged", func() bool {
		for _, e := range r.logs.TakeAll() {
			if m := e.ContextMap(); strings.HasPrefix(e.Message, "a server is") {
				said = append(said, fmt.Sprint(e.Message, " ", m["check"], " ", m["code"], " ", m["usable"]))
			}
		}
		return len(said) >= 2
	})
	if got := strings.Join(said, ", "); got != "a server is down L7STS 500 1, a server is up L7OK 200 2" {
		t.Errorf("the log says: %s", got)
	}
	if s := b.Servers[0].Stats; s.Sum(route.CheckDowns) != 1 || s.Sum(route.CheckFails) != 3 {
		t.Errorf("chkdown %d, chkfail %d; want 1 and 3", s.Sum(route.CheckDowns), s.Sum(route.CheckFails))
	}
}

func TestWhereAllProbesFailMarathonsWordCounts(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	unwell := func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/wrong" {
			w.WriteHeader(404)
		}
		io.WriteString(w, "served")
	}
	one, two := task(t, unwell), task(t, unwell)
	r.apply(probed(service(route.HTTP, port, one, two), "HTTP", "/wrong", true))
	b := r.backend(port)
	eventually(t, "all probes fail", func() bool { return b.Grade() == route.Vouched })
	for range 4 {
		if resp, body := get(t, url(port, "/")); resp.StatusCode != 200 || body != "served" {
			t.Errorf("in a panic: %d %s", resp.StatusCode, body)
		}
	}
	for _, s := range b.Servers {
		if n := s.Stats.Sum(route.Sessions); n != 2 {
			t.Errorf("%s got %d of 4 requests", s.Name, n)
		}
	}
	r.apply(probed(service(route.HTTP, port, one, two), "HTTP", "/wrong", false))
	if resp, _ := get(t, url(port, "/")); resp.StatusCode != 503 {
		t.Errorf("where Marathon does not vouch: %d", resp.StatusCode)
	}
	r.apply(probed(service(route.HTTP, port, one, two), "HTTP", "/right", false))
	eventually(t, "another path makes it well", func() bool { return r.backend(port).Grade() == route.Proven })
	if resp, _ := get(t, url(port, "/")); resp.StatusCode != 200 {
		t.Errorf("with another path: %d", resp.StatusCode)
	}
}

func TestADrainingServerIsLeftAlone(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	var probes atomic.Int64
	counting := task(t, func(http.ResponseWriter, *http.Request) { probes.Add(1) })
	r.apply(probed(service(route.HTTP, port, counting, status(t, 200)), "HTTP", "/", true))
	eventually(t, "it is probed", func() bool { return probes.Load() > 2 })
	left := probed(service(route.HTTP, port, counting, status(t, 200)), "HTTP", "/", true)
	left.SetBackends[0].Servers[0].State = route.Draining
	r.apply(left)
	other := r.backend(port).Servers[1]
	eventually(t, "no probe is under way", func() bool { return !r.backend(port).Servers[0].Probed() })
	n := probes.Load()
	was := other.Checked()
	for range 5 {
		eventually(t, "the other one is probed again", func() bool { return other.Checked() != was })
		was = other.Checked()
	}
	if probes.Load() != n {
		t.Errorf("%d probes of a server that drains", probes.Load()-n)
	}
}

// The answer to a probe is foreign bytes.
func FuzzAnswerToAProbe(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 503 \r\nX: y\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\n\r\n", "garbage", "",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 999 \xff\xfe\r\n\r\n", "HTTP/1.0 000 x\n\n",
	} {
		f.Add([]byte(s), "/"+s)
	}
	f.Fuzz(func(t *testing.T, bytes []byte, path string) {
		r := proxy.Answer(strings.NewReader(string(bytes)))
		good := r.Code >= 200 && r.Code < 400
		switch {
		case r.Status == route.L7OK && good, r.Status == route.L7STS && r.Code != 0 && !good, r.Status == route.L7RSP && r.Code == 0:
		default:
			t.Errorf("%q is %+v", bytes, r)
		}
		if len(r.Text) > 400 {
			t.Errorf("a text of %d bytes", len(r.Text))
		}
		for _, c := range []byte(proxy.Target(path)) {
			if c <= ' ' || c >= 0x7f || c == '#' {
				t.Errorf("%q becomes %q", path, proxy.Target(path))
			}
		}
	})
}
