package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// rawTask serves each connection with a script.
func rawTask(t *testing.T, script func(c net.Conn, r *bufio.Reader)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				script(c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return netip.MustParseAddrPort(l.Addr().String())
}

// head reads a request's head as it came over the wire.
func head(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String()
		}
	}
}

// say sends raw bytes to a port and returns all that comes back until the connection closes.
func say(t *testing.T, port int, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, text)
	all, _ := io.ReadAll(c)
	return string(all)
}

func TestTheRequestAsTheServerSeesIt(t *testing.T) {
	heads := make(chan string, 1)
	addr := rawTask(t, func(c net.Conn, r *bufio.Reader) {
		heads <- head(r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	r, port := newRig(t, proxy.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	for _, c := range []struct {
		name, send   string
		want, absent []string
	}{
		{"what the client wrote passes", "GET /a%2fb//c?q=1;2&x=%zz HTTP/1.1\r\nHost: any:80\r\nAccept: */*\r\n\r\n",
			[]string{"GET /a%2fb//c?q=1;2&x=%zz HTTP/1.1\r\n", "Host: any:80\r\n", "Accept: */*\r\n"}, []string{"User-Agent", "Accept-Encoding"}},
		{"a path with two slashes", "GET //a HTTP/1.1\r\nHost: h\r\n\r\n", []string{"GET //a HTTP/1.1\r\n"}, nil},
		{"such a path with bytes that no path may have", "GET //a%2f..%2Fb\"|!$&'()*+,;=:@[]-_.~ HTTP/1.1\r\nHost: h\r\n\r\n",
			[]string{"GET //a%2f..%2Fb\"|!$&'()*+,;=:@[]-_.~ HTTP/1.1\r\n"}, nil},
		{"forwarded fields", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Port: 9\r\nX-Forwarded-Proto: https\r\n\r\n",
			[]string{"X-Forwarded-For: 1.2.3.4\r\n", "X-Forwarded-For: 127.0.0.1\r\n", fmt.Sprintf("X-Forwarded-Port: %d\r\n", port), "X-Forwarded-Proto: http\r\n"},
			[]string{"Port: 9\r", "https"}},
		{"hop-by-hop fields go, and cannot take ours along",
			"GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Mine, X-Forwarded-For, Host\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip, trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
			[]string{"X-Forwarded-For: 127.0.0.1\r\n", "Host: h\r\n", "TE: trailers\r\n"},
			[]string{"X-Mine", "Keep-Alive", "Proxy-Connection", "gzip", "Upgrade", "h2c", "HTTP2-Settings"}},
		{"the absolute form", "GET http://other/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", []string{"GET /p?q HTTP/1.1\r\n", "Host: other\r\n"}, nil},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", []string{"OPTIONS * HTTP/1.1\r\n"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(c.send, "Connection:") {
				c.send = strings.Replace(c.send, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
			}
			if answer := say(t, port, c.send); !strings.HasPrefix(answer, "HTTP/1.1 200") {
				t.Fatalf("answered %q", answer)
			}
			got := <-heads
			if engine == proxy.NetHTTPEngine { // which has its own way to write names, and escapes what no path may have
				got = strings.NewReplacer("%22", `"`, "%7C", "|").Replace(got)
				got = strings.ReplaceAll(strings.ReplaceAll(got, "Te:", "TE:"), "Http2", "HTTP2")
			}
			for _, s := range c.want {
				if !strings.Contains(got, s) {
					t.Errorf("lacks %q:\n%s", s, got)
				}
			}
			for _, s := range c.absent {
				if strings.Contains(got, s) {
					t.Errorf("has %q:\n%s", s, got)
				}
			}
		})
	}
}

func TestAProxyThatIsTrustedSaysTheScheme(t *testing.T) {
	protos := make(chan string, 1)
	addr := task(t, func(w http.ResponseWriter, r *http.Request) { protos <- r.Header.Get("X-Forwarded-Proto") })
	r, port := newRig(t, proxy.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	get(t, url(port, "/"), "X-Forwarded-Proto", "https")
	if got := <-protos; got != "https" {
		t.Errorf("the server was told %q", got)
	}
}

func TestTheResponseAsTheClientSeesIt(t *testing.T) {
	addr := rawTask(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(c, "HTTP/1.1 203 Fine\r\nServer: s\r\nX-A: 1\r\nX-A: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\nabc")
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	got := say(t, port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	for _, s := range []string{"HTTP/1.1 203", "Server: s\r\n", "X-A: 1\r\n", "X-A: 2\r\n", "Content-Length: 3\r\n", "\r\n\r\nabc"} {
		if !strings.Contains(got, s) {
			t.Errorf("lacks %q:\n%s", s, got)
		}
	}
	for _, s := range []string{"X-Hop", "Date:", "Content-Type"} {
		if strings.Contains(got, s) {
			t.Errorf("has %q:\n%s", s, got)
		}
	}
}

func TestBodiesPassWholeInEveryFraming(t *testing.T) {
	addr := task(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Trailer", "X-Sum")
		hash := sha256.New()
		n, err := io.Copy(w, io.TeeReader(r.Body, hash))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Sum", fmt.Sprintf("%x %d %q", hash.Sum(nil), n, r.Trailer.Get("X-Up")))
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	rng := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 4095, 4096, 100_000, 3 << 20} {
		for _, chunked := range []bool{false, true} {
			data := make([]byte, size)
			rng.Read(data)
			req, _ := http.NewRequest("POST", url(port, "/"), bytes.NewReader(data))
			if chunked {
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(data)), -1
				req.Trailer = http.Header{"X-Up": {"t"}}
			}
			resp, body := do(t, req)
			up := ""
			if chunked {
				up = "t"
			}
			if want := fmt.Sprintf("%x %d %q", sha256.Sum256(data), size, up); body != string(data) || resp.Trailer.Get("X-Sum") != want {
				t.Errorf("%d bytes, chunked %v: got %d bytes, trailer %q, want %q", size, chunked, len(body), resp.Trailer.Get("X-Sum"), want)
			}
		}
	}
}

func TestADripIsPassedOnAtOnce(t *testing.T) {
	more := make(chan struct{})
	addr := task(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "6")
		io.WriteString(w, "abc")
		w.(http.Flusher).Flush()
		<-more
		io.WriteString(w, "def")
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	resp, err := http.Get(url(port, "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	three := make([]byte, 3)
	if _, err := io.ReadFull(resp.Body, three); err != nil || string(three) != "abc" {
		t.Fatalf("got %q, %v while the server waits", three, err)
	}
	close(more)
	if rest, _ := io.ReadAll(resp.Body); string(rest) != "def" {
		t.Errorf("then %q", rest)
	}
}

func TestInterimResponsesPass(t *testing.T) {
	addr := rawTask(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	var codes []int
	req, _ := http.NewRequest("GET", url(port, "/"), nil)
	req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { codes = append(codes, code); return nil },
	}))
	resp, body := do(t, req)
	if len(codes) != 1 || codes[0] != 103 || body != "ok" || resp.Header.Get("Link") != "" {
		t.Errorf("interim %v, then %q with Link %q", codes, body, resp.Header.Get("Link"))
	}
}

func TestExpectContinueReachesTheServer(t *testing.T) {
	addr := rawTask(t, func(c net.Conn, r *bufio.Reader) {
		if h := head(r); !strings.Contains(h, "Expect: 100-continue") {
			return
		}
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		body := make([]byte, 4)
		io.ReadFull(r, body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n%s", body)
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
	br := bufio.NewReader(c)
	if line := head(br); !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("got %q before the body was sent", line)
	}
	io.WriteString(c, "body")
	if rest, _ := io.ReadAll(br); !strings.HasSuffix(string(rest), "\r\n\r\nbody") {
		t.Errorf("then %q", rest)
	}
}

func TestAnHTTP10RequestWithoutHostNamesTheAddressItCameTo(t *testing.T) {
	hosts := make(chan string, 1)
	addr := task(t, func(w http.ResponseWriter, r *http.Request) { hosts <- r.Host })
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	say(t, port, "GET / HTTP/1.0\r\n\r\n")
	if got, want := <-hosts, fmt.Sprintf("127.0.0.1:%d", port); got != want {
		t.Errorf("Host is %q, want %q", got, want)
	}
}

func TestAnHTTP10ClientGetsAPlainBody(t *testing.T) {
	addr := task(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "abc")
		w.(http.Flusher).Flush()
		io.WriteString(w, "def")
	})
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, addr))
	if got := say(t, port, "GET / HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nabcdef") || strings.Contains(got, "chunked") {
		t.Errorf("got %q", got)
	}
}
