package marathontest

import (
	"bytes"
	"encoding/json"
	"net/http"
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

// overlay is the JSON of base with some members replaced, or gone where the patch says null.
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

// modernize carries what only the old members say over to today's.
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
	hostMode := len(a.Networks) == 0 || a.mode() == "host"
	if hostMode && a.PortDefinitions == nil && old.Ports != nil {
		a.PortDefinitions = []PortDefinition{}
		for _, p := range old.Ports {
			a.PortDefinitions = append(a.PortDefinitions, PortDefinition{Port: p})
		}
	}
}
