package proxy

import (
	"context"
	"time"

	"marathon-lb/internal/route"
)

// serveTCP is the engine for tcp mode: it connects the client to one server and passes bytes.
func (p *Proxy) serveTCP(ctx context.Context, c *clientConn) {
	defer c.Close()
	x := &exchange{request: Request{Source: c.source, Local: c.local, Port: c.onPort, TLS: c.wire != nil}}
	p.begin(x, c.port.bind, time.Now())
	defer c.serve(x)()
	if x.action.Failure == OK && x.front.Spec.Mode != route.TCP { // since it was accepted; requests may have to show what bytes cannot
		x.action.Failure = NoRoute
	}
	if c.unverified(x.front) {
		x.action.Failure = Closed
	}
	if c.late {
		x.action.Failure = NoMemory
	}
	x.action.obey(&x.request, false, nil, nil)
	if x.action.Failure != OK {
		x.fail(x.action.Failure)
		return
	}
	server := x.dial(ctx)
	if server == nil {
		return
	}
	defer server.Close()
	x.fail(x.tunnel(side{c, c}, side{server, server}))
}

// dial connects to one server after the other; nil if none can be reached, and the exchange says why.
func (x *exchange) dial(ctx context.Context) duplex {
	var choice attempts
	choice.begin(x)
	failed := x.await(ctx)
	if failed != OK {
		x.fail(failed)
		return nil
	}
	failed = NoServer
	for t, ok := choice.first(); ok; t, ok = choice.again(failed) {
		var why Failure
		if t, why = choice.ready(ctx, t, failed); why != OK {
			failed = why
			break
		}
		x.take(t, time.Now())
		conn, err := x.proxy.upstreams.to(t.server, x.timeouts().Connect).dial(ctx)
		if err == nil {
			x.connect(false, time.Now())
			t.server.Reached()
			return conn
		}
		failed = connectFailure(err)
	}
	x.fail(failed)
	return nil
}
