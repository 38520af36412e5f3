package h1

// Framing is how a message's body is delimited (RFC 9112, 6.3).
type Framing uint8

const (
	NoBody     Framing = iota
	Length             // Content-Length, 0 included
	Chunked            // Transfer-Encoding: chunked
	UntilClose         // answers only
)
