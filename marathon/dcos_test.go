package marathon_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/marathon"
	"marathon-lb/marathon/marathontest"
)

var accountKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pkcs1(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func pkcs8(t *testing.T, key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// secret is the JSON of a service account's secret.
func secret(key, login string) string {
	text, _ := json.Marshal(map[string]any{"scheme": "RS256", "uid": "lb", "private_key": key, "login_endpoint": login})
	return string(text)
}

func serviceAccount(t *testing.T, key, login string) *marathon.ServiceAccount {
	t.Helper()
	a, err := marathon.ParseServiceAccount(secret(key, login))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// dcos is a Marathon behind DC/OS and the options to reach it.
func dcos(t *testing.T, d marathontest.DCOS) (*marathontest.Server, marathon.Options) {
	t.Helper()
	d.UID, d.Key = "lb", &accountKey().PublicKey
	s := marathontest.New(marathontest.Options{DCOS: &d})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, marathon.Options{
		Endpoints: []string{s.URL() + "/service/marathon"}, DCOS: serviceAccount(t, pkcs1(accountKey()), s.URL()+marathontest.LoginPath),
	}
}

// clock is one that only moves when told.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func loggingIn(t *testing.T, o marathon.Options) (*marathon.Client, *clock) {
	t.Helper()
	c, err := o.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := new(clock)
	c.SetClock(k.now)
	return c, k
}

func reads(t *testing.T, c *marathon.Client) {
	t.Helper()
	if _, err := c.Apps(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAServiceAccountLogsInOnceForManyReads(t *testing.T) {
	for _, d := range []marathontest.DCOS{{}, {BodyOnly: true}} {
		s, o := dcos(t, d)
		c, _ := loggingIn(t, o)
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				if _, err := c.Apps(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
		if s.Logins() != 1 || s.Refusals() != 0 {
			t.Errorf("%+v: %d logins, %d refusals", d, s.Logins(), s.Refusals())
		}
	}
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	s, o := dcos(t, marathontest.DCOS{})
	c, k := loggingIn(t, o)
	reads(t, c)
	k.advance(45 * time.Minute) // an hour is what is asked for
	reads(t, c)
	if s.Logins() != 1 {
		t.Errorf("%d logins within four fifths of the token's life", s.Logins())
	}
	k.advance(5 * time.Minute)
	reads(t, c)
	if s.Logins() != 2 || s.Refusals() != 0 {
		t.Errorf("%d logins, %d refusals", s.Logins(), s.Refusals())
	}
}

func TestATokenThatIsGoodIsUsedWhileThereIsNoNewOne(t *testing.T) {
	s, o := dcos(t, marathontest.DCOS{})
	c, k := loggingIn(t, o)
	reads(t, c)
	k.advance(50 * time.Minute)
	mend := s.AddAPIFault(marathontest.APIFault{Path: marathontest.LoginPath, Status: 503})
	reads(t, c)
	k.advance(15 * time.Minute) // now it has ended
	if _, err := c.Apps(t.Context()); !errors.Is(err, marathon.ErrLogin) || c.Failures()[marathon.ReasonAuth] != 1 {
		t.Errorf("a read without a token: %v, %v", err, c.Failures())
	}
	mend()
	k.advance(time.Minute)
	reads(t, c)
	if s.Logins() != 2 || s.Refusals() != 0 {
		t.Errorf("%d logins, %d refusals", s.Logins(), s.Refusals())
	}
}

func TestATokenThatIsRevokedIsReplacedOnceForAllReads(t *testing.T) {
	s, o := dcos(t, marathontest.DCOS{})
	c, _ := loggingIn(t, o)
	reads(t, c)
	s.RevokeTokens()
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			if _, err := c.Apps(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	if s.Logins() != 2 {
		t.Errorf("%d logins", s.Logins())
	}
}

func TestABrokenLoginIsNotHammered(t *testing.T) {
	s, o := dcos(t, marathontest.DCOS{})
	var asked atomic.Int32
	broken := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	})
	o.DCOS = serviceAccount(t, pkcs1(accountKey()), broken.URL)
	c, k := loggingIn(t, o)
	frozen := time.Now()
	c.SetClock(func() time.Time { return frozen.Add(time.Duration(k.ahead.Load())) })
	fail := func() {
		t.Helper()
		if _, err := c.Apps(t.Context()); !errors.Is(err, marathon.ErrLogin) || !strings.Contains(err.Error(), "401") {
			t.Fatalf("%v", err)
		}
	}
	for range 5 {
		fail()
	}
	if asked.Load() != 1 {
		t.Errorf("%d logins at one moment", asked.Load())
	}
	for range 120 { // ten minutes
		k.advance(5 * time.Second)
		fail()
	}
	if n := asked.Load(); n < 10 || n > 30 {
		t.Errorf("%d logins in ten minutes; it should be one or two a minute", n)
	}
	if s.Refusals() != 0 {
		t.Errorf("Marathon was asked %d times without a token", s.Refusals())
	}
}

func TestTokensThatMarathonNeverTakesAreNotAskedForWithoutEnd(t *testing.T) {
	var logins, asked atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, `{"token":"t%d"}`, logins.Add(1))
			return
		}
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	})
	c, _ := loggingIn(t, marathon.Options{Endpoints: []string{s.URL}, DCOS: serviceAccount(t, pkcs1(accountKey()), s.URL)})
	frozen := time.Now()
	c.SetClock(func() time.Time { return frozen })
	if _, err := c.Apps(t.Context()); c.Failures()[marathon.ReasonAuth] != 1 || asked.Load() != 2 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	for range 10 {
		if _, err := c.Apps(t.Context()); !errors.Is(err, marathon.ErrLogin) {
			t.Errorf("%v", err)
		}
	}
	if logins.Load() != 2 {
		t.Errorf("%d logins", logins.Load())
	}
}

func TestTheStreamLogsInAgainWhenItComesBack(t *testing.T) {
	s, o := dcos(t, marathontest.DCOS{})
	c, _ := loggingIn(t, o)
	st := marathon.NewStream(c, marathon.StreamOptions{MinBackoff: time.Millisecond})
	heard := newHeard()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- st.Run(ctx, heard) }()
	defer func() { cancel(); <-done }()
	heard.connected(t)
	if err := s.WaitStreams(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s.RevokeTokens()
	s.CloseStreams()
	heard.connected(t)
	if s.Logins() != 2 {
		t.Errorf("%d logins", s.Logins())
	}
}

// heard counts how often a stream was opened.
type heard struct{ opened chan marathon.Peer }

func newHeard() *heard                     { return &heard{make(chan marathon.Peer, 100)} }
func (h *heard) Connected(p marathon.Peer) { h.opened <- p }
func (h *heard) Event([]byte)              {}
func (h *heard) Ended(error)               {}

func (h *heard) connected(t *testing.T) {
	t.Helper()
	select {
	case <-h.opened:
	case <-time.After(20 * time.Second):
		t.Fatal("the stream does not open")
	}
}

func TestTheLoginTrustsOnlyTheCACertificateOfMarathon(t *testing.T) {
	sim, o := dcos(t, marathontest.DCOS{})
	target, err := url.Parse(sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it will be refused once
	s.StartTLS()
	t.Cleanup(s.Close)
	o.DCOS = serviceAccount(t, pkcs1(accountKey()), s.URL+marathontest.LoginPath)
	c, _ := loggingIn(t, o)
	if _, err := c.Apps(t.Context()); !errors.Is(err, marathon.ErrLogin) || sim.Logins() != 0 {
		t.Errorf("a certificate nobody vouches for was accepted: %v", err)
	}
	o.CACert = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(o.CACert, pemOf(s.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ = loggingIn(t, o)
	reads(t, c)
}

func TestUserAndPasswordGoBeforeAServiceAccount(t *testing.T) {
	s, seen := leader(t, "me", "pw")
	name := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(name, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := serviceAccount(t, pkcs1(accountKey()), "http://127.0.0.1:1/never")
	c, err := marathon.Options{Endpoints: []string{s.URL}, Credentials: "me:pw", DCOS: a}.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	reads(t, c)
	c, err = marathon.Options{Endpoints: []string{s.URL}, CredentialsFile: name, DCOS: a}.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Apps(t.Context()); errors.Is(err, marathon.ErrLogin) || c.Failures()[marathon.ReasonAuth] != 1 || seen.Load() != 1 {
		t.Errorf("an empty first line means no authentication: %v", err)
	}
}

func TestServiceAccountsThatCannotBeReadSayWhyWithoutShowingTheKey(t *testing.T) {
	good, url := pkcs1(accountKey()), "https://leader.mesos/acs/api/v1/auth/login"
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if a := serviceAccount(t, pkcs8(t, accountKey()), url); fmt.Sprintf("%v %#v %s", a, a, a) != "lb lb lb" {
		t.Errorf("%v %#v", a, a)
	}
	for name, c := range map[string]struct{ text, word string }{
		"no JSON":      {"-----BEGIN", "JSON"},
		"no object":    {`["x"]`, "JSON"},
		"wrong type":   {`{"private_key":17}`, "strings"},
		"no uid":       {`{"private_key":"x","login_endpoint":"http://x"}`, "uid"},
		"no key":       {`{"uid":"x","login_endpoint":"http://x"}`, "private_key"},
		"no login":     {`{"uid":"x","private_key":"x"}`, "login_endpoint"},
		"no PEM":       {secret("MIIEow", url), "PEM"},
		"cut":          {secret(good[:200]+"\n-----END RSA PRIVATE KEY-----", url), "private_key"},
		"other kind":   {secret(pkcs8(t, ec), url), "RSA"},
		"relative URL": {secret(good, "/acs/api/v1/auth/login"), "URL"},
	} {
		_, err := marathon.ParseServiceAccount(c.text)
		if err == nil || !strings.Contains(err.Error(), c.word) || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzExpiryOf(f *testing.F) {
	f.Add("e30.eyJleHAiOjE1ODMxNDMyNjB9.c2ln")
	f.Add("e30.eyJleHAiOi0xfQ.x")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if at := marathon.ExpiryOf(token); !at.IsZero() && (at.Unix() <= 0 || at.Unix() > 1e11 || strings.Count(token, ".") != 2) {
			t.Errorf("%q ends %v", token, at)
		}
	})
}
