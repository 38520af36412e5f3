package marathon

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// EventType is the eventType of an event on Marathon's bus.
type EventType string

// The types that matter to a load balancer. Each names the members of Event it fills besides Type and Timestamp.
const (
	StatusUpdate          EventType = "status_update_event"               // AppID TaskID TaskStatus Host IPAddresses Ports Version
	HealthStatusChanged   EventType = "health_status_changed_event"       // AppID, TaskID (up to 1.3) or InstanceID, Version Alive: one check of maybe several
	InstanceHealthChanged EventType = "instance_health_changed_event"     // RunSpecID InstanceID Healthy RunSpecVersion: all checks together
	InstanceChanged       EventType = "instance_changed_event"            // RunSpecID InstanceID Condition Host RunSpecVersion
	UnhealthyInstanceKill EventType = "unhealthy_instance_kill_event"     // AppID TaskID InstanceID Version Host
	UnhealthyTaskKill     EventType = "unhealthy_task_kill_event"         // AppID TaskID Version Host (up to 1.3)
	InstanceTerminated    EventType = "unknown_instance_terminated_event" // RunSpecID InstanceID Condition
	TaskTerminated        EventType = "unknown_task_terminated_event"     // AppID TaskID (1.3)
	AppTerminated         EventType = "app_terminated_event"              // AppID: the last task of a deleted app is gone
	APIPost               EventType = "api_post_event"                    // Definition: its id only, the rest may not be assigned yet
	GroupChangeSuccess    EventType = "group_change_success"              // GroupID Version: definitions below the group changed
	DeploymentInfo        EventType = "deployment_info"                   // Plan CurrentStep; sent before the definition can be read
	DeploymentStepSuccess EventType = "deployment_step_success"           // Plan CurrentStep
	DeploymentStepFailure EventType = "deployment_step_failure"           // Plan CurrentStep
	DeploymentSuccess     EventType = "deployment_success"                // ID Plan
	DeploymentFailed      EventType = "deployment_failed"                 // ID Plan
	SchedulerRegistered   EventType = "scheduler_registered_event"        // new leader or new Mesos master
	SchedulerReregistered EventType = "scheduler_reregistered_event"      // likewise; reconciliation follows
	SchedulerDisconnected EventType = "scheduler_disconnected_event"      // tasks may change unseen
	StreamAttached        EventType = "event_stream_attached"             // somebody, perhaps we, began to listen
	PodCreated            EventType = "pod_created_event"                 // URI
	PodUpdated            EventType = "pod_updated_event"                 // URI
	PodDeleted            EventType = "pod_deleted_event"                 // URI
)

// EventTypes are what the stream is asked for.
func EventTypes() []EventType {
	return []EventType{
		StatusUpdate, HealthStatusChanged, InstanceHealthChanged, InstanceChanged, UnhealthyInstanceKill, UnhealthyTaskKill,
		InstanceTerminated, TaskTerminated, AppTerminated, APIPost, GroupChangeSuccess, DeploymentInfo, DeploymentStepSuccess,
		DeploymentStepFailure, DeploymentSuccess, DeploymentFailed, SchedulerRegistered, SchedulerReregistered,
		SchedulerDisconnected, StreamAttached, PodCreated, PodUpdated, PodDeleted,
	}
}

// Event is any event of the bus: the members its type has, as far as routing needs them. Marathon leaves out what it has
// no value for, or writes null: both leave the zero value.
type Event struct {
	Type      EventType `json:"eventType"`
	Timestamp Time      `json:"timestamp"` // by the leader's clock

	AppID          string    `json:"appId"`
	RunSpecID      string    `json:"runSpecId"` // what newer events call the app (or pod)
	TaskID         string    `json:"taskId"`
	InstanceID     string    `json:"instanceId"`
	TaskStatus     TaskState `json:"taskStatus"`
	Condition      string    `json:"condition"`
	Host           string    `json:"host"`
	Ports          []int     `json:"ports"`
	IPAddresses    []TaskIP  `json:"ipAddresses"`
	Version        string    `json:"version"`
	RunSpecVersion string    `json:"runSpecVersion"`
	Alive          *bool     `json:"alive"`
	Healthy        *bool     `json:"healthy"` // nil: some check has no result yet

	ID          string     `json:"id"` // of the deployment
	GroupID     string     `json:"groupId"`
	URI         string     `json:"uri"` // of the request behind the event
	Plan        Plan       `json:"plan"`
	CurrentStep Step       `json:"currentStep"`
	Definition  Definition `json:"appDefinition"`
}

// Definition is the app an api_post_event speaks of.
type Definition struct {
	ID string `json:"id"`
}

// Plan is what a deployment does. Its original and target groups, up to megabytes, are not kept.
type Plan struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Steps   []Step `json:"steps"`
}

// Step is a part of a Plan whose actions run together.
type Step struct {
	Actions []Action `json:"actions"`
}

// Action is what a Step does to one app or pod.
type Action struct {
	Kind string `json:"action"` // StartApplication, StopApplication, ScaleApplication, RestartApplication, ...
	Type string `json:"type"`   // what Kind was called up to 1.3
	App  string `json:"app"`
	Pod  string `json:"pod"`
}

// UnmarshalJSON takes {"actions":[...]} and, as Marathon up to 0.15 wrote, a bare list of actions.
func (s *Step) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, &s.Actions)
	}
	type plain Step
	return json.Unmarshal(data, (*plain)(s))
}

// ErrBadEvent says that the data of a frame was not an event.
var ErrBadEvent = errors.New("not an event")

// ReadEvents reads the data of one frame: one event, or several one after the other, which happens when something on the way
// loses line ends. It returns those before an error, too.
func ReadEvents(data []byte) ([]Event, error) {
	var events []Event
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var e Event
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) && len(events) > 0 {
			return events, nil
		}
		if err != nil {
			return events, errors.Join(ErrBadEvent, err)
		}
		if e.Type == "" {
			return events, errors.Join(ErrBadEvent, errors.New("no eventType"))
		}
		events = append(events, e)
	}
}

// Stops are the ids of the apps and pods whose end the event announces.
func (e Event) Stops() []string {
	if e.Type == AppTerminated {
		return []string{e.AppID}
	}
	var apps []string
	for _, step := range append(e.Plan.Steps, e.CurrentStep) {
		for _, a := range step.Actions {
			switch kind := a.Kind + a.Type; {
			case kind == "StopApplication" && a.App != "":
				apps = append(apps, a.App)
			case kind == "StopPod" && a.Pod != "":
				apps = append(apps, a.Pod)
			}
		}
	}
	return apps
}

// Apps are the ids of the apps and pods the event names: none if it names none, several for a deployment.
func (e Event) Apps() []string {
	var apps []string
	add := func(id string) {
		for _, a := range apps {
			if a == id {
				return
			}
		}
		if id != "" {
			apps = append(apps, id)
		}
	}
	add(e.AppID)
	add(e.RunSpecID)
	add(e.Definition.ID)
	add(e.pod())
	for _, step := range e.Plan.Steps {
		for _, action := range step.Actions {
			add(action.App)
			add(action.Pod)
		}
	}
	for _, action := range e.CurrentStep.Actions {
		add(action.App)
		add(action.Pod)
	}
	return apps
}

// pod is the id of the pod an event of pods is about, which only its URI tells: /v2/pods/shop/pod. That of a POST tells nothing.
func (e Event) pod() string {
	if e.Type != PodCreated && e.Type != PodUpdated && e.Type != PodDeleted {
		return ""
	}
	_, id, _ := strings.Cut(e.URI, "/v2/pods/")
	id, _, _ = strings.Cut(strings.Trim(id, "/"), "::")
	if id == "" {
		return ""
	}
	return "/" + id
}
