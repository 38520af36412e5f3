package marathontest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestAnAppIsCreatedServesAndIsDeleted(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	run(t, s, web("/shop/web", 1))
	want := []string{"deployment_info", "add_health_check", "deployment_step_success", "deployment_info", "Scheduled",
		"group_change_success", "api_post", "Provisioned", "TASK_STARTING", "Starting", "TASK_RUNNING", "Running",
		"health_status_changed", "instance_health_changed", "deployment_step_success", "deployment_success"}
	got := log.story()
	if i := slices.Index(got, "group_change_success"); i > 5 { // the offer may be quicker than ZooKeeper
		rest := slices.Delete(slices.Clone(got), i, i+2)
		got = slices.Insert(rest, 5, "group_change_success", "api_post")
	}
	if !slices.Equal(got, want) {
		t.Errorf("creation:\n got %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
	}
	task := s.Tasks("/shop/web")[0]
	hello := fmt.Sprintf("Hello from /shop/web, task %s at %s\n", task.ID(), task.Addrs()[0])
	if _, body := get(t, "http://"+task.Addrs()[0].String()+"/"); body != hello {
		t.Error(body)
	}
	if task.Requests() != 1 || task.FirstRequest().IsZero() || task.LastRequest() != task.FirstRequest() {
		t.Errorf("%d requests, first %v, last %v", task.Requests(), task.FirstRequest(), task.LastRequest())
	}
	log.clear()
	id, err := s.Delete("/shop/web")
	must(t, err)
	if status, _, _ := call(t, s, "GET", "/v2/apps/shop/web", ""); status != 404 {
		t.Errorf("the deleted app answers %d", status)
	}
	must(t, s.WaitDeployment(soon(t), id))
	want = []string{"deployment_info", "remove_health_check", "group_change_success", "Running", "TASK_KILLING", "Killing",
		"TASK_KILLED", "Killed", "app_terminated", "deployment_step_success", "deployment_success"}
	if got := log.story(); !slices.Equal(got, want) {
		t.Errorf("deletion:\n got %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
