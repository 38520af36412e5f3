package h1

import "bytes"

// Request is a parsed head. Its slices alias the buffer (only where Path stands for a path that is not there is it a constant), so they
// are good until the buffer changes. Fields' backing array is kept from one Parse to the next.
type Request struct {
	Line           []byte // all of the request line, without its end
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
// r is good only where n is not 0. HTTP/2's preface is a BadVersion: whoever serves both looks for it first.
func (r *Request) Parse(b []byte, from int, l *Limits) (n int, f Fault) {
	start, f := emptyLines(b)
	if f != None {
		return 0, f
	}
	end := start + bytes.IndexByte(b[start:], '\n')
	if end < start {
		return 0, unfinishedLine(b[start:], len(b), l)
	}
	if from > end && !ripe(b, from, l) {
		return 0, None
	}
	*r = Request{Fields: r.Fields[:0]}
	if f = r.line(b[start:end], l); f != None {
		return 0, f
	}
	if r.Fields, n, f = appendFields(r.Fields, b, end+1, l); n == 0 {
		return 0, f
	}
	if f = r.meaning(); f != None {
		return 0, f
	}
	return n, None
}

// maxMethod bounds a method; the longest that is registered has 17 letters.
const maxMethod = 32

// afterTarget is how long what follows a target in its line is, but for the LF.
const afterTarget = len(" HTTP/1.1\r")

// methodEnd is how long the method is that line begins with: all of line, if more is to come.
func methodEnd(line []byte) (int, Fault) {
	n := span(line, tokenChar)
	if n > maxMethod || n < len(line) && (n == 0 || line[n] != ' ') {
		return 0, BadSyntax
	}
	return n, None
}

// unfinishedLine says what is wrong with a request line before its end has come: bytes that speak another protocol, or too many of them.
func unfinishedLine(line []byte, size int, l *Limits) Fault {
	n, f := methodEnd(line)
	switch {
	case f != None:
		return f
	case len(line)-n-1 > l.Target+afterTarget:
		return TargetTooLong
	case size >= l.Head:
		return HeadTooLarge
	}
	return None
}

// line reads the request line without its LF (RFC 9112, 3). Single spaces are all it may have.
func (r *Request) line(line []byte, l *Limits) (f Fault) {
	n, f := methodEnd(line)
	if f != None {
		return f
	}
	if n == len(line) {
		return BadSyntax
	}
	r.Method = line[:n]
	rest := line[n+1:]
	if len(rest) > l.Target+afterTarget {
		return TargetTooLong
	}
	if len(rest) == 0 || rest[len(rest)-1] != '\r' {
		return BadLineEnd
	}
	if len(rest) < afterTarget || rest[len(rest)-afterTarget] != ' ' {
		return BadSyntax // HTTP/0.9 among others
	}
	space := len(rest) - afterTarget
	if r.Minor, f = version(rest[space+1 : len(rest)-1]); f != None {
		return f
	}
	if string(r.Method) == "CONNECT" {
		return MethodRefused // whoever lets a client choose where to connect is no load balancer
	}
	r.Line, r.Target = line[:len(line)-1], rest[:space]
	return r.target()
}

// version reads the eight bytes of HTTP/1.0 or HTTP/1.1, which are in upper case (RFC 9112, 2.3).
func version(b []byte) (minor int, f Fault) {
	switch {
	case string(b) == "HTTP/1.1":
		return 1, None
	case string(b) == "HTTP/1.0":
		return 0, None
	case string(b[:5]) == "HTTP/" && class[b[5]]&digitChar != 0 && b[6] == '.' && class[b[7]]&digitChar != 0:
		return 0, BadVersion
	}
	return 0, BadSyntax
}

// meaning is what the fields say of the request.
func (r *Request) meaning() (f Fault) {
	m := message{length: -1}
	var host []byte
	hosts := 0
	for i := range r.Fields {
		field := &r.Fields[i]
		switch len(field.Name) {
		case len("te"):
			if EqualFold(field.Name, "te") {
				r.Trailers = r.Trailers || HasToken(field.Value, "trailers")
			}
		case len("host"):
			if EqualFold(field.Name, "host") {
				host = field.Value
				hosts++
			}
		case len("expect"):
			if EqualFold(field.Name, "expect") && r.Minor == 1 { // RFC 9110, 10.1.1
				r.Expect = r.Expect || EqualFold(field.Value, "100-continue")
			}
		default:
			if f = m.note(field); f != None {
				return f
			}
		}
	}
	if f = r.host(host, hosts); f != None {
		return f
	}
	r.Framing, f = m.framing(r.Minor)
	r.Length = m.length
	r.KeepAlive = m.persists(r.Minor)
	r.Upgrade = m.upgrade && m.websocket && r.Minor == 1 && string(r.Method) == "GET" && r.Framing == NoBody
	return f
}
