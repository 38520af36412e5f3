package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func echo(c net.Conn, r *bufio.Reader) { io.Copy(c, r); c.(*net.TCPConn).CloseWrite() }

func TestTCPModePassesBytesBothWaysAndHalfCloses(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.TCP, port, rawTask(t, echo)))
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { c.Write(data); c.(*net.TCPConn).CloseWrite() }()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(data), err)
	}
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	eventually(t, "the bytes are counted", func() bool {
		return b.Stats.Sum(route.BytesIn) == uint64(len(data)) && b.Stats.Sum(route.BytesOut) == uint64(len(data))
	})
}

func TestTheServerMaySpeakFirst(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.TCP, port, rawTask(t, func(c net.Conn, r *bufio.Reader) { io.WriteString(c, "220 hello\r\n") })))
	if got := say(t, port, ""); got != "220 hello\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestTCPWithoutServerCloses(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.TCP, port))
	if got := say(t, port, "x"); got != "" {
		t.Errorf("got %q", got)
	}
	if l := r.ended(); l["failure"] != "no server" {
		t.Errorf("logged %v", l)
	}
}

func TestTCPGoesToTheNextServerWhenOneRefuses(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.TCP, port, refusing(t), rawTask(t, func(c net.Conn, r *bufio.Reader) { io.WriteString(c, "ok") })))
	for range 4 {
		if got := say(t, port, ""); got != "ok" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestAnIdleTunnelIsClosed(t *testing.T) {
	r, port := newRig(t, proxy.Options{Timeouts: proxy.Timeouts{Tunnel: 200 * time.Millisecond}}), freePort(t)
	r.apply(service(route.TCP, port, rawTask(t, echo)))
	say(t, port, "x") // returns when the connection is closed
	if l := r.ended(); l["term"] != "sD" {
		t.Errorf("logged %v", l)
	}
}

func TestATunnelOutlivesItsServersPlaceInTheTableUntilItsTimeIsUp(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{DrainTimeout: 400 * time.Millisecond}), freePort(t)
	r.apply(service(route.TCP, port, rawTask(t, echo)))
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ping := func() error {
		if _, err := io.WriteString(c, "ping"); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 4))
		return err
	}
	if err := ping(); err != nil {
		t.Fatal(err)
	}
	r.apply(service(route.TCP, port))
	if err := ping(); err != nil {
		t.Fatalf("right after its server left: %v", err)
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	if l := r.ended(); l["term"] != "DD" {
		t.Errorf("logged %v", l)
	}
}

// echoMessages is the app whose WebSockets send back what they receive.
func echoMessages(w http.ResponseWriter, req *http.Request) {
	c, err := websocket.Accept(w, req, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for {
		kind, data, err := c.Read(req.Context())
		if err != nil || c.Write(req.Context(), kind, data) != nil {
			return
		}
	}
}

// converse sends messages, small and large, to an app that echoes them.
func converse(ctx context.Context, t *testing.T, c *websocket.Conn) {
	t.Helper()
	c.SetReadLimit(-1)
	for _, size := range []int{1, 200, 100_000} {
		message := bytes.Repeat([]byte{'x'}, size)
		if err := c.Write(ctx, websocket.MessageBinary, message); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes came back of %d, %v", len(got), size, err)
		}
	}
}

func TestAWebSocketPassesMessages(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, task(t, echoMessages)))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://127.0.0.1:%d/", port), nil)
	if err != nil {
		t.Fatal(err)
	}
	converse(ctx, t, c)
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	if b.Servers[0].InFlight() != 1 {
		t.Error("an open WebSocket is not counted in scur")
	}
	c.Close(websocket.StatusNormalClosure, "")
	eventually(t, "its end is counted", func() bool { return b.Servers[0].InFlight() == 0 && b.Stats.Sum(route.Resp1xx) == 1 })
}

func TestHTTP2WithoutTLSOnAServicePortPassesAsBytes(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	plain := new(http.Protocols)
	plain.SetUnencryptedHTTP2(true)
	addr := serveOn(t, &http.Server{Protocols: plain, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", r.Header.Get("X-Forwarded-For"))
	})})
	r.apply(service(route.HTTP, port, addr))
	tr := &http.Transport{Protocols: plain}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(url(port, "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0 " {
		t.Errorf("the server saw %q", body)
	}
}

func TestHTTP2WithoutTLSIsNoWayRoundTheRulesOfASharedPort(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, freePort(t), named(t, "web"))
	c.SetBackends[0].Rules = []route.Rule{{Host: "*"}}
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, port))
	r.apply(c)
	if got := say(t, port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 405 ") {
		t.Errorf("got %q", got)
	}
}
