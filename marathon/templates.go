package marathon

// template is a row of a template that a port's label can set. The text is judged as it stands.
func template(name, doc string) Label {
	return Label{
		Name: name, Scope: PerPort, Template: true, Doc: doc, Instead: "the built-in text stays in force", restricts: func(text string) bool { return RestrictingLine(name, text) != "" },
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
	template("FRONTEND_HEAD", "Frontend of the service port: bind and mode."),
	template("FRONTEND_BACKEND_GLUE", "How the service port's frontend leads to the backend."),
	template("BACKEND_HEAD", "Head of the backend: balance, mode, often time-outs."),
	template("BACKEND_HTTP_OPTIONS", "Options of a backend in mode http, X-Forwarded fields among them."),
	template("BACKEND_HSTS_OPTIONS", "Response field of USE_HSTS."),
	template("BACKEND_STICKY_OPTIONS", "Cookie of STICKY."),
	template("BACKEND_SERVER_OPTIONS", "Line of each server."),
	template("BACKEND_HTTP_HEALTHCHECK_OPTIONS", "HTTP health check of the backend."),
	template("BACKEND_TCP_HEALTHCHECK_OPTIONS", "TCP health check of the backend."),
	template("BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS", "Check options of each server, HTTP."),
	template("BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS", "Check options of each server, TCP."),
	template("HTTP_BACKEND_PROXYPASS_GLUE", "Rewriting of HTTP_BACKEND_PROXYPASS_PATH."),
	template("HTTP_BACKEND_REVPROXY_GLUE", "Rewriting of HTTP_BACKEND_REVPROXY_PATH."),
	template("HTTP_BACKEND_NETWORK_ALLOWED_ACL", "One network of BACKEND_NETWORK_ALLOWED_ACL, mode http."),
	template("TCP_BACKEND_NETWORK_ALLOWED_ACL", "One network of BACKEND_NETWORK_ALLOWED_ACL, mode tcp."),
	template("BACKEND_REDIRECT_HTTP_TO_HTTPS", "Redirect of REDIRECT_TO_HTTPS."),
	template("BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH", "Redirect of REDIRECT_TO_HTTPS with PATH."),
	template("HTTP_FRONTEND_ACL", "Rule on :80 for one host."),
	template("HTTP_FRONTEND_ACL_WITH_AUTH", "Rule on :80 for one host with AUTH."),
	template("HTTP_FRONTEND_ACL_WITH_PATH", "Rule on :80 for one host with PATH."),
	template("HTTP_FRONTEND_ACL_WITH_AUTH_AND_PATH", "Rule on :80 for one host with AUTH and PATH."),
	template("HTTP_FRONTEND_ACL_ONLY", "Condition on :80 for each of several hosts."),
	template("HTTP_FRONTEND_ACL_ONLY_WITH_PATH", "Condition on :80 for the PATH of several hosts."),
	template("HTTP_FRONTEND_ACL_ONLY_WITH_PATH_AND_AUTH", "Conditions on :80 for PATH and AUTH of several hosts."),
	template("HTTP_FRONTEND_ROUTING_ONLY", "Rule on :80 for several hosts."),
	template("HTTP_FRONTEND_ROUTING_ONLY_WITH_AUTH", "Rule on :80 for several hosts with AUTH."),
	template("HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH", "Rule on :80 for several hosts with PATH."),
	template("HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH_AND_AUTH", "Rule on :80 for several hosts with PATH and AUTH."),
	template("HTTPS_FRONTEND_ACL", "Rule on :443 for a host."),
	template("HTTPS_FRONTEND_ACL_WITH_PATH", "Rule on :443 for a host with PATH."),
	template("HTTPS_FRONTEND_ACL_ONLY_WITH_PATH", "Condition on :443 for PATH."),
	template("HTTPS_FRONTEND_ACL_WITH_AUTH", "Rule on :443 for a host with AUTH."),
	template("HTTPS_FRONTEND_ACL_WITH_AUTH_AND_PATH", "Rule on :443 for a host with AUTH and PATH."),
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
	globalTemplate("HEAD", "Sections global and defaults, and the :9090 listener."),
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
