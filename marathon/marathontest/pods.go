package marathontest

import (
	"fmt"
	"slices"
)

// Pod is the definition of a pod. Its containers are one process here, that listens on the endpoints of all of them; each is shown
// with an id and a status of its own.
type Pod struct {
	ID         string            `json:"id"`
	Version    string            `json:"version,omitempty"`
	Labels     map[string]string `json:"labels"`
	Containers []PodContainer    `json:"containers"`
	Networks   []Network         `json:"networks"`
	Scaling    Scaling           `json:"scaling"`
}

// Scaling is how many instances a pod has.
type Scaling struct {
	Kind      string `json:"kind"` // fixed
	Instances int    `json:"instances"`
}

// PodContainer is one container of a pod.
type PodContainer struct {
	Name        string        `json:"name"`
	Endpoints   []PodEndpoint `json:"endpoints,omitempty"`
	HealthCheck *PodCheck     `json:"healthCheck,omitempty"`
}

// PodEndpoint is one port of a container. In host mode it has a HostPort, 0 for any.
type PodEndpoint struct {
	Name          string   `json:"name"`
	ContainerPort int      `json:"containerPort,omitempty"`
	HostPort      *int     `json:"hostPort,omitempty"`
	Protocol      []string `json:"protocol"`
}

// PodCheck is a health check of a container by Mesos.
type PodCheck struct {
	HTTP                   *PodHTTPCheck `json:"http,omitempty"`
	GracePeriodSeconds     float64       `json:"gracePeriodSeconds"`
	IntervalSeconds        float64       `json:"intervalSeconds"`
	TimeoutSeconds         float64       `json:"timeoutSeconds"`
	MaxConsecutiveFailures *int          `json:"maxConsecutiveFailures"`
}

// PodHTTPCheck is a check of an endpoint by HTTP.
type PodHTTPCheck struct {
	Endpoint string `json:"endpoint"`
	Path     string `json:"path"`
}

// CreatePod is POST /v2/pods, UpdatePod is PUT /v2/pods/{id}, DeletePod is DELETE /v2/pods/{id}. Like Create they return once the new
// definition can be read.
func (s *Server) CreatePod(p Pod) (deployment string, err error) {
	return result(s.putPod(p, "pod_created_event", "/v2/pods", true))
}

// UpdatePod replaces the definition of a pod.
func (s *Server) UpdatePod(p Pod) (deployment string, err error) {
	return result(s.putPod(p, "pod_updated_event", "/v2/pods"+absolute(p.ID), false))
}

// DeletePod ends a pod.
func (s *Server) DeletePod(id string) (deployment string, err error) {
	return result(s.deletePod(absolute(id)))
}

func (s *Server) deletePod(id string) (*deployment, *Error) {
	if a := s.definition(id); a == nil || a.pod == nil {
		return nil, noPod(id)
	}
	return s.apply(change{apps: map[string]*App{id: nil}, group: parent(id), force: true, podEvent: "pod_deleted_event", uri: "/v2/pods" + id})
}

func noPod(id string) *Error { return notFound("Pod '%s' does not exist", id) }

func (s *Server) putPod(p Pod, event, uri string, create bool) (*deployment, *Error) {
	a, err := p.app()
	if err != nil {
		return nil, err
	}
	return s.apply(change{apps: map[string]*App{a.ID: a}, group: parent(a.ID), create: create, podEvent: event, uri: uri})
}

// app is the app that runs as the pod would.
func (p Pod) app() (*App, *Error) {
	p.ID = absolute(p.ID)
	a := &App{ID: p.ID, Instances: p.Scaling.Instances, Labels: p.Labels, Networks: slices.Clone(p.Networks), pod: &p}
	setDefault(&p.Scaling.Kind, "fixed")
	host := len(a.Networks) == 0 || a.Networks[0].Mode == "host"
	a.PortDefinitions, a.Container = []PortDefinition{}, &Container{Type: "MESOS"}
	for _, c := range p.Containers {
		for i := range c.Endpoints {
			e := &c.Endpoints[i]
			if e.Protocol == nil {
				e.Protocol = []string{"tcp"}
			}
			if host {
				a.PortDefinitions = append(a.PortDefinitions, PortDefinition{Name: e.Name})
			} else {
				a.Container.PortMappings = append(a.Container.PortMappings, PortMapping{Name: e.Name, ContainerPort: e.ContainerPort, HostPort: e.HostPort})
			}
			if k := c.HealthCheck; k != nil && k.HTTP != nil && k.HTTP.Endpoint == e.Name {
				index := len(a.PortDefinitions) + len(a.Container.PortMappings) - 1
				a.HealthChecks = append(a.HealthChecks, HealthCheck{
					Protocol: "MESOS_HTTP", Path: k.HTTP.Path, PortIndex: &index, GracePeriodSeconds: k.GracePeriodSeconds,
					IntervalSeconds: k.IntervalSeconds, TimeoutSeconds: k.TimeoutSeconds, MaxConsecutiveFailures: k.MaxConsecutiveFailures,
					DelaySeconds: 0.01,
				})
			}
		}
	}
	if err := normalize(a); err != nil {
		return nil, err
	}
	p.Networks = a.Networks
	return a, nil
}

// taskIDs are the ids of the tasks that the n-th incarnation of an instance has: one, or one for each container of a pod.
func (i *instance) taskIDs(n int) []string {
	if i.app.pod == nil {
		return []string{fmt.Sprintf("%s._app.%d", i.id, n)}
	}
	var ids []string
	for _, c := range i.app.pod.Containers {
		ids = append(ids, fmt.Sprintf("%s.%s.%d", i.id, c.Name, n))
	}
	return ids
}
