package marathontest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

func TestIDsCarryInstanceAndIncarnation(t *testing.T) {
	s, log := start(t, marathontest.Options{Seed: 7})
	run(t, s, web("/shop/web", 1))
	first := s.Tasks("/shop/web")[0]
	if id := first.ID(); !strings.HasPrefix(id, "shop_web.instance-") || id != first.InstanceID()+"._app.1" {
		t.Error(id)
	}
	log.clear()
	status, _, got := call(t, s, "DELETE", "/v2/apps/shop/web/tasks/"+first.ID(), "")
	if status != 200 || got["task"].(map[string]any)["id"] != first.ID() {
		t.Errorf("%d %v", status, got)
	}
	must(t, s.Wait(soon(t), func() bool { return s.Tasks("/shop/web")[0] != first }))
	must(t, s.WaitRunning(soon(t), "/shop/web", 1))
	if second := s.Tasks("/shop/web")[0]; second.ID() != first.InstanceID()+"._app.2" {
		t.Error(second.ID())
	}
	want := "Running TASK_KILLING Killing TASK_KILLED Killed Scheduled Provisioned TASK_STARTING Starting TASK_RUNNING Running " +
		"health_status_changed instance_health_changed"
	if got := strings.Join(log.story(), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWithoutTheFeatureThereIsNoKilling(t *testing.T) {
	s, log := start(t, marathontest.Options{NoTaskKilling: true})
	run(t, s, web("/x", 1))
	log.clear()
	_, err := s.Kill(s.Tasks("/x")[0].ID(), true)
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	want := "deployment_info group_change_success Running TASK_KILLED Killed deployment_step_success deployment_success"
	if got := strings.Join(log.story(), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, _, info := call(t, s, "GET", "/v2/info", "")
	if f := info["marathon_config"].(map[string]any)["features"].([]any); len(f) != 0 {
		t.Error(f)
	}
}

func TestACrashedTaskStaysListedUntilTheNextIsLaunched(t *testing.T) {
	s, log := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Backoff = time.Second })})
	run(t, s, web("/x", 1))
	task := s.Tasks("/x")[0]
	conn, err := net.Dial("tcp", task.Addrs()[0].String())
	must(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\n")
	log.clear()
	task.Crash()
	must(t, s.Wait(soon(t), func() bool { return len(log.all()) >= 3 }))
	if got := strings.Join(log.story(), " "); got != "TASK_FAILED Failed Scheduled" {
		t.Error(got)
	}
	_, _, got := call(t, s, "GET", "/v2/apps/x", "")
	app := got["app"].(map[string]any)
	listed := app["tasks"].([]any)[0].(map[string]any)
	if listed["id"] != task.ID() || listed["state"] != "TASK_FAILED" || fmt.Sprint(listed["ports"]) != "[]" || listed["startedAt"] != nil {
		t.Errorf("%v", listed)
	}
	if failure := app["lastTaskFailure"].(map[string]any); failure["message"] != "Container exited with status 1" {
		t.Error(failure)
	}
	if _, err := net.Dial("tcp", task.Addrs()[0].String()); err == nil {
		t.Error("the crashed task accepts connections")
	}
	must(t, s.WaitRunning(soon(t), "/x", 1))
	if id := s.Tasks("/x")[0].ID(); !strings.HasSuffix(id, "._app.2") {
		t.Error(id)
	}
}

// slow is a handler that tells when a request began and ends it when released.
func slow(began chan<- bool, release <-chan bool) func(*marathontest.Task) http.Handler {
	return func(*marathontest.Task) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began <- true
			select {
			case <-release:
			case <-r.Context().Done():
			}
			io.WriteString(w, "done")
		})
	}
}

func TestWhatBecomesOfARunningRequestWhenItsTaskIsKilled(t *testing.T) {
	const terminated, tooLate = "Command terminated with signal Terminated", "Container killed after grace period"
	for name, c := range map[string]struct {
		behaviour marathontest.Behaviour
		grace     time.Duration
		release   bool // the request ends within the grace period
		message   string
		success   bool
	}{
		"graceful":        {marathontest.Behaviour{}, 9 * time.Second, true, terminated, true},
		"grace too short": {marathontest.Behaviour{}, 50 * time.Millisecond, false, tooLate, false},
		"abrupt":          {marathontest.Behaviour{Abrupt: true}, 9 * time.Second, false, terminated, false},
		"deaf":            {marathontest.Behaviour{IgnoreSIGTERM: true}, 50 * time.Millisecond, false, tooLate, false},
	} {
		t.Run(name, func(t *testing.T) {
			began, release := make(chan bool), make(chan bool)
			s, log := start(t, marathontest.Options{
				Handler: slow(began, release), Behaviour: c.behaviour,
				Timing: quick(func(t *marathontest.Timing) { t.KillGrace = c.grace }),
			})
			run(t, s, marathontest.App{ID: "/x", Instances: 1})
			task := s.Tasks("/x")[0]
			answer := make(chan error, 1)
			go func() {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				r, err := client.Get("http://" + task.Addrs()[0].String() + "/")
				if err == nil {
					r.Body.Close()
				}
				answer <- err
			}()
			<-began
			_, err := s.Kill(task.ID(), true)
			must(t, err)
			if c.release {
				must(t, s.Wait(soon(t), func() bool { return s.State(task) == "TASK_KILLING" }))
				release <- true
			}
			if err := <-answer; (err == nil) != c.success {
				t.Error(err)
			}
			must(t, s.WaitSettled(soon(t)))
			i := slices.IndexFunc(log.all(), func(e marathontest.Event) bool { return e.State == "TASK_KILLED" })
			if text := string(log.all()[i].Data); !strings.Contains(text, c.message) {
				t.Error(text)
			}
		})
	}
}

func TestAKilledTaskLingersThenClosesIdleConnections(t *testing.T) {
	s, log := start(t, marathontest.Options{Behaviour: marathontest.Behaviour{Linger: 500 * time.Millisecond}})
	run(t, s, marathontest.App{ID: "/x", Instances: 1})
	task := s.Tasks("/x")[0]
	conn, err := net.Dial("tcp", task.Addrs()[0].String())
	must(t, err)
	defer conn.Close()
	ask := func() error {
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err := conn.Read(make([]byte, 4096))
		return err
	}
	must(t, ask())
	_, err = s.Kill(task.ID(), true)
	must(t, err)
	must(t, s.Wait(soon(t), func() bool { return s.State(task) == "TASK_KILLING" }))
	must(t, ask()) // it does not care yet
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the idle connection ends with %v", err)
	}
	must(t, s.WaitSettled(soon(t)))
	var killing, killed time.Time
	for _, e := range log.all() {
		switch e.State {
		case "TASK_KILLING":
			killing = e.At
		case "TASK_KILLED":
			killed = e.At
		}
	}
	if d := killed.Sub(killing); d < 500*time.Millisecond {
		t.Errorf("died after %v", d)
	}
	if task.Requests() != 2 || !task.LastRequest().After(killing) {
		t.Errorf("%d requests, the last %v after TASK_KILLING", task.Requests(), task.LastRequest().Sub(killing))
	}
}

func TestAPortIsClosedUntilTheProcessListens(t *testing.T) {
	s, _ := start(t, marathontest.Options{Behaviour: marathontest.Behaviour{SlowStart: 500 * time.Millisecond}})
	a := web("/x", 1)
	a.HealthChecks[0].GracePeriodSeconds = 300
	_, err := s.Create(a)
	must(t, err)
	must(t, s.Wait(soon(t), func() bool { return len(s.Tasks("/x")) == 1 && s.State(s.Tasks("/x")[0]) == "TASK_RUNNING" }))
	addr := s.Tasks("/x")[0].Addrs()[0].String()
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("it listens already")
	}
	must(t, s.WaitRunning(soon(t), "/x", 1))
	if status, _ := get(t, "http://"+addr+"/health"); status != 200 {
		t.Error(status)
	}
}

func TestTCPTasksGreetAndEcho(t *testing.T) {
	s, _ := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.KillGrace = 50 * time.Millisecond })})
	run(t, s, marathontest.App{ID: "/redis", Instances: 1, Labels: map[string]string{"MARATHONTEST_KIND": "tcp"},
		HealthChecks: []marathontest.HealthCheck{{Protocol: "TCP", IntervalSeconds: 1}}})
	task := s.Tasks("/redis")[0]
	conn, err := net.Dial("tcp", task.Addrs()[0].String())
	must(t, err)
	defer conn.Close()
	io.WriteString(conn, "ping\n")
	want := fmt.Sprintf("Hello from /redis, task %s at %s\nping\n", task.ID(), task.Addrs()[0])
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	if task.Requests() < 1 {
		t.Error("the connection does not count")
	}
	_, err = s.Delete("/redis")
	must(t, err)
	if _, err := conn.Read(got); err == nil {
		t.Error("the connection outlives its task")
	}
	must(t, s.WaitSettled(soon(t)))
}

func TestNetworkModes(t *testing.T) {
	s, _ := start(t, marathontest.Options{Agents: []string{"127.0.0.1", "127.0.0.3"}})
	port := 0
	mapping := []marathontest.PortMapping{{ContainerPort: 8080, HostPort: &port}, {ContainerPort: 9090}}
	run(t, s, marathontest.App{ID: "/host", Instances: 2, PortDefinitions: []marathontest.PortDefinition{{}, {Protocol: "udp"}}})
	run(t, s, marathontest.App{ID: "/bridge", Instances: 1, Networks: []marathontest.Network{{Mode: "container/bridge"}},
		Container: &marathontest.Container{PortMappings: mapping}})
	run(t, s, marathontest.App{ID: "/container", Instances: 2, Networks: []marathontest.Network{{Mode: "container", Name: "dcos"}},
		Container: &marathontest.Container{PortMappings: mapping}})

	hosts := s.Tasks("/host")
	agents := []string{hosts[0].Addrs()[0].Addr().String(), hosts[1].Addrs()[0].Addr().String()}
	if slices.Sort(agents); !slices.Equal(agents, []string{"127.0.0.1", "127.0.0.3"}) {
		t.Error(agents)
	}
	for _, id := range []string{"/host", "/bridge", "/container"} {
		for _, task := range s.Tasks(id) {
			if status, body := get(t, "http://"+task.Addrs()[0].String()+"/"); status != 200 || !strings.Contains(body, task.ID()) {
				t.Errorf("%s: %d %s", task.ID(), status, body)
			}
		}
	}
	listed := func(id string) map[string]any {
		_, _, got := call(t, s, "GET", "/v2/apps"+id+"/tasks", "")
		return got["tasks"].([]any)[0].(map[string]any)
	}
	ip := func(task map[string]any) string {
		return task["ipAddresses"].([]any)[0].(map[string]any)["ipAddress"].(string)
	}
	if task := listed("/host"); len(task["ports"].([]any)) != 2 || ip(task) != task["host"] {
		t.Errorf("host %v", task)
	}
	if task := listed("/bridge"); len(task["ports"].([]any)) != 2 || !strings.HasPrefix(ip(task), "172.17.") {
		t.Errorf("bridge %v", task)
	}
	task := listed("/container")
	addrs := s.Tasks("/container")[0].Addrs()
	if len(task["ports"].([]any)) != 1 || addrs[0].String() != ip(task)+":8080" || addrs[1].String() != ip(task)+":9090" {
		t.Errorf("container %v at %v", task, addrs)
	}
	hostPort := fmt.Sprintf("%v:%v", task["host"], task["ports"].([]any)[0])
	if status, _ := get(t, "http://"+hostPort+"/"); status != 200 {
		t.Errorf("%s answers %d", hostPort, status)
	}
}

func TestRequiredPortsAreTheServicePorts(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := taken.Addr().(*net.TCPAddr).Port
	ports := []marathontest.PortDefinition{{Port: port}}
	_, err = s.Create(marathontest.App{ID: "/x", Instances: 1, RequirePorts: true, PortDefinitions: ports})
	must(t, err)
	must(t, s.Wait(soon(t), func() bool { // as long as the port is taken the task fails, and says why
		_, _, got := call(t, s, "GET", "/v2/apps/x", "")
		return strings.Contains(fmt.Sprint(got["app"].(map[string]any)["lastTaskFailure"]), "address already in use")
	}))
	taken.Close()
	must(t, s.WaitRunning(soon(t), "/x", 1))
	if got := s.Tasks("/x")[0].Addrs()[0].Port(); int(got) != port {
		t.Errorf("port %d, want %d", got, port)
	}
}

func TestPortsAreReusedOnDemand(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	s.SetPortReuse(true)
	run(t, s, marathontest.App{ID: "/a", Instances: 1})
	addr := s.Tasks("/a")[0].Addrs()[0]
	_, err := s.Delete("/a")
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	run(t, s, marathontest.App{ID: "/b", Instances: 1})
	if got := s.Tasks("/b")[0].Addrs()[0]; got != addr {
		t.Errorf("%v, freed was %v", got, addr)
	}
}

func TestKillingMayComeLongAfterSIGTERM(t *testing.T) {
	s, log := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.KillingLag = 100 * time.Millisecond })})
	run(t, s, marathontest.App{ID: "/x", Instances: 2})
	_, err := s.Scale("/x", 1) // exits at once: nobody hears of TASK_KILLING
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	if story := log.story(); slices.Contains(story, "TASK_KILLING") || !slices.Contains(story, "TASK_KILLED") {
		t.Error(story)
	}
	s.SetBehaviour("/x", marathontest.Behaviour{Linger: 500 * time.Millisecond})
	_, err = s.Scale("/x", 0)
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	if story := log.story(); !slices.Contains(story, "TASK_KILLING") {
		t.Error(story)
	}
}
