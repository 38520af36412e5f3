package haproxy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"marathon-lb/internal/haproxy"
	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var options = haproxy.Options{
	Version: "1.0.0", Stats: route.AnyAddr(9090), TLSMin: "1.2", DrainTimeout: 30 * time.Second, Hashes: true,
	Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
}

func server(n int, state route.State) route.ServerSpec {
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 31000)
	return route.ServerSpec{Name: "10_0_0_" + string(rune('0'+n)) + "_31000", Task: "web." + string(rune('0'+n)), Addr: addr, ID: 100 + n, Cookie: "c0ffee", State: state}
}

// everything is a spec with all that there is to be said of services.
func everything() route.Spec {
	web := route.BackendSpec{
		Name: "team_web_10000", App: "/team/web", Port: 10000, Mode: route.HTTP, Balance: route.Header, HashOn: "X-User", Sticky: "mesosphere_server_id",
		Check: &route.Check{Protocol: "HTTP", Path: "/health", Interval: 10 * time.Second, Timeout: 1500 * time.Millisecond, Rise: 2, Fall: 4},
		Rules: []route.Rule{
			{Host: "web.test", Path: "/api", Weight: 1}, {Host: "*.web.test", Path: "/Api", IgnoreCase: true, Weight: 1}, {AppID: "/team/web"},
		},
		Servers: []route.ServerSpec{server(1, route.Ready), server(2, route.Draining), server(3, route.LastResort)},
		Auth:    &route.Auth{Realm: `the "web"`, User: "bob", Hash: "$1$saltsalt$wTLsTBb/.H7e4VHujepbF0"},
		Allow:   []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")},
		ToHTTPS: true, HSTS: true, LogAll: true, SlowStart: 20 * time.Second, Canary: route.Canary{Group: "g"}, Hold: 5 * time.Second,
		Rewrite: route.Rewrite{Strip: "/api", Host: "web.test", Location: "/my/content", Root: "/100%", Hosts: []string{"web.test", "*.web.test"}},
	}
	front := route.BackendSpec{
		Name: "front_10001", App: "/front", Port: 10001, Mode: route.HTTP, Balance: route.RoundRobin, Closed: true,
		Rules: []route.Rule{{Host: "*"}, {Host: "web.test"}, {AppID: "/front"}},
	}
	db := route.BackendSpec{
		Name: "db_10002", App: "/db", Port: 10002, Mode: route.TCP, Balance: route.Source, Servers: []route.ServerSpec{server(4, route.Ready)},
		Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Check: &route.Check{Protocol: "TCP", Interval: time.Second, Rise: 2, Fall: 4, Port: 99},
	}
	service := func(k route.BackendSpec) route.ListenerSpec {
		return route.ListenerSpec{Name: k.Name, Bind: route.AnyAddr(k.Port), Mode: k.Mode, Entry: route.ByService, Backend: k.Name, App: k.App}
	}
	announced := func(l route.ListenerSpec) route.ListenerSpec { l.Options.AcceptProxy = true; return l }
	return route.Spec{
		Listeners: []route.ListenerSpec{
			{Name: route.HTTPIn, Bind: route.AnyAddr(80), Mode: route.HTTP, Entry: route.ByHost},
			{Name: route.AppIDIn, Bind: route.AnyAddr(9091), Mode: route.HTTP, Entry: route.ByAppID},
			{Name: route.HTTPSIn, Bind: route.AnyAddr(443), Mode: route.HTTP, Entry: route.ByHost, TLS: true},
			announced(service(db)), announced(service(front)), service(web),
		},
		Backends: []route.BackendSpec{db, front, web},
	}
}

func TestTheConfigurationReadsWell(t *testing.T) {
	got := haproxy.Config(everything(), options)
	testkit.Golden(t, "testdata/everything.cfg", got)
	testkit.HAProxyAccepts(t, got)
}

func TestHashesOfPasswordsAreLeftOut(t *testing.T) {
	o := options
	o.Hashes = false
	got := haproxy.Config(everything(), o)
	if strings.Contains(got, "salt") || !strings.Contains(got, "user bob password *\n") {
		t.Error(got)
	}
	testkit.HAProxyAccepts(t, got)
}

// Foreign text may be anything: it must stay where it stands, and HAProxy must go on accepting the rest.
func TestForeignTextCannotSayAnythingItself(t *testing.T) {
	for _, evil := range []string{
		"x\n  stats enable", "a b", "'", `"`, `\`, "#", "%[env(HOME)]", "$HOME", "${HOME}", "}", "{ }", "-f", "--", "é\x00\xff", "\r", "if", "", "a,b)", "(", "*",
	} {
		s := everything()
		k := &s.Backends[2]
		k.App, k.Name, s.Listeners[5].Backend, s.Listeners[5].Name, s.Listeners[5].App = "/"+evil, evil+"1", evil+"1", evil+"1", evil
		k.Rules = append(k.Rules, route.Rule{Host: "h" + evil, Path: "/" + evil, Weight: 7}, route.Rule{Host: evil, Path: evil}, route.Rule{AppID: "/" + evil})
		k.Auth = &route.Auth{Realm: evil, User: "u" + evil, Hash: k.Auth.Hash}
		k.Rewrite = route.Rewrite{Strip: "/" + evil, Host: "h" + evil, Location: "/" + evil, Root: "/" + evil, Hosts: []string{"h" + evil, "*." + evil}}
		k.Sticky, k.HashOn, k.Check.Path = "c", "h"+evil, "/"+evil
		k.Servers[0].Task, k.Servers[0].Name = evil, "s"+evil
		got := haproxy.Config(s, options)
		for line := range strings.Lines(got) {
			if strings.HasPrefix(strings.TrimSpace(line), "stats enable") && strings.Count(got, "\n  stats enable\n") > 1 {
				t.Errorf("%q became a line of its own:\n%s", evil, got)
			}
		}
		testkit.HAProxyAccepts(t, got)
	}
}

func TestNamesThatHAProxyCannotHaveStayApart(t *testing.T) {
	s := everything()
	for i, name := range []string{"a/b_1", "a b_1"} {
		s.Backends[i+1].Name, s.Listeners[i+4].Name, s.Listeners[i+4].Backend = name, name, name
	}
	s.Listeners[3].Backend = "gone"
	got := haproxy.Config(s, options)
	for _, line := range []string{"frontend a_b_1 from", "backend a_b_1 from", "frontend a_b_1_ from", "backend a_b_1_ from"} {
		if strings.Count(got, line) != 1 {
			t.Errorf("%q is there %d times:\n%s", line, strings.Count(got, line), got)
		}
	}
	testkit.HAProxyAccepts(t, got)
}
