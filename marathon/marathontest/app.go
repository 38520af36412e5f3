package marathontest

import "encoding/json"

// App is the definition of an app as Marathon 1.9 writes it. Zero fields take Marathon's defaults when the app is created, except
// Instances: 0 means none. Apps in the older dialects (container.docker.network, ports) are understood from JSON only.
type App struct {
	ID                         string            `json:"id"`
	AcceptedResourceRoles      []string          `json:"acceptedResourceRoles,omitempty"`
	Args                       []string          `json:"args,omitempty"`
	BackoffFactor              float64           `json:"backoffFactor"`
	BackoffSeconds             float64           `json:"backoffSeconds"`
	Constraints                json.RawMessage   `json:"constraints,omitempty"`
	CPUs                       float64           `json:"cpus"`
	Dependencies               []string          `json:"dependencies,omitempty"`
	Disk                       float64           `json:"disk"`
	Env                        json.RawMessage   `json:"env,omitempty"`
	Executor                   string            `json:"executor"`
	Fetch                      json.RawMessage   `json:"fetch,omitempty"`
	Instances                  int               `json:"instances"`
	Labels                     map[string]string `json:"labels"`
	MaxLaunchDelaySeconds      float64           `json:"maxLaunchDelaySeconds"`
	Mem                        float64           `json:"mem"`
	GPUs                       float64           `json:"gpus"`
	Networks                   []Network         `json:"networks"`
	RequirePorts               bool              `json:"requirePorts"`
	Secrets                    json.RawMessage   `json:"secrets,omitempty"`
	TaskKillGracePeriodSeconds *int              `json:"taskKillGracePeriodSeconds,omitempty"`
	UpgradeStrategy            *UpgradeStrategy  `json:"upgradeStrategy"`
	User                       string            `json:"user,omitempty"`
	Version                    string            `json:"version,omitempty"`
	VersionInfo                *VersionInfo      `json:"versionInfo,omitempty"`
	KillSelection              string            `json:"killSelection"`
	UnreachableStrategy        json.RawMessage   `json:"unreachableStrategy,omitempty"`
	Role                       string            `json:"role"`
	Cmd                        string            `json:"cmd,omitempty"`
	Container                  *Container        `json:"container,omitempty"`
	PortDefinitions            []PortDefinition  `json:"portDefinitions,omitzero"` // host mode; empty and not nil: the app has no port
	HealthChecks               []HealthCheck     `json:"healthChecks,omitempty"`
	ReadinessChecks            []ReadinessCheck  `json:"readinessChecks,omitempty"`

	pod *Pod // what it runs for, if it is no app at all
}

// Network is one network of an app: mode host, container/bridge or container.
type Network struct {
	Name   string            `json:"name,omitempty"`
	Mode   string            `json:"mode"`
	Labels map[string]string `json:"labels,omitempty"`
}

// UpgradeStrategy limits a rolling restart: shares of instances that stay healthy, and that may run besides.
type UpgradeStrategy struct {
	MaximumOverCapacity   float64 `json:"maximumOverCapacity"`
	MinimumHealthCapacity float64 `json:"minimumHealthCapacity"`
}

// VersionInfo tells a change of the definition from a change of the number of instances.
type VersionInfo struct {
	LastScalingAt      string `json:"lastScalingAt"`
	LastConfigChangeAt string `json:"lastConfigChangeAt"`
}

// Container is the container an app runs in: type MESOS or DOCKER.
type Container struct {
	Type         string          `json:"type"`
	Docker       *Docker         `json:"docker,omitempty"`
	Volumes      json.RawMessage `json:"volumes"`
	PortMappings []PortMapping   `json:"portMappings,omitzero"`
}

// Docker is an image.
type Docker struct {
	ForcePullImage bool            `json:"forcePullImage"`
	Image          string          `json:"image"`
	Parameters     json.RawMessage `json:"parameters"`
	Privileged     *bool           `json:"privileged,omitempty"` // in containers of type DOCKER
}

// PortMapping is one port of a container. A nil HostPort is possible in mode container only.
type PortMapping struct {
	ContainerPort int               `json:"containerPort"`
	HostPort      *int              `json:"hostPort,omitempty"`
	Labels        map[string]string `json:"labels"`
	Name          string            `json:"name,omitempty"`
	Protocol      string            `json:"protocol"`
	ServicePort   int               `json:"servicePort"`
	NetworkNames  []string          `json:"networkNames,omitempty"`
}

// PortDefinition is one port of an app in host mode; Port is its service port.
type PortDefinition struct {
	Labels   map[string]string `json:"labels,omitempty"`
	Name     string            `json:"name,omitempty"`
	Port     int               `json:"port"`
	Protocol string            `json:"protocol"`
}

// HealthCheck is one health check; zero fields take Marathon's defaults, nil MaxConsecutiveFailures means 3.
type HealthCheck struct {
	Command                json.RawMessage `json:"command,omitempty"`
	GracePeriodSeconds     float64         `json:"gracePeriodSeconds"`
	IgnoreHTTP1xx          *bool           `json:"ignoreHttp1xx,omitempty"`
	IntervalSeconds        float64         `json:"intervalSeconds"`
	MaxConsecutiveFailures *int            `json:"maxConsecutiveFailures"`
	Path                   string          `json:"path,omitempty"`
	Port                   int             `json:"port,omitempty"`
	PortIndex              *int            `json:"portIndex,omitempty"`
	Protocol               string          `json:"protocol"`
	IPProtocol             string          `json:"ipProtocol,omitempty"`
	TimeoutSeconds         float64         `json:"timeoutSeconds"`
	DelaySeconds           float64         `json:"delaySeconds"`
}

// mode is the networking mode: host, container/bridge or container.
func (a *App) mode() string { return a.Networks[len(a.Networks)-1].Mode }

func (a *App) mappings() []PortMapping {
	if a.Container == nil {
		return nil
	}
	return a.Container.PortMappings
}

// servicePorts are pointers to the service ports, in order.
func (a *App) servicePorts() (ports []*int) {
	if a.mode() == "host" {
		for i := range a.PortDefinitions {
			ports = append(ports, &a.PortDefinitions[i].Port)
		}
		return ports
	}
	for i := range a.mappings() {
		ports = append(ports, &a.Container.PortMappings[i].ServicePort)
	}
	return ports
}

func (a *App) servicePortNumbers() []int {
	numbers := []int{}
	for _, p := range a.servicePorts() {
		numbers = append(numbers, *p)
	}
	return numbers
}

// clone is a deep copy.
func (a *App) clone() *App {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // of plain data only
	}
	c := new(App)
	if err := json.Unmarshal(b, c); err != nil {
		panic(err)
	}
	c.pod = a.pod
	return c
}

// sameConfig says whether going from a to b needs no new tasks.
func (a *App) sameConfig(b *App) bool {
	plain := func(a *App) string {
		c := *a
		c.Instances, c.Version, c.VersionInfo = 0, "", nil
		text, _ := json.Marshal(&c)
		return string(text)
	}
	return plain(a) == plain(b)
}
