package marathon

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// A pod becomes an App here, and each of its instances a Task, so that nothing else need know of pods: its ports are the endpoints of
// its containers in their order, its checks those of its containers, and an instance is as healthy as the worst of them. Marathon
// gives pods no service ports.

// podStatus is a pod as GET /v2/pods::status shows it (Marathon 1.4 and later).
type podStatus struct {
	ID        string        `json:"id"`
	Spec      podSpec       `json:"spec"`
	Instances []podInstance `json:"instances"`
}

type podSpec struct {
	ID         string                     `json:"id"`
	Version    string                     `json:"version"`
	Labels     map[string]json.RawMessage `json:"labels"`
	Containers []podContainer             `json:"containers"`
	Networks   []Network                  `json:"networks"`
	Scaling    struct {
		Instances int `json:"instances"`
	} `json:"scaling"`
}

type podContainer struct {
	Name        string        `json:"name"`
	Endpoints   []podEndpoint `json:"endpoints"`
	HealthCheck *podCheck     `json:"healthCheck"`
}

type podEndpoint struct {
	Name          string   `json:"name"`
	ContainerPort int      `json:"containerPort"`
	HostPort      *int     `json:"hostPort"` // nil: none is mapped
	Protocol      []string `json:"protocol"`
	NetworkNames  []string `json:"networkNames"`
}

// podCheck is a check by Mesos, of one of three kinds.
type podCheck struct {
	HTTP *struct {
		Endpoint string `json:"endpoint"`
		Path     string `json:"path"`
		Scheme   string `json:"scheme"`
	} `json:"http"`
	TCP *struct {
		Endpoint string `json:"endpoint"`
	} `json:"tcp"`
	GracePeriodSeconds     *float64 `json:"gracePeriodSeconds"`
	IntervalSeconds        float64  `json:"intervalSeconds"`
	TimeoutSeconds         float64  `json:"timeoutSeconds"`
	MaxConsecutiveFailures *int     `json:"maxConsecutiveFailures"`
}

type podInstance struct {
	ID         string `json:"id"`
	Status     string `json:"status"` // PENDING, STAGING, STABLE, DEGRADED, TERMINAL
	Agent      string `json:"agentHostname"`
	References string `json:"specReference"` // /v2/pods/shop/pod::versions/2020-03-02T09:15:00.000Z
	Networks   []struct {
		Name      string   `json:"name"`
		Addresses []string `json:"addresses"`
	} `json:"networks"`
	Containers []podTask `json:"containers"`
}

// podTask is a container of an instance, which to Mesos is a task.
type podTask struct {
	Name       string    `json:"name"`
	Status     TaskState `json:"status"`
	Since      Time      `json:"statusSince"`
	ID         string    `json:"containerId"` // of the task
	Conditions []struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Reason string `json:"reason"`
	} `json:"conditions"`
	Endpoints []struct { // those with a host port first
		Name     string `json:"name"`
		HostPort int    `json:"allocatedHostPort"`
		Healthy  *bool  `json:"healthy"`
	} `json:"endpoints"`
}

// ReadPods reads the answer [...] of GET /v2/pods::status as ReadApps does that of apps.
func ReadPods(r io.Reader, each func(App)) ([]AppError, error) {
	bad, err := readList(json.NewDecoder(r), readPod, each)
	for i := range bad {
		bad[i].List = "pods"
	}
	return bad, err
}

// readPod makes an app of a pod's JSON; of one that cannot be read, it tells the id if it can.
func readPod(data []byte) (App, error) {
	var p podStatus
	if err := json.Unmarshal(data, &p); err != nil {
		return App{ID: p.ID}, plainly(err)
	}
	return p.app()
}

// readPodSpec makes an app of a pod as it is created, without its status.
func readPodSpec(data []byte) (App, error) {
	var p podStatus
	if err := json.Unmarshal(data, &p.Spec); err != nil {
		return App{}, plainly(err)
	}
	p.ID = p.Spec.ID
	return p.app()
}

func (p *podStatus) app() (App, error) {
	if p.ID == "" {
		return App{}, errors.New("a pod without id")
	}
	a := App{Pod: true, ID: p.ID, Version: p.Spec.Version, Instances: p.Spec.Scaling.Instances, Networks: p.Spec.Networks}
	a.readLabels(p.Spec.Labels)
	if len(a.Networks) == 0 {
		a.Networks = []Network{{Mode: string(hostMode)}}
	}
	p.Spec.addPorts(&a)
	p.Spec.addChecks(&a)
	seen := map[string]bool{}
	if p.Instances != nil {
		a.Tasks = []Task{}
	}
	for i := range p.Instances {
		if t, ok := p.task(&p.Instances[i]); ok && !seen[t.ID] {
			seen[t.ID] = true
			a.Tasks = append(a.Tasks, t)
		}
	}
	return a, nil
}

// addPorts makes port definitions, or mappings, of the endpoints.
func (s *podSpec) addPorts(a *App) {
	host := a.networking() == hostMode
	a.PortDefinitions = []PortDefinition{}
	for _, c := range s.Containers {
		for _, e := range c.Endpoints {
			protocol := strings.Join(e.Protocol, ",")
			if host {
				a.PortDefinitions = append(a.PortDefinitions, PortDefinition{Protocol: protocol, Name: e.Name})
			} else {
				a.Container.PortMappings = append(a.Container.PortMappings, PortMapping{
					ContainerPort: e.ContainerPort, HostPort: e.HostPort, Protocol: protocol, Name: e.Name, NetworkNames: e.NetworkNames,
				})
			}
		}
	}
}

// endpoint is the port index of an endpoint of a container, nil if there is none.
func (s *podSpec) endpoint(container, name string) *int {
	index := 0
	for _, c := range s.Containers {
		for _, e := range c.Endpoints {
			if c.Name == container && e.Name == name {
				return &index
			}
			index++
		}
	}
	return nil
}

func (s *podSpec) addChecks(a *App) {
	for _, c := range s.Containers {
		h := c.HealthCheck
		if h == nil {
			continue
		}
		check := HealthCheck{
			Protocol: "COMMAND", GracePeriodSeconds: int(or(h.GracePeriodSeconds, defaultGrace)), IntervalSeconds: int(h.IntervalSeconds),
			TimeoutSeconds: int(h.TimeoutSeconds), MaxConsecutiveFailures: or(h.MaxConsecutiveFailures, defaultFailures),
		}
		switch {
		case h.HTTP != nil:
			check.Protocol, check.Path, check.PortIndex = "MESOS_HTTP", h.HTTP.Path, s.endpoint(c.Name, h.HTTP.Endpoint)
			if strings.EqualFold(h.HTTP.Scheme, "HTTPS") {
				check.Protocol = "MESOS_HTTPS"
			}
		case h.TCP != nil:
			check.Protocol, check.PortIndex = "MESOS_TCP", s.endpoint(c.Name, h.TCP.Endpoint)
		}
		a.HealthChecks = append(a.HealthChecks, check)
	}
}

// task makes a task of an instance. It is known by the task id of the first container that has an endpoint: events of instances and
// of that container concern it by themselves, those of the others cause a read.
func (p *podStatus) task(i *podInstance) (Task, bool) {
	_, version, _ := strings.Cut(i.References, "::versions/")
	t := Task{AppID: p.ID, Host: i.Agent, Version: version, State: i.state()}
	for _, c := range p.Spec.Containers {
		at := slices.IndexFunc(i.Containers, func(t podTask) bool { return t.Name == c.Name })
		if at < 0 {
			t.Ports = append(t.Ports, make([]int, len(c.Endpoints))...)
			continue
		}
		container := &i.Containers[at]
		if t.ID == "" && len(c.Endpoints) > 0 {
			t.ID = container.ID
		}
		if container.Status == TaskRunning && container.Since.After(t.StartedAt.Time) {
			t.StartedAt = container.Since // the youngest: what was before it was not whole
		}
		for _, e := range c.Endpoints {
			t.Ports = append(t.Ports, container.hostPort(e.Name))
		}
	}
	if t.StartedAt.IsZero() && (t.State == TaskKilling || t.State.Unsure()) && len(i.Containers) > 0 {
		t.StartedAt = i.Containers[0].Since
	}
	t.IPAddresses = i.addresses(p.Spec.Networks)
	t.Results = i.results(p.Spec.Containers)
	return t, t.ID != ""
}

// state is what the states of its containers make of an instance. One that has done its work is no trouble while others run.
func (i *podInstance) state() TaskState {
	running := false
	rank := map[TaskState]int{TaskStaging: 1, TaskStarting: 1, TaskUnreachable: 2, TaskLost: 2, TaskKilling: 3}
	state := TaskRunning
	for _, c := range i.Containers {
		switch {
		case c.Status == "TASK_FINISHED":
		case c.Status.Terminal():
			return c.Status // Marathon kills the others now
		case c.Status == TaskRunning:
			running = true
		case rank[c.Status] >= rank[state]:
			state = c.Status
		}
	}
	switch {
	case i.Status == "TERMINAL" && (running || state != TaskRunning):
		return TaskKilling
	case i.Status == "PENDING" || i.Status == "STAGING":
		return TaskStaging
	case state == TaskRunning && !running:
		return "TASK_FINISHED"
	}
	return state
}

// hostPort is the port on the agent of an endpoint, 0 if it has none.
func (c *podTask) hostPort(endpoint string) int {
	for _, e := range c.Endpoints {
		if e.Name == endpoint {
			return e.HostPort
		}
	}
	return 0
}

// addresses are the instance's own, one for each network of the pod as far as they are known.
func (i *podInstance) addresses(networks []Network) []TaskIP {
	all := []TaskIP{}
	for _, n := range networks {
		for _, own := range i.Networks {
			if (own.Name == n.Name || len(networks) == 1) && len(own.Addresses) > 0 {
				all = append(all, TaskIP{IPAddress: own.Addresses[0]})
				break
			}
		}
	}
	return all
}

// results are news of an instance's health if one container is known to be ill, or all that are checked are known to be well.
func (i *podInstance) results(containers []podContainer) []HealthResult {
	good, bad := true, false
	results := []HealthResult{}
	for _, c := range containers {
		if c.HealthCheck == nil {
			continue
		}
		at := slices.IndexFunc(i.Containers, func(t podTask) bool { return t.Name == c.Name })
		if at < 0 {
			return nil
		}
		switch alive := i.Containers[at].alive(); {
		case alive == nil:
			good = false
		case *alive:
			results = append(results, HealthResult{Alive: &good})
		default:
			bad = true
		}
	}
	if bad {
		dead := false
		return []HealthResult{{Alive: &dead}}
	}
	if !good {
		return nil
	}
	return results
}

// alive is what is known of a container's health: an endpoint tells, or a condition, which is "false" too if nothing was reported yet.
func (c *podTask) alive() *bool {
	for _, e := range c.Endpoints {
		if e.Healthy != nil {
			return e.Healthy
		}
	}
	for _, k := range c.Conditions {
		if k.Name == "healthy" && !strings.Contains(strings.ToLower(k.Reason), "unreported") {
			alive := k.Value == "true"
			return &alive
		}
	}
	return nil
}
