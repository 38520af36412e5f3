package h1

import (
	"bytes"
	"slices"
)

// Limits bound a head: bytes of its target, bytes of all, number of fields.
type Limits struct{ Target, Head, Fields int }

// What clients and servers may send at most.
var (
	ClientLimits = Limits{Target: 8 << 10, Head: 32 << 10, Fields: 100}
	ServerLimits = Limits{Head: 64 << 10, Fields: 1000}
)

// Field is one field line. Both parts alias the buffer; Value has no space around it.
type Field struct{ Name, Value []byte }

// Line is the line of a field that Parse found, as it came and with its CRLF, if it was written as we would: with one space, before the value.
// Otherwise it is nil.
func (f *Field) Line() []byte {
	value := len(f.Name) + len(": ")
	n := value + len(f.Value) + len("\r\n")
	if cap(f.Name)-value != cap(f.Value) || n > cap(f.Name) { // both end where the buffer does
		return nil
	}
	line := f.Name[:n]
	if line[value-1] != ' ' || line[n-2] != '\r' {
		return nil
	}
	return line
}

// emptyLines is where the first line begins: servers should forgive an empty line that old clients send after a body (RFC 9112, 2.2).
func emptyLines(b []byte) (start int, f Fault) {
	const most = 4
	for n := 0; start < len(b) && (b[start] == '\r' || b[start] == '\n'); n++ {
		switch rest := b[start:]; {
		case n == most || rest[0] == '\n':
			return 0, BadLineEnd
		case len(rest) == 1:
			return len(b), None // its LF is still to come
		case rest[1] != '\n':
			return 0, BadLineEnd
		}
		start += len("\r\n")
	}
	return start, None
}

// ripe says whether a head whose first line is known should be read now, of which from bytes have been looked at before. It is where
// the new bytes may bring its end, or a line end that is wrong, or too much. A fault within an unfinished head may so be seen late, but a
// head is read twice, not once for each of its bytes.
func ripe(b []byte, from int, l *Limits) bool {
	if len(b) >= l.Head {
		return true
	}
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return false
		}
		i += from
		if b[i-1] != '\r' || b[i-2] == '\n' {
			return true
		}
		from = i + 1
	}
}

// appendFields appends the field lines at b[i:] to fields. n is where the head ends, or 0 if more bytes are needed.
func appendFields(fields []Field, b []byte, i int, l *Limits) (all []Field, n int, f Fault) {
	full := len(b) >= l.Head
	if full {
		b = b[:l.Head]
	}
	for i < len(b) {
		colon, end, next, f := scanField(b, i)
		switch {
		case f != None:
			return fields, 0, f
		case next == 0:
			i = len(b)
			continue
		case colon == i:
			return fields, next, None
		case len(fields) == l.Fields:
			return fields, 0, TooManyFields
		}
		fields = slices.Grow(fields, 1)[:len(fields)+1]
		field := &fields[len(fields)-1] // filled in its place, which takes half the time of a copy
		field.Name = b[i:colon]
		field.Value = trim(b[colon+1 : end])
		i = next
	}
	if full {
		return fields, 0, HeadTooLarge
	}
	return fields, 0, None
}

// scanField looks at the line at b[i:] (RFC 9112, 5): where its colon is, where its value ends, and where the next line begins, which is 0 if
// more bytes are needed. At the empty line that ends the head colon is i. A name is a token right up to its colon; so a folded line,
// which begins with a space, has none. (Places are returned rather than a Field because they fit in registers.)
func scanField(b []byte, i int) (colon, end, next int, f Fault) {
	colon = i + span(b[i:], tokenChar)
	if colon == len(b) {
		return 0, 0, 0, None
	}
	if b[colon] != ':' {
		if b[colon] != '\n' && (b[colon] != '\r' || colon > i) {
			return 0, 0, 0, BadField
		}
		next, f = lineEnd(b, colon)
		return colon, colon, next, f
	}
	if colon == i {
		return 0, 0, 0, BadField
	}
	if end = textEnd(b, colon+1); end == len(b) {
		return 0, 0, 0, None
	}
	next, f = lineEnd(b, end)
	return colon, end, next, f
}

// lineEnd is where the line after the control byte at b[i] begins, or 0 if more bytes are needed.
func lineEnd(b []byte, i int) (next int, f Fault) {
	switch {
	case b[i] != '\r' && b[i] != '\n':
		return 0, BadField
	case b[i] == '\n':
		return 0, BadLineEnd
	case i+1 == len(b):
		return 0, None
	case b[i+1] != '\n':
		return 0, BadLineEnd
	}
	return i + 2, None
}
