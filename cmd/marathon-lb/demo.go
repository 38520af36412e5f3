package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/marathon/marathontest"
)

// The tutorial's app and the ports it and the load balancer have in the tutorial.
const (
	demoApp       = "/dcos-101/app2"
	demoSimulator = 8080
	demoService   = 10000
	demoHTTP      = 8000 // :80 needs root
	demoHTTPS     = 8443
	demoAppID     = 9091
	demoStats     = 9090
)

// demoLinger is how long a task of the demo serves on after SIGTERM: long enough for a person to see it drain.
const demoLinger = 5 * time.Second

// demo shows the load-balancing part of the DC/OS 101 tutorial with a simulated Marathon, on loopback and without root, until a
// signal ends it. Further arguments are flags of the load balancer.
func (c command) demo(args []string) int {
	ports, err := choosePorts(c.out)
	if err != nil {
		return c.cannot(err)
	}
	sim := marathontest.New(marathontest.Options{
		Addr: loopback(ports[demoSimulator]), Timing: marathontest.Typical(), Behaviour: marathontest.Behaviour{Linger: demoLinger},
	})
	o, code := c.parse(append([]string{
		"sse", "--marathon", "http://" + loopback(ports[demoSimulator]), "--group", "external", "--health-check",
		"--http-bind", loopback(ports[demoHTTP]), "--https-bind", loopback(ports[demoHTTPS]), "--appid-bind", loopback(ports[demoAppID]), "--stats-bind", loopback(ports[demoStats]),
		"--service-addr", "127.0.0.1", "--log-level", "WARNING", "--log-encoding", "console", "--state-dir", marathon.NoState,
	}, args...))
	if code >= 0 {
		return code
	}
	if o.Dry {
		fmt.Fprintln(c.err, "marathon-lb: demo: --dry: the demo has no apps before it runs; use --dry with a Marathon")
		return usage
	}
	log := newLog(o.Log, c.err)
	ctx, stop := untilSignal(context.Background(), log)
	defer stop()
	if err := sim.Start(ctx); err != nil {
		return c.cannot(err)
	}
	defer sim.Close()
	if _, err := sim.Create(app2(ports[demoService])); err != nil {
		return c.cannot(err)
	}
	fmt.Fprintln(c.out, "app2 starts, which takes a few seconds ...")
	running, ended := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() {
		app, stats := "http://"+loopback(ports[demoService]), "http://"+o.Stats.Bind.String()
		if isServed(running, stats, app+"/") {
			c.tutorial(sim.URL(), app, stats)
		}
	})
	err = serve(ctx, o, log)
	ended()
	telling.Wait()
	if err != nil {
		return c.cannot(err)
	}
	return clean
}

// isServed waits until the load balancer says that it serves an app: who follows the tutorial, by hand or by a script, shall not begin with a
// 503, nor find some on the page that are only ours.
func isServed(ctx context.Context, stats, app string) bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a connection that stays would hold up the end
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, stats+"/v1/explain?q="+app, nil)
	for err == nil && ctx.Err() == nil {
		if resp, err := client.Do(ask); err == nil {
			var x route.Explanation
			told := json.NewDecoder(resp.Body).Decode(&x)
			resp.Body.Close()
			if told == nil && x.OK {
				return true
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

func (c command) cannot(err error) int {
	fmt.Fprintf(c.err, "marathon-lb: demo: %v\n", err)
	return cannotRun
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// choosePorts finds for each port of the tutorial the one to use: itself, or a free one where it is taken, which is said.
func choosePorts(out io.Writer) (map[int]int, error) {
	ports := map[int]int{}
	for _, want := range []int{demoSimulator, demoService, demoHTTP, demoHTTPS, demoAppID, demoStats} {
		l, err := net.Listen("tcp", loopback(want))
		if err != nil {
			if l, err = net.Listen("tcp", loopback(0)); err != nil {
				return nil, fmt.Errorf("a port in the place of %d: %w", want, err)
			}
			fmt.Fprintf(out, "port %d is taken; %d is used in its place\n", want, l.Addr().(*net.TCPAddr).Port)
		}
		defer l.Close() // at the end, so that no port is chosen twice
		ports[want] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// app2 is the tutorial's app: tasks that say who they are.
func app2(servicePort int) marathontest.App {
	grace := int(2 * demoLinger / time.Second)
	return marathontest.App{
		ID: demoApp, Instances: 1, TaskKillGracePeriodSeconds: &grace,
		Networks:  []marathontest.Network{{Mode: "container/bridge"}},
		Container: &marathontest.Container{PortMappings: []marathontest.PortMapping{{ContainerPort: 8080, ServicePort: servicePort}}},
		Labels:    map[string]string{"HAPROXY_GROUP": "external"},
		HealthChecks: []marathontest.HealthCheck{{
			Protocol: "HTTP", Path: "/health", GracePeriodSeconds: 5, IntervalSeconds: 1, TimeoutSeconds: 1, MaxConsecutiveFailures: new(3),
		}},
	}
}

// tutorial prints where everything is and what to do.
func (c command) tutorial(simulator, app, stats string) {
	scale := func(n int) string {
		return fmt.Sprintf(`curl -X PUT -H 'Content-Type: application/json' -d '{"instances":%d}' %s/v2/apps/%s`, n, simulator, demoApp)
	}
	fmt.Fprintf(c.out, `simulator: %s
app2: %s
stats: %s/haproxy?stats

This is part 8, "Load-Balancing", of the DC/OS 101 tutorial, on this machine alone. Where the tutorial has
"dcos marathon app update", a request to the simulated Marathon does the same. In another terminal:

1. Ask app2 several times: one task answers.
   for i in 1 2 3 4; do curl %s; done

2. Scale it to two instances (dcos marathon app update %s instances=2).
   %s

3. Ask again, after a few seconds: the two tasks answer in turn.
   for i in 1 2 3 4; do curl %s; done

4. Look at the statistics page: %s/haproxy?stats

5. Scale back to one (dcos marathon app update %s instances=1). The task that leaves drains: on the page it is in
   MAINT for some seconds, while requests go to the other one.
   %s

Ctrl-C ends the demo.
`, simulator, app, stats, app, demoApp, scale(2), app, stats, demoApp, scale(1))
}
