package marathon_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon"
)

// noon is after all that the samples tell of.
var noon = time.Date(2020, 3, 2, 12, 0, 0, 0, time.UTC)

// agents are the addresses of the samples' agents.
var agents = map[string]netip.Addr{
	"agent-1.example.test": netip.MustParseAddr("10.0.1.11"),
	"agent-2.example.test": netip.MustParseAddr("10.0.1.12"),
	"agent-3.example.test": netip.MustParseAddr("10.0.1.13"),
}

// external is a load balancer as the DC/OS package starts it.
func external() marathon.Options {
	return marathon.Options{
		Groups: []string{"external"}, HealthCheck: true,
		MinServicePort: 10050, MaxServicePort: 10100,
		HTTPBind: route.AnyAddr(80), HTTPSBind: route.AnyAddr(443), AppIDBind: route.AnyAddr(9091), ReservedPorts: []int{80, 443, 9090, 9091},
	}
}

// account is what a compiler makes of apps, as text.
func account(c *marathon.Compiler, change route.Change) string {
	var b strings.Builder
	b.WriteString(route.Spec{Listeners: change.SetListeners, Backends: change.SetBackends}.String())
	for _, v := range c.Verdicts() {
		fmt.Fprintf(&b, "verdict %s port=%d/%d %s: %s", v.App, v.PortIndex, v.Port, v.Backend, v.Why)
		if v.Detail != "" {
			fmt.Fprintf(&b, " (%s)", v.Detail)
		}
		b.WriteByte('\n')
	}
	for _, p := range c.Problems() {
		fmt.Fprintf(&b, "problem %s %s=%q: %s => %s\n", p.App, p.Label, p.Value, p.Reason, p.Remedy)
	}
	return b.String()
}

// compile sets apps, with what is known of them at noon, and links them.
func compile(o marathon.Options, apps ...marathon.App) (*marathon.Compiler, route.Change) {
	c := marathon.NewCompiler(o)
	for _, a := range apps {
		c.Set(a, marathon.FactsAt(a, noon, agents))
	}
	return c, c.Link(noon)
}

// Where the golden files differ from what Marathon-LB makes of the samples (marathon-lb.md section 3), it is on purpose:
//   - any sample: a service keeps its listener and its backend while it has no server;
//   - v1.9-app-all-task-states: TASK_KILLING drains instead of vanishing, TASK_UNREACHABLE is a last resort;
//   - v1.9-app-health-unknown-after-failover: tasks without results that are too old to be new are used; Marathon-LB would have no server;
//   - v1.9-app-stale-health-after-relaunch: the result of the former incarnation does not count;
//   - v1.9-app-rolling-deploy: a task whose readiness check fails waits;
//   - v1.9-edge-cases: of the services with one vhost, Marathon-LB serves the first silently; here the others are told.
func TestSamplesGiveTheServicesTheReferencePredicts(t *testing.T) {
	for _, name := range samples(t) {
		t.Run(name, func(t *testing.T) {
			testkit.Golden(t, filepath.Join("testdata", "services", strings.TrimSuffix(name, ".json")+".txt"), account(compile(external(), read(t, name)...)))
		})
	}
}

func FuzzApp(f *testing.F) {
	names, _ := filepath.Glob("testdata/apps/*.json")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var answer struct {
			App  json.RawMessage
			Apps []json.RawMessage
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			f.Fatal(err)
		}
		for _, text := range append(answer.Apps, answer.App) {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a marathon.App
		if json.Unmarshal(data, &a) != nil {
			return
		}
		o := external()
		o.Groups = []string{"*"}
		c, change := compile(o, a)
		for _, l := range change.SetListeners {
			if l.Bind.Port() == 0 || l.Backend == "" {
				t.Errorf("listener %v", l)
			}
		}
		for _, k := range change.SetBackends {
			seen := map[string]bool{}
			for _, s := range k.Servers {
				if seen[s.Name] || !s.Addr.IsValid() || s.Addr.Port() == 0 || s.ID < 1 || s.ID > 32766 {
					t.Errorf("server %v", s)
				}
				seen[s.Name] = true
			}
		}
		for _, p := range c.Problems() {
			if p.App != a.ID || p.Reason == "" || p.Remedy == "" {
				t.Errorf("problem %+v", p)
			}
		}
		route.Build(route.NewTable(1), change)
		c.Remove(a.ID)
		if gone := c.Link(noon); len(gone.DropBackends) != len(change.SetBackends) || len(c.Verdicts())+len(c.Problems()) > 0 {
			t.Errorf("something is left: %+v", gone)
		}
	})
}
