package marathontest_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestPathsWithADoubledSlashNeedNoRedirect(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, marathontest.App{ID: "/dcos-101/app2", Instances: 1})
	for _, path := range []string{"/v2/apps//dcos-101/app2", "/v2/apps/dcos-101/app2", "/v2/apps//dcos-101/app2/"} {
		status, _, got := call(t, s, "GET", path, "")
		if status != 200 || got["app"].(map[string]any)["id"] != "/dcos-101/app2" {
			t.Errorf("GET %s: %d %v", path, status, got)
		}
	}
	status, header, got := call(t, s, "PUT", "/v2/apps//dcos-101/app2", `{"instances":2}`)
	if status != 200 || got["deploymentId"] == nil || got["deploymentId"] != header.Get("Marathon-Deployment-Id") ||
		header.Get("X-Marathon-Leader") != s.URL() {
		t.Errorf("%d %v %v", status, header, got)
	}
	must(t, s.WaitRunning(soon(t), "/dcos-101/app2", 2))
}

func TestRefusals(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, marathontest.App{ID: "/x", Instances: 1})
	for _, c := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"GET", "/v2/apps/nobody", "", 404, "App '/nobody' does not exist"},
		{"PATCH", "/v2/apps/nobody", "{}", 404, "App '/nobody' does not exist"},
		{"DELETE", "/v2/apps/nobody", "", 404, "App '/nobody' does not exist"},
		{"POST", "/v2/apps/nobody/restart", "", 404, "App '/nobody' does not exist"},
		{"GET", "/v2/apps/nobody/tasks", "", 404, "App '/nobody' does not exist"},
		{"GET", "/v2/apps/nobody/versions", "", 404, "App '/nobody' does not exist"},
		{"DELETE", "/v2/apps/x/tasks/none", "", 404, "Task 'none' does not exist"},
		{"DELETE", "/v2/apps/x/tasks?scale=true&wipe=true", "", 400, "You cannot use scale and wipe at the same time."},
		{"DELETE", "/v2/deployments/none", "", 404, "DeploymentPlan none does not exist"},
		{"GET", "/v2/groups/none", "", 404, "Group '/none' does not exist"},
		{"POST", "/v2/apps", `{"id":"/x"}`, 409, "An app with id [/x] already exists."},
		{"POST", "/v2/apps", `{"id":7}`, 400, "Invalid JSON"},
		{"POST", "/v2/apps", `{`, 400, "Invalid JSON"},
		{"POST", "/v2/apps", `{}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/UPPER"}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","instances":-1}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","networks":[{"mode":"carrier pigeon"}]}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","upgradeStrategy":{"minimumHealthCapacity":2}}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","healthChecks":[{"protocol":"SMTP"}]}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","instances":1000000}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","portDefinitions":[{"port":70000}]}`, 422, "Object is not valid"},
		{"POST", "/v2/apps", `{"id":"/y","networks":[{}],"container":{"portMappings":[{"hostPort":-1}]}}`, 422, "Object is not valid"},
		{"GET", "/v2/apps?label=" + url.QueryEscape("a=(b"), "", 422, "label selector: cannot read a=(b"},
		{"POST", "/v2/tasks/delete", `[]`, 400, "Invalid JSON"},
		{"GET", "/v2/nonsense", "", 500, "URI not found"},
	} {
		status, _, got := call(t, s, c.method, c.path, c.body)
		if status != c.status || got["message"] != c.message {
			t.Errorf("%s %s %s: %d %v", c.method, c.path, c.body, status, got)
		}
	}
	if status, _, _ := call(t, s, "TRACE", "/v2/events", ""); status != 405 {
		t.Errorf("TRACE /v2/events: %d", status)
	}
}

func TestListsAreFiltered(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	for _, a := range []marathontest.App{
		{ID: "/shop/web", Cmd: "./Web --fast", Labels: map[string]string{"env": "prod", "GROUP": "external,internal"}},
		{ID: "/shop/db", Cmd: "postgres", Labels: map[string]string{"env": "test"}}, {ID: "/mail"},
	} {
		_, err := s.Create(a)
		must(t, err)
	}
	for query, want := range map[string]string{
		"":                                "/mail /shop/db /shop/web",
		"id=SHOP":                         "/shop/db /shop/web",
		"cmd=web":                         "/shop/web",
		"label=env":                       "/shop/db /shop/web",
		"label=env==prod":                 "/shop/web",
		"label=env!=prod":                 "/shop/db",
		"label=env in (prod, test)":       "/shop/db /shop/web",
		"label=env notin (prod)":          "/shop/db",
		"label=env,GROUP":                 "/shop/web",
		`label=GROUP==external\,internal`: "/shop/web",
		"label=absent!=x":                 "",
		"id=shop&label=env==test":         "/shop/db",
	} {
		name, value, _ := strings.Cut(query, "=")
		if rest, label, found := strings.Cut(value, "&label="); found {
			value = rest + "&label=" + url.QueryEscape(label)
		} else {
			value = url.QueryEscape(value)
		}
		_, _, got := call(t, s, "GET", "/v2/apps?"+name+"="+value, "")
		var ids []string
		for _, a := range got["apps"].([]any) {
			ids = append(ids, a.(map[string]any)["id"].(string))
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%s: %v, want %s", query, ids, want)
		}
	}
}

func TestTasksAreShownOnlyIfAskedFor(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	for query, want := range map[string]bool{"": false, "?embed=apps.tasks": true, "?embed=app.tasks": true, "?embed=group.apps.tasks": true,
		"?embed=tasks": true, "?embed=apps.counts": false} {
		_, _, got := call(t, s, "GET", "/v2/apps"+query, "")
		app := got["apps"].([]any)[0].(map[string]any)
		if _, has := app["tasks"]; has != want || app["tasksRunning"] != 1.0 || app["tasksHealthy"] != 1.0 {
			t.Errorf("%s: %v", query, app)
		}
	}
	_, _, got := call(t, s, "GET", "/v2/tasks?status=running", "")
	task := got["tasks"].([]any)[0].(map[string]any)
	if fmt.Sprint(task["servicePorts"]) != "[10000]" {
		t.Error(task)
	}
	_, sample := load(t, "get-v2-tasks.json")
	if d := differences("", sample, map[string]any(got)); len(d) > 0 {
		t.Error(d)
	}
	if _, _, got := call(t, s, "GET", "/v2/tasks?status=staging", ""); len(got["tasks"].([]any)) != 0 {
		t.Error(got)
	}
}

func TestOtherResources(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, marathontest.App{ID: "/shop/web", Instances: 1})
	first := s.App("/shop/web").Version
	_, err := s.Scale("/shop/web", 2)
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	for path, want := range map[string]string{
		"/v2/leader":                 `{"leader":"` + s.Addr() + `"}`,
		"/v2/queue":                  `{"queue":[]}`,
		"/v2/pods::status":           `[]`,
		"/v2/deployments":            `[]`,
		"/ping":                      `pong`,
		"/v2/apps/shop/web/versions": `{"versions":["` + s.App("/shop/web").Version + `","` + first + `"]}`,
	} {
		if status, got := get(t, s.URL()+path); status != 200 || got != want {
			t.Errorf("%s: %d %s, want %s", path, status, got, want)
		}
	}
	_, _, info := call(t, s, "GET", "/v2/info", "")
	features := fmt.Sprint(info["marathon_config"].(map[string]any)["features"])
	if info["leader"] != s.Addr() || info["elected"] != true || features != "[task_killing]" {
		t.Error(info)
	}
	_, _, root := call(t, s, "GET", "/v2/groups", "")
	shop := root["groups"].([]any)[0].(map[string]any)
	if root["id"] != "/" || shop["id"] != "/shop" || shop["apps"].([]any)[0].(map[string]any)["id"] != "/shop/web" {
		t.Error(root)
	}
	_, _, all := call(t, s, "GET", "/v2/apps/shop/*", "")
	if len(all["*"].([]any)) != 1 {
		t.Error(all)
	}
	status, _, _ := call(t, s, "PUT", "/v2/groups/shop", `{"scaleBy":2}`)
	must(t, s.WaitRunning(soon(t), "/shop/web", 4))
	if status != 200 {
		t.Error(status)
	}
}

func TestManyTasksAreKilledAtOnce(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, web("/x", 3))
	tasks := s.Tasks("/x")
	ids, _ := json.Marshal(map[string]any{"ids": []string{tasks[0].ID(), tasks[2].ID()}})
	status, _, got := call(t, s, "POST", "/v2/tasks/delete?scale=true", string(ids))
	if status != 200 || got["deploymentId"] == nil {
		t.Fatal(status, got)
	}
	must(t, s.WaitSettled(soon(t)))
	if left := s.Tasks("/x"); len(left) != 1 || left[0] != tasks[1] || s.App("/x").Instances != 1 {
		t.Errorf("%d tasks, %d wanted", len(left), s.App("/x").Instances)
	}
	status, _, got = call(t, s, "DELETE", "/v2/apps/x/tasks?wipe=true", "")
	if status != 200 || len(got["tasks"].([]any)) != 1 {
		t.Error(status, got)
	}
	must(t, s.Wait(soon(t), func() bool {
		all := s.Tasks("/x")
		return len(all) == 1 && all[0].InstanceID() != tasks[1].InstanceID()
	}))
}

func TestDefinitionsInTheOldDialectAreUnderstood(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	status, _, got := call(t, s, "POST", "/v2/apps", `{"id":"dcos-101/app2","container":{"type":"DOCKER","docker":{"image":"app2",
		"network":"BRIDGE","portMappings":[{"containerPort":8080,"hostPort":0,"servicePort":10000,"protocol":"tcp"}]}}}`)
	app := s.App("/dcos-101/app2")
	if status != 201 || app.Networks[0].Mode != "container/bridge" || app.Container.PortMappings[0].ServicePort != 10000 {
		t.Errorf("%d %v", status, got)
	}
	if _, _, got := call(t, s, "POST", "/v2/apps", `{"id":"/old","ports":[0,9000]}`); s.App("/old").PortDefinitions[1].Port != 9000 {
		t.Error(got)
	}
	_, _, got = call(t, s, "POST", "/v2/apps", `{"id":"/ip","ipAddress":{"networkName":"dcos"}}`)
	if n := s.App("/ip").Networks[0]; n.Name != "dcos" || n.Mode != "container" {
		t.Error(got)
	}
}

func TestJSONIsCompressedOnDemand(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	r, _ := http.NewRequest("GET", s.URL()+"/v2/apps", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	must(t, err)
	defer answer.Body.Close()
	z, err := gzip.NewReader(answer.Body)
	must(t, err)
	var list map[string]any
	if err := json.NewDecoder(z).Decode(&list); err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Error(err, answer.Header)
	}
}

func TestCredentialsGuardEverything(t *testing.T) {
	s, _ := start(t, marathontest.Options{Credentials: "ops:secret"})
	for _, path := range []string{"/ping", "/v2/apps", "/v2/events", "/sim/tasks"} {
		status, header, _ := call(t, s, "GET", path, "")
		if status != 401 || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: %d", path, status)
		}
	}
	r, _ := http.NewRequest("GET", s.URL()+"/v2/apps", nil)
	r.SetBasicAuth("ops", "secret")
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	must(t, err)
	if answer.Body.Close(); answer.StatusCode != 200 {
		t.Error(answer.StatusCode)
	}
}

func TestATakenPortIsAnErrorUnlessAnyWillDo(t *testing.T) {
	first, _ := start(t, marathontest.Options{})
	second := marathontest.New(marathontest.Options{Addr: first.Addr()})
	defer second.Close()
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
	third, _ := start(t, marathontest.Options{Addr: first.Addr(), AnyPort: true})
	if host, _, _ := net.SplitHostPort(third.Addr()); host != "127.0.0.1" || third.Addr() == first.Addr() {
		t.Error(third.Addr())
	}
}
