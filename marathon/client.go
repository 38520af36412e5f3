package marathon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const leaderHeader = "X-Marathon-Leader" // <scheme>://host:port, on each answer that comes from the leader

// ClientOptions is how Marathon is reached. A zero field takes its default.
type ClientOptions struct {
	Endpoints      []string    // base URLs, with path if Marathon is behind a router; at least one
	Credentials    Credentials // nil for none
	TLS            *tls.Config
	ConnectTimeout time.Duration // until a TCP connection stands, and again until TLS does; 3.05 s, as Marathon-LB has it
	Timeout        time.Duration // for one whole answer, body included; 46 s
	MaxBody        int64         // most bytes of one answer, unpacked; 512 MiB
}

// Client reads Marathon's REST API. Each call tries the endpoints in turn, beginning with the one that answered last. It is safe
// for use by several goroutines.
type Client struct {
	o         ClientOptions
	endpoints []*url.URL
	trust     *trust
	transport *http.Transport
	http      *http.Client

	mu       sync.Mutex
	first    int // index of the endpoint that answered last
	failures map[Reason]uint64
}

// NewClient makes a client; it connects to nothing yet.
func NewClient(o ClientOptions) (*Client, error) {
	if len(o.Endpoints) == 0 {
		return nil, errors.New("no Marathon endpoint given")
	}
	o.fill()
	c := &Client{o: o, failures: map[Reason]uint64{}}
	for _, text := range o.Endpoints {
		u, err := parseEndpoint(text)
		if err != nil {
			return nil, err
		}
		c.endpoints = append(c.endpoints, u)
	}
	c.trust = newTrust(c.endpoints)
	c.transport = c.o.newTransport()
	c.http = c.newHTTP(c.transport)
	return c, nil
}

// parseEndpoint reads a base URL of Marathon.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of Marathon; write http://host:port or https://host:port", text)
	}
	return u, nil
}

// Client makes the client the options describe: it reads the files they name, but connects to nothing yet.
func (o Options) Client() (*Client, error) {
	co := ClientOptions{Endpoints: o.Endpoints}
	if o.CACert != "" {
		pem, err := os.ReadFile(o.CACert)
		if err != nil {
			return nil, fmt.Errorf("CA certificate of Marathon: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA certificate of Marathon: no PEM certificate in %s", o.CACert)
		}
		co.TLS = &tls.Config{RootCAs: roots}
	}
	var err error
	co.Credentials, err = o.credentials(func() *http.Client { return co.loginClient() })
	if err != nil {
		return nil, err
	}
	return NewClient(co)
}

// Reread reads the file of credentials again, if there is one. One that cannot be used leaves those that were in use.
func (c *Client) Reread() error {
	if f, ok := c.o.Credentials.(*credentialsFile); ok {
		return f.read()
	}
	return nil
}

// loginClient is what logs in to DC/OS: as Marathon is reached, but it keeps no connection, and follows nobody with its proof.
func (o ClientOptions) loginClient() *http.Client {
	o.fill()
	t := o.newTransport()
	t.DisableKeepAlives = true
	return &http.Client{
		Transport: t, Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (o *ClientOptions) fill() {
	defaultTo(&o.ConnectTimeout, 3050*time.Millisecond)
	defaultTo(&o.Timeout, 46*time.Second)
	defaultTo(&o.MaxBody, 512<<20)
}

func defaultTo[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

func (o ClientOptions) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: o.ConnectTimeout,
		TLSClientConfig:     o.TLS,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     30 * time.Second,
	}
}

func (c *Client) newHTTP(t *http.Transport) *http.Client {
	return &http.Client{
		Transport:     &authorize{next: t, credentials: c.o.Credentials, trust: c.trust},
		CheckRedirect: c.trust.checkRedirect,
	}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Source says where an answer came from.
type Source struct {
	Endpoint string    // base URL as configured, without a password
	Leader   string    // X-Marathon-Leader, empty if the answer had none
	Sent     time.Time // when it was asked for; the answer is no older than that
}

// List is all of Marathon's apps.
type List struct {
	Source
	Apps []App
	Bad  []AppError // apps of the list that could not be read
	Pods error      // why pods are not among the apps, nil if they are
}

// Apps reads all apps with their tasks, and pods as apps. An answer that is no list is an error, never an empty list; one about pods
// does not harm the apps.
func (c *Client) Apps(ctx context.Context) (List, error) {
	list, err := c.list(ctx, url.Values{"embed": {"apps.tasks", "apps.deployments", "apps.readiness"}})
	if err != nil {
		return list, err
	}
	pods, bad, err := c.pods(ctx)
	if ctx.Err() != nil {
		return List{}, ctx.Err()
	}
	list.Apps, list.Bad, list.Pods = append(list.Apps, pods...), append(list.Bad, bad...), err
	return list, nil
}

func (c *Client) list(ctx context.Context, query url.Values) (List, error) {
	var list List
	err := c.get(ctx, "/v2/apps", query, func(s Source, r *http.Response) error {
		list = List{Source: s}
		if err := wantJSON(r); err != nil {
			return err
		}
		var err error
		list.Bad, err = ReadApps(r.Body, func(a App) { list.Apps = append(list.Apps, a) })
		return err
	})
	if err != nil {
		return List{}, err
	}
	return list, nil
}

// ErrAppGone says that Marathon has no such app (any more).
var ErrAppGone = errors.New("no such app")

// App reads one app with its tasks. It fails with ErrAppGone only if Marathon itself says that there is none.
func (c *Client) App(ctx context.Context, id string) (App, Source, error) {
	if shadowed(id) {
		return c.appFromList(ctx, id)
	}
	var answer struct{ App *App }
	var from Source
	query := url.Values{"embed": {"app.tasks", "app.deployments", "app.readiness"}}
	err := c.get(ctx, "/v2/apps"+id, query, func(s Source, r *http.Response) error {
		answer.App, from = nil, s
		if r.StatusCode == http.StatusNotFound && wantMessage(r) {
			return fmt.Errorf("%w: %s", ErrAppGone, id)
		}
		if err := wantJSON(r); err != nil {
			return err
		}
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			return err
		}
		if answer.App == nil || answer.App.ID != id {
			return fmt.Errorf("%w: it is not about %s", ErrNoApps, id)
		}
		return nil
	})
	if err != nil {
		return App{}, from, err
	}
	return *answer.App, from, nil
}

// shadowed says that GET /v2/apps/{id} would ask for something else: a part of the app above.
func shadowed(id string) bool {
	last := id[strings.LastIndexByte(id, '/')+1:]
	return last == "tasks" || last == "versions" || last == "restart"
}

func (c *Client) appFromList(ctx context.Context, id string) (App, Source, error) {
	list, err := c.list(ctx, url.Values{"id": {id}, "embed": {"apps.tasks", "apps.deployments", "apps.readiness"}})
	if err != nil {
		return App{}, list.Source, err
	}
	i := slices.IndexFunc(list.Apps, func(a App) bool { return a.ID == id })
	if i >= 0 {
		return list.Apps[i], list.Source, nil
	}
	for _, bad := range list.Bad {
		if bad.ID == id {
			return App{}, list.Source, bad
		}
	}
	return App{}, list.Source, fmt.Errorf("%w: %s", ErrAppGone, id)
}

// Info is what Marathon says of itself.
type Info struct {
	Version string `json:"version"`
	Leader  string `json:"leader"` // host:port
	Config  struct {
		Features []string `json:"features"` // task_killing among them, or tasks die without notice
	} `json:"marathon_config"`
}

// Info reads GET /v2/info.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.get(ctx, "/v2/info", nil, func(_ Source, r *http.Response) error {
		if err := wantJSON(r); err != nil {
			return err
		}
		return json.NewDecoder(r.Body).Decode(&info)
	})
	return info, err
}

// get asks the endpoints in turn until read is content with an answer, or says ErrAppGone, which is an answer as well.
func (c *Client) get(ctx context.Context, path string, query url.Values, read func(Source, *http.Response) error) error {
	c.mu.Lock()
	first := c.first
	c.mu.Unlock()
	var errs []error
	for i := range c.endpoints {
		at := (first + i) % len(c.endpoints)
		err := c.ask(ctx, c.endpoints[at], path, query, read)
		if err == nil || errors.Is(err, ErrAppGone) {
			c.mu.Lock()
			c.first = at
			c.mu.Unlock()
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.count(err)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Client) ask(ctx context.Context, base *url.URL, path string, query url.Values, read func(Source, *http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at(base, path, query), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "marathon-lb")
	from := Source{Endpoint: base.Redacted(), Sent: time.Now()}
	resp, err := c.http.Do(r)
	if err != nil {
		return &ReadError{Reason: reasonOf(err, ReasonConnect), Endpoint: from.Endpoint, Path: path, Err: bare(err)}
	}
	defer resp.Body.Close()
	from.Leader = resp.Header.Get(leaderHeader)
	resp.Body = http.MaxBytesReader(nil, resp.Body, c.o.MaxBody)
	if err := read(from, resp); errors.Is(err, ErrAppGone) {
		return err
	} else if err != nil {
		return &ReadError{Reason: reasonOf(err, ReasonBadJSON), Endpoint: from.Endpoint, Path: path, Err: err}
	}
	return nil
}

// at is the URL of a path below an endpoint. Slashes of app ids are not escaped.
func at(base *url.URL, path string, query url.Values) string {
	u := *base
	u.Path = strings.TrimRight(base.Path, "/") + path
	u.RawPath = ""
	u.RawQuery = query.Encode()
	return u.String()
}

// wantJSON rejects what is no good answer, or not JSON: the login page of a router, say.
func wantJSON(r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return StatusError(r.StatusCode)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "" && kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return fmt.Errorf("%w: %s", ErrNotJSON, kind)
	}
	return nil
}

// wantMessage says that the body is an error as Marathon writes it: {"message":"..."}.
func wantMessage(r *http.Response) bool {
	var body struct{ Message *string }
	err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&body)
	return err == nil && body.Message != nil
}
