package proxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// mute is a server that does not answer until it is released, one answer each.
func mute(t *testing.T, at *atomic.Int64, release <-chan struct{}) route.Change {
	return service(route.HTTP, freePort(t), rawTask(t, func(c net.Conn, br *bufio.Reader) {
		for head(br) != "" {
			at.Add(1)
			<-release
			at.Add(-1)
			io.WriteString(c, ok.say)
		}
	}))
}

// newCrowd has a proxy in front of a service that is slow: at is how many requests are at its server, of which each release lets one go.
func newCrowd(t *testing.T, o proxy.Options) (r *rig, slow route.Change, at *atomic.Int64, release chan struct{}) {
	r, at, release = newRig(t, o), new(atomic.Int64), make(chan struct{})
	slow = mute(t, at, release)
	t.Cleanup(func() { close(release) })
	r.apply(slow)
	return r, slow, at, release
}

// asking sends a request and leaves the answer to be read.
func asking(t *testing.T, port int) (net.Conn, *bufio.Reader) {
	c, in := dialed(t, port)
	io.WriteString(c, good)
	return c, in
}

func statusOf(t *testing.T, in *bufio.Reader) int {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// A row of 3.2: one backend is slow. It has a bound, a line as long as half of it, and others do not notice.
func TestAServiceThatDoesNotAnswerLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	r, slow, at, release := newCrowd(t, proxy.Options{BackendMaxConn: 4, Timeouts: proxy.Timeouts{Queue: 4 * time.Second}})
	well := service(route.HTTP, freePort(t), named(t, "well"))
	r.apply(well)
	port, b := slow.SetBackends[0].Port, r.Table().Backend(slow.SetBackends[0].Name).Stats
	for range 4 {
		asking(t, port)
	}
	eventually(t, "4 requests are at the server", func() bool { return at.Load() == 4 })
	var line []*bufio.Reader
	for i := range 2 {
		_, in := asking(t, port)
		line = append(line, in)
		eventually(t, "the next one waits", func() bool { return b.Queue.Load() == int64(i+1) })
	}
	_, in := asking(t, port)
	if got := statusOf(t, in); got != 503 {
		t.Errorf("one more than may wait is answered %d", got)
	}
	if l := r.ended(); l["term"] != "SQ" || l["failure"] != "queue full" {
		t.Errorf("logged %v", l)
	}
	if _, body := get(t, url(well.SetBackends[0].Port, "/")); body != "well" {
		t.Errorf("the other service answers %q", body)
	}
	release <- struct{}{} // somebody is answered, so that the first in line has its turn
	eventually(t, "the next one is at the server", func() bool { return b.Queue.Load() == 1 && at.Load() == 4 })
	for _, in := range line[1:] {
		if got := statusOf(t, in); got != 503 {
			t.Errorf("who waited too long is answered %d", got)
		}
	}
	if l := r.ended(); l["term"] != "sQ" || l["failure"] != "queue timeout" {
		t.Errorf("logged %v", l)
	}
	eventually(t, "all is counted", func() bool { return b.Sum(route.ErrConn) == 2 && b.Queue.Load() == 0 })
	for range 4 {
		release <- struct{}{}
	}
	if got := statusOf(t, line[0]); got != 200 {
		t.Errorf("the first in line is answered %d", got)
	}
}

func TestWhoLeavesTheLineMakesRoom(t *testing.T) {
	t.Parallel()
	r, slow, at, release := newCrowd(t, proxy.Options{BackendMaxConn: 1})
	port, b := slow.SetBackends[0].Port, r.Table().Backend(slow.SetBackends[0].Name).Stats
	_, first := asking(t, port)
	eventually(t, "a request is at the server", func() bool { return at.Load() == 1 })
	leaves, _ := asking(t, port)
	eventually(t, "one waits", func() bool { return b.Queue.Load() == 1 })
	leaves.Close()
	eventually(t, "it is gone", func() bool { return b.Queue.Load() == 0 && b.Sum(route.ClientAborts) == 1 })
	_, next := asking(t, port)
	eventually(t, "another one waits", func() bool { return b.Queue.Load() == 1 })
	release <- struct{}{}
	release <- struct{}{}
	if a, b := statusOf(t, first), statusOf(t, next); a != 200 || b != 200 {
		t.Errorf("answered %d and %d", a, b)
	}
}

func TestThereAreNoMoreClientsThanMayBe(t *testing.T) {
	t.Parallel()
	const most = 8
	r, slow, at, _ := newCrowd(t, proxy.Options{MaxConn: most, BackendMaxConn: 100})
	port := slow.SetBackends[0].Port
	clients := make([]net.Conn, most)
	for i := range clients {
		clients[i], _ = asking(t, port)
	}
	eventually(t, "all are at the server", func() bool { return at.Load() == most })
	late, in := asking(t, port)
	late.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := in.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) || at.Load() != most {
		t.Errorf("one too many: %v, %d at the server", err, at.Load())
	}
	clients[0].Close()
	eventually(t, "one may come when one leaves", func() bool { return at.Load() == most+1 }) // the server does not know that one has left
	if n := r.Table().Listeners()[0].Stats.Sessions.Peak(); n > most {
		t.Errorf("there were %d clients", n)
	}
}

func TestAClientThatIdlesGivesWayToANewOne(t *testing.T) {
	r, port := newLoopRig(t, proxy.Options{MaxConn: 2}), freePort(t)
	r.apply(service(route.HTTP, port, named(t, "app")))
	for range 10 {
		_, in := asking(t, port) // and stays
		if got := statusOf(t, in); got != 200 {
			t.Fatalf("answered %d", got)
		}
	}
	if got := say(t, port, strings.Replace(good, eoh, "\r\nConnection: close"+eoh, 1)); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q", got)
	}
}

// Whoever waits shows no password: the service that asks for one by the time it has room must not let it in.
func TestARequestInLineIsNotLetInToAServiceThatGuardsItselfMeanwhile(t *testing.T) {
	t.Parallel()
	r, slow, at, release := newCrowd(t, proxy.Options{BackendMaxConn: 2})
	port, b := slow.SetBackends[0].Port, r.Table().Backend(slow.SetBackends[0].Name).Stats
	for range 2 {
		asking(t, port)
	}
	eventually(t, "two requests are at the server", func() bool { return at.Load() == 2 })
	_, waits := asking(t, port)
	eventually(t, "one waits", func() bool { return b.Queue.Load() == 1 })
	slow.SetBackends[0].Auth = &route.Auth{Realm: "r", User: "bob"}
	r.apply(slow)
	release <- struct{}{}
	if got := statusOf(t, waits); got != 503 {
		t.Errorf("who waited is answered %d", got)
	}
	if n := b.Queue.Load(); n != 0 {
		t.Errorf("%d in the queue", n)
	}
}
