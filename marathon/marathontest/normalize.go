package marathontest

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var idPattern = regexp.MustCompile(`^(/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)+$`)

// absolute is an app or group id as Marathon prints it: one leading slash, none doubled.
func absolute(id string) string { return path.Clean("/" + id) }

// maxInstances of one app: a slip of the finger must not start a million servers.
const maxInstances = 10000

// normalize fills in Marathon's defaults, or says what is wrong with the definition.
func normalize(a *App) *Error {
	a.ID = absolute(a.ID)
	switch {
	case !idPattern.MatchString(a.ID):
		return invalid("/id", "must be made of lowercase letters, digits, hyphens and dots between slashes")
	case a.Instances < 0 || a.Instances > maxInstances:
		return invalid("/instances", fmt.Sprintf("must be between 0 and %d, the most this simulator runs", maxInstances))
	}
	setDefault(&a.BackoffFactor, 1.15)
	setDefault(&a.BackoffSeconds, 1)
	setDefault(&a.MaxLaunchDelaySeconds, 300)
	setDefault(&a.CPUs, 1)
	setDefault(&a.Mem, 128)
	setDefault(&a.KillSelection, "YOUNGEST_FIRST")
	setDefault(&a.Role, "*")
	if a.AcceptedResourceRoles == nil {
		a.AcceptedResourceRoles = []string{"*"}
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	setRaw(&a.UnreachableStrategy, `{"inactiveAfterSeconds":0,"expungeAfterSeconds":0}`)
	if a.UpgradeStrategy == nil {
		a.UpgradeStrategy = &UpgradeStrategy{MaximumOverCapacity: 1, MinimumHealthCapacity: 1}
	}
	if u := a.UpgradeStrategy; u.MinimumHealthCapacity < 0 || u.MinimumHealthCapacity > 1 {
		return invalid("/upgradeStrategy/minimumHealthCapacity", "is not between 0 and 1")
	}
	if u := a.UpgradeStrategy; u.MaximumOverCapacity < 0 || u.MaximumOverCapacity > 1 {
		return invalid("/upgradeStrategy/maximumOverCapacity", "is not between 0 and 1")
	}
	if err := normalizeNetwork(a); err != nil {
		return err
	}
	return normalizeChecks(a)
}

func normalizeNetwork(a *App) *Error {
	if len(a.Networks) == 0 {
		a.Networks = []Network{{Mode: "host"}}
	}
	for i := range a.Networks {
		setDefault(&a.Networks[i].Mode, "container")
		if m := a.Networks[i].Mode; !slices.Contains([]string{"host", "container", "container/bridge"}, m) {
			return invalid("/networks", "mode "+m+" is unknown")
		}
	}
	if c := a.Container; c != nil {
		setDefault(&c.Type, "MESOS")
		setRaw(&c.Volumes, `[]`)
		if c.Docker != nil {
			setRaw(&c.Docker.Parameters, `[]`)
			if c.Type == "DOCKER" && c.Docker.Privileged == nil {
				c.Docker.Privileged = new(bool)
			}
		}
	}
	if a.mode() == "host" {
		if a.PortDefinitions == nil {
			a.PortDefinitions = []PortDefinition{{Name: "default"}}
		}
		for i := range a.PortDefinitions {
			d := &a.PortDefinitions[i]
			setDefault(&d.Protocol, "tcp")
			if !isPort(d.Port) {
				return invalid(fmt.Sprintf("/portDefinitions(%d)", i), "port is not between 0 and 65535")
			}
		}
		if a.Container != nil {
			a.Container.PortMappings = nil
		}
		return nil
	}
	a.PortDefinitions = nil
	return normalizeMappings(a)
}

func isPort(n int) bool { return n >= 0 && n <= 65535 }

func normalizeMappings(a *App) *Error {
	if a.Container == nil {
		a.Container = &Container{Type: "MESOS", Volumes: json.RawMessage(`[]`)}
	}
	for i := range a.Container.PortMappings {
		m := &a.Container.PortMappings[i]
		setDefault(&m.Protocol, "tcp")
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
		if m.HostPort == nil && a.mode() == "container/bridge" {
			m.HostPort = new(int)
		}
		if !isPort(m.ContainerPort) || !isPort(m.ServicePort) || m.HostPort != nil && !isPort(*m.HostPort) {
			return invalid(fmt.Sprintf("/container/portMappings(%d)", i), "a port is not between 0 and 65535")
		}
	}
	return nil
}

var checkProtocols = []string{"HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP"}

func normalizeChecks(a *App) *Error {
	for i := range a.ReadinessChecks {
		a.ReadinessChecks[i].fill()
	}
	for i := range a.HealthChecks {
		c := &a.HealthChecks[i]
		setDefault(&c.Protocol, "HTTP")
		if !slices.Contains(checkProtocols, c.Protocol) {
			return invalid("/healthChecks", "protocol "+c.Protocol+" is unknown")
		}
		setDefault(&c.GracePeriodSeconds, 300)
		setDefault(&c.IntervalSeconds, 60)
		setDefault(&c.TimeoutSeconds, 20)
		setDefault(&c.DelaySeconds, 15)
		if c.MaxConsecutiveFailures == nil {
			three := 3
			c.MaxConsecutiveFailures = &three
		}
		if c.Protocol == "COMMAND" {
			continue
		}
		setDefault(&c.IPProtocol, "IPv4")
		if c.PortIndex == nil && c.Port == 0 {
			c.PortIndex = new(int)
		}
		if strings.Contains(c.Protocol, "HTTP") {
			setDefault(&c.Path, "/")
		}
		if c.Protocol == "HTTP" || c.Protocol == "HTTPS" {
			if c.IgnoreHTTP1xx == nil {
				c.IgnoreHTTP1xx = new(bool)
			}
		}
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setRaw(field *json.RawMessage, value string) {
	if len(*field) == 0 || string(*field) == "null" {
		*field = json.RawMessage(value)
	}
}
