package h1

// Response is a parsed head of an answer. Its slices alias the buffer; Fields' backing array is kept from one Parse to the next.
//
// With Framing NoBody the fields may still speak of a body: rightly after HEAD and with 304, wrongly with 1xx and 204, where they must
// not be passed on.
type Response struct {
	Minor, Status int
	Reason        []byte
	Fields        []Field
	Framing       Framing
	Length        int64 // what Content-Length says, -1 without one: with Framing Length, the body's length
	KeepAlive     bool  // the connection may be used again after the body
	Upgrade       bool  // a 101 for websocket: what follows is a tunnel
}

// To says what the answer is to: no body after HEAD, and 101 only where we asked for it.
type To struct{ Head, Upgrade bool }

// Parse reads a head from the beginning of b, as [Request.Parse] does. An interim answer (1xx) is a head of its own, with NoBody.
func (r *Response) Parse(b []byte, from int, l *Limits, to To) (n int, f Fault) { panic("to come") }
