package marathontest

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Task is one task: a real server on this machine. What it is called and where it listens never changes; its counters do.
type Task struct {
	id        string
	app       *App
	instance  *instance
	agent     string // id
	host      string
	ports     []int       // host ports, as Marathon lists them
	addresses []ipAddress // that Marathon will show once it runs
	listen    []netip.AddrPort
	sockets   []*socket

	// Guarded by Server.mu.
	state           string
	visible         []ipAddress
	staged, started time.Time
	results         []*healthResult    // of each health check; nil as long as there is none
	awaited         []*readinessResult // of each readiness check, likewise; nil if no deployment waits for the task

	unready     atomic.Bool   // paths of readiness checks answer 503
	sick        atomic.Bool   // health paths answer 503
	crash       chan struct{} // closed to crash the process
	crashed     atomic.Bool
	requests    atomic.Int64
	first, last atomic.Int64 // Unix time in nanoseconds of requests; 0 for none
}

type ipAddress struct {
	IPAddress string `json:"ipAddress"`
	Protocol  string `json:"protocol"`
}

// ID is the task id, incarnation included: app.instance-uuid._app.1.
func (t *Task) ID() string { return t.id }

// InstanceID is the id of the instance, which a relaunched task shares with the one before.
func (t *Task) InstanceID() string { return t.instance.id }

// App is the definition the task runs. It must not be modified.
func (t *Task) App() *App { return t.app }

// Addrs are the addresses of the task, one for each port of its app, in order: what a load balancer should connect to. In container
// mode they are the container's own. Nobody listens on a port that is udp only.
func (t *Task) Addrs() []netip.AddrPort { return t.listen }

// Requests is the number of requests (TCP: connections) so far, without probes of health paths.
func (t *Task) Requests() int64 { return t.requests.Load() }

// FirstRequest is when the first request came; zero if none did. Probes of health paths do not count.
func (t *Task) FirstRequest() time.Time { return unixNano(t.first.Load()) }

// LastRequest is when the last request so far came; zero if none did.
func (t *Task) LastRequest() time.Time { return unixNano(t.last.Load()) }

func unixNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func (t *Task) count() {
	now := time.Now().UnixNano()
	t.requests.Add(1)
	t.first.CompareAndSwap(0, now)
	for {
		last := t.last.Load()
		if last >= now || t.last.CompareAndSwap(last, now) {
			return
		}
	}
}

// SetHealthy makes the health paths of the task answer 200 again, or 503.
func (t *Task) SetHealthy(healthy bool) { t.sick.Store(!healthy) }

// Crash ends the process of the task at once: its connections are reset, Marathon hears TASK_FAILED and launches the next.
// A task that does not run yet crashes as soon as it does.
func (t *Task) Crash() {
	if t.crashed.CompareAndSwap(false, true) {
		close(t.crash)
	}
}
