package marathon_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// However often apps came, changed and went, what is served, and what is told of it, is what a compiler makes that sees only those
// that are there.
func TestAnySequenceOfAppsCompilesToWhatTheLastOfEachWants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := external()
		o.MinServicePort, o.MaxServicePort, o.ReservedPorts = 10050, 10053, []int{9090}
		o.GroupHTTPSByVHost, o.HealthCheck = rapid.Bool().Draw(t, "grouped"), rapid.Bool().Draw(t, "health")
		grown, apps, served := marathon.NewCompiler(o), map[string]marathon.App{}, newOutcome()
		for range rapid.IntRange(1, 12).Draw(t, "links") {
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				id := rapid.SampledFrom([]string{"/a", "/a/b", "/a_b", "/web", "/web-b", "/web-g", "m:/a", "m:/web-g"}).Draw(t, "id")
				if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
					grown.Remove(id)
					delete(apps, id)
					continue
				}
				apps[id] = anApp(t, id)
				grown.Set(apps[id], marathon.FactsAt(apps[id], noon, agents))
			}
			served.apply(grown.Link(noon))
		}
		fresh, want := marathon.NewCompiler(o), newOutcome()
		for _, id := range slices.Sorted(maps.Keys(apps)) {
			fresh.Set(apps[id], marathon.FactsAt(apps[id], noon, agents))
		}
		want.apply(fresh.Link(noon))
		if !reflect.DeepEqual(served, want) {
			t.Fatalf("served: %v\nwant %v", served, want)
		}
		if got, want := grown.Problems(), fresh.Problems(); !slices.Equal(got, want) {
			t.Fatalf("problems %+v\nwant %+v", got, want)
		}
		if got, want := grown.Verdicts(), fresh.Verdicts(); !reflect.DeepEqual(got, want) {
			t.Fatalf("verdicts %+v\nwant %+v", got, want)
		}
		if change := grown.Link(noon); !change.Empty() {
			t.Fatalf("nothing changed, and yet %+v", change)
		}
	})
}

// drawn are values of labels that apps may get.
var drawn = map[string][]string{
	"HAPROXY_GROUP": {"external", "external", "external", "internal"}, "HAPROXY_0_GROUP": {"external", "internal"},
	"HAPROXY_DEPLOYMENT_GROUP": {"web", "a/b", ""}, "HAPROXY_DEPLOYMENT_STARTED_AT": {oldDate, newDate, "yesterday"},
	"HAPROXY_DEPLOYMENT_NEW_INSTANCES": {"0"}, "HAPROXY_DEPLOYMENT_TARGET_INSTANCES": {"1", "2", "x"},
	"HAPROXY_0_VHOST": {"a.example.com", "b.example.com,a.example.com", "*"}, "HAPROXY_0_PATH": {"/x", "-i /x /y"},
	"HAPROXY_0_BACKEND_WEIGHT": {"5", "x"}, "HAPROXY_0_MODE": {"http", "tcp"}, "HAPROXY_1_MODE": {"http"}, "HAPROXY_1_VHOST": {"a.example.com"},
	"HAPROXY_0_CANARY": {"web", "web", "other", "a b"}, "HAPROXY_0_CANARY_WEIGHT": {"10"},
	"HAPROXY_0_PORT": {"10000", "10001", "x"}, "HAPROXY_1_PORT": {"10000", "10001"}, "HAPROXY_0_ENABLED": {"false"},
	"HAPROXY_0_BIND_ADDR": {"127.0.0.1", "127.0.0.2", "0.0.0.0", "x"}, "HAPROXY_0_AUTH": {"r:bob:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "x"},
	"HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL": {"10.0.0.0/8", "x"}, "HAPROXY_0_SSL_CERT": {"/etc/a.pem", ""},
}

// anApp draws one that gets in the way of others.
func anApp(t *rapid.T, id string) marathon.App {
	a := web(id, rapid.SampledFrom([]int{10000, 10001, 9090, 80, 10051}).Draw(t, "port"))
	if rapid.Bool().Draw(t, "two ports") {
		a.PortDefinitions = append(a.PortDefinitions, marathon.PortDefinition{Port: rapid.SampledFrom([]int{10000, 10002, 0}).Draw(t, "second port")})
	}
	if rapid.IntRange(0, 3).Draw(t, "container") == 0 {
		a.PortDefinitions = nil
		a.IPAddress = &marathon.IPAddress{Set: true}
		for range rapid.IntRange(0, 3).Draw(t, "discovery") {
			a.IPAddress.Discovery.Ports = append(a.IPAddress.Discovery.Ports, marathon.DiscoveryPort{Number: 80 + len(a.IPAddress.Discovery.Ports)})
		}
		a.Tasks[0].IPAddresses = []marathon.TaskIP{{IPAddress: "192.0.2.1"}}
	}
	for _, label := range slices.Sorted(maps.Keys(drawn)) {
		values := drawn[label]
		if n := rapid.IntRange(0, 4*len(values)).Draw(t, label); n < len(values) {
			a.Labels[label] = values[n]
		}
	}
	for n := range rapid.IntRange(0, 2).Draw(t, "tasks") {
		more := task(id, n+2)
		if rapid.Bool().Draw(t, "killing") {
			more.State = marathon.TaskKilling
		}
		a.Tasks = append(a.Tasks, more)
	}
	a.VersionInfo.LastScalingAt = marathon.Time{Time: noon.Add(-time.Duration(rapid.IntRange(1, 3).Draw(t, "scaled")) * time.Minute)}
	return a
}

// outcome is what all changes so far come to.
type outcome struct {
	Listeners map[string]route.ListenerSpec
	Backends  map[string]route.BackendSpec
}

func newOutcome() outcome {
	return outcome{map[string]route.ListenerSpec{}, map[string]route.BackendSpec{}}
}

func (s outcome) apply(c route.Change) {
	for _, bind := range c.DropListeners {
		delete(s.Listeners, route.BindText(bind))
	}
	for _, l := range c.SetListeners {
		s.Listeners[route.BindText(l.Bind)] = l
	}
	for _, name := range c.DropBackends {
		delete(s.Backends, name)
	}
	for _, k := range c.SetBackends {
		s.Backends[k.Name] = k
	}
}

// String tells them in an order.
func (s outcome) String() string {
	spec := route.Spec{
		Listeners: slices.SortedFunc(maps.Values(s.Listeners), route.ListenerSpec.Compare),
		Backends:  slices.SortedFunc(maps.Values(s.Backends), route.BackendSpec.Compare),
	}
	return fmt.Sprint("\n", spec)
}
