package stats_test

import (
	"bufio"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"marathon-lb/internal/route"
	"marathon-lb/stats"
)

func families(t *testing.T, body string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	mfs, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return mfs
}

// series is the value of one series, as it is printed.
func series(t *testing.T, body, name string) string {
	t.Helper()
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+" "); ok {
			return v
		}
	}
	t.Errorf("no series %s", name)
	return ""
}

func TestMetricsPassTheLinter(t *testing.T) {
	found, err := promlint.New(strings.NewReader(get(t, good(t), "/metrics"))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// absent are families of HAProxy's that we do not have, and why.
var absent = map[string][]string{
	"totals over all proxies fall when an app goes; sum() over the frontends gives them": {
		"haproxy_process_connections_total", "haproxy_process_requests_total", "haproxy_process_bytes_out_total",
		"haproxy_process_bytes_out_rate"},
	"peaks over all proxies are not recorded": {"haproxy_process_max_connection_rate", "haproxy_process_max_session_rate"},
	"TLS is not counted yet": {
		"haproxy_process_max_ssl_connections", "haproxy_process_current_ssl_connections", "haproxy_process_ssl_connections_total",
		"haproxy_process_current_ssl_rate", "haproxy_process_max_ssl_rate", "haproxy_process_current_frontend_ssl_key_rate",
		"haproxy_process_max_frontend_ssl_key_rate", "haproxy_process_frontend_ssl_reuse", "haproxy_process_current_backend_ssl_key_rate",
		"haproxy_process_max_backend_ssl_key_rate", "haproxy_process_ssl_cache_lookups_total", "haproxy_process_ssl_cache_misses_total"},
	"there is no zlib": {"haproxy_process_current_zlib_memory", "haproxy_process_max_zlib_memory"},
	"nobody counts these yet": {
		"haproxy_process_stopping", "haproxy_process_dropped_logs_total", "haproxy_process_failed_resolutions"},
	"pools are not in the core": {"haproxy_server_idle_connections_current", "haproxy_server_unsafe_idle_connections_current",
		"haproxy_server_safe_idle_connections_current"},
}

func TestMetricsHaveHAProxysFamilies(t *testing.T) {
	mfs := families(t, get(t, good(t), "/metrics"))
	left := map[string]bool{}
	for _, names := range absent {
		for _, n := range names {
			left[n] = true
		}
	}
	f, err := os.Open("testdata/metric-types.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, typ, _ := strings.Cut(s.Text(), " ")
		mf := mfs[name]
		switch {
		case mf == nil && !left[name]:
			t.Errorf("no family %s", name)
		case mf != nil && left[name]:
			t.Errorf("%s is listed as absent, but there it is", name)
		case mf != nil && !strings.EqualFold(mf.GetType().String(), typ):
			t.Errorf("%s is a %s, want %s", name, mf.GetType(), typ)
		}
	}
}

func TestMetricsAreDescribed(t *testing.T) {
	mfs := families(t, get(t, good(t), "/metrics"))
	for _, m := range stats.Metrics() {
		mf := mfs[m.Name]
		if mf == nil {
			t.Errorf("%s is described, but not there", m.Name)
			continue
		}
		var labels []string
		for _, l := range mf.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		if mf.GetHelp() != m.Help || !strings.EqualFold(mf.GetType().String(), m.Type) || !slices.Equal(labels, m.Labels) {
			t.Errorf("%s is described as %+v", m.Name, m)
		}
		delete(mfs, m.Name)
	}
	for name := range mfs {
		if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is not described", name)
		}
	}
}

func TestMetricsTellWhatTheCSVTells(t *testing.T) {
	body := get(t, good(t), "/metrics")
	for name, want := range map[string]string{
		`haproxy_frontend_status{proxy="web_10001",state="UP"}`:                                             "1",
		`haproxy_frontend_http_responses_total{proxy="web_10001",code="2xx"}`:                               "233290",
		`haproxy_backend_status{proxy="dead_10004",state="DOWN"}`:                                           "1",
		`haproxy_backend_agg_server_status{proxy="web_10001",state="UP"}`:                                   "3",
		`haproxy_backend_agg_server_status{proxy="web_10001",state="MAINT"}`:                                "1",
		`haproxy_backend_active_servers{proxy="web_10001"}`:                                                 "2",
		`haproxy_backend_backup_servers{proxy="web_10001"}`:                                                 "1",
		`haproxy_backend_total_time_average_seconds{proxy="web_10001"}`:                                     "0.516",
		`haproxy_server_status{proxy="prod_api_10002",server="10_0_1_11_31001",state="UP"}`:                 "1",
		`haproxy_server_status{proxy="prod_api_10002",server="10_0_1_13_31003",state="MAINT"}`:              "1",
		`haproxy_server_status{proxy="web_10001",server="10_0_1_13_31003",state="DOWN"}`:                    "1",
		`haproxy_server_limit_sessions{proxy="web_10001",server="10_0_1_11_31001"}`:                         "NaN",
		`haproxy_server_check_failures_total{proxy="prod_api_10002",server="10_0_1_11_31001"}`:              "NaN",
		`haproxy_server_last_session_seconds{proxy="web_10001",server="10_0_1_13_31003"}`:                   "-1",
		`haproxy_server_http_responses_total{proxy="web_10001",server="10_0_1_11_31001",code="other"}`:      "0",
		`certificate_not_after_timestamp_seconds{certificate="/certs/a.pem",hosts="a.example,*.a.example"}`: "1.9e+09",
		`haproxy_process_listeners`: "11",
		`haproxy_server_check_status{proxy="web_10001",server="10_0_1_13_31003",state="L7STS"}`: "1",
		`haproxy_server_check_status{proxy="web_10001",server="10_0_1_13_31003",state="L7OK"}`:  "0",
		`haproxy_server_check_status{proxy="web_10001",server="10_0_1_14_31004",state="L7OK"}`:  "0",
		`haproxy_server_check_code{proxy="web_10001",server="10_0_1_13_31003"}`:                 "503",
		`haproxy_server_check_code{proxy="db_10003",server="10_0_1_11_31001"}`:                  "0",
		`haproxy_server_check_duration_seconds{proxy="web_10001",server="10_0_1_13_31003"}`:     "0.002",
		`haproxy_server_check_duration_seconds{proxy="web_10001",server="10_0_1_12_31002"}`:     "NaN",
		`haproxy_server_check_failures_total{proxy="web_10001",server="10_0_1_13_31003"}`:       "4",
		`haproxy_server_check_up_down_total{proxy="web_10001",server="10_0_1_13_31003"}`:        "1",
		`haproxy_server_check_failures_total{proxy="dead_10004",server="10_0_1_11_31001"}`:      "0", // it never was up
		`haproxy_server_status{proxy="shaky_10006",server="10_0_1_11_31001",state="UP"}`:        "1",
		`haproxy_server_status{proxy="shaky_10006",server="10_0_1_12_31002",state="DOWN"}`:      "1",
		`haproxy_backend_check_up_down_total{proxy="dead_10004"}`:                               "1", // it was used until its first probe
		`haproxy_backend_agg_check_status{proxy="web_10001",state="L7OK"}`:                      "2",
		`haproxy_backend_agg_check_status{proxy="web_10001",state="L7STS"}`:                     "1",
		`backend_panic{proxy="panic_10007"}`:                                                    "1",
		`backend_panic{proxy="web_10001"}`:                                                      "0",
		`backend_panic{proxy="dead_10004"}`:                                                     "0",
		`haproxy_process_build_info{version="1.0.0-test"}`:                                      "1",
		`haproxy_process_max_connections`:                                                       "512",
		`marathon_up`:                                                                           "1",
		`marathon_read_errors_total{reason="timeout"}`:                                          "3",
		`marathon_reconnects_total`:                                                             "2",
		`sse_bad_events_total`:                                                                  "1",
		`table_builds_total`:                                                                    "9",
		`eviction_guard_active`:                                                                 "0",
		`problems`:                                                                              "2",
	} {
		if got := series(t, body, name); got != want {
			t.Errorf("%s %s, want %s", name, got, want)
		}
	}
	for _, line := range []string{`haproxy_server_check_status{proxy="prod_api_10002"`, `server="10_0_1_15_31005",state="L7OK"`, `backend_panic{proxy="prod_api_10002"}`} {
		if strings.Contains(body, line) {
			t.Errorf("what nobody probes has %s", line)
		}
	}
	if regexp.MustCompile(`http_(requests|responses)_total\{proxy="db_10003"`).MatchString(body) {
		t.Error("a tcp proxy has HTTP metrics")
	}
}

func TestMetricsBeforeMarathonWasRead(t *testing.T) {
	src := source(nil, time.Now())
	src.Marathons = func() []stats.Marathon { return []stats.Marathon{{}} }
	body := get(t, serve(t, src), "/metrics")
	for name, want := range map[string]string{"marathon_up": "0", "table_age_seconds": "NaN", "sse_last_event_age_seconds": "NaN"} {
		if got := series(t, body, name); got != want {
			t.Errorf("%s %s, want %s", name, got, want)
		}
	}
}

func TestMetricsScope(t *testing.T) {
	addr := good(t)
	for query, want := range map[string]string{
		"?scope=global":                      "process own go",
		"?scope=frontend":                    "frontend",
		"?scope=frontend&scope=server":       "frontend server",
		"?scope=backend&scope=*":             "process frontend backend server own go",
		"?scope=server&scope=&scope=backend": "backend",
		"?scope=listener":                    "",
		"?anything=else":                     "process frontend backend server own go",
	} {
		body := get(t, addr, "/metrics"+query)
		var got []string
		for _, p := range []struct{ name, line string }{
			{"process", "# TYPE haproxy_process_nbproc"}, {"frontend", "# TYPE haproxy_frontend_"}, {"backend", "# TYPE haproxy_backend_"},
			{"server", "# TYPE haproxy_server_"}, {"own", "# TYPE marathon_up"}, {"go", "# TYPE go_goroutines"},
		} {
			if strings.Contains(body, p.line) {
				got = append(got, p.name)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", query, s, want)
		}
	}
	if a := ask(t, "GET", addr, "/metrics?scope"); a.status != 400 {
		t.Errorf("a scope without value: %d", a.status)
	}
	body := get(t, addr, "/metrics?no-maint")
	if strings.Contains(body, `server="10_0_1_15_31005"`) || !strings.Contains(body, `server="10_0_1_16_31006"`) {
		t.Error("no-maint does not leave out exactly the servers in MAINT")
	}
}

func TestServersThatLeftLingerInMetricsForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		servers := func(n int) route.Change {
			return route.Change{SetBackends: []route.BackendSpec{service("/a", 1, route.HTTP, nil, n)}, Now: now}
		}
		with, _ := route.Build(route.NewTable(1), servers(2))
		without, _ := route.Build(with, servers(1))
		src := source(nil, now)
		table := with
		src.Table = func() *route.Table { return table }
		s := handler(src)
		const left = `server="10_0_1_12_31002"`
		check := func(metrics, csv bool) {
			t.Helper()
			if got := strings.Contains(request(s, "/metrics"), left); got != metrics {
				t.Errorf("after %v: in /metrics: %v, want %v", time.Since(now), got, metrics)
			}
			if got := strings.Contains(request(s, "/haproxy?stats;csv"), "10_0_1_12_31002"); got != csv {
				t.Errorf("after %v: in the CSV: %v, want %v", time.Since(now), got, csv)
			}
		}
		check(true, true)
		table = without
		for range 4 {
			check(true, false)
			time.Sleep(20 * time.Second)
		}
		check(false, false)
		table = with
		check(true, true)
	})
}
