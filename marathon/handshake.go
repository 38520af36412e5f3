package marathon

import (
	"cmp"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// What a bind line says of the handshake: "verify" and "ca-file", by which clients show certificates, and "alpn".

// setVerify takes the argument of verify; false if it is none. Of several the strictest counts.
func (s *service) setVerify(set setting, how string) bool {
	switch v := route.Verify(how); {
	case how == "none":
	case v != route.VerifyRequired && v != route.VerifyOptional:
		s.closed(set, "verify "+how+" says nothing", "write verify required or verify optional")
		return false
	case s.bindOptions.Verify != route.VerifyRequired:
		s.bindOptions.Verify, s.verifyBy = v, set
	}
	return true
}

func (s *service) setCA(set setting, path string) {
	if o := &s.bindOptions; o.CA != "" && o.CA != path {
		s.closed(set, "there are two files of authorities, "+o.CA+" and "+path, "put all certificates into one")
		return
	}
	s.bindOptions.CA, s.bindOptions.CALabel = path, set.name
	if s.verifyBy.name == "" {
		s.verifyBy = set
	}
}

// settleVerify closes a service whose clients are to show certificates where they cannot be asked for them.
func (s *service) settleVerify() {
	switch o := &s.bindOptions; {
	case o.Verify == route.NoVerify && o.CA != "":
		s.complain(s.verifyBy, "ca-file has no effect: without verify, no certificate is asked for", "write verify required, or remove it")
		o.CA, o.CALabel = "", ""
	case o.Verify == route.NoVerify:
	case o.CA == "":
		s.closed(s.verifyBy, "verify needs the authorities that sign the certificates of clients", "write ca-file and the path of a PEM file")
	case !s.tls && o.Verify == route.VerifyRequired:
		s.closed(s.verifyBy, "without TLS no client shows a certificate", "write ssl crt and the path of a PEM file, too")
	case !s.tls:
		s.complain(s.verifyBy, "verify has no effect: without TLS no client shows a certificate", "write ssl crt and the path of a PEM file, too")
		o.Verify, o.CA, o.CALabel = "", "", ""
	case o.Verify == route.VerifyRequired && s.options.GroupHTTPSByVHost && len(s.hosts) > 0:
		s.closed(s.verifyBy, "with --group-https-by-vhost it is for the vhost on :443, too, where certificates are asked for of all clients or of none",
			"remove "+portLabel(s.index, "VHOST")+", or ask all clients of :443 with the template HTTPS_GROUPED_VHOST_FRONTEND_HEAD")
	}
}

// settleALPN tells of protocols that cannot be offered. In mode tcp the server speaks what the client chose; HTTP is spoken by us.
func (s *service) settleALPN() {
	o := &s.bindOptions
	if o.ALPN == "" {
		return
	}
	if !s.tls {
		s.complain(s.alpnBy, "alpn has no effect: without TLS no protocol is agreed on", "write ssl crt and the path of a PEM file, too")
		o.ALPN = ""
	}
	if s.mode == route.TCP {
		return
	}
	kept, strange := spoken(o.ALPN)
	if strange != "" {
		s.complain(s.alpnBy, "alpn "+strange+" has no effect: h2 and http/1.1 are what can be offered", "remove it, or set "+portLabel(s.index, "MODE")+" to tcp if the server itself speaks it")
	}
	o.ALPN = kept
	if kept != "" && s.options.GroupHTTPSByVHost && len(s.hosts) > 0 && kept != s.options.bindOptions(route.HTTPSIn).ALPN {
		s.complain(s.alpnBy, "alpn has no effect for the vhost on :443, where all vhosts offer the same", "write it into the template HTTPS_GROUPED_VHOST_FRONTEND_HEAD")
	}
}

// spoken are those of protocols for ALPN that we speak, empty where that is HTTP/1.1 alone, which is offered anyway; and the first of the others.
func spoken(alpn string) (kept, strange string) {
	var ours []string
	for name := range strings.SplitSeq(alpn, ",") {
		switch name {
		case "h2", "http/1.1":
			ours = append(ours, name)
		default:
			strange = cmp.Or(strange, name)
		}
	}
	if !slices.Contains(ours, "h2") {
		return "", strange
	}
	return strings.Join(ours, ","), strange
}

// verifies says that words of a bind line ask for certificates of clients.
func verifies(value string) bool {
	words := strings.Fields(value)
	for i := range words[:max(0, len(words)-1)] {
		if strings.EqualFold(words[i], "verify") && words[i+1] == string(route.VerifyRequired) {
			return true
		}
	}
	return false
}
