package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// TLSVersion is a version of TLS by its number.
type TLSVersion string

// The versions.
const (
	TLS10 TLSVersion = "1.0"
	TLS11 TLSVersion = "1.1"
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

func (v TLSVersion) number() uint16 {
	switch v {
	case TLS10:
		return tls.VersionTLS10
	case TLS11:
		return tls.VersionTLS11
	case TLS13:
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// onlyHTTP1 is what is agreed on with clients that ask by ALPN (RFC 7301).
const onlyHTTP1 = "http/1.1"

// tlsConfig is the one configuration of all ports, so that they share the keys of session tickets. The suites are the standard
// library's own choice: all of them ECDHE, with CBC for old clients.
func (p *Proxy) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: p.o.TLSMin.number(), GetCertificate: p.certificateFor}
	// A client that offers nothing we know goes on without ALPN, as in HAProxy: what it speaks in tcp mode is not our business.
	ours := map[string]*tls.Config{"": c}
	for _, name := range []string{onlyHTTP1, http2Name} {
		ours[name] = c.Clone()
		ours[name].NextProtos = []string{name}
	}
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		w := h.Conn.(*wire)
		chosen := w.protocol(h.SupportedProtos)
		config := ours[chosen]
		if config == nil { // what only servers in mode tcp speak
			config = c.Clone()
			config.NextProtos = []string{chosen}
		}
		return w.verifying(config), nil
	}
	return c
}

// certificateFor chooses by SNI.
func (p *Proxy) certificateFor(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	w := h.Conn.(*wire)
	host := strings.ToLower(strings.TrimSuffix(h.ServerName, "."))
	return p.certs.view.Load().choice(w.listener, w.certs, host).pick(host, h), nil
}

// wire is the encrypted side of a client's connection.
type wire struct {
	net.Conn
	listener route.ListenerSpec
	certs    *certSet       // not empty
	signers  *x509.CertPool // of clients' certificates, where those are asked for
	heard    bool           // the client has said something; for the handshake's goroutine alone
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.heard = w.heard || n > 0
	return n, err
}

// protocol is the first of those that the port offers which the client knows; empty for none. In mode tcp nothing is offered unasked: the
// server speaks it.
func (w *wire) protocol(offered []string) string {
	names := w.listener.Options.ALPN
	if names == "" && w.listener.Mode == route.HTTP {
		names = onlyHTTP1
	}
	for name := range strings.SplitSeq(names, ",") {
		if name != "" && slices.Contains(offered, name) {
			return name
		}
	}
	return ""
}

// newSecureConn is newClientConn for one that speaks TLS: what is counted is what comes out of it.
func (p *Proxy) newSecureConn(c net.Conn, o *port, l *route.Listener) *clientConn {
	v := p.certs.view.Load()
	w := &wire{Conn: c, listener: l.Spec, certs: v.of(l.Spec), signers: v.signers(l.Spec)}
	cc := p.newClientConn(tls.Server(w, p.tls), o, l.Stats)
	cc.wire = w
	return cc
}

// handshake says whether the connection's handshake came to its end; else it is closed. It runs beside the acceptor, and whatever happens
// here concerns this client alone. A port whose certificates, or those of the authorities that sign its clients', could not be read accepts nobody.
func (p *Proxy) handshake(o *port, l *route.Listener, c *clientConn) (done bool) {
	defer p.contain(c)
	if c.wire.certs.empty() || c.wire.unverifiable() {
		c.Close()
		return false
	}
	ctx, cancel := context.WithTimeout(o.shaking, p.o.Timeouts.Handshake)
	defer cancel()
	t := c.Conn.(*tls.Conn)
	if err := t.HandshakeContext(ctx); err != nil {
		if c.wire.heard { // else it is a port scan, or a load balancer that looks whether the port is open
			l.Stats.Add(noLoop, route.ErrReq, 1)
		}
		p.zap.Debug("a TLS handshake came to nothing", zap.String("port", o.bind), zap.Stringer("client", c.RemoteAddr()), zap.Error(err))
		c.Close()
		return false
	}
	c.serverName = t.ConnectionState().ServerName
	c.http2 = l.Spec.Mode == route.HTTP && t.ConnectionState().NegotiatedProtocol == http2Name
	return true
}

// contain is deferred by all that begins a connection: a bug that shows there ends it, and nothing else.
func (p *Proxy) contain(c *clientConn) {
	if fault := recover(); fault != nil {
		p.zap.Error("the beginning of a connection broke", zap.Any("fault", fault), zap.Stack("stack"))
		c.Close()
	}
}

// selfSigned makes a certificate in the name of any host, as Marathon-LB's container did at start.
func selfSigned(now time.Time) *certFile {
	f := &certFile{path: "self-signed"}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil { // never: the source of randomness does not fail
		f.err = fmt.Errorf("key of the self-signed certificate: %w", err)
		return f
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "*"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.err = fmt.Errorf("self-signed certificate: %w", err)
		return f
	}
	leaf, err := x509.ParseCertificate(der)
	f.cert, f.err = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
	return f
}
