package marathontest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// podsResource is /v2/pods and all that begins so.
func (s *Server) podsResource(w http.ResponseWriter, r *http.Request, id string) {
	id, status := strings.CutSuffix(id, "::status")
	switch {
	case r.Method == http.MethodGet:
		s.getPods(w, r, id, status)
	case status:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	case r.Method == http.MethodPost && id == "":
		s.postPod(w, r, "")
	case r.Method == http.MethodPut && id != "":
		s.postPod(w, r, absolute(id))
	case r.Method == http.MethodDelete && id != "":
		d, err := s.deletePod(absolute(id))
		replyDeployment(w, r, http.StatusAccepted, d, err)
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

func (s *Server) getPods(w http.ResponseWriter, r *http.Request, id string, status bool) {
	all := []any{}
	for _, v := range s.read().pods {
		if id != "" && v.ID != absolute(id) {
			continue
		}
		var one any = v.Spec
		if status {
			one = v
		}
		if id != "" {
			reply(w, r, http.StatusOK, one)
			return
		}
		all = append(all, one)
	}
	if id != "" {
		refuse(w, r, noPod(absolute(id)))
		return
	}
	reply(w, r, http.StatusOK, all)
}

// postPod creates a pod, or updates that of the id.
func (s *Server) postPod(w http.ResponseWriter, r *http.Request, id string) {
	text, err := body(w, r)
	var p Pod
	if err == nil && json.Unmarshal(text, &p) != nil {
		err = badRequest("Invalid JSON")
	}
	event, code := "pod_created_event", http.StatusCreated
	if id != "" {
		p.ID, event, code = id, "pod_updated_event", http.StatusOK
	}
	var d *deployment
	if err == nil {
		d, err = s.putPod(p, event, r.URL.Path, id == "")
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	w.Header().Set("Marathon-Deployment-Id", d.id)
	reply(w, r, code, p)
}

// The status of a pod as GET shows it.
type (
	podView struct {
		ID        string        `json:"id"`
		Spec      *Pod          `json:"spec"`
		Status    string        `json:"status"`
		Instances []podInstance `json:"instances"`
	}
	podInstance struct {
		ID         string         `json:"id"`
		Status     string         `json:"status"`
		Agent      string         `json:"agentHostname,omitempty"`
		References string         `json:"specReference"`
		Networks   []podNetwork   `json:"networks"`
		Containers []podContainer `json:"containers"`
	}
	podNetwork struct {
		Name      string   `json:"name,omitempty"`
		Addresses []string `json:"addresses"`
	}
	podContainer struct {
		Name       string         `json:"name"`
		Status     string         `json:"status"`
		Since      string         `json:"statusSince"`
		ID         string         `json:"containerId"`
		Conditions []podCondition `json:"conditions"`
		Endpoints  []podAddress   `json:"endpoints"`
	}
	podCondition struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Reason string `json:"reason"`
	}
	podAddress struct {
		Name     string `json:"name"`
		HostPort int    `json:"allocatedHostPort,omitempty"`
		Healthy  *bool  `json:"healthy,omitempty"`
	}
)

var podStates = map[string]string{
	"Scheduled": "PENDING", "Provisioned": "PENDING", "Starting": "STAGING", "Running": "STABLE",
	"Killing": "TERMINAL", "Killed": "TERMINAL", "Failed": "TERMINAL",
}

// viewPod is a pod with its instances; s.mu is held.
func (s *Server) viewPod(a *App) *podView {
	p := *a.pod
	p.Version, p.Scaling.Instances = a.Version, a.Instances
	v := &podView{ID: a.ID, Spec: &p, Status: "STABLE", Instances: []podInstance{}}
	for _, i := range s.of(a.ID) {
		one := i.viewPod()
		if one.Status != "STABLE" {
			v.Status = "DEGRADED"
		}
		v.Instances = append(v.Instances, one)
	}
	return v
}

// viewPod is one instance of a pod; Server.mu is held.
func (i *instance) viewPod() podInstance {
	v := podInstance{
		ID: i.id, Status: podStates[i.condition], Networks: []podNetwork{}, Containers: []podContainer{},
		References: "/v2/pods" + i.app.ID + "::versions/" + i.app.Version,
	}
	t := i.task
	if t == nil {
		return v
	}
	if t.health() == unhealthy && v.Status == "STABLE" {
		v.Status = "DEGRADED"
	}
	v.Agent = t.host
	for n, address := range t.visible {
		v.Networks = append(v.Networks, podNetwork{Name: i.app.Networks[min(n, len(i.app.Networks)-1)].Name, Addresses: []string{address.IPAddress}})
	}
	index, host := 0, t.ports
	for n, c := range i.app.pod.Containers {
		one := podContainer{Name: c.Name, Status: t.state, Since: stamp(latest(t.staged, t.started)), ID: i.taskIDs(i.incarnation)[n], Conditions: []podCondition{}}
		var later []podAddress // those without a host port come last
		for _, e := range c.Endpoints {
			address := podAddress{Name: e.Name, Healthy: t.checkedAt(index)}
			index++
			if (e.HostPort != nil || i.app.mode() == "host") && len(host) > 0 {
				address.HostPort, host = host[0], host[1:]
				one.Endpoints = append(one.Endpoints, address)
			} else {
				later = append(later, address)
			}
			if address.Healthy != nil {
				one.Conditions = append(one.Conditions, podCondition{"healthy", "true", "health-reported-by-mesos"})
			}
		}
		one.Endpoints = append(one.Endpoints, later...)
		v.Containers = append(v.Containers, one)
	}
	return v
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// checkedAt is the result of the health check of the port of that index; nil if there is none. Server.mu is held.
func (t *Task) checkedAt(index int) *bool {
	for n, c := range t.app.HealthChecks {
		if c.PortIndex != nil && *c.PortIndex == index && t.results[n] != nil {
			alive := t.results[n].Alive
			return &alive
		}
	}
	return nil
}
