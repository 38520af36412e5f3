package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// swapRig is a load balancer, a simulated Marathon, and the app /web of the deployment group web, deployed for the first time.
type swapRig struct {
	*rig
	port int
	file string
}

func newSwapRig(t *testing.T, o marathontest.Options, instances int) *swapRig {
	t.Helper()
	s := &swapRig{rig: newRig(t, o), port: freePort(t)}
	a := app("web", s.port, instances, "HAPROXY_DEPLOYMENT_GROUP", "web", "HAPROXY_DEPLOYMENT_ALT_PORT", strconv.Itoa(freePort(t)))
	s.file = definitionFile(t, a)
	if code, out, progress := s.zdd("", "--force"); code != 0 {
		t.Fatalf("first deployment: code %d\n%s%s", code, out, progress)
	}
	s.until("the first colour serves", "/web-blue", instances)
	return s
}

func definitionFile(t *testing.T, definition any) string {
	t.Helper()
	text, err := json.Marshal(definition)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "app.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// zdd runs the verb with answers on its standard input, as fast as tests want it.
func (s *swapRig) zdd(answers string, more ...string) (code int, out, progress string) {
	var o, e bytes.Buffer
	args := append([]string{"-m", s.sim.URL(), "-l", s.stats, "-j", s.file, "-s", "0.02"}, more...)
	code = command{args: args, in: strings.NewReader(answers), out: &o, err: io.MultiWriter(&e, s.t.Output())}.zdd(args)
	return code, o.String(), e.String()
}

// until waits until both Marathon and the load balancer know nothing but so many tasks of one app that serve.
func (s *swapRig) until(what, id string, instances int) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		rows := servers(s.stats, fmt.Sprintf("web_%d", s.port))
		for _, status := range rows {
			if status != "UP" {
				return false
			}
		}
		return len(rows) == instances && (id == "" || s.size(id) == instances)
	})
}

// size is the number of instances of an app, -1 if there is none.
func (s *swapRig) size(id string) int {
	if a := s.sim.App(id); a != nil {
		return a.Instances
	}
	return -1
}

// underLoad runs a deployment while clients send requests, none of which may fail.
func (s *swapRig) underLoad(more ...string) (out, progress string) {
	s.t.Helper()
	stop := load("http://"+loopback(s.port), 2)
	code, out, progress := s.zdd("", more...)
	sent, failed := stop()
	if code != 0 {
		s.t.Fatalf("%v: code %d\n%s", more, code, progress)
	}
	if len(failed) > 0 || sent < 20 {
		s.t.Errorf("%v: %d of %d requests failed: %.3q\n%s", more, len(failed), sent, failed, progress)
	}
	return out, progress
}

func TestZDDSwapsColoursUnderLoadWithoutAFailedRequest(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 4)
	out, progress := s.underLoad("--force")
	if s.size("/web-blue") != -1 || s.size("/web-green") != 4 {
		t.Errorf("blue has %d, green %d instances\n%s", s.size("/web-blue"), s.size("/web-green"), progress)
	}
	green := s.sim.App("/web-green")
	for label, want := range map[string]string{
		"HAPROXY_APP_ID": "web", "HAPROXY_0_PORT": strconv.Itoa(s.port), "HAPROXY_DEPLOYMENT_COLOUR": "green",
		"HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "4", "HAPROXY_DEPLOYMENT_NEW_INSTANCES": "0",
	} {
		if green.Labels[label] != want {
			t.Errorf("%s is %q, want %q", label, green.Labels[label], want)
		}
	}
	if !strings.Contains(out, `"HAPROXY_DEPLOYMENT_STARTED_AT": "2`) || !strings.Contains(progress, "can go: kill web-blue.") {
		t.Errorf("it does not tell what it does:\n%s%s", out, progress)
	}
	// And back, by steps of two: the port of the first colour is free again.
	s.underLoad("--force", "--linear-increase", "2")
	if s.size("/web-green") != -1 || s.size("/web-blue") != 4 || s.sim.App("/web-blue").Container.PortMappings[0].ServicePort != s.port {
		t.Errorf("back: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
}

func TestZDDHybridIsCompletedUnderLoadWithoutAFailedRequest(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 4)
	s.underLoad("--force", "--new-instances", "2")
	if s.size("/web-blue") != 2 || s.size("/web-green") != 2 {
		t.Fatalf("hybrid: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
	if code, out, _ := s.zdd("", "--complete-cur", "--dry-run"); code != 0 || !strings.Contains(out, "scale /web-green to 4") {
		t.Errorf("a dry run tells %d %q", code, out)
	}
	if code, _, progress := s.zdd("", "--force", "--resume"); code != 0 {
		t.Errorf("there is nothing left to do: code %d\n%s", code, progress)
	}
	if s.size("/web-blue") != 2 || s.size("/web-green") != 2 {
		t.Fatalf("resumed: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
	s.underLoad("--force", "--complete-cur")
	if s.size("/web-blue") != -1 || s.size("/web-green") != 4 {
		t.Errorf("completed: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
}

// The number the first deployment began with is not the one there is now: what counts is that of the deployment in hand.
func TestZDDHybridIsTakenBackUnderLoadWithoutAFailedRequest(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 2)
	if _, err := s.sim.Scale("/web-blue", 4); err != nil {
		t.Fatal(err)
	}
	s.until("blue has four", "/web-blue", 4)
	s.underLoad("--force", "--new-instances", "1")
	s.until("the hybrid serves with all its tasks", "", 4)
	s.underLoad("--force", "--complete-prev")
	if s.size("/web-blue") != 4 || s.size("/web-green") != -1 {
		t.Errorf("taken back: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
}

func TestZDDGoesOnAfterAnInterruption(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 3)
	p := newProcess(t, "zdd", "-m", s.sim.URL(), "-l", s.stats, "-j", s.file, "-s", "0.02")
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.start()
	fmt.Fprintln(stdin)         // continue with deployment
	fmt.Fprintln(stdin, "what") // is asked again
	eventually(t, "it asks before it kills", func() bool { return strings.Count(p.out.String(), "Continue? [Y/n]") == 2 })
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 130 || !strings.Contains(p.err.String(), "go on with --resume") {
		t.Errorf("interrupted: code %d\n%s", code, p.err.String())
	}
	if s.size("/web-blue") != 3 || s.size("/web-green") != 1 {
		t.Errorf("interrupted: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
	if code, _, progress := s.zdd("", "--force"); code != 2 || !strings.Contains(progress, "--resume") {
		t.Errorf("a second deployment: code %d\n%s", code, progress)
	}
	s.underLoad("--force", "--resume")
	if s.size("/web-blue") != -1 || s.size("/web-green") != 3 {
		t.Errorf("resumed: blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
}

func TestZDDRunsItsHookBeforeItKills(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 1)
	dir := t.TempDir()
	hook := filepath.Join(dir, "hook")
	write := func(end string) {
		script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$#\" \"$1\" \"$2\" \"$3\" > %s/args\n%s\n", dir, end)
		if err := os.WriteFile(hook, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("exit 3")
	code, _, progress := s.zdd("", "--force", "--pre-kill-hook", hook)
	if code != 2 || !strings.Contains(progress, "hook") || s.size("/web-blue") != 1 || s.size("/web-green") != 1 {
		t.Errorf("the hook refuses: code %d, blue has %d, green %d instances\n%s", code, s.size("/web-blue"), s.size("/web-green"), progress)
	}
	write("exit 0")
	blue := s.sim.Tasks("/web-blue")[0].ID()
	s.underLoad("--force", "--resume", "--pre-kill-hook", hook)
	text, _ := os.ReadFile(filepath.Join(dir, "args"))
	args := strings.Split(string(text), "\n")
	var old, fresh struct {
		ID    string
		Tasks []any
	}
	var ids []string
	if len(args) != 5 || args[0] != "3" || json.Unmarshal([]byte(args[1]), &old) != nil || json.Unmarshal([]byte(args[2]), &ids) != nil ||
		json.Unmarshal([]byte(args[3]), &fresh) != nil || old.ID != "/web-blue" || len(old.Tasks) != 1 || fresh.ID != "/web-green" ||
		len(ids) != 1 || ids[0] != blue {
		t.Errorf("the hook got %s", text)
	}
	if s.size("/web-blue") != -1 {
		t.Errorf("blue has %d instances", s.size("/web-blue"))
	}
}

func TestZDDDryRunChangesNothing(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 2)
	code, out, progress := s.zdd("", "--dry-run")
	var d struct {
		ID        string
		Instances int
		Labels    map[string]string
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != 0 || d.ID != "/web-green" || d.Instances != 1 ||
		d.Labels["HAPROXY_DEPLOYMENT_TARGET_INSTANCES"] != "2" {
		t.Errorf("code %d, %v\n%s%s", code, err, out, progress)
	}
	if s.size("/web-blue") != 2 || s.size("/web-green") != -1 {
		t.Errorf("blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
}

func TestZDDDoesNotKillTasksWithSessionsUnlessTold(t *testing.T) {
	begun, release := make(chan struct{}, 1), make(chan struct{})
	o := marathontest.Options{Handler: func(task *marathontest.Task) http.Handler {
		greet := marathontest.Greeting(task)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				begun <- struct{}{}
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
			greet.ServeHTTP(w, r)
		})
	}}
	s := newSwapRig(t, o, 1)
	answer := make(chan int)
	go func() {
		status, _ := get("http://" + loopback(s.port) + "/slow")
		answer <- status
	}()
	<-begun
	code, _, progress := s.zdd("", "--force", "--max-wait", "0.2")
	if code != 2 || !strings.Contains(progress, "with 1 session") || s.size("/web-blue") != 1 {
		t.Errorf("a session: code %d, blue has %d instances\n%s", code, s.size("/web-blue"), progress)
	}
	code, _, progress = s.zdd("", "--force", "--resume", "--max-wait", "0.2", "--force-kill")
	if code != 0 || s.size("/web-blue") != -1 {
		t.Errorf("--force-kill: code %d, blue has %d instances\n%s", code, s.size("/web-blue"), progress)
	}
	close(release)
	if status := <-answer; status != 200 {
		t.Errorf("the load balancer did not drain the task that was killed: status %d", status)
	}
}

func TestZDDDoesNotGoOnWhileTheNewColourDoesNotServe(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 2)
	s.sim.SetBehaviour("/web-green", marathontest.Behaviour{SlowStart: time.Hour})
	code, _, progress := s.zdd("", "--force", "--max-wait", "0", "--force-kill", "--max-stall", "0.3")
	if code != 2 || !strings.Contains(progress, "nothing has changed for 300ms: Marathon is at work on /web-green") {
		t.Errorf("code %d\n%s", code, progress)
	}
	if s.size("/web-blue") != 2 || s.size("/web-green") != 1 {
		t.Errorf("blue has %d, green %d instances", s.size("/web-blue"), s.size("/web-green"))
	}
}

// A load balancer that lags behind has its say.
func TestZDDWaitsForEveryLoadBalancer(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 1)
	var looks atomic.Int32
	var caughtUp atomic.Bool
	lagging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, text := get(s.stats + r.RequestURI)
		if !caughtUp.Load() && strings.HasPrefix(r.URL.Path, "/haproxy") {
			looks.Add(1)
			text = strings.ReplaceAll(text, "MAINT", "UP")
		}
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	defer lagging.Close()
	ended := make(chan int)
	go func() {
		code, _, progress := s.zdd("", "--force", "-l", s.stats, lagging.URL)
		t.Log(progress)
		ended <- code
	}()
	eventually(t, "it looks again", func() bool { return looks.Load() > 10 })
	if s.size("/web-blue") != 1 {
		t.Error("a task was killed that a load balancer still used")
	}
	caughtUp.Store(true)
	if code := <-ended; code != 0 || s.size("/web-blue") != -1 {
		t.Errorf("code %d, blue has %d instances", code, s.size("/web-blue"))
	}
}

// before is a Marathon behind which the simulator answers what refuse does not.
func before(t *testing.T, s *swapRig, refuse func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	to, err := url.Parse(s.sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	m := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !refuse(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(m.Close)
	return m.URL
}

func TestZDDExitCodes(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 2)
	nowhere := "http://" + loopback(freePort(t))
	refusing := func(method string) string {
		return before(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == method {
				http.Error(w, `{"message":"you may not"}`, http.StatusForbidden)
			}
			return r.Method == method
		})
	}
	bad := app("web", s.port, 1, "HAPROXY_DEPLOYMENT_GROUP", "web")
	unchecked := app("web", s.port, 1, "HAPROXY_DEPLOYMENT_GROUP", "web", "HAPROXY_DEPLOYMENT_ALT_PORT", "10")
	unchecked.HealthChecks = nil
	refused := app("Not-an-id", s.port, 1, "HAPROXY_DEPLOYMENT_GROUP", "web", "HAPROXY_DEPLOYMENT_ALT_PORT", "10")
	reset := func() { // blue alone, for the next case
		if s.size("/web-green") >= 0 {
			if code, _, progress := s.zdd("", "--force", "--complete-prev"); code != 0 {
				t.Fatalf("going back: code %d\n%s", code, progress)
			}
			s.until("blue is back", "/web-blue", 2)
		}
	}
	for _, c := range []struct {
		name    string
		answers string
		args    []string
		code    int
		says    string
	}{
		{"declined", "n\n", nil, 1, "declined"},
		{"declined later", "y\nno\n", nil, 1, "declined"},
		{"nobody there to answer", "", nil, 2, "--force does not ask"},
		{"unknown flag", "", []string{"--fast"}, 2, "--fast"},
		{"no such file", "", []string{"--json", "/nonexistent"}, 2, "/nonexistent"},
		{"no credentials", "", []string{"--auth-credentials", "nobody"}, 2, "user:password"},
		{"nothing to complete", "", []string{"--force", "--complete-cur"}, 3, "--complete-cur"},
		{"nothing to take back", "", []string{"--force", "--complete-prev"}, 3, "--complete-prev"},
		{"a label is missing", "", []string{"--json", definitionFile(t, bad)}, 4, "HAPROXY_DEPLOYMENT_ALT_PORT"},
		{"no health check", "", []string{"--json", definitionFile(t, unchecked)}, 4, "healthChecks"},
		{"no load balancer", "", []string{"--force", "-l", nowhere}, 5, "connection refused"},
		{"no Marathon", "", []string{"--force", "-m", nowhere}, 6, "connection refused"},
		{"no creation", "", []string{"--force", "--json", definitionFile(t, refused)}, 7, "422"},
		{"no deletion", "", []string{"--force", "-m", refusing(http.MethodDelete)}, 8, "you may not"},
		{"no scaling", "", []string{"--force", "-m", refusing(http.MethodPut)}, 9, "you may not"},
	} {
		code, _, progress := s.zdd(c.answers, c.args...)
		if code != c.code || !strings.Contains(progress, c.says) {
			t.Errorf("%s: code %d, want %d with %q\n%s", c.name, code, c.code, c.says, progress)
		}
		reset()
	}
}

func TestZDDWaitsForAnAppThatIsLocked(t *testing.T) {
	s := newSwapRig(t, marathontest.Options{}, 2)
	var locks atomic.Int32
	m := before(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || locks.Add(1)%3 == 0 { // each change is granted at the third try
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"message":"App is locked by one or more deployments.","deployments":[{"id":"5cd987cd"}]}`)
		return true
	})
	_, progress := s.underLoad("--force", "-m", m)
	if s.size("/web-blue") != -1 || s.size("/web-green") != 2 || !strings.Contains(progress, "5cd987cd") {
		t.Errorf("blue has %d, green %d instances\n%s", s.size("/web-blue"), s.size("/web-green"), progress)
	}
}
