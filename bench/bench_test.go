//go:build linux

package main

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"marathon-lb/bench/internal/load"
	"marathon-lb/bench/internal/sys"
)

func window(requests int64, cpu time.Duration) sample {
	return sample{Result: load.Result{
		Requests: requests, Bytes: requests * 300, Elapsed: time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond,
		Usage: sys.Usage{CPU: cpu, User: 25, System: 75},
	}}
}

func TestARowHasTheMediansOfItsRounds(t *testing.T) {
	rounds := []sample{window(1000, 20*time.Millisecond), window(1000, 30*time.Millisecond), window(2000, 80*time.Millisecond)}
	r := summarize(workloads[0], &contender{}, rounds)
	if r.cpu.Median != 30 || r.cpu.Low != 20 || r.cpu.High != 40 || r.user != 7.5 || r.rate != 1000 || r.p50 != 1000 || r.failures != 0 {
		t.Errorf("%+v", r)
	}
}

func TestOneFailureVoidsARow(t *testing.T) {
	failed := window(1000, time.Millisecond)
	failed.Failures, failed.Failure = 1, "the answer is HTTP/1.1 502 Bad Gateway"
	for name, bad := range map[string]sample{"an answer": failed, "the run": {err: errors.New("no answer came")}} {
		r := summarize(workloads[0], &contender{}, []sample{window(1000, time.Millisecond), bad})
		if !math.IsNaN(r.cpu.Median) || r.failures != 1 || r.failure == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestDownloadsAreCountedByTheByte(t *testing.T) {
	w := workloads[len(workloads)-1]
	half := sample{Result: load.Result{Bytes: w.bytes / 2, Elapsed: time.Second, Usage: sys.Usage{CPU: 20 * time.Millisecond}}}
	if got := half.cpu(w); got != 40000 {
		t.Errorf("20 ms for half a download are %v us for a whole one, want 40000", got)
	}
}

func TestAnUnsteadyReferenceIsNoResult(t *testing.T) {
	tuned := &contender{name: tunedName, short: "haproxy"}
	b := &bench{o: options{only: []string{"keepalive"}, engines: []string{"loop"}}, contenders: []*contender{tuned}}
	set := func(last time.Duration) {
		b.results = map[string]map[*contender][]sample{"keepalive": {tuned: {window(1000, 20*time.Millisecond), window(1000, last)}}}
	}
	if set(22 * time.Millisecond); b.verdict() != nil {
		t.Error(b.verdict())
	}
	if set(40 * time.Millisecond); !errors.Is(b.verdict(), errUnsound) {
		t.Error("rounds of 20 and 40 us passed")
	}
}

func TestTheTimeIsKept(t *testing.T) {
	for _, o := range []options{{time: fullTime, only: keys()}, {time: 30 * time.Second, only: keys()}, {time: time.Hour, only: []string{"rate"}}} {
		for _, contenders := range []int{1, 3, 5} {
			runs := contenders * 7
			s := o.plan(o.time, contenders, runs)
			took := time.Duration(runs*s.rounds) * (s.warm + s.window + overhead)
			if took > o.time || s.window <= s.warm || s.rounds < 1 {
				t.Errorf("%v, %d contenders: %+v takes %v", o.time, contenders, s, took)
			}
		}
	}
	if s := (options{time: fullTime, only: keys()}).plan(4*time.Minute, 5, 34); s.rounds < 8 || s.window < 400*time.Millisecond {
		t.Errorf("a full run has %d rounds of %v", s.rounds, s.window)
	}
}

func TestAShortRunLeavesThePageAlone(t *testing.T) {
	for _, c := range []struct {
		args []string
		out  string
	}{
		{nil, "docs/benchmarks.md"},
		{[]string{"-time", "20s"}, ""},
		{[]string{"-only", "rate,idle"}, ""},
		{[]string{"-time", "20s", "-out", "x.md"}, "x.md"},
		{[]string{"-out", ""}, ""},
	} {
		if o, err := parse(c.args); err != nil || o.out != c.out {
			t.Errorf("%q: %q, %v, want %q", c.args, o.out, err, c.out)
		}
	}
	for _, args := range [][]string{{"-only", "nonsense"}, {"-time", "1s"}, {"more"}} {
		if _, err := parse(args); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestStracesTableIsRead(t *testing.T) {
	const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 52.33    0.102334           4     24000        12 recvfrom
 47.01    0.091934           3     24001           sendto
  0.66    0.001291           6       200           epoll_pwait
------ ----------- ----------- --------- --------- ----------------
100.00    0.195559           4     48201        12 total
`
	got := countCalls([]byte(table))
	if len(got) != 3 || got["recvfrom"] != 24000 || got["sendto"] != 24001 || got["epoll_pwait"] != 200 {
		t.Errorf("%v", got)
	}
}

func TestWhatALongRunHasMoreIsDueToItsRequests(t *testing.T) {
	b := &bench{schedule: schedule{cost: 4 * time.Second}}
	pools := 1000.0 // only the first run fills them
	per, err := b.each(func(window time.Duration) (counts, error) {
		requests := window.Seconds() * 1000
		sends := 500 + 2*requests + pools
		pools = 0
		return counts{map[string]float64{"send": sends, "connect": 64}, requests}, nil
	})
	if err != nil || per["send"] != 2 || per["connect"] != 0 {
		t.Errorf("%v, %v", per, err)
	}
}

func TestAMissingProgramIsNamedWithItsRemedy(t *testing.T) {
	b := &bench{tools: map[string]string{}}
	b.lookFor("no-such-program", "its-package", "what it is for")
	if len(b.missing) != 1 || !strings.Contains(b.missing[0], "apt-get install its-package") {
		t.Errorf("%q", b.missing)
	}
}

// ready is a bench with a backend and one contender, which is the backend itself.
func ready(t *testing.T) (*bench, *contender) {
	t.Helper()
	b := &bench{cores: sys.CPUs(), files: sys.RaiseFiles(), lastPort: 25000}
	b.loadCore = b.cores[0]
	t.Cleanup(b.close)
	if err := b.startBackend(); err != nil {
		t.Fatal(err)
	}
	c := &contender{http: b.httpServers[0], tcp: b.tcpServers[0], pids: []int{b.children[0].cmd.Process.Pid}}
	return b, c
}

func play(t *testing.T, b *bench, w workload, c *contender) load.Result {
	t.Helper()
	r, err := b.play(context.Background(), w, c, 20*time.Millisecond, 100*time.Millisecond)
	if err != nil {
		t.Fatalf("%s: %v", w.title, err)
	}
	return r
}

func TestEveryWorkloadRunsWithoutAFailure(t *testing.T) {
	b, c := ready(t)
	for _, w := range workloads {
		r := play(t, b, w, c)
		if r.Failures > 0 || r.Bytes == 0 || r.Usage.CPU == 0 || r.Elapsed < 100*time.Millisecond || r.All < r.Requests || r.P99 < r.P50 {
			t.Errorf("%s: %+v", w.title, r)
		}
		if w.bytes == 0 && (r.Requests == 0 || r.P50 == 0) {
			t.Errorf("%s: no request ended: %+v", w.title, r)
		}
	}
}

func TestAnOpenLoopBeginsWhatIsDue(t *testing.T) {
	b, c := ready(t)
	w := workloads[1]
	w.rate = 2000
	r := play(t, b, w, c)
	due := w.rate * r.Elapsed.Seconds()
	if n := float64(r.Requests + int64(r.Waiting)); n < due/2 || n > due*2 {
		t.Errorf("%v requests, %v were due: %+v", n, due, r)
	}
}
