package marathon_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon"
)

func event(t *testing.T, name string) marathon.Event {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	events, err := marathon.ReadEvents(data)
	if err != nil || len(events) != 1 {
		t.Fatalf("%s: %v %v", name, events, err)
	}
	return events[0]
}

func TestEverySampleOfEventsIsRead(t *testing.T) {
	names, _ := filepath.Glob("testdata/events/*.json")
	seen := map[marathon.EventType]bool{}
	for _, name := range names {
		name = strings.TrimSuffix(filepath.Base(name), ".json")
		e := event(t, name)
		if kind, _, _ := strings.Cut(name, "."); kind != string(e.Type) || e.Timestamp.IsZero() {
			t.Errorf("%s: %+v", name, e)
		}
		seen[e.Type] = true
	}
	for _, kind := range marathon.EventTypes() {
		if !seen[kind] && kind != marathon.TaskTerminated {
			t.Errorf("no sample of %s", kind)
		}
	}
}

func TestEventsSayWhatRoutingNeeds(t *testing.T) {
	for _, c := range []struct {
		name string
		good func(marathon.Event) bool
	}{
		{"status_update_event.running-container", func(e marathon.Event) bool {
			return e.TaskStatus == marathon.TaskRunning && len(e.IPAddresses) > 0 && e.TaskID != "" && e.Host != ""
		}},
		{"status_update_event.killed", func(e marathon.Event) bool { return e.TaskStatus.Terminal() }},
		{"status_update_event.lost-legacy", func(e marathon.Event) bool { return e.TaskStatus.Unsure() }},
		{"health_status_changed_event.dead", func(e marathon.Event) bool { return e.Alive != nil && !*e.Alive && e.InstanceID != "" }},
		{"health_status_changed_event.v1.3-taskId", func(e marathon.Event) bool { return e.Alive != nil && e.TaskID != "" }},
		{"instance_health_changed_event.unknown", func(e marathon.Event) bool { return e.Healthy == nil && e.RunSpecID != "" }},
		{"instance_health_changed_event.healthy", func(e marathon.Event) bool { return *e.Healthy }},
		{"instance_changed_event.scheduled", func(e marathon.Event) bool { return e.Condition == "Scheduled" && e.Host == "" }},
		{"unhealthy_instance_kill_event", func(e marathon.Event) bool { i, _ := marathon.InstanceOf(e.TaskID); return i == e.InstanceID }},
		{"deployment_info.v1.1-type-key", func(e marathon.Event) bool { return e.Plan.Steps[0].Actions[0].Type == "RestartApplication" }},
		{"deployment_success", func(e marathon.Event) bool { return e.ID != "" }},
		{"group_change_success", func(e marathon.Event) bool { return e.GroupID == "/shop" || e.GroupID == "/" }},
	} {
		if e := event(t, c.name); !c.good(e) {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestEventsNameTheirApps(t *testing.T) {
	for name, want := range map[string]string{
		"status_update_event.killing":             "[/shop/web]",
		"instance_changed_event.killing":          "[/shop/web]",
		"deployment_info":                         "[/shop/web]",
		"deployment_info.v1.1-type-key":           "[/shop/web]",
		"api_post_event":                          "[/shop/web]",
		"scheduler_registered_event":              "[]",
		"unknown_instance_terminated_event":       "[/shop/web]",
		"health_status_changed_event.v1.3-taskId": "[/legacy/web]",
	} {
		if got := fmt.Sprint(event(t, name).Apps()); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
}

func TestSeveralEventsInOneFrame(t *testing.T) {
	events, err := marathon.ReadEvents([]byte("{\"eventType\":\"a\",\"plan\":{\"steps\":[[{\"app\":\"/x\"},{\"app\":\"/x\"}]]}}\r\n{\"eventType\":\"b\"} {\"eventType\":"))
	if len(events) != 2 || events[1].Type != "b" || !errors.Is(err, marathon.ErrBadEvent) {
		t.Errorf("%+v %v", events, err)
	}
	if apps := events[0].Apps(); !slices.Equal(apps, []string{"/x"}) {
		t.Errorf("apps %v", apps)
	}
	for _, text := range []string{"", "null", "7", "[]", `{"taskId":7,"eventType":"a"}`, `{"foo":1}`, `{"eventType":null}`} {
		if events, err := marathon.ReadEvents([]byte(text)); !errors.Is(err, marathon.ErrBadEvent) || len(events) > 0 {
			t.Errorf("%q: %v %v", text, events, err)
		}
	}
}

func FuzzReadEvents(f *testing.F) {
	names, _ := filepath.Glob("testdata/events/*.json")
	for _, name := range names {
		data, _ := os.ReadFile(name)
		f.Add(data)
	}
	f.Add([]byte("{\"eventType\":\"a\"}\r\n{\"eventType\":\"b\",\"currentStep\":[]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := marathon.ReadEvents(data)
		if err == nil && len(events) == 0 {
			t.Error("neither an event nor an error")
		}
		for _, e := range events {
			if e.Type == "" || slices.Contains(e.Apps(), "") {
				t.Errorf("%+v", e)
			}
		}
	})
}
