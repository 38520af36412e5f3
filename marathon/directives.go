package marathon

import (
	"slices"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// Directive is one row of the table of HAProxy's directives that templates may have: what docs/directives.md says of it, and how it is
// carried out. A row without apply that is not carried out is a problem wherever it is met.
type Directive struct {
	Words       string // how a line begins
	Effect      Effect
	Restricts   bool // it keeps somebody out: where it cannot be carried out, the service is closed
	NoCondition bool // the line takes none: a word "if" means nothing
	Doc         string
	Instead     string // what to use where it is not carried out

	apply func(*reader, []string) error
}

// AsIs is for what is done anyway.
const AsIs Effect = "done anyway"

// Directives is the table, sorted by the words.
func Directives() []Directive { return slices.Clone(directives) }

// directives has a line of HAProxy's manual each, as far as backends and frontends of Marathon-LB had a use for it.
var directives = arrangedDirectives()

func arrangedDirectives() []Directive {
	rows := slices.Concat(requestRows, responseRows, oldRows, backendRows, optionRows, lostRows)
	for i := range rows {
		switch {
		case rows[i].Effect != "":
		case rows[i].apply != nil:
			rows[i].Effect = CarriedOut
		default:
			rows[i].Effect = NotYet
		}
	}
	slices.SortFunc(rows, func(a, b Directive) int { return strings.Compare(a.Words, b.Words) })
	return rows
}

// byWords finds a row by its words.
var byWords = map[string]*Directive{}

func init() { // the table's functions use the table
	for i := range directives {
		byWords[directives[i].Words] = &directives[i]
	}
}

// findDirective is the row of a line: that with the most words.
func findDirective(words []string) *Directive {
	for n := min(len(words), 4); n > 0; n-- {
		row := byWords[strings.Join(words[:n], " ")]
		if row != nil && len(strings.Fields(row.Words)) == n { // a word in quotes may have a blank
			return row
		}
	}
	return nil
}

const modern = "write the http-request or http-response line that does it"

var requestRows = []Directive{
	{Words: "acl", NoCondition: true, apply: (*reader).acl, Doc: "Names a test. Fetches and matches are listed below."},
	{Words: "http-request set-header", apply: requestField(route.SetHeader), Doc: "Writes a field in the place of those of the name."},
	{Words: "http-request add-header", apply: requestField(route.AddHeader), Doc: "Writes a field besides those of the name. X-Forwarded-Proto, which is always there, is replaced."},
	{Words: "http-request del-header", apply: requestField(route.DelHeader), Doc: "Removes the fields of a name."},
	{Words: "http-request replace-header", apply: requestField(route.ReplaceHeader), Doc: "Puts a text in the place of each value that matches."},
	{Words: "http-request replace-value", apply: requestField(route.ReplaceValue), Doc: "The same for each element of a list."},
	{Words: "http-request set-path", apply: target(route.SetPath), Doc: "Writes the path; the query stays."},
	{Words: "http-request set-pathq", apply: target(route.SetPathQuery), Doc: "Writes path and query."},
	{Words: "http-request set-query", apply: target(route.SetQuery), Doc: "Writes the query; the path stays."},
	{Words: "http-request set-uri", apply: target(route.SetURI), Doc: "Writes path and query; scheme and host are left out."},
	{Words: "http-request replace-path", apply: target(route.ReplacePath), Doc: "Puts a text in the place of the path if it matches."},
	{Words: "http-request replace-pathq", apply: target(route.ReplacePathQ), Doc: "The same for path and query."},
	{Words: "http-request replace-uri", apply: target(route.ReplaceURI), Doc: "The same; scheme and host are not there to match."},
	{Words: "http-request allow", Restricts: true, apply: (*reader).allow, Doc: "Ends the http-request lines."},
	{Words: "http-request deny", Restricts: true, apply: (*reader).deny, Doc: "Answers 403, or the deny_status."},
	{Words: "http-request tarpit", Restricts: true, apply: (*reader).tarpit, Doc: "Answers 500, or the deny_status, at once."},
	{Words: "http-request reject", Restricts: true, apply: (*reader).deny, Doc: "Answers 403."},
	{Words: "http-request silent-drop", Restricts: true, apply: (*reader).deny, Doc: "Answers 403."},
	{Words: "http-request redirect", apply: (*reader).redirect, Doc: "Sends the client to a location, a prefix or a scheme, with code, drop-query, append-slash, set-cookie, clear-cookie."},
	{Words: "http-request auth", Restricts: true, apply: (*reader).passwordLine, Instead: "set the label HAPROXY_{n}_AUTH", Doc: "Asks for a password, where the label HAPROXY_{n}_AUTH does."},
	{Words: "tcp-request content accept", Restricts: true, apply: (*reader).accept, Doc: "Ends the tcp-request lines."},
	{Words: "tcp-request content reject", Restricts: true, apply: (*reader).reject, Doc: "Closes the connection; a request is answered 403."},
	{Words: "tcp-request connection accept", Restricts: true, apply: (*reader).accept, Doc: "The same as with content."},
	{Words: "tcp-request connection reject", Restricts: true, apply: (*reader).reject, Doc: "The same as with content."},
	{Words: "tcp-request inspect-delay", Effect: AsIs, Doc: "A request is looked at when its head is whole."},
}

var responseRows = []Directive{
	{Words: "http-response set-header", apply: responseField(route.SetHeader), Doc: "Writes a field in the place of those of the name."},
	{Words: "http-response add-header", apply: responseField(route.AddHeader), Doc: "Writes a field besides those of the name."},
	{Words: "http-response del-header", apply: responseField(route.DelHeader), Doc: "Removes the fields of a name."},
	{Words: "http-response replace-header", apply: responseField(route.ReplaceHeader), Doc: "Puts a text in the place of each value that matches."},
	{Words: "http-response replace-value", apply: responseField(route.ReplaceValue), Doc: "The same for each element of a list."},
	{Words: "http-response deny", Restricts: true, Instead: "let the app not answer so", Doc: "Hides a response."},
}

var oldRows = []Directive{
	{Words: "reqrep", apply: reqrep(false), Instead: modern, Doc: "Replaces the request line, from ^ and the method on, or a field, from ^ and its name on."},
	{Words: "reqirep", apply: reqrep(true), Instead: modern, Doc: "The same without case."},
	{Words: "rsprep", apply: rsprep(false), Instead: modern, Doc: "Replaces a field of the response, from ^ and its name on."},
	{Words: "rspirep", apply: rsprep(true), Instead: modern, Doc: "The same without case."},
	{Words: "reqadd", apply: (*reader).reqadd, Instead: modern, Doc: "Adds a line to the request's head."},
	{Words: "rspadd", apply: (*reader).rspadd, Instead: modern, Doc: "Adds a line to the response's head."},
	{Words: "reqdel", apply: (*reader).reqdel, Instead: modern, Doc: "Removes the fields of a name: ^Name:.*"},
	{Words: "reqidel", apply: (*reader).reqdel, Instead: modern, Doc: "The same."},
	{Words: "rspdel", apply: (*reader).rspdel, Instead: modern, Doc: "Removes the fields of a name from the response: ^Name:.*"},
	{Words: "rspidel", apply: (*reader).rspdel, Instead: modern, Doc: "The same."},
	{Words: "reqdeny", Restricts: true, apply: reqdeny(403, false), Instead: modern, Doc: "Answers 403 if the request line matches, from ^ and the method on, or a field, from ^ and its name on."},
	{Words: "reqideny", Restricts: true, apply: reqdeny(403, true), Instead: modern, Doc: "The same without case."},
	{Words: "reqtarpit", Restricts: true, apply: reqdeny(500, false), Instead: modern, Doc: "The same with 500, at once."},
	{Words: "reqitarpit", Restricts: true, apply: reqdeny(500, true), Instead: modern, Doc: "The same without case."},
	{Words: "reqallow", Restricts: true, Instead: modern}, {Words: "reqiallow", Restricts: true, Instead: modern},
	{Words: "reqpass", Restricts: true, Instead: modern}, {Words: "reqipass", Restricts: true, Instead: modern},
	{Words: "rspdeny", Restricts: true, Instead: modern}, {Words: "rspideny", Restricts: true, Instead: modern},
	{Words: "block", Restricts: true, apply: (*reader).block, Doc: "Answers 403, before all other lines."},
	{Words: "redirect", apply: (*reader).redirectOfItsOwn, Doc: "As http-request redirect, after all http-request lines and without expressions."},
}

var backendRows = []Directive{
	{Words: "backend", NoCondition: true, apply: (*reader).sectionLine, Doc: "The head of the service's own section. Another section is not carried out."},
	{Words: "frontend", NoCondition: true, apply: (*reader).sectionLine, Doc: "The same."},
	{Words: "mode", apply: (*reader).modeLine, Instead: "set the label HAPROXY_{n}_MODE", Doc: "What it is anyway."},
	{Words: "balance", apply: (*reader).balanceLine, Doc: "As the label HAPROXY_{n}_BALANCE."},
	{Words: "bind", Restricts: true, apply: (*reader).bindLine, Instead: "set the labels HAPROXY_{n}_BIND_ADDR, HAPROXY_{n}_BIND_OPTIONS and HAPROXY_{n}_PORT", Doc: "Address of the service port, and words as in the label HAPROXY_{n}_BIND_OPTIONS."},
	{Words: "use_backend", Restricts: true, apply: (*reader).useBackend, Doc: "The service's own backend; under a condition, what does not meet it is answered 503."},
	{Words: "default_backend", Restricts: true, apply: (*reader).useBackend, Doc: "The service's own backend."},
	{Words: "server", apply: (*reader).serverLine, Doc: "Address and port of the task's server, where they are not the task's. Words are listed below. A line of another server is a problem."},
	{Words: "timeout connect", apply: timeout(func(d *route.Directives) *time.Duration { return &d.Connect }), Doc: "For a connection to a server."},
	{Words: "timeout server", apply: timeout(func(d *route.Directives) *time.Duration { return &d.Server }), Doc: "Without progress of the server."},
	{Words: "timeout tunnel", apply: timeout(func(d *route.Directives) *time.Duration { return &d.Tunnel }), Doc: "Without a byte either way on a WebSocket or TCP connection."},
	{Words: "timeout check", apply: (*reader).checkTimeout, Doc: "Of a health check."},
	{Words: "contimeout", apply: timeout(func(d *route.Directives) *time.Duration { return &d.Connect }), Doc: "The same as timeout connect."},
	{Words: "srvtimeout", apply: timeout(func(d *route.Directives) *time.Duration { return &d.Server }), Doc: "The same as timeout server."},
	{Words: "timeout queue", Effect: AsIs, Doc: "Nothing waits in a queue."},
	{Words: "errorfile", apply: (*reader).errorfile, Doc: "A file on the load balancer's disk with a whole HTTP response, for an answer of ours with that status."},
	{Words: "compression algo", NoCondition: true, apply: (*reader).compressionAlgo, Instead: "write compression algo gzip", Doc: "gzip: answers 200 to 203 with an end that is known are compressed for clients that take it, in HTTP/1.1. Of several algorithms gzip is used."},
	{Words: "compression type", NoCondition: true, apply: (*reader).compressionType, Doc: "Only answers whose Content-Type begins so are; without it all are, but multipart."},
	{Words: "compression offload", NoCondition: true, apply: (*reader).compressionOffload, Doc: "Servers do not see the Accept-Encoding of clients that take gzip."},
	{Words: "cookie", apply: (*reader).cookieLine, Instead: "set the label HAPROXY_{n}_STICKY", Doc: "Keeps clients at their server by a cookie of that name: insert, with indirect, nocache, httponly, secure."},
	{Words: "stick on", apply: (*reader).stickOn, Instead: "set the label HAPROXY_{n}_STICKY", Doc: "src, hdr(NAME) and url_param(NAME): the same without a table, by a hash, as with balance."},
	{Words: "stick-table", Effect: AsIs, Doc: "stick on needs no table; nothing else is kept in one."},
	{Words: "http-check expect", apply: (*reader).expect, Doc: "status, and numbers or ranges separated by commas."},
	{Words: "retries", Effect: AsIs, Doc: "There are up to 3 tries."},
	{Words: "fullconn", Effect: AsIs, Doc: "Nothing depends on it."},
	{Words: "hash-type", Effect: AsIs, Doc: "Hashes are consistent: a client moves only if its server goes."},
	{Words: "no log", Effect: AsIs, Doc: "The log is --access-log's."},
}

var optionRows = []Directive{
	{Words: "option httpclose", apply: (*reader).clientClose, Doc: "Connections to clients and servers are for one request."},
	{Words: "option forceclose", apply: (*reader).clientClose, Doc: "The same."},
	{Words: "option http-server-close", apply: (*reader).serverClose, Doc: "Connections to servers are for one request."},
	{Words: "no option http-keep-alive", apply: (*reader).serverClose, Doc: "The same."},
	{Words: "option forwardfor", apply: (*reader).forwardFor, Doc: "X-Forwarded-For is always written; a field of another name, with the word header, besides."},
	{Words: "option httpchk", NoCondition: true, apply: (*reader).httpchk, Doc: "Method, path and fields of HTTP health checks, which always speak HTTP/1.1."},
	{Words: "option http-keep-alive", Effect: AsIs}, {Words: "option redispatch", Effect: AsIs}, {Words: "option abortonclose", Effect: AsIs},
	{Words: "option dontlognull", Effect: AsIs}, {Words: "option tcpka", Effect: AsIs}, {Words: "option srvtcpka", Effect: AsIs}, {Words: "option clitcpka", Effect: AsIs},
	{Words: "option splice-auto", Effect: AsIs}, {Words: "option splice-request", Effect: AsIs}, {Words: "option splice-response", Effect: AsIs},
	{Words: "option http-no-delay", Effect: AsIs}, {Words: "option tcp-smart-accept", Effect: AsIs}, {Words: "option tcp-smart-connect", Effect: AsIs},
	{Words: "option contstats", Effect: AsIs}, {Words: "option log-health-checks", Effect: AsIs}, {Words: "option http-use-htx", Effect: AsIs},
	{Words: "option http-ignore-probes", Effect: AsIs}, {Words: "option allbackups", Effect: AsIs}, {Words: "no option http-server-close", Effect: AsIs},
	{Words: "no option httpclose", Effect: AsIs}, {Words: "no option forceclose", Effect: AsIs}, {Words: "option http-buffer-request", Effect: AsIs, Doc: "A request is looked at when its head is whole."},
	{Words: "option httplog", apply: (*reader).logAll, Doc: "Each request of the service has a line in the access log, in the log's own form, unless --access-log=off."},
	{Words: "option tcplog", apply: (*reader).logAll, Doc: "The same."}, {Words: "log", apply: (*reader).logLine, Instead: "read the log of the process, and start with --access-log=all for a line of each request", Doc: "global, which is what the log is."},
	{Words: "option tcp-check", Instead: "give the app a health check of protocol TCP"}, {Words: "option ssl-hello-chk", Instead: "give the app a health check of protocol HTTPS"},
}

const otherRules = "With any other word. HAProxy's own that let everybody in, such as set-var, do not close the service."

const forAll = "it holds for all of the load balancer, not for one service"

var lostRows = []Directive{
	{Words: "timeout client", Instead: "remove it: HAProxy ignores it in a backend, and here " + forAll}, {Words: "clitimeout", Instead: "remove it: " + forAll},
	{Words: "timeout http-request", Instead: "remove it: " + forAll}, {Words: "timeout http-keep-alive", Instead: "remove it: " + forAll},
	{Words: "timeout tarpit", Instead: "remove it: nobody is held in a tarpit"},
	{Words: "compression", Instead: "use compression algo gzip, compression type and compression offload"}, {Words: "filter", Instead: "let the app do it"},
	{Words: "maxconn", Instead: "remove it: --maxconn bounds all ports together, and --backend-maxconn each service"}, {Words: "rate-limit", Restricts: true, Instead: "limit rates in front of the load balancer"},
	{Words: "capture", Instead: "remove it: the log has fixed fields"}, {Words: "monitor-uri", Instead: "ask /_haproxy_health_check on :9090"},
	{Words: "stats", Instead: "see the page on :9090"}, {Words: "userlist", Restricts: true, Instead: "set the label HAPROXY_{n}_AUTH"},
	{Words: "errorloc", Instead: "use errorfile"}, {Words: "errorloc302", Instead: "use errorfile"}, {Words: "errorloc303", Instead: "use errorfile"},
	{Words: "default-server", Instead: "write the words in BACKEND_SERVER_OPTIONS"}, {Words: "source", Instead: "remove it: the system chooses the address"},
	{Words: "http-check", Instead: "use option httpchk and http-check expect status"}, {Words: "tcp-check", Instead: "give the app a health check of protocol TCP"},
	{Words: "http-send-name-header", Instead: "remove it"}, {Words: "stick", Instead: "set the label HAPROXY_{n}_STICKY"}, {Words: "appsession", Instead: "set the label HAPROXY_{n}_STICKY"},
	{Words: "http-reuse", Effect: AsIs, Doc: "Connections to servers are used again where that is safe."},
	{Words: "option", Instead: "remove it"}, {Words: "no option", Instead: "remove it"},

	// A word of a rule that nobody knows may have been meant to keep somebody out.
	{Words: "http-request", Restricts: true, Instead: "see the list of directives", Doc: otherRules},
	{Words: "http-response", Restricts: true, Instead: "see the list of directives", Doc: otherRules},
	{Words: "tcp-request", Restricts: true, Instead: "see the list of directives", Doc: otherRules},
	{Words: "http-request return", Instead: "use redirect, or http-request deny with deny_status and errorfile", Doc: "With a status of 400 or more it closes the service."},
	{Words: "http-response return", Instead: "let the app answer so", Doc: "With a status of 400 or more it closes the service."},
}

// harmlessRules are those words of HAProxy's rules that are not carried out but let everybody in, by what stands before them.
var harmlessRules = map[string]string{
	"http-request": "add-acl cache-use capture del-acl del-map disable-l7-retry do-resolve early-hint normalize-uri sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0 " +
		"send-spoe-group set-bandwidth-limit set-dst set-dst-port set-log-level set-map set-mark set-method set-nice set-priority-class set-priority-offset set-src set-src-port " +
		"set-timeout set-tos set-var set-var-fmt strict-mode track-sc0 track-sc1 track-sc2 unset-var wait-for-body wait-for-handshake",
	"http-response": "add-acl cache-store capture del-acl del-map redirect sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0 send-spoe-group set-bandwidth-limit " +
		"set-log-level set-map set-mark set-nice set-status set-timeout set-tos set-var set-var-fmt strict-mode track-sc0 track-sc1 track-sc2 unset-var wait-for-body",
	"tcp-request content":    "capture do-resolve send-spoe-group set-bandwidth-limit set-log-level set-nice set-priority-class set-priority-offset switch-mode " + harmlessForConnections,
	"tcp-request connection": harmlessForConnections,
	"tcp-request session":    harmlessForConnections,
}

const harmlessForConnections = "sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0 set-dst set-dst-port set-mark set-src set-src-port set-tos set-var set-var-fmt " +
	"track-sc0 track-sc1 track-sc2 unset-var"

// harmless says that a line begins with one of them. A word may have an argument in brackets.
func harmless(words []string) bool {
	for n := 1; n < min(len(words), 3); n++ {
		word, _, _ := strings.Cut(words[n], "(")
		if slices.Contains(strings.Fields(harmlessRules[strings.Join(words[:n], " ")]), word) {
			return true
		}
	}
	return false
}
