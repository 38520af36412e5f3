// Package marathon reads Marathon (its REST API and its event stream) and says what should be served: JSON and events in,
// route.Change out. It knows nothing of the sockets of clients.
package marathon

import (
	"net/netip"
	"regexp"
	"time"

	"marathon-lb/internal/route"
)

// Options is what the Marathon side obeys. config binds command-line flags to these fields; each comment is the flag's help.
type Options struct {
	// Endpoints are Marathon's base URLs (http://master.mesos:8080), tried in order; or several Marathons, each as name=url,url.
	Endpoints []string
	// Name is what the Marathon is called if there are several.
	Name string
	// Poll reads all apps each PollInterval instead of following Marathon's event stream.
	Poll bool
	// PollInterval is the time between two reads in poll mode.
	PollInterval time.Duration
	// Credentials is user:password for HTTP basic authentication at Marathon.
	Credentials string
	// CredentialsFile is a file whose first line is user:password; an empty first line means no authentication.
	CredentialsFile string
	// DCOS is the service account of DC/OS to log in with, the JSON of its secret (uid, private_key, login_endpoint); user:password goes first.
	DCOS *ServiceAccount
	// CACert is a PEM file with the certificates that the TLS certificates of Marathon and of the login to DC/OS must descend from; empty for the system's.
	CACert string
	// MaxBackoff caps the pause before the event stream is opened again.
	MaxBackoff time.Duration
	// Silence is how long the event stream may carry no byte, heartbeats included, before it counts as dead.
	Silence time.Duration
	// ResyncInterval is the time between two full reads that correct whatever events missed; 0 chooses 60 s, or 300 s above 500 apps.
	ResyncInterval time.Duration
	// GuardWindow is how long a sudden collapse of the table is held back and read again before it is believed.
	GuardWindow time.Duration

	// StateDir is where the table is kept for the next start, which may find no Marathon; none keeps nothing. The default is used only
	// if it can be written.
	StateDir string

	// Groups are the load balancer's groups: a service is served if its HAPROXY_GROUP names one of them; "*" serves all.
	Groups []string
	// HealthCheck routes only to tasks that Marathon considers healthy.
	HealthCheck bool
	// StrictMode serves only services whose HAPROXY_{n}_ENABLED is true.
	StrictMode bool
	// FrameworkName is the id, without leading slash, of the app that is this load balancer itself; it is not served.
	FrameworkName string
	// MinServicePort is the lowest service port that is given to apps in container mode for which Marathon has none; 0 for both
	// ends of the range gives none.
	MinServicePort int
	// MaxServicePort is the highest service port that is given to such apps.
	MaxServicePort int
	// DontBindHTTPHTTPS opens neither :80 nor :443.
	DontBindHTTPHTTPS bool
	// HTTPBind is where requests are routed by Host.
	HTTPBind netip.AddrPort
	// HTTPSBind is where requests are routed by Host that come over TLS; SNI only chooses the certificate.
	HTTPSBind netip.AddrPort
	// GroupHTTPSByVHost serves a vhost on :443 with the certificates that the HAPROXY_{n}_SSL_CERT of its services name, if they do.
	GroupHTTPSByVHost bool
	// AppIDBind is where requests are routed by their X-Marathon-App-Id field.
	AppIDBind netip.AddrPort
	// ReservedPorts are ports this process itself binds; no app can take them.
	ReservedPorts []int
	// Templates are texts in HAProxy's language by their name without HAPROXY_, BACKEND_HEAD for one: those that a port's label can set, for
	// all services that have no such label.
	Templates map[string]string
	// Heads are what the bind lines of templates of :80, :443 and :9091 ask for, by the template's name without HAPROXY_ (ReadHead).
	Heads map[string]route.BindOptions
	// ServiceAddr is the address service ports are bound to where no HAPROXY_{n}_BIND_ADDR is given.
	ServiceAddr netip.Addr // the invalid one for every address
}

// password is that of a URL.
var password = regexp.MustCompile(`(://[^/?#@:\s]*:)[^/?#@\s]*@`)

// ShownEndpoints are the Endpoints as logs and pages may show them: without passwords.
func (o Options) ShownEndpoints() []string {
	shown := make([]string, len(o.Endpoints))
	for i, text := range o.Endpoints {
		shown[i] = password.ReplaceAllString(text, "${1}xxxxx@")
	}
	return shown
}
