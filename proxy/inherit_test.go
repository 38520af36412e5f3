package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// takeFrom is how a successor gets ports from a predecessor in the same process.
func takeFrom(p *rig) proxy.Take {
	return func(bind string) (*net.TCPListener, error) {
		f, err := p.Give(bind)
		if f == nil || err != nil {
			return nil, err
		}
		defer f.Close()
		raw, err := f.SyscallConn() // as a descriptor is passed on: Fd would make the socket block, in both processes
		if err != nil {
			return nil, err
		}
		var n int
		if cerr := raw.Control(func(fd uintptr) { n, err = syscall.Dup(int(fd)) }); cerr != nil || err != nil {
			return nil, errors.Join(cerr, err)
		}
		passed := os.NewFile(uintptr(n), bind)
		defer passed.Close()
		l, err := net.FileListener(passed)
		if err != nil {
			return nil, err
		}
		return l.(*net.TCPListener), nil
	}
}

// fresh is a GET over a new connection. connected says that there was one; err says that it came to nothing all the same.
func fresh(port int) (body string, connected bool, err error) {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 20*time.Second)
	if err != nil {
		return "", false, nil
	}
	defer c.Close()
	if _, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "", true, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", true, err
	}
	text, err := io.ReadAll(resp.Body)
	return string(text), true, err
}

func TestASuccessorServesThePortsOfItsPredecessorWhenItIsReleased(t *testing.T) {
	old, next, port, late := newRig(t, proxy.Options{}), newRig(t, proxy.Options{}), freePort(t), freePort(t)
	old.apply(service(route.HTTP, port, named(t, "old")))
	next.Inherit(takeFrom(old))
	next.apply(service(route.HTTP, port, named(t, "new")))
	next.apply(service(route.HTTP, late, named(t, "late"))) // which the predecessor has not
	for range 10 {
		if body, _, err := fresh(port); body != "old" {
			t.Fatalf("before the release: %q, %v", body, err)
		}
	}
	next.Release()
	var sent, lost atomic.Int64
	end := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				sent.Add(1)
				if body, connected, err := fresh(port); !connected || err != nil || body != "old" && body != "new" {
					lost.Add(1)
				}
			}
		})
	}
	eventually(t, "clients are served", func() bool { return sent.Load() > 20 })
	old.stop()
	seen := sent.Load()
	eventually(t, "clients are served by the successor", func() bool { return sent.Load() > seen+20 })
	close(end)
	clients.Wait()
	if lost.Load() > 0 {
		t.Errorf("%d of %d requests were lost", lost.Load(), sent.Load())
	}
	for p, want := range map[int]string{port: "new", late: "late"} {
		if body, _, err := fresh(p); body != want {
			t.Errorf("after it: %q, %v", body, err)
		}
	}
}

func TestAPredecessorThatIsKeptClosesItsPortsAsEver(t *testing.T) {
	old, port := newRig(t, proxy.Options{}), freePort(t)
	old.apply(service(route.HTTP, port, named(t, "old")))
	l, err := takeFrom(old)(route.BindText(old.Table().Listeners()[0].Spec.Bind))
	if err != nil || l == nil {
		t.Fatal(l, err)
	}
	l.Close()
	old.Keep()
	old.apply(route.Change{DropListeners: []netip.AddrPort{old.Table().Listeners()[0].Spec.Bind}})
	if _, connected, _ := fresh(port); connected {
		t.Error("the port is still open")
	}
}

func TestNobodyWhoWasLetInIsResetWhenTheProcessLeaves(t *testing.T) {
	addr := named(t, "app")
	var answered, lost atomic.Int64
	for range 5 {
		r, port := newRig(t, proxy.Options{}), freePort(t)
		r.apply(service(route.HTTP, port, addr))
		before := answered.Load()
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for {
					_, connected, err := fresh(port)
					switch {
					case !connected:
						return
					case err != nil:
						lost.Add(1)
					}
					answered.Add(1)
				}
			})
		}
		eventually(t, "clients are served", func() bool { return answered.Load() > before+100 })
		r.stop()
		clients.Wait()
	}
	if lost.Load() > 0 {
		t.Errorf("%d connections of %d were reset", lost.Load(), answered.Load())
	}
}

func TestTunnelsMayGoOnLongerThanRequestsWhenTheProcessLeaves(t *testing.T) {
	t.Parallel()
	r, port, web := newRig(t, proxy.Options{DrainTimeout: 200 * time.Millisecond, TunnelDrainTimeout: time.Hour}), freePort(t), freePort(t)
	r.apply(service(route.TCP, port, rawTask(t, echo)))
	r.apply(service(route.HTTP, web, task(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })))
	c, answers := dialed(t, port)
	io.WriteString(c, "ping")
	io.ReadFull(answers, make([]byte, 4))
	cut := make(chan struct{})
	go func() { fresh(web); close(cut) }()
	b := r.Table().Backend(fmt.Sprintf("app_%d", web))
	eventually(t, "the request runs", func() bool { return b.Servers[0].InFlight() == 1 })
	left := make(chan struct{})
	go func() { r.stop(); close(left) }()
	<-cut
	io.WriteString(c, "pong")
	if _, err := io.ReadFull(answers, make([]byte, 4)); err != nil {
		t.Errorf("the tunnel: %v", err)
	}
	c.Close()
	<-left
	if said := r.logs.FilterMessageSnippet("what still ran was cut").All(); len(said) != 1 || said[0].ContextMap()["cut"] != int64(1) {
		t.Errorf("logged %v", said)
	}
}

func TestTunnelsMayHaveToGoBeforeRequestsWhenTheProcessLeaves(t *testing.T) {
	t.Parallel()
	r, port, web := newRig(t, proxy.Options{DrainTimeout: time.Hour, TunnelDrainTimeout: 200 * time.Millisecond}), freePort(t), freePort(t)
	finish := make(chan struct{})
	r.apply(service(route.TCP, port, rawTask(t, echo)))
	r.apply(service(route.HTTP, web, task(t, func(w http.ResponseWriter, r *http.Request) { <-finish; io.WriteString(w, "whole") })))
	c, answers := dialed(t, port)
	io.WriteString(c, "ping")
	io.ReadFull(answers, make([]byte, 4))
	whole := make(chan string)
	go func() { body, _, _ := fresh(web); whole <- body }()
	b := r.Table().Backend(fmt.Sprintf("app_%d", web))
	eventually(t, "the request runs", func() bool { return b.Servers[0].InFlight() == 1 })
	left := make(chan struct{})
	go func() { r.stop(); close(left) }()
	if _, err := answers.ReadByte(); err == nil {
		t.Error("the tunnel has something to say")
	}
	close(finish)
	if got := <-whole; got != "whole" {
		t.Errorf("the request: %q", got)
	}
	<-left
}

func TestIdleClientsGetAFINWhenTheProcessLeaves(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	c, answers := dialed(t, port)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	r.stop()
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("the connection ends with %v", err)
	}
}

func TestFilesOfCertificatesAreReadAgainWhenAsked(t *testing.T) {
	a, path := newAuthority(t), filepath.Join(t.TempDir(), "cert.pem")
	put(t, path, a.pem("old.example"))
	r, port := newRig(t, proxy.Options{SSLCerts: []string{path}, CertPoll: time.Hour}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	put(t, path, []byte("nothing"))
	r.Reread()
	if got := served(port, "x"); got != "old.example" || !r.problem("--ssl-certs", path, "stays in use") {
		t.Errorf("a bad file: %s is served; problems %+v", got, r.Problems())
	}
	put(t, path, a.pem("new.example"))
	r.Reread()
	if got := served(port, "x"); got != "new.example" || len(r.Problems()) != 0 {
		t.Errorf("a good file: %s is served; problems %+v", got, r.Problems())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.Reread()
	if got := served(port, "x"); got != "new.example" {
		t.Errorf("no file: %s is served", got)
	}
}
