package proxy

import (
	"net"
	"os"

	"go.uber.org/zap"
)

// The ports of a process can go over to its successor, another process, without being closed: both hold the same sockets for a while, so
// what is in their queues is lost by neither.

// Take gets the listening socket for an address, as route.BindText writes it, from the predecessor; nil if that has none.
type Take func(bind string) (*net.TCPListener, error)

// Inherit has ports come from a predecessor, and none be served until Release: it still serves them.
func (p *Proxy) Inherit(take Take) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take, p.held = take, true
}

// Release has the ports be served. Those that are opened from now on have no predecessor.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take, p.held = nil, false
	p.start()
}

// inherited is the predecessor's listener, nil if there is none.
func (p *Proxy) inherited(bind string) *net.TCPListener {
	if p.take == nil {
		return nil
	}
	n, err := p.take(bind)
	if err != nil {
		p.zap.Warn("a port cannot be taken over", zap.String("port", bind), zap.Error(err))
		return nil
	}
	if n != nil {
		if raw, err := n.SyscallConn(); err == nil {
			raw.Control(acceptAtOnce)
		}
	}
	return n
}

// Give is the listening socket for an address, for a successor; nil if there is none. What waits in it is the successor's from now on,
// should this process leave. Pass it on by SyscallConn: Fd would have the socket block, here too.
func (p *Proxy) Give(bind string) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.ports[bind]
	if o == nil {
		return nil, nil
	}
	o.given = true
	if o.looped() {
		return fileOf(uintptr(o.fd), bind)
	}
	return o.listener.File()
}

// Keep says that there is no successor after all.
func (p *Proxy) Keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.ports {
		o.given = false
	}
}
