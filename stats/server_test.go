package stats_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
	"marathon-lb/stats"
)

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, method, addr, target string) answer {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = target // the bytes as they are
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	return answer{resp.StatusCode, resp.Header, readAll(t, resp.Body)}
}

func get(t *testing.T, addr, target string) string {
	t.Helper()
	a := ask(t, http.MethodGet, addr, target)
	if a.status != http.StatusOK {
		t.Fatalf("%s: status %d", target, a.status)
	}
	return a.body
}

// good serves the table of every state, as in good times.
func good(t testing.TB) string {
	now := time.Now()
	table := every(now.Add(-170 * time.Second))
	traffic(table, now)
	return serve(t, source(table, now))
}

const (
	body200 = "<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n"
	body503 = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)

// The rows of haproxy-stats.md 1.2, 1.3 and of the recorded exchanges.
func TestTargetsAreAnsweredAsByHAProxy(t *testing.T) {
	addr := good(t)
	const html, text, json = "text/html", "text/plain", "application/json"
	for _, c := range []struct {
		method, target string
		status         int
		kind, begins   string
	}{
		{"GET", "/_haproxy_health_check", 200, html, body200},
		{"POST", "/_haproxy_health_check", 200, html, body200},
		{"HEAD", "/_haproxy_health_check", 200, html, ""},
		{"GET", "/_haproxy_health_check?x=1", 503, html, body503},
		{"GET", "/", 503, html, body503},
		{"GET", "/foo", 503, html, body503},
		{"POST", "/foo", 503, html, body503},
		{"GET", "/haproxy", 503, html, body503},
		{"GET", "/haproxy?", 503, html, body503},
		{"GET", "/haproxy?stat", 503, html, body503},
		{"GET", "/HAPROXY?stats", 503, html, body503},
		{"GET", "/haproxy;csv?stats", 503, html, body503},
		{"GET", "/haproxy?scope=x", 503, html, body503},
		{"PUT", "/haproxy?stats", 503, html, body503},
		{"DELETE", "/haproxy?stats", 503, html, body503},
		{"OPTIONS", "/haproxy?stats", 503, html, body503},
		{"GET", "/haproxy?stats", 200, html, "<!DOCTYPE html>"},
		{"GET", "/haproxy?statsFOO", 200, html, "<!DOCTYPE html>"},
		{"GET", "/haproxy?stats&anything", 200, html, "<!DOCTYPE html>"},
		{"GET", "/haproxy?stats%3Bcsv", 200, html, "<!DOCTYPE html>"},
		{"GET", "/haproxy?stats;norefresh", 200, html, "<!DOCTYPE html>"},
		{"GET", "http://elsewhere/haproxy?stats;csv", 200, text, "# pxname,"},
		{"GET", "/haproxy?stats;csv", 200, text, "# pxname,"},
		{"GET", "/haproxy?stats;csv;norefresh", 200, text, "# pxname,"},
		{"GET", "/haproxy?stats/;csv", 200, text, "# pxname,"},           // Telegraf
		{"GET", "/haproxy?stats/;csv;norefresh", 200, text, "# pxname,"}, // Datadog
		{"HEAD", "/haproxy?stats;csv", 200, text, ""},
		{"GET", "/haproxy?stats;json", 200, json, `[[{"objType":"Frontend","proxyId":2,`},
		{"GET", "/haproxy?stats;csv;json", 200, json, "[[{"},
		{"GET", "/haproxy?stats;json-schema", 501, text, "This form"},
		{"GET", "/haproxy?stats;typed", 501, text, "This form"},
		{"POST", "/haproxy?stats", 303, text, ""},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4", "# HELP haproxy_process_nbthread"},
		{"POST", "/metrics?x", 200, "text/plain; version=0.0.4", "# HELP"},
		{"GET", "/metrics?scope=bogus", 400, html, "<html><body><h1>400 Bad request</h1>\nYour browser sent"},
		{"GET", "/_haproxy_getpids", 200, text, fmt.Sprint(os.Getpid())},
		{"GET", "/_haproxy_getconfig", 200, text, "global\n"},
		{"GET", "/_mlb_signal/hup", 200, text, "Sent SIGHUP signal to marathon-lb"},
		{"POST", "/_mlb_signal/usr1", 200, text, "Sent SIGUSR1 signal to marathon-lb"},
		{"GET", "/ready", 200, json, "{\n  \"ready\": true"},
		{"POST", "/ready", 405, "", ""},
	} {
		a := ask(t, c.method, addr, c.target)
		if a.status != c.status || a.header.Get("Content-Type") != c.kind || !strings.HasPrefix(a.body, c.begins) {
			t.Errorf("%s %s: got %d %q %.60q; want %d %q %.60q",
				c.method, c.target, a.status, a.header.Get("Content-Type"), a.body, c.status, c.kind, c.begins)
		}
		if whole := c.begins; (whole == body200 || whole == body503) && a.body != whole {
			t.Errorf("%s %s: body is %q", c.method, c.target, a.body)
		}
		if c.status == 303 && a.header.Get("Location") != "/haproxy?stats;st=DENY" {
			t.Errorf("%s %s: leads to %q", c.method, c.target, a.header.Get("Location"))
		}
		if strings.HasPrefix(c.target, "/haproxy?stats") && a.status == 200 && a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s %s may be cached", c.method, c.target)
		}
	}
}

func TestHTTP10ClientsGetNoChunks(t *testing.T) {
	got := raw(t, good(t), "GET /haproxy?stats;csv HTTP/1.0\r\n\r\n")
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	if strings.Contains(strings.ToLower(head), "chunked") || !strings.HasPrefix(body, "# pxname,") || !strings.HasSuffix(body, ",\n") {
		t.Errorf("got %.300q", got)
	}
}

func TestHealthAndReadinessFollowTheTable(t *testing.T) {
	table, serving := route.NewTable(1), false
	src := source(table, time.Now())
	src.Ready = func() bool { return serving }
	src.Table = func() *route.Table { return table }
	src.Marathons = func() []stats.Marathon { return []stats.Marathon{{Trouble: "connection refused"}} }
	addr := serve(t, src)
	check := func(status int, ready string) {
		t.Helper()
		if a := ask(t, "GET", addr, "/_haproxy_health_check"); a.status != status {
			t.Errorf("health check: %d, want %d", a.status, status)
		}
		if a := ask(t, "GET", addr, "/ready"); a.status != status || !strings.Contains(a.body, ready) {
			t.Errorf("ready: %d %s, want %d and %q", a.status, a.body, status, ready)
		}
	}
	check(503, "there is no table yet")
	table, serving = every(time.Now()), true
	check(200, `"marathonUp": false`)
	serving = false
	check(503, "is leaving")
}

func TestHUPReadsMarathonNow(t *testing.T) {
	src := source(every(time.Now()), time.Now())
	asked := make(chan bool, 1)
	src.Resync = func() { asked <- true }
	get(t, serve(t, src), "/_mlb_signal/hup")
	select {
	case <-asked:
	default:
		t.Error("nobody was asked to read Marathon")
	}
}

func TestTakenPortIsSaidBeforeServing(t *testing.T) {
	taken := netip.MustParseAddrPort(good(t))
	err := stats.NewServer(stats.Options{Bind: taken}, source(nil, time.Now()), zap.NewNop()).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), taken.String()) || !strings.Contains(err.Error(), "--stats-bind") {
		t.Errorf("got %v", err)
	}
}

func TestServerCountsItself(t *testing.T) {
	addr := good(t)
	for range 3 {
		get(t, addr, "/_haproxy_health_check")
	}
	ask(t, "GET", addr, "/nothing")
	rows := parseCSV(t, get(t, addr, "/haproxy?stats;csv"))
	front, back := rows[0], rows[1]
	for _, c := range []struct {
		row    map[string]string
		column string
		want   string
	}{
		{front, "svname", "FRONTEND"}, {front, "iid", "2"}, {front, "stot", "1"}, {front, "conn_tot", "1"}, {front, "scur", "1"},
		{front, "req_tot", "5"}, {front, "intercepted", "3"}, {front, "hrsp_2xx", "3"}, {front, "hrsp_5xx", "1"},
		{back, "svname", "BACKEND"}, {back, "stot", "1"}, {back, "econ", "1"}, {back, "hrsp_5xx", "1"}, {back, "status", "UP"},
	} {
		if c.row[c.column] != c.want {
			t.Errorf("%s %s: %s, want %s", c.row["svname"], c.column, c.row[c.column], c.want)
		}
	}
	if front["bin"] == "0" || front["bout"] == "0" {
		t.Error("no bytes were counted")
	}
}

func TestStatusAndProblemsAreJSON(t *testing.T) {
	addr := good(t)
	for target, want := range map[string][]string{
		"/v1/problems": {`"problems": [`, `"label": "HAPROXY_0_MODE"`, `"remedy": "write http or tcp"`, `"value": "<b>heavy</b>"`},
		"/v1/status": {`"generation": 1`, `"servers": 16`, `"usable": 9`, `"draining": 2`, `"problems": 2`,
			`"endpoint": "http://m1.example:8080"`},
		"/v1/verdicts": {`"why": "exposed"`},
	} {
		body := get(t, addr, target)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s lacks %s:\n%s", target, w, body)
			}
		}
	}
}

func TestRunningRequestsFinishWhenTheServerEnds(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	src := source(nil, time.Now())
	src.Table = func() *route.Table { asked <- true; <-answer; return nil }
	s := stats.NewServer(stats.Options{Bind: netip.MustParseAddrPort("127.0.0.1:0")}, src, zap.NewNop())
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()

	got := make(chan string)
	go func() {
		got <- raw(t, s.Addr().String(), "GET /haproxy?stats;csv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	}()
	<-asked
	end()
	select {
	case err := <-ended:
		t.Fatalf("ended with a request running: %v", err)
	case answer <- true:
	}
	if body := <-got; !strings.HasPrefix(body, "HTTP/1.1 200 OK") || !strings.Contains(body, "stats,BACKEND") {
		t.Errorf("got %q", body)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
}

func TestMapsSayWhereHostsAndAppIDsLead(t *testing.T) {
	now := time.Now()
	open := service("/web", 10001, route.HTTP, nil, 1, route.Rule{Host: "a.test"}, route.Rule{Host: "b.test"}, route.Rule{AppID: "/web"})
	path := service("/path", 10002, route.HTTP, nil, 1, route.Rule{Host: "a.test", Path: "/p"}, route.Rule{AppID: "/path"})
	auth := service("/auth", 10003, route.HTTP, nil, 1, route.Rule{Host: "c.test"})
	auth.Auth = &route.Auth{Realm: "r", User: "u"}
	closed := service("/closed", 10004, route.HTTP, nil, 1, route.Rule{Host: "d.test"})
	closed.Closed = true
	table, _ := route.Build(route.NewTable(1), route.Change{SetBackends: []route.BackendSpec{open, path, auth, closed}, Now: now})
	for maps, want := range map[bool][2]string{false: {}, true: {"a.test web_10001\nb.test web_10001\n", "/path path_10002\n/web web_10001\n"}} {
		addr := serveWith(t, stats.Options{Maps: maps}, source(table, now))
		if got := [2]string{get(t, addr, "/_haproxy_getvhostmap"), get(t, addr, "/_haproxy_getappmap")}; got != want {
			t.Errorf("--haproxy-map=%v: %q, want %q", maps, got, want)
		}
	}
}
