package marathon_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon"
)

func TestLabelsThatAreCarriedOut(t *testing.T) {
	const host = "HAPROXY_0_VHOST"
	http := []string{"HAPROXY_0_MODE", "http"}
	for _, c := range []struct {
		labels  []string
		show    func(k route.BackendSpec, l []route.ListenerSpec) any
		want    string
		problem string // label=reason, empty for none
	}{
		{nil, rules, "", ""},
		{[]string{host, "a.example.com"}, rules, "host=a.example.com weight=0", ""},
		{[]string{host, " A.Example.COM , b.example.com.,a.example.com:80,"}, rules, "host=a.example.com weight=0; host=b.example.com weight=0", ""},
		{[]string{host, "*.example.com,*"}, rules, "host=*.example.com weight=0; host=* weight=0", ""},
		{[]string{host, "10.0.0.1"}, rules, "host=10.0.0.1 weight=0", ""},
		{[]string{host, ""}, rules, "", ""},
		{[]string{host, "a.*.com,b.example.com"}, rules, "host=b.example.com weight=0", host + `="a.*.com" has a * where`},
		{[]string{host, "*example.com"}, rules, "", host + `="*example.com" has a * where`},
		{[]string{host, "http://a.example.com/"}, rules, "", host + "="},
		{[]string{host, "bücher.example.com"}, rules, "", host + `="bücher.example.com" is not ASCII`},
		{[]string{host, "a b"}, rules, "", host + `="a b" is not a host name`},

		{[]string{host, "a", "HAPROXY_0_PATH", "/api"}, rules, "host=a path=/api weight=1", ""},
		{[]string{host, "a,b", "HAPROXY_0_PATH", "-i /x /y"}, rules,
			"host=a path=/x -i weight=1; host=a path=/y -i weight=1; host=b path=/x -i weight=1; host=b path=/y -i weight=1", ""},
		{[]string{host, "a", "HAPROXY_0_PATH", "-- /x"}, rules, "host=a path=/x weight=1", ""},
		{[]string{host, "a", "HAPROXY_0_PATH", " "}, rules, "host=a weight=0", ""},
		{[]string{host, "a", "HAPROXY_0_PATH", "api /b"}, rules, "host=a path=/b weight=1", `HAPROXY_0_PATH="api" has no leading slash`},
		{[]string{host, "a", "HAPROXY_0_PATH", "api"}, rules, "", `HAPROXY_0_PATH="api" has no leading slash`},
		{[]string{host, "a", "HAPROXY_0_PATH", "-m end /x"}, rules, "", "HAPROXY_0_PATH=-m is no flag"},
		{[]string{"HAPROXY_0_PATH", "/api"}, rules, "", "HAPROXY_0_PATH=it restricts a host"},

		{[]string{host, "a", "HAPROXY_0_BACKEND_WEIGHT", " 10 "}, rules, "host=a weight=10", ""},
		{[]string{host, "a", "HAPROXY_0_BACKEND_WEIGHT", "-5", "HAPROXY_0_PATH", "/p"}, rules, "host=a path=/p weight=-5", ""},
		{[]string{host, "a", "HAPROXY_0_BACKEND_WEIGHT", "0", "HAPROXY_0_PATH", "/p"}, rules, "host=a path=/p weight=1", ""},
		{[]string{host, "a", "HAPROXY_0_BACKEND_WEIGHT", "heavy", "HAPROXY_0_PATH", "/p"}, rules, "host=a path=/p weight=1",
			"HAPROXY_0_BACKEND_WEIGHT=not a whole number"},

		{nil, mode, "tcp", ""},
		{[]string{host, "a"}, mode, "http", ""},
		{[]string{"HAPROXY_0_MODE", "HTTP "}, mode, "http", ""},
		{[]string{"HAPROXY_0_MODE", "tcp"}, mode, "tcp", ""},
		{[]string{"HAPROXY_0_MODE", "udp"}, mode, "tcp", "HAPROXY_0_MODE=no mode"},
		{[]string{"HAPROXY_0_MODE", "tcp", host, "a"}, mode, "tcp", host + "=a service in mode tcp has no hosts"},
		{[]string{"HAPROXY_0_MODE", "tcp", host, "a"}, rules, "", host + "=a service in mode tcp has no hosts"},
		{[]string{host, "a.*.b"}, mode, "http", host + "="},

		{nil, balance, "roundrobin", ""},
		{[]string{"HAPROXY_0_BALANCE", "leastconn"}, balance, "leastconn", ""},
		{[]string{"HAPROXY_0_BALANCE", " source"}, balance, "source", ""},
		{[]string{"HAPROXY_0_BALANCE", "Static-RR"}, balance, "static-rr", ""},
		{[]string{"HAPROXY_0_BALANCE", "first"}, balance, "first", ""},
		{[]string{"HAPROXY_0_BALANCE", "random(2)"}, balance, "random", ""},
		{[]string{"HAPROXY_0_BALANCE", "uri"}, balance, "uri", ""},
		{[]string{"HAPROXY_0_BALANCE", "uri whole"}, balance, "uri whole", ""},
		{[]string{"HAPROXY_0_BALANCE", "uri depth 2"}, balance, "uri", `HAPROXY_0_BALANCE="depth 2" is not carried out; uri is used without it`},
		{[]string{"HAPROXY_0_BALANCE", "url_param user"}, balance, "url_param user", ""},
		{[]string{"HAPROXY_0_BALANCE", "hdr(X-User)"}, balance, "hdr X-User", ""},
		{[]string{"HAPROXY_0_BALANCE", "hdr"}, balance, "roundrobin", "HAPROXY_0_BALANCE=it does not say by what"},
		{[]string{"HAPROXY_0_BALANCE", "rdp-cookie(x)"}, balance, "roundrobin", "HAPROXY_0_BALANCE=understood but not carried out"},
		{[]string{"HAPROXY_0_BALANCE", " "}, balance, "roundrobin", "HAPROXY_0_BALANCE=empty"},
		{[]string{"HAPROXY_0_BALANCE", "fastest"}, balance, "roundrobin", "HAPROXY_0_BALANCE=no algorithm"},

		{nil, hold, "0s", ""},
		{[]string{"HAPROXY_0_HOLD", " 5s"}, hold, "5s", ""},
		{[]string{"HAPROXY_0_HOLD", "1m30s"}, hold, "1m30s", ""},
		{[]string{"HAPROXY_0_HOLD", "5"}, hold, "0s", "HAPROXY_0_HOLD=not a length of time"},
		{[]string{"HAPROXY_0_HOLD", "-5s"}, hold, "0s", "HAPROXY_0_HOLD=not a length of time"},
		{[]string{"HAPROXY_0_HOLD", "1h"}, hold, "0s", "HAPROXY_0_HOLD=not a length of time, or above 5m0s"},

		{[]string{"HAPROXY_0_SLOWSTART", "30s"}, slowStart, "30s", ""},
		{[]string{"HAPROXY_0_SLOWSTART", "30s", "HAPROXY_0_BALANCE", "leastconn"}, slowStart, "30s", ""},
		{[]string{"HAPROXY_0_SLOWSTART", "30s", "HAPROXY_0_BALANCE", "source"}, slowStart, "0s", "HAPROXY_0_SLOWSTART=balance source knows no weights"},
		{[]string{"HAPROXY_0_SLOWSTART", "slow"}, slowStart, "0s", "HAPROXY_0_SLOWSTART=not a length of time"},

		{[]string{host, "a", "HAPROXY_0_CANARY", " web.1"}, canary, "web.1 -1 marathon_canary_web.1", ""},
		{[]string{host, "a", "HAPROXY_0_CANARY", "web", "HAPROXY_0_CANARY_WEIGHT", "10"}, canary, "web 10 marathon_canary_web", ""},
		{[]string{host, "a", "HAPROXY_0_CANARY", "web", "HAPROXY_0_CANARY_WEIGHT", "101"}, canary, "web -1 marathon_canary_web",
			"HAPROXY_0_CANARY_WEIGHT=no percentage"},
		{[]string{host, "a", "HAPROXY_0_CANARY_WEIGHT", "10"}, canary, " 0 ", "HAPROXY_0_CANARY_WEIGHT=the app is in no group"},
		{[]string{host, "a", "HAPROXY_0_CANARY", "web;x"}, canary, " 0 ", "HAPROXY_0_CANARY=no name of a group"},
		{append(http, "HAPROXY_0_CANARY", "web"), canary, " 0 ", "HAPROXY_0_CANARY=it shares a host"},

		{http, sticky, "", ""},
		{append(http, "HAPROXY_0_STICKY", "true"), sticky, "mesosphere_server_id", ""},
		{append(http, "HAPROXY_0_STICKY", "no"), sticky, "", ""},
		{append(http, "HAPROXY_0_STICKY", "sure"), sticky, "", "HAPROXY_0_STICKY=neither true nor false"},
		{[]string{"HAPROXY_0_STICKY", "true"}, sticky, "", "HAPROXY_0_STICKY=a service in mode tcp"},

		{[]string{host, "a", "HAPROXY_0_AUTH", "My Realm:bob:" + hash}, access, `auth="My Realm" user=bob`, ""},
		{append(http, "HAPROXY_0_AUTH", "r:bob:$2y$10$"+strings.Repeat("a", 53)), access, `auth="r" user=bob`, ""},
		{append(http, "HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", "10.1.40.7/24 10.1.55.43 fd00::/8 10.0.0.0/255.255.0.0"), access,
			"allow=10.1.40.0/24 allow=10.1.55.43/32 allow=fd00::/8 allow=10.0.0.0/16", ""},
		{[]string{"HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.1"}, access, "allow=10.0.0.1/32", ""},
		{[]string{host, "a", "HAPROXY_0_REDIRECT_TO_HTTPS", "true"}, access, "to-https", ""},
		{[]string{host, "a", "HAPROXY_0_REDIRECT_TO_HTTPS", "sure"}, access, "", "HAPROXY_0_REDIRECT_TO_HTTPS=neither true nor false"},
		{append(http, "HAPROXY_0_REDIRECT_TO_HTTPS", "true"), access, "to-https", "HAPROXY_0_REDIRECT_TO_HTTPS=it redirects requests for a host"},
		{append(http, "HAPROXY_0_USE_HSTS", "y"), access, "hsts", ""},
		{append(http, "HAPROXY_0_USE_HSTS", "?"), access, "", "HAPROXY_0_USE_HSTS=neither true nor false"},
		{[]string{"HAPROXY_0_USE_HSTS", "true"}, access, "", "HAPROXY_0_USE_HSTS=a service in mode tcp"},

		{[]string{host, "*.w,a,b", "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "/foo"}, access, "strip=/foo host=a", ""},
		{append(http, "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "/v1.0"), access, "strip=/v1.0", ""},
		{append(http, "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "/(a|b)"), access, "strip=/(a|b)", "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH=it is taken as it stands"},
		{append(http, "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "foo"), access, "", "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH=it has no leading slash"},
		{append(http, "HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH", "/my/content"), access, "location=/my/content", ""},
		{append(http, "HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH", "my"), access, "", "HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH=not a path"},
		{[]string{host, "a", "HAPROXY_0_HTTP_BACKEND_REDIR", "/my/content"}, access, "root=/my/content", ""},
		{[]string{host, "a", "HAPROXY_0_HTTP_BACKEND_REDIR", "a b"}, access, "", "HAPROXY_0_HTTP_BACKEND_REDIR=neither a path nor a URL"},
		{[]string{host, "a", "HAPROXY_0_HTTP_BACKEND_REDIR", "/"}, access, "", "HAPROXY_0_HTTP_BACKEND_REDIR=it leads to itself"},
		{append(http, "HAPROXY_0_HTTP_BACKEND_REDIR", "/x"), access, "", "HAPROXY_0_HTTP_BACKEND_REDIR=it redirects requests for a host"},

		{[]string{"HAPROXY_0_SSL_CERT", "/etc/ssl/x.pem"}, front, "tls crt=/etc/ssl/x.pem", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem no-sslv3"}, front, "tls crt=/x.pem", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl"}, front, "tls", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "alpn h2,http/1.1"}, front, "", "HAPROXY_0_BIND_OPTIONS=alpn has no effect: without TLS"},
		{append(http, "HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem alpn h2,http/1.1"), front, "tls crt=/x.pem alpn=h2,http/1.1", ""},
		{append(http, "HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem alpn h3,h2"), front, "tls crt=/x.pem alpn=h2", "HAPROXY_0_BIND_OPTIONS=alpn h3 has no effect: h2 and http/1.1"},
		{append(http, "HAPROXY_0_BIND_OPTIONS", "alpn http/1.1 ssl crt /x.pem"), front, "tls crt=/x.pem", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "alpn h2,http/1.1 ssl crt /x.pem"}, front, "tls crt=/x.pem alpn=h2,http/1.1", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "accept-proxy"}, front, "accept-proxy", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem accept-proxy"}, front, "tls crt=/x.pem accept-proxy", ""},
		{[]string{"HAPROXY_0_FRONTEND_HEAD", "frontend {backend}\n  bind {bindAddr}:{servicePort} accept-proxy\n  mode {mode}\n"}, front, "accept-proxy", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem ca-file /ca.pem verify required"}, front, "tls crt=/x.pem verify=required ca=/ca.pem", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "verify optional ca-file /ca.pem", "HAPROXY_0_SSL_CERT", "/x.pem"}, front, "tls crt=/x.pem verify=optional ca=/ca.pem", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl ca-file /ca.pem verify required", "HAPROXY_0_FRONTEND_HEAD", "frontend {backend}\n  bind {bindAddr}:{servicePort}{sslCert}{bindOptions} verify optional\n"}, front,
			"tls verify=required ca=/ca.pem", ""},
		{[]string{"HAPROXY_0_FRONTEND_HEAD", "frontend {backend}\n  bind *:{servicePort} ssl crt /x.pem ca-file /ca.pem verify required\n"}, front, "tls crt=/x.pem verify=required ca=/ca.pem", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl ca-file /ca.pem"}, front, "tls", "HAPROXY_0_BIND_OPTIONS=ca-file has no effect"},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ssl ca-file /ca.pem verify none"}, front, "tls", "HAPROXY_0_BIND_OPTIONS=ca-file has no effect"},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "ca-file /ca.pem verify optional"}, front, "", "HAPROXY_0_BIND_OPTIONS=verify has no effect: without TLS"},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "v4v6 tfo name x"}, front, "", ""},
		{[]string{"HAPROXY_0_BIND_OPTIONS", "turbo"}, front, "", `HAPROXY_0_BIND_OPTIONS="turbo" is no option`},

		{[]string{"HAPROXY_0_PORT", " 9000 "}, bind, "*:9000=a_9000", ""},
		{[]string{"HAPROXY_0_PORT", "http"}, bind, "*:10000=a_10000", "HAPROXY_0_PORT=not a port"},
		{[]string{"HAPROXY_0_PORT", "70000"}, bind, "*:10000=a_10000", "HAPROXY_0_PORT=not a port"},
		{[]string{"HAPROXY_0_PORT", "0"}, bind, "*:10000=a_10000", "HAPROXY_0_PORT=not a port"},
		{[]string{"HAPROXY_0_BIND_ADDR", "10.0.0.42"}, bind, "10.0.0.42:10000=a_10000", ""},
		{[]string{"HAPROXY_0_BIND_ADDR", "::1"}, bind, "[::1]:10000=a_10000", ""},
		{[]string{"HAPROXY_0_BIND_ADDR", "*"}, bind, "*:10000=a_10000", ""},
		{[]string{"HAPROXY_0_BIND_ADDR", "eth0"}, bind, "", "HAPROXY_0_BIND_ADDR=not an IP address; the service port is not opened"},
	} {
		t.Run(strings.Join(c.labels, " "), func(t *testing.T) {
			compiler, change := compile(external(), web("/a", 10000, c.labels...))
			if len(change.SetBackends) != 1 {
				t.Fatalf("backends %v", change.SetBackends)
			}
			if got := fmt.Sprint(c.show(change.SetBackends[0], change.SetListeners)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			wantProblem(t, compiler.Problems(), c.problem)
		})
	}
}

// wantProblem says that there is one problem, its label and the beginning of its reason being as given, or none.
func wantProblem(t *testing.T, problems []route.Problem, want string) {
	t.Helper()
	if want == "" {
		if len(problems) > 0 {
			t.Errorf("problems %+v", problems)
		}
		return
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Label+"="+problems[0].Reason, want) || problems[0].Remedy == "" || problems[0].App == "" {
		t.Errorf("want one problem %s, got %+v", want, problems)
	}
}

// What of a service a row is about.
func rules(k route.BackendSpec, _ []route.ListenerSpec) any {
	var all []string
	for _, r := range k.Rules {
		if r.AppID == "" {
			all = append(all, strings.TrimPrefix(r.String(), "rule "))
		}
	}
	return strings.Join(all, "; ")
}
func mode(k route.BackendSpec, _ []route.ListenerSpec) any { return k.Mode }
func balance(k route.BackendSpec, _ []route.ListenerSpec) any {
	return strings.TrimSpace(string(k.Balance) + " " + k.HashOn)
}
func access(k route.BackendSpec, _ []route.ListenerSpec) any {
	line, _, _ := strings.Cut(k.String(), "\n")
	_, rest, _ := strings.Cut(line, " "+string(k.Balance))
	return strings.TrimSpace(rest)
}
func front(_ route.BackendSpec, l []route.ListenerSpec) any {
	_, rest, _ := strings.Cut(l[0].String(), "-> a_10000")
	return strings.TrimSpace(rest)
}
func hold(k route.BackendSpec, _ []route.ListenerSpec) any      { return k.Hold.String() }
func slowStart(k route.BackendSpec, _ []route.ListenerSpec) any { return k.SlowStart.String() }
func canary(k route.BackendSpec, _ []route.ListenerSpec) any {
	return fmt.Sprint(k.Canary.Group, " ", k.Canary.Weight, " ", k.Canary.Cookie)
}
func sticky(k route.BackendSpec, _ []route.ListenerSpec) any { return k.Sticky }
func bind(_ route.BackendSpec, l []route.ListenerSpec) any   { return binds(l) }

// hash is the password "secret" as `openssl passwd -6` hashes it.
const hash = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"

func TestBooleansAreRead(t *testing.T) {
	for word, want := range map[string]string{
		"true": "exposed", "T": "exposed", "yes": "exposed", "Y": "exposed", "1": "exposed", "on": "exposed", " True ": "exposed",
		"false": "disabled", "F": "disabled", "no": "disabled", "n": "disabled", "0": "disabled", "off": "disabled",
		"maybe": "disabled!", "": "disabled!", "truee": "disabled!",
	} {
		_, v, problems := one(t, external(), web("/a", 10000, "HAPROXY_0_ENABLED", word))
		got := string(v.Why) + strings.Repeat("!", len(problems))
		if got != want {
			t.Errorf("%q: %s, want %s (%v)", word, got, want, problems)
		}
	}
}

func TestGroupsAreTrimmedAndThoseOfAPortReplaceThoseOfItsApp(t *testing.T) {
	for _, c := range []struct {
		labels []string
		why    route.Why
	}{
		{[]string{"HAPROXY_GROUP", "internal , external"}, route.Exposed},
		{[]string{"HAPROXY_GROUP", "internal", "HAPROXY_0_GROUP", " external"}, route.Exposed},
		{[]string{"HAPROXY_GROUP", "external", "HAPROXY_0_GROUP", "internal"}, route.WrongGroup},
		{[]string{"HAPROXY_GROUP", "external", "HAPROXY_0_GROUP", ""}, route.WrongGroup},
		{[]string{"HAPROXY_GROUP", "*"}, route.WrongGroup}, // * is a word of the load balancer, not of an app
		{[]string{"HAPROXY_GROUP", ""}, route.WrongGroup},
	} {
		if _, v, _ := one(t, external(), web("/a", 10000, c.labels...)); v.Why != c.why {
			t.Errorf("%v: %s, want %s", c.labels, v.Why, c.why)
		}
	}
}

func TestEachLabelThatIsNotCarriedOutIsAProblem(t *testing.T) {
	seen := 0
	for _, l := range marathon.Labels() {
		name := strings.Replace(l.Pattern(), "{n}", "0", 1)
		if l.Scope == marathon.Global {
			name = "HAPROXY_0_" + l.Name
		}
		if l.Doc == "" || l.Effect == "" || l.Effect != marathon.CarriedOut && l.Effect != marathon.DeployTool && l.Instead == "" {
			t.Errorf("%s lacks documentation: %+v", name, l)
		}
		if l.Effect == marathon.CarriedOut {
			continue
		}
		k, v, problems := one(t, external(), web("/a", 10000, "HAPROXY_0_MODE", "http", name, "10000"))
		switch l.Effect {
		case marathon.NotYet, marathon.NoEffect:
			seen++
			if len(problems) != 1 || problems[0].Label != name || problems[0].Remedy == "" || !strings.Contains(problems[0].Reason, l.Instead) {
				t.Errorf("%s: %+v", name, problems)
			}
			if k.Closed || (v.Why == route.FailsClosed) != k.Closed {
				t.Errorf("%s: closed is %v, verdict %v", name, k.Closed, v)
			}
		case marathon.DeployTool:
			wantProblem(t, problems, "")
		}
	}
	if seen < 15 {
		t.Errorf("only %d labels were tried", seen)
	}
}

func TestWhatCannotBeHonouredFailsClosed(t *testing.T) {
	for _, c := range []struct {
		name, value string
		closed      bool
	}{
		{"AUTH", "realm:bob:$6$x", true},
		{"AUTH", "realm:bob:" + hash + ":more", true},
		{"AUTH", "realm::" + hash, true},
		{"AUTH", "realm:bob:secret", true},
		{"AUTH", "realm:bob:$apr1$saltsalt$DFWFWmNMyCN/0QXQJ8SFT.", true},
		{"AUTH", "realm:bob:$6$rounds=999999999$saltsalt$x", true},
		{"AUTH", "realm:bob:$2y$31$" + strings.Repeat("a", 53), true},
		{"AUTH", "", true},
		{"BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.0/33", true},
		{"BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.0/255.0.255.0", true},
		{"BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.1 localhost", true},
		{"BACKEND_NETWORK_ALLOWED_ACL", "", true},
		{"SSL_CERT", " ", true},
		{"BIND_OPTIONS", "alpn h2", false},
		{"BIND_OPTIONS", "ssl crt /x.pem verify required ca-file /ca.pem crl-file /crl.pem", true},
		{"BIND_OPTIONS", "ssl crt /x.pem verify required", true},
		{"BIND_OPTIONS", "ssl crt /x.pem verify optional", true},
		{"BIND_OPTIONS", "ssl crt /x.pem verify", true},
		{"BIND_OPTIONS", "ssl crt /x.pem verify ca-file /ca.pem", true},
		{"BIND_OPTIONS", "ssl crt /x.pem verify required ca-file /ca.pem ca-file /other.pem", true},
		{"BIND_OPTIONS", "ssl crt /x.pem verify required ca-file /ca.pem ca-verify-file /roots.pem", true},
		{"BIND_OPTIONS", "verify required ca-file /ca.pem", true},
		{"BIND_OPTIONS", "interface eth1", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request deny if { path_reg ^/(?!open) }\n", true}, // which RE2 cannot do
		{"BACKEND_HTTP_OPTIONS", "  http-request deny if inside\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request deny unless { src -f /etc/networks }\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request deny if { path_beg /admin\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request deny \"if { path_beg /admin }\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request auth realm r\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request set-header X-Real-IP %ci # deny nobody\n", true}, // over-careful: only whole lines are comments
		{"BACKEND_HTTP_OPTIONS", "  http-request \"auth\" if { path_beg /admin }\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request return status 403 if { path_beg /admin }\n", true},
		{"BACKEND_HTTP_OPTIONS", "  acl inside hdr_ip(X-Forwarded-For) 10.0.0.0/33\n", true},
		{"HTTP_FRONTEND_ACL", "  use_backend {backend} if host_{H} { req.hdr_ip(x-forwarded-for,-1) 10.0.0.0/8 }\n", true},
		{"BACKEND_HTTP_OPTIONS", "  http-request set-src hdr_ip(X-Forwarded-For)\n", false},
		{"BACKEND_HEAD", "backend {backend}\n  balance source\n  mode {mode}\n  timeout server 600 s\n", false},
		{"BACKEND_HEAD", `backend {backend}\n  stick on src\n  tcp-request content reject if !in`, true},
		{"BACKEND_STICKY_OPTIONS", "  stick on src\n", false},
		{"FRONTEND_HEAD", "frontend {backend}\n  bind *:{servicePort} ssl crt /x.pem verify required\n", true},
		{"FRONTEND_HEAD", "frontend {backend}\n  bind *:443 ssl crt /x.pem\n", true},
		{"FRONTEND_BACKEND_GLUE", "  use_backend another if {{ path_beg /x }}\n", true},
		{"HTTP_FRONTEND_ACL", "  use_backend {backend} if { src 10.0.0.0/8 }\n", true},
		{"HTTP_FRONTEND_ACL", "  acl host_{H} hdr_end(host) -i .example.com\n  use_backend {backend} if host_{H}\n", false},
		{"HTTP_FRONTEND_ACL_WITH_AUTH", "  acl auth_{H} http_auth(user_{backend})\n", false}, // used beside AUTH only
	} {
		label := "HAPROXY_0_" + c.name
		k, v, problems := one(t, external(), web("/a", 10000, "HAPROXY_0_MODE", "http", label, c.value))
		if k.Closed != c.closed || (v.Why == route.FailsClosed) != c.closed || len(problems) != 1 {
			t.Errorf("%s=%q: closed is %v, %+v, %+v", label, c.value, k.Closed, v, problems)
		}
		if !c.closed {
			continue
		}
		_, change := compile(external(), web("/a", 10000, "HAPROXY_0_MODE", "http", label, c.value))
		if len(change.SetListeners) != 1 {
			t.Errorf("%s: an http service answers 503 on its port: %v", label, change.SetListeners)
		}
		_, change = compile(external(), web("/a", 10000, "HAPROXY_0_MODE", "tcp", label, c.value))
		if len(change.SetListeners) != 0 {
			t.Errorf("%s: a tcp service has no listener: %v", label, change.SetListeners)
		}
	}
}

func TestStrangeNamesSaySoAndWhatWasMeant(t *testing.T) {
	for name, remedy := range map[string]string{
		"HAPROXY_VHOST":                     "write HAPROXY_0_VHOST for the first port",
		"HAPROXY_0_DEPLOYMENT_GROUP":        "write HAPROXY_DEPLOYMENT_GROUP",
		"HAPROXY_0_VHSOT":                   "did you mean HAPROXY_0_VHOST?",
		"HAPROXY_0_STICKEY":                 "did you mean HAPROXY_0_STICKY?",
		"HAPROXY_1_VHOST":                   "write HAPROXY_0_VHOST",
		"HAPROXY_00_VHOST":                  "write HAPROXY_0_VHOST",
		"HAPROXY_GRUOP":                     "did you mean HAPROXY_GROUP?",
		"HAPROXY_0_GRUOP":                   "did you mean HAPROXY_0_GROUP?",
		"HAPROXY_VHSOT":                     "did you mean HAPROXY_0_VHOST?",
		"haproxy_0_vhost":                   "write HAPROXY_0_VHOST",
		"HAPROXY_0_COFFEE_AND_CAKE":         "remove it, or see the list of labels",
		"HAPROXY_":                          "remove it, or see the list of labels",
		"HAPROXY_0":                         "remove it, or see the list of labels",
		"HAPROXY_0_":                        "remove it, or see the list of labels",
		"HAPROXY_99999999999999999999_PORT": "write HAPROXY_0_PORT",
		"HAPROXY_HEAD":                      "remove it",
		"HAPROXY0_VHOST":                    "did you mean HAPROXY_0_VHOST?",
		"HAPROXY-0-VHOST":                   "did you mean HAPROXY_0_VHOST?",
		"HAPORXY_0_VHOST":                   "did you mean HAPROXY_0_VHOST?",
		"HA_PROXY_GROUP":                    "did you mean HAPROXY_GROUP?",
		" HAPROXY_0_PATH":                   "did you mean HAPROXY_0_PATH?",
	} {
		_, v, problems := one(t, external(), web("/a", 10000, name, "x"))
		if len(problems) != 1 || problems[0].Label != name || problems[0].Value != "x" || problems[0].Remedy != remedy || v.Why != route.Exposed {
			t.Errorf("%s: %+v, %v", name, problems, v.Why)
		}
	}
	if _, _, problems := one(t, external(), web("/a", 10000, "HAPPY_0_VHOST", "x", "team", "y", "HAPROXY", "z", "HTPROXY_SERVER", "z", "http_proxy", "z", "HAPROXYFRONTEND", "z")); len(problems) > 0 {
		t.Errorf("labels of others: %v", problems)
	}
}

func TestTheRemedyForABadValueFitsTheLabel(t *testing.T) {
	for _, c := range []struct{ label, value, remedy string }{
		{"HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX", "1", "the app's only port is 0"},
		{"HAPROXY_0_VHOST", "a.example;b.example", "write host names such as www.example.com, separated by commas"},
		{"HAPROXY_0_VHOST", "${HOST}", "write host names such as www.example.com, separated by commas"},
		{"HAPROXY_0_GROUP", "external internal", "write names of groups separated by commas"},
		{"HAPROXY_0_GROUP", "external,external;internal", "write names of groups separated by commas"},
		{"HAPROXY_0_PATH", "^/api", "write /api"},
		{"HAPROXY_0_PATH", "api/v1", "write /api/v1"},
		{"HAPROXY_0_PATH", "/a -i /b", "write -i before all paths"},
		{"HAPROXY_0_PATH", "/a,/b", "write /a /b"},
		{"HAPROXY_0_PATH", "/c?x=1", "write the path alone"},
		{"HAPROXY_0_PATH", "/api/*", "write /api/, for a path is the beginning of those it matches"},
		{"HAPROXY_0_BALANCE", "round-robin", "write roundrobin, leastconn, first, random, source, uri, url_param NAME or hdr(NAME)"},
	} {
		_, _, problems := one(t, external(), web("/a", 10000, "HAPROXY_0_VHOST", "a.example", c.label, c.value))
		if len(problems) != 1 || problems[0].Remedy != c.remedy {
			t.Errorf("%s=%s: got %+v, want %s", c.label, c.value, problems, c.remedy)
		}
	}
}

func TestABadLabelAmongFiftyAppsHarmsNobody(t *testing.T) {
	apps := make([]marathon.App, 50)
	for i := range apps {
		apps[i] = web(fmt.Sprintf("/app%02d", i), 10000+i, "HAPROXY_0_VHOST", fmt.Sprintf("app%02d.example.com", i))
	}
	_, good := compile(external(), apps...)
	for name, value := range map[string]string{
		"HAPROXY_0_PORT": "x", "HAPROXY_0_BACKEND_WEIGHT": "x", "HAPROXY_0_AUTH": "x", "HAPROXY_0_BALANCE": "x", "HAPROXY_0_MODE": "x",
		"HAPROXY_0_PATH": "x", "HAPROXY_0_BIND_ADDR": "x", "HAPROXY_0_ENABLED": "x", "HAPROXY_0_BACKEND_HEAD": "{", "HAPROXY_DEPLOYMENT_GROUP": "",
	} {
		apps[25].Labels[name] = value
		c, bad := compile(external(), apps...)
		delete(apps[25].Labels, name)
		got, want := route.Spec{Backends: bad.SetBackends}, route.Spec{Backends: good.SetBackends}
		others := func(s route.Spec) string {
			var kept route.Spec
			for _, k := range s.Backends {
				if k.App != "/app25" {
					kept.Backends = append(kept.Backends, k)
				}
			}
			return kept.String()
		}
		if others(got) != others(want) {
			t.Errorf("%s=%s changes a neighbour:\n%s", name, value, others(got))
		}
		if p := c.Problems(); len(p) != 1 || p[0].App != "/app25" || p[0].Label != name || p[0].Value != value && name != "HAPROXY_0_AUTH" {
			t.Errorf("%s=%s: %+v", name, value, p)
		}
	}
}

func FuzzLabels(f *testing.F) {
	for _, l := range marathon.Labels() {
		f.Add(strings.Replace(l.Pattern(), "{n}", "0", 1), "-i /a /b")
	}
	for _, l := range marathon.Labels() {
		if l.Template && l.Scope == marathon.PerPort {
			f.Add("HAPROXY_0_"+l.Name, "  server {serverName} {host_ipv4}:{port} check inter 1s\n  acl a path_reg ^/x\n  use_backend {backend} if a or !{{ src 10.0.0.0/8 }}\n  http-request deny unless a\n  bind {bindAddr}:{servicePort} ssl\n  option httpchk GET /x HTTP/1.1\\r\\nA:\\ b")
		}
	}
	f.Add("HAPROXY_0_VHOST", "a.example.com, *,*.b")
	f.Add("HAPROXY_0_PORT", "10001")
	f.Add("HAPROXY_7_PATH", "\x00\xff")
	f.Add("HAPROXY_0_BACKEND_HTTP_OPTIONS", "http-request deny\r\n#")
	neighbour := web("/a", 10001, "HAPROXY_0_VHOST", "a.example.com")
	f.Fuzz(func(t *testing.T, name, value string) {
		c, change := compile(external(), neighbour, web("/z", 10002, name, value))
		_, alone := compile(external(), neighbour)
		if !slices.ContainsFunc(change.SetBackends, func(k route.BackendSpec) bool { return k.String() == alone.SetBackends[0].String() }) {
			t.Errorf("the neighbour's backend is another: %v", change.SetBackends)
		}
		if !slices.ContainsFunc(change.SetListeners, alone.SetListeners[0].Equal) {
			t.Errorf("the neighbour's listener is another: %v", change.SetListeners)
		}
		for _, p := range c.Problems() {
			if p.App != "/z" || p.Reason == "" || p.Remedy == "" || p.Label == "" {
				t.Errorf("problem %+v", p)
			}
		}
		table, _ := route.Build(route.NewTable(1), change)
		if b, _ := table.Match("a.example.com", "/", nil); b == nil {
			t.Error("the neighbour's host leads nowhere")
		}
		for _, l := range change.SetListeners {
			if l.Bind.Port() == 0 {
				t.Errorf("listener %v", l)
			}
		}
	})
}

// HAPROXY_{n}_PATH is HAProxy's path_beg: a prefix of the path, byte by byte, with -i and alternatives (marathon-lb.md 4.2).
func FuzzPath(f *testing.F) {
	for _, value := range []string{"/api", "-i /Q /R", "-- /x", "-m end /x", "api", "/a /b", "-i", "/ü", "-i /Ü", " ", "/%2f"} {
		f.Add(value, "/api/x")
		f.Add(value, "/q")
	}
	f.Fuzz(func(t *testing.T, value, path string) {
		c, change := compile(external(), web("/a", 10000, "HAPROXY_0_VHOST", "a.test", "HAPROXY_0_PATH", value))
		table, _ := route.Build(route.NewTable(1), change)
		b, _ := table.Match("a.test", path, nil)
		want := pathBegins(strings.Fields(value), path)
		if (b != nil) != want {
			t.Errorf("PATH %q, request %q: matched is %v, want %v", value, path, b != nil, want)
		}
		for _, p := range c.Problems() {
			if p.App != "/a" || p.Label != "HAPROXY_0_PATH" || p.Remedy == "" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}

// pathBegins is what path_beg says of a path, given its arguments.
func pathBegins(words []string, path string) bool {
	if len(words) == 0 {
		return true // no PATH at all
	}
	fold := false
	for len(words) > 0 && words[0] == "-i" {
		fold, words = true, words[1:]
	}
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	} else if len(words) > 0 && strings.HasPrefix(words[0], "-") {
		return false // a flag that is not carried out
	}
	return slices.ContainsFunc(words, func(w string) bool {
		return w[0] == '/' && len(path) >= len(w) && (path[:len(w)] == w || fold && strings.EqualFold(path[:len(w)], w))
	})
}

func TestLabelsPageIsCurrent(t *testing.T) {
	for page, want := range map[string]string{"../docs/labels.md": marathon.LabelsPage(), "../docs/directives.md": marathon.DirectivesPage()} {
		testkit.Golden(t, page, want)
	}
}

func TestNoProblemShowsAPasswordOrItsHash(t *testing.T) {
	for _, c := range [][2]string{
		{"HAPROXY_0_AUTH", "realm:bob:TOPSECRET"}, {"HAPROXY_0_AUTH", "realm:bob:$2y$TOPSECRET$x"}, {"HAPROXY_0_AUTH", "realm:bob:$6$rounds=1,TOPSECRET=1$salt$x"},
		{"HAPROXY_AUTH", "realm:bob:TOPSECRET"}, {"HAPROXY_1_AUTH", "realm:bob:TOPSECRET"}, {"haproxy_0_auth", "realm:bob:TOPSECRET"},
		{"HAPROXY_0_AUHT", "realm:bob:TOPSECRET"}, {"HAPROXY_0_PASSWORD_FOR_ALL", "realm:bob:$6$salt$TOPSECRET"},
		{"HAPROXY_0_USERLIST_HEAD", "userlist user_{backend}\n  user bob insecure-password TOPSECRET\n"},
		{"HAPROXY_0_BACKEND_HTTP_OPTIONS", "  reqadd Authorization:\\ Basic\\ TOPSECRET\n"}, {"HAPROXY_0_BACKEND_HTTP_OPTIONS", "  reqadd X-Api-Key:\\ TOPSECRET\n"},
		{"HAPROXY_0_BACKEND_HEAD", "  stats auth admin:TOPSECRET\n"},
	} {
		compiler, _ := compile(external(), web("/a", 10000, c[0], c[1]))
		if got := fmt.Sprint(compiler.Problems()); !strings.Contains(got, "(not shown)") || strings.Contains(got, "TOPSECRET") {
			t.Errorf("%s=%s: %s", c[0], c[1], got)
		}
	}
}
