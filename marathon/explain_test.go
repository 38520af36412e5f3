package marathon_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

func TestWhatIsNotServedIsStillDescribed(t *testing.T) {
	o := external()
	o.StrictMode = true
	a := web("/a", 10000, "HAPROXY_0_VHOST", "a.example.com", "HAPROXY_0_PATH", "/x", "HAPROXY_0_GROUP", "internal, office")
	b := web("/b", 10001, "HAPROXY_0_MODE", "http")
	b.HealthChecks = []marathon.HealthCheck{{Protocol: "HTTP", PortIndex: new(int)}}
	c, _ := compile(o, a, b)
	for id, want := range map[string]route.PortStand{
		"/a": {Verdict: route.Verdict{Why: route.WrongGroup}, Groups: []string{"internal", "office"}, Mode: route.HTTP, Hosts: []string{"a.example.com"}, Paths: []string{"/x"}},
		"/b": {Verdict: route.Verdict{Why: route.StrictMode}, Groups: []string{"external"}, Mode: route.HTTP},
	} {
		about := c.Explain(id)
		if len(about) != 1 || len(about[0].Ports) != 1 || len(about[0].Tasks) != 1 {
			t.Fatalf("%s: got %+v", id, about)
		}
		p := about[0].Ports[0]
		if p.Why != want.Why || !slices.Equal(p.Groups, want.Groups) || p.Mode != want.Mode || !slices.Equal(p.Hosts, want.Hosts) || !slices.Equal(p.Paths, want.Paths) {
			t.Errorf("%s: got %+v", id, p)
		}
		if (p.Check != "") != (id == "/b") {
			t.Errorf("%s: probes %q", id, p.Check)
		}
	}
	if about := c.Explain("/nowhere"); about != nil {
		t.Errorf("an app that is not there: %+v", about)
	}
}

func TestAnAppOfADeploymentGroupIsExplainedWithItsGroup(t *testing.T) {
	c, _ := compile(external(), shade("/blue", 2, 2, noon, "HAPROXY_0_VHOST", "w.example.com"), shade("/green", 1, 1, noon.Add(-time.Hour)))
	for _, id := range []string{"/blue", "/green", "/web"} {
		about := c.Explain(id)
		if len(about) != 1 || about[0].App != "/web" || !slices.Equal(about[0].Members, []string{"/blue", "/green"}) || len(about[0].Tasks) != 3 {
			t.Errorf("%s: got %+v", id, about)
		}
	}
}

func TestAppsAreFoundByTheHostOrPortTheyWant(t *testing.T) {
	c, _ := compile(external(), web("/a", 10000, "HAPROXY_0_VHOST", "x.example.com, a.example.com"), web("/b", 10001, "HAPROXY_0_VHOST", "*.example.com"),
		web("/c", 10000, "HAPROXY_GROUP", "internal"), web("/d", 10002))
	for _, w := range []struct {
		host string
		port int
		want []string
	}{
		{"a.example.com", 0, []string{"/a", "/b"}}, {"z.example.com", 0, []string{"/b"}}, {"example.com", 0, nil}, {"", 10000, []string{"/a", "/c"}},
		{"a.example.com", 10002, []string{"/a", "/b"}}, // and /d, but for the bound
	} {
		if got := c.Wanting(w.host, w.port, 2); !slices.Equal(got, w.want) {
			t.Errorf("%q, %d: got %v, want %v", w.host, w.port, got, w.want)
		}
	}
}

// What is told of a service that is served is what is served.
func TestTheExplanationOfAnAppAgreesWithItsBackends(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, change := compile(external(), anApp(t, "/a"), anApp(t, "/b"))
		for _, id := range []string{"/a", "/b"} {
			for _, a := range c.Explain(id) {
				for _, p := range a.Ports {
					i := slices.IndexFunc(change.SetBackends, func(k route.BackendSpec) bool { return p.Backend != "" && k.Name == p.Backend })
					if i < 0 {
						continue
					}
					k := change.SetBackends[i]
					if p.Mode != k.Mode || !slices.Equal(p.Access, k.Access()) || (k.Check != nil) != (p.Check != "") {
						t.Fatalf("told as %+v, served as %v", p, k)
					}
					for _, r := range k.Rules {
						if r.AppID == "" && !slices.Contains(p.Hosts, r.Host) {
							t.Fatalf("host %s is not told of: %+v", r.Host, p)
						}
					}
				}
			}
			if all := c.Verdicts(); len(all) == 0 && len(c.Explain(id)[0].Ports) > 0 {
				t.Fatal("ports without verdicts")
			}
		}
	})
}

func TestAppsCanBeExplainedWhileLinkRuns(t *testing.T) {
	c := marathon.NewCompiler(external())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			c.Explain("/a")
			c.Wanting("x", 80, 5)
		}
	}()
	for range 100 {
		link(c, web("/a", 80), shade("/b", 2, 1, noon, "HAPROXY_0_VHOST", "x"))
	}
	<-done
}
