package marathon

import "time"

// Where a task that is only supposed is found: an address for documentation (RFC 5737), where nobody is, and ports as agents give them.
const (
	supposedHost = "192.0.2.1"
	supposedPort = 31000
)

// Suppose gives an app of which no tasks are known one that runs, as Marathon would show it, so that it can be asked what the app will do.
// It returns the id of that task with what is known of it.
func (a *App) Suppose(now time.Time) (task string, f Facts) {
	t := Task{ID: "supposed task of " + a.ID, AppID: a.ID, Host: supposedHost, State: TaskRunning, StartedAt: Time{now}, Version: a.Version}
	for i := range max(len(a.servicePorts()), len(a.mappings())) {
		t.Ports = append(t.Ports, supposedPort+i)
	}
	for range max(1, len(a.Networks)) {
		t.IPAddresses = append(t.IPAddresses, TaskIP{IPAddress: supposedHost, Protocol: "IPv4"})
	}
	a.Tasks = []Task{t}
	f.Health = map[string]Health{t.ID: Unchecked}
	if len(a.HealthChecks) > 0 {
		f.Health[t.ID] = Healthy
	}
	return t.ID, f
}
