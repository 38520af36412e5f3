package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// The load balancer's own life, with real processes and clients that count: goals G8 (second half), G9 and G10 of reliability.md. A short
// form of each runs with all tests; make life runs them in full.

// full is the number for the full run, or else the one for a few seconds.
func full(long, short int) int {
	if *goals {
		return long
	}
	return short
}

// life is the program as processes, one after the other, that follow a simulated Marathon.
type life struct {
	t       *testing.T
	sim     *marathontest.Server
	program string
	args    []string
	log     string // the file in which all of them write their logs
	env     []string

	byHost, secure, stats string
	port, tcp             int // of services
}

// bodySize is that of a download.
const bodySize = 24 << 20

// newLife makes ready what a load balancer needs: a Marathon with an app in mode http and one in mode tcp.
func newLife(t *testing.T, flags ...string) *life {
	t.Helper()
	adopt(t)
	l := &life{t: t, port: freePort(t), tcp: freePort(t), log: filepath.Join(t.TempDir(), "log"), program: os.Args[0]}
	l.byHost, l.secure, l.stats = loopback(freePort(t)), loopback(freePort(t)), loopback(freePort(t))
	timing := marathontest.Fast()
	timing.Second = time.Second // a busy machine must not make tasks look sick
	l.sim = marathontest.New(marathontest.Options{Timing: timing, Handler: func(task *marathontest.Task) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/large":
				w.Header().Set("Content-Length", strconv.Itoa(bodySize))
				w.Write(make([]byte, bodySize))
			case "/stuck":
				<-r.Context().Done()
			default:
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, "hello")
			}
		})
	}})
	if err := l.sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.sim.Close)
	for _, a := range []marathontest.App{app("/web", l.port, 2, vhost, "web.test"), app("/raw", l.tcp, 1, "HAPROXY_0_MODE", "tcp")} {
		a.HealthChecks[0].TimeoutSeconds = 20
		create(t, l.sim, a)
	}
	l.args = append([]string{"sse", "--marathon", l.sim.URL(), "--group", "external", "--health-check", "--http-bind", l.byHost, "--https-bind", l.secure,
		"--appid-bind", loopback(freePort(t)), "--stats-bind", l.stats, "--service-addr", "127.0.0.1", "--state-dir", t.TempDir()}, flags...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", l.said())
		}
	})
	return l
}

// start starts a process and waits until it serves.
func (l *life) start() *os.Process {
	l.t.Helper()
	p := l.launch()
	eventually(l.t, "both apps are served", l.serves)
	return p
}

func (l *life) launch() *os.Process {
	l.t.Helper()
	p := newProcess(l.t, l.args...)
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	p.cmd.Path, p.cmd.Args[0] = l.program, l.program
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(p.cmd.Env, l.env...)
	p.start()
	return p.cmd.Process
}

func (l *life) serves() bool {
	defer http.DefaultClient.CloseIdleConnections() // one to the app in mode tcp would have to be waited for
	status, _ := get("http://"+l.byHost, "Host", "web.test")
	port, _ := get("http://" + loopback(l.port))
	raw, _ := get("http://" + loopback(l.tcp))
	return status == 200 && port == 200 && raw == 200
}

// said is what all processes wrote into the log.
func (l *life) said() string {
	text, _ := os.ReadFile(l.log)
	return string(text)
}

// successors are the processes that took over, in order.
func (l *life) successors() (pids []int) {
	for line := range strings.Lines(l.said()) {
		var said struct{ Successor int }
		if json.Unmarshal([]byte(line), &said) == nil && said.Successor != 0 {
			pids = append(pids, said.Successor)
		}
	}
	return pids
}

// upgrade has a process hand over to a successor, which is ended with the test.
func (l *life) upgrade(p *os.Process) *os.Process {
	l.t.Helper()
	before := l.successors()
	p.Signal(syscall.SIGUSR2)
	eventually(l.t, "a successor takes over", func() bool { return len(l.successors()) > len(before) })
	next, err := os.FindProcess(l.successors()[len(before)])
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { next.Kill(); next.Wait() })
	return next
}

// code waits until a process has ended and returns its exit code, or minus the signal that ended it.
func (l *life) code(p *os.Process) int {
	l.t.Helper()
	state, err := p.Wait()
	if err != nil {
		l.t.Fatal(err)
	}
	if s := state.Sys().(syscall.WaitStatus); s.Signaled() {
		return -int(s.Signal())
	}
	return state.ExitCode()
}

// adopt has processes whose parent has ended become this process's children, so that it learns how they end.
func adopt(t *testing.T) {
	const childSubreaper = 36
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, childSubreaper, 1, 0); e != 0 {
		t.Fatal(os.NewSyscallError("prctl", e))
	}
}

// download reads a large body slowly, over that time, and says what is wrong with it.
func (l *life) download(over time.Duration) error {
	conn, err := net.Dial("tcp", l.byHost)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	fmt.Fprint(conn, "GET /large HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n")
	const steps = 100
	tick := time.NewTicker(over / steps)
	defer tick.Stop()
	read, buf := 0, make([]byte, bodySize/steps)
	for {
		n, err := io.ReadFull(conn, buf)
		read += n
		if err != nil {
			if read < bodySize {
				return fmt.Errorf("after %d of %d bytes: %w", read, bodySize, err)
			}
			return nil
		}
		<-tick.C
	}
}

// bothEngines are those that a life is tried with.
var bothEngines = []string{"loop", "nethttp"}

// G9: nothing is lost when the process is asked to end, to whoever obeys Connection: close.
func TestNoRequestIsLostWhenTheProcessIsAskedToEnd(t *testing.T) {
	for _, engine := range bothEngines {
		t.Run(engine, func(t *testing.T) {
			l := newLife(t, "--engine", engine)
			var sent, lost int
			var took []time.Duration
			var busy time.Duration
			downloads := make(chan error)
			times := full(20, 2)
			for range times {
				p := l.start()
				f, flooded := l.flood(full(5000, 1000), false), time.Now()
				go func() { downloads <- l.download(time.Duration(full(30, 2)) * time.Second) }()
				f.until(full(5000, 1000))
				began := time.Now()
				p.Signal(syscall.SIGTERM)
				f.ended()
				busy += time.Since(flooded)
				n, failed := f.result()
				sent, lost = sent+n, lost+len(failed)
				if len(failed) > 0 {
					t.Errorf("%d of %d requests failed: %v", len(failed), n, failed[:min(3, len(failed))])
				}
				if err := <-downloads; err != nil {
					t.Errorf("the download ended %v", err)
				}
				if code := l.code(p); code != 0 {
					t.Errorf("exit code %d", code)
				}
				took = append(took, time.Since(began))
			}
			t.Logf("%d times SIGTERM: %d requests in %v, %d failed; %d downloads; from the signal to the exit %v at most", times, sent,
				busy.Round(time.Millisecond), lost, times, slices.Max(took).Round(time.Millisecond))
			if *goals && slices.Max(took) > 31*time.Second {
				t.Error("that is longer than the drain timeout and a second")
			}
		})
	}
}

// G10: nothing is lost when another process takes over.
func TestNoRequestIsLostInAnUpgrade(t *testing.T) {
	for _, engine := range bothEngines {
		t.Run(engine, func(t *testing.T) {
			l := newLife(t, "--engine", engine, "--state-dir", "none")
			upgrades, requests := full(20, 2), full(500_000, 2000)
			p := l.start()
			f := l.flood(full(5000, 1000), true)
			began := time.Now()
			var took []time.Duration
			for i := range upgrades {
				f.until(requests * i / upgrades)
				asked := time.Now()
				next := l.upgrade(p)
				took = append(took, time.Since(asked))
				if code := l.code(p); code != 0 {
					t.Errorf("the predecessor's exit code is %d", code)
				}
				p = next
			}
			f.until(requests)
			f.stop()
			sent, failed := f.result()
			if len(failed) > 0 {
				t.Errorf("%d of %d requests failed: %v", len(failed), sent, failed[:min(3, len(failed))])
			}
			t.Logf("%d upgrades in %v: %d requests (%s), %d failed; a successor took over within %v at most", upgrades,
				time.Since(began).Round(time.Millisecond), sent, f.kinds(), len(failed), slices.Max(took).Round(time.Millisecond))
			p.Signal(syscall.SIGTERM)
			if code := l.code(p); code != 0 {
				t.Errorf("the last one's exit code is %d", code)
			}
		})
	}
}

// G8: after a crash, what a supervisor starts serves at once what was saved.
func TestARestartAfterACrashServesAtOnce(t *testing.T) {
	l := newLife(t)
	p := l.start()
	var took []time.Duration
	for range full(20, 3) {
		p.Signal(syscall.SIGKILL)
		l.code(p)
		began := time.Now()
		p = l.launch()
		eventually(t, "it serves again", l.serves)
		took = append(took, time.Since(began))
	}
	t.Logf("served again %v at most after the start, %d times", slices.Max(took).Round(time.Millisecond), len(took))
	if *goals && slices.Max(took) > time.Second {
		t.Error("that is longer than a second")
	}
}
