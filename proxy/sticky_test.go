package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func sticky(c route.Change) route.Change {
	c.SetBackends[0].Sticky = "mesosphere_server_id"
	return c
}

func TestACookieKeepsAClientOnItsServer(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	say := func(name string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Cookie", strings.Join(r.Header["Cookie"], "|"))
			w.Write([]byte(name))
		}
	}
	one, two := task(t, say("one")), task(t, say("two"))
	r.apply(sticky(service(route.HTTP, port, one, two)))
	resp, first := get(t, url(port, "/"))
	set := resp.Header.Get("Set-Cookie")
	if !strings.Contains(set, "; path=/; HttpOnly; SameSite=Lax") || resp.Header.Get("Cache-Control") != "private" {
		t.Fatalf("Set-Cookie %q, Cache-Control %q", set, resp.Header.Get("Cache-Control"))
	}
	cookie, _, _ := strings.Cut(set, ";")
	for range 5 {
		resp, body := get(t, url(port, "/"), "Cookie", "a=1; "+cookie+"; b=2")
		if body != first || resp.Header.Get("Set-Cookie") != "" {
			t.Fatalf("a client of %s got %s and Set-Cookie %q", first, body, resp.Header.Get("Set-Cookie"))
		}
		if got := resp.Header.Get("X-Cookie"); got != "a=1; b=2" {
			t.Errorf("the server saw the cookies %q", got)
		}
	}
	// behind one of another path, which is sent first
	for range 4 {
		if resp, body := get(t, url(port, "/"), "Cookie", "mesosphere_server_id=other; "+cookie); body != first || resp.Header.Get("X-Cookie") != "" {
			t.Errorf("of two cookies the one of %s was not found: %s, the server saw the cookies %q", first, body, resp.Header.Get("X-Cookie"))
		}
	}
	if resp, _ := get(t, url(port, "/"), "Cookie", "mesosphere_server_id=nobody"); resp.Header.Get("Set-Cookie") == "" {
		t.Error("an unknown cookie was not replaced")
	}
	// its server drains: the client moves, once
	left := sticky(service(route.HTTP, port, one, two))
	for i := range left.SetBackends[0].Servers {
		if strings.HasSuffix(cookie, left.SetBackends[0].Servers[i].Cookie) {
			left.SetBackends[0].Servers[i].State = route.Draining
		}
	}
	r.apply(left)
	resp, body := get(t, url(port, "/"), "Cookie", cookie)
	if body == first || resp.Header.Get("Set-Cookie") == "" {
		t.Errorf("with its server draining it got %s and Set-Cookie %q", body, resp.Header.Get("Set-Cookie"))
	}
	b := r.Table().Backends()[0]
	eventually(t, "sticky requests are not counted as balanced", func() bool {
		return b.Stats.Sum(route.Sessions) == 12 && b.Stats.Sum(route.LoadBalanced) == 3
	})
}

func TestTheCookieOfAPathRuleHasItsPath(t *testing.T) {
	r, web, svc := newRig(t, proxy.Options{}), freePort(t), freePort(t)
	c := sticky(service(route.HTTP, svc, named(t, "app")))
	c.SetBackends[0].Rules = []route.Rule{{Host: "a.example.com", Path: "/api"}}
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, web))
	r.apply(c)
	if resp, _ := get(t, url(web, "/api/x"), "Host", "a.example.com"); !strings.Contains(resp.Header.Get("Set-Cookie"), "; path=/api;") {
		t.Errorf("Set-Cookie %q", resp.Header.Get("Set-Cookie"))
	}
}
