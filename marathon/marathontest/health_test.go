package marathontest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// checked is an app whose check runs each 20 ms and never kills.
func checked(protocol string) marathontest.App {
	a := web("/x", 1)
	never := 0
	a.HealthChecks = []marathontest.HealthCheck{{
		Protocol: protocol, Path: "/health", IntervalSeconds: 1, DelaySeconds: 0.1, GracePeriodSeconds: 0.1, MaxConsecutiveFailures: &never,
	}}
	return a
}

// results are the healthCheckResults of the only task of /x.
func results(t *testing.T, s *marathontest.Server) []any {
	t.Helper()
	_, _, got := call(t, s, "GET", "/v2/apps/x/tasks", "")
	return got["tasks"].([]any)[0].(map[string]any)["healthCheckResults"].([]any)
}

func TestHealthChecksProbeTheTask(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	run(t, s, checked("HTTP"))
	task := s.Tasks("/x")[0]
	r := results(t, s)[0].(map[string]any)
	if r["alive"] != true || r["instanceId"] != task.InstanceID() || r["firstSuccess"] == nil || r["lastFailure"] != nil {
		t.Error(r)
	}
	log.clear()
	task.SetHealthy(false)
	must(t, s.Wait(soon(t), func() bool { return slices.Contains(log.story(), "instance_health_changed") }))
	want := []string{"failed_health_check", "health_status_changed", "instance_health_changed"}
	if got := log.story()[:3]; !slices.Equal(got, want) {
		t.Error(got)
	}
	must(t, s.Wait(soon(t), func() bool { return strings.Count(strings.Join(log.story(), " "), "failed_health_check") > 5 }))
	r = results(t, s)[0].(map[string]any)
	if r["alive"] != false || r["consecutiveFailures"].(float64) < 5 || !strings.HasPrefix(fmt.Sprint(r["lastFailureCause"]), "503") {
		t.Error(r)
	}
	log.clear()
	task.SetHealthy(true)
	must(t, s.WaitRunning(soon(t), "/x", 1))
	if s.Tasks("/x")[0] != task || task.Requests() != 0 {
		t.Errorf("%s, %d requests", s.Tasks("/x")[0].ID(), task.Requests())
	}
	log.clear()
	s.ForgetHealth()
	must(t, s.WaitRunning(soon(t), "/x", 1))
	if got := log.story(); !slices.Equal(got, []string{"health_status_changed", "instance_health_changed"}) {
		t.Errorf("once forgotten, the result comes with %v", got)
	}
}

func TestForgottenHealthIsAnEmptyList(t *testing.T) {
	s, _ := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Second = 100 * time.Millisecond })})
	run(t, s, checked("HTTP"))
	s.ForgetHealth()
	if r := results(t, s); len(r) != 0 {
		t.Error(r)
	}
}

func TestAnUnhealthyTaskIsKilledAndFollowed(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	task := s.Tasks("/x")[0]
	log.clear()
	task.SetHealthy(false)
	must(t, s.Wait(soon(t), func() bool { return s.Tasks("/x")[0] != task }))
	want := "failed_health_check health_status_changed instance_health_changed failed_health_check failed_health_check " +
		"unhealthy_instance_kill Running TASK_KILLING Killing TASK_KILLED Killed Scheduled Provisioned"
	if got := strings.Join(log.story(), " "); !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, e := range log.all() {
		var kill struct{ TaskID, InstanceID, Reason string }
		json.Unmarshal(e.Data, &kill)
		if e.Type == "unhealthy_instance_kill_event" && (kill.TaskID != task.ID() || kill.InstanceID != task.InstanceID() ||
			kill.Reason != "503 Service Unavailable") {
			t.Error(string(e.Data))
		}
	}
	must(t, s.WaitRunning(soon(t), "/x", 1))
}

func TestFailuresInTheGracePeriodAreNotNoted(t *testing.T) {
	s, log := start(t, marathontest.Options{Behaviour: marathontest.Behaviour{SlowStart: 150 * time.Millisecond}})
	a := web("/x", 1)
	a.HealthChecks[0].GracePeriodSeconds = 300
	run(t, s, a)
	if story := log.story(); slices.Contains(story, "failed_health_check") {
		t.Error(story)
	}
}

func TestChecksByMesosRepeatTheStatus(t *testing.T) {
	for _, protocol := range []string{"MESOS_HTTP", "MESOS_TCP", "COMMAND"} {
		t.Run(protocol, func(t *testing.T) {
			s, log := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Commit = 0 })})
			run(t, s, checked(protocol))
			story := log.story()
			i := slices.Index(story, "TASK_RUNNING")
			want := []string{"TASK_RUNNING", "Running", "TASK_RUNNING", "health_status_changed", "instance_health_changed"}
			if got := story[i : i+5]; !slices.Equal(got, want) {
				t.Error(got)
			}
		})
	}
}

func TestMesosKillsWhatItFindsUnhealthy(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	a := checked("MESOS_HTTP")
	one := 1
	a.HealthChecks[0].MaxConsecutiveFailures = &one
	run(t, s, a)
	log.clear()
	s.Tasks("/x")[0].SetHealthy(false)
	must(t, s.Wait(soon(t), func() bool { return slices.Contains(log.story(), "Scheduled") }))
	want := "TASK_RUNNING health_status_changed instance_health_changed TASK_FAILED Failed Scheduled"
	if got := strings.Join(log.story(), " "); !strings.HasPrefix(got, want) {
		t.Error(got)
	}
}
