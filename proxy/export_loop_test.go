//go:build linux && (amd64 || arm64)

package proxy

// Break has each loop meet a bug in every exchange that runs.
func (p *Proxy) Break() {
	p.loops.(*loops).each(func(l *loop) {
		for _, c := range l.conns {
			if c != nil && c.trip != nil && c.kind == client {
				l.guard(c, func() { panic("a bug") })
			}
		}
	})
}
