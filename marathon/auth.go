package marathon

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// Credentials make the value of the Authorization field, empty for none. A login that expires renews itself in Authorization.
type Credentials interface {
	Authorization(context.Context) (string, error)
}

// Renewable are Credentials that may have another value once Marathon has refused one.
type Renewable interface {
	Credentials
	Rejected(value string)
}

// Basic is user:password for HTTP basic authentication (RFC 7617). The first colon ends the user's name.
type Basic string

// Authorization is "Basic" and the base64 of user:password.
func (b Basic) Authorization(context.Context) (string, error) {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(b)), nil
}

// credentials chooses as Marathon-LB does: the file if one is named, even if its first line is empty (no authentication
// then), else the option, else the service account. logins makes the client that logs in.
func (o Options) credentials(logins func() *http.Client) (Credentials, error) {
	switch {
	case o.CredentialsFile != "":
		f := &credentialsFile{path: o.CredentialsFile}
		return f, f.read()
	case o.Credentials != "":
		return basic(o.Credentials)
	case o.DCOS != nil:
		return newLogin(o.DCOS, logins()), nil
	}
	return nil, nil
}

// basic checks user:password.
func basic(text string) (Basic, error) {
	if !strings.Contains(text, ":") {
		return "", errors.New("credentials for Marathon must be user:password, there is no colon")
	}
	return Basic(text), nil
}

// credentialsFile are the credentials that a file held when it was last read and they could be used.
type credentialsFile struct {
	path string
	mu   sync.Mutex
	text Basic // empty for no authentication
}

// Authorization is that of user:password, or empty.
func (c *credentialsFile) Authorization(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.text == "" {
		return "", nil
	}
	return c.text.Authorization(ctx)
}

// read reads the file again. One that cannot be used changes nothing.
func (c *credentialsFile) read() error {
	line, err := firstLine(c.path)
	if err != nil {
		return fmt.Errorf("credentials file: %w", err)
	}
	text := Basic("")
	if line != "" {
		if text, err = basic(line); err != nil {
			return fmt.Errorf("credentials file %s: %w", c.path, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = text
	return nil
}

func firstLine(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan()
	return strings.TrimRight(lines.Text(), "\r"), lines.Err()
}

// trust is the set of hosts that may see the credentials: the configured endpoints, and leaders they name. It is what keeps a
// redirect from carrying them to a stranger, and from losing them on the way to the leader, as net/http would when the host's
// name changes.
type trust struct {
	mu         sync.Mutex
	configured map[string]bool
	leaders    map[string]bool
}

// mostLeaders bounds what endpoints can make us remember.
const mostLeaders = 64

func newTrust(endpoints []*url.URL) *trust {
	t := &trust{configured: map[string]bool{}, leaders: map[string]bool{}}
	for _, u := range endpoints {
		t.configured[origin(u)] = true
	}
	return t
}

// origin is scheme, host and port: credentials meant for https are not shown to the same host in clear text.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func (t *trust) has(u *url.URL) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.configured[origin(u)] || t.leaders[origin(u)]
}

// learn adds a leader, if an endpoint of ours says so and the way there is no less safe than the way to the endpoint.
func (t *trust) learn(from, leader *url.URL) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.configured[origin(from)] || leader.Host == "" || from.Scheme == "https" && leader.Scheme != "https" {
		return
	}
	if len(t.leaders) >= mostLeaders {
		clear(t.leaders)
	}
	t.leaders[origin(leader)] = true
}

// authorize is the RoundTripper that puts credentials on requests to trusted hosts and learns the leader from their answers.
type authorize struct {
	next        http.RoundTripper
	credentials Credentials // nil for none
	trust       *trust
}

// RoundTrip sets Authorization on a copy of the request.
func (a *authorize) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.send(r)
	if err == nil {
		if leader, perr := url.Parse(resp.Header.Get(leaderHeader)); perr == nil {
			a.trust.learn(r.URL, leader)
		}
	}
	return resp, err
}

// send sends the request; where credentials are refused that can be renewed, once more with the new ones.
func (a *authorize) send(r *http.Request) (*http.Response, error) {
	if a.credentials == nil || !a.trust.has(r.URL) {
		return a.next.RoundTrip(r)
	}
	refused := ""
	for {
		value, err := a.credentials.Authorization(r.Context())
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		again := r.Clone(r.Context())
		if value != "" {
			again.Header.Set("Authorization", value)
		}
		if r.GetBody != nil {
			if again.Body, err = r.GetBody(); err != nil {
				return nil, fmt.Errorf("credentials: body of the request: %w", err)
			}
		}
		resp, err := a.next.RoundTrip(again)
		renewable, ok := a.credentials.(Renewable)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || !ok {
			return resp, err
		}
		renewable.Rejected(value)
		if refused != "" {
			return resp, nil
		}
		refused = value
		resp.Body.Close()
	}
}

// ErrRedirect says that Marathon's redirect was not followed.
var ErrRedirect = errors.New("redirect refused")

// checkRedirect follows at most three, none from https to http, and none that makes a GET of a request that changes something.
func (t *trust) checkRedirect(r *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	switch {
	case len(via) > 3:
		return fmt.Errorf("%w: more than 3", ErrRedirect)
	case last.URL.Scheme == "https" && r.URL.Scheme != "https":
		return fmt.Errorf("%w: from https to %s", ErrRedirect, r.URL.Scheme)
	case last.Method != r.Method:
		return fmt.Errorf("%w: from %s to %s", ErrRedirect, last.Method, r.Method)
	}
	t.learn(last.URL, r.URL)
	return nil
}
