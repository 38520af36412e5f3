package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestAServerThatLeavesFinishesItsRequestsAndGetsNoNewOne(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	running, finish := make(chan struct{}), make(chan struct{})
	old := task(t, func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-finish
		io.WriteString(w, "finished")
	})
	r.apply(service(route.HTTP, port, old))
	answer := later(url(port, "/"))
	<-running
	r.apply(service(route.HTTP, port, named(t, "new")))
	for range 5 {
		if _, body := get(t, url(port, "/")); body != "new" {
			t.Fatalf("a new request went to %q", body)
		}
	}
	b := func() *route.Backend { return r.Table().Backend(fmt.Sprintf("app_%d", port)) }
	if rows := b().Rows(); len(rows) != 2 || rows[1].State() != route.Draining || rows[1].InFlight() != 1 {
		t.Fatalf("%d rows; want the leaving server with its request", len(rows))
	}
	close(finish)
	if got := (<-answer).body; got != "finished" {
		t.Errorf("the running request ended in %q", got)
	}
	eventually(t, "the row goes", func() bool { return len(b().Rows()) == 1 })
}

func TestARequestIsCutWhenItsServersTimeIsUp(t *testing.T) {
	r, port := newRig(t, proxy.Options{DrainTimeout: 300 * time.Millisecond}), freePort(t)
	running := make(chan struct{})
	old := task(t, func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done()
	})
	r.apply(service(route.HTTP, port, old))
	answer := later(url(port, "/"))
	<-running
	r.apply(service(route.HTTP, port))
	if got := (<-answer).status; got != 502 {
		t.Errorf("answered %d", got)
	}
	if l := r.ended(); l["failure"] != "server gone while waiting" {
		t.Errorf("logged %v", l)
	}
}

func TestIdleConnectionsOfAServerThatLeavesAreClosed(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	var open atomic.Int64
	s := &http.Server{Handler: http.NotFoundHandler(), ConnState: countOpen(&open)}
	addr := serveOn(t, s)
	r.apply(service(route.HTTP, port, addr))
	get(t, url(port, "/"))
	post, _ := http.NewRequest("POST", url(port, "/"), strings.NewReader("x"))
	do(t, post)
	if open.Load() == 0 {
		t.Fatal("no connection was kept")
	}
	r.apply(service(route.HTTP, port))
	eventually(t, "the idle connections are closed", func() bool { return open.Load() == 0 })
}

func TestNoRequestIsLostWhileServersComeAndGo(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	all := []netip.AddrPort{named(t, "a"), named(t, "b"), named(t, "c")}
	change := func(n int) route.Change { return service(route.HTTP, port, all[n%3], all[(n+1)%3]) }
	r.apply(change(0))
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var sent, lost atomic.Int64
	for i := range 4 {
		clients.Go(func() {
			tr := &http.Transport{DisableKeepAlives: i%2 == 1}
			defer tr.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				req, _ := http.NewRequest([]string{"GET", "POST"}[i/2], url(port, "/"), strings.NewReader("body"))
				resp, err := tr.RoundTrip(req)
				sent.Add(1)
				if err != nil || resp.StatusCode != 200 {
					lost.Add(1)
				}
				if err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	for n := range 60 {
		want := sent.Load() + 20
		eventually(t, "requests go on", func() bool { return sent.Load() >= want })
		r.apply(change(n))
	}
	close(stop)
	clients.Wait()
	if lost.Load() > 0 {
		t.Errorf("%d of %d requests were lost: %v", lost.Load(), sent.Load(), r.ended())
	}
}

func TestSIGTERMLetsRequestsFinishAndTellsClientsToClose(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	running, finish := make(chan struct{}, 1), make(chan struct{})
	r.apply(service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) {
		running <- struct{}{}
		<-finish
		io.WriteString(w, "whole")
	})))
	answer := later(url(port, "/"))
	<-running
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	eventually(t, "the port is closed", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(finish)
	if got := <-answer; got.body != "whole" || !got.close {
		t.Errorf("got %+v", got)
	}
	<-stopped
}

func TestARequestThatPausesBeforeARetryDoesNotGoToAServerThatLeftMeanwhile(t *testing.T) {
	t.Parallel()
	r, port := newRig(t, proxy.Options{}), freePort(t)
	old := refusing(t)
	r.apply(service(route.HTTP, port, old))
	server := r.backend(port).Servers[0]
	answer := later(url(port, "/"))
	eventually(t, "the first try failed", func() bool { return server.Grade() == route.Shunned })
	r.apply(service(route.HTTP, port, named(t, "successor")))
	l, err := net.Listen("tcp", old.String()) // Mesos gives the port to a task of another app
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "another app") })}
	go s.Serve(l)
	defer s.Close()
	if got := (<-answer).body; got != "successor" {
		t.Errorf("answered by %q", got)
	}
}

func TestAChangeThatComesWhileTheProcessLeavesOpensNoPort(t *testing.T) {
	r, port, late := newRig(t, proxy.Options{}), freePort(t), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	get(t, url(port, "/"))
	http.DefaultClient.CloseIdleConnections()
	r.stop()
	r.apply(service(route.HTTP, late, named(t, "late")))
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", late))
	if err == nil { // and would wait for an answer that never comes
		c.Close()
		t.Error("a port nobody serves is open")
	}
}

func TestSIGTERMCutsTunnelsWhenTheTimeIsUp(t *testing.T) {
	r, port, web := newRig(t, proxy.Options{DrainTimeout: 300 * time.Millisecond}), freePort(t), freePort(t)
	r.apply(service(route.TCP, port, rawTask(t, echo)))
	r.apply(service(route.HTTP, web, task(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })))
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "ping")
	io.ReadFull(c, make([]byte, 4))
	answer := later(url(web, "/"))
	b := r.Table().Backend(fmt.Sprintf("app_%d", web))
	eventually(t, "both run", func() bool { return b.Servers[0].InFlight() == 1 })
	r.stop()
	if got := (<-answer).status; got != 502 && got != 0 { // 0: cut before it could be told
		t.Errorf("the request that ran got %d", got)
	}
	if cut := r.logs.FilterMessageSnippet("what still ran was cut").All(); len(cut) != 1 || cut[0].ContextMap()["cut"] == int64(0) {
		t.Errorf("logged %v", cut)
	}
}
