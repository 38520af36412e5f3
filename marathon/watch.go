package marathon

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"marathon-lb/internal/route"
)

// Linker makes out of apps what should be served: the Compiler.
type Linker interface {
	// Set puts an app in, or in the place of the one of its id. The app's slices stay as they are from then on.
	Set(App, Facts)
	Remove(id string)
	// Link is what changed since the last call.
	Link(now time.Time) route.Change
}

// Watcher keeps the picture of what Marathon runs and says each change of what should be served, at once.
//
// Events take away: a task that is killed, dies or gets sick leaves by the event itself. Only a read of the app it concerns adds
// or confirms, and a read of all apps, each minute and after each reconnect, corrects what events missed. No failure of Marathon
// changes the picture.
type Watcher struct {
	o         Options
	client    *Client
	stream    *Stream
	linker    Linker
	emit      func(route.Change)
	log       *zap.Logger
	allGroups bool

	inbox  *inbox
	landed chan func(now time.Time) // what reads brought, to be done on the one goroutine that owns all below
	resync chan struct{}
	saving chan chan struct{} // closed when the picture is on disk

	picture   *picture
	agenda    *agenda
	names     *names
	lookup    lookup
	full      fullRead
	guard     guard
	stopping  map[string]uint64    // apps that events said are being stopped since the last full read, by the number of the event
	deploys   map[string]time.Time // apps a deployment concerns whose definitions may not be visible yet
	changed   map[string]bool      // apps the linker has not been told of yet
	asked     bool                 // for Marathon's features
	silent    bool                 // it says nothing when it kills a task
	condemn   time.Duration        // condemnedFor
	synced    bool                 // there is a picture to serve: there was a full read, or what was saved is restored
	restored  bool                 // it is what was saved: there was no full read yet
	confirmed time.Time            // Status.LastRead, which says so when what was read is served
	state     stateFile
	opened    uint64    // number of the stream last seen open
	heard     uint64    // number of the stream the last event came on
	attach    time.Time // when to stop waiting for the first event of a stream, zero if not waiting
	grumble   grumble

	mu     sync.Mutex
	status Status
}

// fullRead is the state of reading all apps.
type fullRead struct {
	due    time.Time
	wish   uint64 // number of the newest event that wants one
	number uint64 // of the one under way, 0 for none
	sent   time.Time
	tries  int
}

// Defaults of Options.
const (
	defaultGuardWindow = 10 * time.Second
	smallCluster       = 500 // apps, up to which all are read each minute
	withoutStream      = 12  // times more often, while there are no events
	attachWait         = 3 * time.Second
	firstReadWait      = time.Second            // for the stream, before the very first read
	fullReadGap        = 250 * time.Millisecond // between two reads of all apps
	commitDelay        = 250 * time.Millisecond // from a deployment_info until Marathon shows the definition
)

// NewWatcher makes a watcher; it starts nothing. emit is called with each change, from one goroutine, and holds up the watcher.
func NewWatcher(o Options, client *Client, linker Linker, log *zap.Logger, emit func(route.Change)) *Watcher {
	defaultTo(&o.PollInterval, time.Minute)
	defaultTo(&o.GuardWindow, defaultGuardWindow)
	return &Watcher{
		o: o, client: client, linker: linker, emit: emit, log: log,
		allGroups: slices.Contains(o.Groups, "*"),
		stream:    NewStream(client, StreamOptions{Silence: o.Silence, MaxBackoff: o.MaxBackoff}),
		inbox:     newInbox(),
		landed:    make(chan func(time.Time)),
		condemn:   condemnedFor,
		resync:    make(chan struct{}, 1),
		saving:    make(chan chan struct{}),
		picture:   newPicture(o.HealthCheck), agenda: newAgenda(), guard: guard{window: o.GuardWindow},
		names: newNames(), lookup: byDNS,
		stopping: map[string]uint64{}, deploys: map[string]time.Time{}, changed: map[string]bool{},
	}
}

// Resync asks for a full read of Marathon now. It does not wait for it.
func (w *Watcher) Resync() {
	select {
	case w.resync <- struct{}{}:
	default:
	}
}

// Reread reads again what Marathon is asked with, and then asks for a full read of it.
func (w *Watcher) Reread() {
	if err := w.client.Reread(); err != nil {
		w.log.Warn("the credentials for Marathon cannot be read again; the old ones stay in use", zap.Error(err))
	}
	w.Resync()
}

// Run watches until ctx ends and returns its error. An unreachable Marathon never ends it.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.client.Close()
	path, err := w.o.StateFile()
	if err != nil {
		return err
	}
	w.state.path = path
	g, ctx := errgroup.WithContext(ctx)
	if !w.o.Poll {
		w.full.due = time.Now().Add(firstReadWait)
		g.Go(func() error { return w.stream.Run(ctx, w.inbox) })
	} else {
		w.full.due = time.Now()
	}
	g.Go(func() error { return w.loop(ctx) })
	return g.Wait()
}

// loop is the goroutine that owns the picture.
func (w *Watcher) loop(ctx context.Context) error {
	var flights sync.WaitGroup
	defer flights.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	w.restore(time.Now())
	for {
		select {
		case <-ctx.Done():
			w.save(w.state.due, func(write func()) { write() })
			return ctx.Err()
		case f := <-w.inbox.frames:
			w.take(f)
		case <-w.inbox.wake:
			w.notice(time.Now())
		case apply := <-w.landed:
			apply(time.Now())
		case <-w.resync:
			w.wantFull(time.Now())
		case saved := <-w.saving:
			w.saveNow(time.Now())
			close(saved)
		case <-timer.C:
		}
		now := time.Now()
		w.tell(now)
		w.publish()
		w.send(ctx, &flights, now)
		w.save(now, flights.Go)
		if at := w.next(); !at.IsZero() {
			timer.Reset(max(time.Until(at), 0))
		}
	}
}

// take handles a frame and those that wait behind it, so that a storm of events makes one change.
func (w *Watcher) take(f frame) {
	for range 256 {
		w.inbox.taken(f)
		w.frame(f, time.Now())
		select {
		case f = <-w.inbox.frames:
		default:
			return
		}
	}
}

// notice handles what the stream says of itself.
func (w *Watcher) notice(now time.Time) {
	s := w.inbox.status()
	if w.inbox.overflowed() {
		w.log.Warn("events came faster than they could be handled; all apps are read", zap.Uint64("dropped", s.Overflows))
		w.wantFull(now)
	}
	switch {
	case s.Connected && s.Streams != w.opened:
		w.opened = s.Streams
		w.log.Info("event stream open", zap.String("url", withoutQuery(s.Peer.URL)), zap.String("leader", s.Peer.Leader))
		if s.Streams != w.heard {
			w.attach = now.Add(attachWait)
		}
	case !s.Connected && s.Err != nil:
		w.attach = time.Time{}
		w.grumble.say(w.log, now, "event stream", s.Err)
		if !w.synced || w.restored {
			w.wantFull(now)
		}
		w.full.due = earlier(w.full.due, now.Add(w.interval()))
	}
}

// wantFull asks for a full read that is sent from now on.
func (w *Watcher) wantFull(now time.Time) {
	w.full.wish, w.full.tries = w.picture.tick(), 0
	w.full.due = earlier(w.full.due, later(now, w.full.sent.Add(fullReadGap)))
}

// send starts the reads that are due.
func (w *Watcher) send(ctx context.Context, flights *sync.WaitGroup, now time.Time) {
	if !w.attach.IsZero() && !now.Before(w.attach) {
		w.attach = time.Time{}
		w.wantFull(now)
	}
	w.agenda.ripen(w.picture.tick(), now)
	if w.swamped() {
		if w.full.number == 0 && w.full.tries == 0 && !w.guard.status.Active { // else one is due already, at its own time
			w.wantFull(now)
		}
	} else {
		for _, id := range w.agenda.due(now) {
			number := w.picture.tick()
			w.agenda.start(id, number, now)
			read := w.reader(id)
			flights.Go(func() { w.readApp(ctx, id, number, read) })
		}
	}
	for _, host := range w.names.take(now) {
		flights.Go(func() { w.resolve(ctx, host) })
	}
	if w.synced && !w.restored && !w.asked {
		w.asked = true
		flights.Go(func() { w.askFeatures(ctx) })
	}
	if w.full.number == 0 && !w.full.due.IsZero() && !now.Before(w.full.due) {
		number := w.picture.tick()
		w.full.number, w.full.sent, w.full.due = number, now, time.Time{}
		flights.Go(func() { w.readAll(ctx, number) })
	}
}

// swamped says that so many apps are to be read that reading all is cheaper.
func (w *Watcher) swamped() bool {
	return w.agenda.waiting() > min(50, max(8, len(w.picture.apps)/5))
}

// next is when there is something to do that no message tells of.
func (w *Watcher) next() time.Time {
	at := earlier(earlier(w.attach, w.state.due), w.names.next())
	if w.swamped() {
		at = earlier(at, w.agenda.ripe())
	} else {
		at = earlier(at, w.agenda.next())
	}
	if w.full.number == 0 {
		at = earlier(at, w.full.due)
	}
	return at
}

// interval is the time until the next full read, within a tenth.
func (w *Watcher) interval() time.Duration {
	d := w.o.ResyncInterval
	switch {
	case w.o.Poll:
		return w.o.PollInterval
	case d > 0:
	case len(w.picture.apps) > smallCluster:
		d = 5 * time.Minute
	default:
		d = time.Minute
	}
	if !w.inbox.status().Connected { // reads are all there is
		d /= withoutStream
	}
	return d - d/10 + rand.N(d/5+1)
}

// tell gives what changed to the linker, and what it makes of it to the outside.
func (w *Watcher) tell(now time.Time) {
	if !w.synced || len(w.changed) == 0 {
		return
	}
	for id := range w.changed {
		if h := w.picture.apps[id]; h != nil {
			w.linker.Set(h.app, h.facts)
		} else {
			w.linker.Remove(id)
		}
	}
	clear(w.changed)
	w.saveSoon(now)
	change := w.linker.Link(now)
	if change.Empty() {
		return
	}
	w.mu.Lock()
	w.status.Builds++
	w.mu.Unlock()
	w.emit(change)
}
