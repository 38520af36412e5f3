package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// written are the paths of files with these texts, by name.
func written(t *testing.T, texts map[string]string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range texts {
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// post creates an app or a pod.
func post(t *testing.T, url, text string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url, "application/json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 201 {
		said, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %d %s", text, resp.StatusCode, said)
	}
}

const (
	sticky  = `"HAPROXY_0_STICKY":"true","HAPROXY_0_BACKEND_HTTP_HEALTHCHECK_OPTIONS":"  option httpchk GET /x\n"`
	aPod    = `{"id":"/team/pod","labels":{"HAPROXY_GROUP":"external","HAPROXY_0_VHOST":"pod.test","HAPROXY_1_STICKY":"maybe"},"networks":[{"mode":"container","name":"dcos"}],"scaling":{"kind":"fixed","instances":1},"containers":[{"name":"web","resources":{"cpus":0.1,"mem":32},"exec":{"command":{"shell":"web"}},"endpoints":[{"name":"http","containerPort":8080},{"name":"admin","containerPort":8081}],"healthCheck":{"http":{"endpoint":"http","path":"/health"}}}]}`
	podSays = `/team/pod: HAPROXY_1_STICKY="maybe": neither true nor false`
)

// asCreated are definitions as they are sent to Marathon, which fills in what they leave out.
var asCreated = []string{
	`{"id":"/checked","cmd":"x","portDefinitions":[{"port":20600}],"healthChecks":[{"protocol":"HTTP","path":"/health"}],"labels":{"HAPROXY_GROUP":"external",` + sticky + `}}`,
	`{"id":"/anyport","cmd":"x","portDefinitions":[{},{"port":0}],"healthChecks":[{"path":"/health"}],"labels":{"HAPROXY_GROUP":"external",` + sticky + `,"HAPROXY_1_VHOST":"b.test"}}`,
	`{"id":"/command","cmd":"x","healthChecks":[{"protocol":"COMMAND","command":{"value":"true"}}],"labels":{"HAPROXY_GROUP":"external",` + sticky + `}}`,
	`{"id":"/noports","cmd":"x","labels":{"HAPROXY_GROUP":"external","HAPROXY_0_VHOST":"d.test","HAPROXY_1_VHOST":"e.test"}}`,
	`{"id":"/nohostports","cmd":"x","networks":[{"mode":"host"}],"portDefinitions":[],"labels":{"HAPROXY_GROUP":"external","HAPROXY_0_VHOST":"f.test"}}`,
	`{"id":"/bridge","networks":[{"mode":"container/bridge"}],"container":{"portMappings":[{"containerPort":80}]},"healthChecks":[{"protocol":"MESOS_HTTP"}],"labels":{"HAPROXY_GROUP":"external",` + sticky + `}}`,
	`{"id":"/container","networks":[{"name":"dcos"}],"container":{"portMappings":[{"containerPort":80},{"containerPort":81}]},"labels":{"HAPROXY_GROUP":"external","HAPROXY_1_MODE":"udp"}}`,
}

// A false alarm stops a pipeline for nothing.
func TestAFileIsReadAsMarathonWouldShowIt(t *testing.T) {
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	for _, text := range asCreated {
		post(t, sim.URL()+"/v2/apps", text)
	}
	post(t, sim.URL()+"/v2/pods", aPod)
	without := func(out, name string) string { return strings.ReplaceAll(out, name+": ", "") }
	_, live, _ := checkOf(t, "", "--marathon", sim.URL())
	code, file, _ := checkOf(t, "["+strings.Join(append(asCreated, aPod), ",")+"]", "-")
	if live, file = without(live, sim.URL()), without(file, "-"); code != 1 || live != file || !strings.Contains(file, podSays) {
		t.Errorf("exit code %d; of a running Marathon:\n%s\nof the file:\n%s", code, live, file)
	}
}

func TestEveryAnswerOfMarathonCanBeChecked(t *testing.T) {
	app := strings.Replace(asCreated[0], "/checked", "web", 1)
	app = strings.Replace(app, `"true"`, `"maybe"`, 1)
	const appSays = `/team/web: HAPROXY_0_STICKY="maybe"`
	status := `{"id":"/team/pod","spec":` + aPod + `,"status":"STABLE","instances":[{"id":"pod.instance-1","status":"STABLE","agentHostname":"10.0.0.1","containers":[{"name":"web","status":"TASK_RUNNING","containerId":"pod.instance-1.web"}]}]}`
	for name, c := range map[string]struct{ text, says string }{
		"an app":               {strings.Replace(app, `"web"`, `"/team/web"`, 1), appSays},
		"v2/apps/{id}":         {`{"app":` + strings.Replace(app, `"web"`, `"/team/web"`, 1) + `}`, appSays},
		"v2/apps/{group}/*":    {`{"*":[` + strings.Replace(app, `"web"`, `"/team/web"`, 1) + `]}`, appSays},
		"v2/groups":            {`{"id":"/","apps":[],"groups":[{"id":"/team","apps":[` + strings.Replace(app, `"web"`, `"/team/web"`, 1) + `],"groups":[],"pods":[]}],"pods":[]}`, appSays},
		"a group of names":     {`{"id":"team","groups":null,"apps":[` + app + `]}`, appSays},
		"a pod":                {aPod, podSays},
		"pods":                 {`[` + aPod + `]`, podSays},
		"a group with a pod":   {`{"id":"team","apps":[],"pods":[` + strings.Replace(aPod, "/team/pod", "pod", 1) + `]}`, podSays},
		"v2/pods::status":      {`[` + status + `]`, podSays},
		"v2/pods/{id}::status": {status, podSays},
		"a mark before it":     {"\ufeff" + aPod, podSays},
	} {
		if code, out, err := checkOf(t, c.text, "-"); code != 1 || err != "" || !strings.Contains(out, "-: "+c.says) || !strings.Contains(out, "1 apps, 1 problems") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, out, err)
		}
	}
	samples, _ := filepath.Glob("../../marathon/testdata/apps/*.json")
	if len(samples) == 0 {
		t.Fatal("there are no samples")
	}
	for _, sample := range append(samples, "../../marathon/testdata/rest/get-v2-pods-status.json") {
		code, out, err := checkOf(t, "", sample)
		if clean := !strings.Contains(sample, "edge-cases"); err != "" || clean && code != 0 || strings.Contains(out, "without id") {
			t.Errorf("%s: exit code %d\n%s%s", sample, code, out, err)
		}
	}
}

func TestAMistakeInJSONIsFoundAtItsLine(t *testing.T) {
	for text, says := range map[string]string{
		"{\n \"id\": \"/a\",\n \"labels\": {\n  \"x\": }\n}": `:4: invalid character '}'`,
		"{\n \"id\": \"/a\",\n \"labels\": {":                `:3: unexpected end of JSON input`,
		"":                                                   `:1: unexpected end of JSON input`,
		"\ufeff\n[\n {\"id\": \"/a\",\n  \"instances\": \"many\"}]":                                 `:4: /a: instances is a string where a whole number should be`,
		"[\n{\"id\": \"/a\",\n \"container\": {\n  \"portMappings\": [{\"containerPort\": 1.5}]}}]": `:4: /a: container.portMappings.containerPort is number 1.5 where a whole number should be`,
		"{\"id\": \"/g\", \"groups\": [\n\n{\"id\": \"h\", \"apps\": [\n{\"labels\": {}}]}]}":       `:4: an app without id`,
		"{\"id\": \"/g\",\n\"pods\": [\n{\"id\": \"p\", \"containers\":\n{}}]}":                     `:4: /g/p: containers is an object where a list should be`,
		"{\"apps\":\n \"none\"}": `:2: apps is a string where a list should be`,
		"[1,\n null]":            `:2: null where an app, a pod, a group or a list of them should be`,
	} {
		code, out, err := checkOf(t, text, "-")
		if code == 0 || err != "" || !strings.Contains(out, "-"+says) || regexp.MustCompile(`Go |json:|struct|\.plain`).MatchString(out) {
			t.Errorf("%q: exit code %d, want %q\n%s%s", text, code, says, out, err)
		}
	}
}

func TestAFileThatCannotBeReadHidesNoOther(t *testing.T) {
	path := written(t, map[string]string{"broken.json": "{\n", "bad.json": aPod})
	files := []string{path("broken.json"), path("missing.json"), path("bad.json")}
	code, out, err := checkOf(t, "", files...)
	for _, says := range []string{path("broken.json") + ":2: unexpected end", path("missing.json") + ": no such file", path("bad.json") + ": " + podSays, "1 apps, 3 problems"} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q", says)
		}
	}
	if code != 2 || err != "" {
		t.Errorf("exit code %d\n%s%s", code, out, err)
	}
	code, out, err = checkOf(t, "", append(files, "--json")...)
	var answer struct {
		Problems []struct {
			File, App string
			Line      int
		}
	}
	if json.Unmarshal([]byte(out), &answer) != nil || code != 2 || len(answer.Problems) != 3 || err != "" {
		t.Fatalf("--json: exit code %d\n%s%s", code, out, err)
	}
	if p := answer.Problems; p[0].File != path("bad.json") || p[0].App != "/team/pod" || p[1].File != path("broken.json") || p[1].Line != 2 || p[2].File != path("missing.json") {
		t.Errorf("--json: %+v", p)
	}
}

// defined is an app with a service port, of a group.
func defined(id string, port int, group, labels string) string {
	return fmt.Sprintf(`{"id":%q,"portDefinitions":[{"port":%d}],"labels":{"HAPROXY_GROUP":%q%s}}`, id, port, group, labels)
}

func TestFilesOfSeveralEnvironmentsHideNoProblem(t *testing.T) {
	host := func(name string) string { return `,"HAPROXY_0_VHOST":"` + name + `"` }
	path := written(t, map[string]string{
		"bad.json":          defined("/web", 10000, "external", `,"HAPROXY_0_MODE":"udp"`),
		"clean.json":        defined("/web", 10000, "external", host("web.test")),
		"staging-web.json":  defined("/web", 10000, "external", host("web.staging.test")),
		"staging-api.json":  defined("/api", 10001, "external", host("web.staging.test")),
		"prod-web.json":     defined("/web", 10000, "external", host("web.test")),
		"prod-api.json":     defined("/api", 10001, "external", host("api.test")),
		"other-port.json":   defined("/other", 10000, "external", ""),
		"twice.json":        "[" + defined("/web", 10000, "external", `,"HAPROXY_0_MODE":"udp"`) + "," + defined("/web", 10000, "external", "") + "]",
		"staging-both.json": "[" + defined("/web", 10000, "external", "") + "," + defined("/api", 10001, "external", "") + "]",
		"prod-both.json":    "[" + defined("/web", 10001, "external", "") + "," + defined("/api", 10000, "external", "") + "]",
	})
	for _, c := range []struct {
		files, says []string
		problems    int
	}{
		{[]string{"bad.json", "clean.json"}, []string{`bad.json: /web: HAPROXY_0_MODE="udp"`}, 1},
		{[]string{"clean.json", "bad.json"}, []string{`bad.json: /web: HAPROXY_0_MODE="udp"`}, 1},
		{[]string{"staging-web.json", "prod-web.json", "prod-api.json"}, nil, 0},
		{[]string{"staging-api.json", "staging-web.json", "prod-api.json", "prod-web.json"}, []string{"staging-web.json: /web: HAPROXY_0_VHOST"}, 1},
		{[]string{"staging-web.json", "prod-web.json", "prod-api.json", "staging-api.json"}, []string{"staging-web.json: /web: HAPROXY_0_VHOST"}, 1},
		{[]string{"prod-web.json", "staging-web.json", "other-port.json"}, []string{"prod-web.json: /web: HAPROXY_0_PORT", "staging-web.json: /web: HAPROXY_0_PORT"}, 2},
		{[]string{"twice.json"}, []string{`twice.json: /web: id="/web": the file defines it twice`, `"udp"`}, 2},
		{[]string{"staging-both.json", "prod-both.json"}, nil, 0},
	} {
		var files []string
		for _, name := range c.files {
			files = append(files, path(name))
		}
		_, out, _ := checkOf(t, "", files...)
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("%v: it does not say %q:\n%s", c.files, says, out)
			}
		}
		if !strings.HasSuffix(out, fmt.Sprintf(", %d problems\n", c.problems)) {
			t.Errorf("%v: want %d problems:\n%s", c.files, c.problems, out)
		}
	}
}

func TestAppsOfDifferentGroupsAreNotInEachOthersWay(t *testing.T) {
	const shop = `,"HAPROXY_0_VHOST":"shop.test"`
	for _, c := range []struct {
		apps, args []string
		code       int
		says       string
	}{
		{[]string{defined("/ext", 10000, "external", shop), defined("/int", 10000, "internal", shop)}, nil, 0, "2 apps, 0 problems"},
		{[]string{defined("/ext", 10000, "external", shop), defined("/int", 10000, "internal", shop)}, []string{"--group", "internal"}, 0, "0 problems"},
		{[]string{defined("/ext", 10000, "external", shop), defined("/int", 10000, "internal", shop)}, []string{"--group", "external,internal"}, 1, "belongs to port 0 of /ext"},
		{[]string{defined("/ext", 10000, "external", shop), defined("/int", 10001, "internal,external", shop)}, nil, 1, "port 0 of /ext has the same host"},
		{[]string{defined("/ext", 10000, "external", ""), defined("/int", 10000, "", `,"HAPROXY_0_GROUP":"external"`)}, nil, 1, "belongs to port 0 of /ext"},
		{[]string{defined("/a", 10000, "", shop), defined("/b", 10001, "", shop)}, nil, 1, "port 0 of /a has the same host"},
		{[]string{defined("/two", 10000, "external", `,"HAPROXY_0_GROUP":"internal","HAPROXY_0_MODE":"udp"`)}, nil, 1, `HAPROXY_0_MODE="udp"`},
		{[]string{`{"id":"/nobodys","portDefinitions":[{"port":9090}]}`, `{"id":"/either","portDefinitions":[{"port":9090}],"labels":{"owner":"me"}}`}, nil, 0, "0 problems"},
		{[]string{`{"id":"/mistyped","portDefinitions":[{"port":9090}],"labels":{"HAPROXZ_0_VHOST":"a.test"}}`}, nil, 1, "HAPROXZ_0_VHOST"},
		{[]string{defined("/eighty", 80, "external", "")}, nil, 1, "belongs to this load balancer itself"},
		{[]string{defined("/eighty", 80, "external", "")}, []string{"--dont-bind-http-https"}, 0, "0 problems"},
		{[]string{defined("/stats", 9090, "external", "")}, []string{"--stats-bind", ":7000"}, 0, "0 problems"},
	} {
		code, out, err := checkOf(t, "["+strings.Join(c.apps, ",")+"]", append(c.args, "-")...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%v %v: exit code %d, want %d and %q\n%s%s", c.apps, c.args, code, c.code, c.says, out, err)
		}
	}
}

func TestAPortThatIsLeftToMarathonIsNobodyElses(t *testing.T) {
	apps := []string{defined("/a", 0, "external", ""), defined("/b", 20000, "external", ""), defined("/c", 10000, "external", `,"HAPROXY_0_PORT":"19999"`), defined("/d", 0, "external", "")}
	if code, out, _ := checkOf(t, "["+strings.Join(apps, ",")+"]", "-"); code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestFilesWithoutTasksAreExplainedAsIfOneRan(t *testing.T) {
	const live = `{"apps":[{"id":"/live","version":"2020-01-01T00:00:00Z","portDefinitions":[{"port":10011}],"labels":{"HAPROXY_GROUP":"external","HAPROXY_0_VHOST":"live.test"},"tasks":[{"id":"live.1","host":"10.0.0.1","ports":[31001],"state":"TASK_RUNNING","startedAt":"2020-01-01T00:00:00Z"}]},
		{"id":"/idle","version":"2020-01-01T00:00:00Z","portDefinitions":[{"port":10012}],"labels":{"HAPROXY_GROUP":"external","HAPROXY_0_VHOST":"idle.test"},"tasks":[]}]}`
	path := written(t, map[string]string{
		"live.json": live, "new.json": strings.Replace(asCreated[3], "d.test", "new.test", 1), "pod.json": aPod, "none.json": defined("/none", 10000, "internal", ""),
		"bridge.json": asCreated[5],
		"hc.json": `{"id":"/hc","portDefinitions":[{"port":20600}],"healthChecks":[{"protocol":"HTTP"}],"labels":{"HAPROXY_GROUP":"external",` +
			`"HAPROXY_0_BACKEND_HTTP_HEALTHCHECK_OPTIONS":"  option httpchk GET {healthCheckPath}\n  timeout check {healthCheckTimeoutSeconds}s\n",` +
			`"HAPROXY_0_BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS":"  check inter {healthCheckIntervalSeconds}s fall {healthCheckFalls}{healthCheckPortOptions}\n"}}`,
	})
	supposed := func(id string) string { return "the files tell of no tasks of " + id + ": one is supposed to run" }
	for _, c := range []struct {
		files []string
		ask   string
		code  int
		says  []string
	}{
		{[]string{"hc.json"}, "/hc", 0, []string{"inter=1m0s timeout=20s rise=2 fall=4"}},
		{[]string{"new.json"}, "/noports", 0, []string{"port 0: exposed; 1 problem; " + supposed("/noports")}},
		{[]string{"new.json"}, "http://new.test/", 0, []string{"where 1 of 1 servers take turns", supposed("/noports")}},
		{[]string{"live.json", "new.json"}, "http://new.test/", 0, []string{"where 1 of 1 servers take turns", supposed("/noports")}},
		{[]string{"live.json", "new.json"}, "http://live.test/", 0, []string{"10.0.0.1:31001"}},
		{[]string{"live.json", "new.json"}, "http://idle.test/", 1, []string{"no task of the app is a server"}},
		{[]string{"pod.json"}, "http://pod.test/", 0, []string{"where 1 of 1 servers take turns", supposed("/team/pod")}},
		{[]string{"bridge.json"}, "/bridge", 0, []string{"port 0: exposed", "check HTTP /x"}},
		{[]string{"none.json"}, "http://new.test/", 1, []string{"no app in the files has a port that this load balancer serves"}},
	} {
		args := []string{"--group", "external"}
		for _, name := range c.files {
			args = append(args, "--file", path(name))
		}
		got := explainOf(append(args, c.ask)...)
		for _, says := range append(c.says, fmt.Sprintf("exit code %d\n", c.code)) {
			if !strings.Contains(got, says) {
				t.Errorf("%v %s: it does not say %q\n%s", c.files, c.ask, says, got)
			}
		}
		if strings.Contains(c.ask, "live.test") == strings.Contains(got, "supposed") && c.code == 0 {
			t.Errorf("%v %s: a task is supposed where it should not be, or is not\n%s", c.files, c.ask, got)
		}
	}
}

func TestExplainDoesNotChooseBetweenTwoDefinitionsOfAnApp(t *testing.T) {
	path := written(t, map[string]string{"one.json": defined("/web", 10000, "external", ""), "two.json": defined("/web", 10000, "external", "")})
	got := explainOf("--file", path("one.json"), "--file", path("two.json"), "/web")
	if !strings.Contains(got, "/web is in "+path("one.json")+" and again in "+path("two.json")) || !strings.HasSuffix(got, "exit code 2\n") {
		t.Error(got)
	}
}

func TestCheckNamesAppsOfSeveralMarathonsAsTheyAreServed(t *testing.T) {
	var urls []string
	for range 2 {
		sim := marathontest.New(marathontest.Options{})
		if err := sim.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer sim.Close()
		post(t, sim.URL()+"/v2/apps", defined("/web", 10000, "external", ""))
		urls = append(urls, sim.URL())
	}
	code, out, err := checkOf(t, "", "--marathon", "a="+urls[0]+" b="+urls[1])
	if code != 1 || !strings.Contains(out, "b:/web: HAPROXY_0_PORT") || !strings.Contains(out, "port 0 of a:/web") {
		t.Errorf("exit code %d\n%s%s", code, out, err)
	}
}
