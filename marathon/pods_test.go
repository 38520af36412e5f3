package marathon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/marathon/marathontest"
)

// onePod is the pod of the sample, changed by pairs of texts.
func onePod(t *testing.T, changes ...string) marathon.App {
	t.Helper()
	data, err := os.ReadFile("testdata/rest/get-v2-pods-status.json")
	if err != nil {
		t.Fatal(err)
	}
	var pods []json.RawMessage
	if err := json.Unmarshal(data, &pods); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(pods[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := string(text)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(changed, changes[i]) {
			t.Fatalf("no %s in %s", changes[i], changed)
		}
		changed = strings.ReplaceAll(changed, changes[i], changes[i+1])
	}
	var found []marathon.App
	bad, err := marathon.ReadPods(strings.NewReader("["+changed+"]"), func(a marathon.App) { found = append(found, a) })
	if err != nil || len(bad) > 0 || len(found) != 1 {
		t.Fatalf("%v %v %v", found, bad, err)
	}
	return found[0]
}

// served is the backend of a pod with a service port, as text.
func served(a marathon.App) string {
	a.Labels["HAPROXY_GROUP"], a.Labels["HAPROXY_0_PORT"] = "external", "10080"
	c := marathon.NewCompiler(external())
	c.Set(a, marathon.FactsAt(a, noon, agents))
	change := c.Link(noon)
	var lines []string
	for _, b := range change.SetBackends {
		for _, s := range b.Servers {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", b.Mode, s.Addr, s.State, s.Task))
		}
	}
	if lines == nil {
		return c.Verdicts()[0].Detail
	}
	return strings.Join(lines, ", ")
}

const (
	podID    = "shop_pod.instance-5c1a3d10-0a01-11ea-8f2a-0242ac110002.web.1"
	withSpec = `"endpoints":[{"name":"http","containerPort":8080,`
	checked  = `"healthCheck":{"http":{"endpoint":"http","path":"/health","scheme":"HTTP"},"gracePeriodSeconds":5,"intervalSeconds":5},` + withSpec
)

func TestInstancesOfPodsAreServers(t *testing.T) {
	ownAddress, hostAddress := "9.0.5.160:8080", "10.0.1.11:31999"
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"container network": {nil, "tcp " + ownAddress + " ready " + podID},
		"bridge":            {[]string{`"mode":"container"`, `"mode":"container/bridge"`}, "tcp " + hostAddress + " ready " + podID},
		"host network": {[]string{`"networks":[{"name":"dcos","mode":"container"}]`, `"networks":[{"mode":"host"}]`},
			"tcp " + hostAddress + " ready " + podID},
		"well":            {[]string{withSpec, checked}, "http " + ownAddress + " ready " + podID},
		"ill":             {[]string{withSpec, checked, `"healthy":true`, `"healthy":false`}, "tasks: 1 unhealthy"},
		"killed":          {[]string{`"TASK_RUNNING"`, `"TASK_KILLING"`}, "tcp " + ownAddress + " draining " + podID},
		"unreachable":     {[]string{`"TASK_RUNNING"`, `"TASK_UNREACHABLE"`}, "tcp " + ownAddress + " last-resort " + podID},
		"being killed":    {[]string{`"status":"STABLE"`, `"status":"TERMINAL"`}, "tcp " + ownAddress + " draining " + podID},
		"staging":         {[]string{`"status":"STABLE"`, `"status":"STAGING"`}, ""},
		"failed":          {[]string{`"TASK_RUNNING"`, `"TASK_FAILED"`}, ""},
		"without task":    {[]string{`"containerId":"` + podID + `",`, ""}, ""},
		"without address": {[]string{`"9.0.5.160"`, ""}, "tasks: 1 without an address or port"},
	} {
		if got := served(onePod(t, c.changes...)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAPodIsAsHealthyAsTheWorstOfItsContainers(t *testing.T) {
	const pod = `[{"id":"/p","spec":{"networks":[{"mode":"host"}],"containers":[
		{"name":"a","endpoints":[{"name":"x","hostPort":0},{"name":"y","hostPort":0}],"healthCheck":{"tcp":{"endpoint":"y"}}},
		{"name":"b","healthCheck":{"exec":{"command":{"shell":"true"}}}}, {"name":"c"}]},
		"instances":[{"id":"p.instance-1","status":"STABLE","agentHostname":"10.0.1.11","containers":[
		{"name":"c","status":"TASK_FINISHED","containerId":"p.instance-1.c.1"},
		{"name":"a","status":"TASK_RUNNING","containerId":"p.instance-1.a.1","statusSince":"2020-03-02T09:15:10.000Z",
			"endpoints":[{"name":"y","allocatedHostPort":2,"healthy":true},{"name":"x","allocatedHostPort":1}]},
		{"name":"b","status":"TASK_RUNNING","containerId":"p.instance-1.b.1","conditions":[{"name":"healthy","value":"%s","reason":"%s"}]}]}]}]`
	for _, c := range []struct{ value, reason, want string }{
		{"true", "health-reported-by-mesos", "[true true]"},
		{"false", "health-reported-by-mesos", "[false]"},
		{"false", "health-unreported-by-mesos", "[]"},
	} {
		var a marathon.App
		bad, err := marathon.ReadPods(strings.NewReader(fmt.Sprintf(pod, c.value, c.reason)), func(found marathon.App) { a = found })
		if err != nil || len(bad) > 0 || len(a.Tasks) != 1 {
			t.Fatalf("%+v %v %v", a, bad, err)
		}
		alive := []bool{}
		for _, r := range a.Tasks[0].Results {
			alive = append(alive, *r.Alive)
		}
		if fmt.Sprint(alive) != c.want || a.Tasks[0].ID != "p.instance-1.a.1" || !slices.Equal(a.Tasks[0].Ports, []int{1, 2}) || *a.HealthChecks[0].PortIndex != 1 {
			t.Errorf("%+v: %v, task %+v", c, alive, a.Tasks[0])
		}
	}
}

// podOf is a pod with one endpoint, at its own address, and a container beside it.
func podOf(id string, port, instances int) marathontest.Pod {
	return marathontest.Pod{
		ID: id, Labels: map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_PORT": fmt.Sprint(port)},
		Networks: []marathontest.Network{{Mode: "container", Name: "dcos"}},
		Containers: []marathontest.PodContainer{
			{Name: "log"},
			{Name: "web", Endpoints: []marathontest.PodEndpoint{{Name: "http", ContainerPort: 8080}},
				HealthCheck: &marathontest.PodCheck{HTTP: &marathontest.PodHTTPCheck{Endpoint: "http", Path: "/health"}, IntervalSeconds: 1, GracePeriodSeconds: 5}},
		},
		Scaling: marathontest.Scaling{Instances: instances},
	}
}

func TestPodsComeGrowAndGo(t *testing.T) {
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	s := newStage(t)
	s.run(marathon.Options{Endpoints: []string{sim.URL()}, Groups: []string{"external"}, HealthCheck: true}, nil)
	s.untilStatus("read", func(st marathon.Status) bool { return !st.LastRead.IsZero() && st.Stream.Connected })
	// All below is brought by events: the next full read is a minute away.
	if _, err := sim.CreatePod(podOf("/shop/web", 10010, 1)); err != nil {
		t.Fatal(err)
	}
	servers := func() string {
		var want []string
		for _, task := range sim.Tasks("/shop/web") {
			want = append(want, fmt.Sprintf("%s ready", task.Addrs()[0]))
		}
		slices.Sort(want)
		return strings.Join(want, ", ")
	}
	got := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		var all []string
		if k := s.table.Backend("shop_web_10010"); k != nil && !k.Gone {
			for _, server := range k.Servers {
				all = append(all, fmt.Sprintf("%s %s", server.Addr, server.State()))
			}
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	have := func(n int) {
		t.Helper()
		s.until(func() bool { return len(sim.Tasks("/shop/web")) == n && got() == servers() }, func() string { return got() + " instead of " + servers() })
	}
	have(1)
	if _, err := sim.UpdatePod(podOf("/shop/web", 10010, 2)); err != nil {
		t.Fatal(err)
	}
	have(2)
	sim.Tasks("/shop/web")[0].Crash()
	have(2)
	if _, err := sim.DeletePod("/shop/web"); err != nil {
		t.Fatal(err)
	}
	s.until(func() bool { return got() == "" && s.watcher.Status().Apps == 0 }, got)
}

func TestPodsThatCannotBeReadHarmNoApp(t *testing.T) {
	var broken atomic.Bool
	s := newStage(t, twoOld())
	pods, err := os.ReadFile("testdata/rest/get-v2-pods-status.json")
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, "/v2/pods"):
			s.answer(w, r)
		case broken.Load():
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Write(pods)
		}
	}))
	t.Cleanup(front.Close)
	o := external()
	o.Endpoints = []string{front.URL}
	s.events <- attached
	s.run(o, nil)
	s.want("31100 ready, 31200 ready")
	pod := func() bool {
		return slices.ContainsFunc(s.compiler.Verdicts(), func(v route.Verdict) bool { return v.App == "/shop/pod" })
	}
	s.until(pod, func() string { return "the pod is unknown" })
	broken.Store(true)
	s.have(shopWeb(oldVersion, running(old0, 1, 31100)))
	s.resync()
	s.want("31100 ready")
	if !pod() {
		t.Error("the pod is gone because pods could not be read")
	}
	if s.watcher.Status().ReadErrors[marathon.ReasonAuth] == 0 {
		t.Errorf("nobody is told: %v", s.watcher.Status().ReadErrors)
	}
}

func TestEventsOfPodsNameThem(t *testing.T) {
	for _, name := range []string{"pod_created_event", "pod_updated_event", "pod_deleted_event"} {
		_, data, _ := strings.Cut(sample(t, name), "data: ")
		events, err := marathon.ReadEvents([]byte(data))
		if err != nil || fmt.Sprint(events[0].Apps()) != "[/shop/pod]" {
			t.Errorf("%s: %v %v", name, events, err)
		}
	}
	for uri, want := range map[string]string{"/v2/pods": "[]", "/v2/pods/": "[]", "/v2/pods//a/b": "[/a/b]", "/service/m/v2/pods/a::instances/x": "[/a]"} {
		events, err := marathon.ReadEvents([]byte(`{"eventType":"pod_created_event","uri":"` + uri + `"}`))
		if err != nil || fmt.Sprint(events[0].Apps()) != want {
			t.Errorf("%s: %v %v", uri, events, err)
		}
	}
	events, err := marathon.ReadEvents([]byte(`{"eventType":"deployment_info","plan":{"steps":[{"actions":[{"action":"StopPod","pod":"/p"}]}]}}`))
	if err != nil || fmt.Sprint(events[0].Apps(), events[0].Stops()) != "[/p] [/p]" {
		t.Errorf("%v %v", events, err)
	}
}

func FuzzReadPods(f *testing.F) {
	data, err := os.ReadFile("testdata/rest/get-v2-pods-status.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add(`[{"id":"/p","instances":[{"containers":[{}]}]}]`)
	f.Add(`[{},{"id":"/p","spec":null},7]`)
	f.Fuzz(func(t *testing.T, text string) {
		var pods []marathon.App
		marathon.ReadPods(strings.NewReader(text), func(a marathon.App) { pods = append(pods, a) })
		for _, a := range pods {
			if a.ID == "" || !a.Pod {
				t.Errorf("%+v", a)
			}
			c := marathon.NewCompiler(external())
			c.Set(a, marathon.FactsAt(a, noon, nil))
			c.Link(noon)
		}
	})
}
