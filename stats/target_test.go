package stats

import (
	"strings"
	"testing"
)

func TestQueryTokens(t *testing.T) {
	for target, want := range map[string]query{
		"/haproxy?stats":                             {},
		"/haproxy?stats;csv;up;no-maint":             {format: formatCSV, hideDown: true, hideMaint: true},
		"/haproxy?stats/;csv;norefresh":              {format: formatCSV},
		"/haproxy?stats;json;csv":                    {format: formatJSON},
		"/haproxy?stats;typed;csv":                   {format: formatOther},
		"/haproxy?stats;json-schema;json":            {format: formatOther},
		"/haproxy?stats;st=DONE;up":                  {code: "DONE", hideDown: true},
		"/haproxy?stats;st=DO":                       {},
		"/haproxy?stats?scope=web_1;csv":             {format: formatCSV, scope: "web_1"},
		"/haproxy?stats=&scope=web":                  {scope: "web"}, // the form on the page
		"/haproxy?stats=&explain=http://a/%7C%252+b": {explain: "http://a/|%2 b"},
		"/haproxy?stats=&explain=http://a/%2":        {explain: "http://a/%2"}, // by hand
		"/haproxy?stats?scope=a%20b":                 {},
		"/haproxy?stats?scope=12345678901234567890x": {scope: "12345678901234567890"},
		"http://host:9090/haproxy?stats;csv":         {format: formatCSV},
	} {
		if got, ok := parseQuery(target); !ok || got != want {
			t.Errorf("%s: %+v %v, want %+v", target, got, ok, want)
		}
	}
	for _, target := range []string{"", "*", "/", "/haproxy", "host:9090", "http://haproxy?stats", "http://h?x/haproxy?stats",
		"/x/haproxy?stats", "/%68aproxy?stats"} {
		if q, ok := parseQuery(target); ok {
			t.Errorf("%s asks for %+v", target, q)
		}
	}
}

// A target made from what a target asks for asks for the same.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", ";csv;up", ";json?scope=web", ";st=DENY;no-maint", "&scope=a;b", "?scope=;csv", ";up;typed", "=&explain=http://a/%2&from=x"} {
		f.Add(statsPrefix + seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		q, ok := parseQuery(target)
		if !ok {
			if strings.HasPrefix(target, statsPrefix) {
				t.Fatalf("%q has the prefix", target)
			}
			return
		}
		if q.format == formatOther {
			return
		}
		q.code, q.explain, q.from = "", "", "" // are not asked again
		again, ok := parseQuery(q.target())
		if !ok || again != q {
			t.Fatalf("%q asks for %+v, but %q for %+v", target, q, q.target(), again)
		}
	})
}

func FuzzMetricsQuery(f *testing.F) {
	for _, seed := range []string{"", "scope=*", "scope=server&no-maint", "scope", "scope=&scope=global", "a=b&&scope=bogus"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, ok := parseMetricsQuery(query)
		if again, ok2 := parseMetricsQuery(query + "&x"); ok != ok2 || ok && again != q {
			t.Fatalf("%q: an unknown key changed %+v to %+v", query, q, again)
		}
		if !strings.Contains(query, "scope") && (!ok || !q.process || q.kinds != [...]bool{true, true, true}) {
			t.Fatalf("%q: %+v %v, want everything", query, q, ok)
		}
	})
}
