package marathon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
)

func results(alive ...bool) []HealthResult {
	list := []HealthResult{}
	for _, a := range alive {
		list = append(list, HealthResult{Alive: &a})
	}
	return list
}

// marathon-api.md 3.6.
func TestTheVerdictOnATask(t *testing.T) {
	checks := []HealthCheck{{GracePeriodSeconds: 30, IntervalSeconds: 10}, {GracePeriodSeconds: 5, IntervalSeconds: 5}}
	stale := results(true)
	stale[0].LastSuccess.Time = t0.Add(-time.Hour)
	endless := []HealthCheck{{GracePeriodSeconds: 1 << 62, IntervalSeconds: 1 << 62}}
	for name, c := range map[string]struct {
		checks  []HealthCheck
		results []HealthResult
		known   verdicts
		age     time.Duration // 0 for not started
		want    Health
		again   time.Duration // from now
	}{
		"no checks":                         {nil, nil, nil, time.Second, Unchecked, 0},
		"all good":                          {checks, results(true, true), nil, time.Second, Healthy, 0},
		"one bad":                           {checks, results(true, false), nil, time.Second, Unhealthy, 0},
		"young, no news":                    {checks, nil, nil, 15 * time.Second, Waiting, 25 * time.Second},
		"old, no news":                      {checks, nil, nil, 40 * time.Second, Presumed, 0},
		"a grace without end":               {endless, nil, nil, time.Second, Waiting, 1<<32*time.Second - time.Second},
		"not started":                       {checks, nil, nil, 0, Waiting, 0},
		"an empty list is no news":          {checks, results(), verdicts{"t": true}, time.Second, Healthy, 0},
		"forgotten, was good":               {checks, nil, verdicts{"t": true}, time.Second, Healthy, 0},
		"forgotten, was bad":                {checks, nil, verdicts{"t": false}, time.Hour, Unhealthy, 0},
		"news beat memory":                  {checks, results(true), verdicts{"t": false}, time.Second, Healthy, 0},
		"of another incarnation":            {checks, stale, nil, 15 * time.Second, Waiting, 25 * time.Second},
		"a result without alive":            {checks, []HealthResult{{}}, nil, 40 * time.Second, Presumed, 0},
		"stale beside a good one is nought": {checks, append(results(true), stale...), nil, time.Second, Healthy, 0},
	} {
		task := Task{ID: "t", Results: c.results}
		if c.age > 0 {
			task.StartedAt.Time = t0.Add(-c.age)
		}
		got, again := c.known.judge(&App{HealthChecks: c.checks}, &task, false, t0)
		if got != c.want || c.again != 0 && again != t0.Add(c.again) || c.again == 0 && !again.IsZero() {
			t.Errorf("%s: %v, again %v; want %v, %v", name, got, again.Sub(t0), c.want, c.again)
		}
	}
}

func TestReadinessCountsForNewTasksDuringADeployment(t *testing.T) {
	app := App{
		Version: "2", ReadinessChecks: []ReadinessCheck{{TimeoutSeconds: 3}}, Deployments: []Deployment{{ID: "d"}},
		ReadinessResults: []ReadinessResult{{TaskID: "good", Ready: true}, {TaskID: "bad"}},
	}
	young, old := Time{t0.Add(-time.Second)}, Time{t0.Add(-time.Minute)}
	for _, c := range []struct {
		task Task
		in   bool // let in before
		want Health
	}{
		{Task{ID: "good", Version: "2", StartedAt: young}, false, Unchecked},
		{Task{ID: "bad", Version: "2", StartedAt: old}, false, Unready},
		{Task{ID: "bad", Version: "2", StartedAt: old}, true, Unchecked},
		{Task{ID: "bad", Version: "1", StartedAt: old}, false, Unchecked},
		{Task{ID: "new", Version: "2", StartedAt: young}, false, Unready},
		{Task{ID: "new", Version: "2", StartedAt: old}, false, Unchecked},
		{Task{ID: "new", Version: "2"}, false, Unready},
		{Task{ID: "early", Version: "3", StartedAt: young}, false, Unready}, // its definition cannot be read yet
	} {
		if got, _ := (verdicts{}).judge(&app, &c.task, c.in, t0); got != c.want {
			t.Errorf("%+v: %v", c.task, got)
		}
	}
	app.Deployments = nil
	if got, _ := (verdicts{}).judge(&app, &Task{ID: "bad", Version: "2", StartedAt: young}, false, t0); got != Unchecked {
		t.Errorf("without a deployment: %v", got)
	}
}

// scene is a picture with an app of one task, read as number 1.
func scene(task Task) *picture {
	p := newPicture(true)
	p.tick()
	h, _ := p.draft(App{ID: "/a", Version: "1", Tasks: []Task{task}}, 1, t0)
	p.put(h)
	return p
}

func TestAReadSentBeforeAnEventDoesNotUndoIt(t *testing.T) {
	p := scene(Task{ID: "t", State: TaskRunning, StartedAt: Time{t0}})
	before := p.tick()
	p.record("t", patch{event: p.tick(), app: "/a", state: TaskUnreachable, until: t0.Add(finalFor)})
	h, _ := p.draft(App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t", State: TaskRunning}}}, before, t0)
	if h.app.Tasks[0].State != TaskUnreachable {
		t.Error("the older read wins")
	}
	h, _ = p.draft(App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t", State: TaskRunning}}}, p.tick(), t0)
	if h.app.Tasks[0].State != TaskRunning {
		t.Error("the newer read loses")
	}
}

func TestAReadSentBeforeTheKillsDoesNotEmptyTheApp(t *testing.T) {
	p := scene(Task{ID: "t", State: TaskRunning, StartedAt: Time{t0}})
	before := p.tick()
	p.record("t", patch{event: p.tick(), app: "/a", state: TaskKilling, final: true, until: t0.Add(finalFor)})
	if p.apply("t", "/a", t0) {
		t.Error("the event alone took the only server away")
	}
	older := App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t", State: TaskRunning}}}
	if h, _ := p.draft(older, before, t0); h.app.Tasks[0].State != TaskRunning {
		t.Error("a read that shows nobody in its place took it away")
	}
	older.Tasks = append(older.Tasks, Task{ID: "next", State: TaskRunning})
	if h, _ := p.draft(older, before, t0); h.app.Tasks[0].State != TaskKilling {
		t.Error("with a successor it stayed")
	}
	newer := App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t", State: TaskKilling}}}
	if h, _ := p.draft(newer, p.tick(), t0); h.app.Tasks[0].State != TaskKilling {
		t.Error("a newer read is not believed")
	}
}

func TestADeadTaskStaysDeadWhateverReadsSay(t *testing.T) {
	p := scene(Task{ID: "t", State: TaskRunning, StartedAt: Time{t0}})
	p.record("t", patch{event: p.tick(), app: "/a", state: "TASK_KILLED", final: true, until: t0.Add(finalFor)})
	if p.record("t", patch{event: p.tick(), app: "/a", state: TaskKilling, final: true, until: t0.Add(finalFor)}) {
		t.Error("a late KILLING changes something")
	}
	read := p.tick()
	p.forget(p.tick(), t0)
	h, _ := p.draft(App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t", State: TaskRunning}}}, read, t0.Add(time.Minute))
	if h.app.Tasks[0].State != "TASK_KILLED" {
		t.Errorf("it is %s", h.app.Tasks[0].State)
	}
	p.forget(p.tick(), t0.Add(finalFor+time.Second))
	if len(p.patches) != 0 {
		t.Errorf("patches are kept for ever: %v", p.patches)
	}
}

func TestATaskOutOfSightKeepsItsAddresses(t *testing.T) {
	ip := []TaskIP{{IPAddress: "9.0.0.2", Protocol: "IPv4"}}
	p := scene(Task{ID: "t", State: TaskRunning, StartedAt: Time{t0}, IPAddresses: ip, Ports: []int{31000}})
	h, _ := p.draft(App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t", State: TaskUnreachable}}}, p.tick(), t0)
	if got := h.app.Tasks[0]; !slices.Equal(got.IPAddresses, ip) || !slices.Equal(got.Ports, []int{31000}) {
		t.Errorf("got %+v", got)
	}
}

func TestAKillOfAnOldIncarnationDoesNotHitTheNext(t *testing.T) {
	p := scene(Task{ID: "a.instance-1._app.2", State: TaskRunning, StartedAt: Time{t0}})
	if got := p.taskOf("/a", "a.instance-1._app.1", "a.instance-1"); got != "a.instance-1._app.1" {
		t.Errorf("got %s", got)
	}
	if got := p.taskOf("/a", "", "a.instance-1"); got != "a.instance-1._app.2" {
		t.Errorf("got %s", got)
	}
}

func TestAnOlderVersionIsDoubtedForAWhile(t *testing.T) {
	p := scene(Task{ID: "t", State: TaskRunning})
	old := App{ID: "/a", Version: "0"}
	if p.fresh(&old, p.tick(), t0) || p.fresh(&old, p.tick(), t0.Add(versionDoubt-1)) {
		t.Error("an older version is believed at once")
	}
	if !p.fresh(&old, p.tick(), t0.Add(versionDoubt)) {
		t.Error("it is never believed")
	}
	if same := (App{ID: "/a", Version: "1"}); p.fresh(&same, 1, t0) || !p.fresh(&same, p.tick(), t0) {
		t.Error("a read must be newer than the one in force")
	}
}

func TestAnAppThatIsGoneDoesNotComeBackFromAReadSentBefore(t *testing.T) {
	p := scene(Task{ID: "t", State: TaskRunning})
	before := p.tick()
	p.drop("/a", p.tick(), t0)
	again := App{ID: "/a", Version: "1"}
	if p.fresh(&again, before, t0) || !p.fresh(&again, p.tick(), t0) {
		t.Error("an older read is believed, or a newer one is not")
	}
	if p.forget(p.tick(), t0.Add(finalFor+1)); len(p.gone) != 0 {
		t.Error("what is gone is remembered for ever")
	}
}

func TestThePictureCountsItsTasks(t *testing.T) {
	p := scene(Task{ID: "t", State: TaskRunning})
	h, _ := p.draft(App{ID: "/a", Version: "1", Tasks: []Task{{ID: "t"}, {ID: "u"}}}, p.tick(), t0)
	p.put(h)
	if p.tasks != 2 {
		t.Errorf("%d tasks", p.tasks)
	}
	if p.drop("/a", p.tick(), t0); p.tasks != 0 || len(p.verdicts) != 0 {
		t.Errorf("%d tasks, verdicts %v", p.tasks, p.verdicts)
	}
}

// A watcher whose full read is under way used to wake up at once, again and again, for the single reads it had given up for it.
func TestAWatcherSwampedWithWishesWaitsForItsFullRead(t *testing.T) {
	w := NewWatcher(Options{}, idleClient(t), NewCompiler(Options{}), zap.NewNop(), nil)
	for i := range 100 {
		w.agenda.want(fmt.Sprint("/", i), 1, t0)
	}
	w.full.number = 1
	if next := w.next(); !next.IsZero() {
		t.Errorf("it wakes up at %v", next)
	}
	w.full.number, w.full.due, w.full.tries = 0, t0.Add(time.Second), 1
	if next := w.next(); next != t0.Add(time.Second) {
		t.Errorf("it does not wait for the next try: %v", next)
	}
}

func TestOnlyWhatNoEventSpokeOfIsACollapse(t *testing.T) {
	w := NewWatcher(Options{Groups: []string{"*"}}, idleClient(t), NewCompiler(Options{}), zap.NewNop(), nil)
	four := func(id string) App {
		a := App{ID: id, Version: "1"}
		for i := range 4 {
			a.Tasks = append(a.Tasks, Task{ID: fmt.Sprint(id, i), State: TaskRunning, StartedAt: Time{t0}})
		}
		return a
	}
	for _, id := range []string{"/a", "/b"} {
		h, _ := w.picture.draft(four(id), w.picture.tick(), t0)
		w.picture.put(h)
	}
	read := w.picture.tick()
	empty, _ := w.picture.draft(App{ID: "/b", Version: "1"}, read, t0)
	drafts := map[string]*held{"/b": empty} // /a is gone, /b has no task left
	if got, want := w.weigh(drafts, List{}, read), (loss{apps: 1, appsBefore: 2, appsAfter: 1, servers: 8, serversBefore: 8}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	w.stopping["/a"], w.stopping["/b"] = 1, 1
	if got, want := w.weigh(drafts, List{}, read), (loss{appsBefore: 2, appsAfter: 1, serversBefore: 8}); got != want {
		t.Errorf("after events: got %+v, want %+v", got, want)
	}
	if got := w.weigh(drafts, List{Bad: []AppError{{ID: "/a"}}}, read); got.appsAfter != 2 {
		t.Errorf("an app that cannot be read counts as gone: %+v", got)
	}
}

func TestAFullReadLetsGoOfWhatItConfirms(t *testing.T) {
	w := NewWatcher(Options{}, idleClient(t), NewCompiler(Options{}), zap.NewNop(), nil)
	w.picture.patches["t"] = patch{event: w.picture.tick(), app: "/a", state: TaskUnreachable}
	w.stopping["/a"] = 1
	w.agenda.want("/a", 1, t0)
	w.deploys["/a"] = t0.Add(-finalFor - 1)
	w.settle(w.picture.tick(), List{}, t0)
	if len(w.picture.patches)+len(w.stopping)+len(w.deploys)+w.agenda.waiting() > 0 {
		t.Errorf("kept: %v %v %v, %d wishes", w.picture.patches, w.stopping, w.deploys, w.agenda.waiting())
	}
}

func idleClient(t *testing.T) *Client {
	c, err := NewClient(ClientOptions{Endpoints: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
