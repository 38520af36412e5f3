package marathon_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon"
)

// recipes are a label, other labels, and what is made of it: one to a block of testdata/directives.txt.
func recipesOf(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/directives.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n\n")
	if len(blocks) < 15 {
		t.Fatalf("only %d recipes", len(blocks))
	}
	return blocks
}

// newlines are where a text of the file has them; HAProxy's own \r\n stays.
var newlines = strings.NewReplacer(`\r\n`, `\r\n`, `\n`, "\n")

// What people did with templates (marathon-lb.md 4.5): the text, and the service that comes of it.
func TestRecipesOfTemplatesGiveTheServicesTheyAskFor(t *testing.T) {
	var got strings.Builder
	for _, block := range recipesOf(t) {
		fmt.Fprintf(&got, "%s\n\n", block)
		labels := []string{"HAPROXY_0_VHOST", "a.example.com"}
		for line := range strings.Lines(block) {
			if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok && strings.HasPrefix(line, "HAPROXY_") {
				labels = append(labels, name, newlines.Replace(value))
			}
		}
		a := web("/a", 10000, labels...)
		if strings.Contains(block, "HEALTHCHECK") {
			a.HealthChecks = []marathon.HealthCheck{{Protocol: "HTTP", Path: "/health", PortIndex: new(int), IntervalSeconds: 5, TimeoutSeconds: 3, MaxConsecutiveFailures: 2}}
		}
		c, change := compile(external(), a)
		got.WriteString(account(c, change))
		got.WriteByte('\n')
	}
	testkit.Golden(t, "testdata/services/directives.txt", got.String())
}

func TestEachRowOfTheTableOfDirectivesSaysWhatItDoes(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range marathon.Directives() {
		if seen[d.Words] || d.Effect == marathon.NotYet && d.Instead == "" || d.Effect == marathon.CarriedOut && d.Doc == "" {
			t.Errorf("%+v", d)
		}
		seen[d.Words] = true
		if d.Effect != marathon.NotYet {
			continue
		}
		k, _, problems := one(t, external(), web("/a", 10000, "HAPROXY_0_MODE", "http", "HAPROXY_0_BACKEND_HTTP_OPTIONS", "\n"+d.Words+" x\n"))
		if len(problems) != 1 || k.Closed != (d.Restricts || d.Words == "timeout tarpit") || !strings.Contains(problems[0].Reason, "line 2: ") || !strings.Contains(problems[0].Remedy, d.Instead) {
			t.Errorf("%s: closed is %v, %+v", d.Words, k.Closed, problems)
		}
	}
}

// asks are requests on which directives that mean the same agree.
func asks() []*route.Request {
	var all []*route.Request
	for i, target := range []string{"/", "/foo/bar?x=1&y=2", "/admin", "/a.b/c%20d?"} {
		path, query, _ := strings.Cut(target, "?")
		if query != "" {
			query = "?" + query
		}
		r := &route.Request{
			Method: []string{"GET", "POST"}[i%2], Path: path, Query: query, TLS: i%2 == 1,
			Source: netip.MustParseAddrPort("10.1.2.3:4000"), Local: netip.MustParseAddrPort("127.0.0.1:10000"),
		}
		r.Fields = []route.Field{{Name: "Host", Value: "a.example.com:80"}, {Name: "X-A", Value: "one, two"}, {Name: "x-a", Value: "three"}, {Name: "Cookie", Value: "k=v; q"}}
		all = append(all, r)
	}
	return all
}

// meaning is what directives make of the requests, and of a response to each.
func meaning(d *route.Directives) string {
	var b strings.Builder
	for _, r := range asks() {
		fmt.Fprintf(&b, "%+v ", d.OnRequest(r, nil))
		a := &route.Response{Status: 200}
		a.Fields = []route.Field{{Name: "Location", Value: "http://a.example.com/x"}, {Name: "Server", Value: "s"}}
		d.OnResponse(r, a)
		fmt.Fprintf(&b, "%s%s %q %q\n", r.Path, r.Query, r.Fields, a.Fields)
	}
	return b.String()
}

// What directives print as HAProxy's configuration means the same when it is read again.
func FuzzDirectives(f *testing.F) {
	for _, d := range marathon.Directives() {
		f.Add("  " + d.Words + " x y if { path /admin }\n")
	}
	for _, text := range []string{
		"acl in src 10.0.0.0/8\nacl p path_reg -i ^/a[b-z]\nhttp-request deny deny_status 429 if in !p or { hdr(x-a) -m len gt 2 }",
		`http-request set-path %[path,regsub("^/foo(/.*)",\1)] unless { method POST }`, `reqrep ^([^\ :]*)\ /foo/(.*) \1\ /\2`,
		"http-request replace-value X-A t(.) \"<\\1%%>\"\nhttp-response replace-header Location ^http://(.*) https://\\1 if { ssl_fc }",
		"redirect prefix https://x.test code 301 drop-query append-slash set-cookie a=b if { path_dir foo }", "errorfile 503 /x\ntimeout server 5s\noption httpclose",
		"http-request set-header X-\xff \"a b\\x00\"\nhttp-request redirect location /%[urlp(x),upper]?%[query] code 307", "block if { dst_port 1:20000 } LOCALHOST",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read := func(text string) (*route.Directives, bool) {
			_, change := compile(external(), web("/a", 10000, "HAPROXY_0_MODE", "http", "HAPROXY_0_BACKEND_HTTP_OPTIONS", text))
			for _, k := range change.SetBackends {
				return k.Do, k.Closed
			}
			return nil, false
		}
		d, _ := read(text)
		if d == nil {
			return
		}
		again, closed := read(d.String())
		if closed || again == nil || again.String() != d.String() {
			t.Fatalf("%q was written\n%s\nand read\n%s\nclosed is %v", text, d, again, closed)
		}
		if one, two := meaning(d), meaning(again); one != two {
			t.Fatalf("%q was written\n%s\nand means\n%s\ninstead of\n%s", text, d, two, one)
		}
		for _, line := range hacfg.Read(d.String()) {
			if line.Err != nil {
				t.Fatalf("%q was written\n%s: %v", text, d, line.Err)
			}
		}
	})
}

// Six templates that are hostile or broken among 50 apps: neighbours are as they were, and what restricts is closed.
func TestHostileAndBrokenTemplatesAmongFiftyAppsHarmNobody(t *testing.T) {
	apps := make([]marathon.App, 50)
	for i := range apps {
		apps[i] = web(fmt.Sprintf("/app%02d", i), 10000+i, "HAPROXY_0_VHOST", fmt.Sprintf("app%02d.example.com", i))
	}
	_, good := compile(external(), apps...)
	closed, told := map[string]bool{}, map[string]bool{}
	for i, c := range []struct {
		name, value string
		closed      bool
	}{
		{"BACKEND_HEAD", "backend {backend}\nfrontend evil\n  bind *:80\n  http-request deny if {{ src 10.0.0.1 }}\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request set-header X \"a\\r\\nb: c\"\n  http-request set-path %[path,regsub((,x)]\n  acl x path_reg (a+)+$\nuserlist u\n", true},
		{"HTTP_FRONTEND_ACL", "  use_backend app01_10001 if TRUE\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request deny if { src -f /etc/passwd }\n", true},
		{"BACKEND_SERVER_OPTIONS", "server {nothing} {", false},
		{"BACKEND_HTTP_OPTIONS", "  http-request deny unless " + strings.Repeat("{ path /a } { path /b } { path /c } or ", 50) + "TRUE\n" + strings.Repeat("\xff\"\n", 1000), false},
	} {
		label := "HAPROXY_0_" + c.name
		apps[10+i].Labels[label] = c.value
		closed[apps[10+i].ID] = c.closed
	}
	compiler, bad := compile(external(), apps...)
	if len(bad.SetBackends) != 50 || len(bad.SetListeners) != len(good.SetListeners) {
		t.Fatalf("%d backends, %d listeners", len(bad.SetBackends), len(bad.SetListeners))
	}
	for i, k := range bad.SetBackends {
		want, is := closed[k.App]
		if !is && !k.Equal(good.SetBackends[i]) {
			t.Errorf("a neighbour is another:\n%s", k)
		}
		if k.Closed != want {
			t.Errorf("%s: closed is %v", k.App, k.Closed)
		}
	}
	for _, p := range compiler.Problems() {
		if _, is := closed[p.App]; !is {
			t.Errorf("a neighbour's problem: %+v", p)
		}
		told[p.App] = true
	}
	if len(told) != len(closed) {
		t.Errorf("only these are told: %v", told)
	}
	table, _ := route.Build(route.NewTable(1), bad)
	for i := range apps {
		if b, _ := table.Match(fmt.Sprintf("app%02d.example.com", i), "/", nil); (b == nil || b.Spec.App != apps[i].ID) && i != 12 {
			t.Errorf("%s leads to %v", apps[i].ID, b)
		}
	}
}

// A line of a server beside the tasks, as for a page that says sorry, is not the tasks' line.
func TestASorryServerOfATemplateDoesNotTakeTheTrafficOfTheTasks(t *testing.T) {
	const task, sorry = "  server {serverName} {host_ipv4}:{port} id {serverId}{healthCheckOptions}\n", "  server sorry 127.0.0.1:18099 backup\n"
	_, plain := compile(external(), web("/a", 10000))
	for name, text := range map[string]string{
		"BACKEND_HEAD": "backend {backend}\n  balance {balance}\n  mode {mode}\n" + sorry, "BACKEND_HTTP_OPTIONS": sorry, "BACKEND_SERVER_OPTIONS": sorry + task,
	} {
		c, change := compile(external(), web("/a", 10000, "HAPROXY_0_MODE", "http", "HAPROXY_0_"+name, text))
		if got, want := change.SetBackends[0].Servers, plain.SetBackends[0].Servers; len(got) != 1 || got[0].Addr != want[0].Addr {
			t.Errorf("%s: servers %+v, want %+v", name, got, want)
		}
		if p := c.Problems(); len(p) != 1 || !strings.Contains(p[0].Reason, "beside the app's tasks") || p[0].Value != strings.TrimSpace(sorry) {
			t.Errorf("%s: told %+v", name, p)
		}
	}
}

func TestAWordOfARuleThatNobodyKnowsClosesTheServiceAndSaysWhatMayBeMeant(t *testing.T) {
	for line, want := range map[string]struct {
		closed       bool
		said, remedy string
	}{
		"http-request dney if { path_beg /admin }":  {true, `"http-request dney" is not carried out`, `write "http-request deny" if that is meant`},
		"tcp-request content rejct":                 {true, `"tcp-request content rejct" is not carried out`, `write "tcp-request content reject"`},
		"tcp-request contnt accept":                 {true, `"tcp-request contnt" is not carried out`, "see the list"},
		"http-request lua.check-access":             {true, `"http-request lua.check-access" is not carried out`, "see the list"},
		"http-request return status 404":            {true, `"http-request return" is not carried out`, "use redirect"},
		"http-request return status 200":            {false, `"http-request return" is not carried out`, "use redirect"},
		"http-request set-var(txn.a) src":           {false, `"http-request set-var(txn.a)" is not carried out`, "see the list"},
		"tcp-request content track-sc0 src table t": {false, `"tcp-request content track-sc0" is not carried out`, "see the list"},
		"option fowardfor":                          {false, `"option fowardfor" is not carried out`, `write "option forwardfor" if that is meant; otherwise remove it`},
		"timeout sever 5s":                          {false, `"timeout sever" is not carried out`, `write "timeout server"`},
		"http-reqest set-header A b":                {false, `"http-reqest" is not carried out`, `write "http-request"`},
	} {
		c, change := compile(external(), web("/a", 10000, "HAPROXY_0_MODE", "http", "HAPROXY_0_BACKEND_HTTP_OPTIONS", "  "+line+"\n"))
		if p := c.Problems(); len(p) != 1 || !strings.Contains(p[0].Reason, want.said) || !strings.Contains(p[0].Remedy, want.remedy) || change.SetBackends[0].Closed != want.closed {
			t.Errorf("%s: closed %v, told %+v", line, change.SetBackends[0].Closed, p)
		}
	}
}

// A template of the environment counts where a service has no label for it; what is wrong with it is told once.
func TestATemplateForAllCountsWhereNoLabelSaysOtherwise(t *testing.T) {
	o := external()
	o.Templates = map[string]string{"BACKEND_HEAD": "backend {backend}\n  timeout server 5s\n  nonsense\n", "BACKEND_HTTP_OPTIONS": "  http-request auth\n"}
	c, change := compile(o, web("/a", 10000, "HAPROXY_0_MODE", "http"), web("/b", 10001, "HAPROXY_0_MODE", "http", "HAPROXY_0_BACKEND_HTTP_OPTIONS", "  option forwardfor\n"),
		web("/c", 10002, "HAPROXY_0_MODE", "tcp", "HAPROXY_0_BACKEND_HEAD", "  timeout server 7s\n"))
	for i, want := range []struct {
		closed bool
		do     string
	}{{true, "timeout server 5000ms\n"}, {false, "timeout server 5000ms\n"}, {false, "timeout server 7000ms\n"}} {
		if k := change.SetBackends[i]; k.Closed != want.closed || k.Do.String() != want.do {
			t.Errorf("%s", k)
		}
	}
	var told []string
	for _, p := range c.Problems() {
		told = append(told, p.App+p.Label+"="+p.Value)
	}
	if got := strings.Join(told, " "); got != "HAPROXY_BACKEND_HEAD=nonsense HAPROXY_BACKEND_HTTP_OPTIONS=http-request auth" {
		t.Errorf("told %s", got)
	}
}

// Of HEAD what its defaults say of services counts for all of them, unless they say otherwise.
func TestTheDefaultsOfHEADHoldForAllServices(t *testing.T) {
	o := external()
	o.Templates = map[string]string{"HEAD": "global\n  maxconn 5\n  timeout connect 9s\ndefaults\n  log global\n  timeout server 5s\n  timeout client 5s\n  compression algo gzip\n  option httplog\n  timeout connect soon\n" +
		"  errorfile 503 /x\nlisten stats\n  bind :9090\n  timeout tunnel 5s\n"}
	c, change := compile(o, web("/a", 10000, "HAPROXY_0_MODE", "http"), web("/b", 10001, "HAPROXY_0_MODE", "http", "HAPROXY_0_BACKEND_HEAD", "  timeout server 7s\n  compression type text/\n"),
		web("/c", 10002, "HAPROXY_0_MODE", "tcp"))
	for i, want := range []string{"timeout server 5000ms\ncompression algo gzip\n", "timeout server 7000ms\ncompression algo gzip\ncompression type text/\n", "timeout server 5000ms\n"} {
		if k := change.SetBackends[i]; k.Do.String() != want || !k.LogAll {
			t.Errorf("%s", k)
		}
	}
	if p := c.Problems(); len(p) != 1 || p[0].App != "" || p[0].Label != "HAPROXY_HEAD" || p[0].Value != "timeout connect soon" {
		t.Errorf("%+v", p)
	}
}

// Where HAProxy would not start, or warn that a test never holds.
func TestARuleForResponsesThatAsksForWhatIsGoneIsAProblem(t *testing.T) {
	for line, complained := range map[string]bool{
		"http-response set-header X-A %[path]": true, "http-response set-header X-A a if { hdr(X-B) c }": true, "rspadd X-A:\\ a if { path_beg /a }": true,
		"http-response set-header X-A %[hdr(X-B)]": false, "http-response set-header X-A %[capture.req.uri] if METH_GET": false, "http-response set-header X-A a if { ssl_fc } { src 10.0.0.0/8 } { res.hdr(X-B) c }": false,
	} {
		c, change := compile(external(), web("/a", 10000, "HAPROXY_0_VHOST", "a.example.com", "HAPROXY_0_BACKEND_HTTP_OPTIONS", "  "+line+"\n"))
		if problems := c.Problems(); (len(problems) == 1) != complained {
			t.Errorf("%s: %+v", line, problems)
		}
		if text := change.SetBackends[0].Do.String(); strings.Contains(line, "%[hdr(") && !strings.Contains(text, "res.hdr(X-B)") {
			t.Error(text)
		}
	}
}
