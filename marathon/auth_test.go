package marathon_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"marathon-lb/marathon"
)

// otherName is the same server under a name that net/http takes for another host.
func otherName(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }

// leader wants credentials, and says how often it got them.
func leader(t *testing.T, user, password string) (*httptest.Server, *atomic.Int32) {
	var seen atomic.Int32
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		seen.Add(1)
		reply(200, "application/json", twoApps)(w, r)
	}), &seen
}

func redirectTo(target string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target+r.URL.RequestURI(), http.StatusFound)
	}
}

func TestBasicSplitsAtTheFirstColon(t *testing.T) {
	s, seen := leader(t, "me", "a:b:c")
	c := newClient(t, marathon.ClientOptions{Credentials: marathon.Basic("me:a:b:c")}, s.URL)
	if _, err := c.Apps(t.Context()); err != nil || seen.Load() != 1 {
		t.Errorf("%v", err)
	}
}

func TestCredentialsFollowARedirectOfAnEndpointToTheLeader(t *testing.T) {
	s, seen := leader(t, "me", "pw")
	standby := serve(t, redirectTo(otherName(s.URL)))
	c := newClient(t, marathon.ClientOptions{Credentials: marathon.Basic("me:pw")}, standby.URL)
	if _, err := c.Apps(t.Context()); err != nil || seen.Load() != 1 {
		t.Errorf("%v", err)
	}
}

func TestCredentialsDoNotGoToStrangers(t *testing.T) {
	var got atomic.Value
	stranger := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		reply(200, "application/json", twoApps)(w, r)
	})
	// The leader an endpoint names is trusted; where that one leads to is not.
	second := serve(t, redirectTo(otherName(stranger.URL)))
	first := serve(t, redirectTo(otherName(second.URL)))
	c := newClient(t, marathon.ClientOptions{Credentials: marathon.Basic("me:pw")}, first.URL)
	if _, err := c.Apps(t.Context()); err != nil || got.Load() != "" {
		t.Errorf("%v, Authorization %q", err, got.Load())
	}
}

func TestRedirectsEnd(t *testing.T) {
	var asked atomic.Int32
	var s *httptest.Server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		redirectTo(s.URL)(w, r)
	})
	c := newClient(t, marathon.ClientOptions{}, s.URL)
	_, err := c.Apps(t.Context())
	if !errors.Is(err, marathon.ErrRedirect) || c.Failures()[marathon.ReasonRedirect] != 1 || asked.Load() != 4 {
		t.Errorf("%v after %d", err, asked.Load())
	}
}

func TestNoRedirectFromHTTPSToHTTP(t *testing.T) {
	plain, seen := leader(t, "me", "pw")
	safe := httptest.NewTLSServer(redirectTo(plain.URL))
	t.Cleanup(safe.Close)
	trusted := safe.Client().Transport.(*http.Transport).TLSClientConfig
	c := newClient(t, marathon.ClientOptions{Credentials: marathon.Basic("me:pw"), TLS: &tls.Config{RootCAs: trusted.RootCAs}}, safe.URL)
	if _, err := c.Apps(t.Context()); !errors.Is(err, marathon.ErrRedirect) || seen.Load() != 0 {
		t.Errorf("%v", err)
	}
}

type failing struct{}

func (failing) Authorization(context.Context) (string, error) { return "", errors.New("no token") }

func TestALoginThatFailsIsAFailedRead(t *testing.T) {
	s, seen := leader(t, "me", "pw")
	c := newClient(t, marathon.ClientOptions{Credentials: failing{}}, s.URL)
	if _, err := c.Apps(t.Context()); err == nil || !strings.Contains(err.Error(), "no token") || seen.Load() != 0 {
		t.Errorf("%v", err)
	}
}

func TestCredentialsOption(t *testing.T) {
	s, _ := leader(t, "me", "pw")
	dir := t.TempDir()
	file := func(text string) string {
		name := filepath.Join(dir, "credentials")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, c := range []struct {
		name    string
		option  string
		file    string
		refused bool // at once
		ok      bool // by Marathon
	}{
		{name: "none"},
		{name: "option", option: "me:pw", ok: true},
		{name: "file wins", option: "you:x", file: file("me:pw\r\nignored\n"), ok: true},
		{name: "no colon", option: "me", refused: true},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, s.URL, c.option, c.file, c.refused, c.ok) })
	}
	t.Run("empty first line means none", func(t *testing.T) { check(t, s.URL, "me:pw", file("\nme:pw\n"), false, false) })
	t.Run("no such file", func(t *testing.T) { check(t, s.URL, "me:pw", filepath.Join(dir, "none"), true, false) })
}

func check(t *testing.T, url, option, file string, refused, ok bool) {
	c, err := marathon.Options{Endpoints: []string{url}, Credentials: option, CredentialsFile: file}.Client()
	if (err != nil) != refused {
		t.Fatalf("%v", err)
	}
	if refused {
		return
	}
	defer c.Close()
	if _, err := c.Apps(t.Context()); (err == nil) != ok {
		t.Errorf("%v", err)
	}
}

func TestAFileOfCredentialsIsReadAgainWhenAskedAndABadOneChangesNothing(t *testing.T) {
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		reply(200, "application/json", twoApps)(w, r)
	}))
	t.Cleanup(s.Close)
	name := filepath.Join(t.TempDir(), "credentials")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("me:old")
	c, err := marathon.Options{Endpoints: []string{s.URL}, CredentialsFile: name}.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, step := range []struct {
		text string
		bad  bool
		want marathon.Basic
	}{{"me:new", false, "me:new"}, {"no colon", true, "me:new"}, {"", false, ""}, {"me:newest", false, "me:newest"}} {
		write(step.text)
		if err := c.Reread(); (err != nil) != step.bad {
			t.Errorf("%q: %v", step.text, err)
		}
		if _, err := c.Apps(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := ""
		if step.want != "" {
			want, _ = step.want.Authorization(t.Context())
		}
		if got != want {
			t.Errorf("%q: Authorization is %q, want %q", step.text, got, want)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := c.Reread(); err == nil {
		t.Error("no file, and no error")
	}
}

func TestCACertificateOption(t *testing.T) {
	s := httptest.NewUnstartedServer(reply(200, "application/json", twoApps))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it will be refused once
	s.StartTLS()
	t.Cleanup(s.Close)
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pemOf(s.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	with, err := marathon.Options{Endpoints: []string{s.URL}, CACert: name}.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer with.Close()
	if _, err := with.Apps(t.Context()); err != nil {
		t.Errorf("%v", err)
	}
	without := newClient(t, marathon.ClientOptions{}, s.URL)
	if _, err := without.Apps(t.Context()); err == nil {
		t.Error("a certificate nobody vouches for was accepted")
	}
	nonsense := marathon.Options{Endpoints: []string{s.URL}, CACert: "auth_test.go"}
	if _, err := nonsense.Client(); err == nil {
		t.Error("a file without certificates was accepted")
	}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
