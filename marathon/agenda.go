package marathon

import "time"

// agenda says which apps are to be read, and when: the first wish at once, then at most one read per app each readGap, one at a
// time per app and mostReads overall. It is pure: whoever calls it does the reading.
type agenda struct {
	errands map[string]*errand
	later   map[string]time.Time // apps to be wanted when that time comes
	flying  int
}

// errand is the reading of one app.
type errand struct {
	due    time.Time // zero if nothing is wanted
	wish   uint64    // number of the newest event that wants it
	sent   time.Time
	number uint64 // of the read under way, 0 for none
	tries  int    // failed reads in a row
}

const (
	readGap   = 50 * time.Millisecond // between two reads of an app
	mostReads = 6                     // reads of single apps under way at a time
	mostTries = 6                     // failed reads of an app in a row, then it waits for the next full read
)

func newAgenda() *agenda {
	return &agenda{errands: map[string]*errand{}, later: map[string]time.Time{}}
}

// want asks for a read of the app that is sent after event number wish.
func (a *agenda) want(id string, wish uint64, now time.Time) {
	e := a.errands[id]
	if e == nil {
		e = &errand{}
		a.errands[id] = e
	}
	e.wish, e.tries = wish, 0
	if soon := later(now, e.sent.Add(readGap)); e.due.IsZero() || soon.Before(e.due) {
		e.due = soon
	}
}

// wantLater asks for a read at some time.
func (a *agenda) wantLater(id string, at time.Time) {
	if !at.IsZero() {
		a.later[id] = earlier(a.later[id], at)
	}
}

// ripen turns what was wanted for later and is due into wishes.
func (a *agenda) ripen(number uint64, now time.Time) {
	for id, at := range a.later {
		if !now.Before(at) {
			delete(a.later, id)
			a.want(id, number, now)
		}
	}
}

// due are the apps to read now, as many as may be under way; each must be told of with start.
func (a *agenda) due(now time.Time) []string {
	var ids []string
	for id, e := range a.errands {
		switch {
		case e.number != 0:
		case e.due.IsZero():
			if now.Sub(e.sent) > readGap {
				delete(a.errands, id) // only kept to space reads
			}
		case !now.Before(e.due) && a.flying+len(ids) < mostReads:
			ids = append(ids, id)
		}
	}
	return ids
}

// waiting is how many apps are wanted and not under way.
func (a *agenda) waiting() int {
	n := 0
	for _, e := range a.errands {
		if e.number == 0 && !e.due.IsZero() {
			n++
		}
	}
	return n
}

// start says that the read of that number is sent.
func (a *agenda) start(id string, number uint64, now time.Time) {
	e := a.errands[id]
	e.number, e.sent, e.due = number, now, time.Time{}
	a.flying++
}

// finish says how the read ended. One that failed, or that was sent before the newest wish, is made again.
func (a *agenda) finish(id string, ok bool, now time.Time) {
	e := a.errands[id]
	a.flying--
	number := e.number
	e.number = 0
	switch {
	case !ok && e.tries < mostTries:
		e.tries++
		e.due = now.Add(jitter(retryAfter(e.tries)))
	case ok && e.wish > number:
		e.due = later(now, e.sent.Add(readGap))
	case ok:
		e.tries = 0
	}
}

// retryAfter is the pause after so many failures: 0.2 s doubling to 3 s.
func retryAfter(tries int) time.Duration {
	return min(200*time.Millisecond<<min(tries-1, 10), 3*time.Second)
}

// covered says that a read of all apps with that number was applied: what was wished before needs no read of its own.
func (a *agenda) covered(number uint64) {
	for _, e := range a.errands {
		if e.number == 0 && e.wish < number {
			e.due = time.Time{}
		}
	}
}

// next is when there is something to do, zero for never. What waits for a free place is started when another read ends.
func (a *agenda) next() time.Time {
	var at time.Time
	for _, e := range a.errands {
		if e.number == 0 && a.flying < mostReads {
			at = earlier(at, e.due)
		}
	}
	return earlier(at, a.ripe())
}

// ripe is when the first of what was wanted for later is due, zero for never.
func (a *agenda) ripe() time.Time {
	var at time.Time
	for _, t := range a.later {
		at = earlier(at, t)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
