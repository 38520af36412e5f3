package marathontest_test

import (
	"slices"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestPodsLiveBesideApps(t *testing.T) {
	s, log := start(t, marathontest.Options{})
	run(t, s, web("/app", 1))
	log.clear()
	status, header, _ := call(t, s, "POST", "/v2/pods", `{"id":"/pod","scaling":{"instances":1},"networks":[{"mode":"host"}],
		"containers":[{"name":"a","endpoints":[{"name":"x","hostPort":0}]},{"name":"b","endpoints":[{"name":"y","hostPort":0}]}]}`)
	if status != 201 {
		t.Fatalf("POST: %d", status)
	}
	must(t, s.WaitDeployment(soon(t), header.Get("Marathon-Deployment-Id")))
	if words := log.story(); !slices.Contains(words, "pod_created") || slices.Contains(words, "api_post") {
		t.Errorf("events %v", words)
	}
	_, _, got := call(t, s, "GET", "/v2/pods/pod::status", "")
	instance := got["instances"].([]any)[0].(map[string]any)
	if instance["status"] != "STABLE" || len(instance["containers"].([]any)) != 2 {
		t.Errorf("%v", instance)
	}
	for i, c := range instance["containers"].([]any) {
		endpoint := c.(map[string]any)["endpoints"].([]any)[0].(map[string]any)
		if port := s.Tasks("/pod")[0].Addrs()[i].Port(); endpoint["allocatedHostPort"] != float64(port) {
			t.Errorf("endpoint %v of a task that listens at %d", endpoint, port)
		}
	}
	if _, _, apps := call(t, s, "GET", "/v2/apps", ""); len(apps["apps"].([]any)) != 1 {
		t.Errorf("apps %v", apps)
	}
	if status, _, _ := call(t, s, "PUT", "/v2/pods/pod", `{"scaling":{"instances":0},"networks":[{"mode":"host"}],"containers":[]}`); status != 200 {
		t.Errorf("PUT: %d", status)
	}
	must(t, s.WaitSettled(soon(t)))
	if status, _, _ := call(t, s, "DELETE", "/v2/pods/pod", ""); status != 202 {
		t.Errorf("DELETE: %d", status)
	}
	must(t, s.WaitSettled(soon(t)))
	if status, _, _ := call(t, s, "GET", "/v2/pods/pod::status", ""); status != 404 {
		t.Errorf("GET of what is gone: %d", status)
	}
	if _, _, pods := call(t, s, "GET", "/v2/pods::status", ""); len(pods["list"].([]any)) != 0 {
		t.Errorf("pods %v", pods)
	}
}
