package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestWhatCannotRunSaysWhyAndHowToMend(t *testing.T) {
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	taken := holder.Addr().String()
	free := func() string { return loopback(freePort(t)) }
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"nothing", nil, 2, []string{"Usage: marathon-lb sse|poll"}},
		{"unknown verb", []string{"see", "--group", "x"}, 2, []string{"see", "sse"}},
		{"unknown flag", []string{"sse", "--group", "external", "--heath-check"}, 2, []string{"--heath-check", "--health-check"}},
		{"no group", []string{"sse"}, 2, []string{"--group"}},
		{"bad value", []string{"sse", "--group", "x", "--stats-bind", "nowhere"}, 2, []string{"--stats-bind", "nowhere"}},
		{"bad endpoint", []string{"sse", "--group", "x", "--marathon", "master.mesos:8080"}, 2, []string{"--marathon", "master.mesos:8080", "http://"}},
		{"credentials file missing", []string{"sse", "--group", "x", "--marathon-auth-credential-file", "/nowhere"}, 1, []string{"/nowhere"}},
		{"profile nowhere", []string{"sse", "--group", "x", "--cpu-profile", "/nowhere/cpu"}, 1, []string{"profile", "/nowhere/cpu"}},
		{"stats port taken", []string{"sse", "--group", "x", "--stats-bind", taken, "--http-bind", free(), "--https-bind", free(), "--appid-bind", free()}, 1,
			[]string{taken, "--stats-bind"}},
		{"http port taken", []string{"sse", "--group", "x", "--http-bind", taken, "--https-bind", free(), "--stats-bind", free(), "--appid-bind", free()}, 1,
			[]string{taken, "another process has it", "--http-bind"}},
		{"https port taken", []string{"sse", "--group", "x", "--https-bind", taken, "--http-bind", free(), "--stats-bind", free(), "--appid-bind", free()}, 1,
			[]string{taken, "another process has it", "--https-bind"}},
		{"app id port taken", []string{"sse", "--group", "x", "--appid-bind", taken, "--stats-bind", free(), "--http-bind", free(), "--https-bind", free()}, 1,
			[]string{taken, "--appid-bind"}},
	} {
		p := newProcess(t, c.args...).start()
		if code := p.exit(); code != c.code {
			t.Errorf("%s: exit code %d, want %d\n%s", c.name, code, c.code, p.err.String())
		}
		for _, s := range c.says {
			if !strings.Contains(p.err.String(), s) {
				t.Errorf("%s: it does not say %q:\n%s", c.name, s, p.err.String())
			}
		}
	}
}

func TestHelpAndVersionAreNoFailures(t *testing.T) {
	for arg, want := range map[string]string{
		"--help": "--marathon", "sse --help": "--marathon", "sse --longhelp": "HAPROXY_", "version": "marathon-lb ", "help": "demo", "demo --help": "--stats-bind",
	} {
		p := newProcess(t, strings.Fields(arg)...).start()
		if code := p.exit(); code != 0 || !strings.Contains(p.out.String(), want) {
			t.Errorf("%s: exit code %d, says\n%s%s", arg, code, p.out.String(), p.err.String())
		}
	}
}

func TestPort80NeedsAPrivilegeAndTheMessageNamesIt(t *testing.T) {
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil {
		if first, _ := strconv.Atoi(strings.TrimSpace(string(text))); first <= 80 {
			t.Skip("this machine lets everybody bind port 80")
		}
	}
	p := newProcess(t, "sse", "--group", "external", "--stats-bind", loopback(freePort(t)), "--https-bind", loopback(freePort(t)), "--appid-bind", loopback(freePort(t)))
	if os.Getuid() == 0 { // as another user, who must be able to read the program
		dir, err := os.MkdirTemp("/tmp", "marathon-lb")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		program, err := os.ReadFile(p.cmd.Path)
		if err != nil {
			t.Fatal(err)
		}
		p.cmd.Path = filepath.Join(dir, "marathon-lb")
		if err := os.WriteFile(p.cmd.Path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		p.cmd.Dir = "/"
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	p.start()
	if code := p.exit(); code != 1 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
	for _, s := range []string{":80", "CAP_NET_BIND_SERVICE", "--http-bind"} {
		if !strings.Contains(p.err.String(), s) {
			t.Errorf("it does not say %q:\n%s", s, p.err.String())
		}
	}
}

func TestItWaitsForAnUnreachableMarathonAndServesWhenItComes(t *testing.T) {
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	sim.StopListening()
	port, http80, stats := freePort(t), loopback(freePort(t)), loopback(freePort(t))
	create(t, sim, app("/web", port, 1))
	p := newProcess(t, "sse", "--group", "external", "--marathon", sim.URL(), "--http-bind", http80, "--https-bind", loopback(freePort(t)), "--stats-bind", stats,
		"--appid-bind", loopback(freePort(t)), "--service-addr", "127.0.0.1").start()

	eventually(t, "it says what it waits for", func() bool {
		return strings.Contains(p.err.String(), "Marathon does not answer") && strings.Contains(p.err.String(), "refused")
	})
	if status, _ := get("http://" + stats + "/ready"); status != 503 {
		t.Errorf("/ready answers %d", status)
	}
	if status, _ := get("http://" + stats + "/_haproxy_health_check"); status != 503 {
		t.Errorf("the health check answers %d", status)
	}
	resp, err := http.Get("http://" + http80)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("clients get %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}

	if err := sim.Listen(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the app is served", func() bool { status, _ := get("http://" + loopback(port)); return status == 200 })
	if status, _ := get("http://" + stats + "/ready"); status != 200 {
		t.Errorf("/ready answers %d", status)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

func TestSIGTERMDrainsAndASecondSignalDoesNotWait(t *testing.T) {
	running := make(chan struct{}, 2)
	slow := func(*marathontest.Task) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				return
			}
			running <- struct{}{}
			<-r.Context().Done()
		})
	}
	sim := marathontest.New(marathontest.Options{Handler: slow})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	port, stats := freePort(t), loopback(freePort(t))
	create(t, sim, app("/web", port, 1))
	p := newProcess(t, "sse", "--group", "external", "--marathon", sim.URL(), "--http-bind", loopback(freePort(t)), "--https-bind", loopback(freePort(t)), "--stats-bind", stats,
		"--appid-bind", loopback(freePort(t)), "--service-addr", "127.0.0.1").start()
	eventually(t, "the app has a server", func() bool { return len(servers("http://"+stats, "web_"+strconv.Itoa(port))) == 1 })
	answered := make(chan struct{})
	go func() { get("http://" + loopback(port)); close(answered) }()
	<-running

	p.signal(syscall.SIGTERM)
	eventually(t, "it is not ready any more", func() bool { status, _ := get("http://" + stats + "/ready"); return status == 503 })
	if status, _ := get("http://" + stats + "/_haproxy_health_check"); status != 503 {
		t.Errorf("the health check answers %d", status)
	}
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 130 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
	<-answered
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
