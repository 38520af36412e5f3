package route_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"marathon-lb/internal/route"
)

// fleet is a backend whose tasks come and go, among changes of other backends.
type fleet struct {
	*route.Table
	balance route.Balance
	now     time.Time
	tasks   map[int]route.State // there are
	down    map[int]bool
}

const mostTasks = 8

func newFleet(balance route.Balance) *fleet {
	return &fleet{Table: route.NewTable(1), balance: balance, now: t0, tasks: map[int]route.State{}, down: map[int]bool{}}
}

func (f *fleet) backend() *route.Backend { return f.Backend("a_1") }

// server is the live one of a task, nil if it has none.
func (f *fleet) server(task int) *route.Server {
	for _, s := range f.backend().Servers {
		if s.Task == fmt.Sprint(task) {
			return s
		}
	}
	return nil
}

func (f *fleet) apply() {
	k := service("/a", 1, 0)
	k.Balance = f.balance
	k.Check = &route.Check{Protocol: "TCP", Interval: time.Second, Rise: 1, Fall: 1}
	for task := range mostTasks {
		if st, there := f.tasks[task]; there {
			k.Servers = append(k.Servers, route.ServerSpec{
				Name: fmt.Sprintf("10_0_0_%d_31000", task), App: "/a", Task: fmt.Sprint(task), Cookie: fmt.Sprint("c", task), State: st, Vouched: true,
				Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(task)}), 31000),
			})
		}
	}
	f.change(set(k))
	for task := range f.tasks {
		f.probe(task, f.down[task])
	}
}

func (f *fleet) change(c route.Change) {
	f.now = f.now.Add(time.Second)
	c.Now = f.now
	f.Table, _ = route.Build(f.Table, c)
}

func (f *fleet) probe(task int, down bool) {
	f.down[task] = down
	h := route.Up
	if down {
		h = route.Down
	}
	f.server(task).SetHealth(h, f.now)
	f.backend().NoteHealth(f.now)
}

// turn does something to the fleet. It never takes the last server that may be picked.
func (f *fleet) turn(t *rapid.T) {
	task := rapid.IntRange(0, mostTasks-1).Draw(t, "task")
	switch rapid.SampledFrom([]string{"come", "go", "drain", "down", "up", "again"}).Draw(t, "turn") {
	case "come":
		f.tasks[task], f.down[task] = route.Ready, false
		f.apply()
	case "go":
		if f.others(task) {
			delete(f.tasks, task)
			f.apply()
		}
	case "drain":
		if _, there := f.tasks[task]; there && f.others(task) {
			f.tasks[task] = route.Draining
			f.apply()
		}
	case "down":
		if st, there := f.tasks[task]; there && st == route.Ready && f.others(task) {
			f.probe(task, true)
		}
	case "up":
		if _, there := f.tasks[task]; there {
			f.probe(task, false)
		}
	case "again":
		f.apply()
	}
}

// fit says that a task may be picked, others that one beside it may.
func (f *fleet) fit(task int) bool {
	st, there := f.tasks[task]
	return there && st == route.Ready && !f.down[task]
}

func (f *fleet) others(task int) bool {
	for other := range f.tasks {
		if other != task && f.fit(other) {
			return true
		}
	}
	return false
}

func (f *fleet) size() (n int) {
	for task := range f.tasks {
		if f.fit(task) {
			n++
		}
	}
	return n
}

// noise changes another backend, which must not matter.
func (f *fleet) noise(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "noise") == 0 {
		f.change(set(service("/b", 2, rapid.IntRange(0, 3).Draw(t, "servers"))))
	}
}

// Between two changes of who may be picked, round-robin gives each server as many requests as any other, give or take one, whatever
// else changes meanwhile.
func TestRoundRobinIsFairWhateverTheTablesWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(route.RoundRobin)
		f.tasks[0] = route.Ready
		f.apply()
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			f.turn(t)
			got := map[*route.Server]int{}
			n := rapid.IntRange(0, 40).Draw(t, "requests")
			for i := range n {
				if i%7 == 0 {
					f.noise(t)
				}
				got[f.backend().Pick(0, nil)]++
			}
			for task := range mostTasks {
				if f.fit(task) {
					s := f.server(task)
					if least := n / f.size(); got[s] < least || got[s] > least+1 {
						t.Fatalf("task %d got %d of %d requests among %d servers", task, got[s], n, f.size())
					}
					delete(got, s)
				}
			}
			if len(got) > 0 {
				t.Fatalf("%d requests went to servers that may take none", len(got))
			}
		}
	})
}

// A client that is balanced by a hash moves only where its server may not be picked any more, or to a server that has come.
func TestAChangeMovesOnlyTheClientsItConcerns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(route.Source)
		f.tasks[0] = route.Ready
		f.apply()
		at := func() (of [200]*route.Server) {
			for i := range of {
				of[i] = f.backend().Pick(route.Hash(fmt.Sprint("client", i)), nil)
			}
			return of
		}
		before := at()
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			was := map[*route.Server]bool{}
			for task := range f.tasks {
				if f.fit(task) {
					was[f.server(task)] = true
				}
			}
			f.turn(t)
			f.noise(t)
			after := at()
			for i, s := range after {
				if old := before[i]; s != old && old.Grade() == route.Proven && was[s] {
					t.Fatalf("client %d moved from %s to %s, which both were there and are", i, old.Name, s.Name)
				}
			}
			before = after
		}
	})
}

// A sticky client stays with its task as long as that may be picked, and is given another one once when it may not.
func TestAStickyClientMovesOnceWhenItsTaskGoesAndNeverBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(rapid.SampledFrom([]route.Balance{route.RoundRobin, route.LeastConn, route.Random, route.First}).Draw(t, "balance"))
		f.tasks[0] = route.Ready
		f.apply()
		clients := make([]string, 20) // their cookies
		ask := func(i int) (s *route.Server, pinned bool) {
			if s = f.backend().BySticky(clients[i]); s != nil {
				return s, false
			}
			s = f.backend().Pick(0, nil)
			clients[i] = s.Cookie
			return s, true
		}
		at := make([]*route.Server, len(clients))
		for i := range clients {
			at[i], _ = ask(i)
		}
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			f.turn(t)
			f.noise(t)
			for i := range clients {
				stays := at[i] == f.server(atoi(at[i].Task)) && at[i].Grade() == route.Proven
				s, pinned := ask(i)
				if pinned == stays || stays && s != at[i] {
					t.Fatalf("client %d of %s, which stays: %v, got %s, pinned anew: %v", i, at[i].Name, stays, s.Name, pinned)
				}
				if again, twice := ask(i); twice || again != s {
					t.Fatalf("client %d was pinned to %s, and at once to %s", i, s.Name, again.Name)
				}
				at[i] = s
			}
		}
	})
}

func atoi(s string) (n int) {
	fmt.Sscan(s, &n)
	return n
}
