package route_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
)

var shop = route.Rule{Host: "shop.example.com"}

// member is an app of the group "shop" with n servers, and a weight in percent or -1.
func member(name string, port, n, weight int) route.BackendSpec {
	k := service("/"+name, port, n, shop)
	k.Canary = route.Canary{Group: "shop", Weight: weight, Cookie: "canary", Cohort: name}
	for i := range k.Servers {
		k.Servers[i].Cookie = fmt.Sprint(name, i)
	}
	return k
}

// clients counts the apps that n new ones get.
func clients(t *route.Table, n int) map[string]int {
	got := map[string]int{}
	b, rule := t.Match(shop.Host, "/", nil)
	for range n {
		c, _ := t.Cohort(b, rule, "", "", false)
		got[c.Spec.App]++
	}
	return got
}

func TestACanaryGroupSplitsNewClients(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []route.BackendSpec
		want    map[string]int // of 1000
	}{
		{"by servers", []route.BackendSpec{member("a", 1, 3, -1), member("b", 2, 1, -1)}, map[string]int{"/a": 750, "/b": 250}},
		{"a percentage, and the rest", []route.BackendSpec{member("a", 1, 3, -1), member("b", 2, 1, 10)}, map[string]int{"/a": 900, "/b": 100}},
		{"the rest by servers", []route.BackendSpec{member("a", 1, 3, -1), member("b", 2, 1, 20), member("c", 3, 1, -1)}, map[string]int{"/a": 600, "/b": 200, "/c": 200}},
		{"weights only", []route.BackendSpec{member("a", 1, 1, 30), member("b", 2, 9, 10)}, map[string]int{"/a": 750, "/b": 250}},
		{"no new clients", []route.BackendSpec{member("a", 1, 1, -1), member("b", 2, 1, 0)}, map[string]int{"/a": 1000}},
		{"all of them", []route.BackendSpec{member("a", 1, 5, -1), member("b", 2, 1, 100)}, map[string]int{"/b": 1000}},
		{"nobody else is there", []route.BackendSpec{member("a", 1, 0, -1), member("b", 2, 1, 10)}, map[string]int{"/b": 1000}},
		{"the last one has no weight", []route.BackendSpec{member("a", 1, 0, -1), member("b", 2, 1, 0)}, map[string]int{"/b": 1000}},
		{"nobody is there", []route.BackendSpec{member("a", 1, 0, -1), member("b", 2, 0, 10)}, map[string]int{"/a": 1000}},
		{"nobody to share with", []route.BackendSpec{member("b", 2, 1, 10)}, map[string]int{"/b": 1000}},
	} {
		table, _ := build(t, route.NewTable(1), set(c.members...))
		got := clients(table, 1000)
		for _, m := range c.members {
			if n, want := got[m.App], c.want[m.App]; n < want-2 || n > want+2 || want == 0 && n > 0 {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
}

func TestOnlyThoseThatOptInShare(t *testing.T) {
	other := member("c", 3, 1, -1)
	other.Canary.Group = "another"
	table, _ := build(t, route.NewTable(1), set(member("a", 1, 1, -1), service("/b", 2, 1, shop), other))
	if got := clients(table, 100); got["/a"] != 100 {
		t.Errorf("without another in the group: %v", got)
	}
	changed := member("b", 2, 1, -1) // it joins with the same rules
	table, _ = build(t, table, set(changed))
	if got := clients(table, 100); got["/a"] < 48 || got["/a"] > 52 || got["/a"]+got["/b"] != 100 {
		t.Errorf("after it joined: %v", got)
	}
	elsewhere := member("d", 4, 1, -1)
	elsewhere.Rules[0].Path = "/other"
	table, _ = build(t, table, set(elsewhere, service("/b", 2, 1, shop)))
	if got := clients(table, 100); got["/a"] != 100 {
		t.Errorf("after it left the group, and another came with another path: %v", got)
	}
	if b, rule := table.Match(shop.Host, "/", nil); b != nil {
		if _, shared := table.Cohort(b, rule, "", "", false); shared {
			t.Error("said to be shared by one alone")
		}
	}
}

func TestAClientThatIsStickyAlreadyIsPinnedToTheAppOfItsServer(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(member("a", 1, 2, -1), member("b", 2, 1, 0)))
	b, rule := table.Match(shop.Host, "/", nil)
	if got, _ := table.Cohort(b, rule, "", "b0", false); got.Spec.App != "/b" {
		t.Errorf("the client of /b's server came to %s", got.Spec.App)
	}
	if got, _ := table.Cohort(b, rule, "a", "b0", false); got.Spec.App != "/a" {
		t.Errorf("the persistence cookie went before the group's: %s", got.Spec.App)
	}
}

func TestOnlyAnAppThatLetsInTheSameStandsIn(t *testing.T) {
	guarded, rewriting := member("b", 2, 1, -1), member("c", 3, 1, -1)
	guarded.Auth, rewriting.Rewrite.Strip = &route.Auth{User: "bob"}, "/x"
	table, _ := build(t, route.NewTable(1), set(member("a", 1, 0, -1), guarded, rewriting, member("d", 4, 0, -1)))
	a := table.Backend("a_1")
	if got := table.StandIn(a, shop); got != nil {
		t.Errorf("%s stands in", got.Spec.App)
	}
	table, _ = build(t, table, set(member("d", 4, 1, -1)))
	if got := table.StandIn(a, shop); got == nil || got.Spec.App != "/d" {
		t.Errorf("got %v, want /d", got)
	}
}

// Whatever becomes of the apps, a client stays with its own as long as that has a server, and is given another one once when it has not.
func TestACanaryClientMovesOnceWhenItsAppGoesAndNeverBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, have := route.NewTable(1), map[string]int{"a": 1}
		names := []string{"a", "b", "c"}
		apply := func(name string, n int) {
			at := map[string]int{"a": 1, "b": 2, "c": 3}[name]
			c := set(member(name, at, n, rapid.SampledFrom([]int{-1, 0, 30}).Draw(t, "weight")))
			if have[name] = n; n < 0 {
				c = route.Change{DropBackends: []string{fmt.Sprintf("%s_%d", name, at)}}
			}
			c.Now = t0
			table, _ = route.Build(table, c)
		}
		apply("a", 1)
		pins := make([]string, 10)
		ask := func(i int) (cohort string, pinned bool) {
			b, rule := table.Match(shop.Host, "/", nil)
			c, shared := table.Cohort(b, rule, pins[i], "", false)
			cohort = c.Spec.Canary.Cohort
			if pinned = shared && cohort != pins[i]; pinned {
				pins[i] = cohort
			}
			return cohort, pinned
		}
		for range rapid.IntRange(1, 15).Draw(t, "turns") {
			name, n := rapid.SampledFrom(names).Draw(t, "app"), rapid.IntRange(-1, 3).Draw(t, "servers")
			alive := 0
			for other, m := range have {
				if other != name && m > 0 {
					alive++
				}
			}
			if n > 0 || alive > 0 {
				apply(name, n)
			}
			for i := range pins {
				was := pins[i]
				stays := was != "" && have[was] > 0
				cohort, pinned := ask(i)
				if have[cohort] <= 0 || stays && (pinned || cohort != was) {
					t.Fatalf("client %d of %q, which has %d servers, came to %q with %d", i, was, have[was], cohort, have[cohort])
				}
				if again, twice := ask(i); twice || pins[i] != "" && have[pins[i]] > 0 && again != cohort {
					t.Fatalf("client %d was sent to %q, and at once to %q", i, cohort, again)
				}
			}
		}
	})
}
