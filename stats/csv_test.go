package stats_test

import (
	"encoding/csv"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
)

// sample is HAProxy's own CSV, recorded under load with Marathon-LB's configuration.
func sample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/mlb-stats-static103.csv")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parseCSV reads the CSV strictly, as Go's and Telegraf's reader does, into one map a row.
func parseCSV(t *testing.T, body string) []map[string]string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "# "))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, l := range lines[1:] {
		r := map[string]string{}
		for i, v := range l[:len(l)-1] {
			r[lines[0][i]] = v
		}
		rows = append(rows, r)
	}
	return rows
}

// still answers a target at a fixed moment, 170 s after the table was made.
func still(t *testing.T, target string) (body string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		table := every(time.Now())
		time.Sleep(170 * time.Second) // of the bubble's clock
		traffic(table, time.Now())
		body = request(handler(source(table, time.Now())), target)
	})
	return body
}

func TestCSVIsTheGoldenOne(t *testing.T) {
	testkit.Golden(t, "testdata/every.csv", still(t, "/haproxy?stats;csv"))
}

func TestCSVHeaderIsHAProxys(t *testing.T) {
	want, _, _ := strings.Cut(sample(t), "\n")
	got, _, _ := strings.Cut(still(t, "/haproxy?stats;csv"), "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// zddRows parses as zdd.py does: csv with ' as the quote character, over bodies of several load balancers one after the other;
// names must be Python identifiers; each row loses its last cell and must then have as many as there are names.
func zddRows(t *testing.T, bodies string) (names []string, rows [][]string) {
	t.Helper()
	identifier := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	for line := range strings.Lines(bodies) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.Contains(line, "'") {
			t.Fatalf("zdd.py cannot read %q", line)
		}
		cells := strings.Split(line, ",")
		cells = cells[:len(cells)-1]
		if header, ok := strings.CutPrefix(line, "# "); ok {
			names = strings.Split(strings.TrimSuffix(header, ","), ",")
			for i, n := range names {
				if !identifier.MatchString(n) || slices.Contains(names[:i], n) {
					t.Fatalf("zdd.py cannot have a field named %q", n)
				}
			}
			continue
		}
		if len(cells) != len(names) {
			t.Fatalf("%d cells for %d names: %q", len(cells), len(names), line)
		}
		rows = append(rows, cells)
	}
	return names, rows
}

func TestCSVIsReadByZDD(t *testing.T) {
	body := still(t, "/haproxy?stats;csv")
	names, rows := zddRows(t, body+body)
	at := func(r []string, name string) string { return r[slices.Index(names, name)] }
	up, drained := 0, 0
	for _, r := range rows {
		if at(r, "pxname") != "web_10001" || at(r, "svname") == "FRONTEND" || at(r, "svname") == "BACKEND" {
			continue
		}
		switch {
		case at(r, "status") == "UP":
			up++
		case at(r, "status") == "MAINT" && at(r, "qcur") == "0" && at(r, "scur") == "0":
			drained++
		}
	}
	if up != 6 || drained != 2 {
		t.Errorf("zdd.py would see %d up and %d drained in two bodies, want 6 and 2", up, drained)
	}
}

func TestCSVIsReadStrictly(t *testing.T) {
	body := still(t, "/haproxy?stats;csv")
	if rows := parseCSV(t, body); len(rows) != 2+3+7+7+16 {
		t.Errorf("%d rows", len(rows))
	}
	r := csv.NewReader(strings.NewReader(body)) // haproxy_exporter
	r.Comment = '#'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	read := []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 18, 19, 20, 21, 24, 30, 33, 34, 35, 38, 39, 40, 41, 42, 43, 48, 49, 50,
		58, 59, 60, 61, 79} // as whole numbers
	for _, l := range lines {
		for _, i := range read {
			if _, err := strconv.ParseInt(l[i], 10, 64); l[i] != "" && err != nil {
				t.Errorf("column %d of %s/%s: %v", i, l[0], l[1], err)
			}
		}
	}
}

func TestCSVOrderIsHAProxys(t *testing.T) {
	var got []string
	rows := parseCSV(t, still(t, "/haproxy?stats;csv"))
	for _, r := range rows {
		if r["type"] != "2" {
			got = append(got, r["pxname"]+" "+r["svname"])
		}
	}
	want := []string{"stats FRONTEND", "stats BACKEND",
		"marathon_http_in FRONTEND", "marathon_http_appid_in FRONTEND", "marathon_https_in FRONTEND",
		"db_10003 FRONTEND", "dead_10004 FRONTEND", "empty_10005 FRONTEND", "panic_10007 FRONTEND", "prod_api_10002 FRONTEND",
		"shaky_10006 FRONTEND", "web_10001 FRONTEND",
		"db_10003 BACKEND", "dead_10004 BACKEND", "empty_10005 BACKEND", "panic_10007 BACKEND", "prod_api_10002 BACKEND",
		"shaky_10006 BACKEND", "web_10001 BACKEND"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if last := rows[len(rows)-1]; last["svname"] != "BACKEND" {
		t.Errorf("the last row is %s, but Datadog reads upwards from an aggregate row", last["svname"])
	}
}

// notKept are cells that HAProxy fills and we leave empty, because the core does not record what they say.
var notKept = []string{
	"srv_icur", "idle_conn_cur", "safe_conn_cur", // pools are not in the core
}

func TestCSVFillsTheCellsThatHAProxyFills(t *testing.T) {
	like := func(r map[string]string) string {
		k := strings.Join([]string{r["type"], r["mode"], r["status"]}, " ")
		switch {
		case r["type"] == "2" && r["chkfail"] != "":
			k += " checked " + r["check_status"]
		case r["type"] == "1" && r["pxname"] != "stats":
			k += " service"
		}
		return k
	}
	filled := func(r map[string]string) (names []string) {
		for n, v := range r {
			if v != "" && !slices.Contains(notKept, n) {
				names = append(names, n)
			}
		}
		return names
	}
	ours := map[string]map[string]string{}
	for _, r := range parseCSV(t, still(t, "/haproxy?stats;csv")) {
		ours[like(r)] = r
	}
	compared := 0
	for _, theirs := range parseCSV(t, sample(t)) {
		r, ok := ours[like(theirs)]
		if !ok || theirs["pxname"] == "empty_10005" { // which is UP there, on purpose DOWN here
			continue
		}
		compared++
		a, b := filled(r), filled(theirs)
		for _, n := range a {
			if !slices.Contains(b, n) {
				t.Errorf("%s/%s fills %s, HAProxy does not for %s/%s", r["pxname"], r["svname"], n, theirs["pxname"], theirs["svname"])
			}
		}
		for _, n := range b {
			if !slices.Contains(a, n) {
				t.Errorf("%s/%s leaves %s empty, HAProxy does not for %s/%s", r["pxname"], r["svname"], n, theirs["pxname"], theirs["svname"])
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d rows had a like", compared)
	}
}

func TestCSVStatusWords(t *testing.T) {
	got := map[string]string{}
	for _, r := range parseCSV(t, still(t, "/haproxy?stats;csv")) {
		got[r["pxname"]+"/"+r["svname"]] = r["status"] + " " + r["check_status"]
	}
	for name, want := range map[string]string{
		"web_10001/FRONTEND":             "OPEN ",
		"web_10001/10_0_1_11_31001":      "UP L7OK",
		"web_10001/10_0_1_12_31002":      "UP INI", // Marathon vouches for it until it is probed
		"web_10001/10_0_1_13_31003":      "DOWN L7STS",
		"web_10001/10_0_1_14_31004":      "DOWN INI", // waits for its first probe
		"web_10001/10_0_1_15_31005":      "MAINT ",   // draining
		"web_10001/10_0_1_16_31006":      "UP L7OK",  // last resort
		"db_10003/10_0_1_11_31001":       "UP L4OK",
		"shaky_10006/10_0_1_11_31001":    "UP 3/4 L7STS",  // one of four that take it down
		"shaky_10006/10_0_1_12_31002":    "DOWN 1/2 L7OK", // one of two that bring it back
		"panic_10007/10_0_1_11_31001":    "DOWN L4CON",
		"panic_10007/BACKEND":            "UP ", // Marathon vouches for both
		"prod_api_10002/10_0_1_11_31001": "no check ",
		"web_10001/BACKEND":              "UP ",
		"dead_10004/BACKEND":             "DOWN ",
		"empty_10005/BACKEND":            "DOWN ",
		"stats/BACKEND":                  "UP ",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

func TestOptionsHideRows(t *testing.T) {
	const all = 35
	for _, c := range []struct {
		options string
		rows    int
		backend string // status of web_10001
	}{
		{"", all, "UP"},
		{";norefresh", all, "UP"},
		{";no-maint", all - 2, "UP (3/6)"},
		{";up", all - 7, "UP (3/6)"}, // 2 in MAINT and 5 DOWN go; those that wait for a probe, or come back, stay
		{"?scope=WEB_", 8, "UP"},
		{"?scope=web_&x", 8, "UP"},
		{";up?scope=web_10001", 6, "UP (3/6)"},
		{"?scope=a/b", all, "UP"}, // holds a character that no name has: ignored
		{"?scope=web_10001_and_very_much_more", 0, ""},
	} {
		rows := parseCSV(t, still(t, "/haproxy?stats;csv"+c.options))
		backend := ""
		for _, r := range rows {
			if r["pxname"] == "web_10001" && r["svname"] == "BACKEND" {
				backend = r["status"]
			}
		}
		if len(rows) != c.rows || backend != c.backend {
			t.Errorf("%q: %d rows and %q, want %d and %q", c.options, len(rows), backend, c.rows, c.backend)
		}
	}
}

func TestNoCellNeedsQuotes(t *testing.T) {
	b := service(`/a,b"c'd`+"\r\n\xffe", 1, route.HTTP, nil, 1)
	b.Servers[0].Name = `x,y"z'` + "\n"
	table, _ := route.Build(route.NewTable(1), route.Spec{Backends: []route.BackendSpec{b}}.Change(time.Now()))
	body := get(t, serve(t, source(table, time.Now())), "/haproxy?stats;csv")
	if strings.ContainsAny(body, "\"'\r") || strings.Count(body, "\n") != 1+2+2 {
		t.Errorf("got %q", body)
	}
	zddRows(t, body)
	if rows := parseCSV(t, body); rows[2]["svname"] != "x;y z  " {
		t.Errorf("server is called %q", rows[2]["svname"])
	}
}
