package marathon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
)

// Reason is why a read of Marathon brought nothing to use, a closed list: the label of marathon_read_errors_total.
type Reason string

// The reasons.
const (
	ReasonConnect   Reason = "connect"   // no connection, or it broke before the answer began
	ReasonTimeout   Reason = "timeout"   // connection or answer took too long
	ReasonAuth      Reason = "auth"      // 401 or 403, or the login failed
	ReasonStatus    Reason = "status"    // any other status than the one asked for
	ReasonRedirect  Reason = "redirect"  // redirect refused
	ReasonNotJSON   Reason = "not_json"  // an HTML page, mostly
	ReasonTruncated Reason = "truncated" // the body ended, or broke, too early
	ReasonBadJSON   Reason = "bad_json"  // not JSON after all, or of the wrong types
	ReasonNoApps    Reason = "no_apps"   // JSON without what was asked for: {}, {"apps":null}
	ReasonTooLarge  Reason = "too_large" // more than is read
)

// ReadError is a read that failed at one endpoint.
type ReadError struct {
	Reason   Reason
	Endpoint string
	Path     string
	Err      error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("GET %s%s: %s: %v", e.Endpoint, e.Path, e.Reason, e.Err)
}

// Unwrap is what happened.
func (e *ReadError) Unwrap() error { return e.Err }

// StatusError is an HTTP status that is no answer.
type StatusError int

func (e StatusError) Error() string {
	return fmt.Sprintf("status %d %s", int(e), http.StatusText(int(e)))
}

// ErrNotJSON says that an answer was of another type than JSON.
var ErrNotJSON = errors.New("the answer is not JSON")

// bare is an error of the HTTP client without the request, which those who log it name already, and whose query is long: the stream's
// has all types of events.
func bare(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// reasonOf sorts an error into the closed list.
func reasonOf(err error, otherwise Reason) Reason {
	var status StatusError
	var large *http.MaxBytesError
	var network net.Error
	var syntax *json.SyntaxError
	var operation *net.OpError
	switch {
	case errors.Is(err, ErrLogin), errors.As(err, &status) && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return ReasonAuth
	case errors.As(err, &status):
		return ReasonStatus
	case errors.As(err, &large):
		return ReasonTooLarge
	case errors.Is(err, ErrRedirect):
		return ReasonRedirect
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return ReasonTimeout
	case errors.Is(err, ErrNotJSON):
		return ReasonNotJSON
	case errors.Is(err, ErrNoApps):
		return ReasonNoApps
	case otherwise == ReasonConnect, errors.As(err, &syntax):
		return otherwise
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &operation):
		return ReasonTruncated
	}
	return otherwise
}

// count keeps a tally of failed attempts, those that another endpoint made good included.
func (c *Client) count(err error) {
	var read *ReadError
	if errors.As(err, &read) {
		c.mu.Lock()
		c.failures[read.Reason]++
		c.mu.Unlock()
	}
}

// Failures is how many reads of an endpoint failed since the start, by reason.
func (c *Client) Failures() map[Reason]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.failures)
}

// Why a stream ended.
var (
	ErrStreamEnded    = errors.New("closed by Marathon")
	ErrSilent         = errors.New("no byte")
	ErrNotEventStream = errors.New("the answer is not an event stream")
	ErrFrameTooLong   = bufio.ErrTooLong
)
