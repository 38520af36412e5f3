package marathon

import (
	"cmp"
	"slices"
)

// Label is one row of the table of labels: what docs/labels.md says of it, and how it is carried out. A label that is not carried
// out yet has a row without apply; to carry it out is to give it one.
type Label struct {
	Name     string // without HAPROXY_ and {n}_
	Scope    Scope
	Template bool   // its value is text in HAProxy's language
	Default  string // empty for none
	Effect   Effect
	Doc      string // what it is for
	Instead  string // what happens as long as it has no effect
	Own      bool   // Marathon-LB did not have it

	apply     func(*service, setting)
	place     int                     // of a template among those of a service
	replaces  func(*service)          // what the built-in text did
	unused    func(*service) string   // why the template has nothing to say, empty if it has
	reads     func(*reader, string)   // the text, where it is not lines of directives
	restricts func(value string) bool // asks for a restriction of access: the service is closed as long as it is not carried out
}

// Scope says what a label speaks of, and so how its name is written.
type Scope string

// The scopes.
const (
	PerApp  Scope = "app"    // HAPROXY_NAME
	PerPort Scope = "port"   // HAPROXY_{n}_NAME, n counting the app's ports from 0
	Global  Scope = "global" // a template of the whole load balancer, which no label can set
)

// Effect says what is made of a label.
type Effect string

// The effects.
const (
	CarriedOut Effect = "carried out"
	NotYet     Effect = "not carried out yet"
	DeployTool Effect = "read by zdd only" // nothing for a load balancer to do
	NoEffect   Effect = "without effect"   // Marathon-LB knew the name and never obeyed it
)

const prefix = "HAPROXY_"

// Labels is the table of all labels Marathon-LB knew (marathon-lb.md 4.1 to 4.3), whatever is made of them here, and of our own, sorted by
// name.
func Labels() []Label { return slices.Clone(table) }

// Pattern is the label's name as documents write it: HAPROXY_GROUP, HAPROXY_{n}_VHOST.
func (l Label) Pattern() string {
	if l.Scope == PerPort {
		return prefix + "{n}_" + l.Name
	}
	return prefix + l.Name
}

// table is sorted by name and scope, which is also the order in which labels are applied.
var table = arranged(slices.Concat(appLabels, portLabels, ownLabels, portTemplates, globalTemplates))

func arranged(rows []Label) []Label {
	for i := range rows {
		r := &rows[i]
		switch {
		case r.apply != nil:
			r.Effect = CarriedOut
		case r.Effect == "":
			r.Effect = NotYet
		}
	}
	slices.SortFunc(rows, func(a, b Label) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope)) })
	return rows
}

var appLabels = []Label{
	{Name: "GROUP", Scope: PerApp, apply: (*service).setGroup,
		Doc: "Groups of load balancers that serve the app, separated by commas. Without it only a load balancer of group * does."},
	{Name: "DEPLOYMENT_GROUP", Scope: PerApp, apply: (*service).checkGroup,
		Doc: "Id under which the two colours of a blue/green deployment are served as one app."},
	{Name: "DEPLOYMENT_STARTED_AT", Scope: PerApp, Effect: CarriedOut,
		Doc: "When this colour's deployment began: the older colour drains."},
	{Name: "DEPLOYMENT_TARGET_INSTANCES", Scope: PerApp, Effect: CarriedOut,
		Doc: "How many tasks serve in the end. Read where DEPLOYMENT_NEW_INSTANCES is there too."},
	{Name: "DEPLOYMENT_NEW_INSTANCES", Scope: PerApp, Effect: CarriedOut,
		Doc: "That it is there says that a tool scales the colours: the one scaled last is the one that comes. How many tasks of it a hybrid deployment keeps is for zdd."},
	{Name: "DEPLOYMENT_ALT_PORT", Scope: PerApp, Effect: DeployTool, Doc: "Service port of the second colour."},
	{Name: "DEPLOYMENT_COLOUR", Scope: PerApp, Effect: DeployTool, Doc: "blue or green."},
	{Name: "APP_ID", Scope: PerApp, Effect: DeployTool, Doc: "Original id of the app, written by zdd."},
}

var portLabels = []Label{
	{Name: "GROUP", Scope: PerPort, Default: "HAPROXY_GROUP", apply: (*service).setGroup,
		Doc: "Groups of this port, in the place of those of the app."},
	{Name: "ENABLED", Scope: PerPort, Default: "true, in strict mode false", apply: (*service).setEnabled,
		Doc: "Whether the port is served: true, t, yes, y, 1 or on."},
	{Name: "VHOST", Scope: PerPort, apply: (*service).setVHost,
		Doc: "Host names that lead here, separated by commas; *.example.com for one or more labels below, * for any. Implies mode http."},
	{Name: "PATH", Scope: PerPort, apply: (*service).setPath,
		Doc: "Prefixes of the path that lead here, separated by spaces, -i before them to ignore case. Restricts VHOST and needs it."},
	{Name: "BACKEND_WEIGHT", Scope: PerPort, Default: "0, with PATH 1", apply: (*service).setWeight,
		Doc: "Order among the rules of one host: larger first."},
	{Name: "MODE", Scope: PerPort, Default: "http with VHOST or an HTTP health check, else tcp", apply: (*service).setMode,
		Doc: "http or tcp."},
	{Name: "PORT", Scope: PerPort, Default: "the service port Marathon gave", apply: (*service).setPort,
		Doc: "Port to listen on for this service."},
	{Name: "BIND_ADDR", Scope: PerPort, Default: "all addresses", apply: (*service).setBindAddr,
		Doc: "Address the service port is bound to."},
	{Name: "BALANCE", Scope: PerPort, Default: "roundrobin", apply: (*service).setBalance,
		Doc: "How a server is chosen: roundrobin, leastconn, first, random, or by a hash: source, uri [whole], url_param NAME, hdr(NAME)."},
	{Name: "STICKY", Scope: PerPort, Default: "false", apply: (*service).setSticky,
		Doc: "Whether a cookie keeps a client at its server (mode http)."},
	{Name: "BIND_OPTIONS", Scope: PerPort, apply: (*service).setBindOptions, restricts: verifies,
		Doc: "Further words of HAProxy's bind line for the service port: ssl, crt FILE, ca-file FILE, verify required or optional, accept-proxy, alpn (in mode http h2 and http/1.1); others are accepted where they change little."},
	{Name: "SSL_CERT", Scope: PerPort, apply: (*service).setCert,
		Doc: "PEM file with which TLS ends on the service port. With --group-https-by-vhost also the certificate of the vhosts on :443."},
	{Name: "REDIRECT_TO_HTTPS", Scope: PerPort, Default: "false", apply: (*service).setToHTTPS,
		Doc: "Whether :80 answers requests for the VHOST with a redirect (301) to https."},
	{Name: "USE_HSTS", Scope: PerPort, Default: "false", apply: (*service).setHSTS,
		Doc: "Whether responses carry Strict-Transport-Security: max-age=15768000."},
	{Name: "AUTH", Scope: PerPort, apply: (*service).setAuth,
		Doc: "Basic authentication: realm:user:hash, the hash as crypt(3) makes it ($6$, $5$, $1$) or bcrypt's ($2y$)."},
	{Name: "BACKEND_NETWORK_ALLOWED_ACL", Scope: PerPort, apply: (*service).setAllow,
		Doc: "Addresses and networks that may use the service, separated by spaces."},
	{Name: "BACKEND_HEALTHCHECK_PORT_INDEX", Scope: PerPort, apply: (*service).setCheckIndex,
		Doc: "Index of the port that is probed for this one, and whose health check counts if this one has none."},
	{Name: "HTTP_BACKEND_PROXYPASS_PATH", Scope: PerPort, apply: (*service).setStrip,
		Doc: "Prefix taken off the path, without case; Host becomes the first VHOST."},
	{Name: "HTTP_BACKEND_REVPROXY_PATH", Scope: PerPort, apply: (*service).setLocation,
		Doc: "Path put in front of Location fields of responses."},
	{Name: "HTTP_BACKEND_REDIR", Scope: PerPort, apply: (*service).setRoot,
		Doc: "Path or URL to which requests for / of a VHOST are redirected (301)."},
}
