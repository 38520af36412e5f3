package marathon_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// web is an app in host mode with a healthy task of two ports and the labels given as name, value, name, value...
func web(id string, port int, labels ...string) marathon.App {
	a := marathon.App{
		ID: id, Version: "2020-03-02T09:15:00.000Z", Labels: map[string]string{"HAPROXY_GROUP": "external"},
		PortDefinitions: []marathon.PortDefinition{{Port: port}},
		Tasks:           []marathon.Task{task(id, 1)},
	}
	for i := 0; i < len(labels); i += 2 {
		a.Labels[labels[i]] = labels[i+1]
	}
	return a
}

func task(id string, n int) marathon.Task {
	return marathon.Task{
		ID: fmt.Sprintf("%s.%d", strings.ReplaceAll(id[1:], "/", "_"), n), AppID: id, Host: fmt.Sprintf("10.0.0.%d", n), Ports: []int{31000, 31001},
		State: marathon.TaskRunning, StartedAt: marathon.Time{Time: noon.Add(-1e12)},
	}
}

// one compiles apps and returns the backend of the first, what was said of it, and what is wrong.
func one(t *testing.T, o marathon.Options, apps ...marathon.App) (route.BackendSpec, route.Verdict, []route.Problem) {
	t.Helper()
	c, change := compile(o, apps...)
	var k route.BackendSpec
	for _, b := range change.SetBackends {
		if b.App == apps[0].ID && b.PortIndex == 0 {
			k = b
		}
	}
	return k, verdictOf(t, c, apps[0].ID, 0), c.Problems()
}

func verdictOf(t *testing.T, c *marathon.Compiler, app string, index int) route.Verdict {
	t.Helper()
	for _, v := range c.Verdicts() {
		if v.App == app && v.PortIndex == index {
			return v
		}
	}
	t.Fatalf("no verdict on port %d of %s: %v", index, app, c.Verdicts())
	return route.Verdict{}
}

func binds(list []route.ListenerSpec) string {
	var all []string
	for _, l := range list {
		all = append(all, route.BindText(l.Bind)+"="+l.Name)
	}
	return strings.Join(all, " ")
}

func backends(list []route.BackendSpec) string {
	var all []string
	for _, k := range list {
		all = append(all, k.Name)
	}
	return strings.Join(all, " ")
}

func link(c *marathon.Compiler, apps ...marathon.App) route.Change {
	for _, a := range apps {
		c.Set(a, marathon.FactsAt(a, noon, agents))
	}
	return c.Link(noon)
}

func TestAPortBelongsToTheFirstAppAndPassesOnWhenThatGoes(t *testing.T) {
	c, change := compile(external(), web("/b", 10000), web("/a", 10000, "HAPROXY_0_VHOST", "a.example.com"))
	if got := binds(change.SetListeners); got != "*:10000=a_10000" {
		t.Errorf("listeners %s", got)
	}
	if got := backends(change.SetBackends); got != "a_10000" {
		t.Errorf("backends %s: a tcp service without its port has nothing to serve", got)
	}
	v := verdictOf(t, c, "/b", 0)
	if v.Why != route.PortConflict || v.Detail != "port 10000 belongs to port 0 of /a" || v.Backend != "" {
		t.Errorf("verdict on the loser: %+v", v)
	}
	if p := c.Problems(); len(p) != 1 || p[0].App != "/b" || p[0].Label != "HAPROXY_0_PORT" || p[0].Value != "10000" {
		t.Errorf("problems %+v", p)
	}
	c.Remove("/a")
	change = c.Link(noon)
	if got := binds(change.SetListeners) + " " + backends(change.SetBackends); got != "*:10000=b_10000 b_10000" {
		t.Errorf("after the owner went: %s", got)
	}
	if len(change.DropListeners) > 0 || !slices.Equal(change.DropBackends, []string{"a_10000"}) || len(c.Problems()) > 0 {
		t.Errorf("after the owner went: %+v %v", change, c.Problems())
	}
	change = link(c, web("/a", 10000))
	if got := binds(change.SetListeners) + " -" + strings.Join(change.DropBackends, " "); got != "*:10000=a_10000 -b_10000" {
		t.Errorf("after the owner came back: %s", got)
	}
}

func TestALoserOfAPortIsStillReachedByHost(t *testing.T) {
	c, change := compile(external(), web("/a", 10000), web("/b", 10000, "HAPROXY_0_VHOST", "b.example.com"))
	if got := backends(change.SetBackends) + "; " + binds(change.SetListeners); got != "a_10000 b_10000; *:10000=a_10000" {
		t.Errorf("got %s", got)
	}
	if v := verdictOf(t, c, "/b", 0); v.Why != route.PortConflict || v.Backend != "b_10000" {
		t.Errorf("verdict %+v", v)
	}
	wantProblem(t, c.Problems(), "HAPROXY_0_PORT=the port belongs to port 0 of /a; it is not opened, only host and app id lead to the service")
}

func TestNoAppCanTakeAPortOfTheLoadBalancer(t *testing.T) {
	for _, port := range []int{80, 9090, 9091} {
		c, change := compile(external(), web("/a", port))
		if len(change.SetListeners) > 0 {
			t.Errorf("port %d is taken", port)
		}
		if v := verdictOf(t, c, "/a", 0); v.Why != route.PortConflict || !strings.Contains(v.Detail, "this load balancer itself") {
			t.Errorf("verdict %+v", v)
		}
	}
	o := external()
	o.DontBindHTTPHTTPS, o.ReservedPorts = true, []int{9090}
	if _, change := compile(o, web("/a", 80)); binds(change.SetListeners) != "*:80=a_80" {
		t.Errorf("with --dont-bind-http-https :80 is free, but %v", change.SetListeners)
	}
}

func TestAnAddressSharesItsPortWithOtherAddressesOnly(t *testing.T) {
	_, change := compile(external(),
		web("/a", 10000, "HAPROXY_0_BIND_ADDR", "10.0.0.1"), web("/b", 10000, "HAPROXY_0_BIND_ADDR", "10.0.0.2"),
		web("/c", 10000), web("/d", 10000, "HAPROXY_0_BIND_ADDR", "10.0.0.1"))
	if got := binds(change.SetListeners); got != "10.0.0.1:10000=a_10000 10.0.0.2:10000=b_10000" {
		t.Errorf("got %s", got)
	}
}

func TestTwoEqualServicePortsOfAnAppAreAConflict(t *testing.T) {
	a := web("/a", 10000)
	a.PortDefinitions = append(a.PortDefinitions, marathon.PortDefinition{Port: 10000})
	c, change := compile(external(), a)
	if len(change.SetBackends) != 1 || change.SetBackends[0].PortIndex != 0 {
		t.Errorf("got %v", change.SetBackends)
	}
	if v := verdictOf(t, c, "/a", 1); v.Why != route.PortConflict || !strings.Contains(v.Detail, "port 0 of /a") {
		t.Errorf("verdict %+v", v)
	}
	if p := c.Problems(); len(p) != 1 || p[0].Label != "HAPROXY_1_PORT" {
		t.Errorf("problems %v", p)
	}
}

func TestOneBackendNameIsOneService(t *testing.T) {
	c, change := compile(external(), web("/a_b", 10000, "HAPROXY_0_VHOST", "x.example.com"), web("/a/b", 10000))
	if len(change.SetBackends) != 1 || change.SetBackends[0].App != "/a/b" {
		t.Errorf("got %v", change.SetBackends)
	}
	if v := verdictOf(t, c, "/a_b", 0); v.Why != route.PortConflict || v.Backend != "" || !strings.Contains(v.Detail, "a_b_10000") {
		t.Errorf("verdict %+v", v)
	}
	c.Remove("/a/b")
	if change = c.Link(noon); len(change.SetBackends) != 1 || change.SetBackends[0].App != "/a_b" || len(change.DropBackends) > 0 {
		t.Errorf("after the owner went: %+v", change)
	}
}

func TestTheLoserOfAVHostIsTold(t *testing.T) {
	host := []string{"HAPROXY_0_VHOST", "x.example.com,y.example.com"}
	c, change := compile(external(), web("/a", 10001, host...), web("/b", 10002, host[0], "y.example.com"))
	if len(change.SetBackends) != 2 {
		t.Errorf("both are served: %v", change.SetBackends)
	}
	p := c.Problems()
	if len(p) != 1 || p[0].App != "/b" || p[0].Value != "y.example.com" || !strings.Contains(p[0].Reason, "port 0 of /a") {
		t.Errorf("problems %+v", p)
	}
	link(c, web("/b", 10002, host[0], "y.example.com", "HAPROXY_0_BACKEND_WEIGHT", "5"))
	if p := c.Problems(); len(p) != 1 || p[0].App != "/a" || !strings.Contains(p[0].Remedy, "above 5") {
		t.Errorf("the heavier one wins: %+v", p)
	}
	c.Remove("/b")
	c.Link(noon)
	if p := c.Problems(); len(p) > 0 {
		t.Errorf("alone again: %+v", p)
	}
}

func TestTheAppIDLeadsToTheLowestHTTPPort(t *testing.T) {
	a := web("/Shop/Web", 10005, "HAPROXY_0_MODE", "http", "HAPROXY_1_MODE", "http", "HAPROXY_1_PORT", "10002", "HAPROXY_2_PORT", "10001")
	a.PortDefinitions = append(a.PortDefinitions, marathon.PortDefinition{Port: 10006}, marathon.PortDefinition{Port: 10007})
	_, change := compile(external(), a)
	for _, k := range change.SetBackends {
		leads := slices.Contains(k.Rules, route.Rule{AppID: "/shop/web"})
		if leads != (k.Port == 10002) {
			t.Errorf("backend %s leads by app id: %v", k.Name, leads)
		}
	}
}

func TestOnlyRealDifferencesAreEmitted(t *testing.T) {
	a, b := web("/a", 10000, "HAPROXY_0_VHOST", "x.example.com"), web("/b", 10001)
	c, _ := compile(external(), a, b)
	if change := link(c, a, b); !change.Empty() {
		t.Errorf("the same again: %+v", change)
	}
	b.Tasks = append(b.Tasks, task("/b", 2))
	change := link(c, a, b)
	if backends(change.SetBackends) != "b_10001" || len(change.SetListeners) > 0 || len(change.SetBackends[0].Servers) != 2 {
		t.Errorf("one more task: %+v", change)
	}
	c.Remove("/b")
	link(c, b)
	if change := link(c); !change.Empty() {
		t.Errorf("removed and set again: %+v", change)
	}
}

func TestAServiceWithoutTasksKeepsItsPort(t *testing.T) {
	a := web("/a", 10000)
	a.Tasks = nil
	c, change := compile(external(), a)
	if binds(change.SetListeners) != "*:10000=a_10000" || backends(change.SetBackends) != "a_10000" {
		t.Errorf("got %+v", change)
	}
	if v := verdictOf(t, c, "/a", 0); v.Why != route.Empty {
		t.Errorf("verdict %+v", v)
	}
	c.Remove("/a")
	if change := c.Link(noon); len(change.DropListeners) != 1 || change.DropListeners[0] != route.AnyAddr(10000) || len(change.DropBackends) != 1 {
		t.Errorf("the app is gone: %+v", change)
	}
}

func TestVerdictsSayWhyAServiceIsNotServed(t *testing.T) {
	with := func(edit func(*marathon.Options)) marathon.Options {
		o := external()
		edit(&o)
		return o
	}
	none := web("/a", 10000)
	delete(none.Labels, "HAPROXY_GROUP")
	for name, c := range map[string]struct {
		o      marathon.Options
		app    marathon.App
		why    route.Why
		detail string
	}{
		"exposed":     {external(), web("/a", 10000), route.Exposed, ""},
		"other group": {external(), web("/a", 10000, "HAPROXY_GROUP", "internal, b"), route.WrongGroup, "internal, b; this load balancer serves external"},
		"no group":    {external(), none, route.WrongGroup, "no HAPROXY_GROUP; this load balancer serves external"},
		"any group":   {with(func(o *marathon.Options) { o.Groups = []string{"*"} }), none, route.Exposed, ""},
		"port group":  {external(), web("/a", 10000, "HAPROXY_0_GROUP", "internal"), route.WrongGroup, "internal; this load balancer serves external"},
		"disabled":    {external(), web("/a", 10000, "HAPROXY_0_ENABLED", "false"), route.Disabled, "HAPROXY_0_ENABLED is false"},
		"strict":      {with(func(o *marathon.Options) { o.StrictMode = true }), web("/a", 10000), route.StrictMode, "HAPROXY_0_ENABLED is not true"},
		"strict on":   {with(func(o *marathon.Options) { o.StrictMode = true }), web("/a", 10000, "HAPROXY_0_ENABLED", "true"), route.Exposed, ""},
		"no port":     {external(), web("/a", 0), route.NoPort, "Marathon gave it no service port"},
		"itself":      {with(func(o *marathon.Options) { o.FrameworkName = "a" }), web("/a", 10000), route.Ignored, "it is this load balancer itself"},
	} {
		t.Run(name, func(t *testing.T) {
			k, v, _ := one(t, c.o, c.app)
			if v.Why != c.why || v.Detail != c.detail {
				t.Errorf("verdict %+v, want %s (%s)", v, c.why, c.detail)
			}
			if served := k.Name != ""; served != (c.why == route.Exposed) || served != (v.Backend != "") {
				t.Errorf("backend %q, verdict %+v", k.Name, v)
			}
		})
	}
}

func TestWhatAnotherLoadBalancerServesIsNoProblemHere(t *testing.T) {
	_, _, problems := one(t, external(), web("/a", 10000, "HAPROXY_GROUP", "internal", "HAPROXY_0_VHSOT", "x", "HAPROXY_0_PORT", "x", "HAPROXY_9_PORT", "1"))
	if len(problems) > 0 {
		t.Errorf("problems %+v", problems)
	}
}

func TestNotesBecomeProblems(t *testing.T) {
	a := web("/a", 10000)
	a.Notes = []marathon.Note{{Field: "tasks[3]", Value: "17", Reason: "it cannot be read and is left out"}}
	_, _, problems := one(t, external(), a)
	if len(problems) != 1 || problems[0].App != "/a" || problems[0].Label != "tasks[3]" || problems[0].Value != "17" {
		t.Errorf("problems %+v", problems)
	}
}

func TestOwnListenersAreThoseTheOptionsAskFor(t *testing.T) {
	o := external()
	if got := binds(o.Listeners()); got != "*:80=marathon_http_in *:9091=marathon_http_appid_in *:443=marathon_https_in" {
		t.Errorf("got %s", got)
	}
	o.DontBindHTTPHTTPS = true
	if got := binds(o.Listeners()); got != "*:9091=marathon_http_appid_in" {
		t.Errorf("got %s", got)
	}
}

func TestServicePortsAreBoundWhereTheOptionsSay(t *testing.T) {
	o := external()
	o.ServiceAddr = netip.MustParseAddr("127.0.0.1")
	_, change := compile(o, web("/a", 10000), web("/b", 10001, "HAPROXY_0_BIND_ADDR", "127.0.0.2"), web("/c", 10002, "HAPROXY_0_BIND_ADDR", "*"))
	if got := binds(change.SetListeners); got != "127.0.0.1:10000=a_10000 127.0.0.2:10001=b_10001 *:10002=c_10002" {
		t.Errorf("got %s", got)
	}
}

// Whatever comes and goes, in whatever order, the table is the one a fresh compiler makes of what is there.
func TestLinkingStepByStepGivesWhatLinkingAtOnceGives(t *testing.T) {
	variants := func(id string) []marathon.App {
		return []marathon.App{
			web(id, 10000), web(id, 10001, "HAPROXY_0_VHOST", "x.example.com"),
			web(id, 10000, "HAPROXY_0_BIND_ADDR", "10.0.0.1"), web(id, 80, "HAPROXY_0_MODE", "http"),
			web(id, 10000, "HAPROXY_0_VHOST", "x.example.com, y.example.com", "HAPROXY_0_PATH", "/p", "HAPROXY_0_BACKEND_WEIGHT", "3"),
			web(id, 10001, "HAPROXY_0_AUTH", "a:b:c"),
		}
	}
	ids := []string{"/a", "/a/b", "/a_b", "/c"}
	c := marathon.NewCompiler(external())
	there := map[string]marathon.App{}
	listeners, served := map[string]route.ListenerSpec{}, map[string]route.BackendSpec{}
	random := uint32(1)
	roll := func(n int) int {
		random = random*1664525 + 1013904223
		return int(random>>16) % n
	}
	for step := range 2000 {
		id := ids[roll(len(ids))]
		if choice := variants(id); roll(4) == 0 {
			delete(there, id)
			c.Remove(id)
		} else {
			there[id] = choice[roll(len(choice))]
			c.Set(there[id], marathon.FactsAt(there[id], noon, agents))
		}
		if roll(2) == 0 {
			continue
		}
		apply(c.Link(noon), listeners, served)
		fresh, change := compile(external(), slices.Collect(maps.Values(there))...)
		wantListeners, want := map[string]route.ListenerSpec{}, map[string]route.BackendSpec{}
		apply(change, wantListeners, want)
		if got, want := fmt.Sprint(listeners, served), fmt.Sprint(wantListeners, want); got != want {
			t.Fatalf("step %d: got\n%s\nwant\n%s", step, got, want)
		}
		if got, want := fmt.Sprint(c.Verdicts(), c.Problems()), fmt.Sprint(fresh.Verdicts(), fresh.Problems()); got != want {
			t.Fatalf("step %d: told\n%s\nwant\n%s", step, got, want)
		}
	}
}

// apply does to a table what a change says.
func apply(c route.Change, listeners map[string]route.ListenerSpec, backends map[string]route.BackendSpec) {
	for _, bind := range c.DropListeners {
		delete(listeners, route.BindText(bind))
	}
	for _, name := range c.DropBackends {
		delete(backends, name)
	}
	for _, l := range c.SetListeners {
		listeners[route.BindText(l.Bind)] = l
	}
	for _, k := range c.SetBackends {
		backends[k.Name] = k
	}
}

func TestProblemsAndVerdictsCanBeReadWhileLinkRuns(t *testing.T) {
	c := marathon.NewCompiler(external())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			c.Problems()
			c.Verdicts()
		}
	}()
	for range 100 {
		link(c, web("/a", 80), web("/b", 80, "HAPROXY_0_VHOST", "x"))
	}
	<-done
}
