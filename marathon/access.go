package marathon

import (
	"fmt"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// Labels that say who gets in, and how: AUTH, the allow-list, TLS on the service port. What cannot be honoured closes the service.

// closed records that a restriction cannot be honoured.
func (s *service) closed(set setting, reason, remedy string) {
	s.closedBy = set.name
	s.complain(set, reason+"; the service is closed", remedy)
}

func (s *service) setAuth(set setting) {
	auth, err := route.ParseAuth(set.value)
	if err != nil {
		s.closed(set, err.Error(), "write realm:user:hash, the hash as `openssl passwd -6` prints it")
		return
	}
	s.auth = auth
}

// hidden stands for a value that a page open to all should not show.
const hidden = "(not shown)"

// shown is the value of a label as problems may show it.
func shown(name, value string) string {
	if strings.HasSuffix(name, "_AUTH") || route.Confidential(value) {
		return hidden
	}
	return value
}

func (s *service) setAllow(set setting) {
	words := strings.FieldsFunc(set.value, func(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == ',' })
	for _, word := range words {
		n, err := route.ParseNetwork(word)
		if err != nil {
			s.closed(set, err.Error(), "write addresses and networks such as 10.1.40.0/24, separated by spaces")
			continue
		}
		s.allow = append(s.allow, n)
	}
	if len(words) == 0 {
		s.closed(set, "it lets nobody in", "write addresses and networks such as 10.1.40.0/24, or remove it")
	}
}

func (s *service) setToHTTPS(set setting) { s.toHTTPS = s.truth(set) }

func (s *service) setHSTS(set setting) { s.hsts = s.truth(set) }

func (s *service) setCert(set setting) {
	path := strings.TrimSpace(set.value)
	if path == "" {
		s.closed(set, "it names no file, and TLS would turn into clear text", "write the path of a PEM file")
		return
	}
	s.useCert(set, path)
}

func (s *service) useCert(set setting, path string) {
	s.tls, s.certs, s.certsBy = true, appendNew(s.certs, path), appendNew(s.certsBy, set.name)
}

// certLabel is where the app's owner finds the certificates.
func (s *service) certLabel() string { return strings.Join(s.certsBy, " or ") }

// bindWords are the options of HAProxy's bind line that can be met in BIND_OPTIONS, by what is made of them. A word that is not here
// and may restrict access closes the service.
var bindWords = map[string]struct {
	arguments int
	note      string // why it has no effect; empty if nobody can miss it
}{
	"npn":                   {1, "clients ask by ALPN"},
	"ciphers":               {1, "Go's choice of suites is used"},
	"ciphersuites":          {1, "Go's choice of suites is used"},
	"curves":                {1, "Go's choice of curves is used"},
	"ecdhe":                 {1, "Go's choice of curves is used"},
	"ssl-min-ver":           {1, "see --tls-min"},
	"ssl-max-ver":           {1, "TLS 1.3 is offered"},
	"force-tlsv12":          {0, "TLS 1.3 is offered too"},
	"force-tlsv13":          {0, "see --tls-min"},
	"no-sslv3":              {},
	"no-tlsv10":             {},
	"no-tlsv11":             {},
	"no-tls-tickets":        {0, "tickets are used; their keys change each day"},
	"v4v6":                  {},
	"tfo":                   {},
	"defer-accept":          {},
	"transparent":           {0, "connections to addresses of others are not taken"},
	"mss":                   {1, "the system's is used"},
	"backlog":               {1, "the system's is used"},
	"maxconn":               {1, "see --maxconn"},
	"name":                  {arguments: 1},
	"id":                    {arguments: 1},
	"nice":                  {arguments: 1},
	"process":               {arguments: 1},
	"thread":                {arguments: 1},
	"level":                 {arguments: 1},
	"tcp-ut":                {1, "the system's is used"},
	"generate-certificates": {0, "certificates are read from files only"},
}

// setBindOptions reads words of a bind line.
func (s *service) setBindOptions(set setting) {
	words := strings.Fields(set.value)
	for len(words) > 0 {
		word := strings.ToLower(words[0])
		words = words[1:]
		switch known, ok := bindWords[word]; {
		case word == "ssl":
			s.tls = true
		case word == "accept-proxy":
			s.bindOptions.AcceptProxy = true
		case word == "crt" && len(words) > 0:
			s.useCert(set, words[0])
			words = words[1:]
		case word == "alpn" && len(words) > 0:
			s.bindOptions.ALPN, s.alpnBy = words[0], set
			words = words[1:]
		case word == "verify" && len(words) > 0:
			if !s.setVerify(set, words[0]) {
				return
			}
			words = words[1:]
		case word == "ca-file" && len(words) > 0:
			s.setCA(set, words[0])
			words = words[1:]
		case !ok && bindRestricts(word):
			s.closed(set, word+" is not carried out, and it restricts access", "remove it only if the service may be open to all")
			return
		case !ok:
			s.complain(set, fmt.Sprintf("%q is no option that is carried out; the port is opened without it", word), "remove it")
		default:
			words = words[min(known.arguments, len(words)):]
			if known.note != "" {
				s.complain(set, word+" has no effect: "+known.note, "remove it")
			}
		}
	}
}

// settleAccess tells of restrictions that do not go with the mode.
func (s *service) settleAccess() {
	if s.mode != route.TCP {
		return
	}
	if s.auth != nil {
		name := portLabel(s.index, "AUTH")
		s.closed(setting{name: name, value: s.app.Labels[name]}, "a service in mode tcp cannot ask for a password",
			"set "+portLabel(s.index, "MODE")+" to http")
	}
	for _, l := range []struct {
		name string
		set  bool
	}{
		{"REDIRECT_TO_HTTPS", s.toHTTPS}, {"USE_HSTS", s.hsts}, {"HTTP_BACKEND_PROXYPASS_PATH", s.rewrite.Strip != ""},
		{"HTTP_BACKEND_REVPROXY_PATH", s.rewrite.Location != ""}, {"HTTP_BACKEND_REDIR", s.rewrite.Root != ""},
	} {
		if l.set {
			s.complainOf(l.name, "a service in mode tcp has no requests; it has no effect", "set "+portLabel(s.index, "MODE")+" to http")
		}
	}
	s.toHTTPS, s.hsts, s.rewrite = false, false, route.Rewrite{}
}

// hostCerts are the certificates of the service's hosts on :443, which Marathon-LB took from SSL_CERT where vhosts are grouped.
func (s *service) hostCerts(grouped bool) []string {
	if !grouped || len(s.hosts) == 0 {
		return nil
	}
	return slices.Clone(s.certs)
}
