package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// secureClient is an HTTP client that connects to a port whatever host it is told, and closes each connection after its request
// unless keep.
func secureClient(t *testing.T, a *authority, port int, keep bool) *http.Client {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: a.pool}, DisableKeepAlives: !keep,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// vhost is a backend with one server that rules lead to.
func vhost(t *testing.T, name string, hosts ...string) route.BackendSpec {
	t.Helper()
	b := service(route.HTTP, 10000, task(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, name, " ", r.Host, " ", r.Header.Get("X-Forwarded-Proto"))
	})).SetBackends[0]
	b.Name, b.App, b.Sticky = name, "/"+name, "sticky"
	for _, h := range hosts {
		b.Rules = append(b.Rules, route.Rule{Host: h})
	}
	return b
}

func TestHTTPSRoutesByHostAndTellsTheServer(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example", "b.example")}}), freePort(t)
	r.apply(route.Change{
		SetListeners: []route.ListenerSpec{https(port)},
		SetBackends:  []route.BackendSpec{vhost(t, "a", "a.example"), vhost(t, "b", "b.example")},
	})
	client := secureClient(t, a, port, true)
	var reused bool
	for _, host := range []string{"b.example", "a.example", "nobody.example"} {
		req, _ := http.NewRequest("GET", "https://a.example/", nil) // SNI is a.example
		req.Host = host
		req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		name, _, _ := strings.Cut(host, ".")
		if name == "nobody" {
			if resp.StatusCode != 503 {
				t.Errorf("a host without rule: %d", resp.StatusCode)
			}
			continue
		}
		if string(body) != name+" "+host+" https" || !strings.HasSuffix(resp.Header.Get("Set-Cookie"), "; Secure") {
			t.Errorf("%s: got %q, cookie %q", host, body, resp.Header.Get("Set-Cookie"))
		}
	}
	if !reused {
		t.Error("the connection was not kept")
	}
}

func TestWithoutHostSNIServesAsHost(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example")}}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}, SetBackends: []route.BackendSpec{vhost(t, "a", "a.example")}})
	for sni, want := range map[string]string{"a.example": "\r\n\r\na a.example https", "": "503 Service Unavailable"} {
		c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: sni, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		if got, _ := io.ReadAll(c); !strings.Contains(string(got), want) {
			t.Errorf("SNI %q: got %q", sni, got)
		}
		c.Close()
	}
}

func TestCertificatesAreExchangedUnderLoadWithoutALoss(t *testing.T) {
	t.Parallel()
	a, path := newAuthority(t), filepath.Join(t.TempDir(), "cert.pem")
	put(t, path, a.pem("a.example", "generation-0"))
	r, port := newRig(t, proxy.Options{SSLCerts: []string{path}, CertPoll: soon}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}, SetBackends: []route.BackendSpec{vhost(t, "a", "a.example")}})
	var sent, failed atomic.Int64
	var clients sync.WaitGroup
	for range 3 {
		client := secureClient(t, a, port, false)
		clients.Go(func() {
			for range 100 {
				resp, err := client.Get("https://a.example/")
				sent.Add(1)
				if err != nil {
					failed.Add(1)
					t.Error(err)
					continue
				}
				if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "a a.example https" {
					failed.Add(1)
				}
				resp.Body.Close()
			}
		})
	}
	for n := 1; n <= 6; n++ {
		next := a.pem("a.example", fmt.Sprintf("generation-%d", n))
		if n%2 == 0 {
			put(t, path, next)
		} else if err := os.WriteFile(path, next, 0o600); err != nil { // not in one step
			t.Fatal(err)
		}
		eventually(t, "the new certificate is served", func() bool {
			s, err := shake(port, &tls.Config{ServerName: "a.example", RootCAs: a.pool})
			return err == nil && s.PeerCertificates[0].DNSNames[1] == fmt.Sprintf("generation-%d", n)
		})
	}
	clients.Wait()
	if failed.Load() > 0 || sent.Load() != 300 {
		t.Errorf("%d of %d requests failed", failed.Load(), sent.Load())
	}
}

func TestAConnectionOutlivesItsCertificate(t *testing.T) {
	t.Parallel()
	a, path := newAuthority(t), filepath.Join(t.TempDir(), "cert.pem")
	put(t, path, a.pem("a.example"))
	r, port := newRig(t, proxy.Options{CertPoll: soon}), freePort(t)
	r.apply(secured(service(route.TCP, port, rawTask(t, echo)), path))
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: "a.example", RootCAs: a.pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, path, a.pem("b.example"))
	eventually(t, "the new certificate", func() bool { return served(port, "") == "b.example" })
	io.WriteString(c, "ping")
	if got := make([]byte, 4); true {
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "ping" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestOldVersionsOfTLSAreRefusedUnlessAllowed(t *testing.T) {
	a := newAuthority(t)
	file := a.file("a.example")
	for min, oldest := range map[proxy.TLSVersion]uint16{
		"": tls.VersionTLS12, proxy.TLS12: tls.VersionTLS12, proxy.TLS11: tls.VersionTLS11, proxy.TLS10: tls.VersionTLS10, proxy.TLS13: tls.VersionTLS13,
	} {
		r, port := newRig(t, proxy.Options{SSLCerts: []string{file}, TLSMin: min}), freePort(t)
		r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
		for v := uint16(tls.VersionTLS10); v <= tls.VersionTLS13; v++ {
			s, err := shake(port, &tls.Config{InsecureSkipVerify: true, MinVersion: v, MaxVersion: v})
			if v >= oldest && (err != nil || s.Version != v) || v < oldest && err == nil {
				t.Errorf("--tls-min %s: %s: %v", min, tls.VersionName(v), err)
			}
		}
	}
}

func TestOnlySuitesWithForwardSecrecyAreOffered(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example")}}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		_, err := shake(port, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if err == nil && !strings.HasPrefix(suite.Name, "TLS_ECDHE_") {
			t.Errorf("%s is offered", suite.Name)
		}
		if err != nil && strings.HasPrefix(suite.Name, "TLS_ECDHE_ECDSA_") && strings.HasSuffix(suite.Name, "_GCM_SHA256") {
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
}

func TestClientsAgreeOnHTTP1ByALPN(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	r, web, mail := newRig(t, proxy.Options{}), freePort(t), freePort(t)
	file := a.file("a.example")
	r.apply(secured(service(route.HTTP, web, named(t, "app")), file))
	r.apply(secured(service(route.TCP, mail, rawTask(t, echo)), file))
	grpc := freePort(t)
	change := secured(service(route.TCP, grpc, rawTask(t, echo)), file)
	change.SetListeners[0].Options.ALPN = "h2,http/1.1"
	r.apply(change)
	for _, c := range []struct {
		port    int
		offered []string
		want    string
	}{{web, []string{"h2", "http/1.1"}, "http/1.1"}, {web, []string{"h2"}, ""}, {mail, []string{"imap"}, ""}, {mail, []string{"http/1.1"}, ""},
		{grpc, []string{"http/1.1", "h2"}, "h2"}, {grpc, []string{"http/1.1"}, "http/1.1"}, {grpc, []string{"imap"}, ""}, {grpc, nil, ""}} {
		s, err := shake(c.port, &tls.Config{InsecureSkipVerify: true, NextProtos: c.offered})
		if err != nil || s.NegotiatedProtocol != c.want {
			t.Errorf("offered %v: got %q, %v", c.offered, s.NegotiatedProtocol, err)
		}
	}
}

func TestAServerThatSpeaksHTTP2IsReachedThroughTLSInModeTCP(t *testing.T) {
	a, both := newAuthority(t), new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	at := serveOn(t, &http.Server{Protocols: both, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) })})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	change := secured(service(route.TCP, port, at), a.file("a.example"))
	change.SetListeners[0].Options.ALPN = "h2,http/1.1"
	r.apply(change)
	client := secureClient(t, a, port, true)
	for _, forced := range []bool{false, true} {
		transport := client.Transport.(*http.Transport).Clone()
		transport.ForceAttemptHTTP2 = forced
		t.Cleanup(transport.CloseIdleConnections)
		resp, err := (&http.Client{Transport: transport}).Get("https://a.example/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[forced]; string(body) != want {
			t.Errorf("got %q, want %s", body, want)
		}
	}
}

func TestTCPModeEndsTLSPassesBytesAndHalfCloses(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(secured(service(route.TCP, port, rawTask(t, echo)), a.file("a.example")))
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: "a.example", RootCAs: a.pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { c.Write(data); c.CloseWrite() }()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(data), err)
	}
	c.Close()
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	eventually(t, "the bytes are counted as they are without TLS", func() bool {
		return b.Stats.Sum(route.BytesIn) == uint64(len(data)) && b.Stats.Sum(route.BytesOut) == uint64(len(data))
	})
}

func TestBytesOfHTTPSAreCountedAsTheyAreWithoutTLS(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{AccessLog: proxy.LogAll}), freePort(t)
	r.apply(secured(service(route.HTTP, port, named(t, "app")), a.file("a.example")))
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	front := r.Table().Listeners()[0].Stats
	const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	br, out := bufio.NewReader(c), uint64(0)
	for n := range uint64(3) {
		io.WriteString(c, request)
		h := head(br)
		out += uint64(len(h) + len("app"))
		if body := make([]byte, 3); !strings.Contains(h, "Content-Length: 3\r\n") {
			t.Fatalf("got %q", h)
		} else if _, err := io.ReadFull(br, body); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the exchange is finished while the connection stays", func() bool { return front.Sum(route.Resp2xx) == n+1 })
	}
	if in := front.Sum(route.BytesIn); in != 3*uint64(len(request)) || front.Sum(route.BytesOut) != out || front.Sum(route.Connections) != 1 {
		t.Errorf("in %d, out %d of %d, connections %d", in, front.Sum(route.BytesOut), out, front.Sum(route.Connections))
	}
}

func TestAWebSocketOverTLSPassesMessages(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(secured(service(route.HTTP, port, task(t, echoMessages)), a.file("a.example")))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "wss://a.example/", &websocket.DialOptions{HTTPClient: secureClient(t, a, port, false)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	converse(ctx, t, c)
	c.Close(websocket.StatusNormalClosure, "")
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	eventually(t, "its end is counted", func() bool { return b.Servers[0].InFlight() == 0 && b.Stats.Sum(route.Resp1xx) == 1 })
}

func TestHandshakesThatFailHarmNobodyAndAreCounted(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{Timeouts: short}), freePort(t)
	r.apply(secured(service(route.HTTP, port, named(t, "app")), a.file("a.example")))
	front := r.Table().Listeners()[0].Stats
	dial := func() net.Conn {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	silent := dial() // all the while
	defer silent.Close()
	client := secureClient(t, a, port, false)
	for n, send := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x00\xff garbage", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 70000),
		"\x16\x03\x01\x02", // and then nothing
	} {
		c := dial()
		io.WriteString(c, send)
		if got, _ := io.ReadAll(c); strings.Contains(string(got), "HTTP") {
			t.Errorf("%.20q: got %q", send, got)
		}
		c.Close()
		eventually(t, fmt.Sprintf("%.20q is counted", send), func() bool { return front.Sum(route.ErrReq) == uint64(n+1) })
		resp, err := client.Get("https://a.example/")
		if err != nil {
			t.Fatalf("a neighbour of %.20q: %v", send, err)
		}
		resp.Body.Close()
	}
	dial().Close() // a check whether the port is open
	if got, _ := io.ReadAll(silent); len(got) != 0 {
		t.Errorf("a silent client got %q", got)
	}
	eventually(t, "nothing is open", func() bool { return front.Sessions.Load() == 0 })
	if n := front.Sum(route.ErrReq); n != 5 {
		t.Errorf("%d errors counted, of which some are none", n)
	}
	for _, e := range r.logs.All() {
		if e.Level > -1 && e.Message != "request" {
			t.Errorf("logged %s %v", e.Message, e.ContextMap())
		}
	}
}

func TestAPortThatClosesLetsTLSClientsFinish(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example")}, DrainTimeout: time.Minute}), freePort(t)
	running, finish := make(chan struct{}, 1), make(chan struct{})
	r.apply(secured(service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) {
		running <- struct{}{}
		<-finish
		io.WriteString(w, "whole")
	}))))
	client := secureClient(t, a, port, true)
	answer := make(chan string)
	go func() {
		resp, err := client.Get("https://a.example/")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- fmt.Sprint(string(body), " ", resp.Close)
	}()
	<-running
	shaking, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)) // a handshake that never ends
	if err != nil {
		t.Fatal(err)
	}
	defer shaking.Close()
	front := r.Table().Listeners()[0].Stats
	eventually(t, "both are accepted", func() bool { return front.Sessions.Load() == 2 })
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	if got, _ := io.ReadAll(shaking); len(got) != 0 {
		t.Errorf("the unfinished handshake got %q", got)
	}
	close(finish)
	if got := <-answer; got != "whole true" {
		t.Errorf("got %q", got)
	}
	<-stopped
}
