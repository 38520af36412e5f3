package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"marathon-lb/internal/testkit"
	"marathon-lb/marathon/marathontest"
)

// dryRun runs the program with --dry in this process.
func dryRun(args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = command{args: append([]string{"sse", "--dry", "--group", "external", "--state-dir", "none"}, args...), out: &o, err: &e}.run()
	return code, o.String(), e.String()
}

const bobsHash = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"

func TestADryRunPrintsAConfigurationThatHAProxyAccepts(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	port := freePort(t)
	create(t, r.sim, app("/team/web", port, 1, "HAPROXY_0_VHOST", "web.test", "HAPROXY_0_AUTH", bobsSecret, "HAPROXY_1_VHOST", "typo.test",
		head, headWith("acl known req.hdr(X-Api-Key) -m str t0psecret\n  http-request deny unless known")))
	eventually(t, "the app is served", func() bool {
		_, csv := get(r.stats + "/haproxy?stats;csv")
		return strings.Contains(csv, ",127_0_0_1_")
	})
	code, config, log := dryRun("--marathon", r.sim.URL(), "--health-check")
	if code != clean || !strings.Contains(log, "HAPROXY_1_VHOST") {
		t.Fatalf("exit code %d, log %s", code, log)
	}
	_, served := get(r.stats + "/_haproxy_getconfig")
	for _, part := range []string{"# /team/web, port 0\n", "use_backend team_web_", "server 127_0_0_1_", "user bob password"} {
		if !strings.Contains(config, part) || !strings.Contains(served, part) {
			t.Errorf("%q is missing:\n%s\nserved:\n%s", part, config, served)
		}
	}
	if !strings.Contains(config, bobsHash) || !strings.Contains(config, "t0psecret") || strings.Contains(served, "saltsalt") || strings.Contains(served, "t0psecret") {
		t.Errorf("secrets belong to --dry alone:\n%s\nserved:\n%s", config, served)
	}
	// as Marathon-LB's own tests find an app's port
	if found := regexp.MustCompile(`team_web(.+?)\n  bind .+:(\d+)`).FindStringSubmatch(served); found == nil {
		t.Errorf("no port to be found in\n%s", served)
	}
	testkit.HAProxyAccepts(t, config)
	testkit.HAProxyAccepts(t, served)
}

func TestADryRunWithoutMarathonFails(t *testing.T) {
	if code, out, err := dryRun("--marathon", "http://"+loopback(freePort(t))); code != cannotRun || out != "" || !strings.Contains(err, "refused") {
		t.Errorf("exit code %d, %q, %q", code, out, err)
	}
	var e bytes.Buffer
	if code := (command{args: []string{"demo", "--dry"}, out: &e, err: &e}).run(); code != usage || !strings.Contains(e.String(), "--dry") {
		t.Errorf("demo --dry: exit code %d, %s", code, e.String())
	}
}
