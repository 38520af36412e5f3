package haproxy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/haproxy"
	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
)

// when is a condition of one test.
func when(t *testing.T, words ...string) *route.Condition {
	t.Helper()
	test, err := route.ParseTest(words)
	if err != nil {
		t.Fatal(err)
	}
	var always *route.Condition
	c, _ := always.And(test)
	return c
}

// web is the service of everything that has requests and servers.
func web(s route.Spec) *route.BackendSpec {
	return &s.Backends[slices.IndexFunc(s.Backends, func(k route.BackendSpec) bool { return k.Name == "team_web_10000" })]
}

func text(t *testing.T, words string) route.Format {
	t.Helper()
	f, err := route.ParseFormat(words)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatTemplatesAskForIsPrintedAndTakenByHAProxy(t *testing.T) {
	s := everything()
	k := web(s)
	k.Servers[0].TLS = true
	k.Check = &route.Check{Protocol: "HTTP", Path: "/health", Method: "HEAD", Host: "probe.test", Fields: "X-A: b c\r\n", Expect: "200,204", Interval: 1e9, Timeout: 1e9, Rise: 1, Fall: 1}
	k.Rules = append(k.Rules, route.Rule{Host: "*", Path: "/x", If: when(t, "path", "-m", "reg", "^/x [a-z]+#$")})
	k.Do = &route.Directives{
		Server: 5e9, ServerClose: true,
		Request: []route.Directive{
			{Act: route.Deny, Code: 429, If: when(t, "req.hdr(X-A)", "-i", "-m", "sub", "--", "-it's \"so\"")},
			{Act: route.SetHeader, Name: "X-Q", Value: text(t, `a "b" %[path,regsub("^/(a|b)(.*)",/\2,i)] 100%%`), If: when(t, "src", "10.0.0.0/8")},
			{Act: route.ReplacePath, Match: regexp.MustCompile(`^/a b(.*)`), Value: text(t, `/\1`)},
			{Act: route.Redirect, Name: "prefix", Value: text(t, "https://%[req.hdr(host)]"), Code: 307, DropQuery: true, Cookie: "a=b; path=/;", If: when(t, "method", "POST")},
			{Act: route.Redirect, Name: "location", Value: route.Plain("/100%"), Code: 301, Late: true, If: when(t, "path", "/old")},
		},
		Response: []route.Directive{{Act: route.DelHeader, Name: "Server"}},
	}
	config := haproxy.Config(s, options)
	for _, want := range []string{" ssl verify none check inter", "http-check send meth HEAD uri /health ver HTTP/1.1 hdr Host probe.test hdr X-A ", "http-check expect status 200,204",
		"  http-request deny deny_status 429 if { req.hdr(X-A) -i -m sub -- ", "  http-response del-header Server\n", "  option http-server-close\n"} {
		if !strings.Contains(config, want) {
			t.Errorf("%q is missing in\n%s", want, config)
		}
	}
	testkit.HAProxyAccepts(t, config)
}

func TestReplaceURIIsOfThePathInHTTP2Too(t *testing.T) {
	s := everything()
	web(s).Do = &route.Directives{Request: []route.Directive{{Act: route.ReplaceURI, Match: regexp.MustCompile(`^/old(.*)`), Value: text(t, `/new\1`)}}}
	config := haproxy.Config(s, options)
	if want := "\n  http-request replace-pathq "; !strings.Contains(config, want) || strings.Contains(config, "replace-uri") {
		t.Errorf("%q is missing, or there is replace-uri, in\n%s", want, config)
	}
	testkit.HAProxyAccepts(t, config)
}

func TestCredentialsInTemplatesAreLeftOut(t *testing.T) {
	s := everything()
	k := web(s)
	k.Check = &route.Check{Protocol: "HTTP", Path: "/health", Fields: "Authorization: Basic s3cret\r\nX-A: b\r\n", Interval: 1e9, Timeout: 1e9, Rise: 1, Fall: 1}
	k.Do = &route.Directives{Request: []route.Directive{
		{Act: route.Deny, Code: 403, If: when(t, "req.hdr(Authorization)", "-m", "sub", "s3cret")},
		{Act: route.SetHeader, Name: "X-Api-Key", Value: route.Plain("s3cret")},
	}}
	k.Rules = append(k.Rules, route.Rule{Host: "*", Path: "/x", If: when(t, "req.hdr(X-Api-Key)", "-m", "str", "s3cret")})
	o := options
	if !strings.Contains(haproxy.Config(s, o), "s3cret") {
		t.Error("--dry hides them")
	}
	o.Hashes = false
	got := haproxy.Config(s, o)
	if strings.Contains(got, "s3cret") || !strings.Contains(got, "  http-request deny if TRUE\n") || !strings.Contains(got, "hdr X-A b") {
		t.Error(got)
	}
	testkit.HAProxyAccepts(t, got)
}

func TestRulesSeeTheFieldsOfTheConnectionBeforeTheseAreTakenOut(t *testing.T) {
	s := everything()
	s.Backends[2].Do = &route.Directives{Request: []route.Directive{{Act: route.Deny, Code: 403, If: when(t, "hdr(Upgrade)", "-i", "websocket")}}}
	got := haproxy.Config(s, options)
	_, backend, _ := strings.Cut(got, "\nbackend team_web_10000 ")
	deny, gone := strings.Index(backend, "http-request deny if { req.hdr(Upgrade) -i websocket }"), strings.Index(backend, "http-request del-header Upgrade")
	if !strings.HasPrefix(backend, "from http\n") || deny < 0 || gone < deny || !strings.Contains(got, "\nbackend front_10001 from http_out\n") {
		t.Error(got)
	}
	in, _, _ := strings.Cut(got, "\ndefaults http_out ")
	if strings.Contains(in, "del-header Upgrade\n") {
		t.Errorf("rules by host do not see Upgrade:\n%s", in)
	}
	testkit.HAProxyAccepts(t, got)
}

func TestTheURIThatWasSentIsAVariableAndForEverIsWhereTheClockEnds(t *testing.T) {
	s := everything()
	web(s).Do = &route.Directives{Server: 30 * 24 * time.Hour, Response: []route.Directive{{Act: route.SetHeader, Name: "X-A", Value: text(t, "%[capture.req.uri]")}}}
	config := haproxy.Config(s, options)
	if !strings.Contains(config, "\n  http-request set-var(txn.uri) pathq\n") || !strings.Contains(config, "\n  http-response set-header X-A %[var(txn.uri)]\n") {
		t.Error(config)
	}
	testkit.HAProxyAccepts(t, config)
}
