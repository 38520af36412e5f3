package proxy

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"marathon-lb/internal/route"
)

// Answers are compressed where a template asks for it, under the conditions of HAProxy's "compression".

// squeezer compresses the body that is written to it, each piece for itself: between pieces it keeps no more than a checksum, so that many
// slow clients cost no memory, and what came from the server never waits for more.
type squeezer struct {
	*gzip.Writer
	to      io.Writer
	in, out uint64 // bytes so far
}

func newSqueezer(to io.Writer) *squeezer {
	s := &squeezer{to: to}
	z, err := gzip.NewWriterLevel((*squeezed)(s), gzip.StatelessCompression)
	if err != nil { // of a level that there is not
		panic(err)
	}
	s.Writer = z
	return s
}

func (s *squeezer) Write(b []byte) (int, error) {
	s.in += uint64(len(b))
	return s.Writer.Write(b)
}

// squeezed is where what is compressed goes.
type squeezed squeezer

func (s *squeezed) Write(b []byte) (int, error) {
	s.out += uint64(len(b))
	return s.to.Write(b)
}

// offerGzip notes that the client takes compressed answers, where the backend has such, once its directives have changed the request.
func (a *Action) offerGzip(r *Request, c *route.Compression) {
	if c == nil || !takesGzip(r.Fields) {
		return
	}
	if !r.Old && r.Method != "HEAD" {
		a.gzip = c
	}
	if c.Offload { // the server is not to compress itself, whatever the answer
		r.Fields = slices.DeleteFunc(r.Fields, func(f Field) bool { return f.is("Accept-Encoding") })
	}
}

// compress says whether an answer with a body is to be compressed for a client that takes it, and edits its head then. edits are those that are
// made anyway. Where the body ends has to be known: one that ends with the connection may have been cut.
//
// What the server said decides, whatever directives make of it (HAProxy looks before it obeys "http-response"): a server that forbids a
// transformation, or has compressed already, is not overruled by one that edits its head for the client's sake.
func (a *Action) compress(edits []Edit, status int, fields []Field) ([]Edit, bool) {
	if status < 200 || status > 203 || !a.gzip.Takes(fieldOf(fields, "Content-Type")) {
		return edits, false
	}
	tagged := false
	for _, f := range fields {
		switch {
		case f.is("Content-Encoding"), f.is("Trailer"), f.is("Cache-Control") && hasToken(f.Value, "no-transform"):
			return edits, false
		case f.is("ETag"):
			if tagged || !isTag(f.Value) {
				return edits, false
			}
			tagged = true
		}
	}
	if tag := fieldOf(edited(fields, edits), "ETag"); strings.HasPrefix(tag, `"`) { // other bytes, which mean the same
		edits = append(edits, Edit{Set, "ETag", "W/" + tag})
	}
	return append(edits, Edit{Op: Remove, Name: "Content-Length"}, Edit{Add, "Content-Encoding", "gzip"}, Edit{Add, "Vary", "Accept-Encoding"}), true
}

// edited are the fields as the edits leave them.
func edited(fields []Field, edits []Edit) (left []Field) {
	for _, f := range fields {
		if !removed(f, edits) {
			left = append(left, f)
		}
	}
	for i := range edits {
		if e := &edits[i]; e.adds() && !overwritten(edits, i) {
			left = append(left, Field{e.Name, e.Value})
		}
	}
	return left
}

func fieldOf(fields []Field, name string) string {
	for _, f := range fields {
		if f.is(name) {
			return f.Value
		}
	}
	return ""
}

// isTag says that a value is an entity tag (RFC 9110 8.8.3).
func isTag(value string) bool {
	value = strings.TrimPrefix(value, "W/")
	return len(value) >= 2 && value[0] == '"' && strings.IndexByte(value[1:], '"') == len(value)-2
}

// takesGzip says that the client does (RFC 9110 12.5.3).
func takesGzip(fields []Field) bool {
	gzip, others := -1.0, 0.0 // how much it likes them, from 0 to 1
	for _, f := range fields {
		if !f.is("Accept-Encoding") {
			continue
		}
		for element := range strings.SplitSeq(f.Value, ",") {
			name, weight, _ := strings.Cut(element, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip":
				gzip = quality(weight)
			case "*":
				others = quality(weight)
			}
		}
	}
	return gzip > 0 || gzip < 0 && others > 0
}

// quality reads a weight, 1 where there is none. One that cannot be read is 0: an answer that is not compressed suits all.
func quality(weight string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(weight), "=")
	if name == "" {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if !found || err != nil || !strings.EqualFold(name, "q") {
		return 0
	}
	return q
}
