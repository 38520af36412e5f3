package marathon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// stage is a Marathon that plays recorded events and answers reads as told, with a watcher that follows it and the table it makes.
type stage struct {
	t        *testing.T
	url      string
	events   chan string // to be sent on the stream
	frames   []string    // of the recording, still to be played
	reads    atomic.Int64
	watcher  *marathon.Watcher
	compiler *marathon.Compiler
	logs     *observer.ObservedLogs
	stop     func()
	feature  string // of Marathon
	condemn  time.Duration

	mu    sync.Mutex
	apps  map[string]string // JSON by id
	list  string            // answer to a read of all apps in the place of apps, if not empty
	gate  chan struct{}     // reads wait until it is closed
	table *route.Table
	told  chan struct{} // there is a new table
}

// start plays the recording of that name, of which the first event alone is sent, to a watcher with these apps.
func start(t *testing.T, recording string, o marathon.Options, apps ...string) *stage {
	t.Helper()
	s := newStage(t, apps...)
	if recording != "" {
		s.load(recording)
	}
	s.run(o, nil)
	return s
}

func (s *stage) load(recording string) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "streams", recording+".sse"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.frames = strings.SplitAfter(string(data), "\r\n\r\n")
	s.play("event_stream_attached")
}

func newStage(t *testing.T, apps ...string) *stage {
	s := &stage{t: t, feature: "task_killing", events: make(chan string, 1000), apps: map[string]string{}, told: make(chan struct{}, 1), table: route.NewTable(1)}
	s.gate = make(chan struct{})
	close(s.gate)
	s.have(apps...)
	s.url = serve(t, s.answer).URL
	return s
}

// run starts the watcher; it ends with the test at the latest.
func (s *stage) run(o marathon.Options, lookup func(context.Context, string) ([]netip.Addr, error)) {
	s.t.Helper()
	if o.Endpoints == nil {
		o.Endpoints = []string{s.url}
	}
	client, err := o.Client()
	if err != nil {
		s.t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	s.logs = logs
	s.compiler = marathon.NewCompiler(o)
	s.watcher = marathon.NewWatcher(o, client, s.compiler, zap.New(core), s.emit)
	if lookup == nil {
		lookup = func(_ context.Context, host string) ([]netip.Addr, error) { return []netip.Addr{agents[host]}, nil }
	}
	s.watcher.SetLookup(lookup)
	if s.condemn > 0 {
		s.watcher.SetCondemned(s.condemn)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.watcher.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.t.Errorf("Run: %v", err)
		}
	})
	s.t.Cleanup(s.stop)
}

func (s *stage) emit(c route.Change) {
	s.mu.Lock()
	s.table, _ = route.Build(s.table, c)
	s.mu.Unlock()
	select {
	case s.told <- struct{}{}:
	default:
	}
}

func (s *stage) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v2/info" {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"marathon_config":{"features":["%s"]}}`, s.feature)
		return
	}
	if r.URL.Path == "/v2/events" {
		s.stream(w, r)
		return
	}
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	s.reads.Add(1)
	select {
	case <-gate:
	case <-r.Context().Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	id := strings.TrimPrefix(r.URL.Path, "/v2/apps")
	switch {
	case id == "" && s.list != "":
		io.WriteString(w, s.list)
	case id == "":
		var all []string
		for _, text := range s.apps {
			all = append(all, text)
		}
		fmt.Fprintf(w, `{"apps":[%s]}`, strings.Join(all, ","))
	case s.apps[id] == "":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"message":"App '%s' does not exist"}`, id)
	default:
		fmt.Fprintf(w, `{"app":%s}`, s.apps[id])
	}
}

func (s *stage) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	for {
		w.(http.Flusher).Flush()
		select {
		case text := <-s.events:
			if text == hangUp {
				return
			}
			io.WriteString(w, text)
		case <-r.Context().Done():
			return
		}
	}
}

const hangUp = "hang up"

// have says which apps there are, in the place of those of the same ids.
func (s *stage) have(apps ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range apps {
		_, rest, _ := strings.Cut(text, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		s.apps[id] = text
	}
}

func (s *stage) lose(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apps, id)
}

func (s *stage) answerLists(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = text
}

// hold lets no read be answered until the function it returns is called.
func (s *stage) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	release = sync.OnceFunc(func() { close(gate) })
	s.t.Cleanup(release)
	return release
}

// play sends the recording up to the first frame that holds all the words.
func (s *stage) play(words ...string) {
	s.t.Helper()
	for i, f := range s.frames {
		s.events <- f
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f, w) }) {
			s.frames = s.frames[i+1:]
			return
		}
	}
	s.t.Fatalf("no frame with %q", words)
}

func (s *stage) playOut() {
	for _, f := range s.frames {
		s.events <- f
	}
	s.frames = nil
}

// servers is the state of /shop/web as text: the host port of each server and its state, "closed" if there is no such service.
func (s *stage) servers() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.table.Backend("shop_web_10010")
	if k == nil || k.Gone {
		return "closed"
	}
	var all []string
	for _, server := range k.Servers {
		all = append(all, fmt.Sprintf("%d %s", server.Addr.Port(), server.State()))
	}
	return strings.Join(all, ", ")
}

// want waits until the servers are these.
func (s *stage) want(servers string) {
	s.t.Helper()
	s.until(func() bool { return s.servers() == servers }, func() string { return fmt.Sprintf("servers are %q, want %q", s.servers(), servers) })
}

// until waits for a condition that a new table, or mere time, brings about.
func (s *stage) until(ok func() bool, complaint func() string) {
	s.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-s.told:
		case <-tick.C:
		case <-deadline:
			s.t.Fatal(complaint())
		}
	}
}

func (s *stage) untilStatus(what string, ok func(marathon.Status) bool) {
	s.t.Helper()
	s.until(func() bool { return ok(s.watcher.Status()) }, func() string { return fmt.Sprintf("not %s: %+v", what, s.watcher.Status()) })
}

// resync waits until the watcher has read everything again and told of it.
func (s *stage) resync() {
	s.t.Helper()
	for range 2 { // the second is read only after the first is told
		before := s.watcher.Status().LastRead
		s.watcher.Resync()
		s.untilStatus("resynced", func(st marathon.Status) bool { return st.LastRead.After(before) })
	}
}

// The tasks of the recordings, as Marathon lists them.
const (
	oldVersion, newVersion = "2020-03-02T09:15:00.000Z", "2020-03-02T10:00:00.000Z"
	old0, old1             = "5c1a3d10-0a01", "5c1a3d11-0a01"
	new0, new1             = "77e0b9a2-0a05", "77e0b9a3-0a05"
)

// member is a task of /shop/web. alive is its health result as JSON, empty for none.
func member(instance string, incarnation, agent, port int, state, version, alive string) string {
	result := ""
	if alive != "" {
		result = fmt.Sprintf(`{"alive":%s}`, alive)
	}
	return fmt.Sprintf(`{"id":"shop_web.instance-%s-11ea-8f2a-0242ac110002._app.%d","appId":"/shop/web","host":"agent-%d.example.test","ports":[%d],
		"ipAddresses":[{"ipAddress":"172.17.0.2","protocol":"IPv4"}],"state":"%s","startedAt":"2020-03-02T09:15:06.530Z","version":"%s","healthCheckResults":[%s]}`,
		instance, incarnation, agent, port, state, version, result)
}

func running(instance string, agent, port int) string {
	return member(instance, 1, agent, port, "TASK_RUNNING", oldVersion, "true")
}

func shopWeb(version string, tasks ...string) string {
	return fmt.Sprintf(`{"id":"/shop/web","version":"%s","instances":2,"labels":{"HAPROXY_GROUP":"external"},"networks":[{"mode":"container/bridge"}],
		"container":{"portMappings":[{"containerPort":8080,"hostPort":0,"servicePort":10010}]},
		"healthChecks":[{"protocol":"HTTP","portIndex":0,"gracePeriodSeconds":30,"intervalSeconds":5,"timeoutSeconds":3,"maxConsecutiveFailures":3}],
		"tasks":[%s],"deployments":[]}`, version, strings.Join(tasks, ","))
}

func twoOld() string { return shopWeb(oldVersion, running(old0, 1, 31100), running(old1, 2, 31200)) }

func TestARollingDeployWithKillingDrainsByTheEventAlone(t *testing.T) {
	s := start(t, "rolling-deploy-task-killing", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	release := s.hold()
	s.play("TASK_KILLING", old0)
	s.want("31100 draining, 31200 ready")
	s.play("TASK_KILLED", old0)
	s.want("31200 ready")
	s.have(shopWeb(newVersion, running(old1, 2, 31200), running(new0, 3, 31310)))
	release()
	s.want("31200 ready, 31310 ready")
	release = s.hold()
	s.play("TASK_KILLING", old1)
	s.want("31200 draining, 31310 ready")
	s.have(shopWeb(newVersion, running(new0, 3, 31310), running(new1, 1, 31311)))
	release()
	s.playOut()
	s.want("31311 ready, 31310 ready")
}

func TestARollingDeployWithoutKillingRemovesByTheEventAlone(t *testing.T) {
	s := start(t, "rolling-deploy-no-task-killing", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	release := s.hold()
	s.play("TASK_KILLED", old0)
	s.want("31200 ready")
	s.play("TASK_KILLED", old1)
	s.want("")
	s.have(shopWeb(newVersion, running(new0, 3, 31310), running(new1, 1, 31311)))
	release()
	s.playOut()
	s.want("31311 ready, 31310 ready")
}

func TestAKilledTaskDoesNotComeBackFromAReadSentBefore(t *testing.T) {
	s := start(t, "scale-down", external(), shopWeb(newVersion, running(new0, 3, 31310), running(new1, 1, 31311)))
	s.want("31311 ready, 31310 ready")
	s.play("TASK_KILLING", new1)
	s.want("31311 draining, 31310 ready")
	s.resync() // Marathon still says RUNNING
	if got := s.servers(); got != "31311 draining, 31310 ready" {
		t.Errorf("got %s", got)
	}
	s.play("TASK_KILLED", new1)
	s.want("31310 ready")
	s.playOut()
	s.resync()
	if got := s.servers(); got != "31310 ready" {
		t.Errorf("got %s", got)
	}
}

func TestAnUnhealthyTaskLeavesByTheEventAlone(t *testing.T) {
	s := start(t, "mesos-http-health-flip", external(), shopWeb(newVersion, running(new0, 3, 31310), running(old1, 2, 31200)))
	s.want("31200 ready, 31310 ready")
	s.play(`"alive":true`)
	release := s.hold()
	s.play(`"healthy":false`)
	s.want("31200 ready")
	s.playOut()
	s.have(shopWeb(newVersion, member(new0, 1, 3, 31310, "TASK_RUNNING", newVersion, "false"), running(old1, 2, 31200)))
	release()
	s.resync()
	if got := s.servers(); got != "31200 ready" {
		t.Errorf("got %s", got)
	}
}

func TestAnUnreachableTaskIsALastResortAndComesBack(t *testing.T) {
	s := start(t, "unreachable-and-back", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	release := s.hold()
	s.play("TASK_UNREACHABLE")
	s.want("31100 ready, 31200 last-resort")
	s.have(shopWeb(oldVersion, running(old0, 1, 31100), member(old1, 1, 2, 31200, "TASK_UNREACHABLE", oldVersion, "true")))
	release()
	s.play("Unreachable")
	s.resync()
	if got := s.servers(); got != "31100 ready, 31200 last-resort" {
		t.Errorf("got %s", got)
	}
	s.have(twoOld())
	s.playOut()
	s.want("31100 ready, 31200 ready")
}

func TestADeletedAppClosesItsPort(t *testing.T) {
	s := start(t, "app-delete", external(), shopWeb(newVersion, running(new0, 3, 31310), running(new1, 1, 31311)))
	s.want("31311 ready, 31310 ready")
	release := s.hold()
	s.play("TASK_KILLING", new0)
	s.want("31311 ready, 31310 draining")
	s.lose("/shop/web")
	release()
	s.playOut()
	s.want("closed")
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.table.Listeners(); len(l) > 0 {
		t.Errorf("listeners %v", l)
	}
}

func TestEventsOutOfOrderDoNotBringATaskBack(t *testing.T) {
	s := start(t, "out-of-order", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	s.hold()
	s.play("TASK_KILLED", old0)
	s.want("31200 ready")
	s.playOut()
	s.untilStatus("all events", func(st marathon.Status) bool { return st.Events >= 6 })
	if got := s.servers(); got != "31200 ready" {
		t.Errorf("got %s", got)
	}
}

func TestACrashedTaskLeavesAndItsNextIncarnationComes(t *testing.T) {
	s := start(t, "crash-and-relaunch-same-instance", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	release := s.hold()
	s.play("TASK_FAILED")
	s.want("31100 ready")
	s.have(shopWeb(oldVersion, running(old0, 1, 31100), member(old1, 2, 3, 31444, "TASK_RUNNING", oldVersion, "true")))
	release()
	s.playOut()
	s.want("31100 ready, 31444 ready")
}

// sample is an event about /shop/web as a frame.
func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return "data: " + strings.ReplaceAll(string(data), "\n", "") + "\r\n\r\n"
}

func TestWhatMayHaveChangedIsRead(t *testing.T) {
	for _, name := range []string{
		"status_update_event.running-bridge", "health_status_changed_event.alive", "instance_health_changed_event.healthy",
		"instance_health_changed_event.unknown", "instance_changed_event.running", "instance_changed_event.killed", "app_terminated_event",
		"api_post_event", "deployment_info", "deployment_step_success", "deployment_step_failure", "deployment_success", "deployment_failed",
		"group_change_success", "scheduler_registered_event", "scheduler_reregistered_event", "unknown_instance_terminated_event",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, twoOld())
			s.events <- attached
			s.run(external(), nil)
			s.want("31100 ready, 31200 ready")
			s.have(shopWeb(newVersion, running(old0, 1, 31100)))
			s.events <- sample(t, name)
			s.want("31100 ready")
		})
	}
}

func TestWhatNeedsNoReadIsNotRead(t *testing.T) {
	s := newStage(t, twoOld())
	s.events <- attached
	s.run(external(), nil)
	s.want("31100 ready, 31200 ready")
	reads := s.reads.Load()
	for _, name := range []string{
		"status_update_event.staging", "status_update_event.starting", "instance_changed_event.scheduled", "instance_changed_event.provisioned",
		"event_stream_detached", "framework_message_event", "scheduler_disconnected_event",
	} {
		s.events <- sample(t, name)
	}
	s.untilStatus("all events", func(st marathon.Status) bool { return st.Events == 8 })
	s.resync()
	if n := s.reads.Load() - reads; n > 2 {
		t.Errorf("%d reads besides those asked for", n-2)
	}
}

func TestAKillForBadHealthDrainsByTheEventAlone(t *testing.T) {
	for name, instance := range map[string]string{"unhealthy_instance_kill_event": new0, "instance_changed_event.killing": old0} {
		s := newStage(t, shopWeb(newVersion, running(instance, 3, 31310), running(old1, 2, 31200)))
		s.events <- attached
		s.run(external(), nil)
		s.want("31200 ready, 31310 ready")
		release := s.hold()
		s.events <- sample(t, name)
		s.want("31200 ready, 31310 draining")
		release()
		s.stop()
	}
}

func TestAMalformedEventLeadsToAFullRead(t *testing.T) {
	s := start(t, "malformed", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	s.have(shopWeb(newVersion, running(new0, 3, 31310)))
	s.play(`"taskStatus":`, "\r\n")
	s.want("31310 ready")
	s.playOut()
	s.events <- hangUp
	s.untilStatus("all events", func(st marathon.Status) bool { return st.BadEvents >= 2 && st.UnknownEvents >= 1 })
	s.want("31310 ready")
}

func TestACollapseIsHeldBackUntilItIsConfirmed(t *testing.T) {
	o := external()
	o.GuardWindow = 300 * time.Millisecond
	s := start(t, "scale-down", o, twoOld())
	s.want("31100 ready, 31200 ready")
	s.answerLists(`{"apps":[]}`)
	s.watcher.Resync()
	s.untilStatus("held", func(st marathon.Status) bool { return st.Guard.Active })
	if st := s.watcher.Status(); s.servers() != "31100 ready, 31200 ready" || st.Guard.Total != 1 || st.Guard.Why == "" {
		t.Errorf("servers %s, status %+v", s.servers(), st.Guard)
	}
	s.want("closed")
	if st := s.watcher.Status(); st.Guard.Active {
		t.Errorf("the guard is still there: %+v", st.Guard)
	}
}

func TestACollapseThatPassesHarmsNobody(t *testing.T) {
	s := start(t, "scale-down", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	confirmed := s.watcher.Status().LastRead
	s.answerLists(`{"apps":[]}`)
	s.watcher.Resync()
	s.untilStatus("held", func(st marathon.Status) bool { return st.Guard.Active })
	if st := s.watcher.Status(); !st.LastRead.Equal(confirmed) {
		t.Errorf("a read held back confirms nothing: %v, %v", st.LastRead, confirmed)
	}
	s.answerLists("")
	s.watcher.Resync()
	s.untilStatus("released", func(st marathon.Status) bool { return !st.Guard.Active && st.LastRead.After(confirmed) })
	if got := s.servers(); got != "31100 ready, 31200 ready" {
		t.Errorf("got %s", got)
	}
}

func TestAWishDuringAFullReadLeadsToAnother(t *testing.T) {
	s := start(t, "scale-down", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	release := s.hold()
	reads := s.reads.Load()
	s.watcher.Resync()
	s.until(func() bool { return s.reads.Load() == reads+1 }, func() string { return "no read" })
	s.watcher.Resync()
	events := s.watcher.Status().Events
	s.events <- sample(t, "event_stream_detached") // mostly taken after the wish
	s.untilStatus("told", func(st marathon.Status) bool { return st.Events > events })
	release()
	s.until(func() bool { return s.reads.Load() == reads+2 }, func() string { return "the second wish is forgotten" })
}

func TestAnEventAboutAHundredAppsLeadsToOneRead(t *testing.T) {
	var actions []string
	for i := range 100 {
		actions = append(actions, fmt.Sprintf(`{"action":"ScaleApplication","app":"/shop/app%d"}`, i))
	}
	s := start(t, "scale-down", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	reads := s.reads.Load()
	s.have(shopWeb(oldVersion, running(old0, 1, 31100)))
	s.events <- `data: {"eventType":"deployment_success","id":"d","plan":{"steps":[{"actions":[` + strings.Join(actions, ",") + "]}]}}\r\n\r\n"
	s.want("31100 ready")
	s.resync()
	if n := s.reads.Load() - reads; n > 3 { // two of them for resync
		t.Errorf("%d reads", n)
	}
}

func TestAStreamThatSendsNothingIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := start(t, "scale-down", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	s.have(shopWeb(oldVersion, running(old0, 1, 31100)))
	s.events <- hangUp // the next stream opens and is silent
	s.want("31100 ready")
}

func TestAReconnectReadsEverything(t *testing.T) {
	s := start(t, "scale-down", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	s.have(shopWeb(oldVersion, running(old0, 1, 31100), running(old1, 2, 31200), running(new0, 3, 31310)))
	s.events <- hangUp
	s.events <- attached
	s.want("31100 ready, 31200 ready, 31310 ready")
	if st := s.watcher.Status(); st.Stream.Reconnects() != 1 || !st.Up() {
		t.Errorf("status %+v", st)
	}
}

func TestPollModeIsUpWhileItsReadsAreGood(t *testing.T) {
	o := external()
	o.Poll, o.PollInterval = true, 20*time.Millisecond
	s := newStage(t, twoOld())
	release := s.hold()
	s.run(o, nil)
	if s.watcher.Status().Up() {
		t.Error("up before the first read")
	}
	release()
	s.want("31100 ready, 31200 ready")
	s.untilStatus("up", marathon.Status.Up)
	if st := s.watcher.Status(); st.Apps != 1 || st.Tasks != 2 || st.LastRead.IsZero() {
		t.Errorf("status %+v", st)
	}
	s.answerLists("{}")
	s.untilStatus("down", func(st marathon.Status) bool { return !st.Up() && st.ReadErr != nil })
	s.answerLists("")
	s.untilStatus("up again", marathon.Status.Up)
	s.have(shopWeb(oldVersion, running(old0, 1, 31100)))
	s.want("31100 ready")
}

func TestAnUnreachableMarathonIsWaitedFor(t *testing.T) {
	s := newStage(t, twoOld())
	s.answerLists("<html>")
	s.events <- attached
	s.run(external(), nil)
	s.untilStatus("in trouble", func(st marathon.Status) bool { return st.ReadErr != nil })
	if got := s.servers(); got != "closed" {
		t.Errorf("got %s", got)
	}
	s.answerLists("")
	s.want("31100 ready, 31200 ready")
	if n := s.logs.FilterMessageSnippet("does not answer").Len(); n != 1 {
		t.Errorf("the trouble is logged %d times", n)
	}
}

func TestAnOutageLastsFromItsBeginningNotFromTheLastAttempt(t *testing.T) {
	s, o := newStage(t), external()
	o.Endpoints = []string{"http://127.0.0.1:1"}
	s.run(o, nil)
	var since time.Time
	s.untilStatus("failed once", func(st marathon.Status) bool { since = st.Stream.Since; return st.Stream.Failures > 0 })
	s.untilStatus("failed again", func(st marathon.Status) bool { return st.Stream.Failures > 2 })
	if got := s.watcher.Status().Stream.Since; got != since {
		t.Errorf("the outage began at %v, then at %v", since, got)
	}
}

func TestAnAppThatCannotBeReadStaysAsItWas(t *testing.T) {
	s := start(t, "scale-down", external(), twoOld())
	s.want("31100 ready, 31200 ready")
	s.answerLists(`{"apps":[{"id":"/shop/web","instances":"many"}]}`)
	s.watcher.Resync()
	s.untilStatus("told", func(st marathon.Status) bool { return len(st.BadApps) == 1 })
	p := s.watcher.Status().Problems()
	if s.servers() != "31100 ready, 31200 ready" || len(p) != 1 || p[0].App != "/shop/web" || !strings.Contains(p[0].Reason, "stays as it was") {
		t.Errorf("servers %s, problems %+v", s.servers(), p)
	}
}

func TestATaskIsServedAsSoonAsItsAgentsNameResolves(t *testing.T) {
	s := newStage(t, twoOld())
	s.events <- attached
	var broken atomic.Bool
	broken.Store(true)
	s.run(external(), func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "agent-2.example.test" && broken.Load() {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{agents[host]}, nil
	})
	s.want("31100 ready")
	s.until(func() bool { return s.logs.FilterMessageSnippet("does not resolve").Len() == 1 }, func() string { return "no log" })
	broken.Store(false)
	s.want("31100 ready, 31200 ready")
	if n := s.logs.FilterMessageSnippet("does not resolve").Len(); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestANameThatHangsHoldsUpNobody(t *testing.T) {
	s := newStage(t, twoOld())
	s.events <- attached
	s.run(external(), func(ctx context.Context, host string) ([]netip.Addr, error) {
		if host == "agent-1.example.test" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return []netip.Addr{agents[host]}, nil
	})
	s.want("31200 ready")
	s.have(shopWeb(oldVersion, running(old0, 1, 31100), running(old1, 2, 31200), running(new0, 3, 31310)))
	s.watcher.Resync()
	s.want("31200 ready, 31310 ready")
}

func TestTheOnlyServerStaysUntilItsSuccessorIsRead(t *testing.T) {
	s := start(t, "rolling-deploy-task-killing", external(), shopWeb(oldVersion, running(old0, 1, 31100)))
	s.want("31100 ready")
	release := s.hold()
	s.play("TASK_KILLING", old0)
	s.events <- "data: {\r\n\r\n" // cannot be read, which is counted
	s.untilStatus("past the kill", func(st marathon.Status) bool { return st.BadEvents == 1 })
	if got := s.servers(); got != "31100 ready" {
		t.Errorf("while nothing is known of a successor: %s", got)
	}
	s.have(shopWeb(newVersion, member(old0, 1, 1, 31100, "TASK_KILLING", oldVersion, "true"), running(new0, 3, 31310)))
	release()
	s.want("31100 draining, 31310 ready")
}

func TestTheOnlyServerLeavesAtOnceWhenItIsDead(t *testing.T) {
	s := start(t, "rolling-deploy-no-task-killing", external(), shopWeb(oldVersion, running(old0, 1, 31100)))
	s.want("31100 ready")
	s.hold()
	s.play("TASK_KILLED", old0)
	s.want("")
}

func TestWithoutTheStreamReadsComeMoreOften(t *testing.T) {
	var reads atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/events" {
			http.Error(w, "no leader", http.StatusServiceUnavailable)
			return
		}
		reads.Add(1)
		reply(200, "application/json", `{"apps":[]}`)(w, r)
	})
	o := external()
	o.Endpoints, o.ResyncInterval = []string{server.URL}, 6*time.Second // with a stream, six reads would take half a minute
	client, err := o.Client()
	if err != nil {
		t.Fatal(err)
	}
	w := marathon.NewWatcher(o, client, marathon.NewCompiler(o), zap.NewNop(), func(route.Change) {})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	eventually(t, "several reads", func() bool { return reads.Load() >= 6 })
}
