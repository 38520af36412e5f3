package route_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"go.uber.org/goleak"

	"marathon-lb/internal/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// service is a backend on a port with n servers 10.0.0.i and the rules given.
func service(app string, port, n int, rules ...route.Rule) route.BackendSpec {
	name := strings.ReplaceAll(app[1:], "/", "_") + fmt.Sprintf("_%d", port)
	k := route.BackendSpec{
		Name: name, App: app, Port: port, Mode: route.HTTP, Balance: route.RoundRobin, Rules: rules,
	}
	for i := range n {
		k.Servers = append(k.Servers, route.ServerSpec{
			Name: fmt.Sprintf("10_0_0_%d_31000", i+1), App: app, Task: fmt.Sprintf("%s.%d", name, i+1),
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 31000), Cookie: fmt.Sprint("c", i+1),
		})
	}
	return k
}

func listen(name string, port int) route.ListenerSpec {
	return route.ListenerSpec{Name: name, Bind: route.AnyAddr(port), Mode: route.HTTP, Entry: route.ByService, Backend: name}
}

func build(t *testing.T, prev *route.Table, c route.Change) (*route.Table, route.Diff) {
	t.Helper()
	if c.Now.IsZero() {
		c.Now = t0
	}
	return route.Build(prev, c)
}

func set(backends ...route.BackendSpec) route.Change { return route.Change{SetBackends: backends} }

func TestSpecPrintsWhatWasBuilt(t *testing.T) {
	k := service("/team/web", 10000, 2, route.Rule{Host: "a.example.com", Path: "/x", IgnoreCase: true, Weight: 1})
	k.Sticky, k.Servers[1].State, k.Servers[0].Vouched = "id", route.Draining, true
	k.Check = &route.Check{Protocol: "HTTP", Path: "/health", Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 4}
	spec := route.Spec{Listeners: []route.ListenerSpec{
		{Name: route.HTTPIn, Bind: route.AnyAddr(80), Mode: route.HTTP, Entry: route.ByHost},
		listen("team_web_10000", 10000),
	}, Backends: []route.BackendSpec{k}}
	const want = `listener marathon_http_in *:80 http by host
listener team_web_10000 *:10000 http -> team_web_10000
backend team_web_10000 app=/team/web port=0/10000 http roundrobin sticky=id
  rule host=a.example.com path=/x -i weight=1
  check HTTP /health inter=1s timeout=1s rise=2 fall=4
  server 10_0_0_1_31000 10.0.0.1:31000 id=0 cookie=c1 task=team_web_10000.1 vouched
  server 10_0_0_2_31000 10.0.0.2:31000 id=0 cookie=c2 task=team_web_10000.2 draining
`
	table, diff := build(t, route.NewTable(1), spec.Change(t0))
	if got := table.Spec().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(diff.Open) != 2 || len(diff.Left) != 1 {
		t.Errorf("opened %d, left %d; want 2 and 1", len(diff.Open), len(diff.Left))
	}
}

func TestMatchRanksRules(t *testing.T) {
	rule := func(host, path string, weight int) route.Rule {
		return route.Rule{Host: host, Path: path, Weight: weight}
	}
	table, _ := build(t, route.NewTable(1), set(
		service("/any", 1, 1, rule("*", "", 0)),
		service("/wild", 2, 1, rule("*.example.com", "", 0)),
		service("/wilder", 3, 1, rule("*.b.example.com", "", 0)),
		service("/exact", 4, 1, rule("a.example.com", "", 0)),
		service("/api", 5, 1, rule("a.example.com", "/api", 1)),
		service("/apilong", 6, 1, rule("a.example.com", "/api/v2", 1)),
		service("/later", 7, 1, rule("a.example.com", "", 0)),
		service("/heavy", 8, 1, rule("*.example.com", "/heavy", 10)),
		service("/fold", 9, 1, route.Rule{Host: "a.example.com", Path: "/Q", IgnoreCase: true, Weight: 1}),
		service("/light", 10, 1, rule("light.example.com", "", -1)),
	))
	for _, c := range []struct{ host, path, want string }{
		{"a.example.com", "/", "exact_4"},
		{"a.example.com", "/api", "api_5"},
		{"a.example.com", "/apifoo", "api_5"}, // path_beg is not segment-aware
		{"a.example.com", "/api/v2/x", "apilong_6"},
		{"a.example.com", "//api", "exact_4"},
		{"a.example.com", "/q/b", "fold_9"},
		{"a.example.com", "/heavy", "heavy_8"}, // weight goes before host
		{"x.example.com", "/", "wild_2"},
		{"x.y.example.com", "/", "wild_2"},
		{"x.b.example.com", "/", "wilder_3"},
		{"example.com", "/", "any_1"},
		{"light.example.com", "/", "wild_2"},
		{"", "/", "any_1"},
	} {
		var tr route.Trace
		k, _ := table.Match(c.host, c.path, &tr)
		if k == nil || k.Spec.Name != c.want {
			t.Errorf("%s%s: got %v, want %s; looked at %v", c.host, c.path, k, c.want, tr.Steps)
		}
	}
}

func TestMatchAppComparesWithoutCase(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/Auth", 1, 1, route.Rule{AppID: "/auth"})))
	if k, _ := table.MatchApp("/AUTH", nil); k == nil {
		t.Error("/AUTH found nothing")
	}
	if k, _ := table.MatchApp("auth", nil); k != nil {
		t.Errorf("an id without slash found %s", k.Spec.Name)
	}
}

func TestRulesFollowTheirBackend(t *testing.T) {
	rule := route.Rule{Host: "a.example.com"}
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1, rule), service("/b", 2, 1, rule)))
	table, _ = build(t, table, set(service("/a", 1, 1, route.Rule{Host: "other.example.com"})))
	if k, _ := table.Match("a.example.com", "/", nil); k.Spec.App != "/b" {
		t.Errorf("after /a gave up the host it goes to %s", k.Spec.App)
	}
	table, _ = build(t, table, route.Change{DropBackends: []string{"a_1", "b_2"}})
	for _, host := range []string{"a.example.com", "other.example.com"} {
		if k, _ := table.Match(host, "/", nil); k != nil {
			t.Errorf("%s still leads to %s", host, k.Spec.Name)
		}
	}
}

func TestRoundRobinAlternatesExactlyOverTables(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 2)))
	var got []string
	for i := range 20 {
		if i%5 == 0 { // a table change must not disturb the turn
			table, _ = build(t, table, set(service("/b", 2, i%3)))
		}
		got = append(got, table.Backend("a_1").Pick(0, nil).Name)
	}
	for i := 2; i < len(got); i++ {
		if got[i] != got[i-2] || got[i] == got[i-1] {
			t.Fatalf("request %d breaks the turn: %v", i, got)
		}
	}
}

func TestPickLeavesOutTriedDownAndDrainingServers(t *testing.T) {
	k := service("/a", 1, 4)
	k.Servers[1].State, k.Servers[3].State = route.Draining, route.LastResort
	table, _ := build(t, route.NewTable(1), set(k))
	b := table.Backend("a_1")
	b.Servers[2].SetHealth(route.Down, t0)
	if got := b.Pick(0, nil); got != b.Servers[0] {
		t.Errorf("picked %v, want the one ready server", got.Name)
	}
	if got := b.Pick(0, b.Servers[:1]); got != b.Servers[3] {
		t.Errorf("with the ready one tried: %v, want the last resort", got)
	}
	if got := b.Pick(0, []*route.Server{b.Servers[0], b.Servers[3]}); got != nil {
		t.Errorf("with all tried: %v, want none", got.Name)
	}
	if b.Usable() != 1 {
		t.Errorf("Usable() = %d, want 1", b.Usable())
	}
}

func TestFirstIsTheServerOfTheLowestID(t *testing.T) {
	k := service("/a", 80, 3)
	k.Balance = route.First
	for i := range k.Servers {
		k.Servers[i].ID = 30 - 10*i
	}
	table, _ := build(t, route.NewTable(1), set(k))
	for range 3 {
		if s := table.Backend(k.Name).Pick(0, nil); s.ID != 10 {
			t.Fatalf("server %d was picked", s.ID)
		}
	}
}

func TestRankedRulesAreInTheOrderInWhichMatchTriesThem(t *testing.T) {
	spec := route.Spec{Backends: []route.BackendSpec{
		service("/a", 1, 1, route.Rule{Host: "*"}, route.Rule{Host: "*.b.c", Path: "/x"}, route.Rule{AppID: "/a"}),
		service("/b", 2, 1, route.Rule{Host: "a.b.c"}, route.Rule{Host: "a.b.c", Path: "/long", Weight: 1}),
		service("/c", 3, 1, route.Rule{Host: "*.c", Path: "/long/er", Weight: 1}, route.Rule{Host: "a.b.c", Path: "/lo"}, route.Rule{Host: "a.b.c"}),
	}}
	var order []string
	for _, r := range spec.Ranked() {
		if r.Rule.AppID == "" {
			order = append(order, r.Backend.App+" "+r.Rule.Host+r.Rule.Path)
		}
	}
	want := []string{"/b a.b.c/long", "/c *.c/long/er", "/c a.b.c/lo", "/b a.b.c", "/c a.b.c", "/a *.b.c/x", "/a *"}
	if !slices.Equal(order, want) {
		t.Errorf("%q\nwant %q", order, want)
	}
}

func TestFirstRandomAndHashesOfNothing(t *testing.T) {
	first, random, hashed := service("/f", 1, 3), service("/r", 2, 3), service("/h", 3, 3)
	first.Balance, random.Balance, hashed.Balance = route.First, route.Random, route.Header
	table, _ := build(t, route.NewTable(1), set(first, random, hashed))
	f, r, h := table.Backend("f_1"), table.Backend("r_2"), table.Backend("h_3")
	seen, round := map[string]int{}, map[string]int{}
	for range 300 {
		if got := f.Pick(0, nil); got != f.Servers[0] {
			t.Fatalf("first picked %s", got.Name)
		}
		seen[r.Pick(0, nil).Name]++
		round[h.Pick(0, nil).Name]++
	}
	if got := f.Pick(0, f.Servers[:1]); got != f.Servers[1] {
		t.Errorf("first picked %s after its first failed", got.Name)
	}
	for _, s := range r.Servers {
		if seen[s.Name] < 50 {
			t.Errorf("random: %s got %d of 300", s.Name, seen[s.Name])
		}
	}
	for _, s := range h.Servers {
		if round[s.Name] != 100 {
			t.Errorf("a hash of nothing: %s got %d of 300, want them to go round", s.Name, round[s.Name])
		}
	}
}

func TestLeastConnAndSource(t *testing.T) {
	least, source := service("/l", 1, 3), service("/s", 2, 3)
	least.Balance, source.Balance = route.LeastConn, route.Source
	table, _ := build(t, route.NewTable(1), set(least, source))
	l, s := table.Backend("l_1"), table.Backend("s_2")
	l.Servers[0].Begin()
	l.Servers[2].Begin()
	for range 3 {
		if got := l.Pick(0, nil); got != l.Servers[1] {
			t.Errorf("leastconn picked %s, want the idle server", got.Name)
		}
	}
	seen := map[string]int{}
	for i := range 300 {
		client := route.Hash([]byte{192, 0, byte(i / 250), byte(i)})
		first := s.Pick(client, nil)
		if again := s.Pick(client, nil); again != first {
			t.Fatalf("%d moved from %s to %s", client, first.Name, again.Name)
		}
		seen[first.Name]++
	}
	for name, n := range seen {
		if n < 60 || n > 140 {
			t.Errorf("%s got %d of 300 clients", name, n)
		}
	}
}

func TestServersOutliveTablesAndDrainWhenTheyLeave(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 2)))
	staying, leaving := table.Backend("a_1").Servers[0], table.Backend("a_1").Servers[1]
	leaving.Begin()

	table, diff := build(t, table, set(service("/a", 1, 1)))
	b := table.Backend("a_1")
	if b.Servers[0] != staying {
		t.Error("the server that stays was made anew")
	}
	if !slices.Equal(diff.Left, []*route.Server{leaving}) || leaving.Usable() || len(b.Leaving) != 1 {
		t.Errorf("left %v usable %v leaving %d; want the second server draining", diff.Left, leaving.Usable(), len(b.Leaving))
	}
	if got := b.BySticky(leaving.Cookie); got != nil {
		t.Error("its cookie is still obeyed")
	}
	leaving.End()
	table, diff = build(t, table, route.Change{})
	if len(diff.Gone) != 1 || len(table.Backend("a_1").Leaving) != 0 {
		t.Errorf("gone %d, leaving %d; want it let go of", len(diff.Gone), len(table.Backend("a_1").Leaving))
	}
}

func TestARequestThatPickedAServerBeforeItLeftDoesNotBeginOnIt(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	picked := table.Backend("a_1").Pick(0, nil)
	_, diff := build(t, table, set(service("/a", 1, 0)))
	if len(diff.Gone) != 1 || diff.Gone[0] != picked {
		t.Fatal("it was not empty") // and now its connections are cut
	}
	if picked.Begin() || picked.InFlight() != 0 || picked.Stats.Sessions.Load() != 0 {
		t.Errorf("a request began on a server that is gone; %d in flight", picked.InFlight())
	}
}

func TestAServerThatReturnsWhileItDrainsGoesOn(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	s := table.Backend("a_1").Servers[0]
	s.Begin()
	table, _ = build(t, table, set(service("/a", 1, 0)))
	table, _ = build(t, table, set(service("/a", 1, 1)))
	b := table.Backend("a_1")
	if b.Servers[0] != s || !s.Usable() || len(b.Leaving) != 0 || !s.DrainingSince().IsZero() {
		t.Errorf("same server %v, usable %v, leaving %d", b.Servers[0] == s, s.Usable(), len(b.Leaving))
	}
}

func TestAGoneBackendStaysUntilItsServersAreEmptyOrTimeIsUp(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	table.Backend("a_1").Servers[0].Begin()
	drain := func(at time.Duration, drop ...string) {
		table, _ = build(t, table, route.Change{DropBackends: drop, Now: t0.Add(at), DrainTimeout: time.Minute})
	}
	drain(0, "a_1")
	drain(59 * time.Second)
	if b := table.Backend("a_1"); b == nil || !b.Gone || len(b.Rows()) != 1 {
		t.Fatal("the backend went before its server was empty")
	}
	if len(table.Spec().Backends) != 0 {
		t.Error("a gone backend is still in the spec")
	}
	drain(60 * time.Second)
	if table.Backend("a_1") != nil {
		t.Error("the backend outlived the drain timeout")
	}
}

func TestCountersSurviveANameThatReturns(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	s := table.Backend("a_1").Servers[0]
	s.Stats.Add(0, route.Sessions, 7)
	iid := table.Backend("a_1").Stats.IID
	drop := route.Change{DropBackends: []string{"a_1"}}
	table, _ = build(t, table, drop)
	if table.Backend("a_1") != nil {
		t.Fatal("an idle backend did not go at once")
	}
	back := set(service("/a", 1, 1))
	back.SetBackends[0].Servers[0].Task = "another task on the same address"
	back.Now = t0.Add(9 * time.Minute)
	table, _ = build(t, table, back)
	b := table.Backend("a_1")
	if got := b.Servers[0].Stats.Sum(route.Sessions); got != 7 || b.Stats.IID != iid {
		t.Errorf("sessions %d, iid %d; want 7 and %d", got, b.Stats.IID, iid)
	}
	drop.Now = t0.Add(20 * time.Minute)
	table, _ = build(t, table, drop)
	back.Now = t0.Add(31 * time.Minute)
	table, _ = build(t, table, route.Change{Now: back.Now})
	table, _ = build(t, table, back)
	b = table.Backend("a_1")
	if got := b.Servers[0].Stats.Sum(route.Sessions); got != 0 || b.Stats.IID == iid {
		t.Errorf("after ten minutes: sessions %d, iid %d; want new ones", got, b.Stats.IID)
	}
}

func TestASuccessorOnTheSameAddressSharesTheRow(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	old := table.Backend("a_1").Servers[0]
	old.Begin()
	next := service("/a", 1, 1)
	next.Servers[0].Task = "successor"
	table, _ = build(t, table, set(next))
	b := table.Backend("a_1")
	if b.Servers[0] == old || b.Servers[0].Stats != old.Stats || len(b.Rows()) != 1 {
		t.Errorf("rows %d, shared counters %v", len(b.Rows()), b.Servers[0].Stats == old.Stats)
	}
}

func TestAPortThatChangesHandsStaysOpen(t *testing.T) {
	table, diff := build(t, route.NewTable(1), route.Change{SetListeners: []route.ListenerSpec{listen("a_1", 1000)}})
	if len(diff.Open) != 1 {
		t.Fatal("not opened")
	}
	table, diff = build(t, table, route.Change{SetListeners: []route.ListenerSpec{listen("b_1", 1000)}})
	if len(diff.Open)+len(diff.Close) != 0 || table.Listener(route.AnyAddr(1000)).Spec.Name != "b_1" {
		t.Errorf("opened %d closed %d", len(diff.Open), len(diff.Close))
	}
	if v6 := netip.MustParseAddrPort("[::]:1000"); table.Listener(v6) == nil {
		t.Error("[::] and * are not the same address")
	}
	_, diff = build(t, table, route.Change{DropListeners: []netip.AddrPort{route.AnyAddr(1000)}})
	if len(diff.Close) != 1 {
		t.Error("not closed")
	}
}

func TestNormalHost(t *testing.T) {
	for in, want := range map[string]string{
		"a.example.com": "a.example.com", "A.Example.COM:8080": "a.example.com", "a.example.com.": "a.example.com",
		"a.example.com.:80": "a.example.com", "": "", "[::1]:80": "[::1]", "[::1]": "[::1]", "10.0.0.1:80": "10.0.0.1",
		"::1": "::1", ":80": "",
	} {
		if got := route.NormalHost(in); got != want {
			t.Errorf("NormalHost(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDowntimeAddsUpOverBuilds(t *testing.T) {
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	backend := table.Backend("a_1")
	first := backend.Servers[0].Stats
	check := func(s *route.Stats, now, down, changed int) {
		t.Helper()
		if got := s.Downtime(at(now)); got != time.Duration(down)*time.Second || !s.Changed().Equal(at(changed)) {
			t.Errorf("at %d s: down for %v, changed at %v; want %d s and %v", now, got, s.Changed(), down, at(changed))
		}
	}
	check(backend.Stats, 5, 0, 0)
	change := set(service("/a", 1, 0))
	change.Now = at(10)
	table, _ = build(t, table, change)
	check(backend.Stats, 13, 3, 10)
	change = set(service("/a", 1, 1))
	change.Now = at(14)
	table, _ = build(t, table, change)
	check(backend.Stats, 30, 4, 14)
	check(first, 30, 4, 14)
	table.Backend("a_1").Servers[0].SetHealth(route.Down, at(40))
	check(first, 41, 5, 40)
	table.Backend("a_1").Servers[0].SetHealth(route.Up, at(42))
	check(first, 50, 6, 42)
}

// A host of dots alone would be thousands of look-ups, half a second of them for 30 KB.
func TestAHostLongerThanAnyNameIsNotTakenApart(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1, route.Rule{Host: "*.x"}, route.Rule{Host: "*"})))
	long := strings.Repeat("a.", 15000) + "x"
	if _, rule := table.Match(long, "/", nil); rule.Host != "*" {
		t.Errorf("%d bytes match %q", len(long), rule.Host)
	}
	if _, rule := table.Match(long[len(long)-255:], "/", nil); rule.Host != "*.x" {
		t.Errorf("255 bytes match %q", rule.Host)
	}
}

// What SHA-crypt costs grows with the square of the password's length: 20 KB take 500 times what a password takes.
func TestAPasswordLongerThanCryptTakesIsNotComputed(t *testing.T) {
	hasher, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithRounds(1000))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]bool{512: true, 513: false} {
		digest, err := hasher.Hash(strings.Repeat("x", n))
		if err != nil {
			t.Fatal(err)
		}
		auth, err := route.ParseAuth("realm:bob:" + digest.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if got := auth.Verify("bob", strings.Repeat("x", n)); got != want {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
}
