package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// requestBody is the client's body on its way to the server. The HTTP library closes what it is given even if it never connected;
// the client's body itself stays open for the next try.
type requestBody struct {
	flight *flight
	from   io.Reader
	read   atomic.Bool
	failed atomic.Pointer[error]

	mu   sync.Mutex
	over bool // the request was answered
}

// hear sets the deadline for reading, but not once the request was answered: the library may still read then, and the connection is the next
// request's.
func (b *requestBody) hear(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.flight.control.SetReadDeadline(until)
	}
}

// end notes that the request was answered.
func (b *requestBody) end() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// touched says that a part of the body may be gone.
func (b *requestBody) touched() bool { return b != nil && b.read.Load() }

// Read gives the client its time for each piece; meanwhile the server's does not run.
func (b *requestBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	t, f := b.flight.exchange.timeouts(), b.flight
	f.stall.Stop()
	b.hear(time.Now().Add(t.Client))
	n, err := b.from.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.hear(time.Time{})
	case err != nil:
		b.failed.Store(&err)
	}
	f.stall.Reset(t.Server)
	return n, err
}

// Close leaves the client's body open.
func (b *requestBody) Close() error { return nil }

const (
	// lastRead is how long the rest of a body that nobody wants is read, so that the client sees the answer and not a reset.
	lastRead = time.Second
	// mostRest is how much of it is.
	mostRest = 256 << 10
)

// rest reads what is left of a request's body once the answer is written. Where it does not end, or is malformed, the connection
// takes no other request: the HTTP library, which was told that an answer may come early, would take what follows for one.
func (e *httpEngine) rest(w http.ResponseWriter, r *http.Request, c *clientConn) {
	c.hearUntil(time.Now().Add(lastRead))
	if r.Header.Get("Expect") != "" { // reading would ask for the body; the library reads what comes all the same
		return
	}
	http.NewResponseController(w).Flush()
	if _, err := io.CopyN(io.Discard, r.Body, mostRest); err == io.EOF {
		c.hearUntil(time.Time{})
	} else {
		c.spent.Store(true)
		c.hearUntil(time.Unix(1, 0))
	}
}

// fault is the error with which reading from the client ended; nil if it did not.
func (b *requestBody) fault() error {
	if b == nil {
		return nil
	}
	if e := b.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// classify says which failure an error of the way to the server and back is.
func (f *flight) classify(ctx context.Context, err error) Failure {
	failed := f.cause(ctx, err)
	if f.begun {
		return failed.begun()
	}
	return failed
}

func (f *flight) cause(ctx context.Context, err error) Failure {
	connecting := f.exchange.connected.IsZero()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errServerTimeout):
		return ServerTimeout
	case errors.Is(cause, errServerGone):
		return ServerGoneWaiting
	}
	switch fault := f.body.fault(); {
	case errors.Is(fault, os.ErrDeadlineExceeded):
		return ClientStalled
	case fault != nil, f.in.Context().Err() != nil && !connecting:
		return ClientLeft
	case f.in.Context().Err() != nil:
		return ClientLeftConnecting
	case connecting, dialled(err):
		return connectFailure(err)
	case broken(err):
		return ServerClosed
	}
	return BadResponse
}

// dialled says that there was no connection. The library repeats some requests by itself: one may have been sent on another before, that
// had idled for too long, and then it may be sent twice.
func dialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func connectFailure(err error) Failure {
	var system syscall.Errno
	var network net.Error
	switch {
	case errors.As(err, &system) && ours(system):
		return NoSocket
	case errors.As(err, &network) && network.Timeout():
		return ConnectTimeout
	}
	return ConnectRefused
}

// broken says that the connection ended, as opposed to having brought something that cannot be understood.
func broken(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, &op) || err.Error() == closedIdle
}

// closedIdle is net/http's text for an idle connection that the server closed just as a request was to be sent on it; the error
// itself is not exported.
const closedIdle = "http: server closed idle connection"

func writeFailure(err error) Failure {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ClientStalledReading
	}
	return ClientCut
}
