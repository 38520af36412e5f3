package marathon_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// marathon-lb.md appendix A.1.
func TestAppendixA1ServerIDAndCookie(t *testing.T) {
	for name, want := range map[string]int{
		"0": 17068, "1": 25733, "a": 25929, "10_0_6_25_23336": 14676, "10_0_0_1_31000": 28035, "agent1_1_1_1_1_1024": 28363,
		"agent2_2_2_2_2_1025": 5918, "127_0_0_1_21001": 21536,
		// the first candidate of these is 0
		"uudnntiqtd": 26825, "rghtavdepy": 5030, "ofdsehlvjo": 26512, "adwquoyjfl": 24165, "oebmwvpofe": 11608,
	} {
		if got := marathon.ServerIDs(name)[0]; got != want {
			t.Errorf("id of %s is %d, want %d", name, got, want)
		}
	}
	got := marathon.ServerIDs("yftjqzplpu", "ttccbfrdhi", "ilvparharq", "gpagkxfzou", "dcsfcvfolh", "tsqkugaath")
	if want := []int{28876, 7893, 22002, 21805, 20892, 25675}; !slices.Equal(got, want) {
		t.Errorf("ids of a collision sequence %v, want %v", got, want)
	}
	for name, want := range map[string]string{"10_0_0_1_31000": "13d473d85a", "agent1_1_1_1_1_1024": "d6ad48c81f", "127_0_0_1_21001": "d199f1be5d"} {
		if got := marathon.Cookie(name); got != want {
			t.Errorf("cookie of %s is %s, want %s", name, got, want)
		}
	}
}

// marathon-lb.md 3.10.
func TestSection310ServerNames(t *testing.T) {
	for _, c := range []struct{ host, addr, want string }{
		{"10.0.0.1", "10.0.0.1:31000", "10_0_0_1_31000"},
		{"agent1", "1.1.1.1:1024", "agent1_1_1_1_1_1024"},
		{"agent-1.example.test", "10.0.1.11:31100", "agent-1_example_test_10_0_1_11_31100"},
		{"fd00::1", "[fd00::1]:80", "fd00__1_80"},
	} {
		if got := marathon.ServerName(c.host, netip.MustParseAddrPort(c.addr)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// marathon-lb.md 3.5 and appendix A.3, as changed: killing drains, unsure is a last resort.
func TestWhichTasksAreServers(t *testing.T) {
	alive, dead := []marathon.HealthResult{result(true)}, []marathon.HealthResult{result(false)}
	for _, c := range []struct {
		state   marathon.TaskState
		results []marathon.HealthResult
		age     float64 // seconds since the start, 0 for not started
		checked bool
		want    string // without --health-check, with it
	}{
		{"TASK_RUNNING", nil, 99, false, "ready, ready"},
		{"TASK_RUNNING", alive, 99, true, "ready vouched, ready vouched"},
		{"TASK_RUNNING", dead, 99, true, "ready, out"},
		{"TASK_RUNNING", append(alive, dead...), 99, true, "ready, out"},
		{"TASK_RUNNING", nil, 5, true, "ready, out"},
		{"TASK_RUNNING", nil, 99, true, "ready, ready"},
		{"TASK_RUNNING", []marathon.HealthResult{}, 99, true, "ready, ready"},
		{"TASK_KILLING", alive, 99, true, "draining vouched, draining vouched"},
		{"TASK_KILLING", dead, 99, true, "draining, draining"},
		{"TASK_KILLING", nil, 5, true, "draining, out"},
		{"TASK_KILLING", nil, 0, false, "out, out"},
		{"TASK_UNREACHABLE", nil, 99, false, "last-resort, last-resort"},
		{"TASK_LOST", nil, 99, false, "last-resort, last-resort"},
		{"TASK_UNREACHABLE", dead, 99, true, "last-resort, out"},
		{"TASK_STAGING", nil, 0, false, "out, out"},
		{"TASK_STARTING", nil, 0, false, "out, out"},
		{"TASK_FINISHED", nil, 99, false, "out, out"},
		{"TASK_GONE_BY_OPERATOR", nil, 99, false, "out, out"},
		{"TASK_UNKNOWN", nil, 99, false, "out, out"},
		{"TASK_OF_THE_FUTURE", nil, 99, false, "ready, ready"},
		{"", nil, 99, false, "ready, ready"},
		{"", nil, 0, false, "out, out"},
	} {
		a := web("/a", 10000)
		if c.checked {
			a.HealthChecks = []marathon.HealthCheck{{Protocol: "HTTP", PortIndex: new(int), GracePeriodSeconds: 20, IntervalSeconds: 10}}
		}
		a.Tasks[0].State, a.Tasks[0].Results, a.Tasks[0].StartedAt = c.state, c.results, marathon.Time{}
		if c.age > 0 {
			a.Tasks[0].StartedAt.Time = noon.Add(-asDuration(c.age))
		}
		var got []string
		for _, obey := range []bool{false, true} {
			o := external()
			o.HealthCheck = obey
			k, _, _ := one(t, o, a)
			got = append(got, standing(k))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s %v %v: got %s, want %s", c.state, c.results, c.age, strings.Join(got, ", "), c.want)
		}
	}
}

func standing(k route.BackendSpec) string {
	if len(k.Servers) == 0 {
		return "out"
	}
	if k.Servers[0].Vouched {
		return k.Servers[0].State.String() + " vouched"
	}
	return k.Servers[0].State.String()
}

func result(alive bool) marathon.HealthResult { return marathon.HealthResult{Alive: &alive} }

func TestTheVerdictTellsOfTasksThatAreNotUsed(t *testing.T) {
	a := web("/a", 10000)
	a.HealthChecks = []marathon.HealthCheck{{Protocol: "TCP", PortIndex: new(int), GracePeriodSeconds: 60, IntervalSeconds: 60}}
	a.Tasks = []marathon.Task{task("/a", 1), task("/a", 2), task("/a", 3)}
	a.Tasks[0].Results = []marathon.HealthResult{result(false)}
	a.Tasks[1].StartedAt.Time = noon.Add(-1e9)
	a.Tasks[2].Ports, a.PortDefinitions = nil, append(a.PortDefinitions, marathon.PortDefinition{})
	a.Tasks[2].Host = "unknown.example.test"
	_, v, problems := one(t, external(), a)
	if v.Why != route.Empty || v.Detail != "tasks: 1 waiting for a good check, 1 unhealthy, 1 without an address or port" {
		t.Errorf("verdict %+v", v)
	}
	if len(problems) != 1 || problems[0].Label != "tasks.host" || problems[0].Value != "unknown.example.test" {
		t.Errorf("problems %+v", problems)
	}
}

func TestServersAreSortedByHostAndPort(t *testing.T) {
	a := web("/a", 10000)
	a.Tasks = nil
	for _, host := range []string{"10.0.0.9", "10.0.0.10", "10.0.0.9"} {
		k := task("/a", len(a.Tasks)+1)
		k.Host, k.Ports = host, []int{31000 - len(a.Tasks)}
		a.Tasks = append(a.Tasks, k)
	}
	k, _, _ := one(t, external(), a)
	var got []string
	for _, s := range k.Servers {
		got = append(got, s.Name)
	}
	if fmt.Sprint(got) != "[10_0_0_10_30999 10_0_0_9_30998 10_0_0_9_31000]" {
		t.Errorf("got %v", got)
	}
}

func TestOfTwoTasksAtOneAddressTheReadyOrYoungerOneIsTheServer(t *testing.T) {
	old, young := task("/a", 1), task("/a", 2)
	young.Host, young.StartedAt.Time = old.Host, old.StartedAt.Add(1e9)
	leaving := young
	leaving.State = marathon.TaskKilling
	for name, tasks := range map[string][]marathon.Task{"a.2": {old, young}, "a.1": {leaving, old}} {
		for range 2 {
			slices.Reverse(tasks)
			a := web("/a", 10000)
			a.Tasks = tasks
			k, _, _ := one(t, external(), a)
			if len(k.Servers) != 1 || k.Servers[0].Task != name || k.Servers[0].State != route.Ready {
				t.Errorf("got %v, want %s", k.Servers, name)
			}
		}
	}
}

func TestServerNamesAreUniqueInABackend(t *testing.T) {
	a := web("/a", 10000)
	a.Networks = []marathon.Network{{Mode: "container"}}
	a.Container.PortMappings = []marathon.PortMapping{{ContainerPort: 80, ServicePort: 10000}}
	a.Tasks = []marathon.Task{task("/a", 1), task("/a", 2)}
	// Both names are x_1_2__3_80: what a name cannot hold becomes _.
	a.Tasks[0].Host, a.Tasks[0].IPAddresses = "x.1", []marathon.TaskIP{{IPAddress: "2::3"}}
	a.Tasks[1].Host, a.Tasks[1].IPAddresses = "x", []marathon.TaskIP{{IPAddress: "1:2::3"}}
	k, _, _ := one(t, external(), a)
	if len(k.Servers) != 2 || k.Servers[0].Name == k.Servers[1].Name || k.Servers[0].ID == k.Servers[1].ID || k.Servers[0].Cookie == k.Servers[1].Cookie {
		t.Errorf("got %v", k.Servers)
	}
	if k.Servers[0].Name != "x_1_2__3_80" || !strings.HasPrefix(k.Servers[1].Name, "x_1_2__3_80_") {
		t.Errorf("got %s and %s", k.Servers[0].Name, k.Servers[1].Name)
	}
}
