package marathontest

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// provision accepts an offer for an instance: an agent, host ports, and the task's id.
func (s *Server) provision(i *instance) (*Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.launches % len(s.o.Agents)
	s.launches++
	t := &Task{
		id: i.taskIDs(i.incarnation + 1)[0], app: i.app, instance: i, crash: make(chan struct{}),
		agent: fmt.Sprintf("8d1f6c1e-9b7a-4d06-9c3c-0f2a0d3b7f10-S%d", n+1), host: s.o.Agents[n],
		ports: []int{}, visible: []ipAddress{}, results: make([]*healthResult, len(i.app.HealthChecks)),
	}
	if err := s.allot(t); err != nil {
		closeSockets(t.sockets)
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
	switch t.app.mode() {
	case "host":
		t.addresses = []ipAddress{{host.String(), "IPv4"}}
		for _, d := range t.app.PortDefinitions {
			port := 0
			if t.app.RequirePorts {
				port = d.Port
			}
			if err := s.allotHostPort(t, host, port, d.Protocol); err != nil {
				return err
			}
		}
		return nil
	case "container/bridge":
		s.addresses++
		t.addresses = []ipAddress{{fmt.Sprintf("172.17.%d.%d", s.addresses/250%250, s.addresses%250+2), "IPv4"}}
	}
	for _, m := range t.app.mappings() {
		if m.HostPort != nil {
			if err := s.allotHostPort(t, host, *m.HostPort, m.Protocol); err != nil {
				return err
			}
		}
	}
	if t.app.mode() == "container" {
		return s.allotContainer(t)
	}
	return nil
}

// allotHostPort takes a port of the agent; 0 takes any.
func (s *Server) allotHostPort(t *Task, host netip.Addr, port int, protocol string) error {
	if port == 0 && s.reusePorts && len(s.freed) > 0 {
		port = s.freed[len(s.freed)-1]
		s.freed = s.freed[:len(s.freed)-1]
	}
	if port == 0 && !tcp(protocol) {
		port = 31000 + s.rand.IntN(1000) // nothing of ours serves udp
	}
	addr, err := t.take(netip.AddrPortFrom(host, uint16(port)), protocol)
	if err != nil {
		return err
	}
	t.ports = append(t.ports, int(addr.Port()))
	t.listen = append(t.listen, addr)
	return nil
}

// allotContainer gives the task an address of its own, 127.1.x.y: all of 127.0.0.0/8 is this machine, on Linux at least. Another
// Server may use the same addresses, so it tries several.
func (s *Server) allotContainer(t *Task) (err error) {
	onAgent, ports := t.sockets, t.ports
	for range 100 {
		s.addresses++
		own := netip.AddrFrom4([4]byte{127, 1, byte(s.addresses / 250), byte(s.addresses%250 + 2)})
		t.addresses, t.listen, t.sockets = nil, nil, slices.Clip(onAgent)
		for range t.app.Networks {
			t.addresses = append(t.addresses, ipAddress{own.String(), "IPv4"})
		}
		if err = t.takeContainerPorts(own, ports); err == nil {
			return nil
		}
		closeSockets(t.sockets[len(onAgent):])
	}
	return err
}

// takeContainerPorts takes the container ports at the container's address; 0 stands for the host port.
func (t *Task) takeContainerPorts(own netip.Addr, hostPorts []int) error {
	for _, m := range t.app.mappings() {
		port := m.ContainerPort
		if m.HostPort != nil {
			setDefault(&port, hostPorts[0])
			hostPorts = hostPorts[1:]
		}
		addr, err := t.take(netip.AddrPortFrom(own, uint16(port)), m.Protocol)
		if err != nil {
			return err
		}
		t.listen = append(t.listen, addr)
	}
	return nil
}

// take binds an address, if tcp is to be served there.
func (t *Task) take(addr netip.AddrPort, protocol string) (netip.AddrPort, error) {
	if !tcp(protocol) {
		return addr, nil
	}
	k, err := bind(addr)
	if err != nil {
		return addr, fmt.Errorf("port of the task: %w", err)
	}
	t.sockets = append(t.sockets, k)
	return k.addr, nil
}

func tcp(protocol string) bool { return strings.Contains(protocol, "tcp") }

// release gives back what an ended task had.
func (s *Server) release(t *Task) {
	closeSockets(t.sockets)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reusePorts {
		s.freed = append(s.freed, t.ports...)
	}
}

func closeSockets(sockets []*socket) {
	for _, k := range sockets {
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
