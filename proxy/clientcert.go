package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"time"

	"marathon-lb/internal/route"
)

// Certificates of clients, where a listener asks for them. A file of authorities that is missing or bad at first lets nobody in; one that
// turns bad later changes nothing, as with certificates.

// signers is the file of a listener's authorities, empty if it asks for no certificates.
func (u certUser) signers() string {
	if u.clients.Verify == route.NoVerify {
		return ""
	}
	return u.clients.CA
}

// readSigners reads the files of authorities that may have changed, and says whether any did.
func (s *certStore) readSigners(users certUsers, now time.Time) (changed bool) {
	signers := map[string]*certFile{}
	for _, u := range users.listeners {
		path := u.signers()
		if path == "" || signers[path] != nil {
			continue
		}
		f := s.signers[path]
		if f == nil {
			f = &certFile{path: path, authorities: true}
		}
		signers[path] = f
		changed = f.look(now) || changed
	}
	s.signers = signers
	return changed
}

// readAuthorities reads certificates of authorities.
func readAuthorities(text []byte) (*x509.CertPool, error) {
	certs, _, err := readBlocks(text)
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

// signersProblems says what is wrong with the authorities of a listener's clients.
func (s *certStore) signersProblems(u certUser) []route.Problem {
	f := s.signers[u.signers()]
	if f == nil || f.err == nil {
		return nil
	}
	reason, _ := why(f.err)
	if f.pool == nil {
		reason += "; the port accepts nobody until it can be used"
	} else {
		reason += "; the authorities read before stay in use"
	}
	remedy := "put the certificates of the authorities that sign those of clients there, in PEM"
	if errors.Is(f.err, fs.ErrPermission) {
		_, remedy = why(f.err)
	}
	return []route.Problem{{App: u.owner, Label: u.clients.CALabel, Value: f.path, Reason: reason, Remedy: remedy}}
}

// signers are those of a listener's clients; nil if it asks for none, or if they cannot be known.
func (v *certView) signers(l route.ListenerSpec) *x509.CertPool {
	if l.Options.Verify == route.NoVerify {
		return nil
	}
	return v.clients[route.BindText(l.Bind)]
}

// unverifiable says that a certificate is asked for and nobody knows who may sign it.
func (w *wire) unverifiable() bool {
	return w.listener.Options.Verify != route.NoVerify && w.signers == nil
}

// unverified says that a listener asks by now for what the connection was not asked for when it was made.
func (c *clientConn) unverified(now *route.Listener) bool {
	if now == nil || now.Spec.Options.Verify != route.VerifyRequired {
		return false
	}
	then := route.BindOptions{}
	if c.wire != nil {
		then = c.wire.listener.Options
	}
	return then.Verify != route.VerifyRequired || then.CA != now.Spec.Options.CA
}

// verifying is a configuration that asks for a certificate, where the listener does. The keys of tickets are those of all ports: the library
// resumes no session that this configuration's authorities have not vouched for.
func (w *wire) verifying(c *tls.Config) *tls.Config {
	if w.listener.Options.Verify == route.NoVerify {
		return c
	}
	c = c.Clone()
	c.ClientCAs, c.ClientAuth = w.signers, tls.RequireAndVerifyClientCert
	if w.listener.Options.Verify == route.VerifyOptional {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c
}
