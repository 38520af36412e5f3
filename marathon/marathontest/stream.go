package marathontest

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// reader is a client of /v2/events.
type reader struct {
	conn   *net.TCPConn
	remote string // its address, without port
	filter []string
	queue  chan outgoing
	gone   chan struct{} // closed when it is to be written no more
	once   sync.Once
}

// outgoing is what waits in the queue of a reader.
type outgoing struct {
	kind  string // eventType for the filter; empty for what is sent to all
	bytes []byte
	since time.Time
	last  bool // a clean end follows
}

// close ends a reader: cleanly, or by a reset.
func (r *reader) close(reset bool) {
	r.once.Do(func() {
		if reset {
			r.conn.SetLinger(0)
		}
		r.conn.Close()
		close(r.gone)
	})
}

// broadcast puts an event into the queue of each reader, whatever it asked for: the filter comes later, as in Marathon. A reader
// whose queue is full is cut off. s.mu is held.
func (s *Server) broadcast(e Event) {
	if s.stream.Freeze || s.lose(s.stream.DropRate) {
		return
	}
	m := outgoing{kind: e.Type, bytes: []byte("event: " + e.Type + "\r\ndata: " + string(e.Data) + "\r\n\r\n"), since: e.At}
	s.enqueue(m)
	if s.lose(s.stream.DuplicateRate) {
		s.enqueue(m)
	}
}

func (s *Server) enqueue(m outgoing) {
	for r := range s.readers {
		select {
		case r.queue <- m:
		default:
			r.close(false)
			delete(s.readers, r)
		}
	}
}

// lose throws dice; s.mu is held.
func (s *Server) lose(rate float64) bool { return rate > 0 && s.rand.Float64() < rate }

// events serves GET /v2/events: bytes as Jetty's EventSourceServlet writes them, without length and without chunks.
func (s *Server) events(w http.ResponseWriter, q *http.Request) {
	// One value must be exactly this: no list, no parameters.
	if q.Method != http.MethodGet || !slices.Contains(q.Header["Accept"], "text/event-stream") {
		html(w, http.StatusMethodNotAllowed, "HTTP method "+q.Method+" is not supported by this URL")
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	host, _, _ := net.SplitHostPort(q.RemoteAddr)
	r := &reader{
		conn: conn.(*net.TCPConn), remote: host, filter: q.URL.Query()["event_type"],
		queue: make(chan outgoing, s.o.EventQueue), gone: make(chan struct{}),
	}
	var head strings.Builder
	head.WriteString("HTTP/1.1 200 OK\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	for _, field := range s.commonFields() {
		head.WriteString(field[0] + ": " + field[1] + "\r\n")
	}
	head.WriteString("Content-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n\r\n")
	s.follow(r, head.String())
}

// follow serves a reader to its end.
func (s *Server) follow(r *reader, head string) {
	defer r.close(false)
	s.wg.Go(func() { // a reader says nothing; it leaves
		defer r.close(false)
		for b := make([]byte, 512); ; {
			if _, err := r.conn.Read(b); err != nil {
				return
			}
		}
	})
	if _, err := r.conn.Write([]byte(head)); err != nil {
		return
	}
	s.mu.Lock()
	faults := s.stream
	s.mu.Unlock()
	if faults.StandbyClose || !s.pause(s.o.Timing.AttachGap+faults.AttachGap, r.gone) || !s.attach(r) {
		return
	}
	defer s.detach(r)
	s.pump(r)
}

// attach subscribes a reader: from now on it receives events, first that of its own arrival.
func (s *Server) attach(r *reader) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return false
	}
	s.readers[r] = struct{}{}
	s.publish(Event{Type: "event_stream_attached"}, streamEvent{r.remote})
	return true
}

func (s *Server) detach(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, r)
	s.publish(Event{Type: "event_stream_detached"}, streamEvent{r.remote})
}

// pump sends events and heartbeats until the reader is gone.
func (s *Server) pump(r *reader) {
	heartbeat := time.NewTimer(s.o.Timing.Heartbeat)
	defer heartbeat.Stop()
	for {
		ok := true
		select {
		case <-r.gone:
			return
		case m := <-r.queue:
			if m.kind == "" || len(r.filter) == 0 || slices.Contains(r.filter, m.kind) {
				ok = s.send(r, m)
			}
		case <-heartbeat.C:
			ok = s.beat(r)
			heartbeat.Reset(s.o.Timing.Heartbeat)
		}
		if !ok {
			return
		}
	}
}

// send writes one frame, as late and as slowly as the faults want. It says no if the stream is over.
func (s *Server) send(r *reader, m outgoing) bool {
	f, ok := s.thaw(r)
	if !ok {
		return false
	}
	if late := f.Delay - time.Since(m.since); late > 0 && !s.pause(late, r.gone) {
		return false
	}
	return s.transmit(r, m.bytes, f.BytesPerSecond) && !m.last
}

// transmit writes bytes, in 20 portions a second if there is a limit.
func (s *Server) transmit(r *reader, b []byte, perSecond int) bool {
	portion := len(b)
	if perSecond > 0 {
		portion = max(1, perSecond/20)
	}
	for len(b) > 0 {
		n, err := r.conn.Write(b[:min(portion, len(b))])
		if err != nil {
			return false
		}
		if b = b[n:]; perSecond > 0 && !s.pause(time.Second*time.Duration(n)/time.Duration(perSecond), r.gone) {
			return false
		}
	}
	return true
}

// beat sends the heartbeat: one empty line, in two writes, as Jetty does.
func (s *Server) beat(r *reader) bool {
	f, ok := s.thaw(r)
	if !ok || f.NoHeartbeat {
		return ok
	}
	return s.transmit(r, []byte("\r"), 0) && s.transmit(r, []byte("\n"), 0)
}

// thaw waits while the stream is frozen and tells the faults then.
func (s *Server) thaw(r *reader) (f StreamFaults, ok bool) {
	for {
		s.mu.Lock()
		f, changed := s.stream, s.changed
		s.mu.Unlock()
		if !f.Freeze {
			return f, true
		}
		select {
		case <-changed:
		case <-r.gone:
			return f, false
		}
	}
}
