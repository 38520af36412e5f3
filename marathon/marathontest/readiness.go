package marathontest

import (
	"context"
	"io"
	"slices"
	"time"
)

// ReadinessCheck is how Marathon finds out during a deployment that a new task may take traffic; zero fields take its defaults.
type ReadinessCheck struct {
	Name                    string  `json:"name"`
	Protocol                string  `json:"protocol"`
	Path                    string  `json:"path"`
	PortName                string  `json:"portName"` // of a port definition or mapping; the first port if there is none of that name
	IntervalSeconds         float64 `json:"intervalSeconds"`
	TimeoutSeconds          float64 `json:"timeoutSeconds"`
	HTTPStatusCodesForReady []int   `json:"httpStatusCodesForReady"`
	PreserveLastResponse    bool    `json:"preserveLastResponse"`
}

// readinessResult is what a readiness check found last, as an app or a deployment shows it.
type readinessResult struct {
	Name   string        `json:"name"`
	TaskID string        `json:"taskId"`
	Ready  bool          `json:"ready"`
	Last   *lastResponse `json:"lastResponse,omitempty"`
}

type lastResponse struct {
	Status      int    `json:"status"`
	ContentType string `json:"contentType"`
	Body        string `json:"body"`
}

func (c *ReadinessCheck) fill() {
	setDefault(&c.Name, "readinessCheck")
	setDefault(&c.Protocol, "HTTP")
	setDefault(&c.Path, "/")
	setDefault(&c.PortName, "http-api")
	setDefault(&c.IntervalSeconds, 30)
	setDefault(&c.TimeoutSeconds, 10)
	if c.HTTPStatusCodesForReady == nil {
		c.HTTPStatusCodesForReady = []int{200}
	}
}

// portIndex is that of the port of a name, 0 if there is none.
func (a *App) portIndex(name string) int {
	n := slices.IndexFunc(a.PortDefinitions, func(d PortDefinition) bool { return d.Name == name })
	m := slices.IndexFunc(a.mappings(), func(m PortMapping) bool { return m.Name == name })
	return max(n, m, 0)
}

// awaited says, once a task runs, whether its readiness matters: Marathon asks only during a deployment.
func (s *Server) awaited(t *Task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	deploying := slices.ContainsFunc(s.deployments, func(d *deployment) bool { return d.touches(t.app.ID) })
	if deploying {
		t.awaited = make([]*readinessResult, len(t.app.ReadinessChecks))
	}
	return deploying
}

// checkReadiness probes a task, by its n-th readiness check, until it is ready or ctx ends.
func (s *Server) checkReadiness(ctx context.Context, t *Task, n int) {
	c := &t.app.ReadinessChecks[n]
	interval := max(time.Duration(c.IntervalSeconds*float64(s.o.Timing.Second)), time.Millisecond)
	for {
		r := s.probeReadiness(ctx, t, c)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		t.awaited[n] = r
		s.touch() // and no event
		s.mu.Unlock()
		if r.Ready || !s.pause(interval, ctx.Done()) {
			return
		}
	}
}

func (s *Server) probeReadiness(ctx context.Context, t *Task, c *ReadinessCheck) *readinessResult {
	result := &readinessResult{Name: c.Name, TaskID: t.id}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.TimeoutSeconds*float64(time.Second)))
	defer cancel()
	index := t.app.portIndex(c.PortName)
	if index >= len(t.listen) {
		return result
	}
	answer, err := s.ask(ctx, c.Protocol, t.listen[index], c.Path)
	if err != nil {
		return result
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 10<<10))
	result.Ready = slices.Contains(c.HTTPStatusCodesForReady, answer.StatusCode)
	if c.PreserveLastResponse {
		result.Last = &lastResponse{answer.StatusCode, answer.Header.Get("Content-Type"), string(text)}
	}
	return result
}

// isReady says that no readiness check keeps a deployment waiting for the task; Server.mu is held.
func (t *Task) isReady() bool {
	return !slices.ContainsFunc(t.awaited, func(r *readinessResult) bool { return r == nil || !r.Ready })
}

// readiness are the results of the checks of an app's tasks; s.mu is held.
func (s *Server) readiness(app string) []readinessResult {
	all := []readinessResult{}
	for _, i := range s.of(app) {
		if i.task == nil || terminal(i.task.state) {
			continue
		}
		for _, r := range i.task.awaited {
			if r != nil {
				all = append(all, *r)
			}
		}
	}
	return all
}

// SetReady makes the paths of the task's readiness checks answer as the task likes, or 503.
func (t *Task) SetReady(ready bool) { t.unready.Store(!ready) }
