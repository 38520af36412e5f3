package proxy_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

const sharedHost = "shop.example.com"

// member is an app of a canary group at a service port.
func member(name string, port, weight int, addrs ...netip.AddrPort) route.Change {
	c := service(route.HTTP, port, addrs...)
	k := &c.SetBackends[0]
	k.App, k.Rules = "/"+name, []route.Rule{{Host: sharedHost}}
	k.Canary = route.Canary{Group: "shop", Weight: weight, Cookie: "marathon_canary_shop", Cohort: "cohort-" + name}
	c.SetListeners[0].App = k.App
	return c
}

// cookieTask is a task that says its name and the cookies it sees.
func cookieTask(t *testing.T, name string) netip.AddrPort {
	return task(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, name, " ", r.Header.Get("Cookie")) })
}

// cookies are those an answer sets: names and values.
func cookies(resp *http.Response) string {
	var all []string
	for _, c := range resp.Header["Set-Cookie"] {
		pair, _, _ := strings.Cut(c, ";")
		all = append(all, pair)
	}
	return strings.Join(all, "; ")
}

func TestAClientStaysWithTheAppOfItsCanaryGroup(t *testing.T) {
	r, web, stable, canary := newRig(t, proxy.Options{}), freePort(t), freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, web)}})
	r.apply(member("stable", stable, -1, cookieTask(t, "stable")))
	if resp, body := get(t, url(web, "/"), "Host", sharedHost); body != "stable " || len(resp.Header["Set-Cookie"]) > 0 {
		t.Errorf("an app that shares with nobody yet: %q, %q", body, cookies(resp))
	}
	r.apply(member("canary", canary, 30, cookieTask(t, "canary")))
	seen := map[string]int{}
	pins := map[string]string{}
	for range 20 {
		resp, body := get(t, url(web, "/"), "Host", sharedHost)
		name, _, _ := strings.Cut(body, " ")
		seen[name]++
		pins[name] = cookies(resp)
		if set := resp.Header.Get("Set-Cookie"); set != "marathon_canary_shop=cohort-"+name+"; path=/; HttpOnly; SameSite=Lax" || resp.Header.Get("Cache-Control") != "private" {
			t.Fatalf("%s: Set-Cookie %q, Cache-Control %q", name, set, resp.Header.Get("Cache-Control"))
		}
	}
	if seen["canary"] < 5 || seen["canary"] > 7 {
		t.Errorf("of 20 clients: %v", seen)
	}
	for name, pin := range pins {
		for range 5 {
			resp, body := get(t, url(web, "/"), "Host", sharedHost, "Cookie", "a=1; "+pin+"; b=2")
			if body != name+" a=1; b=2" || len(resp.Header["Set-Cookie"]) > 0 {
				t.Errorf("a client of %s got %q, Set-Cookie %q", name, body, cookies(resp))
			}
		}
	}
	if _, body := get(t, url(canary, "/")); body != "canary " {
		t.Errorf("its service port leads to %q", body)
	}
	r.apply(member("canary", canary, 30)) // its task is gone
	resp, body := get(t, url(web, "/"), "Host", sharedHost, "Cookie", pins["canary"])
	if body != "stable " || cookies(resp) != pins["stable"] {
		t.Errorf("without canary: %q, %q", body, cookies(resp))
	}
	if resp, body := get(t, url(web, "/"), "Host", sharedHost, "Cookie", pins["stable"]); body != "stable " || len(resp.Header["Set-Cookie"]) > 0 {
		t.Errorf("once more: %q, %q", body, cookies(resp))
	}
}

func TestACanaryGroupAndStickyGoTogether(t *testing.T) {
	r, web, stable, canary := newRig(t, proxy.Options{}), freePort(t), freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, web)}})
	apply := func(name string, port int, addrs ...netip.AddrPort) {
		c := sticky(member(name, port, -1, addrs...))
		for i := range c.SetBackends[0].Servers {
			c.SetBackends[0].Servers[i].Cookie = fmt.Sprint(name, i)
		}
		r.apply(c)
	}
	apply("stable", stable, cookieTask(t, "stable0"), cookieTask(t, "stable1"))
	resp, first := get(t, url(web, "/"), "Host", sharedHost)
	before := cookies(resp) // of a client from before the canary
	apply("canary", canary, cookieTask(t, "canary0"), cookieTask(t, "canary1"))
	resp, body := get(t, url(web, "/"), "Host", sharedHost, "Cookie", before)
	if body != first || cookies(resp) != "marathon_canary_shop=cohort-stable" {
		t.Errorf("a client of %q from before got %q and %q", first, body, cookies(resp))
	}
	seen := map[string]bool{}
	for range 8 {
		resp, body := get(t, url(web, "/"), "Host", sharedHost)
		both := cookies(resp)
		if len(resp.Header["Set-Cookie"]) != 2 {
			t.Fatalf("cookies %q", both)
		}
		seen[body] = true
		for range 3 {
			resp, again := get(t, url(web, "/"), "Host", sharedHost, "Cookie", both)
			if again != body || len(resp.Header["Set-Cookie"]) > 0 {
				t.Errorf("a client of %q got %q and %q", body, again, cookies(resp))
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("seen %v", seen)
	}
}

func TestTheCookieOfACanaryGroupIsSecureOverTLS(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file(sharedHost)}}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	r.apply(member("stable", freePort(t), -1, cookieTask(t, "stable")))
	r.apply(member("canary", freePort(t), -1, cookieTask(t, "canary")))
	resp, err := secureClient(t, a, port, false).Get("https://" + sharedHost)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if set := resp.Header.Get("Set-Cookie"); !strings.HasSuffix(set, "; HttpOnly; SameSite=Lax; Secure") {
		t.Errorf("Set-Cookie %q", set)
	}
}

func TestARequestOfACanaryThatIsTakenAwayIsServedByTheOthers(t *testing.T) {
	t.Parallel()
	r, web, stable, canary := newRig(t, proxy.Options{}), freePort(t), freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, web)}})
	r.apply(member("stable", stable, -1, cookieTask(t, "stable")))
	r.apply(member("canary", canary, 100, refusing(t)))
	type answer struct {
		cookies, body string
	}
	got := make(chan answer, 1)
	b := r.backend(canary)
	go func() {
		req, _ := http.NewRequest("GET", url(web, "/"), nil)
		req.Host = sharedHost
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			got <- answer{body: err.Error()}
			return
		}
		defer resp.Body.Close()
		text := make([]byte, 100)
		n, _ := resp.Body.Read(text)
		got <- answer{cookies(resp), string(text[:n])}
	}()
	eventually(t, "the first try", func() bool { return b.Servers[0].Stats.Sum(route.Sessions) == 1 })
	r.apply(route.Change{DropBackends: []string{b.Spec.Name}})
	if got := <-got; got.body != "stable " || got.cookies != "" {
		t.Errorf("%+v", got)
	}
}

func TestARequestHeldForAnAppOfACanaryGroupGoesToTheOneThatHasAServerFirst(t *testing.T) {
	r, web, stable, canary := newRig(t, proxy.Options{HoldRequests: 10}), freePort(t), freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, web)}})
	held := func(c route.Change) route.Change {
		c.SetBackends[0].Hold = longHold
		return c
	}
	r.apply(held(member("stable", stable, 100)))
	r.apply(held(member("canary", canary, 0)))
	c, in := dialed(t, web)
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nCookie: marathon_canary_shop=cohort-stable\r\n\r\n", sharedHost)
	first := stable
	eventually(t, "it is held", func() bool {
		if r.backend(canary).Stats.Queue.Load() == 1 {
			first = canary
		}
		return r.backend(first).Stats.Queue.Load() == 1
	})
	if first == stable {
		r.apply(held(member("canary", canary, 0, cookieTask(t, "came"))))
	} else {
		r.apply(held(member("stable", stable, 100, cookieTask(t, "came"))))
	}
	if got := statusOf(t, in); got != 200 {
		t.Errorf("answered %d", got)
	}
	if n := r.backend(first).Stats.Queue.Load(); n != 0 {
		t.Errorf("%d in the queue", n)
	}
}
