package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"marathon-lb/internal/route"
)

// certView is what handshakes choose from. It does not change: a new one takes its place.
type certView struct {
	common    *certSet            // of listeners that have no certificates of their own
	listeners map[string]*certSet // of those that have, by bind address
	hosts     map[string]*certSet // of backends that have, by host as in rules: "a.b", "*.b", "*"

	clients map[string]*x509.CertPool // who signs the certificates of clients, by bind address; nil if it cannot be known
}

// of is the set of a listener; nil or empty if nothing can be served there.
func (v *certView) of(l route.ListenerSpec) *certSet {
	if len(l.Certs) > 0 {
		return v.listeners[route.BindText(l.Bind)]
	}
	return v.common
}

// choice is the set that a handshake chooses from by the host it asks for: the certificates of a vhost's own services come before
// those for all, which are the listener's.
func (v *certView) choice(l route.ListenerSpec, common *certSet, host string) *certSet {
	if l.Entry == route.ByHost && host != "" {
		if own := v.host(host); own != nil {
			return own
		}
	}
	return common
}

// host is the set of the backends that have a host; nil if none of them has certificates.
func (v *certView) host(name string) *certSet {
	if set := v.hosts[name]; set != nil {
		return set
	}
	for i := range len(name) {
		if set := v.hosts["*"+name[i:]]; name[i] == '.' && set != nil {
			return set
		}
	}
	return v.hosts["*"]
}

// certSet is certificates in order, of which the first is for clients that ask for no host, or an unknown one.
type certSet struct {
	first *tls.Certificate
	names map[string][]*tls.Certificate // by host, "*.b" for one label below b
}

func newCertSet() *certSet { return &certSet{names: map[string][]*tls.Certificate{}} }

func (s *certSet) empty() bool { return s == nil || s.first == nil }

func (s *certSet) add(c *tls.Certificate) {
	if s.first == nil {
		s.first = c
	}
	for _, name := range names(c.Leaf) {
		s.names[name] = append(s.names[name], c)
	}
}

// pick finds the certificate for a host, by its name before a wildcard. Of several, such as one with an RSA and one with an ECDSA key,
// it is the first that the client can use.
func (s *certSet) pick(host string, hello *tls.ClientHelloInfo) *tls.Certificate {
	if host == "" {
		return s.first
	}
	fit := s.names[host]
	if _, parent, ok := strings.Cut(host, "."); ok && len(fit) == 0 {
		fit = s.names["*."+parent]
	}
	for _, c := range fit {
		if hello.SupportsCertificate(c) == nil {
			return c
		}
	}
	if len(fit) > 0 {
		return fit[0]
	}
	return s.first
}
