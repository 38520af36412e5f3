package marathontest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func load(t *testing.T, name string) (text string, decoded any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	must(t, json.Unmarshal(b, &decoded))
	return string(b), decoded
}

// differences lists where got has other members, or members of other JSON types, than the sample. Values are not compared, and of
// lists the first elements only.
func differences(path string, sample, got any) (all []string) {
	switch want := sample.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T", path, got)}
		}
		keys := slices.Sorted(maps.Keys(want))
		for key := range object {
			if _, ok := want[key]; !ok {
				all = append(all, path+"."+key+" is there and should not be")
			}
		}
		for _, key := range keys {
			if value, ok := object[key]; !ok {
				all = append(all, path+"."+key+" is missing")
			} else if path != ".app.labels" {
				all = append(all, differences(path+"."+key, want[key], value)...)
			}
		}
	case []any:
		list, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T", path, got)}
		}
		if len(want) > 0 && len(list) > 0 {
			return differences(path+"[0]", want[0], list[0])
		}
	default:
		if reflect.TypeOf(sample) != reflect.TypeOf(got) {
			return []string{fmt.Sprintf("%s is %T, want %T", path, got, sample)}
		}
	}
	return all
}

func TestTheAnswerToACreationIsMarathonsOwn(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	request, _ := load(t, "post-v2-apps-request.json")
	_, want := load(t, "post-v2-apps-response-201.json")
	status, header, got := call(t, s, "POST", "/v2/apps", request)
	if status != 201 || header.Get("Location") != "/v2/apps/shop/web" {
		t.Errorf("%d, Location %q", status, header.Get("Location"))
	}
	deployment := got["deployments"].([]any)[0].(map[string]any)
	if id := header.Get("Marathon-Deployment-Id"); id == "" || deployment["id"] != id {
		t.Errorf("deployment %v, header %q", deployment, id)
	}
	deployment["id"], got["version"] = "3f0a2a52-6d5e-4b5b-8a1f-5d3bd0a7b001", "2020-03-02T09:15:00.000Z"
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", " ")
		t.Errorf("%s\n%v", g, differences("", want, got))
	}
}

// The samples are definitions too: what Marathon prints can be put back.
func TestAppsAndTasksHaveTheShapeOfMarathon19(t *testing.T) {
	for _, name := range []string{"bridge-docker", "host-ucr", "container-mixed-hostports"} {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, marathontest.Options{Handler: marathontest.Greeting})
			_, file := load(t, "v1.9-"+name+".json")
			sample := file.(map[string]any)["apps"].([]any)[0].(map[string]any)
			id := sample["id"].(string)
			sample["instances"] = 1.0
			text, _ := json.Marshal(sample)
			if status, _, got := call(t, s, "PUT", "/v2/apps"+id, string(text)); status != 201 {
				t.Fatal(status, got)
			}
			must(t, s.WaitSettled(soon(t)))
			_, _, list := call(t, s, "GET", "/v2/apps?embed=apps.tasks", "")
			got := list["apps"].([]any)[0]
			if d := differences("", sample, got); len(d) > 0 {
				t.Error(strings.Join(d, "\n"))
			}
		})
	}
}

func TestEventsHaveTheMembersOfMarathons(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	a, _ := subscribe(t, s, "")
	a.frame(t)
	a.conn.Close()
	sick := web("/shop/web", 2)
	sick.Container.PortMappings[0].Name, sick.Container.Docker = "http", &marathontest.Docker{Image: "web"}
	sick.TaskKillGracePeriodSeconds = new(int)
	sick.Labels = map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_VHOST": "x"}
	run(t, s, sick)
	s.Tasks("/shop/web")[0].SetHealthy(false)
	must(t, s.Wait(soon(t), func() bool { return strings.HasSuffix(s.Tasks("/shop/web")[0].ID(), "._app.2") }))
	must(t, s.WaitRunning(soon(t), "/shop/web", 2))
	_, err := s.Scale("/shop/web", 1)
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	s.SetBehaviour("/shop/web", marathontest.Behaviour{IgnoreSIGTERM: true})
	_, err = s.Restart("/shop/web")
	must(t, err)
	if _, err := s.Scale("/shop/web", 3); err == nil {
		t.Error("the app is not locked")
	}
	id, err := s.Delete("/shop/web") // cancels the restart
	must(t, err)
	must(t, s.WaitDeployment(soon(t), id))

	seen := map[string][]any{} // by eventType and state
	for _, e := range log.all() {
		var decoded any
		must(t, json.Unmarshal(e.Data, &decoded))
		seen[e.Type+e.State] = append(seen[e.Type+e.State], decoded)
	}
	samples, err := filepath.Glob("testdata/events/*.json")
	must(t, err)
	for _, path := range samples {
		name := strings.TrimPrefix(path, "testdata/")
		_, sample := load(t, name)
		fields := sample.(map[string]any)
		state, _ := fields["taskStatus"].(string)
		if c, ok := fields["condition"].(string); ok {
			state = c
		}
		all := seen[fields["eventType"].(string)+state]
		if len(all) == 0 {
			t.Errorf("no event like %s", name)
			continue
		}
		if d := differences("", sample, all[len(all)-1]); len(d) > 0 {
			t.Errorf("%s: %s", name, strings.Join(d, ", "))
		}
	}
}
