//go:build linux && (amd64 || arm64)

package proxy

import "marathon-lb/internal/h1"

// compressed has the answer compressed, if that is asked for and may be. It leaves then in chunks, whatever it came in.
func (l *loop) compressed(t *trip) {
	r := &l.response
	if r.Framing != h1.Chunked && (r.Framing != h1.Length || r.Length == 0) {
		return
	}
	var does bool
	if l.edits, does = t.action.compress(l.edits, r.Status, l.fields); does {
		t.squeezer, t.plain = newSqueezer(&l.squeezed), true
	}
}

// squeeze is a piece of the body compressed, as a chunk with the head in front, and the end of the body if that has come.
func (l *loop) squeeze(t *trip, piece []byte, head int) []byte {
	l.squeezed.Reset()
	if len(piece) > 0 {
		t.squeezer.Write(piece)
	}
	if t.done {
		t.squeezer.Close()
	}
	b := l.head[:head]
	if n := l.squeezed.Len(); n > 0 {
		b = append(append(h1.AppendChunkHead(b, n), l.squeezed.Bytes()...), "\r\n"...)
	}
	if t.done {
		b = append(b, h1.LastChunk...)
	}
	l.head = b
	return b
}
