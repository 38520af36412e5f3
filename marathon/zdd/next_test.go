package zdd_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"marathon-lb/marathon/zdd"
)

// side is an app whose tasks have the statuses given, on each of two load balancers; "MAINT:3" has three sessions on the first.
func side(id string, statuses ...string) zdd.Side {
	s := zdd.Side{ID: "/web-" + id, Instances: len(statuses)}
	for i, text := range statuses {
		var sessions int
		fmt.Sscanf(text, "MAINT:%d", &sessions)
		if sessions > 0 {
			text = "MAINT"
		}
		s.Tasks = append(s.Tasks, zdd.Task{
			ID: fmt.Sprintf("%s%d", id, i), Alive: text != "" && text != "DOWN",
			On: []zdd.Server{{Status: text, Sessions: sessions}, {Status: text}},
		})
	}
	return s
}

// tasks repeats statuses.
func tasks(id string, n int, status string, more ...string) zdd.Side {
	return side(id, append(slices.Repeat([]string{status}, n), more...)...)
}

func TestNextStep(t *testing.T) {
	swap, hybrid := zdd.Plan{Target: 10}, zdd.Plan{Target: 10, New: 3}
	reloading := zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT"), Unclear: "reloading"}
	deploying := zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT")}
	deploying.New.Deploying = true
	held := zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT")}
	held.Old.Deploying = true
	one := tasks("o", 9, "UP", "MAINT")
	one.Tasks[9].On[1].Status = "UP"
	starting := tasks("n", 2, "UP")
	starting.Tasks = starting.Tasks[:1]
	pending := tasks("o", 9, "UP")
	pending.Instances = 10
	for _, c := range []struct {
		name      string
		plan      zdd.Plan
		view      zdd.View
		impatient bool
		kind      zdd.Kind
		kill      []string
		scale     int
	}{
		{name: "a drained task goes and the new app grows", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT")}, kind: zdd.Move, kill: []string{"o9"}, scale: 2},
		{name: "Marathon is at work on the new app", plan: swap, view: deploying},
		{name: "Marathon is at work on the old app", plan: swap, view: held},
		{name: "a load balancer is reloading", plan: swap, view: reloading},
		{name: "a new task is not up", plan: swap, view: zdd.View{New: side("n", "UP", "DOWN"), Old: tasks("o", 8, "UP", "MAINT")}},
		{name: "a new instance has no task yet", plan: swap, view: zdd.View{New: starting, Old: tasks("o", 8, "UP", "MAINT")}},
		{name: "a new task is unknown to the load balancers", plan: swap, view: zdd.View{New: side("n", "UP", ""), Old: tasks("o", 8, "UP", "MAINT")}},
		{name: "nothing drains yet", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 10, "UP")}},
		{name: "one load balancer still sends requests", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: one}},
		{name: "sessions are waited for", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT:2")}},
		{name: "sessions are not waited for any more", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT:2")}, impatient: true, kind: zdd.Move, kill: []string{"o9"}, scale: 2},
		{name: "too few serve to kill what is drained", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 8, "UP", "DOWN:x", "MAINT")}},
		{name: "no more are killed than are spare", plan: swap, view: zdd.View{New: tasks("n", 7, "UP"), Old: tasks("o", 3, "UP", "MAINT", "MAINT")}, kind: zdd.Move, kill: []string{"o3", "o4"}, scale: 10},
		{name: "some of the spare ones have sessions", plan: swap, view: zdd.View{New: tasks("n", 5, "UP"), Old: tasks("o", 5, "UP", "MAINT", "MAINT:1")}},
		{name: "a broken old task goes first", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "DOWN")}, kind: zdd.Move, kill: []string{"o9"}, scale: 2},
		{name: "an old app that serves nobody is replaced all the same", plan: zdd.Plan{Target: 3}, view: zdd.View{New: tasks("n", 1, "UP"), Old: side("o", "DOWN", "", "DOWN")}, kind: zdd.Move, kill: []string{"o0"}, scale: 2},
		{name: "after an interruption between killing and scaling", plan: swap, view: zdd.View{New: tasks("n", 3, "UP"), Old: tasks("o", 7, "UP")}, kind: zdd.Move, scale: 5},
		{name: "all drained", plan: swap, view: zdd.View{New: tasks("n", 10, "UP"), Old: tasks("o", 5, "MAINT")}, kind: zdd.Delete, kill: []string{"o0", "o1", "o2", "o3", "o4"}},
		{name: "all but one drained", plan: swap, view: zdd.View{New: tasks("n", 10, "UP"), Old: tasks("o", 2, "MAINT", "MAINT:1")}},
		{name: "the last old task is gone", plan: swap, view: zdd.View{New: tasks("n", 10, "UP"), Old: side("o")}, kind: zdd.Delete},
		{name: "all drained, but a new task is down", plan: swap, view: zdd.View{New: tasks("n", 9, "UP", "DOWN"), Old: tasks("o", 5, "MAINT")}},
		{name: "a single instance", plan: zdd.Plan{Target: 1}, view: zdd.View{New: tasks("n", 1, "UP"), Old: side("o", "MAINT")}, kind: zdd.Delete, kill: []string{"o0"}},
		{name: "new tasks are out since the old app was scaled last", plan: swap, view: zdd.View{New: tasks("n", 4, "UP", "MAINT"), Old: tasks("o", 6, "UP")}, kind: zdd.Move, scale: 10},
		{name: "so are those of a new app that has its size", plan: swap, view: zdd.View{New: tasks("n", 9, "UP", "MAINT"), Old: tasks("o", 1, "UP")}, kind: zdd.Move, kill: []string{"n9"}},
		{name: "and one of them has a session", plan: swap, view: zdd.View{New: tasks("n", 9, "UP", "MAINT:1"), Old: tasks("o", 1, "UP")}},
		{name: "the old app has an instance without a task", plan: swap, view: zdd.View{New: tasks("n", 1, "UP"), Old: pending}, kind: zdd.Move, scale: 2},
		{name: "linear", plan: zdd.Plan{Target: 10, Linear: 3}, view: zdd.View{New: tasks("n", 1, "UP"), Old: tasks("o", 9, "UP", "MAINT")}, kind: zdd.Move, kill: []string{"o9"}, scale: 4},
		{name: "hybrid grows", plan: hybrid, view: zdd.View{New: tasks("n", 2, "UP"), Old: tasks("o", 8, "UP", "MAINT")}, kind: zdd.Move, kill: []string{"o8"}, scale: 3},
		{name: "hybrid sheds", plan: hybrid, view: zdd.View{New: tasks("n", 3, "UP"), Old: tasks("o", 7, "UP", "MAINT")}, kind: zdd.Move, kill: []string{"o7"}},
		{name: "hybrid is reached at once", plan: hybrid, view: zdd.View{New: tasks("n", 3, "UP"), Old: tasks("o", 7, "UP")}, kind: zdd.Done},
		{name: "hybrid is not reached while a new task is down", plan: hybrid, view: zdd.View{New: side("n", "UP", "UP", "DOWN"), Old: tasks("o", 7, "UP")}},
		{name: "a hybrid deployment that is completed", plan: swap, view: zdd.View{New: tasks("n", 3, "UP"), Old: tasks("o", 7, "UP")}, kind: zdd.Move, scale: 5},
		{name: "no load balancer at all", plan: zdd.Plan{Target: 1}, view: zdd.View{New: zdd.Side{Instances: 1, Tasks: []zdd.Task{{ID: "n"}}}, Old: zdd.Side{Instances: 1, Tasks: []zdd.Task{{ID: "o"}}}}},
	} {
		got := c.plan.Next(c.view, c.impatient)
		if got.Kind != c.kind || !slices.Equal(got.Kill, c.kill) || got.Scale != c.scale || got.Why == "" {
			t.Errorf("%s: %+v, want kind %d, kill %v, scale %d", c.name, got, c.kind, c.kill, c.scale)
		}
	}
}

// The sizes of section 7.5: what the new app has, and in brackets the old one, until the old one is deleted.
func TestSection75Sizes(t *testing.T) {
	for _, c := range []struct {
		name        string
		plan        zdd.Plan
		fresh, old  int
		want        []int
		keeps, ends int
	}{
		{"target 10", zdd.Plan{Target: 10}, 1, 10, []int{2, 3, 5, 10}, 5, 10},
		{"target 3", zdd.Plan{Target: 3}, 1, 3, []int{2, 3}, 1, 3},
		{"target 30, 10 to begin with", zdd.Plan{Target: 30}, 10, 30, []int{15, 30}, 15, 30},
		{"target 30, 8 old ones left", zdd.Plan{Target: 30}, 10, 8, []int{30}, 8, 30},
		{"linear", zdd.Plan{Target: 10, Linear: 4}, 1, 10, []int{5, 9, 10}, 1, 10},
		{"hybrid", zdd.Plan{Target: 10, New: 4}, 1, 10, []int{2, 3, 4}, 6, 4},
		{"hybrid, linear", zdd.Plan{Target: 10, New: 4, Linear: 2}, 1, 10, []int{3, 4}, 6, 4},
		{"none to begin with", zdd.Plan{Target: 3}, 0, 3, []int{1, 2, 3}, 1, 3},
	} {
		fresh, old := c.fresh, c.old
		var sizes []int
		for range 50 {
			out := max(0, min(old, fresh+old-c.plan.Target, fresh))
			step := c.plan.Next(zdd.View{New: tasks("n", fresh, "UP"), Old: tasks("o", old-out, "UP", slices.Repeat([]string{"MAINT"}, out)...)}, false)
			if step.Kind != zdd.Move {
				break
			}
			old -= len(step.Kill)
			if step.Scale > 0 {
				fresh = step.Scale
				sizes = append(sizes, fresh)
			}
		}
		if !slices.Equal(sizes, c.want) || old != c.keeps || fresh != c.ends {
			t.Errorf("%s: sizes %v with %d old ones left, want %v with %d", c.name, sizes, old, c.want, c.keeps)
		}
	}
}

// Whatever is seen, nothing is killed that takes requests, and never so much that too few serve.
func TestNoStepTakesAwayWhatServes(t *testing.T) {
	statuses := rapid.SampledFrom([]string{"UP", "UP", "UP", "MAINT", "MAINT:2", "DOWN", "", "NOLB", "UP 1/2", "no check"})
	rapid.Check(t, func(t *rapid.T) {
		fresh, old := rapid.SliceOfN(statuses, 0, 6).Draw(t, "new"), rapid.SliceOfN(statuses, 0, 6).Draw(t, "old")
		p := zdd.Plan{Target: rapid.IntRange(1, 6).Draw(t, "target"), Linear: rapid.IntRange(0, 2).Draw(t, "linear")}
		p.New = rapid.IntRange(0, p.Target).Draw(t, "hybrid")
		v := zdd.View{New: side("n", fresh...), Old: side("o", old...)}
		v.Old.Instances += rapid.IntRange(0, 2).Draw(t, "instances without a task")
		step := p.Next(v, false)
		up := 0
		for _, s := range append(fresh, old...) {
			if s == "UP" || s == "no check" {
				up++
			}
		}
		drained, ofNew := false, 0
		for i, s := range fresh {
			if slices.Contains(step.Kill, fmt.Sprint("n", i)) {
				drained, ofNew = true, ofNew+1
				if s != "MAINT" {
					t.Fatalf("kills a new task that is %q", s)
				}
			}
		}
		for i, s := range old {
			if !slices.Contains(step.Kill, fmt.Sprint("o", i)) {
				if step.Kind == zdd.Delete && s != "MAINT" && s != "DOWN" && s != "" {
					t.Fatalf("deletes an app with a task that is %s", s)
				}
				continue
			}
			if s != "MAINT" && s != "DOWN" && s != "" {
				t.Fatalf("kills a task that is %q", s)
			}
			drained = drained || s == "MAINT"
		}
		if (drained || step.Kind == zdd.Delete) && up < p.Target {
			t.Fatalf("%+v while %d of %d serve", step, up, p.Target)
		}
		if p.New > 0 && (step.Kind == zdd.Delete || step.Scale > p.New || v.Old.Instances-len(step.Kill)+ofNew < min(v.Old.Instances, p.Target-len(fresh))) {
			t.Fatalf("%+v is no step of a hybrid deployment", step)
		}
	})
}

// world is two apps and a load balancer that obeys section 3.9: the app that was scaled last is the one that stays.
type world struct {
	fresh, old int
	oldLast    bool // the old app was scaled last
}

// view has the tasks a load balancer takes out in MAINT; some have a session still, by the bits of busy.
func (w world) view(target, busy int) zdd.View {
	v := zdd.View{New: tasks("n", w.fresh, "UP"), Old: tasks("o", w.old, "UP")}
	goes, stays := &v.Old, w.fresh
	if w.oldLast {
		goes, stays = &v.New, w.old
	}
	for i := range min(len(goes.Tasks), stays, max(0, w.fresh+w.old-target)) {
		goes.Tasks[i].On[0] = zdd.Server{Status: "MAINT", Sessions: busy >> i & 1}
		goes.Tasks[i].On[1].Status = "MAINT"
	}
	return v
}

// Between any two requests a deployment may be interrupted, and then gone on with, completed or taken back.
func TestEveryDeploymentComesToItsEndHoweverItIsInterrupted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "instances")
		w := world{fresh: rapid.IntRange(1, n).Draw(t, "new"), oldLast: rapid.Bool().Draw(t, "old last")}
		w.old = rapid.IntRange(n-w.fresh, n).Draw(t, "old")
		p := zdd.Plan{Target: n, Linear: rapid.IntRange(0, 3).Draw(t, "linear"), New: rapid.IntRange(0, n).Draw(t, "hybrid")}
		for round := range 300 {
			busy, troubled := 0, round < 100 // after that sessions end and nobody interrupts
			if troubled {
				busy = rapid.IntRange(0, 1<<12-1).Draw(t, "busy")
			}
			if back := troubled && rapid.IntRange(0, 9).Draw(t, "taken back") == 0; back && w.old > 0 {
				w, p.New = world{fresh: w.old, old: w.fresh, oldLast: !w.oldLast}, 0
			}
			step := p.Next(w.view(p.Target, busy), false)
			switch step.Kind {
			case zdd.Delete:
				if p.New > 0 || w.fresh < p.Target {
					t.Fatalf("deleted at %+v", w)
				}
				return
			case zdd.Done:
				if p.New == 0 || w.fresh < p.New || w.fresh+w.old != p.Target {
					t.Fatalf("done at %+v", w)
				}
				p.New = 0 // now it is completed
			case zdd.Move:
				w.take(step, troubled && rapid.Bool().Draw(t, "interrupted"))
			}
			if w.fresh+w.old < p.Target {
				t.Fatalf("too few at %+v", w)
			}
		}
		t.Fatalf("no end of %+v at %+v", p, w)
	})
}

// take is what Marathon makes of a step, of which an interruption leaves the first half.
func (w *world) take(step zdd.Step, interrupted bool) {
	switch n := len(step.Kill); {
	case n > 0 && step.Kill[0][0] == 'n':
		w.fresh, w.oldLast = w.fresh-n, false
	case n > 0:
		w.old, w.oldLast = w.old-n, true
	}
	if step.Scale > 0 && !interrupted {
		w.fresh, w.oldLast = step.Scale, false
	}
}
