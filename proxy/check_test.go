package proxy_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// checkers is a checker in a bubble of time. Its probes take some time, find what they are told, and are written down.
type checkers struct {
	proxy.Checker
	table *route.Table

	mu      sync.Mutex
	takes   time.Duration
	result  route.Result
	asked   map[netip.AddrPort][]time.Time
	paths   map[string]int
	running int
	most    int
	found   int
}

func newCheckers(t *testing.T) *checkers {
	c := &checkers{
		table: route.NewTable(1), result: route.Result{Status: route.L7OK, Code: 200},
		asked: map[netip.AddrPort][]time.Time{}, paths: map[string]int{},
	}
	c.Checker = proxy.NewChecker(c.probe, func(s *route.Server, p *route.Plan, r route.Result) {
		s.Found(p, r, time.Now())
		c.mu.Lock()
		defer c.mu.Unlock()
		c.found++
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { c.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

func (c *checkers) probe(ctx context.Context, p *route.Plan) route.Result {
	c.mu.Lock()
	c.asked[p.Addr] = append(c.asked[p.Addr], time.Now())
	c.paths[p.Path]++
	c.running++
	c.most = max(c.most, c.running)
	takes := c.takes
	c.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	return c.result
}

// set makes the servers of /app n, probed at a path each 10 s.
func (c *checkers) set(n int, vouched bool, path string, interval time.Duration) []*route.Server {
	b := route.BackendSpec{Name: "app_1", App: "/app", Mode: route.HTTP, Balance: route.RoundRobin,
		Check: &route.Check{Protocol: "HTTP", Path: path, Interval: interval, Timeout: time.Second, Rise: 2, Fall: 3}}
	for i := range n {
		b.Servers = append(b.Servers, route.ServerSpec{
			Name: fmt.Sprint("s", i), App: "/app", Task: fmt.Sprint(i), Vouched: vouched,
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)}), 80),
		})
	}
	c.table, _ = route.Build(c.table, route.Change{SetBackends: []route.BackendSpec{b}, Now: time.Now()})
	servers := c.table.Backend("app_1").Servers
	c.Follow("app_1", servers)
	return servers
}

// inBubble is synctest.Test on one processor: on several, timers of a bubble that end together crash the race detector (golang/go#78156).
func inBubble(t *testing.T, f func(*testing.T)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, f)
}

// after is what a func finds once that time has passed.
func (c *checkers) after(d time.Duration, look func()) {
	time.Sleep(d)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	look()
}

const each = 10 * time.Second

func TestAServerNobodyVouchesForIsProbedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		servers := c.set(50, false, "/", each)
		c.after(0, func() {
			if c.found != 50 || servers[49].Health() != route.Up {
				t.Errorf("%d of 50 were probed; the last is %v", c.found, servers[49].Health())
			}
		})
	})
}

func TestFirstProbesAreSpreadOverTheIntervalAndKeepIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.set(1000, true, "/", each)
		c.after(each/2, func() {
			if c.found < 400 || c.found > 600 {
				t.Errorf("%d of 1000 were probed in the first half of the interval", c.found)
			}
		})
		c.after(10*each, func() {
			var least, most time.Duration = time.Hour, 0
			for addr, times := range c.asked {
				if len(times) < 10 || len(times) > 12 {
					t.Fatalf("%v was probed %d times in 10.5 intervals", addr, len(times))
				}
				for i := 1; i < len(times); i++ {
					least, most = min(least, times[i].Sub(times[i-1])), max(most, times[i].Sub(times[i-1]))
				}
			}
			if least < each*95/100 || least > each*96/100 || most > each*105/100 || most < each*104/100 {
				t.Errorf("between two probes of a server were %v to %v, want 5 %% around %v", least, most, each)
			}
		})
	})
}

func TestThousandsOfServersNeedNoGoroutineEach(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		synctest.Wait()
		before := runtime.NumGoroutine()
		c.set(5000, true, "/", each)
		c.after(3*each, func() {
			if n := runtime.NumGoroutine() - before; n > 10 || c.found < 10000 {
				t.Errorf("%d goroutines more at rest, after %d probes", n, c.found)
			}
		})
	})
}

func TestProbesUnderWayAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.takes = time.Second
		c.set(3*proxy.MostProbes, false, "/", each)
		c.after(time.Second/2, func() {
			if c.running != proxy.MostProbes {
				t.Errorf("%d probes are under way, want %d", c.running, proxy.MostProbes)
			}
		})
		c.after(4*time.Second, func() {
			if c.found != 3*proxy.MostProbes || c.most != proxy.MostProbes {
				t.Errorf("%d were probed, at most %d at a time", c.found, c.most)
			}
		})
	})
}

func TestASlowServerIsNotAskedTwiceAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.takes = 3 * each
		servers := c.set(1, false, "/", each)
		c.after(each, func() {
			if !servers[0].Probed() {
				t.Error("no probe is under way")
			}
		})
		c.after(9*each, func() {
			if c.most != 1 || c.found != 3 {
				t.Errorf("%d probes at a time, %d in all; want 1 and 3", c.most, c.found)
			}
		})
	})
}

func TestAServerThatLeftIsNotProbed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.takes = time.Second
		c.set(2, false, "/", each)
		c.after(time.Second/2, func() {})
		c.set(1, false, "/", each) // the probe of the second is under way
		c.after(time.Second, func() {
			if c.found != 1 {
				t.Errorf("%d results were passed on, want that of the one that stayed", c.found)
			}
		})
		c.Follow("app_1", nil)
		c.after(time.Hour, func() {
			if c.found != 1 {
				t.Errorf("%d probes of a backend that is gone", c.found-1)
			}
		})
	})
}

func TestAServerThatComesBackFromDrainingIsProbedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		servers := c.set(1, false, "/", each)
		c.after(time.Second, func() {})
		c.Follow("app_1", servers[:0])
		c.Follow("app_1", servers)
		c.after(each, func() {
			if c.found < 2 {
				t.Errorf("%d probes, want a second one", c.found)
			}
		})
	})
}

func TestAnotherQuestionIsAskedSoonAndTheOldOneNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.result = route.Result{Status: route.L7STS, Code: 404}
		servers := c.set(3, false, "/old", time.Hour)
		old := 0
		c.after(time.Second, func() { old = c.paths["/old"]; c.result = route.Result{Status: route.L7OK, Code: 200} })
		c.set(3, false, "/new", time.Hour)
		c.after(time.Second, func() {
			if c.paths["/new"] != 3 || servers[0].Health() != route.Up {
				t.Errorf("asked: %v; the first is %v", c.paths, servers[0].Health())
			}
		})
		c.after(time.Hour*3/2, func() {
			if old < 3 || c.paths["/old"] != old {
				t.Errorf("asked: %v", c.paths)
			}
		})
	})
}

func TestMarathonsGoodWordOnAServerThatIsDownHasItProbedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.result = route.Result{Status: route.L4CON}
		servers := c.set(1, false, "/", time.Hour)
		c.after(5*time.Minute, func() { // it does not settle any more
			c.result, c.found = route.Result{Status: route.L7OK, Code: 200}, 0
		})
		c.set(1, true, "/", time.Hour)
		c.after(time.Second, func() {
			if c.found != 1 || servers[0].Health() != route.Up {
				t.Errorf("%d probes, and it is %v", c.found, servers[0].Health())
			}
		})
	})
}

func TestAShorterIntervalHoldsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.set(20, true, "/", 24*time.Hour)
		c.after(time.Millisecond, func() {})
		c.set(20, true, "/", each)
		c.after(each, func() {
			if c.found < 20 {
				t.Errorf("%d of 20 were probed within the new interval", c.found)
			}
		})
	})
}

func TestANewServerIsProbedOftenUntilItIsFoundWell(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.result = route.Result{Status: route.L4CON}
		s := c.set(1, false, "/", each)[0]
		c.after(5*time.Second, func() {
			if n := len(c.asked[s.Addr]); n < 24 || n > 26 {
				t.Errorf("probed %d times in its first 5 s", n)
			}
			c.result = route.Result{Status: route.L7OK, Code: 200}
		})
		c.after(500*time.Millisecond, func() {
			if s.Health() != route.Up {
				t.Error("it is well, and not up after half a second")
			}
			clear(c.asked)
		})
		c.after(5*each, func() {
			if n := len(c.asked[s.Addr]); n < 4 || n > 6 {
				t.Errorf("once it was up, it was probed %d times in five intervals", n)
			}
			c.result = route.Result{Status: route.L4CON}
		})
		c.after(5*each, func() { clear(c.asked) }) // it goes down
		c.after(5*each, func() {
			if n := len(c.asked[s.Addr]); s.Health() != route.Down || n < 4 || n > 6 {
				t.Errorf("once it was down again (%v), it was probed %d times in five intervals", s.Health(), n)
			}
		})
	})
}

func TestManyNewServersTogetherAreNotProbedTooOften(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCheckers(t)
		c.result = route.Result{Status: route.L4CON}
		c.set(1000, false, "/", each)
		c.after(20*time.Second, func() {
			if c.found < 8000 || c.found > 12000 {
				t.Errorf("%d probes in 20 s", c.found)
			}
		})
		servers := c.set(10, false, "/", each) // the others go
		c.after(each, func() { c.found = 0 })
		c.after(10*time.Second, func() {
			if c.found < 490 || c.found > 510 {
				t.Errorf("%d probes of ten servers in 10 s", c.found)
			}
		})
		c.after(time.Minute, func() { c.found = 0 })
		c.after(5*each, func() {
			if c.found < 40 || c.found > 60 {
				t.Errorf("%d servers that never were well were probed %d times in five intervals", len(servers), c.found)
			}
		})
	})
}
