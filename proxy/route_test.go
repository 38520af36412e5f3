package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestTwoServersAlternateExactly(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "one"), named(t, "two")))
	var last string
	for i := range 20 {
		_, body := get(t, url(port, "/"))
		if body == last {
			t.Fatalf("request %d went to %s again", i, body)
		}
		last = body
	}
	b := r.Table().Backend(fmt.Sprintf("app_%d", port))
	eventually(t, "every request is counted", func() bool { return b.Stats.Sum(route.Resp2xx) == 20 })
	for _, s := range b.Servers {
		if n, lb := s.Stats.Sum(route.Sessions), s.Stats.Sum(route.LoadBalanced); n != 10 || lb != 10 {
			t.Errorf("%s: %d sessions, %d balanced; want 10 of each", s.Name, n, lb)
		}
		if s.Stats.Sum(route.Reuses) < 8 {
			t.Errorf("%s: connections reused %d times, want most of 10", s.Name, s.Stats.Sum(route.Reuses))
		}
	}
}

func TestSharedPortsRouteByHostPathAndAppID(t *testing.T) {
	r := newRig(t, proxy.Options{})
	web, byApp, svc := freePort(t), freePort(t), freePort(t)
	c := service(route.HTTP, svc, named(t, "app"))
	c.SetBackends[0].Rules = []route.Rule{{Host: "a.example.com"}, {Host: "b.example.com", Path: "/x"}, {AppID: "/app"}}
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, web), entry(route.AppIDIn, route.ByAppID, byApp))
	r.apply(c)
	for _, q := range []struct {
		port       int
		path       string
		field, val string
		want       int
	}{
		{web, "/", "Host", "a.example.com", 200},
		{web, "/", "Host", "A.EXAMPLE.com.:80", 200},
		{web, "/x/y?z", "Host", "b.example.com", 200},
		{web, "/y", "Host", "b.example.com", 503},
		{web, "/", "Host", "stranger", 503},
		{byApp, "/", "X-Marathon-App-Id", "/APP", 200},
		{byApp, "/", "X-Marathon-App-Id", "app", 503},
		{byApp, "/", "Accept", "*/*", 503},
		{svc, "/any", "Host", "any", 200},
	} {
		resp, body := get(t, url(q.port, q.path), q.field, q.val)
		if resp.StatusCode != q.want || q.want == 200 && body != "app" {
			t.Errorf("%s=%s %s: %d %q, want %d", q.field, q.val, q.path, resp.StatusCode, body, q.want)
		}
		if q.want == 503 && (len(body) != 107 || resp.Header.Get("Cache-Control") != "no-cache") {
			t.Errorf("the page of the 503 has %d bytes, want HAProxy's 107", len(body))
		}
	}
}

func TestBeforeTheFirstReadClientsAreAskedToComeBack(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, port)}})
	resp, _ := get(t, url(port, "/"))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

func TestAClosedServiceLetsNobodyIn(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "secret"))
	c.SetBackends[0].Closed = true
	r.apply(c)
	if resp, body := get(t, url(port, "/")); resp.StatusCode != 503 || strings.Contains(body, "secret") {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
	if l := r.ended(); l["failure"] != "closed" || l["term"] != "PR" {
		t.Errorf("logged %v", l)
	}
}

func TestIPv6AndIPv4OnOnePort(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	c.SetListeners[0].Bind = route.AnyAddr(port)
	r.apply(c)
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		if host == "[::1]" && !hasIPv6() {
			t.Log("no IPv6 on this machine: not tried")
			continue
		}
		resp, err := http.Get(fmt.Sprintf("http://%s:%d/", host, port))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

func TestAPortFollowsItsService(t *testing.T) {
	r, port, other := newRig(t, proxy.Options{}), freePort(t), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	r.apply(c)
	get(t, url(port, "/"))
	moved := service(route.HTTP, other, named(t, "moved"))
	moved.DropBackends = []string{c.SetBackends[0].Name}
	moved.DropListeners = []netip.AddrPort{c.SetListeners[0].Bind}
	r.apply(moved)
	if _, body := get(t, url(other, "/")); body != "moved" {
		t.Errorf("the new port serves %q", body)
	}
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		t.Error("the old port is still open")
	}
}

func TestAPortMovesFromAllAddressesToOne(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	wide := service(route.HTTP, port, named(t, "app"))
	narrow := wide.SetListeners[0]
	wide.SetListeners[0].Bind = route.AnyAddr(port)
	r.apply(wide)
	get(t, url(port, "/"))
	r.apply(route.Change{SetListeners: []route.ListenerSpec{narrow}, DropListeners: []netip.AddrPort{route.AnyAddr(port)}})
	if _, body := get(t, url(port, "/")); body != "app" {
		t.Errorf("it serves %q", body)
	}
}

func TestAPortThatClosesAndOpensAtOnceServes(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	for range 20 {
		r.apply(c)
		get(t, url(port, "/"))
		r.apply(route.Change{DropBackends: []string{c.SetBackends[0].Name}, DropListeners: []netip.AddrPort{c.SetListeners[0].Bind}})
	}
}

func TestATakenPortIsAProblemUntilItIsFree(t *testing.T) {
	t.Parallel()
	r := newRig(t, proxy.Options{})
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, free := holder.Addr().(*net.TCPAddr).Port, freePort(t)
	c := service(route.HTTP, port, named(t, "late"))
	good := service(route.HTTP, free, named(t, "good"))
	c.SetListeners, c.SetBackends = append(c.SetListeners, good.SetListeners...), append(c.SetBackends, good.SetBackends...)
	err = r.Apply(c)
	if err == nil || !strings.Contains(err.Error(), "another process has it") {
		t.Fatalf("the error says %v", err)
	}
	if ps := r.Problems(); len(ps) != 1 || ps[0].App != "/app" || ps[0].Remedy == "" {
		t.Errorf("problems: %+v", ps)
	}
	if _, body := get(t, url(free, "/")); body != "good" {
		t.Errorf("the neighbour serves %q", body)
	}
	holder.Close()
	eventually(t, "the port is opened once it is free", func() bool { return len(r.Problems()) == 0 })
	if _, body := get(t, url(port, "/")); body != "late" {
		t.Errorf("it serves %q", body)
	}
}
