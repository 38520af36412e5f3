package marathon_test

import (
	"fmt"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/marathon/marathontest"
)

// warming is an app whose tasks are ready when told.
func warming(id string, port, instances int) marathontest.App {
	return marathontest.App{
		ID: id, Instances: instances, Labels: map[string]string{"HAPROXY_GROUP": "external"},
		PortDefinitions: []marathontest.PortDefinition{{Port: port, Name: "http"}},
		ReadinessChecks: []marathontest.ReadinessCheck{{Path: "/ready", PortName: "http", IntervalSeconds: 1}},
		UpgradeStrategy: &marathontest.UpgradeStrategy{MinimumHealthCapacity: 1, MaximumOverCapacity: 1},
	}
}

func TestANewTaskGetsTrafficOnlyWhenADeploymentFoundItReady(t *testing.T) {
	for _, healthCheck := range []bool{true, false} {
		t.Run(fmt.Sprint("health check ", healthCheck), func(t *testing.T) { readiness(t, healthCheck) })
	}
}

func readiness(t *testing.T, healthCheck bool) {
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	s := newStage(t)
	o := marathon.Options{Endpoints: []string{sim.URL()}, Groups: []string{"external"}, HealthCheck: healthCheck}
	if _, err := sim.Create(warming("/shop/web", 10010, 1)); err != nil {
		t.Fatal(err)
	}
	if err := sim.WaitSettled(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.run(o, nil)
	old := sim.Tasks("/shop/web")[0]
	s.want(fmt.Sprintf("%d ready", old.Addrs()[0].Port()))

	sim.SetBehaviour("/shop/web", marathontest.Behaviour{Unready: true})
	deployment, err := sim.Restart("/shop/web")
	if err != nil {
		t.Fatal(err)
	}
	detail := func() string {
		v := s.compiler.Verdicts()
		if len(v) != 1 || v[0].Why != route.Exposed {
			return fmt.Sprint(v)
		}
		return v[0].Detail
	}
	s.until(func() bool { return detail() == "tasks: 1 waiting for readiness" }, detail)
	s.want(fmt.Sprintf("%d ready", old.Addrs()[0].Port()))
	fresh := sim.Tasks("/shop/web")[1]
	fresh.SetReady(true)
	if err := sim.WaitDeployment(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	s.until(func() bool {
		return strings.HasPrefix(s.servers(), fmt.Sprintf("%d ready", fresh.Addrs()[0].Port())) && !strings.Contains(s.servers(), ", ") && detail() == ""
	}, func() string { return s.servers() + detail() })
}

func TestATaskThatStartsOutsideADeploymentWaitsForNoReadiness(t *testing.T) {
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if _, err := sim.Create(warming("/shop/web", 10010, 1)); err != nil {
		t.Fatal(err)
	}
	if err := sim.WaitSettled(t.Context()); err != nil {
		t.Fatal(err)
	}
	sim.SetBehaviour("/shop/web", marathontest.Behaviour{Unready: true})
	s := newStage(t)
	s.run(marathon.Options{Endpoints: []string{sim.URL()}, Groups: []string{"external"}}, nil)
	first := sim.Tasks("/shop/web")[0]
	s.want(fmt.Sprintf("%d ready", first.Addrs()[0].Port()))
	first.Crash()
	s.until(func() bool {
		next := sim.Tasks("/shop/web")[0]
		return next != first && s.servers() == fmt.Sprintf("%d ready", next.Addrs()[0].Port())
	}, s.servers)
}
