package marathon_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

func asDuration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// fromJSON is an app of group external written as Marathon would, without what does not matter.
func fromJSON(t *testing.T, text string) marathon.App {
	t.Helper()
	var a marathon.App
	text = `{"id":"/a","labels":{"HAPROXY_GROUP":"external"},` + text + `}`
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

// marathon-lb.md 3.1, 3.2 and 3.4, marathon-api.md 3.3: each line of want is service port = server.
func TestServicePortsAndTaskPortsArePairedByIndex(t *testing.T) {
	const running = `"state":"TASK_RUNNING","startedAt":"2020-03-02T09:15:06.530Z"`
	for name, c := range map[string]struct{ app, want string }{
		"host": {
			`"portDefinitions":[{"port":10000},{"port":10001}],"tasks":[{"id":"t","host":"10.0.0.1","ports":[31000,31001],` + running + `}]`,
			"10000=10.0.0.1:31000 10001=10.0.0.1:31001",
		},
		"ports of old": {
			`"ports":[10000],"tasks":[{"id":"t","host":"10.0.0.1","ports":[31000],"startedAt":"2020-03-02T09:15:06.530Z"}]`,
			"10000=10.0.0.1:31000",
		},
		"empty portDefinitions hide ports": {
			`"ports":[10000],"portDefinitions":[],"tasks":[{"id":"t","host":"10.0.0.1","ports":[31000],` + running + `}]`,
			"",
		},
		"a task of an older definition has fewer ports": {
			`"portDefinitions":[{"port":10000},{"port":10001}],"tasks":[{"id":"t","host":"10.0.0.1","ports":[31000],` + running + `}]`,
			"10000=10.0.0.1:31000 10001=",
		},
		"host without task ports": {
			`"portDefinitions":[{"port":8080}],"requirePorts":true,"tasks":[{"id":"t","host":"10.0.0.1","ports":[],` + running + `}]`,
			"8080=10.0.0.1:8080",
		},
		"a mapping without service port keeps its index": {
			`"networks":[{"mode":"container/bridge"}],"container":{"portMappings":[{"containerPort":80,"hostPort":0},{"containerPort":81,"hostPort":0,"servicePort":10001}]},
			 "tasks":[{"id":"t","host":"10.0.0.1","ports":[31000,31001],` + running + `}]`,
			"10001=10.0.0.1:31001",
		},
		"bridge takes the host's port, not the container's": {
			`"container":{"docker":{"network":"BRIDGE","portMappings":[{"containerPort":80,"hostPort":0,"servicePort":10000}]}},
			 "tasks":[{"id":"t","host":"10.0.0.1","ports":[31000],"ipAddresses":[{"ipAddress":"172.17.0.2"}],` + running + `}]`,
			"10000=10.0.0.1:31000",
		},
		"container takes the task's address": {
			`"networks":[{"mode":"container","name":"dcos"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"9.0.0.2"}],` + running + `}]`,
			"10000=9.0.0.2:80",
		},
		"a network without mode is one of containers": {
			`"networks":[{"name":"dcos"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"fd00::2"}],` + running + `}]`,
			"10000=[fd00::2]:80",
		},
		"containerPort 0 is the host port": {
			`"networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000},{"containerPort":0,"hostPort":0,"servicePort":10001}]},
			 "tasks":[{"id":"t","host":"agent","ports":[31007],"ipAddresses":[{"ipAddress":"9.0.0.2"}],` + running + `}]`,
			"10000=9.0.0.2:80 10001=9.0.0.2:31007",
		},
		"a mapping names its network": {
			`"networks":[{"mode":"container","name":"x"},{"mode":"container","name":"y"}],
			 "container":{"portMappings":[{"containerPort":80,"servicePort":10000,"networkNames":["y"]},{"containerPort":81,"servicePort":10001,"networkNames":["x"]}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"9.0.0.2"},{"ipAddress":"9.1.0.2"}],` + running + `}]`,
			"10000=9.1.0.2:80 10001=9.0.0.2:81",
		},
		"a network with addresses of both families": {
			`"networks":[{"mode":"container","name":"x"},{"mode":"container","name":"y"}],
			 "container":{"portMappings":[{"containerPort":80,"servicePort":10000,"networkNames":["y"]}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"9.0.0.2"},{"ipAddress":"fd00::2"},{"ipAddress":"9.1.0.2"},{"ipAddress":"fd01::2"}],` + running + `}]`,
			"10000=9.1.0.2:80",
		},
		"networks of one family each": {
			`"networks":[{"mode":"container","name":"x"},{"mode":"container","name":"y"}],
			 "container":{"portMappings":[{"containerPort":80,"servicePort":10000,"networkNames":["y"]}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"9.0.0.2"},{"ipAddress":"fd01::2"}],` + running + `}]`,
			"10000=[fd01::2]:80",
		},
		"a task that has not joined the network is left out": {
			`"networks":[{"mode":"container","name":"x"},{"mode":"container","name":"y"}],
			 "container":{"portMappings":[{"containerPort":80,"servicePort":10000,"networkNames":["y"]}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"9.0.0.2"}],` + running + `}]`,
			"10000=",
		},
		"a task without address is left out": {
			`"networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000}]},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[],` + running + `}]`,
			"10000=",
		},
		"ip per task": {
			`"ipAddress":{"discovery":{"ports":[{"number":8080},{"number":8081}]}},"labels":{"HAPROXY_GROUP":"external","HAPROXY_1_PORT":"10001"},
			 "tasks":[{"id":"t","host":"agent","ports":[],"ipAddresses":[{"ipAddress":"9.0.0.2"}],` + running + `}]`,
			"10001=9.0.0.2:8081 10077=9.0.0.2:8080", // the other port is given one (3.3)
		},
		"an empty ipAddress says nothing": {
			`"ipAddress":{},"portDefinitions":[{"port":10000}],"tasks":[{"id":"t","host":"10.0.0.1","ports":[31000],"ipAddresses":[{"ipAddress":"9.0.0.2"}],` + running + `}]`,
			"10000=10.0.0.1:31000",
		},
		"a mode nobody knows": {
			`"networks":[{"mode":"warp"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000}]},"portDefinitions":[{"port":10005}],
			 "tasks":[{"id":"t","host":"10.0.0.1","ports":[31000],` + running + `}]`,
			"10005=10.0.0.1:80",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, change := compile(external(), fromJSON(t, c.app))
			var got []string
			for _, k := range change.SetBackends {
				var servers []string
				for _, s := range k.Servers {
					servers = append(servers, s.Addr.String())
				}
				got = append(got, fmt.Sprintf("%d=%s", k.Port, strings.Join(servers, ",")))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %s, want %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

func TestADiscoveredPortWithoutServicePortIsAProblem(t *testing.T) {
	a := fromJSON(t, `"ipAddress":{"discovery":{"ports":[{"number":8080}]}}`)
	o := external()
	o.MinServicePort, o.MaxServicePort = 0, 0
	c, _ := compile(o, a)
	if v := verdictOf(t, c, "/a", 0); v.Why != route.NoPort {
		t.Errorf("verdict %+v", v)
	}
	wantProblem(t, c.Problems(), "ipAddress.discovery.ports[0]=Marathon gives no service port")
}

// marathon-lb.md 3.7 and 3.8 with decisions.md: HTTP and MESOS_HTTP imply mode http.
func TestTheHealthCheckOfAPortAndTheModeItImplies(t *testing.T) {
	for _, c := range []struct{ checks, want string }{
		{`[]`, "tcp"},
		{`[{"protocol":"HTTP","portIndex":0,"path":"/h","intervalSeconds":5,"timeoutSeconds":3,"maxConsecutiveFailures":3}]`,
			"http check HTTP /h inter=5s timeout=3s rise=2 fall=4"},
		{`[{"protocol":"MESOS_HTTP","portIndex":0,"maxConsecutiveFailures":0}]`, "http check MESOS_HTTP / inter=1m0s timeout=20s rise=2 fall=1"},
		{`[{"protocol":"TCP","portIndex":0,"intervalSeconds":-5,"timeoutSeconds":9000000000000000000,"maxConsecutiveFailures":-1}]`,
			"tcp check TCP inter=1m0s timeout=596523h14m8s rise=2 fall=1"},
		{`[{"protocol":"HTTPS","portIndex":0}]`, "tcp check HTTPS / inter=1m0s timeout=20s rise=2 fall=1"},
		{`[{"protocol":"MESOS_HTTPS","portIndex":0}]`, "tcp check MESOS_HTTPS / inter=1m0s timeout=20s rise=2 fall=1"},
		{`[{"protocol":"TCP","portIndex":0}]`, "tcp check TCP inter=1m0s timeout=20s rise=2 fall=1"},
		{`[{"protocol":"HTTP","portIndex":1}]`, "tcp"},
		{`[{"protocol":"COMMAND"}]`, "tcp"},
		{`[{"protocol":"TCP","portIndex":1},{"protocol":"HTTP","port":8081}]`, "http check HTTP / port=8081 inter=1m0s timeout=20s rise=2 fall=1"},
	} {
		k, _, _ := one(t, external(), fromJSON(t, `"portDefinitions":[{"port":10000}],"healthChecks":`+c.checks))
		got := string(k.Mode)
		if k.Check != nil {
			got += " " + k.Check.String()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.checks, got, c.want)
		}
	}
	k, _, _ := one(t, external(), fromJSON(t, `"portDefinitions":[{"port":10000}],"healthChecks":[{"protocol":"HTTP","portIndex":0}],"labels":{"HAPROXY_GROUP":"external","HAPROXY_0_MODE":"tcp"}`))
	if k.Mode != route.TCP {
		t.Errorf("the label goes before the check: %s", k.Mode)
	}
}

func TestPortsThatAreNoneAreNotServed(t *testing.T) {
	for _, port := range []int{-1, 65536, 1 << 40} {
		c, change := compile(external(), web("/a", port))
		if len(change.SetBackends) > 0 || len(change.SetListeners) > 0 || verdictOf(t, c, "/a", 0).Why != route.NoPort || len(c.Problems()) != 1 {
			t.Errorf("%d: %+v %v", port, change, c.Problems())
		}
	}
}
