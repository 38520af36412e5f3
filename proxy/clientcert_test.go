package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// verified has the listeners ask for certificates that the authorities of a file have signed.
func verified(c route.Change, how route.Verify, ca string) route.Change {
	for i := range c.SetListeners {
		c.SetListeners[i].Options = route.BindOptions{Verify: how, CA: ca, CALabel: "HAPROXY_0_BIND_OPTIONS"}
	}
	return c
}

// roots is the file of an authority.
func (a *authority) roots() string {
	return put(a.t, filepath.Join(a.t.TempDir(), "ca.pem"), a.rootPEM)
}

// client is a certificate of a client with its chain.
func (a *authority) client(until time.Time, uses ...x509.ExtKeyUsage) *tls.Certificate {
	a.t.Helper()
	key := ecdsaKey(a.t)
	leaf := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "bob"}, ExtKeyUsage: uses, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until}, a.mid, key.Public(), a.midKey)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.mid.Raw}, PrivateKey: key}
}

// answer is what a client gets that shows a certificate, if any; empty if it does not get in.
func (a *authority) answer(port int, show *tls.Certificate) string {
	c := &tls.Config{ServerName: "a.example", RootCAs: a.pool}
	if show != nil { // whatever the server says whom it knows
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return show, nil }
	}
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), c)
	if err != nil {
		return ""
	}
	defer conn.Close()
	io.WriteString(conn, plainRequest)
	got, _ := io.ReadAll(conn)
	return string(got[max(0, len(got)-3):])
}

func TestClientsWithoutAGoodCertificateDoNotGetIn(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	soonOver, over := time.Now().AddDate(0, 0, 1), time.Now().Add(-time.Hour)
	for mode, change := range map[string]func(int) route.Change{
		"http": func(port int) route.Change { return service(route.HTTP, port, named(t, "app")) },
		"tcp":  func(port int) route.Change { return service(route.TCP, port, named(t, "app")) },
	} {
		for how, without := range map[route.Verify]string{route.VerifyRequired: "", route.VerifyOptional: "app"} {
			r, port := newRig(t, proxy.Options{}), freePort(t)
			r.apply(verified(secured(change(port), a.file("a.example")), how, a.roots()))
			if p := r.Problems(); len(p) > 0 {
				t.Errorf("problems %+v", p)
			}
			for name, c := range map[string]struct {
				show *tls.Certificate
				want string
			}{
				"none": {nil, without}, "a good one": {a.client(soonOver), "app"},
				"one for clients": {a.client(soonOver, x509.ExtKeyUsageClientAuth), "app"}, "one for servers": {a.client(soonOver, x509.ExtKeyUsageServerAuth), ""},
				"another authority's": {other.client(soonOver), ""}, "one that is over": {a.client(over), ""},
			} {
				if got := a.answer(port, c.show); got != c.want {
					t.Errorf("%s, %s, shows %s: got %q, want %q", mode, how, name, got, c.want)
				}
			}
			b := r.Table().Backends()[0].Stats
			if want := uint64(2 + len(without)/3); b.Sum(route.Connects)+b.Sum(route.Reuses) != want {
				t.Errorf("%s, %s: the server was asked %d times, want %d", mode, how, b.Sum(route.Connects)+b.Sum(route.Reuses), want)
			}
		}
	}
}

func TestAPortWhoseAuthoritiesCannotBeReadAcceptsNobodyUntilTheyCan(t *testing.T) {
	for _, how := range []route.Verify{route.VerifyRequired, route.VerifyOptional} {
		a, ca := newAuthority(t), filepath.Join(t.TempDir(), "ca.pem")
		show := a.client(time.Now().AddDate(0, 0, 1))
		r, port := newRig(t, proxy.Options{CertPoll: soon}), freePort(t)
		r.apply(verified(secured(service(route.HTTP, port, named(t, "app")), a.file("a.example")), how, ca))
		problem := func(reason string) func() bool {
			return func() bool { return r.problem("HAPROXY_0_BIND_OPTIONS", ca, reason) }
		}
		closed := func(what string) {
			t.Helper()
			for _, c := range []*tls.Certificate{nil, show} {
				if got := a.answer(port, c); got != "" {
					t.Errorf("%s: got %q", what, got)
				}
			}
		}
		closed("without the file")
		if !problem("it does not exist; the port accepts nobody until it can be used")() || r.Problems()[0].App != "/app" {
			t.Errorf("problems %+v", r.Problems())
		}
		if why := r.Hindered()[fmt.Sprintf("app_%d", port)]; why.Why != route.FailsClosed {
			t.Errorf("the verdict is %+v", why)
		}
		put(t, ca, []byte("no certificate"))
		eventually(t, "it is read", problem("there is no certificate in it; the port accepts nobody"))
		closed("with a bad file")
		put(t, ca, a.rootPEM)
		eventually(t, "it is good", func() bool { return len(r.Problems()) == 0 && a.answer(port, show) == "app" })
		put(t, ca, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
		eventually(t, "it is read", problem("a certificate in it cannot be read"))
		if got := a.answer(port, show); got != "app" {
			t.Errorf("after the file turned bad: got %q", got)
		}
		if how == route.VerifyRequired && a.answer(port, nil) != "" {
			t.Error("after the file turned bad, everybody gets in")
		}
	}
}

func TestOtherAuthoritiesCountFromThenOn(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	ca, until := a.roots(), time.Now().AddDate(0, 0, 1)
	r, port := newRig(t, proxy.Options{CertPoll: soon}), freePort(t)
	r.apply(verified(secured(service(route.HTTP, port, named(t, "app")), a.file("a.example")), route.VerifyRequired, ca))
	old, young := a.client(until), other.client(until)
	put(t, ca, slices.Concat(a.rootPEM, other.rootPEM))
	eventually(t, "both count", func() bool { return a.answer(port, old) == "app" && a.answer(port, young) == "app" })
	put(t, ca, other.rootPEM)
	eventually(t, "only the new one counts", func() bool { return a.answer(port, old) == "" && a.answer(port, young) == "app" })
}

// Tickets of all ports are encrypted with the same keys: one of a port that lets everybody in must not open another.
func TestASessionOfAnotherPortOpensNone(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	file, until := a.file("a.example"), time.Now().AddDate(0, 0, 1)
	r := newRig(t, proxy.Options{})
	open, theirs, ours := freePort(t), freePort(t), freePort(t)
	r.apply(secured(service(route.HTTP, open, named(t, "app")), file))
	r.apply(verified(secured(service(route.HTTP, theirs, named(t, "app")), file), route.VerifyRequired, other.roots()))
	r.apply(verified(secured(service(route.HTTP, ours, named(t, "app")), file), route.VerifyRequired, a.roots()))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, from := range []int{open, theirs} {
			c := &tls.Config{ServerName: "a.example", RootCAs: a.pool, ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: version}
			shown := other.client(until)
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
			ask := func(port int) (string, bool) {
				conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), c)
				if err != nil {
					return "", false
				}
				defer conn.Close()
				io.WriteString(conn, plainRequest)
				got, _ := io.ReadAll(conn) // with the ticket of TLS 1.3
				return string(got[max(0, len(got)-3):]), conn.ConnectionState().DidResume
			}
			if got, _ := ask(from); got != "app" {
				t.Fatalf("the first connection: got %q", got)
			}
			if got, resumed := ask(from); got != "app" || !resumed {
				t.Errorf("%s: the port's own session is not resumed: %q", tls.VersionName(version), got)
			}
			if got, resumed := ask(ours); got != "" || resumed {
				t.Errorf("%s: a session of another port got in: %q", tls.VersionName(version), got)
			}
		}
	}
}

func TestAConnectionFromBeforeCertificatesWereAskedForDoesNotGoOn(t *testing.T) {
	a := newAuthority(t)
	file := a.file("a.example")
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(secured(service(route.HTTP, port, named(t, "app")), file))
	client := secureClient(t, a, port, true)
	ask := func() (*http.Response, error) {
		resp, err := client.Get("https://a.example/")
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return resp, err
	}
	if resp, err := ask(); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	r.apply(verified(secured(service(route.HTTP, port, named(t, "app")), file), route.VerifyRequired, a.roots()))
	if resp, err := ask(); err == nil && (resp.StatusCode != 503 || !resp.Close) {
		t.Errorf("got %s, close is %v", resp.Status, resp.Close)
	}
	if resp, err := ask(); err == nil {
		t.Errorf("a new connection without a certificate: %s", resp.Status)
	}
}

func TestCurlGetsInWithItsCertificate(t *testing.T) {
	curl, a := tool(t, "curl"), newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("a.example")}}), freePort(t)
	l := https(port)
	l.Options = route.BindOptions{Verify: route.VerifyRequired, CA: a.roots(), CALabel: "HAPROXY_HTTPS_FRONTEND_HEAD"}
	r.apply(route.Change{SetListeners: []route.ListenerSpec{l}, SetBackends: []route.BackendSpec{vhost(t, "a", "a.example")}})
	root := put(t, filepath.Join(t.TempDir(), "root.pem"), a.rootPEM)
	args := []string{"--silent", "--show-error", "--cacert", root, "--resolve", fmt.Sprintf("a.example:%d:127.0.0.1", port), fmt.Sprintf("https://a.example:%d/", port)}
	if got, ok := curl("", args...); ok {
		t.Errorf("without a certificate: %s", got)
	}
	if got, ok := curl("", append(args, "--cert", a.file("bob"))...); !ok || got != fmt.Sprintf("a a.example:%d https", port) {
		t.Errorf("with a certificate: %v, %s", ok, got)
	}
}
