//go:build linux && (amd64 || arm64)

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestAResponseMayComeByteByByte(t *testing.T) {
	const answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
		"3;a=b\r\nabc\r\n00a\r\n0123456789\r\n0\r\nX-Sum: s\r\n\r\n"
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		for head(br) != "" {
			for i := range len(answer) {
				if _, err := c.Write([]byte{answer[i]}); err != nil {
					return
				}
			}
		}
	})))
	for range 20 {
		resp, body := get(t, url(port, "/"))
		if body != "abc0123456789" || resp.Trailer.Get("X-Sum") != "s" {
			t.Fatalf("got %q, trailers %v", body, resp.Trailer)
		}
	}
	if n := r.Table().Backends()[0].Stats.Sum(route.Connects); n != 1 {
		t.Errorf("%d connections; the responses were whole", n)
	}
}

// reliability.md section 1, rule 11: nobody gets an answer that was there before the question.
func TestAnAnswerNobodyAskedForReachesNobody(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	more := make(chan net.Conn, 100)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		for h := head(br); h != ""; h = head(br) {
			path := strings.Fields(h)[1]
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path)
			more <- c
		}
	})))
	for i := range 50 {
		path := "/" + strconv.Itoa(i)
		if _, body := get(t, url(port, path)); body != path {
			t.Fatalf("asked for %s, got %s", path, body)
		}
		io.WriteString(<-more, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
	}
}

func TestARequestThatActsUsesNoConnectionThatIdledForLong(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	connects := func() uint64 { return r.Table().Backends()[0].Stats.Sum(route.Connects) }
	post := func() {
		req, _ := http.NewRequest("POST", url(port, "/"), strings.NewReader("x"))
		do(t, req)
	}
	get(t, url(port, "/"))
	post()
	if n := connects(); n != 1 {
		t.Errorf("%d connections for two requests in a row", n)
	}
	idle := func() {
		since := time.Now()
		eventually(t, "the connection has idled for a second", func() bool { return time.Since(since) > 1100*time.Millisecond })
	}
	idle()
	get(t, url(port, "/"))
	if n := connects(); n != 1 {
		t.Errorf("a GET does not use a connection again: %d", n)
	}
	idle()
	post()
	if n := connects(); n != 2 {
		t.Errorf("%d connections after a POST that came late", n)
	}
}

// chaotic answers each request with its path and body, in many ways, and now and then does not.
func chaotic(c net.Conn, br *bufio.Reader) {
	for {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if rand.IntN(50) == 0 {
			return
		}
		early := rand.IntN(20) == 0
		body := []byte(nil)
		if !early {
			if body, err = io.ReadAll(req.Body); err != nil {
				return
			}
		}
		text := req.URL.Path + " " + string(body)
		switch rand.IntN(6) {
		case 0:
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(text), text)
		case 1:
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n%s", text)
			return
		case 2:
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text)+5, text) // and breaks off
			return
		case 3:
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%spoison", len(text), text)
		case 4:
			c.(*net.TCPConn).SetLinger(0)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			if rand.IntN(4) == 0 {
				return
			}
		default:
			fmt.Fprintf(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		}
		if early {
			return
		}
	}
}

// G21 of reliability.md, in small: clients that abort, servers that break off, answer early or too much, retries: no client ever gets
// another's answer, or a part of it.
func TestNoAnswerReachesTheWrongClient(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{AccessLog: proxy.LogOff}), freePort(t)
	r.apply(service(route.HTTP, port, rawTask(t, chaotic), rawTask(t, chaotic), refusing(t)))
	var clients sync.WaitGroup
	var whole atomic.Int64
	for i := range 16 {
		clients.Go(func() {
			for n := range 60 {
				whole.Add(int64(chat(t, port, fmt.Sprintf("/%d-%d", i, n))))
			}
		})
	}
	clients.Wait()
	if n := whole.Load(); n < 500 {
		t.Errorf("only %d answers came", n)
	}
}

// chat has a connection of up to 10 requests, and may abort; it returns how many whole answers came.
func chat(t *testing.T, port int, name string) (whole int) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	br := bufio.NewReader(c)
	for n := range 1 + rand.IntN(10) {
		body := strings.Repeat(strconv.Itoa(n), rand.IntN(3)*rand.IntN(3000))
		fmt.Fprintf(c, "PUT %s/%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", name, n, len(body))
		if rand.IntN(15) == 0 { // aborts
			c.(*net.TCPConn).SetLinger(rand.IntN(2) - 1)
			return whole
		}
		io.WriteString(c, body)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return whole
		}
		got, err := io.ReadAll(resp.Body)
		switch want := fmt.Sprintf("%s/%d %s", name, n, body); {
		case resp.StatusCode == 502 || resp.StatusCode == 503:
		case !strings.HasPrefix(want, string(got)):
			t.Errorf("%s/%d got %.100q", name, n, got)
		case err == nil && string(got) != want && len(got) != len(name)+3:
			t.Errorf("%s/%d got %d bytes as if they were all", name, n, len(got))
		case err == nil:
			whole++
		}
		if err != nil || resp.Close {
			return whole
		}
	}
	return whole
}
