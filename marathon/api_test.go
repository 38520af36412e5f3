package marathon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"marathon-lb/marathon"
)

// read decodes a sample: a list, or one app.
func read(t *testing.T, name string) []marathon.App {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "apps", name))
	if err != nil {
		t.Fatal(err)
	}
	var one struct{ App *marathon.App }
	if err := json.Unmarshal(data, &one); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if one.App != nil {
		return []marathon.App{*one.App}
	}
	var apps []marathon.App
	bad, err := marathon.ReadApps(strings.NewReader(string(data)), func(a marathon.App) { apps = append(apps, a) })
	if err != nil || len(bad) > 0 {
		t.Fatalf("%s: %v %v", name, err, bad)
	}
	return apps
}

// samples are the names of the files with apps as Marathon tells of them.
func samples(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/apps/*.json")
	if err != nil || len(names) < 20 {
		t.Fatalf("samples: %v %v", names, err)
	}
	for i, name := range names {
		names[i] = filepath.Base(name)
	}
	return names
}

func TestEverySampleOfAppsIsRead(t *testing.T) {
	for _, name := range samples(t) {
		for _, a := range read(t, name) {
			if a.ID == "" || a.Version == "" || len(a.Notes) > 0 || a.Labels == nil {
				t.Errorf("%s: %+v", name, a)
			}
			for _, task := range a.Tasks {
				if task.ID == "" || task.AppID != a.ID || task.Host == "" {
					t.Errorf("%s: %s: task %+v", name, a.ID, task)
				}
				if !task.State.Terminal() && task.StagedAt.IsZero() {
					t.Errorf("%s: task %s has no time of staging", name, task.ID)
				}
			}
		}
	}
}

func TestEachGenerationKeepsItsPortsWhereItHadThem(t *testing.T) {
	host := read(t, "v0.11-host.json")[0]
	if len(host.Ports) == 0 || host.PortDefinitions != nil || host.Networks != nil || host.Tasks[0].State != "" {
		t.Errorf("0.11 host: %+v", host)
	}
	bridge := read(t, "v1.4-bridge-docker.json")[0]
	if d := bridge.Container.Docker; d.Network != "BRIDGE" || d.PortMappings[0].ServicePort == 0 || bridge.Networks != nil {
		t.Errorf("1.4 bridge: %+v", bridge)
	}
	user := read(t, "v1.4-container-docker-user.json")[0]
	if d := user.Container.Docker; d.Network != "USER" || d.PortMappings[0].HostPort != nil {
		t.Errorf("1.4 USER: %+v", user.Container)
	}
	ip := read(t, "v1.4-container-mesos-ipaddress-discovery.json")[0]
	if ip.IPAddress == nil || !ip.IPAddress.Set || ip.IPAddress.Discovery.Ports[0].Number != 8080 || ip.Tasks[0].Ports == nil {
		t.Errorf("1.4 ipAddress: %+v", ip)
	}
	now := read(t, "v1.9-bridge-ucr.json")[0]
	if now.Networks[0].Mode != "container/bridge" || now.Container.PortMappings[0].HostPort == nil || now.PortDefinitions != nil {
		t.Errorf("1.9 bridge: %+v", now)
	}
	for _, a := range read(t, "v1.9-edge-cases.json") {
		switch a.ID {
		case "/edge/no-ports":
			if a.PortDefinitions == nil || len(a.PortDefinitions) > 0 {
				t.Error("an empty portDefinitions is not told from an absent one")
			}
		case "/edge/unreachable-disabled":
			if !a.Unreachable.Disabled || !a.Tasks[0].State.Unsure() {
				t.Errorf("unreachable: %+v", a)
			}
		case "/edge/health-check-variants":
			if c := a.HealthChecks; *c[0].PortIndex != 1 || c[1].PortIndex != nil || c[1].Port != 8081 {
				t.Errorf("checks: %+v", c)
			}
		}
	}
}

func TestHealthResultsAbsentAndEmptyAreBothNoNews(t *testing.T) {
	for _, text := range []string{`{"id":"a"}`, `{"id":"a","healthCheckResults":[]}`, `{"id":"a","healthCheckResults":null}`} {
		var task marathon.Task
		if err := json.Unmarshal([]byte(text), &task); err != nil || len(task.Results) != 0 {
			t.Errorf("%s: %v %v", text, task.Results, err)
		}
	}
}

func TestOddValuesInOneAppBecomeNotes(t *testing.T) {
	var a marathon.App
	err := json.Unmarshal([]byte(`{"id":"/a","version":null,"ipAddress":{},"unreachableStrategy":null,"env":{"A":{"secret":"s"}},
		"labels":{"HAPROXY_0_STICKY":true,"HAPROXY_0_PORT":10000,"GONE":null,"MAP":{},"HAPROXY_GROUP":"external"},
		"tasks":[{"id":"a.1","startedAt":"yesterday"},{"id":7},{"id":"a.1"},{},{"id":"a.2","ports":null}]}`), &a)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"HAPROXY_0_STICKY": "true", "HAPROXY_0_PORT": "10000", "HAPROXY_GROUP": "external"}
	if len(a.Labels) != len(want) {
		t.Errorf("labels %v", a.Labels)
	}
	for k, v := range want {
		if a.Labels[k] != v {
			t.Errorf("label %s is %q", k, a.Labels[k])
		}
	}
	if len(a.Tasks) != 2 || a.Tasks[1].ID != "a.2" || !a.Tasks[0].StartedAt.IsZero() {
		t.Errorf("tasks %+v", a.Tasks)
	}
	var fields []string
	for _, n := range a.Notes {
		if n.Reason == "" {
			t.Errorf("%+v says nothing", n)
		}
		fields = append(fields, n.Field)
	}
	if got := strings.Join(fields, " "); got != "labels.GONE labels.HAPROXY_0_PORT labels.HAPROXY_0_STICKY labels.MAP tasks[1] tasks[2] tasks[3]" {
		t.Errorf("notes about %s", got)
	}
	if a.IPAddress.Set {
		t.Error("an empty ipAddress counts as set")
	}
}

func TestInstanceOfATask(t *testing.T) {
	const uuid = "5c1a3d10-0a01-11ea-8f2a-0242ac110002"
	for _, c := range []struct {
		task, instance string
		incarnation    int
	}{
		{"shop_web." + uuid, "shop_web.marathon-" + uuid, 0},
		{"shop_web." + uuid + ".3", "shop_web.marathon-" + uuid, 3},
		{"shop_web.instance-" + uuid + "._app.2", "shop_web.instance-" + uuid, 2},
		{"shop_web.marathon-" + uuid + "._app.1", "shop_web.marathon-" + uuid, 1},
		{"pod.instance-" + uuid + ".nginx", "pod.instance-" + uuid, 0},
		{"pod.instance-" + uuid + ".nginx.4", "pod.instance-" + uuid, 4},
		{"my.app.v2.instance-" + uuid + "._app.1", "my.app.v2.instance-" + uuid, 1},
		{"x", "x", 0},
		{"", "", 0},
	} {
		if got, n := marathon.InstanceOf(c.task); got != c.instance || n != c.incarnation {
			t.Errorf("%s: %s %d, not %s %d", c.task, got, n, c.instance, c.incarnation)
		}
	}
}

func TestInstanceIDsOfHealthResultsMatchTheirTasks(t *testing.T) {
	names, _ := filepath.Glob("testdata/apps/*.json")
	matched := 0
	for _, name := range names {
		for _, a := range read(t, filepath.Base(name)) {
			for _, task := range a.Tasks {
				for _, r := range task.Results {
					instance, _ := marathon.InstanceOf(task.ID)
					if r.InstanceID != "" && r.InstanceID != instance {
						t.Errorf("%s: %s is of %s, not %s", name, task.ID, r.InstanceID, instance)
					}
					matched++
				}
			}
		}
	}
	if matched < 20 {
		t.Errorf("only %d results in the samples", matched)
	}
}
