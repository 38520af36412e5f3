package main

import (
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// goals makes runs under load, and of abuse, as long as the goals of reliability ask; make rolling, life, soak and their like set it.
var goals = flag.Bool("goals", false, "runs under load that are as long as the goals ask, instead of a few seconds")

// farm is the program as a process of its own, a simulated Marathon, and apps whose tasks are processes.
type farm struct {
	t     *testing.T
	sim   *marathontest.Server
	lb    *process
	stats string
	ports []int // the apps' service ports
}

func farmApp(n int) string { return fmt.Sprintf("/web%d", n) }

// newFarm starts so many apps of four tasks each; more are flags of the load balancer.
func newFarm(t *testing.T, o marathontest.Options, apps int, more ...string) *farm {
	t.Helper()
	f := &farm{t: t, sim: marathontest.New(o), stats: "http://" + loopback(freePort(t))}
	if err := f.sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.sim.Close)
	f.lb = newProcess(t, append([]string{"sse", "--marathon", f.sim.URL(), "--group", "external", "--health-check",
		"--http-bind", loopback(freePort(t)), "--https-bind", loopback(freePort(t)), "--appid-bind", loopback(freePort(t)),
		"--stats-bind", f.stats[len("http://"):], "--service-addr", "127.0.0.1"}, more...)...).start()
	for n := range apps {
		port := freePort(t)
		a := patientApp(farmApp(n), port)
		a.UpgradeStrategy = &marathontest.UpgradeStrategy{MinimumHealthCapacity: 1, MaximumOverCapacity: 0.25} // one at a time
		create(t, f.sim, a)
		f.ports = append(f.ports, port)
	}
	for n := range apps {
		f.served(n)
	}
	return f
}

// patientApp has four tasks that are not found unhealthy for want of a processor.
func patientApp(id string, port int) marathontest.App {
	a := app(id, port, 4)
	a.HealthChecks[0].TimeoutSeconds = 250
	return a
}

func (f *farm) backend(n int) string { return fmt.Sprintf("web%d_%d", n, f.ports[n]) }

// served waits until the app has its four servers.
func (f *farm) served(n int) {
	f.t.Helper()
	eventually(f.t, "four servers", func() bool {
		up := 0
		for _, status := range servers(f.stats, f.backend(n)) {
			if status == "UP" {
				up++
			}
		}
		return up == 4
	})
}

// grownUp waits until all tasks have run for so long that a RUNNING of theirs can only be a repetition.
func (f *farm) grownUp() {
	began := time.Now()
	eventually(f.t, "the tasks have run for a while", func() bool { return time.Since(began) > 5200*time.Millisecond })
}

// deploy replaces the four tasks of an app one after the other.
func (f *farm) deploy(n int) {
	id, err := f.sim.Restart(farmApp(n))
	if err == nil {
		err = f.sim.WaitDeployment(f.t.Context(), id)
	}
	if err != nil {
		f.t.Error(err)
	}
}

// end has the load balancer leave; what it said is shown where the test failed.
func (f *farm) end() {
	f.t.Helper()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	f.lb.signal(syscall.SIGTERM)
	if code := f.lb.exit(); code != 0 {
		f.t.Errorf("the load balancer's exit code is %d", code)
	}
	if f.t.Failed() {
		f.t.Logf("it says\n%.20000s", f.lb.err.String())
	}
}

// engines runs a test with each engine, one after the other where figures are wanted.
func engines(t *testing.T, run func(t *testing.T, engine string)) {
	for _, engine := range []string{"loop", "nethttp"} {
		t.Run(engine, func(t *testing.T) {
			if !*goals {
				t.Parallel()
			}
			run(t, "--engine="+engine)
		})
	}
}

// rolling is a run of rolling deploys under load.
type rolling struct {
	delay      time.Duration // of each answer
	noKilling  bool          // Marathon never says TASK_KILLING
	abrupt     bool          // processes get SIGKILL at once, and a POST may be lost that one had got
	kept       int           // clients
	fewestGETs int64
}

func TestRollingDeploysLoseNoRequest(t *testing.T) {
	engines(t, rolling{kept: 28, fewestGETs: 1_000_000}.run)
}

func TestRollingDeploysOfSlowTasksLoseNoRequest(t *testing.T) {
	engines(t, rolling{kept: 250, delay: 40 * time.Millisecond, fewestGETs: 1_000_000}.run)
}

// Marathon tells of a task's end when it is over, so there is nothing to drain: what the processes had got is asked of others.
func TestRollingDeploysWithoutAWarningLoseNoGET(t *testing.T) {
	engines(t, rolling{kept: 28, noKilling: true, abrupt: true, fewestGETs: 1_000_000}.run)
}

// Marathon does not say TASK_KILLING, but repeats that a task runs when it decides to kill it. Only of one that has run for a while is
// this known to be a repetition.
func TestRollingDeploysWithoutKillingLoseNoRequest(t *testing.T) {
	engines(t, rolling{kept: 28, noKilling: true, fewestGETs: 100_000}.run)
}

// run goes on until there were enough deploys and enough requests.
func (r rolling) run(t *testing.T, engine string) {
	apps, deploys, linger, fewestPOSTs := 1, 2, 200*time.Millisecond, int64(20)
	if *goals {
		apps, deploys, linger, fewestPOSTs = 4, 13, 2*time.Second, 25_000
	} else {
		r.kept, r.fewestGETs = min(r.kept, 12), 200
	}
	o := marathontest.Options{
		Command: taskProcess(t, r.delay), Timing: marathontest.Fast(), NoTaskKilling: r.noKilling,
		Behaviour: marathontest.Behaviour{Linger: linger},
	}
	o.Timing.MesosUpdate = 50 * time.Millisecond
	if r.abrupt { // the pause is in the start instead
		o.Behaviour = marathontest.Behaviour{Abrupt: true}
		o.Timing.Staging = linger
	}
	f := newFarm(t, o, apps, engine)
	if r.noKilling && !r.abrupt {
		deploys = max(deploys/2, 1)
		f.grownUp()
	}
	h := &herd{kept: r.kept, fresh: 4, posts: 10}
	began := time.Now()
	h.start(t, f.ports...)
	done := make(chan int)
	for n := range apps {
		go func() {
			made := 0
			for ; !t.Failed() && (made < deploys || h.gets.Load() < r.fewestGETs || h.posted.Load() < fewestPOSTs); made++ {
				f.deploy(n)
			}
			done <- made
		}()
	}
	made := 0
	for range apps {
		made += <-done
	}
	h.stop()
	gets, posts := h.lostOf("GET"), h.lostOf("POST")
	t.Logf("%d deploys of 4 tasks, %d GETs, %d POSTs in %v: %d GETs and %d POSTs failed", made, h.gets.Load(), h.posted.Load(),
		time.Since(began).Round(time.Second), len(gets), len(posts))
	if len(gets) > 0 || len(posts) > 0 && !r.abrupt {
		t.Errorf("lost:\n%s", first(h.lost, 20))
	}
	f.end()
}

// first are the first lines of many.
func first[T fmt.Stringer](all []T, n int) (text string) {
	for _, one := range all[:min(n, len(all))] {
		text += one.String() + "\n"
	}
	return text + strconv.Itoa(len(all)) + " in all"
}
