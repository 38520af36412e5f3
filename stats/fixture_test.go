package stats_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"marathon-lb/internal/route"
	"marathon-lb/stats"
)

// openFiles is the limit the tests run with, so that what follows from it is the same on every machine.
const openFiles = 1024

func TestMain(m *testing.M) {
	flag.Parse()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		panic(err)
	}
	files.Cur = openFiles
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// every is a table with every state there is: the one the reference samples show, as far as it exists here.
func every(now time.Time) *route.Table {
	check := &route.Check{Protocol: "HTTP", Path: "/health", Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 4}
	spec := route.Spec{Listeners: []route.ListenerSpec{
		{Name: route.HTTPIn, Bind: route.AnyAddr(80), Mode: route.HTTP, Entry: route.ByHost},
		{Name: route.AppIDIn, Bind: route.AnyAddr(9091), Mode: route.HTTP, Entry: route.ByAppID},
		{Name: route.HTTPSIn, Bind: route.AnyAddr(443), Mode: route.HTTP, Entry: route.ByHost},
	}, Backends: []route.BackendSpec{
		service("/web", 10001, route.HTTP, check, 6, route.Rule{Host: "www.example.com"}, route.Rule{Host: "example.com", Path: "/shop"}),
		service("/prod/api", 10002, route.HTTP, nil, 3),
		service("/db", 10003, route.TCP, check, 2),
		service("/dead", 10004, route.HTTP, check, 1),
		service("/empty", 10005, route.HTTP, check, 0),
		service("/shaky", 10006, route.HTTP, check, 2),
		service("/panic", 10007, route.HTTP, check, 2),
	}}
	for _, b := range spec.Backends {
		spec.Listeners = append(spec.Listeners, route.ListenerSpec{
			Name: b.Name, Bind: route.AnyAddr(b.Port), Mode: b.Mode, Entry: route.ByService, Backend: b.Name, App: b.App,
		})
	}
	web := &spec.Backends[0]
	web.Sticky = "mesosphere_server_id"
	web.Servers[4].State, web.Servers[5].State = route.Draining, route.LastResort
	spec.Backends[1].Servers[2].State = route.Draining

	web.Servers[3].Vouched = false
	spec.Backends[3].Servers[0].Vouched = false
	table, _ := route.Build(route.NewTable(2), spec.Change(now))
	probe(table, now, "web_10001", 0, passed)
	probe(table, now, "web_10001", 2, wrongStatus, wrongStatus, wrongStatus, wrongStatus)
	probe(table, now, "web_10001", 5, passed)
	probe(table, now, "db_10003", 0, connected)
	probe(table, now, "db_10003", 1, refused, refused, refused, refused)
	probe(table, now, "dead_10004", 0, refused)
	probe(table, now, "shaky_10006", 0, passed, wrongStatus)
	probe(table, now, "shaky_10006", 1, stalled, stalled, stalled, stalled, passed)
	for i := range 2 {
		probe(table, now, "panic_10007", i, refused, refused, refused, refused)
	}
	return table
}

// What probes find.
var (
	passed      = route.Result{Status: route.L7OK, Code: 200, Took: 1700 * time.Microsecond}
	wrongStatus = route.Result{Status: route.L7STS, Code: 503, Took: 2 * time.Millisecond, Text: `Not "well", yet`}
	stalled     = route.Result{Status: route.L7TOUT, Took: time.Second}
	connected   = route.Result{Status: route.L4OK}
	refused     = route.Result{Status: route.L4CON, Text: "Connection refused"}
)

// probe has a server probed with these results, one after the other.
func probe(t *route.Table, now time.Time, backend string, i int, results ...route.Result) {
	b := t.Backend(backend)
	for _, r := range results {
		if s := b.Servers[i]; s.Found(s.Plan(), r, now) {
			b.NoteHealth(now)
		}
	}
}

// service is a backend with n servers on 10.0.1.11 and up, which Marathon vouches for.
func service(app string, port int, mode route.Mode, check *route.Check, n int, rules ...route.Rule) route.BackendSpec {
	b := route.BackendSpec{App: app, Port: port, Mode: mode, Balance: route.RoundRobin, Check: check, Rules: rules}
	for _, c := range app[1:] {
		if c == '/' {
			c = '_'
		}
		b.Name += string(c)
	}
	b.Name += fmt.Sprint("_", port)
	for i := range n {
		b.Servers = append(b.Servers, route.ServerSpec{
			Name: fmt.Sprintf("10_0_%d_%d_%d", 1+i/200, 11+i%200, 31001+i), App: app, Task: fmt.Sprintf("%s.task-%d", b.Name, i),
			Addr:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(1 + i/200), byte(11 + i%200)}), uint16(31001+i)),
			Cookie: fmt.Sprint("c", i), ID: 101 + i, Vouched: check != nil,
		})
	}
	return b
}

// traffic counts some requests on everything in the table, the more the later it comes.
func traffic(table *route.Table, now time.Time) {
	n := uint64(0)
	count := func(s *route.Stats, c ...route.Count) {
		for _, c := range c {
			n += 7
			s.Add(0, c, n*n)
			s.Add(1, c, 1)
		}
		s.Touch(now.Add(-3 * time.Second).UnixNano())
		s.TotalTime.Add(int64(n))
		s.TotalTime.Add(3)
	}
	for _, l := range table.Listeners() {
		count(l.Stats, route.Connections, route.Sessions, route.Requests, route.BytesIn, route.BytesOut, route.Resp2xx, route.Resp4xx)
		l.Stats.Sessions.Inc()
	}
	for _, b := range table.Backends() {
		count(b.Stats, route.Sessions, route.Requests, route.BytesIn, route.BytesOut, route.Resp2xx, route.Resp5xx, route.ErrConn)
		for _, s := range b.Servers {
			if s.Usable() {
				count(s.Stats, route.Sessions, route.Requests, route.BytesIn, route.BytesOut, route.Resp2xx, route.LoadBalanced, route.Connects)
				s.Begin()
			}
		}
	}
}

var someProblems = []route.Problem{
	{App: "/web", Label: "HAPROXY_0_MODE", Value: "htttp", Reason: "there is no such mode; http is used", Remedy: "write http or tcp"},
	{App: "/prod/api", Label: "HAPROXY_0_BACKEND_WEIGHT", Value: "<b>heavy</b>", Reason: "not a number; 0 is used",
		Remedy: "write a whole number, such as 10"},
}

// source shows a table as it would be in good times.
func source(table *route.Table, now time.Time) stats.Source {
	return stats.Source{
		Version:  "1.0.0-test",
		Table:    func() *route.Table { return table },
		Problems: func() []route.Problem { return someProblems },
		Verdicts: func() []route.Verdict {
			return []route.Verdict{{App: "/web", Port: 10001, Backend: "web_10001", Why: route.Exposed}}
		},
		Explain: func(q route.Question) (route.Explanation, error) {
			if q.Target == "ftp://x" {
				return route.Explanation{}, errors.New("ftp is no scheme <that> is served")
			}
			return route.Explanation{Question: q.Target, Answer: "asked with " + strings.Join(append([]string{q.Method, q.From}, q.Header...), "|")}, nil
		},
		Marathons: func() []stats.Marathon {
			return []stats.Marathon{{
				Up: true, Since: now.Add(-time.Hour), Endpoint: "http://m1.example:8080", Leader: "m1.example:8080",
				Read: now.Add(-5 * time.Second), LastEvent: now.Add(-2 * time.Second), Apps: 5, Events: 17, BadEvents: 1, Reconnects: 2, Builds: 9,
				ReadErrors: map[string]uint64{"timeout": 3, "status": 1},
			}}
		},
		Ready:   func() bool { return true },
		Resync:  func() {},
		HAProxy: func() string { return "global\n" },
		Certificates: func() []stats.Certificate {
			return []stats.Certificate{{Source: "/certs/a.pem", Hosts: []string{"a.example", "*.a.example"}, NotAfter: time.Unix(1900000000, 0)}}
		},
	}
}

// serve runs a server on a free loopback port until the test ends, and returns its address.
func serve(t testing.TB, src stats.Source) string { return serveWith(t, stats.Options{}, src) }

func serveWith(t testing.TB, o stats.Options, src stats.Source) string {
	t.Helper()
	o.Bind = netip.MustParseAddrPort("127.0.0.1:0")
	s := stats.NewServer(o, src, zap.NewNop())
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

// raw sends bytes as they are and returns all that comes back until the server closes or, for answers that keep the connection,
// the client has asked to close.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return readAll(t, c)
}
