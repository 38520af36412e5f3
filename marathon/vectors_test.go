package marathon_test

import (
	"os"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// marathon-lb.md appendix A.3: upstream is what Marathon-LB makes of it, ours what we do where that differs on purpose.
func TestAppendixA3EffectiveSettings(t *testing.T) {
	withCheck := func(protocol string, labels ...string) marathon.App {
		a := web("/a", 10000, labels...)
		a.HealthChecks = []marathon.HealthCheck{{Protocol: protocol, PortIndex: new(int)}}
		return a
	}
	withResults := func(results []marathon.HealthResult) marathon.App {
		a := withCheck("HTTP")
		a.Tasks[0].Results = results
		return a
	}
	inState := func(state marathon.TaskState) marathon.App {
		a := web("/a", 10000)
		a.Tasks[0].State = state
		return a
	}
	path := []string{"HAPROXY_0_VHOST", "a", "HAPROXY_0_PATH", "/p"}
	weight := func(k route.BackendSpec) any { return k.Rules[0].Weight }
	mode := func(k route.BackendSpec) any { return k.Mode }
	enabled := func(k route.BackendSpec) any { return k.Name != "" }
	routed := func(k route.BackendSpec) any { return len(k.Servers) > 0 }
	type vector struct {
		name           string
		app            marathon.App
		show           func(route.BackendSpec) any
		upstream, ours any    // ours is nil where it is the same
		id             string // where it is not: of the row in docs/differences.md
	}
	vectors := []vector{
		{"PATH set, no weight", web("/a", 10000, path...), weight, 1, nil, ""},
		{"PATH set, weight 0", web("/a", 10000, append(path, "HAPROXY_0_BACKEND_WEIGHT", "0")...), weight, 1, nil, ""},
		{"PATH set, weight -5", web("/a", 10000, append(path, "HAPROXY_0_BACKEND_WEIGHT", "-5")...), weight, -5, nil, ""},
		{"HTTP check", withCheck("HTTP"), mode, route.HTTP, nil, ""},
		{"HTTPS check", withCheck("HTTPS"), mode, route.TCP, nil, ""},
		{"TCP check", withCheck("TCP"), mode, route.TCP, nil, ""},
		{"MESOS_HTTP check", withCheck("MESOS_HTTP"), mode, route.TCP, route.HTTP, "D-ROUTE-13"},
		{"HTTP check, MODE tcp", withCheck("HTTP", "HAPROXY_0_MODE", "tcp"), mode, route.TCP, nil, ""},
		{"two results, one alive", withResults([]marathon.HealthResult{result(true), result(false)}), routed, true, false, "D-SERVER-3"},
		{"results an empty list", withResults([]marathon.HealthResult{}), routed, false, true, "D-SERVER-3"},
		{"lost", inState("TASK_LOST"), routed, true, nil, ""},
		{"unreachable", inState("TASK_UNREACHABLE"), routed, true, nil, ""},
		{"unknown future state", inState("TASK_HIBERNATING"), routed, true, nil, ""},
	}
	for _, word := range []string{"true", "T", "yes", "Y"} {
		vectors = append(vectors, vector{"ENABLED " + word, web("/a", 10000, "HAPROXY_0_ENABLED", word), enabled, true, nil, ""})
	}
	for word, ours := range map[string]any{"1": true, "on": true, "": nil} {
		vectors = append(vectors, vector{"ENABLED " + word, web("/a", 10000, "HAPROXY_0_ENABLED", word), enabled, false, ours, "D-ROUTE-14"})
	}
	other := withCheck("MESOS_HTTPS", "HAPROXY_0_MODE", "tcp", "HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX", "1")
	other.PortDefinitions = append(other.PortDefinitions, marathon.PortDefinition{Port: 10001})
	other.HealthChecks[0].PortIndex = new(int)
	*other.HealthChecks[0].PortIndex = 1
	vectors = append(vectors, vector{"MODE tcp, HEALTHCHECK_PORT_INDEX 1 finding MESOS_HTTPS", other, mode, route.HTTP, nil, ""})
	for _, v := range vectors {
		want := v.upstream
		if v.ours != nil {
			want = v.ours
			differs(t, v.id)
		}
		k, _, _ := one(t, external(), v.app)
		if got := v.show(k); got != want {
			t.Errorf("%s: got %v, want %v", v.name, got, want)
		}
	}
}

// marathon-lb.md appendix A.3, "results absent, previous verdict alive". Upstream: routed.
func TestAppendixA3ResultsAbsent(t *testing.T) {
	a := web("/a", 10000)
	a.HealthChecks = []marathon.HealthCheck{{Protocol: "HTTP", PortIndex: new(int), GracePeriodSeconds: 3600}}
	a.Tasks[0].StartedAt = marathon.Time{Time: noon}
	for _, alive := range []bool{true, false} {
		if got := marathon.HealthAfter(a, noon, []marathon.HealthResult{result(alive)}, nil); got != map[bool]marathon.Health{true: marathon.Healthy, false: marathon.Unhealthy}[alive] {
			t.Errorf("previous verdict %v: %v", alive, got)
		}
	}
	if got := marathon.HealthAfter(a, noon, nil, nil); got != marathon.Waiting {
		t.Errorf("no previous verdict: %v", got)
	}
}

// differs says that a difference from Marathon-LB is one that users can read of.
func differs(t *testing.T, id string) {
	t.Helper()
	page, err := os.ReadFile("../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	if id == "" || !strings.Contains(string(page), "| "+id+" |") {
		t.Errorf("there is no difference %q in docs/differences.md", id)
	}
}

// marathon-lb.md appendix A.4, as far as the table answers it.
func TestAppendixA4RequestVectors(t *testing.T) {
	_, change := compile(external(),
		web("/sticky", 10000, "HAPROXY_0_VHOST", "sticky.example.com"),
		web("/q", 10001, "HAPROXY_0_VHOST", "q.example.com", "HAPROXY_0_PATH", "-i /Q /R"),
		web("/p", 10002, "HAPROXY_0_VHOST", "p.example.com", "HAPROXY_0_PATH", "/a"),
		web("/auth", 10003, "HAPROXY_0_MODE", "http"))
	table, _ := route.Build(route.NewTable(1), change)
	for _, c := range []struct {
		host, path string
		want       string // backend, empty for 503
		upstream   string
		id         string // where that is another: of the row in docs/differences.md
	}{
		{"STICKY.example.com", "/", "sticky_10000", "sticky_10000", ""},
		{"sticky.example.com:80", "/", "sticky_10000", "", "D-ROUTE-2"}, // in rule mode; in map mode it is matched there, too
		{"q.example.com", "/q/b", "q_10001", "q_10001", ""},
		{"q.example.com", "/r", "q_10001", "q_10001", ""},
		{"p.example.com", "//a", "", "", ""},
		{"p.example.com", "/z/../a/b", "", "", ""},
		{"p.example.com", "/a%2fb", "p_10002", "p_10002", ""},
		{"p.example.com", "/abc", "p_10002", "p_10002", ""},
		{"elsewhere.example.com", "/", "", "", ""},
	} {
		if c.want != c.upstream {
			differs(t, c.id)
		}
		b, _ := table.Match(route.NormalHost(c.host), c.path, nil)
		if got := nameOf(b); got != c.want {
			t.Errorf("%s%s: got %q, want %q", c.host, c.path, got, c.want)
		}
	}
	for id, want := range map[string]string{"/AUTH": "auth_10003", "auth": "", "/p": "p_10002"} {
		b, _ := table.MatchApp(id, nil)
		if got := nameOf(b); got != want {
			t.Errorf("app id %s: got %q, want %q", id, got, want)
		}
	}
}

func nameOf(b *route.Backend) string {
	if b == nil {
		return ""
	}
	return b.Spec.Name
}
