//go:build linux && (amd64 || arm64)

package proxy

import (
	"cmp"

	"marathon-lb/internal/h1"
)

// writeHead writes the request's head as the server will see it. It is kept until the server has answered, for another try.
func (l *loop) writeHead(t *trip) {
	r, k := &t.request, &t.action.Backend.Spec
	l.edits = requestEdits(l.edits[:0], r, t.action.Backend, l.proxy.o.TrustedProxies)
	b := append(l.get(len(t.head)+512), r.Method...)
	b = append(b, ' ')
	b = append(b, upstreamPath(r.Path, k.Rewrite.Strip)...)
	b = append(b, r.Query...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	if host := cmp.Or(k.Rewrite.Host, r.Host); host != "" {
		b = append(b, host...)
	} else { // HTTP/1.0
		b = r.Local.AppendTo(b)
	}
	b = append(b, "\r\n"...)
	b = appendFields(b, r.Fields, l.edits, "Host")
	if l.request.Framing == h1.Chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if t.serverClose() && !t.upgrade {
		b = append(b, "Connection: close\r\n"...)
	}
	t.out = append(b, "\r\n"...)
}

// appendFields writes the fields as the edits leave them, and without the one named.
func appendFields(b []byte, fields []Field, edits []Edit, without string) []byte {
	gone := mark(without) // marks of the names that go: most fields are passed without a comparison
	for i := range edits {
		if edits[i].Op != Add {
			gone |= mark(edits[i].Name)
		}
	}
	for _, f := range fields {
		if gone&mark(f.Name) == 0 || !f.is(without) && !removed(f, edits) {
			b = appendField(b, f.Name, f.Value)
		}
	}
	for i := range edits {
		if e := &edits[i]; e.Op != Remove && !overwritten(edits, i) {
			b = appendField(b, e.Name, e.Value)
		}
	}
	return b
}

// mark is a bit that names which are the same without case have in common.
func mark(name string) uint64 {
	if name == "" {
		return 0
	}
	return 1 << ((len(name) + 5*int(lower(name[0]))) & 63)
}

func removed(f Field, edits []Edit) bool {
	for i := range edits {
		if edits[i].Op != Add && f.is(edits[i].Name) {
			return true
		}
	}
	return false
}

// overwritten says that what an edit wrote is removed by a later one.
func overwritten(edits []Edit, i int) bool {
	f := Field{Name: edits[i].Name}
	return removed(f, edits[i+1:])
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
