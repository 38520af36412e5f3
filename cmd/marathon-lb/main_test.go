package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"marathon-lb/config"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon/marathontest"
)

var eventually = testkit.Eventually

// asProgram makes the test binary the program itself, so that tests can start it as a process of its own.
const asProgram = "TEST_AS_MARATHON_LB"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	if os.Getenv(asTask) != "" {
		runTask()
	}
	goleak.VerifyTestMain(m)
}

// process is the program as an operator runs it.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out output
	err output
}

// output collects what a process says, for readers meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func newProcess(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "MARATHON_LB_STATE_DIR=none")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	return p
}

func (p *process) start() *process {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	return p
}

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

// exit waits for the end and returns the exit code.
func (p *process) exit() int {
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// rig is a load balancer in this process, with a simulated Marathon.
type rig struct {
	t     *testing.T
	sim   *marathontest.Server
	logs  *observer.ObservedLogs
	http  string // base URL of the port that routes by Host
	https string // the same over TLS
	appID string
	stats string
}

// newRig starts both; more are further flags of the load balancer.
func newRig(t testing.TB, o marathontest.Options, more ...string) *rig {
	t.Helper()
	r := &rig{sim: marathontest.New(o)}
	r.t, _ = t.(*testing.T)
	if err := r.sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	byHost, byTLS, byApp, stats := freePort(t), freePort(t), freePort(t), freePort(t)
	args := append([]string{
		"sse", "--marathon", r.sim.URL(), "--group", "external", "--health-check", "--http-bind", loopback(byHost), "--appid-bind", loopback(byApp),
		"--stats-bind", loopback(stats), "--service-addr", "127.0.0.1", "--drain-timeout", "5s", "--state-dir", "none", "--https-bind", loopback(byTLS),
	}, more...)
	c, err := config.Parse(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.https = "https://" + loopback(byTLS)
	r.http, r.appID, r.stats = "http://"+loopback(byHost), "http://"+loopback(byApp), "http://"+loopback(stats)
	core, logs := observer.New(zap.InfoLevel)
	r.logs = logs
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- serve(ctx, c, zap.New(core)) }()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the load balancer ended with %v", err)
		}
	})
	eventually(t, "the load balancer is ready", func() bool { status, _ := get(r.stats + "/ready"); return status == 200 })
	return r
}

// app is an app in bridge mode with one port that a health check watches.
func app(id string, port, instances int, labels ...string) marathontest.App {
	a := marathontest.App{
		ID: id, Instances: instances,
		Networks:  []marathontest.Network{{Mode: "container/bridge"}},
		Container: &marathontest.Container{PortMappings: []marathontest.PortMapping{{ContainerPort: 8080, ServicePort: port}}},
		Labels:    map[string]string{"HAPROXY_GROUP": "external"},
		HealthChecks: []marathontest.HealthCheck{{
			Protocol: "HTTP", Path: "/health", GracePeriodSeconds: 5, IntervalSeconds: 1, TimeoutSeconds: 1, MaxConsecutiveFailures: new(3),
		}},
	}
	for i := 0; i+1 < len(labels); i += 2 {
		a.Labels[labels[i]] = labels[i+1]
	}
	return a
}

func create(t testing.TB, s *marathontest.Server, apps ...marathontest.App) {
	t.Helper()
	for _, a := range apps {
		if _, err := s.Create(a); err != nil {
			t.Fatal(err)
		}
	}
}

// given are the ports that were given out: none is twice, or another's before its app has it.
var given struct {
	sync.Mutex
	ports map[int]bool
}

// They lie below those that the kernel gives to whoever asks for any, which tasks do, and below those of other packages' tests.
const firstPort, lastPort = 2100, 7900

func freePort(t testing.TB) int { return freePorts(t, 1) }

// freePorts is the first of n ports in a row that nobody listens on.
func freePorts(t testing.TB, n int) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	for range 10000 {
		first := firstPort + rand.IntN(lastPort-firstPort)
		if !unused(first, n) {
			continue
		}
		for port := first; port < first+n; port++ {
			given.ports[port] = true
		}
		return first
	}
	t.Fatal("there is no free port")
	return 0
}

func unused(first, n int) bool {
	for port := first; port < first+n; port++ {
		if given.ports[port] {
			return false
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// get returns the status and body of a GET; status 0 if there was no answer. fields are names and values of its head.
func get(url string, fields ...string) (status int, body string) {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return 0, err.Error()
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "Host" {
			req.Host = fields[i+1]
		}
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// servers are the server rows of a backend in the CSV: name and status.
func servers(stats, backend string) map[string]string {
	_, text := get(stats + "/haproxy?stats;csv")
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, ",")
		if len(cells) > 17 && cells[0] == backend && cells[1] != "FRONTEND" && cells[1] != "BACKEND" {
			rows[cells[1]] = cells[17]
		}
	}
	return rows
}

// load sends GETs to a URL until stop is called, which returns how many were sent and the failures among them.
func load(url string, clients int) (stop func() (sent int, failed []string)) {
	end := make(chan struct{})
	var mu sync.Mutex
	var sent int
	var failed []string
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				status, body := get(url)
				mu.Lock()
				sent++
				if status != 200 {
					failed = append(failed, fmt.Sprintf("%d %.100q", status, body))
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []string) {
		close(end)
		all.Wait()
		return sent, failed
	}
}

// problems are what /v1/problems says.
func problems(t testing.TB, stats string) (all []struct{ App, Label, Value, Reason, Remedy string }) {
	t.Helper()
	_, text := get(stats + "/v1/problems")
	var answer struct {
		Problems []struct{ App, Label, Value, Reason, Remedy string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return answer.Problems
}
