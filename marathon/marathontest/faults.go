package marathontest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// StreamFaults are lasting faults of the event stream; the zero value is none.
type StreamFaults struct {
	Freeze         bool          // sends nothing, heartbeats included, while the connection stays open; events meanwhile are lost
	NoHeartbeat    bool          // sends no empty lines
	BytesPerSecond int           // slows each reader down to that; 0 for no limit
	DropRate       float64       // share of events lost
	DuplicateRate  float64       // share of events sent twice
	Delay          time.Duration // between an event and its sending
	AttachGap      time.Duration // besides Timing.AttachGap
	StandbyClose   bool          // answers 200, then closes: elected but not ready
}

// SetStreamFaults replaces the lasting faults of the event stream.
func (s *Server) SetStreamFaults(f StreamFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = f
	s.touch()
}

// CloseStreams ends all event streams as a leader does that stops: the clients read a clean end.
func (s *Server) CloseStreams() { s.endStreams(false) }

// ResetStreams breaks all event streams: the clients' connections are reset.
func (s *Server) ResetStreams() { s.endStreams(true) }

func (s *Server) endStreams(reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.readers {
		r.close(reset)
	}
}

// TruncateStreams sends all readers half an event, then a clean end.
func (s *Server) TruncateStreams() {
	s.sendRaw("event: status_update_event\r\ndata: {\"slaveId\":\"8d1f6c1e-9b7a-4d06-9c3c-0f2a0d3b7f10-S1\",\"taskId\":\"shop", true)
}

// SendRaw sends bytes to all readers of the stream, whatever their filters.
func (s *Server) SendRaw(frame string) { s.sendRaw(frame, false) }

func (s *Server) sendRaw(frame string, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(outgoing{bytes: []byte(frame), since: time.Now(), last: last})
}

// SendMalformed sends one frame that is not as it should be to all readers of the stream: badjson, twoobjects, noevent, unknown,
// nulls, lfonly, comment, idretry, or huge (20 MiB).
func (s *Server) SendMalformed(kind string) error {
	frame, err := malformed(kind)
	if err == nil {
		s.SendRaw(frame)
	}
	return err
}

func malformed(kind string) (string, error) {
	const ok = `{"eventType":"status_update_event","timestamp":"2020-03-02T10:00:04.310Z","taskId":"x","appId":"/x"}`
	frames := map[string]string{
		"badjson":    "event: status_update_event\r\ndata: {\"taskId\":\"x\",\r\n\r\n",
		"twoobjects": "event: status_update_event\r\ndata: " + ok + "\r\ndata: " + ok + "\r\n\r\n",
		"noevent":    "data: " + ok + "\r\n\r\n",
		"unknown":    "event: brand_new_event\r\ndata: {\"eventType\":\"brand_new_event\"}\r\n\r\n",
		"nulls":      "event: status_update_event\r\ndata: {\"eventType\":\"status_update_event\",\"taskId\":null,\"appId\":null,\"ports\":null}\r\n\r\n",
		"lfonly":     "event: status_update_event\ndata: " + ok + "\n\n",
		"comment":    ": a comment\r\n\r\n",
		"idretry":    "id: 7\r\nretry: 10\r\nevent: status_update_event\r\ndata: " + ok + "\r\n\r\n",
		"huge": "event: deployment_info\r\ndata: {\"eventType\":\"deployment_info\",\"plan\":{\"original\":\"" +
			strings.Repeat("x", 20<<20) + "\"}}\r\n\r\n",
	}
	text, known := frames[kind]
	if !known {
		return "", fmt.Errorf("no malformed event of kind %q; there are %s", kind, strings.Join(sortedKeys(frames), ", "))
	}
	return text, nil
}

// APIFault is a fault of the REST API. Several things may be wrong at once.
type APIFault struct {
	Path      string        // concerns paths that begin so; "/v2/apps" concerns /v2/apps/x too; empty: all but /sim and /v2/events
	Rate      float64       // the share of requests concerned; 0 for all
	Times     int           // concerns so many requests, then is over; 0 for no limit
	For       time.Duration // is over after that; 0 for no limit
	Latency   time.Duration // answers so much later
	Hang      bool          // never answers
	Status    int           // answers this status with an HTML page and does nothing
	HTML200   bool          // answers 200 with the HTML page of a proxy that wants a login
	Truncate  bool          // breaks the connection in the middle of the body
	EmptyApps bool          // answers GET /v2/apps with {"apps":[]}

	until time.Time
}

// AddAPIFault makes the API fail. The function it returns ends the fault.
func (s *Server) AddAPIFault(f APIFault) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.For > 0 {
		f.until = time.Now().Add(f.For)
	}
	s.api = append(s.api, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.api = slices.DeleteFunc(s.api, func(other *APIFault) bool { return other == &f })
	}
}

// ClearAPIFaults ends all faults of the API, staleness too.
func (s *Server) ClearAPIFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.api, s.stale = nil, nil
}

// SetStale makes all reads answer from the state of this moment from now on, as a leader cut off from the others does.
func (s *Server) SetStale(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = nil
	if on {
		s.stale = s.look()
	}
}

// SetPortReuse gives new tasks the host ports of tasks that ended since, newest first.
func (s *Server) SetPortReuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reusePorts, s.freed = on, nil
}

// SetBehaviour changes how the processes of an app behave from their next step on: opening their ports, SIGTERM.
func (s *Server) SetBehaviour(app string, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviours[absolute(app)] = b
}

// fault finds what is wrong with the answer to a request.
func (s *Server) fault(r *http.Request) (sum APIFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.api = slices.DeleteFunc(s.api, func(f *APIFault) bool { return f.Times < 0 || !f.until.IsZero() && now.After(f.until) })
	for _, f := range s.api {
		if !strings.HasPrefix(r.URL.Path, f.Path) || f.Rate > 0 && !s.lose(f.Rate) || f.Times < 0 {
			continue
		}
		if f.EmptyApps && (r.URL.Path != "/v2/apps" || r.Method != http.MethodGet) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				f.Times = -1
			}
		}
		sum.Latency += f.Latency
		sum.Hang = sum.Hang || f.Hang
		sum.HTML200 = sum.HTML200 || f.HTML200
		sum.Truncate = sum.Truncate || f.Truncate
		sum.EmptyApps = sum.EmptyApps || f.EmptyApps
		setDefault(&sum.Status, f.Status)
	}
	return sum
}
