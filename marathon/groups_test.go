package marathon_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// shade is an app of the deployment group web with so many tasks, of which the first so many are healthy, and labels as web takes
// them.
func shade(id string, tasks, healthy int, scaled time.Time, labels ...string) marathon.App {
	a := web(id, 10000, append([]string{"HAPROXY_DEPLOYMENT_GROUP", "web"}, labels...)...)
	a.HealthChecks = []marathon.HealthCheck{{Protocol: "HTTP", PortIndex: new(int)}}
	a.Instances, a.Tasks, a.VersionInfo.LastScalingAt = tasks, nil, marathon.Time{Time: scaled}
	for n := range tasks {
		t := task(id, n+1)
		t.Host = "10.0.0.1"
		t.Ports = []int{31000 + 100*int(id[len(id)-1]) + n}
		t.Results = []marathon.HealthResult{result(n < healthy)}
		a.Tasks = append(a.Tasks, t)
	}
	return a
}

const (
	oldDate = "2016-02-01T14:13:42.499089" // as zdd writes it
	newDate = "2016-02-01T15:00:00.000001"
)

// The worked examples of marathon-lb.md 3.9. drains is how many tasks of which app drain: upstream's, and ours where it differs.
func TestSection39WorkedExamples(t *testing.T) {
	early, late := noon.Add(-time.Hour), noon.Add(-time.Minute)
	staged := func(target string) []string {
		return []string{"HAPROXY_DEPLOYMENT_NEW_INSTANCES", "0", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES", target}
	}
	started := func(at string, labels ...string) []string {
		return append([]string{"HAPROXY_DEPLOYMENT_STARTED_AT", at}, labels...)
	}
	unchecked := func(a marathon.App) marathon.App {
		a.HealthChecks = nil
		return a
	}
	old := func(n int) marathon.App { return shade("/web-b", n, n, early, started(oldDate)...) }
	young := func(n, healthy int, labels ...string) marathon.App {
		return shade("/web-g", n, healthy, late, started(newDate, labels...)...)
	}
	hybrid := []string{"HAPROXY_DEPLOYMENT_NEW_INSTANCES", "2", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES", "10"}
	none := young(2, 2, staged("3")...)
	none.Tasks = nil
	undated := shade("/web-b", 3, 3, early)
	for _, c := range []struct {
		number         int
		apps           []marathon.App
		servers        int
		drains         string // "N app", as upstream has it
		ours           string // where it differs: D-SERVER-11
		obeyHealth     bool
		problemMatters bool
	}{
		{number: 1, apps: []marathon.App{old(3), young(1, 1, staged("3")...)}, servers: 4, drains: "1 /web-b", obeyHealth: true},
		{number: 2, apps: []marathon.App{old(3), young(1, 0, staged("3")...)}, servers: 3, drains: "0", obeyHealth: true},
		{number: 2, apps: []marathon.App{old(3), young(1, 0, staged("3")...)}, servers: 4, drains: "0"},
		{number: 3, apps: []marathon.App{old(2), young(2, 2, staged("3")...)}, servers: 4, drains: "1 /web-b"},
		{number: 4, apps: []marathon.App{old(1), young(3, 3, staged("3")...)}, servers: 4, drains: "1 /web-b"},
		{number: 5, apps: []marathon.App{old(10), young(4, 4, staged("10")...)}, servers: 14, drains: "4 /web-b"},
		{number: 6, apps: []marathon.App{old(10), young(4, 2, staged("10")...)}, servers: 14, drains: "2 /web-b"},
		{number: 7, apps: []marathon.App{old(10), young(2, 2, hybrid...)}, servers: 12, drains: "2 /web-b"},
		{number: 8, apps: []marathon.App{old(8), young(2, 2, hybrid...)}, servers: 10, drains: "0"},
		{number: 9, apps: []marathon.App{
			shade("/web-b", 3, 3, late, started(oldDate, staged("3")...)...), shade("/web-g", 1, 1, early, started(newDate, staged("3")...)...),
		}, servers: 4, drains: "1 /web-g"},
		{number: 10, apps: []marathon.App{old(3), young(1, 1)}, servers: 4, drains: "1 /web-b"},
		{number: 11, apps: []marathon.App{old(3), young(3, 3)}, servers: 6, drains: "3 /web-b"},
		{number: 12, apps: []marathon.App{unchecked(old(3)), unchecked(none)}, servers: 3, drains: "2 /web-b", ours: "0"},
		{number: 13, apps: []marathon.App{undated, shade("/web-g", 1, 1, late)}, servers: 4, drains: "1 /web-g", ours: "0", problemMatters: true},
	} {
		t.Run(fmt.Sprint(c.number), func(t *testing.T) {
			o := external()
			o.HealthCheck = c.obeyHealth
			compiler, change := compile(o, c.apps...)
			if len(change.SetBackends) != 1 || change.SetBackends[0].Name != "web_10000" || change.SetBackends[0].App != "/web" {
				t.Fatalf("backends %v", change.SetBackends)
			}
			want := c.drains
			if c.ours != "" {
				want = c.ours
			}
			if got := drainsOf(change.SetBackends[0]); got != want || len(change.SetBackends[0].Servers) != c.servers {
				t.Errorf("drains %s of %d servers, want %s of %d:\n%v", got, len(change.SetBackends[0].Servers), want, c.servers, change.SetBackends[0])
			}
			if problems := compiler.Problems(); len(problems) > 0 != c.problemMatters {
				t.Errorf("problems %+v", problems)
			}
		})
	}
}

// drainsOf is how many servers drain, and of which app.
func drainsOf(k route.BackendSpec) string {
	n, app := 0, ""
	for _, s := range k.Servers {
		if s.State == route.Draining {
			n, app = n+1, s.App
		}
	}
	return strings.TrimSpace(fmt.Sprint(n, " ", app))
}

func TestAppsOfAGroupAreServedUnderItsNameByTheOldOnesLabels(t *testing.T) {
	blue := shade("/web-blue", 2, 2, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", oldDate, "HAPROXY_0_VHOST", "web.example.com")
	green := shade("/web-green", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", newDate, "HAPROXY_0_PORT", "10000")
	green.PortDefinitions[0].Port = 10001
	c, change := compile(external(), blue)
	if got := account(c, change); !strings.Contains(got, "backend web_10000 app=/web port=0/10000 http") || !strings.Contains(got, "rule appid=/web\n") {
		t.Errorf("alone it has its group's name too:\n%s", got)
	}
	change = link(c, green)
	k := change.SetBackends[0]
	if len(change.SetBackends) != 1 || len(k.Servers) != 3 || k.Rules[0].Host != "web.example.com" || drainsOf(k) != "1 /web-blue" {
		t.Errorf("both: %v", change.SetBackends)
	}
	if v := verdictOf(t, c, "/web-green", 0); v.Why != route.Merged || v.Detail != "served as /web, by the labels and ports of /web-blue" {
		t.Errorf("verdict on the one that is merged: %+v", v)
	}
	if v := verdictOf(t, c, "/web", 0); v.Why != route.Exposed {
		t.Errorf("verdict on the group: %+v", v)
	}
	c.Remove("/web-blue")
	change = c.Link(noon)
	if len(change.SetBackends) != 1 || len(change.SetBackends[0].Servers) != 1 || drainsOf(change.SetBackends[0]) != "0" || len(change.DropBackends) > 0 {
		t.Errorf("after the swap: %+v", change)
	}
	c.Remove("/web-green")
	if change = c.Link(noon); strings.Join(change.DropBackends, " ") != "web_10000" || len(c.Problems()) > 0 || len(c.Verdicts()) > 0 {
		t.Errorf("after the last: %+v, %v", change, c.Verdicts())
	}
}

func TestAnAppLeavesItsGroupWithItsLabel(t *testing.T) {
	c, _ := compile(external(), shade("/web-b", 1, 1, noon))
	alone := shade("/web-b", 1, 1, noon)
	delete(alone.Labels, "HAPROXY_DEPLOYMENT_GROUP")
	change := link(c, alone)
	if backends(change.SetBackends) != "web-b_10000" || strings.Join(change.DropBackends, " ") != "web_10000" {
		t.Errorf("%+v", change)
	}
}

func TestLabelsOfAGroupThatMeanNothingDrainNothing(t *testing.T) {
	for _, c := range []struct {
		labels  []string // of the young one
		problem string
	}{
		{[]string{"HAPROXY_DEPLOYMENT_STARTED_AT", "yesterday"}, "HAPROXY_DEPLOYMENT_STARTED_AT=not a time"},
		{[]string{"HAPROXY_DEPLOYMENT_STARTED_AT", newDate, "HAPROXY_DEPLOYMENT_NEW_INSTANCES", "0"}, "HAPROXY_DEPLOYMENT_TARGET_INSTANCES=it is missing"},
		{[]string{"HAPROXY_DEPLOYMENT_STARTED_AT", newDate, "HAPROXY_DEPLOYMENT_NEW_INSTANCES", "0", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES", "all"},
			"HAPROXY_DEPLOYMENT_TARGET_INSTANCES=not a number of tasks"},
	} {
		compiler, change := compile(external(), shade("/web-b", 3, 3, noon), shade("/web-g", 3, 3, noon, c.labels...), web("/other", 10005))
		found := false
		for _, p := range compiler.Problems() {
			found = found || strings.HasPrefix(p.Label+"="+p.Reason, c.problem) && p.App == "/web-g" && p.Remedy != ""
		}
		if !found || backends(change.SetBackends) != "other_10005 web_10000" {
			t.Errorf("%v: %s, %+v", c.labels, backends(change.SetBackends), compiler.Problems())
		}
		if drainsOf(change.SetBackends[1]) != "0" {
			t.Errorf("%v: %s drains", c.labels, drainsOf(change.SetBackends[1]))
		}
	}
	for _, name := range []string{"", " ", "/", "a b"} {
		k, _, problems := one(t, external(), web("/a", 10000, "HAPROXY_DEPLOYMENT_GROUP", name))
		if k.Name != "a_10000" {
			t.Errorf("group %q: %v", name, k)
		}
		wantProblem(t, problems, "HAPROXY_DEPLOYMENT_GROUP=")
	}
}

func TestAProblemWithAnAppOfAGroupOfThreeIsToldOnce(t *testing.T) {
	compiler, _ := compile(external(), shade("/web-a", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", "yesterday"),
		shade("/web-b", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", oldDate), shade("/web-c", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", newDate))
	wantProblem(t, compiler.Problems(), "HAPROXY_DEPLOYMENT_STARTED_AT=not a time")
}

func TestAGroupCannotTakeTheNameOfAnApp(t *testing.T) {
	c, change := compile(external(), shade("/thief", 1, 1, noon), web("/web", 10000))
	if len(change.SetBackends) != 1 || change.SetBackends[0].Servers[0].App != "/web" {
		t.Errorf("served: %v", change.SetBackends)
	}
	wantProblem(t, c.Problems(), "HAPROXY_0_PORT=the backend name web_10000 is that of port 0 of /web")
}

func TestATaskOfAGroupIsGuardedByTheLabelsOfItsOwnAppToo(t *testing.T) {
	blue := shade("/web-b", 2, 2, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", oldDate, "HAPROXY_0_VHOST", "web.example.com")
	for _, c := range []struct {
		label, value, want string
	}{
		{"HAPROXY_0_AUTH", "realm:bob:" + hash, `auth="realm" user=bob`},
		{"HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.0/8", "allow=10.0.0.0/8"},
		{"HAPROXY_0_BACKEND_HTTP_OPTIONS", "  http-request deny if { path /admin }", "http-request deny if { path /admin }"},
		{"HAPROXY_0_BACKEND_HTTP_OPTIONS", "  http-request auth realm r unless { path /open }", "closed"},
		{"HAPROXY_1_AUTH", "realm:bob:" + hash, ""},
		{"HAPROXY_0_USE_HSTS", "true", ""},
	} {
		green := shade("/web-g", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", newDate, c.label, c.value)
		_, change := compile(external(), blue, green)
		if got := strings.TrimSpace(fmt.Sprint(access(change.SetBackends[0], nil)) + change.SetBackends[0].Do.String()); got != c.want || change.SetBackends[0].Rules[0].Host != "web.example.com" {
			t.Errorf("%s: %q, want %q", c.label, got, c.want)
		}
	}
	if len(blue.Labels) != 4 {
		t.Errorf("the app itself was changed: %v", blue.Labels)
	}
}

func TestTheOldestAppOfAGroupDecidesBetweenTwoPasswords(t *testing.T) {
	blue := shade("/web-b", 2, 2, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", oldDate, "HAPROXY_0_AUTH", "realm:old:"+hash)
	green := shade("/web-g", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", newDate, "HAPROXY_0_AUTH", "realm:new:"+hash)
	compiler, change := compile(external(), blue, green)
	if k := change.SetBackends[0]; k.Auth == nil || k.Auth.User != "old" {
		t.Errorf("%v", k)
	}
	wantProblem(t, compiler.Problems(), "HAPROXY_0_AUTH=another app of the group has another; that of /web-b")
	if p := compiler.Problems()[0]; p.App != "/web-g" || p.Value != "(not shown)" {
		t.Errorf("%+v", p)
	}
}

// The older app began with three instances and has ten now. Marathon-LB goes by its label as soon as it was scaled last, which a
// deployment does with each task it kills: the new task would be taken out for good.
func TestTheTargetIsThatOfTheDeploymentInHand(t *testing.T) {
	label := func(target, at string) []string {
		return []string{"HAPROXY_DEPLOYMENT_NEW_INSTANCES", "1", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES", target, "HAPROXY_DEPLOYMENT_STARTED_AT", at}
	}
	_, change := compile(external(), shade("/web-b", 9, 9, noon, label("3", oldDate)...), shade("/web-g", 1, 1, noon.Add(-time.Minute), label("10", newDate)...))
	if got := drainsOf(change.SetBackends[0]); got != "0" {
		t.Errorf("drains %s", got)
	}
}
