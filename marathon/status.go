package marathon

import (
	"time"

	"go.uber.org/zap"
)

// Status is how the watcher fares: what metrics and the page show.
type Status struct {
	Stream StreamStatus // zero in poll mode
	Guard  GuardStatus

	LastRead time.Time // when the newest full read in force was asked for: the age of the picture; zero before the first
	Source   Source    // of that read
	BadApps  []AppError
	Apps     int
	Tasks    int

	Events        uint64 // read from the stream
	BadEvents     uint64 // frames that were none
	UnknownEvents uint64 // of types that say nothing to us
	Builds        uint64 // changes emitted
	ReadErrors    map[Reason]uint64
}

// Up says that Marathon can be followed at the moment: the stream is open, or in poll mode, that the last read was good.
func (s Status) Up() bool { return s.Stream.Connected }

// Reconnects is how many streams were opened after the first.
func (s StreamStatus) Reconnects() uint64 { return max(s.Streams, 1) - 1 }

// Status is a snapshot. It may be called from any goroutine.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	s := w.status
	w.mu.Unlock()
	s.Stream = w.inbox.status()
	s.ReadErrors = w.client.Failures()
	return s
}

// publish makes what the loop knows visible to Status.
func (w *Watcher) publish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Guard = w.guard.status
	w.status.Apps = len(w.picture.apps)
}

// grumble logs a trouble that lasts when it begins, then once a minute, and when it is over.
type grumble struct {
	last map[string]time.Time
}

const grumbleEach = time.Minute

func (g *grumble) say(log *zap.Logger, now time.Time, what string, err error, fields ...zap.Field) {
	if g.last == nil {
		g.last = map[string]time.Time{}
	}
	if last, ok := g.last[what]; ok && now.Sub(last) < grumbleEach {
		return
	}
	g.last[what] = now
	log.Warn("Marathon does not answer as it should; what was served stays", append(fields, zap.String("trouble", what), zap.Error(err))...)
}

func (g *grumble) well(log *zap.Logger, what string) {
	if _, ok := g.last[what]; ok {
		delete(g.last, what)
		log.Info("Marathon answers again", zap.String("after", what))
	}
}
