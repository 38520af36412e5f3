package h1

import "strconv"

// Body is where a message's body has got to. The zero value is of a message without one.
type Body struct {
	framing    Framing
	state      state // with Framing Chunked
	ended      bool  // UntilClose, and the connection closed
	drop       bool  // the trailer under way is not passed on
	fault      Fault // once it is broken it stays so
	left       int64 // of the body, or of the chunk
	extensions int   // bytes of them so far
	trailers   int   // bytes of them so far
}

// NewBody is the beginning of a body. length counts only with Framing Length.
func NewBody(f Framing, length int64) Body {
	b := Body{framing: f}
	if f == Length {
		b.left = length
	}
	return b
}

// Pass takes the next bytes of a body from p, checks their framing and makes them fit to be sent on. out is what to send, part of p's
// own memory, shortened in place: chunk extensions and forbidden trailers dropped, sizes canonical; with plain, all the chunk framing
// and all trailers taken out, for HTTP/1.0. n is how many bytes of p were taken. It is less than len(p) where the body ended (done)
// and something follows, which stays as it is, or where p ends within a chunk's size or a trailer's name: the caller keeps those bytes (256
// at most) and calls again with more behind them. With a fault nothing of p is to be sent.
func (b *Body) Pass(p []byte, plain bool) (out []byte, n int, done bool, f Fault) {
	switch {
	case b.fault != None:
		return nil, 0, false, b.fault
	case b.Done():
		return nil, 0, true, None
	case b.framing == Chunked:
		return b.chunks(p, plain)
	case b.framing == Length:
		n = int(min(b.left, int64(len(p))))
		b.left -= int64(n)
		return p[:n], n, b.left == 0, None
	}
	return p, len(p), false, None
}

// Done says whether the body is whole. One that lasts until the connection closes is whole only after End.
func (b *Body) Done() bool {
	switch b.framing {
	case Length:
		return b.left == 0
	case Chunked:
		return b.state == atEnd
	case UntilClose:
		return b.ended
	}
	return true
}

// End says that the connection ended: None where the body lasted until then or is whole, else Cut.
func (b *Body) End() Fault {
	switch {
	case b.fault != None:
		return b.fault
	case b.framing == UntilClose:
		b.ended = true
	case !b.Done():
		b.fault = Cut
	}
	return b.fault
}

// Left is how many bytes are still to come with Framing Length, else -1.
func (b *Body) Left() int64 {
	if b.framing != Length {
		return -1
	}
	return b.left
}

// Skip says that n bytes, Left at most, of a body with Framing Length went past by other means.
func (b *Body) Skip(n int64) { b.left -= n }

// LastChunk ends a chunked body without trailers.
const LastChunk = "0\r\n\r\n"

// AppendChunkHead appends the line before a chunk of size bytes, which CRLF must follow. Size 0 would end the body.
func AppendChunkHead(dst []byte, size int) []byte {
	return append(strconv.AppendUint(dst, uint64(size), 16), "\r\n"...)
}
