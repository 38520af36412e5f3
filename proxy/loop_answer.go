//go:build linux && (amd64 || arm64)

package proxy

import (
	"strconv"

	"marathon-lb/internal/h1"
)

// mostInterims is how many 1xx responses may come before the final one.
const mostInterims = 32

// receiveHead reads a head, interim or final. rest is what comes behind an interim one; nil if there is nothing more to do now.
func (l *loop) receiveHead(t *trip, b []byte) (rest []byte, ok bool) {
	r := &l.response
	n, fault := r.Parse(b, min(t.server.seen, len(b)), &h1.ServerLimits, h1.To{Head: t.isHead, Upgrade: t.upgrade})
	switch {
	case fault != h1.None:
		l.fail(t, BadResponse)
		return nil, false
	case n == 0:
		l.keep(t.server, b)
		t.server.seen = len(b)
		return nil, true
	}
	t.server.seen = 0
	if r.Status >= 200 || r.Status == statusSwitching {
		return nil, l.respond(t, b, n)
	}
	if t.interims++; t.interims > mostInterims {
		l.fail(t, BadResponse)
		return nil, false
	}
	if !l.passInterim(t) {
		return nil, false
	}
	if n == len(b) {
		return nil, true
	}
	return b[n:], true
}

// passInterim passes a 1xx response on, to clients that know of them. 100 is for those that asked.
func (l *loop) passInterim(t *trip) bool {
	r := &l.response
	if t.old || r.Status == 100 && !t.expect {
		return true
	}
	l.fields = views(l.fields[:0], r.Fields)
	l.edits = removeHopByHop(l.edits[:0], l.fields)
	b := append(appendLines(l.statusLine(), r.Fields, l.edits, "Content-Length"), "\r\n"...)
	l.head = b
	n, p := l.send(t.client, b)
	t.sentOut += uint64(n)
	if p == sendFailed {
		l.fail(t, ClientLeft)
		return false
	}
	return true
}

func (l *loop) statusLine() []byte {
	r := &l.response
	b := append(l.head[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, ' ')
	b = append(b, r.Reason...)
	return append(b, "\r\n"...)
}

// respond writes the final head, n bytes of b as it came, and passes on what there is of the body.
func (l *loop) respond(t *trip, b []byte, n int) bool {
	r := &l.response
	t.status = r.Status
	t.exchange.answer(l.now)
	t.down, t.reusable = h1.NewBody(r.Framing, r.Length), r.KeepAlive && r.Framing != h1.UntilClose
	l.fields = views(l.fields[:0], r.Fields)
	l.edits = responseEdits(l.edits[:0], r.Status, l.fields, &t.request, t.action, t.try)
	if r.Status == statusSwitching {
		return l.switchProtocols(t, b[n:])
	}
	if t.action.gzip != nil {
		l.compressed(t)
	}
	without := ""
	if r.Status == 204 {
		without = "Content-Length"
	}
	h := appendLines(l.statusLine(), r.Fields, l.edits, without)
	h = l.frame(t, h)
	l.head = append(h, "\r\n"...)
	t.begun, t.phase = true, answering
	return l.passBody(t, b[n:], len(l.head))
}

// frame writes the fields that say how long the response is, where that changes, and whether the connection goes on.
func (l *loop) frame(t *trip, h []byte) []byte {
	switch framing := l.response.Framing; {
	case t.old && (framing == h1.Chunked || framing == h1.UntilClose):
		t.plain, t.keep = framing == h1.Chunked, false
	case t.squeezer != nil:
		h = append(h, "Transfer-Encoding: chunked\r\n"...)
	case framing == h1.UntilClose:
		t.wrap = true
		h = append(h, "Transfer-Encoding: chunked\r\n"...)
	case framing == h1.Chunked:
		h = append(h, "Transfer-Encoding: chunked\r\n"...)
	}
	if t.uploading() || t.upGone || t.outSent < len(t.out) || t.client.port.leaving.Load() || l.proxy.memory.tight() {
		t.keep = false
	}
	switch {
	case !t.keep:
		h = append(h, "Connection: close\r\n"...)
	case t.old:
		h = append(h, "Connection: keep-alive\r\n"...)
	}
	return h
}
