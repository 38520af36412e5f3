package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// anyService is a backend with any rules and any restrictions.
func anyService(t *rapid.T, i int, server netip.AddrPort) route.BackendSpec {
	k := service(route.HTTP, 1+i, server).SetBackends[0]
	k.App = fmt.Sprintf("/app%d", i)
	k.Rules = []route.Rule{{AppID: k.App}}
	for range rapid.IntRange(0, 3).Draw(t, "rules") {
		k.Rules = append(k.Rules, route.Rule{
			Host: rapid.SampledFrom([]string{"a.test", "*.test", "*"}).Draw(t, "host"), Path: rapid.SampledFrom([]string{"", "/", "/p"}).Draw(t, "path"),
			Weight: rapid.IntRange(0, 2).Draw(t, "weight"),
		})
		if rapid.IntRange(0, 3).Draw(t, "condition") == 0 {
			k.Rules[len(k.Rules)-1].If = when(t, strings.Fields(rapid.SampledFrom([]string{"src 127.0.0.0/8", "method POST", "req.hdr(X-Marathon-App-Id) /app0"}).Draw(t, "if"))...)
		}
	}
	k.Servers[0].State = rapid.SampledFrom([]route.State{route.Ready, route.Ready, route.LastResort, route.Draining}).Draw(t, "state")
	if rapid.IntRange(0, 5).Draw(t, "servers") == 0 {
		k.Servers = nil
	}
	rare := func(what string) bool { return rapid.IntRange(0, 5).Draw(t, what) == 0 }
	k.Closed, k.ToHTTPS = rare("closed"), rare("to https")
	if rare("allowed") {
		k.Allow = []netip.Prefix{netip.MustParsePrefix(rapid.SampledFrom([]string{"10.0.0.0/8", "127.0.0.0/8"}).Draw(t, "network"))}
	}
	if rare("password") {
		k.Auth = &route.Auth{Realm: "r", User: "bob", Hash: secret}
	}
	if rare("root") {
		k.Rewrite.Root, k.Rewrite.Hosts = "/p/index", []string{"a.test"}
	}
	if rapid.Bool().Draw(t, "templates") {
		k.Do = anyDirectives(t)
	}
	return k
}

// anyDirectives are rules that refuse, send elsewhere and rewrite, under conditions that rewriting changes.
func anyDirectives(t *rapid.T) *route.Directives {
	d := &route.Directives{}
	for range rapid.IntRange(1, 4).Draw(t, "directives") {
		x := rapid.SampledFrom([]route.Directive{
			{Act: route.Deny, Code: 403}, {Act: route.Deny, Code: 429}, {Act: route.Reject}, {Act: route.Accept}, {Act: route.Allow},
			{Act: route.Redirect, Name: "location", Value: route.Plain("/there"), Code: 302}, {Act: route.SetPath, Value: route.Plain("/p/set")},
			{Act: route.SetHeader, Name: "X-A", Value: route.Plain("b")}, {Act: route.DelHeader, Name: "Authorization"},
		}).Draw(t, "directive")
		if words := rapid.SampledFrom([]string{"", "src 127.0.0.0/8", "src 10.0.0.0/8", "path -m beg /p", "req.hdr(X-A) b", "dst_port 1:65535"}).Draw(t, "test"); words != "" && (x.Act != route.Reject && x.Act != route.Accept || words[0] == 's') {
			x.If = when(t, strings.Fields(words)...)
		}
		d.Request = append(d.Request, x)
	}
	return d
}

// when is a condition of one test.
func when(t rapid.TB, words ...string) *route.Condition {
	test, err := route.ParseTest(words)
	if err != nil {
		t.Fatal(err)
	}
	var always *route.Condition
	c, _ := always.And(test)
	return c
}

// Whatever the table: what Explain says of a request is what its client gets.
func TestWhatIsExplainedIsWhatHappens(t *testing.T) {
	r := newRig(t, proxy.Options{AccessLog: proxy.LogOff})
	byHost, byApp, own := freePort(t), freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, byHost), entry(route.AppIDIn, route.ByAppID, byApp)}})
	var servers []netip.AddrPort
	for i := range 4 {
		servers = append(servers, named(t, fmt.Sprintf("app_%d", 1+i)))
	}
	var before []string
	rapid.Check(t, func(rt *rapid.T) {
		c := route.Change{DropBackends: before}
		before = nil
		for i := range rapid.IntRange(0, 4).Draw(rt, "backends") {
			k := anyService(rt, i, servers[i])
			c.SetBackends, before = append(c.SetBackends, k), append(before, k.Name)
		}
		l := service(route.HTTP, own).SetListeners[0]
		l.Backend = "app_1"
		c.SetListeners = []route.ListenerSpec{l}
		r.apply(c)
		for range 4 {
			r.compare(rt, byHost, byApp, own)
		}
	})
}

// compare asks one question of both.
func (r *rig) compare(t *rapid.T, byHost, byApp, own int) {
	path := rapid.SampledFrom([]string{"/", "/p", "/p/q?r=s", "/z"}).Draw(t, "asked path")
	host := rapid.SampledFrom([]string{"a.test", "b.test", "A.test.", "x"}).Draw(t, "asked host")
	app := rapid.SampledFrom([]string{"", "/app0", "/APP1", "/app9"}).Draw(t, "asked app")
	target, at := "http://"+host+path, url(byHost, path)
	switch rapid.IntRange(0, 3).Draw(t, "entry") {
	case 0:
		at = url(byApp, path)
		target = at
	case 1:
		at = url(own, path)
		target = at
	}
	req, _ := http.NewRequest("GET", at, nil)
	q := route.Question{Target: target, From: "127.0.0.1", Header: []string{"Host: " + host}}
	for name, value := range map[string]string{"X-Marathon-App-Id": app, "Authorization": rapid.SampledFrom([]string{"", "Basic Ym9iOnNlY3JldA=="}).Draw(t, "shown")} {
		if value != "" {
			req.Header.Set(name, value)
			q.Header = append(q.Header, name+": "+value)
		}
	}
	req.Host = host
	w, err := r.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	resp, body := do(r.t, req)
	if no := w.Refusal; no != nil {
		if resp.StatusCode != no.Status || resp.Header.Get("Location") != no.Location {
			t.Fatalf("%v: explained as %+v, got %d %s", q, no, resp.StatusCode, resp.Header.Get("Location"))
		}
		return
	}
	if resp.StatusCode != 200 || body != w.Backend.Name {
		t.Fatalf("%v: explained as served by %s, got %d from %s", q, w.Backend.Name, resp.StatusCode, body)
	}
}

func TestExplainOnlyReads(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "a"), named(t, "b"), named(t, "c")))
	for range 5 {
		w, err := r.Explain(route.Question{Target: url(port, "/")})
		if err != nil || w.Backend.Next == "" {
			t.Fatal(w, err)
		}
		_, body := get(t, url(port, "/"))
		for _, s := range r.Table().Backends()[0].Servers {
			if s.Name == w.Backend.Next {
				if _, again := get(t, "http://"+s.Addr.String()+"/"); again != body {
					t.Errorf("%s was foretold, which is %s; %s answered", w.Backend.Next, again, body)
				}
			}
		}
	}
	b := r.Table().Backends()[0]
	if n := b.Stats.Sum(route.Requests); n != 5 {
		t.Errorf("%d requests are counted, want those 5 that were made", n)
	}
}

func TestAPortThatTakesNobodyIsExplainedAndMakesTheVerdict(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r, free := newRig(t, proxy.Options{}), freePort(t)
	held := taken.Addr().(*net.TCPAddr).Port
	missing := filepath.Join(t.TempDir(), "missing.pem")
	c := secured(service(route.HTTP, free, named(t, "secret")), missing)
	other := service(route.HTTP, held, named(t, "held"))
	c.SetBackends, c.SetListeners = append(c.SetBackends, other.SetBackends...), append(c.SetListeners, other.SetListeners...)
	if err := r.Apply(c); err == nil {
		t.Fatal("the port that is taken was opened")
	}
	for target, want := range map[string]route.Refusal{
		url(held, "/"): {Name: string(route.NotOpened), Why: "another process has it"},
		"https" + strings.TrimPrefix(url(free, "/"), "http"): {Name: string(route.NoCert), Why: missing},
	} {
		w, err := r.Explain(route.Question{Target: target})
		if err != nil || w.Refusal == nil || w.Refusal.Name != want.Name || !strings.Contains(w.Refusal.Why, want.Why) || w.Listener.Trouble == "" {
			t.Errorf("%s: %+v, %v", target, w.Refusal, err)
		}
	}
	hindered := r.Hindered()
	for port, why := range map[int]route.Why{held: route.NotOpened, free: route.NoCert} {
		if v := hindered[fmt.Sprintf("app_%d", port)]; v.Why != why || v.Detail == "" {
			t.Errorf("port %d: %+v", port, v)
		}
	}
	if len(hindered) != 2 {
		t.Errorf("got %+v", hindered)
	}
}

func TestTheCertificateThatAClientIsShownIsTold(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	w, err := r.Explain(route.Question{Target: "https://a.example/"})
	if err != nil || !strings.Contains(w.Listener.Certificate, "signed by itself") {
		t.Errorf("without any: %+v, %v", w.Listener, err)
	}
	path := filepath.Join(t.TempDir(), "a.pem")
	put(t, path, newAuthority(t).pem("a.example"))
	r, port = newRig(t, proxy.Options{SSLCerts: []string{path}}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	for host, want := range map[string]string{"a.example": "for a.example", "b.example": "for a.example, not for b.example: clients refuse it"} {
		if w, err := r.Explain(route.Question{Target: "https://" + host + "/"}); err != nil || w.Listener.Certificate != want {
			t.Errorf("%s: %+v, %v", host, w.Listener, err)
		}
	}
}

func TestARuleOfATemplateThatKeepsAClientOutIsExplained(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	c.SetBackends[0].Do = denying(t, "path -m beg /private")
	r.apply(c)
	for path, status := range map[string]int{"/private/x": 403, "/public": 200} {
		w, err := r.Explain(route.Question{Target: url(port, path)})
		if err != nil {
			t.Fatal(err)
		}
		said := 200
		if w.Refusal != nil {
			said = w.Refusal.Status
		}
		if resp, _ := get(t, url(port, path)); said != status || resp.StatusCode != status {
			t.Errorf("%s: explained as %d, got %d, want %d", path, said, resp.StatusCode, status)
		}
	}
}

func TestCredentialsInTemplatesAreNotExplained(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	c.SetBackends[0].Do = denying(t, "req.hdr(authorization) hush")
	c.SetBackends[0].Do.Request = append(c.SetBackends[0].Do.Request, route.Directive{Act: route.SetHeader, Name: "Authorization", Value: route.Plain("hush")})
	c.SetBackends[0].Rules = []route.Rule{{Host: "a.test", If: c.SetBackends[0].Do.Request[0].If}}
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, freePort(t)))
	r.apply(c)
	for _, q := range []route.Question{{Target: url(port, "/")}, {Target: url(port, "/"), Header: []string{"Authorization: hush"}}, {Target: "http://a.test/"}} {
		w, err := r.Explain(q)
		if text := fmt.Sprintf("%+v %+v %+v %+v", w.Rules, w.Directives, w.Backend, w.Refusal); err != nil || strings.Contains(text, "hush") || !strings.Contains(text, "credentials") {
			t.Errorf("%v: %s, %v", q, text, err)
		}
	}
}

func TestToAskWhereAClientOfACanaryGroupComesTakesNobodysTurn(t *testing.T) {
	r, web := newRig(t, proxy.Options{}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{entry(route.HTTPIn, route.ByHost, web)}})
	for _, name := range []string{"a", "b", "c"} {
		r.apply(member(name, freePort(t), 30, cookieTask(t, name)))
	}
	for range 6 {
		var w *route.Way
		for range 3 {
			var err error
			if w, err = r.Explain(route.Question{Target: "http://" + sharedHost + "/"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, body := get(t, url(web, "/"), "Host", sharedHost); "/"+strings.TrimSpace(body) != w.Backend.App {
			t.Errorf("%s was foretold, %s answered", w.Backend.App, body)
		}
	}
}

func TestARuleWhoseConditionDoesNotHoldIsNotExplainedByItsPath(t *testing.T) {
	r, web, port := newRig(t, proxy.Options{}), freePort(t), freePort(t)
	c := service(route.HTTP, port, named(t, "app"))
	c.SetListeners = append(c.SetListeners, entry(route.HTTPIn, route.ByHost, web))
	c.SetBackends[0].Rules = []route.Rule{{Host: "a.test", Path: "/p", If: denying(t, "method POST").Request[0].If}}
	r.apply(c)
	for path, want := range map[string]string{"/p": "method POST", "/q": "the path does not begin with /p"} {
		w, err := r.Explain(route.Question{Target: "http://a.test" + path})
		if err != nil || len(w.Rules) != 1 || !strings.Contains(w.Rules[0].Why, want) {
			t.Errorf("%s: %+v, %v", path, w.Rules, err)
		}
	}
}
