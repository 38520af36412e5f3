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

func TestWhatAServerHadWhenItDiedIsOneFailure(t *testing.T) {
	table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
	s := table.Backend("a_1").Servers[0]
	now := time.Now()
	for _, c := range []struct {
		what       string
		began, at  time.Duration
		one, notes bool // whether it is then noted as a failure
	}{
		{"the first", 0, 1, true, true},
		{"begun before it", 0, 2, true, false},
		{"begun after it", 3, 4, false, true},
		{"begun after it, much later", 20, 21, true, true},
		{"begun after that", 22, 23, false, false},
	} {
		at := now.Add(c.at * time.Second)
		if got := s.Broke(now.Add(c.began*time.Second), at); got != c.one {
			t.Errorf("%s: %v", c.what, got)
		}
		if c.notes {
			s.Shun(at)
		}
	}
}

func TestAServerWhoseShunningEndsJustNowIsChosen(t *testing.T) {
	for range 300 { // of which one in a few meets the moment
		table, _ := build(t, route.NewTable(1), set(service("/a", 1, 1)))
		b := table.Backend("a_1")
		s := b.Servers[0]
		for s.Shun(time.Now().Add(100*time.Microsecond - time.Second)); s.IsShunned(); {
			if b.Pick(0, nil) == nil {
				t.Fatal("its requests had no server")
			}
		}
	}
}
