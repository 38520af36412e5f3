package marathon_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/testkit"
	"marathon-lb/marathon"
)

var eventually = testkit.Eventually

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n" +
	"X-Marathon-Leader: http://leader:8080\r\n\r\n"

const attached = "event: event_stream_attached\r\ndata: {\"eventType\":\"event_stream_attached\"}\r\n\r\n"

// wire accepts connections, reads the head of a request from each and lets script do the rest, byte by byte.
func wire(t *testing.T, script func(n int, c *net.TCPConn, head string)) (url string) {
	t.Helper()
	var conns atomic.Int64
	return "http://" + testkit.Serve(t, func(c net.Conn) {
		n := int(conns.Add(1))
		if head := readHead(c); head != "" {
			script(n, c.(*net.TCPConn), head)
		}
	}).String()
}

func readHead(c net.Conn) string {
	var head strings.Builder
	for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != ""; {
		head.WriteString(lines.Text() + "\n")
	}
	return head.String()
}

// untilClosed waits for the client to leave.
func untilClosed(c net.Conn) { c.Read(make([]byte, 1)) }

// witness is a StreamHandler that writes down what it is told.
type witness struct {
	mu     sync.Mutex
	peers  []marathon.Peer
	events []string
	ended  []error
	at     []time.Time // of each end
	onTold func(*witness)
}

func (w *witness) tell(write func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	write()
	if w.onTold != nil {
		w.onTold(w)
	}
}

func (w *witness) Connected(p marathon.Peer) { w.tell(func() { w.peers = append(w.peers, p) }) }
func (w *witness) Event(data []byte)         { w.tell(func() { w.events = append(w.events, string(data)) }) }
func (w *witness) Ended(err error) {
	w.tell(func() { w.ended, w.at = append(w.ended, err), append(w.at, time.Now()) })
}

func newStream(t *testing.T, o marathon.StreamOptions, endpoints ...string) *marathon.Stream {
	t.Helper()
	return marathon.NewStream(newClient(t, marathon.ClientOptions{}, endpoints...), o)
}

// once makes one attempt at an endpoint that plays the script.
func once(t *testing.T, o marathon.StreamOptions, script func(int, *net.TCPConn, string)) (*witness, error) {
	t.Helper()
	url := wire(t, script)
	w := &witness{}
	return w, newStream(t, o, url).Once(t.Context(), url, w)
}

func TestTheRequestForTheStream(t *testing.T) {
	heads := make(chan string, 1)
	w, _ := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, head string) {
		heads <- head
		c.Write([]byte(streamHead))
	})
	got := <-heads
	for _, want := range []string{"GET /v2/events?event_type=status_update_event&event_type=", "event_type=event_stream_attached",
		"&plan-format=light HTTP/1.1\n", "\nAccept: text/event-stream\n", "\nUser-Agent: marathon-lb\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "gzip") || strings.Contains(got, "stream=&") {
		t.Error(got)
	}
	if len(w.peers) != 1 || w.peers[0].Leader != "http://leader:8080" {
		t.Errorf("peers %v", w.peers)
	}
}

func TestATroubleOfMarathonIsToldWithoutTheWholeQuery(t *testing.T) {
	nobody := "http://127.0.0.1:1"
	stream := newStream(t, marathon.StreamOptions{}, nobody).Once(t.Context(), nobody, &witness{})
	_, read := newClient(t, marathon.ClientOptions{}, nobody).Apps(t.Context())
	for _, err := range []error{stream, read} {
		if text := fmt.Sprint(err); len(text) > 150 || !strings.Contains(text, nobody) || !strings.Contains(text, "connection refused") {
			t.Errorf("%s", text)
		}
	}
}

func TestACleanEndIsAnError(t *testing.T) {
	w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) { c.Write([]byte(streamHead + attached)) })
	if !errors.Is(err, marathon.ErrStreamEnded) || len(w.events) != 1 {
		t.Errorf("%v %v", err, w.events)
	}
}

func TestAnEndBeforeAnyEventIsAnError(t *testing.T) {
	w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) { c.Write([]byte(streamHead)) })
	if !errors.Is(err, marathon.ErrStreamEnded) || len(w.events) != 0 {
		t.Errorf("%v %v", err, w.events)
	}
}

func TestAReset(t *testing.T) {
	arrived := make(chan struct{})
	url := wire(t, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + attached))
		<-arrived // a reset overtakes what is under way
		c.SetLinger(0)
	})
	w := &witness{onTold: func(w *witness) {
		if len(w.events) == 1 {
			close(arrived)
		}
	}}
	err := newStream(t, marathon.StreamOptions{}, url).Once(t.Context(), url, w)
	if err == nil || errors.Is(err, marathon.ErrStreamEnded) || len(w.events) != 1 {
		t.Errorf("%v %v", err, w.events)
	}
}

func TestAFrameOverTheLimitEndsTheStream(t *testing.T) {
	small := `data: {"eventType":"x","pad":"` + strings.Repeat("x", 900) + "\"}\r\n\r\n"
	large := `data: {"eventType":"x","pad":"` + strings.Repeat("x", 5000) + "\"}\r\n\r\n"
	w, err := once(t, marathon.StreamOptions{MaxFrame: 4096}, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + small + small + large + small))
		untilClosed(c)
	})
	if !errors.Is(err, marathon.ErrFrameTooLong) || len(w.events) != 2 {
		t.Errorf("%v, %d events", err, len(w.events))
	}
}

func TestAFrameOfTenMegabytesIsRead(t *testing.T) {
	w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + `data: {"eventType":"x","pad":"`))
		c.Write(bytes.Repeat([]byte("x"), 10<<20))
		c.Write([]byte("\"}\r\n\r\n"))
	})
	if !errors.Is(err, marathon.ErrStreamEnded) || len(w.events) != 1 || len(w.events[0]) < 10<<20 {
		t.Errorf("%v, %d events", err, len(w.events))
	}
}

func TestSilenceEndsTheStreamAndHeartbeatsAreNoSilence(t *testing.T) {
	const silence = 200 * time.Millisecond
	last := make(chan time.Time, 1)
	w, err := once(t, marathon.StreamOptions{Silence: silence}, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + attached))
		beat := time.NewTicker(silence / 4)
		defer beat.Stop()
		for range 8 { // twice the limit
			<-beat.C
			c.Write([]byte("\r"))
			c.Write([]byte("\n"))
		}
		last <- time.Now()
		untilClosed(c) // open, and silent
	})
	if !errors.Is(err, marathon.ErrSilent) || len(w.events) != 1 {
		t.Errorf("%v %v", err, w.events)
	}
	if after := time.Since(<-last); after < silence-50*time.Millisecond {
		t.Errorf("gave up %v after the last heartbeat", after)
	}
}

func TestSilenceBeforeTheFirstByteOfTheBody(t *testing.T) {
	_, err := once(t, marathon.StreamOptions{Silence: 50 * time.Millisecond}, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead))
		untilClosed(c)
	})
	if !errors.Is(err, marathon.ErrSilent) {
		t.Error(err)
	}
}

func TestA200OfTextHTMLIsNoStream(t *testing.T) {
	w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>please log in\r\n\r\n"))
		untilClosed(c) // the refused body must be closed by the client
	})
	if !errors.Is(err, marathon.ErrNotEventStream) || len(w.peers)+len(w.events) != 0 {
		t.Errorf("%v %v", err, w)
	}
}

func TestStatusesOtherThan200(t *testing.T) {
	for _, status := range []int{204, 401, 403, 405, 502, 503} {
		w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) {
			fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Type: text/event-stream\r\n\r\n", status)
		})
		var got marathon.StatusError
		if !errors.As(err, &got) || int(got) != status || len(w.peers) != 0 {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestATruncatedLastFrameIsABadEvent(t *testing.T) {
	w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + attached + `data: {"eventType":"status_upd`))
	})
	if !errors.Is(err, marathon.ErrStreamEnded) || len(w.events) != 2 {
		t.Fatalf("%v %v", err, w.events)
	}
	if _, err := marathon.ReadEvents([]byte(w.events[1])); !errors.Is(err, marathon.ErrBadEvent) {
		t.Error(err)
	}
}

func TestCredentialsReachTheLeaderOfAnotherNameOnTheStream(t *testing.T) {
	heads := make(chan string, 1)
	leader := wire(t, func(_ int, c *net.TCPConn, head string) {
		heads <- head
		c.Write([]byte(streamHead + attached))
	})
	standby := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		redirectTo(otherName(leader))(w, r)
	})
	c := newClient(t, marathon.ClientOptions{Credentials: marathon.Basic("me:pw")}, standby.URL)
	w := &witness{}
	if err := marathon.NewStream(c, marathon.StreamOptions{}).Once(t.Context(), standby.URL, w); !errors.Is(err, marathon.ErrStreamEnded) {
		t.Fatal(err)
	}
	if head := <-heads; !strings.Contains(head, "Authorization: Basic ") || !strings.Contains(head, "event_type=") {
		t.Error(head)
	}
	if !strings.HasPrefix(w.peers[0].URL, otherName(leader)) {
		t.Error(w.peers)
	}
}

func TestEverySampleOfAStreamPlays(t *testing.T) {
	names, _ := filepath.Glob("testdata/streams/*.sse")
	if len(names) < 9 {
		t.Fatal(names)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := once(t, marathon.StreamOptions{}, func(_ int, c *net.TCPConn, _ string) {
			c.Write([]byte(streamHead))
			c.Write(data)
		})
		good, bad := 0, 0
		for _, e := range w.events {
			if _, err := marathon.ReadEvents([]byte(e)); err != nil {
				bad++
			} else {
				good++
			}
		}
		wantBad := 0
		if strings.Contains(name, "malformed") {
			wantBad = 2
		}
		if want := bytes.Count(data, []byte("data: ")); !errors.Is(err, marathon.ErrStreamEnded) || bad != wantBad || good != want-bad {
			t.Errorf("%s: %d good and %d bad of %d: %v", name, good, bad, want, err)
		}
	}
}

func TestTheEndOfTheContextEndsAnAttemptAtOnce(t *testing.T) {
	cause := errors.New("enough")
	for name, within := range map[string]func(context.Context) (context.Context, func()){
		"cancel": func(c context.Context) (context.Context, func()) { return context.WithCancel(c) },
		"cause": func(c context.Context) (context.Context, func()) {
			d, f := context.WithCancelCause(c)
			return d, func() { f(cause) }
		},
		"deadline": func(c context.Context) (context.Context, func()) { return context.WithTimeout(c, 50*time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			url := wire(t, func(_ int, c *net.TCPConn, _ string) {
				c.Write([]byte(streamHead + attached))
				untilClosed(c)
			})
			ctx, stop := within(t.Context())
			defer stop()
			w := &witness{onTold: func(w *witness) {
				if len(w.events) == 1 && name != "deadline" {
					stop()
				}
			}}
			began := time.Now()
			err := newStream(t, marathon.StreamOptions{}, url).Once(ctx, url, w)
			if !errors.Is(err, ctx.Err()) || time.Since(began) > 2*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	}
}

func TestTheEndOfTheContextEndsThePauseAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	w := &witness{onTold: func(*witness) { stop() }}
	s := newStream(t, marathon.StreamOptions{MinBackoff: time.Hour, MaxBackoff: time.Hour}, closedPort(t))
	if err := s.Run(ctx, w); !errors.Is(err, context.Canceled) || len(w.ended) != 1 {
		t.Errorf("%v %v", err, w.ended)
	}
}

func TestPausesGrowUpToTheLimit(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	w := &witness{onTold: func(w *witness) {
		if len(w.ended) == 7 {
			stop()
		}
	}}
	o := marathon.StreamOptions{MinBackoff: 20 * time.Millisecond, MaxBackoff: 80 * time.Millisecond}
	newStream(t, o, closedPort(t)).Run(ctx, w)
	for i, want := range []time.Duration{20, 40, 80, 80, 80, 80} {
		want *= time.Millisecond
		if got := w.at[i+1].Sub(w.at[i]); got < want/2 || got > want+500*time.Millisecond {
			t.Errorf("pause %d was %v, not %v to %v", i+1, got, want/2, want)
		}
	}
}

func TestAStreamThatLivedStartsThePausesAnew(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	url := wire(t, func(n int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + attached))
		if n == 3 {
			c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			untilClosed(c)
		}
	})
	w := &witness{onTold: func(w *witness) {
		if len(w.ended) == 4 {
			stop()
		}
	}}
	o := marathon.StreamOptions{MinBackoff: 2 * time.Millisecond, MaxBackoff: time.Hour, Settled: 80 * time.Millisecond}
	newStream(t, o, url).Run(ctx, w)
	if len(w.peers) != 4 || len(w.events) != 4 {
		t.Errorf("%d streams, %d events", len(w.peers), len(w.events))
	}
}

func TestEndpointsTakeTurnsAndOnlyAWholeRoundPauses(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	url := wire(t, func(_ int, c *net.TCPConn, _ string) {
		c.Write([]byte(streamHead + attached))
		untilClosed(c)
	})
	w := &witness{onTold: func(w *witness) {
		if len(w.events) == 1 {
			stop()
		}
	}}
	o := marathon.StreamOptions{MinBackoff: time.Hour, MaxBackoff: time.Hour} // a pause would never end
	if err := newStream(t, o, closedPort(t), closedPort(t), url).Run(ctx, w); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(w.ended) != 2 || len(w.events) != 1 {
		t.Errorf("%v %v", w.ended, w.events)
	}
}

func TestAttemptsLeaveNoGoroutine(t *testing.T) {
	url := wire(t, func(n int, c *net.TCPConn, _ string) {
		switch n % 3 {
		case 0:
			c.Write([]byte(streamHead + attached))
		case 1:
			c.Write([]byte("HTTP/1.1 503 X\r\nContent-Length: 100\r\n\r\n"))
			untilClosed(c)
		case 2:
			c.Write([]byte(streamHead + attached))
			untilClosed(c)
		}
	})
	s := newStream(t, marathon.StreamOptions{Silence: 10 * time.Millisecond}, url)
	before := runtime.NumGoroutine()
	for range 30 {
		if s.Once(t.Context(), url, &witness{}) == nil {
			t.Error("nil")
		}
	}
	eventually(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+2 })
}
