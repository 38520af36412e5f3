package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// announced has the listeners want PROXY headers.
func announced(c route.Change) route.Change {
	for i := range c.SetListeners {
		c.SetListeners[i].Options.AcceptProxy = true
	}
	return c
}

// Headers of 192.0.2.1:12345, who meant port 443.
const (
	line1   = "PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n"
	binary2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x30\x39\x01\xbb"
	local2  = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

// tellClient is a task that says what it was told of the client.
func tellClient(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "from %s port %s", r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Port"))
}

const plainRequest = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"

func TestAPROXYHeaderSaysWhoseConnectionItIs(t *testing.T) {
	r, port := newRig(t, proxy.Options{AccessLog: proxy.LogAll}), freePort(t)
	r.apply(announced(service(route.HTTP, port, task(t, tellClient))))
	own := fmt.Sprintf("from 127.0.0.1 port %d", port)
	for header, want := range map[string]string{
		line1: "from 192.0.2.1 port 443", binary2: "from 192.0.2.1 port 443", "PROXY TCP6 2001:db8::1 2001:db8::2 1 80\r\n": "from 2001:db8::1 port 80",
		"PROXY UNKNOWN\r\n": own, "PROXY UNKNOWN 192.0.2.1 what ever\r\n": own, local2: own,
	} {
		for _, piece := range []int{1, 7, 1000} { // bytes at a time
			r.logs.TakeAll()
			c, in := dialed(t, port)
			for text := header + plainRequest; text != ""; text = text[min(piece, len(text)):] {
				if _, err := io.WriteString(c, text[:min(piece, len(text))]); err != nil {
					t.Fatal(err)
				}
			}
			if got, _ := io.ReadAll(in); !strings.HasSuffix(string(got), "\r\n\r\n"+want) {
				t.Errorf("%q in pieces of %d: got %q, want %s", header, piece, got, want)
			}
			client, _ := netip.ParseAddrPort(fmt.Sprint(r.ended()["client"]))
			if source := strings.Fields(want)[1]; client.Addr().String() != source || source == "192.0.2.1" && client.Port() != 12345 {
				t.Errorf("%q: the log says %s", header, client)
			}
		}
	}
}

func TestAConnectionThatWasAnnouncedIsKept(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(announced(service(route.HTTP, port, task(t, tellClient))))
	c, in := dialed(t, port)
	io.WriteString(c, line1)
	for range 3 {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "from 192.0.2.1 port 443" {
			t.Errorf("got %q", body)
		}
	}
	io.WriteString(c, line1+plainRequest) // once is enough: this is a bad request
	if got, _ := io.ReadAll(in); !strings.HasPrefix(string(got), "HTTP/1.1 400") && !strings.HasPrefix(string(got), "HTTP/1.1 505") {
		t.Errorf("a second header: got %q", got)
	}
}

func TestWithoutAGoodPROXYHeaderNothingIsServed(t *testing.T) {
	a := newAuthority(t)
	for name, change := range map[string]func(int) route.Change{
		"http": func(port int) route.Change { return service(route.HTTP, port, task(t, tellClient)) },
		"tcp":  func(port int) route.Change { return service(route.TCP, port, rawTask(t, echo)) },
		"tls": func(port int) route.Change {
			return secured(service(route.HTTP, port, task(t, tellClient)), a.file("a.example"))
		},
	} {
		r, port := newRig(t, proxy.Options{AccessLog: proxy.LogAll}), freePort(t)
		r.apply(announced(change(port)))
		front := r.Table().Listeners()[0].Stats
		for i, text := range []string{
			plainRequest, "x", "PROXY TCP4 192.0.2.1 198.51.100.2 012345 443\r\n" + plainRequest, "PROXY\r\n\r\n", binary2[:13] + "\x41" + binary2[14:] + plainRequest,
			"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "PROXY TCP4 192.0.2.1", // and then FIN
		} {
			c, in := dialed(t, port)
			io.WriteString(c, text)
			c.(*net.TCPConn).CloseWrite()
			if got, _ := io.ReadAll(in); len(got) > 0 {
				t.Errorf("%s: %q was answered %q", name, text, got)
			}
			eventually(t, "it is counted", func() bool { return front.Sum(route.ErrReq) == uint64(i+1) && front.Sessions.Load() == 0 })
		}
		c, in := dialed(t, port) // a look whether the port is open
		c.(*net.TCPConn).CloseWrite()
		if got, _ := io.ReadAll(in); len(got) > 0 {
			t.Errorf("%s: nothing was answered %q", name, got)
		}
		eventually(t, "it is gone", func() bool { return front.Sessions.Load() == 0 })
		if front.Sum(route.ErrReq) != 7 || front.Sum(route.Requests) != 0 || r.Table().Backends()[0].Stats.Sum(route.Sessions) != 0 {
			t.Errorf("%s: %d errors, %d requests", name, front.Sum(route.ErrReq), front.Sum(route.Requests))
		}
		for _, e := range r.logs.All() {
			if e.Level > -1 {
				t.Errorf("%s: logged %s %v", name, e.Message, e.ContextMap())
			}
		}
	}
}

func TestAPROXYHeaderThatDoesNotComeInTimeEndsTheConnection(t *testing.T) {
	r, port := newRig(t, proxy.Options{Timeouts: short}), freePort(t)
	r.apply(announced(service(route.TCP, port, rawTask(t, echo))))
	for _, text := range []string{"", line1[:20], binary2[:20]} {
		c, in := dialed(t, port)
		io.WriteString(c, text)
		if got, err := io.ReadAll(in); len(got) > 0 || isLate(err) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func isLate(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

func TestAnAllowListAndARuleOnSrcGoByThePROXYHeader(t *testing.T) {
	condition, err := route.ParseTest([]string{"src", "192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	only, ok := (*route.Condition)(nil).And(condition)
	if !ok {
		t.Fatal("no condition")
	}
	for _, mode := range []route.Mode{route.HTTP, route.TCP} {
		r, port := newRig(t, proxy.Options{}), freePort(t)
		text, served := plainRequest, "HTTP/1.1 200"
		c := announced(service(mode, port, task(t, tellClient)))
		if mode == route.TCP {
			text, served = "ping", "ping"
			c = announced(service(mode, port, rawTask(t, echo)))
		}
		c.SetBackends[0].Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		c.SetBackends[0].Do = &route.Directives{Request: []route.Directive{{Act: route.Reject, Code: 403, If: only}}}
		r.apply(c)
		for header, in := range map[string]bool{
			line1: true, binary2: true, local2: false, "PROXY UNKNOWN\r\n": false, // the real peer is not in the list
			"PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n": false, "PROXY TCP4 192.0.2.7 198.51.100.2 1 2\r\n": false,
		} {
			conn, answer := dialed(t, port)
			io.WriteString(conn, header+text)
			if mode == route.TCP {
				conn.(*net.TCPConn).CloseWrite()
			}
			if got, _ := io.ReadAll(answer); strings.HasPrefix(string(got), served) != in {
				t.Errorf("%s, %q: got %q", mode, header, got)
			}
		}
	}
}

func TestARuleOfAPortHoldsThereWhateverThePROXYHeaderSays(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	here, err := route.OnPort(port)
	if err != nil {
		t.Fatal(err)
	}
	meant, err := route.ParseTest([]string{"dst_port", "443"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tests []*route.Test
		want  string
	}{"the port's own": {[]*route.Test{here}, "HTTP/1.1 403"}, "of 443": {[]*route.Test{meant}, "HTTP/1.1 403"}, "of both": {[]*route.Test{here, meant}, "HTTP/1.1 403"}} {
		on := (*route.Condition)(nil)
		for _, test := range c.tests {
			on, _ = on.And(test)
		}
		change := announced(service(route.HTTP, port, task(t, tellClient)))
		change.SetBackends[0].Do = &route.Directives{Request: []route.Directive{{Act: route.Deny, Code: 403, If: on}}}
		r.apply(change)
		if got := say(t, port, line1+plainRequest); !strings.HasPrefix(got, c.want) {
			t.Errorf("a rule %s: got %q", name, got)
		}
		if got := say(t, port, strings.Replace(line1, "443", "80", 1)+plainRequest); strings.HasPrefix(got, c.want) != (name == "the port's own") {
			t.Errorf("a rule %s, for port 80: got %q", name, got)
		}
	}
}

func TestBalanceBySourceGoesByThePROXYHeader(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := announced(service(route.HTTP, port, named(t, "a"), named(t, "b"), named(t, "c")))
	c.SetBackends[0].Balance = route.Source
	r.apply(c)
	servers := map[string]bool{}
	for i := range 20 {
		header := fmt.Sprintf("PROXY TCP4 192.0.2.%d 198.51.100.2 1 2\r\n", i)
		first := say(t, port, header+plainRequest)
		if again := say(t, port, header+plainRequest); again[len(again)-1] != first[len(first)-1] {
			t.Errorf("client %d came to another server", i)
		}
		servers[first[len(first)-1:]] = true
	}
	if len(servers) < 2 {
		t.Errorf("all clients came to %v", servers)
	}
}

func TestAPROXYHeaderComesBeforeTLS(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(announced(secured(service(route.HTTP, port, task(t, tellClient)), a.file("a.example"))))
	for _, header := range []string{line1, binary2} {
		raw, _ := dialed(t, port)
		io.WriteString(raw, header)
		c := tls.Client(raw, &tls.Config{ServerName: "a.example", RootCAs: a.pool})
		if _, err := io.WriteString(c, plainRequest); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(c); !strings.HasSuffix(string(got), "from 192.0.2.1 port 443") {
			t.Errorf("got %q", got)
		}
	}
	if _, err := shake(port, &tls.Config{ServerName: "a.example", RootCAs: a.pool}); err == nil {
		t.Error("TLS without a header is served")
	}
}

func TestAPortThatClosesLetsAnnouncedClientsBegin(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{DrainTimeout: time.Minute}), freePort(t)
	r.apply(announced(service(route.HTTP, port, task(t, tellClient))))
	front := r.Table().Listeners()[0].Stats
	c, in := dialed(t, port)
	io.WriteString(c, line1[:10])
	silent, nothing := dialed(t, port)
	defer silent.Close()
	eventually(t, "both are accepted", func() bool { return front.Sessions.Load() == 2 })
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	eventually(t, "the port refuses newcomers", func() bool {
		probe, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			probe.Close()
		}
		return err != nil
	})
	io.WriteString(c, line1[10:]+"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	if got, _ := io.ReadAll(in); !strings.Contains(string(got), "Connection: close\r\n") || !strings.HasSuffix(string(got), "from 192.0.2.1 port 443") {
		t.Errorf("got %q", got)
	}
	if got, _ := io.ReadAll(nothing); len(got) > 0 {
		t.Errorf("who said nothing got %q", got)
	}
	<-stopped
}

func TestHAProxyInFrontTellsOfItsClients(t *testing.T) {
	program, err := exec.LookPath("haproxy")
	tool(t, "haproxy")
	if err != nil {
		t.Fatal(err)
	}
	r, web, raw := newRig(t, proxy.Options{AccessLog: proxy.LogAll}), freePort(t), freePort(t)
	r.apply(announced(service(route.HTTP, web, task(t, tellClient))))
	r.apply(announced(service(route.TCP, raw, rawTask(t, func(c net.Conn, in *bufio.Reader) {
		line, _ := in.ReadString('\n')
		io.WriteString(c, "you said "+line)
	}))))
	config, fronts := "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n", map[int]string{}
	for _, word := range []string{"send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"} {
		for _, to := range []int{web, raw} {
			port := freePort(t)
			fronts[port] = word
			config += fmt.Sprintf("listen l%d\n  bind 127.0.0.1:%d\n  unique-id-format %%ci\n  server s 127.0.0.1:%d %s check inter 10s\n", port, port, to, word)
		}
	}
	file := put(t, filepath.Join(t.TempDir(), "haproxy.cfg"), []byte(config))
	cmd := exec.Command(program, "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for port, word := range fronts {
		eventually(t, "HAProxy listens", func() bool {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
		c, err := dialer.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, plainRequest)
		got, _ := io.ReadAll(c)
		c.Close()
		if text := string(got); text != "you said GET / HTTP/1.1\r\n" && !strings.HasSuffix(text, fmt.Sprintf("from 127.0.0.77 port %d", port)) {
			t.Errorf("%s: got %q", word, text)
		}
		eventually(t, "the log names the client", func() bool {
			for _, e := range r.logs.TakeAll() {
				if e.Message == "request" && strings.HasPrefix(fmt.Sprint(e.ContextMap()["client"]), "127.0.0.77:") {
					return true
				}
			}
			return false
		})
	}
}
