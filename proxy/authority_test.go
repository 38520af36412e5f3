package proxy_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/internal/route"
)

// authority signs certificates of tests: a root and, below it, what really signs.
type authority struct {
	t          testing.TB
	root, mid  *x509.Certificate
	midKey     crypto.Signer
	rootPEM    []byte
	pool       *x509.CertPool
	lastSerial atomic.Int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	rootKey, midKey := ecdsaKey(t), ecdsaKey(t)
	a.root = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil, rootKey.Public(), rootKey)
	a.mid = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "mid"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, a.root, midKey.Public(), rootKey)
	a.midKey, a.rootPEM = midKey, block("CERTIFICATE", a.root.Raw)
	a.pool.AddCert(a.root)
	return a
}

func (a *authority) issue(c, parent *x509.Certificate, key any, by crypto.Signer) *x509.Certificate {
	a.t.Helper()
	c.SerialNumber, c.BasicConstraintsValid = big.NewInt(a.lastSerial.Add(1)), true
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func ecdsaKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

// leaf is a certificate for hosts, signed by the intermediate, with a key of its own.
func (a *authority) leaf(key crypto.Signer, until time.Time, hosts ...string) []byte {
	a.t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts, NotAfter: until, NotBefore: time.Now().Add(-time.Hour)}
	return block("CERTIFICATE", a.issue(c, a.mid, key.Public(), a.midKey).Raw)
}

// pem is a file as HAProxy takes it: certificate, chain, key.
func (a *authority) pem(hosts ...string) []byte {
	a.t.Helper()
	key := ecdsaKey(a.t)
	return slices.Concat(a.leaf(key, time.Now().AddDate(1, 0, 0), hosts...), block("CERTIFICATE", a.mid.Raw), pkcs8(a.t, key))
}

// put writes a file in one step, as those who care do.
func put(t testing.TB, path string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// file is a new file of certificates for hosts.
func (a *authority) file(hosts ...string) string {
	a.t.Helper()
	return put(a.t, filepath.Join(a.t.TempDir(), "cert.pem"), a.pem(hosts...))
}

// soon is how often tests have files looked at.
const soon = 5 * time.Millisecond

// secured is a service port with TLS whose certificates are these files.
func secured(c route.Change, certs ...string) route.Change {
	for i := range c.SetListeners {
		c.SetListeners[i].TLS, c.SetListeners[i].Certs, c.SetListeners[i].CertLabel = true, certs, "HAPROXY_0_SSL_CERT"
	}
	return c
}

// https is a listener as :443 is one.
func https(port int) route.ListenerSpec {
	l := entry(route.HTTPSIn, route.ByHost, port)
	l.TLS = true
	return l
}

// shake makes a TLS connection and returns what came of it.
func shake(port int, c *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", fmt.Sprintf("127.0.0.1:%d", port), c)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// served is the common name of the certificate that a client with this SNI is shown; the error's text if there is none.
func served(port int, sni string) string {
	s, err := shake(port, &tls.Config{ServerName: sni, InsecureSkipVerify: true})
	if err != nil {
		return err.Error()
	}
	return s.PeerCertificates[0].Subject.CommonName
}

func (r *rig) problem(label, value, reason string) bool {
	return slices.ContainsFunc(r.Problems(), func(p route.Problem) bool {
		return p.Label == label && p.Value == value && strings.Contains(p.Reason, reason) && p.Remedy != ""
	})
}
