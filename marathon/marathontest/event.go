package marathontest

import (
	"encoding/json"
	"time"
)

// Event is an event as it went to the readers of /v2/events.
type Event struct {
	Type     string // eventType
	At       time.Time
	App      string // id; empty if it concerns none, or several
	Task     string // id; of status_update_event and unhealthy_instance_kill_event
	Instance string // id; of the events of instances
	State    string // taskStatus or condition
	Data     []byte // the JSON; not to be modified
}

// stamp is the form of Marathon's timestamps and versions.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// The members of the events, without eventType and timestamp, which publish adds.
type (
	statusUpdate struct {
		AgentID     string      `json:"slaveId"`
		TaskID      string      `json:"taskId"`
		TaskStatus  string      `json:"taskStatus"`
		Message     string      `json:"message"`
		AppID       string      `json:"appId"`
		Host        string      `json:"host"`
		IPAddresses []ipAddress `json:"ipAddresses"`
		Ports       []int       `json:"ports"`
		Version     string      `json:"version"`
	}
	instanceChanged struct {
		InstanceID     string  `json:"instanceId"`
		Condition      string  `json:"condition"`
		RunSpecID      string  `json:"runSpecId"`
		AgentID        *string `json:"agentId"`
		Host           *string `json:"host"`
		RunSpecVersion string  `json:"runSpecVersion"`
	}
	healthStatusChanged struct {
		AppID      string `json:"appId"`
		InstanceID string `json:"instanceId"`
		Version    string `json:"version"`
		Alive      bool   `json:"alive"`
	}
	instanceHealthChanged struct {
		InstanceID     string `json:"instanceId"`
		RunSpecID      string `json:"runSpecId"`
		Healthy        *bool  `json:"healthy"`
		RunSpecVersion string `json:"runSpecVersion"`
	}
	failedHealthCheck struct {
		AppID       string       `json:"appId"`
		HealthCheck *HealthCheck `json:"healthCheck"`
		TaskID      string       `json:"taskId"` // holds an instance id since 1.5
	}
	unhealthyInstanceKill struct {
		AppID      string `json:"appId"`
		TaskID     string `json:"taskId"`
		InstanceID string `json:"instanceId"`
		Version    string `json:"version"`
		Reason     string `json:"reason"`
		Host       string `json:"host"`
		AgentID    string `json:"slaveId"`
	}
	addHealthCheck struct {
		AppID       string       `json:"appId"`
		HealthCheck *HealthCheck `json:"healthCheck"`
		Version     string       `json:"version"`
	}
	appEvent struct { // app_terminated_event, remove_health_check_event
		AppID string `json:"appId"`
	}
	apiPost struct {
		ClientIP      string `json:"clientIp"`
		URI           string `json:"uri"`
		AppDefinition *App   `json:"appDefinition"`
	}
	podEvent struct {
		ClientIP string `json:"clientIp"`
		URI      string `json:"uri"`
	}
	groupChange struct {
		GroupID string `json:"groupId"`
		Version string `json:"version"`
		Reason  string `json:"reason,omitempty"`
	}
	deploymentProgress struct { // deployment_info, deployment_step_success, deployment_step_failure
		Plan        plan `json:"plan"`
		CurrentStep step `json:"currentStep"`
	}
	deploymentEnd struct { // deployment_success, deployment_failed
		ID     string `json:"id"`
		Plan   plan   `json:"plan"`
		Reason string `json:"reason,omitempty"`
	}
	streamEvent struct { // event_stream_attached, event_stream_detached
		RemoteAddress string `json:"remoteAddress"`
	}
)

// publish completes an event with its time, shows it to the readers of the stream and wakes those who wait for changes.
// s.mu is held, so the order of events is that of the changes they tell.
func (s *Server) publish(e Event, members any) {
	e.At = time.Now()
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // of plain data only
	}
	tail, _ := json.Marshal(struct {
		EventType string `json:"eventType"`
		Timestamp string `json:"timestamp"`
	}{e.Type, stamp(e.At)})
	e.Data = append(append(text[:len(text)-1], ','), tail[1:]...)
	if s.o.OnEvent != nil {
		s.o.OnEvent(e)
	}
	s.broadcast(e)
	s.touch()
}
