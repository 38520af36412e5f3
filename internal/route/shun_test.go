package route_test

import (
	"testing"
	"testing/synctest"
	"time"

	"marathon-lb/internal/route"
)

func TestAServerIsShunnedLongerWithEachFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, _ := build(t, route.NewTable(1), set(service("/a", 1, 2)))
		b := table.Backend("a_1")
		s := b.Servers[0]
		for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
			s.Shun(time.Now())
			s.Shun(time.Now()) // of a request that had chosen it before
			for range 4 {
				if got := b.Pick(0, nil); got == s {
					t.Fatalf("picked while it is shunned for %d s", want)
				}
			}
			if b.Pick(0, b.Servers[1:]) != s || !s.Usable() || b.Usable() != 1 {
				t.Error("it is not there for those who have no other")
			}
			time.Sleep(want*time.Second - time.Millisecond)
			if s.Grade() != route.Shunned {
				t.Errorf("not shunned for %d s", want)
			}
			time.Sleep(time.Millisecond)
			if s.Grade() != route.Proven {
				t.Errorf("shunned for longer than %d s", want)
			}
		}
		s.Shun(time.Now())
		s.Reached()
		if s.Grade() != route.Proven {
			t.Error("shunned after an answer")
		}
		s.Shun(time.Now())
		time.Sleep(time.Second)
		if s.Grade() != route.Proven {
			t.Error("an answer did not make it begin anew")
		}
	})
}
