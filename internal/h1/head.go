package h1

import "bytes"

// Limits bound a head: bytes of its target, bytes of all, number of fields.
type Limits struct{ Target, Head, Fields int }

// What clients and servers may send at most.
var (
	ClientLimits = Limits{Target: 8 << 10, Head: 32 << 10, Fields: 100}
	ServerLimits = Limits{Head: 64 << 10, Fields: 1000}
)

// Field is one field line. Both parts alias the buffer; Value has no space around it.
type Field struct{ Name, Value []byte }

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
		field, next, f := readField(b, i)
		switch {
		case f != None:
			return fields, 0, f
		case next == 0:
			i = len(b)
			continue
		case field.Name == nil:
			return fields, next, None
		case len(fields) == l.Fields:
			return fields, 0, TooManyFields
		}
		fields = append(fields, field)
		i = next
	}
	if full {
		return fields, 0, HeadTooLarge
	}
	return fields, 0, None
}

// readField reads the line at b[i:] (RFC 9112, 5). next is where the line after it begins, or 0 if more bytes are needed. The empty line
// at the head's end is a field without a name. A name is a token right up to its colon; so a folded line, which begins with a space,
// has none.
func readField(b []byte, i int) (field Field, next int, f Fault) {
	colon := i
	for colon < len(b) && class[b[colon]]&tokenChar != 0 {
		colon++
	}
	if colon == len(b) {
		return Field{}, 0, None
	}
	if b[colon] != ':' {
		if b[colon] != '\n' && (b[colon] != '\r' || colon > i) {
			return Field{}, 0, BadField
		}
		next, f = lineEnd(b, colon)
		return Field{}, next, f
	}
	if colon == i {
		return Field{}, 0, BadField
	}
	end := textEnd(b, colon+1)
	if end == len(b) {
		return Field{}, 0, None
	}
	next, f = lineEnd(b, end)
	return Field{Name: b[i:colon], Value: trim(b[colon+1 : end])}, next, f
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
