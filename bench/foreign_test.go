//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"marathon-lb/bench/internal/load"
	"marathon-lb/internal/testkit"
)

// This program begins itself as its children, so the tests' program must be able to be them too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "as-") {
		main()
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // of the children, which are many
	goleak.VerifyTestMain(m)
}

// strange is a server that does with each request what it likes; false closes the connection.
func strange(t *testing.T, answer func(net.Conn) bool) *contender {
	at := testkit.Serve(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil || !answer(c) {
				return
			}
		}
	})
	return &contender{http: at, pids: []int{os.Getpid()}}
}

// say answers with so many pieces.
func say(keep bool, pieces ...string) func(net.Conn) bool {
	return func(c net.Conn) bool {
		for _, p := range pieces {
			io.WriteString(c, p)
		}
		return keep
	}
}

func TestWhatIsNoWholeAnswerIsAFailure(t *testing.T) {
	b, _ := ready(t)
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	for name, c := range map[string]struct {
		answer func(net.Conn) bool
		want   string
	}{
		"an error":           {say(true, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "HTTP/1.1 503 Service Unavailable"},
		"a body cut":         {say(false, head, "12345"), "closed before the answer was whole"},
		"a head cut":         {say(false, head[:20]), "closed before the answer was whole"},
		"nothing":            {say(false), "closed before the answer was whole"},
		"too much":           {say(true, head+"1234567890X"), "not what was announced"},
		"no length":          {say(false, "HTTP/1.1 200 OK\r\n\r\n12345"), "not what was announced"},
		"a negative length":  {say(true, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "not what was announced"},
		"a head without end": {say(true, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 40<<10)), "too long"},
	} {
		w := workloads[0]
		w.conns = 4
		r, err := b.play(context.Background(), w, strange(t, c.answer), 0, 60*time.Millisecond)
		told := r.Failure
		if err != nil { // when there are a great many, they end the run
			told = err.Error()
		}
		if err == nil && r.Failures == 0 || !strings.Contains(told, c.want) {
			t.Errorf("%s: %q after %d failures, %v, want %q", name, r.Failure, r.Failures, err, c.want)
		}
		if r.All > 0 {
			t.Errorf("%s: %d requests count as answered", name, r.All)
		}
	}
}

func TestSilenceAndRefusalAreNoResult(t *testing.T) {
	b, _ := ready(t)
	mute := strange(t, func(net.Conn) bool { return true })
	if r, err := b.play(context.Background(), workloads[0], mute, 0, 60*time.Millisecond); err == nil || !strings.Contains(err.Error(), "no answer came") {
		t.Errorf("a server that says nothing: %+v, %v", r, err)
	}
	nobody := &contender{http: b.port(), pids: []int{os.Getpid()}}
	if r, err := b.play(context.Background(), workloads[0], nobody, 0, 60*time.Millisecond); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %+v, %v", r, err)
	}
}

func TestAnAnswerMayComeInPiecesAndBeTheLast(t *testing.T) {
	b, _ := ready(t)
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234567890"
	byByte := strings.Split(answer, "")
	last := strings.Replace(answer, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
	for name, f := range map[string]func(net.Conn) bool{"bytes": say(true, byByte...), "closed after each": say(false, last)} {
		w := workloads[0]
		w.conns = 4
		if r := play(t, b, w, strange(t, f)); r.Failures > 0 || r.Requests == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAWrongEchoIsAFailure(t *testing.T) {
	b, _ := ready(t)
	w := workload{path: "/ws", exchange: load.WebSocket, conns: 2}
	wrong := strange(t, func(c net.Conn) bool {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		io.Copy(c, io.LimitReader(c, 136)) // the frame as it came, masked
		return false
	})
	r, err := b.play(context.Background(), w, wrong, 0, 60*time.Millisecond)
	if told := r.Failure; err == nil && !strings.Contains(told, "not what was said") || err != nil && !strings.Contains(err.Error(), "not what was said") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestIdleConnectionsAreCountedIfTheyStand(t *testing.T) {
	b, c := ready(t)
	stay := func(c *contender) (idle load.Idle) {
		if err := b.ask(context.Background(), workloads[0].spec(c, 0, 0), &idle, roleStay, "30"); err != nil {
			t.Fatal(err)
		}
		return idle
	}
	if idle := stay(c); idle.Opened != 30 || idle.Open != 30 || idle.BeforeKB == 0 || idle.AfterKB == 0 {
		t.Errorf("%+v", idle)
	}
	var over sync.WaitGroup
	over.Add(30)
	closes := strange(t, func(c net.Conn) bool {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		c.(*net.TCPConn).CloseWrite()
		over.Done()
		return true
	})
	if idle := stay(closes); idle.Opened != 30 || idle.Open > 1 { // of the last one the end may still be on its way
		t.Errorf("a server that closes: %+v", idle)
	}
	over.Wait()
}

func TestTheBackendSpeaksWebSocketWithOthers(t *testing.T) {
	_, c := ready(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+c.http.String()+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, words := range []string{"a few", strings.Repeat("more than 125 bytes ", 20)} {
		if err := ws.Write(ctx, websocket.MessageText, []byte(words)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := ws.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(got) != words {
			t.Errorf("%v %q, %v", kind, got, err)
		}
	}
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

func TestTheBackendAnswersOthers(t *testing.T) {
	_, c := ready(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	for path, size := range map[string]int64{"/128": 128, "/64k": 64 << 10, "/big": 100 << 20} {
		r, err := client.Get("http://" + c.http.String() + path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r.Body); n != size || err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %d bytes, %v", path, r.Status, n, err)
		}
		r.Body.Close()
	}
	r, err := client.Get("http://" + c.http.String() + "/else")
	if err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("%v, %v", r, err)
	}
	r.Body.Close()
}

func TestTheBackendAnswersPipelinedRequests(t *testing.T) {
	_, c := ready(t)
	conn, err := net.Dial("tcp", c.http.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "GET /64k HTTP/1.1\r\nHost: a\r\n\r\nGET /128 HTTP/1.1\r\nHost: a\r\nconnection: CLOSE\r\n\r\n")
	in := bufio.NewReader(conn)
	for _, size := range []int64{64 << 10, 128} {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r.Body); n != size || err != nil {
			t.Errorf("%d bytes, %v, want %d", n, err, size)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("asked to close: %v", err)
	}
}
