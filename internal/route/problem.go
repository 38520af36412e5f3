package route

// Problem is bad input as data. It never stops a neighbour: only what the label governs is affected.
type Problem struct {
	App    string `json:"app"`    // app id, empty when no app is to blame
	Label  string `json:"label"`  // full name (HAPROXY_0_PORT), or the JSON field or flag concerned
	Value  string `json:"value"`  // what was found there
	Reason string `json:"reason"` // what is wrong with it and what is done instead
	Remedy string `json:"remedy"` // what to write
}

// Why is the reason for a Verdict, a closed list.
type Why string

// The reasons. Exposed is the only good one; Empty still has a listener, which answers 503.
const (
	Exposed      Why = "exposed"           // it has a backend with servers
	Empty        Why = "no ready task"     // it has a backend without a server to use
	WrongGroup   Why = "wrong group"       // HAPROXY_GROUP does not meet --group
	Disabled     Why = "disabled"          // HAPROXY_{n}_ENABLED is false
	StrictMode   Why = "strict mode"       // --strict-mode and HAPROXY_{n}_ENABLED is not true
	PortConflict Why = "port conflict"     // another service, or the load balancer itself, has the port
	NoPort       Why = "no service port"   // Marathon gave none
	FailsClosed  Why = "fails closed"      // a restriction of access that was asked for cannot be honoured
	NotOpened    Why = "port not opened"   // another process has the port, or this one may not have it
	NoCert       Why = "no certificate"    // the port speaks TLS and has no certificate that can be used
	Merged       Why = "merged"            // it is served under the name of its deployment group
	Ignored      Why = "framework ignored" // the app is this load balancer itself (FRAMEWORK_NAME)
)

// Verdict says of one port of one app whether it is exposed and why.
type Verdict struct {
	App       string `json:"app"`
	PortIndex int    `json:"portIndex"`
	Port      int    `json:"port"`    // effective service port, 0 if unknown
	Backend   string `json:"backend"` // name of the backend, empty if it has none
	Why       Why    `json:"why"`
	Detail    string `json:"detail,omitempty"` // what to look at: the groups, the owner of the port, tasks that wait
}
