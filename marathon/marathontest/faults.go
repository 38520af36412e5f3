package marathontest

import (
	"fmt"
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
	if kind == "huge" {
		const line = "event: deployment_info\r\ndata: {\"eventType\":\"deployment_info\",\"plan\":{\"original\":\"%s\"}}\r\n\r\n"
		return fmt.Sprintf(line, strings.Repeat("x", 20<<20)), nil
	}
	text, known := malformedFrames[kind]
	if !known {
		return "", fmt.Errorf("no malformed event of kind %q; there are huge, %s", kind, strings.Join(sortedKeys(malformedFrames), ", "))
	}
	return text, nil
}

const wellFormed = `{"eventType":"status_update_event","timestamp":"2020-03-02T10:00:04.310Z","taskId":"x","appId":"/x"}`

var malformedFrames = map[string]string{
	"badjson":    "event: status_update_event\r\ndata: {\"taskId\":\"x\",\r\n\r\n",
	"twoobjects": "event: status_update_event\r\ndata: " + wellFormed + "\r\ndata: " + wellFormed + "\r\n\r\n",
	"noevent":    "data: " + wellFormed + "\r\n\r\n",
	"unknown":    "event: brand_new_event\r\ndata: {\"eventType\":\"brand_new_event\"}\r\n\r\n",
	"nulls":      "event: status_update_event\r\ndata: {\"eventType\":\"status_update_event\",\"taskId\":null,\"ports\":null}\r\n\r\n",
	"lfonly":     "event: status_update_event\ndata: " + wellFormed + "\n\n",
	"comment":    ": a comment\r\n\r\n",
	"idretry":    "id: 7\r\nretry: 10\r\nevent: status_update_event\r\ndata: " + wellFormed + "\r\n\r\n",
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
