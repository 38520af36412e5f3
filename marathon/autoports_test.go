package marathon_test

import (
	"fmt"
	"strings"
	"testing"

	"marathon-lb/marathon"
)

// container is an app in container mode whose tasks listen on these ports at their own address; Marathon gives it no service port.
func container(id string, ports ...int) marathon.App {
	a := web(id, 0)
	a.PortDefinitions = nil
	a.IPAddress = &marathon.IPAddress{Set: true}
	for _, p := range ports {
		a.IPAddress.Discovery.Ports = append(a.IPAddress.Discovery.Ports, marathon.DiscoveryPort{Number: p})
	}
	a.Tasks[0].IPAddresses = []marathon.TaskIP{{IPAddress: "10.9.0.1"}}
	return a
}

// marathon-lb.md A.2, and its last line.
func TestAppendixA2AutoAssignedPorts(t *testing.T) {
	_, change := compile(external(), container("/app-one", 80, 81, 82), container("/app-two", 80, 81), container("/calico/web", 80))
	want := "*:10054=app-one_10054 *:10066=app-one_10066 *:10098=app-one_10098 *:10069=app-two_10069 *:10089=app-two_10089 *:10067=calico_web_10067"
	if got := binds(change.SetListeners); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, k := range change.SetBackends {
		if want := map[int]int{10066: 80, 10098: 81, 10054: 82, 10089: 80, 10069: 81, 10067: 80}[k.Port]; int(k.Servers[0].Addr.Port()) != want {
			t.Errorf("%s leads to %s, want port %d", k.Name, k.Servers[0].Addr, want)
		}
	}
	if _, change = compile(external(), container("/a", 80, 81)); binds(change.SetListeners) != "*:10065=a_10065 *:10093=a_10093" {
		t.Errorf("/a has %s", binds(change.SetListeners))
	}
}

func TestPortsThatWereGivenDoNotDependOnWhoCameFirst(t *testing.T) {
	o := external()
	o.MaxServicePort = o.MinServicePort + 3
	apps := []marathon.App{container("/a", 80), container("/b", 80), container("/c", 80), container("/d", 80)}
	_, want := compile(o, apps...)
	c := marathon.NewCompiler(o)
	for i := len(apps) - 1; i >= 0; i-- {
		link(c, apps[i])
	}
	for _, k := range want.SetBackends {
		if v := verdictOf(t, c, k.App, 0); v.Port != k.Port {
			t.Errorf("%s has port %d, want %d", k.App, v.Port, k.Port)
		}
	}
}

func TestARangeThatIsUsedUpOrEmptyIsSaid(t *testing.T) {
	o := external()
	o.MaxServicePort = o.MinServicePort
	c, change := compile(o, container("/a", 80), container("/b", 80))
	if got := binds(change.SetListeners); got != fmt.Sprintf("*:%d=a_%[1]d", o.MinServicePort) {
		t.Errorf("listeners %s", got)
	}
	wantProblem(t, c.Problems(), "ipAddress.discovery.ports[0]=Marathon gives no service port")
	c.Remove("/a")
	if change = c.Link(noon); !strings.Contains(binds(change.SetListeners), "=b_") || len(c.Problems()) > 0 {
		t.Errorf("the port did not pass on: %+v, %v", change, c.Problems())
	}
	o.MinServicePort, o.MaxServicePort = 0, 0
	if _, change = compile(o, container("/a", 80)); len(change.SetListeners) > 0 {
		t.Errorf("without a range: %v", change.SetListeners)
	}
	if _, change = compile(external(), container("/a", 80), func() marathon.App {
		b := container("/b", 80)
		b.Labels["HAPROXY_0_PORT"] = "9000"
		return b
	}()); !strings.Contains(binds(change.SetListeners), "*:9000=b_9000") {
		t.Errorf("a label's port: %s", binds(change.SetListeners))
	}
}
