package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// certificate is a PEM file's text with a certificate for a host that is signed by itself, and its key.
func certificate(t *testing.T, host string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return string(append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...))
}

// secureGet is a GET over TLS from an address, whatever certificate it shows; it returns the body and the certificate's first host.
func secureGet(addr, host string) (body, cert string) {
	tr := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}
	resp, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Get("https://" + host + "/")
	if err != nil {
		return err.Error(), ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if names := resp.TLS.PeerCertificates[0].DNSNames; len(names) > 0 {
		cert = names[0]
	}
	return string(text), cert
}

func TestVhostsAreServedOverTLSWithoutAnyOption(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	create(t, r.sim, app("/web", freePort(t), 1, "HAPROXY_0_VHOST", "a.example"))
	addr := strings.TrimPrefix(r.https, "https://")
	eventually(t, "the app answers", func() bool { body, _ := secureGet(addr, "a.example"); return strings.Contains(body, "/web,") })
	if found := problems(t, r.stats); len(found) != 0 {
		t.Errorf("problems %+v", found)
	}
}

func TestAProblemWithACertificateNamesTheLabelThatItsAppHas(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	create(t, r.sim, app("/bind", freePort(t), 1, "HAPROXY_0_BIND_OPTIONS", "ssl crt /nowhere/a.pem"))
	create(t, r.sim, app("/cert", freePort(t), 1, "HAPROXY_0_SSL_CERT", "/nowhere/b.pem"))
	eventually(t, "both have a problem", func() bool { return len(problems(t, r.stats)) == 2 })
	found := problems(t, r.stats)
	if found[0].Label != "HAPROXY_0_BIND_OPTIONS" || found[0].Value != "/nowhere/a.pem" || found[1].Label != "HAPROXY_0_SSL_CERT" {
		t.Errorf("problems %+v", found)
	}
}

func TestCertificatesComeFromFileAndEnvironmentAndAreExchanged(t *testing.T) {
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	file := filepath.Join(t.TempDir(), "cert.pem")
	https, stats := loopback(freePort(t)), loopback(freePort(t))
	create(t, sim, app("/web", freePort(t), 1, "HAPROXY_0_VHOST", "file.example,env.example"))
	p := newProcess(t, "sse", "--group", "external", "--marathon", sim.URL(), "--http-bind", loopback(freePort(t)), "--https-bind", https,
		"--appid-bind", loopback(freePort(t)), "--service-addr", "127.0.0.1", "--stats-bind", stats, "--ssl-certs", file)
	p.cmd.Env = append(p.cmd.Env, "HAPROXY_SSL_CERT3="+strings.ReplaceAll(certificate(t, "env.example"), "\n", `\n`))
	p.start()
	eventually(t, "the app answers with the certificate that is there", func() bool {
		body, cert := secureGet(https, "file.example")
		return strings.Contains(body, "/web,") && cert == "env.example"
	})
	found := problems(t, "http://"+stats)
	if len(found) != 1 || found[0].Label != "--ssl-certs" || found[0].Value != file {
		t.Errorf("problems %+v", found)
	}
	eventually(t, "the log tells of it", func() bool { return strings.Contains(p.err.String(), `"value":"`+file+`"`) })
	if n := strings.Count(p.err.String(), file); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, p.err.String())
	}
	if err := os.WriteFile(file, []byte(certificate(t, "file.example")), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file that came is served", func() bool { _, cert := secureGet(https, "unknown.example"); return cert == "file.example" })
	if _, cert := secureGet(https, "env.example"); cert != "env.example" {
		t.Errorf("the environment's certificate: got %q", cert)
	}
	eventually(t, "the metrics tell of both", func() bool {
		_, text := get("http://" + stats + "/metrics")
		return strings.Contains(text, `certificate_not_after_timestamp_seconds{certificate="`+file+`",hosts="file.example"}`) &&
			strings.Contains(text, `certificate_not_after_timestamp_seconds{certificate="HAPROXY_SSL_CERT3",hosts="env.example"}`)
	})
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}
