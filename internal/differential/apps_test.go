package differential_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"marathon-lb/marathon"
)

// password is what the hashes below are of, and userName whose it is.
const (
	userName = "bob"
	password = "geheim"
)

var hashes = []string{
	"$1$saltsalt$wTLsTBb/.H7e4VHujepbF0",
	"$5$saltsalt$cKRA0A5uaKu0/NNi2WMrB.mMOAVMowckrDNQ4fKUJ06",
	"$6$saltsalt$sfZR6YSW/Dp0uCiyF9fDipa6ORr5LVLOwXNgtzRlXXhkC7xA3w4zy97VIC3vL14AUXGJp3yBjZVztkdiBzJnX1",
	"$2b$04$abcdefghijklmnopqrstuuPWRtT5yx7FBi4dcf6ROhboeNunUrLQ.",
}

// chance is a value of a label, and how often in a hundred apps there is one of those.
type chance struct {
	percent int
	values  []string
}

// hostLists and paths are what rules are made of; requests use them too.
var (
	hostLists = []string{
		"a.example", "b.example", "a.example,b.example", "a.example, c.example", "*.w.example", "x.w.example", "*.x.w.example,w.example", "*",
		"A.Example.", "a_b.example", "10.1.2.3", "it's.example", "a.example,*.w.example", "h-1.example:8080", "*.", "-x.example", "a b.example",
	}
	paths = []string{
		"/", "/a", "/a/b", "/ab", "-i /Foo /bar", "/a;b", "/a%20b", "/it's", `/a\b`, "/$x", `/q"q`, "/{", "/%41", "/a /b/c /ab", "noslash", "-m beg /a", "-- /a",
		"/~u/[1]", "/a,b", "/a=b&c", "/*",
	}
)

var balances = []string{
	"roundrobin", "leastconn", "first", "random", "source", "uri", "uri whole", "url_param id", "hdr(Host)", "hdr(X-It)", "static-rr", "random(3)", "x",
}

// labels are by name, {n} being a port's index.
var labels = map[string]chance{
	"VHOST":                       {75, hostLists},
	"PATH":                        {45, paths},
	"BACKEND_WEIGHT":              {20, []string{"5", "0", "-3", "x"}},
	"MODE":                        {25, []string{"http", "http", "tcp", "HTTP", "udp"}},
	"BALANCE":                     {40, balances},
	"STICKY":                      {35, []string{"true", "1", "maybe"}},
	"REDIRECT_TO_HTTPS":           {15, []string{"true"}},
	"USE_HSTS":                    {20, []string{"true"}},
	"AUTH":                        {20, authLabels()},
	"BACKEND_NETWORK_ALLOWED_ACL": {20, []string{"127.0.0.0/8", "127.0.5.5", "10.0.0.0/8", "127.0.6.0/24 10.1.1.1", "127.0.5.0/255.255.255.0 ::1", "nonsense"}},
	"HTTP_BACKEND_PROXYPASS_PATH": {20, []string{"/a", "/foo", "/", "/a.b", "/it's", "/a/b/", "/%41"}},
	"HTTP_BACKEND_REVPROXY_PATH":  {20, []string{"/my/content", "/my/", "/", "/it's", "/a%b", `/a\1b`}},
	"HTTP_BACKEND_REDIR":          {15, []string{"/my/content", "http://other.example/?a=1&b=%41", "/it's"}},
	"BIND_ADDR":                   {5, []string{"127.0.0.1", "*", "nowhere"}},
	"BACKEND_HTTP_OPTIONS":        {3, []string{"option forwardfor\n"}},
	"SLOWSTART":                   {10, []string{"10s"}},
	"ENABLED":                     {5, []string{"false"}},
}

func authLabels() []string {
	list := []string{"broken", "realm:" + userName + ":plain"}
	for i, h := range hashes {
		list = append(list, []string{"Restricted", `it's "here"`, "a b", `back\slash`}[i]+":"+userName+":"+h)
	}
	return list
}

// world is what a set is drawn from: who can be a server, and which ports are free.
type world struct {
	cert     string // a PEM file
	tasks    []int  // ports of servers
	services []int  // ports to listen on
}

// apps draws a set. No two servers have an address in common, so that it tells which server a request met.
func (w world) apps(r *rand.Rand) ([]marathon.App, []marathon.Facts) {
	tasks, services := slices.Clone(w.tasks), slices.Clone(w.services)
	take := func(from *[]int) int {
		p := (*from)[0]
		*from = (*from)[1:]
		return p
	}
	var apps []marathon.App
	var facts []marathon.Facts
	for i := range 2 + r.IntN(6) {
		a := marathon.App{
			ID: fmt.Sprintf("/%s/app%d", []string{"team", "a.b", "x"}[r.IntN(3)], i), Version: "2026-11-24T12:00:00Z",
			Labels: map[string]string{"HAPROXY_GROUP": "external"},
		}
		f := marathon.Facts{Health: map[string]marathon.Health{}}
		ports := 1 + r.IntN(10)/8
		for n := range ports {
			a.PortDefinitions = append(a.PortDefinitions, marathon.PortDefinition{Port: take(&services)})
			label(r, a.Labels, n)
			templates(r, a.Labels, n)
			if r.IntN(4) == 0 {
				a.Labels[fmt.Sprintf("HAPROXY_%d_SSL_CERT", n)] = w.cert
			}
			if r.IntN(10) == 0 {
				a.Labels[fmt.Sprintf("HAPROXY_%d_BIND_OPTIONS", n)] = pick(r, "ssl crt "+w.cert, "accept-proxy", "ssl crt "+w.cert+" alpn h2,http/1.1 accept-proxy", "crt "+w.cert+" verify optional ca-file "+w.cert, "name x tfo")
			}
		}
		checked := r.IntN(4) == 0
		if checked {
			a.HealthChecks = []marathon.HealthCheck{check(r)}
		}
		for n := range []int{0, 1, 1, 2, 2, 3}[r.IntN(6)] {
			t := task(r, a.ID, n)
			for range ports {
				t.Ports = append(t.Ports, take(&tasks))
			}
			if f.Health[t.ID] = marathon.Unchecked; checked {
				f.Health[t.ID] = marathon.Healthy
			}
			a.Tasks = append(a.Tasks, t)
		}
		apps, facts = append(apps, a), append(facts, f)
	}
	return apps, facts
}

func task(r *rand.Rand, app string, n int) marathon.Task {
	t := marathon.Task{
		ID: fmt.Sprintf("task%s.%d", app[1:], n), AppID: app, Host: "127.0.0.1", State: marathon.TaskRunning,
		StartedAt: marathon.Time{Time: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)},
	}
	switch r.IntN(10) {
	case 0:
		t.State = marathon.TaskKilling
	case 1:
		t.State = marathon.TaskLost
	}
	return t
}

func check(r *rand.Rand) marathon.HealthCheck {
	first := 0
	return marathon.HealthCheck{
		Protocol: []string{"HTTP", "MESOS_HTTP", "TCP", "COMMAND"}[r.IntN(4)], Path: []string{"/health", "", "/it's?a=%41"}[r.IntN(3)], PortIndex: &first,
		IntervalSeconds: 10, TimeoutSeconds: 5, MaxConsecutiveFailures: 3,
	}
}

// label draws those of a port.
func label(r *rand.Rand, into map[string]string, port int) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if c := labels[name]; r.IntN(100) < c.percent {
			into[fmt.Sprintf("HAPROXY_%d_%s", port, name)] = c.values[r.IntN(len(c.values))]
		}
	}
}
