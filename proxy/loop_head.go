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
	if r.marks != 0 { // they are as they were read
		b = appendLines(b, l.request.Fields, l.edits, "Host")
	} else {
		b = appendFields(b, r.Fields, l.edits, "Host")
	}
	if l.request.Framing == h1.Chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if t.serverClose() && !t.upgrade {
		b = append(b, "Connection: close\r\n"...)
	}
	t.out = append(b, "\r\n"...)
}

// change is what becomes of a head's fields.
type change struct {
	edits   []Edit
	without string // name of fields that go, too
	gone    uint64 // marks of all names that go: most fields are passed without a comparison
}

func changeOf(edits []Edit, without string) change {
	c := change{edits: edits, without: without, gone: mark(without)}
	for i := range edits {
		switch e := &edits[i]; e.Op {
		case RemoveHopByHop:
			c.gone |= hopByHopMarks
		case Remove, Set:
			c.gone |= mark(e.Name)
		}
	}
	return c
}

func (c *change) drops(f Field) bool {
	return c.gone&mark(f.Name) != 0 && (f.is(c.without) || removed(f, c.edits))
}

// appendAdded writes the fields that come anew.
func (c *change) appendAdded(b []byte) []byte {
	for i := range c.edits {
		if e := &c.edits[i]; e.adds() && !overwritten(c.edits, i) {
			b = appendField(b, e.Name, e.Value)
		}
	}
	return b
}

// appendFields writes the fields as the edits leave them, and without the one named.
func appendFields(b []byte, fields []Field, edits []Edit, without string) []byte {
	c := changeOf(edits, without)
	for _, f := range fields {
		if !c.drops(f) {
			b = appendField(b, f.Name, f.Value)
		}
	}
	return c.appendAdded(b)
}

// appendLines does the same with fields as they were read. Lines that stay and follow each other are copied in one piece.
func appendLines(b []byte, fields []h1.Field, edits []Edit, without string) []byte {
	c := changeOf(edits, without)
	var run []byte
	for i := range fields {
		f := &fields[i]
		if c.drops(Field{Name: view(f.Name)}) {
			continue
		}
		line := f.Line()
		if line != nil && cap(run)-len(run) == cap(line) { // it is the next one
			run = run[:len(run)+len(line)]
			continue
		}
		b = append(b, run...)
		if run = line; line == nil {
			b = appendField(b, view(f.Name), view(f.Value))
		}
	}
	return c.appendAdded(append(b, run...))
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
