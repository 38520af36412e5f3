package marathontest

import (
	"net"
	"net/http"
	"os/exec"
	"time"
)

// Options is what a Server is like. The zero value is a Fast Marathon on any port of 127.0.0.1 with one agent, 127.0.0.1.
type Options struct {
	// Addr is the host:port to listen on; "127.0.0.1:0" if empty.
	Addr string
	// AnyPort takes any port of Addr's host if Addr's port is taken.
	AnyPort bool
	// Credentials is the user:password every request must carry; empty for none.
	Credentials string
	// DCOS puts DC/OS before Marathon: every request must carry the token of a login; nil for none.
	DCOS *DCOS

	// Agents are the hosts that tasks run on in turn: IPv4 addresses of this machine or names that resolve to one.
	Agents []string
	// Handler makes what a task serves; Greeting if nil. Requests of the health paths (/health and those of the app's checks) do not
	// reach it while the task is made unhealthy. It must end when the request's context does: Close waits for it.
	Handler func(*Task) http.Handler
	// Conn serves one connection of a task whose behaviour is TCP, until it can read no more; Echo if nil.
	Conn func(*Task, net.Conn)
	// Command makes what a task runs as a process of its own, instead of Handler and Conn. It gets the task's ports by calling Listeners.
	// It obeys SIGTERM as it likes; Behaviour decides when it comes, and with Abrupt it is SIGKILL. Nobody counts its requests, and its
	// health and readiness are what it answers.
	Command func(*Task) *exec.Cmd
	// Behaviour is how processes behave unless SetBehaviour says otherwise for their app.
	Behaviour Behaviour

	// Timing is how long things take; Fast if zero. A Heartbeat or Second of 0 is that of Fast, other fields may be 0.
	Timing Timing
	// Jitter spreads all times by plus or minus this share (0.2 for 20 %); 0 for none.
	Jitter float64
	// Seed makes ids, jitter and random faults repeatable.
	Seed uint64

	// NoTaskKilling runs Marathon without --enable_features task_killing: no TASK_KILLING, tasks read RUNNING until they are gone.
	NoTaskKilling bool
	// EventQueue is how many events may wait for a slow reader of the stream before it is cut off; 1024.
	EventQueue int
	// OnEvent is told of each event at the instant it is published, in order. It must be quick and must not call the Server.
	OnEvent func(Event)
}

// Timing is how long the steps of Marathon, Mesos and its agents take.
type Timing struct {
	Commit  time.Duration // from deployment_info until the new definition can be read: a write to ZooKeeper
	Offer   time.Duration // from Scheduled to Provisioned
	Staging time.Duration // from Provisioned to TASK_STARTING: fetching the image
	Start   time.Duration // from TASK_STARTING to TASK_RUNNING
	Backoff time.Duration // the pause, besides Offer, before a crashed task is launched again

	Kill        time.Duration // from Marathon's decision until the executor has the kill and sends SIGTERM
	KillingLag  time.Duration // from SIGTERM to TASK_KILLING: the two race
	KillGrace   time.Duration // from SIGTERM to SIGKILL for apps without taskKillGracePeriodSeconds
	Heartbeat   time.Duration // between two empty lines on the event stream
	AttachGap   time.Duration // from the head of the event stream to the subscription; events between are lost
	Second      time.Duration // the length of a second of intervalSeconds, delaySeconds and gracePeriodSeconds, and of no other
	MesosUpdate time.Duration // from the end of a process to its terminal status
}

// Typical is a Marathon in production, as far as a spectator's patience allows.
func Typical() Timing {
	return Timing{
		Commit: 20 * time.Millisecond, Offer: 200 * time.Millisecond, Staging: 500 * time.Millisecond,
		Start: 200 * time.Millisecond, Backoff: time.Second, Kill: 50 * time.Millisecond, KillGrace: 3 * time.Second,
		Heartbeat: 10 * time.Second, AttachGap: 5 * time.Millisecond, Second: time.Second, MesosUpdate: 20 * time.Millisecond,
	}
}

// Fast is Typical about 50 times faster, for tests; commit, grace, heartbeat and attach gap stay as they are.
func Fast() Timing {
	return Timing{
		Commit: 20 * time.Millisecond, Offer: 4 * time.Millisecond, Staging: 10 * time.Millisecond,
		Start: 4 * time.Millisecond, Backoff: 20 * time.Millisecond, Kill: 2 * time.Millisecond, KillGrace: 3 * time.Second,
		Heartbeat: 10 * time.Second, AttachGap: 5 * time.Millisecond, Second: 20 * time.Millisecond, MesosUpdate: time.Millisecond,
	}
}

// Behaviour is how the process of a task behaves.
type Behaviour struct {
	TCP           bool          // serves Options.Conn instead of HTTP, as does an app's label MARATHONTEST_KIND=tcp
	SlowStart     time.Duration // from TASK_RUNNING until the ports are open
	Linger        time.Duration // goes on serving as if nothing had happened so long after SIGTERM
	Abrupt        bool          // then resets running connections, instead of finishing their requests
	IgnoreSIGTERM bool          // serves until SIGKILL
	Unready       bool          // starts with paths of readiness checks that answer 503, until SetReady
}

func (o *Options) fill() {
	setDefault(&o.Addr, "127.0.0.1:0")
	if len(o.Agents) == 0 {
		o.Agents = []string{"127.0.0.1"}
	}
	if o.Handler == nil {
		o.Handler = Greeting
	}
	if o.Conn == nil {
		o.Conn = Echo
	}
	if o.Timing == (Timing{}) {
		o.Timing = Fast()
	}
	setDefault(&o.Timing.Heartbeat, Fast().Heartbeat)
	setDefault(&o.Timing.Second, Fast().Second)
	setDefault(&o.EventQueue, 1024)
}
