package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// herd is clients that send one request after the other, as fast as they are answered, and check each answer to the last byte. They
// make no mistake and repeat nothing: whatever goes wrong is a lost request.
type herd struct {
	kept, fresh int // how many keep their connection, and how many open one for each request
	posts       int // of so many requests one is a POST; 0 for none
	// answered, if set, is told of each answer: from which task it is, and whether it set a cookie, which the client keeps.
	answered func(client int, task string, pinned bool) error

	gets, posted atomic.Int64 // that were sent
	over         atomic.Bool
	all          sync.WaitGroup
	mu           sync.Mutex
	lost         []loss
}

// loss is a request that failed.
type loss struct {
	at           time.Time
	method, path string
	err          error
}

func (l loss) String() string {
	return fmt.Sprintf("%s %s %s: %v", l.at.Format(time.StampMicro), l.method, l.path, l.err)
}

// patience is how long a client waits for an answer before it counts the request as lost.
const patience = 30 * time.Second

// payload is what bodies of requests are parts of.
var payload = func() []byte {
	b, r := make([]byte, 16<<10), rand.NewChaCha8([32]byte{7})
	r.Read(b)
	return b
}()

// start sets the clients on the ports.
func (h *herd) start(t *testing.T, ports ...int) {
	for i := range h.kept + h.fresh {
		c := &customer{herd: h, number: i, addr: loopback(ports[i%len(ports)]), fresh: i >= h.kept, seed: rand.NewPCG(uint64(i), 22)}
		h.all.Go(c.live)
	}
	t.Cleanup(func() { h.stop() })
}

// stop has the clients end after the request they are at, and returns what they lost.
func (h *herd) stop() []loss {
	h.over.Store(true)
	h.all.Wait()
	return h.lost
}

func (h *herd) sent() int64 { return h.gets.Load() + h.posted.Load() }

// lostOf are the losses by method.
func (h *herd) lostOf(method string) (some []loss) {
	for _, l := range h.lost {
		if l.method == method {
			some = append(some, l)
		}
	}
	return some
}

// customer is one client.
type customer struct {
	*herd
	number int
	addr   string
	fresh  bool
	seed   *rand.PCG
	conn   net.Conn // nil between connections
	r      *bufio.Reader
	out    []byte
	cookie string
}

func (c *customer) live() {
	defer c.hangUp()
	for !c.over.Load() {
		n := c.seed.Uint64()
		method, body := "GET", []byte(nil)
		count := &c.gets
		if c.posts > 0 && n%uint64(c.posts) == 0 {
			method, count = "POST", &c.posted
			size := n >> 32 % 4096
			body = payload[n>>48%4096:][:size]
		}
		path := "/" + strconv.FormatUint(n, 16)
		count.Add(1)
		if err := c.exchange(method, path, body); err != nil {
			c.mu.Lock()
			c.lost = append(c.lost, loss{time.Now(), method, path, err})
			c.mu.Unlock()
			c.hangUp()
		}
	}
}

func (c *customer) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// exchange sends a request and reads its answer.
func (c *customer) exchange(method, path string, body []byte) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, patience)
		if err != nil {
			return err
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	c.out = append(c.out[:0], method...)
	c.out = append(append(append(c.out, ' '), path...), " HTTP/1.1\r\nHost: web\r\n"...)
	if c.fresh {
		c.out = append(c.out, "Connection: close\r\n"...)
	}
	if c.cookie != "" {
		c.out = append(append(append(c.out, "Cookie: "...), c.cookie...), "\r\n"...)
	}
	if method == "POST" {
		c.out = append(strconv.AppendInt(append(c.out, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	had := c.cookie
	answer, last, err := c.answer()
	if err != nil {
		return err
	}
	task, ok := strings.CutPrefix(string(answer), fmt.Sprintf("%s %s %08x ", method, path, crc32.ChecksumIEEE(body)))
	if !ok {
		return fmt.Errorf("the answer to %s %s is %q", method, path, answer)
	}
	if c.answered != nil {
		if err := c.answered(c.number, task, c.cookie != had); err != nil {
			return err
		}
	}
	if last {
		if _, err := c.r.ReadByte(); err != io.EOF {
			return fmt.Errorf("after the last answer: %v", err)
		}
		c.hangUp()
	}
	return nil
}

// answer reads an answer whole: its body, and whether it is the last of its connection.
func (c *customer) answer() (body []byte, last bool, err error) {
	status, size := "", -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return nil, false, errors.Join(errors.New("head of the answer"), err)
		}
		line = bytes.TrimSuffix(line, []byte("\r\n"))
		if status == "" {
			status = string(line)
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := strings.Cut(string(line), ": ")
		switch {
		case strings.EqualFold(name, "Content-Length"):
			if size, err = strconv.Atoi(value); err != nil {
				return nil, false, err
			}
		case strings.EqualFold(name, "Connection") && strings.EqualFold(value, "close"):
			last = true
		case strings.EqualFold(name, "Set-Cookie"):
			c.cookie, _, _ = strings.Cut(value, ";")
		}
	}
	if status != "HTTP/1.1 200 OK" || size < 0 {
		return nil, false, fmt.Errorf("%s, length %d", status, size)
	}
	body = make([]byte, size)
	_, err = io.ReadFull(c.r, body)
	return body, last, err
}
