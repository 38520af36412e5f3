package stats_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/stats"
)

func TestPageIsTheGoldenOne(t *testing.T) {
	page := still(t, "/haproxy?stats")
	state := page[strings.Index(page, "<h3>&gt; Marathon</h3>"):strings.Index(page, `<div class="px">`)]
	tables := page[strings.Index(page, `id="prod_api_10002"`):]
	testkit.Golden(t, "testdata/page-fragments.html", state+tables)
}

// Datadog's agent finds version and uptime in the page with these patterns.
func TestPageTellsVersionAndUptime(t *testing.T) {
	page := still(t, "/haproxy?stats")
	if v := regexp.MustCompile(`HAProxy version ([^,]+)`).FindAllStringSubmatch(page, -1); len(v) != 1 || v[0][1] != "2.6.12" {
		t.Errorf("version: %q", v)
	}
	for line := range strings.Lines(page) {
		if strings.Contains(line, "uptime = ") && regexp.MustCompile(`\d+d \d+h\d+m\d+s`).MatchString(line) {
			return
		}
	}
	t.Error("no uptime")
}

func TestPageStandsAlone(t *testing.T) {
	page := still(t, "/haproxy?stats")
	if m := regexp.MustCompile(`(?i)<script|<link[^>]+href="[^d]|src=|url\(|@import|href="http`).FindString(page); m != "" {
		t.Errorf("the page wants something from elsewhere: %s", m)
	}
}

func TestPageAnchorsAndLinks(t *testing.T) {
	page := html.UnescapeString(still(t, "/haproxy?stats;up?scope=web"))
	for _, want := range []string{
		`id="web_10001"`, `href="#web_10001"`, `id="web_10001/Frontend"`, `id="web_10001/10_0_1_11_31001"`, `id="web_10001/Backend"`,
		`href="/haproxy?stats;csv;up?scope=web"`, `href="/haproxy?stats;json;up?scope=web"`, `href="/haproxy?stats;up?scope=web"`,
		`href="/haproxy?stats?scope=web">Show all servers`, `value="web"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "prod_api_10002") {
		t.Error("the scope is not kept")
	}
}

func TestPageShowsResultOfAnAction(t *testing.T) {
	if page := still(t, "/haproxy?stats;st=DENY"); !strings.Contains(page, `<p class="banner active_down">`) {
		t.Error("no banner")
	}
	if page := still(t, "/haproxy?stats;st=XXXX"); strings.Contains(page, "<p class=\"banner") {
		t.Error("a banner for a code that does not exist")
	}
}

func TestForeignTextIsEscaped(t *testing.T) {
	const evil = `</style><script>alert("1")</script>`
	b := service("/"+evil, 1, route.HTTP, nil, 1, route.Rule{Host: evil, Path: "/" + evil})
	b.Servers[0].Name, b.Servers[0].Task, b.Sticky, b.Servers[0].Cookie = evil, evil, evil, evil
	now := time.Now()
	table, _ := route.Build(route.NewTable(1), route.Spec{Backends: []route.BackendSpec{b}}.Change(now))
	src := source(table, now)
	src.Version = evil
	src.Problems = func() []route.Problem {
		return []route.Problem{{App: evil, Label: evil, Value: evil, Reason: evil, Remedy: evil}}
	}
	src.Marathons = func() []stats.Marathon {
		return []stats.Marathon{{Endpoint: evil, Leader: evil, GuardActive: true, GuardWhy: evil, Trouble: evil}}
	}
	page := get(t, serve(t, src), "/haproxy?stats")
	if strings.Contains(page, "<script") || strings.Count(page, "</style>") != 1 {
		t.Errorf("foreign text became markup:\n%s", page)
	}
}

func TestPageSaysWhatIsWrong(t *testing.T) {
	now := time.Now()
	src := source(every(now), now)
	src.Marathons = func() []stats.Marathon {
		return []stats.Marathon{{
			Since: now.Add(-90 * time.Second), Endpoint: "http://m1:8080", Trouble: "connection refused", Read: now.Add(-2 * time.Hour),
			GuardActive: true, GuardSince: now.Add(-4 * time.Second), GuardWhy: "all 5 apps would go",
		}}
	}
	page := get(t, serve(t, src), "/haproxy?stats")
	for _, want := range []string{
		"cannot be followed for 1m30s, http://m1:8080: connection refused. What was served goes on being served.",
		"read in full 2h ago", "held back for 4s until it is confirmed: all 5 apps would go", "2 in the input", "write http or tcp",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestPageDoesNotClaimToServeWhereNothingIs(t *testing.T) {
	src := source(route.NewTable(1), time.Now())
	src.Marathons = func() []stats.Marathon { return []stats.Marathon{{Trouble: "connection refused"}} }
	page := get(t, serve(t, src), "/haproxy?stats")
	if strings.Contains(page, "What was served") || !strings.Contains(page, "connection refused. No app is served yet.") {
		t.Errorf("got\n%.9000s", page)
	}
}

func TestAPortThatCannotBeOpenedIsNotShownAsOpen(t *testing.T) {
	now := time.Now()
	src := source(every(now), now)
	src.Unopened = func() map[string]bool { return map[string]bool{"*:10001": true} }
	addr := serve(t, src)
	for target, want := range map[string]string{
		"/haproxy?stats":     "its port cannot be opened, see the problems above",
		"/haproxy?stats;csv": "web_10001,FRONTEND,,,0,0,512,0,0,0,0,0,0,,,,,STOP,",
		"/metrics":           `haproxy_frontend_status{proxy="web_10001",state="UP"} 0`,
	} {
		if text := get(t, addr, target); !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", target, want)
		}
	}
	if n := strings.Count(get(t, addr, "/haproxy?stats;csv"), ",OPEN,"); n != 10 {
		t.Errorf("%d frontends are open, want the 10 others", n)
	}
}

func TestWhatWasCompressedIsShownEverywhere(t *testing.T) {
	now := time.Now()
	table := every(now)
	web := table.ListenerAt("*:10001").Stats
	for c, n := range map[route.Count]uint64{route.Resp2xx: 4, route.Compressed: 2, route.CompressedIn: 4000, route.CompressedOut: 1000} {
		web.Add(0, c, n)
	}
	addr := serve(t, source(table, now))
	for target, wants := range map[string][]string{
		"/haproxy?stats": {"Compressed 2xx:</th><td>2</td><td>(50%)", `Compression in:</th><td><i class="g">4</i>000`, `Compression out:</th><td><i class="g">1</i>000</td><td>(25%)`, `Bytes saved:</th><td><i class="g">3</i>000`},
		"/metrics": {`haproxy_frontend_http_comp_bytes_in_total{proxy="web_10001"} 4000`, `haproxy_frontend_http_comp_bytes_out_total{proxy="web_10001"} 1000`,
			`haproxy_frontend_http_comp_responses_total{proxy="web_10001"} 2`},
	} {
		text := get(t, addr, target)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", target, want)
			}
		}
		if strings.Count(text, "Compression in:") > 1 {
			t.Errorf("%s speaks of compression where there is none", target)
		}
	}
	for _, r := range parseCSV(t, get(t, addr, "/haproxy?stats;csv")) {
		if got := r["comp_in"] + " " + r["comp_out"] + " " + r["comp_rsp"]; r["# pxname"] == "web_10001" && r["svname"] == "FRONTEND" && got != "4000 1000 2" {
			t.Errorf("CSV: %s", got)
		}
	}
}
