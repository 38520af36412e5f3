package marathon

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func ms(n int) time.Time { return t0.Add(time.Duration(n) * time.Millisecond) }

// take starts what is due.
func (a *agenda) take(number uint64, now time.Time) []string {
	ids := a.due(now)
	for _, id := range ids {
		a.start(id, number, now)
	}
	slices.Sort(ids)
	return ids
}

func TestTheFirstWishIsReadAtOnceAndLaterOnesAreSpaced(t *testing.T) {
	a := newAgenda()
	a.want("/a", 1, ms(0))
	if got := a.take(2, ms(0)); !slices.Equal(got, []string{"/a"}) {
		t.Fatalf("due %v", got)
	}
	a.want("/a", 3, ms(1)) // while it is read: again, but only one read at a time
	if got := a.take(4, ms(100)); got != nil {
		t.Errorf("two reads of one app at a time: %v", got)
	}
	a.finish("/a", true, ms(10))
	if got := a.take(5, ms(49)); got != nil {
		t.Errorf("read again after 49 ms: %v", got)
	}
	if next := a.next(); next != ms(50) {
		t.Errorf("next at %v", next.Sub(t0))
	}
	if got := a.take(6, ms(50)); len(got) != 1 {
		t.Error("the wish that came meanwhile is forgotten")
	}
	a.finish("/a", true, ms(60))
	if got := a.take(7, ms(1000)); got != nil || !a.next().IsZero() {
		t.Errorf("read without a wish: %v, next %v", got, a.next())
	}
}

func TestAWishOlderThanTheReadIsSatisfiedByIt(t *testing.T) {
	a := newAgenda()
	a.want("/a", 1, ms(0))
	a.take(2, ms(0))
	a.finish("/a", true, ms(5))
	if a.waiting() != 0 || !a.next().IsZero() {
		t.Error("read again for nothing")
	}
}

func TestNoMoreThanSixReadsAtATime(t *testing.T) {
	a := newAgenda()
	for i := range 20 {
		a.want(fmt.Sprint("/", i), 1, ms(0))
	}
	first := a.take(2, ms(0))
	if len(first) != mostReads || a.take(3, ms(1)) != nil || a.waiting() != 20-mostReads {
		t.Errorf("%d reads, %d wait", len(first), a.waiting())
	}
	if !a.next().IsZero() {
		t.Error("it wakes up although no place is free")
	}
	a.finish(first[0], true, ms(2))
	if got := a.take(4, ms(2)); len(got) != 1 {
		t.Errorf("a free place is taken by %v", got)
	}
}

func TestAFailedReadIsMadeAgainWithGrowingPausesAndGivenUp(t *testing.T) {
	a := newAgenda()
	a.want("/a", 1, ms(0))
	now, tries := ms(0), 0
	for range 20 {
		if a.take(2, now) == nil {
			break
		}
		tries++
		a.finish("/a", false, now)
		if next := a.next(); !next.IsZero() {
			if pause := next.Sub(now); pause < 100*time.Millisecond || pause > 3*time.Second {
				t.Errorf("pause %v after %d tries", pause, tries)
			}
			now = next
		}
	}
	if tries != mostTries+1 {
		t.Errorf("%d reads, want one and %d more", tries, mostTries)
	}
	a.want("/a", 3, now.Add(time.Second))
	if a.take(4, now.Add(time.Second)) == nil {
		t.Error("a new wish is not obeyed any more")
	}
}

func TestAReadOfAllAppsCoversOlderWishes(t *testing.T) {
	a := newAgenda()
	a.want("/old", 1, ms(0))
	a.want("/new", 3, ms(0))
	a.covered(2)
	if got := a.take(4, ms(0)); !slices.Equal(got, []string{"/new"}) {
		t.Errorf("due %v", got)
	}
}

func TestWhatIsWantedLaterRipens(t *testing.T) {
	a := newAgenda()
	a.wantLater("/a", ms(100))
	a.wantLater("/a", ms(200))
	a.wantLater("/b", time.Time{})
	a.ripen(1, ms(99))
	if a.waiting() != 0 || a.next() != ms(100) {
		t.Errorf("too early: next %v", a.next())
	}
	a.ripen(1, ms(100))
	if got := a.take(2, ms(100)); !slices.Equal(got, []string{"/a"}) {
		t.Errorf("due %v", got)
	}
}

func TestTheGuardLetsThroughWhatIsNoCollapse(t *testing.T) {
	for _, c := range []struct {
		l        loss
		collapse bool
	}{
		{loss{}, false},
		{loss{apps: 0, appsBefore: 3, appsAfter: 0}, false}, // all went, and events said so
		{loss{apps: 1, appsBefore: 1, appsAfter: 0}, true},
		{loss{apps: 1, appsBefore: 3, appsAfter: 2, servers: 1, serversBefore: 3}, false},
		{loss{servers: 3, serversBefore: 3, appsAfter: 1}, false}, // too few to tell
		{loss{servers: 2, serversBefore: 4, appsAfter: 1}, false},
		{loss{servers: 3, serversBefore: 4, appsAfter: 1}, true},
	} {
		g := guard{window: 10 * time.Second}
		if got := g.admit(c.l, t0); got == c.collapse || g.status.Active != c.collapse {
			t.Errorf("%+v: admitted %v, want %v", c.l, got, !c.collapse)
		}
	}
}

func TestTheGuardBelievesTheThirdReadAfterItsWindow(t *testing.T) {
	all := loss{apps: 2, appsBefore: 2}
	g := guard{window: 10 * time.Second}
	for i, c := range []struct {
		at    int // seconds
		admit bool
	}{{0, false}, {5, false}, {9, false}, {11, true}} {
		if got := g.admit(all, t0.Add(time.Duration(c.at)*time.Second)); got != c.admit {
			t.Errorf("read %d: admitted %v", i+1, got)
		}
	}
	if g.status.Active || g.status.Total != 1 {
		t.Errorf("status %+v", g.status)
	}
	if g.admit(all, t0.Add(time.Minute)) || g.status.Total != 2 {
		t.Error("the next collapse is not held back")
	}
	if g.admit(all, t0.Add(2*time.Minute)) {
		t.Error("two reads are believed")
	}
	if !g.admit(loss{}, t0.Add(3*time.Minute)) || g.status.Active || g.admit(all, t0.Add(4*time.Minute)) {
		t.Error("a good read between does not start the guard anew")
	}
}
