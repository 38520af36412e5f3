package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// leaver is a client that leaves, or does not go on, in its own way (reliability.md, 3.1).
type leaver struct {
	name, send string
	reply      reply
	leave      func(c *net.TCPConn)
	want       want
	nethttp    *want // where its library leaves it no choice
}

func fin(c *net.TCPConn)    { c.CloseWrite() }
func closed(c *net.TCPConn) { c.Close() }
func reset(c *net.TCPConn)  { c.SetLinger(0); c.Close() }

// reads has a client leave in the midst of the answer.
func reads(then func(*net.TCPConn)) func(*net.TCPConn) {
	return func(c *net.TCPConn) { io.CopyN(io.Discard, c, 1000); then(c) }
}

func leavers() (all []leaver) {
	const length, chunked = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	silent := reply{then: stalls}
	large := reply{say: "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + strings.Repeat("a", 64<<20), then: stalls}
	for how, leave := range map[string]func(*net.TCPConn){"FIN": fin, "close": closed, "RST": reset} {
		all = append(all,
			leaver{how + " in the request line", "GET /", silent, leave, want{term: "CR", logged: -1}, &want{status: 400, term: "PR"}},
			leaver{how + " in a field", "GET / HTTP/1.1\r\nHost: h\r\nA: b", silent, leave, want{term: "CR", logged: -1}, &want{status: 400, term: "PR"}},
			leaver{how + " while the server thinks", ask, silent, leave, want{term: "CH", logged: 499, reached: 1}, nil},
			leaver{how + " while it thinks about a body", length + "defghij", silent, leave, want{term: "CH", logged: 499, reached: 1}, nil},
			leaver{how + " within a length", length, silent, leave, want{term: "CH", logged: 499, begun: 1}, nil},
			leaver{how + " within chunks", chunked, silent, leave, want{term: "CH", logged: 499, begun: 1}, nil},
			leaver{how + " within a chunk", chunked + "5\r\nab", silent, leave, want{term: "CH", logged: 499, begun: 1}, nil},
		)
		if how != "FIN" {
			all = append(all, leaver{how + " during the answer", ask, large, reads(leave), want{term: "CD", logged: 200, reached: 1}, nil})
		}
	}
	return append(all, leaver{"reads nothing", ask, large, func(*net.TCPConn) {}, want{term: "cD", logged: 200, reached: 1}, nil})
}

func (r *wireRig) tryLeaver(t *testing.T, l leaver) {
	want := l.want
	if engine == proxy.NetHTTPEngine && l.nethttp != nil {
		want = *l.nethttp
	}
	before := r.counters()
	r.server.begin([]reply{l.reply}, false)
	conn, _ := connect(t, r.port)
	conn.SetReadBuffer(1 << 16)
	io.WriteString(conn, l.send)
	if want.reached+want.begun > 0 {
		select {
		case <-r.server.heads:
		case <-time.After(waits):
			t.Fatal("the server got nothing")
		}
	}
	l.leave(conn)
	last := r.lines(t, 1)[0]
	r.quiet(t)
	seen := r.server.end(t)
	if engine == proxy.NetHTTPEngine && want.term == "PR" { // or it could not say so any more
		return
	}
	checkServer(t, seen, want)
	if status := fmt.Sprint(last["status"]); last["term"] != want.term || status != fmt.Sprint(want.logged) {
		t.Errorf("logged %v, want %s %d", last, want.term, want.logged)
	}
	now := r.counters()
	for i := range now {
		now[i] -= before[i]
	}
	if now != counted[want.term] {
		t.Errorf("counted %v, want %v for %s", now, counted[want.term], want.term)
	}
}

func TestClientsThatLeaveAreNoticedWhereverTheyAre(t *testing.T) {
	for _, l := range leavers() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			newWireRig(t, proxy.Options{AccessLog: proxy.LogAll, Timeouts: patient}).tryLeaver(t, l)
		})
	}
}

// The time for a head is one for all of it; that for a body, or an answer, begins anew with each byte.
func TestWhatComesSlowlyIsWaitedForUnlessItIsAHead(t *testing.T) {
	t.Parallel()
	const step, limit = 350 * time.Millisecond, 3 * time.Second // a busy machine may hold up one step, but not for that long
	drip := func(c io.Writer, text string) {
		for i := range len(text) {
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
			<-time.After(step)
		}
	}
	dripped := rawTask(t, func(c net.Conn, br *bufio.Reader) {
		h := head(br)
		if strings.HasPrefix(h, "POST") {
			io.ReadFull(br, make([]byte, 10))
			io.WriteString(c, ok.say)
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
		drip(c, "0123456789")
	})
	r, port := newRig(t, proxy.Options{Timeouts: proxy.Timeouts{Client: limit, Server: limit, Head: limit, Connect: limit}}), freePort(t)
	r.apply(service(route.HTTP, port, dripped))
	for _, c := range []struct{ whole, dripped, want string }{
		{"GET / HTTP/1.1\r\nConnection: close\r\nHost: h" + eoh, "", "HTTP/1.1 200"},
		{"POST / HTTP/1.1\r\nConnection: close\r\nHost: h\r\nContent-Length: 10" + eoh, "0123456789", "HTTP/1.1 200"},
		{"GET / HTTP/1.1\r\n", "Host: hhhhhhhhhhhhhhhhhh", "HTTP/1.1 4"},
	} {
		t.Run(c.whole, func(t *testing.T) {
			t.Parallel()
			conn, _ := dialed(t, port)
			io.WriteString(conn, c.whole)
			go drip(conn, c.dripped)
			got, _ := io.ReadAll(conn)
			if engine == proxy.NetHTTPEngine && len(got) == 0 && strings.HasPrefix(c.dripped, "Host") { // its library closes without a word
				return
			}
			if !strings.HasPrefix(string(got), c.want) || c.dripped == "" && !strings.HasSuffix(string(got), "0123456789") {
				t.Errorf("got %.200q, want %s", got, c.want)
			}
		})
	}
}
