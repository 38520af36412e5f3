package marathontest_test

import (
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestADeploymentWaitsForReadinessAndTellsItInApps(t *testing.T) {
	s, _ := start(t, marathontest.Options{Behaviour: marathontest.Behaviour{Unready: true}})
	a := web("/shop", 1)
	a.ReadinessChecks = []marathontest.ReadinessCheck{{Path: "/ready", IntervalSeconds: 1, PreserveLastResponse: true}}
	id, err := s.Create(a)
	must(t, err)
	results := func(path, member string) []any {
		_, _, got := call(t, s, "GET", path, "")
		if list, ok := got["list"].([]any); ok {
			if len(list) == 0 {
				return nil
			}
			got = list[0].(map[string]any)["currentActions"].([]any)[0].(map[string]any)
		} else {
			got = got["app"].(map[string]any)
		}
		found, _ := got[member].([]any)
		return found
	}
	must(t, s.Wait(soon(t), func() bool { return len(results("/v2/apps/shop?embed=app.readiness", "readinessCheckResults")) == 1 }))
	if n := len(results("/v2/apps/shop", "readinessCheckResults")); n != 0 {
		t.Errorf("%d results nobody asked for", n)
	}
	one := results("/v2/deployments", "readinessCheckResults")[0].(map[string]any)
	if one["ready"] != false || one["name"] != "readinessCheck" || one["lastResponse"].(map[string]any)["status"] != 503. {
		t.Errorf("%v", one)
	}
	if s.State(s.Tasks("/shop")[0]) != "TASK_RUNNING" {
		t.Error("it does not run")
	}
	s.Tasks("/shop")[0].SetReady(true)
	must(t, s.WaitDeployment(soon(t), id))
	if n := len(results("/v2/apps/shop?embed=app.readiness", "readinessCheckResults")); n != 0 {
		t.Errorf("%d results without a deployment", n)
	}
	if n := s.Tasks("/shop")[0].Requests(); n != 0 {
		t.Errorf("probes count as %d requests", n)
	}
}
