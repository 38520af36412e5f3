package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// assault is an attack under way.
type assault struct {
	*victim
	ctx   context.Context
	conns int
	said  sync.Map // the first line of each kind of answer: how often it came, *atomic.Int64
}

// attack is one of those in 3.2 of reliability.md.
type attack struct {
	name  string
	flood bool // it takes processors, not patience: who is well-behaved has to wait
	one   func(a *assault, c net.Conn)
	path  func(v *victim) int // the port; that of the app that is well if nil
	says  []string            // beginnings of answers that the attackers have to get, in the long form
}

const agent = "GET / HTTP/1.1\r\nHost: h\r\n"

var attacks = []attack{
	{name: "nothing", one: func(a *assault, c net.Conn) { a.wait() }},
	{name: "heads byte by byte", one: func(a *assault, c net.Conn) { a.drip(c, agent+"X-A: "+strings.Repeat("a", 1000)) }, says: []string{"HTTP/1.1 408"}},
	{name: "large heads that do not end", flood: true, one: func(a *assault, c net.Conn) {
		io.WriteString(c, agent+strings.Repeat("X-B: "+strings.Repeat("b", 1000)+"\r\n", 30))
		a.read(c)
	}, says: []string{"HTTP/1.1 408"}},
	{name: "bodies byte by byte", one: func(a *assault, c net.Conn) {
		a.drip(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("a", 1000))
	}},
	{name: "answers that are not read", one: func(a *assault, c net.Conn) {
		c.(*net.TCPConn).SetReadBuffer(4096)
		io.WriteString(c, strings.Replace(agent, "/ ", "/big ", 1)+"\r\n")
		a.wait()
	}},
	{name: "large answers that are not read", one: func(a *assault, c net.Conn) {
		c.(*net.TCPConn).SetReadBuffer(4096)
		io.WriteString(c, strings.Replace(agent, "/ ", "/mb ", 1)+"\r\n")
		a.wait()
	}},
	{name: "answers that are read byte by byte", one: func(a *assault, c net.Conn) {
		c.(*net.TCPConn).SetReadBuffer(4096)
		io.WriteString(c, strings.Replace(agent, "/ ", "/big ", 1)+"\r\n")
		for one := make([]byte, 1); a.pause(100 * time.Millisecond); {
			c.Read(one)
		}
	}},
	{name: "connections that do nothing", one: func(a *assault, c net.Conn) { a.wait() }},
	{name: "connections that are kept", one: func(a *assault, c net.Conn) { io.WriteString(c, agent+"\r\n"); a.wait() }},
	{name: "header bombs", flood: true, one: func(a *assault, c net.Conn) {
		io.WriteString(c, agent)
		for i := 0; i < 64; i++ {
			if _, err := io.WriteString(c, "X-"+strconv.Itoa(i)+": "+strings.Repeat("b", 1000)+"\r\n"); err != nil {
				break
			}
		}
		a.read(c)
	}, says: []string{"HTTP/1.1 431"}},
	{name: "many fields", flood: true, one: func(a *assault, c net.Conn) {
		io.WriteString(c, agent+strings.Repeat("a:b\r\n", 5000)+"\r\n")
		a.read(c)
	}, says: []string{"HTTP/1.1 431"}},
	{name: "connections and resets", flood: true, one: func(a *assault, c net.Conn) {
		if rand.IntN(2) == 0 {
			io.WriteString(c, agent)
		}
		c.(*net.TCPConn).SetLinger(0)
	}},
	{name: "requests whose answers are not waited for", flood: true, one: func(a *assault, c net.Conn) {
		io.WriteString(c, strings.Repeat(agent+"\r\n", 50))
	}},
	{name: "hosts that nobody has", flood: true, path: func(v *victim) int { return v.hosts }, one: func(a *assault, c net.Conn) {
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %d.test\r\n\r\n", rand.Int64())
		a.read(c)
	}, says: []string{"HTTP/1.1 503"}},
	{name: "a server that never answers", path: func(v *victim) int { return v.slow }, one: func(a *assault, c net.Conn) {
		io.WriteString(c, agent+"\r\n")
		a.wait()
	}},
}

// wait waits for the end of the attack.
func (a *assault) wait() { <-a.ctx.Done() }

// pause is false if the attack is over.
func (a *assault) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-a.ctx.Done():
		return false
	}
}

// drip sends a text byte by byte, and gives up when it is answered.
func (a *assault) drip(c net.Conn, text string) {
	const start = 20 // at once
	io.WriteString(c, text[:start])
	for i := start; i < len(text) && a.pause(200*time.Millisecond); i++ {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			break
		}
	}
	a.read(c)
}

// read notes what the victim says.
func (a *assault) read(c net.Conn) {
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if a.ctx.Err() != nil { // whose end set a deadline, too
		return
	}
	in := make([]byte, 64)
	n, _ := io.ReadFull(c, in)
	line, _, _ := strings.Cut(string(in[:n]), "\r\n")
	said, _ := a.said.LoadOrStore(line, new(atomic.Int64))
	said.(*atomic.Int64).Add(1)
}

// rage attacks with so many connections at a time until the context ends, and says how many there were.
func (a *assault) rage(k attack) (made int64) {
	port := a.port
	if k.path != nil {
		port = k.path(a.victim)
	}
	var n atomic.Int64
	var all sync.WaitGroup
	for range a.conns {
		all.Go(func() {
			for a.ctx.Err() == nil {
				c, err := net.DialTimeout("tcp", loopback(port), 5*time.Second)
				if err != nil {
					continue
				}
				n.Add(1)
				stop := context.AfterFunc(a.ctx, func() { c.SetDeadline(time.Now()) })
				k.one(a, c)
				stop()
				c.Close()
			}
		})
	}
	all.Wait()
	return n.Load()
}

// good are clients that behave: each asks on its one connection, and asks again some milliseconds after the answer.
type good struct {
	mu     sync.Mutex
	took   []time.Duration
	failed []string
}

// run has them ask until ctx ends.
func (g *good) run(ctx context.Context, port, clients int) {
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := g.connection(ctx, port); err != nil && ctx.Err() == nil {
					g.mu.Lock()
					g.failed = append(g.failed, err.Error())
					g.mu.Unlock()
				}
			}
		})
	}
	all.Wait()
}

func (g *good) connection(ctx context.Context, port int) error {
	began := time.Now() // a connection that is not accepted counts, too
	c, err := net.Dial("tcp", loopback(port))
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	between := time.NewTicker(5 * time.Millisecond)
	defer between.Stop()
	for ctx.Err() == nil {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c, agent+"\r\n"); err != nil {
			return err
		}
		if err := wholeAnswer(in); err != nil {
			return err
		}
		g.mu.Lock()
		g.took = append(g.took, time.Since(began))
		g.mu.Unlock()
		<-between.C
		began = time.Now()
	}
	return nil
}

// wholeAnswer reads an answer of the lean server to /, and allocates nothing.
func wholeAnswer(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || string(line[9:12]) != "200" {
		return fmt.Errorf("answered %q", line)
	}
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
	}
	_, err = in.Discard(2)
	return err
}

// p99 is the time that one in a hundred requests takes longer than.
func (g *good) p99() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.took) == 0 {
		return 0
	}
	slices.Sort(g.took)
	return g.took[len(g.took)*99/100]
}

// mostGrowth is by how much an attack may make the process grow, and margin what may be left of it a minute later.
const (
	mostGrowth = 64 << 20
	margin     = 1.2
)

// G14 and G16 of reliability.md: whoever behaves is served under each attack, and what the attack took is given back.
func TestWhoBehavesIsServedUnderAttackAndMemoryComesBack(t *testing.T) {
	conns, lasts := 50, 500*time.Millisecond
	if *goals {
		conns, lasts = 2000, 20*time.Second // heads are cut after 15
	}
	v := newVictim(t, []string{"GOMAXPROCS=1"})
	if *goals {
		apart(t, v)
	}
	warm, cancel := context.WithTimeout(t.Context(), time.Second)
	new(good).run(warm, v.port, 8)
	cancel()
	series, first := v.series(), v.resident()
	t.Logf("%d MB to begin with, %d connections, %v each", first>>20, conns, lasts)
	for _, k := range attacks {
		t.Run(k.name, func(t *testing.T) {
			v.t = t
			base := v.resident()
			suffer(t, &assault{victim: v, conns: conns}, k, lasts)
			back(t, v, base)
			if n := v.series(); n != series {
				t.Errorf("%d series of metrics, there were %d", n, series)
			}
		})
	}
	last := v.resident()
	t.Logf("%d MB in the end", last>>20)
	if *goals && last > first*3/2 {
		t.Errorf("%d MB in the end, %d to begin with", last>>20, first>>20)
	}
}

// suffer lets an attack and clients that behave run beside each other.
func suffer(t *testing.T, a *assault, k attack, lasts time.Duration) {
	before, clientsBefore := a.resident(), a.clients()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	a.ctx = ctx
	var clients good
	var both sync.WaitGroup
	both.Go(func() { clients.run(ctx, a.port, 8) })
	var most int64
	both.Go(func() {
		for a.pause(50 * time.Millisecond) {
			most = max(most, a.resident())
		}
	})
	made := a.rage(k)
	both.Wait()
	if len(clients.failed) > 0 || len(clients.took) == 0 {
		t.Errorf("%d answers to those who behave, and %d failures: %.200q", len(clients.took), len(clients.failed), clients.failed)
	}
	growth, p99 := max(0, most-before), clients.p99()
	t.Logf("%d connections; %d answers to those who behave, p99 %v; %d MB more, %d MB at most", made, len(clients.took), p99.Round(10*time.Microsecond), growth>>20, most>>20)
	if *goals {
		if growth > mostGrowth {
			t.Errorf("the process grew by %d MB", growth>>20)
		}
		for _, s := range k.says {
			a.said.Range(func(line, n any) bool {
				if strings.HasPrefix(line.(string), s) {
					s = ""
					t.Logf("%d times %s", n.(*atomic.Int64).Load(), line)
				}
				return true
			})
			if s != "" {
				t.Errorf("nobody was answered %s", s)
			}
		}
	}
	began := time.Now()
	eventually(t, "the connections are closed", func() bool { return a.clients() <= clientsBefore })
	t.Logf("the connections are closed after %v; %d descriptors, those that idle towards servers among them", time.Since(began).Round(time.Millisecond), a.files())
}

// back waits until the process has given back what it took.
func back(t *testing.T, v *victim, base int64) {
	if !*goals {
		return
	}
	began := time.Now()
	for float64(v.resident()) > float64(base)*margin {
		if time.Since(began) > time.Minute {
			kb := func(what string) int { return int(v.metric("go_memstats_"+what, "")) >> 10 }
			t.Errorf("%d MB a minute later, there were %d; heap %d KB in use, %d idle, %d released; stacks %d; spans %d; other %d %d", v.resident()>>20, base>>20,
				kb("heap_inuse_bytes"), kb("heap_idle_bytes"), kb("heap_released_bytes"), kb("stack_inuse_bytes"), kb("mspan_sys_bytes"), kb("gc_sys_bytes"), kb("other_sys_bytes"))
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Logf("%d MB after %v", v.resident()>>20, time.Since(began).Round(100*time.Millisecond))
}
