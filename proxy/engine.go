package proxy

import (
	"context"

	"marathon-lb/internal/route"
)

// looper is the event loops as the rest of the proxy sees them: an engine that accepts for itself.
type looper interface {
	open() error                         // makes what the loops wait on
	run()                                // runs them until end
	end()                                // they close what idles and stop
	adopt(o *port) error                 // takes the port's listener over
	fit(o *port, l *route.Listener)      // suits the listener to what the table says now
	serve(hard context.Context, o *port) // accepts until the port stops, then lets its connections finish until hard ends
	idle(s *route.Server)                // as Proxy.idle
	drop(s *route.Server)                // as Proxy.drop
	cut(w what) int                      // ends what runs on servers and says how much that was
}

// looped says whether the loops serve a listener's port. They do not speak TLS yet.
func (p *Proxy) looped(l *route.Listener) bool { return p.loops != nil && !l.Spec.TLS }
