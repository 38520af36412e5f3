package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon"
	"marathon-lb/marathon/marathontest"
)

// trial is a label as its users meet it: what a client sees of an app without it, with a good value and with a bad one.
type trial struct {
	label string   // in full
	more  []string // labels beside it: names and values; $NAME stands for the app's name
	good  string
	bad   string // empty if no value is bad
	value string // of the problem, where it is not the bad value
	look  func(s sight) string

	tasks int // 2 if zero

	without, with, withBad string // what look sees; a * at the end stands for any rest
}

// sight is an app seen through the load balancer.
type sight struct {
	rig  *rig
	name string // id without slash
	port int    // of its first service port; the second is the next
	free int    // a port of its own that nobody has
}

func (s sight) vhost() string { return s.name + ".test" }

// show is a response in short: its status, and what of it the trials are about.
func show(resp *http.Response, err error, words ...string) string {
	if err != nil {
		return "refused"
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	seen := []string{fmt.Sprint(resp.StatusCode)}
	for _, w := range words {
		switch {
		case strings.HasSuffix(w, "=") && strings.Contains(string(body), w):
			_, rest, _ := strings.Cut(string(body), w)
			value, _, _ := strings.Cut(rest, "\n")
			seen = append(seen, w+value)
		case !strings.HasSuffix(w, "=") && resp.Header.Get(w) != "":
			seen = append(seen, strings.SplitN(resp.Header.Get(w), ";", 2)[0])
		}
	}
	return strings.Join(seen, " ")
}

// once asks one request and follows no redirect.
func once(url string, fields ...string) (*http.Response, error) {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "Host" {
			req.Host = fields[i+1]
		}
		req.Header.Set(fields[i], fields[i+1])
	}
	return http.DefaultTransport.RoundTrip(req)
}

// byHost looks at a path by the app's host, on :80's stand-in.
func byHost(path string, words ...string) func(sight) string {
	return func(s sight) string {
		resp, err := once(s.rig.http+path, "Host", s.vhost(), "Want-Location", "/login")
		return show(resp, err, words...)
	}
}

// byPort looks at a path on the app's service port of that index.
func byPort(index int, path string, words ...string) func(sight) string {
	return func(s sight) string {
		resp, err := once("http://"+loopback(s.port+index)+path, "Want-Location", "/login")
		return show(resp, err, words...)
	}
}

// servers counts which tasks answer six requests that differ in a field only.
func answering(s sight) string {
	seen := map[string]bool{}
	for range 6 {
		resp, err := once("http://"+loopback(s.port), "X-User", "bob")
		seen[show(resp, err, "task=")] = true
	}
	return fmt.Sprint(len(seen), " of 2")
}

// overTLS looks at the first service port with TLS: the status, and who the certificate is for.
func overTLS(s sight) string {
	body, cert := secureGet(loopback(s.port), s.vhost())
	if !strings.Contains(body, "task=") {
		return "refused"
	}
	return "200 " + cert
}

const vhost = "HAPROXY_0_VHOST"

// bobsSecret lets in bob with the password "secret".
const bobsSecret = "Restricted:bob:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"

var trials = []trial{
	{label: "HAPROXY_GROUP", good: "internal, external", look: byPort(0, "/"), without: "refused", with: "200"},
	{label: "HAPROXY_0_GROUP", good: "internal", look: byPort(0, "/"), without: "200", with: "refused"},
	{label: "HAPROXY_0_ENABLED", good: "no", bad: "maybe", look: byPort(0, "/"), without: "200", with: "refused", withBad: "refused"},
	{label: vhost, good: "$NAME.test, other-$NAME.test", bad: "http://$NAME.test", look: byHost("/"), without: "503", with: "200", withBad: "503"},
	{label: "HAPROXY_0_PATH", more: []string{vhost, "$NAME.test"}, good: "/api", bad: "api", look: byHost("/"), without: "200", with: "503", withBad: "503"},
	{label: "HAPROXY_1_BACKEND_WEIGHT", more: []string{vhost, "$NAME.test", "HAPROXY_1_VHOST", "$NAME.test"}, good: "7", bad: "heavy",
		look: byHost("/", "index="), without: "200 index=0", with: "200 index=1", withBad: "200 index=0"},
	{label: "HAPROXY_0_MODE", good: "tcp", bad: "udp", look: byPort(0, "/", "forwarded="), without: "200 forwarded=127.0.0.1",
		with: "200 forwarded=", withBad: "200 forwarded=127.0.0.1"},
	{label: "HAPROXY_0_PORT", good: "$FREE", bad: "eighty", look: func(s sight) string {
		resp, err := once("http://" + loopback(s.free))
		return show(resp, err)
	}, without: "refused", with: "200", withBad: "refused"},
	{label: "HAPROXY_0_BIND_ADDR", good: "127.0.0.2", bad: "eth0", look: byPort(0, "/"), without: "200", with: "refused", withBad: "refused"},
	{label: "HAPROXY_0_BALANCE", good: "hdr(X-User)", bad: "fastest", look: answering, without: "2 of 2", with: "1 of 2", withBad: "2 of 2"},
	{label: "HAPROXY_0_STICKY", good: "true", bad: "sure", look: func(s sight) string {
		resp, err := once("http://" + loopback(s.port))
		name, _, _ := strings.Cut(show(resp, err, "Set-Cookie"), "=")
		return name
	}, without: "200", with: "200 mesosphere_server_id", withBad: "200"},
	{label: "HAPROXY_0_REDIRECT_TO_HTTPS", more: []string{vhost, "$NAME.test"}, good: "true", bad: "sure", look: byHost("/x?y", "Location"),
		without: "200 /login", with: "301 https://with-*", withBad: "200 /login"},
	{label: "HAPROXY_0_USE_HSTS", good: "true", bad: "sure", look: byPort(0, "/", "Strict-Transport-Security"), without: "200",
		with: "200 max-age=15768000", withBad: "200"},
	{label: "HAPROXY_0_AUTH", more: []string{vhost, "$NAME.test"}, good: bobsSecret, bad: "Restricted:bob:secret", value: "(not shown)",
		look: byHost("/", "WWW-Authenticate"), without: "200", with: `401 Basic realm="Restricted"`, withBad: "503"},
	{label: "HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", good: "10.0.0.0/8 192.0.2.1", bad: "10.0.0.0/33", look: byPort(0, "/"), without: "200", with: "403", withBad: "503"},
	{label: "HAPROXY_1_BACKEND_HEALTHCHECK_PORT_INDEX", good: "0", bad: "first", look: byPort(1, "/", "forwarded="), // the check is for port 0
		without: "200 forwarded=", with: "200 forwarded=127.0.0.1", withBad: "200 forwarded="},
	{label: "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", more: []string{vhost, "$NAME.test"}, good: "/foo", bad: "foo", look: byHost("/foo/bar?q", "target="),
		without: "200 target=/foo/bar?q", with: "200 target=/bar?q", withBad: "200 target=/foo/bar?q"},
	{label: "HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH", good: "/my/content", bad: "my", look: byPort(0, "/", "Location"),
		without: "200 /login", with: "200 /my/content/login", withBad: "200 /login"},
	{label: "HAPROXY_0_HTTP_BACKEND_REDIR", more: []string{vhost, "$NAME.test"}, good: "/my/content", bad: "my content", look: byHost("/", "Location"),
		without: "200 /login", with: "301 /my/content", withBad: "200 /login"},
	{label: "HAPROXY_0_SSL_CERT", good: "$PEM", bad: " ", look: overTLS, without: "refused", with: "200 cert.test", withBad: "refused"},
	{label: "HAPROXY_0_BIND_OPTIONS", good: "ssl crt $PEM no-sslv3", bad: "ssl crt $PEM verify required ca-file /ca.pem", value: "/ca.pem", look: overTLS,
		without: "refused", with: "200 cert.test", withBad: "refused"},
	{label: "HAPROXY_DEPLOYMENT_GROUP", good: "team-$NAME", bad: "a b", look: func(s sight) string {
		resp, err := once(s.rig.appID, "X-Marathon-App-Id", "/team-"+s.name)
		return show(resp, err)
	}, without: "503", with: "200", withBad: "503"},
}

// elsewhere are labels whose effect other tests show to a client.
var elsewhere = map[string]string{
	"HAPROXY_DEPLOYMENT_STARTED_AT":       "TestTheColoursOfADeploymentChangeOver",
	"HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "TestTheColoursOfADeploymentChangeOver",
	"HAPROXY_DEPLOYMENT_NEW_INSTANCES":    "TestTheColoursOfADeploymentChangeOver",
	"HAPROXY_{n}_SLOWSTART":               "TestANewTaskGetsItsShareSlowly",
	"HAPROXY_{n}_CANARY":                  "TestTwoAppsShareAHostAsACanaryGroup",
	"HAPROXY_{n}_CANARY_WEIGHT":           "TestTwoAppsShareAHostAsACanaryGroup",
	"HAPROXY_{n}_HOLD":                    "TestARequestIsHeldUntilTheAppHasATask",
}

// tell is what tasks answer: which they are, and what they were asked.
func tell(t *marathontest.Task) http.Handler {
	greet := marathontest.Greeting(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			greet.ServeHTTP(w, r)
			return
		}
		if to := r.Header.Get("Want-Location"); to != "" {
			w.Header().Set("Location", to)
		}
		at := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		fmt.Fprintf(w, "task=%s\nindex=%d\nforwarded=%s\ntarget=%s\nhost=%s\n", t.ID(), slices.IndexFunc(t.Addrs(), func(a netip.AddrPort) bool { return int(a.Port()) == at.Port }),
			r.Header.Get("X-Forwarded-For"), r.RequestURI, r.Host)
	})
}

// twoPorts is an app of two tasks with two ports each, the first of which a health check watches.
func twoPorts(name string, port int, labels map[string]string) marathontest.App {
	a := app("/"+name, port, 2)
	a.Container.PortMappings = append(a.Container.PortMappings, marathontest.PortMapping{ContainerPort: 8081, ServicePort: port + 1})
	a.HealthChecks[0].PortIndex = new(int)
	for label, value := range labels {
		a.Labels[label] = value
	}
	return a
}

func TestEachLabelAsAClientSeesIt(t *testing.T) {
	r := newRig(t, marathontest.Options{Handler: tell})
	covered := tryAll(t, r, trials)
	for _, c := range recipes {
		covered[c.label] = true
	}
	for _, l := range marathon.Labels() {
		name := l.Pattern()
		if l.Effect == marathon.CarriedOut && elsewhere[name] == "" && !covered[strings.Replace(name, "{n}", "0", 1)] && !covered[strings.Replace(name, "{n}", "1", 1)] {
			t.Errorf("%s is carried out, and no trial shows it to a client", name)
		}
	}
}

// tryAll has clients see all trials, and says which labels that were.
func tryAll(t *testing.T, r *rig, trials []trial) (covered map[string]bool) {
	t.Helper()
	pem := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(pem, []byte(certificate(t, "cert.test")), 0o600); err != nil {
		t.Fatal(err)
	}
	covered = map[string]bool{}
	sights := map[string]sight{}
	for i, c := range trials {
		for _, kind := range []string{"without", "with", "bad"} {
			if kind == "without" && c.without == "" {
				continue
			}
			s := sight{rig: r, name: fmt.Sprintf("%s-%02d", kind, i), port: freePorts(t, 2), free: freePort(t)}
			labels := map[string]string{}
			fill := strings.NewReplacer("$NAME", s.name, "$FREE", fmt.Sprint(s.free), "$PEM", pem)
			for j := 0; j+1 < len(c.more); j += 2 {
				labels[c.more[j]] = fill.Replace(c.more[j+1])
			}
			switch kind {
			case "with":
				labels[c.label] = fill.Replace(c.good)
			case "bad":
				labels[c.label] = fill.Replace(c.bad)
			}
			a := twoPorts(s.name, s.port, labels)
			if kind == "without" {
				delete(a.Labels, c.label)
			}
			if kind != "bad" || c.bad != "" {
				a.Instances = cmp.Or(c.tasks, a.Instances)
				create(t, r.sim, a)
				sights[s.name] = s
			}
		}
		covered[c.label] = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.sim.WaitSettled(ctx); err != nil {
		t.Fatal(err)
	}
	for i, c := range trials {
		for kind, want := range map[string]string{"without": c.without, "with": c.with, "bad": c.withBad} {
			s, made := sights[fmt.Sprintf("%s-%02d", kind, i)]
			if !made {
				continue
			}
			last := ""
			begin, open := strings.CutSuffix(want, "*")
			if !within(5*time.Second, func() bool { last = c.look(s); return last == want || open && strings.HasPrefix(last, begin) }) {
				t.Errorf("%s %s: a client sees %q, want %q", c.label, kind, last, want)
			}
		}
		s := sights[fmt.Sprintf("bad-%02d", i)]
		bad := cmp.Or(c.value, strings.NewReplacer("$NAME", s.name, "$PEM", pem).Replace(c.bad))
		if c.bad != "" && !slices.ContainsFunc(problems(t, r.stats), func(p struct{ App, Label, Value, Reason, Remedy string }) bool {
			return p.App == "/"+s.name && p.Label == c.label && p.Value == bad && p.Reason != "" && p.Remedy != ""
		}) {
			t.Errorf("%s=%q: no problem names app, label, value and remedy: %+v", c.label, bad, problems(t, r.stats))
		}
	}
	return covered
}

// within waits until something holds; false if it does not in time.
func within(d time.Duration, holds func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(d)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}

// Two tasks of each colour: how many of them answer, by the labels of the one that comes.
func TestTheColoursOfADeploymentChangeOver(t *testing.T) {
	r := newRig(t, marathontest.Options{Handler: tell})
	const started, target, fresh = "HAPROXY_DEPLOYMENT_STARTED_AT", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES", "HAPROXY_DEPLOYMENT_NEW_INSTANCES"
	type change struct {
		name    string
		labels  []string // of the green app
		answer  int      // tasks that answer
		problem string   // label of the problem, empty for none
		port    int
	}
	changes := []change{
		{name: "undated", answer: 4, problem: started},
		{name: "dated", labels: []string{started, "2016-02-01T15:00:00"}, answer: 2},
		{name: "baddate", labels: []string{started, "tomorrow"}, answer: 4, problem: started},
		{name: "staged", labels: []string{started, "2016-02-01T15:00:00", fresh, "0", target, "3"}, answer: 3},
		{name: "begun", labels: []string{started, "2016-02-01T15:00:00", fresh, "0", target, "4"}, answer: 4},
		{name: "badtarget", labels: []string{started, "2016-02-01T15:00:00", fresh, "0", target, "all"}, answer: 4, problem: target},
		{name: "notarget", labels: []string{started, "2016-02-01T15:00:00", fresh, "0"}, answer: 4, problem: target},
	}
	for i := range changes {
		c := &changes[i]
		c.port = freePort(t)
		blue := []string{"HAPROXY_DEPLOYMENT_GROUP", c.name}
		if c.name != "undated" && c.name != "baddate" {
			blue = append(blue, started, "2016-02-01T14:13:42.499089")
		}
		green := append([]string{"HAPROXY_DEPLOYMENT_GROUP", c.name, "HAPROXY_0_PORT", fmt.Sprint(c.port)}, c.labels...)
		create(t, r.sim, app("/"+c.name+"-blue", c.port, 2, blue...), app("/"+c.name+"-green", freePort(t), 2, green...))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.sim.WaitSettled(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		seen := map[string]bool{}
		if !within(5*time.Second, func() bool {
			clear(seen)
			for range 8 {
				resp, err := once("http://" + loopback(c.port))
				seen[show(resp, err, "task=")] = true
			}
			return len(seen) == c.answer && len(servers(r.stats, fmt.Sprintf("%s_%d", c.name, c.port))) == 4
		}) {
			t.Errorf("%s: %d tasks answer, want %d: %v", c.name, len(seen), c.answer, servers(r.stats, fmt.Sprintf("%s_%d", c.name, c.port)))
		}
		named := slices.ContainsFunc(problems(t, r.stats), func(p struct{ App, Label, Value, Reason, Remedy string }) bool {
			return p.App == "/"+c.name+"-green" && p.Label == c.problem && p.Remedy != ""
		})
		if named != (c.problem != "") {
			t.Errorf("%s: problems %+v", c.name, problems(t, r.stats))
		}
	}
}

// The failure classes of marathon-lb.md 4.6: what Marathon-LB dropped the app for, what froze everything, what it was silent about.
// All of them in one app, among fifty.
func TestOneAppWithEveryKindOfBadLabelAmongFifty(t *testing.T) {
	r := newRig(t, marathontest.Options{Handler: tell})
	bad := map[string]string{
		"HAPROXY_0_BALANCE": "fastest", "HAPROXY_0_BACKEND_HTTP_OPTIONS": "  nonsense\n", // excluded by HAProxy
		"HAPROXY_1_MODE": "tcp", "HAPROXY_1_VHOST": "x.test",
		"HAPROXY_0_PORT": "eighty", "HAPROXY_0_BACKEND_WEIGHT": "heavy", "HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX": "one", // a frozen load balancer
		"HAPROXY_1_AUTH": "two:parts", "HAPROXY_0_BACKEND_HEAD": "backend {nothing}\n", "HAPROXY_DEPLOYMENT_GROUP": "",
		"HAPROXY_0_VHSOT": "a.test", "HAPROXY_7_VHOST": "b.test", "HAPROXY_0_STICKY": "si", "HAPROXY_0_PATH": "api", // silence
	}
	port := freePorts(t, 2)
	create(t, r.sim, twoPorts("bad", port, bad))
	good := make([]int, 49)
	for i := range good {
		good[i] = freePorts(t, 2)
		create(t, r.sim, app(fmt.Sprintf("/good%02d", i), good[i], 1, vhost, fmt.Sprintf("good%02d.test", i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.sim.WaitSettled(ctx); err != nil {
		t.Fatal(err)
	}
	for i, p := range good {
		host := fmt.Sprintf("good%02d.test", i)
		eventually(t, host+" is served by host and port", func() bool {
			byHost, _ := get(r.http, "Host", host)
			byPort, _ := get("http://" + loopback(p))
			return byHost == 200 && byPort == 200
		})
	}
	if status, _ := get("http://" + loopback(port)); status != 200 {
		t.Errorf("the bad app's first port: %d, and it should serve what it can", status)
	}
	if status, _ := get("http://" + loopback(port+1)); status != 0 {
		t.Errorf("the bad app's second port: %d, and it is closed: its password cannot be asked for", status)
	}
	_, page := get(r.stats + "/haproxy?stats")
	for label := range bad {
		if label == "HAPROXY_1_MODE" { // good by itself: VHOST beside it is not
			continue
		}
		if !slices.ContainsFunc(problems(t, r.stats), func(p struct{ App, Label, Value, Reason, Remedy string }) bool {
			return p.App == "/bad" && p.Label == label && p.Remedy != ""
		}) {
			t.Errorf("/v1/problems does not name %s", label)
		}
		if !strings.Contains(page, label) {
			t.Errorf("the page does not name %s", label)
		}
		eventually(t, "the log names "+label, func() bool {
			for _, e := range r.logs.FilterMessage("problem").All() {
				if m := e.ContextMap(); m["app"] == "/bad" && m["label"] == label && m["remedy"] != "" {
					return true
				}
			}
			return false
		})
	}
	for _, p := range problems(t, r.stats) {
		if p.App != "/bad" {
			t.Errorf("a problem of a neighbour: %+v", p)
		}
	}
}
