package route

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Mode says how bytes are treated on a listener and towards a backend: HAProxy's "mode".
type Mode string

// The two modes.
const (
	HTTP Mode = "http"
	TCP  Mode = "tcp"
)

// Entry says how a listener finds the backend for a request.
type Entry string

// The kinds of entry.
const (
	ByHost    Entry = "host"    // rules by Host and path: :80 and :443
	ByAppID   Entry = "appid"   // the X-Marathon-App-Id field: :9091
	ByService Entry = "service" // everything goes to one backend: a service port
)

// Balance is the algorithm that chooses a server, by its HAProxy name.
type Balance string

// The algorithms. Those of the second group choose by a hash of something in the request, and go round where it is not there.
const (
	RoundRobin Balance = "roundrobin"
	StaticRR   Balance = "static-rr" // the same: there are no weights to change
	LeastConn  Balance = "leastconn"
	First      Balance = "first"  // of the servers that are usable, the one with the lowest id
	Random     Balance = "random" // one drawn by lot or the next, whichever has fewer requests

	Source   Balance = "source"    // the client's address
	URI      Balance = "uri"       // the path, with HashOn "whole" the query too
	URLParam Balance = "url_param" // the parameter of the query that HashOn names
	Header   Balance = "hdr"       // the field that HashOn names
)

// Names of the listeners that belong to the load balancer itself, as Marathon-LB's HAProxy has them.
const (
	HTTPIn  = "marathon_http_in"
	AppIDIn = "marathon_http_appid_in"
	HTTPSIn = "marathon_https_in"
)

// Spec is the whole desired state as plain sorted data. It prints as text that a person can read and a test can hold.
type Spec struct {
	Listeners []ListenerSpec // sorted by Compare
	Backends  []BackendSpec  // sorted by (App, Port, Name)
}

// ListenerSpec is one port to listen on: HAProxy's frontend.
type ListenerSpec struct {
	Name    string         // the frontend's name on the page and in the CSV
	Bind    netip.AddrPort // where; an invalid or unspecified address means every address, IPv4 and IPv6
	Mode    Mode
	Entry   Entry
	Backend string // with ByService: the backend that gets everything
	TLS     bool
	Certs   []string // PEM files, or directories of them, for TLS; the proxy's default certificate if none
	App     string   // the app it belongs to, empty for the load balancer's own

	PortIndex int    // with App: the {n} of its labels
	CertLabel string // with Certs: the label that names them

	Options BindOptions
}

// Equal says that nothing differs.
func (l ListenerSpec) Equal(m ListenerSpec) bool {
	return slices.Equal(l.Certs, m.Certs) && l.Name == m.Name && l.Bind == m.Bind && l.Mode == m.Mode && l.Entry == m.Entry && l.Backend == m.Backend && l.App == m.App && l.TLS == m.TLS &&
		l.PortIndex == m.PortIndex && l.CertLabel == m.CertLabel && l.Options == m.Options
}

// BackendSpec is one service of one app: a set of interchangeable servers and how to reach them.
type BackendSpec struct {
	Name      string // app id without its first character, "/" as "_", then "_" and Port (marathon-lb.md 3.10)
	App       string // app id, or deployment group
	PortIndex int    // the {n} of its labels
	Port      int    // effective service port
	Mode      Mode
	Balance   Balance
	HashOn    string // what Balance hashes, where it needs a word for it
	Sticky    string // name of the persistence cookie, empty for none
	Check     *Check // how the task's health is checked, nil for not at all
	Rules     []Rule // what leads here from listeners shared with others
	Servers   []ServerSpec
	Auth      *Auth          // who gets in, nil for everybody
	Allow     []netip.Prefix // source networks that get in, empty for all
	ToHTTPS   bool           // requests that a rule of a shared listener leads here without TLS are sent to https
	HSTS      bool           // responses tell browsers to use https from now on
	Rewrite   Rewrite
	Certs     []string      // PEM files for its hosts on :443, besides those of the listener
	CertLabel string        // with Certs: the label that names them
	Hold      time.Duration // how long a request may wait for a server while there is none, 0 for not at all
	Canary    Canary
	SlowStart time.Duration // how long a server that joins others warms up, 0 for not at all
	// Closed: an access restriction that was asked for cannot be honoured. HTTP entries answer 503; a tcp port has no listener.
	Closed bool
	Do     *Directives // what templates ask for, nil for nothing
	LogAll bool        // each exchange has a line in the access log, unless that is off
}

// GuardedAs says that this is the same app's service, and that who is let in to the other is let in to it.
func (k *BackendSpec) GuardedAs(o *BackendSpec) bool {
	return k.App == o.App && k.letsInAs(o)
}

func (k *BackendSpec) letsInAs(o *BackendSpec) bool {
	password := k.Auth == o.Auth || k.Auth != nil && o.Auth != nil && *k.Auth == *o.Auth
	return k.Mode == o.Mode && k.Closed == o.Closed && password && slices.Equal(k.Allow, o.Allow) &&
		(k.Do == o.Do || k.Do.String() == o.Do.String())
}

// Rewrite is what a backend changes in targets and redirects (marathon-lb.md 5.6). Empty fields change nothing.
type Rewrite struct {
	Strip    string   // prefix taken off the path, compared without case (HTTP_BACKEND_PROXYPASS_PATH)
	Host     string   // Host as the server sees it (with Strip, the first vhost)
	Location string   // put before the path of a response's Location (HTTP_BACKEND_REVPROXY_PATH)
	Root     string   // where a request for "/" is redirected to (HTTP_BACKEND_REDIR)
	Hosts    []string // lower-cased: the hosts Location and Root speak of
}

func (r Rewrite) equal(o Rewrite) bool {
	return r.Strip == o.Strip && r.Host == o.Host && r.Location == o.Location && r.Root == o.Root && slices.Equal(r.Hosts, o.Hosts)
}

// Rule leads requests of a shared listener to the backend it stands in. A label that lists several hosts or paths makes a
// rule for each pair.
type Rule struct {
	Host       string     // lower case without port; "*.suffix" for one or more labels below, "*" for any; empty with AppID
	Path       string     // prefix as HAProxy's path_beg takes it: byte-wise, no decoding, not segment-aware; empty for any
	IgnoreCase bool       // path_beg -i
	Weight     int        // larger first
	AppID      string     // lower-cased app id that :9091 compares with; empty with Host
	If         *Condition // what else has to hold, nil for nothing
}

// CookiePath is the path of the persistence cookie: that of the rule, so that apps that share a host do not overwrite each other's.
// Browsers compare it with case, and a ";" would end it.
func (r Rule) CookiePath() string {
	if !strings.HasPrefix(r.Path, "/") || r.IgnoreCase || strings.ContainsAny(r.Path, "; ") {
		return "/"
	}
	return r.Path
}

// ServerSpec is one task's address for one service.
type ServerSpec struct {
	Name   string // HAProxy server name (marathon-lb.md 3.10)
	App    string // id of the app the task belongs to (differs from the backend's in a deployment group)
	Task   string // Marathon's task id
	Addr   netip.AddrPort
	Cookie string // value of the persistence cookie
	ID     int    // HAProxy's server id, 1..32766
	State  State
	TLS    bool // it is spoken to over TLS, and its certificate is not verified
	// CheckPort is the port that probes of this server go to, 0 for Check's or the server's own.
	CheckPort int
	// Vouched: Marathon itself checks the task and all results are good.
	Vouched bool
}

// Check is how a backend's servers are probed, from the app's healthChecks.
type Check struct {
	Protocol string // Marathon's word: HTTP, HTTPS, MESOS_HTTP, MESOS_HTTPS, TCP, MESOS_TCP
	Path     string // for the HTTP kinds, "/" by default
	Port     int    // fixed port, 0 for the server's own
	Interval time.Duration
	Timeout  time.Duration
	Method   string // of the HTTP kinds, GET if empty
	Host     string // of the HTTP kinds, the server's address if empty
	Fields   string // of the HTTP kinds, whole lines besides Host
	Expect   string // statuses that are good, numbers and ranges separated by commas; 200-399 if empty
	Rise     int    // good probes in a row until UP
	Fall     int    // bad probes in a row until DOWN
}

// AnyAddr is the bind address for every address of both families at a port.
func AnyAddr(port int) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, uint16(port)) }

// BindText is a bind address as HAProxy writes it: "*:80" for every address.
func BindText(b netip.AddrPort) string {
	if !b.Addr().IsValid() || b.Addr().IsUnspecified() {
		return "*" + ":" + itoa(int(b.Port()))
	}
	return b.String()
}

// NormalHost is a Host field as rules compare it: lower case, no port, no trailing dot. It does not allocate for a host that
// is normal already.
func NormalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(WithoutPort(host), "."))
}

// WithoutPort is a Host field without its port.
func WithoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if host[0] == '[' || strings.IndexByte(host, ':') == i {
			return host[:i]
		}
	}
	return host
}

// HostIn says whether a NormalHost is one of those patterns of VHOST.
func HostIn(patterns []string, host string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		suffix, wild := strings.CutPrefix(p, "*")
		return p == host || wild && len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	})
}
