package marathon_test

import (
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
		upstream, ours any // ours is nil where it is the same
	}
	vectors := []vector{
		{"PATH set, no weight", web("/a", 10000, path...), weight, 1, nil},
		{"PATH set, weight 0", web("/a", 10000, append(path, "HAPROXY_0_BACKEND_WEIGHT", "0")...), weight, 1, nil},
		{"PATH set, weight -5", web("/a", 10000, append(path, "HAPROXY_0_BACKEND_WEIGHT", "-5")...), weight, -5, nil},
		{"HTTP check", withCheck("HTTP"), mode, route.HTTP, nil},
		{"HTTPS check", withCheck("HTTPS"), mode, route.TCP, nil},
		{"TCP check", withCheck("TCP"), mode, route.TCP, nil},
		{"MESOS_HTTP check", withCheck("MESOS_HTTP"), mode, route.TCP, route.HTTP},
		{"HTTP check, MODE tcp", withCheck("HTTP", "HAPROXY_0_MODE", "tcp"), mode, route.TCP, nil},
		{"two results, one alive", withResults([]marathon.HealthResult{result(true), result(false)}), routed, true, false},
		{"results an empty list", withResults([]marathon.HealthResult{}), routed, false, true},
		{"lost", inState("TASK_LOST"), routed, true, nil},
		{"unreachable", inState("TASK_UNREACHABLE"), routed, true, nil},
		{"unknown future state", inState("TASK_HIBERNATING"), routed, true, nil},
	}
	for _, word := range []string{"true", "T", "yes", "Y"} {
		vectors = append(vectors, vector{"ENABLED " + word, web("/a", 10000, "HAPROXY_0_ENABLED", word), enabled, true, nil})
	}
	for word, ours := range map[string]any{"1": true, "on": true, "": nil} {
		vectors = append(vectors, vector{"ENABLED " + word, web("/a", 10000, "HAPROXY_0_ENABLED", word), enabled, false, ours})
	}
	for _, v := range vectors {
		want := v.upstream
		if v.ours != nil {
			want = v.ours
		}
		k, _, _ := one(t, external(), v.app)
		if got := v.show(k); got != want {
			t.Errorf("%s: got %v, want %v", v.name, got, want)
		}
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
	}{
		{"STICKY.example.com", "/", "sticky_10000"},
		{"sticky.example.com:80", "/", "sticky_10000"}, // upstream: 503 in rule mode, matched in map mode
		{"q.example.com", "/q/b", "q_10001"},
		{"q.example.com", "/r", "q_10001"},
		{"p.example.com", "//a", ""},
		{"p.example.com", "/z/../a/b", ""},
		{"p.example.com", "/a%2fb", "p_10002"},
		{"p.example.com", "/abc", "p_10002"},
		{"elsewhere.example.com", "/", ""},
	} {
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
