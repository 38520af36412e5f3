package marathon

import (
	"net/netip"
	"slices"
)

// networking is how an app's tasks are reached (marathon-lb.md 3.1).
type networking string

const (
	hostMode      networking = "host"             // the agent's address, host ports
	bridgeMode    networking = "container/bridge" // the agent's address, host ports mapped to the container's
	containerMode networking = "container"        // the task's own address, the container's ports
)

// networking is the mode of the app. Each generation of Marathon said it in another member; the newest that speaks counts.
func (a *App) networking() networking {
	mode := hostMode
	if a.IPAddress != nil && a.IPAddress.Set {
		mode = containerMode
	}
	switch a.Container.Docker.Network {
	case "USER":
		mode = containerMode
	case "BRIDGE":
		mode = bridgeMode
	}
	for _, n := range a.Networks {
		mode = containerMode
		if n.Mode != "" {
			mode = networking(n.Mode)
		}
	}
	return mode
}

// mappings are the app's port mappings, wherever its generation of Marathon had them.
func (a *App) mappings() []PortMapping {
	if len(a.Container.Docker.PortMappings) > 0 {
		return a.Container.Docker.PortMappings
	}
	return a.Container.PortMappings
}

// servicePorts are the service ports of the app (marathon-lb.md 3.2), paired by index with its task ports and labels; 0 where Marathon
// gave none.
func (a *App) servicePorts() []int {
	var ports []int
	if mode := a.networking(); mode == bridgeMode || mode == containerMode {
		for _, m := range a.mappings() {
			ports = append(ports, m.ServicePort)
		}
	}
	if slices.ContainsFunc(ports, func(p int) bool { return p != 0 }) {
		return ports
	}
	if defined := a.definedPorts(); len(defined) > 0 {
		return defined
	}
	if len(ports) == 0 {
		ports = make([]int, len(a.discovered()))
	}
	return ports
}

// definedPorts are those of portDefinitions, or of ports where there is no such member.
func (a *App) definedPorts() []int {
	if a.PortDefinitions == nil {
		return a.Ports
	}
	ports := make([]int, len(a.PortDefinitions))
	for i, d := range a.PortDefinitions {
		ports[i] = d.Port
	}
	return ports
}

// discovered are the ports of ipAddress.discovery, for which Marathon gives no service ports.
func (a *App) discovered() []DiscoveryPort {
	if a.IPAddress == nil {
		return nil
	}
	return a.IPAddress.Discovery.Ports
}

// portOf is the port a task of the app has for the app's port index; 0 if it has none, as a task of an older definition may
// (marathon-lb.md 3.4).
func (a *App) portOf(t *Task, index int) int {
	mode := a.networking()
	if mode == hostMode || mode == bridgeMode {
		if len(t.Ports) > 0 {
			return a.hostPort(t, index)
		}
		if defined := a.definedPorts(); len(defined) > 0 {
			return element(defined, index)
		}
		if mode == hostMode {
			return 0
		}
	} else if found := a.discovered(); len(found) > 0 {
		if index < len(found) {
			return found[index].Number
		}
		return 0
	}
	mappings := a.mappings()
	if index >= len(mappings) {
		return 0
	}
	if port := mappings[index].ContainerPort; port != 0 {
		return port
	}
	return a.hostPort(t, index)
}

// hostPort is the host port of a port index. A task has one for each mapping that wants one, in their order.
func (a *App) hostPort(t *Task, index int) int {
	mappings := a.mappings()
	if a.networking() == hostMode || len(t.Ports) >= len(mappings) {
		return element(t.Ports, index)
	}
	at := 0
	for i, m := range mappings {
		switch {
		case m.HostPort == nil && i == index:
			return 0
		case m.HostPort != nil && i == index:
			return element(t.Ports, at)
		case m.HostPort != nil:
			at++
		}
	}
	return 0
}

func element(ports []int, i int) int {
	if i < len(ports) {
		return ports[i]
	}
	return 0
}

// addressOf is the task's own address for a port index: the first, or that in the network the port is mapped in. Marathon lists one
// for each network joined, in their order, or one of each family for each.
func (a *App) addressOf(t *Task, index int) netip.Addr {
	var all, family []netip.Addr
	for _, ip := range t.IPAddresses {
		addr, err := netip.ParseAddr(ip.IPAddress)
		if err != nil {
			continue
		}
		all = append(all, addr.Unmap())
		if all[0].Is4() == addr.Unmap().Is4() {
			family = append(family, addr.Unmap())
		}
	}
	at := 0
	if mappings := a.mappings(); index < len(mappings) && len(mappings[index].NetworkNames) > 0 {
		name := mappings[index].NetworkNames[0]
		at = max(0, slices.IndexFunc(a.Networks, func(n Network) bool { return n.Name == name }))
	}
	switch {
	case len(all) == len(a.Networks) && at < len(all):
		return all[at]
	case at < len(family):
		return family[at]
	}
	return netip.Addr{}
}
