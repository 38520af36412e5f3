package marathontest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// probe is one probe: an HTTP status from 200 to 399, or a connection. Commands cannot run here and succeed.
func (s *Server) probe(ctx context.Context, t *Task, c *HealthCheck) error {
	if c.Protocol == "COMMAND" {
		return nil
	}
	addr, err := t.probed(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.TimeoutSeconds*float64(time.Second)))
	defer cancel()
	protocol := strings.TrimPrefix(c.Protocol, "MESOS_")
	if protocol == "TCP" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr.String())
		if err == nil {
			conn.Close()
		}
		return err
	}
	answer, err := s.ask(ctx, protocol, addr, c.Path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	if answer.StatusCode < 200 || answer.StatusCode > 399 {
		return fmt.Errorf("%s", answer.Status)
	}
	return nil
}

// ask is one request of a check.
func (s *Server) ask(ctx context.Context, protocol string, addr netip.AddrPort, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", strings.ToLower(protocol)+"://"+addr.String()+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", probeAgent)
	return s.probes.Do(r)
}

// probed is the address a check probes.
func (t *Task) probed(c *HealthCheck) (netip.AddrPort, error) {
	index := 0
	if c.PortIndex != nil {
		index = *c.PortIndex
	}
	if index < 0 || index >= len(t.listen) {
		return netip.AddrPort{}, fmt.Errorf("health check: the task has no port of index %d", index)
	}
	if c.Port != 0 {
		return netip.AddrPortFrom(t.listen[0].Addr(), uint16(c.Port)), nil
	}
	return t.listen[index], nil
}
