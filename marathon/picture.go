package marathon

import (
	"slices"
	"strings"
	"time"
)

// picture is what we believe Marathon to be running: what was read last, and what events have said since.
//
// Events and reads are numbered in the order in which events arrived and reads were *sent*. A read that was sent before an event
// arrived may or may not show what the event says, so the event goes on holding over it.
type picture struct {
	obeyHealth bool // Options.HealthCheck
	apps       map[string]*held
	patches    map[string]patch // by task id
	gone       map[string]gone  // apps taken out lately
	verdicts   verdicts
	tasks      int    // of all apps
	clock      uint64 // number of the last event or read
}

// held is an app of the picture.
type held struct {
	app   App // as read, patched by events; its Tasks are never written to, only replaced
	facts Facts
	read  uint64    // number of the read it is from
	older time.Time // since when reads show an older version than this one
}

// gone says which read showed that an app is no more.
type gone struct {
	read uint64
	at   time.Time
}

// patch is what an event said of a task.
type patch struct {
	event uint64
	app   string
	state TaskState // empty if the event spoke of health only
	sick  bool
	final bool // a task never comes back from there: no read can say otherwise
	guess bool // nor will one confirm it
	until time.Time
}

// finalFor is how long a task stays dead for us whatever reads say: longer than any answer is under way or held by a cache.
const finalFor = 10 * time.Minute

func newPicture(obeyHealth bool) *picture {
	return &picture{obeyHealth: obeyHealth, apps: map[string]*held{}, patches: map[string]patch{}, gone: map[string]gone{}, verdicts: verdicts{}}
}

// tick gives the next number.
func (p *picture) tick() uint64 {
	p.clock++
	return p.clock
}

// draft is the app as it would stand in the picture, and when it should be looked at again for the sake of time alone. Where events
// that the read cannot know of take away every server, those that may still serve are spared until the next read shows what came
// in their place: better both at once than nobody in between.
func (p *picture) draft(app App, read uint64, now time.Time) (*held, time.Time) {
	h, again := p.sketch(app, read, now, false)
	if !p.serves(h) {
		if spared, later := p.sketch(app, read, now, true); p.serves(spared) {
			return spared, later
		}
	}
	return h, again
}

// serves says that there is a task to send requests to.
func (p *picture) serves(h *held) bool {
	return slices.ContainsFunc(h.app.Tasks, func(t Task) bool { return t.usable(h.facts.Health[t.ID], p.obeyHealth) })
}

func (p *picture) sketch(app App, read uint64, now time.Time, spare bool) (*held, time.Time) {
	app.Tasks = slices.Clone(app.Tasks)
	p.recall(&app)
	for i := range app.Tasks {
		p.repair(&app.Tasks[i], read, now, spare)
	}
	h := &held{app: app, read: read}
	again := p.judge(h, now)
	for i := range app.Tasks {
		if c := p.patches[app.Tasks[i].ID]; c.guess && now.Before(c.until) { // no event tells that it was wrong
			again = earlier(again, c.until)
		}
	}
	if len(app.ReadinessChecks) > 0 && len(app.Deployments) > 0 {
		again = earlier(again, now.Add(readinessPoll)) // no event tells of readiness
	}
	return h, again
}

// recall gives tasks back the addresses Marathon forgets when it loses sight of them or kills them.
func (p *picture) recall(app *App) {
	old := p.apps[app.ID]
	if old == nil {
		return
	}
	for i := range app.Tasks {
		t := &app.Tasks[i]
		if !t.State.Unsure() && t.State != TaskKilling {
			continue
		}
		at := slices.IndexFunc(old.app.Tasks, func(o Task) bool { return o.ID == t.ID })
		if at < 0 {
			continue
		}
		if len(t.IPAddresses) == 0 {
			t.IPAddresses = old.app.Tasks[at].IPAddresses
		}
		if len(t.Ports) == 0 {
			t.Ports = old.app.Tasks[at].Ports
		}
	}
}

// readinessPoll is how often an app is read while Marathon waits for its tasks to get ready.
const readinessPoll = time.Second

// repair puts what events say of a task over what an older read says, but for what is to be spared: it is not dead yet.
func (p *picture) repair(t *Task, read uint64, now time.Time, spare bool) {
	patch, ok := p.patches[t.ID]
	if spare && (patch.event > read || patch.guess) && !patch.state.Terminal() {
		return
	}
	if !ok || !(patch.event > read || patch.final && now.Before(patch.until)) {
		return
	}
	if patch.state != "" && !t.State.Terminal() {
		t.State = patch.state
	}
	if patch.sick {
		t.Results = nil // no news; the verdict remembered is that of the event
	}
}

func (p *picture) judge(h *held, now time.Time) (again time.Time) {
	h.facts.Health = make(map[string]Health, len(h.app.Tasks))
	for i := range h.app.Tasks {
		t := &h.app.Tasks[i]
		health, look := p.verdicts.judge(&h.app, t, p.letIn(h.app.ID, t.ID), now)
		h.facts.Health[t.ID] = health
		again = earlier(again, look)
	}
	return again
}

// letIn says that a task ran and was past its readiness already. Marathon asks for that once; a new leader may begin anew.
func (p *picture) letIn(app, task string) bool {
	old := p.apps[app]
	if old == nil {
		return false
	}
	health, known := old.facts.Health[task]
	return known && health != Unready && slices.ContainsFunc(old.app.Tasks, func(t Task) bool { return t.ID == task && !t.StartedAt.IsZero() })
}

// earlier is the earlier of two times, zero meaning never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// versionDoubt is how long an older version of an app than the one known is taken for the answer of a leader that is none any more.
const versionDoubt = 10 * time.Second

// fresh says whether a read of an app is to be believed: it must have been sent after the one we have, or that showed it gone, and
// not show an older version, unless it keeps doing so.
func (p *picture) fresh(app *App, read uint64, now time.Time) bool {
	h := p.apps[app.ID]
	if h == nil {
		return read > p.gone[app.ID].read
	}
	if read <= h.read {
		return false
	}
	if app.Version >= h.app.Version {
		return true
	}
	if h.older.IsZero() {
		h.older = now
	}
	return now.Sub(h.older) >= versionDoubt
}

// put makes the draft part of the picture.
func (p *picture) put(h *held) {
	p.tasks += len(h.app.Tasks)
	if old := p.apps[h.app.ID]; old != nil {
		p.tasks -= len(old.app.Tasks)
		for _, t := range old.app.Tasks {
			if _, still := h.facts.Health[t.ID]; !still {
				delete(p.verdicts, t.ID)
			}
		}
	}
	p.verdicts.learn(&h.app)
	p.apps[h.app.ID] = h
}

// drop takes an app out that a read shows to be no more.
func (p *picture) drop(id string, read uint64, now time.Time) {
	p.gone[id] = gone{read, now}
	if h := p.apps[id]; h != nil {
		p.tasks -= len(h.app.Tasks)
		for _, t := range h.app.Tasks {
			delete(p.verdicts, t.ID)
		}
		delete(p.apps, id)
	}
}

// forget lets go of what no read under way can contradict any more: read was sent after it and is applied now.
func (p *picture) forget(read uint64, now time.Time) {
	for id, patch := range p.patches {
		if patch.event < read && (!patch.final || now.After(patch.until)) {
			delete(p.patches, id)
		}
	}
	for id, g := range p.gone {
		if now.Sub(g.at) > finalFor {
			delete(p.gone, id)
		}
	}
}

// record keeps what an event says of one task, to be put over every read that cannot know of it. It is false if the task is past that.
func (p *picture) record(task string, c patch) bool {
	if old, ok := p.patches[task]; ok && old.final && !(c.final && c.state.Terminal()) {
		return false // KILLING goes on to a terminal state and nowhere else
	}
	h := p.apps[c.app]
	if old := p.patches[task]; h != nil && old.event > h.read { // not yet confirmed: both hold
		c.sick = c.sick || old.sick
		if c.state == "" {
			c.state = old.state
		}
	}
	p.patches[task] = c
	return true
}

// apply shows in the picture what events said of a task, unless it is the last that may serve. It tells whether that changed anything.
func (p *picture) apply(task, app string, now time.Time) bool {
	h := p.apps[app]
	if h == nil {
		return false
	}
	i := slices.IndexFunc(h.app.Tasks, func(t Task) bool { return t.ID == task })
	if i < 0 {
		return false
	}
	verdict, known := p.verdicts[task]
	if p.patches[task].sick {
		p.verdicts[task] = false
	}
	next := *h
	next.app.Tasks = slices.Clone(h.app.Tasks)
	p.repair(&next.app.Tasks[i], h.read, now, false)
	p.judge(&next, now)
	if !p.patches[task].state.Terminal() && p.serves(h) && !p.serves(&next) {
		delete(p.verdicts, task)
		if known {
			p.verdicts[task] = verdict
		}
		return false
	}
	p.apps[app] = &next
	return next.app.Tasks[i].State != h.app.Tasks[i].State || next.facts.Health[task] != h.facts.Health[task]
}

// taskOf is the task an event means that names a task (up to 1.3, and in status updates), or else an instance, of which the newest
// incarnation counts. It is empty if the picture has none.
func (p *picture) taskOf(app, task, instance string) string {
	h := p.apps[app]
	if h == nil || task != "" {
		return task
	}
	newest := -1
	found := ""
	for _, t := range h.app.Tasks {
		if name, n := InstanceOf(t.ID); n > newest && name == instance {
			newest, found = n, t.ID
		}
	}
	return found
}

// named says that an app asks to be served by a load balancer at all. all counts every app.
func (a *App) named(all bool) bool {
	if all {
		return true
	}
	for label := range a.Labels {
		if strings.HasPrefix(label, "HAPROXY_") && strings.HasSuffix(label, "GROUP") {
			return true
		}
	}
	return false
}
