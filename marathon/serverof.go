package marathon

import (
	"net/netip"
	"strconv"
	"strings"
)

// Names in statistics, found the other way round: which server is a task's. They are Marathon-LB's, so this reads its statistics too.

// BackendName is the name of the backend that serves a service port of an app or of a deployment group.
func BackendName(id string, port int) string { return backendName("/"+strings.Trim(id, "/"), port) }

// IsServer says whether a server in the backend of a port index is the task's. The agent may be known by its name: then any
// address that the load balancer found for it will do.
func (a *App) IsServer(name string, t *Task, index int) bool {
	port := a.portOf(t, index)
	if port < 1 || port > 65535 {
		return false
	}
	name = serverWord(name)
	if a.networking() == containerMode {
		addr := a.addressOf(t, index)
		return addr.IsValid() && name == serverName(t.Host, netip.AddrPortFrom(addr, uint16(port)))
	}
	if addr, err := netip.ParseAddr(t.Host); err == nil {
		return name == serverName(t.Host, netip.AddrPortFrom(addr, uint16(port)))
	}
	middle, ofHost := strings.CutPrefix(name, serverWord(t.Host)+"_")
	middle, ofPort := strings.CutSuffix(middle, "_"+strconv.Itoa(port))
	return ofHost && ofPort && middle != "" && strings.Trim(middle, "0123456789abcdef_") == ""
}
