package marathontest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

func TestADefinitionIsVisibleOnlyAfterTheCommit(t *testing.T) {
	s, _ := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Commit = 300 * time.Millisecond })})
	w, _ := subscribe(t, s, "?event_type=deployment_info&event_type=group_change_success")
	must(t, s.WaitStreams(soon(t), 1))
	created := make(chan error)
	go func() {
		_, err := s.Create(marathontest.App{ID: "/shop/x"})
		created <- err
	}()
	if got := w.frame(t); !strings.HasPrefix(got, "event: deployment_info\r\n") {
		t.Error(got)
	}
	if status, _, _ := call(t, s, "GET", "/v2/apps/shop/x", ""); status != 404 {
		t.Errorf("after deployment_info the app answers %d", status)
	}
	w.frame(t) // deployment_info of the second step
	if got := w.frame(t); !strings.Contains(got, `"groupId":"/shop"`) {
		t.Error(got)
	}
	if status, _, _ := call(t, s, "GET", "/v2/apps/shop/x", ""); status != 200 {
		t.Errorf("after group_change_success the app answers %d", status)
	}
	must(t, <-created)
}

func TestWhichRequestsEmitWhat(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	settle := func() { must(t, s.WaitSettled(soon(t))) }
	for _, c := range []struct {
		method, path, body string
		emits              string // of api_post, group_change_success of which group, deployment_info
	}{
		{"POST", "/v2/apps", `{"id":"/shop/web","instances":2}`, "deployment /shop api_post"},
		{"PUT", "/v2/apps//shop/web", `{"instances":3}`, "deployment /shop api_post"},
		{"PUT", "/v2/apps/shop/web", `{"instances":3}`, "/shop api_post"},
		{"PATCH", "/v2/apps/shop/web", `{"instances":2}`, "deployment /shop api_post"},
		{"PUT", "/v2/apps", `[{"id":"/shop/web","instances":3}]`, "deployment /"},
		{"POST", "/v2/apps/shop/web/restart", ``, "deployment /shop"},
		{"DELETE", "/v2/apps/shop/web/tasks?scale=true&host=127.0.0.1", ``, "deployment /"},
		{"PUT", "/v2/groups", `{"id":"/shop","apps":[{"id":"web","instances":1}]}`, "deployment /shop"},
		{"DELETE", "/v2/apps/shop/web/tasks", ``, ""},
		{"DELETE", "/v2/apps/shop/web", ``, "deployment /shop"},
	} {
		log.clear()
		status, header, got := call(t, s, c.method, c.path, c.body)
		if status > 299 {
			t.Fatalf("%s %s: %d %v", c.method, c.path, status, got)
		}
		if (header.Get("Marathon-Deployment-Id") == "") != (c.emits == "") {
			t.Errorf("%s %s: deployment id %q", c.method, c.path, header.Get("Marathon-Deployment-Id"))
		}
		settle()
		var emits []string
		for _, e := range log.all() {
			word := ""
			switch e.Type {
			case "deployment_info":
				word = "deployment"
			case "api_post_event":
				word = "api_post"
			case "group_change_success":
				word = strings.Split(string(e.Data), `"`)[3]
			}
			if word != "" && !slices.Contains(emits, word) {
				emits = append(emits, word)
			}
		}
		if got := strings.Join(emits, " "); got != c.emits {
			t.Errorf("%s %s emits %q, want %q", c.method, c.path, got, c.emits)
		}
	}
}

func TestARollingRestartKeepsToItsLimits(t *testing.T) {
	for name, c := range map[string]struct {
		instances         int
		minimum, over     float64
		healthy, together int // fewest healthy and most running at any time
	}{
		"all stay healthy":   {2, 1, 0.5, 2, 3},
		"one after another":  {2, 0.5, 0, 1, 2},
		"neither room":       {1, 1, 0, 1, 2},
		"all at once":        {2, 0, 1, 0, 4},
		"capacity to double": {3, 1, 1, 3, 6},
	} {
		t.Run(name, func(t *testing.T) {
			s, log := start(t, marathontest.Options{})
			a := web("/shop/web", c.instances)
			a.UpgradeStrategy = &marathontest.UpgradeStrategy{MinimumHealthCapacity: c.minimum, MaximumOverCapacity: c.over}
			run(t, s, a)
			var old []string
			for _, task := range s.Tasks("/shop/web") {
				old = append(old, task.ID())
			}
			log.clear()
			id, err := s.Patch("/shop/web", `{"env":{"NEW":"yes"}}`)
			must(t, err)
			must(t, s.WaitDeployment(soon(t), id))
			must(t, s.WaitRunning(soon(t), "/shop/web", c.instances))
			for _, task := range s.Tasks("/shop/web") {
				if slices.Contains(old, task.ID()) {
					t.Errorf("%s is an old task", task.ID())
				}
			}
			serving, together := c.instances, c.instances
			fewest, most := serving, together
			for _, e := range log.all() {
				switch {
				case e.Type == "instance_health_changed_event":
					serving++
				case e.State == "TASK_KILLING":
					serving--
				case e.State == "Scheduled":
					together++
				case e.State == "TASK_KILLED":
					together--
				}
				fewest, most = min(fewest, serving), max(most, together)
			}
			if fewest < c.healthy || most > c.together {
				t.Errorf("down to %d healthy, up to %d instances; the limits are %d and %d", fewest, most, c.healthy, c.together)
			}
		})
	}
}

func TestScaling(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	run(t, s, web("/shop/web", 1))
	oldest := s.Tasks("/shop/web")[0]
	version := oldest.App().Version
	scale := func(n int) {
		t.Helper()
		log.clear()
		id, err := s.Scale("/shop/web", n)
		must(t, err)
		must(t, s.WaitDeployment(soon(t), id))
		if got := len(s.Tasks("/shop/web")); got != n {
			t.Errorf("%d tasks after scaling to %d", got, n)
		}
		if !strings.Contains(string(log.all()[0].Data), `"ScaleApplication"`) {
			t.Error(string(log.all()[0].Data))
		}
	}
	scale(3)
	if a := s.App("/shop/web"); a.Version == version || a.VersionInfo.LastConfigChangeAt != version || oldest.App().Version != version {
		t.Errorf("version %s, %+v, was %s; the old task has %s", a.Version, a.VersionInfo, version, oldest.App().Version)
	}
	scale(1)
	if s.Tasks("/shop/web")[0] != oldest {
		t.Error("the youngest should be killed first")
	}
	want := "deployment_info group_change_success api_post Running Running"
	if got := strings.Join(log.story()[:5], " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	scale(2)
	if _, err := s.Patch("/shop/web", `{"killSelection":"OLDEST_FIRST"}`); err != nil {
		t.Fatal(err)
	}
	must(t, s.WaitSettled(soon(t)))
	youngest := s.Tasks("/shop/web")[1]
	scale(1)
	if s.Tasks("/shop/web")[0] != youngest {
		t.Error("the oldest should be killed first")
	}
	scale(0)
}

func TestADeploymentLocksItsApps(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	status, _, got := call(t, s, "POST", "/v2/apps", `{"id":"/x","instances":1,"healthChecks":[{"path":"/health","portIndex":7}]}`)
	if status != 201 { // its health check never succeeds
		t.Fatal(status, got)
	}
	_, _, got = call(t, s, "GET", "/v2/apps/x", "")
	locking := got["app"].(map[string]any)["deployments"].([]any)[0].(map[string]any)["id"]
	_, _, got = call(t, s, "GET", "/v2/deployments", "")
	view := got["list"].([]any)[0].(map[string]any)
	_, sample := load(t, "get-v2-deployments.json")
	if d := differences("", sample.([]any)[0], view); len(d) > 0 || view["id"] != locking {
		t.Errorf("%v %v", view, d)
	}
	status, _, got = call(t, s, "PUT", "/v2/apps/x", `{"instances":2}`)
	if status != 409 || got["deployments"].([]any)[0].(map[string]any)["id"] != locking ||
		!strings.HasPrefix(got["message"].(string), "App is locked by one or more deployments.") {
		t.Errorf("%d %v", status, got)
	}
	log.clear()
	status, _, _ = call(t, s, "PUT", "/v2/apps/x?force=true", `{"instances":1,"healthChecks":[]}`)
	if story := log.story(); status != 200 || story[0] != "deployment_failed" {
		t.Errorf("%d %v", status, story)
	}
	must(t, s.WaitRunning(soon(t), "/x", 1))
	must(t, s.WaitSettled(soon(t)))
}

func TestADeploymentRollsBack(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	id, err := s.Patch("/x", `{"env":{"BAD":"yes"},"healthChecks":[{"portIndex":7}]}`)
	must(t, err)
	status, header, got := call(t, s, "DELETE", "/v2/deployments/"+id, "")
	back := header.Get("Marathon-Deployment-Id")
	if status != 200 || back == "" || back == id || got["deploymentId"] != back {
		t.Fatalf("%d %q %v", status, back, got)
	}
	must(t, s.WaitDeployment(soon(t), back))
	if a := s.App("/x"); a.Env != nil || a.HealthChecks[0].Path != "/health" {
		t.Errorf("%+v", a)
	}
	if status, _, got := call(t, s, "DELETE", "/v2/deployments/"+id, ""); status != 404 ||
		got["message"] != "DeploymentPlan "+id+" does not exist" {
		t.Errorf("%d %v", status, got)
	}
	id, err = s.Restart("/x")
	must(t, err)
	if status, _, _ := call(t, s, "DELETE", "/v2/deployments/"+id+"?force=true", ""); status != 202 {
		t.Error(status)
	}
}

func TestServicePorts(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	host := func(id string, ports ...int) marathontest.App {
		a := marathontest.App{ID: id, PortDefinitions: []marathontest.PortDefinition{}}
		for _, p := range ports {
			a.PortDefinitions = append(a.PortDefinitions, marathontest.PortDefinition{Port: p})
		}
		return a
	}
	ports := func(id string) (all []int) {
		for _, d := range s.App(id).PortDefinitions {
			all = append(all, d.Port)
		}
		return all
	}
	check := func(id string, want ...int) {
		t.Helper()
		if got := ports(id); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", id, got, want)
		}
	}
	for _, a := range []marathontest.App{host("/fixed", 10001, 80), host("/none"), host("/two", 0, 0)} {
		_, err := s.Create(a)
		must(t, err)
	}
	must(t, s.WaitSettled(soon(t)))
	check("/fixed", 10001, 80)
	check("/none")
	check("/two", 10000, 10002)
	_, err := s.Update(host("/two", 0, 0, 0)) // keeps what it had
	must(t, err)
	check("/two", 10000, 10002, 10003)
	status, _, _ := call(t, s, "PUT", "/v2/groups", `{"id":"/g","apps":[{"id":"a"},{"id":"b"}]}`)
	if a, b := ports("/g/a"), ports("/g/b"); status != 200 || !slices.Equal(a, []int{10004}) || !slices.Equal(b, []int{10005}) {
		t.Error(status, a, b)
	}
}
