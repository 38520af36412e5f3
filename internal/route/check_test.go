package route_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
)

var (
	good = route.Result{Status: route.L7OK, Code: 200}
	bad  = route.Result{Status: route.L7STS, Code: 503, Text: "Service Unavailable"}
	ours = route.Result{Status: route.SOCKERR, Text: "Too many open files"}
)

// checked is a service whose servers are probed: 2 good ones in a row make one UP, 3 bad ones DOWN.
func checked(app string, port, n int, vouched bool) route.BackendSpec {
	k := service(app, port, n)
	k.Check = &route.Check{Protocol: "HTTP", Path: "/health", Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
	for i := range k.Servers {
		k.Servers[i].Vouched = vouched
	}
	return k
}

// found tells the i-th server these results, a second apart from t0 on, as the prober does.
func found(b *route.Backend, i int, results ...route.Result) {
	for n, r := range results {
		now := t0.Add(time.Duration(n+1) * time.Second)
		if s := b.Servers[i]; s.Found(s.Plan(), r, now) {
			b.NoteHealth(now)
		}
	}
}

// down has every probe of a server fail until it is DOWN.
func down(b *route.Backend, servers ...int) {
	for _, i := range servers {
		found(b, i, bad, bad, bad)
	}
}

func one(t *testing.T, k route.BackendSpec) *route.Backend {
	t.Helper()
	table, _ := build(t, route.NewTable(1), set(k))
	return table.Backend(k.Name)
}

// picks says which servers n requests go to.
func picks(b *route.Backend, n int) (got []int) {
	for range n {
		got = append(got, slices.Index(b.Servers, b.Pick(0, nil)))
	}
	return got
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestTheFirstProbeOfAServerNobodyVouchesForDecides(t *testing.T) {
	b := one(t, checked("/a", 1, 3, false))
	b.Servers[0].SetHealth(route.Up, t0)
	want(t, "health before", b.Servers[1].Health(), route.Initial)
	want(t, "requests", picks(b, 3), []int{0, 0, 0})
	found(b, 1, good)
	found(b, 2, bad)
	want(t, "after one good probe", b.Servers[1].Health(), route.Up)
	want(t, "after one bad probe", b.Servers[2].Health(), route.Down)
	if c := b.Servers[1].Checked(); !c.Full() || c.Result != good {
		t.Errorf("after one good probe: %+v", c)
	}
}

func TestAServerMarathonVouchesForStartsUp(t *testing.T) {
	b := one(t, checked("/a", 1, 2, true))
	s := b.Servers[0]
	if c := s.Checked(); s.Health() != route.Up || c.Status != route.INI || !c.Full() {
		t.Errorf("it starts as %+v", c)
	}
	found(b, 0, bad, bad)
	if c := s.Checked(); s.Health() != route.Up || c.Score != 2 || c.Full() {
		t.Errorf("after 2 of 3 bad probes: %+v", c)
	}
}

func TestRiseAndFall(t *testing.T) {
	b := one(t, checked("/a", 1, 2, true))
	s := b.Servers[0]
	for i, c := range []struct {
		result route.Result
		health route.Health
		score  int
	}{
		{bad, route.Up, 3}, {bad, route.Up, 2}, {good, route.Up, 4}, // a good one forgives
		{bad, route.Up, 3}, {bad, route.Up, 2}, {ours, route.Up, 2}, {bad, route.Down, 0},
		{good, route.Down, 1}, {ours, route.Down, 1}, {bad, route.Down, 0}, {good, route.Down, 1}, {good, route.Up, 4},
	} {
		found(b, 0, c.result)
		if got := s.Checked(); got.Health != c.health || s.Health() != c.health || got.Score != c.score || got.Result != c.result {
			t.Errorf("step %d: %+v and %v, want health %d and score %d", i, got, s.Health(), c.health, c.score)
		}
	}
	want(t, "chkfail", s.Stats.Sum(route.CheckFails), 5)
	want(t, "chkdown", s.Stats.Sum(route.CheckDowns), 1)
}

func TestProbesCountForServerAndBackend(t *testing.T) {
	b := one(t, checked("/a", 1, 1, false))
	found(b, 0, good)
	found(b, 0, bad, bad, bad)
	s := b.Servers[0]
	at := t0.Add(3 * time.Second)
	if !s.Changed().Equal(at) || !b.Stats.Changed().Equal(at) {
		t.Errorf("changed at %v, its backend at %v; want %v", s.Changed(), b.Stats.Changed(), at)
	}
	later := at.Add(time.Minute)
	if s.Stats.Downtime(later) < time.Minute || b.Stats.Downtime(later) != time.Minute {
		t.Errorf("down for %v, its backend for %v; want a minute", s.Stats.Downtime(later), b.Stats.Downtime(later))
	}
	want(t, "chkdown of server and backend", []uint64{s.Stats.Sum(route.CheckDowns), b.Stats.Sum(route.CheckDowns)}, []int{1, 1})
	if b.Usable() != 0 || b.Pick(0, nil) != nil {
		t.Error("a server that is down and not vouched for is used")
	}
	found(b, 0, good, good)
	want(t, "chkdown after it came back", b.Stats.Sum(route.CheckDowns), 1)
}

func TestAServerNotProbedYetIsUsedOnlyWhileThereIsNoOther(t *testing.T) {
	k := checked("/a", 1, 3, false)
	k.Servers[2].State = route.LastResort
	for i := range k.Servers {
		k.Servers[i].Cookie = fmt.Sprint("c", i)
	}
	b := one(t, k)
	want(t, "nobody is proven", slices.Sorted(slices.Values(picks(b, 4))), []int{0, 0, 1, 1})
	want(t, "usable", b.Usable(), 2)
	if b.BySticky("c1") != b.Servers[1] {
		t.Error("its cookie does not lead to a server that gets requests")
	}
	found(b, 2, good)
	want(t, "a last resort is proven", picks(b, 2), []int{2, 2})
	if b.BySticky("c1") != nil {
		t.Error("a cookie leads to a server not probed yet while there is a proven one")
	}
	if got := b.Pick(0, b.Servers[2:]); got == nil || got == b.Servers[2] {
		t.Errorf("where the only proven one was tried: %v, want one not probed yet", got)
	}
	found(b, 1, good)
	want(t, "a ready one is proven", picks(b, 2), []int{1, 1})
}

func TestAPanicUsesTheServersMarathonVouchesFor(t *testing.T) {
	k := checked("/a", 1, 4, true)
	k.Servers[1].Vouched, k.Servers[3].State = false, route.Draining
	for i := range k.Servers {
		k.Servers[i].Cookie = fmt.Sprint("c", i)
	}
	b := one(t, k)
	down(b, 0, 1)
	want(t, "one is up", picks(b, 2), []int{2, 2})
	if b.Grade() != route.Proven || b.BySticky("c0") != nil {
		t.Errorf("grade %v while one is up, and a cookie leads to one that is down", b.Grade())
	}
	if got := b.Pick(0, b.Servers[2:3]); got != nil {
		t.Errorf("with the good one tried, %s is used although it is down", got.Name)
	}
	down(b, 2)
	want(t, "in a panic", slices.Sorted(slices.Values(picks(b, 4))), []int{0, 0, 2, 2})
	want(t, "grade", b.Grade(), route.Vouched)
	want(t, "usable", b.Usable(), 2)
	for cookie, ok := range map[string]bool{"c0": true, "c1": false, "c2": true, "c3": false} {
		if (b.BySticky(cookie) != nil) != ok {
			t.Errorf("cookie %s is honoured: %v, want %v", cookie, !ok, ok)
		}
	}
	want(t, "chkdown of the backend, which never was without a server", b.Stats.Sum(route.CheckDowns), 0)
	found(b, 1, good, good)
	want(t, "one came back", picks(b, 2), []int{1, 1})
}

func TestWithoutMarathonsWordThereIsNoPanic(t *testing.T) {
	k := checked("/a", 1, 2, true)
	table, _ := build(t, route.NewTable(1), set(k))
	down(table.Backend("a_1"), 0, 1)
	table, _ = build(t, table, set(checked("/a", 1, 2, false))) // Marathon changes its mind
	b := table.Backend("a_1")
	if b.Usable() != 0 || b.Pick(0, nil) != nil || b.BySticky("c1") != nil || b.Grade() != route.Unfit {
		t.Errorf("%d servers are used that nobody vouches for", b.Usable())
	}
	table, _ = build(t, table, set(k))
	b = table.Backend("a_1")
	want(t, "when it vouches again", slices.Sorted(slices.Values(picks(b, 2))), []int{0, 1})
	found(b, 0, good)
	want(t, "one answer is enough then", b.Servers[0].Health(), route.Up)
	found(b, 1, bad)
	want(t, "one answer is enough then", b.Servers[1].Health(), route.Down)
	table, _ = build(t, table, set(k))
	want(t, "no news", table.Backend("a_1").Servers[1].Health(), route.Down)
}

func TestMarathonsWordEndsTheWaitForTheFirstProbe(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(checked("/a", 1, 1, false)))
	table, _ = build(t, table, set(checked("/a", 1, 1, true)))
	s := table.Backend("a_1").Servers[0]
	want(t, "vouched for", s.Health(), route.Up)
	build(t, table, set(checked("/a", 1, 1, false)))
	want(t, "no longer vouched for", s.Health(), route.Up)
}

func TestAnotherCheckTakesNoServerOut(t *testing.T) {
	k := checked("/a", 1, 3, true)
	table, _ := build(t, route.NewTable(1), set(k))
	b := table.Backend("a_1")
	up, shaky, out := b.Servers[0], b.Servers[1], b.Servers[2]
	found(b, 0, good)
	found(b, 1, bad, bad)
	down(b, 2)
	old := up.Plan()

	k.Check = &route.Check{Protocol: "HTTP", Path: "/health", Interval: 9 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
	table, _ = build(t, table, set(k))
	if up.Plan().Interval != 9*time.Second || up.Checked().Result != good || shaky.Checked().Score != 2 || out.Health() != route.Down {
		t.Error("another interval changed what is known")
	}
	k.Check = &route.Check{Protocol: "HTTP", Path: "/other", Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
	table, _ = build(t, table, set(k))
	want(t, "healths after another path", []route.Health{up.Health(), shaky.Health(), out.Health()},
		[]route.Health{route.Up, route.Up, route.Initial})
	if c := shaky.Checked(); !c.Full() || c.Status != route.INI {
		t.Errorf("to a new question it has %+v", c)
	}
	if up.Found(old, bad, t0) || up.Checked().Status != route.INI {
		t.Error("the answer to the old question is heard")
	}
	k.Check = nil
	table, _ = build(t, table, set(k))
	if up.Plan() != nil || up.Checked() != nil || out.Health() != route.NoCheck {
		t.Errorf("without a check: health %v, plan %v", out.Health(), up.Plan())
	}
	k.Servers[0].Vouched = false
	k.Check = &route.Check{Protocol: "TCP", Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
	build(t, table, set(k))
	want(t, "one that served without check", up.Health(), route.Up)
}

func TestAnotherFallCountsFromTheBeginning(t *testing.T) {
	k := checked("/a", 1, 1, true)
	table, _ := build(t, route.NewTable(1), set(k))
	found(table.Backend("a_1"), 0, bad, bad)
	check := *k.Check
	check.Fall = 1
	k.Check = &check
	table, _ = build(t, table, set(k))
	b := table.Backend("a_1")
	want(t, "health", b.Servers[0].Health(), route.Up)
	found(b, 0, bad)
	want(t, "health after one bad probe of one", b.Servers[0].Health(), route.Down)
}

func TestAServerThatDrainsIsNotProbed(t *testing.T) {
	k := checked("/a", 1, 2, true)
	table, _ := build(t, route.NewTable(1), set(k))
	s := table.Backend("a_1").Servers[0]
	plan := s.Plan()
	k.Servers[0].State = route.Draining
	build(t, table, set(k))
	if s.Plan() != nil || s.Found(plan, bad, t0) || s.Stats.Sum(route.CheckFails) != 0 {
		t.Error("it is probed, or a late result counts")
	}
	k.Servers[0].State = route.Ready
	build(t, table, set(k))
	if s.Health() != route.Up || s.Plan() == nil {
		t.Errorf("back again it is %v", s.Health())
	}
}

func TestHealthSurvivesTables(t *testing.T) {
	k := checked("/a", 1, 2, true)
	table, _ := build(t, route.NewTable(1), set(k))
	down(table.Backend("a_1"), 0)
	for range 3 {
		table, _ = build(t, table, set(k, service("/b", 2, 1)))
	}
	if c := table.Backend("a_1").Servers[0].Checked(); c.Health != route.Down || c.Result != bad {
		t.Errorf("after other changes it is %+v", c)
	}
}

// marathon-lb.md 3.7, and docs/differences.md D-SERVER-8.
func TestHowAServerIsProbed(t *testing.T) {
	for _, c := range []struct {
		mode        route.Mode
		protocol    string
		fixed, own  int
		kind        route.ProbeKind
		port        int
		path        string
		description string
	}{
		{route.HTTP, "HTTP", 0, 0, route.Get, 31000, "/health", "the server's own port"},
		{route.HTTP, "MESOS_HTTP", 8080, 0, route.Get, 8080, "/health", "the check's port"},
		{route.HTTP, "HTTP", 8080, 9090, route.Get, 9090, "/health", "a port for this server"},
		{route.HTTP, "HTTPS", 0, 0, route.GetTLS, 31000, "/health", "TLS"},
		{route.HTTP, "MESOS_HTTPS", 0, 0, route.GetTLS, 31000, "/health", "TLS"},
		{route.HTTP, "TCP", 0, 0, route.Connect, 31000, "", "a connection"},
		{route.HTTP, "MESOS_TCP", 0, 0, route.Connect, 31000, "", "a connection"},
		{route.TCP, "HTTP", 0, 0, route.Connect, 31000, "", "a connection: mode tcp"},
		{route.TCP, "HTTPS", 0, 0, route.Connect, 31000, "", "a connection: mode tcp"},
	} {
		k := checked("/a", 1, 1, true)
		k.Mode, k.Check.Protocol, k.Check.Port, k.Servers[0].CheckPort = c.mode, c.protocol, c.fixed, c.own
		want := route.Probe{Kind: c.kind, Addr: netip.AddrPortFrom(k.Servers[0].Addr.Addr(), uint16(c.port)), Path: c.path}
		if got := one(t, k).Servers[0].Plan().Probe; got != want {
			t.Errorf("%s in mode %s, %s: %+v, want %+v", c.protocol, c.mode, c.description, got, want)
		}
	}
	if p := one(t, service("/a", 1, 1)).Servers[0].Plan(); p != nil {
		t.Errorf("without a check: %+v", p)
	}
}

func TestTheTurnsOfAServerThatIsDownAreSharedEvenly(t *testing.T) {
	b := one(t, checked("/a", 1, 4, true))
	down(b, 1)
	n := map[int]int{}
	for i, s := range picks(b, 300) {
		if n[s]++; s == 1 {
			t.Fatalf("request %d went to the server that is down", i)
		}
	}
	want(t, "requests of 300", n, map[int]int{0: 100, 2: 100, 3: 100})
}

// However probes end: the score stays in its bounds, Rise good ones in a row bring a server up and Fall bad ones take it down.
func TestAnySequenceOfResultsObeysRiseAndFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := checked("/a", 1, 1, rapid.Bool().Draw(t, "vouched"))
		k.Check.Rise, k.Check.Fall = rapid.IntRange(0, 4).Draw(t, "rise"), rapid.IntRange(0, 4).Draw(t, "fall")
		table, _ := route.Build(route.NewTable(1), route.Change{SetBackends: []route.BackendSpec{k}, Now: t0})
		s := table.Backend("a_1").Servers[0]
		rise, fall, inARow := s.Plan().Rise, s.Plan().Fall, 0
		for _, r := range rapid.SliceOfN(rapid.SampledFrom([]route.Result{good, bad, ours}), 1, 40).Draw(t, "results") {
			was := s.Health()
			changed := s.Found(s.Plan(), r, t0)
			c := s.Checked()
			switch {
			case r == ours:
			case r == good:
				inARow = max(inARow, 0) + 1
			default:
				inARow = min(inARow, 0) - 1
			}
			first := was == route.Initial && r != ours
			up := c.Health == route.Up
			if changed != (c.Health != was) || s.Health() != c.Health || c.Score < 0 || c.Score >= rise+fall || up != (c.Score >= rise) {
				t.Fatalf("after %v: %+v, was %v", r, c, was)
			}
			if inARow >= rise && !up || -inARow >= fall && up || first && up != (r == good) {
				t.Fatalf("after %d alike in a row: %+v", inARow, c)
			}
			if changed && !first && inARow < rise && -inARow < fall {
				t.Fatalf("after %d alike in a row its health changed to %+v", inARow, c)
			}
		}
	})
}

func TestProbesTablesAndRequestsAtTheSameTime(t *testing.T) {
	k := checked("/a", 1, 2, true)
	table, _ := build(t, route.NewTable(1), set(k))
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for i, s := range table.Backend("a_1").Servers {
		busy.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				runtime.Gosched()
				if p := s.Plan(); p != nil {
					s.Found(p, []route.Result{good, bad}[(n/(i+2))%2], t0)
				}
			}
		})
	}
	b := table.Backend("a_1")
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.Gosched()
				b.Pick(0, nil)
				b.BySticky("c2")
			}
		}
	})
	for i := range 300 {
		k.Servers = slices.Clone(k.Servers)
		k.Servers[i%2].Vouched = i%3 == 0
		check := *k.Check
		check.Path = fmt.Sprint("/", i%2)
		k.Check = &check
		table, _ = build(t, table, set(k))
	}
	close(stop)
	busy.Wait()
	for _, s := range table.Backend("a_1").Servers {
		if s.Checked().Health != s.Health() {
			t.Errorf("%s is %v, and %+v", s.Name, s.Health(), s.Checked())
		}
	}
}

func TestPickingAllocatesNothing(t *testing.T) {
	for what, prepare := range map[string]func(*route.Backend){
		"all up":       func(b *route.Backend) {},
		"one down":     func(b *route.Backend) { down(b, 1) },
		"in a panic":   func(b *route.Backend) { down(b, 0, 1, 2) },
		"least loaded": func(b *route.Backend) { b.Spec.Balance = route.LeastConn },
	} {
		b := one(t, checked("/a", 1, 3, true))
		prepare(b)
		if n := testing.AllocsPerRun(100, func() { b.Pick(0, nil); b.BySticky("c2"); b.Usable() }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{3, 100} {
		for _, out := range []int{0, 1} {
			b.Run(fmt.Sprintf("%d servers, %d down", n, out), func(b *testing.B) {
				table, _ := route.Build(route.NewTable(1), set(checked("/a", 1, n, true)))
				k := table.Backend("a_1")
				for i := range out {
					down(k, i)
				}
				b.ReportAllocs()
				for b.Loop() {
					k.Pick(0, nil)
				}
			})
		}
	}
}
