package zdd

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// balancer is one address of a load balancer.
type balancer struct {
	base *url.URL // as the flag has it
	addr string   // host:port to connect to
}

func (b balancer) String() string { return b.addr }

// report is what a load balancer says.
type report struct {
	pids    int
	servers map[string]Server // of the deployment's backend, by name
	err     error
}

// Bounds of talking to load balancers.
const (
	balancerTimeout = 10 * time.Second
	mostStatistics  = 256 << 20 // bytes
)

// balancersClient asks load balancers. Each request goes to the address it carries, whatever its URL's host resolves to; names
// in certificates are checked all the same.
func balancersClient() *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, ctx.Value(addressKey{}).(string))
	}
	return &http.Client{Timeout: balancerTimeout, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

type addressKey struct{}

// balancersOf are all addresses of the load balancers that URLs name.
func balancersOf(ctx context.Context, urls []string) ([]balancer, error) {
	var all []balancer
	for _, text := range urls {
		u, err := url.Parse(strings.TrimRight(text, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("load balancer %q: write a URL such as http://marathon-lb.marathon.mesos:9090", text)
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
		if err != nil {
			return nil, fmt.Errorf("load balancer %s: %w", text, err)
		}
		for _, addr := range found {
			b := balancer{base: u, addr: net.JoinHostPort(addr.Unmap().String(), port)}
			if !slices.ContainsFunc(all, func(other balancer) bool { return other.addr == b.addr && other.base.Path == u.Path }) {
				all = append(all, b)
			}
		}
	}
	return all, nil
}

// report asks for the processes and for the servers of a backend.
func (b balancer) report(ctx context.Context, client *http.Client, backend string) (r report) {
	if r.err = b.get(ctx, client, "/_haproxy_getpids", "", func(body io.Reader) error {
		text, err := io.ReadAll(body)
		r.pids = len(strings.Fields(string(text)))
		return err
	}); r.err != nil {
		return r
	}
	r.err = b.get(ctx, client, "/haproxy", "stats;csv", func(body io.Reader) (err error) {
		r.servers, err = readServers(body, backend)
		return err
	})
	return r
}

// inFlight is how many requests run on a task, on any of its ports; ok says that the load balancer is one that knows.
func (b balancer) inFlight(ctx context.Context, client *http.Client, task string) (n int, ok bool) {
	resp, err := b.send(ctx, client, "/v1/tasks/"+task+"/drained", "")
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	var answer struct {
		Task     string `json:"task"`
		InFlight int    `json:"inFlight"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<10)).Decode(&answer)
	return answer.InFlight, err == nil && answer.Task == task
}

func (b balancer) send(ctx context.Context, client *http.Client, path, query string) (*http.Response, error) {
	u := *b.base
	u.Path, u.RawQuery = u.Path+path, query
	request, err := http.NewRequestWithContext(context.WithValue(ctx, addressKey{}, b.addr), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

func (b balancer) get(ctx context.Context, client *http.Client, path, query string, read func(io.Reader) error) error {
	resp, err := b.send(ctx, client, path, query)
	if err != nil {
		return fmt.Errorf("load balancer %s: %w", b, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("load balancer %s: %s: status %d", b, path, resp.StatusCode)
	}
	if err := read(io.LimitReader(resp.Body, mostStatistics)); err != nil {
		return fmt.Errorf("load balancer %s: %s: %w", b, path, err)
	}
	return nil
}

// readServers reads the servers of a backend out of HAProxy's CSV. Columns go by their names.
func readServers(body io.Reader, backend string) (map[string]Server, error) {
	rows := csv.NewReader(body)
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("statistics: %w", err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[strings.TrimPrefix(name, "# ")] = i
	}
	for _, name := range []string{"pxname", "svname", "qcur", "scur", "status"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("statistics: there is no column %s", name)
		}
	}
	servers := map[string]Server{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return servers, nil
		}
		if err != nil {
			return nil, fmt.Errorf("statistics: %w", err)
		}
		cell := func(name string) string {
			if i := column[name]; i < len(row) {
				return row[i]
			}
			return ""
		}
		name := cell("svname")
		if cell("pxname") != backend || name == "FRONTEND" || name == "BACKEND" {
			continue
		}
		s := Server{Status: cell("status")}
		for _, column := range []string{"qcur", "scur"} {
			n, err := number(cell(column))
			if err != nil {
				return nil, fmt.Errorf("statistics: %s of %s: %w", column, name, err)
			}
			s.Sessions += n
		}
		servers[strings.Clone(name)] = s
	}
}

// number reads a count; an empty cell is 0.
func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}
