package proxy_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestWhatAnnouncesNoTrailerHarmsNoServer(t *testing.T) {
	ok := func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }
	r, port, _, _ := twoService(t, proxy.Options{}, ok, ok)
	plain := freePort(t)
	r.apply(service(route.HTTP, plain, task(t, ok), task(t, ok)))
	for _, names := range []string{"a b", ",", "X-Sum,,", "X:Y", "a\tb"} {
		c := newRaw2(t, port)
		stream, _ := c.ask(endStream, asked2("trailer", names)...)
		if got := c.answer(stream); got != "200" {
			t.Errorf("%q without a body: %s", names, got)
		}
		stream, _ = c.ask(0, asked2(":method", "POST", "trailer", names)...)
		c.write(frameData, endStream, stream, []byte("body"))
		if got := c.answer(stream); got != "200" {
			t.Errorf("%q: %s", names, got)
		}
		got := say(t, plain, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: "+names+"\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("%q in HTTP/1.1: %.30q", names, got)
		}
	}
	for _, b := range r.Table().Backends() {
		for _, s := range b.Servers {
			if s.Grade() == route.Shunned {
				t.Errorf("%s is shunned", s.Name)
			}
		}
	}
}

func TestAClientThatLeavesAmidHintsInHTTP2HarmsNobody(t *testing.T) {
	stuck, left := make(chan error, 1), make(chan struct{}, 1)
	r, port, change, _ := twoService(t, proxy.Options{})
	change.SetBackends[0].Servers = service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		var err error
		for i := 0; err == nil; i++ { // until nobody takes them any more
			link := strings.Repeat(fmt.Sprintf("Link: </%d%s.css>\r\n", i, strings.Repeat("x", 8000)), 6)
			c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n"+link+"\r\n")
		}
		stuck <- err
		io.Copy(io.Discard, br)
		left <- struct{}{}
	})).SetBackends[0].Servers
	r.apply(change)
	c := newRaw2(t, port)
	stream, _ := c.ask(endStream, asked2()...)
	if err := <-stuck; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	c.write(frameReset, 0, stream, []byte{0, 0, 0, 8})
	<-left
	if got := r.ended(); got["term"] != "CH" {
		t.Errorf("the line says %v", got)
	}
}

func TestHeadsHaveTheSameBoundsInHTTP2(t *testing.T) {
	r, _, _, client := twoService(t, proxy.Options{}, func(http.ResponseWriter, *http.Request) {})
	front := r.Table().Listeners()[0].Stats
	for _, c := range []struct{ fields, size, want int }{{90, 340, 200}, {90, 380, 431}, {101, 10, 431}, {1, 33 << 10, 431}} {
		req, errors := ask2("GET", "/", nil), front.Sum(route.ErrReq)
		for i := range c.fields {
			req.Header.Set(fmt.Sprint("X-", i), strings.Repeat("x", c.size))
		}
		if resp, _ := fetch(t, client, req); resp.StatusCode != c.want {
			t.Errorf("%d fields of %d bytes: %d", c.fields, c.size, resp.StatusCode)
		}
		if c.want != 200 {
			eventually(t, "it is counted", func() bool { return front.Sum(route.ErrReq) == errors+1 })
		}
	}
}

func TestHintsHaveNoFieldsOfTheServersConnection(t *testing.T) {
	r, port, change, client := twoService(t, proxy.Options{})
	change.SetBackends[0].Servers = service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		head(br)
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: keep-alive, x\r\nKeep-Alive: timeout=5\r\nX: y\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
	})).SetBackends[0].Servers
	r.apply(change)
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error { hints = append(hints, fmt.Sprint(code, h)); return nil }}
	req := ask2("GET", "/", nil)
	if resp, _ := fetch(t, client, req.WithContext(httptrace.WithClientTrace(t.Context(), trace))); resp.StatusCode != 204 || fmt.Sprint(hints) != "[103 map[Link:[</a>]]]" {
		t.Errorf("got %d after %q", resp.StatusCode, hints)
	}
}

func TestAnIdleClientOfHTTP1IsNotKeptBySomeoneElsesStream(t *testing.T) {
	hold := make(chan struct{})
	r, port, change, client := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			w.(http.Flusher).Flush()
			<-hold
		}
	})
	resp, err := client.Do(ask2("GET", "/held", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	idle, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: "a.example", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	idle.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(idle, "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	br := bufio.NewReader(idle)
	head(br)
	r.apply(route.Change{DropListeners: []netip.AddrPort{change.SetListeners[0].Bind}})
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("it is still there: %v", err)
	}
	close(hold)
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Error(err)
	}
}

func TestASlowClientHasTimeForAllThatItAskedForInHTTP2(t *testing.T) {
	const streams, size, patience = 40, 48 << 10, 500 * time.Millisecond
	r, port, _, _ := twoService(t, proxy.Options{Timeouts: proxy.Timeouts{Client: patience}}, func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, size))
	})
	c := newRaw2(t, port)
	left, got, ended := streams, 0, make(chan struct{})
	take := func() {
		kind, flags, _, payload, err := c.read()
		switch {
		case err != nil, kind == frameReset:
			t.Fatal(kind, err)
		case kind == frameData:
			got += len(payload)
			if flags&endStream != 0 {
				left--
			}
		}
	}
	for range 2 {
		c.ask(endStream, asked2()...)
	}
	for got < 1<<16-1 { // all that may be sent to a client that did not ask for more: the second one waits
		take()
	}
	for range streams - 2 {
		c.ask(endStream, asked2()...)
	}
	defer close(ended)
	go func() { // all of it takes longer than the client's patience, but it never pauses
		more := time.NewTicker(5 * time.Millisecond)
		defer more.Stop()
		for {
			select {
			case <-ended:
				return
			case <-more.C:
				c.write(frameWindow, 0, 0, []byte{0, 0, 16, 0})
			}
		}
	}()
	for left > 0 {
		take()
	}
	if got != streams*size {
		t.Errorf("got %d bytes", got)
	}
	eventually(t, "all is counted", func() bool { return r.Table().Backends()[0].Stats.Sessions.Load() == 0 })
}

func TestAClientThatConnectedBeforeThePortLeftIsAnsweredInHTTP2(t *testing.T) {
	r, port, change, _ := twoService(t, proxy.Options{}, func(http.ResponseWriter, *http.Request) {})
	front := r.Table().Listeners()[0].Stats
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is let in", func() bool { return front.Sessions.Load() == 1 })
	r.apply(route.Change{DropListeners: []netip.AddrPort{change.SetListeners[0].Bind}})
	eventually(t, "no new client comes in", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	c := raw2On(t, conn) // whose handshake begins now
	stream, _ := c.ask(endStream, asked2()...)
	answered, told := false, false
	for { // until it is closed
		kind, _, on, _, err := c.read()
		if err != nil {
			break
		}
		answered, told = answered || kind == frameHeaders && on == stream, told || kind == frameGoAway
	}
	if !answered || !told {
		t.Errorf("it was answered: %v; told to go: %v", answered, told)
	}
}
