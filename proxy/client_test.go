package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// dialed is a raw client's connection, which the test's end closes.
func dialed(t *testing.T, port int) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c, bufio.NewReader(c)
}

func TestABodyThatDoesNotComeKeepsNoRequestOpen(t *testing.T) {
	r := newRig(t, proxy.Options{})
	ports := map[string]int{}
	for name, answer := range map[string]netip.AddrPort{"no server": {}, "an early answer": rawTask(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		io.Copy(io.Discard, r)
	}), "a redirect": named(t, "app")} {
		port := freePort(t)
		change := service(route.HTTP, port, answer)
		switch name {
		case "no server":
			change.SetBackends[0].Servers = nil
		case "a redirect":
			change.SetBackends[0].Rewrite = route.Rewrite{Root: "/welcome", Hosts: []string{"a.example"}}
		}
		r.apply(change)
		ports[name] = port
	}
	for name, status := range map[string]int{"no server": 503, "an early answer": 200, "a redirect": 301} {
		for _, more := range []string{"", "Expect: 100-continue\r\n"} {
			t.Run(name+" "+more, func(t *testing.T) {
				t.Parallel()
				c, in := dialed(t, ports[name])
				fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a.example\r\n%sContent-Length: 10\r\n\r\n", more)
				resp, err := http.ReadResponse(in, nil)
				if err == nil && resp.StatusCode == 100 {
					resp, err = http.ReadResponse(in, nil)
				}
				if err != nil || resp.StatusCode != status {
					t.Fatalf("%+v, %v", resp, err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Error(err)
				}
				if n, err := in.Discard(1); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the connection stays open: %v", err)
				}
			})
		}
	}
}

func TestAConnectionGoesOnAfterARefusalWhoseBodyComesOrSaysThatItEnds(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	change := service(route.HTTP, port, named(t, "app"))
	change.SetBackends[0].Rewrite = route.Rewrite{Root: "/welcome", Hosts: []string{"a.example"}}
	r.apply(change)
	c, in := dialed(t, port)
	for range 3 {
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbo")
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != 301 {
			t.Fatalf("%+v, %v", resp, err)
		}
		io.WriteString(c, "dy")
		if resp.Close {
			if engine == proxy.NetHTTPEngine { // it reads the rest; the loop does so only to close in peace
				t.Error("the connection ends although the body comes")
			}
			c, in = dialed(t, port)
		}
	}
}

func TestABadRequestBehindAGoodOneIsCounted(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	if got := say(t, port, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nBad Name: x\r\n\r\n"); got == "" {
		t.Fatal("no answer")
	}
	f := r.Table().Listeners()[0].Stats
	eventually(t, "counted", func() bool { return f.Sessions.Load() == 0 })
	if n := f.Sum(route.ErrReq); n != 1 {
		t.Errorf("%d bad requests counted", n)
	}
}

func TestAStreamEndsWholeAfterASilence(t *testing.T) {
	const client = 50 * time.Millisecond
	r, port := newRig(t, proxy.Options{Timeouts: proxy.Timeouts{Client: client}}), freePort(t)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
		<-time.After(3 * client)
		io.WriteString(c, "0\r\n\r\n")
	})))
	resp, err := http.Get(url(port, "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("%q %v", b, err)
	}
}

func TestAResponseThatIsCutIsCutAtOnceThoughItsRequestStalls(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		io.ReadFull(br, make([]byte, 3))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	})))
	c, br := dialed(t, port)
	c.SetDeadline(time.Now().Add(waits)) // a client's own time is longer
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
	if h := head(br); !strings.HasPrefix(h, "HTTP/1.1 200") {
		t.Fatalf("answered %q", h)
	}
	if b, err := io.ReadAll(br); errors.Is(err, os.ErrDeadlineExceeded) || bytes.Contains(b, []byte("\r\n0\r\n")) {
		t.Errorf("got %q, %v", b, err)
	}
}
