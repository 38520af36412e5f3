package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// A small exchange whose sockets fail, stall, reset and split at every byte, on either side: nothing hangs, nothing is left over, and the
// client sees the whole answer, a cut one or an error, never a wrong one.

// small are the requests, and the answers to them.
var (
	smallRequests = []string{
		"GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;e\r\nhello\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n",
	}
	smallAnswers = []string{
		"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 8\r\n\r\n01234567",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;e\r\n01234\r\n3\r\n567\r\n0\r\nT: u\r\n\r\n",
	}
)

const smallBody = "01234567"

// breakage is how a socket ends at some byte.
type breakage uint8

const (
	splits breakage = iota // it does not: the rest comes later
	fins
	rsts
	hangs
	numBreakages
)

func (b breakage) String() string { return [...]string{"split", "FIN", "RST", "stall"}[b] }

// apply does it to a connection; gone is closed when nobody waits any more.
func (b breakage) apply(c net.Conn, gone <-chan struct{}) {
	switch b {
	case rsts:
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	case fins:
		c.(*net.TCPConn).CloseWrite()
		<-gone
	case hangs:
		<-gone
	}
}

// brokenRig has two servers that do what the case says.
type brokenRig struct {
	*rig
	port   int
	script atomic.Pointer[func(net.Conn, *bufio.Reader)]
	open   atomic.Int64 // connections to the servers
	came   atomic.Int64 // those that there ever were
	dialed uint64       // the clients' connections that there ever were
	whole  atomic.Int64 // requests that a server has seen whole
	wrong  atomic.Pointer[string]
}

func newBrokenRig(t *testing.T, timeouts proxy.Timeouts) *brokenRig {
	r := &brokenRig{rig: newRig(t, proxy.Options{Timeouts: timeouts, AccessLog: proxy.LogOff}), port: freePort(t)}
	serve := func(c net.Conn, br *bufio.Reader) {
		r.open.Add(1)
		r.came.Add(1)
		defer r.open.Add(-1)
		if script := r.script.Load(); script != nil { // nobody has begun otherwise, and who comes meant another that had this port
			(*script)(c, br)
		}
	}
	r.apply(service(route.HTTP, r.port, rawTask(t, serve), rawTask(t, serve)))
	return r
}

// request reads a whole request and checks that it is the one that was sent; false if it is none.
func (r *brokenRig) request(br *bufio.Reader, sent string) bool {
	req, err := http.ReadRequest(br)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return false
	}
	r.whole.Add(1)
	if want := map[bool]string{true: "helloabc"}[strings.HasPrefix(sent, "POST")]; req.URL.Path != "/x" || string(body) != want {
		wrong := fmt.Sprintf("%s %s %q", req.Method, req.URL, body)
		r.wrong.Store(&wrong)
	}
	return true
}

// brokenCase is what the client sends before its end of the connection breaks, and what the server does with its end.
type brokenCase struct {
	request, answer string
	atClient        int // bytes the client sends
	atServer        int // bytes the server answers with
	reads           int // bytes the server reads before it breaks, -1 for the whole request
	takes           int // bytes the client reads before it breaks, -1 for all
	how             breakage
}

func (c brokenCase) name() string {
	return fmt.Sprintf("%s client %d server %d reads %d takes %d of %.4s %.40q", c.how, c.atClient, c.atServer, c.reads, c.takes, c.request, c.answer)
}

// brokenCases are all of them.
func brokenCases() (all []brokenCase) {
	each := func(n int, at func(int) brokenCase) {
		for i := range n {
			all = append(all, at(i))
		}
	}
	for how := range numBreakages {
		for i, request := range smallRequests {
			for _, answer := range smallAnswers {
				base := brokenCase{request: request, answer: answer, atClient: len(request), atServer: len(answer), reads: -1, takes: -1, how: how}
				each(len(answer), func(at int) brokenCase { c := base; c.atServer = at; return c })
				if how == fins || how == rsts { // without the chunk extension, which is dropped
					each(len(answer)-12, func(at int) brokenCase { c := base; c.takes = at; return c })
				}
				if answer != smallAnswers[i] {
					continue
				}
				// Of a client that says nothing, the kernel does not tell.
				each(len(request)-1, func(at int) brokenCase { c := base; c.atClient = at + 1; return c })
				if how != splits { // the fields we add are longer than those
					each(2*len(request), func(at int) brokenCase { c := base; c.reads = at; return c })
				}
			}
		}
	}
	return all
}

func (r *brokenRig) try(t *testing.T, c brokenCase) {
	r.whole.Store(0)
	gone := make(chan struct{})
	script := func(conn net.Conn, br *bufio.Reader) {
		go func() { <-gone; conn.(*net.TCPConn).CloseWrite() }()
		defer io.Copy(io.Discard, conn) // until the proxy has closed it, too
		if c.reads >= 0 {
			io.CopyN(io.Discard, br, int64(c.reads))
			c.how.apply(conn, gone)
			return
		}
		for r.request(br, c.request) {
			io.WriteString(conn, c.answer[:c.atServer])
			if c.atServer == len(c.answer) {
				continue
			}
			if c.how.apply(conn, gone); c.how != splits {
				return
			}
			io.WriteString(conn, c.answer[c.atServer:])
		}
	}
	r.script.Store(&script)
	got := r.client(t, c, gone)
	close(gone)
	b, f := r.Table().Backends()[0], r.Table().Listeners()[0].Stats
	eventually(t, "nothing is left over of "+c.name(), func() bool {
		return f.Sum(route.Connections) >= r.dialed && b.Stats.Sessions.Load() == 0 && f.Sessions.Load() == 0 && b.Servers[0].InFlight()+b.Servers[1].InFlight() == 0 &&
			r.came.Load() >= int64(b.Stats.Sum(route.Connects)) && r.open.Load() == 0 // none is still to be accepted, and to be taken for the next case's
	})
	c.judge(t, got, r.whole.Load())
	if wrong := r.wrong.Swap(nil); wrong != nil {
		t.Errorf("%s: the server got %s", c.name(), *wrong)
	}
}

// client does the client's part, and returns what it got.
func (r *brokenRig) client(t *testing.T, c brokenCase, gone <-chan struct{}) []byte {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		t.Fatal(err)
	}
	r.dialed++
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(waits))
	io.WriteString(conn, c.request[:c.atClient])
	if c.atClient < len(c.request) {
		switch c.how {
		case splits:
			io.WriteString(conn, c.request[c.atClient:])
		case fins:
			conn.(*net.TCPConn).CloseWrite()
		case rsts:
			conn.(*net.TCPConn).SetLinger(0)
			return nil
		}
	}
	if c.takes >= 0 {
		if c.how == rsts {
			conn.(*net.TCPConn).SetLinger(0)
		}
		io.CopyN(io.Discard, conn, int64(c.takes))
		return nil
	}
	var got bytes.Buffer
	whole := readOne(io.TeeReader(conn, &got), c.request)
	if !whole {
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: the client was left to wait with %q", c.name(), got.Bytes())
		}
	}
	return got.Bytes()
}

// readOne reads one answer to its end, if it comes.
func readOne(from io.Reader, request string) bool {
	resp, err := finalAnswer(bufio.NewReader(from), request[:strings.IndexByte(request, ' ')])
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil
}

func finalAnswer(br *bufio.Reader, method string) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil || resp.StatusCode >= 200 {
			return resp, err
		}
	}
}

// judge says whether the client got what it may get.
func (c brokenCase) judge(t *testing.T, got []byte, whole int64) {
	broken := c.how != splits
	if c.atClient < len(c.request) && broken && whole > 0 {
		t.Errorf("%s: the server got a request that was not sent", c.name())
	}
	resp, err := finalAnswer(bufio.NewReader(bytes.NewReader(got)), "GET")
	if err != nil {
		if !broken {
			t.Errorf("%s: the client got %q", c.name(), got)
		}
		return
	}
	body, err := io.ReadAll(resp.Body)
	switch resp.StatusCode {
	case 200:
		if !strings.HasPrefix(smallBody, string(body)) || err == nil && string(body) != smallBody || err != nil && !broken {
			t.Errorf("%s: the client got %q, %v", c.name(), body, err)
		}
		if c.atServer < len(c.answer)-len("\r\nT: u\r\n\r\n") && broken && err == nil {
			t.Errorf("%s: a cut answer looks whole: %q", c.name(), got)
		}
	case 400, 408, 502, 503, 504:
		if !broken {
			t.Errorf("%s: the client got %d", c.name(), resp.StatusCode)
		}
	default:
		t.Errorf("%s: the client got %d", c.name(), resp.StatusCode)
	}
}

func TestSocketsMayFailStallResetAndSplitAtEveryByte(t *testing.T) {
	t.Parallel()
	splitting, breaking := make(chan brokenCase), make(chan brokenCase)
	var workers sync.WaitGroup
	work := func(n int, timeouts proxy.Timeouts, cases <-chan brokenCase) {
		for range n {
			r := newBrokenRig(t, timeouts)
			workers.Go(func() {
				for c := range cases {
					r.try(t, c)
				}
			})
		}
	}
	const soon = 200 * time.Millisecond
	work(4, proxy.Timeouts{}, splitting)
	work(128, proxy.Timeouts{Client: soon, Server: soon, Head: soon}, breaking)
	all := brokenCases()
	for i, c := range all {
		if engine == proxy.NetHTTPEngine && i%5 > 0 { // its library is not what is tried here
			continue
		}
		if c.how == splits {
			splitting <- c
		} else {
			breaking <- c
		}
	}
	close(splitting)
	close(breaking)
	workers.Wait()
	t.Logf("%d cases", len(all))
}
