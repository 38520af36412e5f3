package marathontest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a Marathon with its agents. All its methods may be called from several goroutines.
type Server struct {
	o      Options
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine and every handler
	probes *http.Client   // of the health checks

	updates sync.Mutex // one change of definitions at a time, from deployment_info to the commit; taken before mu

	mu          sync.Mutex
	closed      bool
	started     bool
	addr        string // host:port once known
	http        *http.Server
	changed     chan struct{} // closed and replaced with each change of the state below
	rand        *rand.Rand
	apps        map[string]*App         // definitions that can be read, by id; never modified, only replaced
	history     map[string][]*App       // earlier definitions, oldest first
	failures    map[string]*taskFailure // the last of each app
	instances   []*instance             // in order of creation
	deployments []*deployment           // running ones, oldest first
	lastVersion time.Time
	launches    int // for agents in turn
	addresses   int // container addresses given out
	freed       []int
	behaviours  map[string]Behaviour
	readers     map[*reader]struct{}
	stream      StreamFaults
	api         []*APIFault
	reusePorts  bool
	stale       *snapshot
	tokens      map[string]time.Time // of DC/OS, with their ends
	logins      int                  // good ones so far
	refusals    int                  // requests whose token was no good
}

// New makes a server; Start starts it.
func New(o Options) *Server {
	o.fill()
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		o: o, ctx: ctx, cancel: cancel, addr: o.Addr,
		probes:     &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: noRedirect},
		changed:    make(chan struct{}),
		rand:       rand.New(rand.NewPCG(o.Seed, 1)),
		apps:       map[string]*App{},
		history:    map[string][]*App{},
		failures:   map[string]*taskFailure{},
		behaviours: map[string]Behaviour{},
		readers:    map[*reader]struct{}{},
		tokens:     map[string]time.Time{},
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Start listens and returns; everything stops when ctx ends or Close is called, whichever is first.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	forget := context.AfterFunc(ctx, s.cancel)
	context.AfterFunc(s.ctx, func() { forget(); s.StopListening() })
	return nil
}

// Run starts the server, waits until ctx ends, and returns once nothing of it is left.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	if err := s.Start(ctx); err != nil {
		return err
	}
	<-s.ctx.Done()
	return nil
}

// Listen opens the API: at first by Start, and again after StopListening, on the same address.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.ctx.Err() != nil:
		return errors.New("marathontest: the server is closed")
	case s.http != nil:
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil && s.o.AnyPort && !s.started {
		host, _, _ := net.SplitHostPort(s.addr)
		l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return fmt.Errorf("marathontest: Marathon's API: %w", err)
	}
	s.addr, s.started = l.Addr().String(), true
	server := newHTTPServer(http.HandlerFunc(s.serve))
	s.http = server
	s.wg.Go(func() { server.Serve(l) })
	s.touch()
	return nil
}

// newHTTPServer is silent: what clients do wrong is what tests are about.
func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
}

// StopListening takes Marathon away: connections are refused and those there were, streams too, are closed. Its state stays and its
// tasks go on serving. Listen brings it back.
func (s *Server) StopListening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return
	}
	s.http.Close()
	s.http = nil
	for r := range s.readers {
		r.close(false)
	}
	s.touch()
}

// Close ends everything and waits for it: the API, the tasks, the probes.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.StopListening()
	s.wg.Wait()
}

// URL is where Marathon's API is: http://host:port.
func (s *Server) URL() string { return "http://" + s.Addr() }

// Addr is the host:port of the API.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// enter counts a handler among what Close waits for; it says no once the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// touch wakes all who wait for a change of state; s.mu is held.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// jitter spreads d; s.mu is held.
func (s *Server) jitter(d time.Duration) time.Duration {
	return d + time.Duration(s.o.Jitter*(2*s.rand.Float64()-1)*float64(d))
}

// pause waits for d. It says no if interrupted or the server closed before.
func (s *Server) pause(d time.Duration, interrupt <-chan struct{}) bool {
	s.mu.Lock()
	timer := time.NewTimer(s.jitter(d))
	s.mu.Unlock()
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-interrupt:
	case <-s.ctx.Done():
	}
	return false
}
