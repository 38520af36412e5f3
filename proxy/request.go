package proxy

import (
	"iter"
	"net/netip"
	"strings"

	"marathon-lb/internal/route"
)

// Request is a client's request as every engine presents it.
type Request struct {
	Method string
	Host   string // the Host field, or the authority of an absolute-form target; as sent
	Path   string // of the target, not decoded, without the query
	Query  string // of the target, with its "?"; empty if there is none
	Fields []Field
	Source netip.AddrPort // the client's end of the connection
	Local  netip.AddrPort // our end of it
	TLS    bool
	Old    bool // HTTP/1.0
	HTTP2  bool // and where it is neither, HTTP/1.1
	Body   bool // it has one, if only an empty one that it speaks of

	// The same two as text, for what is written with each request; connections keep them.
	From string // Source's address, as X-Forwarded-For has it
	Port string // Local's port

	marks   uint64         // of the names of all Fields as they were read; 0 once they were changed, and where nobody made them
	view    *route.Request // as conditions of rules look at it, nil until one does
	written []string       // fields that directives wrote or took away
}

// Field is a line of a head: RFC 9110's field name and value.
type Field struct{ Name, Value string }

// is says whether that is the field's name. A name is a token, so that folding its case does not change its length.
func (f Field) is(name string) bool {
	return len(f.Name) == len(name) && f.Name != "" && lower(f.Name[0]) == lower(name[0]) && strings.EqualFold(f.Name, name)
}

// lower is a letter in lower case; other bytes of names may become others, which matters to no comparison that goes on.
func lower(c byte) byte { return c | 0x20 }

// mark is a bit that names which are the same without case have in common.
func mark(name string) uint64 {
	if name == "" {
		return 0
	}
	return 1 << ((len(name) + 5*int(lower(name[0]))) & 63)
}

// marksOf are the marks of all names together.
func marksOf(fields []Field) (marks uint64) {
	for i := range fields {
		marks |= mark(fields[i].Name)
	}
	return marks
}

// lacks says that there is no field of that name: most questions are answered by it.
func (r *Request) lacks(name string) bool { return r.marks != 0 && r.marks&mark(name) == 0 }

// field is the first value of that name, compared without case; empty if there is none.
func (r *Request) field(name string) string {
	if r.lacks(name) {
		return ""
	}
	return fieldOf(r.Fields, name)
}

// lists says whether a comma-separated field names the token, without case.
func (r *Request) lists(name, token string) bool {
	return !r.lacks(name) && r.findToken(name, token)
}

func (r *Request) findToken(name, token string) bool {
	for _, f := range r.Fields {
		if f.is(name) && hasToken(f.Value, token) {
			return true
		}
	}
	return false
}

func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(item), token) {
			return true
		}
	}
	return false
}

// upgrades says whether the client asks for a WebSocket; no other protocol is ever switched to, and none behind a body.
func (r *Request) upgrades() bool {
	return r.Method == "GET" && !r.Old && !r.Body && r.lists("Connection", "upgrade") && r.lists("Upgrade", "websocket")
}

// cookies are the values of the cookies of that name.
func (r *Request) cookies(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, f := range r.Fields {
			if !f.is("Cookie") {
				continue
			}
			for pair := range strings.SplitSeq(f.Value, ";") {
				if k, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && k == name && !yield(v) {
					return
				}
			}
		}
	}
}

// cookie is the value of the first cookie of that name; empty if there is none.
func (r *Request) cookie(name string) string {
	for v := range r.cookies(name) {
		return v
	}
	return ""
}

// hasCookie says whether a cookie of that name came; none has an empty name.
func (r *Request) hasCookie(name string) bool {
	if name == "" || r.lacks("Cookie") {
		return false
	}
	for range r.cookies(name) {
		return true
	}
	return false
}

// stickyCookie is the cookie that names a server of the backend which may take a request; empty if none does. There may be several: of
// another path, or of another app of the host.
func (r *Request) stickyCookie(b *route.Backend) string {
	for v := range r.cookies(b.Spec.Sticky) {
		if b.BySticky(v) != nil {
			return v
		}
	}
	return ""
}

// hash is that of what a backend's algorithm chooses by, 0 for nothing.
func (r *Request) hash(k *route.BackendSpec) uint64 {
	what := ""
	switch k.Balance {
	case route.Source:
		addr := r.Source.Addr().As16()
		return route.Hash(addr[:])
	case route.URI:
		if what = r.Path; k.HashOn == "whole" {
			what += r.Query
		}
	case route.URLParam:
		what = r.parameter(k.HashOn)
	case route.Header:
		if what = r.field(k.HashOn); strings.EqualFold(k.HashOn, "Host") {
			what = r.Host
		}
	}
	if what == "" {
		return 0
	}
	return route.Hash(what)
}

// parameter is the value of the query's first parameter of that name, as sent; empty if there is none.
func (r *Request) parameter(name string) string {
	for pair := range strings.SplitSeq(strings.TrimPrefix(r.Query, "?"), "&") {
		if k, v, _ := strings.Cut(pair, "="); k == name {
			return v
		}
	}
	return ""
}

// idempotent says that the method may be sent again although the server may have acted on it (RFC 9110 9.2.2).
func (r *Request) idempotent() bool {
	switch r.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// size is about how many bytes the head has.
func (r *Request) size() int {
	n := len(r.Path) + len(r.Query) + len(r.Host)
	for _, f := range r.Fields {
		n += len(f.Name) + len(f.Value)
	}
	return n
}
