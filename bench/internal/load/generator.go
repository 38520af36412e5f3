//go:build linux

package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"marathon-lb/bench/internal/sys"
)

// tooMany failures end a run: there is nothing to measure.
const tooMany = 1000

// stuck is how long a request may stand still before it counts as failed at the end.
const stuck = time.Second

// grace is how much longer a window lasts that has seen no answer yet: this process may not have had the processor.
const grace = time.Second

// generator is a run under way. Instants are durations since its start.
type generator struct {
	spec    Spec
	request []byte
	message []byte
	echo    []byte
	buffer  []byte

	poll  *sys.Poll
	conns []*conn // by descriptor
	all   []*conn
	free  []*conn         // connected or not, without a request
	again []*conn         // to begin anew, in the next turn
	due   []time.Duration // requests that should have begun, but found no free connection
	next  time.Duration   // when the next one begins
	dials uint32          // chooses the address of the next connection

	start   time.Time
	now     time.Duration
	window  bool
	latency histogram
	result  Result
}

// Run plays a spec. It is an error if there is nothing to measure.
func Run(s Spec) (Result, error) {
	sys.RaiseFiles()
	sys.BePunctual()
	poll, err := sys.NewPoll()
	if err != nil {
		return Result{}, err
	}
	g := &generator{spec: s, request: head(s), buffer: make([]byte, 64<<10), poll: poll, start: time.Now()}
	g.message, g.echo = message()
	defer g.close()
	for range s.Conns {
		c := &conn{fd: -1}
		g.all = append(g.all, c)
		g.offer(c)
	}
	if err := g.loop(); err != nil {
		return g.result, err
	}
	for _, c := range g.all {
		if c.busy && g.now-c.moved > stuck {
			g.failed("a request stood still for more than a second")
		}
	}
	g.result.Waiting = len(g.due)
	g.result.P50, g.result.P99 = g.latency.quantile(0.5), g.latency.quantile(0.99)
	return g.result, nil
}

// loop runs the warm-up and the window.
func (g *generator) loop() error {
	end := g.spec.Warm + g.spec.Window
	var before sys.Usage
	var opened time.Duration
	for {
		events, err := g.poll.Wait(g.patience())
		if err != nil {
			return err
		}
		g.tick()
		if g.result.Failures > tooMany {
			return fmt.Errorf("more than %d failures, the first: %s", tooMany, g.result.Failure)
		}
		if !g.window && g.now >= g.spec.Warm {
			if before, err = sys.ReadUsage(g.spec.PIDs); err != nil {
				return err
			}
			g.tick()
			g.window, opened, end = true, g.now, g.now+g.spec.Window
		}
		if g.window && g.now >= end && (g.result.Requests > 0 || g.result.Failures > 0 || g.now >= end+grace) {
			after, err := sys.ReadUsage(g.spec.PIDs)
			g.result.Usage, g.result.Elapsed = after.Minus(before), g.now-opened
			if err == nil && g.result.Bytes == 0 && g.result.Failures == 0 {
				err = errors.New("no answer came")
			}
			return err
		}
		for _, e := range events {
			if c := g.conns[e.Fd]; c != nil {
				g.event(c, e.Events)
			}
		}
		g.begin()
	}
}

func (g *generator) tick() { g.now = time.Since(g.start) }

// patience is how long there is nothing to do but to wait for events.
func (g *generator) patience() time.Duration {
	if len(g.again) > 0 {
		return 0
	}
	const longest = 10 * time.Millisecond // the end of a phase is noticed by then
	if g.spec.Rate > 0 {
		return max(0, min(longest, g.next-time.Since(g.start)))
	}
	return longest
}

// begin starts what is due.
func (g *generator) begin() {
	again := g.again
	g.again = nil
	for _, c := range again {
		g.offer(c)
	}
	for g.spec.Rate > 0 && g.next <= g.now {
		g.due = append(g.due, g.next)
		g.next += time.Duration(rand.ExpFloat64() / g.spec.Rate * float64(time.Second))
	}
	for len(g.due) > 0 && len(g.free) > 0 {
		c := g.free[len(g.free)-1]
		g.free = g.free[:len(g.free)-1]
		g.ask(c, g.due[0])
		g.due = g.due[1:]
	}
}

// offer gives a connection without a request its next one, at once in a closed loop.
func (g *generator) offer(c *conn) {
	if g.spec.Rate == 0 {
		g.ask(c, time.Since(g.start))
		return
	}
	if c.fd < 0 && g.spec.Exchange != Close {
		g.dial(c)
	}
	g.free = append(g.free, c)
}

// answered counts an answer that is whole.
func (g *generator) answered(c *conn) {
	c.busy = false
	g.result.All++
	if g.window {
		g.result.Requests++
		g.latency.add(time.Since(g.start) - c.began)
	}
}

func (g *generator) failed(why string) {
	g.result.Failures++
	if g.result.Failure == "" {
		g.result.Failure = why
	}
}

// source is the address the next connection comes from: many, so that ports suffice when each request has its own.
func (g *generator) source() netip.Addr {
	if g.spec.Exchange != Close {
		return netip.Addr{}
	}
	g.dials++
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + g.dials%200)})
}

func (g *generator) close() {
	for _, c := range g.all {
		if c.fd >= 0 {
			sys.Close(c.fd)
		}
	}
	g.poll.Close()
}
