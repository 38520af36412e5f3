package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// G20 of reliability.md: 300 clients leave at once, and their servers are free at once.
func TestServersLearnWhenManyClientsLeaveAtOnce(t *testing.T) {
	const n = 300
	r, port := newRig(t, proxy.Options{AccessLog: proxy.LogOff}), freePort(t)
	var waiting, left atomic.Int64
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		if head(br) == "" {
			return
		}
		waiting.Add(1)
		io.Copy(io.Discard, br) // until it is told
		left.Add(1)
	})))
	clients := make([]net.Conn, n)
	for i := range clients {
		clients[i], _ = dialed(t, port)
		io.WriteString(clients[i], []string{good, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"}[i%2])
	}
	eventually(t, "all requests are at the server", func() bool { return waiting.Load() == n })
	began := time.Now()
	for i, c := range clients {
		if i%3 == 0 {
			c.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
	}
	eventually(t, "all are cancelled", func() bool { return left.Load() == n })
	t.Logf("%d of %d cancelled after %v", left.Load(), n, time.Since(began))
	b := r.Table().Backends()[0].Stats
	eventually(t, "all are counted", func() bool { return b.Sum(route.ClientAborts) == n })
}

// held waits until a count of bytes does not grow any more.
func held(t *testing.T, sent *atomic.Int64) int64 {
	last, since := int64(-1), time.Now()
	eventually(t, "the sender is held back", func() bool {
		if n := sent.Load(); n != last {
			last, since = n, time.Now()
		}
		return last > 0 && time.Since(since) > 300*time.Millisecond
	})
	return last
}

// G24: who reads nothing is sent no more than the buffers on the way hold.
func TestWhoReadsNothingHoldsTheSenderBackBothWays(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{AccessLog: proxy.LogOff}), freePort(t)
	const mostDown, mostUp = 8 << 20, 8 << 20
	var down, up atomic.Int64
	flood := func(c net.Conn, sent *atomic.Int64) {
		piece := make([]byte, 1<<16)
		for {
			n, err := c.Write(piece)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}
	var ends sync.WaitGroup
	ends.Add(2)
	r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		defer ends.Done()
		c.(*net.TCPConn).SetReadBuffer(1 << 16)
		c.(*net.TCPConn).SetWriteBuffer(1 << 16)
		if strings.HasPrefix(head(br), "GET") {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
			flood(c, &down)
			return
		}
		<-t.Context().Done()
	})))
	ask := func(request string) *net.TCPConn {
		c, _ := connect(t, port)
		c.SetReadBuffer(1 << 16)
		c.SetWriteBuffer(1 << 16)
		io.WriteString(c, request)
		return c
	}
	reader := ask(good)
	if n := held(t, &down); n > mostDown {
		t.Errorf("%d bytes were taken from the server", n)
	} else {
		t.Logf("%d KB were taken from the server", n>>10)
	}
	reader.Close()
	writer := ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
	go flood(writer, &up)
	if n := held(t, &up); n > mostUp {
		t.Errorf("%d bytes were taken from the client", n)
	} else {
		t.Logf("%d KB were taken from the client", n>>10)
	}
	writer.Close()
}

// Rows of 3.2: what connections cost that do little, or nothing, and never end.
func TestManySlowConnectionsCostLittleMemory(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		name, send string
		most       int // bytes for each
	}{
		{"idle", good, 16 << 10},
		{"in the midst of a head", "GET / HTTP/1.1\r\nHost: h\r\nA: ", 24 << 10},
		{"in the midst of a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", 128 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, port := newLoopRig(t, proxy.Options{AccessLog: proxy.LogOff, DrainTimeout: 100 * time.Millisecond}), freePort(t)
			r.apply(service(route.HTTP, port, rawTask(t, func(c net.Conn, br *bufio.Reader) {
				io.CopyN(io.Discard, c, 1)
				c.(*net.TCPConn).SetReadBuffer(4096)
				in := make([]byte, 256)
				for {
					n, err := c.Read(in)
					if err != nil {
						return
					}
					if strings.HasSuffix(string(in[:n]), "\r\n\r\n") {
						io.WriteString(c, ok.say)
					}
				}
			})))
			before := heap()
			clients := make([]net.Conn, n)
			for i := range clients {
				conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				io.WriteString(conn, c.send)
				clients[i] = conn
			}
			f := r.Table().Listeners()[0].Stats
			eventually(t, "all are served", func() bool { return f.Sessions.Load() == n })
			each := int(heap()-before) / n
			t.Logf("%d bytes for each connection, the test's own ends among them", each)
			if each > c.most {
				t.Errorf("%d bytes for each connection", each)
			}
		})
	}
}

// heap is what is in use, stacks of goroutines included.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one let go of, finalizers included
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
