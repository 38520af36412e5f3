package config_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zapcore"

	"marathon-lb/config"
	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t *testing.T, args string, env ...string) config.Config {
	t.Helper()
	c, err := config.Parse(strings.Fields(args), env)
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return c
}

func TestImagesDefaultArgumentsSetWhatTheySay(t *testing.T) {
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^CMD (.*)$`).FindSubmatch(dockerfile)
	var args []string
	if command == nil || json.Unmarshal(command[1], &args) != nil {
		t.Fatalf("no arguments in the Dockerfile:\n%s", dockerfile)
	}
	c := parse(t, strings.Join(args, " "))
	want := config.Default()
	want.Mode = config.SSE
	want.Marathon.HealthCheck, want.Marathon.Groups = true, []string{"external"}
	want.Marathon.ReservedPorts = []int{9090, 9091, 80, 443}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestEachFlagReachesItsField(t *testing.T) {
	c := parse(t, `poll -m https://m1:8443 https://m2:8443 --group a --group b,c --strict-mode --dont-bind-http-https --max-backoff 60
		--auth-credentials u:p:q --marathon-auth-credential-file /f --marathon-ca-cert /ca --log-level warning --log-encoding console
		--http-bind [::1]:8080 --appid-bind 127.0.0.1:9191 --stats-bind *:9190 --service-addr 10.0.0.1 --drain-timeout 1m30s
		--trusted-proxies 10.1.2.3/8,fd00::1 --auth-scope vhost --haproxy-map --min-serv-port-ip-per-task 10101
		--max-serv-port-ip-per-task 10150 --access-log all --resync-interval 0.5 --silence 45s --state-dir /s --https-bind :8443 --tls-min 1.1
		--ssl-certs /old --ssl-certs /a.pem,/dir --group-https-by-vhost`)
	want := config.Default()
	m := &want.Marathon
	m.Poll, m.Endpoints, m.Groups = true, []string{"https://m1:8443", "https://m2:8443"}, []string{"a", "b", "c"}
	m.StrictMode, m.DontBindHTTPHTTPS, m.MaxBackoff = true, true, time.Minute
	m.Credentials, m.CredentialsFile, m.CACert = "u:p:q", "/f", "/ca"
	m.HTTPBind, m.AppIDBind = netip.MustParseAddrPort("[::1]:8080"), netip.MustParseAddrPort("127.0.0.1:9191")
	m.ServiceAddr, m.ReservedPorts = netip.MustParseAddr("10.0.0.1"), []int{9190, 9191}
	m.HTTPSBind, m.GroupHTTPSByVHost = route.AnyAddr(8443), true
	want.Proxy.SSLCerts, want.Proxy.TLSMin = []string{"/a.pem", "/dir"}, proxy.TLS11
	m.ResyncInterval, m.Silence = 500*time.Millisecond, 45*time.Second
	m.StateDir = "/s"
	m.MinServicePort, m.MaxServicePort = 10101, 10150
	want.Proxy.AuthScope, want.Stats.Maps = proxy.AuthVHost, true
	want.Stats.Bind = route.AnyAddr(9190)
	want.Proxy.DrainTimeout, want.Proxy.AccessLog = 90*time.Second, proxy.LogAll
	want.Proxy.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}
	want.Log = config.LogOptions{Level: zapcore.WarnLevel, Encoding: config.Console}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestFlagWinsOverOurVariableOverTheContainers(t *testing.T) {
	env := []string{"MARATHON_USER=container", "MARATHON_PASSWORD=x:y", "MARATHON_LB_GROUP=a, b", "MARATHON_LB_HEALTH_CHECK=on",
		"MARATHON_LB_MARATHON=http://a http://b", "POLL_INTERVAL=5", "FRAMEWORK_NAME=marathon-lb", "MARATHON_LB_SILENCE="}
	c := parse(t, "sse", env...)
	m := c.Marathon
	if m.Credentials != "container:x:y" || !slices.Equal(m.Groups, []string{"a", "b"}) || !m.HealthCheck || len(m.Endpoints) != 2 ||
		m.PollInterval != 5*time.Second || m.FrameworkName != "marathon-lb" || m.Silence != 30*time.Second {
		t.Errorf("got %+v", m)
	}
	env = append(env, "MARATHON_LB_AUTH_CREDENTIALS=ours:z")
	if c := parse(t, "sse", env...); c.Marathon.Credentials != "ours:z" {
		t.Errorf("got credentials %q, want our variable's", c.Marathon.Credentials)
	}
	c = parse(t, "sse --auth-credentials flag:z --group c --health-check=false -m http://c", env...)
	m = c.Marathon
	if m.Credentials != "flag:z" || !slices.Equal(m.Groups, []string{"c"}) || m.HealthCheck || !slices.Equal(m.Endpoints, []string{"http://c"}) {
		t.Errorf("got %+v, want what the flags say", m)
	}
}

func TestWhatIsNotObeyedIsSaid(t *testing.T) {
	c := parse(t, "sse --group x --command reload --syslog-socket /dev/null",
		"PORTS=80,443", "HAPROXY_GLOBAL_DEFAULT_OPTIONS=redispatch,http-server-close,dontlognull", "HAPROXY_SYSCTL_PARAMS=a=1",
		"HAPROXY_SSL_CERT7=pem", "HAPROXY_SSL_CERT101=pem", "HAPROXY_HTTP_FRONTEND_HEAD=frontend x", "HAPROXY_BACKEND_HEAD=timeout server 600s", "MARATHON_LB_DRIAN_TIMEOUT=3")
	var got []string
	for _, n := range c.Notices {
		mark := " "
		if n.Lost {
			mark = "!"
		}
		got = append(got, mark+n.Option)
		if n.Reason == "" {
			t.Errorf("%s: no reason", n.Option)
		}
	}
	want := []string{" --command", "!HAPROXY_HTTP_FRONTEND_HEAD",
		"!HAPROXY_SSL_CERT101", " HAPROXY_SYSCTL_PARAMS", "!MARATHON_LB_DRIAN_TIMEOUT"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c = parse(t, "sse --group x", "HAPROXY_GLOBAL_DEFAULT_OPTIONS=redispatch, http-server-close,httplog")
	if len(c.Notices) != 1 || !c.Notices[0].Lost || !c.Proxy.ServerClose {
		t.Errorf("other default options: got %v, want one notice; http-server-close is %v", c.Notices, c.Proxy.ServerClose)
	}
	c = parse(t, "sse --group x", "HAPROXY_GLOBAL_DEFAULT_OPTIONS=redispatch,http-server-close,dontlognull")
	if len(c.Notices) != 0 || c.Proxy.ServerClose {
		t.Errorf("the package's default options: got %v; http-server-close is %v", c.Notices, c.Proxy.ServerClose)
	}
}

func TestTemplatesThatKeepClientsOutRefuseTheStart(t *testing.T) {
	sandbox := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(sandbox, "templates"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sandbox, "templates", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if c := parse(t, "sse --group x", "MESOS_SANDBOX="+sandbox); len(c.Notices) != 0 {
		t.Errorf("no templates, but notices %v", c.Notices)
	}
	write("HAPROXY_HTTP_BACKEND_ACL_ALLOW_DENY", "  http-request deny\n") // the default; only for services with an allow-list
	write("HAPROXY_HTTPS_FRONTEND_HEAD", "frontend marathon_https_in\n  bind *:443 ssl {sslCerts} alpn h2,http/1.1\n  mode http\n")
	write("HAPROXY_HTTPS_FRONTEND_HEAD", "frontend f\n  bind *:443 ssl {sslCerts} crt /more alpn h2,http/1.1 verify none\n  reqadd X-Proto:\\ https if { ssl_fc }\n")
	write("HAPROXY_HTTPS_GROUPED_VHOST_FRONTEND_HEAD", "frontend {name}\n  bind abns@{name} accept-proxy ssl {sslCerts}{bindOpts}\n")
	if c := parse(t, "sse --group x", "MESOS_SANDBOX="+sandbox); len(c.Notices) != 3 || c.Marathon.Templates != nil {
		t.Errorf("got notices %v, want three, and templates %v", c.Notices, c.Marathon.Templates)
	}
	write("HAPROXY_HTTP_FRONTEND_HEAD", "frontend f\n  bind *:80\n  http-request deny if { src 192.0.2.0/24 }\n")
	for _, env := range []string{
		"MESOS_SANDBOX=" + sandbox, `HAPROXY_HTTP_FRONTEND_HEAD=frontend f\n  bind 10.0.0.1:80`,
		"HAPROXY_HTTPS_FRONTEND_HEAD=bind *:443 ssl {sslCerts} verify required", "HAPROXY_HTTPS_FRONTEND_HEAD=bind 10.0.0.1:443 ssl",
		"HAPROXY_HTTPS_FRONTEND_HEAD=bind *:443 ssl {sslCerts} ca-file /ca verify required crl-file /crl", "HAPROXY_HTTP_FRONTEND_HEAD=bind *:80 ca-file /ca verify required",
		`HAPROXY_HTTPS_FRONTEND_HEAD=bind *:443 ssl {sslCerts}\nbind *:8443 ssl {sslCerts} ca-file /ca verify required`,
		"HAPROXY_HTTPS_FRONTEND_HEAD=bind *:443 ssl {sslCerts} ca-file /ca verify required verify required", "HAPROXY_HEAD=stats auth admin:TOPSECRET",
	} {
		if _, err := config.Parse([]string{"--group", "x"}, []string{env}); err == nil || !strings.Contains(err.Error(), "restricts access") || strings.Contains(err.Error(), "TOPSECRET") {
			t.Errorf("%s: got %v, want a refusal", env, err)
		}
	}
}

func TestTemplatesOfSharedFrontendsCountForWhatTheirBindLinesAskFor(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll("templates", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("templates", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("HAPROXY_HTTP_FRONTEND_HEAD", "frontend marathon_http_in\n  bind *:80 accept-proxy\n  mode http\n")
	put("HAPROXY_HTTPS_GROUPED_VHOST_FRONTEND_HEAD", "frontend {name}\n  bind abns@{name} accept-proxy ssl {sslCerts}{bindOpts}\n")
	put("HAPROXY_HTTPS_GROUPED_FRONTEND_HEAD", "frontend x\n  bind *:443 accept-proxy\n")
	proxied := route.BindOptions{AcceptProxy: true}
	verified := route.BindOptions{AcceptProxy: true, Verify: route.VerifyRequired, CA: "/ca.pem", CALabel: "HAPROXY_HTTPS_FRONTEND_HEAD"}
	grouped := verified
	grouped.CALabel = "HAPROXY_HTTPS_GROUPED_VHOST_FRONTEND_HEAD"
	for _, c := range []struct {
		args, env string
		want      map[string]route.BindOptions
	}{
		{"", "", map[string]route.BindOptions{route.HTTPIn: proxied}},
		{" --group-https-by-vhost", "", map[string]route.BindOptions{route.HTTPIn: proxied, route.HTTPSIn: proxied}},
		{"", `HAPROXY_HTTP_FRONTEND_HEAD=frontend x\n  bind *:80\n`, map[string]route.BindOptions{}},
		{"", `HAPROXY_HTTP_FRONTEND_HEAD=frontend x\n  bind *:80 accept-proxy\n  bind *:81\n`, map[string]route.BindOptions{}}, // of which we have one
		{"", `HAPROXY_HTTPS_FRONTEND_HEAD=frontend x\n  bind *:443 accept-proxy ssl {sslCerts}`, map[string]route.BindOptions{route.HTTPIn: proxied, route.HTTPSIn: proxied}},
		{"", `HAPROXY_HTTPS_FRONTEND_HEAD=frontend x\n  bind *:443 ssl {sslCerts} "ca-file" /ca.pem accept-proxy verify required`, map[string]route.BindOptions{route.HTTPIn: proxied, route.HTTPSIn: verified}},
		{"", `HAPROXY_HTTPS_FRONTEND_HEAD=frontend x\n  bind *:443 ssl {sslCerts} alpn h2,http/1.1`, map[string]route.BindOptions{route.HTTPIn: proxied, route.HTTPSIn: {ALPN: "h2,http/1.1"}}},
		{"", `HAPROXY_HTTPS_FRONTEND_HEAD=frontend x\n  bind *:443 ssl {sslCerts} alpn h3,h2`, map[string]route.BindOptions{route.HTTPIn: proxied}}, // none of ours is kept in silence
		{"", `HAPROXY_HTTP_FRONTEND_HEAD=frontend x\n  bind *:80 alpn h2`, map[string]route.BindOptions{}},
		{" --group-https-by-vhost", `HAPROXY_HTTPS_GROUPED_VHOST_FRONTEND_HEAD=frontend x\n  bind abns@{name} accept-proxy ssl {sslCerts}{bindOpts} ca-file /ca.pem verify required`,
			map[string]route.BindOptions{route.HTTPIn: proxied, route.HTTPSIn: grouped}},
		{"", `HAPROXY_HTTP_FRONTEND_APPID_HEAD=frontend x\n  bind *:9091 accept-proxy`, map[string]route.BindOptions{route.HTTPIn: proxied, route.AppIDIn: proxied}},
	} {
		parsed := parse(t, "sse --group x"+c.args, c.env)
		for _, l := range parsed.Marathon.Listeners() {
			if l.Options != c.want[l.Name] {
				t.Errorf("%s %s: %s", c.args, c.env, l)
			}
		}
	}
}

func TestTemplatesForAllServicesComeFromFoldersAndTheEnvironment(t *testing.T) {
	folder, sandbox := t.TempDir(), t.TempDir()
	t.Chdir(folder)
	for path, text := range map[string]string{
		filepath.Join(folder, "templates", "HAPROXY_BACKEND_HEAD"):            "of the folder\n",
		filepath.Join(folder, "templates", "HAPROXY_BACKEND_STICKY_OPTIONS"):  "of the folder\n",
		filepath.Join(folder, "templates", "HAPROXY_BACKEND_HTTP_OPTIONS"):    "of the folder\n",
		filepath.Join(sandbox, "templates", "HAPROXY_BACKEND_STICKY_OPTIONS"): "of the sandbox\n",
		filepath.Join(sandbox, "templates", "HAPROXY_BACKEND_HTTP_OPTIONS"):   "of the sandbox\n",
		filepath.Join(sandbox, "templates", "HAPROXY_HTTP_FRONTEND_HEAD"):     "frontend f\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := parse(t, "sse --group x", "MESOS_SANDBOX="+sandbox, `HAPROXY_BACKEND_HTTP_OPTIONS=of\nthe variable`)
	want := map[string]string{"BACKEND_HEAD": "of the folder\n", "BACKEND_STICKY_OPTIONS": "of the sandbox\n", "BACKEND_HTTP_OPTIONS": "of\nthe variable"}
	if !maps.Equal(c.Marathon.Templates, want) || len(c.Notices) != 1 {
		t.Errorf("got %q, notices %v", c.Marathon.Templates, c.Notices)
	}
}

func TestOfTheTemplateHEADWhatHoldsForServicesIsCarriedOut(t *testing.T) {
	const text = "global\n  daemon\ndefaults\n  errorfile 503 /errors/503.http\n  timeout server 5s\nlisten stats\n  bind :9090\n  errorfile 500 /other\n"
	want := []route.ErrorFile{{Status: 503, Path: "/errors/503.http"}}
	sandbox := t.TempDir()
	if err := os.MkdirAll(filepath.Join(sandbox, "templates"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(sandbox, "templates", "HAPROXY_HEAD"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, env := range []string{"MESOS_SANDBOX=" + sandbox, "HAPROXY_HEAD=" + strings.ReplaceAll(text, "\n", `\n`)} {
		c := parse(t, "sse --group x", env)
		if !slices.Equal(c.Proxy.ErrorFiles, want) || c.Marathon.Templates["HEAD"] != text || len(c.Notices) != 1 || !strings.Contains(c.Notices[0].Reason, "errorfile") {
			t.Errorf("%s: %v, templates %q, notices %v", env, c.Proxy.ErrorFiles, c.Marathon.Templates, c.Notices)
		}
	}
	c := parse(t, "sse --group x", `HAPROXY_HEAD=defaults\n errorfile 999 /x`)
	if len(c.Proxy.ErrorFiles) != 0 || len(c.Notices) != 2 {
		t.Errorf("a status that there is not: %v, notices %v", c.Proxy.ErrorFiles, c.Notices)
	}
}

func TestUsageErrorsNameFlagValueAndRemedy(t *testing.T) {
	for _, c := range []struct{ args, env, want string }{
		{"sse", "", `--group is missing: name a group to serve, such as --group external, or --group "*" for all`},
		{"--group a,", "", `--group "a,": a name is empty; write a group's name, or * for all`},
		{"--group a --marathon=", "", `--marathon "": write at least one base URL, such as http://master.mesos:8080`},
		{"--group a -m marathon.mesos:8080", "", `--marathon: "marathon.mesos:8080" is no URL of Marathon; write http://host:port or https://host:port`},
		{"--group a -m 10.0.0.1:8080", "", `--marathon: "10.0.0.1:8080" is no URL of Marathon; write http://host:port or https://host:port`},
		{"--group a -m east=http://a,b", "", `--marathon: "b" is no URL of Marathon; write http://host:port or https://host:port`},
		{"--group a --drain-timeout soon", "", `--drain-timeout "soon": it must be a length of time such as 30s, 5m, or a number of seconds`},
		{"--group a --silence -5s", "", "--silence needs a value: --silence DURATION"},
		{"--group a --silence=-5s", "", `--silence "-5s": it must be a length of time such as 30s, 5m, or a number of seconds`},
		{"--group a --silence 0", "", `--silence "0": it must be a length of time such as 30s, 5m, or a number of seconds`},
		{"--group a --silence=NaN", "", `--silence "NaN": it must be a length of time such as 30s, 5m, or a number of seconds`},
		{"--group a --http-bind 80", "", `--http-bind "80": it must be an address and a port such as :80, 127.0.0.1:80 or [::1]:80`},
		{"--group a --http-bind :65536", "", `--http-bind ":65536": it must be an address and a port such as :80, 127.0.0.1:80 or [::1]:80`},
		{"--group a --service-addr lb", "", `--service-addr "lb": it must be an IP address such as 10.0.0.1, or * for every address`},
		{"--group a --trusted-proxies 10.0.0.0/33", "", `--trusted-proxies "10.0.0.0/33": "10.0.0.0/33" is not a network; write CIDR such as 10.0.0.0/8 or fd00::/8, or an address`},
		{"--group a --tls-min 1.4", "", `--tls-min "1.4": it must be one of 1.0, 1.1, 1.2, 1.3`},
		{"--group a --access-log some", "", `--access-log "some": it must be one of errors, all, off`},
		{"--group a --log-level loud", "", `--log-level "loud": it must be CRITICAL, ERROR, WARNING, INFO, DEBUG or NOTSET`},
		{"--group a --strict-mode=maybe", "", `--strict-mode "maybe": it must be true or false`},
		{"--group a", "POLL_INTERVAL=often", `environment variable POLL_INTERVAL "often": it must be a length of time such as 30s, 5m, or a number of seconds`},
	} {
		_, err := config.Parse(strings.Fields(c.args), []string{c.env})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got  %v\nwant %s", c.args, err, c.want)
		}
	}
}

func TestSeveralMarathonsAreNamedOrNone(t *testing.T) {
	c := parse(t, "sse --group x --marathon east=http://a,http://b west=http://c")
	if all, err := c.Marathon.Marathons(); err != nil || len(all) != 2 || all[0].Name != "east" || len(all[0].Endpoints) != 2 {
		t.Errorf("%v %v", all, err)
	}
	if _, err := config.Parse([]string{"sse", "--group", "x", "-m", "east=http://a", "http://b"}, nil); err == nil || !strings.Contains(err.Error(), "--marathon") {
		t.Errorf("%v", err)
	}
}

func TestResyncIntervalMayBeZero(t *testing.T) {
	if c := parse(t, "--group x --resync-interval 0"); c.Marathon.ResyncInterval != 0 {
		t.Errorf("got %v", c.Marathon.ResyncInterval)
	}
}

func TestNobodyIsTrustedIfTheListIsEmpty(t *testing.T) {
	if c := parse(t, "--group x --trusted-proxies="); len(c.Proxy.TrustedProxies) != 0 {
		t.Errorf("got %v", c.Proxy.TrustedProxies)
	}
}

func TestCertificatesOfTheEnvironmentStandForMarathonLBsFiles(t *testing.T) {
	c := parse(t, "--group x --ssl-certs= ", `HAPROXY_SSL_CERT7=a\nb\n`, "HAPROXY_SSL_CERT=", "HAPROXY_SSL_CERT100=c\nd", "HAPROXY_SSL_CERT0=e", "HAPROXY_SSL_CERT07=f")
	want := []proxy.CertPEM{
		{Variable: "HAPROXY_SSL_CERT0", Path: "/etc/ssl/cert0.pem", Text: "e"},
		{Variable: "HAPROXY_SSL_CERT7", Path: "/etc/ssl/cert7.pem", Text: "a\nb\n"},
		{Variable: "HAPROXY_SSL_CERT100", Path: "/etc/ssl/cert100.pem", Text: "c\nd"},
	}
	if !slices.Equal(c.Proxy.CertPEMs, want) || len(c.Proxy.SSLCerts) != 0 {
		t.Errorf("got %+v and files %q", c.Proxy.CertPEMs, c.Proxy.SSLCerts)
	}
	if len(c.Notices) != 1 || c.Notices[0].Option != "HAPROXY_SSL_CERT07" {
		t.Errorf("notices %+v", c.Notices)
	}
	c = parse(t, "--group x", "HAPROXY_SSL_CERT=first", "HAPROXY_SSL_CERT1=second")
	if got := c.Proxy.CertPEMs; len(got) != 2 || got[0].Path != "/etc/ssl/cert.pem" || got[0].Text != "first" {
		t.Errorf("got %+v", got)
	}
}

func TestHelpIsAskedFor(t *testing.T) {
	for args, want := range map[string]error{"--help": config.ErrHelp, "sse -h": config.ErrHelp, "--longhelp": config.ErrLongHelp} {
		if _, err := config.Parse(strings.Fields(args), nil); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", args, err, want)
		}
	}
	usage := config.Usage()
	for _, want := range []string{"Usage: marathon-lb sse|poll", "-m, --marathon URL [URL ...]", "(default *:9090)", "--longhelp"} {
		if !strings.Contains(usage, want) {
			t.Errorf("usage has no %q:\n%s", want, usage)
		}
	}
	if strings.Contains(usage, "MaxServicePort") || strings.Contains(usage, "invalid means") {
		t.Errorf("usage speaks of Go's names and values:\n%s", usage)
	}
	if strings.Contains(usage, "--haproxy-config") {
		t.Errorf("usage shows a flag without effect:\n%s", usage)
	}
}
