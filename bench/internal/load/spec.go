package load

import (
	"net/netip"
	"time"

	"marathon-lb/bench/internal/sys"
)

// Exchange is what a client does with a connection.
type Exchange string

// The choices.
const (
	KeepAlive Exchange = "keep-alive" // one request after the other
	Close     Exchange = "close"      // one request
	WebSocket Exchange = "websocket"  // one message and its echo after the other
)

// Spec is a run.
type Spec struct {
	To       netip.AddrPort
	Path     string
	Exchange Exchange
	Conns    int
	// Rate is how many requests begin in a second, at random instants, whatever becomes of those before (an open loop); 0 begins
	// the next one when the last one has ended (a closed loop).
	Rate         float64
	Warm, Window time.Duration
	PIDs         []int // of the processes under test
}

// Result is what was seen. All but All and Failures is of the window only.
type Result struct {
	Requests   int64 // that got their whole answer
	All        int64 // the same, before the window too
	Bytes      int64 // of answers
	Failures   int64 // from the start on
	Failure    string
	Reconnects int64 // connections closed between two requests
	Waiting    int   // requests that had not begun at the end, for want of a free connection
	Elapsed    time.Duration
	Usage      sys.Usage
	P50, P99   time.Duration // from the instant a request should have begun
}
