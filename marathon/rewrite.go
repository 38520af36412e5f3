package marathon

import (
	"slices"
	"strconv"
	"strings"
)

// Labels that change targets and redirects (marathon-lb.md 5.6).

func (s *service) setStrip(set setting) {
	path := strings.TrimSpace(set.value)
	switch {
	case path == "":
		return
	case path[0] != '/':
		s.complain(set, "it has no leading slash, so no path begins with it", "write /"+path)
		return
	case strings.ContainsAny(path, `\^$*+?()[]{}|`):
		s.complain(set, "it is taken as it stands, not as a regular expression", "write a plain path such as /foo")
	}
	s.rewrite.Strip = path
}

func (s *service) setLocation(set setting) {
	path := strings.TrimSpace(set.value)
	switch {
	case path == "" || path == "/":
		return
	case path[0] != '/' || strings.ContainsAny(path, " ?#"):
		s.complain(set, "not a path; Location fields are passed on as they are", "write a path such as /my/content")
		return
	}
	s.rewrite.Location = path
}

func (s *service) setRoot(set setting) {
	to := strings.TrimSpace(set.value)
	switch {
	case to == "":
		return
	case strings.ContainsFunc(to, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		s.complain(set, "neither a path nor a URL; requests for / are passed on", "write a path such as /my/content")
		return
	case to == "/":
		s.complain(set, "it leads to itself; requests for / are passed on", "write another path")
		return
	}
	s.rewrite.Root = to
}

// settleRewrite completes rewriting with the hosts it speaks of.
func (s *service) settleRewrite() {
	if s.rewrite.Strip != "" {
		if i := slices.IndexFunc(s.hosts, func(h string) bool { return h[0] != '*' }); i >= 0 {
			s.rewrite.Host = s.hosts[i]
		}
	}
	if s.rewrite.Root != "" && len(s.hosts) == 0 {
		s.complainOf("HTTP_BACKEND_REDIR", "it redirects requests for a host, and there is none; it has no effect",
			"set "+portLabel(s.index, "VHOST"))
		s.rewrite.Root = ""
	}
	if s.toHTTPS && len(s.hosts) == 0 {
		s.complainOf("REDIRECT_TO_HTTPS", "it redirects requests for a host, and there is none; it has no effect",
			"set "+portLabel(s.index, "VHOST"))
	}
	if s.rewrite.Location != "" || s.rewrite.Root != "" {
		s.rewrite.Hosts = s.hosts
	}
}

func (s *service) setCheckIndex(set setting) {
	n, err := strconv.Atoi(strings.TrimSpace(set.value))
	if err != nil {
		s.complain(set, "not a whole number; the port's own health check is used, if there is one", "write a port index such as 1")
		return
	}
	ports := len(s.app.servicePorts())
	if n < 0 {
		n += ports // as Python counts from the end
	}
	if n < 0 || n >= ports {
		s.complain(set, "the app has no such port; the port's own health check is used, if there is one", portRange(ports))
		return
	}
	s.checked, s.checkAt = true, n
}
