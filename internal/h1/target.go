package h1

import "bytes"

// target takes the request target apart (RFC 9112, 3.2).
func (r *Request) target() Fault {
	t := r.Target
	switch {
	case len(t) == 0 || span(t, targetChar) < len(t):
		return BadTarget
	case t[0] == '/':
		r.Path, r.Query = cutQuery(t)
		return None
	case len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS":
		r.Path = t
		return None
	}
	return r.absolute(t)
}

// absolute takes an absolute-form target apart. Its authority counts, whatever the Host field says (RFC 9112, 3.2.2).
func (r *Request) absolute(t []byte) Fault {
	switch {
	case hasPrefixFold(t, "http://"):
		t = t[len("http://"):]
	case hasPrefixFold(t, "https://"):
		t = t[len("https://"):]
	default:
		return BadTarget
	}
	end := bytes.IndexAny(t, "/?")
	if end < 0 {
		end = len(t)
	}
	r.Host = t[:end]
	if !validHost(r.Host) {
		return BadTarget
	}
	if r.Path, r.Query = cutQuery(t[end:]); len(r.Path) == 0 {
		r.Path = slash
	}
	return None
}

var slash = []byte("/")

func cutQuery(t []byte) (path, query []byte) {
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		return t[:i], t[i:]
	}
	return t, nil
}

// host takes in the only Host field (RFC 9112, 3.2). In HTTP/1.0 it may be missing or empty: no name is asked for.
func (r *Request) host(value []byte, fields int) Fault {
	nameless := len(value) == 0 && r.Minor == 0
	if fields > 1 || !nameless && !validHost(value) {
		return BadHost
	}
	if r.Host == nil {
		r.Host = value
	}
	return None
}

// validHost says whether b is a host with or without a port, by RFC 3986, 3.2.2 and 3.2.3. User information is none of it.
func validHost(b []byte) bool {
	n := nameEnd(b)
	if n == 0 {
		return false
	}
	if b = b[n:]; len(b) == 0 {
		return true
	}
	return b[0] == ':' && validPort(b[1:])
}

// nameEnd is how long the name or address is that b begins with, 0 if there is none.
func nameEnd(b []byte) int {
	if len(b) > 0 && b[0] == '[' {
		return addressEnd(b)
	}
	i := 0
	for i < len(b) {
		switch {
		case class[b[i]]&nameChar != 0:
			i++
		case b[i] == '%' && i+2 < len(b) && class[b[i+1]]&class[b[i+2]]&hexChar != 0:
			i += 3
		default:
			return i
		}
	}
	return i
}

// addressEnd is how long the bracketed IPv6 address is that b begins with, 0 if it is none.
func addressEnd(b []byte) int {
	end := bytes.IndexByte(b, ']')
	if end < len("[::") {
		return 0
	}
	for _, c := range b[1:end] {
		if class[c]&hexChar == 0 && c != ':' && c != '.' {
			return 0
		}
	}
	return end + 1
}

func validPort(b []byte) bool {
	port := 0
	for _, c := range b {
		if class[c]&digitChar == 0 {
			return false
		}
		if port = port*10 + int(c-'0'); port > 65535 {
			return false
		}
	}
	return true
}
