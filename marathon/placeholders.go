package marathon

import (
	"fmt"
	"strings"
	"time"
)

// raw are the templates whose braces mean themselves.
var raw = map[string]bool{
	"BACKEND_HTTP_OPTIONS": true, "BACKEND_HSTS_OPTIONS": true, "BACKEND_STICKY_OPTIONS": true,
	"HEAD": true, "HTTP_FRONTEND_HEAD": true, "HTTP_FRONTEND_APPID_HEAD": true,
}

// substitute puts values in the place of {name}, as Python's format does: {{ and }} are braces. value says false for a name that is not
// known.
func substitute(text string, value func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c != '{' && c != '}':
			b.WriteByte(c)
			continue
		case i+1 < len(text) && text[i+1] == c:
			b.WriteByte(c)
			i++
			continue
		case c == '}':
			return "", fmt.Errorf("a single } in line %d, where a brace that means itself is doubled", lineAt(text, i))
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return "", fmt.Errorf("a single { in line %d, where a brace that means itself is doubled", lineAt(text, i))
		}
		name := text[i+1 : i+end]
		v, known := value(name)
		if !known {
			return "", fmt.Errorf("{%s} in line %d is no placeholder of this template; a brace that means itself is doubled", name, lineAt(text, i))
		}
		b.WriteString(v)
		i += end
	}
	return b.String(), nil
}

func lineAt(text string, at int) int { return 1 + strings.Count(text[:at], "\n") }

// words that stand for what differs from server to server.
const (
	anyName    = "NAME.of.task"
	anyHost    = "HOST.of.task"
	anyPort    = "PORT.of.task"
	anyNetwork = "NETWORK.of.list"
)

// placeholder is the value of a name in the templates of a service.
func (s *service) placeholder(name string, h *HealthCheck) (string, bool) {
	switch name {
	case "backend":
		return backendName(s.app.ID, s.port), true
	case "balance":
		return s.balanceText(), true
	case "mode":
		return string(s.mode), true
	case "bindAddr":
		return "*", true // the label's address counts wherever the template asks for it
	case "servicePort":
		return fmt.Sprint(s.port), true
	case "sslCert", "bindOptions", "cookieOptions", "otherOptions": // labels and states are carried out beside the template
		return "", true
	case "healthCheckOptions":
		if h == nil {
			return "", true
		}
		return " check", true
	case "host", "host_ipv4":
		return anyHost, true
	case "port":
		return anyPort, true
	case "serverName":
		return anyName, true
	case "serverId":
		return "0", true
	case "hostname":
		return s.hostname(), true
	case "cleanedUpHostname":
		return cleanedUp(s.hostname()) + "_" + cleanedUp(strings.TrimPrefix(s.app.ID, "/")), true
	case "appId":
		return s.app.ID, true
	case "cleanedUpAppId":
		return cleanedUp(strings.TrimPrefix(s.app.ID, "/")), true
	case "network_allowed":
		return anyNetwork, true
	case "path":
		return s.app.Labels[portLabel(s.index, "PATH")], true
	case "proxypath":
		return s.rewrite.Strip, true
	case "rootpath":
		return s.rewrite.Location, true
	case "redirpath":
		return s.rewrite.Root, true
	case "realm", "user", "passwd":
		if s.auth == nil {
			return "", true
		}
		return map[string]string{"realm": s.auth.Realm, "user": s.auth.User, "passwd": hidden}[name], true
	}
	return s.healthPlaceholder(name, h)
}

// healthPlaceholder is the value of a name that speaks of the health check.
func (s *service) healthPlaceholder(name string, h *HealthCheck) (string, bool) {
	if !strings.HasPrefix(name, "healthCheck") {
		return "", false
	}
	if h == nil {
		h = &HealthCheck{}
	}
	index := 0
	if h.PortIndex != nil {
		index = *h.PortIndex
	}
	path, timeout, interval := h.Path, h.TimeoutSeconds, h.IntervalSeconds
	defaultTo(&path, "/")
	defaultTo(&timeout, int(defaultCheckTimeout/time.Second)) // which a file may leave to Marathon
	defaultTo(&interval, int(defaultCheckInterval/time.Second))
	v, known := map[string]string{
		"healthCheckPath": path, "healthCheck[path]": path, "healthCheckProtocol": h.Protocol, "healthCheckPortIndex": fmt.Sprint(index),
		"healthCheckPort": fmt.Sprint(h.Port), "healthCheckTimeoutSeconds": fmt.Sprint(timeout),
		"healthCheckIntervalSeconds":        fmt.Sprint(interval),
		"healthCheckGracePeriodSeconds":     fmt.Sprint(h.GracePeriodSeconds),
		"healthCheckMaxConsecutiveFailures": fmt.Sprint(h.MaxConsecutiveFailures),
		"healthCheckFalls":                  fmt.Sprint(h.MaxConsecutiveFailures + 1),
		"healthCheckPortOptions":            "", // the port of the check is chosen beside the template
	}[name]
	return v, known
}

// hostname is the first of VHOST.
func (s *service) hostname() string {
	if len(s.hosts) == 0 {
		return ""
	}
	return s.hosts[0]
}

// cleanedUp is a name as acls have it: what is neither letter nor digit becomes "_".
func cleanedUp(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '_'
	}, name)
}

// balanceText is the algorithm as HAProxy writes it.
func (s *service) balanceText() string {
	switch s.balance {
	case "hdr":
		return "hdr(" + s.hashOn + ")"
	case "url_param", "uri":
		return strings.TrimSpace(string(s.balance) + " " + s.hashOn)
	}
	return string(s.balance)
}
