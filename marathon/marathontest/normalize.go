package marathontest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

// oldApp has the members of definitions up to Marathon 1.4, which newer ones still read and turn into today's form.
type oldApp struct {
	Ports     []int `json:"ports"`
	Container *struct {
		Docker *struct {
			Network      string        `json:"network"`
			PortMappings []PortMapping `json:"portMappings"`
		} `json:"docker"`
	} `json:"container"`
	IPAddress *struct {
		NetworkName string `json:"networkName"`
	} `json:"ipAddress"`
}

var oldModes = map[string]string{"HOST": "host", "BRIDGE": "container/bridge", "USER": "container", "NONE": "host"}

// parseApp reads a definition in JSON. What it leaves out is taken from base, member by member as Marathon's partial update
// does; a base of nil means a new app.
func parseApp(data []byte, base *App) (*App, *Error) {
	var patch map[string]json.RawMessage
	a := &App{Instances: 1}
	var old oldApp
	err := json.Unmarshal(data, &patch)
	if err == nil {
		err = json.Unmarshal(data, &old)
	}
	if err == nil && base != nil {
		data = overlay(base, patch)
	}
	if err == nil {
		err = json.Unmarshal(data, a)
	}
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Message: "Invalid JSON", Details: err.Error()}
	}
	modernize(a, old)
	return a, nil
}

func overlay(base *App, patch map[string]json.RawMessage) []byte {
	text, _ := json.Marshal(base)
	var all map[string]json.RawMessage
	json.Unmarshal(text, &all)
	for name, value := range patch {
		if bytes.Equal(value, []byte("null")) {
			delete(all, name)
		} else {
			all[name] = value
		}
	}
	text, _ = json.Marshal(all)
	return text
}

func modernize(a *App, old oldApp) {
	if old.Container != nil && old.Container.Docker != nil {
		d := old.Container.Docker
		if mode := oldModes[strings.ToUpper(d.Network)]; mode != "" && mode != "host" {
			a.Networks = []Network{{Mode: mode}}
		}
		if a.Container.PortMappings == nil {
			a.Container.PortMappings = d.PortMappings
		}
	}
	if old.IPAddress != nil {
		a.Networks = []Network{{Mode: "container", Name: old.IPAddress.NetworkName}}
	}
	if old.IPAddress != nil && a.mode() == "container" || len(a.Networks) == 0 || a.mode() == "host" {
		if a.PortDefinitions == nil && old.Ports != nil && old.IPAddress == nil {
			a.PortDefinitions = []PortDefinition{}
			for _, p := range old.Ports {
				a.PortDefinitions = append(a.PortDefinitions, PortDefinition{Port: p})
			}
		}
	}
}

var idPattern = regexp.MustCompile(`^(/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)+$`)

// absolute is an app or group id as Marathon prints it: one leading slash, none doubled.
func absolute(id string) string { return path.Clean("/" + id) }

// normalize fills in Marathon's defaults, or says what is wrong with the definition.
func normalize(a *App) *Error {
	a.ID = absolute(a.ID)
	switch {
	case !idPattern.MatchString(a.ID):
		return invalid("/id", "must be made of lowercase letters, digits, hyphens and dots between slashes")
	case a.Instances < 0:
		return invalid("/instances", "must be greater than or equal to 0")
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
			setDefault(&a.PortDefinitions[i].Protocol, "tcp")
		}
		if a.Container != nil {
			a.Container.PortMappings = nil
		}
		return nil
	}
	a.PortDefinitions = nil
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
	}
	return nil
}

var checkProtocols = []string{"HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP"}

func normalizeChecks(a *App) *Error {
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

// Service ports are given out from this range, lowest free first (--local_port_min, --local_port_max).
const (
	localPortMin = 10000
	localPortMax = 20000
)

// assignServicePorts replaces service ports 0 of a by free ones: first those the app had before, then the lowest that no other has.
func assignServicePorts(a, before *App, others map[string]*App) *Error {
	taken := map[int]bool{}
	for id, other := range others {
		if id != a.ID && other != nil {
			for _, p := range other.servicePortNumbers() {
				taken[p] = true
			}
		}
	}
	for _, p := range a.servicePortNumbers() {
		taken[p] = true
	}
	var candidates []int
	if before != nil {
		candidates = before.servicePortNumbers()
	}
	for p := localPortMin; p <= localPortMax; p++ {
		candidates = append(candidates, p)
	}
	for _, p := range a.servicePorts() {
		if *p != 0 {
			continue
		}
		for len(candidates) > 0 && (candidates[0] == 0 || taken[candidates[0]]) {
			candidates = candidates[1:]
		}
		if len(candidates) == 0 {
			return &Error{Status: http.StatusUnprocessableEntity, Message: "no service port is free"}
		}
		*p, taken[candidates[0]] = candidates[0], true
	}
	return nil
}
