package route_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
)

// However a table came about, it serves what a table built at once from the same spec serves, and older tables stay as they were.
func TestAnySequenceOfChangesGivesTheTableOfItsSpec(t *testing.T) {
	hosts := []string{"a.x", "b.x", "*.x", "*"}
	rapid.Check(t, func(t *rapid.T) {
		table := route.NewTable(1)
		type shot struct {
			table *route.Table
			text  string
		}
		var shots []shot
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			c := route.Change{Now: t0.Add(time.Duration(step) * time.Minute)}
			for range rapid.IntRange(1, 3).Draw(t, "edits") {
				i := rapid.IntRange(0, 4).Draw(t, "app")
				app := fmt.Sprintf("/app%d", i)
				k := service(app, 10000+i, rapid.IntRange(0, 3).Draw(t, "servers"))
				known := slices.ContainsFunc(c.SetBackends, func(o route.BackendSpec) bool { return o.Name == k.Name })
				if known || slices.Contains(c.DropBackends, k.Name) {
					continue
				}
				if rapid.Bool().Draw(t, "drop") {
					c.DropBackends = append(c.DropBackends, k.Name)
					c.DropListeners = append(c.DropListeners, route.AnyAddr(k.Port))
					continue
				}
				for range rapid.IntRange(0, 2).Draw(t, "rules") {
					k.Rules = append(k.Rules, route.Rule{
						Host: rapid.SampledFrom(hosts).Draw(t, "host"), Path: rapid.SampledFrom([]string{"", "/a", "/a/b"}).Draw(t, "path"),
						Weight: rapid.IntRange(0, 1).Draw(t, "weight"),
					})
				}
				c.SetBackends = append(c.SetBackends, k)
				c.SetListeners = append(c.SetListeners, listen(k.Name, k.Port))
			}
			table, _ = route.Build(table, c)
			shots = append(shots, shot{table, table.Spec().String()})
		}
		fresh, _ := route.Build(route.NewTable(1), table.Spec().Change(t0))
		if a, b := table.Spec().String(), fresh.Spec().String(); a != b {
			t.Fatalf("spec differs:\n%s\n%s", a, b)
		}
		for _, host := range []string{"a.x", "b.x", "c.x", "y"} {
			for _, path := range []string{"/", "/a", "/a/b"} {
				k, r := table.Match(host, path, nil)
				l, q := fresh.Match(host, path, nil)
				if (k == nil) != (l == nil) || k != nil && (k.Spec.Name != l.Spec.Name || r != q) {
					t.Fatalf("%s%s: grown table says %v, fresh table %v", host, path, k, l)
				}
			}
		}
		for i, s := range shots {
			if s.table.Spec().String() != s.text {
				t.Fatalf("table %d changed after it was made", i)
			}
		}
	})
}

func BenchmarkBuildOneOf10000Backends(b *testing.B) {
	c := route.Change{Now: t0}
	for i := range 10000 {
		c.SetBackends = append(c.SetBackends, service(fmt.Sprintf("/app%d", i), 10000+i, 3, route.Rule{Host: fmt.Sprintf("h%d.example.com", i)}))
	}
	table, _ := route.Build(route.NewTable(1), c)
	one := route.Change{SetBackends: c.SetBackends[4711:4712], Now: t0}
	b.ReportAllocs()
	for b.Loop() {
		route.Build(table, one)
	}
}

func BenchmarkMatchIn10000Backends(b *testing.B) {
	c := route.Change{Now: t0}
	for i := range 10000 {
		c.SetBackends = append(c.SetBackends, service(fmt.Sprintf("/app%d", i), 10000+i, 3, route.Rule{Host: fmt.Sprintf("h%d.example.com", i)}))
	}
	table, _ := route.Build(route.NewTable(1), c)
	b.ReportAllocs()
	for b.Loop() {
		table.Match("h4711.example.com", "/some/path", nil)
	}
}
