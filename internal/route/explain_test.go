package route_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
)

// anyTable is a table of a few backends whose rules and servers overlap as much as possible.
func anyTable(t *rapid.T) *route.Table {
	hosts, paths := []string{"a.x", "b.a.x", "*.x", "*.a.x", "*"}, []string{"", "/", "/p", "/p/q", "/P"}
	var c route.Change
	for i := range rapid.IntRange(1, 6).Draw(t, "backends") {
		var rules []route.Rule
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			rules = append(rules, route.Rule{
				Host: rapid.SampledFrom(hosts).Draw(t, "host"), Path: rapid.SampledFrom(paths).Draw(t, "path"),
				IgnoreCase: rapid.Bool().Draw(t, "ignore case"), Weight: rapid.IntRange(-1, 2).Draw(t, "weight"),
			})
		}
		k := service(fmt.Sprintf("/app%d", i), 10000+i, rapid.IntRange(0, 4).Draw(t, "servers"), rules...)
		k.Balance = rapid.SampledFrom([]route.Balance{route.RoundRobin, route.LeastConn, route.First, route.Random, route.Source}).Draw(t, "balance")
		for j := range k.Servers {
			k.Servers[j].State = rapid.SampledFrom([]route.State{route.Ready, route.LastResort, route.Draining}).Draw(t, "state")
			k.Servers[j].Vouched = rapid.Bool().Draw(t, "vouched")
		}
		c.SetBackends = append(c.SetBackends, k)
	}
	c.Now = t0
	table, _ := route.Build(route.NewTable(1), c)
	for _, b := range table.Backends() {
		for _, s := range b.Servers {
			s.SetHealth(rapid.SampledFrom([]route.Health{route.NoCheck, route.Up, route.Initial, route.Down}).Draw(t, "health"), t0)
		}
		b.NoteHealth(t0)
	}
	return table
}

// What explains a match is what matched: the first rule of the trace that fits is the one taken, and no rule for the host is missing.
func TestTheTraceOfAMatchIsTheMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		host := rapid.SampledFrom([]string{"", "a.x", "b.a.x", "c.b.a.x", "x", "y"}).Draw(t, "host")
		path := rapid.SampledFrom([]string{"", "/", "/p", "/p/q/r", "/P/Q", "/z"}).Draw(t, "path")
		var tr route.Trace
		traced, rule := table.Match(host, path, &tr)
		silent, same := table.Match(host, path, nil)
		if traced != silent || rule != same {
			t.Fatalf("with a trace it is %v by %v, without one %v by %v", traced, rule, silent, same)
		}
		first := slices.IndexFunc(tr.Steps, func(s route.Step) bool { return s.Fits })
		if (first >= 0) != (traced != nil) {
			t.Fatalf("backend %v, but the trace says %+v", traced, tr.Steps)
		}
		for i, s := range tr.Steps {
			if s.Taken != (i == first) || s.Taken && (s.Backend != traced.Spec.Name || s.Rule != rule) || (s.Behind != "") != (s.Fits && i != first) {
				t.Fatalf("step %d is %+v; %v was taken by %v", i, s, traced, rule)
			}
		}
		want := 0
		for _, b := range table.Backends() {
			for _, r := range b.Spec.Rules {
				if route.HostIn([]string{r.Host}, host) || r.Host == "*" {
					want++
				}
			}
		}
		if len(tr.Steps) != want {
			t.Fatalf("%d rules are for %q, the trace has %d: %+v", want, host, len(tr.Steps), tr.Steps)
		}
	})
}

// Who is said to take turns does, and nobody else.
func TestStandingsSayWhomPickChooses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, b := range anyTable(t).Backends() {
			turn, spare := map[*route.Server]bool{}, map[*route.Server]bool{}
			for _, s := range b.Standings() {
				turn[s.Server], spare[s.Server] = s.Turn, s.Spare
			}
			picked := map[*route.Server]bool{}
			for i := range 4 * len(b.Servers) {
				hash := uint64(i) * 0x9e3779b97f4a7c15
				next := b.Peek(hash)
				s := b.Pick(hash, nil)
				if s != nil && !turn[s] || next != nil && next != s {
					t.Fatalf("%s was picked and %s foretold; standings %+v", s.Name, next.Name, b.Standings())
				}
				picked[s] = true
			}
			rounds := b.Spec.Balance == route.RoundRobin
			for s, takes := range turn {
				if takes && rounds && !picked[s] {
					t.Fatalf("%s never had its turn; standings %+v", s.Name, b.Standings())
				}
			}
			var tried []*route.Server
			for s := b.Pick(1, nil); s != nil; s = b.Pick(1, tried) {
				if !turn[s] && !spare[s] {
					t.Fatalf("%s was picked after %d others; standings %+v", s.Name, len(tried), b.Standings())
				}
				tried = append(tried, s)
			}
			for s := range turn {
				if (turn[s] || spare[s]) != slices.Contains(tried, s) {
					t.Fatalf("%s: turn %v, spare %v, tried %v", s.Name, turn[s], spare[s], slices.Contains(tried, s))
				}
			}
		}
	})
}

// Clients go by the names of fields: each is on the page that says what they mean.
func TestEachFieldOfAnExplanationIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var look func(reflect.Type)
	look = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || seen[of] {
			return
		}
		seen[of] = true
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.Anonymous && !regexp.MustCompile("`\\.?([a-z]+\\.)?"+name+`(\[\])?`+"`").Match(page) {
				t.Errorf("%s.%s: docs/explain.md has no word on %q", of.Name(), f.Name, name)
			}
			look(f.Type)
		}
	}
	look(reflect.TypeFor[route.Explanation]())
	if len(seen) < 9 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

func TestEachVerdictIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("problem.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Why = "([^"]+)"`).FindAllSubmatch(source, -1)
	for _, why := range found {
		if !strings.Contains(string(page), "\n| "+string(why[1])+" | ") {
			t.Errorf("docs/explain.md has no word on the verdict %q", why[1])
		}
	}
	if len(found) < 10 {
		t.Errorf("only %d verdicts were found", len(found))
	}
}
