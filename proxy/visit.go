package proxy

import (
	"time"

	"marathon-lb/internal/route"
)

// visit is the next probe of a server.
type visit struct {
	server  *route.Server
	plan    *route.Plan
	due     time.Time
	began   time.Time // when the server was first to be probed so
	place   int       // in the agenda, -1 while the probe is under way
	settles bool      // the server is new, and was not found well yet
	off     bool      // the server is not to be probed any more, or by another question
}

// agenda is a heap of visits, the next one first.
type agenda []*visit

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

func (a *agenda) Push(x any) {
	v := x.(*visit)
	v.place = len(*a)
	*a = append(*a, v)
}

func (a *agenda) Pop() any {
	old := *a
	v := old[len(old)-1]
	old[len(old)-1] = nil
	*a, v.place = old[:len(old)-1], -1
	return v
}
