package h1

// Limits bound a head: bytes of its target, bytes of all, number of fields.
type Limits struct{ Target, Head, Fields int }

// What clients and servers may send at most.
var (
	ClientLimits = Limits{Target: 8 << 10, Head: 32 << 10, Fields: 100}
	ServerLimits = Limits{Head: 64 << 10, Fields: 1000}
)

// Field is one field line. Both parts alias the buffer; Value has no space around it.
type Field struct{ Name, Value []byte }
