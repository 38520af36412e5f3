package route_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"marathon-lb/internal/route"
)

func TestWhoWaitsInLineIsCalledInTurn(t *testing.T) {
	var l route.Line
	var called []int
	wait := func(n int) *route.Place { return l.Wait(2, 3, func(*route.Place) { called = append(called, n) }) }
	for range 2 {
		if !l.Enter(2) {
			t.Fatal("there was room")
		}
	}
	if l.Enter(2) {
		t.Fatal("there was no room")
	}
	first, second, third := wait(1), wait(2), wait(3)
	if wait(4) != nil {
		t.Error("the line is longer than it may be")
	}
	second.GiveUp(2)
	l.Leave(2)
	if l.Enter(2) {
		t.Error("somebody got in who did not wait")
	}
	l.Leave(2)
	if len(called) != 2 || called[0] != 1 || called[1] != 3 {
		t.Errorf("called %v", called)
	}
	first.GiveUp(2) // it was called, so it leaves
	third.GiveUp(2)
	if l.Inside() != 0 || l.Waiting() != 0 {
		t.Errorf("%d are in, %d wait", l.Inside(), l.Waiting())
	}
}

func TestNobodyIsForgottenInLine(t *testing.T) {
	const most, each, workers = 3, 2000, 8
	var l route.Line
	var inside, worst atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				if l.Enter(most) {
					worst.Store(max(worst.Load(), inside.Add(1)))
					inside.Add(-1)
					l.Leave(most)
					continue
				}
				called := make(chan struct{})
				p := l.Wait(most, workers, func(*route.Place) { close(called) })
				if (w+i)%7 == 0 {
					p.GiveUp(most)
					continue
				}
				<-called
				worst.Store(max(worst.Load(), inside.Add(1)))
				inside.Add(-1)
				l.Leave(most)
			}
		})
	}
	all.Wait()
	if worst.Load() > most || l.Inside() != 0 || l.Waiting() != 0 {
		t.Errorf("%d were in at once, %d are in, %d wait", worst.Load(), l.Inside(), l.Waiting())
	}
}
