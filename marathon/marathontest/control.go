package marathontest

import (
	"encoding/json"
	"maps"
	"slices"
)

// Go's way to what the REST API does. Each method returns once the new definition can be read; the deployment goes on, and its id
// is returned for WaitDeployment. An error is an *Error, as the API would answer.

// Create is POST /v2/apps.
func (s *Server) Create(a App) (deployment string, err error) {
	c := a.clone()
	if e := normalize(c); e != nil {
		return "", e
	}
	return result(s.put(c, local(c.ID), true, false))
}

// Update is PUT /v2/apps/{id}?partialUpdate=false: it creates the app or replaces its definition.
func (s *Server) Update(a App) (deployment string, err error) {
	c := a.clone()
	if e := normalize(c); e != nil {
		return "", e
	}
	return result(s.put(c, local(c.ID), false, false))
}

// Patch is PATCH /v2/apps/{id}: it changes the members that the JSON names.
func (s *Server) Patch(id, members string) (deployment string, err error) {
	id = absolute(id)
	if s.definition(id) == nil {
		return "", noApp(id)
	}
	a, e := s.parseUpdate(id, []byte(members), true)
	if e != nil {
		return "", e
	}
	return result(s.put(a, local(id), false, false))
}

// Scale is PUT /v2/apps/{id} {"instances":n}.
func (s *Server) Scale(id string, instances int) (deployment string, err error) {
	text, _ := json.Marshal(map[string]int{"instances": instances})
	return s.Patch(id, string(text))
}

// Restart is POST /v2/apps/{id}/restart.
func (s *Server) Restart(id string) (deployment string, err error) {
	return result(s.restartApp(absolute(id), false))
}

// Delete is DELETE /v2/apps/{id}.
func (s *Server) Delete(id string) (deployment string, err error) {
	return result(s.deleteApp(absolute(id), true))
}

// Kill is DELETE /v2/apps/{id}/tasks/{task}?scale=. Without scale another task follows and there is no deployment.
func (s *Server) Kill(task string, scale bool) (deployment string, err error) {
	killed, d, e := s.kill(func(t *Task) bool { return t.id == task }, scale, false, false)
	if e == nil && d == nil && len(killed) == 0 {
		e = notFound("Task '%s' does not exist", task)
	}
	if d == nil && e == nil {
		return "", nil
	}
	return result(d, e)
}

// App is the definition of an app as it can be read now; nil if there is none.
func (s *Server) App(id string) *App {
	if a := s.definition(absolute(id)); a != nil {
		return a.clone()
	}
	return nil
}

// Tasks are the newest tasks of the instances of an app, oldest instance first, whatever their state.
func (s *Server) Tasks(id string) (tasks []*Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.of(absolute(id)) {
		if i.task != nil {
			tasks = append(tasks, i.task)
		}
	}
	return tasks
}

// State is the state of a task: TASK_RUNNING and so on.
func (s *Server) State(t *Task) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.state
}

func (s *Server) definition(id string) *App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apps[id]
}

func local(id string) *apiPost { return &apiPost{ClientIP: "127.0.0.1", URI: "/v2/apps" + id} }

func result(d *deployment, e *Error) (string, error) {
	if e != nil {
		return "", e
	}
	return d.id, nil
}

func (s *Server) put(a *App, post *apiPost, create, force bool) (*deployment, *Error) {
	post.AppDefinition = a.clone() // before service ports are given out
	return s.apply(change{apps: map[string]*App{a.ID: a}, group: parent(a.ID), create: create, force: force, post: post})
}

func (s *Server) restartApp(id string, force bool) (*deployment, *Error) {
	a := s.definition(id)
	if a == nil {
		return nil, noApp(id)
	}
	return s.apply(change{apps: map[string]*App{id: a}, group: parent(id), force: force, restart: true})
}

func (s *Server) deleteApp(id string, force bool) (*deployment, *Error) {
	if s.definition(id) == nil {
		return nil, noApp(id)
	}
	return s.apply(change{apps: map[string]*App{id: nil}, group: parent(id), force: force})
}

// kill kills the tasks that match. With scale their apps shrink by a deployment; else others follow in the same instances, or in
// new ones if the instances are wiped.
func (s *Server) kill(match func(*Task) bool, scale, wipe, force bool) ([]taskView, *deployment, *Error) {
	s.mu.Lock()
	var doomed []*instance
	killed := []taskView{}
	smaller := map[string]*App{}
	for _, i := range s.instances {
		a := s.apps[i.app.ID]
		if i.task == nil || a == nil || i.decommissioned || terminal(i.task.state) || !match(i.task) {
			continue
		}
		doomed, killed = append(doomed, i), append(killed, i.task.view())
		if smaller[a.ID] == nil {
			smaller[a.ID] = a.clone()
		}
		smaller[a.ID].Instances = max(0, smaller[a.ID].Instances-1)
	}
	if !scale {
		for _, i := range doomed {
			s.end(i, wipe)
			if wipe {
				s.schedule(s.apps[i.app.ID])
			}
		}
	}
	s.mu.Unlock()
	if !scale || len(doomed) == 0 {
		return killed, nil, nil
	}
	d, err := s.apply(change{apps: smaller, group: "/", force: force, doomed: doomed})
	return killed, d, err
}

// CancelDeployment is DELETE /v2/deployments/{id}?force=: with force it just ends, else a new deployment leads back and its id is
// returned.
func (s *Server) CancelDeployment(id string, force bool) (rollback string, err error) {
	d, e := s.rollBack(id, force)
	if d == nil && e == nil {
		return "", nil
	}
	return result(d, e)
}

func (s *Server) rollBack(id string, force bool) (*deployment, *Error) {
	s.mu.Lock()
	n := slices.IndexFunc(s.deployments, func(d *deployment) bool { return d.id == id })
	if n < 0 {
		s.mu.Unlock()
		return nil, notFound("DeploymentPlan %s does not exist", id)
	}
	d := s.deployments[n]
	if force {
		s.cancelDeployment(d)
	}
	s.mu.Unlock()
	if force {
		return nil, nil
	}
	return s.apply(change{apps: maps.Clone(d.before), group: "/", force: true})
}
