// Package h1 is HTTP/1.1 over bytes: it reads the heads of requests and answers and follows their bodies. It does no I/O and allocates
// nothing but the list of fields, once. It is strict: what two readers could take in two ways is a [Fault], because a load balancer
// and a server that disagree about where a request ends let one client speak with another's voice (request smuggling).
//
// Nothing a client sent is passed on as it came. Whoever sends a message on writes a new head from the parsed parts, and lets
// [Body.Pass] make the body canonical.
//
// Read fault.go (what can be wrong), chars.go (bytes and tokens), head.go (lines and fields), framing.go (what the fields say of the
// body), request.go, target.go, response.go, then body.go, chunk.go and trailer.go.
package h1
