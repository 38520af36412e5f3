package proxy

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"marathon-lb/internal/route"
)

// side is one end of a tunnel: from may hold bytes that were read ahead of the connection.
type side struct {
	from io.Reader
	conn interface {
		io.WriteCloser
		CloseWrite() error
	}
}

// tunnel passes bytes both ways until both sides have ended, one has failed, or none came for the tunnel timeout. A side that
// ends early is told so by a half-close, and may go on receiving.
func (x *exchange) tunnel(client, server side) Failure {
	t := &tunnel{client: client, server: server}
	idle := x.timeouts().Tunnel
	t.idle = time.AfterFunc(idle, func() { t.cut(ServerStalled) })
	defer t.idle.Stop()
	defer x.proxy.upstreams.to(x.try.server, x.timeouts().Connect).run(x, running{cut: func(Failure) { t.cut(ServerGone) }, tunnel: true})()
	var both sync.WaitGroup
	both.Go(func() { t.pump(server, client, idle, ClientCut) })
	both.Go(func() { t.pump(client, server, idle, ServerCut) })
	both.Wait()
	t.close()
	return Failure(t.failure.Load())
}

type tunnel struct {
	client, server side
	idle           *time.Timer
	failure        atomic.Uint32 // of type Failure; the first one stands
}

// pump copies one way until the end. broken is the failure if reading breaks.
func (t *tunnel) pump(to, from side, idle time.Duration, broken Failure) {
	buf := make([]byte, copyBuffer)
	for {
		n, err := from.from.Read(buf)
		if n > 0 {
			t.idle.Reset(idle)
			if _, werr := to.conn.Write(buf[:n]); werr != nil {
				t.cut(otherSide(broken))
				return
			}
		}
		switch {
		case err == io.EOF:
			if to.conn.CloseWrite() != nil {
				t.close()
			}
			return
		case err != nil:
			t.cut(broken)
			return
		}
	}
}

func otherSide(f Failure) Failure {
	if f == ClientCut {
		return ServerCut
	}
	return ClientCut
}

func (t *tunnel) cut(f Failure) {
	t.failure.CompareAndSwap(uint32(OK), uint32(f))
	t.close()
}

func (t *tunnel) close() {
	t.client.conn.Close()
	t.server.conn.Close()
}

// switchProtocols passes the 101 on and becomes a tunnel.
func (f *flight) switchProtocols(resp *http.Response) {
	x := f.exchange
	f.stall.Stop()
	f.begun = true
	apply(resp.Header, responseEdits(nil, resp.StatusCode, fieldsOf(resp.Header), &x.request, x.action, x.try))
	server := resp.Body.(interface {
		io.ReadWriteCloser
		CloseWrite() error
	})
	f.hijack(side{server, server}, func(w io.Writer) error {
		x.status = resp.StatusCode
		resp.Body, resp.ContentLength = nil, 0
		return resp.Write(w)
	})
}

// preface serves a client that speaks HTTP/2 without TLS to a service port: its bytes go to one server as they are, so that what was
// served in tcp mode goes on working. Elsewhere the next request may be for another host.
func (f *flight) preface() {
	x := f.exchange
	if x.front.Spec.Entry != route.ByService || x.action.Backend.Spec.Do.Restricts() {
		f.refuse(MethodRefused)
		return
	}
	conn := x.dial(f.in.Context())
	if conn == nil {
		f.refuse(x.failure)
		return
	}
	f.hijack(side{conn, conn}, func(io.Writer) error {
		_, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\n")
		return err
	})
}

// hijack takes the client's connection from the HTTP library, lets start say its first words, and tunnels.
func (f *flight) hijack(server side, start func(client io.Writer) error) {
	x := f.exchange
	defer f.conn.Close()
	defer server.conn.Close()
	_, buffered, err := f.control.Hijack()
	if err != nil {
		x.fail(ClientCut)
		return
	}
	f.conn.SetDeadline(time.Time{})
	if err := start(f.conn); err != nil {
		x.fail(ClientCut)
		return
	}
	x.fail(x.tunnel(side{buffered.Reader, f.conn}, server))
}
