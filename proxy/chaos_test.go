package proxy_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

var (
	chaosFor  = flag.Duration("chaos", 1500*time.Millisecond, "how long the chaos run lasts, with each engine")
	chaosSeed = flag.Uint64("chaos-seed", 0, "what its clients and servers do; by chance if 0")
)

// chaos is G21 of reliability.md: clients that abort, pipeline and go on, servers that break off, reset, answer early, twice or too much, and
// come and go. Each request has a nonce, which its body consists of and its answer, too: a byte of another's is seen.
type chaos struct {
	t    *testing.T
	port int
	seed uint64
	end  time.Time

	tries                       sync.Map // nonce: how often it has reached a server, *atomic.Int64
	asked, whole, cut, refusals atomic.Int64
}

// dice are those of a nonce: what happens to it is the same for the same seed.
func (c *chaos) dice(what string) *rand.Rand {
	h := fnv.New64a()
	io.WriteString(h, what)
	return rand.New(rand.NewPCG(c.seed, h.Sum64()))
}

// filled is a text of n bytes that is the nonce over and over.
func filled(nonce string, n int) string { return strings.Repeat(nonce, n/len(nonce)+1)[:n] }

// size is that of a body: small mostly, now and then large enough for the kernel to pass it.
func size(d *rand.Rand) int {
	switch d.IntN(60) {
	case 0:
		return 150<<10 + d.IntN(200<<10)
	case 1, 2, 3, 4, 5:
		return d.IntN(20 << 10)
	}
	return d.IntN(200)
}

// serve is a server in the chaos.
func (c *chaos) serve(conn net.Conn, br *bufio.Reader) {
	for c.serveOne(conn, br) {
	}
}

func (c *chaos) serveOne(conn net.Conn, br *bufio.Reader) bool {
	req, err := http.ReadRequest(br)
	if err != nil {
		return false
	}
	nonce := strings.TrimPrefix(req.URL.Path, "/")
	tries, _ := c.tries.LoadOrStore(nonce, new(atomic.Int64))
	d := c.dice(fmt.Sprint("server ", nonce, tries.(*atomic.Int64).Add(1)))
	early := d.IntN(12) == 0
	if !early {
		if d.IntN(15) == 0 {
			c.leave(conn, d)
			return false
		}
		if !c.takeBody(nonce, req) {
			return false
		}
	}
	goesOn := c.answer(conn, nonce, req.Method, d)
	if early && goesOn && d.IntN(2) == 0 {
		return c.takeBody(nonce, req)
	}
	return goesOn && !early
}

// takeBody reads a request's body and looks for bytes that are not its own.
func (c *chaos) takeBody(nonce string, req *http.Request) bool {
	body, err := io.ReadAll(req.Body)
	if string(body) != filled(nonce, len(body)) || err == nil && req.Header.Get("X-Len") != strconv.Itoa(len(body)) {
		c.t.Errorf("the server got %d bytes for %s, %s were sent; or they are another's: %.100q", len(body), nonce, req.Header.Get("X-Len"), body)
	}
	return err == nil
}

func (c *chaos) leave(conn net.Conn, d *rand.Rand) {
	if d.IntN(2) == 0 {
		conn.(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
}

// answer writes one of many kinds; false if the connection ends with it.
func (c *chaos) answer(conn net.Conn, nonce, method string, d *rand.Rand) bool {
	for range d.IntN(3) {
		fmt.Fprintf(conn, "HTTP/1.1 103 Early Hints\r\nX-Nonce: %s\r\n\r\n", nonce)
	}
	n := size(d)
	body := filled(nonce, n)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Nonce: %s\r\nX-Len: %d\r\n", nonce, n)
	length := head + fmt.Sprintf("Content-Length: %d\r\n\r\n", n)
	if method == "HEAD" {
		io.WriteString(conn, length)
		return true
	}
	switch d.IntN(16) {
	case 0:
		io.WriteString(conn, head[:d.IntN(len(head))])
		c.leave(conn, d)
		return false
	case 1:
		io.WriteString(conn, length+body[:n/2])
		if n > 0 {
			c.leave(conn, d)
			return false
		}
		return true
	case 2:
		io.WriteString(conn, head+"\r\n"+body)
		conn.Close()
		return false
	case 3:
		poison := "HTTP/1.1 200 OK\r\nX-Nonce: poison\r\nContent-Length: 6\r\n\r\npoison"
		if n > 1000 || engine == proxy.NetHTTPEngine {
			poison = "" // it could come after the next request, and be its answer; Go's client may take it for that even if it was there before
		}
		io.WriteString(conn, length+body+poison)
		return true
	case 4:
		io.WriteString(conn, "SSH-2.0-poison\r\n")
		return false
	case 5:
		fmt.Fprintf(conn, "HTTP/1.1 204 No Content\r\nX-Nonce: %s\r\n\r\n", nonce)
		return true
	case 6:
		io.WriteString(conn, head+"Transfer-Encoding: chunked\r\n\r\n"+chunked(body, d)) // without an end
		c.leave(conn, d)
		return false
	case 7, 8, 9:
		io.WriteString(conn, head+"Transfer-Encoding: chunked\r\n\r\n"+chunked(body, d)+"0\r\n\r\n")
		return true
	case 10:
		io.WriteString(conn, length[:len(length)-2]+"Connection: close\r\n\r\n"+body)
		return false
	default:
		io.WriteString(conn, length+body)
		return true
	}
}

// chunked is the text in chunks of many sizes.
func chunked(text string, d *rand.Rand) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(len(text), 1+size(d))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	return b.String()
}

// client has one connection after the other.
func (c *chaos) client(name string) {
	for n := 0; time.Now().Before(c.end); n++ {
		c.connection(fmt.Sprintf("%s-%d", name, n))
	}
}

// connection sends some requests, the next ones perhaps before the answers came, and may leave at any time.
func (c *chaos) connection(name string) {
	d := c.dice("client " + name)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		c.t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * waits))
	all := make([]request, 1+d.IntN(8))
	for i := range all {
		all[i] = newRequest(fmt.Sprintf("%s-%d.", name, i), d)
	}
	ahead, leaves := 1+d.IntN(4), d.IntN(4) == 0
	br := bufio.NewReader(conn)
	for len(all) > 0 {
		burst := all[:min(ahead, len(all))]
		all = all[len(burst):]
		var sent sync.WaitGroup
		sent.Go(func() { send(conn, burst, leaves && len(all) == 0, d) })
		goesOn := true
		for _, r := range burst {
			c.asked.Add(1)
			if goesOn = c.receive(br, r, leaves); !goesOn {
				break
			}
		}
		if !goesOn {
			conn.Close()
		}
		sent.Wait()
		if !goesOn {
			return
		}
	}
}

// request is a client's.
type request struct{ nonce, method, text string }

func newRequest(nonce string, d *rand.Rand) request {
	r := request{nonce: nonce, method: []string{"GET", "GET", "HEAD", "DELETE", "PUT", "POST", "POST"}[d.IntN(7)]}
	n := 0
	if r.method == "PUT" || r.method == "POST" {
		n = size(d)
	}
	body := filled(nonce, n)
	r.text = fmt.Sprintf("%s /%s HTTP/1.1\r\nHost: h\r\nX-Len: %d\r\n", r.method, nonce, n)
	switch {
	case n > 0 && d.IntN(2) == 0:
		r.text += "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, d) + "0\r\n\r\n"
	case n > 0:
		r.text += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", n, body)
	default:
		r.text += "\r\n"
	}
	return r
}

// send writes requests, in one piece or several; one that leaves does so somewhere in the midst.
func send(conn net.Conn, burst []request, leaves bool, d *rand.Rand) {
	var all strings.Builder
	for _, r := range burst {
		all.WriteString(r.text)
	}
	text := all.String()
	if leaves {
		text = text[:d.IntN(len(text)+1)]
	}
	for len(text) > 0 {
		n := min(len(text), 1+size(d))
		if _, err := io.WriteString(conn, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
	if leaves {
		switch tcp := conn.(*net.TCPConn); d.IntN(3) {
		case 0:
			tcp.CloseWrite()
		case 1:
			tcp.SetLinger(0)
			tcp.Close()
		default:
			tcp.Close()
		}
	}
}

// receive reads the answer to a request and looks for bytes that are not its own; false if the connection does not go on.
func (c *chaos) receive(br *bufio.Reader, r request, leaves bool) bool {
	resp, err := finalAnswer(br, r.method)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("%s is left to wait", r.nonce)
	}
	if err != nil {
		c.cut.Add(1)
		return false
	}
	body, err := io.ReadAll(resp.Body)
	switch resp.StatusCode {
	case 502, 503:
		c.refusals.Add(1)
		return err == nil && !resp.Close
	case 200, 204:
	case 400:
		if leaves { // one engine says so to who leaves in the midst of a head
			return false
		}
		fallthrough
	default:
		c.t.Errorf("%s was answered %d", r.nonce, resp.StatusCode)
		return false
	}
	if got := resp.Header.Get("X-Nonce"); got != r.nonce || string(body) != filled(r.nonce, len(body)) {
		c.t.Errorf("%s got the answer to %s: %.100q", r.nonce, got, body)
	}
	if err != nil {
		c.cut.Add(1)
		return false
	}
	if want := resp.Header.Get("X-Len"); resp.StatusCode == 200 && r.method != "HEAD" && want != strconv.Itoa(len(body)) {
		c.t.Errorf("%s got %d of %s bytes as if they were all", r.nonce, len(body), want)
	}
	c.whole.Add(1)
	return !resp.Close
}

func TestNoAnswerReachesTheWrongClient(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	r, port := newRig(t, proxy.Options{AccessLog: proxy.LogOff}), freePort(t)
	log.SetOutput(io.Discard) // where Go's client library complains of servers like these
	defer log.SetOutput(os.Stderr)
	c := &chaos{t: t, port: port, seed: seed, end: time.Now().Add(*chaosFor)}
	a, b, dead := rawTask(t, c.serve), rawTask(t, c.serve), refusing(t)
	few, many := service(route.HTTP, port, a, dead), service(route.HTTP, port, a, b, dead)
	r.apply(many)
	var clients sync.WaitGroup
	people := 24
	if *chaosFor >= time.Minute { // as many as keep two processors busy
		people = 64
	}
	for i := range people {
		clients.Go(func() { c.client(strconv.Itoa(i)) })
	}
	gone := make(chan struct{})
	go func() { clients.Wait(); close(gone) }()
	for n, tick := 0, time.NewTicker(100*time.Millisecond); ; n++ {
		select {
		case <-tick.C:
			r.apply([]route.Change{few, many}[n%2])
			continue
		case <-gone:
			tick.Stop()
		}
		break
	}
	t.Logf("seed %d: %d asked, %d whole, %d cut, %d refused", seed, c.asked.Load(), c.whole.Load(), c.cut.Load(), c.refusals.Load())
	if c.whole.Load() < c.asked.Load()/4 {
		t.Error("few answers came")
	}
}
