package marathon

import (
	"encoding/json"
	"time"
)

// App is an app with its tasks as GET /v2/apps shows it, in the shape of any Marathon from 0.11 to 1.10: the shapes differ by
// which members are present, and null means the same as absent. A slice is nil if its member was absent (or null) and empty
// but not nil if it was []; where that difference matters, the field says so.
type App struct {
	Pod       bool   `json:"-"` // it is a pod, made to look like an app
	ID        string `json:"id"`
	Version   string `json:"version"` // time of the definition, RFC 3339; moves with a mere scaling too
	Instances int    `json:"instances"`

	// Labels whose value was a number or a boolean hold its JSON text; such and null ones are named in Notes.
	Labels map[string]string `json:"-"`

	Ports           []int            `json:"ports"`           // service ports, up to 1.4
	PortDefinitions []PortDefinition `json:"portDefinitions"` // service ports in host mode, from 1.0; present but empty hides Ports
	RequirePorts    bool             `json:"requirePorts"`    // host port = service port
	Container       Container        `json:"container"`
	Networks        []Network        `json:"networks"`  // from 1.5; not nil means that the shape of 1.5 holds
	IPAddress       *IPAddress       `json:"ipAddress"` // 0.14 to 1.4

	HealthChecks    []HealthCheck    `json:"healthChecks"`
	ReadinessChecks []ReadinessCheck `json:"readinessChecks"`
	// ReadinessResults speak of tasks of the newest version while the app is in a deployment; else they are absent.
	ReadinessResults []ReadinessResult `json:"readinessCheckResults"`

	KillGraceSeconds int         `json:"taskKillGracePeriodSeconds"` // 0 if unset
	Unreachable      Unreachable `json:"unreachableStrategy"`
	VersionInfo      VersionInfo `json:"versionInfo"`

	Deployments []Deployment `json:"deployments"` // those in progress that touch the app
	Tasks       []Task       `json:"-"`           // those that could be read; the others are in Notes

	Notes []Note `json:"-"` // what was wrong in the JSON but did no harm to the rest of the app

	own string // with ID that of a deployment group: the app's own id
}

// Note is a value that could not be taken as it stood, to be reported as a route.Problem of the app.
type Note struct {
	Field  string // labels.HAPROXY_0_PORT, tasks[3]
	Value  string // the JSON text, cut at 80 bytes
	Reason string
}

// Container is the part of an app's container that says how its ports are mapped.
type Container struct {
	Docker       Docker        `json:"docker"`
	PortMappings []PortMapping `json:"portMappings"` // from 1.5
}

// Docker is container.docker. Network and PortMappings are there up to 1.4 only.
type Docker struct {
	Network      string        `json:"network"` // HOST, BRIDGE, USER or NONE
	PortMappings []PortMapping `json:"portMappings"`
}

// PortMapping leads from a container's port to ports outside.
type PortMapping struct {
	ContainerPort int      `json:"containerPort"` // 0 means equal to the host port
	HostPort      *int     `json:"hostPort"`      // nil: none is mapped, the task's ports have no element for it
	ServicePort   int      `json:"servicePort"`   // 0: not assigned
	Protocol      string   `json:"protocol"`      // tcp, udp or "udp,tcp"
	Name          string   `json:"name"`
	NetworkNames  []string `json:"networkNames"`
}

// PortDefinition is a service port of an app in host mode.
type PortDefinition struct {
	Port     int    `json:"port"` // 0: not assigned
	Protocol string `json:"protocol"`
	Name     string `json:"name"`
}

// Network is an element of networks. An absent mode means container.
type Network struct {
	Mode string `json:"mode"` // host, container or container/bridge
	Name string `json:"name"`
}

// IPAddress is the way of giving each task an address that Marathon 0.14 to 1.4 had.
type IPAddress struct {
	NetworkName string    `json:"networkName"`
	Discovery   Discovery `json:"discovery"`
	// Set says that the object has any member: an empty one does not make the app a container-mode app.
	Set bool `json:"-"`
}

// Discovery lists the ports a task listens on at its own address.
type Discovery struct {
	Ports []DiscoveryPort `json:"ports"`
}

// DiscoveryPort is one port of Discovery.
type DiscoveryPort struct {
	Number   int    `json:"number"`
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
}

// HealthCheck is how Marathon (or Mesos) checks a task.
type HealthCheck struct {
	Protocol               string `json:"protocol"` // HTTP, HTTPS, TCP, COMMAND, MESOS_HTTP, MESOS_HTTPS, MESOS_TCP
	Path                   string `json:"path"`
	PortIndex              *int   `json:"portIndex"`
	Port                   int    `json:"port"` // 0: the port at PortIndex
	GracePeriodSeconds     int    `json:"gracePeriodSeconds"`
	IntervalSeconds        int    `json:"intervalSeconds"`
	TimeoutSeconds         int    `json:"timeoutSeconds"`
	MaxConsecutiveFailures int    `json:"maxConsecutiveFailures"`
}

// ReadinessCheck is how Marathon finds out, during a deployment, that a new task may take traffic.
type ReadinessCheck struct {
	Name            string `json:"name"`
	PortName        string `json:"portName"`
	IntervalSeconds int    `json:"intervalSeconds"`
	TimeoutSeconds  int    `json:"timeoutSeconds"`
}

// ReadinessResult is the newest result of a readiness check for one task.
type ReadinessResult struct {
	Name   string `json:"name"`
	TaskID string `json:"taskId"`
	Ready  bool   `json:"ready"`
}

// VersionInfo tells a scaling from a change of the definition.
type VersionInfo struct {
	LastScalingAt      Time `json:"lastScalingAt"`
	LastConfigChangeAt Time `json:"lastConfigChangeAt"`
}

// Deployment is a deployment in progress.
type Deployment struct {
	ID string `json:"id"`
}

// Unreachable is unreachableStrategy: an object, or since 1.5 the string "disabled".
type Unreachable struct {
	InactiveAfterSeconds int  `json:"inactiveAfterSeconds"`
	ExpungeAfterSeconds  int  `json:"expungeAfterSeconds"`
	Disabled             bool `json:"-"`
}

// Task is one task of an app.
type Task struct {
	ID          string         `json:"id"`
	AppID       string         `json:"appId"`
	Host        string         `json:"host"`        // name or address of the agent
	Ports       []int          `json:"ports"`       // host ports, in the order of the mappings that have one; [] for terminal tasks
	IPAddresses []TaskIP       `json:"ipAddresses"` // of the task itself; meaningful in container mode
	State       TaskState      `json:"state"`       // empty before 1.1.2
	StagedAt    Time           `json:"stagedAt"`
	StartedAt   Time           `json:"startedAt"`
	Version     string         `json:"version"` // of the definition it was started with
	Results     []HealthResult `json:"healthCheckResults"`

	of     *App // in a deployment group: the app whose definition the task follows
	drains bool // in a deployment group: another task has come in its place
}

// HealthResult is the newest result of one health check for a task; nothing says of which. Before 1.6 the list is absent when
// there are no results, later it is []: both mean that there is no news.
type HealthResult struct {
	Alive       *bool  `json:"alive"`
	LastSuccess Time   `json:"lastSuccess"`
	LastFailure Time   `json:"lastFailure"`
	TaskID      string `json:"taskId"`     // up to 1.3
	InstanceID  string `json:"instanceId"` // from 1.4
}

// TaskIP is an address of a task.
type TaskIP struct {
	IPAddress string `json:"ipAddress"`
	Protocol  string `json:"protocol"` // IPv4 or IPv6
}

// TaskState is Mesos's state of a task.
type TaskState string

// The states that are not simply terminal or before the start.
const (
	TaskStaging     TaskState = "TASK_STAGING"
	TaskStarting    TaskState = "TASK_STARTING"
	TaskRunning     TaskState = "TASK_RUNNING"
	TaskKilling     TaskState = "TASK_KILLING"
	TaskUnreachable TaskState = "TASK_UNREACHABLE"
	TaskLost        TaskState = "TASK_LOST" // what old Mesos says for unreachable
)

// Terminal says that a task in this state never runs again. An unknown word is not terminal.
func (s TaskState) Terminal() bool {
	switch s {
	case "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED",
		"TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_UNKNOWN":
		return true
	}
	return false
}

// Unsure says that Mesos lost sight of the task, which may well be serving and may come back.
func (s TaskState) Unsure() bool { return s == TaskUnreachable || s == TaskLost }

// Time is a timestamp of Marathon's; zero if it was absent or could not be read.
type Time struct{ time.Time }

// UnmarshalJSON takes RFC 3339; anything else gives the zero time, never an error: no routing decision hangs on it alone.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		t.Time, _ = time.Parse(time.RFC3339Nano, text)
	}
	return nil
}
