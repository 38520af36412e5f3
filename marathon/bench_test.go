package marathon_test

import (
	"fmt"
	"testing"

	"marathon-lb/marathon"
)

// fleet is n apps of two tasks, with a host each.
func fleet(n int) ([]marathon.App, []marathon.Facts) {
	apps, facts := make([]marathon.App, n), make([]marathon.Facts, n)
	for i := range apps {
		id := fmt.Sprintf("/team%d/app%d", i%100, i)
		apps[i] = web(id, 10000+i, "HAPROXY_0_VHOST", fmt.Sprintf("app%d.example.com", i), "HAPROXY_0_STICKY", "true")
		apps[i].HealthChecks = []marathon.HealthCheck{{Protocol: "HTTP", PortIndex: new(int), GracePeriodSeconds: 30, IntervalSeconds: 10}}
		apps[i].Tasks = append(apps[i].Tasks, task(id, 2))
		facts[i] = marathon.FactsAt(apps[i], noon, nil)
	}
	return apps, facts
}

// The aim: under a second.
func BenchmarkTenThousandAppsForTheFirstTime(b *testing.B) {
	apps, facts := fleet(10000)
	b.ReportAllocs()
	for b.Loop() {
		c := marathon.NewCompiler(external())
		for i := range apps {
			c.Set(apps[i], facts[i])
		}
		if change := c.Link(noon); len(change.SetBackends) != 10000 {
			b.Fatal(len(change.SetBackends))
		}
	}
}

// The aim: under a millisecond.
func BenchmarkOneChangedAppOfTenThousand(b *testing.B) {
	apps, facts := fleet(10000)
	c := marathon.NewCompiler(external())
	for i := range apps {
		c.Set(apps[i], facts[i])
	}
	if most := changeOne(b, c, apps[5000], facts[5000]); most > 1 {
		b.Fatal(most)
	}
}

// changeOne scales an app up and down, and says how many backends a change had at most.
func changeOne(b *testing.B, c *marathon.Compiler, app marathon.App, facts marathon.Facts) (most int) {
	c.Link(noon)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a := app
		a.Tasks = a.Tasks[:1+i%2]
		c.Set(a, facts)
		most = max(most, len(c.Link(noon).SetBackends))
	}
	return most
}

// The worst that apps can do to each other: all want one port and one host.
func BenchmarkOneChangedAppOfTenThousandThatWantTheSame(b *testing.B) {
	apps, facts := fleet(10000)
	c := marathon.NewCompiler(external())
	for i := range apps {
		apps[i].Labels["HAPROXY_0_PORT"], apps[i].Labels["HAPROXY_0_VHOST"] = "10000", "same.example.com"
		c.Set(apps[i], facts[i])
	}
	changeOne(b, c, apps[5000], facts[5000])
}
