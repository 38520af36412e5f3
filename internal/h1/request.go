package h1

// Request is a parsed head. Its slices alias the buffer (only where Path stands for a path that is not there is it a constant), so they
// are good until the buffer changes. Fields' backing array is kept from one Parse to the next.
type Request struct {
	Method, Target []byte
	Path, Query    []byte // of the target, not decoded; Query with its "?", empty if there is none; Path "/" for absolute-form without one, "*" for OPTIONS *
	Host           []byte // the Host field, or the authority of an absolute-form target; empty only in HTTP/1.0
	Minor          int    // HTTP/1.Minor
	Fields         []Field
	Framing        Framing
	Length         int64 // what Content-Length says, -1 without one: with Framing Length, the body's length
	KeepAlive      bool  // as far as the client is concerned the connection goes on after the answer
	Expect         bool  // Expect: 100-continue, in HTTP/1.1
	Upgrade        bool  // a correct wish for a WebSocket: HTTP/1.1, GET, no body, Connection lists upgrade, Upgrade lists websocket
	Trailers       bool  // TE lists trailers
}

// Parse reads a head from the beginning of b. n is its length; 0 with None asks for more bytes. Up to 4 empty lines before it are part of
// it. from is how many bytes of b an earlier call has seen already, so that a head that comes byte by byte costs no quadratic time.
// HTTP/2's preface is a BadVersion: whoever serves both looks for it first.
func (r *Request) Parse(b []byte, from int, l *Limits) (n int, f Fault) { panic("to come") }
