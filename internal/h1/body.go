package h1

// Body is where a message's body has got to. The zero value is of a message without one.
type Body struct {
	framing Framing
	left    int64
}

// NewBody is the beginning of a body. length counts only with Framing Length.
func NewBody(f Framing, length int64) Body { panic("to come") }

// Pass takes the next bytes of a body from p, checks their framing and makes them fit to be sent on. out is what to send, part of p's
// own memory, shortened in place: chunk extensions and forbidden trailers dropped, sizes canonical; with plain, all the chunk framing
// and all trailers taken out, for HTTP/1.0. n is how many bytes of p were taken. It is less than len(p) where the body ended (done)
// and something follows, which stays as it is, or where p ends within a chunk's size or a trailer's name: the caller keeps those bytes (256
// at most) and calls again with more behind them. With a fault nothing of p is to be sent.
func (b *Body) Pass(p []byte, plain bool) (out []byte, n int, done bool, f Fault) { panic("to come") }

// Done says whether the body is whole. One that lasts until the connection closes is whole only after End.
func (b *Body) Done() bool { panic("to come") }

// End says that the connection ended: None where the body lasted until then or is whole, else Cut.
func (b *Body) End() Fault { panic("to come") }

// Left is how many bytes are still to come with Framing Length, else -1.
func (b *Body) Left() int64 { panic("to come") }

// Skip says that n bytes, Left at most, of a body with Framing Length went past by other means.
func (b *Body) Skip(n int64) { panic("to come") }

// LastChunk ends a chunked body without trailers.
const LastChunk = "0\r\n\r\n"

// AppendChunkHead appends the line before a chunk of size bytes, which CRLF must follow. Size 0 would end the body.
func AppendChunkHead(dst []byte, size int) []byte { panic("to come") }
