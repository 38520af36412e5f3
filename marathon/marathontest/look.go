package marathontest

import (
	"cmp"
	"slices"
	"time"
)

// snapshot is what can be read at one moment.
type snapshot struct {
	apps        []*appView // by id
	pods        []*podView // likewise
	deployments []deploymentView
}

// appView is an app as GET shows it. Tasks is nil unless they were asked for.
type appView struct {
	*App
	TasksStaged     int          `json:"tasksStaged"`
	TasksRunning    int          `json:"tasksRunning"`
	TasksHealthy    int          `json:"tasksHealthy"`
	TasksUnhealthy  int          `json:"tasksUnhealthy"`
	Deployments     []ref        `json:"deployments"`
	Tasks           *[]taskView  `json:"tasks,omitempty"`
	LastTaskFailure *taskFailure `json:"lastTaskFailure,omitempty"`

	Readiness []readinessResult `json:"readinessCheckResults,omitempty"` // during deployments, if asked for
}

type taskView struct {
	AppID              string          `json:"appId"`
	HealthCheckResults []*healthResult `json:"healthCheckResults"`
	Host               string          `json:"host"`
	ID                 string          `json:"id"`
	IPAddresses        []ipAddress     `json:"ipAddresses"`
	Ports              []int           `json:"ports"`
	ServicePorts       []int           `json:"servicePorts"`
	AgentID            string          `json:"slaveId"`
	State              string          `json:"state"`
	StagedAt           string          `json:"stagedAt,omitempty"`
	StartedAt          string          `json:"startedAt,omitempty"`
	Version            string          `json:"version,omitempty"`
	LocalVolumes       []any           `json:"localVolumes"`
	Role               string          `json:"role"`
}

type taskFailure struct {
	AppID     string `json:"appId"`
	Host      string `json:"host"`
	Message   string `json:"message"`
	State     string `json:"state"`
	TaskID    string `json:"taskId"`
	Timestamp string `json:"timestamp"`
	Version   string `json:"version"`
}

type deploymentView struct {
	ID             string          `json:"id"`
	Version        string          `json:"version"`
	AffectedApps   []string        `json:"affectedApps"`
	AffectedPods   []string        `json:"affectedPods"`
	Steps          []step          `json:"steps"`
	CurrentActions []currentAction `json:"currentActions"`
	CurrentStep    int             `json:"currentStep"`
	TotalSteps     int             `json:"totalSteps"`
}

type currentAction struct {
	action
	ReadinessCheckResults []readinessResult `json:"readinessCheckResults"`
}

// read is the present snapshot, or the one answers are stuck at.
func (s *Server) read() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale != nil {
		return s.stale
	}
	return s.look()
}

// look takes a snapshot; s.mu is held.
func (s *Server) look() *snapshot {
	l := &snapshot{deployments: []deploymentView{}}
	views := map[string]*appView{}
	for _, id := range sortedKeys(s.apps) {
		if s.apps[id].pod != nil {
			l.pods = append(l.pods, s.viewPod(s.apps[id]))
			continue
		}
		views[id] = &appView{App: s.apps[id], Deployments: []ref{}, Tasks: &[]taskView{}, LastTaskFailure: s.failures[id]}
		l.apps = append(l.apps, views[id])
	}
	for _, i := range s.instances {
		if v := views[i.app.ID]; v != nil {
			v.count(i)
		}
	}
	for _, d := range s.deployments {
		for id := range d.after {
			if v := views[id]; v != nil {
				v.Deployments = append(v.Deployments, ref{d.id})
				v.Readiness = s.readiness(id)
			}
		}
		l.deployments = append(l.deployments, s.viewOf(d))
	}
	return l
}

// count adds an instance to the app's tasks and counters. One that waits for an offer has no task, unless one ended there.
func (v *appView) count(i *instance) {
	switch i.condition {
	case "Scheduled", "Provisioned", "Starting":
		v.TasksStaged++
	case "Running":
		v.TasksRunning++
	}
	if i.task == nil {
		return
	}
	switch h := i.task.health(); {
	case terminal(i.task.state):
	case h == healthy:
		v.TasksHealthy++
	case h == unhealthy:
		v.TasksUnhealthy++
	}
	*v.Tasks = append(*v.Tasks, i.task.view())
}

// view is the task's JSON; Server.mu is held.
func (t *Task) view() taskView {
	v := taskView{
		AppID: t.app.ID, HealthCheckResults: t.visibleResults(), Host: t.host, ID: t.id, IPAddresses: t.visible, Ports: []int{},
		ServicePorts: []int{}, AgentID: t.agent, State: t.state, LocalVolumes: []any{}, Role: "*",
	}
	if terminal(t.state) { // its ports may be another's by now
		return v
	}
	v.Ports, v.Version, v.StagedAt, v.StartedAt = t.ports, t.app.Version, optionalStamp(t.staged), optionalStamp(t.started)
	return v
}

func optionalStamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

func (s *Server) viewOf(d *deployment) deploymentView {
	v := deploymentView{
		ID: d.id, Version: d.version, AffectedApps: []string{}, AffectedPods: []string{}, Steps: d.steps,
		CurrentActions: []currentAction{}, CurrentStep: d.current + 1, TotalSteps: len(d.steps),
	}
	for _, id := range sortedKeys(d.after) {
		if a := cmp.Or(d.after[id], d.before[id]); a != nil && a.pod != nil {
			v.AffectedPods = append(v.AffectedPods, id)
		} else {
			v.AffectedApps = append(v.AffectedApps, id)
		}
	}
	for _, a := range d.steps[d.current].Actions {
		v.CurrentActions = append(v.CurrentActions, currentAction{a, s.readiness(a.id())})
	}
	return v
}

func (l *snapshot) app(id string) *appView {
	n := slices.IndexFunc(l.apps, func(v *appView) bool { return v.ID == id })
	if n < 0 {
		return nil
	}
	return l.apps[n]
}
