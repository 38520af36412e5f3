package marathontest

import (
	"slices"
	"time"
)

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
