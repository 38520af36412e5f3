package marathon

import (
	"encoding/json"
	"strconv"
	"strings"
)

// What Marathon fills in when an app is created (marathon-api.md 3.2): an app in a file has to be read as Marathon will show it.

// fill puts in what a definition leaves to Marathon, but for service ports. What Marathon shows has a version, and it all.
func (a *App) fill(definition []byte) {
	host := a.networking() == hostMode
	switch {
	case host && a.PortDefinitions == nil && a.Ports == nil:
		a.PortDefinitions = []PortDefinition{{Name: "default"}}
	case !host && a.Container.PortMappings == nil && a.Container.Docker.PortMappings == nil && a.discovered() == nil && a.definedPorts() == nil:
		a.Container.PortMappings = []PortMapping{{Name: "default"}}
	}
	var given struct { // 0 is not the same as none
		HealthChecks []struct{ GracePeriodSeconds, MaxConsecutiveFailures *int }
	}
	if json.Unmarshal(definition, &given) != nil || len(given.HealthChecks) != len(a.HealthChecks) {
		return
	}
	for i := range a.HealthChecks {
		h, g := &a.HealthChecks[i], given.HealthChecks[i]
		h.GracePeriodSeconds = or(g.GracePeriodSeconds, defaultGrace)
		h.MaxConsecutiveFailures = or(g.MaxConsecutiveFailures, defaultFailures)
		defaultTo(&h.Protocol, "HTTP")
		if h.Protocol != "COMMAND" && h.Port == 0 && h.PortIndex == nil {
			h.PortIndex = new(int)
		}
	}
}

// Marathon's defaults for checks beside those in check.go.
const (
	defaultGrace    = 300
	defaultFailures = 3
)

// or is what was given, or else the default.
func or[T any](given *T, value T) T {
	if given != nil {
		return *given
	}
	return value
}

// highestPort is the highest service port that Marathon gives.
const highestPort = 20000

// GivePorts gives a service port to each port of definitions that leaves it to Marathon, as that does: any that none of the apps has.
func GivePorts(apps []*App) {
	taken := map[int]bool{}
	for _, a := range apps {
		for _, port := range a.servicePorts() {
			taken[port] = true
		}
		for name, value := range a.Labels {
			if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, "_PORT") {
				port, _ := strconv.Atoi(strings.TrimSpace(value))
				taken[port] = true
			}
		}
	}
	next := highestPort
	for _, a := range apps {
		if a.Pod || a.Version != "" {
			continue
		}
		ports := a.servicePorts()
		for i := range ports {
			if ports[i] != 0 {
				continue
			}
			for taken[next] {
				next--
			}
			ports[i] = max(0, next)
			next--
		}
		a.setServicePorts(ports)
	}
}

// setServicePorts puts ports where servicePorts finds them. Those of ipAddress.discovery have no place, as in Marathon.
func (a *App) setServicePorts(ports []int) {
	mappings := a.mappings()
	if a.networking() == hostMode {
		mappings = nil
	}
	for i, port := range ports {
		switch {
		case i < len(mappings):
			mappings[i].ServicePort = port
		case i < len(a.PortDefinitions):
			a.PortDefinitions[i].Port = port
		case i < len(a.Ports):
			a.Ports[i] = port
		}
	}
}
