package marathon

import (
	"maps"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// template is a row of a template that a port's label can set, and that is not carried out. The text is judged as it stands.
func template(name, doc string) Label {
	return Label{
		Name: name, Scope: PerPort, Template: true, Doc: doc, Instead: "the built-in text stays in force", restricts: func(text string) bool { return RestrictingLine(name, text) != "" },
	}
}

// readTemplate is a template whose lines are carried out; places order them as HAProxy's configuration has them.
func readTemplate(place int, name, doc string, more ...func(*Label)) Label {
	l := template(name, doc)
	l.place, l.apply = place, (*service).addTemplate
	for _, m := range more {
		m(&l)
	}
	return l
}

// addTemplate keeps a template until all that it depends on is settled.
func (s *service) addTemplate(set setting) { s.templates = append(s.templates, set) }

// ReadsTemplate says that a template, by its name without HAPROXY_, is carried out wherever it is set.
func ReadsTemplate(name string) bool {
	rank, known := rows[labelKey{name, true}]
	return known && table[rank].Template && table[rank].apply != nil
}

// withTemplates are the labels and, where there is no label for one, the templates for all services.
func (s *service) withTemplates(labels []setting) []setting {
	if len(s.options.Templates) == 0 {
		return labels
	}
	has := map[string]bool{}
	for _, l := range labels {
		has[l.row.Name] = true
	}
	all := slices.Clone(labels)
	for _, name := range slices.Sorted(maps.Keys(s.options.Templates)) {
		if ReadsTemplate(name) && !has[name] {
			rank := rows[labelKey{name, true}]
			all = append(all, setting{row: &table[rank], rank: rank, name: prefix + name, value: s.options.Templates[name], port: s.index, forAll: true})
		}
	}
	return all
}

// where says when the template is used: unused gives the reason why not, or nothing.
func where(unused func(*service) string) func(*Label) {
	return func(l *Label) { l.unused = unused }
}

// instead takes back what the built-in text did.
func instead(replaces func(*service)) func(*Label) { return func(l *Label) { l.replaces = replaces } }

// reading is for text that is not lines of directives.
func reading(reads func(*reader, string)) func(*Label) { return func(l *Label) { l.reads = reads } }

// without is a reason if a label, by its name, is not set, or does not ask for anything.
func without(is func(*service) bool, label string) func(*service) string {
	return func(s *service) string {
		if is(s) {
			return ""
		}
		return "the service has no " + portLabel(s.index, label)
	}
}

func inHTTP(s *service) string {
	if s.mode != route.HTTP {
		return "the service is in mode tcp"
	}
	return ""
}

func checkedBy(http bool) func(*service) string {
	return func(s *service) string {
		c := s.health.check()
		is := c != nil && s.mode == route.HTTP && !strings.HasSuffix(c.Protocol, "TCP")
		switch {
		case c == nil:
			return "the service has no health check that is asked from here"
		case is && !http:
			return "the service has an HTTP health check"
		case !is && http:
			return "the service has no HTTP health check"
		}
		return ""
	}
}

func redirects(path bool) func(*service) string {
	return func(s *service) string {
		switch {
		case !s.toHTTPS && !s.toldHTTPS:
			return "the service has no " + portLabel(s.index, "REDIRECT_TO_HTTPS")
		case path && s.paths == nil:
			return "the service has no " + portLabel(s.index, "PATH")
		case !path && s.paths != nil:
			return "the service has a " + portLabel(s.index, "PATH")
		}
		return ""
	}
}

func deadTemplate(name, doc string) Label {
	return Label{
		Name: name, Scope: PerPort, Template: true, Effect: NoEffect, Doc: doc, Instead: "Marathon-LB never used it either",
	}
}

func globalTemplate(name, doc string) Label {
	return Label{
		Name: name, Scope: Global, Template: true, Effect: NoEffect, Doc: doc, Instead: "no label can set it, only the environment or a file",
	}
}

var portTemplates = []Label{
	template("USERLIST_HEAD", "List of users of AUTH."),
	readTemplate(1, "FRONTEND_HEAD", "Frontend of the service port: bind and mode."),
	readTemplate(2, "FRONTEND_BACKEND_GLUE", "How the service port's frontend leads to the backend."),
	readTemplate(10, "BACKEND_HEAD", "Head of the backend: balance, mode, often time-outs."),
	readTemplate(13, "BACKEND_HTTP_OPTIONS", "Options of a backend in mode http, X-Forwarded fields among them.", where(inHTTP)),
	readTemplate(16, "BACKEND_HSTS_OPTIONS", "Response field of USE_HSTS.", where(without(func(s *service) bool { return s.hsts && s.mode == route.HTTP }, "USE_HSTS")), instead(func(s *service) { s.hsts = false })),
	readTemplate(17, "BACKEND_STICKY_OPTIONS", "Cookie of STICKY.", where(without(func(s *service) bool { return s.sticky && s.mode == route.HTTP }, "STICKY")), instead(func(s *service) { s.sticky = false })),
	readTemplate(22, "BACKEND_SERVER_OPTIONS", "Line of each server."),
	readTemplate(18, "BACKEND_HTTP_HEALTHCHECK_OPTIONS", "HTTP health check of the backend.", where(checkedBy(true))),
	readTemplate(19, "BACKEND_TCP_HEALTHCHECK_OPTIONS", "TCP health check of the backend.", where(checkedBy(false))),
	readTemplate(20, "BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS", "Check options of each server, HTTP.", where(checkedBy(true)), reading((*reader).readServerOptions)),
	readTemplate(21, "BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS", "Check options of each server, TCP.", where(checkedBy(false)), reading((*reader).readServerOptions)),
	readTemplate(14, "HTTP_BACKEND_PROXYPASS_GLUE", "Rewriting of HTTP_BACKEND_PROXYPASS_PATH.", where(without(func(s *service) bool { return s.rewrite.Strip != "" }, "HTTP_BACKEND_PROXYPASS_PATH")), instead(func(s *service) { s.rewrite.Strip, s.rewrite.Host = "", "" })),
	readTemplate(15, "HTTP_BACKEND_REVPROXY_GLUE", "Rewriting of HTTP_BACKEND_REVPROXY_PATH.", where(without(func(s *service) bool { return s.rewrite.Location != "" }, "HTTP_BACKEND_REVPROXY_PATH")), instead(func(s *service) { s.rewrite.Location = "" })),
	readTemplate(11, "HTTP_BACKEND_NETWORK_ALLOWED_ACL", "One network of BACKEND_NETWORK_ALLOWED_ACL, mode http.", where(without(func(s *service) bool { return s.allow != nil }, "BACKEND_NETWORK_ALLOWED_ACL")), reading((*reader).readNetworks)),
	readTemplate(12, "TCP_BACKEND_NETWORK_ALLOWED_ACL", "One network of BACKEND_NETWORK_ALLOWED_ACL, mode tcp.", where(without(func(s *service) bool { return s.allow != nil }, "BACKEND_NETWORK_ALLOWED_ACL")), reading((*reader).readNetworks)),
	readTemplate(3, "BACKEND_REDIRECT_HTTP_TO_HTTPS", "Redirect of REDIRECT_TO_HTTPS.", where(redirects(false)), instead(func(s *service) { s.toHTTPS, s.toldHTTPS = false, true })),
	readTemplate(4, "BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH", "Redirect of REDIRECT_TO_HTTPS with PATH.", where(redirects(true)), instead(func(s *service) { s.toHTTPS, s.toldHTTPS = false, true })),
	readTemplate(5, "HTTP_FRONTEND_ACL", "Rule on :80 for one host.", where(frontTemplate("HTTP_FRONTEND_ACL"))),
	readTemplate(5, "HTTP_FRONTEND_ACL_WITH_AUTH", "Rule on :80 for one host with AUTH.", where(frontTemplate("HTTP_FRONTEND_ACL_WITH_AUTH"))),
	readTemplate(5, "HTTP_FRONTEND_ACL_WITH_PATH", "Rule on :80 for one host with PATH.", where(frontTemplate("HTTP_FRONTEND_ACL_WITH_PATH"))),
	readTemplate(5, "HTTP_FRONTEND_ACL_WITH_AUTH_AND_PATH", "Rule on :80 for one host with AUTH and PATH.", where(frontTemplate("HTTP_FRONTEND_ACL_WITH_AUTH_AND_PATH"))),
	readTemplate(5, "HTTP_FRONTEND_ACL_ONLY", "Condition on :80 for each of several hosts.", where(frontTemplate("HTTP_FRONTEND_ACL_ONLY"))),
	readTemplate(5, "HTTP_FRONTEND_ACL_ONLY_WITH_PATH", "Condition on :80 for the PATH of several hosts.", where(frontTemplate("HTTP_FRONTEND_ACL_ONLY_WITH_PATH"))),
	readTemplate(5, "HTTP_FRONTEND_ACL_ONLY_WITH_PATH_AND_AUTH", "Conditions on :80 for PATH and AUTH of several hosts.", where(frontTemplate("HTTP_FRONTEND_ACL_ONLY_WITH_PATH_AND_AUTH"))),
	readTemplate(5, "HTTP_FRONTEND_ROUTING_ONLY", "Rule on :80 for several hosts.", where(frontTemplate("HTTP_FRONTEND_ROUTING_ONLY"))),
	readTemplate(5, "HTTP_FRONTEND_ROUTING_ONLY_WITH_AUTH", "Rule on :80 for several hosts with AUTH.", where(frontTemplate("HTTP_FRONTEND_ROUTING_ONLY_WITH_AUTH"))),
	readTemplate(5, "HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH", "Rule on :80 for several hosts with PATH.", where(frontTemplate("HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH"))),
	readTemplate(5, "HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH_AND_AUTH", "Rule on :80 for several hosts with PATH and AUTH.", where(frontTemplate("HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH_AND_AUTH"))),
	readTemplate(5, "HTTPS_FRONTEND_ACL", "Rule on :443 for a host.", where(frontTemplate("HTTPS_FRONTEND_ACL"))),
	readTemplate(5, "HTTPS_FRONTEND_ACL_WITH_PATH", "Rule on :443 for a host with PATH.", where(frontTemplate("HTTPS_FRONTEND_ACL_WITH_PATH"))),
	readTemplate(5, "HTTPS_FRONTEND_ACL_ONLY_WITH_PATH", "Condition on :443 for PATH.", where(frontTemplate("HTTPS_FRONTEND_ACL_ONLY_WITH_PATH"))),
	readTemplate(5, "HTTPS_FRONTEND_ACL_WITH_AUTH", "Rule on :443 for a host with AUTH.", where(frontTemplate("HTTPS_FRONTEND_ACL_WITH_AUTH"))),
	readTemplate(5, "HTTPS_FRONTEND_ACL_WITH_AUTH_AND_PATH", "Rule on :443 for a host with AUTH and PATH.", where(frontTemplate("HTTPS_FRONTEND_ACL_WITH_AUTH_AND_PATH"))),
	template("HTTP_FRONTEND_APPID_ACL", "Rule on :9091."),
	deadTemplate("HTTPS_FRONTEND_ROUTING_ONLY_WITH_PATH_AND_AUTH", "Never used."),
	deadTemplate("HTTPS_FRONTEND_AUTH_ACL_ONLY", "Never used."),
	deadTemplate("HTTPS_FRONTEND_AUTH_REQUEST_ONLY", "Never used."),
	deadTemplate("MAP_HTTP_FRONTEND_ACL", "Rule on :80 that looks hosts up in a map."),
	deadTemplate("MAP_HTTP_FRONTEND_ACL_ONLY", "Rule on :80 that looks hosts up in a map, several hosts."),
	deadTemplate("MAP_HTTPS_FRONTEND_ACL", "Rule on :443 that looks hosts up in a map."),
	deadTemplate("MAP_HTTP_FRONTEND_APPID_ACL", "Rule on :9091 that looks app ids up in a map."),
}

var globalTemplates = []Label{
	globalTemplate("HEAD", "Sections global and defaults, and the :9090 listener. Of its defaults, errorfile, compression, option httplog and timeout connect, server and tunnel hold for all services."),
	globalTemplate("HTTP_FRONTEND_HEAD", "Frontend of :80."),
	globalTemplate("HTTP_FRONTEND_APPID_HEAD", "Frontend of :9091."),
	globalTemplate("HTTPS_FRONTEND_HEAD", "Frontend of :443."),
	globalTemplate("HTTPS_GROUPED_FRONTEND_HEAD", "Frontend of :443 where vhosts are grouped."),
	globalTemplate("HTTPS_GROUPED_VHOST_FRONTEND_HEAD", "TLS frontend of a vhost where they are grouped."),
	globalTemplate("HTTPS_GROUPED_VHOST_BACKEND_HEAD", "Backend that leads to it."),
	globalTemplate("HTTPS_GROUPED_VHOST_FRONTEND_ACL", "Rule that leads to that backend."),
	globalTemplate("HTTP_BACKEND_ACL_ALLOW_DENY", "What an allow-list does in mode http."),
	globalTemplate("TCP_BACKEND_ACL_ALLOW_DENY", "What an allow-list does in mode tcp."),
}
