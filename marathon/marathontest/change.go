package marathontest

import (
	"maps"
	"net/http"
	"path"
	"time"
)

// change is a wish to change definitions.
type change struct {
	apps    map[string]*App // the definitions wanted, by id; nil where the app is to go
	group   string          // whose change group_change_success announces
	force   bool            // cancels deployments in the way
	restart bool            // new tasks even if nothing differs
	doomed  []*instance     // see deployment
	create  bool            // the apps must be new
	post    *apiPost        // api_post_event to publish, if any

	podEvent, uri string // event of pods to publish, if any
}

// newVersion is the present time as a version, later than any before; s.mu is held.
func (s *Server) newVersion() string {
	now := time.Now().Truncate(time.Millisecond)
	if !now.After(s.lastVersion) {
		now = s.lastVersion.Add(time.Millisecond)
	}
	s.lastVersion = now
	return stamp(now)
}

// apply carries out a change in Marathon's order: the deployment begins, the new definitions can be read, the rest is told.
func (s *Server) apply(c change) (*deployment, *Error) {
	s.updates.Lock()
	defer s.updates.Unlock()
	d, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	s.pause(s.o.Timing.Commit, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range d.after {
		if old := s.apps[id]; old != nil && old != a {
			s.history[id] = append(s.history[id], old)
		}
		if a == nil {
			delete(s.apps, id)
		} else {
			s.apps[id] = a
		}
	}
	d.committed = true
	s.publish(Event{Type: "group_change_success"}, groupChange{GroupID: c.group, Version: d.version})
	if c.post != nil {
		s.publish(Event{Type: "api_post_event", App: c.post.AppDefinition.ID}, c.post)
	}
	if c.podEvent != "" {
		s.publish(Event{Type: c.podEvent}, podEvent{ClientIP: "127.0.0.1", URI: c.uri})
	}
	s.advance(d)
	return d, nil
}

// prepare checks a change and begins its deployment.
func (s *Server) prepare(c change) (*deployment, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range c.apps {
		if c.create && s.apps[id] != nil {
			return nil, &Error{Status: http.StatusConflict, Message: "An app with id [" + id + "] already exists."}
		}
	}
	if err := s.unlock(c); err != nil {
		return nil, err
	}
	version := s.newVersion()
	before, after := map[string]*App{}, map[string]*App{}
	all := maps.Clone(s.apps)
	for _, id := range sortedKeys(c.apps) {
		before[id] = s.apps[id]
		a, err := successor(before[id], c.apps[id], all, version, c.restart)
		if err != nil {
			return nil, err
		}
		after[id], all[id] = a, a
	}
	if c.post != nil {
		c.post.AppDefinition.Version = version
	}
	d := newDeployment(s.uuid(), version, before, after)
	d.doomed = c.doomed
	s.begin(d)
	return d, nil
}

// unlock cancels the deployments that lock the apps of a change, or refuses the change; s.mu is held.
func (s *Server) unlock(c change) *Error {
	var inTheWay []*deployment
	for _, d := range s.deployments {
		for id := range c.apps {
			if d.touches(id) {
				inTheWay = append(inTheWay, d)
				break
			}
		}
	}
	if len(inTheWay) > 0 && !c.force {
		s.publish(Event{Type: "group_change_failed"}, groupChange{GroupID: c.group, Version: s.newVersion(), Reason: lockedMessage})
		return locked(inTheWay)
	}
	for _, d := range inTheWay {
		s.cancelDeployment(d)
	}
	return nil
}

// successor is the definition that follows before when wanted is asked for: with service ports and version information. It is
// before itself if nothing differs.
func successor(before, wanted *App, all map[string]*App, version string, restart bool) (*App, *Error) {
	if wanted == nil {
		return nil, nil
	}
	a := wanted.clone()
	if a.pod == nil {
		if err := assignServicePorts(a, before, all); err != nil {
			return nil, err
		}
	}
	a.Version = version
	a.VersionInfo = &VersionInfo{LastScalingAt: version, LastConfigChangeAt: version}
	if before == nil || restart || !before.sameConfig(a) {
		return a, nil
	}
	if before.Instances == a.Instances {
		return before, nil
	}
	a.VersionInfo.LastConfigChangeAt = before.VersionInfo.LastConfigChangeAt
	return a, nil
}

// parent is the group an app is in, which is whose change is announced.
func parent(id string) string { return path.Dir(id) }
