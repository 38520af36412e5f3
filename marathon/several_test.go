package marathon_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

func TestSeveralMarathonsAreToldByTheirNames(t *testing.T) {
	for words, want := range map[string]string{
		"http://a http://b":                    "[ http://a http://b]",
		"http://a/?x=y":                        "[ http://a/?x=y]",
		"east=http://a":                        "[east http://a]",
		"east=http://a,http://b west=http://c": "[east http://a http://b][west http://c]",
		"east=http://a http://b":               "either all",
		"east=http://a east=http://b":          "two Marathons",
		"east=":                                "no URL",
		"=http://a":                            "name",
		"ea$t=http://a":                        "name",
	} {
		o := marathon.Options{Endpoints: strings.Fields(words), HealthCheck: true}
		all, err := o.Marathons()
		got := fmt.Sprint(err)
		if err == nil {
			got = ""
			for _, m := range all {
				got += fmt.Sprintf("[%s %s]", m.Name, strings.Join(m.Endpoints, " "))
				if !m.HealthCheck {
					t.Errorf("%s: the other options are lost", words)
				}
			}
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
}

// joined is a compiler with the linkers of two Marathons, and the spec of all it emitted.
func joined() (*marathon.Compiler, marathon.Linker, marathon.Linker, func() *route.Table) {
	c := marathon.NewCompiler(external())
	table := route.NewTable(1)
	j := marathon.NewJoint(c, func(change route.Change) { table, _ = route.Build(table, change) })
	return c, j.Linker("east"), j.Linker("west"), func() *route.Table { return table }
}

func TestAppsOfSeveralMarathonsMeetInOneTable(t *testing.T) {
	c, east, west, table := joined()
	same := func(l marathon.Linker, port int) {
		a := web("/shop/web", port, "HAPROXY_0_VHOST", fmt.Sprint("p", port, ".example.com"))
		l.Set(a, marathon.FactsAt(a, noon, nil))
		l.Link(noon)
	}
	same(west, 10001)
	same(east, 10002)
	for _, name := range []string{"shop_web_10001", "shop_web_10002"} {
		if k := table().Backend(name); k == nil || len(k.Servers) != 1 {
			t.Errorf("%s: %+v", name, k)
		}
	}
	apps := map[string]bool{}
	for _, v := range c.Verdicts() {
		apps[v.App] = v.Why == route.Exposed
	}
	if len(c.Problems()) != 0 || !apps["east:/shop/web"] || !apps["west:/shop/web"] {
		t.Errorf("%v %v", c.Problems(), apps)
	}
	for id, want := range map[string]string{"/shop/web": "shop_web_10002", "east:/shop/web": "shop_web_10002", "west:/shop/web": "shop_web_10001"} {
		if got := byAppID(table(), id); got != want {
			t.Errorf("id %s leads to %q, want %q", id, got, want)
		}
	}
	same(east, 10001) // what west has had until now
	p := c.Problems()
	if len(p) != 1 || p[0].App != "west:/shop/web" || !strings.Contains(p[0].Reason, "east:/shop/web") {
		t.Errorf("%v", p)
	}
	if k := table().Backend("shop_web_10001"); k.Spec.App != "east:/shop/web" {
		t.Errorf("the name is that of %s", k.Spec.App)
	}
	east.Remove("/shop/web")
	east.Link(noon)
	if k := table().Backend("shop_web_10001"); k.Spec.App != "west:/shop/web" || len(c.Problems()) != 0 {
		t.Errorf("the name is that of %s, %v", k.Spec.App, c.Problems())
	}
}

func TestWatchersShareACompilerSafely(t *testing.T) {
	c, east, west, table := joined()
	var g sync.WaitGroup
	for offset, l := range map[int]marathon.Linker{10000: east, 20000: west} {
		g.Go(func() {
			for i := range 50 {
				a := web(fmt.Sprint("/app", i), offset+i)
				l.Set(a, marathon.FactsAt(a, noon, nil))
				l.Link(noon)
			}
		})
	}
	g.Wait()
	if n := len(c.Verdicts()); n != 100 || table().Backend("app49_10049") == nil || table().Backend("app49_20049") == nil {
		t.Errorf("%d verdicts", n)
	}
}

// byAppID is the backend that an app id leads to, empty for none.
func byAppID(t *route.Table, id string) string {
	k, _ := t.MatchApp(id, nil)
	if k == nil {
		return ""
	}
	return k.Spec.Name
}
