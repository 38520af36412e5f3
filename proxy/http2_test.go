package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// twoService is a service port with TLS that offers HTTP/2, and a client that speaks it alone.
func twoService(t *testing.T, o proxy.Options, at ...func(http.ResponseWriter, *http.Request)) (*rig, int, route.Change, *http.Client) {
	t.Helper()
	a := newAuthority(t)
	o.SSLCerts = []string{a.file("a.example")}
	r, port := newRig(t, o), freePort(t)
	change := secured(service(route.HTTP, port))
	for i, h := range at {
		one := service(route.HTTP, port, task(t, h)).SetBackends[0].Servers[0]
		one.Name = fmt.Sprint("server", i)
		change.SetBackends[0].Servers = append(change.SetBackends[0].Servers, one)
	}
	change.SetListeners[0].Options.ALPN = "h2,http/1.1"
	r.apply(change)
	return r, port, change, client2(t, a, port)
}

func client2(t *testing.T, a *authority, port int) *http.Client {
	client := secureClient(t, a, port, true)
	tr := client.Transport.(*http.Transport)
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP2(true)
	return client
}

// fetch is a request by a client, and what came.
func fetch(t *testing.T, client *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := client.Do(req)
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

func ask2(method, path string, body io.Reader) *http.Request {
	req, err := http.NewRequest(method, "https://a.example"+path, body)
	if err != nil {
		panic(err)
	}
	return req
}

func TestTheProtocolIsTheFirstOfThosePortsOfferThatAClientKnows(t *testing.T) {
	a := newAuthority(t)
	r := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example")}})
	for _, c := range []struct{ offered, known, want string }{
		{"", "h2,http/1.1", "HTTP/1.1"}, {"h2,http/1.1", "h2,http/1.1", "HTTP/2.0"}, {"http/1.1,h2", "h2,http/1.1", "HTTP/1.1"},
		{"h2,http/1.1", "http/1.1", "HTTP/1.1"}, {"h2", "h2", "HTTP/2.0"}, {"h2", "http/1.1", "HTTP/1.1"},
	} {
		port := freePort(t)
		change := secured(service(route.HTTP, port, named(t, "a")))
		change.SetListeners[0].Options.ALPN = c.offered
		change.SetBackends[0].Name, change.SetListeners[0].Backend = change.SetListeners[0].Name, change.SetListeners[0].Name
		r.apply(change)
		client := secureClient(t, a, port, false)
		tr := client.Transport.(*http.Transport)
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetHTTP1(strings.Contains(c.known, "http/1.1"))
		tr.Protocols.SetHTTP2(strings.Contains(c.known, "h2"))
		if resp, body := fetch(t, client, ask2("GET", "/", nil)); resp.Proto != c.want || body != "a" {
			t.Errorf("offered %q to %q: got %s, %q", c.offered, c.known, resp.Proto, body)
		}
	}
}

func TestManyRequestsShareAConnectionInHTTP2(t *testing.T) {
	const requests = 60
	var all sync.WaitGroup
	all.Add(requests) // none is answered before all have come
	r, _, change, client := twoService(t, proxy.Options{AccessLog: proxy.LogAll}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/together" {
			all.Done()
			all.Wait()
		}
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", fmt.Sprint(r.Proto, " ", r.Host, " ", r.Header["Cookie"], " ", r.Header["X-Forwarded-Proto"], r.Header["Te"], r.Header["Connection"]))
		fmt.Fprintf(w, "%s %s %d", r.Method, r.RequestURI, len(b))
	})
	var conns atomic.Int64
	fetch(t, client, ask2("GET", "/first", nil))
	var asking sync.WaitGroup
	for i := range requests {
		asking.Go(func() {
			req := ask2("POST", "/together?x=%2f", bytes.NewReader(make([]byte, i*1000)))
			req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
				if !i.Reused {
					conns.Add(1)
				}
			}}))
			req.Header["Cookie"] = []string{"a=1; b=2", "c=3"}
			req.Header.Set("TE", "trailers")
			resp, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			want := fmt.Sprintf("POST /together?x=%%2f %d", i*1000)
			if seen := "HTTP/1.1 a.example [a=1; b=2; c=3] [https] [trailers] []"; string(body) != want || err != nil || resp.Header.Get("X-Seen") != seen {
				t.Errorf("got %q %v, seen %q; want %q, seen %q", body, err, resp.Header.Get("X-Seen"), want, seen)
			}
		})
	}
	asking.Wait()
	if n := conns.Load(); n != 0 {
		t.Errorf("%d more connections were made", n)
	}
	l := r.Table().Backend(change.SetBackends[0].Name)
	eventually(t, "all is counted", func() bool { return l.Stats.Sum(route.Requests) == requests+1 && l.Stats.Sessions.Load() == 0 })
	if in := l.Stats.Sum(route.BytesIn); in < 1000*requests*(requests-1)/2 || in > 1000*requests*requests/2+500*requests {
		t.Errorf("%d bytes in", in)
	}
	lines := r.logs.FilterMessage("request").All()
	if len(lines) != requests+1 || lines[0].ContextMap()["line"] != "GET https://a.example/first HTTP/2.0" {
		t.Errorf("%d lines, the first %v", len(lines), lines[0].ContextMap())
	}
}

func TestRulesSeeTheVersionOfHTTPThatAClientSpeaks(t *testing.T) {
	r, _, change, client := twoService(t, proxy.Options{}, func(http.ResponseWriter, *http.Request) {})
	newer := client.Transport.(*http.Transport)
	older := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: newer.TLSClientConfig.RootCAs}, DialContext: newer.DialContext}
	defer older.CloseIdleConnections()
	for test, want := range map[string][2]int{"req.ver 2.0": {403, 200}, "req.ver 1.1": {200, 403}} {
		change.SetBackends[0].Do = denying(t, test)
		r.apply(change)
		second, _ := fetch(t, client, ask2("GET", "/", nil))
		first, _ := fetch(t, &http.Client{Transport: older}, ask2("GET", "/", nil))
		if got := [2]int{second.StatusCode, first.StatusCode}; got != want {
			t.Errorf("%s: %v in HTTP/2 and 1.1, want %v", test, got, want)
		}
	}
}

func TestBodiesTrailersAndInterimResponsesPassInHTTP2(t *testing.T) {
	const size = 3 << 20
	r, _, _, client := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum")
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Write(make([]byte, size))
		w.Header().Set("X-Sum", fmt.Sprint(n, " ", r.ContentLength, " ", r.Trailer.Get("X-End")))
	})
	for _, length := range []int64{size, -1} {
		req := ask2("POST", "/", struct{ io.Reader }{bytes.NewReader(make([]byte, size))}) // whose length the library does not see
		req.ContentLength, req.Trailer = length, http.Header{"X-End": {"end"}}
		hints := 0
		req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			hints += code
			return nil
		}}))
		resp, body := fetch(t, client, req)
		if want := fmt.Sprint(size, " ", length, " end"); length < 0 && resp.Trailer.Get("X-Sum") != want || len(body) != size || hints != 103 {
			t.Errorf("got %d bytes, trailer %q, interim %d; want %q", len(body), resp.Trailer.Get("X-Sum"), hints, want)
		}
	}
	if l := r.Table().Listeners()[0]; l.Stats.Sum(route.ErrReq) != 0 {
		t.Error("errors were counted")
	}
}

func TestOneRequestThatFailsInHTTP2HarmsNoOther(t *testing.T) {
	gone, hold := make(chan struct{}, 1), make(chan struct{})
	r, _, _, client := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/left":
			<-r.Context().Done()
			gone <- struct{}{}
		case "/held":
			w.(http.Flusher).Flush()
			<-hold
			io.WriteString(w, "whole")
		}
	})
	held, err := client.Do(ask2("GET", "/held", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Body.Close()
	resp, err := client.Do(ask2("GET", "/cut", nil))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "begun" {
		t.Errorf("a response that was cut looks whole: %q", b)
	}
	resp.Body.Close()
	if got := r.ended(); got["term"] != "SD" {
		t.Errorf("the line says %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := client.Do(ask2("GET", "/left", nil).WithContext(ctx)); left <- err }()
	eventually(t, "both run", func() bool { return r.Table().Backends()[0].Stats.Sessions.Load() == 2 })
	cancel()
	<-gone // the server is told at once
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := r.ended(); got["term"] != "CH" {
		t.Errorf("the line says %v", got)
	}
	close(hold)
	if b, err := io.ReadAll(held.Body); err != nil || string(b) != "whole" {
		t.Errorf("the other one: %q, %v", b, err)
	}
}

func TestARefusalInHTTP2KeepsTheConnection(t *testing.T) {
	r, _, change, client := twoService(t, proxy.Options{}, func(http.ResponseWriter, *http.Request) {})
	fetch(t, client, ask2("GET", "/", nil))
	change.SetBackends[0].Servers = nil
	r.apply(change)
	for range 3 {
		var reused bool
		req := ask2("GET", "/", nil)
		req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}))
		resp, body := fetch(t, client, req)
		if resp.StatusCode != 503 || !strings.Contains(body, "503 Service Unavailable") || !reused || resp.Header.Get("Connection") != "" {
			t.Errorf("got %d, reused is %v, %v", resp.StatusCode, reused, resp.Header)
		}
	}
}

func TestAServersPauseIsNoPauseOfItsHTTP2Client(t *testing.T) {
	const client = 50 * time.Millisecond
	_, _, _, c := twoService(t, proxy.Options{Timeouts: proxy.Timeouts{Client: client}}, func(w http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		<-time.After(3 * client)
		for range 2 {
			io.WriteString(w, "ok")
			w.(http.Flusher).Flush()
			<-time.After(3 * client)
		}
	})
	if resp, body := fetch(t, c, ask2("POST", "/", strings.NewReader("a body"))); resp.StatusCode != 200 || body != "okok" {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
}

func TestAnHTTP2ClientThatStallsIsLeft(t *testing.T) {
	const patience = 100 * time.Millisecond
	r, _, _, client := twoService(t, proxy.Options{Timeouts: proxy.Timeouts{Client: patience}}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			io.ReadAll(r.Body)
			return
		}
		for range 100 {
			w.Write(make([]byte, 1<<20))
		}
	})
	silent, stop := io.Pipe()
	defer stop.Close()
	if resp, _ := fetch(t, client, ask2("POST", "/", silent)); resp.StatusCode != 408 {
		t.Errorf("a body that does not come: %d", resp.StatusCode)
	}
	if got := r.ended(); got["term"] != "cH" {
		t.Errorf("the line says %v", got)
	}
	resp, err := client.Do(ask2("GET", "/", nil)) // which is not read
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := r.ended(); got["term"] != "cD" {
		t.Errorf("the line says %v", got)
	}
}

func TestAPortThatLeavesLetsItsHTTP2RequestsEnd(t *testing.T) {
	hold := make(chan struct{})
	r, port, change, client := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-hold
		io.WriteString(w, "whole")
	})
	resp, err := client.Do(ask2("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r.apply(route.Change{DropListeners: []netip.AddrPort{change.SetListeners[0].Bind}})
	eventually(t, "no new client comes in", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	eventually(t, "the client knows that it is to go", func() bool {
		another, err := client.Do(ask2("GET", "/", nil))
		if err == nil { // it came in time
			another.Body.Close()
		}
		return err != nil
	})
	close(hold)
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "whole" {
		t.Errorf("got %q %v", b, err)
	}
}

func TestNoHTTP2RequestIsLostWhenTheProcessLeaves(t *testing.T) {
	r, _, _, client := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "whole") })
	var asking sync.WaitGroup
	var refused, answered atomic.Int64
	for range 8 {
		asking.Go(func() {
			for refused.Load() == 0 {
				resp, err := client.Do(ask2("GET", "/", nil))
				var op *net.OpError
				switch {
				case errors.As(err, &op) && op.Op == "dial":
					refused.Add(1)
				case err != nil:
					t.Error(err)
					refused.Add(1)
				default:
					if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "whole" {
						t.Errorf("got %q %v", b, err)
					}
					resp.Body.Close()
					answered.Add(1)
				}
			}
		})
	}
	eventually(t, "some were answered", func() bool { return answered.Load() > 100 })
	r.stop()
	asking.Wait()
}

func TestAnEarlyAnswerInHTTP2EndsTheUpload(t *testing.T) {
	r, port, change, client := twoService(t, proxy.Options{})
	change.SetBackends[0].Servers = service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		io.Copy(io.Discard, br)
	})).SetBackends[0].Servers
	r.apply(change)
	endless, stop := io.Pipe()
	defer stop.Close()
	go io.CopyN(stop, strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20)
	if resp, body := fetch(t, client, ask2("POST", "/", endless)); resp.StatusCode != 413 || body != "no" {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
}
