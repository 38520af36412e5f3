package route_test

import (
	"testing"
	"testing/synctest"
	"time"

	"marathon-lb/internal/route"
)

// slowly is a service whose servers warm up for ten seconds.
func slowly(n int, balance route.Balance) route.Change {
	k := service("/a", 1, n)
	k.Balance, k.SlowStart = balance, 10*time.Second
	return route.Change{SetBackends: []route.BackendSpec{k}, Now: time.Now()}
}

// picked counts who gets n requests.
func picked(b *route.Backend, n int) map[*route.Server]int {
	got := map[*route.Server]int{}
	for range n {
		got[b.Pick(0, nil)]++
	}
	return got
}

func TestTheShareOfAServerThatJoinsGrows(t *testing.T) {
	for _, balance := range []route.Balance{route.RoundRobin, route.LeastConn} {
		synctest.Test(t, func(t *testing.T) {
			table, _ := route.Build(route.NewTable(1), slowly(2, balance))
			time.Sleep(time.Minute)
			table, _ = route.Build(table, slowly(3, balance))
			b := table.Backend("a_1")
			fresh := b.Servers[2]
			for _, c := range []struct {
				after   time.Duration // since the step before
				percent int
			}{{0, 0}, {time.Second, 10}, {4 * time.Second, 50}, {4 * time.Second, 90}} {
				time.Sleep(c.after)
				table, _ = route.Build(table, slowly(3, balance)) // must change nothing
				b = table.Backend("a_1")
				percent, warming := b.Warmth(fresh, time.Now())
				if !warming || percent > c.percent || percent < c.percent-1 {
					t.Errorf("%s: weight %d %%, warming %v; want %d %%", balance, percent, warming, c.percent)
				}
				got, want := picked(b, 1000)[fresh], 1000*c.percent/(200+c.percent)
				if got < want-6 || got > want+6 {
					t.Errorf("%s: at %d %% it got %d of 1000 requests, want %d", balance, c.percent, got, want)
				}
			}
			time.Sleep(time.Second)
			if percent, warming := b.Warmth(fresh, time.Now()); warming || percent != 100 {
				t.Errorf("%s: still %d %%", balance, percent)
			}
			last := b.Pick(0, nil)
			for range 30 { // exactly by turns
				s := b.Pick(0, nil)
				if s == last {
					t.Errorf("%s: %s twice in a row", balance, s.Name)
				}
				last = s
			}
			for s, n := range picked(b, 30) {
				if n != 10 {
					t.Errorf("%s: %s got %d of 30", balance, s.Name, n)
				}
			}
		})
	}
}

func TestNobodyWarmsUpWhereNobodyServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, _ := route.Build(route.NewTable(1), slowly(3, route.RoundRobin))
		for s, n := range picked(table.Backend("a_1"), 30) {
			if n != 10 {
				t.Errorf("%s got %d of 30", s.Name, n)
			}
		}
		table, _ = route.Build(table, slowly(0, route.RoundRobin))
		time.Sleep(time.Minute)
		table, _ = route.Build(table, slowly(2, route.RoundRobin))
		for s, n := range picked(table.Backend("a_1"), 30) {
			if n != 15 {
				t.Errorf("after an outage %s got %d of 30", s.Name, n)
			}
		}
	})
}

func TestAServerThatWasDownWarmsUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, _ := route.Build(route.NewTable(1), slowly(2, route.RoundRobin))
		b := table.Backend("a_1")
		health := func(h route.Health) {
			b.Servers[0].SetHealth(h, time.Now())
			b.NoteHealth(time.Now())
		}
		health(route.Down)
		time.Sleep(time.Hour)
		health(route.Up)
		if n := picked(b, 100)[b.Servers[0]]; n > 2 {
			t.Errorf("it got %d of 100 requests at once", n)
		}
		if got := b.Pick(0, b.Servers[1:]); got != b.Servers[0] {
			t.Errorf("it is not there for those who have no other: %v", got)
		}
		time.Sleep(5 * time.Second)
		health(route.Down)
		health(route.Up)
		if percent, _ := b.Warmth(b.Servers[0], time.Now()); percent != 0 {
			t.Errorf("after another failure it begins at %d %%", percent)
		}
		if all := picked(b, 100); len(all) > 2 || all[nil] > 0 {
			t.Errorf("picked %v", all)
		}
	})
}

// A newcomer must not be the one that a slow server's idle neighbours make leastconn prefer.
func TestLeastconnWeighsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, _ := route.Build(route.NewTable(1), slowly(1, route.LeastConn))
		table, _ = route.Build(table, slowly(2, route.LeastConn))
		time.Sleep(5 * time.Second)
		b := table.Backend("a_1")
		for range 30 {
			b.Pick(0, nil).Begin()
		}
		if old, fresh := b.Servers[0].InFlight(), b.Servers[1].InFlight(); old < 18 || old > 22 {
			t.Errorf("at half the weight: %d and %d requests", old, fresh)
		}
	})
}

func TestPickingAllocatesNothingEvenWhileAServerWarmsUp(t *testing.T) {
	table, _ := route.Build(route.NewTable(1), slowly(2, route.RoundRobin))
	table, _ = route.Build(table, slowly(3, route.RoundRobin))
	b := table.Backend("a_1")
	tried := b.Servers[:1]
	if n := testing.AllocsPerRun(100, func() { b.Pick(0, nil); b.Pick(0, tried) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
