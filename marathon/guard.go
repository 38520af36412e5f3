package marathon

import (
	"fmt"
	"time"
)

// guard holds back a full read that would take most of what is served away without an event having said so: it is likelier that
// Marathon, or something before it, is wrong than that everything stopped at once.
type guard struct {
	window time.Duration // from the first such read until it is believed; two more reads are made in it
	status GuardStatus
	agreed int
}

// GuardStatus is whether a collapse is held back.
type GuardStatus struct {
	Active bool
	Since  time.Time
	Total  uint64 // collapses held back since the start
	Why    string // what the read would take away
}

// loss is what a full read would take away although no event spoke of it.
type loss struct {
	apps, appsBefore, appsAfter int
	servers, serversBefore      int
}

func (l loss) collapse() bool {
	return l.apps > 0 && l.appsAfter == 0 || l.serversBefore >= 4 && 2*l.servers > l.serversBefore
}

func (l loss) String() string {
	return fmt.Sprintf("%d of %d apps, %d of %d servers", l.apps, l.appsBefore, l.servers, l.serversBefore)
}

// admit says whether a full read that brings this loss may be applied: at once if it is no collapse, else when the third in a
// row says the same and the window has passed.
func (g *guard) admit(l loss, now time.Time) bool {
	if !l.collapse() {
		g.release()
		return true
	}
	if !g.status.Active {
		g.status = GuardStatus{Active: true, Since: now, Total: g.status.Total + 1}
		g.agreed = 0
	}
	g.agreed++
	g.status.Why = l.String()
	if g.agreed < 3 || now.Sub(g.status.Since) < g.window {
		return false
	}
	g.release()
	return true
}

func (g *guard) release() { g.status.Active, g.agreed = false, 0 }

// again is when the next read of a held collapse is due.
func (g *guard) again(now time.Time) time.Time { return now.Add(g.window/2 + time.Millisecond) }

// weigh is what putting the drafts in the place of the picture's apps would take away.
func (w *Watcher) weigh(drafts map[string]*held, list List, read uint64) loss {
	var l loss
	for id, old := range w.picture.apps {
		if !old.app.named(w.allGroups) {
			continue
		}
		l.appsBefore++
		next := drafts[id]
		if next == nil && w.keeps(id, list, read) {
			next = old
		}
		if next != nil {
			l.appsAfter++
		} else if w.stopping[id] == 0 {
			l.apps++
		}
		l.addServers(old, next, w.o.HealthCheck, w.stopping[id] != 0)
	}
	return l
}

// addServers counts an app's servers. One that an event took away is none of them any more, so what is lost here nobody announced,
// unless the whole app is being stopped.
func (l *loss) addServers(old, next *held, obeyHealth, stopping bool) {
	still := map[string]bool{}
	if next != nil {
		for i := range next.app.Tasks {
			t := &next.app.Tasks[i]
			still[t.ID] = t.usable(next.facts.Health[t.ID], obeyHealth)
		}
	}
	for i := range old.app.Tasks {
		t := &old.app.Tasks[i]
		if !t.usable(old.facts.Health[t.ID], obeyHealth) {
			continue
		}
		l.serversBefore++
		if !still[t.ID] && !stopping {
			l.servers++
		}
	}
}
