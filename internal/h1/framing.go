package h1

import "math"

// Framing is how a message's body is delimited (RFC 9112, 6.3).
type Framing uint8

const (
	NoBody     Framing = iota
	Length             // Content-Length, 0 included
	Chunked            // Transfer-Encoding: chunked
	UntilClose         // answers only
)

// message is what the fields say of a request or an answer as a whole.
type message struct {
	length    int64 // -1 without Content-Length
	chunked   bool
	close     bool // Connection lists close
	keepAlive bool // Connection lists keep-alive
	upgrade   bool // Connection lists upgrade
	websocket bool // Upgrade lists websocket
}

// note takes in a field, if it is one that counts.
func (m *message) note(field *Field) Fault {
	switch len(field.Name) {
	case len("upgrade"):
		if EqualFold(field.Name, "upgrade") {
			m.websocket = m.websocket || HasToken(field.Value, "websocket")
		}
	case len("connection"):
		if EqualFold(field.Name, "connection") {
			m.connection(field.Value)
		}
	case len("content-length"):
		if EqualFold(field.Name, "content-length") {
			return m.contentLength(field.Value)
		}
	case len("transfer-encoding"):
		if EqualFold(field.Name, "transfer-encoding") {
			return m.transferEncoding(field.Value)
		}
	}
	return None
}

func (m *message) connection(list []byte) {
	for len(list) > 0 {
		var token []byte
		token, list = cutToken(list)
		switch {
		case EqualFold(token, "close"):
			m.close = true
		case EqualFold(token, "keep-alive"):
			m.keepAlive = true
		case EqualFold(token, "upgrade"):
			m.upgrade = true
		}
	}
}

// contentLength refuses what RFC 9110, 8.6 lets a recipient repair, a list of equal numbers: two are never passed on.
func (m *message) contentLength(value []byte) Fault {
	const most = 19 // digits of the largest int64
	if m.length >= 0 || len(value) == 0 || len(value) > most || span(value, digitChar) < len(value) {
		return BadLength
	}
	var n uint64 // holds any number of 19 digits
	for _, c := range value {
		n = n*10 + uint64(c-'0')
	}
	if n > math.MaxInt64 {
		return BadLength
	}
	m.length = int64(n)
	return None
}

// transferEncoding takes chunked, alone and once (RFC 9112, 6.1). A coding under it would have to be undone to see what is in it.
func (m *message) transferEncoding(value []byte) Fault {
	switch {
	case m.chunked:
		return BadCoding
	case EqualFold(value, "chunked"):
		m.chunked = true
		return None
	}
	for _, coding := range [...]string{"gzip", "x-gzip", "compress", "x-compress", "deflate", "identity"} {
		if HasToken(value, coding) {
			return UnknownCoding
		}
	}
	return BadCoding
}

// framing is what the fields say of the body. HTTP/1.0 knows no codings: whoever sends one there has passed on what it did not
// understand (RFC 9112, 6.1).
func (m *message) framing(minor int) (Framing, Fault) {
	switch {
	case m.chunked && m.length >= 0:
		return NoBody, TwoFramings
	case m.chunked && minor == 0:
		return NoBody, BadCoding
	case m.chunked:
		return Chunked, None
	case m.length >= 0:
		return Length, None
	}
	return NoBody, None
}

// persists says whether the connection goes on after the message (RFC 9112, 9.3).
func (m *message) persists(minor int) bool {
	return !m.close && (minor == 1 || m.keepAlive)
}
