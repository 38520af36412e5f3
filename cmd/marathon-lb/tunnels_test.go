package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"marathon-lb/marathon/marathontest"
)

// tunnel is a connection through which a client says something and hears it again.
type tunnel interface {
	say(ctx context.Context, b []byte) error
	hear(ctx context.Context, b []byte) error
	end() error // politely; nil if the other side does so, too
}

type tcpTunnel struct {
	net.Conn
	r *bufio.Reader
}

func (c *tcpTunnel) say(_ context.Context, b []byte) error {
	_, err := c.Write(b)
	return err
}

func (c *tcpTunnel) hear(_ context.Context, b []byte) error {
	c.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(c.r, b)
	return err
}

func (c *tcpTunnel) end() error {
	defer c.Close()
	c.Conn.(*net.TCPConn).CloseWrite()
	if more, err := io.ReadAll(c.r); err != nil || len(more) > 0 {
		return fmt.Errorf("%d more bytes, %w", len(more), errors.Join(err))
	}
	return nil
}

type webSocket struct{ *websocket.Conn }

func (c webSocket) say(ctx context.Context, b []byte) error {
	return c.Write(ctx, websocket.MessageBinary, b)
}

func (c webSocket) hear(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, got, err := c.Read(ctx)
	if err == nil && copy(b, got) != len(b) {
		err = fmt.Errorf("a message of %d bytes, want %d", len(got), len(b))
	}
	return err
}

func (c webSocket) end() error { return c.Close(websocket.StatusNormalClosure, "") }

func dialTCP(port int) (tunnel, error) {
	c, err := net.Dial("tcp", loopback(port))
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	if hello, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(hello, "Hello from /tcp") {
		return nil, fmt.Errorf("%q, %v", hello, err)
	}
	return &tcpTunnel{c, r}, nil
}

func dialWebSocket(ctx context.Context, port int) (tunnel, error) {
	c, _, err := websocket.Dial(ctx, "ws://"+loopback(port), nil)
	if err != nil {
		return nil, err
	}
	return webSocket{c}, nil
}

// echoMessages serves WebSockets that send back what they receive.
func echoMessages(*marathontest.Task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, b) != nil {
				return
			}
		}
	})
}

// chatter is many tunnels in use.
type chatter struct {
	pace     time.Duration // between two messages of a tunnel
	stop     chan struct{}
	all      sync.WaitGroup
	messages atomic.Int64
	mu       sync.Mutex
	cut      []error
}

// talk uses a tunnel until it is told to stop, and compares sums of what was said and heard.
func (c *chatter) talk(ctx context.Context, what string, n tunnel) {
	tick := time.NewTicker(c.pace)
	defer tick.Stop()
	said, heard := sha256.New(), sha256.New()
	for {
		select {
		case <-c.stop:
			err := n.end()
			if err == nil && !bytes.Equal(said.Sum(nil), heard.Sum(nil)) {
				err = errors.New("what was heard is not what was said")
			}
			c.note(what, err)
			return
		case <-tick.C:
			if err := c.exchange(ctx, n, said, heard); err != nil {
				c.note(what, err)
				n.end()
				return
			}
			c.messages.Add(1)
		}
	}
}

func (c *chatter) exchange(ctx context.Context, n tunnel, said, heard hash.Hash) error {
	out, in := make([]byte, 1000), make([]byte, 1000)
	rand.Read(out)
	said.Write(out)
	if err := n.say(ctx, out); err != nil {
		return err
	}
	if err := n.hear(ctx, in); err != nil {
		return err
	}
	heard.Write(in)
	return nil
}

func (c *chatter) note(what string, err error) {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cut = append(c.cut, fmt.Errorf("%s: %w", what, err))
	}
}

// Half of the changes bring and take tasks beside those that have the tunnels. Then these leave too, and have time to finish.
func TestTunnelsAreNotCutByChangesOfTheTable(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		tunnels, changes, lasts, pace := 40, 10, time.Second, 50*time.Millisecond
		if *goals {
			tunnels, changes, lasts, pace = 2000, 50, time.Minute, time.Second
		}
		f, ws, tcp := tunnelFarm(t, engine)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		c := &chatter{pace: pace, stop: make(chan struct{})}
		began := time.Now()
		for n := range tunnels {
			kind, dial := "WebSocket", func() (tunnel, error) { return dialWebSocket(ctx, ws) }
			if n%2 == 1 {
				kind, dial = "TCP", func() (tunnel, error) { return dialTCP(tcp) }
			}
			opened, err := dial()
			if err != nil {
				t.Fatalf("%s %d: %v", kind, n, err)
			}
			c.all.Go(func() { c.talk(ctx, kind, opened) })
		}
		tick := time.NewTicker(lasts / time.Duration(changes))
		defer tick.Stop()
		for n := range changes {
			<-tick.C
			id, size := []string{"/ws", "/tcp"}[n/2%2], []int{5, 4}[n%2]
			d, err := f.sim.Scale(id, size)
			if err != nil || f.sim.WaitDeployment(t.Context(), d) != nil {
				t.Fatal(err)
			}
		}
		old := append(f.sim.Tasks("/ws"), f.sim.Tasks("/tcp")...)
		for _, id := range []string{"/ws", "/tcp"} {
			f.sim.SetBehaviour(id, marathontest.Behaviour{Linger: time.Hour})
			if _, err := f.sim.Restart(id); err != nil {
				t.Fatal(err)
			}
		}
		for _, task := range old {
			eventually(t, "they drain", func() bool { return f.sim.State(task) == "TASK_KILLING" })
		}
		before := c.messages.Load()
		eventually(t, "the tunnels go on", func() bool { return c.messages.Load() >= before+int64(tunnels) })
		inFlight := 0
		for _, task := range old {
			status, text := get(f.stats + "/v1/tasks/" + task.ID() + "/drained")
			var n int
			fmt.Sscanf(text[strings.Index(text, `"inFlight": `)+len(`"inFlight": `):], "%d", &n)
			if inFlight += n; status != 503 && n > 0 {
				t.Errorf("%s is drained: %s", task.ID(), text)
			}
		}
		if inFlight != tunnels {
			t.Errorf("%d run on the leaving tasks, want all %d tunnels", inFlight, tunnels)
		}
		close(c.stop)
		c.all.Wait()
		t.Logf("%d tunnels, %d changes by scaling and 2 rolling deploys, %d messages of 1000 bytes each way in %v: %d cut or changed", tunnels, changes,
			c.messages.Load(), time.Since(began).Round(time.Second), len(c.cut))
		for _, err := range c.cut[:min(len(c.cut), 20)] {
			t.Error(err)
		}
		for _, task := range old {
			if status, text := get(f.stats + "/v1/tasks/" + task.ID() + "/drained?wait=30s"); status != 200 {
				t.Errorf("%s does not drain: %s", task.ID(), text)
			}
		}
		f.end()
	})
}

// tunnelFarm has four tasks of each kind, whose processes may go on for as long as they like after SIGTERM.
func tunnelFarm(t *testing.T, engine string) (f *farm, ws, tcp int) {
	f = newFarm(t, marathontest.Options{Handler: echoMessages}, 0, engine, "--drain-timeout=10m")
	ws, tcp = freePort(t), freePort(t)
	bytes := patientApp("/tcp", tcp)
	bytes.Labels["MARATHONTEST_KIND"] = "tcp"
	bytes.HealthChecks[0].Protocol, bytes.HealthChecks[0].Path = "TCP", ""
	messages := patientApp("/ws", ws)
	for _, a := range []*marathontest.App{&bytes, &messages} {
		a.TaskKillGracePeriodSeconds = new(3600)
	}
	create(t, f.sim, bytes, messages)
	for id, port := range map[string]int{"ws": ws, "tcp": tcp} {
		eventually(t, id+" is served", func() bool { return len(servers(f.stats, fmt.Sprintf("%s_%d", id, port))) == 4 })
	}
	return f, ws, tcp
}
