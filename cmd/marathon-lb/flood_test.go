package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// flood is many clients of a life that send requests and repeat none: what fails is seen. Each obeys Connection: close, and does not use a
// connection that it was told the end of.
type flood struct {
	t       *testing.T
	refusal bool          // of a connection, is a failure
	end     chan struct{} // closed to have them stop
	clients sync.WaitGroup
	sent    map[string]*atomic.Int64 // by kind
	mu      sync.Mutex
	failed  []string
}

// kind is how a client goes about it.
type kind struct {
	name    string
	clients int
	share   int // of the requests, of 16
	fresh   bool
	request string
	dial    func() (net.Conn, error)
}

// flood has clients send that many requests per second, over kept and over new connections, to all kinds of ports. Without refusal, a
// client ends when it is refused.
func (l *life) flood(rate int, refusal bool) *flood {
	f := &flood{t: l.t, refusal: refusal, end: make(chan struct{}), sent: map[string]*atomic.Int64{}}
	to := func(addr string) func() (net.Conn, error) {
		return func() (net.Conn, error) { return net.DialTimeout("tcp", addr, 20*time.Second) }
	}
	secure := func() (net.Conn, error) {
		c, err := to(l.secure)()
		if err != nil {
			return nil, err
		}
		return tls.Client(c, &tls.Config{ServerName: "web.test", InsecureSkipVerify: true}), nil
	}
	const get = "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"
	const post = "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 5\r\n\r\nhello"
	for _, k := range []kind{
		{"kept", 24, 6, false, get, to(l.byHost)},
		{"POST", 16, 4, false, post, to(loopback(l.port))},
		{"new", 12, 4, true, get, to(l.byHost)},
		{"TCP", 4, 1, true, get, to(loopback(l.tcp))},
		{"TLS", 4, 1, false, get, secure},
	} {
		sent := new(atomic.Int64)
		f.sent[k.name] = sent
		each := time.Second * time.Duration(k.clients) * 16 / time.Duration(rate*k.share)
		for range k.clients {
			f.clients.Go(func() { f.client(k, sent, each) })
		}
	}
	l.t.Cleanup(f.stop)
	return f
}

// client sends requests at its pace, and counts them, until it is to end.
func (f *flood) client(k kind, sent *atomic.Int64, each time.Duration) {
	pace := time.NewTicker(each)
	defer pace.Stop()
	var conn net.Conn
	var answers *bufio.Reader
	hangUp := func() {
		if conn != nil {
			conn.Close()
			conn = nil
		}
	}
	defer hangUp()
	for {
		select {
		case <-f.end:
			return
		case <-pace.C:
		}
		if conn != nil && toldTheEnd(conn) {
			hangUp()
		}
		if conn == nil {
			c, err := k.dial()
			if err != nil {
				if f.refusal || !errors.Is(err, syscall.ECONNREFUSED) {
					f.fail(k, err)
				}
				if f.refusal {
					continue
				}
				return
			}
			conn, answers = c, bufio.NewReader(c)
		}
		last, err := ask(conn, answers, k.request)
		sent.Add(1)
		if err != nil {
			f.fail(k, err)
		}
		if err != nil || last || k.fresh {
			hangUp()
		}
	}
}

func (f *flood) fail(k kind, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, fmt.Sprintf("%s %s: %v", time.Now().Format("15:04:05.000"), k.name, err))
}

// ask sends a request and reads the answer; last says that the connection is not to be used any more.
func ask(conn net.Conn, answers *bufio.Reader, request string) (last bool, err error) {
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, request); err != nil {
		return true, err
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return true, err
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != 200 || string(body) != "hello") {
		err = fmt.Errorf("status %d, %.80q", resp.StatusCode, body)
	}
	return resp.Close, err
}

// toldTheEnd says that the other side has closed the connection, as a client sees it that looks before it asks.
func toldTheEnd(conn net.Conn) (closed bool) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	conn.SetReadDeadline(time.Time{})
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = err != syscall.EAGAIN // FIN, RST, or TLS's word for it
		return true
	})
	return closed || err != nil
}

// total is how many requests were answered or failed.
func (f *flood) total() (n int) {
	for _, sent := range f.sent {
		n += int(sent.Load())
	}
	return n
}

// until waits until that many requests were sent.
func (f *flood) until(n int) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for before, late := f.total(), time.Now(); f.total() < n; <-tick.C {
		if now := f.total(); now > before {
			before, late = now, time.Now()
		} else if time.Since(late) > 30*time.Second {
			f.t.Fatalf("no request is answered any more, after %d", now)
		}
	}
}

// ended waits until all clients were refused.
func (f *flood) ended() { f.clients.Wait() }

// stop ends the clients.
func (f *flood) stop() {
	select {
	case <-f.end:
	default:
		close(f.end)
	}
	f.clients.Wait()
}

func (f *flood) result() (sent int, failed []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total(), f.failed
}

// kinds says how many requests went which way.
func (f *flood) kinds() string {
	var all []string
	for _, name := range []string{"kept", "POST", "new", "TCP", "TLS"} {
		all = append(all, fmt.Sprintf("%s %d", name, f.sent[name].Load()))
	}
	return strings.Join(all, ", ")
}
