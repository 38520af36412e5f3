package marathontest

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// provision accepts an offer for an instance: an agent, host ports, and the task's id.
func (s *Server) provision(i *instance) (*Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.launches % len(s.o.Agents)
	s.launches++
	t := &Task{
		id: fmt.Sprintf("%s._app.%d", i.id, i.incarnation+1), app: i.app, instance: i, crash: make(chan struct{}),
		agent: fmt.Sprintf("8d1f6c1e-9b7a-4d06-9c3c-0f2a0d3b7f10-S%d", n+1), host: s.o.Agents[n],
		ports: []int{}, visible: []ipAddress{}, results: make([]*healthResult, len(i.app.HealthChecks)),
	}
	if err := s.allot(t); err != nil {
		closeSockets(t)
		return nil, err
	}
	i.incarnation++
	i.task = t
	s.set(t, "TASK_STAGING", "")
	return t, nil
}

// allot reserves the task's addresses as its network mode asks; s.mu is held.
func (s *Server) allot(t *Task) error {
	host, err := resolve(t.host)
	if err != nil {
		return err
	}
	s.addresses++
	switch t.app.mode() {
	case "host":
		t.addresses = []ipAddress{{host.String(), "IPv4"}}
		for _, d := range t.app.PortDefinitions {
			fixed := 0
			if t.app.RequirePorts {
				fixed = d.Port
			}
			if err := s.allotHostPort(t, host, fixed, d.Protocol); err != nil {
				return err
			}
		}
		return nil
	case "container/bridge":
		t.addresses = []ipAddress{{fmt.Sprintf("172.17.%d.%d", s.addresses/250%250, s.addresses%250+2), "IPv4"}}
		for _, m := range t.app.mappings() {
			if err := s.allotHostPort(t, host, *m.HostPort, m.Protocol); err != nil {
				return err
			}
		}
		return nil
	}
	return s.allotContainer(t, host)
}

// allotContainer gives the task an address of its own, 127.1.x.y: all of 127.0.0.0/8 is this machine, on Linux at least.
func (s *Server) allotContainer(t *Task, host netip.Addr) error {
	own := netip.AddrFrom4([4]byte{127, 1, byte(s.addresses / 250), byte(s.addresses%250 + 2)})
	for range t.app.Networks {
		t.addresses = append(t.addresses, ipAddress{own.String(), "IPv4"})
	}
	for _, m := range t.app.mappings() {
		port := m.ContainerPort
		if m.HostPort != nil {
			if err := s.allotHostPort(t, host, *m.HostPort, m.Protocol); err != nil {
				return err
			}
			if port == 0 {
				port = t.ports[len(t.ports)-1]
			}
			if tcp(m.Protocol) {
				t.listen = t.listen[:len(t.listen)-1] // the container's address is the one to use
			}
		}
		if err := s.reserve(t, own, port, m.Protocol); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) allotHostPort(t *Task, host netip.Addr, port int, protocol string) error {
	if port == 0 && s.reusePorts && len(s.freed) > 0 {
		port = s.freed[len(s.freed)-1]
		s.freed = s.freed[:len(s.freed)-1]
	}
	if !tcp(protocol) && port == 0 {
		port = 31000 + s.rand.IntN(1000) // nothing of ours serves udp
	}
	if err := s.reserve(t, host, port, protocol); err != nil {
		return err
	}
	if tcp(protocol) {
		port = int(t.listen[len(t.listen)-1].Port())
	}
	t.ports = append(t.ports, port)
	return nil
}

func (s *Server) reserve(t *Task, host netip.Addr, port int, protocol string) error {
	if !tcp(protocol) {
		return nil
	}
	k, err := bind(netip.AddrPortFrom(host, uint16(port)))
	if err != nil {
		return fmt.Errorf("port of the task: %w", err)
	}
	t.sockets = append(t.sockets, k)
	t.listen = append(t.listen, k.addr)
	return nil
}

func tcp(protocol string) bool { return strings.Contains(protocol, "tcp") }

// release gives back what an ended task had.
func (s *Server) release(t *Task) {
	closeSockets(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reusePorts {
		s.freed = append(s.freed, t.ports...)
	}
}

func closeSockets(t *Task) {
	for _, k := range t.sockets {
		k.close()
	}
}

func resolve(host string) (netip.Addr, error) {
	a, err := net.ResolveTCPAddr("tcp4", net.JoinHostPort(host, "0"))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("agent %s: %w", host, err)
	}
	return a.AddrPort().Addr().Unmap(), nil
}
