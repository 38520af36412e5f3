package marathontest

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// of are the instances of an app, oldest first; s.mu is held.
func (s *Server) of(id string) (all []*instance) {
	for _, i := range s.instances {
		if i.app.ID == id {
			all = append(all, i)
		}
	}
	return all
}

func staying(all []*instance) []*instance {
	return slices.DeleteFunc(slices.Clone(all), func(i *instance) bool { return i.decommissioned })
}

// stopApp kills all of an app and says when nothing is left; s.mu is held.
func (s *Server) stopApp(id string) bool {
	all := s.of(id)
	for _, i := range staying(all) {
		s.end(i, true)
	}
	if len(all) > 0 {
		return false
	}
	s.publish(Event{Type: "app_terminated_event", App: id}, appEvent{id})
	return true
}

// scale brings an app to its number of instances: it kills first and waits until the killed are gone, or starts and waits until the
// new are running and healthy. s.mu is held.
func (s *Server) scale(d *deployment, a *App) (done bool) {
	all := s.of(a.ID)
	stay := staying(all)
	if len(stay) > a.Instances {
		if d.committed {
			for _, i := range victims(a, stay, d.doomed)[:len(stay)-a.Instances] {
				s.end(i, true)
			}
		}
		return false
	}
	for range a.Instances - len(stay) {
		s.schedule(a)
	}
	return d.committed && len(all) == a.Instances && !slices.ContainsFunc(all, notReady)
}

func notReady(i *instance) bool { return !i.ready() }

// victims puts those to be killed first in front: those asked for, then those that do not run, then by the app's kill selection.
func victims(a *App, all, doomed []*instance) []*instance {
	order := slices.Clone(all) // oldest first
	if a.KillSelection != "OLDEST_FIRST" {
		slices.Reverse(order)
	}
	rank := func(i *instance) int {
		switch {
		case slices.Contains(doomed, i):
			return 0
		case i.condition != "Running":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(order, func(x, y *instance) int { return cmp.Compare(rank(x), rank(y)) })
	return order
}

// rollout is the state of a rolling restart that its instances do not tell.
type rollout struct {
	atOnce int // old instances that could go before any new one was ready
	killed int // old ones sent away so far
}

// restart replaces the old instances of an app within the limits of its upgrade strategy: each new one that is running and healthy
// lets one old go, each old one that is gone makes room for a new one. s.mu is held.
func (s *Server) restart(d *deployment, a *App) (done bool) {
	var old, fresh []*instance
	all := s.of(a.ID)
	for _, i := range all {
		if i.app.Version < a.VersionInfo.LastConfigChangeAt {
			old = append(old, i)
		} else if !i.decommissioned {
			fresh = append(fresh, i)
		}
	}
	minHealthy := int(math.Ceil(float64(a.Instances) * a.UpgradeStrategy.MinimumHealthCapacity))
	capacity := int(float64(a.Instances) * (1 + a.UpgradeStrategy.MaximumOverCapacity))
	if minHealthy == capacity && len(old) > 0 {
		capacity++ // or there could be no progress
	}
	r := d.rollouts[a.ID]
	if r == nil {
		r = &rollout{atOnce: max(0, count(all, (*instance).ready)-minHealthy) + count(staying(old), notReady)}
		d.rollouts[a.ID] = r
	}
	for range min(a.Instances-len(fresh), capacity-len(all)) {
		s.schedule(a)
	}
	ready := count(fresh, (*instance).ready)
	if !d.committed {
		return false
	}
	for _, i := range victims(a, fresh, nil)[:max(0, len(fresh)-a.Instances)] { // left by a cancelled deployment
		s.end(i, true)
	}
	leaving := staying(old)
	for _, i := range leastReady(leaving)[:max(0, min(len(leaving), r.atOnce+ready-r.killed))] {
		r.killed++
		s.end(i, true)
	}
	return len(old) == 0 && len(fresh) == a.Instances && ready == a.Instances
}

// leastReady puts those in front that serve nothing anyway.
func leastReady(all []*instance) []*instance {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(x, y *instance) int {
		switch {
		case x.ready() == y.ready():
			return 0
		case y.ready():
			return -1
		}
		return 1
	})
	return order
}

func count(all []*instance, is func(*instance) bool) (n int) {
	for _, i := range all {
		if is(i) {
			n++
		}
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
