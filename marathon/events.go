package marathon

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/r3labs/sse/v2"
	"gopkg.in/cenkalti/backoff.v1"
)

// StreamOptions is how the event stream is followed. A zero field takes its default.
type StreamOptions struct {
	Silence    time.Duration // without a byte, heartbeats included (one each 10 s), the stream is dead; 30 s
	MaxFrame   int           // bytes of the largest event; 16 MiB
	MinBackoff time.Duration // the first pause before a new attempt; 0.2 s
	MaxBackoff time.Duration // the longest; 3 s
	Settled    time.Duration // a stream that lived this long starts the pauses anew; 30 s
}

// Stream follows Marathon's event stream.
type Stream struct {
	o         StreamOptions
	client    *Client
	http      *http.Client
	transport *http.Transport
	query     url.Values
}

// Peer is who serves a stream.
type Peer struct {
	URL    string // where redirects led
	Leader string // X-Marathon-Leader
}

// StreamHandler is told what happens, one call at a time. Its methods must not block: nothing is read meanwhile, and Marathon
// drops slow readers.
type StreamHandler interface {
	// Connected says that Marathon accepted; only the first event proves that it will send events from now on.
	Connected(Peer)
	// Event brings the data of a frame, which the handler may keep. A frame cut off by the end of the stream comes too.
	Event(data []byte)
	// Ended says why there is no stream at the moment.
	Ended(error)
}

// NewStream makes a stream that reaches Marathon as the client does; it connects to nothing yet.
func NewStream(c *Client, o StreamOptions) *Stream {
	defaultTo(&o.Silence, 30*time.Second)
	defaultTo(&o.MaxFrame, 16<<20)
	defaultTo(&o.MinBackoff, 200*time.Millisecond)
	defaultTo(&o.MaxBackoff, 3*time.Second)
	defaultTo(&o.Settled, 30*time.Second)
	t := c.o.newTransport()
	t.ResponseHeaderTimeout = 10 * time.Second
	t.DisableCompression = true // some Marathons would hold events back in the compressor
	t.DisableKeepAlives = true
	query := url.Values{"plan-format": {"light"}}
	for _, e := range EventTypes() {
		query.Add("event_type", string(e))
	}
	return &Stream{o: o, client: c, transport: t, http: c.newHTTP(t), query: query}
}

// Run keeps a stream open until ctx ends: one attempt after the other, each at the next endpoint, with a growing pause after each
// round of all endpoints. It returns ctx's error.
func (s *Stream) Run(ctx context.Context, h StreamHandler) error {
	pause := s.o.MinBackoff
	failures := 0
	for attempt := 0; ; attempt++ {
		began := time.Now()
		err := s.Once(ctx, s.client.endpoints[attempt%len(s.client.endpoints)].String(), h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.Ended(err)
		if time.Since(began) >= s.o.Settled {
			pause, failures = s.o.MinBackoff, 0
		}
		if failures++; failures%len(s.client.endpoints) != 0 {
			continue // another Marathon may be the leader by now
		}
		if !sleep(ctx, jitter(pause)) {
			return ctx.Err()
		}
		pause = min(2*pause, s.o.MaxBackoff)
	}
}

// jitter is between half of d and d, so that many load balancers do not come back at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Once opens the stream at one endpoint and follows it to its end. It never returns nil: the error is ctx's once that has ended, and
// ErrStreamEnded if Marathon closed the stream without a fault, which means leader change, refusal or a kick as well.
func (s *Stream) Once(ctx context.Context, endpoint string, h StreamHandler) error {
	base, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	// The library mistakes a deadline or a cause for a broken stream: it gets neither.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()

	w := &watchdog{limit: s.o.Silence, bite: cancel}
	c := sse.NewClient(at(base, "/v2/events", s.query), sse.ClientMaxBufferSize(s.o.MaxFrame))
	c.Connection = s.http
	c.Headers["User-Agent"] = "marathon-lb"
	c.ReconnectStrategy = backoff.WithContext(&backoff.StopBackOff{}, inner)
	c.ResponseValidator = func(_ *sse.Client, r *http.Response) error {
		if err := wantEventStream(r); err != nil {
			r.Body.Close() // the library leaves that to us
			return err
		}
		r.Body = w.guard(r.Body)
		h.Connected(Peer{URL: r.Request.URL.Redacted(), Leader: r.Header.Get(leaderHeader)})
		return nil
	}
	err = c.SubscribeRawWithContext(inner, func(e *sse.Event) {
		if len(e.Data) > 0 {
			h.Event(e.Data)
		}
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case w.stop():
		err = fmt.Errorf("%w for %v", ErrSilent, s.o.Silence)
	case err == nil:
		err = ErrStreamEnded
	}
	return fmt.Errorf("event stream of %s: %w", base.Redacted(), bare(err))
}

func wantEventStream(r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return StatusError(r.StatusCode)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "text/event-stream" {
		return fmt.Errorf("%w but %q", ErrNotEventStream, kind)
	}
	return nil
}

// watchdog ends a stream on which no byte arrives.
type watchdog struct {
	limit time.Duration
	bite  func()
	bit   atomic.Bool
	timer *time.Timer // nil until there is a body
	body  io.ReadCloser
}

func (w *watchdog) guard(body io.ReadCloser) io.ReadCloser {
	w.body = body
	w.timer = time.AfterFunc(w.limit, func() { w.bit.Store(true); w.bite() })
	return w
}

func (w *watchdog) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.timer.Reset(w.limit)
	}
	return n, err
}

func (w *watchdog) Close() error { return w.body.Close() }

// stop says whether it had to bite.
func (w *watchdog) stop() bool {
	if w.timer != nil {
		w.timer.Stop()
	}
	return w.bit.Load()
}
