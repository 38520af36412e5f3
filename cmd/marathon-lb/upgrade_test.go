package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// install puts something in the place of the program in one step, as a package manager does.
func (l *life) install(t *testing.T, text string) {
	t.Helper()
	next := l.program + ".new"
	var err error
	if text == "" { // the program itself
		err = os.Symlink(os.Args[0], next)
	} else {
		err = os.WriteFile(next, []byte(text), 0o700)
	}
	if err == nil {
		err = os.Rename(next, l.program)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestASuccessorThatDoesNotGetReadyChangesNothing(t *testing.T) {
	l := newLife(t, "--upgrade-timeout", "2s")
	l.program = filepath.Join(t.TempDir(), "marathon-lb")
	l.install(t, "")
	p := l.start()
	f := l.flood(500, true)
	for text, why := range map[string]string{
		"#!/bin/sh\nexit 3\n":                "it ended before it was ready: exit status 3",
		"#!/bin/sh\nexec sleep 600\n":        "it was not ready within 2s",
		"#!/bin/sh\necho nonsense >&3\n":     "it said",
		"no program, and no script of one\n": "exec format error",
	} {
		l.install(t, text)
		p.Signal(syscall.SIGUSR2)
		eventually(t, "the log says why: "+why, func() bool {
			return strings.Contains(l.said(), "the upgrade failed; this process goes on") && strings.Contains(l.said(), why)
		})
	}
	l.install(t, "")
	next := l.upgrade(p)
	if code := l.code(p); code != 0 {
		t.Errorf("exit code %d", code)
	}
	f.until(f.total() + 100)
	f.stop()
	if n, failed := f.result(); len(failed) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(failed), n, failed[:min(3, len(failed))])
	}
	next.Signal(syscall.SIGTERM)
	if code := l.code(next); code != 0 {
		t.Errorf("the successor's exit code is %d", code)
	}
}

func TestTunnelsOutliveAnUpgradeAndTheSupervisorIsToldWhomToLookAfter(t *testing.T) {
	l := newLife(t)
	address := filepath.Join(t.TempDir(), "notify")
	supervisor, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	told := func() string {
		text := make([]byte, 512)
		n, err := supervisor.Read(text)
		if err != nil {
			return err.Error()
		}
		return string(text[:n])
	}
	l.env = []string{"NOTIFY_SOCKET=" + address}
	p := l.start()
	if got, want := told(), fmt.Sprintf("READY=1\nMAINPID=%d", p.Pid); got != want {
		t.Errorf("the supervisor was told %q, want %q", got, want)
	}
	conn, err := net.Dial("tcp", loopback(l.tcp))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	hello := func() {
		t.Helper()
		if _, err := ask(conn, answers, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Errorf("over the tunnel: %v", err)
		}
	}
	hello()
	next := l.upgrade(p)
	if got, want := told(), fmt.Sprintf("READY=1\nMAINPID=%d", next.Pid); got != want {
		t.Errorf("the supervisor was told %q, want %q", got, want)
	}
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} { // which end nobody, not even one who drains
		p.Signal(s)
	}
	hello()
	conn.Close()
	if code := l.code(p); code != 0 {
		t.Errorf("exit code %d", code)
	}
	next.Signal(syscall.SIGTERM)
	if got := told(); got != "STOPPING=1" {
		t.Errorf("the supervisor was told %q", got)
	}
	if code := l.code(next); code != 0 {
		t.Errorf("the successor's exit code is %d", code)
	}
}

func TestAnUpgradeWhileMarathonIsAwayServesWhatWasSaved(t *testing.T) {
	l := newLife(t)
	p := l.start()
	l.sim.StopListening()
	next := l.upgrade(p)
	if code := l.code(p); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !l.serves() {
		t.Error("it does not serve")
	}
	if err := l.sim.Listen(); err != nil {
		t.Fatal(err)
	}
	next.Signal(syscall.SIGTERM)
	if code := l.code(next); code != 0 {
		t.Errorf("the successor's exit code is %d", code)
	}
}

func TestInTheGraceConnectionsAreAcceptedButReadinessFails(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	ready := func(l *life) int { status, _ := get("http://" + l.stats + "/ready"); return status }
	l := newLife(t, "--grace", "1h")
	p := l.start()
	p.Signal(syscall.SIGTERM)
	eventually(t, "it is not ready", func() bool { return ready(l) == 503 })
	if status, _ := get("http://" + l.stats + "/_haproxy_health_check"); status != 503 {
		t.Errorf("the health check answers %d", status)
	}
	create(t, l.sim, app("/late", freePort(t), 1, vhost, "late.test"))
	eventually(t, "it follows Marathon still", func() bool { status, _ := get("http://"+l.byHost, "Host", "late.test"); return status == 200 })
	if !l.serves() {
		t.Error("it does not serve")
	}
	p.Signal(syscall.SIGTERM)
	if code := l.code(p); code != 143 {
		t.Errorf("exit code %d after the second SIGTERM", code)
	}

	l = newLife(t, "--grace", "100ms")
	p = l.start()
	p.Signal(syscall.SIGTERM)
	if code := l.code(p); code != 0 {
		t.Errorf("exit code %d after the grace", code)
	}
}

func TestWhatIsCutWhenTheTimeIsUpIsCounted(t *testing.T) {
	l := newLife(t, "--drain-timeout", "300ms")
	p := l.start()
	conn, err := net.Dial("tcp", l.byHost)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /stuck HTTP/1.1\r\nHost: web.test\r\n\r\n")
	eventually(t, "it runs", func() bool {
		defer http.DefaultClient.CloseIdleConnections()
		_, text := get("http://" + l.stats + "/haproxy?stats;csv")
		for line := range strings.Lines(text) {
			if cells := strings.Split(line, ","); cells[0] == fmt.Sprintf("web_%d", l.port) && cells[1] == "BACKEND" && cells[4] == "1" {
				return true
			}
		}
		return false
	})
	p.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, conn)
	if code := l.code(p); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if said := l.said(); !strings.Contains(said, "what still ran was cut") || !strings.Contains(said, `"cut":1,`) {
		t.Error("the log does not say that one was cut")
	}
}

func TestTheFirstProcessOfAContainerRefusesAnUpgradeAndSaysWhy(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this is not tried unless root runs it")
		}
		t.Skip("SKIPPED: only root may make a process the first of its own kind")
	}
	l := newLife(t)
	p := newProcess(t, l.args...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	p.start()
	eventually(t, "it serves", l.serves)
	p.signal(syscall.SIGUSR2)
	eventually(t, "it says why", func() bool {
		return strings.Contains(p.err.String(), "the upgrade failed; this process goes on") && strings.Contains(p.err.String(), "process 1 of a container")
	})
	if !l.serves() {
		t.Error("it does not serve any more")
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
