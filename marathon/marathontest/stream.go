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
