package marathon

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// Status is how the watcher fares: what metrics and the page show.
type Status struct {
	Name string // of the Marathon, empty for the only one

	Stream StreamStatus // zero in poll mode
	Guard  GuardStatus

	Poll     bool      // there is no stream
	LastRead time.Time // when the newest full read in force was asked for, so when the table was last confirmed; zero before the first
	Source   Source    // of that read
	BadApps  []AppError
	Restored bool  // what is served was saved by an earlier process: Marathon was not read yet
	ReadErr  error // why the newest full read failed, nil if it did not
	Apps     int
	Tasks    int

	Events        uint64 // read from the stream
	BadEvents     uint64 // frames that were none
	UnknownEvents uint64 // of types that say nothing to us
	Builds        uint64 // changes emitted
	ReadErrors    map[Reason]uint64
}

// Up says that Marathon can be followed at the moment: the stream is open, or in poll mode, that the last read was good.
func (s Status) Up() bool {
	if s.Poll {
		return s.ReadErr == nil && !s.LastRead.IsZero()
	}
	return s.Stream.Connected
}

// Problems are the apps that could not be read at all; what is wrong within an app, the Compiler tells.
func (s Status) Problems() []route.Problem {
	var problems []route.Problem
	for _, bad := range s.BadApps {
		problems = append(problems, route.Problem{App: ofMarathon(s.Name, bad.ID), Label: fmt.Sprintf("%s[%d]", bad.List, bad.Index), Value: bad.ID,
			Reason: bad.Err.Error() + "; the app stays as it was", Remedy: "correct the app's definition"})
	}
	return problems
}

// Reconnects is how many streams were opened after the first.
func (s StreamStatus) Reconnects() uint64 { return max(s.Streams, 1) - 1 }

// Status is a snapshot. It may be called from any goroutine.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	s := w.status
	w.mu.Unlock()
	s.Stream = w.inbox.status()
	s.Name, s.Poll = w.o.Name, w.o.Poll
	s.ReadErrors = w.client.Failures()
	return s
}

// publish makes what the loop knows visible to Status.
func (w *Watcher) publish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Guard = w.guard.status
	w.status.LastRead, w.status.Restored = w.confirmed, w.restored
	w.status.Apps, w.status.Tasks = len(w.picture.apps), w.picture.tasks
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

// withoutQuery is a URL as it is worth logging: the stream's query names all types of events.
func withoutQuery(url string) string {
	before, _, _ := strings.Cut(url, "?")
	return before
}
