package proxy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// wire is a case of bytes on sockets: what a client sends, what the server answers, and what has to come of it.
type wire struct {
	rule, name string
	send       string
	ways       []way   // in which it is sent, each a case of its own; all of them if nil
	replies    []reply // the server's, to one request after the other; the last one stands for all that follow
	want       want
	slow       bool // it waits for a time-out
}

// want is what has to be seen: by the client, by the server, in the log and in the counters.
type want struct {
	status  int    // of the answer; 0 if the connection ends without one
	term    string // in the log
	logged  int    // the status there; as answered if 0
	goes    bool   // the client's connection goes on
	cut     bool   // the answer looks cut
	body    string // of the answer, if it is 200
	conns   int    // that the server has had, the probe's among them; 0 for any number
	reached int    // whole requests that the server has seen
	begun   int    // requests of which it has seen the beginning only: at most so many
	sees    []string
	misses  []string // what is not in what the server sees
	gets    []string // what is in the answer, with its head
	lacks   []string // what is not
}

// way is how the bytes of a case travel.
type way uint8

const (
	whole    way = iota
	bytely       // byte by byte
	behind       // behind a good request, in one piece
	bodyLate     // the body after the server has seen the head
	trickled
	numWays
)

func (w way) String() string {
	return [...]string{"whole", "byte by byte", "behind another", "body later", "answered byte by byte"}[w]
}

var (
	headWays = []way{whole, bytely, behind}
	bodyWays = []way{whole, bytely, bodyLate}
	saidWays = []way{whole, trickled}
	once     = []way{whole}
)

// The usual outcomes.
func refused(status int) want { return want{status: status, term: "PR"} }
func passed(sees ...string) want {
	return want{status: 200, term: "--", goes: true, reached: 1, sees: sees, body: "ok"}
}

func (w want) without(s ...string) want { w.misses = append(slices.Clone(w.misses), s...); return w }
func (w want) closed() want             { w.goes = false; return w }

// counted is which counters a termination code moves: the front's bad requests, then the backend's failed connections, failed responses,
// client aborts and server aborts.
var counted = map[string][5]uint64{
	"--": {}, "LR": {}, "PR": {1}, "cR": {1}, "CR": {1},
	"SC": {0, 1}, "sC": {0, 1}, "CC": {0, 0, 0, 1}, "PH": {0, 0, 1}, "sH": {0, 0, 1}, "sD": {0, 0, 1}, "SH": {0, 0, 1, 0, 1}, "SD": {0, 0, 1, 0, 1},
	"CH": {0, 0, 0, 1}, "cH": {0, 0, 0, 1}, "CD": {0, 0, 0, 1}, "cD": {0, 0, 0, 1},
}

// wires are rigs that cases share, one at a time each.
type wires struct{ quick, slow chan *wireRig }

func newWires(t *testing.T) wires {
	w := wires{make(chan *wireRig, 32), make(chan *wireRig, 16)}
	for range cap(w.quick) {
		w.quick <- newWireRig(t, proxy.Options{AccessLog: proxy.LogAll})
	}
	for range cap(w.slow) {
		w.slow <- newWireRig(t, proxy.Options{AccessLog: proxy.LogAll, Timeouts: patient})
	}
	return w
}

// patient are time-outs that are over soon, but not while a busy machine does what it has to.
var patient = proxy.Timeouts{Client: 2 * time.Second, Server: 2 * time.Second, Head: 2 * time.Second, Connect: 2 * time.Second}

// run tries all cases in all their ways.
func (w wires) run(t *testing.T, cases []wire) {
	n := 0
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases {
			ways := c.ways
			if ways == nil {
				ways = headWays
			}
			if engine == proxy.NetHTTPEngine {
				ways = ways[:1] // how bytes come is its library's concern
			}
			for _, way := range ways {
				n++
				if engine == proxy.NetHTTPEngine && laxly(c) {
					c = atEase(c)
				}
				t.Run(c.rule+"/"+c.name+"/"+way.String(), func(t *testing.T) {
					t.Parallel()
					rigs := w.quick
					if c.slow {
						rigs = w.slow
					}
					r := <-rigs
					defer func() { rigs <- r }()
					r.try(t, c, way)
				})
			}
		}
	})
	t.Logf("%d cases", n)
}

// wireRig is a proxy with one server that does what the case says.
type wireRig struct {
	*rig
	port   int
	server *scripted
}

func newWireRig(t *testing.T, o proxy.Options) *wireRig {
	r := &wireRig{rig: newRig(t, o), port: freePort(t), server: newScripted(t)}
	r.apply(service(route.HTTP, r.port, r.server.addr))
	return r
}

func (r *wireRig) counters() (n [5]uint64) {
	b := r.Table().Backend(fmt.Sprintf("app_%d", r.port)).Stats
	return [5]uint64{r.Table().Listeners()[0].Stats.Sum(route.ErrReq), b.Sum(route.ErrConn), b.Sum(route.ErrResp), b.Sum(route.ClientAborts), b.Sum(route.ServerAborts)}
}

// quiet waits until nothing runs.
func (r *wireRig) quiet(t *testing.T) {
	b, f := r.Table().Backend(fmt.Sprintf("app_%d", r.port)), r.Table().Listeners()[0].Stats
	eventually(t, "nothing is in flight", func() bool {
		return b.Stats.Sessions.Load() == 0 && f.Sessions.Load() == 0 && b.Servers[0].InFlight() == 0
	})
}

// lines waits for so many lines in the log and returns them.
func (r *wireRig) lines(t *testing.T, n int) (all []map[string]any) {
	eventually(t, fmt.Sprintf("%d lines in the log", n), func() bool {
		for _, e := range r.logs.TakeAll() {
			if e.Message == "request" {
				all = append(all, e.ContextMap())
			}
		}
		return len(all) >= n
	})
	return all
}

func (r *wireRig) try(t *testing.T, c wire, way way) {
	want, send := c.want, c.send
	replies, answers := c.replies, 1
	if way == behind {
		send, answers, want.reached = good+send, 2, want.reached+1
		replies = append([]reply{ok}, replies...)
	}
	before := r.counters()
	r.server.begin(replies, way == trickled)
	got := r.ask(t, send, way, answers)
	r.quiet(t)
	seen := r.server.end(t)
	lines := r.lines(t, len(seen.probes)+answers)
	if engine == proxy.NetHTTPEngine {
		switch {
		case laxly(c):
			checkLax(t, got, seen, answers)
			return
		case want.term == "PR":
			checkRefused(t, got, seen, answers)
			return
		}
	}
	checkClient(t, got, want)
	checkServer(t, seen, want)
	last := lines[answers-1]
	status := want.logged
	if status == 0 {
		status = want.status
	}
	if last["term"] != want.term || fmt.Sprint(last["status"]) != fmt.Sprint(status) {
		t.Errorf("logged %v, want %s %d", last, want.term, status)
	}
	now := r.counters()
	for i := range now {
		now[i] -= before[i]
	}
	if now != counted[want.term] {
		t.Errorf("counted %v, want %v for %s", now, counted[want.term], want.term)
	}
}

func checkClient(t *testing.T, got asked, want want) {
	a := got.last()
	if a.status != want.status || a.cut != want.cut || got.goes != want.goes {
		t.Errorf("the client got %d, cut %v, and its connection goes on %v: %.200q; want %d %v %v", a.status, a.cut, got.goes, a.raw, want.status, want.cut, want.goes)
	}
	if want.status == 200 && !want.cut && a.body != want.body {
		t.Errorf("the client got the body %.100q, want %.100q", a.body, want.body)
	}
	if got.late {
		t.Error("the client was left to wait")
	}
	for _, s := range want.gets {
		if !strings.Contains(a.raw, s) {
			t.Errorf("the client got %.300q, without %q", a.raw, s)
		}
	}
	for _, s := range want.lacks {
		if strings.Contains(a.raw, s) {
			t.Errorf("the client got %.300q, with %q", a.raw, s)
		}
	}
}

func checkServer(t *testing.T, seen seen, want want) {
	if len(seen.whole) != want.reached || seen.parts > want.begun {
		t.Errorf("%d requests reached the server, and %d in part: %.300q; want %d and %d", len(seen.whole), seen.parts, seen.whole, want.reached, want.begun)
	}
	if want.conns > 0 && seen.conns != want.conns {
		t.Errorf("there were %d connections to the server, want %d", seen.conns, want.conns)
	}
	all := strings.Join(seen.whole, "")
	for _, s := range want.sees {
		if !strings.Contains(all, s) {
			t.Errorf("the server saw %.300q, without %q", all, s)
		}
	}
	for _, s := range want.misses {
		if strings.Contains(all, s) {
			t.Errorf("the server saw %.300q, with %q", all, s)
		}
	}
}

const waits = 10 * time.Second // for what should have happened at once

// TestEveryRuleOfTheWire is reliability.md 1, 3.1 and 3.4, by the rule.
func TestEveryRuleOfTheWire(t *testing.T) {
	newWires(t).run(t, slices.Concat(lineEnds(), requestLines(), fieldLines(), hosts(), lengths(), codings(), chunks(), hops(), limits(), answers(), cuts(), reuse(), repeats(), early()))
}
