package marathontest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
)

// probeAgent is the User-Agent of the simulator's own health checks, so that they do not count as requests.
const probeAgent = "marathontest health check"

// Greeting is the default handler of tasks: it says in one line which task answers, and ok at /health.
func Greeting(t *Task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if r.URL.Path == "/health" {
			io.WriteString(w, "ok\n")
			return
		}
		fmt.Fprintf(w, "Hello from %s, task %s at %s\n", t.app.ID, t.id, r.Context().Value(http.LocalAddrContextKey))
	})
}

// Echo is the default service of TCP tasks: it says in one line which task it is, then sends back what it receives.
func Echo(t *Task, c net.Conn) {
	fmt.Fprintf(c, "Hello from %s, task %s at %s\n", t.app.ID, t.id, c.LocalAddr())
	io.Copy(c, c)
}

// process is a task's program that is a server of this process.
type process struct {
	task      *Task
	server    *http.Server // nil for a TCP task
	listeners []net.Listener
	wg        sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]http.ConnState
	over    bool          // takes no new connection, keeps no idle one
	stopped bool          // runs no new handler
	idle    chan struct{} // closed when over and no request is running any more
}

// start opens the task's ports.
func (s *Server) start(t *Task, serveTCP bool) (program, error) {
	if s.o.Command != nil {
		return spawn(s.o.Command(t), t.sockets)
	}
	p := &process{task: t, conns: map[net.Conn]http.ConnState{}, idle: make(chan struct{})}
	for _, k := range t.sockets {
		l, err := k.listen()
		if err != nil {
			p.stop()
			return nil, err
		}
		p.listeners = append(p.listeners, l)
	}
	if serveTCP {
		for _, l := range p.listeners {
			p.wg.Go(func() { p.accept(l, s.o.Conn) })
		}
		return p, nil
	}
	p.server = newHTTPServer(p.handler(s.o.Handler(t)))
	p.server.ConnState = p.connState
	for _, l := range p.listeners {
		p.wg.Go(func() { p.server.Serve(l) })
	}
	return p, nil
}

// handler counts requests, answers health and readiness paths as long as the task is not healthy or ready, and lets h do the rest.
func (p *process) handler(h http.Handler) http.Handler {
	paths, readiness := []string{"/health"}, []string{}
	for _, c := range p.task.app.ReadinessChecks {
		readiness = append(readiness, c.Path)
	}
	for _, c := range p.task.app.HealthChecks {
		paths = append(paths, c.Path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.enter() {
			panic(http.ErrAbortHandler)
		}
		defer p.wg.Done()
		probed := slices.Contains(paths, r.URL.Path)
		if r.UserAgent() != probeAgent && (!probed || r.URL.Path == "/") {
			p.task.count()
		}
		if slices.Contains(readiness, r.URL.Path) && p.task.unready.Load() {
			http.Error(w, "warming", http.StatusServiceUnavailable)
			return
		}
		if probed && p.task.sick.Load() {
			http.Error(w, "not well", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// enter counts a handler among what stop waits for; it says no once there is nothing to wait for.
func (p *process) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.wg.Add(1)
	}
	return !p.stopped
}

// connState follows a connection. A connection without request is closed once the process is over; one that was hijacked
// lives until the process dies.
func (p *process) connState(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || p.over && (state == http.StateNew || state == http.StateIdle) {
		c.Close()
		state = http.StateClosed
	}
	if p.conns[c] = state; state == http.StateClosed {
		delete(p.conns, c)
	}
	p.tellIfIdle()
}

// tellIfIdle closes idle if it is time; p.mu is held.
func (p *process) tellIfIdle() {
	if !p.over {
		return
	}
	for _, state := range p.conns {
		if state == http.StateActive {
			return
		}
	}
	select {
	case <-p.idle:
	default:
		close(p.idle)
	}
}

func (p *process) accept(l net.Listener, serve func(*Task, net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.connState(c, http.StateActive)
		p.wg.Go(func() {
			defer p.connState(c, http.StateClosed)
			defer c.Close()
			p.task.count()
			serve(p.task, c)
		})
	}
}

func (p *process) ended() <-chan struct{} { return p.idle }

// finish closes the ports, then idle connections, and lets running requests end: then idle is closed.
func (p *process) finish() {
	for _, l := range p.listeners {
		l.Close()
	}
	if p.server != nil {
		p.server.SetKeepAlivesEnabled(false)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for c, state := range p.conns {
		if state == http.StateNew || state == http.StateIdle {
			c.Close()
			delete(p.conns, c)
		}
	}
	p.tellIfIdle()
}

// stop resets what is left and waits until nothing runs.
func (p *process) stop() {
	p.finish()
	p.mu.Lock()
	p.stopped = true
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
	p.mu.Unlock()
	if p.server != nil {
		p.server.Close()
	}
	p.wg.Wait()
}
