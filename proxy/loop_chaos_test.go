//go:build linux && (amd64 || arm64)

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
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
