package h1

import "bytes"

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

// maxStatusLine bounds a status line; its fault is HeadTooLarge.
const maxStatusLine = 8 << 10

// Parse reads a head from the beginning of b, as [Request.Parse] does; only empty lines are none of it. An interim answer (1xx) is a head
// of its own, with NoBody.
func (r *Response) Parse(b []byte, from int, l *Limits, to To) (n int, f Fault) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, startsStatusLine(b, l)
	}
	if from > end && !ripe(b, from, l) {
		return 0, None
	}
	*r = Response{Fields: r.Fields[:0]}
	if f = r.line(b[:end], l); f != None {
		return 0, f
	}
	if r.Fields, n, f = appendFields(r.Fields, b, end+1, l); n == 0 {
		return 0, f
	}
	if f = r.meaning(to); f != None {
		return 0, f
	}
	return n, None
}

// startsStatusLine says what is wrong with a status line of which at least the beginning has come.
func startsStatusLine(line []byte, l *Limits) Fault {
	const protocol = "HTTP/"
	if n := min(len(line), len(protocol)); string(line[:n]) != protocol[:n] {
		return BadSyntax
	}
	if len(line) >= min(l.Head, maxStatusLine) {
		return HeadTooLarge
	}
	return None
}

// line reads the status line without its LF (RFC 9112, 4). Many servers leave out the space before a reason that is not there; nothing is
// ambiguous about it.
func (r *Response) line(line []byte, l *Limits) (f Fault) {
	if f = startsStatusLine(line, l); f != None {
		return f
	}
	line, ended := bytes.CutSuffix(line, []byte("\r"))
	if !ended {
		return BadLineEnd
	}
	const status = len("HTTP/1.1 ")
	if len(line) < status || line[status-1] != ' ' {
		return BadSyntax
	}
	if r.Minor, f = version(line[:status-1]); f != None {
		return f
	}
	code, reason := line[status:], status+3
	if len(code) < 3 || span(code[:3], digitChar) < 3 || len(code) > 3 && code[3] != ' ' {
		return BadStatus
	}
	r.Status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	if r.Status < 100 || r.Status > 599 {
		return BadStatus
	}
	if textEnd(line, reason) < len(line) {
		return BadSyntax
	}
	if len(line) > reason {
		r.Reason = line[reason+1:]
	}
	return None
}

// meaning is what the fields say of the answer.
func (r *Response) meaning(to To) (f Fault) {
	m := message{length: -1}
	for i := range r.Fields {
		if f = m.note(&r.Fields[i]); f != None {
			return f
		}
	}
	if r.Framing, f = m.framing(r.Minor); f != None {
		return f
	}
	r.Length = m.length
	switch {
	case to.Head || r.Status < 200 || r.Status == 204 || r.Status == 304: // RFC 9112, 6.3
		r.Framing = NoBody
	case r.Framing == NoBody:
		r.Framing = UntilClose
	}
	if r.Status == 101 {
		if !to.Upgrade || !m.upgrade || !m.websocket || r.Minor == 0 {
			return UnaskedUpgrade
		}
		r.Upgrade = true
	}
	r.KeepAlive = m.persists(r.Minor) && r.Framing != UntilClose && !r.Upgrade
	return None
}
