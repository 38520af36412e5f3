package proxy_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestSNIChoosesTheCertificate(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	first := a.file("default.example")
	put(t, filepath.Join(dir, "b.pem"), a.pem("a.example", "b.example"))
	put(t, filepath.Join(dir, "w.pem"), a.pem("*.w.example"))
	put(t, filepath.Join(dir, "x.pem"), a.pem("exact.w.example"))
	put(t, filepath.Join(dir, "x.ocsp"), []byte("not for us"))
	put(t, filepath.Join(dir, ".hidden"), []byte("nor this"))
	r, port := newRig(t, proxy.Options{SSLCerts: []string{first, dir}, CertPoll: soon}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	for sni, want := range map[string]string{
		"default.example": "default.example", "a.example": "a.example", "b.example": "a.example", "B.EXAMPLE": "a.example",
		"b.example.": "a.example", "any.w.example": "*.w.example", "exact.w.example": "exact.w.example", "two.any.w.example": "default.example",
		"w.example": "default.example", "unknown.example": "default.example", "": "default.example",
	} {
		if got := served(port, sni); got != want {
			t.Errorf("SNI %q: got %s, want %s", sni, got, want)
		}
	}
	if p := r.Problems(); len(p) != 0 {
		t.Errorf("problems %+v", p)
	}
	s, err := shake(port, &tls.Config{ServerName: "b.example", RootCAs: a.pool})
	if err != nil || s.NegotiatedProtocol != "" {
		t.Errorf("a client that trusts the root alone: %v, ALPN %q", err, s.NegotiatedProtocol)
	}
}

func TestAVhostsOwnCertificateComesBeforeThoseForAll(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("all.example", "v.example")}, CertPoll: soon}), freePort(t)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	backend := func(name, certs string, hosts ...string) route.BackendSpec {
		b := route.BackendSpec{Name: name, App: "/" + name, Port: 10000, Mode: route.HTTP, Balance: route.RoundRobin, Certs: []string{certs}, CertLabel: "HAPROXY_2_SSL_CERT"}
		for _, h := range hosts {
			b.Rules = append(b.Rules, route.Rule{Host: h})
		}
		return b
	}
	r.apply(route.Change{
		SetListeners: []route.ListenerSpec{https(port)},
		SetBackends: []route.BackendSpec{
			backend("v", a.file("vhost"), "v.example", "*.v.example"), backend("m", missing, "m.example"),
		},
	})
	for sni, want := range map[string]string{
		"v.example": "vhost", "a.b.v.example": "vhost", "other.example": "all.example", "m.example": "all.example",
	} {
		if got := served(port, sni); got != want {
			t.Errorf("SNI %q: got %s, want %s", sni, got, want)
		}
	}
	if !r.problem("HAPROXY_2_SSL_CERT", missing, "it does not exist") {
		t.Errorf("problems %+v", r.Problems())
	}
	put(t, missing, a.pem("mended"))
	eventually(t, "the file that came is served", func() bool { return served(port, "m.example") == "mended" })
	r.apply(route.Change{DropBackends: []string{"v"}})
	if got := served(port, "v.example"); got != "all.example" {
		t.Errorf("after its backend went: got %s", got)
	}
}

func TestAServicePortServesItsOwnCertificatesOnly(t *testing.T) {
	a := newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("all.example")}, CertPoll: soon}), freePort(t)
	r.apply(secured(service(route.HTTP, port, named(t, "app")), a.file("port.example")))
	if got := served(port, "all.example"); got != "port.example" {
		t.Errorf("got %s", got)
	}
	r.apply(secured(service(route.HTTP, port, named(t, "app")), a.file("other.example")))
	if got := served(port, "all.example"); got != "other.example" {
		t.Errorf("after the label changed: got %s", got)
	}
	r.apply(service(route.HTTP, port, named(t, "app")))
	if _, body := get(t, url(port, "/")); body != "app" {
		t.Errorf("after the label went: got %q", body)
	}
}

func TestAServicePortWithoutItsCertificateAcceptsNobodyUntilItComes(t *testing.T) {
	t.Parallel()
	a, path := newAuthority(t), filepath.Join(t.TempDir(), "late.pem")
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("all.example")}, CertPoll: soon}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(freePort(t))}}) // whose certificate is not for the service
	for _, mode := range []route.Mode{route.HTTP, route.TCP} {
		r.apply(secured(service(mode, port, named(t, "secret")), path))
		if got := say(t, port, "GET / HTTP/1.0\r\n\r\n"); got != "" {
			t.Errorf("%s: clear text got %q", mode, got)
		}
		if _, err := shake(port, &tls.Config{InsecureSkipVerify: true}); err == nil {
			t.Errorf("%s: a handshake succeeds", mode)
		}
		if !r.problem("HAPROXY_0_SSL_CERT", path, "it does not exist; the port accepts nobody") {
			t.Errorf("problems %+v", r.Problems())
		}
	}
	if broke := r.logs.FilterMessage("the beginning of a connection broke").All(); len(broke) > 0 {
		t.Errorf("logged %v", broke[0].ContextMap())
	}
	put(t, path, a.pem("late.example"))
	eventually(t, "the port serves", func() bool { return served(port, "x") == "late.example" })
	eventually(t, "the problem is over", func() bool { return len(r.Problems()) == 0 })
}

func TestNamedFilesThatCannotBeReadAtStartAreProblemsAndNoExit(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "missing.pem")
	r, port := newRig(t, proxy.Options{SSLCerts: []string{pipe, dir}, CertPoll: soon}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	if got := served(port, "a.example"); got != "*" {
		t.Errorf("meanwhile got %s, want the self-signed certificate", got)
	}
	if !r.problem("--ssl-certs", pipe, "signed by itself is served") || !r.problem("--ssl-certs", dir, "the directory has no file") {
		t.Errorf("problems %+v", r.Problems())
	}
	a := newAuthority(t)
	put(t, filepath.Join(dir, "good.pem"), a.pem("good.example"))
	eventually(t, "a file added to the directory is served", func() bool { return served(port, "a.example") == "good.example" })
	if c := r.Certificates(); len(c) != 1 || c[0].Source != filepath.Join(dir, "good.pem") || c[0].Names[0] != "good.example" || time.Until(c[0].NotAfter) < 300*24*time.Hour {
		t.Errorf("certificates %+v", c)
	}
	if err := os.Remove(filepath.Join(dir, "good.pem")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file removed from it is not", func() bool { return served(port, "a.example") == "*" })
}

func TestWithoutAnyCertificateOneIsMade(t *testing.T) {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	if got := served(port, "a.example"); got != "*" || len(r.Problems()) != 0 {
		t.Errorf("got %s, problems %+v", got, r.Problems())
	}
	r.apply(secured(service(route.HTTP, freePort(t), named(t, "app")), "/etc/ssl/cert.pem")) // as examples of Marathon-LB have it
	if got := served(int(r.Table().Listeners()[1].Spec.Bind.Port()), "x"); got != "*" || len(r.Problems()) != 0 || len(r.Certificates()) != 1 {
		t.Errorf("at the service port: got %s, problems %+v, certificates %+v", got, r.Problems(), r.Certificates())
	}
	if r.logs.FilterMessage("there is no certificate; one that is signed by itself is served").Len() != 1 {
		t.Error("the log does not say so")
	}
}

func TestABadNewFileKeepsTheOldCertificate(t *testing.T) {
	a, path := newAuthority(t), filepath.Join(t.TempDir(), "cert.pem")
	put(t, path, a.pem("good.example"))
	r, port := newRig(t, proxy.Options{SSLCerts: []string{path}, CertPoll: soon}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	other := ecdsaKey(t)
	for _, c := range []struct {
		text   []byte
		reason string
	}{
		{[]byte("nothing"), "no certificate"},
		{a.leaf(other, time.Now().AddDate(1, 0, 0), "bad.example"), "no private key"},
		{slices.Concat(a.leaf(other, time.Now().AddDate(1, 0, 0), "bad.example"), pkcs8(t, ecdsaKey(t))), "its private key belongs to none"},
		{bytes.Repeat([]byte("x"), 2<<20), "longer than"},
	} {
		put(t, path, c.text)
		eventually(t, c.reason, func() bool { return r.problem("--ssl-certs", path, c.reason) })
		if !r.problem("--ssl-certs", path, "the certificate read before stays in use") || served(port, "x") != "good.example" {
			t.Errorf("%s: got %s, problems %+v", c.reason, served(port, "x"), r.Problems())
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its absence is known", func() bool { return r.problem("--ssl-certs", path, "it does not exist") })
	if got := served(port, "x"); got != "good.example" {
		t.Errorf("without the file: got %s", got)
	}
	put(t, path, a.pem("new.example"))
	eventually(t, "the new certificate", func() bool { return served(port, "x") == "new.example" && len(r.Problems()) == 0 })
}

func TestAFileThatIsWrittenTwiceWithinOneTickOfItsClockIsReadTwice(t *testing.T) {
	a, path, now := newAuthority(t), filepath.Join(t.TempDir(), "cert.pem"), time.Now()
	write := func(host string) {
		t.Helper()
		text := a.pem(host)
		text = append(text, bytes.Repeat([]byte("\n"), 8192-len(text))...) // the same length, too
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
	}
	write("first.example")
	r, port := newRig(t, proxy.Options{SSLCerts: []string{path}, CertPoll: soon}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	if got := served(port, ""); got != "first.example" {
		t.Fatalf("got %s", got)
	}
	write("second.example")
	eventually(t, "what was written last is served", func() bool { return served(port, "") == "second.example" })
}

func TestAFileThatIsSlowToReadKeepsNobodyWaitingWhoDoesNotNeedIt(t *testing.T) {
	a := newAuthority(t)
	r, port, other := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example")}, CertPoll: soon}), freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	release := r.HoldCertFiles()
	defer release()
	r.apply(service(route.HTTP, other, named(t, "app")))
	if _, body := get(t, url(other, "/")); body != "app" {
		t.Errorf("got %q", body)
	}
	if got := served(port, "a.example"); got != "a.example" || len(r.Problems()) != 0 || len(r.Certificates()) != 1 {
		t.Errorf("got %s, problems %+v, certificates %+v", got, r.Problems(), r.Certificates())
	}
}

func TestOfTwoCertificatesForAHostTheClientGetsOneItCanUse(t *testing.T) {
	a := newAuthority(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	old := put(t, filepath.Join(t.TempDir(), "rsa.pem"), append(a.leaf(key, time.Now().AddDate(1, 0, 0), "a.example"), pkcs8(t, key)...))
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("first.example"), a.file("a.example"), old}}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	for suite, want := range map[uint16]x509.PublicKeyAlgorithm{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: x509.RSA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: x509.ECDSA,
	} {
		s, err := shake(port, &tls.Config{ServerName: "a.example", InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil || s.PeerCertificates[0].PublicKeyAlgorithm != want {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
}

func TestCertificatesOfTheEnvironmentAreFoundByPath(t *testing.T) {
	a := newAuthority(t)
	pems := []proxy.CertPEM{
		{Variable: "HAPROXY_SSL_CERT", Path: "/etc/ssl/cert.pem", Text: string(a.pem("first.example"))},
		{Variable: "HAPROXY_SSL_CERT3", Path: "/etc/ssl/cert3.pem", Text: string(a.pem("third.example"))},
		{Variable: "HAPROXY_SSL_CERT4", Path: "/etc/ssl/cert4.pem", Text: "garbage"},
	}
	r := newRig(t, proxy.Options{CertPEMs: pems, SSLCerts: []string{a.file("file.example")}, CertPoll: soon})
	port, service1 := freePort(t), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	r.apply(secured(service(route.HTTP, service1, named(t, "app")), "/etc/ssl/cert3.pem"))
	for sni, want := range map[string]string{"first.example": "first.example", "third.example": "third.example", "x": "file.example"} {
		if got := served(port, sni); got != want {
			t.Errorf("SNI %q: got %s, want %s", sni, got, want)
		}
	}
	if got := served(service1, "x"); got != "third.example" {
		t.Errorf("the label's path: got %s", got)
	}
	if !r.problem("HAPROXY_SSL_CERT4", "/etc/ssl/cert4.pem", "no certificate in it; it is left out") || len(r.Problems()) != 1 {
		t.Errorf("problems %+v", r.Problems())
	}
}

func TestCertificatesThatExpireAreProblems(t *testing.T) {
	a, key := newAuthority(t), ecdsaKey(t)
	until := func(d time.Duration) string {
		return put(t, filepath.Join(t.TempDir(), "c.pem"), append(a.leaf(key, time.Now().Add(d), "a.example"), pkcs8(t, key)...))
	}
	expired, soonOver, later := until(-time.Minute), until(13*24*time.Hour), until(15*24*time.Hour)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{expired, soonOver, later}}), freePort(t)
	r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
	if !r.problem("--ssl-certs", expired, "the certificate expired on ") || !r.problem("--ssl-certs", soonOver, "the certificate expires on ") || len(r.Problems()) != 2 {
		t.Errorf("problems %+v", r.Problems())
	}
}

func TestPEMsOfEveryFormAndOrderAreRead(t *testing.T) {
	a, ec := newAuthority(t), ecdsaKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	valid, mid, root := time.Now().AddDate(1, 0, 0), block("CERTIFICATE", a.mid.Raw), a.rootPEM
	params := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	for name, text := range map[string][]byte{
		"PKCS #8, key last":           slices.Concat(a.leaf(ec, valid, "a.example"), mid, pkcs8(t, ec)),
		"SEC 1, key first":            slices.Concat(params, block("EC PRIVATE KEY", sec1), a.leaf(ec, valid, "a.example"), mid),
		"PKCS #1, chain upside down":  slices.Concat(root, mid, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), a.leaf(rsaKey, valid, "a.example")),
		"words between, other's key":  slices.Concat([]byte("Bag Attributes\n"), pkcs8(t, ecdsaKey(t)), mid, []byte("subject=\r\n"), a.leaf(ec, valid, "a.example"), pkcs8(t, ec)),
		"with CRLF at the line's end": bytes.ReplaceAll(slices.Concat(a.leaf(ec, valid, "a.example"), mid, pkcs8(t, ec)), []byte("\n"), []byte("\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, filepath.Join(t.TempDir(), "c.pem"), text)
			r, port := newRig(t, proxy.Options{SSLCerts: []string{path}}), freePort(t)
			r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				s, err := shake(port, &tls.Config{ServerName: "a.example", RootCAs: a.pool, MinVersion: version, MaxVersion: version})
				if err != nil || !s.PeerCertificates[1].Equal(a.mid) {
					t.Errorf("%v, problems %+v", err, r.Problems())
				}
			}
		})
	}
	for reason, text := range map[string][]byte{
		"encrypted":                     slices.Concat(a.leaf(ec, valid, "a"), block("ENCRYPTED PRIVATE KEY", []byte("x"))),
		"private key cannot be read":    slices.Concat(a.leaf(ec, valid, "a"), block("PRIVATE KEY", []byte("x"))),
		"certificate in it cannot be":   slices.Concat(block("CERTIFICATE", []byte("x")), pkcs8(t, ec)),
		"there is no certificate in it": pkcs8(t, ec),
	} {
		if _, err := proxy.ReadPEM(text); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("got %v, want %s", err, reason)
		}
	}
}

func FuzzPEMReaderNeverPanicsAndServesWhatItAccepts(f *testing.F) {
	a := newAuthority(f)
	f.Add(a.pem("a.example"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := proxy.ReadPEM(text)
		if err != nil {
			return
		}
		again, err := proxy.ReadPEM(slices.Concat(block("CERTIFICATE", c.Certificate[0]), pkcs8(t, c.PrivateKey)))
		if err != nil || !bytes.Equal(again.Certificate[0], c.Certificate[0]) {
			t.Errorf("what was accepted is refused when written anew: %v", err)
		}
	})
}
