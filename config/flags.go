package config

import "strings"

// row is one option.
type row struct {
	long, short string   // names of the flag without dashes; none for an option that only the environment has
	arg         string   // what the value is called in the help; empty for a switch
	field       string   // the field of Config that the option sets; its comment is the help
	constant    string   // what a switch stores, if not "true"
	several     bool     // takes several values after one flag, and a repeated flag replaces the earlier ones
	secret      bool     // its text is never shown
	zero        bool     // a length of time that may be 0, or a list that may be empty
	env         []string // names in the container's environment, as environ.get takes them; a last "*" stands for any rest
	note        string   // a word more than the field's comment; for a row without field, why it is not obeyed
	effect      effect
	reads       func(string) string // what the variable's text says of the field
	partly      func(string) bool   // the variable's text asks for more than is obeyed
	harmless    string              // a value of the variable that needs no notice, because it is what happens anyway
}

// effect says what becomes of an option.
type effect int

const (
	obeyed   effect = iota // its field is set
	idle                   // accepted: there is nothing for it to do here
	lost                   // accepted, but the user goes without something: a warning
	template               // a HAProxy template: lost, and refused if it keeps clients out
	asked                  // prints something instead of starting
)

const (
	noHAProxy   = "accepted for compatibility, no effect: there is no HAProxy to configure or reload"
	noTemplates = "not carried out yet: the template is not used"
	// someTemplates is what the log says of HEAD.
	someTemplates = "of its defaults, errorfile, compression, option httplog and timeout connect, server and tunnel are carried out, and nothing else"
	// templateNote is what the help says; noTemplates is what the log says of those that no label can set.
	templateNote = `\n is a newline. Files of these names in templates/, and in that of the sandbox, are read too; variables go first, and labels before them`
)

// python are the flags of marathon_lb.py (the last one, v1.15.0), in its own order.
var python = []row{
	{long: "help", short: "h", effect: asked, note: "prints the flags that have an effect"},
	{long: "longhelp", effect: asked, note: "prints all flags and environment variables"},
	{long: "marathon", short: "m", arg: "URL [URL ...]", field: "Marathon.Endpoints", several: true},
	{long: "haproxy-config", arg: "PATH", effect: idle, note: noHAProxy},
	{long: "group", arg: "NAME", field: "Marathon.Groups", note: "may be given several times; mandatory"},
	{long: "command", short: "c", arg: "CMD", effect: idle, note: noHAProxy},
	{long: "max-reload-retries", arg: "N", effect: idle, note: noHAProxy},
	{long: "reload-interval", arg: "SECONDS", effect: idle, note: noHAProxy},
	{long: "strict-mode", field: "Marathon.StrictMode"},
	{long: "sse", short: "s", field: "Mode", constant: string(SSE), note: `the same as "sse" as first argument`},
	{long: "archive-versions", arg: "N", effect: idle, note: noHAProxy},
	{long: "health-check", short: "H", field: "Marathon.HealthCheck"},
	{long: "lru-cache-capacity", arg: "N", effect: idle, note: "accepted for compatibility, no effect: health is kept per task, without limit"},
	{long: "haproxy-map", field: "Stats.Maps"},
	{long: "dont-bind-http-https", field: "Marathon.DontBindHTTPHTTPS"},
	{long: "group-https-by-vhost", field: "Marathon.GroupHTTPSByVHost"},
	{long: "ssl-certs", arg: "LIST", field: "Proxy.SSLCerts", zero: true, note: "separate them by commas; changes are noticed within seconds"},
	{long: "skip-validation", effect: idle, note: noHAProxy},
	{long: "skip-config-cleanup", effect: idle, note: noHAProxy},
	{long: "dry", short: "d", field: "Dry", note: "hashes of passwords included; problems go to the log"},
	{long: "min-serv-port-ip-per-task", arg: "PORT", field: "Marathon.MinServicePort"},
	{long: "max-serv-port-ip-per-task", arg: "PORT", field: "Marathon.MaxServicePort"},
	{long: "max-backoff", arg: "DURATION", field: "Marathon.MaxBackoff"},
	{long: "syslog-socket", arg: "PATH", effect: lost, harmless: "/dev/null", note: "not carried out: the log goes to standard error only"},
	{long: "log-format", arg: "FORMAT", effect: idle, note: "accepted for compatibility, no effect: the format is Python's, see --log-encoding"},
	{long: "log-level", arg: "LEVEL", field: "Log.Level"},
	{long: "marathon-auth-credential-file", arg: "PATH", field: "Marathon.CredentialsFile"},
	{long: "auth-credentials", arg: "USER:PASSWORD", field: "Marathon.Credentials", env: []string{"MARATHON_USER:MARATHON_PASSWORD"}},
	{long: "dcos-auth-credentials", arg: "JSON", field: "Marathon.DCOS", secret: true, env: []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL"}},
	{long: "marathon-ca-cert", arg: "PATH", field: "Marathon.CACert"},
}

// own are the flags Marathon-LB did not have.
var own = []row{
	{long: "http-bind", arg: "ADDRESS", field: "Marathon.HTTPBind"},
	{long: "https-bind", arg: "ADDRESS", field: "Marathon.HTTPSBind"},
	{long: "tls-min", arg: "VERSION", field: "Proxy.TLSMin"},
	{long: "appid-bind", arg: "ADDRESS", field: "Marathon.AppIDBind"},
	{long: "stats-bind", arg: "ADDRESS", field: "Stats.Bind"},
	{long: "service-addr", arg: "IP", field: "Marathon.ServiceAddr", note: "* for every address"},
	{long: "drain-timeout", arg: "DURATION", field: "Proxy.DrainTimeout"},
	{long: "tunnel-drain-timeout", arg: "DURATION", field: "Proxy.TunnelDrainTimeout", zero: true},
	{long: "grace", arg: "DURATION", field: "Life.Grace", zero: true},
	{long: "upgrade-timeout", arg: "DURATION", field: "Life.UpgradeTimeout"},
	{long: "cpu-profile", arg: "FILE", field: "Life.CPUProfile"},
	{long: "trusted-proxies", arg: "NETWORKS", field: "Proxy.TrustedProxies", note: "CIDR networks or addresses, separated by commas; empty for none"},
	{long: "auth-scope", arg: "WHERE", field: "Proxy.AuthScope"},
	{long: "maxconn", arg: "N", field: "Proxy.MaxConn"},
	{long: "backend-maxconn", arg: "N", field: "Proxy.BackendMaxConn"},
	{long: "hold-requests", arg: "N", field: "Proxy.HoldRequests"},
	{long: "engine", arg: "NAME", field: "Proxy.Engine"},
	{long: "access-log", arg: "WHICH", field: "Proxy.AccessLog"},
	{long: "log-encoding", arg: "ENCODING", field: "Log.Encoding"},
	{long: "resync-interval", arg: "DURATION", field: "Marathon.ResyncInterval", zero: true},
	{long: "state-dir", arg: "PATH", field: "Marathon.StateDir"},
	{long: "silence", arg: "DURATION", field: "Marathon.Silence"},
}

// container are the variables of Marathon-LB's container that no flag has. The first row that fits a name holds.
var container = []row{
	{env: []string{"POLL_INTERVAL"}, arg: "DURATION", field: "Marathon.PollInterval"},
	{env: []string{"FRAMEWORK_NAME"}, arg: "ID", field: "Marathon.FrameworkName"},
	{env: []string{"HAPROXY_GLOBAL_DEFAULT_OPTIONS"}, arg: "LIST", field: "Proxy.ServerClose", reads: serverClose, partly: otherDefaults,
		note: "read for http-server-close; the value the DC/OS package always passes changes nothing. Redispatch is always on, the log is --access-log's, other options have no effect"},
	{env: []string{certVariable, certVariable + certNumbers}, arg: "PEM", field: certField, note: `backslash escapes such as \n are expanded`},
	{env: []string{certVariable + "*"}, effect: lost, note: "there is no such variable: the numbers go from 0 to 100"},
	{env: []string{"HAPROXY_SYSLOGD"}, effect: idle, note: "accepted for compatibility, no effect: the log goes to standard error, see --access-log"},
	{env: []string{"SYSLOG_SOCKET"}, effect: lost, harmless: "/dev/null", note: "not carried out: the log goes to standard error only"},
	{env: []string{"HAPROXY_SYSCTL_PARAMS"}, effect: idle,
		note: "accepted for compatibility, no effect: kernel settings are the host's, and this needs none of them"},
	{env: []string{"HAPROXY_SYSCTL_NONSTRICT"}, effect: idle, note: "accepted for compatibility, no effect: no kernel setting is changed"},
	{env: []string{"VAULT_TOKEN"}, effect: lost, note: "not carried out yet: credentials are not read from Vault, see --marathon-auth-credential-file"},
	{env: []string{"HAPROXY_*"}, arg: "TEXT", field: templatesField, effect: template, note: templateNote},
	{env: []string{ourPrefix + "*"}, effect: lost, note: "there is no such option: --longhelp lists all variables"},
}

// ourPrefix begins the environment variable of each option that has a flag and an effect.
const ourPrefix = "MARATHON_LB_"

// variable is the name of the row's own environment variable, empty if it has none. A switch that stores a constant has none, and no
// flag of zdd: what it does should be seen on its command line.
func (r row) variable() string {
	if r.long == "" || r.field == "" || r.constant != "" || strings.HasPrefix(r.field, zddField) {
		return ""
	}
	return ourPrefix + strings.ToUpper(strings.ReplaceAll(r.long, "-", "_"))
}

// variables are all names under which the environment may set the row, the strongest first.
func (r row) variables() []string {
	if own := r.variable(); own != "" {
		return append([]string{own}, r.env...)
	}
	return r.env
}
