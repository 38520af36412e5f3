package marathon

import (
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// Marathon's own defaults for what a definition of a health check leaves out.
const (
	defaultCheckInterval = 60 * time.Second
	defaultCheckTimeout  = 20 * time.Second
)

// healthCheck is the check that counts for a port index: the first that names a port of its own or this index (marathon-lb.md 3.7);
// nil if there is none.
func (a *App) healthCheck(index int) *HealthCheck {
	for i := range a.HealthChecks {
		h := &a.HealthChecks[i]
		if h.Port != 0 || h.PortIndex != nil && *h.PortIndex == index {
			return h
		}
	}
	return nil
}

// impliesHTTP says that what answers such a check speaks HTTP in clear text.
func (h *HealthCheck) impliesHTTP() bool {
	return h != nil && (h.Protocol == "HTTP" || h.Protocol == "MESOS_HTTP")
}

// check is how servers are probed as the definition has it, nil for what cannot be probed from here.
func (h *HealthCheck) check() *route.Check {
	if h == nil || h.Protocol == "COMMAND" || h.Protocol == "" {
		return nil
	}
	c := &route.Check{
		Protocol: h.Protocol, Port: h.Port,
		Interval: seconds(h.IntervalSeconds),
		Timeout:  seconds(h.TimeoutSeconds),
		Rise:     2, // HAProxy's default
		Fall:     min(max(0, h.MaxConsecutiveFailures), 1<<20) + 1,
	}
	defaultTo(&c.Interval, defaultCheckInterval)
	defaultTo(&c.Timeout, defaultCheckTimeout)
	if strings.Contains(h.Protocol, "HTTP") {
		c.Path = h.Path
		defaultTo(&c.Path, "/")
	}
	return c
}

// seconds is a number of them as Marathon's JSON has it; less than none is none, and 68 years is for ever.
func seconds(n int) time.Duration { return time.Duration(min(max(0, n), 1<<31)) * time.Second }
